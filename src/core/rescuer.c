// SPDX-License-Identifier: GPL-2.0
/*
 * Rescuers: each WQ_MEM_RECLAIM queue has one thread, created in advance, which
 * runs the queue's items when a pool cannot create a worker.
 *
 * If the manager does not get a worker in time, the mayday timer walks the
 * worklist. It puts the pwq of each pending item on the maydays of its queue if
 * the queue has a rescuer. The rescuer visits the pools of these pwqs one by one.
 * The rescue policy says how it takes items there:
 *
 *   cursor	It takes one item at a time. Each pwq has a cursor, which marks
 *		in the worklist how far the rescuer has come. So one visit costs
 *		one walk, however many items of other queues are in between.
 *   restart	The same without a cursor: each item costs a walk.
 *   slurp	It takes all items that are pending when it comes. They then wait
 *		for one another even when the pool gets workers again.
 *
 * Sources: mainline up to v6.18 (slurp), the series of 2025-11-18 and the part of
 * it that was merged for v7.0 (cursor).
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include <trace/events/cmwq2.h>

#include "base/cpus.h"
#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "base/work.h"
#include "core/kick.h"
#include "core/process.h"
#include "core/pwq.h"
#include "core/rescuer.h"
#include "core/worker.h"
#include "lab/point.h"
#include "lab/policy/rescue.h"
#include "lab/policy/wake.h"

/* Never called: cmwq2_assign_work() removes cursors. */
void cmwq2_cursor_func(struct cmwq2_work *work)
{
	WARN_ON_ONCE(1);
}

void cmwq2_cursor_init(struct cmwq2_pwq *pwq)
{
	CMWQ2_INIT_WORK(&pwq->mayday_cursor, cmwq2_cursor_func);
}

/*
 * Put the pwq on its queue's maydays and wake the rescuer, unless the pwq is there
 * already. The reference keeps the pwq until the rescuer is done with it.
 */
static bool cmwq2_send_mayday(struct cmwq2_pwq *pwq, struct cmwq2_wake_list *wl)
{
	struct cmwq2_wq *wq = pwq->wq;

	lockdep_assert_held(&cmwq2_mayday_lock);

	if (!wq->rescuer || !list_empty(&pwq->mayday_node))
		return false;
	pwq->pool->stat.maydays++;
	pwq->stat.mayday++;
	trace_cmwq2_mayday(pwq);
	list_add_tail(&pwq->mayday_node, &wq->maydays);
	cmwq2_pwq_get(pwq);
	cmwq2_wake(pwq->pool, CMWQ2_KICK_OTHER, wl, wq->rescuer->task);
	return true;
}

/*
 * Call the rescuer for a pending item. The caller's walk has just found the first
 * item of the queue, so put the cursor there: the rescuer need not search for it.
 */
static void cmwq2_call_rescuer(struct cmwq2_work *work, struct cmwq2_wake_list *wl)
{
	struct cmwq2_pwq *pwq = cmwq2_work_pwq(work);
	struct list_head *cursor = &pwq->mayday_cursor.entry;

	if (cmwq2_send_mayday(pwq, wl) && list_empty(cursor) &&
	    pwq->pool->policy.rescue == CMWQ2_RESCUE_CURSOR)
		list_add_tail(cursor, &work->entry);
}

/* The manager did not get a worker in time. Call the rescuers if it still needs one. */
void cmwq2_mayday_timeout(struct timer_list *timer)
{
	struct cmwq2_pool *pool = container_of(timer, struct cmwq2_pool, mayday_timer);
	CMWQ2_DEFINE_WAKE_LIST(wl);
	struct cmwq2_work *work;

	cmwq2_pool_lock_irq(pool);
	if (cmwq2_need_to_create(pool)) {
		raw_spin_lock(&cmwq2_mayday_lock);
		list_for_each_entry(work, &pool->worklist, entry)
			if (!cmwq2_is_cursor(work))
				cmwq2_call_rescuer(work, &wl);
		raw_spin_unlock(&cmwq2_mayday_lock);
	}
	cmwq2_unlock_irq_wake(pool, &wl);

	mod_timer(timer, jiffies + CMWQ2_MAYDAY_INTERVAL);
}

