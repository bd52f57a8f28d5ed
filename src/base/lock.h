/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking pool->lock, and measuring what it costs while the parameter lock_stat
 * is Y. While it is N and no pool has an inbox, this is the bare lock behind a static key.
 *
 * The hold time is measured from the lock to the unlock. Each of the two checks the key
 * on its own. If the key was enabled in between, held_since is 0, and the unlock counts
 * nothing.
 *
 * A pool with CMWQ2_POOL_INBOX may have items in its inbox, see lab/policy/inbox.h. Whoever
 * takes its lock moves them to the worklist first. So nobody who has the lock has to know of
 * the inbox. Whoever drops the lock looks into the inbox afterwards. The functions for that
 * are in inbox.c. Take pool->lock only by the functions in this file.
 */
#ifndef CMWQ2_LOCK_H
#define CMWQ2_LOCK_H

#include <linux/irqflags.h>
#include <linux/jump_label.h>
#include <linux/lockdep.h>
#include <linux/spinlock.h>

#include <cmwq2/ticks.h>

#include "base/types.h"
#include "base/wake_list.h"

DECLARE_STATIC_KEY_FALSE(cmwq2_lock_key);	/* one of the two others is enabled */
DECLARE_STATIC_KEY_FALSE(cmwq2_lock_stat_key);
DECLARE_STATIC_KEY_FALSE(cmwq2_inbox_key);	/* a pool has an inbox, or has had one */
extern u64 cmwq2_long_ticks;

/* What the core does for inbox.c, which may not call it. */
struct cmwq2_inbox_ops {
	/* Moves all items from the inbox to the worklist, and kicks. pool->lock held. */
	void	(*empty)(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl);
	void	(*wake)(struct cmwq2_wake_list *wl);
};

extern const struct cmwq2_inbox_ops *cmwq2_inbox_ops;

void cmwq2_inbox_locked(struct cmwq2_pool *pool);
void cmwq2_inbox_look(struct cmwq2_pool *pool);
void cmwq2_inbox_unlock(struct cmwq2_pool *pool);

void cmwq2_lock_key_set(struct static_key_false *key, bool on);
void cmwq2_lock_with_key(struct cmwq2_pool *pool);
bool cmwq2_trylock_with_key(struct cmwq2_pool *pool);
void cmwq2_unlock_with_key(struct cmwq2_pool *pool);
void cmwq2_unlock_irq_with_key(struct cmwq2_pool *pool);
void cmwq2_unlock_irqrestore_with_key(struct cmwq2_pool *pool, unsigned long flags);
bool __cmwq2_trylock_with_key(struct cmwq2_pool *pool);
void __cmwq2_unlock_with_key(struct cmwq2_pool *pool);
void __cmwq2_pick_counted(struct cmwq2_pool *pool, u64 begin);

/* The time now, at which a measured section begins, or 0 if lock_stat is N. */
static inline u64 cmwq2_count_from(void)
{
	return static_branch_unlikely(&cmwq2_lock_stat_key) ? cmwq2_ticks() : 0;
}

/*
 * Count the pick of a worker. @begin is what cmwq2_count_from() returned before the pick.
 * Context: pool->lock held.
 */
static inline void cmwq2_pick_counted(struct cmwq2_pool *pool, u64 begin)
{
	if (unlikely(begin))
		__cmwq2_pick_counted(pool, begin);
}

/* Context: interrupts off, which cmwq2_lock_key_set() relies on. */
static inline void cmwq2_pool_lock(struct cmwq2_pool *pool)
	__acquires(&pool->lock)
{
	lockdep_assert_irqs_disabled();
	if (static_branch_unlikely(&cmwq2_lock_key))
		cmwq2_lock_with_key(pool);
	else
		raw_spin_lock(&pool->lock);
}

static inline bool cmwq2_pool_trylock(struct cmwq2_pool *pool)
{
	if (static_branch_unlikely(&cmwq2_lock_key))
		return cmwq2_trylock_with_key(pool);
	return raw_spin_trylock(&pool->lock);
}

static inline void cmwq2_pool_lock_irq(struct cmwq2_pool *pool)
	__acquires(&pool->lock)
{
	local_irq_disable();
	cmwq2_pool_lock(pool);
}

#define cmwq2_pool_lock_irqsave(pool, flags)	\
	do {					\
		local_irq_save(flags);		\
		cmwq2_pool_lock(pool);		\
	} while (0)

static inline void cmwq2_pool_unlock(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	if (static_branch_unlikely(&cmwq2_lock_key))
		cmwq2_unlock_with_key(pool);
	else
		raw_spin_unlock(&pool->lock);
}

static inline void cmwq2_pool_unlock_irq(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	if (static_branch_unlikely(&cmwq2_lock_key))
		cmwq2_unlock_irq_with_key(pool);
	else
		raw_spin_unlock_irq(&pool->lock);
}

static inline void cmwq2_pool_unlock_irqrestore(struct cmwq2_pool *pool, unsigned long flags)
	__releases(&pool->lock)
{
	if (static_branch_unlikely(&cmwq2_lock_key))
		cmwq2_unlock_irqrestore_with_key(pool, flags);
	else
		raw_spin_unlock_irqrestore(&pool->lock, flags);
}

#endif /* CMWQ2_LOCK_H */
