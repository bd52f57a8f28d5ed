// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "perfwq": the six loads wl0 to wl5 with which concurrency managed
 * workqueues were presented in June 2010, together with a job that only uses
 * CPU time. The result is how long the job takes.
 *
 * An item burns a random part of its CPU time, sleeps, burns the rest and queues
 * itself again after a delay. Sleep and delay are evenly distributed between
 * zero and twice their mean. The job is a thread on each CPU.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/prandom.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/timer.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/memory.h"
#include "measure/tasks.h"
#include "measure/times.h"
#include "workload/workload.h"

#define BENCH_PERFWQ_MAX_WQS	26
/* After each slice the job checks whether the run is to stop. */
#define BENCH_JOB_SLICE_NS	(500 * NSEC_PER_USEC)
#define BENCH_PEAK_MS		20
/* In a turn only this many times of each kind are kept: the first ones. */
#define BENCH_PERFWQ_TIMES	65536U

/* Burns are in us, sleep and delay in ms. */
struct bench_kind {
	unsigned int	burn_long;
	unsigned int	burn_short;
	unsigned int	sleep;
	unsigned int	delay;
};

static const struct bench_kind bench_short = { 50, 1, 1, 10 };
static const struct bench_kind bench_medium = { 50, 2, 10, 50 };
static const struct bench_kind bench_long = { 50, 4, 100, 250 };

/* @wqs queues, each of which has this many items of each kind. */
struct bench_group {
	u8	wqs;
	u8	nr_short;
	u8	nr_medium;
	u8	nr_long;
};

#define BENCH_NR_GROUPS		4

static const struct bench_group bench_loads[][BENCH_NR_GROUPS] = {
	{ { 12, 4, 0, 0 }, { 2, 2, 2, 0 }, { 4, 0, 2, 1 }, { 8, 0, 0, 1 } },
	{ { 8, 4, 0, 0 }, { 2, 2, 2, 0 }, { 4, 0, 2, 1 }, { 8, 0, 0, 1 } },
	{ { 4, 4, 0, 0 }, { 2, 2, 2, 0 }, { 4, 0, 2, 1 }, { 8, 0, 0, 1 } },
	{ { 2, 4, 0, 0 }, { 2, 2, 2, 0 }, { 4, 0, 2, 1 }, { 8, 0, 0, 1 } },
	{ { 2, 4, 0, 0 }, { 2, 0, 2, 0 }, { 4, 0, 2, 1 }, { 8, 0, 0, 1 } },
	{ { 2, 0, 2, 0 }, { 4, 0, 2, 1 }, { 8, 0, 0, 1 } },
};

enum bench_perfwq_figure {
	BENCH_JOB_NS,
	BENCH_ALONE_NS,
	BENCH_SLOWDOWN,
	BENCH_ITEMS_RUN,
	BENCH_THREADS,
	BENCH_NR_PERFWQ,
};

static const char * const bench_perfwq_figures[] = {
	[BENCH_JOB_NS]		= "job_ns",
	[BENCH_ALONE_NS]	= "alone_ns",
	[BENCH_SLOWDOWN]	= "job_ppm_of_alone",
	[BENCH_ITEMS_RUN]	= "items_run",
	[BENCH_THREADS]		= "threads",
	[BENCH_NR_PERFWQ]	= BENCH_STAGES,
};

/**
 * struct bench_recurring - an item that queues itself again
 * @perfwq: the load it belongs to
 * @kind: how long it burns, sleeps and is delayed
 * @wq: where it queues itself
 * @rnd: its own random state, so that it does the same under every engine
 * @timer: set along with the item's own timer, so it expires at the same time
 * @due: ticks when @timer expired, 0 before that
 * @timed: whether @due is valid
 */
struct bench_recurring {
	struct bench_perfwq	*perfwq;
	const struct bench_kind	*kind;
	union bench_wq		wq;
	struct rnd_state	rnd;
	struct timer_list	timer;
	u64			due;
	bool			timed;
};

/* The job's thread on one CPU. */
struct bench_hog {
	struct bench_perfwq	*perfwq;
	struct task_struct	*task;
	u64			ns;
};

/**
 * struct bench_perfwq - one turn
 * @run: the run
 * @slot: whose turn it is
 * @over: tells the items not to queue themselves again
 * @left: items that still queue themselves
 * @over_done: completed when @left is zero
 * @items_run: executions of all items together
 * @hogs_left: threads of the job that still run
 * @hogs_done: completed when @hogs_left is zero
 * @slices: length of the job
 * @slice: rounds of bench_burn() in one slice
 * @nr_hogs: CPUs with a thread of the job
 * @hogs: the threads
 * @nr_wqs: queues that exist
 * @wqs: the queues
 * @recurring: by item
 */
