// SPDX-License-Identifier: GPL-2.0
/*
 * Items that are held in flight until their gate opens, and turns that consist
 * of calls with such items in flight.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"
#include "workload/gate.h"

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
 * bench_gate_job - wait at the gate if the item is to be held, and count down
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
 * @gate: the gate, with no item at it
 *
 * A per-CPU queue has its items on all CPUs, with one at the gate on each. Any
 * other queue has them on one CPU: its limit holds for several CPUs together,
 * so with more CPUs the run would measure how they pass the slot around.
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

/* The number of values that each call yields. */
static unsigned int bench_nr_calls(const struct bench_run *run)
{
	return run->cfg.workload->nr_figures / BENCH_CALL_STATS;
}

/**
 * bench_calls_items - the number of items in flight
 * @cfg: the configuration
 *
 * Return: that number.
 */
u32 bench_calls_items(const struct bench_config *cfg)
{
	return cfg->in_flight;
}

/**
 * bench_calls_setup - allocate a struct bench_calls as @run->priv
 * @run: the run
 *
 * Return: 0 or -ENOMEM; bench_calls_teardown() is called either way.
 */
int bench_calls_setup(struct bench_run *run)
{
	size_t nr = size_mul(run->cfg.calls, bench_nr_calls(run));
	struct bench_calls *turn = kvzalloc(struct_size(turn, values, nr), GFP_KERNEL);

	run->priv = turn;
	if (!turn)
		return -ENOMEM;
	bench_gate_init(&turn->gate);
	return 0;
}

/**
 * bench_calls_teardown - undo bench_calls_setup()
 * @run: the run
 */
void bench_calls_teardown(struct bench_run *run)
{
	kvfree(run->priv);
}

/**
 * bench_calls_add - keep one value of a call
 * @run: the run
 * @which: number of the value within the call
 * @nth: number of the call within the turn
 * @value: the value
 */
void bench_calls_add(struct bench_run *run, unsigned int which, u32 nth, u64 value)
{
	struct bench_calls *turn = run->priv;

	turn->values[which * run->cfg.calls + nth] = value;
}

/**
 * bench_calls_turn - a turn that repeats the same step config_calls times
 * @run: the run
 * @slot: whose turn it is
 * @sample: gets the figures
 * @once: the step; calls bench_calls_add() for every value
 * @queued: items that @once queues
 *
 * Return: 0 or -EINTR.
 */
int bench_calls_turn(struct bench_run *run, struct bench_slot *slot, struct bench_sample *sample,
		     void (*once)(struct bench_run *run, struct bench_slot *slot, u32 nth),
		     u32 queued)
{
	struct bench_calls *turn = run->priv;
	unsigned int nr = bench_nr_calls(run);
	struct bench_spread spread;
	u32 i;

	for (i = 0; i < run->cfg.calls; i++) {
		once(run, slot, i);
		sample->queued += queued;
		if (run->failure)
			return 0;
		if (bench_stopped(run))
			return -EINTR;
		cond_resched();
	}
	for (i = 0; i < nr; i++) {
		bench_spread(&turn->values[i * run->cfg.calls], run->cfg.calls, &spread);
		sample->figure[i] = spread.median;
		sample->figure[nr + i] = spread.p95;
		sample->figure[2 * nr + i] = spread.max;
	}
	return 0;
}
