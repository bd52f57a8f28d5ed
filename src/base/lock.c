// SPDX-License-Identifier: GPL-2.0
/*
 * Taking pool->lock and measuring how long it is held and waited for. lock.h calls these
 * functions only while the parameter lock_stat is Y. look/lockstat.c switches the
 * measurement on and shows the counters.
 */
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>

#include <cmwq2/ticks.h>

#include "base/lock.h"
#include "base/types.h"

DEFINE_STATIC_KEY_FALSE(cmwq2_lock_stat_key);

/*
 * X: READ_ONCE, set before the key is enabled. A hold of more ticks than this is counted
 * separately.
 */
u64 cmwq2_long_ticks;

static u64 cmwq2_ticks_since(u64 begin)
{
	return cmwq2_ticks_between(begin, cmwq2_ticks());
}

/* Take pool->lock and count it. A wait is measured only if the lock was not free. */
void cmwq2_lock_counted(struct cmwq2_pool *pool)
	__acquires(&pool->lock)
{
	struct cmwq2_lock_counters *c = &pool->lock_stat;
	u64 begin, waited;

	if (!raw_spin_trylock(&pool->lock)) {
		begin = cmwq2_ticks();
		raw_spin_lock(&pool->lock);
		waited = cmwq2_ticks_since(begin);
		c->contended++;
		c->wait += waited;
		c->wait_max = max(c->wait_max, waited);
	}
	c->acquired++;
	c->held_since = cmwq2_ticks();
}

bool cmwq2_trylock_counted(struct cmwq2_pool *pool)
{
	if (!raw_spin_trylock(&pool->lock))
		return false;
	pool->lock_stat.acquired++;
	pool->lock_stat.held_since = cmwq2_ticks();
	return true;
}

/* Must be called before pool->lock is dropped. */
void cmwq2_unlock_counted(struct cmwq2_pool *pool)
{
	struct cmwq2_lock_counters *c = &pool->lock_stat;
	u64 held;

	if (!c->held_since)
		return;
	held = cmwq2_ticks_since(c->held_since);
	c->held_since = 0;
	c->held += held;
	c->held_max = max(c->held_max, held);
	if (unlikely(held > READ_ONCE(cmwq2_long_ticks))) {
		c->long_holds++;
		c->long_held += held;
	}
}

/* See cmwq2_pick_counted(). */
void __cmwq2_pick_counted(struct cmwq2_pool *pool, u64 begin)
{
	u64 took = cmwq2_ticks_since(begin);

	if (unlikely(took > READ_ONCE(cmwq2_long_ticks)))
		return;
	pool->lock_stat.picks++;
	pool->lock_stat.pick += took;
}
