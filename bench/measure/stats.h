/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Figures from many values: quantiles, spread and ratios.
 */
#ifndef CMWQ2_BENCH_STATS_H
#define CMWQ2_BENCH_STATS_H

#include <linux/types.h>

#include "base/types.h"

/**
 * struct bench_spread - distribution of the values of several rounds
 * @min: smallest
 * @q1: first quartile
 * @median: median
 * @q3: third quartile
 * @p95: smallest value that at least 95 % of the values do not exceed
 * @max: largest
 * @mad: median absolute deviation: median of the distances to the median
 */
struct bench_spread {
	u64	min;
	u64	q1;
	u64	median;
	u64	q3;
	u64	p95;
	u64	max;
	u64	mad;
};

void bench_quantiles(struct bench_run *run, u32 * const *parts, unsigned int nr_parts, u32 nr,
		     u64 out[BENCH_NR_QUANTILES]);
void bench_spread(u64 *values, unsigned int nr, struct bench_spread *out);
u64 bench_ratio(u64 value, u64 reference);

#endif /* CMWQ2_BENCH_STATS_H */
