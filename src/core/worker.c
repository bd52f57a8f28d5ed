// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: how they are created and ended, and the manager. Their main loop is
 * in process.c.
 *
 * One rule keeps a pool alive without reserve threads for everything: the last
 * idle worker does not start working before it has become the manager and
 * another worker exists.
 * tools/model/kick.pml models the manager: change both.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <cmwq2/control.h>

#include <trace/events/cmwq2.h>

#include "base/cpus.h"
#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "core/bh.h"
#include "core/home.h"
#include "core/idle.h"
#include "core/kick.h"
#include "core/process.h"
#include "core/reap.h"
#include "core/rescuer.h"
#include "core/sched.h"
#include "core/worker.h"
#include "lab/point.h"
#include "lab/policy/claim.h"
#include "lab/policy/wake.h"
#include "lab/starve.h"

/* The reaper waits here for a pool's manager to finish. There is at most one waiter. */
static struct rcuwait cmwq2_manager_wait = __RCUWAIT_INITIALIZER(cmwq2_manager_wait);

/*
 * Whether @task is the thread of a worker. A new thread may be preempted while the kernel
 * sets its function and then its worker. So kthread_data() may still be NULL.
 */
bool cmwq2_is_worker_fn(struct task_struct *task)
{
	/* data_race: NULL or the function, which never changes. */
	return data_race(kthread_func(task)) == cmwq2_worker_thread;
}

/* The worker or rescuer that @task is the thread of, or NULL. It may be freed already. */
struct cmwq2_worker *cmwq2_task_worker(struct task_struct *task)
{
	void *fn;

	/* The task may change other flags at the same time, but not this one. */
	if (!(data_race(task->flags) & PF_KTHREAD))
		return NULL;
	fn = data_race(kthread_func(task)); /* as in cmwq2_is_worker_fn() */
	if (fn == cmwq2_worker_thread || fn == cmwq2_rescuer_thread)
		return data_race(kthread_data(task)); /* NULL if it is not set yet */
	return NULL;
}

/**
 * cmwq2_current_worker - the worker that runs the caller
 *
 * Context: any.
 * Return: the worker or rescuer whose thread this is or, in a BH item, the BH
 * worker; NULL in all other threads and in interrupts.
 */
struct cmwq2_worker *cmwq2_current_worker(void)
{
	if (!in_task())
		return cmwq2_bh_current_worker();
	return cmwq2_task_worker(current);
}

/* The rest of cmwq2_worker_clr_flags(): a flag is set, or the worker may have to be counted. */
void __cmwq2_worker_clr_flags(struct cmwq2_worker *worker, unsigned int flags)
{
	lockdep_assert_held(&worker->pool->lock);

	if (worker->task == current)
		cmwq2_worker_clr_own_flags(worker, flags);
	else
		WRITE_ONCE(worker->flags, worker->flags & ~flags);
}

/* @worker must be zeroed memory. */
void cmwq2_worker_init(struct cmwq2_worker *worker)
{
	INIT_LIST_HEAD(&worker->node);
	INIT_LIST_HEAD(&worker->scheduled);
	INIT_LIST_HEAD(&worker->entry);
	INIT_LIST_HEAD(&worker->watch_node);
	/* Not counted until it has something to do. */
	worker->flags = CMWQ2_WORKER_PREP;
}

struct cmwq2_worker *cmwq2_worker_alloc(int node)
{
	struct cmwq2_worker *worker = kzalloc_node(sizeof(*worker), GFP_KERNEL, node);

	if (worker)
		cmwq2_worker_init(worker);
	return worker;
}

static const struct cpumask *cmwq2_worker_cpus(struct cmwq2_pool *pool)
{
	if (READ_ONCE(pool->flags) & CMWQ2_POOL_UNBOUND)
		return cmwq2_fallback_cpus();
	return pool->attrs->cpumask;
}

/**
 * cmwq2_worker_attach - make a thread part of a pool
 * @worker: worker or rescuer; a rescuer attaches itself
 * @pool: pool
 *
 * Context: process, may sleep.
 */
void cmwq2_worker_attach(struct cmwq2_worker *worker, struct cmwq2_pool *pool)
{
	bool goes;

	mutex_lock(&cmwq2_attach_mutex);
	worker->pool = pool;
	/*
	 * CMWQ2_POOL_UNBOUND is stable under the mutex, see hotplug.c. A worker
	 * of a bound pool whose CPU is down may run anywhere and is not
	 * concurrency managed.
	 */
	if (pool->cpu < 0 || (READ_ONCE(pool->flags) & CMWQ2_POOL_UNBOUND))
		worker->flags |= CMWQ2_WORKER_UNBOUND;
	else
		cmwq2_mark_percpu(worker->task, true);
	list_add_tail(&worker->node, &pool->workers);
	/* A rescuer moves itself and may have to wait for the CPU, so not under the mutex. */
	goes = worker->task == current && !(READ_ONCE(pool->flags) & CMWQ2_POOL_UNBOUND);
	if (!goes)
		set_cpus_allowed_ptr(worker->task, cmwq2_worker_cpus(pool));
	mutex_unlock(&cmwq2_attach_mutex);
	if (goes)
		cmwq2_go_home(worker);
}

