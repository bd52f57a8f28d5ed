/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The counters of cmwq2's pools, and how they are written into a result.
 */
#ifndef CMWQ2_BENCH_COUNTS_H
#define CMWQ2_BENCH_COUNTS_H

#include "base/types.h"

struct bench_text;

void bench_count(const struct bench_slot *slot, struct bench_pool_counts *sum);
void bench_counts_sub(struct bench_pool_counts *counts, const struct bench_pool_counts *before);
void bench_format_counts(struct bench_text *text, const struct bench_pool_counts *counts);
void bench_format_totals(struct bench_text *text, const struct bench_slot *slot);

#endif /* CMWQ2_BENCH_COUNTS_H */
