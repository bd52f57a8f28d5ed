// SPDX-License-Identifier: GPL-2.0
/*
 * pwqs, a queue's stakes in pools: their references and their release.
 *
 * Every item on a list, every mayday and every CPU's slot in the queue holds a
 * reference. The last reference is dropped with pool->lock held, so that the
 * helper thread has to do the rest of the release.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include <cmwq2/workqueue.h>

#include "base/helper.h"
#include "base/lock.h"
#include "base/lockdep.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/active.h"
#include "core/pool.h"
#include "core/pwq.h"
#include "core/rescuer.h"
#include "lab/latency.h"

static struct kmem_cache *cmwq2_pwq_cache;

/* So many pwqs may wait for their release before those who make new ones wait as well. */
#define CMWQ2_MOST_UNUSED	max(1024U, 4 * nr_cpu_ids)

/* X: pwqs that the helper has still to release, and queues whose lock class is still to end */
static atomic_t cmwq2_nr_unused;

static void cmwq2_pwq_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(cmwq2_pwq_cache, container_of(rcu, struct cmwq2_pwq, rcu));
}

/* Free a queue that nothing points to any more. */
void cmwq2_wq_free_now(struct cmwq2_wq *wq)
{
	cmwq2_nna_free(wq);
	cmwq2_free_workqueue_attrs(wq->attrs);
	free_percpu(wq->cpu_pwq);
	kfree(wq->latency);
	kfree(wq);
}

static void cmwq2_wq_free_rcu(struct rcu_head *rcu)
{
	cmwq2_wq_free_now(container_of(rcu, struct cmwq2_wq, rcu));
}

/* The last pwq is gone. Queueing may still look at the queue under RCU. */
static void cmwq2_wq_free(struct cmwq2_wq *wq)
{
	call_rcu(&wq->rcu, cmwq2_wq_free_rcu);
	atomic_dec(&cmwq2_nr_unused);
}

static void cmwq2_pwq_release(struct kthread_work *kwork)
{
	struct cmwq2_pwq *pwq = container_of(kwork, struct cmwq2_pwq, release_work);
	struct cmwq2_wq *wq = pwq->wq;
	int pool_id = pwq->pool->id;
	bool last = false;

	cmwq2_chore_begin(CMWQ2_THREAD_HELPER, "releases a pwq of pool", pool_id);
	/* The pwq left the node's line with its last inactive item. */
	WARN_ON_ONCE(!list_empty(&pwq->pending_node));

	mutex_lock(&wq->mutex);
	/* A pwq that failed to be installed is on no list. */
	if (!list_empty(&pwq->pwqs_node)) {
		list_del_rcu(&pwq->pwqs_node);
		cmwq2_latency_pwq_gone(pwq);
		last = list_empty(&wq->pwqs);
		if (!last && (wq->flags & CMWQ2_WQ_ORDERED))
			cmwq2_unplug_oldest(wq);
	}
	mutex_unlock(&wq->mutex);

	if (cmwq2_wq_is(wq, CMWQ2_WQ_UNBOUND)) {
		mutex_lock(&cmwq2_pool_mutex);
		cmwq2_put_unbound_pool(pwq->pool);
		mutex_unlock(&cmwq2_pool_mutex);
	}
	call_rcu(&pwq->rcu, cmwq2_pwq_free_rcu);
	/* cmwq2_destroy_workqueue() has already let go of the queue. */
	if (last)
		cmwq2_wq_map_exit(wq, pool_id, cmwq2_wq_free);
	else
		atomic_dec(&cmwq2_nr_unused);
	cmwq2_chore_end(CMWQ2_THREAD_HELPER);
}

/**
 * cmwq2_pwq_alloc - make a pwq
 * @wq: workqueue
 * @pool: pool; an unbound pwq takes over the caller's reference to it
 *
 * Context: process, GFP_KERNEL.
 * Return: pwq with one reference, not linked to @wq yet; or NULL.
 */
