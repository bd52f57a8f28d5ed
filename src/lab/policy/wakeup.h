/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wakeup: whether a kick of an unbound pool wakes a worker while others are on their
 * way.
 *
 * In mainline each kick of an unbound pool wakes a worker. If an item ends sooner than
 * a worker starts, most of these workers find nothing to do, because the first one has
 * run all items by then.
 *
 * With wakeup=needed a worker that was picked and has not run yet counts as called. A
 * kick picks no called worker again, and picks no other worker while as many are
 * called as the pod has online CPUs, or as items are pending. So the items of a flood
 * share the workers that are on their way.
 *
 * No item waits behind a long one: a called worker has begun no item. When it runs, it
 * no longer counts as called. It kicks the pool before it begins an item if more are
 * pending. core/kick.c counts a called worker and cmwq2_unkick() ends that; tools/model
 * checks that no wakeup is lost.
 */
#ifndef CMWQ2_POLICY_WAKEUP_H
#define CMWQ2_POLICY_WAKEUP_H

#include <linux/list.h>

#include "base/types.h"
#include "lab/policy/claim.h"
#include "lab/policy/concurrency.h"

enum cmwq2_wakeup {
	CMWQ2_WAKEUP_ALWAYS,
	CMWQ2_WAKEUP_NEEDED,
};

#define cmwq2_wakeup_about	"Whether a kick of an unbound pool wakes a worker while others are on their way"
#define cmwq2_wakeup_default	CMWQ2_WAKEUP_ALWAYS
#define cmwq2_wakeup_changed	cmwq2_wakeup_apply
#define cmwq2_wakeup_pools	CMWQ2_IN_UNBOUND_POOLS
#define cmwq2_wakeup_unsafe	"none"
#define cmwq2_wakeup_values(value)						\
	value("always", CMWQ2_WAKEUP_ALWAYS, "yes, as in mainline")		\
	value("needed", CMWQ2_WAKEUP_NEEDED,					\
	      "only if fewer are on their way than the pod has online CPUs, and than items wait")

/* At how many pending items a kick looks at most, less one. */
#define CMWQ2_WAKEUP_LOOKS	4

/* pool->wanted or pool->pod_cpus has changed. Context: pool->lock held. */
static inline void cmwq2_wakeup_update_room(struct cmwq2_pool *pool)
{
	int most = pool->wanted;

	/* If running workers do not count, only those that are called limit the kicks. */
	if (pool->claims & CMWQ2_CLAIMS_ONCE && !cmwq2_concurrency_counts(pool))
		most = pool->pod_cpus;
	pool->room = most - pool->nr_called;
}

/*
 * No worker is called when this runs, because cmwq2_claim_apply() came first, and
 * pool->wanted is up to date, because cmwq2_concurrency_apply() came first, too.
 * Context: cmwq2_pool_mutex and pool->lock held.
 */
static inline void cmwq2_wakeup_apply(struct cmwq2_pool *pool)
{
	if (pool->cpu < 0 && pool->policy.wakeup == CMWQ2_WAKEUP_NEEDED)
		pool->claims |= CMWQ2_CLAIMS_LIST | CMWQ2_CLAIMS_ONCE;
	cmwq2_wakeup_update_room(pool);
}

/*
 * Whether the workers that are on their way are enough for the pending items. If there
 * are many of both, this says no, and only pool->room limits the kicks. Context:
 * pool->lock held, items are pending.
 */
static inline bool cmwq2_wakeup_is_saved(struct cmwq2_pool *pool)
{
	int left = pool->nr_called;
	struct list_head *item;

	if (likely(!left) || left > CMWQ2_WAKEUP_LOOKS)
		return false;
	list_for_each(item, &pool->worklist)
		if (!left--)
			return false;
	return true;
}

#endif /* CMWQ2_POLICY_WAKEUP_H */
