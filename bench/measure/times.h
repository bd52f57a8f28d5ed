/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The times of single calls or items. A turn adds them one by one. At the end of the
 * turn their quantiles are computed.
 */
#ifndef CMWQ2_BENCH_TIMES_H
#define CMWQ2_BENCH_TIMES_H

#include <linux/types.h>

#include "base/types.h"

int bench_times_setup(struct bench_run *run);
void bench_times_teardown(struct bench_run *run);
void bench_times_reset(struct bench_run *run);
void bench_times_add(struct bench_run *run, unsigned int kind, u32 ticks);
void bench_times_item(struct bench_run *run, u64 queued, u64 started, u64 ended);
void bench_times_figures(struct bench_run *run, struct bench_sample *sample);

#endif /* CMWQ2_BENCH_TIMES_H */
