/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the items of several workloads do.
 */
#ifndef CMWQ2_BENCH_JOB_H
#define CMWQ2_BENCH_JOB_H

#include "base/types.h"

void bench_complete_job(struct bench_item *item);
void bench_timed_job(struct bench_item *item);

#endif /* CMWQ2_BENCH_JOB_H */
