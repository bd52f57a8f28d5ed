// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a whole queue.
 *
 * Every item in flight is counted in one of 16 colors, namely the color that
 * its queue had when the item was queued. A flush gives the queue the next
 * color and waits until the old one is gone from all pwqs. One color must stay
 * unused between the newest and the oldest. Flushes that find no free color
 * wait in the overflow until one is free and then share it.
 *
 * One waiting flush, the first flusher, is woken when its color is gone and
 * then advances the others: it releases those that waited for the same color,
 * gives the overflow the color that became free, and makes the next flush the
 * first one.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/lock.h"
#include "base/lockdep.h"
#include "base/misuse.h"
#include "base/types.h"
#include "core/worker.h"
#include "lab/point.h"
#include "wait/flush.h"

static int cmwq2_next_color(int color)
{
	return (color + 1) % CMWQ2_NR_COLORS;
}

/* Have @pwq report when its items of @color are gone, if it has any. */
static void cmwq2_pwq_watch(struct cmwq2_pwq *pwq, int color)
{
	WARN_ON_ONCE(pwq->flush_color != -1);
	if (!pwq->nr_in_flight[color])
		return;
	pwq->flush_color = color;
	atomic_inc(&pwq->wq->nr_pwqs_to_flush);
}

/**
 * cmwq2_color_pwqs - start a color, and the wait for one, on all pwqs
 * @wq: workqueue
 * @watch: color to wait for, or -1
 * @paint: color of items queued from now on, or -1
 *
 * Neighbours on the list often share a pool, so its lock is kept between them.
 *
 * Context: process; wq->mutex held.
 * Return: whether there is anything to wait for. If so, the first flusher's
 * completion will be completed.
 */
static bool cmwq2_color_pwqs(struct cmwq2_wq *wq, int watch, int paint)
{
	struct cmwq2_pool *locked = NULL;
	struct cmwq2_pwq *pwq;

	/* Count one in advance, or the first pwq could bring the count to zero. */
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
		if (paint >= 0)
			pwq->work_color = paint;
	}
	if (locked)
		cmwq2_pool_unlock_irq(locked);

	return watch >= 0 && !atomic_dec_and_test(&wq->nr_pwqs_to_flush);
}

/*
 * Take the queue's current color for @me, or put @me in the overflow. Returns
 * whether there is something to wait for.
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
 * cmwq2_check_flush - warn of a wait that a memory shortage can make endless
 * @wq: workqueue that is waited for
 * @func: function of the item that is waited for, or NULL for the whole queue
 *
 * A task that is needed to free memory must not wait for a queue without a
 * rescuer, because that queue may need memory to make progress. Waiters from
 * legacy queues are exempt: those have a rescuer whether or not they need one.
 *
 * Context: any, no lock held.
 */
void cmwq2_check_flush(struct cmwq2_wq *wq, cmwq2_work_func_t func)
{
	struct cmwq2_worker *worker;
	struct cmwq2_pwq *pwq;

	if (cmwq2_wq_is(wq, CMWQ2_WQ_MEM_RECLAIM))
		return;

	WARN_ONCE(current->flags & PF_MEMALLOC,
		  "%s[%d] has PF_MEMALLOC and waits for %s (%ps), which has no rescuer\n",
		  current->comm, current->pid, wq->name, func);
	worker = cmwq2_current_worker();
	pwq = worker ? worker->current_pwq : NULL;
	WARN_ONCE(pwq && cmwq2_wq_is(pwq->wq, CMWQ2_WQ_MEM_RECLAIM) &&
		  !cmwq2_wq_is(pwq->wq, CMWQ2_WQ_LEGACY),
		  "%ps of %s, which has a rescuer, waits for %s (%ps), which has none\n",
		  worker->current_func, pwq->wq->name, wq->name, func);
}

/* Release the flushers that waited for the color that is gone. */
static void cmwq2_release_flushers(struct cmwq2_wq *wq)
{
	struct cmwq2_flusher *flusher, *next;

	list_for_each_entry_safe(flusher, next, &wq->flushers, list) {
		if (flusher->color != wq->flush_color)
			break;
		list_del_init(&flusher->list);
		complete(&flusher->done);
	}
}

/* All flushers in the overflow share the color that became free. */
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

/* The first flusher's last duty is to advance the flushes behind it. */
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
		/* No item of that color is left: this flush is done, go on to the next. */
		complete(&next->done);
		WRITE_ONCE(wq->first_flusher, NULL);
	}
}

/**
 * __cmwq2_flush_workqueue - wait for all items queued so far
 * @wq: workqueue
 *
 * Call it through the macro without the underscores.
 *
 * It waits neither for items that are still in their delay nor for items that
 * are queued later.
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

	/* A flusher that is not the first any more has nothing to hand on. */
	if (READ_ONCE(wq->first_flusher) != &me)
		return;
	mutex_lock(&wq->mutex);
	if (wq->first_flusher == &me)
		cmwq2_move_flush_on(wq);
	mutex_unlock(&wq->mutex);
}
EXPORT_SYMBOL_GPL(__cmwq2_flush_workqueue);

/*
 * Looks at one pwq of @wq after the other. Returns whether each of them had neither active nor
 * inactive items at that moment. Sets @started to the number of items that all of them have
 * started so far.
 */
static bool cmwq2_look_for_items(struct cmwq2_wq *wq, unsigned long *started)
{
	struct cmwq2_pwq *pwq;
	bool empty = true;

	lockdep_assert_held(&wq->mutex);
	*started = 0;
	list_for_each_entry(pwq, &wq->pwqs, pwqs_node) {
		cmwq2_pool_lock_irq(pwq->pool);
		if (pwq->nr_active || !list_empty(&pwq->inactive))
			empty = false;
		*started += pwq->stat.started;
		cmwq2_pool_unlock_irq(pwq->pool);
		cmwq2_point(CMWQ2_POINT_DRAINING, pwq->pool);
	}
	return empty;
}

/*
 * Returns whether @wq has neither active nor inactive items. One look is not enough: the first
 * pwq is found empty, then an item of the second pwq queues an item to the first one and ends,
 * and the second pwq is found empty, too. So this function looks twice, and compares how many
 * items have started. If both looks find all pwqs empty and no item has started in between, @wq
 * had no item when the first look ended. While @wq is drained, only its own items queue to it,
 * so it stays empty.
 *
 * Context: process, may sleep.
 */
bool cmwq2_wq_is_empty(struct cmwq2_wq *wq)
{
	unsigned long first, second;
	bool empty;

	mutex_lock(&wq->mutex);
	empty = cmwq2_look_for_items(wq, &first) && cmwq2_look_for_items(wq, &second) &&
		first == second;
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
 * While it waits, only items of @wq may queue to @wq. They may do so again and
 * again, and it waits for all of these. After 10 rounds, and after each 100 up
 * to 1000, it warns that the queue is still not empty.
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
		if (cmwq2_wq_is_empty(wq))
			break;
		if (++rounds == 10 || (rounds % 100 == 0 && rounds <= 1000))
			pr_warn("%s: not empty after %u rounds of draining\n",
				wq->name, rounds);
	}
	cmwq2_set_draining(wq, -1);
}
EXPORT_SYMBOL_GPL(cmwq2_drain_workqueue);
