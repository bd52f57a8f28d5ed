// SPDX-License-Identifier: GPL-2.0
/*
 * One run: its setup, its rounds, the turns of a round, and its end.
 */
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/prandom.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "base/turn.h"
#include "base/types.h"
#include "engine/engine.h"
#include "measure/clock.h"
#include "measure/memory.h"
#include "measure/tasks.h"
#include "measure/times.h"
#include "run/result.h"
#include "run/run.h"
#include "run/slots.h"

/* @sum for every @items of the @queued items. BENCH_NONE if these are 0. */
static u64 bench_by_item(u64 queued, u64 sum, u32 items)
{
	return queued ? div64_u64(sum * items, queued) : BENCH_NONE;
}

/* Fills in the figures that every workload has. The turn began at @began. */
static void bench_common_figures(struct bench_run *run, struct bench_slot *slot,
				 struct bench_sample *sample, u64 began)
{
	u64 *figure = &sample->figure[slot->cfg->workload->nr_figures];
	struct bench_work_done done;
	struct bench_workers after;
	u64 queued;

	/* What the threads have done for these items. If that is not known, there is no figure. */
	queued = bench_tasks_end(slot, &run->tasks, &done) ? sample->queued : 0;
	figure[BENCH_CPU_NS] = bench_by_item(queued, done.runtime, 1);
	figure[BENCH_SLEEPS] = bench_by_item(queued, done.sleeps, 1000);
	figure[BENCH_SWITCHES] = bench_by_item(queued, done.switches, 1000);
	figure[BENCH_MIGRATIONS] = bench_by_item(queued, done.migrations, 1000);
	bench_count_workers(slot, began, &after);
	figure[BENCH_WORKERS] = after.all;
	figure[BENCH_NEW_WORKERS] = after.created;
	if (slot->pools.known == slot->engine->has_pools) {
		figure[BENCH_POOL_WORKERS] = after.in_pools;
		figure[BENCH_POOL_PEAK] = max(slot->peak, after.in_pools);
	} else {
		figure[BENCH_POOL_WORKERS] = BENCH_NONE;
		figure[BENCH_POOL_PEAK] = BENCH_NONE;
	}
}

/* Runs the turn, and measures the common figures before and after it. */
static int bench_observed_turn(struct bench_run *run, struct bench_slot *slot,
			       struct bench_sample *sample)
{
	u64 began = ktime_get_ns();
	int ret;

	bench_times_reset(run);
	slot->peak = 0;
	bench_note_workers(slot);
	bench_tasks_begin(slot, &run->tasks);
	ret = run->cfg.workload->turn(run, slot, sample);
	bench_common_figures(run, slot, sample, began);
	if (!ret && !bench_stopped(run))
		bench_times_figures(run, sample);
	return ret;
}

/*
 * Does what bench_observed_turn() does, and measures how much the engine's memory grows.
 * The account (bench_held()) has the memory that the engine kept from earlier turns,
 * above all for its workers. The account can be negative, if other code frees more than
 * the engine allocates.
 */
static int bench_weighed_turn(struct bench_run *run, struct bench_slot *slot,
			      struct bench_sample *sample)
{
	u64 *figure = &sample->figure[run->cfg.workload->nr_figures + BENCH_HELD];
	s64 *held = bench_held(run, slot);
	u64 before, after;
	int ret;

	*figure = BENCH_NONE;
	run->steady = BENCH_NONE;
	ret = bench_memory_total(run, &before);
	if (!ret)
		ret = bench_observed_turn(run, slot, sample);
	if (!ret)
		ret = bench_memory_total(run, &after);
	if (ret)
		return ret;
	if (run->cfg.workload->has_queue)
		run->steady = after;
	if (run->steady != BENCH_NONE)
		*figure = max_t(s64, *held + (s64)(run->steady - before), 0);
	*held += after - before;
	return 0;
}

static int bench_turn(struct bench_run *run, struct bench_slot *slot,
		      struct bench_sample *sample)
{
	int ret;

	if (slot->engine->begin) {
		ret = slot->engine->begin(slot);
		if (ret)
			return ret;
	}
	ret = bench_tasks_room(&run->tasks);
	if (!ret)
		ret = bench_weighed_turn(run, slot, sample);
	if (slot->engine->end)
		slot->engine->end(slot, sample);
	WRITE_ONCE(run->turns, run->turns + 1);
	if (ret || run->failure)
		return ret;
	return bench_stopped(run) ? -EINTR : 0;
}

/* One turn for each engine, in random order. The samples are those of @round. */
static int bench_round(struct bench_run *run, struct rnd_state *rnd, unsigned int *order,
		       unsigned int round)
{
	unsigned int i;
	int ret;

	for (i = run->nr_slots - 1; i > 0; i--) {
		unsigned int with = prandom_u32_state(rnd) % (i + 1);

		swap(order[i], order[with]);
	}
	for (i = 0; i < run->nr_slots; i++) {
		struct bench_slot *slot = &run->slots[order[i]];
		struct bench_sample *sample = &slot->samples[round];

		memset(sample, 0, sizeof(*sample));
		sample->position = i;
		ret = bench_turn(run, slot, sample);
		if (ret || run->failure)
			return ret;
	}
	return 0;
}

