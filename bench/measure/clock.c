// SPDX-License-Identifier: GPL-2.0
/*
 * Measures the clocks, so that ticks can be converted to ns, and the speed of a
 * loop with which items use CPU time.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/time64.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/types.h"
#include "measure/clock.h"

#define BENCH_CLOCK_READS	1000
#define BENCH_CLOCK_TRIES	16
#define BENCH_CLOCK_SPAN_MS	50
#define BENCH_BURN_ROUNDS	100000U

static int bench_cmp_u32(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

/**
 * bench_ticks_to_ns - convert a time
 * @run: with the clock measured
 * @ticks: the time
 *
 * Return: ns.
 */
u32 bench_ticks_to_ns(const struct bench_run *run, u32 ticks)
{
	return div64_u64(ticks * run->span_ns + run->span_ticks / 2, run->span_ticks);
}

/**
 * bench_cost_ns - the time between two reads of the clock, without their cost
 * @run: with the clock measured
 * @ticks: between the two reads
 *
 * Return: ns.
 */
u64 bench_cost_ns(const struct bench_run *run, u64 ticks)
{
	return bench_ticks_to_ns(run, bench_less_clock(run, min_t(u64, ticks, U32_MAX)));
}

/**
 * bench_burn - use CPU time
 * @rounds: how much
 *
 * It counts rounds instead of reading a clock, which would also count the time
 * of other threads.
 */
void bench_burn(u32 rounds)
{
	u64 x = rounds;

	while (rounds--) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		OPTIMIZER_HIDE_VAR(x);
	}
}

/* Measures several times and takes the shortest, which was interrupted least. */
static void bench_measure_burn(struct bench_run *run)
{
	u64 best = U64_MAX;
	unsigned int i;

	for (i = 0; i < BENCH_CLOCK_TRIES; i++) {
		u64 begin = bench_clock();

		bench_burn(BENCH_BURN_ROUNDS);
		best = min(best, bench_clock() - begin);
		cond_resched();
	}
	run->burn_rate = div64_u64((u64)BENCH_BURN_ROUNDS * NSEC_PER_MSEC, max_t(u64, best, 1));
}

/**
 * bench_burn_rounds - convert a time into rounds of bench_burn()
 * @run: with the clock measured
 * @ns: how long the rounds are to take on an idle machine
 *
 * Return: the rounds.
 */
u32 bench_burn_rounds(const struct bench_run *run, u64 ns)
{
	return min_t(u64, div_u64(ns * run->burn_rate, NSEC_PER_MSEC), U32_MAX);
}

/**
 * bench_measure_clock - measure the clock and the speed of this CPU
 * @run: gets what it takes to turn ticks into ns; clock_cost, the median
 *	distance of two reads with nothing between them; clock_step, the smallest
 *	distance that is not zero; and how fast this CPU is
 *
 * Return: 0 or -ENOMEM.
 */
int bench_measure_clock(struct bench_run *run)
{
	u64 begin_ns, begin_ticks, end_ns, end_ticks;
	u32 *ticks, i;

	ticks = kmalloc_array(BENCH_CLOCK_READS, sizeof(*ticks), GFP_KERNEL);
	if (!ticks)
		return -ENOMEM;
	cmwq2_both_clocks(&begin_ns, &begin_ticks);
	msleep(BENCH_CLOCK_SPAN_MS);
	cmwq2_both_clocks(&end_ns, &end_ticks);
	run->span_ns = end_ns - begin_ns;
	run->span_ticks = max_t(u64, end_ticks - begin_ticks, 1);

	for (i = 0; i < BENCH_CLOCK_READS; i++) {
		u64 begin = cmwq2_ticks();

		ticks[i] = bench_ticks_between(begin, cmwq2_ticks());
	}
	sort(ticks, BENCH_CLOCK_READS, sizeof(*ticks), bench_cmp_u32, NULL);
	run->cost_ticks = ticks[BENCH_CLOCK_READS / 2];
	run->clock_cost = bench_ticks_to_ns(run, run->cost_ticks);
	for (i = 0; i < BENCH_CLOCK_READS - 1 && !ticks[i]; i++)
		;
	run->clock_step = bench_ticks_to_ns(run, ticks[i]);
	kfree(ticks);
	bench_measure_burn(run);
	return 0;
}
