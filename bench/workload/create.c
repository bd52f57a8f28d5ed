// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "create": create many queues, run one item on each, and destroy
 * all of them.
 *
 * Memory is read when half of the queues exist and again when all do, and the
 * figure is the difference. The first half fills holes in slabs and in per-CPU
 * chunks, which could hide as much memory as a thousand queues take.
 */
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/thread_info.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/memory.h"
#include "measure/times.h"
#include "workload/job.h"
#include "workload/workload.h"

/* After so many reads in a row without a decrease the figure is BENCH_NONE. */
#define BENCH_GONE_READS	8
/* Lockdep does not have enough lock classes for more. */
#define BENCH_LOCKDEP_QUEUES	1000U

enum bench_create_figure {
	BENCH_CREATE_NS,
	BENCH_USE_NS,
	BENCH_DESTROY_NS,
	BENCH_GONE,
	BENCH_MEMORY,
	BENCH_SLAB,
	BENCH_PERCPU,
	BENCH_STACK,
	BENCH_NR_CREATE,
};

/* The operations that are timed for each queue by itself. */
enum bench_create_kind {
	BENCH_CREATION,
	BENCH_DESTRUCTION,
	BENCH_NR_CREATE_KINDS,
};

static const char * const bench_create_figures[] = {
	[BENCH_CREATE_NS]	= "create_ns",
	[BENCH_USE_NS]		= "use_ns",
	[BENCH_DESTROY_NS]	= "destroy_ns",
	[BENCH_GONE]		= "gone_ns",
	[BENCH_MEMORY]		= "memory_bytes",
	[BENCH_SLAB]		= "slab_bytes",
	[BENCH_PERCPU]		= "percpu_bytes",
	[BENCH_STACK]		= "stack_bytes",
	[BENCH_NR_CREATE]	= BENCH_QUANTILES("create_"), BENCH_QUANTILES("destroy_"),
};

static_assert(ARRAY_SIZE(bench_create_figures) ==
	      BENCH_NR_CREATE + BENCH_NR_CREATE_KINDS * BENCH_NR_QUANTILES);

/**
 * struct bench_create - one turn
 * @run: the run
 * @slot: whose turn it is
 * @nr: number of queues that exist
 * @before: memory without them
 * @half: memory with the first half of them
 * @all: memory with all of them
 * @wqs: the queues
 */
struct bench_create {
	struct bench_run	*run;
	struct bench_slot	*slot;
	u32			nr;
	struct bench_memory	before;
	struct bench_memory	half;
	struct bench_memory	all;
	union bench_wq		wqs[];
};

static u32 bench_create_items(const struct bench_config *cfg)
{
	return cfg->queues;
}

/* A generous estimate: debugging options multiply the size of a queue. */
static u64 bench_queue_size(const struct bench_config *cfg)
{
	u64 size = SZ_4K + num_possible_cpus() * SZ_1K +
		   cfg->nr_engines * sizeof(struct bench_item);

	return size + (cfg->mem_reclaim ? THREAD_SIZE + SZ_16K : 0);
}

static int bench_create_check(const struct bench_config *cfg)
{
	u64 allowed = div64_u64((u64)max(si_mem_available(), 0L) / 2 * PAGE_SIZE,
				bench_queue_size(cfg));

	if (IS_ENABLED(CONFIG_LOCKDEP) && cfg->queues > BENCH_LOCKDEP_QUEUES) {
		pr_err("config_queues %u is above %u, the most that lockdep has room for\n",
		       cfg->queues, BENCH_LOCKDEP_QUEUES);
		return -EINVAL;
	}
	if (cfg->queues <= allowed)
		return 0;
	pr_err("config_queues %u is above %llu, the most that half of the free memory has room for\n",
	       cfg->queues, allowed);
	return -EINVAL;
}

static int bench_create_setup(struct bench_run *run)
{
	struct bench_create *turn;

	turn = kvzalloc(struct_size(turn, wqs, run->cfg.queues), GFP_KERNEL);
	run->priv = turn;
	if (!turn)
		return -ENOMEM;
	turn->run = run;
	return 0;
}

static void bench_create_teardown(struct bench_run *run)
{
	kvfree(run->priv);
}

static void bench_create_timed(struct bench_create *turn, enum bench_create_kind kind, u64 begin)
{
	bench_times_add(turn->run, kind, bench_call_ticks(turn->run, begin, cmwq2_ticks()));
}

static void bench_destroy_all(struct bench_create *turn)
{
	while (turn->nr) {
		u64 begin = cmwq2_ticks();

		turn->slot->engine->close(turn->slot, turn->wqs[--turn->nr]);
		bench_create_timed(turn, BENCH_DESTRUCTION, begin);
		cond_resched();
	}
}

static int bench_create_one(struct bench_create *turn)
{
	struct bench_slot *slot = turn->slot;
	char name[BENCH_NAME_LEN];
	u64 begin;
	int ret;

	snprintf(name, sizeof(name), "bench%u.%u", slot->index, turn->nr);
	begin = cmwq2_ticks();
	ret = slot->engine->open(slot, name, false, &turn->wqs[turn->nr]);
	bench_create_timed(turn, BENCH_CREATION, begin);
	if (ret) {
		if (signal_pending(current))
			return -EINTR;
		pr_err("engine '%s': queue %u of %u cannot be created (%d)\n", slot->name,
		       turn->nr + 1, slot->cfg->queues, ret);
		return ret;
	}
	turn->nr++;
	return 0;
}

