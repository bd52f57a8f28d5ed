/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pick: which idle worker a kick takes.
 *
 * Mainline takes the worker that became idle last, wherever it slept. In a pool
 * that CPUs share, that worker often slept on another CPU than the enqueuing one,
 * and waking it there costs an interrupt and a cold cache. With pick=local a kick
 * looks for a worker that slept on the enqueuing CPU and wakes it there. It looks
 * at the first few idle workers only, so that its cost is bounded.
 *
 * The worker is moved to the head of the idle list, and the kick then takes the
 * head as usual. So the culler would take the picked worker last, as in mainline,
 * and every argument about kicks still holds.
 *
 * Documentation/policy-howto.rst explains how this policy was made and what it costs.
 */
#ifndef CMWQ2_POLICY_PICK_H
#define CMWQ2_POLICY_PICK_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "base/types.h"
#include "lab/policy/wake.h"

enum cmwq2_pick {
	CMWQ2_PICK_HEAD,
	CMWQ2_PICK_LOCAL,
};

#define cmwq2_pick_about	"Which idle worker a kick takes"
#define cmwq2_pick_default	CMWQ2_PICK_HEAD
#define cmwq2_pick_changed	NULL
#define cmwq2_pick_pools	CMWQ2_IN_UNBOUND_POOLS
#define cmwq2_pick_unsafe	"none"
#define cmwq2_pick_values(value)						\
	value("head", CMWQ2_PICK_HEAD, "the one that became idle last, as in mainline") \
	value("local", CMWQ2_PICK_LOCAL,					\
	      "one that slept on the enqueuing CPU, if a shared pool has one near the head")

/* How many idle workers a kick looks at. Each costs two cache lines, maybe of other CPUs. */
#define CMWQ2_PICK_LOOKS	8

/*
 * If a worker near the head of the idle list slept on this CPU, move it to the head
 * and have it woken on this CPU. Context: pool->lock held, unbound pool.
 */
static inline void cmwq2_pick_local(struct cmwq2_pool *pool)
{
#ifdef CONFIG_SMP
	int cpu = raw_smp_processor_id(), left = CMWQ2_PICK_LOOKS;
	struct cmwq2_worker *worker;

	if (!cpumask_test_cpu(cpu, pool->pod))
		return;
	list_for_each_entry(worker, &pool->idle_list, entry) {
		if (task_cpu(worker->task) == cpu) {
			list_move(&worker->entry, &pool->idle_list);
			WRITE_ONCE(worker->task->wake_cpu, cpu);
			return;
		}
		if (!--left)
			return;
	}
#endif
}

/*
 * Whether the kick wants a worker that slept on this CPU. Only an enqueue in an
 * unbound pool does: other kicks are for items that any CPU may have enqueued.
 */
static inline bool cmwq2_wants_local(struct cmwq2_pool *pool, enum cmwq2_kicker who)
{
	return unlikely(pool->policy.pick == CMWQ2_PICK_LOCAL) && pool->cpu < 0 &&
	       who == CMWQ2_KICK_ENQUEUE;
}

#endif /* CMWQ2_POLICY_PICK_H */
