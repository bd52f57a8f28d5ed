// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads "flush" and "drain": the time of flush_workqueue() and
 * drain_workqueue() with items in flight.
 *
 * All items are held while they are queued: the queue admits one at a time, and the
 * first one waits at a gate. The gate is opened right before the call. For comparison,
 * each turn also times the same items without a flush.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/types.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "workload/gate.h"
#include "workload/workload.h"

enum bench_flush_value {
	BENCH_CALL_NS,
	BENCH_BARE_NS,
	BENCH_TAIL_NS,
	BENCH_EMPTY_NS,
	BENCH_NR_FLUSH,
};

/* In the order of enum bench_flush_value. */
static const char * const bench_flush_figures[] = {
	"call_ns", "bare_ns", "tail_ns", "empty_ns",
	"call_p95_ns", "bare_p95_ns", "tail_p95_ns", "empty_p95_ns",
	"call_max_ns", "bare_max_ns", "tail_max_ns", "empty_max_ns",
};

static_assert(ARRAY_SIZE(bench_flush_figures) == BENCH_CALL_STATS * BENCH_NR_FLUSH);

static int bench_flush_check(const struct bench_config *cfg)
{
	if ((u64)cfg->in_flight * cfg->calls <= BENCH_MAX_SAMPLES)
		return 0;
	pr_err("config_in_flight %u times config_calls %u is above %u\n",
	       cfg->in_flight, cfg->calls, BENCH_MAX_SAMPLES);
	return -EINVAL;
}

static void bench_time_bare(struct bench_run *run, struct bench_slot *slot, u32 nth)
{
	struct bench_calls *turn = run->priv;
	struct bench_gate *gate = &turn->gate;
	u64 begin;

	bench_hold_items(run, slot, gate);
	begin = bench_clock();
	complete_all(&gate->open);
	bench_wait(slot, &gate->done);
	bench_calls_add(run, BENCH_BARE_NS, nth, bench_clock() - begin);
	/*
	 * All functions have returned, but the engine may still handle the last
	 * item.
	 */
	slot->engine->flush(slot->wq);
}

static void bench_time_call(struct bench_run *run, struct bench_slot *slot, u32 nth)
{
	const struct bench_engine *engine = slot->engine;
	bool drain = run->cfg.workload == &bench_drain;
	void (*call)(union bench_wq wq) = drain ? engine->drain : engine->flush;
	struct bench_calls *turn = run->priv;
	struct bench_gate *gate = &turn->gate;
	u64 begin, end;

	bench_hold_items(run, slot, gate);
	begin = bench_clock();
	complete_all(&gate->open);
	call(slot->wq);
	end = bench_clock();
	if (atomic_read(&gate->left)) {
		bench_fail(run, "returned-before-the-last-item");
		bench_wait(slot, &gate->done);
	}
	bench_calls_add(run, BENCH_CALL_NS, nth, end - begin);
	bench_calls_add(run, BENCH_TAIL_NS, nth, end > gate->last ? end - gate->last : 0);

	begin = bench_clock();
	call(slot->wq);
	bench_calls_add(run, BENCH_EMPTY_NS, nth, bench_clock() - begin);
}

static void bench_flush_once(struct bench_run *run, struct bench_slot *slot, u32 nth)
{
	/* The order alternates, so that it favours neither of the two. */
	if (nth % 2)
		bench_time_bare(run, slot, nth);
	bench_time_call(run, slot, nth);
	if (nth % 2 == 0)
		bench_time_bare(run, slot, nth);
}

static int bench_flush_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	return bench_calls_turn(run, slot, sample, bench_flush_once, 2 * slot->nr_items);
}

#define BENCH_FLUSH_WORKLOAD(_name)						\
	{									\
		.name		= #_name,					\
		.figures	= bench_flush_figures,				\
		.nr_figures	= ARRAY_SIZE(bench_flush_figures),		\
		.settings	= BIT(BENCH_NUMBER_IN_FLIGHT) |			\
				  BIT(BENCH_NUMBER_CALLS),			\
		.needs		= BENCH_FLUSH,					\
		.has_queue	= true,						\
		.has_idle_round	= true,						\
		.max_active	= 1,						\
		.job		= bench_gate_job,				\
		.nr_items	= bench_calls_items,				\
		.check		= bench_flush_check,				\
		.setup		= bench_calls_setup,				\
		.turn		= bench_flush_turn,				\
		.teardown	= bench_calls_teardown,				\
	}

const struct bench_workload bench_flush = BENCH_FLUSH_WORKLOAD(flush);
const struct bench_workload bench_drain = BENCH_FLUSH_WORKLOAD(drain);
