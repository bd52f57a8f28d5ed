/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lock of a pool, for a test that reads what the lock protects. It is not counted in the
 * statistics of the lock.
 */
#ifndef CMWQ2_KUNIT_LOCKED_H
#define CMWQ2_KUNIT_LOCKED_H

#include <linux/irqflags.h>
#include <linux/spinlock.h>

#include "base/lock.h"
#include "base/types.h"

static inline void tw_pool_lock(struct cmwq2_pool *pool)
	__acquires(&pool->lock)
{
	raw_spin_lock_irq(&pool->lock);
}

/* Meanwhile an enqueue may have left its item in the inbox, as with any holder of the lock. */
static inline void tw_pool_unlock(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	raw_spin_unlock(&pool->lock);
	cmwq2_inbox_look(pool);
	local_irq_enable();
}

#endif /* CMWQ2_KUNIT_LOCKED_H */
