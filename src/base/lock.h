/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking pool->lock, and measuring what it costs while the parameter lock_stat
 * is Y. While it is N, this is the bare lock behind a static key.
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
#include <linux/spinlock.h>

#include <cmwq2/ticks.h>

#include "base/types.h"
#include "base/wake_list.h"

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

void cmwq2_inbox_use(void);
void cmwq2_inbox_locked(struct cmwq2_pool *pool);
void cmwq2_inbox_look(struct cmwq2_pool *pool);
void cmwq2_unlock_and_look(struct cmwq2_pool *pool);
void cmwq2_unlock_irq_and_look(struct cmwq2_pool *pool);
void cmwq2_unlock_irqrestore_and_look(struct cmwq2_pool *pool, unsigned long flags);

void cmwq2_lock_counted(struct cmwq2_pool *pool);
bool cmwq2_trylock_counted(struct cmwq2_pool *pool);
void cmwq2_unlock_counted(struct cmwq2_pool *pool);
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

/*
 * Whether the lock's holder has to look into an inbox. The key was enabled before the flag
 * was set under the lock. Context: pool->lock held.
 */
static inline bool cmwq2_has_inbox(struct cmwq2_pool *pool)
{
	return static_branch_unlikely(&cmwq2_inbox_key) && pool->flags & CMWQ2_POOL_INBOX;
}

static inline void cmwq2_pool_lock(struct cmwq2_pool *pool)
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
static inline bool __cmwq2_pool_trylock(struct cmwq2_pool *pool)
{
	if (static_branch_unlikely(&cmwq2_lock_stat_key))
		return cmwq2_trylock_counted(pool);
	return raw_spin_trylock(&pool->lock);
}

static inline bool cmwq2_pool_trylock(struct cmwq2_pool *pool)
{
	if (!__cmwq2_pool_trylock(pool))
		return false;
	if (cmwq2_has_inbox(pool))
		cmwq2_inbox_locked(pool);
	return true;
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

/* Context: pool->lock held. */
static inline void cmwq2_count_unlock(struct cmwq2_pool *pool)
{
	if (static_branch_unlikely(&cmwq2_lock_stat_key))
		cmwq2_unlock_counted(pool);
}

/* The lock alone. The caller has to look into the inbox. */
static inline void __cmwq2_pool_unlock(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	cmwq2_count_unlock(pool);
	raw_spin_unlock(&pool->lock);
}

static inline void cmwq2_pool_unlock(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	if (cmwq2_has_inbox(pool))
		cmwq2_unlock_and_look(pool);
	else
		__cmwq2_pool_unlock(pool);
}

static inline void cmwq2_pool_unlock_irq(struct cmwq2_pool *pool)
	__releases(&pool->lock)
{
	if (cmwq2_has_inbox(pool)) {
		cmwq2_unlock_irq_and_look(pool);
		return;
	}
	cmwq2_count_unlock(pool);
	raw_spin_unlock_irq(&pool->lock);
}

static inline void cmwq2_pool_unlock_irqrestore(struct cmwq2_pool *pool, unsigned long flags)
	__releases(&pool->lock)
{
	if (cmwq2_has_inbox(pool)) {
		cmwq2_unlock_irqrestore_and_look(pool, flags);
		return;
	}
	cmwq2_count_unlock(pool);
	raw_spin_unlock_irqrestore(&pool->lock, flags);
}

#endif /* CMWQ2_LOCK_H */
