// SPDX-License-Identifier: GPL-2.0
/*
 * The entries of a run's list of engines. Each has items and samples of its own,
 * and a queue if the workload has one for the whole run.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "base/turn.h"
#include "base/types.h"
#include "engine/engine.h"
#include "measure/memory.h"
#include "measure/tasks.h"
#include "run/slots.h"

static void bench_free_slot(struct bench_slot *slot)
{
	kvfree(slot->samples);
	kvfree(slot->items);
}

/**
 * bench_teardown_slots - undo bench_setup_slots(), even if it failed half way
 * @run: the run
 */
void bench_teardown_slots(struct bench_run *run)
{
	while (run->nr_slots--) {
		struct bench_slot *slot = &run->slots[run->nr_slots];

		if (run->cfg.workload->has_queue)
			slot->engine->close(slot, slot->wq);
		bench_free_slot(slot);
	}
}

static void bench_init_items(struct bench_slot *slot)
{
	const struct bench_config *cfg = slot->cfg;
	unsigned int i;

	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];

		/* If the workload has producers, the items are given to them in turn. */
		item->cpu = bench_nth_cpu(cfg->workload->has_producers ? i % cfg->producers : i);
		item->job = cfg->workload->job;
		init_completion(&item->done);
		if (slot->engine->init)
			slot->engine->init(item);
	}
}

/**
 * bench_held - find the account of the memory that an engine holds
 * @run: the run
 * @slot: an entry of the engine
 *
 * Entries of the same engine share its pools, and it is not known for which entry a
 * worker was created. So they share one account: that of the first entry.
 *
 * Return: the account, in bytes.
 */
s64 *bench_held(struct bench_run *run, const struct bench_slot *slot)
{
	unsigned int i = 0;

	while (run->slots[i].engine != slot->engine)
		i++;
	return &run->slots[i].held;
}

static void bench_probe_job(struct bench_item *item)
{
	struct bench_pools *pools = item->priv;

	pools->known &= bench_pools_add(pools, current);
	complete(&item->done);
}

/*
 * No engine tells in which pools a queue's items run. But an item can read the name of
 * its worker. So an item runs for each CPU from which items may be queued.
 */
static void bench_find_pools(struct bench_slot *slot)
{
	struct bench_item *item = &slot->items[0];
	unsigned int i;

	if (!slot->engine->has_pools)
		return;
	slot->pools.known = true;
	item->priv = &slot->pools;
	item->job = bench_probe_job;
	for (i = 0; i < num_online_cpus(); i++) {
		slot->engine->queue_on(slot->wq, bench_nth_cpu(i), item);
		bench_wait(slot, &item->done);
		/* An item whose function has not returned is queued to the same pool again. */
		slot->engine->flush(slot->wq);
	}
	item->priv = NULL;
	item->job = slot->cfg->workload->job;
}

static int bench_open_slot(struct bench_run *run, struct bench_slot *slot)
{
	bool scoped = slot->cfg->queue == BENCH_QUEUE_UNBOUND;
	char name[BENCH_NAME_LEN];
	u64 before, after;
	int ret;

	if (!slot->cfg->workload->has_queue)
		return 0;
	ret = bench_memory_total(run, &before);
	if (ret)
		return ret;
	snprintf(name, sizeof(name), "cmwq2_bench.%u", slot->index);
	ret = slot->engine->open(slot, name, scoped, &slot->wq);
	if (ret)
		return ret;
	bench_find_pools(slot);
	ret = bench_memory_total(run, &after);
	if (ret)
		slot->engine->close(slot, slot->wq);
	else
		*bench_held(run, slot) += after - before;
	return ret;
}

static int bench_setup_slot(struct bench_run *run, struct bench_slot *slot)
{
	int ret = -ENOMEM;

	slot->cfg = &run->cfg;
	slot->index = run->nr_slots;
	slot->name = run->cfg.engines[slot->index];
	slot->engine = bench_find_engine(slot->name, &slot->profile);
	if (!slot->engine)
		return -EINVAL;
	slot->nr_items = run->cfg.workload->nr_items(&run->cfg);
	slot->items = kvcalloc(slot->nr_items, sizeof(*slot->items), GFP_KERNEL);
	slot->samples = kvcalloc(run->cfg.rounds, sizeof(*slot->samples), GFP_KERNEL);
	if (slot->items && slot->samples) {
		bench_init_items(slot);
		ret = bench_open_slot(run, slot);
	}
	if (ret)
		bench_free_slot(slot);
	else
		run->nr_slots++;
	return ret;
}

/**
 * bench_setup_slots - set up the entries of the list of engines
 * @run: the run, with its configuration and workload set up
 *
 * Return: 0, or an error; every one but -EINTR has been reported.
 */
int bench_setup_slots(struct bench_run *run)
{
	int ret;

	while (run->nr_slots < run->cfg.nr_engines) {
		ret = bench_setup_slot(run, &run->slots[run->nr_slots]);
		if (!ret)
			continue;
		/* After a signal no message is needed. */
		if (ret != -EINTR)
			pr_err("engine '%s' cannot be set up (%d)\n",
			       run->cfg.engines[run->nr_slots], ret);
		return ret;
	}
	return 0;
}
