// SPDX-License-Identifier: GPL-2.0
/*
 * One run: its threads, its rounds and its end.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "bench.h"

/* A turn without an end in this time is reported, it may be for a lost item. */
#define BENCH_STALL	(60 * HZ)

/**
 * bench_fail - give the run up from inside a turn
 * @run: the run
 * @failure: why, without spaces, for the result
 */
void bench_fail(struct bench_run *run, const char *failure)
{
	WRITE_ONCE(run->failure, failure);
	WRITE_ONCE(run->stop, true);
}

static bool bench_turn_started(struct bench_producer *p)
{
	/* Pairs with the release in bench_turn(): makes the turn visible. */
	return smp_load_acquire(&p->run->round) != p->round;
}

static int bench_producer_thread(void *data)
{
	struct bench_producer *p = data;
	struct bench_run *run = p->run;

	for (;;) {
		wait_event_idle(run->gate, kthread_should_stop() || bench_turn_started(p));
		if (kthread_should_stop())
			return 0;
		p->round = run->round;
		p->queued = 0;
		bench_roundtrip(p);
		/* It is bound, so this takes a CPU going offline. */
		if (raw_smp_processor_id() != p->cpu)
			bench_fail(run, "producer-lost-its-cpu");
		if (atomic_dec_and_test(&run->busy))
			complete(&run->turn_over);
	}
}

static void bench_stop_producers(struct bench_run *run)
{
	unsigned int i;

	for (i = 0; i < run->cfg.producers; i++) {
		struct bench_producer *p = &run->producers[i];

		if (p->task)
			kthread_stop(p->task);
		kvfree(p->ticks);
	}
	kvfree(run->producers);
}

static int bench_start_producers(struct bench_run *run)
{
	int cpu = -1;
	unsigned int i;

	run->producers = kvcalloc(run->cfg.producers, sizeof(*run->producers), GFP_KERNEL);
	if (!run->producers)
		return -ENOMEM;
	for (i = 0; i < run->cfg.producers; i++) {
		struct bench_producer *p = &run->producers[i];
		struct task_struct *task;

		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
		p->run = run;
		p->index = i;
		p->cpu = cpu;
		/* Zeroed also to have every page of it there before the clock runs. */
		p->ticks = kvcalloc(run->cfg.items, sizeof(*p->ticks), GFP_KERNEL);
		if (!p->ticks)
			return -ENOMEM;
		task = kthread_create_on_node(bench_producer_thread, p, cpu_to_node(cpu),
					      "bench_producer/%u", i);
		if (IS_ERR(task))
			return PTR_ERR(task);
		kthread_bind(task, cpu);
		p->task = task;
		wake_up_process(task);
	}
	return 0;
}

static void bench_teardown_slots(struct bench_run *run)
{
	while (run->nr_slots--) {
		struct bench_slot *slot = &run->slots[run->nr_slots];

		slot->engine->teardown(slot);
		kvfree(slot->samples);
		kvfree(slot->items);
	}
}

static int bench_setup_slot(struct bench_run *run, struct bench_slot *slot)
{
	unsigned int i;
	int ret = -ENOMEM;

	slot->cfg = &run->cfg;
	slot->index = run->nr_slots;
	slot->name = run->cfg.engines[slot->index];
	slot->engine = bench_find_engine(slot->name, &slot->profile);
	if (!slot->engine)
		return -EINVAL;
	slot->items = kvcalloc(run->cfg.producers, sizeof(*slot->items), GFP_KERNEL);
	slot->samples = kvcalloc(run->cfg.rounds, sizeof(*slot->samples), GFP_KERNEL);
	if (!slot->items || !slot->samples)
		goto free;
	for (i = 0; i < run->cfg.producers; i++) {
		init_completion(&slot->items[i].done);
		slot->items[i].cpu = run->producers[i].cpu;
	}
	ret = slot->engine->setup(slot);
	if (ret)
		goto free;
	run->nr_slots++;
	return 0;
free:
	kvfree(slot->samples);
	kvfree(slot->items);
	return ret;
}

static int bench_setup_slots(struct bench_run *run)
{
	int ret;

	while (run->nr_slots < run->cfg.nr_engines) {
		ret = bench_setup_slot(run, &run->slots[run->nr_slots]);
		if (!ret)
			continue;
		/* A signal needs no explanation. */
		if (ret != -EINTR)
			pr_err("engine '%s' cannot be set up (%d)\n",
			       run->cfg.engines[run->nr_slots], ret);
		return ret;
	}
	return 0;
}

