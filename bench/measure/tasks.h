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
 * struct bench_workers - the threads of an engine that are alive
 * @all: their number
 * @created: those of @all that are new
 * @in_pools: those of @all that are in the pools of the queue
 */
struct bench_workers {
	u32	all;
	u32	created;
	u32	in_pools;
};

/**
 * struct bench_work_done - what one or several threads have done
 * @runtime: CPU time in ns: that of all threads by the scheduler's clock, or in User-Mode
 *	Linux that of the whole kernel, see host.h
 * @switches: how often they left their CPU, to sleep or for another thread
 * @migrations: how often they moved to another CPU
 * @sleeps: how often workers of the engine went to sleep; other threads do not count
 */
struct bench_work_done {
	u64	runtime;
	u64	switches;
	u64	migrations;
	u64	sleeps;
};

void bench_count_workers(const struct bench_slot *slot, u64 since,
			 struct bench_workers *workers);
bool bench_pools_add(struct bench_pools *pools, const struct task_struct *worker);
void bench_note_workers(struct bench_slot *slot);
int bench_tasks_room(struct bench_tasks *tasks);
void bench_tasks_free(struct bench_tasks *tasks);
void bench_tasks_begin(const struct bench_slot *slot, struct bench_tasks *tasks);
bool bench_tasks_end(const struct bench_slot *slot, const struct bench_tasks *tasks,
		     struct bench_work_done *done);

#endif /* CMWQ2_BENCH_TASKS_H */
