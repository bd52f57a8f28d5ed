// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "burst": queue many items one after the other with interrupts
 * off, then wait for all of them. The pools count how many workers that wakes.
 *
 * On a percpu queue the kicked worker cannot run before the last item is
 * queued. On other queues the workers of other CPUs run meanwhile.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/times.h"
#include "workload/job.h"
#include "workload/workload.h"

/* Limited, because the whole burst is queued with interrupts off. */
#define BENCH_MAX_BURST		1024U

static const char * const bench_burst_figures[] = { "queue_ns", "span_ns", BENCH_STAGES };

static u32 bench_burst_items(const struct bench_config *cfg)
{
	return cfg->in_flight;
}

static int bench_burst_check(const struct bench_config *cfg)
{
	if (cfg->in_flight <= BENCH_MAX_BURST)
		return 0;
	pr_err("config_in_flight %u: workload burst needs 1 to %u\n", cfg->in_flight,
	       BENCH_MAX_BURST);
	return -EINVAL;
}

static u32 bench_burst_times(const struct bench_config *cfg)
{
	return cfg->in_flight * cfg->calls;
}

/*
 * Queues one item after the other and adds the time of the calls to @ticks.
 * Reads the clock only once for each call: the end of one is the begin of the
 * next.
 */
static bool bench_burst_queue(struct bench_run *run, struct bench_slot *slot, u64 *ticks)
{
	unsigned long flags;
	bool queued = true;
	unsigned int i;
	u64 begin, end;
	u32 call;

	local_irq_save(flags);
	begin = cmwq2_ticks();
	for (i = 0; i < slot->nr_items; i++, begin = end) {
		slot->items[i].queued = begin;
		queued &= slot->engine->queue(slot->wq, &slot->items[i]);
		end = cmwq2_ticks();
		call = bench_call_ticks(run, begin, end);
		bench_times_add(run, BENCH_CALL, call);
		*ticks += call;
	}
	local_irq_restore(flags);
	return queued;
}

static void bench_burst_collect(struct bench_run *run, struct bench_slot *slot)
{
	unsigned int i;

	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];

		bench_wait(slot, &item->done);
		bench_times_item(run, item->queued, item->started, item->ended);
	}
}

static int bench_burst_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	u64 queue = 0, span = 0;
	unsigned int call;

	for (call = 0; call < run->cfg.calls && !bench_stopped(run); call++) {
		u64 begin = bench_clock();

		if (!bench_burst_queue(run, slot, &queue)) {
			bench_fail(run, "item-was-still-queued");
			return 0;
		}
		bench_burst_collect(run, slot);
		span += bench_clock() - begin;
		sample->queued += slot->nr_items;
		/* Gives the workers time to go to sleep again. */
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
	.nr_kinds	= BENCH_NR_STAGES,
	.job		= bench_timed_job,
	.nr_items	= bench_burst_items,
	.nr_times	= bench_burst_times,
	.check		= bench_burst_check,
	.turn		= bench_burst_turn,
};
