// SPDX-License-Identifier: GPL-2.0
/*
 * Taking items back: cancel, disable, enable.
 *
 * Whoever cancels takes PENDING over from wherever the item is. Disabling
 * raises a depth in the data word, and an item with a depth above 0 cannot be
 * queued. A synchronous cancel disables the item for as long as it waits.
 * tools/model/line.pml models which items a cancel makes runnable: change both.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/rculist.h>
#include <linux/timer.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/debugobj.h"
#include "base/lock.h"
#include "base/misuse.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "base/work.h"
#include "core/active.h"
#include "core/kick.h"
#include "core/process.h"
#include "lab/point.h"
#include "lab/policy/wake.h"
#include "wait/barrier.h"
#include "wait/cancel.h"

/*
 * Barriers that wait for a pending item stand behind it. If the item is cancelled, they
 * must not wait any longer for a slot of max_active, but they must still wait for an
 * earlier run of the item, if there is one. A plugged pwq starts them after the items of
 * the older pwqs, one of which may be that run. Returns whether the pool is owed a kick.
 */
static bool cmwq2_free_barriers(struct cmwq2_pwq *pwq, struct cmwq2_work *work,
				unsigned long data)
{
	struct cmwq2_worker *busy;

	if (!(data & CMWQ2_WORK_LINKED) || unlikely(pwq->plugged))
		return false;
	busy = cmwq2_find_executing(pwq->pool, work);
	if (busy) {
		cmwq2_move_linked(work, &busy->scheduled, NULL);
		return false;
	}
	return (data & CMWQ2_WORK_INACTIVE) && cmwq2_make_runnable(pwq->pool, work);
}

/*
 * The pool in which a run of an item that was pending in @pwq may still be going on:
 * whoever waits for the item looks there. Of an ordered queue only the oldest pwq runs
 * items, and the item may have been enqueued again on a newer one meanwhile.
 */
static struct cmwq2_pool *cmwq2_running_in(struct cmwq2_pwq *pwq)
{
	struct cmwq2_pwq *oldest;

	if (likely(!pwq->plugged))
		return pwq->pool;
	oldest = list_first_or_null_rcu(&pwq->wq->pwqs, struct cmwq2_pwq, pwqs_node);
	return oldest ? oldest->pool : pwq->pool;
}

/* Take @work off the list it is on. Keeps PENDING. Context: interrupts off. */
static void cmwq2_unqueue(struct cmwq2_work *work, struct cmwq2_pwq *pwq, unsigned long data,
			  struct cmwq2_wake_list *wl)
{
	struct cmwq2_pool *pool = pwq->pool;
	bool owed = cmwq2_free_barriers(pwq, work, data);

	list_del_init(&work->entry);
	if ((data & CMWQ2_WORK_INACTIVE) && list_empty(&pwq->inactive))
		cmwq2_pwq_leave_line(pwq);
	cmwq2_debug_deactivate(work);

	/* Before the pwq may go away. INACTIVE stays in @data, because the item has no slot. */
	cmwq2_work_off_queue(work, cmwq2_pool_bits(cmwq2_running_in(pwq)), 0);
	owed |= cmwq2_pwq_dec_in_flight(pwq, data);
	/* The canceller is no worker of the pool, and no worker need be awake. */
	if (owed)
		cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, wl);
}

/*
 * Make one attempt. Returns 1 if the item was pending and 0 if it was idle; in
 * both cases the caller owns it now. -EAGAIN: somebody is just moving the item.
 */
static int cmwq2_try_grab(struct cmwq2_work *work, bool delayed)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);
	struct cmwq2_pool *pool;
	struct cmwq2_pwq *pwq;
	unsigned long data;
	int ret = -EAGAIN;

	/* A timer that has not fired yet leaves PENDING to us. */
	if (delayed && timer_delete(&container_of(work, struct cmwq2_delayed_work, work)->timer))
		return 1;
	if (cmwq2_work_take(work))
		return 0;

	/* As interrupts are off, RCU keeps the pool and the tasks that are woken. */
	pool = cmwq2_work_pool(work);
	if (!pool)
		return ret;
	cmwq2_pool_lock(pool);
	/*
	 * An item is put on, moved between and taken off a pwq's lists under the lock of
	 * that pwq's pool. If it points to a pwq of the pool we locked, it is queued there
	 * and stays there: litmus/work-grab. Only an item that is just being posted is on
	 * no list.
	 */
	data = cmwq2_work_data(work);
	if (likely(data & CMWQ2_WORK_PWQ)) {
		pwq = cmwq2_queued_pwq(data);
		if (likely(pwq->pool == pool && !cmwq2_work_is_posted(work))) {
			cmwq2_unqueue(work, pwq, data, &wl);
			ret = 1;
		}
	}
	cmwq2_pool_unlock(pool);
	/* Few items make way for others when they are cancelled. */
	if (unlikely(wl.nr))
		cmwq2_wake_up(&wl);
	return ret;
}

