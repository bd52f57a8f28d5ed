/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The threads of the machine: how long they have run, and which of them are workers.
 */
#ifndef CMWQ2_BENCH_TASKS_H
#define CMWQ2_BENCH_TASKS_H

#include <linux/types.h>

#include "base/types.h"

/**
 * struct bench_tasks - sums over threads
 * @runtime: CPU time of all threads, in ns
 * @sleeps: how often the workers of one engine went to sleep
 * @workers: number of these workers
 * @new_workers: those of @workers that are new
 */
struct bench_tasks {
	u64	runtime;
	u64	sleeps;
	u32	workers;
	u32	new_workers;
};

void bench_count_tasks(const struct bench_engine *engine, u64 since, struct bench_tasks *tasks);

#endif /* CMWQ2_BENCH_TASKS_H */
