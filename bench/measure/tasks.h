/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The threads of the machine: how long they have run, how often they were switched
 * and moved, and which of them are workers.
 */
#ifndef CMWQ2_BENCH_TASKS_H
#define CMWQ2_BENCH_TASKS_H

#include <linux/types.h>

#include "base/types.h"

struct task_struct;

/* The workers of a queue's pools are counted this often during a turn. */
#define BENCH_COUNT_MS		50

/**
 * struct bench_tasks - sums over all threads that are alive, and over an engine's workers
 * @runtime: CPU time in ns: that of all threads by the scheduler's clock, or in User-Mode
 *	Linux that of the whole kernel, see host.h
 * @switches: how often any thread left its CPU, to sleep or for another thread
 * @migrations: how often any thread moved to another CPU
 * @sleeps: how often the workers of one engine went to sleep
 * @workers: number of these workers
 * @new_workers: those of @workers that are new
 * @pool_workers: those of @workers that are in the pools of the queue
 */
struct bench_tasks {
	u64	runtime;
	u64	switches;
	u64	migrations;
	u64	sleeps;
	u32	workers;
	u32	new_workers;
	u32	pool_workers;
};

bool bench_pools_add(struct bench_pools *pools, const struct task_struct *worker);
void bench_count_tasks(const struct bench_slot *slot, u64 since, struct bench_tasks *tasks);
void bench_note_workers(struct bench_slot *slot);

#endif /* CMWQ2_BENCH_TASKS_H */
