/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keeping workers on the CPUs of their pool.
 */
#ifndef CMWQ2_HOME_H
#define CMWQ2_HOME_H

#include <linux/sched.h>
#include <linux/smp.h>

#include "base/types.h"

void cmwq2_home_probe(void);
void cmwq2_mark_percpu(struct task_struct *task, bool on);
void cmwq2_go_home(struct cmwq2_worker *worker);
void cmwq2_away(struct cmwq2_worker *worker, bool begins);

/*
 * Whether the current worker is away from the CPUs that its pool's items must run
 * on. A worker of a bound pool must run on the pool's CPU and be allowed on no
 * other. A worker of an unbound pool must be allowed on no more CPUs than the pool
 * has: when the last of these goes down, the scheduler allows it all CPUs. The
 * worker of a BH pool has CMWQ2_WORKER_UNBOUND and is never away.
 *
 * Without pool->lock the answer is a hint, because a hotplug callback may bind or
 * unbind the pool at the same time. cmwq2_away() checks again.
 */
static inline bool cmwq2_is_away(struct cmwq2_worker *worker)
{
	/* Whoever changes it has a lock of the scheduler, and the old number is as good. */
	int allowed = data_race(current->nr_cpus_allowed);
	struct cmwq2_pool *pool = worker->pool;

	if (pool->cpu < 0)
		return allowed > pool->nr_cpus;
	return (raw_smp_processor_id() != pool->cpu || allowed != 1) &&
	       !(READ_ONCE(worker->flags) & CMWQ2_WORKER_UNBOUND);
}

#endif /* CMWQ2_HOME_H */
