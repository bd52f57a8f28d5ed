// SPDX-License-Identifier: GPL-2.0
/*
 * Pools: four for each CPU, two of them for its softirqs, and unbound pools
 * that are shared by queues with equal attributes.
 */
#include <linux/cpumask.h>
#include <linux/hashtable.h>
#include <linux/irq_work.h>
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include <cmwq2/workqueue.h>

#include "base/attrs_value.h"
#include "base/helper.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/bh.h"
#include "core/idle.h"
#include "core/pool.h"
#include "core/reap.h"
#include "core/rescuer.h"
#include "core/sched.h"
#include "core/worker.h"
#include "lab/choices.h"
#include "lab/latency.h"
#include "lab/starve.h"

static DEFINE_HASHTABLE(cmwq2_unbound_pools, 6);	/* PL */
static struct cmwq2_pool **cmwq2_cpu_pools;		/* I: see cmwq2_cpu_pool_slot() */

#define CMWQ2_POOLS_PER_CPU	4

/* The pools of a CPU are, in this order: normal, highpri, BH, BH highpri. */
static struct cmwq2_pool **cmwq2_cpu_pool_slot(int cpu, bool bh, bool highpri)
{
	return &cmwq2_cpu_pools[CMWQ2_POOLS_PER_CPU * cpu + 2 * bh + highpri];
}

/**
 * cmwq2_cpu_pool - the pool of a CPU
 * @cpu: possible CPU
 * @highpri: whether to return the one for CMWQ2_WQ_HIGHPRI
 *
 * Return: the pool, which lives as long as the module.
 */
struct cmwq2_pool *cmwq2_cpu_pool(int cpu, bool highpri)
{
	return *cmwq2_cpu_pool_slot(cpu, false, highpri);
}
EXPORT_SYMBOL_GPL(cmwq2_cpu_pool);

/* The same for CMWQ2_WQ_BH queues. */
struct cmwq2_pool *cmwq2_bh_pool(int cpu, bool highpri)
{
	return *cmwq2_cpu_pool_slot(cpu, true, highpri);
}

static void cmwq2_pool_end(struct kthread_work *work);

static void cmwq2_pool_init(struct cmwq2_pool *pool)
{
	raw_spin_lock_init(&pool->lock);
	pool->progress_at = jiffies;
	pool->stall_told = jiffies;
	INIT_LIST_HEAD(&pool->worklist);
	INIT_LIST_HEAD(&pool->idle_list);
	INIT_LIST_HEAD(&pool->kicked_list);
	INIT_LIST_HEAD(&pool->workers);
	INIT_HLIST_NODE(&pool->hash_node);
	hash_init(pool->busy_hash);
	ida_init(&pool->worker_ida);
	timer_setup(&pool->mayday_timer, cmwq2_mayday_timeout, 0);
	cmwq2_idle_pool_init(pool);
	kthread_init_work(&pool->end_work, cmwq2_pool_end);
	cmwq2_sched_pool_init(pool);
	pool->refcnt = 1;
}

static void cmwq2_pool_free(struct cmwq2_pool *pool)
{
	free_percpu(pool->cpus);
	kfree(pool->latency);
	ida_destroy(&pool->worker_ida);
	cmwq2_free_workqueue_attrs(pool->attrs);
	free_cpumask_var(pool->pod);
	kfree(pool);
}

static void cmwq2_pool_free_rcu(struct rcu_head *rcu)
{
	cmwq2_pool_free(container_of(rcu, struct cmwq2_pool, rcu));
}

/* Make a pool that others can find by its id, but without a worker. Or returns an ERR_PTR(). */
static struct cmwq2_pool *cmwq2_pool_new(const struct cmwq2_attrs *attrs,
					 const struct cpumask *pod, int cpu, int node)
{
	struct cmwq2_pool *pool = kzalloc_node(sizeof(*pool), GFP_KERNEL, node);
	int ret = -ENOMEM;

	lockdep_assert_held(&cmwq2_pool_mutex);

	if (!pool)
		return ERR_PTR(ret);
	cmwq2_pool_init(pool);
	pool->cpu = cpu;
	pool->node = node;
	pool->attrs = cmwq2_alloc_workqueue_attrs();
	if (!pool->attrs || !zalloc_cpumask_var(&pool->pod, GFP_KERNEL))
		goto err;
	if (cpu < 0) {
		pool->cpus = alloc_percpu(struct cmwq2_pool_cpu);
		if (!pool->cpus)
			goto err;
	}
	cmwq2_attrs_copy(pool->attrs, attrs);
	/* A pool's properties do not depend on the scope that led to it. */
	pool->attrs->affn_scope = CMWQ2_AFFN_DFL;
	cpumask_copy(pool->pod, pod);
	/* Workers that never leave the pod do not need the other CPUs either. */
	if (attrs->affn_strict)
		cpumask_copy(pool->attrs->cpumask, pod);
	pool->nr_cpus = cpumask_weight(pool->attrs->cpumask);
	cmwq2_policy_pool_init(pool);
	cmwq2_latency_pool_init(pool);

	ret = xa_alloc(&cmwq2_pools, &pool->id, pool, xa_limit_31b, GFP_KERNEL);
	if (ret)
		goto err;
	pool->offq = (unsigned long)pool->id << CMWQ2_WORK_POOL_SHIFT;
	cmwq2_starve_pool_init(pool);
	return pool;

err:
	cmwq2_pool_free(pool);
	return ERR_PTR(ret);
}

