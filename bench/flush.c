// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads "flush" and "drain": the time of flush_workqueue() and
 * drain_workqueue() with items in flight.
 *
 * All items are held while they are queued: the queue admits one at a time, and
 * the first one waits at a gate. The gate is opened right before the call. The
 * time until the same items have run with nobody flushing is taken beside.
 */
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "bench.h"

enum bench_flush_figure {
	BENCH_CALL_NS,
	BENCH_BARE_NS,
	BENCH_TAIL_NS,
	BENCH_EMPTY_NS,
	BENCH_NR_FLUSH,
};

static const char * const bench_flush_figures[BENCH_NR_FLUSH] = {
	[BENCH_CALL_NS]		= "call_ns",
	[BENCH_BARE_NS]		= "bare_ns",
	[BENCH_TAIL_NS]		= "tail_ns",
	[BENCH_EMPTY_NS]	= "empty_ns",
};

/**
 * struct bench_flushes - one turn
 * @gate: what holds the items
 * @values: calls of this turn, by figure
 */
struct bench_flushes {
	struct bench_gate	gate;
	u64			*values[BENCH_NR_FLUSH];
};

static u32 bench_flush_items(const struct bench_config *cfg)
{
	return cfg->in_flight;
}

static int bench_flush_check(const struct bench_config *cfg)
{
	if ((u64)cfg->in_flight * cfg->calls <= BENCH_MAX_SAMPLES)
		return 0;
	pr_err("config_in_flight %u times config_calls %u is above %u\n",
	       cfg->in_flight, cfg->calls, BENCH_MAX_SAMPLES);
	return -EINVAL;
}

static void bench_flush_teardown(struct bench_run *run)
{
	struct bench_flushes *turn = run->priv;
	unsigned int i;

	if (!turn)
		return;
	for (i = 0; i < BENCH_NR_FLUSH; i++)
		kfree(turn->values[i]);
	kfree(turn);
}

static int bench_flush_setup(struct bench_run *run)
{
	struct bench_flushes *turn = kzalloc(sizeof(*turn), GFP_KERNEL);
	unsigned int i;

	run->priv = turn;
	if (!turn)
		return -ENOMEM;
	bench_gate_init(&turn->gate);
	for (i = 0; i < BENCH_NR_FLUSH; i++) {
		turn->values[i] = kcalloc(run->cfg.calls, sizeof(u64), GFP_KERNEL);
		if (!turn->values[i])
			return -ENOMEM;
	}
	return 0;
}

static void bench_time_bare(struct bench_run *run, struct bench_slot *slot, u32 i)
{
	struct bench_flushes *turn = run->priv;
	struct bench_gate *gate = &turn->gate;
	u64 begin;

	bench_hold_items(run, slot, gate);
	begin = bench_clock();
	complete_all(&gate->open);
	bench_wait(slot, &gate->done);
	turn->values[BENCH_BARE_NS][i] = bench_clock() - begin;
	/* The last item's function is done, but not the engine with it. */
	slot->engine->flush(slot->wq);
}

static void bench_time_call(struct bench_run *run, struct bench_slot *slot, u32 i,
			    void (*call)(union bench_wq wq))
{
	struct bench_flushes *turn = run->priv;
	struct bench_gate *gate = &turn->gate;
	u64 begin, end;

	bench_hold_items(run, slot, gate);
	begin = bench_clock();
	complete_all(&gate->open);
	call(slot->wq);
	end = bench_clock();
	if (atomic_read(&gate->left)) {
		bench_fail(run, "returned-before-the-last-item");
		bench_wait(slot, &gate->done);
	}
	turn->values[BENCH_CALL_NS][i] = end - begin;
	turn->values[BENCH_TAIL_NS][i] = end > gate->last ? end - gate->last : 0;

	begin = bench_clock();
	call(slot->wq);
	turn->values[BENCH_EMPTY_NS][i] = bench_clock() - begin;
}

static int bench_flush_or_drain(struct bench_run *run, struct bench_slot *slot,
				struct bench_sample *sample, void (*call)(union bench_wq wq))
{
	struct bench_flushes *turn = run->priv;
	struct bench_spread spread;
	u32 i;

	for (i = 0; i < run->cfg.calls; i++) {
		/* Which comes first must not favour one of them. */
		if (i % 2)
			bench_time_bare(run, slot, i);
		bench_time_call(run, slot, i, call);
		if (i % 2 == 0)
			bench_time_bare(run, slot, i);
		sample->queued += 2 * slot->nr_items;
		if (run->failure)
			return 0;
		if (bench_stopped(run))
			return -EINTR;
		cond_resched();
	}
	for (i = 0; i < BENCH_NR_FLUSH; i++) {
		bench_spread(turn->values[i], run->cfg.calls, &spread);
		sample->figure[i] = spread.median;
	}
	return 0;
}

static int bench_flush_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	return bench_flush_or_drain(run, slot, sample, slot->engine->flush);
}

static int bench_drain_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	return bench_flush_or_drain(run, slot, sample, slot->engine->drain);
}

#define BENCH_FLUSH_WORKLOAD(_name)						\
	{									\
		.name		= #_name,					\
		.figures	= bench_flush_figures,				\
		.nr_figures	= BENCH_NR_FLUSH,				\
		.settings	= BIT(BENCH_NUMBER_IN_FLIGHT) |			\
				  BIT(BENCH_NUMBER_CALLS),			\
		.needs		= BENCH_FLUSH,					\
		.has_queue	= true,						\
		.has_idle_round	= true,						\
		.max_active	= 1,						\
		.job		= bench_gate_job,				\
		.nr_items	= bench_flush_items,				\
		.check		= bench_flush_check,				\
		.setup		= bench_flush_setup,				\
		.turn		= bench_##_name##_turn,				\
		.teardown	= bench_flush_teardown,				\
	}

const struct bench_workload bench_flush = BENCH_FLUSH_WORKLOAD(flush);
const struct bench_workload bench_drain = BENCH_FLUSH_WORKLOAD(drain);