/*
 * A pool with an idle worker does not need the rescuer. But as long as the pool
 * has a manager, memory is still short, and a rescuer that left would soon be
 * called again. So it stays unless another pool of this queue waits. A rescuer
 * with rescue=slurp does not check: it was called, and leaves after one pass.
 * Whether the queue has something on the worklist is for the pass to find out:
 * without an active item it may be the barrier of an item that was cancelled.
 */
static bool cmwq2_needs_rescue(struct cmwq2_pwq *pwq)
{
	if (pwq->pool->policy.rescue == CMWQ2_RESCUE_SLURP || cmwq2_need_to_create(pwq->pool))
		return true;
	/* Without cmwq2_mayday_lock this is a hint, and the next pass looks again. */
	return (pwq->pool->flags & CMWQ2_POOL_MANAGED) && list_empty(&pwq->wq->maydays);
}

/*
 * The place where the next pass begins. After a switch from rescue=cursor, the
 * first pass under the new policy removes the cursor.
 */
static struct list_head *cmwq2_rescue_from(struct cmwq2_pwq *pwq)
{
	struct list_head *cursor = &pwq->mayday_cursor.entry;

	if (pwq->pool->policy.rescue != CMWQ2_RESCUE_CURSOR)
		list_del_init(cursor);
	return list_empty(cursor) ? &pwq->pool->worklist : cursor;
}

/*
 * One pass: take the next item of @pwq, and with rescue=cursor move the cursor
 * behind it. With rescue=slurp take all items of @pwq.
 */
static bool cmwq2_assign_rescue(struct cmwq2_pwq *pwq, struct cmwq2_worker *rescuer)
{
	struct cmwq2_pool *pool = pwq->pool;
	struct cmwq2_work *work, *next;

	if (!cmwq2_needs_rescue(pwq))
		return false;

	work = list_entry(cmwq2_rescue_from(pwq)->next, struct cmwq2_work, entry);
	for (; &work->entry != &pool->worklist; work = next) {
		next = list_next_entry(work, entry);
		if (cmwq2_is_cursor(work) || cmwq2_work_pwq(work) != pwq ||
		    !cmwq2_assign_work(work, rescuer, &next))
			continue;
		pwq->stat.rescued++;
		trace_cmwq2_rescue(pwq, work);
		if (pool->policy.rescue == CMWQ2_RESCUE_SLURP)
			continue;
		if (pool->policy.rescue == CMWQ2_RESCUE_CURSOR)
			list_move_tail(&pwq->mayday_cursor.entry, &next->entry);
		return true;
	}
	return !list_empty(&rescuer->scheduled);
}

/*
 * Whether the rescuer leaves the pool after @count passes. With rescue=slurp it
 * leaves after each pass. Otherwise it leaves when its batch is over and another
 * pool of the queue waits. If this pool still needs a worker, send a mayday, so
 * that the rescuer comes back.
 */
static bool cmwq2_take_turns(struct cmwq2_pwq *pwq, int count, struct cmwq2_wake_list *wl)
{
	bool slurp = pwq->pool->policy.rescue == CMWQ2_RESCUE_SLURP;

	if (!slurp && (count <= CMWQ2_RESCUER_BATCH || list_empty(&pwq->wq->maydays)))
		return false;
	if (!pwq->nr_active || !cmwq2_need_to_create(pwq->pool))
		return slurp;
	pwq->stat.relapses++;
	raw_spin_lock(&cmwq2_mayday_lock);
	cmwq2_send_mayday(pwq, wl);
	raw_spin_unlock(&cmwq2_mayday_lock);
	return true;
}

static void cmwq2_rescue(struct cmwq2_worker *rescuer, struct cmwq2_pwq *pwq)
{
	struct cmwq2_pool *pool = pwq->pool;
	CMWQ2_DEFINE_WAKE_LIST(wl);
	bool leave = false;
	int count = 0;

	cmwq2_point(CMWQ2_POINT_RESCUE, pool);
	cmwq2_worker_attach(rescuer, pool);
	cmwq2_pool_lock_irq(pool);
	while (!leave && cmwq2_assign_rescue(pwq, rescuer)) {
		pwq->stat.batches += !count;
		/* This drops the lock, so the policy may have changed afterwards. */
		cmwq2_process_scheduled(rescuer);
		leave = cmwq2_take_turns(pwq, ++count, &wl);
	}
	/*
	 * The cursor may stay only while a mayday keeps a reference to the pwq.
	 * The timer may have sent one meanwhile, without cmwq2_take_turns(). The pool's
	 * lock keeps it from sending one now. Other pwqs may come and go beside this one,
	 * which changes its neighbours and not whether it is on the list.
	 */
	if (list_empty(&pwq->mayday_node))
		list_del_init(&pwq->mayday_cursor.entry);
	/* Workers left items to this thread, which never counts as running: kick for the rest. */
	cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, &wl);
	cmwq2_unlock_irq_wake(pool, &wl);

	cmwq2_worker_detach(rescuer);
	/* May be the last reference. */
	cmwq2_pwq_put_unlocked(pwq);
}