/**
 * cmwq2_grab_pending - take PENDING of an item, wherever it is
 * @work: item
 * @delayed: whether it is part of a struct cmwq2_delayed_work
 * @irqflags: interrupt state for the caller to restore when it lets the item go
 *
 * Whoever holds PENDING of an item that is on no list has interrupts off, so
 * the wait is short.
 *
 * Context: any but NMI. Returns with interrupts off.
 * Return: whether the item was pending.
 */
bool cmwq2_grab_pending(struct cmwq2_work *work, bool delayed, unsigned long *irqflags)
{
	int ret;

	for (;;) {
		local_irq_save(*irqflags);
		ret = cmwq2_try_grab(work, delayed);
		if (ret >= 0)
			return ret;
		local_irq_restore(*irqflags);
		cmwq2_point(CMWQ2_POINT_GRAB_BUSY, NULL);
		cpu_relax();
	}
}

/*
 * Grab the item, change its disable depth by @by, and let it go idle. Returns the new depth.
 * Inline, because a cancel, whose @by is 0, needs little of it.
 */
static __always_inline int cmwq2_grab_and_release(struct cmwq2_work *work, bool delayed, int by,
						  bool *pending)
{
	unsigned long data, flags;
	int depth;

	*pending = cmwq2_grab_pending(work, delayed, &flags);
	cmwq2_point(CMWQ2_POINT_GRABBED, NULL);

	data = cmwq2_work_data(work);
	depth = cmwq2_data_disable(data) + by;
	if (WARN_ONCE(depth < 0 || depth >= BIT(CMWQ2_WORK_DISABLE_BITS),
		      "%ps: disable depth out of range\n", work->func))
		depth -= by;
	cmwq2_work_release(work, data & CMWQ2_WORK_POOL_MASK, depth);
	local_irq_restore(flags);
	return depth;
}

static bool cmwq2_cancel(struct cmwq2_work *work, bool delayed)
{
	bool pending;

	cmwq2_grab_and_release(work, delayed, 0, &pending);
	return pending;
}

static bool cmwq2_disable(struct cmwq2_work *work, bool delayed)
{
	bool pending;

	cmwq2_grab_and_release(work, delayed, 1, &pending);
	return pending;
}

/*
 * Wait for a run of a disabled item. As nobody can queue the item, its word
 * stays off-queue, and if the item is running, it is in the pool that the word
 * names.
 */
static void cmwq2_wait_cancelled(struct cmwq2_work *work)
{
	if (cmwq2_data_is_bh(cmwq2_work_data(work)))
		WARN_ON_ONCE(in_hardirq());
	else
		might_sleep();
	cmwq2_wait_for_work(work, true);
}

static bool cmwq2_disable_sync(struct cmwq2_work *work, bool delayed)
{
	bool pending = cmwq2_disable(work, delayed);

	cmwq2_wait_cancelled(work);
	return pending;
}

/* This takes the item back, too: enabling an item too often cancels it, as in mainline. */
static bool cmwq2_enable(struct cmwq2_work *work, bool delayed)
{
	bool pending;

	return !cmwq2_grab_and_release(work, delayed, -1, &pending);
}

static bool cmwq2_cancel_sync(struct cmwq2_work *work, bool delayed)
{
	bool pending = cmwq2_disable_sync(work, delayed);

	cmwq2_enable(work, delayed);
	return pending;
}

/**
 * cmwq2_cancel_work - cancel an item without waiting for a run of it
 * @work: item
 *
 * Context: any but NMI.
 * Return: whether it was pending.
 */
bool cmwq2_cancel_work(struct cmwq2_work *work)
{
	return cmwq2_cancel(work, false);
}
EXPORT_SYMBOL_GPL(cmwq2_cancel_work);

/**
 * cmwq2_cancel_work_sync - cancel an item and wait for a run of it
 * @work: item, which must not be used if its function has freed it
 *
 * While it waits nobody can queue the item, not even the item itself.
 * Afterwards the item is idle, unless somebody queued it again after the wait.
 *
 * Context: process, may sleep. If the item was last on a BH queue, it spins
 * instead. Then softirq and atomic context with interrupts on are allowed, too,
 * but not an item of that queue. On PREEMPT_RT preemption must be on, because it
 * takes a lock there that lends the item's thread the caller's priority.
 * Return: whether it was pending.
 */
bool cmwq2_cancel_work_sync(struct cmwq2_work *work)
{
	return cmwq2_cancel_sync(work, false);
}
EXPORT_SYMBOL_GPL(cmwq2_cancel_work_sync);

/**
 * cmwq2_cancel_delayed_work - as cmwq2_cancel_work(), for a delayed item
 * @dwork: item
 *
 * Context: any but NMI.
 * Return: whether it was pending, in its delay or queued.
 */
