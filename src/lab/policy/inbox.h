/* SPDX-License-Identifier: GPL-2.0 */
/*
 * inbox: whether an enqueue waits for the lock of an unbound pool.
 *
 * Mainline takes pool->lock for each enqueue. In a flood of short items all producers and
 * workers of a pool that CPUs share wait for it. With inbox=on an enqueue that finds the
 * lock taken puts its item into a lock-free list, the inbox, and returns. Whoever has the
 * lock moves the items to the worklist, when it takes the lock and after it has dropped it.
 * Then max_active, the color and the kick are decided as in an enqueue. The items of one
 * producer stay in their order.
 *
 * So an item is queued when cmwq2_queue_work() returns: whoever takes the lock to look for
 * it, such as a flush, a cancel or a drain, has moved it to the worklist by then. While an
 * item is in an inbox, or is about to be put there, its data word names its pwq, and
 * @entry.prev is NULL, see cmwq2_work_is_posted().
 *
 * An item in an inbox holds no reference to its pwq. So if a pwq whose pool has an inbox is
 * replaced, it keeps the references of its slots until all enqueues that found it there
 * are over, see cmwq2_wait_for_posts(). Whoever drops them takes the lock, and so empties the
 * inbox first. Ordered queues do not use the inbox. They run one item at a time, so there is
 * no flood to speed up, and their newer pwqs wait until the older ones are gone.
 *
 * The kick of such an item is made by the CPU that moves it. pick=local and pick=predict take
 * that CPU for the enqueuing one.
 *
 * Sources: the task lists of io_uring (mpscq.h in v7.3) and flat combining, in which the
 * holder of a lock does the work of those who wait for it.
 */
#ifndef CMWQ2_POLICY_INBOX_H
#define CMWQ2_POLICY_INBOX_H

#include <linux/compiler.h>

#include "base/lock.h"
#include "base/types.h"

enum cmwq2_inbox {
	CMWQ2_INBOX_OFF,
	CMWQ2_INBOX_ON,
};

#define cmwq2_inbox_about	"Whether an enqueue waits for the lock of an unbound pool"
#define cmwq2_inbox_default	CMWQ2_INBOX_OFF
#define cmwq2_inbox_changed	cmwq2_inbox_apply
#define cmwq2_inbox_pools	CMWQ2_IN_UNBOUND_POOLS
#define cmwq2_inbox_unsafe	"none"
#define cmwq2_inbox_values(value)						\
	value("off", CMWQ2_INBOX_OFF, "it does, as in mainline")		\
	value("on", CMWQ2_INBOX_ON,						\
	      "no: it leaves its item to the holder of the lock, unless the queue is ordered")

/*
 * Nobody looks at a pool's flag before the first inbox is wanted: a static key makes that
 * free. When this returns, every context that took a lock without such a look has dropped
 * it. A key cannot be enabled under a lock that spins. Context: may sleep,
 * cpus_read_lock() held, before @policy is given to a pool.
 */
static inline void cmwq2_inbox_before(const struct cmwq2_pool_policy *policy)
{
	if (policy->inbox != CMWQ2_INBOX_OFF)
		cmwq2_lock_key_set(&cmwq2_inbox_key, true);
}

/*
 * Once a pool has an inbox, whoever has its lock looks there for ever. So switching the
 * policy off waits for no enqueue that saw it on. The barrier makes an enqueue that sees it
 * on also see that those who had the lock before, and do not look, have dropped it:
 * litmus/inbox-open. Context: pool->lock held.
 */
static inline void cmwq2_inbox_apply(struct cmwq2_pool *pool)
{
	if (pool->cpu >= 0 || pool->policy.inbox == CMWQ2_INBOX_OFF) {
		WRITE_ONCE(pool->inbox_state, CMWQ2_INBOX_SHUT);
		return;
	}
	WRITE_ONCE(pool->flags, pool->flags | CMWQ2_POOL_INBOX);
	smp_mb(); /* pairs with the one in cmwq2_inbox_look(), after the item is posted */
	WRITE_ONCE(pool->inbox_state, CMWQ2_INBOX_OPEN);
}

#endif /* CMWQ2_POLICY_INBOX_H */
