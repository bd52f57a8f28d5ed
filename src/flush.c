// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a whole queue.
 *
 * Every item in flight is counted in one of 16 colors, the one that its queue
 * had when it was queued. A flush gives the queue the next color and waits for
 * the old one to be gone from all pwqs. One color must stay unused between the
 * newest and the oldest; flushes that find none left wait until one is free
 * and then share it.
 *
 * One waiting flush, the first flusher, is woken when its color is gone and
 * moves everything on: it releases those that waited for the same color, lets
 * the overflow have the color that became free, and makes the next one first.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>

#include "lockdep.h"
#include "misuse.h"
#include "work.h"

static int cmwq2_next_color(int color)
{
	return (color + 1) % CMWQ2_NR_COLORS;
}

/* Have @pwq tell when its items of @color are gone, if there are any. */
static void cmwq2_pwq_watch(struct cmwq2_pwq *pwq, int color)
{
	WARN_ON_ONCE(pwq->flush_color != -1);
	if (!pwq->nr_in_flight[color])
		return;
	pwq->flush_color = color;
	atomic_inc(&pwq->wq->nr_pwqs_to_flush);
}

/**
 * cmwq2_color_pwqs - start a color, and waiting for one, on all pwqs
 * @wq: workqueue
 * @watch: color to wait for, or -1
 * @paint: color of items queued from now on, or -1
 *
 * Neighbours on the list often share a pool: its lock is kept between them.
 *
 * Context: process; wq->mutex held.
 * Return: whether there is anything to wait for. If so, the first flusher's
 * completion will be done.
 */
static bool cmwq2_color_pwqs(struct cmwq2_wq *wq, int watch, int paint)
{
	struct cmwq2_pool *locked = NULL;
	struct cmwq2_pwq *pwq;

	/* One in advance, or the first pwq could finish the count. */
	if (watch >= 0)
		atomic_set(&wq->nr_pwqs_to_flush, 1);

	list_for_each_entry(pwq, &wq->pwqs, pwqs_node) {
		if (pwq->pool != locked) {
			if (locked) {
				cmwq2_pool_unlock_irq(locked);
				cmwq2_point(CMWQ2_POINT_COLORING, locked);
			}
			locked = pwq->pool;
			cmwq2_pool_lock_irq(locked);
		}
		if (watch >= 0)
			cmwq2_pwq_watch(pwq, watch);
		if (paint >= 0 && !CMWQ2_FAULT("color_not_painted"))
			pwq->work_color = paint;
	}
	if (locked)
		cmwq2_pool_unlock_irq(locked);

	return watch >= 0 && !atomic_dec_and_test(&wq->nr_pwqs_to_flush);
}

/**
 * cmwq2_flush_color_done - the last item of a watched color is gone
 * @pwq: where
 *
 * The first flusher cannot leave before the count is zero, so that the pointer
 * may be used without the queue's mutex.
 *
 * Context: pwq->pool->lock held.
 */
void cmwq2_flush_color_done(struct cmwq2_pwq *pwq)
{
	struct cmwq2_wq *wq = pwq->wq;

	pwq->flush_color = -1;
	if (atomic_dec_and_test(&wq->nr_pwqs_to_flush))
		complete(&wq->first_flusher->done);
}

/*
 * Take the queue's current color for @me. Returns whether there is something
 * to wait for.
 */
static bool cmwq2_join_flush(struct cmwq2_wq *wq, struct cmwq2_flusher *me)
{
	int next = cmwq2_next_color(wq->work_color);

	if (next == wq->flush_color) {
		list_add_tail(&me->list, &wq->overflow);
		return true;
	}

	me->color = wq->work_color;
	wq->work_color = next;
	if (wq->first_flusher) {
		list_add_tail(&me->list, &wq->flushers);
		cmwq2_color_pwqs(wq, -1, next);
		return true;
	}

	WRITE_ONCE(wq->first_flusher, me);
	if (cmwq2_color_pwqs(wq, wq->flush_color, next))
		return true;
	wq->flush_color = next;
	WRITE_ONCE(wq->first_flusher, NULL);
	return false;
}

/**
 * cmwq2_check_flush - complain of a wait that memory shortage can make endless
 * @wq: what is waited for
 * @func: for one item of it, or NULL
 *
 * Who is needed to free memory must not wait for a queue that may need memory
 * to go on, for lack of a rescuer. Legacy queues have a rescuer whether or not
 * they need one.
 *
 * Context: any, no lock held.
 */
void cmwq2_check_flush(struct cmwq2_wq *wq, cmwq2_work_func_t func)
{
	struct cmwq2_worker *worker;
	struct cmwq2_pwq *pwq;

	if (wq->flags & CMWQ2_WQ_MEM_RECLAIM)
		return;

	WARN_ONCE(current->flags & PF_MEMALLOC,
		  "%s[%d] has PF_MEMALLOC and waits for %s (%ps), which has no rescuer\n",
		  current->comm, current->pid, wq->name, func);
	worker = cmwq2_current_worker();
	pwq = worker ? worker->current_pwq : NULL;
	WARN_ONCE(pwq && (pwq->wq->flags & CMWQ2_WQ_MEM_RECLAIM) &&
		  !(pwq->wq->flags & CMWQ2_WQ_LEGACY),
		  "%ps of %s, which has a rescuer, waits for %s (%ps), which has none\n",
		  worker->current_func, pwq->wq->name, wq->name, func);
}

