// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "imbalance": one producer queues as many items as there are CPUs, or a
 * multiple of that, each of which only takes CPU time. Then it sleeps until all of them
 * have run. If every CPU takes its share at once, that lasts as long as the items of one
 * CPU. It lasts longer if a CPU stays idle while items wait for another one.
 */
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"
#include "measure/times.h"
#include "workload/job.h"
#include "workload/load.h"
#include "workload/producers.h"
#include "workload/workload.h"

#define BENCH_IMBALANCE_BURN_NS	1000U
/* Between two calls the workers have this long to go to sleep. */
#define BENCH_REST_US		200

enum bench_imbalance_figure {
	BENCH_RATE,
	BENCH_IDEAL,
	BENCH_OF_IDEAL,
	BENCH_CROWDED,
	BENCH_MAKESPAN,
	BENCH_IMBALANCE_TIMES = BENCH_MAKESPAN + BENCH_NR_QUANTILES,
};

static const char * const bench_imbalance_figures[] = {
	[BENCH_RATE]		= "rate",
	[BENCH_IDEAL]		= "ideal_ns",
	[BENCH_OF_IDEAL]	= "makespan_ppm_of_ideal",
	[BENCH_CROWDED]		= "crowded_per_1000",
	[BENCH_MAKESPAN]	= BENCH_QUANTILES("makespan_"),
	[BENCH_IMBALANCE_TIMES]	= BENCH_STAGES,
};

/**
 * struct bench_imbalance - one turn
 * @crowded: number of calls in which a CPU ran more than its share of the items
 * @on_cpu: number of items of a call that ran on each CPU
 * @makespans: ticks from the first queueing to the end of the last item, by call
 */
struct bench_imbalance {
	u32	crowded;
	u32	*on_cpu;
	u32	makespans[];
};

static void bench_imbalance_job(struct bench_item *item)
{
	item->ran_on = raw_smp_processor_id();
	bench_timed_job(item);
}

static void bench_imbalance_collect(struct bench_producer *p, u32 call)
{
	struct bench_run *run = p->run;
	struct bench_slot *slot = run->slot;
	struct bench_imbalance *turn = run->priv;
	u64 first = slot->items[0].queued, last = first;
	bool crowded = false;
	unsigned int i;

	memset(turn->on_cpu, 0, nr_cpu_ids * sizeof(*turn->on_cpu));
	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];

		bench_wait(slot, &item->done);
		last = max(last, item->ended);
		crowded |= ++turn->on_cpu[item->ran_on] > run->cfg.per_cpu;
		bench_times_item(run, item->queued, item->started, item->ended);
	}
	turn->makespans[call] = bench_ticks_between(first, last);
	turn->crowded += crowded;
}

static void bench_imbalance_part(struct bench_producer *p)
{
	struct bench_run *run = p->run;
	struct bench_slot *slot = run->slot;
	unsigned int i;
	u32 call;

	for (call = 0; call < run->cfg.calls && !READ_ONCE(run->stop); call++) {
		for (i = 0; i < slot->nr_items; i++) {
			struct bench_item *item = &slot->items[i];

			item->queued = cmwq2_ticks();
			if (!slot->engine->queue(slot->wq, item))
				bench_fail(run, "item-was-still-queued");
			bench_times_add(run, BENCH_CALL,
					bench_call_ticks(run, item->queued, cmwq2_ticks()));
		}
		p->queued += slot->nr_items;
		bench_imbalance_collect(p, call);
		usleep_range(BENCH_REST_US, 2 * BENCH_REST_US);
	}
}