static struct cmwq2_pwq *cmwq2_next_mayday(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;

	raw_spin_lock_irq(&cmwq2_mayday_lock);
	pwq = list_first_entry_or_null(&wq->maydays, struct cmwq2_pwq, mayday_node);
	if (pwq)
		list_del_init(&pwq->mayday_node);
	raw_spin_unlock_irq(&cmwq2_mayday_lock);
	return pwq;
}

int cmwq2_rescuer_thread(void *data)
{
	struct cmwq2_worker *rescuer = data;
	struct cmwq2_wq *wq = rescuer->rescue_wq;
	struct cmwq2_pwq *pwq;
	bool stop;

	for (;;) {
		set_current_state(TASK_IDLE);
		/*
		 * Read this before the maydays. If workers have run the items,
		 * their maydays may still be listed when the queue is
		 * destroyed. These hold references to pwqs, so they are
		 * handled before the thread stops.
		 */
		stop = kthread_should_stop();
		while ((pwq = cmwq2_next_mayday(wq))) {
			__set_current_state(TASK_RUNNING);
			cmwq2_rescue(rescuer, pwq);
		}
		if (stop)
			break;
		/*
		 * After a rescue the task is TASK_RUNNING, so this returns at
		 * once. If the task slept, it would miss a stop request that
		 * came during the rescue, when there was nothing to wake.
		 */
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/**
 * cmwq2_rescuer_start - create a queue's rescuer if it has WQ_MEM_RECLAIM
 * @wq: queue that others do not know yet
 *
 * Context: process, may sleep.
 * Return: 0 or a negative error.
 */
int cmwq2_rescuer_start(struct cmwq2_wq *wq)
{
	struct cmwq2_worker *rescuer;

	if (!(wq->flags & CMWQ2_WQ_MEM_RECLAIM))
		return 0;

	rescuer = cmwq2_worker_alloc(NUMA_NO_NODE);
	if (!rescuer)
		return -ENOMEM;
	rescuer->rescue_wq = wq;
	rescuer->id = -1;
	/*
	 * Keep the prefix short: traces and oopses show only 15 characters of the
	 * thread's name. ps and /proc/PID/comm show the whole name.
	 */
	rescuer->task = kthread_create(cmwq2_rescuer_thread, rescuer, "cw2/%s", wq->name);
	if (IS_ERR(rescuer->task)) {
		int ret = PTR_ERR(rescuer->task);

		kfree(rescuer);
		return ret;
	}
	get_task_struct(rescuer->task);
	set_user_nice(rescuer->task, MIN_NICE);
	/* Any CPU will do, as the mask is set below. */
	kthread_bind(rescuer->task, data_race(cpumask_first(cpu_online_mask)));
	mutex_lock(&cmwq2_attach_mutex);
	set_cpus_allowed_ptr(rescuer->task, cmwq2_fallback_cpus());
	mutex_unlock(&cmwq2_attach_mutex);
	wq->rescuer = rescuer;
	wake_up_process(rescuer->task);
	return 0;
}

/**
 * cmwq2_rescuer_stop - end a queue's rescuer
 * @wq: drained queue, or one that failed to be set up
 *
 * Context: process, may sleep.
 */
void cmwq2_rescuer_stop(struct cmwq2_wq *wq)
{
	struct cmwq2_worker *rescuer = wq->rescuer;

	if (!rescuer)
		return;

	/* From here on no mayday is sent. */
	raw_spin_lock_irq(&cmwq2_mayday_lock);
	WRITE_ONCE(wq->rescuer, NULL); /* for cmwq2_move_homeless() and verdict.c */
	raw_spin_unlock_irq(&cmwq2_mayday_lock);

	cmwq2_kthread_stop_put(rescuer->task);
	/* As for a worker, a late waker may still write to it, see cmwq2_latency_woken(). */
	kfree_rcu(rescuer, rcu);
}
