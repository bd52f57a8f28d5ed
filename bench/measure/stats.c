// SPDX-License-Identifier: GPL-2.0
/*
 * Computes figures from samples, with integers only. Each result is rounded to
 * the nearest.
 */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/types.h>

#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"

static int bench_cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
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
