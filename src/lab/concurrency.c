// SPDX-License-Identifier: GPL-2.0
/*
 * concurrency=managed and concurrency=short, see policy/concurrency.h.
 */
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "base/cpus.h"
#include "base/types.h"
#include "lab/policy/concurrency.h"
#include "lab/policy/wakeup.h"

static bool cmwq2_has_long_items(struct cmwq2_pool *pool)
{
	return pool->policy.concurrency == CMWQ2_CONCURRENCY_SHORT &&
	       pool->long_ns * CMWQ2_ITEM_LONG_PART > pool->items_ns;
}

static int cmwq2_wants(struct cmwq2_pool *pool)
{
	if (pool->cpu >= 0)
		return 1;
	return cmwq2_concurrency_counts(pool) && !cmwq2_has_long_items(pool) ? pool->pod_cpus :
									       INT_MAX;
}

/* Context: cmwq2_pool_mutex and pool->lock held. */
void cmwq2_concurrency_apply(struct cmwq2_pool *pool)
{
	u8 not_counted = CMWQ2_WORKER_PREP | CMWQ2_WORKER_INTENSIVE;

	if (pool->cpu >= 0 || !cmwq2_concurrency_counts(pool))
		not_counted |= CMWQ2_WORKER_UNBOUND;
	WRITE_ONCE(pool->not_counted, not_counted);
	/* An unbound pool may have no CPU that is online for a moment. */
	pool->pod_cpus = max(cpumask_weight_and(pool->pod, &cmwq2_online_mask), 1U);
	pool->items_ns = 0;
	pool->long_ns = 0;
	WRITE_ONCE(pool->wanted, cmwq2_wants(pool));
}

static unsigned long cmwq2_switches(void)
{
	return current->nvcsw + current->nivcsw;
}

/* Measure the item that begins, if it is its turn. Context: pool->lock held. */
void cmwq2_concurrency_begin(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	if (pool->cpu >= 0 || ++pool->item_nr % CMWQ2_ITEM_SAMPLE)
		return;
	worker->item_switches = cmwq2_switches();
	worker->item_from = ktime_get_mono_fast_ns();
}

/*
 * The item that was measured has ended. The time does not count if the worker was
 * switched out meanwhile. The pool may now want more workers. Nothing is kicked here,
 * because this worker looks at the worklist next and kicks before it begins an item.
 *
 * Context: pool->lock held.
 */
void cmwq2_concurrency_end(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	u64 took = ktime_get_mono_fast_ns() - worker->item_from;
	int wanted;

	worker->item_from = 0;
	if (cmwq2_switches() != worker->item_switches)
		return;
	/* A single item must not count for long. */
	took = min_t(u64, took, 4 * CMWQ2_ITEM_LONG_NS);
	pool->items_ns += took - pool->items_ns / CMWQ2_ITEM_MEMORY;
	pool->long_ns -= pool->long_ns / CMWQ2_ITEM_MEMORY;
	if (took > CMWQ2_ITEM_LONG_NS)
		pool->long_ns += took;
	wanted = cmwq2_wants(pool);
	if (pool->wanted == wanted)
		return;
	WRITE_ONCE(pool->wanted, wanted);
	cmwq2_wakeup_update_room(pool);
}