struct bench_perfwq {
	struct bench_run	*run;
	struct bench_slot	*slot;
	bool			over;
	atomic_t		left;
	struct completion	over_done;
	atomic_t		items_run;
	atomic_t		hogs_left;
	struct completion	hogs_done;
	u32			slices;
	u32			slice;
	unsigned int		nr_hogs;
	struct bench_hog	*hogs;
	unsigned int		nr_wqs;
	union bench_wq		wqs[BENCH_PERFWQ_MAX_WQS];
	struct bench_recurring	recurring[];
};

static u32 bench_up_to(struct rnd_state *rnd, u32 most)
{
	return prandom_u32_state(rnd) % (most + 1);
}

static void bench_due_fn(struct timer_list *timer)
{
	WRITE_ONCE(container_of(timer, struct bench_recurring, timer)->due, cmwq2_ticks());
}

/*
 * An engine does not report when a delay is over and the item is queued. A second
 * timer, set in the same tick, reports it. With interrupts off neither can expire
 * before both are set. That delays nothing, because setting a timer wakes no thread.
 */
static bool bench_perfwq_delay(struct bench_recurring *recurring, struct bench_item *item,
			       unsigned long delay)
{
	const struct bench_engine *engine = recurring->perfwq->slot->engine;
	unsigned long flags, now;
	bool queued;

	local_irq_save(flags);
	now = jiffies;
	recurring->due = 0;
	recurring->timed = true;
	mod_timer(&recurring->timer, now + delay);
	item->queued = cmwq2_ticks();
	queued = engine->queue_delayed(recurring->wq, item, delay);
	bench_times_add(recurring->perfwq->run, BENCH_CALL,
			bench_call_ticks(recurring->perfwq->run, item->queued, cmwq2_ticks()));
	if (time_after(jiffies, now))
		WRITE_ONCE(recurring->timed, false);
	local_irq_restore(flags);
	return queued;
}

/* As bench_perfwq_delay(), without a delay: the item may run before the call returns. */
static bool bench_perfwq_now(struct bench_recurring *recurring, struct bench_item *item)
{
	struct bench_run *run = recurring->perfwq->run;
	u64 begin = cmwq2_ticks();
	bool queued;

	recurring->due = begin;
	recurring->timed = true;
	queued = recurring->perfwq->slot->engine->queue_delayed(recurring->wq, item, 0);
	bench_times_add(run, BENCH_CALL, bench_call_ticks(run, begin, cmwq2_ticks()));
	return queued;
}

/* If the item started before the second timer expired, its waiting time is zero. */
static void bench_perfwq_took(struct bench_recurring *recurring, u64 started)
{
	u64 due = READ_ONCE(recurring->due);

	if (READ_ONCE(recurring->timed))
		bench_times_item(recurring->perfwq->run, due && due < started ? due : started,
				 started, cmwq2_ticks());
}

static void bench_perfwq_job(struct bench_item *item)
{
	u64 started = cmwq2_ticks();
	struct bench_recurring *recurring = item->priv;
	struct bench_perfwq *perfwq = recurring->perfwq;
	const struct bench_kind *kind = recurring->kind;
	struct bench_run *run = perfwq->run;
	u32 burn = bench_burn_rounds(run, NSEC_PER_USEC * (run->cfg.long_burn ? kind->burn_long :
									    kind->burn_short));
	u32 first = bench_up_to(&recurring->rnd, burn);
	u32 sleep = bench_up_to(&recurring->rnd, 2 * kind->sleep);
	unsigned long delay = msecs_to_jiffies(bench_up_to(&recurring->rnd, 2 * kind->delay));

	bench_burn(first);
	if (sleep)
		msleep(sleep);
	bench_burn(burn - first);
	atomic_inc(&perfwq->items_run);
	if (!READ_ONCE(perfwq->over)) {
		bench_perfwq_took(recurring, started);
		if (delay ? bench_perfwq_delay(recurring, item, delay) :
			    bench_perfwq_now(recurring, item))
			return;
		bench_fail(run, "item-was-still-queued");
	}
	if (atomic_dec_and_test(&perfwq->left))
		complete(&perfwq->over_done);
}

static int bench_hog_thread(void *data)
{
	struct bench_hog *hog = data;
	struct bench_perfwq *perfwq = hog->perfwq;
	u64 begin = bench_clock();
	u32 i;

	for (i = 0; i < perfwq->slices && !READ_ONCE(perfwq->run->stop); i++) {
		bench_burn(perfwq->slice);
		cond_resched();
	}
	hog->ns = bench_clock() - begin;
	if (atomic_dec_and_test(&perfwq->hogs_left))
		complete(&perfwq->hogs_done);
	return 0;
}