struct cmwq2_pwq *cmwq2_pwq_alloc(struct cmwq2_wq *wq, struct cmwq2_pool *pool)
{
	struct cmwq2_pwq *pwq;

	pwq = kmem_cache_alloc_node(cmwq2_pwq_cache, GFP_KERNEL | __GFP_ZERO, pool->node);
	if (!pwq)
		return NULL;
	WARN_ON_ONCE((unsigned long)pwq & (BIT(CMWQ2_WORK_QUEUED_SHIFT) - 1));

	INIT_LIST_HEAD(&pwq->mayday_node);
	INIT_LIST_HEAD(&pwq->pwqs_node);
	INIT_LIST_HEAD(&pwq->pending_node);
	INIT_LIST_HEAD(&pwq->inactive);
	kthread_init_work(&pwq->release_work, cmwq2_pwq_release);
	cmwq2_cursor_init(pwq);
	pwq->wq = wq;
	pwq->pool = pool;
	pwq->refcnt = 1;
	pwq->flush_color = -1;
	return pwq;
}

/* The last reference to @pwq is gone. Context: pwq->pool->lock held. */
void cmwq2_pwq_unused(struct cmwq2_pwq *pwq)
{
	atomic_inc(&cmwq2_nr_unused);
	kthread_queue_work(cmwq2_helper, &pwq->release_work);
}

/**
 * cmwq2_pwqs_throttle - let the release of pwqs and queues catch up
 *
 * A release takes more locks than the making of a pwq. So if queues are made and
 * destroyed, or their attributes changed, without a pause, the helper falls behind and
 * pwqs fill the memory. Whoever does that calls this function, and waits once there are
 * too many of them. With lockdep the reaper has its part in the end of a queue, too.
 *
 * Context: process, may sleep; none of the engine's locks held, which the helper and the
 * reaper need.
 */
void cmwq2_pwqs_throttle(void)
{
	might_sleep();
	if (likely(atomic_read(&cmwq2_nr_unused) <= CMWQ2_MOST_UNUSED))
		return;
	kthread_flush_worker(cmwq2_helper);
	if (atomic_read(&cmwq2_nr_unused) > CMWQ2_MOST_UNUSED)
		kthread_flush_worker(cmwq2_reaper);
}

/* Make a new pwq take part in flushes. A second call has no effect. wq->mutex held. */
void cmwq2_pwq_link(struct cmwq2_pwq *pwq)
{
	lockdep_assert_held(&pwq->wq->mutex);

	if (!list_empty(&pwq->pwqs_node))
		return;
	pwq->work_color = pwq->wq->work_color;
	list_add_tail_rcu(&pwq->pwqs_node, &pwq->wq->pwqs);
}

/* Context: process; the caller holds a reference. */
void cmwq2_pwq_get_unlocked(struct cmwq2_pwq *pwq)
{
	cmwq2_pool_lock_irq(pwq->pool);
	cmwq2_pwq_get(pwq);
	cmwq2_pool_unlock_irq(pwq->pool);
}

/* @pwq may be NULL. Context: process. */
void cmwq2_pwq_put_unlocked(struct cmwq2_pwq *pwq)
{
	struct cmwq2_pool *pool;

	if (!pwq)
		return;
	/* The pwq may be freed once the lock is dropped. RCU keeps the pool. */
	rcu_read_lock();
	pool = pwq->pool;
	cmwq2_pool_lock_irq(pool);
	cmwq2_pwq_put(pwq);
	cmwq2_pool_unlock_irq(pool);
	rcu_read_unlock();
}

int cmwq2_pwqs_init(void)
{
	cmwq2_pwq_cache = kmem_cache_create("cmwq2_pwq", sizeof(struct cmwq2_pwq),
					    BIT(CMWQ2_WORK_QUEUED_SHIFT), 0, NULL);
	return cmwq2_pwq_cache ? 0 : -ENOMEM;
}

/* Call it after rcu_barrier(). */
void cmwq2_pwqs_exit(void)
{
	kmem_cache_destroy(cmwq2_pwq_cache);
}
