/* SPDX-License-Identifier: GPL-2.0 */
/*
 * concurrency: how many workers of an unbound pool run at once.
 *
 * Mainline starts a worker for each active item of an unbound pool. If there are more
 * of them than CPUs, the scheduler shares the CPUs among them. The pool does not know
 * which of its workers run.
 *
 * With concurrency=managed the scheduler hook counts them, as in bound pools. The
 * pool runs one worker for each online CPU of its pod. An item that waits is taken as
 * soon as fewer workers run: when one of them blocks, ends its item and finds no
 * other, or uses the CPU for longer than cpu_intensive_thresh_us. So a flood of items
 * does not wake a worker for each item.
 *
 * Items run in the order in which they were enqueued, so an item that is enqueued
 * behind long ones waits until they have run. With concurrency=free it gets a worker of
 * its own, and the scheduler lets it run soon. So concurrency=short manages a pool only
 * while its items are short. It measures one in CMWQ2_ITEM_SAMPLE items. The pool wants
 * any number of workers while items of more than CMWQ2_ITEM_LONG_NS took a good part of
 * the time of the recent ones. A single one does not count as much, because an interrupt
 * can make it long. The workers are counted all the time.
 *
 * pool->wanted is the number of workers to run at once. pool->not_counted has the
 * flags that take a worker out of the count. A bound pool wants one. A pool that is
 * free wants any number, and all its workers have a flag that takes them out.
 *
 * Source: Tejun Heo's concurrency management of 2010, which is for bound pools.
 */
#ifndef CMWQ2_POLICY_CONCURRENCY_H
#define CMWQ2_POLICY_CONCURRENCY_H

#include "base/types.h"

enum cmwq2_concurrency {
	CMWQ2_CONCURRENCY_FREE,
	CMWQ2_CONCURRENCY_MANAGED,
	CMWQ2_CONCURRENCY_SHORT,
};

#define cmwq2_concurrency_about		"How many workers of an unbound pool run at once"
#define cmwq2_concurrency_default	CMWQ2_CONCURRENCY_FREE
#define cmwq2_concurrency_changed	cmwq2_concurrency_apply
#define cmwq2_concurrency_pools		CMWQ2_IN_UNBOUND_POOLS
#define cmwq2_concurrency_unsafe	"none"
#define cmwq2_concurrency_values(value)						\
	value("free", CMWQ2_CONCURRENCY_FREE, "one for each active item, as in mainline") \
	value("managed", CMWQ2_CONCURRENCY_MANAGED,				\
	      "one for each online CPU of the pod, and one more whenever one of them blocks") \
	value("short", CMWQ2_CONCURRENCY_SHORT,					\
	      "as managed while the items are short, else as free")

/* One in so many items is measured. */
#define CMWQ2_ITEM_SAMPLE	8
/* Items that take longer are long: a wakeup for each of them costs little in comparison. */
#define CMWQ2_ITEM_LONG_NS	50000U
/* What an item took counts for less with each later sample, by one part in so many. */
#define CMWQ2_ITEM_MEMORY	128
/* If long items took more than one part in so many of the time, the pool has long items. */
#define CMWQ2_ITEM_LONG_PART	8

void cmwq2_concurrency_apply(struct cmwq2_pool *pool);
void cmwq2_concurrency_begin(struct cmwq2_worker *worker);
void cmwq2_concurrency_end(struct cmwq2_worker *worker);

/* Whether an unbound pool counts its running workers. Context: pool->lock held. */
static inline bool cmwq2_concurrency_counts(struct cmwq2_pool *pool)
{
	return pool->policy.concurrency != CMWQ2_CONCURRENCY_FREE;
}

#endif /* CMWQ2_POLICY_CONCURRENCY_H */
