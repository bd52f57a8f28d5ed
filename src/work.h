/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data word of a work item and the PENDING protocol.
 *
 * PENDING is a lock: whoever turns it from 0 to 1 owns the item until it is on
 * a list, and gives it up only under the lock of the pool whose list it is on,
 * or right before the function runs. Between taking PENDING and having the
 * item on a list interrupts stay off, so that those who want to steal it can
 * spin.
 */
#ifndef CMWQ2_WORK_H
#define CMWQ2_WORK_H

#include "debugobj.h"
#include "internal.h"

static inline unsigned long cmwq2_work_data(struct cmwq2_work *work)
{
	return atomic_long_read(&work->data);
}

/* The bit that every new data word takes over from the old one. */
static inline unsigned long cmwq2_work_static(struct cmwq2_work *work)
{
	/* Without debugobjects the bit is 0, and not worth the load. */
	return CMWQ2_WORK_STATIC ? cmwq2_work_data(work) & CMWQ2_WORK_STATIC : 0;
}

static inline void cmwq2_work_set_data(struct cmwq2_work *work, unsigned long data)
{
	atomic_long_set(&work->data, data | cmwq2_work_static(work));
}

static inline struct cmwq2_pwq *cmwq2_data_pwq(unsigned long data)
{
	if (!(data & CMWQ2_WORK_PWQ))
		return NULL;
	return (void *)(data & ~(BIT(CMWQ2_WORK_QUEUED_SHIFT) - 1));
}

/* The pwq @work is queued on, or NULL. Stable under its pool's lock only. */
static inline struct cmwq2_pwq *cmwq2_work_pwq(struct cmwq2_work *work)
{
	return cmwq2_data_pwq(cmwq2_work_data(work));
}

static inline int cmwq2_data_color(unsigned long data)
{
	return (data >> CMWQ2_WORK_COLOR_SHIFT) & (CMWQ2_NR_COLORS - 1);
}

static inline unsigned int cmwq2_data_disable(unsigned long data)
{
	return (data >> CMWQ2_WORK_DISABLE_SHIFT) & (BIT(CMWQ2_WORK_DISABLE_BITS) - 1);
}

/* What an off-queue word says of the pool that ran the item last: id and BH. */
#define CMWQ2_WORK_POOL_MASK	(CMWQ2_WORK_NO_POOL | CMWQ2_WORK_OFFQ_BH)

static inline unsigned long cmwq2_pool_bits(struct cmwq2_pool *pool)
{
	return (unsigned long)pool->id << CMWQ2_WORK_POOL_SHIFT |
	       (pool->bh ? CMWQ2_WORK_OFFQ_BH : 0);
}

/* Whether an off-queue word belongs to an item that last was on a BH queue. */
static inline bool cmwq2_data_is_bh(unsigned long data)
{
	return (data & (CMWQ2_WORK_PWQ | CMWQ2_WORK_OFFQ_BH)) == CMWQ2_WORK_OFFQ_BH;
}

/**
 * cmwq2_work_pool - the pool where an item is queued or ran last
 * @work: item
 *
 * Context: RCU read-side section, or cmwq2_pool_mutex; the pool lives as long.
 * Return: the pool, or NULL if the item never ran or its pool is gone.
 */
static inline struct cmwq2_pool *cmwq2_work_pool(struct cmwq2_work *work)
{
	unsigned long data = cmwq2_work_data(work);
	struct cmwq2_pwq *pwq = cmwq2_data_pwq(data);

	if (pwq)
		return pwq->pool;
	data &= CMWQ2_WORK_NO_POOL;
	if (data == CMWQ2_WORK_NO_POOL)
		return NULL;
	return xa_load(&cmwq2_pools, data >> CMWQ2_WORK_POOL_SHIFT);
}

/**
 * cmwq2_work_other_pool - a pool that may still run an item that goes to another
 * @work: item, owned and off the lists
 * @pool: pool that it goes to
 *
 * Most items go where they went before, which the id tells without looking the
 * pool up. Should @pool be dead and its id taken over, then the pwq that led to
 * it has no reference left, and the caller tries again.
 *
 * Context: as for cmwq2_work_pool().
 * Return: the pool where @work ran last unless that is @pool, or NULL.
 */
static inline struct cmwq2_pool *cmwq2_work_other_pool(struct cmwq2_work *work,
						       struct cmwq2_pool *pool)
{
	if (cmwq2_work_data(work) >> CMWQ2_WORK_POOL_SHIFT == pool->id)
		return NULL;
	return cmwq2_work_pool(work);
}

/* Jiffies of the queueing that @work is pending for, which is less than 2^31 of them ago. */
static inline unsigned long cmwq2_work_queued_at(const struct cmwq2_work *work)
{
	return jiffies - (u32)((u32)jiffies - READ_ONCE(work->queued_jiffies));
}

/* Take PENDING. Fully ordered when it succeeds, see cmwq2_work_run(). */
static inline bool cmwq2_work_take(struct cmwq2_work *work)
{
	if (CMWQ2_FAULT("pending_ignored"))
		return true;
	return !test_and_set_bit(CMWQ2_WORK_PENDING_BIT,
				 (unsigned long *)&work->data.counter);
}

static inline void cmwq2_work_on_pwq(struct cmwq2_work *work, struct cmwq2_pwq *pwq,
				     unsigned long flags)
{
	cmwq2_work_set_data(work, (unsigned long)pwq | CMWQ2_WORK_PENDING |
				  CMWQ2_WORK_PWQ | flags);
}

/* An off-queue word that keeps PENDING, for an item in its owner's hands. */
static inline void cmwq2_work_off_queue(struct cmwq2_work *work, unsigned long pool_bits,
					unsigned int disable)
{
	cmwq2_work_set_data(work, pool_bits | CMWQ2_WORK_PENDING |
				  ((unsigned long)disable << CMWQ2_WORK_DISABLE_SHIFT));
}

/**
 * cmwq2_work_release - give PENDING up
 * @work: item, owned and off the lists
 * @pool_bits: of CMWQ2_WORK_POOL_MASK
 * @disable: disable depth
 *
 * The write barrier keeps what the owner did to the item before from being
 * seen after PENDING is clear. The full barrier behind is one half of the
 * promise that a queueing that found PENDING set is seen by the function:
 *
 *   CPU 0: queueing			CPU 1: here, then the function
 *     store data for the function	  clear PENDING
 *     test_and_set PENDING		  smp_mb()
 *					  load data
 *
 * If CPU 0 finds PENDING still set, CPU 1 sees its store. The atomic in
 * cmwq2_work_take() is the other half.
 */
static inline void cmwq2_work_release(struct cmwq2_work *work, unsigned long pool_bits,
				      unsigned int disable)
{
	/* Pairs with test_and_set_bit() in cmwq2_work_take(). */
	smp_wmb();
	cmwq2_work_set_data(work, pool_bits |
				  ((unsigned long)disable << CMWQ2_WORK_DISABLE_SHIFT));
	/* Likewise: the next loads are the function's. */
	smp_mb();
}

/* Give PENDING up and leave the rest of the off-queue word @data as it was. */
static inline void cmwq2_work_release_as_was(struct cmwq2_work *work, unsigned long data)
{
	cmwq2_work_release(work, data & CMWQ2_WORK_POOL_MASK,
			   CMWQ2_FAULT("depth_lost") ? 0 : cmwq2_data_disable(data));
}

#endif /* CMWQ2_WORK_H */
