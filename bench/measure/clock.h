/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clocks of a run: one in ns for whole turns, and one in ticks for single calls
 * and items. Also a loop that uses CPU time.
 */
#ifndef CMWQ2_BENCH_CLOCK_H
#define CMWQ2_BENCH_CLOCK_H

#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/types.h"

/*
 * The clock that times whole turns, in ns. ktime_get_ns() cannot be used because it
 * spins while the timekeeper is updated, and local_clock() because it advances
 * in steps of a jiffy in UML.
 */
static inline u64 bench_clock(void)
{
	return ktime_get_mono_fast_ns();
}

/* A single enqueue call is timed with cmwq2_ticks(); its caller is bound to a CPU. */
static inline u32 bench_ticks_between(u64 begin, u64 end)
{
	return min_t(u64, cmwq2_ticks_between(begin, end), U32_MAX);
}

/* Subtract the cost of reading the clock from the distance between two reads. */
static inline u32 bench_less_clock(const struct bench_run *run, u32 ticks)
{
	return ticks > run->cost_ticks ? ticks - run->cost_ticks : 0;
}

/* The time that a call took, without the cost of reading the clock. */
static inline u32 bench_call_ticks(const struct bench_run *run, u64 begin, u64 end)
{
	return bench_less_clock(run, bench_ticks_between(begin, end));
}

int bench_measure_clock(struct bench_run *run);
u32 bench_ticks_to_ns(const struct bench_run *run, u32 ticks);
u64 bench_cost_ns(const struct bench_run *run, u64 ticks);
void bench_burn(u32 rounds);
u32 bench_burn_rounds(const struct bench_run *run, u64 ns);

#endif /* CMWQ2_BENCH_CLOCK_H */
