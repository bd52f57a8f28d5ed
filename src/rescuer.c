// SPDX-License-Identifier: GPL-2.0
/*
 * Rescuers: one thread for each WQ_MEM_RECLAIM queue, made in advance, which
 * runs the queue's items when a pool cannot get a worker.
 *
 * A manager that does not succeed in time lets the mayday timer walk the
 * worklist and put every pwq with a rescuer on its queue's maydays. The
 * rescuer visits those pools one by one. What it does there is a policy:
 *
 *   cursor	One item at a time. A cursor in the worklist, one in each pwq,
 *		marks how far it got, so that a visit costs one walk however
 *		many foreign items stand between.
 *   restart	The same without a cursor: each item costs a walk.
 *   slurp	All that are pending when it comes, which then wait for one
 *		another even when workers can be had again.
 *
 * Sources: mainline up to v6.18 (slurp), the series of 2025-11-18 and what of it
 * was merged for v7.0 (cursor).
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <trace/events/cmwq2.h>

#include "work.h"

DEFINE_RAW_SPINLOCK(cmwq2_mayday_lock);

/* Never called: cmwq2_assign_work() takes cursors out. */
void cmwq2_cursor_func(struct cmwq2_work *work)
{
	WARN_ON_ONCE(1);
}

void cmwq2_cursor_init(struct cmwq2_pwq *pwq)
{
	CMWQ2_INIT_WORK(&pwq->mayday_cursor, cmwq2_cursor_func);
}

/*
 * Ask the queue's rescuer for help, unless it is asked already. The reference
 * keeps the pwq until the rescuer is done with it.
 */
static bool cmwq2_send_mayday(struct cmwq2_pwq *pwq, struct cmwq2_wake_list *wl)
{
	struct cmwq2_wq *wq = pwq->wq;

	lockdep_assert_held(&cmwq2_mayday_lock);

	if (!wq->rescuer || !list_empty(&pwq->mayday_node) || CMWQ2_FAULT("mayday_lost"))
		return false;
	pwq->pool->stat.maydays++;
	pwq->stat.mayday++;
	trace_cmwq2_mayday(pwq);
	list_add_tail(&pwq->mayday_node, &wq->maydays);
	if (!CMWQ2_FAULT("mayday_unreferenced"))
		cmwq2_pwq_get(pwq);
	cmwq2_wake(pwq->pool, CMWQ2_KICK_OTHER, wl, wq->rescuer->task);
	return true;
}

/*
 * For the queue of an item that waits. This walk knows already what the rescuer
 * would have to look for: where the first item of its queue stands.
 */
static void cmwq2_call_rescuer(struct cmwq2_work *work, struct cmwq2_wake_list *wl)
{
	struct cmwq2_pwq *pwq = cmwq2_work_pwq(work);
	struct list_head *cursor = &pwq->mayday_cursor.entry;

	if (cmwq2_send_mayday(pwq, wl) && list_empty(cursor) &&
	    pwq->pool->policy.rescue == CMWQ2_RESCUE_CURSOR)
		list_add_tail(cursor, &work->entry);
}

/* The manager did not get a worker in time, and still has none. */
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
 * With an idle worker the pool can help itself. But as long as a manager is at
 * work memory is still short, and leaving would only mean to be called again:
 * stay unless another pool of this queue waits. Who slurps does not ask: he
 * was called, and leaves after one pass.
 */
static bool cmwq2_needs_rescue(struct cmwq2_pwq *pwq)
{
	if (!pwq->nr_active)
		return false;
	if (pwq->pool->policy.rescue == CMWQ2_RESCUE_SLURP || cmwq2_need_to_create(pwq->pool))
		return true;
	return (pwq->pool->flags & CMWQ2_POOL_MANAGED) &&
	       list_empty_careful(&pwq->wq->maydays);
}

/*
 * Where the next pass begins. A cursor that another policy left is taken away
 * with the first pass under the new one.
 */
static struct list_head *cmwq2_rescue_from(struct cmwq2_pwq *pwq)
{
	struct list_head *cursor = &pwq->mayday_cursor.entry;

	if (pwq->pool->policy.rescue != CMWQ2_RESCUE_CURSOR)
		list_del_init(cursor);
	return list_empty(cursor) ? &pwq->pool->worklist : cursor;
}

/*
 * One pass: take the next item of @pwq, and move the cursor behind it; or, with
 * rescue=slurp, all there are.
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
 * Whether to leave the pool after @count passes: with rescue=slurp after each,
 * else when it is the turn of others that wait. Has the next visit come back
 * here if there will be something to do.
 */
static bool cmwq2_take_turns(struct cmwq2_pwq *pwq, int count, struct cmwq2_wake_list *wl)
{
	bool slurp = pwq->pool->policy.rescue == CMWQ2_RESCUE_SLURP;

	if (!slurp && (count <= CMWQ2_RESCUER_BATCH || list_empty_careful(&pwq->wq->maydays)))
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
		/* Drops the lock: the policy may be another one afterwards. */
		cmwq2_process_scheduled(rescuer);
		leave = cmwq2_take_turns(pwq, ++count, &wl);
	}
	/*
	 * The cursor may stay only while a mayday keeps a reference to the pwq.
	 * The timer may have sent one meanwhile, without cmwq2_take_turns().
	 */
	if (list_empty_careful(&pwq->mayday_node) && !CMWQ2_FAULT("cursor_left"))
		list_del_init(&pwq->mayday_cursor.entry);
	/* Workers relied on this thread, which never counts as running. */
	if (!CMWQ2_FAULT("rescuer_no_kick"))
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
		 * Read before the maydays: items may be done by others, and
		 * their maydays still be listed when the queue is destroyed.
		 * They hold references and are gone through first.
		 */
		stop = kthread_should_stop();
		while ((pwq = cmwq2_next_mayday(wq))) {
			__set_current_state(TASK_RUNNING);
			cmwq2_rescue(rescuer, pwq);
		}
		if (stop)
			break;
		/*
		 * Comes back at once after a rescue. To sleep then would miss a
		 * stop that was requested meanwhile and woke a running task.
		 */
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/**
 * cmwq2_rescuer_start - make a queue's rescuer if it is to have one
 * @wq: queue that nobody else knows yet
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
	 * Nothing but the queue's name, since traces and oopses show 15 characters
	 * in all. ps and /proc/PID/comm show the whole name.
	 */
	rescuer->task = kthread_create(cmwq2_rescuer_thread, rescuer, "cw2/%s", wq->name);
	if (IS_ERR(rescuer->task)) {
		int ret = PTR_ERR(rescuer->task);

		kfree(rescuer);
		return ret;
	}
	get_task_struct(rescuer->task);
	set_user_nice(rescuer->task, MIN_NICE);
	kthread_bind(rescuer->task, cpumask_first(cpu_online_mask));
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

	/* From here on nobody sends a mayday. */
	raw_spin_lock_irq(&cmwq2_mayday_lock);
	WRITE_ONCE(wq->rescuer, NULL); /* cmwq2_move_homeless(), verdicts */
	raw_spin_unlock_irq(&cmwq2_mayday_lock);

	cmwq2_kthread_stop_put(rescuer->task);
	/* As a worker: who wakes it late looks at it, see cmwq2_latency_woken(). */
	kfree_rcu(rescuer, rcu);
}
