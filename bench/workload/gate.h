/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Items that are held in flight until a gate opens, and turns that consist of
 * calls with such items in flight.
 */
#ifndef CMWQ2_BENCH_GATE_H
#define CMWQ2_BENCH_GATE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/types.h>

#include "base/types.h"

/**
 * struct bench_gate - holds items until it opens, and counts them
 * @open: completed when the held items may go on
 * @held: completed when as many items as expected are waiting
 * @to_hold: number of items that are expected to wait and do not yet
 * @left: number of items that have not run
 * @last: clock when the last item ran
 * @done: completed when the last item has run
 */
struct bench_gate {
	struct completion	open;
	struct completion	held;
	atomic_t		to_hold;
	atomic_t		left;
	u64			last;
	struct completion	done;
};

/* A workload that times calls has the medians of each value as figures, then these. */
#define BENCH_CALL_STATS	3

/**
 * struct bench_calls - for workloads that time calls with items held in flight
 * @gate: what holds the items
 * @values: the values of a turn: all calls of one value, then those of the next
 */
struct bench_calls {
	struct bench_gate	gate;
	u64			values[];
};

void bench_gate_init(struct bench_gate *gate);
void bench_gate_job(struct bench_item *item);
void bench_hold_items(struct bench_run *run, struct bench_slot *slot, struct bench_gate *gate);
u32 bench_calls_items(const struct bench_config *cfg);
int bench_calls_setup(struct bench_run *run);
void bench_calls_teardown(struct bench_run *run);
void bench_calls_add(struct bench_run *run, unsigned int which, u32 nth, u64 value);
int bench_calls_turn(struct bench_run *run, struct bench_slot *slot, struct bench_sample *sample,
		     void (*once)(struct bench_run *run, struct bench_slot *slot, u32 nth),
		     u32 queued);

#endif /* CMWQ2_BENCH_GATE_H */
