// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads in which producers keep items in flight. All use the same loop:
 *
 * roundtrip	one item each: queue it, wait until it has run, start over; with
 *		pause_us, sleep before the next one
 * busy		like roundtrip, but go on computing after the item is queued
 * batch	in_flight items each: wait for the oldest, queue it again
 * stream	like batch, but wait only if all items are in flight, and then until
 *		half of them have run; flush the queue at the end
 * fanout	one producer: queue in_flight items, wait for all of them
 * delayed	like batch, but each item is queued with a delay
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/time64.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"
#include "workload/job.h"
#include "workload/load.h"
#include "workload/producers.h"
#include "workload/workload.h"

/* The quantiles are in the order of enum bench_quantile, and of enum bench_stage. */
static const char * const bench_load_figures[] = { "rate", BENCH_STAGES, "span_ns" };

static void bench_load_collect(struct bench_producer *p, struct bench_item *item)
{
	struct bench_run *run = p->run;

	if (!item->in_flight)
		return;
	wait_for_completion(&item->done);
	item->in_flight = false;
	if (item->sample == BENCH_UNTIMED)
		return;
	run->ticks[BENCH_START][p->index][item->sample] =
		bench_ticks_between(item->queued, item->started);
	run->ticks[BENCH_DONE][p->index][item->sample] =
		bench_ticks_between(item->queued, item->ended);
}

static void bench_load_queue(struct bench_producer *p, struct bench_item *item, u32 sample)
{
	struct bench_run *run = p->run;
	struct bench_slot *slot = run->slot;
	const struct bench_engine *engine = slot->engine;
	u64 returned;

	item->sample = sample;
	item->queued = cmwq2_ticks();
	if (slot->cfg->delay_ms)
		item->in_flight = engine->queue_delayed(slot->wq, item,
							msecs_to_jiffies(slot->cfg->delay_ms));
	else
		item->in_flight = engine->queue(slot->wq, item);
	returned = cmwq2_ticks();
	if (!item->in_flight) {
		bench_fail(run, "item-was-still-queued");
		return;
	}
	p->queued++;
	if (sample != BENCH_UNTIMED)
		run->ticks[BENCH_CALL][p->index][sample] =
			bench_call_ticks(run, item->queued, returned);
}

static struct bench_item *bench_load_item(struct bench_producer *p, unsigned int nth)
{
	return &p->run->slot->items[p->index + nth * p->run->cfg.producers];
}

/**
 * bench_load_collect_all - wait for all items of a producer
 * @p: the producer
 */
void bench_load_collect_all(struct bench_producer *p)
{
	unsigned int i;

	for (i = 0; i < p->in_flight; i++)
		bench_load_collect(p, bench_load_item(p, i));
}

/*
 * Wait until an item can be queued again. A producer of the workload stream that finds
 * the item still in flight waits for the one half a ring ahead. When that one has run,
 * about half of the ring is free, so the producer does not sleep again before every
 * single item.
 */
static void bench_load_free(struct bench_producer *p, struct bench_item *item)
{
	const struct bench_workload *workload = p->run->cfg.workload;

	if (workload == &bench_fanout) {
		if (!p->next)
			bench_load_collect_all(p);
		return;
	}
	if (workload == &bench_stream && item->in_flight && !completion_done(&item->done))
		bench_load_collect(p, bench_load_item(p, (p->next + p->in_flight / 2) %
							 p->in_flight));
	bench_load_collect(p, item);
}

/**
 * bench_load_step - what a producer repeats: queue one more item
 * @p: the producer
 * @sample: index under which the item's times are stored, or BENCH_UNTIMED
 */
void bench_load_step(struct bench_producer *p, u32 sample)
{
	struct bench_item *item = bench_load_item(p, p->next);

	bench_load_free(p, item);
	if (p->pause_us)
		usleep_range(p->pause_us, p->pause_us + 1);
	bench_load_queue(p, item, sample);
	if (p->burn_after)
		bench_burn(p->burn_after);
	if (++p->next == p->in_flight)
		p->next = 0;
}

/**
 * bench_load_hold - a barrier for the producers
 * @p: the producer that arrives
 * @arrived: number of producers that have arrived
 *
 * They keep queueing untimed items while they wait, so that each measures under the load
 * of all.
 */
void bench_load_hold(struct bench_producer *p, atomic_t *arrived)
{
	struct bench_run *run = p->run;

	atomic_inc(arrived);
	while (atomic_read(arrived) < run->cfg.producers && !READ_ONCE(run->stop))
		bench_load_step(p, BENCH_UNTIMED);
}

static void bench_load_part(struct bench_producer *p)
{
	struct bench_run *run = p->run;
	u32 i;

	for (i = 0; i < run->cfg.warmup && !READ_ONCE(run->stop); i++)
		bench_load_step(p, BENCH_UNTIMED);
	bench_load_hold(p, &run->warm);

	p->begin = bench_clock();
	for (i = 0; i < run->cfg.items && !READ_ONCE(run->stop); i++)
		bench_load_step(p, i);
	/* Only the workload stream is timed until all items of the queue have run. */
	if (run->cfg.workload == &bench_stream)
		run->slot->engine->flush(run->slot->wq);
	p->end = bench_clock();
	bench_load_hold(p, &run->timed);
	bench_load_collect_all(p);
}

