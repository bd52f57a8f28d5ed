// SPDX-License-Identifier: GPL-2.0
/*
 * The main loop of a worker, and how it runs one item.
 *
 * tools/model/kick.pml models the main loop: change both.
 */
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include <trace/events/cmwq2.h>

#include "base/context.h"
#include "base/debugobj.h"
#include "base/lock.h"
#include "base/lockdep.h"
#include "base/param.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "base/work.h"
#include "core/active.h"
#include "core/hog.h"
#include "core/home.h"
#include "core/idle.h"
#include "core/kick.h"
#include "core/process.h"
#include "core/rescuer.h"
#include "core/scan.h"
#include "core/sched.h"
#include "core/worker.h"
#include "lab/latency.h"
#include "lab/point.h"
#include "lab/policy/concurrency.h"
#include "lab/policy/spin.h"
#include "lab/policy/wake.h"
#include "lab/policy/yield.h"

/* The hash is keyed by the item's address, which may be reused: compare the function, too. */
struct cmwq2_worker *cmwq2_find_executing(struct cmwq2_pool *pool, struct cmwq2_work *work)
{
	struct cmwq2_worker *worker;

	lockdep_assert_held(&pool->lock);
	hash_for_each_possible(pool->busy_hash, worker, hentry, (unsigned long)work) {
		if (worker->current_func != work->func)
			continue;
		if (worker->current_work == work)
			return worker;
	}
	return NULL;
}

/**
 * cmwq2_move_linked - move an item and the items linked behind it
 * @work: first item
 * @head: list to add to
 * @next: if not NULL, set to the item after the moved ones, so that a list walk
 *	can go on
 *
 * Context: pool->lock held.
 */
void cmwq2_move_linked(struct cmwq2_work *work, struct list_head *head,
		       struct cmwq2_work **next)
{
	struct cmwq2_work *following;
	bool linked;

	/* The chain ends at an item without LINKED, so never at the list head. */
	do {
		linked = cmwq2_work_data(work) & CMWQ2_WORK_LINKED;
		following = list_next_entry(work, entry);
		list_move_tail(&work->entry, head);
		work = following;
	} while (linked);

	if (next)
		*next = following;
}

/**
 * cmwq2_make_runnable - put an item and those linked to it on the worklist
 * @pool: pool
 * @work: first item, on another list of the pool
 *
 * Whoever makes an item runnable must make sure that a worker runs it. The
 * caller must not assume that a worker is awake and will look at the worklist,
 * unless it is that worker itself: see cmwq2_worker_repays().
 *
 * Context: pool->lock held.
 * Return: always true, because the pool is now owed a kick.
 */
bool cmwq2_make_runnable(struct cmwq2_pool *pool, struct cmwq2_work *work)
{
	if (list_empty(&pool->worklist))
		WRITE_ONCE(pool->progress_at, jiffies);
	cmwq2_move_linked(work, &pool->worklist, NULL);
	/* Order the insertion before the kick's read of nr_running: litmus/sched-insert. */
	cmwq2_sched_order_insert();
	return true;
}

/*
 * A worker that owes its pool a kick repays it with its next step. It begins
 * another item from its own list, which kicks the pool. Or it looks at the
 * worklist itself: a thread does so in cmwq2_serve() before it goes idle. Or it
 * kicks the pool: a rescuer before it leaves, a BH worker before it goes idle.
 * This function only marks the spot and checks the lock.
 */
static void cmwq2_worker_repays(struct cmwq2_worker *worker, bool owed)
{
	lockdep_assert_held(&worker->pool->lock);
}

/**
 * cmwq2_assign_work - give an item and those linked behind it to a worker
 * @work: item on the pool's worklist
 * @worker: worker of the pool
 * @next: see cmwq2_move_linked()
 *
 * An item that is still running goes to the worker that runs it, so that it
 * never runs twice at once.
 *
 * Context: pool->lock held.
 * Return: whether @worker got something to do.
 */
bool cmwq2_assign_work(struct cmwq2_work *work, struct cmwq2_worker *worker,
		       struct cmwq2_work **next)
{
	struct cmwq2_pool *pool = worker->pool;
	struct cmwq2_worker *busy;

	/* Drop a rescuer's cursor: without it, the rescuer searches from the head again. */
	if (unlikely(cmwq2_is_cursor(work))) {
		if (next)
			*next = list_next_entry(work, entry);
		list_del_init(&work->entry);
		return false;
	}

	busy = cmwq2_find_executing(pool, work);
	cmwq2_move_linked(work, busy ? &busy->scheduled : &worker->scheduled, next);
	return !busy;
}

