// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "block": items of a per-CPU queue that all sleep. As soon as one
 * sleeps, the engine has to start the next. The time runs from right before an
 * item goes to sleep to the first instruction of the next item.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/numbers.h"
#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"
#include "workload/workload.h"

static const char * const bench_block_figures[] = { BENCH_QUANTILES("") };

/**
 * struct bench_block - one turn
 * @run: the run
 * @open: the items may go on
 * @all: all items sleep, or are about to
 * @done: all items have ended
 * @nr: items of a chain
 * @started: items of this chain that started
 * @ended: items of this chain that ended
 * @slept: ticks before the item that started last went to sleep
 * @chain: times of this chain
 * @ticks: times of all chains
 *
 * @slept and @chain need no lock: all items are on one CPU, and each writes
 * them only after the item before it has given up that CPU.
 */
struct bench_block {
	struct bench_run	*run;
	struct completion	open;
	struct completion	all;
	struct completion	done;
	u32			nr;
	atomic_t		started;
	atomic_t		ended;
	u64			slept;
	u32			*chain;
	u32			*ticks;
};

static void bench_block_job(struct bench_item *item)
{
	u64 now = cmwq2_ticks();
	struct bench_block *block = item->priv;
	u32 nth = atomic_inc_return(&block->started) - 1;

	if (nth)
		block->chain[nth - 1] = bench_ticks_between(block->slept, now);
	if (nth == block->nr - 1)
		complete(&block->all);
	WRITE_ONCE(block->slept, cmwq2_ticks());
	wait_for_completion(&block->open);
	if (atomic_inc_return(&block->ended) == block->nr)
		complete(&block->done);
}

static u32 bench_block_items(const struct bench_config *cfg)
{
	return cfg->in_flight;
}

static int bench_block_check(const struct bench_config *cfg)
{
	if (cfg->queue != BENCH_QUEUE_PERCPU) {
		pr_err("config_queue %s: workload block needs percpu\n",
		       bench_queue_names[cfg->queue]);
		return -EINVAL;
	}
	if (cfg->in_flight < 2 || cfg->in_flight > BENCH_MAX_BATCH) {
		pr_err("config_in_flight %u: workload block needs 2 to %u\n",
		       cfg->in_flight, BENCH_MAX_BATCH);
		return -EINVAL;
	}
	return 0;
}

static int bench_block_setup(struct bench_run *run)
{
	struct bench_block *block = kzalloc(sizeof(*block), GFP_KERNEL);

	run->priv = block;
	if (!block)
		return -ENOMEM;
	block->run = run;
	block->nr = run->cfg.in_flight;
	init_completion(&block->open);
	init_completion(&block->all);
	init_completion(&block->done);
	block->ticks = kvcalloc(run->cfg.calls * (block->nr - 1), sizeof(u32), GFP_KERNEL);
	return block->ticks ? 0 : -ENOMEM;
}

static void bench_block_teardown(struct bench_run *run)
{
	struct bench_block *block = run->priv;

	if (block)
		kvfree(block->ticks);
	kfree(block);
}

/*
 * With preemption off no item starts before all are queued. So no time includes
 * waiting for an item that is not queued yet.
 */
static void bench_block_queue(struct bench_block *block, struct bench_slot *slot)
{
	unsigned int i;
	int cpu = get_cpu();

	for (i = 0; i < block->nr; i++) {
		slot->items[i].priv = block;
		if (!slot->engine->queue_on(slot->wq, cpu, &slot->items[i]))
			bench_fail(block->run, "item-was-still-queued");
	}
	put_cpu();
}

static void bench_block_chain(struct bench_block *block, struct bench_slot *slot, u32 *chain)
{
	block->chain = chain;
	atomic_set(&block->started, 0);
	atomic_set(&block->ended, 0);
	reinit_completion(&block->open);
	bench_block_queue(block, slot);
	bench_wait(slot, &block->all);
	complete_all(&block->open);
	bench_wait(slot, &block->done);
	/*
	 * All functions have returned, but the engine may still handle the last
	 * item.
	 */
	slot->engine->flush(slot->wq);
}

static int bench_block_turn(struct bench_run *run, struct bench_slot *slot,
			    struct bench_sample *sample)
{
	struct bench_block *block = run->priv;
	u32 i;

	for (i = 0; i < run->cfg.calls; i++) {
		bench_block_chain(block, slot, &block->ticks[i * (block->nr - 1)]);
		sample->queued += block->nr;
		if (run->failure)
			return 0;
		if (bench_stopped(run))
			return -EINTR;
	}
	bench_quantiles(run, &block->ticks, 1, run->cfg.calls * (block->nr - 1), sample->figure);
	return 0;
}

const struct bench_workload bench_block = {
	.name		= "block",
	.figures	= bench_block_figures,
	.nr_figures	= ARRAY_SIZE(bench_block_figures),
	.settings	= BIT(BENCH_NUMBER_IN_FLIGHT) | BIT(BENCH_NUMBER_CALLS),
	.needs		= BENCH_FLUSH,
	.has_queue	= true,
	.has_idle_round	= true,
	.job		= bench_block_job,
	.nr_items	= bench_block_items,
	.check		= bench_block_check,
	.setup		= bench_block_setup,
	.turn		= bench_block_turn,
	.teardown	= bench_block_teardown,
};
