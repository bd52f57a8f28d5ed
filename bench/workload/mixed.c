// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "mixed": a producer that needs its items to start soon, beside producers
 * that flood the same queue. The first producer is the critical one: it has one item in
 * flight. Of the others every second one floods the queue with short items, and the
 * rest with long ones. Only the times of the critical items are kept.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>
#include <linux/types.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"
#include "workload/job.h"
#include "workload/load.h"
#include "workload/producers.h"
#include "workload/workload.h"

enum bench_mixed_figure {
	BENCH_RATE,
	BENCH_SHORT_RATE,
	BENCH_LONG_RATE,
	BENCH_NR_MIXED,
};

static const char * const bench_mixed_figures[] = {
	[BENCH_RATE]		= "rate",
	[BENCH_SHORT_RATE]	= "short_rate",
	[BENCH_LONG_RATE]	= "long_rate",
	[BENCH_NR_MIXED]	= BENCH_STAGES,
};

static enum bench_mixed_figure bench_mixed_role(unsigned int producer)
{
	if (!producer)
		return BENCH_RATE;
	return producer % 2 ? BENCH_SHORT_RATE : BENCH_LONG_RATE;
}

static void bench_mixed_critical(struct bench_producer *p)
{
	struct bench_run *run = p->run;
	u32 i;

	for (i = 0; i < run->cfg.warmup && !READ_ONCE(run->stop); i++)
		bench_load_step(p, BENCH_UNTIMED);
	bench_load_hold(p, &run->warm);
	p->begin = bench_clock();
	for (i = 0; i < run->cfg.items && !READ_ONCE(run->stop); i++)
		bench_load_step(p, i);
	p->end = bench_clock();
	p->timed = i;
	atomic_inc(&run->timed);
}

/* Floods the queue, from before the first critical item is timed until the last has run. */
static void bench_mixed_flood(struct bench_producer *p)
{
	struct bench_run *run = p->run;
	u64 before;
	u32 i;

	for (i = 0; i < p->in_flight && !READ_ONCE(run->stop); i++)
		bench_load_step(p, BENCH_UNTIMED);
	bench_load_hold(p, &run->warm);
	p->begin = bench_clock();
	before = p->queued;
	while (!atomic_read(&run->timed) && !READ_ONCE(run->stop))
		bench_load_step(p, BENCH_UNTIMED);
	p->end = bench_clock();
	p->timed = p->queued - before;
}

static void bench_mixed_part(struct bench_producer *p)
{
	if (bench_mixed_role(p->index) == BENCH_RATE)
		bench_mixed_critical(p);
	else
		bench_mixed_flood(p);
	bench_load_collect_all(p);
}

static void bench_mixed_prepare(struct bench_run *run, struct bench_slot *slot)
{
	u32 burn_short = bench_burn_rounds(run, run->cfg.burn_ns);
	u32 burn_long = bench_burn_rounds(run, run->cfg.long_ns);
	unsigned int i;

	for (i = 0; i < slot->nr_items; i++)
		slot->items[i].burn = bench_mixed_role(i % run->cfg.producers) == BENCH_LONG_RATE ?
				      burn_long : burn_short;
	for (i = 0; i < run->cfg.producers; i++) {
		bench_load_prepare(run, &run->producers[i]);
		if (bench_mixed_role(i) == BENCH_RATE)
			run->producers[i].in_flight = 1;
		else
			run->producers[i].pause_us = 0;
	}
}

static int bench_mixed_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	u64 *figure = sample->figure;
	unsigned int i;
	int ret;

	bench_mixed_prepare(run, slot);
	ret = bench_producers_turn(run, slot, bench_mixed_part);
	if (ret || bench_stopped(run))
		return ret;
	for (i = 0; i < run->cfg.producers; i++) {
		struct bench_producer *p = &run->producers[i];

		figure[bench_mixed_role(i)] += div64_u64(p->timed * NSEC_PER_SEC,
							 max_t(u64, p->end - p->begin, 1));
		sample->queued += p->queued;
	}
	figure += BENCH_NR_MIXED;
	for (i = 0; i < BENCH_NR_STAGES; i++, figure += BENCH_NR_QUANTILES)
		bench_quantiles(run, run->ticks[i], 1, run->cfg.items, figure);
	return 0;
}

static void bench_mixed_adjust(struct bench_config *cfg)
{
	bench_load_adjust(cfg);
	cfg->producers = max(cfg->producers, 3U);
}

const struct bench_workload bench_mixed = {
	.name		= "mixed",
	.figures	= bench_mixed_figures,
	.nr_figures	= ARRAY_SIZE(bench_mixed_figures),
	.settings	= BIT(BENCH_NUMBER_PRODUCERS) | BIT(BENCH_NUMBER_ITEMS) |
			  BIT(BENCH_NUMBER_WARMUP) | BIT(BENCH_NUMBER_IN_FLIGHT) |
			  BIT(BENCH_NUMBER_BURN_NS) | BIT(BENCH_NUMBER_LONG_NS) |
			  BIT(BENCH_NUMBER_PAUSE_US),
	.has_producers	= true,
	.has_queue	= true,
	.job		= bench_timed_job,
	.nr_items	= bench_load_items,
	.adjust		= bench_mixed_adjust,
	.check		= bench_load_check,
	.setup		= bench_producers_start,
	.turn		= bench_mixed_turn,
	.teardown	= bench_producers_stop,
};