/* Release those that waited for the color that is gone. */
static void cmwq2_release_flushers(struct cmwq2_wq *wq)
{
	struct cmwq2_flusher *flusher, *next;

	list_for_each_entry_safe(flusher, next, &wq->flushers, list) {
		if (flusher->color != wq->flush_color)
			break;
		list_del_init(&flusher->list);
		if (!CMWQ2_FAULT("flusher_forgotten"))
			complete(&flusher->done);
	}
}

/* All of the overflow share the color that became free. */
static void cmwq2_admit_overflow(struct cmwq2_wq *wq)
{
	struct cmwq2_flusher *flusher;

	if (list_empty(&wq->overflow))
		return;
	list_for_each_entry(flusher, &wq->overflow, list)
		flusher->color = wq->work_color;
	wq->work_color = cmwq2_next_color(wq->work_color);
	list_splice_tail_init(&wq->overflow, &wq->flushers);
	cmwq2_color_pwqs(wq, -1, wq->work_color);
}

/* The first flusher's last duty. */
static void cmwq2_move_flush_on(struct cmwq2_wq *wq)
{
	struct cmwq2_flusher *next;

	WRITE_ONCE(wq->first_flusher, NULL);
	for (;;) {
		cmwq2_release_flushers(wq);
		wq->flush_color = cmwq2_next_color(wq->flush_color);
		cmwq2_admit_overflow(wq);

		next = list_first_entry_or_null(&wq->flushers, struct cmwq2_flusher, list);
		if (!next)
			return;
		list_del_init(&next->list);
		WRITE_ONCE(wq->first_flusher, next);
		if (cmwq2_color_pwqs(wq, wq->flush_color, -1))
			return;
		/* Nothing of that color is left: it is done, go on to the next. */
		complete(&next->done);
		WRITE_ONCE(wq->first_flusher, NULL);
	}
}

/**
 * __cmwq2_flush_workqueue - wait for all items queued so far
 * @wq: workqueue
 *
 * Called through the macro without the underscores.
 *
 * Items in their delay are not waited for, nor are those queued later.
 *
 * Context: process, may sleep. Not from an item of @wq.
 *
 * Source: the color scheme is that of kernel/workqueue.c.
 */
void __cmwq2_flush_workqueue(struct cmwq2_wq *wq)
{
	struct cmwq2_flusher me = { .color = -1 };
	bool wait;

	if (cmwq2_is_missing(wq))
		return;
	might_sleep();
	INIT_LIST_HEAD(&me.list);
	init_completion(&me.done);
	cmwq2_wait_map_wq(wq);

	mutex_lock(&wq->mutex);
	wait = cmwq2_join_flush(wq, &me);
	mutex_unlock(&wq->mutex);
	if (!wait)
		return;

	cmwq2_check_flush(wq, NULL);
	wait_for_completion(&me.done);
	cmwq2_point(CMWQ2_POINT_FLUSHED, NULL);

	/* Whoever is not first anymore by now has nothing to hand on. */
	if (READ_ONCE(wq->first_flusher) != &me)
		return;
	mutex_lock(&wq->mutex);
	if (wq->first_flusher == &me)
		cmwq2_move_flush_on(wq);
	mutex_unlock(&wq->mutex);
}
EXPORT_SYMBOL_GPL(__cmwq2_flush_workqueue);

/* Context: process, may sleep. */
bool cmwq2_wq_is_empty(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	bool empty = true;

	mutex_lock(&wq->mutex);
	list_for_each_entry(pwq, &wq->pwqs, pwqs_node) {
		cmwq2_pool_lock_irq(pwq->pool);
		if (pwq->nr_active || !list_empty(&pwq->inactive))
			empty = false;
		cmwq2_pool_unlock_irq(pwq->pool);
	}
	mutex_unlock(&wq->mutex);
	return empty;
}

static void cmwq2_set_draining(struct cmwq2_wq *wq, int by)
{
	mutex_lock(&wq->mutex);
	wq->nr_drainers += by;
	if (wq->nr_drainers)
		WRITE_ONCE(wq->flags, wq->flags | CMWQ2_WQ_DRAINING);
	else
		WRITE_ONCE(wq->flags, wq->flags & ~CMWQ2_WQ_DRAINING);
	mutex_unlock(&wq->mutex);
}

/**
 * cmwq2_drain_workqueue - wait until a queue is empty
 * @wq: workqueue
 *
 * As long as it waits only items of @wq may queue to @wq; they may do so again
 * and again, and all that is waited for. After 10 and each 100 rounds it says
 * that there seems to be no end.
 *
 * Context: process, may sleep. Not from an item of @wq.
 */
void cmwq2_drain_workqueue(struct cmwq2_wq *wq)
{
	unsigned int rounds = 0;

	if (cmwq2_is_missing(wq))
		return;
	cmwq2_set_draining(wq, 1);
	for (;;) {
		__cmwq2_flush_workqueue(wq);
		if (cmwq2_wq_is_empty(wq) || CMWQ2_FAULT("drain_once"))
			break;
		if (++rounds == 10 || (rounds % 100 == 0 && rounds <= 1000))
			pr_warn("%s: not empty after %u rounds of draining\n",
				wq->name, rounds);
	}
	cmwq2_set_draining(wq, -1);
}
EXPORT_SYMBOL_GPL(cmwq2_drain_workqueue);
