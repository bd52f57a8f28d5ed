// SPDX-License-Identifier: GPL-2.0
/*
 * Items that are held in flight until they are let go.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>

#include "bench.h"

/**
 * bench_gate_init - prepare a gate
 * @gate: the gate
 */
void bench_gate_init(struct bench_gate *gate)
{
	init_completion(&gate->open);
	init_completion(&gate->held);
	init_completion(&gate->done);
}

/**
 * bench_gate_job - wait at the gate if so told, and count down
 * @item: the item
 */
void bench_gate_job(struct bench_item *item)
{
	struct bench_gate *gate = item->priv;

	if (item->waits) {
		if (atomic_dec_and_test(&gate->to_hold))
			complete(&gate->held);
		wait_for_completion(&gate->open);
	}
	if (atomic_dec_and_test(&gate->left)) {
		gate->last = bench_clock();
		complete(&gate->done);
	}
}

/**
 * bench_hold_items - queue all items and wait until nothing runs but those at
 *	the gate
 * @run: the run
 * @slot: whose turn it is; its queue admits one item at a time
 * @gate: the gate, nobody at it
 *
 * A per-CPU queue has its items on all CPUs, with one at the gate on each. Any
 * other has them on one CPU, for its limit holds for several CPUs together,
 * and passing it back and forth would be what is measured.
 */
void bench_hold_items(struct bench_run *run, struct bench_slot *slot, struct bench_gate *gate)
{
	bool everywhere = run->cfg.queue == BENCH_QUEUE_PERCPU;
	u32 i, held = everywhere ? min(slot->nr_items, num_online_cpus()) : 1;

	reinit_completion(&gate->open);
	reinit_completion(&gate->held);
	reinit_completion(&gate->done);
	atomic_set(&gate->to_hold, held);
	atomic_set(&gate->left, slot->nr_items);
	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];

		item->priv = gate;
		item->waits = i < held;
		if (!slot->engine->queue_on(slot->wq, everywhere ? item->cpu : slot->items[0].cpu,
					    item)) {
			bench_fail(run, "item-was-still-queued");
			atomic_dec(&gate->left);
		}
	}
	bench_wait(slot, &gate->held);
}
