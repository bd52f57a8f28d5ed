/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that queue items, for the workloads that measure under load.
 */
#ifndef CMWQ2_BENCH_PRODUCERS_H
#define CMWQ2_BENCH_PRODUCERS_H

#include <linux/cache.h>
#include <linux/types.h>

#include "base/types.h"

struct task_struct;

/**
 * struct bench_producer - a thread that queues
 * @run: the run it belongs to
 * @index: its number
 * @cpu: the CPU it is bound to
 * @task: the thread
 * @in_flight: number of its items that are in flight at most
 * @pause_us: how long it sleeps before it queues its next item
 * @burn_after: number of bench_burn() rounds that it runs after each item that it has queued
 * @next: index of its next item
 * @round: the last round it took part in
 * @begin: clock before the first timed item
 * @end: clock after the last timed item was done
 * @timed: number of items queued from @begin to @end, if that is not the configured number
 * @queued: number of items queued in this round, including the untimed ones
 */
struct bench_producer {
	struct bench_run	*run;
	unsigned int		index;
	int			cpu;
	struct task_struct	*task;
	u32			in_flight;
	u32			pause_us;
	u32			burn_after;
	unsigned int		next;
	unsigned int		round;
	u64			begin;
	u64			end;
	u64			timed;
	u64			queued;
} ____cacheline_aligned;

int bench_producers_start(struct bench_run *run);
void bench_producers_stop(struct bench_run *run);
int bench_producers_turn(struct bench_run *run, struct bench_slot *slot,
			 void (*part)(struct bench_producer *p));

#endif /* CMWQ2_BENCH_PRODUCERS_H */