static int bench_hog_create(struct bench_perfwq *perfwq, unsigned int i)
{
	struct bench_hog *hog = &perfwq->hogs[i];
	struct task_struct *task;

	hog->perfwq = perfwq;
	task = kthread_create(bench_hog_thread, hog, "bench_job/%u", i);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, bench_nth_cpu(i));
	/* The thread ends by itself, but its task_struct is still read afterwards. */
	get_task_struct(task);
	hog->task = task;
	return 0;
}

/* Waits for the job. Returns the largest number of the engine's threads seen meanwhile. */
static u32 bench_hogs_wait(struct bench_perfwq *perfwq)
{
	struct bench_workers workers;
	u32 peak = 0;
	bool done;

	do {
		done = wait_for_completion_timeout(&perfwq->hogs_done,
						   msecs_to_jiffies(BENCH_PEAK_MS));
		bench_count_workers(perfwq->slot, 0, &workers);
		peak = max(peak, workers.all);
		if (signal_pending(current))
			WRITE_ONCE(perfwq->run->stop, true);
	} while (!done);
	return peak;
}

/* Runs the job. Gets its time, a mean over the CPUs, and the peak of the engine's threads. */
static int bench_job(struct bench_perfwq *perfwq, u64 *ns, u32 *peak)
{
	unsigned int i, started;
	int ret = 0;
	u64 sum = 0;

	reinit_completion(&perfwq->hogs_done);
	atomic_set(&perfwq->hogs_left, perfwq->nr_hogs);
	for (started = 0; started < perfwq->nr_hogs; started++) {
		ret = bench_hog_create(perfwq, started);
		if (ret)
			break;
	}
	for (i = 0; i < started; i++) {
		if (ret)
			kthread_stop(perfwq->hogs[i].task);
		else
			wake_up_process(perfwq->hogs[i].task);
	}
	if (!ret)
		*peak = bench_hogs_wait(perfwq);
	for (i = 0; i < started; i++) {
		sum += perfwq->hogs[i].ns;
		if (!ret)
			kthread_stop(perfwq->hogs[i].task);
		put_task_struct(perfwq->hogs[i].task);
	}
	*ns = div_u64(sum, perfwq->nr_hogs);
	if (ret)
		pr_err("workload perfwq: the job's threads cannot be created (%d)\n", ret);
	return ret;
}

static u32 bench_perfwq_items(const struct bench_config *cfg)
{
	const struct bench_group *group = bench_loads[cfg->load];
	u32 i, nr = 0;

	for (i = 0; i < BENCH_NR_GROUPS; i++)
		nr += group[i].wqs * (group[i].nr_short + group[i].nr_medium + group[i].nr_long);
	return nr;
}

static u32 bench_perfwq_nr_times(const struct bench_config *cfg)
{
	return BENCH_PERFWQ_TIMES;
}

static int bench_perfwq_setup(struct bench_run *run)
{
	struct bench_perfwq *perfwq;
	u32 i;

	perfwq = kzalloc(struct_size(perfwq, recurring, bench_perfwq_items(&run->cfg)), GFP_KERNEL);
	run->priv = perfwq;
	if (!perfwq)
		return -ENOMEM;
	perfwq->run = run;
	for (i = 0; i < bench_perfwq_items(&run->cfg); i++)
		timer_setup(&perfwq->recurring[i].timer, bench_due_fn, 0);
	init_completion(&perfwq->over_done);
	init_completion(&perfwq->hogs_done);
	perfwq->nr_hogs = num_online_cpus();
	perfwq->hogs = kcalloc(perfwq->nr_hogs, sizeof(*perfwq->hogs), GFP_KERNEL);
	return perfwq->hogs ? 0 : -ENOMEM;
}

static void bench_perfwq_teardown(struct bench_run *run)
{
	struct bench_perfwq *perfwq = run->priv;

	if (perfwq)
		kfree(perfwq->hogs);
	kfree(perfwq);
}

static void bench_perfwq_add(struct bench_perfwq *perfwq, const struct bench_kind *kind, u32 nr,
			     u32 *item)
{
	while (nr--) {
		struct bench_recurring *recurring = &perfwq->recurring[*item];

		recurring->perfwq = perfwq;
		recurring->kind = kind;
		recurring->wq = perfwq->wqs[perfwq->nr_wqs - 1];
		recurring->timed = false;
		prandom_seed_state(&recurring->rnd, perfwq->run->cfg.seed + *item);
		perfwq->slot->items[(*item)++].priv = recurring;
	}
}