/* For rescuers only: other workers leave their pool when they are marked dying. */
void cmwq2_worker_detach(struct cmwq2_worker *worker)
{
	mutex_lock(&cmwq2_attach_mutex);
	list_del_init(&worker->node);
	worker->pool = NULL;
	/* PREP stays set, because a rescuer is never counted. */
	worker->flags &= ~CMWQ2_WORKER_UNBOUND;
	cmwq2_mark_percpu(worker->task, false);
	set_cpus_allowed_ptr(worker->task, cmwq2_fallback_cpus());
	mutex_unlock(&cmwq2_attach_mutex);
}

static struct task_struct *cmwq2_worker_task(struct cmwq2_worker *worker,
					     struct cmwq2_pool *pool)
{
	const char *pri = pool->attrs->nice < 0 ? "H" : "";
	struct task_struct *task;

	if (pool->cpu >= 0)
		task = kthread_create_on_node(cmwq2_worker_thread, worker, pool->node,
					      "cw2/%d:%d%s", pool->cpu, worker->id, pri);
	else
		task = kthread_create_on_node(cmwq2_worker_thread, worker, pool->node,
					      "cw2/u%d:%d%s", pool->id, worker->id, pri);
	if (IS_ERR(task))
		return task;

	set_user_nice(task, pool->attrs->nice);
	/*
	 * This keeps user space from changing the affinity, and from v6.14 on
	 * also the kernel's own placement of kthreads. The real mask follows in
	 * cmwq2_worker_attach().
	 */
	kthread_bind(task, cpumask_first(cmwq2_worker_cpus(pool)));
	/* This reference keeps the task until cmwq2_worker_reap(). */
	return get_task_struct(task);
}

/**
 * cmwq2_worker_create - create a worker in a pool
 * @pool: pool
 *
 * Context: process, may sleep, GFP_KERNEL allocations.
 * Return: the worker, idle and woken to enter its main loop, or an ERR_PTR().
 */
struct cmwq2_worker *cmwq2_worker_create(struct cmwq2_pool *pool)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);
	struct cmwq2_worker *worker;
	struct task_struct *task;
	int ret;

	if (cmwq2_starve_fails(pool))
		return ERR_PTR(-ENOMEM);

	worker = cmwq2_worker_alloc(pool->node);
	if (!worker)
		return ERR_PTR(-ENOMEM);
	ret = ida_alloc(&pool->worker_ida, GFP_KERNEL);
	if (ret < 0)
		goto err_free;
	worker->id = ret;

	task = cmwq2_worker_task(worker, pool);
	if (IS_ERR(task)) {
		ret = PTR_ERR(task);
		goto err_id;
	}
	worker->task = task;
	cmwq2_worker_attach(worker, pool);

	cmwq2_pool_lock_irq(pool);
	pool->nr_workers++;
	pool->stat.created++;
	trace_cmwq2_worker_create(pool, worker);
	cmwq2_worker_enter_idle(worker);
	/* From here on the culler may reap it. RCU keeps the task, as for a kick. */
	cmwq2_wake(pool, CMWQ2_KICK_OTHER, &wl, task);
	cmwq2_unlock_irq_wake(pool, &wl);
	return worker;

err_id:
	ida_free(&pool->worker_ida, worker->id);
err_free:
	kfree(worker);
	return ERR_PTR(ret);
}

/**
 * cmwq2_worker_reap - wait for a dying worker's thread and free it
 * @worker: worker on no list
 *
 * Context: process, may sleep.
 */
void cmwq2_worker_reap(struct cmwq2_worker *worker)
{
	trace_cmwq2_worker_die(worker->pool, worker);
	ida_free(&worker->pool->worker_ida, worker->id);
	cmwq2_kthread_stop_put(worker->task);
	/* A late waker may still write to it, see cmwq2_latency_woken(). */
	kfree_rcu(worker, rcu);
}

static struct cmwq2_worker *cmwq2_manager_create(struct cmwq2_pool *pool)
{
	struct cmwq2_creating *creating = &pool->creating;
	struct cmwq2_worker *worker;

	WRITE_ONCE(creating->at, jiffies);
	worker = cmwq2_starve_stall(pool) ? ERR_PTR(-EAGAIN) : cmwq2_worker_create(pool);
	if (IS_ERR(worker)) {
		WRITE_ONCE(creating->error, PTR_ERR(worker));
		WRITE_ONCE(creating->failed, creating->failed + 1);
	}
	return worker;
}

