/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data word of a work item and the PENDING protocol.
 *
 * PENDING is a lock: whoever turns it from 0 to 1 owns the item until it is on
 * a list. After that, PENDING is given up only under the lock of the pool whose
 * list the item is on, or right before the function runs. From taking PENDING
 * until the item is on a list interrupts stay off, so that whoever wants to
 * steal the item can spin.
 */
#ifndef CMWQ2_WORK_H
#define CMWQ2_WORK_H

#include <cmwq2/workqueue.h>

#include "base/debugobj.h"
#include "base/registry.h"
#include "base/types.h"

static inline unsigned long cmwq2_work_data(struct cmwq2_work *work)
{
	return atomic_long_read(&work->data);
}

/* The bit that every new data word inherits from the old one. */
static inline unsigned long cmwq2_work_static(struct cmwq2_work *work)
{
	/* Without debugobjects the bit is always 0, so save the load. */
	return CMWQ2_WORK_STATIC ? cmwq2_work_data(work) & CMWQ2_WORK_STATIC : 0;
}

static inline void cmwq2_work_set_data(struct cmwq2_work *work, unsigned long data)
{
	atomic_long_set(&work->data, data | cmwq2_work_static(work));
}

/* The pwq in the word of a queued item. */
static inline struct cmwq2_pwq *cmwq2_queued_pwq(unsigned long data)
{
	return (void *)(data & ~(BIT(CMWQ2_WORK_QUEUED_SHIFT) - 1));
}

static inline struct cmwq2_pwq *cmwq2_data_pwq(unsigned long data)
{
	return data & CMWQ2_WORK_PWQ ? cmwq2_queued_pwq(data) : NULL;
}

/* The pwq that @work is queued on, or NULL. Stable only under the lock of its pool. */
static inline struct cmwq2_pwq *cmwq2_work_pwq(struct cmwq2_work *work)
{
	return cmwq2_data_pwq(cmwq2_work_data(work));
}

/**
 * cmwq2_work_is_posted - whether an item is still on its way to a list
 * @work: item that cmwq2_work_pwq() has found to belong to a pwq of the locked pool
 *
 * An enqueue that finds pool->lock taken names the pwq in the data word before it puts the
 * item into the inbox. The caller's lock has emptied the inbox. So an item that is still
 * posted was put there after that, or will be soon. Its enqueue had not returned when the
 * lock was taken.
 *
 * Context: pool->lock held.
 * Return: true if it is on its way, and false if it is on a list.
 */
static inline bool cmwq2_work_is_posted(const struct cmwq2_work *work)
{
	/* Pairs with smp_wmb() in cmwq2_inbox_post(): litmus/inbox-posted. */
	smp_rmb();
	return !READ_ONCE(work->entry.prev);
}

/* The pwq of the first pending item, or NULL. Context: pool->lock held. */
static inline struct cmwq2_pwq *cmwq2_first_pwq(struct cmwq2_pool *pool)
{
	struct cmwq2_work *work = list_first_entry_or_null(&pool->worklist,
							   struct cmwq2_work, entry);

	/* A rescuer's cursor has no pwq. */
	return work ? cmwq2_work_pwq(work) : NULL;
}

static inline int cmwq2_data_color(unsigned long data)
{
	return (data >> CMWQ2_WORK_COLOR_SHIFT) & (CMWQ2_NR_COLORS - 1);
}

static inline unsigned int cmwq2_data_disable(unsigned long data)
{
	return (data >> CMWQ2_WORK_DISABLE_SHIFT) & (BIT(CMWQ2_WORK_DISABLE_BITS) - 1);
}

/* The part of an off-queue word that identifies the pool that ran the item last: id and BH. */
#define CMWQ2_WORK_POOL_MASK	(CMWQ2_WORK_NO_POOL | CMWQ2_WORK_OFFQ_BH)

static inline unsigned long cmwq2_pool_bits(const struct cmwq2_pool *pool)
{
	return pool->offq;
}

/* Whether @data is the off-queue word of an item that was last on a BH queue. */
static inline bool cmwq2_data_is_bh(unsigned long data)
{
	return (data & (CMWQ2_WORK_PWQ | CMWQ2_WORK_OFFQ_BH)) == CMWQ2_WORK_OFFQ_BH;
}

/**
 * cmwq2_work_pool - the pool where an item is queued or last ran
 * @work: item
 *
 * Context: RCU read-side section, which keeps the pool.
 * Return: the pool, or NULL if the item never ran or its pool is gone.
 */
