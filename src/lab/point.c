// SPDX-License-Identifier: GPL-2.0
/*
 * Named points at which a test holds one context while it drives another.
 *
 * A point that is not in use is a jump that is patched out. enum cmwq2_point
 * says what each point is and what its callback may do.
 */
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include <cmwq2/control.h>

#include "base/types.h"
#include "lab/point.h"

DEFINE_STATIC_KEY_FALSE(cmwq2_points_on);

/* Serialises setting and clearing. The innermost lock but for those of static keys. */
static DEFINE_MUTEX(cmwq2_point_mutex);

/**
 * struct cmwq2_point_slot - what happens at one point
 * @fn: function to call, or NULL; set last and read first
 * @arg: argument of @fn
 * @inside: contexts that may be in @fn; incremented before @fn is read
 */
struct cmwq2_point_slot {
	cmwq2_point_fn	fn;
	void		*arg;
	atomic_t	inside;
};

static struct cmwq2_point_slot cmwq2_point_slots[CMWQ2_POINT_NR];

/* The points where the callback may sleep. At all others it must spin. */
static const bool cmwq2_point_sleeps[CMWQ2_POINT_NR] = {
	[CMWQ2_POINT_WOKEN]	= true,
	[CMWQ2_POINT_CULLED]	= true,
	[CMWQ2_POINT_POOL_STOP]	= true,
	[CMWQ2_POINT_UNBIND]	= true,
	[CMWQ2_POINT_RESCUE]	= true,
	[CMWQ2_POINT_COLORING]	= true,
	[CMWQ2_POINT_FLUSHED]	= true,
	[CMWQ2_POINT_DRAINING]	= true,
	[CMWQ2_POINT_HOMELESS]	= true,
};

/* Context: that of the point. */
void cmwq2_point_hit(enum cmwq2_point point, struct cmwq2_pool *pool, struct task_struct *task)
{
	struct cmwq2_point_slot *slot = &cmwq2_point_slots[point];
	struct cmwq2_point_hit hit = {
		.point = point,
		.may_sleep = cmwq2_point_sleeps[point],
		.pool = pool,
		.task = task,
	};
	cmwq2_point_fn fn;

	might_sleep_if(hit.may_sleep);
	atomic_inc(&slot->inside);
	/* Pairs with smp_mb() in cmwq2_point_clear(), one sees the other: litmus/point-clear. */
	smp_mb__after_atomic();
	/* Pairs with smp_store_release() in cmwq2_point_set(), for @arg: litmus/point-set. */
	fn = smp_load_acquire(&slot->fn);
	if (fn)
		fn(&hit, slot->arg);
	/* Pairs with atomic_read_acquire() in cmwq2_point_clear(): litmus/point-done. */
	atomic_dec_return_release(&slot->inside);
}

static struct cmwq2_point_slot *cmwq2_point_slot(enum cmwq2_point point)
{
	if ((unsigned int)point < CMWQ2_POINT_NR)
		return &cmwq2_point_slots[point];
	pr_err("point %d: allowed: 0 to %d\n", point, CMWQ2_POINT_NR - 1);
	return NULL;
}

/**
 * cmwq2_point_set - have a function called at a point
 * @point: which point
 * @fn: called each time a context gets there, in that context; must return in
 *	bounded time, and may sleep only if the point allows it
 * @arg: argument of @fn
 *
 * Context: process, may sleep; takes the lock that keeps CPUs from going down.
 * Return: 0; -EINVAL for an unknown point or no function; -EBUSY for a point
 * that is already set. Both errors come with a message.
 */
int cmwq2_point_set(enum cmwq2_point point, cmwq2_point_fn fn, void *arg)
{
	struct cmwq2_point_slot *slot = cmwq2_point_slot(point);
	int ret = 0;

	if (!slot)
		return -EINVAL;
	if (!fn) {
		pr_err("point %d: the function is NULL: allowed: a function to call\n", point);
		return -EINVAL;
	}

	mutex_lock(&cmwq2_point_mutex);
	if (slot->fn) {
		pr_err("point %d: has a function already: allowed: one at a time\n", point);
		ret = -EBUSY;
	} else {
		slot->arg = arg;
		/* Pairs with smp_load_acquire() in cmwq2_point_hit(): litmus/point-set. */
		smp_store_release(&slot->fn, fn);
		static_branch_inc(&cmwq2_points_on);
	}
	mutex_unlock(&cmwq2_point_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_point_set);

/**
 * cmwq2_point_clear - stop calling a function at a point
 * @point: which point; nothing happens if it is not set
 *
 * Waits until no context is in the function, which can then go away.
 *
 * Context: process, may sleep; not where the function waits for the caller.
 * Return: 0, or -EINVAL for an unknown point with a message.
 */
int cmwq2_point_clear(enum cmwq2_point point)
{
	struct cmwq2_point_slot *slot = cmwq2_point_slot(point);

	if (!slot)
		return -EINVAL;

	mutex_lock(&cmwq2_point_mutex);
	if (slot->fn) {
		WRITE_ONCE(slot->fn, NULL);
		/* Pairs with smp_mb__after_atomic() in cmwq2_point_hit(): litmus/point-clear. */
		smp_mb();
		/* A point may be hit with a runqueue locked, so it cannot wake us: poll. */
		while (atomic_read_acquire(&slot->inside))
			schedule_timeout_uninterruptible(1);
		static_branch_dec(&cmwq2_points_on);
	}
	mutex_unlock(&cmwq2_point_mutex);
	return 0;
}
EXPORT_SYMBOL_GPL(cmwq2_point_clear);
