/* SPDX-License-Identifier: GPL-2.0 */
/*
 * claim: how a kicked worker is reserved until it runs.
 *
 * Without a claim a picked worker stays idle until it runs. Until then another kick
 * may pick it again, and the culler may end it. A claim marks the worker, so that
 * kicks and the culler see that it was picked. core/kick.c claims a worker;
 * cmwq2_worker_leave_idle() and cmwq2_unclaim_all() undo a claim. wakeup=needed adds
 * to what a claim does, so the code reads pool->claims and not the policy.
 *
 * Sources: mainline (none), the series of 2026-06 (kicked_list), the same series as
 * it was posted (kicked_first), its discussion (leave_idle, kicked_flag).
 */
#ifndef CMWQ2_POLICY_CLAIM_H
#define CMWQ2_POLICY_CLAIM_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/lockdep.h>

#include "base/types.h"

/* What a claim does to a picked worker. The claims differ only in these bits. */
#define CMWQ2_CLAIMS_LIST	BIT(0)	/* moves to pool->kicked_list */
#define CMWQ2_CLAIMS_FIRST	BIT(1)	/* is the first to be picked again */
#define CMWQ2_CLAIMS_BUSY	BIT(2)	/* does not count as idle, is not picked again */
#define CMWQ2_CLAIMS_FLAG	BIT(3)	/* gets CMWQ2_KICKED_FLAG, stays where it is */
#define CMWQ2_CLAIMS_ONCE	BIT(4)	/* counts as called, is not picked again: wakeup=needed */

/* What the last kick that picked a worker did to it. The worker clears it when it runs. */
enum cmwq2_worker_kicked {
	CMWQ2_KICKED_FLAG	= BIT(0),	/* claimed by a flag */
	CMWQ2_KICKED_CALLED	= BIT(1),	/* counted in pool->nr_called */
};

enum cmwq2_claim {
	CMWQ2_CLAIM_NONE	 = 0,
	CMWQ2_CLAIM_KICKED_LIST	 = CMWQ2_CLAIMS_LIST,
	CMWQ2_CLAIM_KICKED_FIRST = CMWQ2_CLAIMS_LIST | CMWQ2_CLAIMS_FIRST,
	CMWQ2_CLAIM_LEAVE_IDLE	 = CMWQ2_CLAIMS_LIST | CMWQ2_CLAIMS_BUSY,
	CMWQ2_CLAIM_KICKED_FLAG	 = CMWQ2_CLAIMS_FLAG,
};

#define cmwq2_claim_about	"How a kicked worker is reserved until it runs"
#define cmwq2_claim_default	CMWQ2_CLAIM_NONE
#define cmwq2_claim_changed	cmwq2_claim_apply
#define cmwq2_claim_pools	CMWQ2_IN_ALL_POOLS
#define cmwq2_claim_unsafe	"none"
#define cmwq2_claim_values(value)						\
	value("none", CMWQ2_CLAIM_NONE, "it is not reserved, as in mainline")	\
	value("kicked_list", CMWQ2_CLAIM_KICKED_LIST,				\
	      "it moves to a list that the culler does not look at")		\
	value("kicked_first", CMWQ2_CLAIM_KICKED_FIRST,				\
	      "as kicked_list, and the next kick picks the same worker again")	\
	value("leave_idle", CMWQ2_CLAIM_LEAVE_IDLE,				\
	      "it moves to the same list, and no longer counts as idle")	\
	value("kicked_flag", CMWQ2_CLAIM_KICKED_FLAG,				\
	      "it stays on the idle list with a flag that the culler respects")

/*
 * The worker that became idle last is picked first. Kicks in a row pick the same
 * worker, which runs all items that pile up until it starts. With a kicked list
 * this picks the most recently kicked worker again, as if it had stayed on the
 * idle list. If another worker has become idle since, that one is picked: its
 * cache is warmer, and nothing keeps it from starting.
 */
static inline struct cmwq2_worker *cmwq2_first_idle(struct cmwq2_pool *pool)
{
	struct list_head *from = &pool->idle_list;

	if (unlikely(pool->claims) && !(pool->claims & (CMWQ2_CLAIMS_BUSY | CMWQ2_CLAIMS_ONCE)) &&
	    !list_empty(&pool->kicked_list) &&
	    (list_empty(from) || !pool->idle_since_kick || pool->claims & CMWQ2_CLAIMS_FIRST))
		from = &pool->kicked_list;
	return list_first_entry_or_null(from, struct cmwq2_worker, entry);
}

/*
 * Whether the worker was picked before and has not run since. Only a counter uses
 * the answer, so this reads the pool's own cache lines: the worker's may be dirty
 * on another CPU. It reads the worker only if the claim writes to it anyway.
 */
static inline bool cmwq2_is_kicked(struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	if (worker == pool->kicked)
		return true;
	return unlikely(pool->claims) &&
	       (pool->kicked_list.next == &worker->entry ||
		(pool->claims & CMWQ2_CLAIMS_FLAG && worker->kicked));
}

/* The worker runs, or its pool has changed its claims. pool->lock held. */
static inline void cmwq2_unkick(struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	if (worker->kicked & CMWQ2_KICKED_CALLED) {
		pool->nr_called--;
		pool->room++;
	}
	worker->kicked = 0;
}

/* Reserve the worker, out of the culler's reach, until it runs. */
static inline void cmwq2_claim(struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	if (likely(!pool->claims))
		return;
	if (pool->claims & CMWQ2_CLAIMS_FLAG)
		worker->kicked = CMWQ2_KICKED_FLAG;
	if (pool->claims & CMWQ2_CLAIMS_ONCE) {
		worker->kicked |= CMWQ2_KICKED_CALLED;
		pool->nr_called++;
		pool->room--;
	}
	if (pool->claims & CMWQ2_CLAIMS_BUSY) {
		WRITE_ONCE(worker->flags, worker->flags & ~CMWQ2_WORKER_IDLE);
		pool->nr_idle--;
	}
	if (pool->claims & CMWQ2_CLAIMS_LIST) {
		list_move(&worker->entry, &pool->kicked_list);
		pool->idle_since_kick = false;
	}
}

/**
 * cmwq2_unclaim_all - make all kicked workers idle again
 * @pool: pool
 *
 * The wakeups of these workers are not cancelled. Each leaves whichever list it is
 * on when it runs.
 *
 * Context: pool->lock held.
 */
static inline void cmwq2_unclaim_all(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	lockdep_assert_held(&pool->lock);

	list_for_each_entry(worker, &pool->kicked_list, entry) {
		cmwq2_unkick(pool, worker);
		if (worker->flags & CMWQ2_WORKER_IDLE)
			continue;
		WRITE_ONCE(worker->flags, worker->flags | CMWQ2_WORKER_IDLE);
		pool->nr_idle++;
	}
	list_splice_init(&pool->kicked_list, &pool->idle_list);
	list_for_each_entry(worker, &pool->idle_list, entry)
		cmwq2_unkick(pool, worker);
}

static inline void cmwq2_claim_apply(struct cmwq2_pool *pool)
{
	cmwq2_unclaim_all(pool);
	pool->claims = pool->policy.claim;
}

/* The number of claimed workers, for statistics; 0 with claim=none. pool->lock held. */
static inline unsigned int cmwq2_nr_kicked(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	unsigned int nr = 0;

	list_for_each_entry(worker, &pool->kicked_list, entry)
		nr++;
	list_for_each_entry(worker, &pool->idle_list, entry)
		nr += !!worker->kicked;
	return nr;
}

#endif /* CMWQ2_POLICY_CLAIM_H */
