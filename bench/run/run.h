/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One run of a workload on all engines of a configuration.
 */
#ifndef CMWQ2_BENCH_RUN_H
#define CMWQ2_BENCH_RUN_H

#include "base/types.h"

int bench_run_setup(struct bench_run *run);
int bench_run_rounds(struct bench_run *run);
void bench_run_teardown(struct bench_run *run);

#endif /* CMWQ2_BENCH_RUN_H */
