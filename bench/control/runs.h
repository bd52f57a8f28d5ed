/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files that start a run, show its progress, end it early, and return its
 * result.
 */
#ifndef CMWQ2_BENCH_RUNS_H
#define CMWQ2_BENCH_RUNS_H

struct attribute_group;
struct bin_attribute;

extern const struct attribute_group bench_run_group;
extern const struct bin_attribute bench_result_attr;
void bench_drop_result(void);

#endif /* CMWQ2_BENCH_RUNS_H */