/*
 * The part of a pool's destruction that waits for others. The workers are
 * handed over to the reaper by cmwq2_pool_stop_workers() and by the culler.
 * Once neither of them can run any more, all workers are on the reaper's list.
 */
static void cmwq2_pool_end(struct kthread_work *work)
{
	struct cmwq2_pool *pool = container_of(work, struct cmwq2_pool, end_work);

	cmwq2_chore_begin(CMWQ2_THREAD_REAPER, "waits for the manager of pool", pool->id);
	if (pool->bh)
		cmwq2_bh_pool_exit(pool);
	else
		cmwq2_pool_stop_workers(pool);
	timer_shutdown_sync(&pool->idle_timer);
	timer_shutdown_sync(&pool->mayday_timer);
	cmwq2_sched_pool_exit(pool);
	/* Nobody queues it any more: the timers are shut down, the pool is not in cmwq2_pools. */
	kthread_cancel_work_sync(&pool->cull_work);
	cmwq2_chore_end(CMWQ2_THREAD_REAPER);
	/* The exiting threads still access the pool. */
	cmwq2_reap_all();
	/* Items remember a pool by its id and look it up under RCU. */
	call_rcu(&pool->rcu, cmwq2_pool_free_rcu);
}

/*
 * Destroy a pool. This does not wait for anything, because others would have to
 * wait just as long for the mutex.
 *
 * Context: process; cmwq2_pool_mutex held; no queue uses it any more.
 */
static void cmwq2_pool_destroy(struct cmwq2_pool *pool)
{
	lockdep_assert_held(&cmwq2_pool_mutex);

	xa_erase(&cmwq2_pools, pool->id);
	kthread_queue_work(cmwq2_reaper, &pool->end_work);
}

static u32 cmwq2_hash_cpus(const struct cpumask *cpus, u32 hash)
{
	return jhash(cpumask_bits(cpus), BITS_TO_LONGS(nr_cpumask_bits) * sizeof(long), hash);
}

static u32 cmwq2_pool_hash(const struct cmwq2_attrs *attrs, const struct cpumask *pod)
{
	u32 hash = cmwq2_hash_cpus(pod, jhash_2words(attrs->nice, attrs->affn_strict, 0));

	return attrs->affn_strict ? hash : cmwq2_hash_cpus(attrs->cpumask, hash);
}

/* Whether an unbound pool fits @attrs and @pod. */
bool cmwq2_pool_matches(struct cmwq2_pool *pool, const struct cmwq2_attrs *attrs,
			const struct cpumask *pod)
{
	return pool->attrs->nice == attrs->nice &&
	       pool->attrs->affn_strict == attrs->affn_strict &&
	       (attrs->affn_strict || cpumask_equal(pool->attrs->cpumask, attrs->cpumask)) &&
	       cpumask_equal(pool->pod, pod);
}

/* The node that all CPUs of the pod belong to, offline ones included; or NUMA_NO_NODE. */
static int cmwq2_pod_node(const struct cpumask *pod)
{
	int node = cpu_to_node(cpumask_first(pod)), cpu;

	for_each_cpu(cpu, pod)
		if (cpu_to_node(cpu) != node)
			return NUMA_NO_NODE;
	return node;
}

/**
 * cmwq2_get_unbound_pool - find or make the pool for attributes and a pod
 * @attrs: nice, cpumask and strictness
 * @pod: CPUs, not empty
 *
 * Context: process, GFP_KERNEL; cmwq2_pool_mutex held.
 * Return: the pool, with a reference for the caller and at least one worker; or
 * an ERR_PTR(), which is -EINTR if the caller got a fatal signal.
 */
