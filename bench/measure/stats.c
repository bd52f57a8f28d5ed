// SPDX-License-Identifier: GPL-2.0
/*
 * Computes figures from samples, with integers only. Each result is rounded to
 * the nearest.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "base/types.h"

#define BENCH_CLOCK_READS	1000
#define BENCH_CLOCK_TRIES	16
#define BENCH_CLOCK_SPAN_MS	50
#define BENCH_BURN_ROUNDS	100000U

static int bench_cmp_u32(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

static int bench_cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static u32 bench_ticks_to_ns(const struct bench_run *run, u32 ticks)
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

/*
 * The sample of the given rank, 0 being the smallest. Each pass finds one byte
 * of the answer, the highest first. It does not sort, because that takes
 * longer, and does not copy, because the samples are the bulk of the module's
 * memory.
 */
static u32 bench_select(struct bench_run *run, u32 * const *parts, unsigned int nr_parts,
			u32 nr, u64 rank)
{
	u32 *histogram = run->histogram;
	u32 found = 0, mask = 0, byte, i;
	unsigned int p;
	int shift;

	for (shift = 24; shift >= 0; shift -= 8) {
		memset(histogram, 0, sizeof(run->histogram));
		for (p = 0; p < nr_parts; p++) {
			const u32 *ticks = parts[p];

			for (i = 0; i < nr; i++)
				if ((ticks[i] & mask) == found)
					histogram[(ticks[i] >> shift) & 0xff]++;
			cond_resched();
		}
		for (byte = 0; rank >= histogram[byte]; byte++)
			rank -= histogram[byte];
		found |= byte << shift;
		mask |= 0xffU << shift;
	}
	return found;
}

/**
 * bench_quantiles - quantiles of the times taken in one turn
 * @run: the run
 * @parts: arrays of times in ticks
 * @nr_parts: how many arrays
 * @nr: times in each of them, at least one
 * @out: gets the quantiles; each is the smallest sample that at least that part
 *	of all samples does not exceed, or BENCH_NONE if it was too long to be
 *	kept
 */
void bench_quantiles(struct bench_run *run, u32 * const *parts, unsigned int nr_parts, u32 nr,
		     u64 out[BENCH_NR_QUANTILES])
{
	static const u8 percent[BENCH_NR_QUANTILES] = {
		[BENCH_P50]	= 50,
		[BENCH_P90]	= 90,
		[BENCH_P95]	= 95,
		[BENCH_P99]	= 99,
		[BENCH_PMAX]	= 100,
	};
	u64 all = (u64)nr_parts * nr;
	unsigned int q;

	for (q = 0; q < BENCH_NR_QUANTILES; q++) {
		u64 rank = DIV_ROUND_UP_ULL(all * percent[q], 100) - 1;
		u32 ticks = bench_select(run, parts, nr_parts, nr, rank);

		out[q] = ticks == U32_MAX ? BENCH_NONE : bench_ticks_to_ns(run, ticks);
	}
}

/* Interpolates between the two values next to the quartile; @quarter is 1, 2 or 3. */
static u64 bench_quartile(const u64 *sorted, unsigned int nr, unsigned int quarter)
{
	unsigned int place = (nr - 1) * quarter;
	unsigned int i = place / 4, part = place % 4;

	if (!part)
		return sorted[i];
	return sorted[i] + ((sorted[i + 1] - sorted[i]) * part + 2) / 4;
}

/**
 * bench_spread - median, quartiles, 95th percentile, minimum and maximum
 * @values: destroyed
 * @nr: how many, at least one
 * @out: the result; all of it is BENCH_NONE if one of the values is, because
 *	without that value there is no fair median
 */
void bench_spread(u64 *values, unsigned int nr, struct bench_spread *out)
{
	unsigned int i;

	sort(values, nr, sizeof(*values), bench_cmp_u64, NULL);
	out->min = values[0];
	out->q1 = bench_quartile(values, nr, 1);
	out->median = bench_quartile(values, nr, 2);
	out->q3 = bench_quartile(values, nr, 3);
	out->p95 = values[DIV_ROUND_UP(nr * 95, 100) - 1];
	out->max = values[nr - 1];
	if (out->max == BENCH_NONE) {
		*out = (struct bench_spread) {
			BENCH_NONE, BENCH_NONE, BENCH_NONE, BENCH_NONE, BENCH_NONE, BENCH_NONE,
			BENCH_NONE,
		};
		return;
	}

	for (i = 0; i < nr; i++)
		values[i] = values[i] > out->median ? values[i] - out->median :
						      out->median - values[i];
	sort(values, nr, sizeof(*values), bench_cmp_u64, NULL);
	out->mad = bench_quartile(values, nr, 2);
}

/**
 * bench_ratio - one figure divided by another
 * @value: the figure
 * @reference: the figure to divide by
 *
 * Return: the ratio in units of 1/BENCH_RATIO_ONE. BENCH_NONE if one of the two
 * is missing, or if the reference is zero because the clock is too coarse.
 */
u64 bench_ratio(u64 value, u64 reference)
{
	if (!reference || reference == BENCH_NONE || value == BENCH_NONE)
		return BENCH_NONE;
	return div64_u64(value * BENCH_RATIO_ONE + reference / 2, reference);
}
