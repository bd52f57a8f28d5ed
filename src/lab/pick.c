// SPDX-License-Identifier: GPL-2.0
/*
 * pick=local and pick=predict, see policy/pick.h.
 *
 * tools/model/kick.pml models which workers a kick can find: change both.
 */
#include <linux/build_bug.h>
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>

#include "base/types.h"
#include "base/work.h"
#include "lab/policy/claim.h"
#include "lab/policy/pick.h"
#include "lab/policy/wake.h"

/* Weight of the past in the usual delay: the newest delay has a share of one in so many. */
#define CMWQ2_PICK_MEMORY	4
/* A delay counts at most as much as twice the usual one and this, so that outliers do little. */
#define CMWQ2_PICK_NOISE_NS	1000U
/* The longest delay that is kept. Twice as much still fits into the type. */
#define CMWQ2_PICK_MOST_NS	(UINT_MAX / 4)

/* Whether the way that items start sooner has to be learned: a single CPU has no choice. */
static bool cmwq2_pick_learns(struct cmwq2_pool *pool)
{
	return pool->policy.pick == CMWQ2_PICK_PREDICT && pool->pod_cpus > 1;
}

/* Whether the CPU of @at takes a worker of its own when it does not try the other way. */
static bool cmwq2_pick_prefers_here(struct cmwq2_pool_cpu *at)
{
	return at->delay[true] <= at->delay[false] + at->delay[false] / CMWQ2_PICK_MARGIN;
}

/* Whether an enqueue on the CPU of @at should wake its worker there. */
static bool cmwq2_pick_wants_here(struct cmwq2_pool *pool, struct cmwq2_pool_cpu *at)
{
	bool here;

	if (!cmwq2_pick_learns(pool))
		return true;
	here = cmwq2_pick_prefers_here(at);
	if (at->left) {
		at->left--;
		return here;
	}
	at->left = CMWQ2_PICK_TRY - 1;
	at->usual = at->delay[here];
	return !here;
}

/* Whether the kick takes the worker that mainline takes. Context: pool->lock held. */
static bool cmwq2_pick_is_as_in_mainline(struct cmwq2_pool *pool, enum cmwq2_kicker who)
{
	struct cmwq2_pwq *pwq;

	if (who != CMWQ2_KICK_ENQUEUE)
		return who == CMWQ2_KICK_OTHER;
	/* Most often the only item, and the one that the worker takes. */
	pwq = cmwq2_first_pwq(pool);
	return pwq && cmwq2_wq_is(pwq->wq, CMWQ2_WQ_ORDERED);
}

/* Whether a kick on this CPU wakes its worker here. */
static bool cmwq2_pick_is_here(struct cmwq2_pool *pool, enum cmwq2_kicker who,
			       struct cmwq2_pool_cpu *at, int cpu)
{
	/* An enqueue may come from a CPU of another pod: the items must not follow it there. */
	if (!cpumask_test_cpu(cpu, pool->pod))
		return false;
	if (who == CMWQ2_KICK_BLOCKED)
		return true;
	/* A second worker would wait for the CPU until the first one ends. */
	return who == CMWQ2_KICK_ENQUEUE && !at->called && cmwq2_pick_wants_here(pool, at);
}

/*
 * An idle worker that slept on another CPU than @cpu, if one of the first few did.
 * Otherwise the first one, to be woken on another CPU of the pod.
 */
static struct cmwq2_worker *cmwq2_pick_elsewhere(struct cmwq2_pool *pool, int cpu)
{
	struct cmwq2_worker *worker, *first = NULL;
	unsigned int to;
	int looks = 0;

	list_for_each_entry(worker, &pool->idle_list, entry) {
		if (worker->idle_cpu != cpu)
			return worker;
		first = first ?: worker;
		if (++looks == CMWQ2_PICK_LOOKS)
			break;
	}
	/* The second call gives another CPU than the first, if there is another. */
	to = cpumask_any_and_distribute(pool->pod, cpu_online_mask);
	if (to == cpu)
		to = cpumask_any_and_distribute(pool->pod, cpu_online_mask);
	if (to < nr_cpu_ids)
		data_race(first->task->wake_cpu = to); /* as in cmwq2_repatriate() */
	return first;
}

/* Whether this kick is measured. A try has just set @left. */
static bool cmwq2_pick_is_measured(struct cmwq2_pool *pool, struct cmwq2_pool_cpu *at)
{
	static_assert(CMWQ2_PICK_TRY % CMWQ2_PICK_SAMPLE == 0);
	return cmwq2_pick_learns(pool) && at->left % CMWQ2_PICK_SAMPLE == CMWQ2_PICK_SAMPLE - 1;
}

/* Remember whose enqueue picked the worker, when, and whether it is woken here. */
static void cmwq2_pick_note(struct cmwq2_pool *pool, struct cmwq2_worker *worker,
			    struct cmwq2_pool_cpu *at, bool here)
{
	if (worker->called_by)
		return;
	worker->called_by = at;
	worker->called_here = here;
	worker->called_at = 0;
	if (cmwq2_pick_is_measured(pool, at))
		worker->called_at = ktime_get_mono_fast_ns();
	/* The culler may take a worker without a claim. Then nobody would clear @called. */
	if (here && pool->claims & CMWQ2_CLAIMS_ONCE)
		at->called = true;
}

