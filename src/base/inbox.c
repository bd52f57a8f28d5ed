// SPDX-License-Identifier: GPL-2.0
/*
 * When the inboxes of pools are emptied: whenever pool->lock is taken, and after it was
 * dropped. lock.c calls these functions only for pools with CMWQ2_POOL_INBOX. For the idea
 * see lab/policy/inbox.h. core/queue.c puts items into an inbox and takes them out.
 *
 * tools/model/inbox.pml models this file: change both.
 */
#include <linux/export.h>
#include <linux/llist.h>
#include <linux/spinlock.h>

#include "base/lock.h"
#include "base/types.h"
#include "base/wake_list.h"

/* How often one context empties the same inbox before it lets the enqueues wait. */
#define CMWQ2_INBOX_ROUNDS	8

const struct cmwq2_inbox_ops *cmwq2_inbox_ops;	/* I: set before the first pool */

/*
 * Empty the inbox after pool->lock was taken. Workers that are picked here are woken under
 * the lock, as with wake=locked, because the caller has no wake list.
 *
 * Context: pool->lock held.
 */
void cmwq2_inbox_locked(struct cmwq2_pool *pool)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);

	if (llist_empty(&pool->inbox))
		return;
	cmwq2_inbox_ops->empty(pool, &wl);
	cmwq2_inbox_ops->wake(&wl);
}

/**
 * cmwq2_inbox_look - empty a pool's inbox unless another context has the lock
 * @pool: pool
 *
 * It is called after pool->lock was dropped, and after an item was put into the inbox. If
 * the lock is taken, its holder does the same later. The barrier orders the unlock, or the
 * new item, before the look at the other one. So an item that came while the lock was
 * held is seen by its holder or by its enqueue: litmus/inbox-look.
 *
 * Other CPUs may fill the inbox as fast as this empties it, and interrupts are off. So
 * after some rounds enqueues have to take the lock, for which they wait in turn.
 * The next holder of the lock opens the inbox again.
 *
 * Context: interrupts off, which is an RCU read-side section for the pool and for the tasks
 * that are woken; pool->lock not held.
 */
void cmwq2_inbox_look(struct cmwq2_pool *pool)
{
	int rounds = 0;

	smp_mb(); /* pairs with the one of the other context: litmus/inbox-look */
	while (!llist_empty(&pool->inbox) && __cmwq2_trylock_with_key(pool)) {
		CMWQ2_DEFINE_WAKE_LIST(wl);

		cmwq2_inbox_ops->empty(pool, &wl);
		if (++rounds >= CMWQ2_INBOX_ROUNDS && pool->inbox_state == CMWQ2_INBOX_OPEN)
			WRITE_ONCE(pool->inbox_state, CMWQ2_INBOX_FULL);
		__cmwq2_unlock_with_key(pool);
		cmwq2_inbox_ops->wake(&wl);
		smp_mb(); /* after this unlock: litmus/inbox-look */
	}
}
EXPORT_SYMBOL_GPL(cmwq2_inbox_look);

/* Context: pool->lock held, interrupts off. */
void cmwq2_inbox_unlock(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	if (unlikely(pool->inbox_state == CMWQ2_INBOX_FULL))
		WRITE_ONCE(pool->inbox_state, CMWQ2_INBOX_OPEN);
	__cmwq2_unlock_with_key(pool);
	cmwq2_inbox_look(pool);
}