/* Wait for the end of a turn. A signal ends it early, and the run with it. */
static int bench_wait_turn(struct bench_run *run)
{
	long left;

	do {
		left = wait_for_completion_interruptible_timeout(&run->turn_over, BENCH_STALL);
		if (!left)
			pr_err("engine '%s' is busy for a long time: was an item lost?\n",
			       run->slot->name);
	} while (!left);
	if (left > 0)
		return 0;
	WRITE_ONCE(run->stop, true);
	wait_for_completion(&run->turn_over);
	return -EINTR;
}

static void bench_take_sample(struct bench_run *run, struct bench_sample *sample)
{
	u64 begin = U64_MAX, end = 0;
	unsigned int i;

	sample->rate = 0;
	sample->queued = 0;
	for (i = 0; i < run->cfg.producers; i++) {
		struct bench_producer *p = &run->producers[i];

		/*
		 * Everybody keeps up the load until the last one is through,
		 * so each has a rate under full load, and these add up.
		 */
		sample->rate += div64_u64((u64)run->cfg.items * NSEC_PER_SEC,
					  max_t(u64, p->end - p->begin, 1));
		sample->queued += p->queued;
		begin = min(begin, p->begin);
		end = max(end, p->end);
	}
	sample->span = end - begin;
	bench_quantiles(run, sample->enqueue);
}

static int bench_turn(struct bench_run *run, struct bench_slot *slot,
		      struct bench_sample *sample)
{
	int ret;

	if (slot->engine->begin) {
		ret = slot->engine->begin(slot);
		if (ret)
			return ret;
	}
	atomic_set(&run->warm, 0);
	atomic_set(&run->timed, 0);
	atomic_set(&run->busy, run->cfg.producers);
	reinit_completion(&run->turn_over);
	run->slot = slot;
	/* Pairs with the acquire in bench_turn_started(). */
	smp_store_release(&run->round, run->round + 1);
	wake_up_all(&run->gate);

	ret = bench_wait_turn(run);
	if (slot->engine->end)
		slot->engine->end(slot, sample);
	if (ret || run->failure)
		return ret;
	bench_take_sample(run, sample);
	return signal_pending(current) ? -EINTR : 0;
}

static int bench_rounds(struct bench_run *run)
{
	unsigned int order[BENCH_MAX_SLOTS];
	struct rnd_state rnd;
	unsigned int round, i;
	int ret;

	while (!run->cfg.seed)
		run->cfg.seed = get_random_u32();
	prandom_seed_state(&rnd, run->cfg.seed);
	for (i = 0; i < run->nr_slots; i++)
		order[i] = i;

	for (round = 0; round < run->cfg.rounds; round++) {
		for (i = run->nr_slots - 1; i > 0; i--) {
			unsigned int with = prandom_u32_state(&rnd) % (i + 1);

			swap(order[i], order[with]);
		}
		for (i = 0; i < run->nr_slots; i++) {
			struct bench_slot *slot = &run->slots[order[i]];
			struct bench_sample *sample = &slot->samples[round];

			sample->position = i;
			ret = bench_turn(run, slot, sample);
			if (ret || run->failure)
				return ret;
		}
	}
	return 0;
}

/**
 * bench_run - do a run
 * @cfg: what to run
 * @text: set to the result, to be freed with kvfree()
 * @len: set to its length
 *
 * A run that fails half way has a result that says so, and no figures.
 *
 * Return: 0 if there is a result, -EINTR if a signal came, or why the run
 * could not be set up.
 */
int bench_run(const struct bench_config *cfg, char **text, size_t *len)
{
	struct bench_run *run;
	int ret;

	if ((u64)cfg->producers * cfg->items > BENCH_MAX_SAMPLES) {
		pr_err("config_producers %u times config_items %u is above %u\n",
		       cfg->producers, cfg->items, BENCH_MAX_SAMPLES);
		return -EINVAL;
	}
	run = kvzalloc(sizeof(*run), GFP_KERNEL);
	if (!run)
		return -ENOMEM;
	run->cfg = *cfg;
	init_waitqueue_head(&run->gate);
	init_completion(&run->turn_over);

	ret = bench_start_producers(run);
	if (ret) {
		if (ret != -EINTR)
			pr_err("%u producers cannot be started (%d)\n", cfg->producers, ret);
	} else {
		bench_measure_clock(run);
		ret = bench_setup_slots(run);
		if (!ret)
			ret = bench_rounds(run);
		if (!ret)
			ret = bench_format_result(run, text, len);
		bench_teardown_slots(run);
	}
	if (run->producers)
		bench_stop_producers(run);
	kvfree(run);
	return ret;
}