/* The choice among idle workers for a kick that has to do with this CPU. pool->lock held. */
static struct cmwq2_worker *cmwq2_pick_idle_by_cpu(struct cmwq2_pool *pool, enum cmwq2_kicker who)
{
	int cpu = raw_smp_processor_id();
	struct cmwq2_pool_cpu *at = per_cpu_ptr(pool->cpus, cpu);
	struct cmwq2_worker *worker;
	bool here = cmwq2_pick_is_here(pool, who, at, cpu);

	if (!here)
		worker = cmwq2_pick_elsewhere(pool, cpu);
	else if (!hlist_empty(&at->idle))
		worker = hlist_entry(at->idle.first, struct cmwq2_worker, on_cpu);
	else
		worker = list_first_entry(&pool->idle_list, struct cmwq2_worker, entry);
	if (who == CMWQ2_KICK_ENQUEUE)
		cmwq2_pick_note(pool, worker, at, here);
	worker->wake_here = here;
	/* The culler takes the last worker of the list first. */
	list_move(&worker->entry, &pool->idle_list);
	return worker;
}

/**
 * cmwq2_pick_by_cpu - choose the worker that a kick takes, by CPUs
 * @pool: unbound pool
 * @who: where the kick comes from
 *
 * Context: pool->lock held.
 * Return: the worker, or NULL if none is idle. Its wake_here says whether it is to be
 * woken on this CPU.
 */
struct cmwq2_worker *cmwq2_pick_by_cpu(struct cmwq2_pool *pool, enum cmwq2_kicker who)
{
	struct cmwq2_worker *worker;

	/* With a claim, all idle workers can be on the kicked list. */
	if (list_empty(&pool->idle_list) || cmwq2_pick_is_as_in_mainline(pool, who)) {
		worker = cmwq2_first_idle(pool);
		if (!worker)
			return NULL;
		worker->wake_here = false;
	} else {
		worker = cmwq2_pick_idle_by_cpu(pool, who);
	}
	/* A worker on the kicked list must not be found through its CPU's list. */
	if (pool->claims & CMWQ2_CLAIMS_LIST)
		hlist_del_init(&worker->on_cpu);
	return worker;
}
EXPORT_SYMBOL_GPL(cmwq2_pick_by_cpu);

/* The worker became idle on @cpu. Context: pool->lock held. */
void cmwq2_pick_enter(struct cmwq2_pool *pool, struct cmwq2_worker *worker, int cpu)
{
	worker->idle_cpu = cpu;
	hlist_add_head(&worker->on_cpu, &per_cpu_ptr(pool->cpus, cpu)->idle);
}
EXPORT_SYMBOL_GPL(cmwq2_pick_enter);

/*
 * The worker runs: its CPU learns how long the way took that it was woken. What it knows of
 * the way that it does not prefer is old, and may be of another load. So the newest delay
 * replaces it. If the usual delay of the preferred way becomes twice or half as long, the
 * load has changed, and the other way is tried next.
 */
static void cmwq2_pick_learn(struct cmwq2_worker *worker)
{
	struct cmwq2_pool_cpu *at = worker->called_by;
	unsigned int *usual = &at->delay[worker->called_here];
	u64 took = min_t(u64, ktime_get_mono_fast_ns() - worker->called_at, CMWQ2_PICK_MOST_NS);

	if (worker->called_here != cmwq2_pick_prefers_here(at)) {
		*usual = took;
		at->usual = at->delay[cmwq2_pick_prefers_here(at)];
		return;
	}
	took = min_t(u64, took, 2ULL * *usual + CMWQ2_PICK_NOISE_NS);
	*usual += ((s64)took - *usual) / CMWQ2_PICK_MEMORY;
	if ((*usual / 2 > at->usual || *usual < at->usual / 2) &&
	    at->left <= CMWQ2_PICK_TRY - CMWQ2_PICK_REST)
		at->left = 0;
}

/* The worker is not idle any more. Context: pool->lock held. */
void cmwq2_pick_leave(struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	hlist_del_init(&worker->on_cpu);
	if (!worker->called_by)
		return;
	if (worker->called_here)
		worker->called_by->called = false;
	if (worker->called_at)
		cmwq2_pick_learn(worker);
	worker->called_by = NULL;
}
EXPORT_SYMBOL_GPL(cmwq2_pick_leave);

/* Make the lists of a pool anew. Its workers are unclaimed. Context: pool->lock held. */
void cmwq2_pick_apply(struct cmwq2_pool *pool)
{
	struct cmwq2_pool_cpu *at;
	struct cmwq2_worker *worker;
	int cpu;

	lockdep_assert_held(&pool->lock);
	if (!pool->cpus)
		return;
	for_each_possible_cpu(cpu) {
		at = per_cpu_ptr(pool->cpus, cpu);
		at->called = false;
		/* What was learned before the switch may be old. */
		at->delay[true] = 0;
		at->delay[false] = 0;
		at->left = 0;
	}
	/* Backwards, so that the worker that became idle last is the first of its CPU, too. */
	list_for_each_entry_reverse(worker, &pool->idle_list, entry) {
		hlist_del_init(&worker->on_cpu);
		worker->called_by = NULL;
		if (pool->policy.pick != CMWQ2_PICK_HEAD)
			cmwq2_pick_enter(pool, worker, task_cpu(worker->task));
	}
}
