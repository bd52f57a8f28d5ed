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
 * pool->wanted is the number of workers to run at once. pool->not_counted has the
 * flags that take a worker out of the count. A bound pool wants one. A pool that is
 * free wants any number, and all its workers have a flag that takes them out.
 *
 * Source: Tejun Heo's concurrency management of 2010, which is for bound pools.
 */
#ifndef CMWQ2_POLICY_CONCURRENCY_H
#define CMWQ2_POLICY_CONCURRENCY_H

#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/minmax.h>

#include "base/cpus.h"
#include "base/types.h"

enum cmwq2_concurrency {
	CMWQ2_CONCURRENCY_FREE,
	CMWQ2_CONCURRENCY_MANAGED,
};

#define cmwq2_concurrency_about		"How many workers of an unbound pool run at once"
#define cmwq2_concurrency_default	CMWQ2_CONCURRENCY_FREE
#define cmwq2_concurrency_changed	cmwq2_concurrency_apply
#define cmwq2_concurrency_pools		CMWQ2_IN_UNBOUND_POOLS
#define cmwq2_concurrency_unsafe	"none"
#define cmwq2_concurrency_values(value)						\
	value("free", CMWQ2_CONCURRENCY_FREE, "one for each active item, as in mainline") \
	value("managed", CMWQ2_CONCURRENCY_MANAGED,				\
	      "one for each online CPU of the pod, and one more whenever one of them blocks")

/* The number of online CPUs of the pool's pod, at least 1. Context: cmwq2_pool_mutex held. */
static inline int cmwq2_pod_cpus(struct cmwq2_pool *pool)
{
	return max(cpumask_weight_and(pool->pod, &cmwq2_online_mask), 1U);
}

/* Context: cmwq2_pool_mutex and pool->lock held. */
static inline void cmwq2_concurrency_apply(struct cmwq2_pool *pool)
{
	bool managed = pool->policy.concurrency == CMWQ2_CONCURRENCY_MANAGED;
	u8 not_counted = CMWQ2_WORKER_PREP | CMWQ2_WORKER_INTENSIVE;
	int wanted = 1;

	if (pool->cpu >= 0 || !managed)
		not_counted |= CMWQ2_WORKER_UNBOUND;
	if (pool->cpu < 0)
		wanted = managed ? cmwq2_pod_cpus(pool) : INT_MAX;
	WRITE_ONCE(pool->not_counted, not_counted);
	WRITE_ONCE(pool->wanted, wanted);
}

#endif /* CMWQ2_POLICY_CONCURRENCY_H */
