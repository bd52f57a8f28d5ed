// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "burst": so many items one after the other with interrupts off,
 * then wait for all of them. How many workers that wakes is what the pools count.
 *
 * On a percpu queue the kicked worker cannot run before the last item is queued;
 * on others the workers of other CPUs run meanwhile.
 */
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include "bench.h"

/* All of it is done with interrupts off. */
#define BENCH_MAX_BURST		1024U

static const char * const bench_burst_figures[] = { "queue_ns", "span_ns" };

static u32 bench_burst_items(const struct bench_config *cfg)
{
	return cfg->in_flight;
}

static int bench_burst_check(const struct bench_config *cfg)
{
	if (cfg->in_flight <= BENCH_MAX_BURST)
		return 0;
	pr_err("config_in_flight %u: burst takes 1 to %u\n", cfg->in_flight, BENCH_MAX_BURST);
	return -EINVAL;
}

/* Time of the enqueue calls; 0 if one of them found its item queued. */
static u64 bench_burst_queue(struct bench_slot *slot)
{
	unsigned long flags;
	bool queued = true;
	unsigned int i;
	u64 begin, end;

	local_irq_save(flags);
	begin = bench_ticks();
	for (i = 0; i < slot->nr_items; i++)
		queued &= slot->engine->queue(slot->wq, &slot->items[i]);
	end = bench_ticks();
	local_irq_restore(flags);
	return queued ? max(end > begin ? end - begin : 0, 1ULL) : 0;
}

static int bench_burst_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	u64 ticks, queue = 0, span = 0;
	unsigned int call, i;

	for (call = 0; call < run->cfg.calls && !bench_stopped(run); call++) {
		u64 begin = bench_clock();

		ticks = bench_burst_queue(slot);
		if (!ticks) {
			bench_fail(run, "item-was-still-queued");
			return 0;
		}
		for (i = 0; i < slot->nr_items; i++)
			bench_wait(slot, &slot->items[i].done);
		queue += ticks;
		span += bench_clock() - begin;
		sample->queued += slot->nr_items;
		/* The workers are to be asleep again. */
		schedule_timeout_interruptible(1);
	}
	if (!call)
		return -EINTR;
	sample->figure[0] = div64_u64(mul_u64_u64_div_u64(queue, run->span_ns, run->span_ticks),
				      sample->queued);
	sample->figure[1] = div_u64(span, call);
	return 0;
}

const struct bench_workload bench_burst = {
	.name		= "burst",
	.figures	= bench_burst_figures,
	.nr_figures	= ARRAY_SIZE(bench_burst_figures),
	.settings	= BIT(BENCH_NUMBER_IN_FLIGHT) | BIT(BENCH_NUMBER_CALLS),
	.has_queue	= true,
	.job		= bench_complete_job,
	.nr_items	= bench_burst_items,
	.check		= bench_burst_check,
	.turn		= bench_burst_turn,
};
