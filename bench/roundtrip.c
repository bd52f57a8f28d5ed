// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "roundtrip": a producer queues its item, waits until it has run, and
 * starts over, with one item in flight.
 */
#include <linux/math64.h>
#include <linux/minmax.h>

#include "bench.h"

/* The quantiles are in the order of enum bench_quantile. */
static const char * const bench_roundtrip_figures[] = {
	"rate", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "max_ns", "span_ns",
};

static u32 bench_roundtrip_once(struct bench_producer *p, struct bench_slot *slot,
				struct bench_item *item)
{
	u64 begin, end;
	bool queued;

	begin = bench_ticks();
	queued = slot->engine->queue(slot->wq, item);
	end = bench_ticks();
	if (!queued) {
		bench_fail(p->run, "item-was-still-queued");
		return 0;
	}
	p->queued++;
	wait_for_completion(&item->done);
	return bench_ticks_between(begin, end);
}

/* A gate that is waited at by going on with the work: nobody measures alone. */
static void bench_hold(struct bench_producer *p, struct bench_slot *slot,
		       struct bench_item *item, atomic_t *arrived)
{
	struct bench_run *run = p->run;

	atomic_inc(arrived);
	while (atomic_read(arrived) < run->cfg.producers && !READ_ONCE(run->stop))
		bench_roundtrip_once(p, slot, item);
}

static void bench_roundtrip_part(struct bench_producer *p)
{
	struct bench_run *run = p->run;
	struct bench_slot *slot = run->slot;
	struct bench_item *item = &slot->items[p->index];
	u32 i;

	for (i = 0; i < run->cfg.warmup && !READ_ONCE(run->stop); i++)
		bench_roundtrip_once(p, slot, item);
	bench_hold(p, slot, item, &run->warm);

	p->begin = bench_clock();
	for (i = 0; i < run->cfg.items && !READ_ONCE(run->stop); i++)
		p->ticks[i] = bench_roundtrip_once(p, slot, item);
	p->end = bench_clock();
	bench_hold(p, slot, item, &run->timed);
}

static void bench_roundtrip_sample(struct bench_run *run, struct bench_sample *sample)
{
	u64 begin = U64_MAX, end = 0, rate = 0;
	unsigned int i;

	for (i = 0; i < run->cfg.producers; i++) {
		struct bench_producer *p = &run->producers[i];

		/*
		 * Everybody keeps up the load until the last one is through,
		 * so each has a rate under full load, and these add up.
		 */
		rate += div64_u64((u64)run->cfg.items * NSEC_PER_SEC,
				  max_t(u64, p->end - p->begin, 1));
		sample->queued += p->queued;
		begin = min(begin, p->begin);
		end = max(end, p->end);
	}
	sample->figure[0] = rate;
	bench_quantiles(run, &sample->figure[1]);
	sample->figure[1 + BENCH_NR_QUANTILES] = end - begin;
}

static int bench_roundtrip_turn(struct bench_run *run, struct bench_slot *slot,
				struct bench_sample *sample)
{
	int ret = bench_producers_turn(run, slot, bench_roundtrip_part);

	if (!ret && !run->failure)
		bench_roundtrip_sample(run, sample);
	return ret;
}

static void bench_roundtrip_describe(struct bench_text *text, const struct bench_config *cfg)
{
	bench_line(text, "producers=%u", cfg->producers);
	bench_line(text, "items=%u", cfg->items);
	bench_line(text, "warmup=%u", cfg->warmup);
}

const struct bench_workload bench_roundtrip = {
	.name		= "roundtrip",
	.figures	= bench_roundtrip_figures,
	.nr_figures	= ARRAY_SIZE(bench_roundtrip_figures),
	.has_queue	= true,
	.job		= BENCH_JOB_COMPLETE,
	.nr_items	= bench_producer_items,
	.describe	= bench_roundtrip_describe,
	.check		= bench_producers_check,
	.setup		= bench_producers_start,
	.turn		= bench_roundtrip_turn,
	.teardown	= bench_producers_stop,
};
