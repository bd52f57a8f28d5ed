// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that queue items, for the workloads that measure under load. They
 * start together, and each keeps up its load until the last one has measured.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <asm/barrier.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/tasks.h"
#include "workload/producers.h"

static bool bench_turn_started(struct bench_producer *p)
{
	/* Pairs with the release in bench_producers_turn(): makes the turn visible. */
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
		run->part(p);
		/* The thread is bound, so it moves only if its CPU goes offline. */
		if (raw_smp_processor_id() != p->cpu)
			bench_fail(run, "producer-lost-its-cpu");
		if (atomic_dec_and_test(&run->busy))
			complete(&run->turn_over);
	}
}

static void bench_free_ticks(struct bench_run *run, u32 **ticks)
{
	unsigned int i;

	if (!ticks)
		return;
	for (i = 0; i < run->cfg.producers; i++)
		kvfree(ticks[i]);
	kfree(ticks);
}

/* Zeroed also so that all pages are populated before the clock runs. */
static u32 **bench_alloc_ticks(struct bench_run *run)
{
	u32 **ticks = kcalloc(run->cfg.producers, sizeof(*ticks), GFP_KERNEL);
	unsigned int i;

	if (!ticks)
		return NULL;
	for (i = 0; i < run->cfg.producers; i++) {
		ticks[i] = kvcalloc(run->cfg.items, sizeof(**ticks), GFP_KERNEL);
		if (!ticks[i]) {
			bench_free_ticks(run, ticks);
			return NULL;
		}
	}
	return ticks;
}

/**
 * bench_producers_stop - undo bench_producers_start()
 * @run: the run
 */
void bench_producers_stop(struct bench_run *run)
{
	unsigned int i;

	for (i = 0; run->producers && i < run->cfg.producers; i++)
		if (run->producers[i].task)
			kthread_stop(run->producers[i].task);
	kvfree(run->producers);
	for (i = 0; i < BENCH_NR_STAGES; i++)
		bench_free_ticks(run, run->ticks[i]);
}

static int bench_start_producer(struct bench_run *run, unsigned int i)
{
	struct bench_producer *p = &run->producers[i];
	struct task_struct *task;

	p->run = run;
	p->index = i;
	p->cpu = bench_nth_cpu(run->cfg.workload->on_one_cpu ? 0 : i);
	task = kthread_create_on_node(bench_producer_thread, p, cpu_to_node(p->cpu),
				      "bench_producer/%u", i);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, p->cpu);
	p->task = task;
	wake_up_process(task);
	return 0;
}

/**
 * bench_producers_start - create the threads, bound to the online CPUs in turn
 * @run: the run
 *
 * Return: 0 or an error number; bench_producers_stop() is called either way.
 */
int bench_producers_start(struct bench_run *run)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < BENCH_NR_STAGES; i++) {
		run->ticks[i] = bench_alloc_ticks(run);
		if (!run->ticks[i])
			return -ENOMEM;
	}
	run->producers = kvcalloc(run->cfg.producers, sizeof(*run->producers), GFP_KERNEL);
	if (!run->producers)
		return -ENOMEM;
	for (i = 0; !ret && i < run->cfg.producers; i++)
		ret = bench_start_producer(run, i);
	return ret;
}

/* Waits for the end of a turn. A signal ends the turn early, and with it the run. */
static int bench_wait_turn(struct bench_run *run)
{
	unsigned long report = jiffies + BENCH_STALL;
	long left;

	do {
		left = wait_for_completion_interruptible_timeout(&run->turn_over,
								 msecs_to_jiffies(BENCH_COUNT_MS));
		bench_note_workers(run->slot);
		if (left || time_before(jiffies, report))
			continue;
		pr_err("engine '%s' is busy for a long time: was an item lost?\n",
		       run->slot->name);
		report = jiffies + BENCH_STALL;
	} while (!left);
	if (left > 0)
		return 0;
	WRITE_ONCE(run->stop, true);
	wait_for_completion(&run->turn_over);
	return -EINTR;
}

/**
 * bench_producers_turn - run one turn in all producers
 * @run: the run
 * @slot: whose turn it is
 * @part: what each producer does
 *
 * Return: 0 or -EINTR.
 */
int bench_producers_turn(struct bench_run *run, struct bench_slot *slot,
			 void (*part)(struct bench_producer *p))
{
	atomic_set(&run->warm, 0);
	atomic_set(&run->timed, 0);
	atomic_set(&run->busy, run->cfg.producers);
	reinit_completion(&run->turn_over);
	run->slot = slot;
	run->part = part;
	/* Pairs with the acquire in bench_turn_started(). */
	smp_store_release(&run->round, run->round + 1);
	wake_up_all(&run->gate);
	return bench_wait_turn(run);
}