/* Create workers until one is idle or none is needed any more. Drops pool->lock. */
static void cmwq2_create_until_idle(struct cmwq2_pool *pool)
{
	do {
		cmwq2_pool_unlock_irq(pool);
		/* If this takes too long, the timer calls the rescuers. */
		mod_timer(&pool->mayday_timer, jiffies + CMWQ2_MAYDAY_DELAY);
		while (IS_ERR(cmwq2_manager_create(pool)) && cmwq2_may_need_to_create(pool)) {
			cmwq2_starve_pause(pool);
			if (!cmwq2_may_need_to_create(pool))
				break;
		}
		timer_delete_sync(&pool->mayday_timer);
		cmwq2_pool_lock_irq(pool);
		/* The new worker may have been put to work before we got the lock. */
	} while (cmwq2_need_to_create(pool));
}

/*
 * Become the manager unless the pool has one. Returns whether pool->lock was
 * dropped; if so, the caller must check everything again.
 */
bool cmwq2_manage(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	if (pool->flags & CMWQ2_POOL_MANAGED)
		return false;

	WRITE_ONCE(pool->flags, pool->flags | CMWQ2_POOL_MANAGED);
	pool->manager = worker;
	WRITE_ONCE(pool->creating.at, jiffies);
	WRITE_ONCE(pool->creating.failed, 0);
	cmwq2_create_until_idle(pool);
	pool->manager = NULL;
	WRITE_ONCE(pool->flags, pool->flags & ~CMWQ2_POOL_MANAGED);
	rcuwait_wake_up(&cmwq2_manager_wait);
	return true;
}

static bool cmwq2_take_manager_role(struct cmwq2_pool *pool)
{
	cmwq2_pool_lock_irq(pool);
	if (!(pool->flags & CMWQ2_POOL_MANAGED))
		return true;
	cmwq2_pool_unlock_irq(pool);
	return false;
}

/**
 * cmwq2_worker_leave_cpus - let a worker without items leave its pool's CPUs
 * @worker: worker that is dying or whose pool is being destroyed
 *
 * Another task may keep the CPUs of the pool to itself, especially isolated
 * ones. A thread that may run nowhere else would then never exit. So this lets
 * it run on other CPUs, as the kernel's own workqueue does.
 *
 * Context: process; cmwq2_attach_mutex held, no pool locked.
 */
void cmwq2_worker_leave_cpus(struct cmwq2_worker *worker)
{
	lockdep_assert_held(&cmwq2_attach_mutex);

	/* Hotplug does not unbind it any more, and it may exit on any CPU it is allowed on. */
	cmwq2_mark_percpu(worker->task, false);
	set_cpus_allowed_ptr(worker->task, cmwq2_fallback_cpus());
}

/* Without this a manager could not finish while another task keeps the CPUs to itself. */
static void cmwq2_unbind_workers(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		cmwq2_worker_leave_cpus(worker);
	mutex_unlock(&cmwq2_attach_mutex);
}

/**
 * cmwq2_pool_stop_workers - end all workers of a pool that gets no more items
 * @pool: pool
 *
 * The pool is not in cmwq2_pools any more. cmwq2_reap_all() waits for the
 * threads.
 *
 * Context: the reaper thread, no locks held: waits for the pool's manager.
 */
void cmwq2_pool_stop_workers(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	LIST_HEAD(dying);

	cmwq2_unbind_workers(pool);
	/*
	 * While this function holds the manager role, nobody else can create
	 * workers. Every worker that is not the manager is idle whenever the
	 * lock is free. That includes workers on kicked_list: they are asleep
	 * or wait for the lock. For the wait see litmus/manager-wait.
	 */
	for (;;) {
		rcuwait_wait_event(&cmwq2_manager_wait,
				   !(READ_ONCE(pool->flags) & CMWQ2_POOL_MANAGED),
				   TASK_UNINTERRUPTIBLE);
		mutex_lock(&cmwq2_attach_mutex);
		if (cmwq2_take_manager_role(pool))
			break;
		mutex_unlock(&cmwq2_attach_mutex);
	}
	WRITE_ONCE(pool->flags, pool->flags | CMWQ2_POOL_MANAGED);
	cmwq2_unclaim_all(pool);
	while ((worker = list_first_entry_or_null(&pool->idle_list,
						  struct cmwq2_worker, entry)))
		cmwq2_worker_set_dying(worker, &dying);
	WARN_ON(pool->nr_workers || pool->nr_idle || !list_empty(&pool->worklist));
	cmwq2_pool_unlock_irq(pool);
	cmwq2_unbind_dying(&dying);
	mutex_unlock(&cmwq2_attach_mutex);

	cmwq2_point(CMWQ2_POINT_POOL_STOP, pool);
	cmwq2_reap_later(&dying);
}