static inline struct cmwq2_pool *cmwq2_work_pool(struct cmwq2_work *work)
{
	unsigned long data = cmwq2_work_data(work);

	RCU_LOCKDEP_WARN(!rcu_read_lock_any_held(),
			 "cmwq2: the pool of an item is used outside of an RCU read-side section");
	if (data & CMWQ2_WORK_PWQ)
		return cmwq2_queued_pwq(data)->pool;
	data &= CMWQ2_WORK_NO_POOL;
	if (data == CMWQ2_WORK_NO_POOL)
		return NULL;
	return xa_load(&cmwq2_pools, data >> CMWQ2_WORK_POOL_SHIFT);
}

/**
 * cmwq2_work_other_pool - another pool that may still be running an item
 * @work: item that the caller owns, on no list
 * @pool: pool that the item is about to go to
 *
 * Most items go to the same pool as before, which the id tells without looking
 * the pool up. If @pool is dead and its id was reused, the pwq that led to
 * @pool has no reference left, and the caller tries again.
 *
 * Context: as for cmwq2_work_pool().
 * Return: the pool where @work last ran unless that is @pool, or NULL.
 */
static inline struct cmwq2_pool *cmwq2_work_other_pool(struct cmwq2_work *work,
						       struct cmwq2_pool *pool)
{
	if (cmwq2_work_data(work) >> CMWQ2_WORK_POOL_SHIFT == pool->id)
		return NULL;
	return cmwq2_work_pool(work);
}

/* The jiffies when @work was queued for its pending run, which is less than 2^31 of them ago. */
static inline unsigned long cmwq2_work_queued_at(const struct cmwq2_work *work)
{
	return jiffies - (u32)((u32)jiffies - READ_ONCE(work->queued_jiffies));
}

/* Take PENDING. Fully ordered, even when it fails, see cmwq2_work_release(). */
static inline bool cmwq2_work_take(struct cmwq2_work *work)
{
	return !test_and_set_bit(CMWQ2_WORK_PENDING_BIT,
				 (unsigned long *)&work->data.counter);
}

static inline void cmwq2_work_on_pwq(struct cmwq2_work *work, struct cmwq2_pwq *pwq,
				     unsigned long flags)
{
	cmwq2_work_set_data(work, (unsigned long)pwq | CMWQ2_WORK_PENDING |
				  CMWQ2_WORK_PWQ | flags);
}

/* Set an off-queue word that keeps PENDING, for an item that the caller owns. */
static inline void cmwq2_work_off_queue(struct cmwq2_work *work, unsigned long pool_bits,
					unsigned int disable)
{
	cmwq2_work_set_data(work, pool_bits | CMWQ2_WORK_PENDING |
				  ((unsigned long)disable << CMWQ2_WORK_DISABLE_SHIFT));
}

/**
 * cmwq2_work_release - give PENDING up
 * @work: item that the caller owns, on no list
 * @pool_bits: bits of CMWQ2_WORK_POOL_MASK
 * @disable: disable depth
 *
 * The write barrier makes whoever sees PENDING clear also see what the owner
 * did to the item before. The full barrier after it is one half of this
 * promise: if a queueing finds PENDING set, the function sees everything that
 * the queueing CPU stored before::
 *
 *   CPU 0: queueing			CPU 1: here, then the function
 *     store data for the function	  clear PENDING
 *     test_and_set PENDING		  smp_mb()
 *					  load data
 *
 * If CPU 0 finds PENDING still set, CPU 1 sees its store. The atomic operation
 * in cmwq2_work_take() is the other half.
 */
static inline void cmwq2_work_release(struct cmwq2_work *work, unsigned long pool_bits,
				      unsigned int disable)
{
	/* Pairs with test_and_set_bit() in cmwq2_work_take(): litmus/work-release. */
	smp_wmb();
	cmwq2_work_set_data(work, pool_bits |
				  ((unsigned long)disable << CMWQ2_WORK_DISABLE_SHIFT));
	/* The same: the next loads are the function's: litmus/work-pending. */
	smp_mb();
}

/* Give PENDING up and keep the rest of the off-queue word @data as it was. */
static inline void cmwq2_work_release_as_was(struct cmwq2_work *work, unsigned long data)
{
	cmwq2_work_release(work, data & CMWQ2_WORK_POOL_MASK, cmwq2_data_disable(data));
}

#endif /* CMWQ2_WORK_H */
