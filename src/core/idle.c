// SPDX-License-Identifier: GPL-2.0
/*
 * Idle workers: the stack they wait on, and how they are ended.
 *
 * The worker that became idle last is woken first, so that the others grow old
 * at the far end of the list and can be culled. Only kthread_stop() proves that
 * a thread has left the module's text. The reaper calls it, see reap.c.
 * tools/model/kick.pml models enter, leave and cull: change both.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include <cmwq2/control.h>

#include <trace/events/cmwq2.h>

#include "base/helper.h"
#include "base/lock.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/idle.h"
#include "core/reap.h"
#include "core/worker.h"
#include "lab/latency.h"
#include "lab/point.h"
#include "lab/policy/claim.h"
#include "lab/policy/pick.h"

/* X: READ_ONCE, set under cmwq2_pool_mutex. Which idle workers are culled, and when. */
static unsigned int cmwq2_idle_timeout_ms = 300 * MSEC_PER_SEC;
static unsigned int cmwq2_cull_ratio = 4;
static unsigned int cmwq2_min_idle = 2;

static unsigned long cmwq2_idle_timeout(void)
{
	return msecs_to_jiffies(READ_ONCE(cmwq2_idle_timeout_ms));
}

/*
 * Whether idle workers may be culled: more than min_idle workers are idle, and there
 * is at least one of these extra workers for every cull_ratio busy ones.
 */
static bool cmwq2_too_many_idle(int nr_idle, int nr_busy)
{
	int extra = nr_idle - (int)READ_ONCE(cmwq2_min_idle);

	return extra > 0 && extra * (int)READ_ONCE(cmwq2_cull_ratio) >= nr_busy;
}

/* A manager counts as idle here, because it works on no item. */
static bool cmwq2_too_many_workers(struct cmwq2_pool *pool)
{
	int nr_idle = pool->nr_idle + !!(pool->flags & CMWQ2_POOL_MANAGED);

	return cmwq2_too_many_idle(nr_idle, pool->nr_workers - nr_idle);
}

/* Context: pool->lock held; called by the worker itself, or before its first wakeup. */
void cmwq2_worker_enter_idle(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	list_add(&worker->entry, &pool->idle_list);
	pool->idle_since_kick = true;
	pool->nr_idle++;
	worker->flags |= CMWQ2_WORKER_IDLE;
	worker->last_active = jiffies;
	cmwq2_pick_idle(pool, worker);
	cmwq2_latency_idle(worker);
	trace_cmwq2_worker_idle(pool, worker);

	if (!timer_pending(&pool->idle_timer) && cmwq2_too_many_workers(pool))
		mod_timer(&pool->idle_timer, jiffies + cmwq2_idle_timeout());
}

/* End what a claim or a pick by CPU began. Out of line, because the defaults need neither. */
static noinline void cmwq2_worker_leave_claim(struct cmwq2_worker *worker)
{
	cmwq2_unkick(worker->pool, worker);
	cmwq2_pick_busy(worker->pool, worker);
}

/* Context: pool->lock held; called by the worker itself. */
void cmwq2_worker_leave_idle(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	/* With claim=leave_idle the kick has cleared the flag already. */
	if (likely(worker->flags & CMWQ2_WORKER_IDLE)) {
		worker->flags &= ~CMWQ2_WORKER_IDLE;
		pool->nr_idle--;
	}
	if (pool->kicked == worker)
		pool->kicked = NULL;
	if (unlikely(pool->claims | pool->policy.pick))
		cmwq2_worker_leave_claim(worker);
	list_del_init(&worker->entry);
}

/**
 * cmwq2_worker_set_dying - mark an idle worker to exit, which cannot be undone
 * @worker: idle worker
 * @dying: list to put it on for cmwq2_unbind_dying()
 *
 * From here on the worker is on no list that a kick looks at. An earlier kick
 * may have woken it already: it then finds DIE when it gets the lock.
 *
 * Context: cmwq2_attach_mutex and pool->lock held.
 */
void cmwq2_worker_set_dying(struct cmwq2_worker *worker, struct list_head *dying)
{
	struct cmwq2_pool *pool = worker->pool;

	lockdep_assert_held(&pool->lock);
	lockdep_assert_held(&cmwq2_attach_mutex);

	pool->nr_workers--;
	pool->nr_idle--;
	if (pool->kicked == worker)
		pool->kicked = NULL;
	cmwq2_unkick(pool, worker);
	cmwq2_pick_busy(pool, worker);
	WRITE_ONCE(worker->flags, worker->flags | CMWQ2_WORKER_DIE);
	list_del_init(&worker->watch_node);
	list_move(&worker->entry, dying);
	list_del_init(&worker->node);
}