static void bench_load_sample(struct bench_run *run, struct bench_sample *sample)
{
	u64 begin = U64_MAX, end = 0, rate = 0, *figure = sample->figure;
	unsigned int i;

	for (i = 0; i < run->cfg.producers; i++) {
		struct bench_producer *p = &run->producers[i];

		/*
		 * Every producer keeps up the load until the last one has
		 * measured. So each rate is one under full load, and the rates
		 * add up.
		 */
		rate += div64_u64((u64)run->cfg.items * NSEC_PER_SEC,
				  max_t(u64, p->end - p->begin, 1));
		sample->queued += p->queued;
		begin = min(begin, p->begin);
		end = max(end, p->end);
	}
	*figure++ = rate;
	for (i = 0; i < BENCH_NR_STAGES; i++, figure += BENCH_NR_QUANTILES)
		bench_quantiles(run, run->ticks[i], run->cfg.producers, run->cfg.items, figure);
	*figure = end - begin;
}

/**
 * bench_load_prepare - prepare a producer for a turn as the configuration says
 * @run: the run
 * @p: the producer
 */
void bench_load_prepare(struct bench_run *run, struct bench_producer *p)
{
	p->next = 0;
	p->in_flight = run->cfg.in_flight;
	p->pause_us = run->cfg.pause_us;
	p->burn_after = bench_burn_rounds(run, run->cfg.burn_after_us * (u64)NSEC_PER_USEC);
}

static int bench_load_turn(struct bench_run *run, struct bench_slot *slot,
			   struct bench_sample *sample)
{
	u32 burn = bench_burn_rounds(run, run->cfg.burn_ns);
	unsigned int i;
	int ret;

	for (i = 0; i < slot->nr_items; i++)
		slot->items[i].burn = burn;
	for (i = 0; i < run->cfg.producers; i++)
		bench_load_prepare(run, &run->producers[i]);
	ret = bench_producers_turn(run, slot, bench_load_part);
	if (!ret && !bench_stopped(run))
		bench_load_sample(run, sample);
	return ret;
}

/**
 * bench_load_items - the number of items of all producers
 * @cfg: the configuration
 *
 * Return: that number.
 */
u32 bench_load_items(const struct bench_config *cfg)
{
	return cfg->producers * cfg->in_flight;
}

/**
 * bench_load_check - refuse more times or items than there is room for
 * @cfg: the configuration
 *
 * Return: 0, or -EINVAL after a message.
 */
int bench_load_check(const struct bench_config *cfg)
{
	u32 most = cfg->workload == &bench_stream ? BENCH_MAX_RING : BENCH_MAX_BATCH;

	if ((u64)cfg->producers * cfg->items > BENCH_MAX_SAMPLES) {
		pr_err("config_producers %u times config_items %u is above %u\n",
		       cfg->producers, cfg->items, BENCH_MAX_SAMPLES);
		return -EINVAL;
	}
	if (cfg->in_flight > most) {
		pr_err("config_in_flight %u is above %u, the most that workload %s allows\n",
		       cfg->in_flight, most, cfg->workload->name);
		return -EINVAL;
	}
	return 0;
}

/**
 * bench_load_adjust - set the numbers to 0 that the workload does not use
 * @cfg: the configuration
 */
void bench_load_adjust(struct bench_config *cfg)
{
	unsigned int settings = cfg->workload->settings;

	if (!(settings & BIT(BENCH_NUMBER_DELAY_MS)))
		cfg->delay_ms = 0;
	if (!(settings & BIT(BENCH_NUMBER_PAUSE_US)))
		cfg->pause_us = 0;
	if (!(settings & BIT(BENCH_NUMBER_BURN_AFTER_US)))
		cfg->burn_after_us = 0;
}

static void bench_roundtrip_adjust(struct bench_config *cfg)
{
	bench_load_adjust(cfg);
	cfg->in_flight = 1;
}

static void bench_fanout_adjust(struct bench_config *cfg)
{
	bench_load_adjust(cfg);
	cfg->producers = 1;
}

#define BENCH_LOAD_SETTINGS	(BIT(BENCH_NUMBER_PRODUCERS) | BIT(BENCH_NUMBER_ITEMS) |	\
				 BIT(BENCH_NUMBER_WARMUP) | BIT(BENCH_NUMBER_IN_FLIGHT) |	\
				 BIT(BENCH_NUMBER_BURN_NS))

#define BENCH_LOAD_WORKLOAD(_name, _adjust, _needs, _more_settings)		\
	{									\
		.name		= _name,					\
		.figures	= bench_load_figures,				\
		.nr_figures	= ARRAY_SIZE(bench_load_figures),		\
		.settings	= BENCH_LOAD_SETTINGS | (_more_settings),	\
		.needs		= (_needs),					\
		.has_producers	= true,						\
		.has_queue	= true,						\
		.job		= bench_timed_job,				\
		.nr_items	= bench_load_items,				\
		.adjust		= (_adjust),					\
		.check		= bench_load_check,				\
		.setup		= bench_producers_start,			\
		.turn		= bench_load_turn,				\
		.teardown	= bench_producers_stop,				\
	}

const struct bench_workload bench_roundtrip =
	BENCH_LOAD_WORKLOAD("roundtrip", bench_roundtrip_adjust, 0, BIT(BENCH_NUMBER_PAUSE_US));
const struct bench_workload bench_busy =
	BENCH_LOAD_WORKLOAD("busy", bench_roundtrip_adjust, 0, BIT(BENCH_NUMBER_BURN_AFTER_US));
const struct bench_workload bench_batch =
	BENCH_LOAD_WORKLOAD("batch", bench_load_adjust, 0, 0);
const struct bench_workload bench_stream =
	BENCH_LOAD_WORKLOAD("stream", bench_load_adjust, BENCH_FLUSH, 0);
const struct bench_workload bench_fanout =
	BENCH_LOAD_WORKLOAD("fanout", bench_fanout_adjust, 0, 0);
const struct bench_workload bench_delayed =
	BENCH_LOAD_WORKLOAD("delayed", bench_load_adjust, BENCH_DELAY,
			    BIT(BENCH_NUMBER_DELAY_MS));