static int bench_rounds(struct bench_run *run)
{
	unsigned int order[BENCH_MAX_SLOTS];
	struct rnd_state rnd;
	unsigned int round, i;
	int ret = 0;

	while (!run->cfg.seed)
		run->cfg.seed = get_random_u32();
	prandom_seed_state(&rnd, run->cfg.seed);
	for (i = 0; i < run->nr_slots; i++)
		order[i] = i;

	run->nr_turns = run->nr_slots * (run->cfg.rounds + run->cfg.workload->has_idle_round);
	WRITE_ONCE(run->began, bench_clock());
	/* The next round overwrites the samples of this idle one. */
	if (run->cfg.workload->has_idle_round)
		ret = bench_round(run, &rnd, order, 0);
	for (round = 0; !ret && !run->failure && round < run->cfg.rounds; round++)
		ret = bench_round(run, &rnd, order, round);
	return ret;
}

/* Checks that need all settings at once. */
static int bench_check(const struct bench_config *cfg)
{
	const struct bench_engine *engine;
	const char *profile;
	unsigned int i;

	for (i = 0; i < cfg->nr_engines; i++) {
		engine = bench_find_engine(cfg->engines[i], &profile);
		if (cfg->workload->only_cmwq2 && engine && !engine->is_cmwq2) {
			pr_err("engine '%s': workload %s needs cmwq2 or cmwq2:PROFILE: %s\n",
			       cfg->engines[i], cfg->workload->name, cfg->workload->only_cmwq2);
			return -EINVAL;
		}
		if (!engine || !(cfg->workload->needs & ~engine->can))
			continue;
		pr_err("engine '%s' cannot run workload %s; native, cmwq2, cmwq2:PROFILE can\n",
		       cfg->engines[i], cfg->workload->name);
		return -EINVAL;
	}
	return cfg->workload->check ? cfg->workload->check(cfg) : 0;
}

/**
 * bench_run_teardown - undo bench_run_setup(), even if it failed half way
 * @run: the run
 */
void bench_run_teardown(struct bench_run *run)
{
	bench_teardown_slots(run);
	if (run->cfg.workload->teardown)
		run->cfg.workload->teardown(run);
	bench_times_teardown(run);
	bench_tasks_free(&run->tasks);
	bench_memory_close(run->meminfo);
}

static int bench_setup_workload(struct bench_run *run)
{
	const struct bench_workload *workload = run->cfg.workload;
	int ret = bench_times_setup(run);

	if (!ret && workload->setup)
		ret = workload->setup(run);
	if (ret && ret != -EINTR)
		pr_err("workload %s cannot be set up (%d)\n", workload->name, ret);
	return ret;
}

/**
 * bench_run_setup - allocate and look up everything that a run needs
 * @run: zeroed, except for the configuration
 *
 * Context: a user's thread, because a kernel thread may not see /sys and /proc.
 * Return: 0; -EINTR if a signal came, -ECANCELED after bench_abort(), or
 * another error. After an error nothing is left behind.
 */
int bench_run_setup(struct bench_run *run)
{
	const struct bench_workload *workload = run->cfg.workload;
	int ret;

	if (workload->adjust)
		workload->adjust(&run->cfg);
	ret = bench_check(&run->cfg);
	if (ret)
		return ret;
	init_waitqueue_head(&run->gate);
	init_completion(&run->turn_over);
	run->meminfo = bench_memory_open();
	if (IS_ERR(run->meminfo))
		return PTR_ERR(run->meminfo);
	ret = bench_setup_workload(run);
	if (!ret)
		ret = bench_measure_clock(run);
	if (!ret)
		ret = bench_setup_slots(run);
	if (!ret && READ_ONCE(run->aborted))
		ret = -ECANCELED;
	if (ret)
		bench_run_teardown(run);
	return ret;
}

/**
 * bench_run_rounds - do the rounds of a run that is set up, and tear it down
 * @run: the run; gets the result, to be freed with kvfree()
 *
 * A run that fails half way has a result that says so, and no figures.
 *
 * Context: any thread.
 * Return: 0 if there is a result, -EINTR if a signal came, -ECANCELED after
 * bench_abort(), or -ENOMEM.
 */
int bench_run_rounds(struct bench_run *run)
{
	int ret = bench_rounds(run);

	if (READ_ONCE(run->aborted))
		ret = -ECANCELED;
	if (!ret)
		ret = bench_format_result(run, &run->text, &run->len);
	bench_run_teardown(run);
	return ret;
}