static void bench_imbalance_sample(struct bench_run *run, struct bench_sample *sample)
{
	struct bench_imbalance *turn = run->priv;
	u32 *makespans = turn->makespans, call;
	u64 *figure = sample->figure, ns = 0;

	for (call = 0; call < run->cfg.calls; call++)
		ns += bench_ticks_to_ns(run, makespans[call]);
	sample->queued = run->producers[0].queued;
	figure[BENCH_RATE] = div64_u64(sample->queued * NSEC_PER_SEC, max_t(u64, ns, 1));
	figure[BENCH_IDEAL] = (u64)run->cfg.per_cpu * run->cfg.burn_ns;
	figure[BENCH_CROWDED] = div_u64(turn->crowded * 1000ULL, run->cfg.calls);
	bench_quantiles(run, &makespans, 1, run->cfg.calls, &figure[BENCH_MAKESPAN]);
	figure[BENCH_OF_IDEAL] = figure[BENCH_MAKESPAN + BENCH_P50];
	if (figure[BENCH_OF_IDEAL] != BENCH_NONE)
		figure[BENCH_OF_IDEAL] = div64_u64(figure[BENCH_OF_IDEAL] * 1000000,
						   figure[BENCH_IDEAL]);
}

static int bench_imbalance_turn(struct bench_run *run, struct bench_slot *slot,
				struct bench_sample *sample)
{
	struct bench_imbalance *turn = run->priv;
	u32 burn = bench_burn_rounds(run, run->cfg.burn_ns);
	unsigned int i;
	int ret;

	turn->crowded = 0;
	for (i = 0; i < slot->nr_items; i++)
		slot->items[i].burn = burn;
	ret = bench_producers_turn(run, slot, bench_imbalance_part);
	if (!ret && !bench_stopped(run))
		bench_imbalance_sample(run, sample);
	return ret;
}

static u32 bench_imbalance_items(const struct bench_config *cfg)
{
	return cfg->per_cpu * num_online_cpus();
}

static u32 bench_imbalance_times(const struct bench_config *cfg)
{
	return bench_imbalance_items(cfg) * cfg->calls;
}

static void bench_imbalance_adjust(struct bench_config *cfg)
{
	bench_load_adjust(cfg);
	cfg->producers = 1;
}

static int bench_imbalance_check(const struct bench_config *cfg)
{
	if (cfg->burn_ns < BENCH_IMBALANCE_BURN_NS) {
		pr_err("config_burn_ns %u: workload imbalance needs %u to %u\n", cfg->burn_ns,
		       BENCH_IMBALANCE_BURN_NS, BENCH_MAX_BURN_NS);
		return -EINVAL;
	}
	if (bench_imbalance_times(cfg) > BENCH_MAX_SAMPLES) {
		pr_err("config_per_cpu %u times %u CPUs times config_calls %u is above %u\n",
		       cfg->per_cpu, num_online_cpus(), cfg->calls, BENCH_MAX_SAMPLES);
		return -EINVAL;
	}
	return 0;
}

static int bench_imbalance_setup(struct bench_run *run)
{
	struct bench_imbalance *turn;

	turn = kvzalloc(struct_size(turn, makespans, run->cfg.calls), GFP_KERNEL);
	run->priv = turn;
	if (!turn)
		return -ENOMEM;
	turn->on_cpu = kcalloc(nr_cpu_ids, sizeof(*turn->on_cpu), GFP_KERNEL);
	return turn->on_cpu ? bench_producers_start(run) : -ENOMEM;
}

static void bench_imbalance_teardown(struct bench_run *run)
{
	struct bench_imbalance *turn = run->priv;

	bench_producers_stop(run);
	if (turn)
		kfree(turn->on_cpu);
	kvfree(turn);
}

const struct bench_workload bench_imbalance = {
	.name		= "imbalance",
	.figures	= bench_imbalance_figures,
	.nr_figures	= ARRAY_SIZE(bench_imbalance_figures),
	.settings	= BIT(BENCH_NUMBER_PER_CPU) | BIT(BENCH_NUMBER_CALLS) |
			  BIT(BENCH_NUMBER_BURN_NS),
	.has_producers	= true,
	.has_queue	= true,
	.nr_kinds	= BENCH_NR_STAGES,
	.job		= bench_imbalance_job,
	.nr_items	= bench_imbalance_items,
	.nr_times	= bench_imbalance_times,
	.adjust		= bench_imbalance_adjust,
	.check		= bench_imbalance_check,
	.setup		= bench_imbalance_setup,
	.turn		= bench_imbalance_turn,
	.teardown	= bench_imbalance_teardown,
};
