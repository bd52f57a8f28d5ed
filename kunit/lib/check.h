/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The checkers. Each returns its verdict instead of failing the test, so that
 * cmwq2_checkers_kunit.c can give it bad data and check that it complains. tw_hammer()
 * is a load whose result they judge.
 */
#ifndef CMWQ2_KUNIT_CHECK_H
#define CMWQ2_KUNIT_CHECK_H

#include <linux/spinlock.h>

#include "env.h"

/**
 * struct tw_log - the order in which ids were added
 * @lock: protects the rest; tw_log_nr() reads @nr without it
 * @max: room in @id
 * @nr: ids added, which may exceed @max: the surplus is counted, not stored
 * @id: the ids, in the order in which they were added
 */
struct tw_log {
	raw_spinlock_t	lock;	/* protects the rest */
	int		max;
	int		nr;
	int		id[];
};

struct tw_log *tw_log(struct tw_env *env, int max);
void tw_log_add(struct tw_log *log, int id);
bool tw_log_is_fifo(struct tw_log *log, int nr);
bool tw_log_is_fifo_by_lane(struct tw_log *log, int nr, int nr_lanes);

/* How many ids were added so far. Items may be adding more: pairs with tw_log_add(). */
static inline int tw_log_nr(struct tw_log *log)
{
	return READ_ONCE(log->nr);
}

/**
 * struct tw_gauge - how many callers are inside at once
 * @now: at this moment
 * @max: the most at any moment
 */
struct tw_gauge {
	atomic_t	now;
	atomic_t	max;
};

void tw_gauge_enter(struct tw_gauge *g);
void tw_gauge_exit(struct tw_gauge *g);

static inline int tw_gauge_max(struct tw_gauge *g)
{
	return atomic_read(&g->max);
}

/**
 * struct tw_ledger - each accepted queueing must be run once or be cancelled
 * @queued: queueings that were accepted
 * @cancelled: how many of these were cancelled
 */
struct tw_ledger {
	atomic_long_t	queued;
	atomic_long_t	cancelled;
};

bool tw_ledger_balanced(struct tw_ledger *l, long runs);
bool tw_item_ran_once_each(struct tw_item **items, int nr);
bool tw_item_never_overlapped(struct tw_item *it);

void tw_hammer(struct tw_wq *w, struct tw_item *it, int times,
	       bool (*cancel_sync)(struct tw_item *it));

#endif /* CMWQ2_KUNIT_CHECK_H */
