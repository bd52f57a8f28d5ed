// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads "flush" and "drain": the time of flush_workqueue() and
 * drain_workqueue() with items in flight.
 *
 * All items are held while they are queued: the queue admits one at a time, and
 * the first one waits at a gate. The gate is opened right before the call. The
 * time until the same items have run with nobody flushing is taken beside.
 */
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "bench.h"

enum bench_flush_figure {
	BENCH_CALL_NS,
	BENCH_BARE_NS,
	BENCH_TAIL_NS,
	BENCH_EMPTY_NS,
	BENCH_NR_FLUSH,
};

static const char * const bench_flush_figures[BENCH_NR_FLUSH] = {
	[BENCH_CALL_NS]		= "call_ns",
	[BENCH_BARE_NS]		= "bare_ns",
	[BENCH_TAIL_NS]		= "tail_ns",
	[BENCH_EMPTY_NS]	= "empty_ns",
};

/**
 * struct bench_gate - what holds the items and counts them
 * @open: they may go on
 * @held: as many as are expected to wait do so
 * @to_hold: still missing
 * @left: items that have not run
 * @last: clock when the last one did
 * @done: it did
 * @values: calls of this turn, by figure
 */
struct bench_gate {
	struct completion	open;
	struct completion	held;
	atomic_t		to_hold;
	atomic_t		left;
	u64			last;
	struct completion	done;
	u64			*values[BENCH_NR_FLUSH];
};

/**
 * bench_gate_job - what an item does
 * @item: the item
 */
void bench_gate_job(struct bench_item *item)
{
	struct bench_gate *gate = item->gate;

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

static u32 bench_flush_items(const struct bench_config *cfg)
{
	return cfg->in_flight;
}

static int bench_flush_check(const struct bench_config *cfg)
{
	if ((u64)cfg->in_flight * cfg->calls <= BENCH_MAX_SAMPLES)
		return 0;
	pr_err("config_in_flight %u times config_calls %u is above %u\n",
	       cfg->in_flight, cfg->calls, BENCH_MAX_SAMPLES);
	return -EINVAL;
}

static void bench_flush_teardown(struct bench_run *run)
{
	struct bench_gate *gate = run->priv;
	unsigned int i;

	if (!gate)
		return;
	for (i = 0; i < BENCH_NR_FLUSH; i++)
		kfree(gate->values[i]);
	kfree(gate);
}

static int bench_flush_setup(struct bench_run *run)
{
	struct bench_gate *gate = kzalloc(sizeof(*gate), GFP_KERNEL);
	unsigned int i;

	run->priv = gate;
	if (!gate)
		return -ENOMEM;
	init_completion(&gate->open);
	init_completion(&gate->held);
	init_completion(&gate->done);
	for (i = 0; i < BENCH_NR_FLUSH; i++) {
		gate->values[i] = kcalloc(run->cfg.calls, sizeof(u64), GFP_KERNEL);
		if (!gate->values[i])
			return -ENOMEM;
	}
	return 0;
}

/*
 * Queue all items and wait until nothing runs but those at the gate.
 *
 * A per-CPU queue has its items on all CPUs, with one at the gate on each. Any
 * other has them on one CPU, for its limit holds for several CPUs together,
 * and passing it back and forth would be what is measured.
 */
static void bench_hold_items(struct bench_run *run, struct bench_slot *slot)
{
	bool everywhere = run->cfg.queue == BENCH_QUEUE_PERCPU;
	u32 i, held = everywhere ? min(slot->nr_items, num_online_cpus()) : 1;
	struct bench_gate *gate = run->priv;

	reinit_completion(&gate->open);
	reinit_completion(&gate->held);
	reinit_completion(&gate->done);
	atomic_set(&gate->to_hold, held);
	atomic_set(&gate->left, slot->nr_items);
	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];

		item->gate = gate;
		item->waits = i < held;
		if (!slot->engine->queue_on(slot->wq, everywhere ? item->cpu : slot->items[0].cpu,
					    item)) {
			bench_fail(run, "item-was-still-queued");
			atomic_dec(&gate->left);
		}
	}
	bench_wait(slot, &gate->held);
}

static void bench_time_bare(struct bench_run *run, struct bench_slot *slot, u32 i)
{
	struct bench_gate *gate = run->priv;
	u64 begin;

	bench_hold_items(run, slot);
	begin = bench_clock();
	complete_all(&gate->open);
	bench_wait(slot, &gate->done);
	gate->values[BENCH_BARE_NS][i] = bench_clock() - begin;
	/* The last item's function is done, but not the engine with it. */
	slot->engine->flush(slot->wq);
}

static void bench_time_call(struct bench_run *run, struct bench_slot *slot, u32 i,
			    void (*call)(union bench_wq wq))
{
	struct bench_gate *gate = run->priv;
	u64 begin, end;

	bench_hold_items(run, slot);
	begin = bench_clock();
	complete_all(&gate->open);
	call(slot->wq);
	end = bench_clock();
	if (atomic_read(&gate->left)) {
		bench_fail(run, "returned-before-the-last-item");
		bench_wait(slot, &gate->done);
	}
	gate->values[BENCH_CALL_NS][i] = end - begin;
	gate->values[BENCH_TAIL_NS][i] = end > gate->last ? end - gate->last : 0;

	begin = bench_clock();
	call(slot->wq);
	gate->values[BENCH_EMPTY_NS][i] = bench_clock() - begin;
}

static int bench_flush_or_drain(struct bench_run *run, struct bench_slot *slot,
				struct bench_sample *sample, void (*call)(union bench_wq wq))
{
	struct bench_gate *gate = run->priv;
	struct bench_spread spread;
	u32 i;

	for (i = 0; i < run->cfg.calls; i++) {
		/* Which comes first must not favour one of them. */
		if (i % 2)
			bench_time_bare(run, slot, i);
		bench_time_call(run, slot, i, call);
		if (i % 2 == 0)
			bench_time_bare(run, slot, i);
		sample->queued += 2 * slot->nr_items;
		if (run->failure)
			return 0;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	for (i = 0; i < BENCH_NR_FLUSH; i++) {
		bench_spread(gate->values[i], run->cfg.calls, &spread);
		sample->figure[i] = spread.median;
	}
	return 0;
}

static int bench_flush_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	return bench_flush_or_drain(run, slot, sample, slot->engine->flush);
}

static int bench_drain_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	return bench_flush_or_drain(run, slot, sample, slot->engine->drain);
}

static void bench_flush_describe(struct bench_text *text, const struct bench_config *cfg)
{
	bench_line(text, "in_flight=%u", cfg->in_flight);
	bench_line(text, "calls=%u", cfg->calls);
}

#define BENCH_FLUSH_WORKLOAD(_name)						\
	{									\
		.name		= #_name,					\
		.figures	= bench_flush_figures,				\
		.nr_figures	= BENCH_NR_FLUSH,				\
		.needs_queues	= true,						\
		.has_queue	= true,						\
		.has_idle_round	= true,						\
		.max_active	= 1,						\
		.job		= BENCH_JOB_GATE,				\
		.nr_items	= bench_flush_items,				\
		.describe	= bench_flush_describe,				\
		.check		= bench_flush_check,				\
		.setup		= bench_flush_setup,				\
		.turn		= bench_##_name##_turn,				\
		.teardown	= bench_flush_teardown,				\
	}

const struct bench_workload bench_flush = BENCH_FLUSH_WORKLOAD(flush);
const struct bench_workload bench_drain = BENCH_FLUSH_WORKLOAD(drain);
