/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pick: which idle worker of an unbound pool a kick takes, and where it wakes it.
 *
 * Mainline takes the worker that became idle last, wherever it slept. In a pool that
 * CPUs share, that worker often slept on another CPU than the enqueuing one. Waking it
 * there costs an interrupt, and the item's data moves to the other CPU.
 *
 * With pick=local an enqueue takes the worker that became idle last on its own CPU and
 * wakes it there. This is best if the producer sleeps soon after it has enqueued. If
 * the producer goes on computing, the worker waits for the CPU.
 *
 * With pick=predict each CPU learns which of the two ways starts an item sooner, from the
 * time between pick and start of the items that it enqueued, of which it measures one in
 * CMWQ2_PICK_SAMPLE. It prefers its own worker, unless another CPU's worker starts a good
 * deal sooner (CMWQ2_PICK_MARGIN): to wake it takes an interrupt and moves cache lines,
 * which this time shows only in part.
 * Without this margin, two CPUs whose producers both sleep may each prefer the other CPU:
 * on each of them an own worker waits for the worker of the other CPU's item, and so
 * neither is much sooner.
 *
 * Once in CMWQ2_PICK_TRY kicks a CPU tries the way that it does not prefer, and believes
 * this newest delay alone. What it knew of that way may be from another load. It also
 * tries when the usual delay of the preferred way has doubled or halved since the last
 * try, but not before CMWQ2_PICK_REST kicks. A pool that has one CPU only has no choice
 * to learn.
 *
 * An ordered queue runs one item at a time, on whatever CPU its worker is. To wake the
 * worker on the CPU of each producer in turn would only move it around. So an enqueue
 * takes the worker that mainline takes if an item of an ordered queue is to run next.
 *
 * The kicks that are not made by an enqueue are the same for both. A worker that begins
 * an item while others are pending kicks a worker that slept on another CPU, because
 * its own CPU is taken. A worker that blocks kicks one for the CPU that it leaves; only
 * hook=tp does this, because the other hooks kick later. All others take the worker that
 * mainline takes.
 *
 * An unbound pool has a list of idle workers for each CPU, so that the choice takes
 * the same time for any number of idle workers and CPUs. The worker that is chosen goes
 * to the head of the pool's own idle list, so the culler would take it last. The lists
 * are empty with pick=head.
 *
 * Sources: mainline (head); local and predict are from this project.
 */
#ifndef CMWQ2_POLICY_PICK_H
#define CMWQ2_POLICY_PICK_H

#include "base/types.h"
#include "base/wake_list.h"
#include "lab/policy/claim.h"
#include "lab/policy/wake.h"

enum cmwq2_pick {
	CMWQ2_PICK_HEAD,
	CMWQ2_PICK_LOCAL,
	CMWQ2_PICK_PREDICT,
};

#define cmwq2_pick_about	"Which idle worker of an unbound pool a kick takes"
#define cmwq2_pick_default	CMWQ2_PICK_HEAD
#define cmwq2_pick_changed	cmwq2_pick_apply
#define cmwq2_pick_pools	CMWQ2_IN_UNBOUND_POOLS
#define cmwq2_pick_unsafe	"none"
#define cmwq2_pick_values(value)						\
	value("head", CMWQ2_PICK_HEAD, "the one that became idle last, as in mainline") \
	value("local", CMWQ2_PICK_LOCAL,					\
	      "the one that became idle last on the enqueuing CPU, woken there") \
	value("predict", CMWQ2_PICK_PREDICT,					\
	      "as local on CPUs where items start sooner with it, else as head")

/* One in so many kicks of a CPU tries the way that the CPU does not prefer. */
#define CMWQ2_PICK_TRY		256
/* So many kicks pass at least from one try to the next, however much the delays vary. */
#define CMWQ2_PICK_REST		64
/* One in so many kicks is measured, and each try: two reads of the clock are not cheap. */
#define CMWQ2_PICK_SAMPLE	4
/* A CPU prefers its own worker unless this takes longer by more than one part in so many. */
#define CMWQ2_PICK_MARGIN	2
/* Of how many idle workers a kick looks for one that slept on another CPU. */
#define CMWQ2_PICK_LOOKS	4

void cmwq2_pick_apply(struct cmwq2_pool *pool);
struct cmwq2_worker *cmwq2_pick_by_cpu(struct cmwq2_pool *pool, enum cmwq2_kicker who);
void cmwq2_pick_enter(struct cmwq2_pool *pool, struct cmwq2_worker *worker, int cpu);
void cmwq2_pick_leave(struct cmwq2_pool *pool, struct cmwq2_worker *worker);

/**
 * cmwq2_pick - choose the worker that a kick takes
 * @pool: pool
 * @who: where the kick comes from
 *
 * Context: pool->lock held.
 * Return: the worker, or NULL if none is idle.
 */
static inline struct cmwq2_worker *cmwq2_pick(struct cmwq2_pool *pool, enum cmwq2_kicker who)
{
	if (likely(pool->policy.pick == CMWQ2_PICK_HEAD) || !pool->cpus)
		return cmwq2_first_idle(pool);
	return cmwq2_pick_by_cpu(pool, who);
}

/* The task of the worker that was picked, for cmwq2_wake(). Context: pool->lock held. */
static inline struct task_struct *cmwq2_picked_task(struct cmwq2_pool *pool,
						    struct cmwq2_worker *worker)
{
	if (likely(pool->policy.pick == CMWQ2_PICK_HEAD) || !worker->wake_here)
		return worker->task;
	return cmwq2_with_here(worker->task);
}

/* The worker is idle now. Context: pool->lock held, the worker itself. */
static inline void cmwq2_pick_idle(struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	if (unlikely(pool->policy.pick != CMWQ2_PICK_HEAD) && pool->cpus)
		cmwq2_pick_enter(pool, worker, raw_smp_processor_id());
}

/* The worker is no longer idle: it runs, or it is culled. Context: pool->lock held. */
static inline void cmwq2_pick_busy(struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	if (unlikely(pool->policy.pick != CMWQ2_PICK_HEAD) && pool->cpus)
		cmwq2_pick_leave(pool, worker);
}

#endif /* CMWQ2_POLICY_PICK_H */
