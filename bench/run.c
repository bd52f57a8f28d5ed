// SPDX-License-Identifier: GPL-2.0
/*
 * One run: its rounds and its end.
 */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "bench.h"

/**
 * bench_fail - give the run up from inside a turn
 * @run: the run
 * @failure: why, without spaces, for the result
 */
void bench_fail(struct bench_run *run, const char *failure)
{
	WRITE_ONCE(run->failure, failure);
	WRITE_ONCE(run->stop, true);
}

/**
 * bench_wait - wait for something that an item does
 * @slot: whose item it is
 * @done: what it completes
 *
 * Not to be interrupted: the item is in flight.
 */
void bench_wait(struct bench_slot *slot, struct completion *done)
{
	while (!wait_for_completion_timeout(done, BENCH_STALL))
		pr_err("engine '%s' is busy for a long time: was an item lost?\n", slot->name);
}

static void bench_free_slot(struct bench_slot *slot)
{
	kvfree(slot->samples);
	kvfree(slot->items);
}

static void bench_teardown_slots(struct bench_run *run)
{
	while (run->nr_slots--) {
		struct bench_slot *slot = &run->slots[run->nr_slots];

		if (run->cfg.workload->has_queue)
			slot->engine->close(slot, slot->wq);
		bench_free_slot(slot);
	}
}

static void bench_init_items(struct bench_slot *slot)
{
	int cpu = -1;
	unsigned int i;

	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];

		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
		item->cpu = cpu;
		init_completion(&item->done);
		if (slot->engine->init)
			slot->engine->init(item, slot->cfg->workload->job);
	}
}

static int bench_open_slot(struct bench_slot *slot)
{
	char name[BENCH_NAME_LEN];

	if (!slot->cfg->workload->has_queue)
		return 0;
	snprintf(name, sizeof(name), "cmwq2_bench.%u", slot->index);
	return slot->engine->open(slot, name, slot->cfg->queue == BENCH_QUEUE_UNBOUND, &slot->wq);
}

static int bench_setup_slot(struct bench_run *run, struct bench_slot *slot)
{
	int ret = -ENOMEM;

	slot->cfg = &run->cfg;
	slot->index = run->nr_slots;
	slot->name = run->cfg.engines[slot->index];
	slot->engine = bench_find_engine(slot->name, &slot->profile);
	if (!slot->engine)
		return -EINVAL;
	slot->nr_items = run->cfg.workload->nr_items(&run->cfg);
	slot->items = kvcalloc(slot->nr_items, sizeof(*slot->items), GFP_KERNEL);
	slot->samples = kvcalloc(run->cfg.rounds, sizeof(*slot->samples), GFP_KERNEL);
	if (slot->items && slot->samples) {
		bench_init_items(slot);
		ret = bench_open_slot(slot);
	}
	if (ret)
		bench_free_slot(slot);
	else
		run->nr_slots++;
	return ret;
}

static int bench_setup_slots(struct bench_run *run)
{
	int ret;

	while (run->nr_slots < run->cfg.nr_engines) {
		ret = bench_setup_slot(run, &run->slots[run->nr_slots]);
		if (!ret)
			continue;
		/* A signal needs no explanation. */
		if (ret != -EINTR)
			pr_err("engine '%s' cannot be set up (%d)\n",
			       run->cfg.engines[run->nr_slots], ret);
		return ret;
	}
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
	ret = run->cfg.workload->turn(run, slot, sample);
	if (slot->engine->end)
		slot->engine->end(slot, sample);
	if (ret || run->failure)
		return ret;
	return signal_pending(current) ? -EINTR : 0;
}

/* Every engine once. The samples are those of @round. */
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

	/* Its samples are overwritten by those of the first one that counts. */
	if (run->cfg.workload->has_idle_round)
		ret = bench_round(run, &rnd, order, 0);
	for (round = 0; !ret && !run->failure && round < run->cfg.rounds; round++)
		ret = bench_round(run, &rnd, order, round);
	return ret;
}

/* What only shows when all settings are known. */
static int bench_check(const struct bench_config *cfg)
{
	const struct bench_engine *engine;
	const char *profile;
	unsigned int i;

	for (i = 0; i < cfg->nr_engines; i++) {
		engine = bench_find_engine(cfg->engines[i], &profile);
		if (cfg->workload->only_cmwq2 && engine && !engine->is_cmwq2) {
			pr_err("engine '%s': workload %s takes cmwq2, cmwq2:PROFILE: %s\n",
			       cfg->engines[i], cfg->workload->name, cfg->workload->only_cmwq2);
			return -EINVAL;
		}
		if (!engine || !cfg->workload->needs_queues || engine->has_queues)
			continue;
		pr_err("engine '%s' has no queues: workload %s takes native, cmwq2, cmwq2:PROFILE\n",
		       cfg->engines[i], cfg->workload->name);
		return -EINVAL;
	}
	return cfg->workload->check ? cfg->workload->check(cfg) : 0;
}

/* All of it between setting up and tearing down. */
static int bench_run_whole(struct bench_run *run, char **text, size_t *len)
{
	const struct bench_workload *workload = run->cfg.workload;
	int ret = 0;

	if (workload->setup)
		ret = workload->setup(run);
	if (ret) {
		if (ret != -EINTR)
			pr_err("workload %s cannot be set up (%d)\n", workload->name, ret);
		goto teardown;
	}
	ret = bench_measure_clock(run);
	if (!ret)
		ret = bench_setup_slots(run);
	if (!ret)
		ret = bench_rounds(run);
	if (!ret)
		ret = bench_format_result(run, text, len);
	bench_teardown_slots(run);
teardown:
	if (workload->teardown)
		workload->teardown(run);
	return ret;
}

static int bench_run_checked(const struct bench_config *cfg, char **text, size_t *len)
{
	struct bench_run *run = kvzalloc(sizeof(*run), GFP_KERNEL);
	int ret;

	if (!run)
		return -ENOMEM;
	run->cfg = *cfg;
	init_waitqueue_head(&run->gate);
	init_completion(&run->turn_over);
	ret = bench_run_whole(run, text, len);
	kvfree(run);
	return ret;
}

/**
 * bench_run - do a run
 * @cfg: what to run
 * @text: set to the result, to be freed with kvfree()
 * @len: set to its length
 *
 * A run that fails half way has a result that says so, and no figures.
 *
 * Return: 0 if there is a result, -EINTR if a signal came, or why the run
 * could not be set up.
 */
int bench_run(const struct bench_config *cfg, char **text, size_t *len)
{
	int ret = bench_check(cfg);

	return ret ?: bench_run_checked(cfg, text, len);
}