/*
 * The worker stores everything that it reads from the item. These stores precede the release
 * of PENDING. So the next owner of the item, who may queue it to another pool, writes to the
 * item only after the worker has read it: litmus/work-reads.
 */
static void cmwq2_begin_work(struct cmwq2_worker *worker, struct cmwq2_work *work,
			     struct cmwq2_pwq *pwq, unsigned int color)
{
	struct cmwq2_pool *pool = worker->pool;

	WRITE_ONCE(worker->started_at, jiffies);
	cmwq2_hog_begin(worker);
	if (unlikely(worker->desc[0]))
		worker->desc[0] = '\0';
	WRITE_ONCE(worker->current_pwq, pwq);
	pwq->stat.started++;
	cmwq2_latency_taken(worker, work);
	worker->current_color = color;
	WRITE_ONCE(worker->current_func, work->func);
	worker->current_work = work;
	if (unlikely(pool->policy.concurrency == CMWQ2_CONCURRENCY_SHORT))
		cmwq2_concurrency_begin(worker);
	hash_add(pool->busy_hash, &worker->hentry, (unsigned long)work);
	list_del_init(&work->entry);
	cmwq2_debug_deactivate(work);
}

static void cmwq2_end_work(struct cmwq2_worker *worker)
{
	cmwq2_hog_end(worker);
	worker->current_pwq->stat.completed++;
	cmwq2_latency_end(worker);
	WRITE_ONCE(worker->current_pwq, NULL);
	worker->current_color = CMWQ2_NO_COLOR;
	WRITE_ONCE(worker->current_func, NULL);
	hash_del(&worker->hentry);
	worker->current_work = NULL;
}

/* X: READ_ONCE, set under cmwq2_pool_mutex. */
static unsigned int cmwq2_yield_us = 20;

CMWQ2_PARAM(yield_us, number,
	    "Microseconds for which a worker goes on with yield=later while another task wants its CPU (default 20)",
	    .number = &cmwq2_yield_us, .min = 1, .max = 10000);

/**
 * cmwq2_process_one - run one item
 * @worker: current worker
 * @work: item at the head of worker->scheduled
 *
 * Context: pool->lock held; dropped while the function runs.
 */
static void cmwq2_process_one(struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	unsigned long data = cmwq2_work_data(work);
	struct cmwq2_pwq *pwq = cmwq2_queued_pwq(data);
	struct cmwq2_pool *pool = worker->pool;
	struct cmwq2_context context;
	bool soon = pool->policy.yield == CMWQ2_YIELD_SOON;
	struct cmwq2_run_map map;
	CMWQ2_DEFINE_WAKE_LIST(wl);

	cmwq2_begin_work(worker, work, pwq, cmwq2_data_color(data));
	cmwq2_run_map_copy(&map, work);
	if (unlikely(cmwq2_wq_is(pwq->wq, CMWQ2_WQ_CPU_INTENSIVE)))
		cmwq2_worker_set_flags(worker, CMWQ2_WORKER_INTENSIVE);
	/*
	 * This lets the next worker start if the pool wants more running
	 * workers than it has. In a bound pool the call does nothing, unless
	 * this worker is not counted.
	 */
	cmwq2_kick_pool_pick(pool, CMWQ2_KICK_PROCESS, &wl);
	/* The last access to the item: the function may free it. */
	cmwq2_work_release(work, cmwq2_pool_bits(pool), 0);

	cmwq2_unlock_irq_wake(pool, &wl);

	/*
	 * The item counts as running from here on. If the worker must first
	 * return to its pool's CPUs, it may sleep as if in the item, and
	 * whoever waits for the item waits for this move, too.
	 */
	if (unlikely(cmwq2_is_away(worker)))
		cmwq2_away(worker, true);
	context = cmwq2_context();
	cmwq2_run_map_acquire(&map, pwq->wq);
	trace_cmwq2_execute_start(worker, work);
	cmwq2_latency_start(worker);
	worker->current_func(work);
	trace_cmwq2_execute_end(worker, work);
	cmwq2_run_map_release(&map, pwq->wq);
	cmwq2_check_context(context, worker->current_func);
	/* If an item of an unbound pool ends elsewhere, the next one finds that. */
	if (pool->cpu >= 0 && unlikely(cmwq2_is_away(worker)))
		cmwq2_away(worker, false);
	/* An item that requeues itself forever must not starve stop_machine(). */
	if (worker->task && (likely(soon) || !cmwq2_yield_waits(worker, READ_ONCE(cmwq2_yield_us))))
		cond_resched();

	cmwq2_pool_lock_irq(pool);
	cmwq2_end_work(worker);
	if (unlikely(worker->item_from))
		cmwq2_concurrency_end(worker);
	/* This also counts a worker whose resume the hook did not report. */
	cmwq2_worker_clr_flags(worker, CMWQ2_WORKER_INTENSIVE);
	/* Must come last: it may drop the lock and let a flusher free the queue. */
	cmwq2_worker_repays(worker, cmwq2_pwq_dec_in_flight(pwq, data));
}

