/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The workloads, and how to find one in their list. Most have a file of their
 * name; roundtrip, busy, batch, stream, fanout and delayed are in load.c, and drain
 * is in flush.c.
 */
#ifndef CMWQ2_BENCH_WORKLOAD_H
#define CMWQ2_BENCH_WORKLOAD_H

#include <linux/types.h>

#include "base/types.h"

extern const struct bench_workload bench_roundtrip;
extern const struct bench_workload bench_busy;
extern const struct bench_workload bench_batch;
extern const struct bench_workload bench_stream;
extern const struct bench_workload bench_fanout;
extern const struct bench_workload bench_delayed;
extern const struct bench_workload bench_mixed;
extern const struct bench_workload bench_imbalance;
extern const struct bench_workload bench_create;
extern const struct bench_workload bench_flush;
extern const struct bench_workload bench_drain;
extern const struct bench_workload bench_cancel;
extern const struct bench_workload bench_block;
extern const struct bench_workload bench_burst;
extern const struct bench_workload bench_switch;
extern const struct bench_workload bench_perfwq;
extern const struct bench_workload bench_rescue;
const struct bench_workload *bench_find_workload(const char *name);
void bench_workload_names(char *buf, size_t size);

#endif /* CMWQ2_BENCH_WORKLOAD_H */
