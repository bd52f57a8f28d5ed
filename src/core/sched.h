/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scheduler hook, which tells the engine when a worker blocks and runs again.
 */
#ifndef CMWQ2_SCHED_H
#define CMWQ2_SCHED_H

#include <linux/jump_label.h>

#include "base/types.h"

int cmwq2_sched_init(const char *hook);
void cmwq2_sched_exit(void);
void cmwq2_sched_worker_start(struct cmwq2_worker *worker);
void cmwq2_sched_worker_stop(struct cmwq2_worker *worker);
void cmwq2_sched_pool_init(struct cmwq2_pool *pool);
void cmwq2_sched_pool_exit(struct cmwq2_pool *pool);

DECLARE_STATIC_KEY_FALSE(cmwq2_lockless_count);

/*
 * Order the insertion of an item before the read of nr_running. So either a worker
 * that blocks sees the item, or this CPU sees its decrement. Only the pn hook needs
 * this, because it counts down without the lock: litmus/sched-insert. Context: pool->lock
 * held.
 */
static inline void cmwq2_sched_order_insert(void)
{
	if (static_branch_unlikely(&cmwq2_lockless_count))
		smp_mb(); /* pairs with atomic_dec_return() in cmwq2_uncount_lockless() */
}

void cmwq2_worker_count(struct cmwq2_worker *worker);
bool cmwq2_worker_uncount(struct cmwq2_worker *worker);

#endif /* CMWQ2_SCHED_H */