/* Context: pool->lock held, dropped and taken again. */
void cmwq2_process_scheduled(struct cmwq2_worker *worker)
{
	struct cmwq2_work *work;

	WRITE_ONCE(worker->pool->progress_at, jiffies);
	while ((work = list_first_entry_or_null(&worker->scheduled,
						struct cmwq2_work, entry)))
		cmwq2_process_one(worker, work);
}

static struct cmwq2_work *cmwq2_first_work(struct cmwq2_pool *pool)
{
	return list_first_entry(&pool->worklist, struct cmwq2_work, entry);
}

/* This worker may go on unless the pool has more running workers than it wants. */
static bool cmwq2_keep_working(struct cmwq2_pool *pool)
{
	return !list_empty(&pool->worklist) && atomic_read(&pool->nr_running) <= pool->wanted;
}

/**
 * cmwq2_serve - run items until the pool needs no more from this worker
 * @worker: current worker, not idle
 *
 * Context: pool->lock held, dropped and taken again.
 * Return: whether the pool needed the worker at first.
 */
static bool cmwq2_serve(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	bool needed = false;

	while (cmwq2_need_more_worker(pool)) {
		needed = true;
		if (!pool->nr_idle && cmwq2_manage(worker))
			continue;

		cmwq2_worker_clr_own_flags(worker, CMWQ2_WORKER_PREP);
		do {
			if (cmwq2_assign_work(cmwq2_first_work(pool), worker, NULL))
				cmwq2_process_scheduled(worker);
		} while (cmwq2_keep_working(pool));
		cmwq2_point(CMWQ2_POINT_STOPS, pool);
		/*
		 * Another worker may have blocked since keep_working() counted
		 * one too many. The pn hook counts it down without the lock, and
		 * as the pool still had as many as it wants, it kicks nobody.
		 * Then the loop's condition holds again: litmus/sched-recheck.
		 */
		cmwq2_worker_set_flags(worker, CMWQ2_WORKER_PREP);
	}
	/* A running worker takes these. The scan is there in case the hook misses its block. */
	if (!list_empty(&pool->worklist))
		cmwq2_sched_arm_scan(pool);
	return needed;
}

/* X: READ_ONCE, set under cmwq2_pool_mutex. */
static unsigned int cmwq2_spin_us = 20;

CMWQ2_PARAM(spin_us, number,
	    "Microseconds for which an idle worker spins before it sleeps with spin=short (default 20)",
	    .number = &cmwq2_spin_us, .min = 1, .max = 1000000000);

/* The thread function of each worker; @data is the worker. */
int cmwq2_worker_thread(void *data)
{
	struct cmwq2_worker *worker = data;
	struct cmwq2_pool *pool = worker->pool;
	bool woken = false, spins;

	cmwq2_sched_worker_start(worker);
	cmwq2_pool_lock_irq(pool);
	while (!(worker->flags & CMWQ2_WORKER_DIE)) {
		/* A wakeup to exit is not counted. The second counter is in another cache line. */
		pool->stat.woken += woken;
		cmwq2_worker_leave_idle(worker);
		if (unlikely(!cmwq2_serve(worker)))
			pool->stat.in_vain += woken;
		woken = true;
		cmwq2_worker_enter_idle(worker);
		/*
		 * Set under the lock: a kick from here on finds this worker on
		 * the idle list and its task in a state that can be woken:
		 * litmus/kick-sleep.
		 */
		__set_current_state(TASK_IDLE);
		spins = pool->policy.spin == CMWQ2_SPIN_SHORT;
		cmwq2_pool_unlock_irq(pool);
		if (unlikely(spins))
			cmwq2_spin(READ_ONCE(cmwq2_spin_us));
		schedule();
		cmwq2_point(CMWQ2_POINT_WOKEN, pool);
		cmwq2_pool_lock_irq(pool);
	}
	cmwq2_pool_unlock_irq(pool);
	cmwq2_sched_worker_stop(worker);
	return 0;
}
