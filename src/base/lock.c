// SPDX-License-Identifier: GPL-2.0
/*
 * Taking pool->lock when that is more than the bare lock: measuring how long it is held and
 * waited for, while the parameter lock_stat is Y, and looking into the pool's inbox, see
 * inbox.c. lock.h calls these functions only while cmwq2_lock_key is enabled.
 * look/lockstat.c switches the measurement on and shows the counters.
 */
#include <linux/compiler.h>
#include <linux/irqflags.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>

#include <cmwq2/ticks.h>

#include "base/irqs_off.h"
#include "base/lock.h"
#include "base/types.h"

DEFINE_STATIC_KEY_FALSE(cmwq2_lock_key);
DEFINE_STATIC_KEY_FALSE(cmwq2_lock_stat_key);
DEFINE_STATIC_KEY_FALSE(cmwq2_inbox_key);

static DEFINE_MUTEX(cmwq2_lock_key_mutex);

/*
 * X: READ_ONCE, set before the key is enabled. A hold of more ticks than this is counted
 * separately.
 */
u64 cmwq2_long_ticks;

static u64 cmwq2_ticks_since(u64 begin)
{
	return cmwq2_ticks_between(begin, cmwq2_ticks());
}

/**
 * cmwq2_lock_key_set - switch what taking pool->lock does besides
 * @key: cmwq2_lock_stat_key or cmwq2_inbox_key
 * @on: whether the key is to be enabled
 *
 * A context reads cmwq2_lock_key before it takes a lock, with interrupts off. So when this
 * returns, every context that has seen the key's old value has dropped its lock:
 * litmus/lock-stat.
 *
 * Context: may sleep, cpus_read_lock() held.
 */
void cmwq2_lock_key_set(struct static_key_false *key, bool on)
{
	mutex_lock(&cmwq2_lock_key_mutex);
	if (on == static_key_enabled(key))
		goto unlock;
	if (on) {
		static_branch_enable_cpuslocked(key);
		static_branch_enable_cpuslocked(&cmwq2_lock_key);
	} else {
		static_branch_disable_cpuslocked(key);
		if (!static_key_enabled(&cmwq2_lock_stat_key) &&
		    !static_key_enabled(&cmwq2_inbox_key))
			static_branch_disable_cpuslocked(&cmwq2_lock_key);
	}
	cmwq2_wait_irqs_off();
unlock:
	mutex_unlock(&cmwq2_lock_key_mutex);
}

/* Take pool->lock and count it. A wait is measured only if the lock was not free. */
static void cmwq2_lock_counted(struct cmwq2_pool *pool)
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

static bool cmwq2_trylock_counted(struct cmwq2_pool *pool)
{
	if (!raw_spin_trylock(&pool->lock))
		return false;
	pool->lock_stat.acquired++;
	pool->lock_stat.held_since = cmwq2_ticks();
	return true;
}

/* Must be called before pool->lock is dropped. */
static void cmwq2_count_unlock(struct cmwq2_pool *pool)
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

/* Whether the lock's holder has to look into an inbox. Context: pool->lock held. */
static bool cmwq2_has_inbox(struct cmwq2_pool *pool)
{
	return static_branch_unlikely(&cmwq2_inbox_key) && pool->flags & CMWQ2_POOL_INBOX;
}

void cmwq2_lock_with_key(struct cmwq2_pool *pool)
	__acquires(&pool->lock)
{
	if (static_branch_unlikely(&cmwq2_lock_stat_key))
		cmwq2_lock_counted(pool);
	else
		raw_spin_lock(&pool->lock);
	if (cmwq2_has_inbox(pool))
		cmwq2_inbox_locked(pool);
}

/* The lock alone. The caller has to look into the inbox. */
bool __cmwq2_trylock_with_key(struct cmwq2_pool *pool)
{
	if (static_branch_unlikely(&cmwq2_lock_stat_key))
		return cmwq2_trylock_counted(pool);
	return raw_spin_trylock(&pool->lock);
}

bool cmwq2_trylock_with_key(struct cmwq2_pool *pool)
{
	if (!__cmwq2_trylock_with_key(pool))
		return false;
	if (cmwq2_has_inbox(pool))
		cmwq2_inbox_locked(pool);
	return true;
}

/* The lock alone. The caller has to look into the inbox. */
void __cmwq2_unlock_with_key(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	if (static_branch_unlikely(&cmwq2_lock_stat_key))
		cmwq2_count_unlock(pool);
	raw_spin_unlock(&pool->lock);
}

/* Context: pool->lock held, interrupts off. */
void cmwq2_unlock_with_key(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	if (cmwq2_has_inbox(pool))
		cmwq2_inbox_unlock(pool);
	else
		__cmwq2_unlock_with_key(pool);
}

/* Preemption stays off until interrupts are on, because only then can the task be preempted. */
void cmwq2_unlock_irq_with_key(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	preempt_disable();
	cmwq2_unlock_with_key(pool);
	local_irq_enable();
	preempt_enable();
}

void cmwq2_unlock_irqrestore_with_key(struct cmwq2_pool *pool, unsigned long flags)
	__releases(&pool->lock)
{
	preempt_disable();
	cmwq2_unlock_with_key(pool);
	local_irq_restore(flags);
	preempt_enable();
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
