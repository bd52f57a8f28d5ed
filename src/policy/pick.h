/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pick: which idle worker a kick takes.
 *
 * Mainline takes the worker that became idle last, wherever it slept. In a pool
 * that CPUs share, that worker often slept on another CPU than the one that
 * enqueues, and waking it there costs an interrupt and a cold cache. The value local
 * looks for a worker that slept on the enqueuing CPU and wakes it there. It looks
 * at the first few idle workers only, so that its cost has a limit.
 *
 * The worker is moved to the head of the idle list, and the kick then takes the
 * head as ever. So the picked worker is the last that the culler would take, as it
 * is in mainline, and every argument about kicks holds as before.
 *
 * Documentation/policy-howto.rst tells how this policy was made, and what it costs.
 */
#ifndef CMWQ2_POLICY_PICK_H
#define CMWQ2_POLICY_PICK_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "../internal.h"

enum cmwq2_pick {
	CMWQ2_PICK_HEAD,
	CMWQ2_PICK_LOCAL,
};

#define cmwq2_pick_about	"Which idle worker a kick takes"
#define cmwq2_pick_default	CMWQ2_PICK_HEAD
#define cmwq2_pick_changing	NULL
#define cmwq2_pick_values(value)						\
	value("head", CMWQ2_PICK_HEAD, "the one that became idle last, as in mainline") \
	value("local", CMWQ2_PICK_LOCAL,					\
	      "one that slept on the enqueuing CPU, if a shared pool has one near the head")

/* Idle workers that are looked at. Each costs two cache lines that may be elsewhere. */
#define CMWQ2_PICK_LOOKS	8

/*
 * Move a worker that slept on this CPU to the head of the idle list, if there is one
 * near it, and have it woken here. Context: pool->lock held, of an unbound pool.
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

/* Whether @who asks for a worker of this CPU: the others work for somebody elsewhere. */
static inline bool cmwq2_wants_local(struct cmwq2_pool *pool, enum cmwq2_kicker who)
{
	return unlikely(pool->policy.pick == CMWQ2_PICK_LOCAL) && pool->cpu < 0 &&
	       who == CMWQ2_KICK_ENQUEUE;
}

#endif /* CMWQ2_POLICY_PICK_H */