/**
 * cmwq2_unbind_dying - let dying workers run outside their pool's CPUs
 * @dying: list that cmwq2_worker_set_dying() filled
 *
 * Context: process; cmwq2_attach_mutex held, no pool locked.
 */
void cmwq2_unbind_dying(struct list_head *dying)
{
	struct cmwq2_worker *worker;

	lockdep_assert_held(&cmwq2_attach_mutex);

	list_for_each_entry(worker, dying, entry)
		cmwq2_worker_leave_cpus(worker);
}

/* The worker that is idle for the longest time and not claimed, or NULL if all are claimed. */
static struct cmwq2_worker *cmwq2_oldest_idle(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	list_for_each_entry_reverse(worker, &pool->idle_list, entry)
		if (!worker->kicked)
			return worker;
	return NULL;
}

/* The oldest idle worker if its time is up. Otherwise set the timer for it and return NULL. */
static struct cmwq2_worker *cmwq2_next_victim(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	unsigned long expires;

	if (!cmwq2_too_many_workers(pool))
		return NULL;
	worker = cmwq2_oldest_idle(pool);
	if (!worker)
		return NULL;
	expires = worker->last_active + cmwq2_idle_timeout();
	if (time_before(jiffies, expires)) {
		mod_timer(&pool->idle_timer, expires);
		return NULL;
	}
	return worker;
}

/*
 * Marks the workers and leaves it to the reaper to wait for their threads. This
 * runs in the helper thread and not on a workqueue, because the pool that
 * serves that workqueue could be the one to cull.
 */
static void cmwq2_cull(struct kthread_work *work)
{
	struct cmwq2_pool *pool = container_of(work, struct cmwq2_pool, cull_work);
	struct cmwq2_worker *worker;
	LIST_HEAD(dying);

	cmwq2_chore_begin(CMWQ2_THREAD_HELPER, "culls the workers of pool", pool->id);
	mutex_lock(&cmwq2_attach_mutex);
	cmwq2_pool_lock_irq(pool);
	while ((worker = cmwq2_next_victim(pool))) {
		trace_cmwq2_worker_cull(pool, worker);
		cmwq2_worker_set_dying(worker, &dying);
		pool->stat.culled++;
	}
	cmwq2_pool_unlock_irq(pool);
	cmwq2_unbind_dying(&dying);
	mutex_unlock(&cmwq2_attach_mutex);

	if (!list_empty(&dying))
		cmwq2_point(CMWQ2_POINT_CULLED, pool);
	cmwq2_reap_later(&dying);
	cmwq2_chore_end(CMWQ2_THREAD_HELPER);
}

/* Culling sleeps, so the timer hands it over to the helper thread. */
static void cmwq2_idle_timeout_fn(struct timer_list *timer)
{
	struct cmwq2_pool *pool = container_of(timer, struct cmwq2_pool, idle_timer);

	kthread_queue_work(cmwq2_helper, &pool->cull_work);
}

void cmwq2_idle_pool_init(struct cmwq2_pool *pool)
{
	/*
	 * Not deferrable, unlike mainline's: on an idle CPU a short timeout
	 * would last until something else wakes the CPU.
	 */
	timer_setup(&pool->idle_timer, cmwq2_idle_timeout_fn, 0);
	kthread_init_work(&pool->cull_work, cmwq2_cull);
}

/**
 * cmwq2_idle_rearm_all - let changed culling parameters take effect now
 *
 * Context: process, may sleep; cmwq2_pool_mutex held.
 */
static void cmwq2_idle_rearm_all(void)
{
	struct cmwq2_pool *pool;
	unsigned long id;

	lockdep_assert_held(&cmwq2_pool_mutex);
	xa_for_each(&cmwq2_pools, id, pool) {
		/*
		 * The timer is armed with the old timeout, and a worker that
		 * becomes idle leaves an armed timer alone. So delete it; the
		 * culler arms it again if needed.
		 */
		timer_delete(&pool->idle_timer);
		kthread_queue_work(cmwq2_helper, &pool->cull_work);
	}
}

CMWQ2_PARAM(idle_timeout_ms, number,
	    "Milliseconds after which an idle worker may be culled (default 300000)",
	    .number = &cmwq2_idle_timeout_ms, .min = 0, .max = 86400000,
	    .changed = cmwq2_idle_rearm_all);
CMWQ2_PARAM(cull_ratio, number,
	    "Number of busy workers for which one idle worker above min_idle is kept (default 4)",
	    .number = &cmwq2_cull_ratio, .min = 1, .max = 1000,
	    .changed = cmwq2_idle_rearm_all);
/* With fewer than two, a worker that begins to work would leave no idle worker. */
CMWQ2_PARAM(min_idle, number, "Idle workers that are always kept (default 2)",
	    .number = &cmwq2_min_idle, .min = 2, .max = 1000,
	    .changed = cmwq2_idle_rearm_all);