static int bench_perfwq_open(struct bench_perfwq *perfwq)
{
	const struct bench_group *group = bench_loads[perfwq->run->cfg.load];
	struct bench_slot *slot = perfwq->slot;
	u32 i, j, item = 0;

	for (i = 0; i < BENCH_NR_GROUPS; i++) {
		for (j = 0; j < group[i].wqs; j++) {
			char name[BENCH_NAME_LEN];
			int ret;

			snprintf(name, sizeof(name), "perf%u.%u", slot->index, perfwq->nr_wqs);
			ret = slot->engine->open(slot, name, false, &perfwq->wqs[perfwq->nr_wqs]);
			if (ret)
				return ret;
			perfwq->nr_wqs++;
			bench_perfwq_add(perfwq, &bench_short, group[i].nr_short, &item);
			bench_perfwq_add(perfwq, &bench_medium, group[i].nr_medium, &item);
			bench_perfwq_add(perfwq, &bench_long, group[i].nr_long, &item);
		}
	}
	return 0;
}

static void bench_perfwq_close(struct bench_perfwq *perfwq)
{
	u32 i;

	while (perfwq->nr_wqs)
		perfwq->slot->engine->close(perfwq->slot, perfwq->wqs[--perfwq->nr_wqs]);
	for (i = 0; i < perfwq->slot->nr_items; i++)
		timer_delete_sync(&perfwq->recurring[i].timer);
	/* So that their memory is not charged to the next engine. */
	bench_memory_settle();
}

static void bench_perfwq_start(struct bench_perfwq *perfwq)
{
	struct bench_slot *slot = perfwq->slot;
	u32 i;

	perfwq->over = false;
	reinit_completion(&perfwq->over_done);
	atomic_set(&perfwq->items_run, 0);
	atomic_set(&perfwq->left, slot->nr_items);
	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];

		if (slot->engine->queue_on(perfwq->recurring[i].wq, item->cpu, item))
			continue;
		bench_fail(perfwq->run, "item-was-still-queued");
		if (atomic_dec_and_test(&perfwq->left))
			complete(&perfwq->over_done);
	}
}

static int bench_perfwq_loaded(struct bench_perfwq *perfwq, struct bench_sample *sample)
{
	u32 peak = 0;
	int ret;

	bench_perfwq_start(perfwq);
	ret = bench_job(perfwq, &sample->figure[BENCH_JOB_NS], &peak);
	if (!ret)
		ret = bench_memory_total(perfwq->run, &perfwq->run->steady);
	sample->figure[BENCH_ITEMS_RUN] = atomic_read(&perfwq->items_run);
	sample->figure[BENCH_THREADS] = peak;
	WRITE_ONCE(perfwq->over, true);
	bench_wait(perfwq->slot, &perfwq->over_done);
	sample->queued = atomic_read(&perfwq->items_run);
	return ret;
}

static int bench_perfwq_turn(struct bench_run *run, struct bench_slot *slot,
			     struct bench_sample *sample)
{
	struct bench_perfwq *perfwq = run->priv;
	u32 peak;
	int ret;

	perfwq->slot = slot;
	perfwq->slice = bench_burn_rounds(run, BENCH_JOB_SLICE_NS);
	perfwq->slices = div_u64(run->cfg.job_ms * NSEC_PER_MSEC, BENCH_JOB_SLICE_NS);
	ret = bench_job(perfwq, &sample->figure[BENCH_ALONE_NS], &peak);
	if (ret)
		return ret;
	ret = bench_perfwq_open(perfwq);
	if (!ret)
		ret = bench_perfwq_loaded(perfwq, sample);
	bench_perfwq_close(perfwq);
	sample->figure[BENCH_SLOWDOWN] = div64_u64(sample->figure[BENCH_JOB_NS] * 1000000,
						   max_t(u64, sample->figure[BENCH_ALONE_NS], 1));
	return ret;
}

const struct bench_workload bench_perfwq = {
	.name		= "perfwq",
	.figures	= bench_perfwq_figures,
	.nr_figures	= ARRAY_SIZE(bench_perfwq_figures),
	.settings	= BIT(BENCH_NUMBER_LOAD) | BIT(BENCH_NUMBER_LONG_BURN) |
			  BIT(BENCH_NUMBER_JOB_MS),
	.needs		= BENCH_CREATE | BENCH_DELAY,
	.with_threads	= true,
	.nr_kinds	= BENCH_NR_STAGES,
	.job		= bench_perfwq_job,
	.nr_items	= bench_perfwq_items,
	.nr_times	= bench_perfwq_nr_times,
	.setup		= bench_perfwq_setup,
	.turn		= bench_perfwq_turn,
	.teardown	= bench_perfwq_teardown,
};
