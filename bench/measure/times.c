// SPDX-License-Identifier: GPL-2.0
/*
 * Times that a turn adds one by one, from any thread, and their quantiles.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"
#include "measure/times.h"

/**
 * bench_times_setup - make room for the times of a turn
 * @run: the run, with its workload set
 *
 * Zeroed also so that all pages are populated before the clock runs.
 *
 * Return: 0 or -ENOMEM; bench_times_teardown() is called either way.
 */
int bench_times_setup(struct bench_run *run)
{
	const struct bench_workload *workload = run->cfg.workload;
	struct bench_times *times = &run->times;
	unsigned int kind;

	for (kind = 0; kind < workload->nr_kinds; kind++) {
		times->size = workload->nr_times(&run->cfg);
		times->ticks[kind] = kvcalloc(times->size, sizeof(u32), GFP_KERNEL);
		if (!times->ticks[kind])
			return -ENOMEM;
	}
	return 0;
}

/**
 * bench_times_teardown - undo bench_times_setup(), even if it failed half way
 * @run: the run
 */
void bench_times_teardown(struct bench_run *run)
{
	unsigned int kind;

	for (kind = 0; kind < BENCH_NR_STAGES; kind++)
		kvfree(run->times.ticks[kind]);
}

/**
 * bench_times_reset - forget the times of the previous turn
 * @run: the run
 */
void bench_times_reset(struct bench_run *run)
{
	unsigned int kind;

	for (kind = 0; kind < BENCH_NR_STAGES; kind++)
		atomic_set(&run->times.nr[kind], 0);
}

/**
 * bench_times_add - keep one time
 * @run: the run
 * @kind: number of its kind, below the workload's nr_kinds
 * @ticks: the time
 *
 * Context: any.
 */
void bench_times_add(struct bench_run *run, unsigned int kind, u32 ticks)
{
	struct bench_times *times = &run->times;
	u32 nth = atomic_inc_return_relaxed(&times->nr[kind]) - 1;

	if (nth < times->size)
		times->ticks[kind][nth] = ticks;
}

/**
 * bench_times_item - keep the times to an item's start and to its end
 * @run: the run
 * @queued: ticks before it was queued
 * @started: ticks when its function began
 * @ended: ticks when its function was done
 *
 * Context: any.
 */
void bench_times_item(struct bench_run *run, u64 queued, u64 started, u64 ended)
{
	bench_times_add(run, BENCH_START, bench_ticks_between(queued, started));
	bench_times_add(run, BENCH_DONE, bench_ticks_between(queued, ended));
}

/**
 * bench_times_figures - the quantiles of a turn's times
 * @run: the run, to whose times nobody adds any more
 * @sample: gets them, as the last of the workload's own figures; BENCH_NONE for
 *	a kind without a time
 */
void bench_times_figures(struct bench_run *run, struct bench_sample *sample)
{
	const struct bench_workload *workload = run->cfg.workload;
	struct bench_times *times = &run->times;
	unsigned int kind, q;
	u64 *figure;

	figure = &sample->figure[workload->nr_figures - workload->nr_kinds * BENCH_NR_QUANTILES];
	for (kind = 0; kind < workload->nr_kinds; kind++, figure += BENCH_NR_QUANTILES) {
		u32 nr = min_t(u32, atomic_read(&times->nr[kind]), times->size);

		if (nr)
			bench_quantiles(run, &times->ticks[kind], 1, nr, figure);
		for (q = 0; !nr && q < BENCH_NR_QUANTILES; q++)
			figure[q] = BENCH_NONE;
	}
}