bool cmwq2_cancel_delayed_work(struct cmwq2_delayed_work *dwork)
{
	return cmwq2_cancel(&dwork->work, true);
}
EXPORT_SYMBOL_GPL(cmwq2_cancel_delayed_work);

/**
 * cmwq2_cancel_delayed_work_sync - as cmwq2_cancel_work_sync(), for a delayed item
 * @dwork: item
 *
 * Context: as cmwq2_cancel_work_sync().
 * Return: whether it was pending, in its delay or queued.
 */
bool cmwq2_cancel_delayed_work_sync(struct cmwq2_delayed_work *dwork)
{
	return cmwq2_cancel_sync(&dwork->work, true);
}
EXPORT_SYMBOL_GPL(cmwq2_cancel_delayed_work_sync);

/**
 * cmwq2_disable_work - cancel an item and refuse its queueing from now on
 * @work: item
 *
 * Disabling nests up to 65535 deep.
 *
 * Context: any but NMI.
 * Return: whether it was pending.
 */
bool cmwq2_disable_work(struct cmwq2_work *work)
{
	return cmwq2_disable(work, false);
}
EXPORT_SYMBOL_GPL(cmwq2_disable_work);

/**
 * cmwq2_disable_work_sync - as cmwq2_disable_work(), and wait for a run of it
 * @work: item
 *
 * Context: as cmwq2_cancel_work_sync().
 * Return: whether it was pending.
 */
bool cmwq2_disable_work_sync(struct cmwq2_work *work)
{
	return cmwq2_disable_sync(work, false);
}
EXPORT_SYMBOL_GPL(cmwq2_disable_work_sync);

/**
 * cmwq2_enable_work - undo one cmwq2_disable_work()
 * @work: item
 *
 * Context: any but NMI.
 * Return: whether the item can be queued again.
 */
bool cmwq2_enable_work(struct cmwq2_work *work)
{
	return cmwq2_enable(work, false);
}
EXPORT_SYMBOL_GPL(cmwq2_enable_work);

/**
 * cmwq2_disable_delayed_work - as cmwq2_disable_work(), for a delayed item
 * @dwork: item
 *
 * Context: any but NMI.
 * Return: whether it was pending, in its delay or queued.
 */
bool cmwq2_disable_delayed_work(struct cmwq2_delayed_work *dwork)
{
	return cmwq2_disable(&dwork->work, true);
}
EXPORT_SYMBOL_GPL(cmwq2_disable_delayed_work);

/**
 * cmwq2_disable_delayed_work_sync - as cmwq2_disable_work_sync(), for a delayed item
 * @dwork: item
 *
 * Context: as cmwq2_cancel_work_sync().
 * Return: whether it was pending, in its delay or queued.
 */
bool cmwq2_disable_delayed_work_sync(struct cmwq2_delayed_work *dwork)
{
	return cmwq2_disable_sync(&dwork->work, true);
}
EXPORT_SYMBOL_GPL(cmwq2_disable_delayed_work_sync);

/**
 * cmwq2_enable_delayed_work - undo one cmwq2_disable_delayed_work()
 * @dwork: item
 *
 * Context: any but NMI.
 * Return: whether the item can be queued again.
 */
bool cmwq2_enable_delayed_work(struct cmwq2_delayed_work *dwork)
{
	return cmwq2_enable(&dwork->work, true);
}
EXPORT_SYMBOL_GPL(cmwq2_enable_delayed_work);

static void cmwq2_devm_drop(void *work)
{
	cmwq2_cancel_work_sync(work);
}

static void cmwq2_devm_drop_delayed(void *dwork)
{
	cmwq2_cancel_delayed_work_sync(dwork);
}

/**
 * cmwq2_devm_cancel_work - have an item cancelled when a driver is unbound
 * @dev: device of the driver
 * @work: initialised item; cmwq2_devm_work_autocancel() initialises one first
 *
 * Context: process, may sleep, GFP_KERNEL.
 * Return: 0, -EINVAL without a device, or -ENOMEM.
 */
int cmwq2_devm_cancel_work(struct device *dev, struct cmwq2_work *work)
{
	if (cmwq2_is_missing(dev))
		return -EINVAL;
	return devm_add_action(dev, cmwq2_devm_drop, work);
}
EXPORT_SYMBOL_GPL(cmwq2_devm_cancel_work);

/**
 * cmwq2_devm_cancel_delayed_work - as cmwq2_devm_cancel_work(), for a delayed item
 * @dev: device of the driver
 * @dwork: initialised item
 *
 * Context: process, may sleep, GFP_KERNEL.
 * Return: 0, -EINVAL without a device, or -ENOMEM.
 */
int cmwq2_devm_cancel_delayed_work(struct device *dev, struct cmwq2_delayed_work *dwork)
{
	if (cmwq2_is_missing(dev))
		return -EINVAL;
	return devm_add_action(dev, cmwq2_devm_drop_delayed, dwork);
}
EXPORT_SYMBOL_GPL(cmwq2_devm_cancel_delayed_work);
