/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kicking a pool: pick an idle worker, claim it, wake it.
 */
#ifndef CMWQ2_KICK_H
#define CMWQ2_KICK_H

#include <linux/lockdep.h>

#include "base/lock.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "core/scan.h"
#include "lab/policy/wake.h"

bool __cmwq2_kick_pool_pick(struct cmwq2_pool *pool, enum cmwq2_kicker who,
			    struct cmwq2_wake_list *wl);
void cmwq2_wake(struct cmwq2_pool *pool, enum cmwq2_kicker who, struct cmwq2_wake_list *wl,
		struct task_struct *task);
void cmwq2_wake_up(struct cmwq2_wake_list *wl);
void __cmwq2_unlock_irq_wake(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl);

/**
 * cmwq2_unlock_irq_wake - drop pool->lock and wake the tasks on a wake list
 * @pool: pool
 * @wl: wake list, empty afterwards
 *
 * Context: pool->lock held with interrupts off.
 */
static inline void cmwq2_unlock_irq_wake(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl)
	__releases(&pool->lock)
{
	/* Few items wake a worker when they begin, so this is inline. */
	if (likely(!wl->nr))
		cmwq2_pool_unlock_irq(pool);
	else
		__cmwq2_unlock_irq_wake(pool, wl);
}

/* cmwq2_kick_pool_pick() for a caller that knows that items are pending. */
static inline bool cmwq2_kick_pending(struct cmwq2_pool *pool, enum cmwq2_kicker who,
				      struct cmwq2_wake_list *wl)
{
	lockdep_assert_held(&pool->lock);

	if (atomic_read(&pool->nr_running) < pool->room)
		return __cmwq2_kick_pool_pick(pool, who, wl);
	cmwq2_sched_arm_scan(pool);
	return false;
}

/**
 * cmwq2_kick_pool_pick - pick and claim a worker if the pool needs one
 * @pool: pool
 * @who: where the kick comes from
 * @wl: list that receives the worker's task; the caller wakes it by
 *	cmwq2_wake_up() after it has dropped the lock. The list stays as it is if
 *	the pool's policy wakes at once for @who, or if the pool is a BH pool,
 *	which has no task
 *
 * Context: pool->lock held.
 * Return: whether a worker was picked. False is not an error: nothing is pending;
 * or enough workers are running, which the scan timer then watches; or enough of
 * them are on their way; or no worker is idle, and the manager is creating one.
 *
 * Source: kick_pool_pick() as posted on 2026-06-03 and merged for v7.3.
 */
static inline bool cmwq2_kick_pool_pick(struct cmwq2_pool *pool, enum cmwq2_kicker who,
					struct cmwq2_wake_list *wl)
{
	/* These checks are inline, because a busy pool makes them twice for each item. */
	return !list_empty(&pool->worklist) && cmwq2_kick_pending(pool, who, wl);
}

#endif /* CMWQ2_KICK_H */