struct cmwq2_pool *cmwq2_get_unbound_pool(const struct cmwq2_attrs *attrs,
					  const struct cpumask *pod)
{
	u32 hash = cmwq2_pool_hash(attrs, pod);
	struct cmwq2_worker *worker;
	struct cmwq2_pool *pool;

	hash_for_each_possible(cmwq2_unbound_pools, pool, hash_node, hash) {
		if (cmwq2_pool_matches(pool, attrs, pod)) {
			pool->refcnt++;
			return pool;
		}
	}

	pool = cmwq2_pool_new(attrs, pod, -1, cmwq2_pod_node(pod));
	if (IS_ERR(pool))
		return pool;
	/* The first worker must exist, because it creates the others. */
	worker = cmwq2_worker_create(pool);
	if (IS_ERR(worker)) {
		cmwq2_pool_destroy(pool);
		return ERR_CAST(worker);
	}
	hash_add(cmwq2_unbound_pools, &pool->hash_node, hash);
	return pool;
}

/**
 * cmwq2_put_unbound_pool - drop a reference to an unbound pool
 * @pool: pool
 *
 * Context: process; cmwq2_pool_mutex held.
 */
void cmwq2_put_unbound_pool(struct cmwq2_pool *pool)
{
	lockdep_assert_held(&cmwq2_pool_mutex);

	if (--pool->refcnt)
		return;
	hash_del(&pool->hash_node);
	cmwq2_pool_destroy(pool);
}

static int cmwq2_cpu_pool_new(struct cmwq2_attrs *attrs, int cpu, bool bh, bool highpri)
{
	struct cmwq2_pool *pool;

	attrs->nice = highpri ? CMWQ2_HIGHPRI_NICE : 0;
	attrs->affn_strict = true;
	cpumask_copy(attrs->cpumask, cpumask_of(cpu));
	pool = cmwq2_pool_new(attrs, cpumask_of(cpu), cpu, cpu_to_node(cpu));
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	*cmwq2_cpu_pool_slot(cpu, bh, highpri) = pool;
	if (bh)
		return cmwq2_bh_pool_init(pool);
	/* Stays set until hotplug.c finds the CPU online. */
	pool->flags |= CMWQ2_POOL_UNBOUND;
	return 0;
}

static int cmwq2_cpu_pools_new(struct cmwq2_attrs *attrs, int cpu)
{
	return cmwq2_cpu_pool_new(attrs, cpu, false, false) ?:
	       cmwq2_cpu_pool_new(attrs, cpu, false, true) ?:
	       cmwq2_cpu_pool_new(attrs, cpu, true, false) ?:
	       cmwq2_cpu_pool_new(attrs, cpu, true, true);
}

/**
 * cmwq2_pools_init - make the pools of all CPUs, without threads
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int cmwq2_pools_init(void)
{
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	int cpu, ret = -ENOMEM;

	cmwq2_cpu_pools = kvcalloc(CMWQ2_POOLS_PER_CPU * nr_cpu_ids, sizeof(*cmwq2_cpu_pools),
				   GFP_KERNEL);
	if (!attrs || !cmwq2_cpu_pools)
		goto out;

	mutex_lock(&cmwq2_pool_mutex);
	for_each_possible_cpu(cpu) {
		ret = cmwq2_cpu_pools_new(attrs, cpu);
		if (ret)
			break;
	}
	mutex_unlock(&cmwq2_pool_mutex);
out:
	cmwq2_free_workqueue_attrs(attrs);
	if (ret)
		cmwq2_pools_exit();
	return ret;
}

/* Call it after all queues are gone. The unbound pools went with the last of them. */
void cmwq2_pools_exit(void)
{
	int i;

	if (!cmwq2_cpu_pools)
		return;
	/* Stop all BH pools at once, so that one grace period is enough. */
	cmwq2_bh_stop();
	mutex_lock(&cmwq2_pool_mutex);
	WARN_ON(!hash_empty(cmwq2_unbound_pools));
	for (i = 0; i < CMWQ2_POOLS_PER_CPU * nr_cpu_ids; i++)
		if (cmwq2_cpu_pools[i])
			cmwq2_pool_destroy(cmwq2_cpu_pools[i]);
	mutex_unlock(&cmwq2_pool_mutex);
	/* After this, no worker's thread is in the module's text any more. */
	kthread_flush_worker(cmwq2_reaper);
	kvfree(cmwq2_cpu_pools);
	cmwq2_cpu_pools = NULL;
}