/* Creates queues until there are @nr. Adds the time to @ns. */
static int bench_create_upto(struct bench_run *run, struct bench_create *turn, u32 nr, u64 *ns)
{
	u64 begin = bench_clock();
	int ret = 0;

	while (!ret && turn->nr < nr) {
		ret = bench_create_one(turn);
		if (!ret && bench_stopped(run))
			ret = -EINTR;
		cond_resched();
	}
	*ns += bench_clock() - begin;
	return ret;
}

/*
 * Waits for RCU first, so that memory which engines free in callbacks is not
 * counted.
 */
static int bench_settled(struct bench_create *turn, struct bench_memory *memory)
{
	rcu_barrier();
	return bench_memory_read(turn->run->meminfo, memory);
}

static int bench_create_all(struct bench_run *run, struct bench_create *turn, u64 *ns)
{
	u32 nr = turn->slot->cfg->queues;
	int ret;

	ret = bench_settled(turn, &turn->before);
	if (!ret)
		ret = bench_create_upto(run, turn, nr / 2, ns);
	if (!ret)
		ret = bench_settled(turn, &turn->half);
	if (!ret)
		ret = bench_create_upto(run, turn, nr, ns);
	if (!ret)
		ret = bench_settled(turn, &turn->all);
	return ret;
}

/* Queues one item on each queue before it waits for any of them. */
static u64 bench_use_all(struct bench_run *run, struct bench_create *turn)
{
	struct bench_slot *slot = turn->slot;
	u64 begin = bench_clock();
	u32 i;

	for (i = 0; i < turn->nr; i++)
		if (!slot->engine->queue(turn->wqs[i], &slot->items[i])) {
			bench_fail(run, "item-was-still-queued");
			complete(&slot->items[i].done);
		}
	for (i = 0; i < turn->nr; i++)
		bench_wait(slot, &slot->items[i].done);
	return bench_clock() - begin;
}

/*
 * Engines free a queue after destroy has returned, in steps for which no code outside
 * the engine can wait. So this reads the memory until it no longer falls. The end is
 * accepted only when half of the growth is gone, because some memory stays in the
 * allocator's caches.
 */
static u64 bench_wait_gone(struct bench_run *run, struct bench_create *turn, u64 begin)
{
	u64 before = turn->before.slab + turn->before.stack;
	u64 all = turn->all.slab + turn->all.stack;
	u64 last = all, growth = all - before, end = begin;
	struct bench_memory memory;
	unsigned int still = 0;

	if (all <= before)
		return BENCH_NONE;
	while (still < BENCH_GONE_READS && !bench_stopped(run)) {
		u64 now;

		if (bench_settled(turn, &memory))
			return BENCH_NONE;
		now = memory.slab + memory.stack;
		still = now + growth / 100 < last ? 0 : still + 1;
		if (still && now < before + growth / 2)
			return end - begin;
		last = now;
		end = bench_clock();
	}
	return BENCH_NONE;
}

/*
 * Per queue. With few queues noise can make the growth negative, which becomes
 * 0.
 */
static u64 bench_per_queue(u64 all, u64 half, u32 nr)
{
	return all > half ? div_u64(all - half + nr / 2, nr) : 0;
}

static void bench_create_memory(struct bench_create *turn, u64 *figure)
{
	u32 nr = turn->slot->cfg->queues;

	nr -= nr / 2;
	figure[BENCH_SLAB] = bench_per_queue(turn->all.slab, turn->half.slab, nr);
	figure[BENCH_PERCPU] = bench_per_queue(turn->all.percpu, turn->half.percpu, nr);
	figure[BENCH_STACK] = bench_per_queue(turn->all.stack, turn->half.stack, nr);
	figure[BENCH_MEMORY] = figure[BENCH_SLAB] + figure[BENCH_PERCPU] + figure[BENCH_STACK];
}

static int bench_create_turn(struct bench_run *run, struct bench_slot *slot,
			     struct bench_sample *sample)
{
	struct bench_create *turn = run->priv;
	u32 nr = run->cfg.queues;
	u64 create = 0, gone, begin;
	int ret;

	turn->slot = slot;
	ret = bench_create_all(run, turn, &create);
	if (ret) {
		bench_destroy_all(turn);
		return ret;
	}
	bench_create_memory(turn, sample->figure);
	sample->queued = nr;
	sample->figure[BENCH_CREATE_NS] = div_u64(create, nr);
	sample->figure[BENCH_USE_NS] = div_u64(bench_use_all(run, turn), nr);

	begin = bench_clock();
	bench_destroy_all(turn);
	sample->figure[BENCH_DESTROY_NS] = div_u64(bench_clock() - begin, nr);
	gone = bench_wait_gone(run, turn, begin);
	sample->figure[BENCH_GONE] = gone == BENCH_NONE ? gone : div_u64(gone, nr);
	return 0;
}

const struct bench_workload bench_create = {
	.name		= "create",
	.figures	= bench_create_figures,
	.nr_figures	= ARRAY_SIZE(bench_create_figures),
	.settings	= BIT(BENCH_NUMBER_QUEUES),
	.needs		= BENCH_CREATE,
	.has_idle_round	= true,
	.nr_kinds	= BENCH_NR_CREATE_KINDS,
	.job		= bench_complete_job,
	.nr_items	= bench_create_items,
	.nr_times	= bench_create_items,
	.check		= bench_create_check,
	.setup		= bench_create_setup,
	.turn		= bench_create_turn,
	.teardown	= bench_create_teardown,
};
