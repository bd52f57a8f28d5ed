// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "rescue": how long a rescuer takes to run the items of its queue
 * when the pool cannot create workers and items of other queues are ahead.
 *
 * A fault makes the creation of workers stall. All existing workers but one sleep in
 * items, and the last one is the manager, which gets no further. Ahead of the items to
 * rescue, the worklist has items of queues without a rescuer. These do not run during
 * that time. The kernel's own workqueue cannot be brought into this state, so this
 * workload is for cmwq2 alone.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/types.h>

#include <cmwq2/control.h>
#include <cmwq2/ticks.h>
#include <cmwq2/workqueue.h>

#include "base/numbers.h"
#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/times.h"
#include "workload/workload.h"

/* How often the run's thread checks whether the run is to end. */
#define BENCH_LOOK	(HZ / 10)

enum bench_rescue_figure {
	BENCH_ITEM_NS,
	BENCH_RESCUE_NS,
	BENCH_MAYDAYS,
	BENCH_NR_RESCUE,
};

static const char * const bench_rescue_figures[] = {
	[BENCH_ITEM_NS]		= "item_ns",
	[BENCH_RESCUE_NS]		= "rescue_ns",
	[BENCH_MAYDAYS]		= "maydays",
	[BENCH_NR_RESCUE]	= BENCH_STAGES,
};

static const char * const bench_rescue_engines[] = {
	"cmwq2:rescue=cursor", "cmwq2:rescue=slurp", "cmwq2:rescue=restart", NULL,
};

struct bench_rescue;

/**
 * struct bench_rescue_item - an item of either kind of queue
 * @work: the item
 * @r: the struct bench_rescue it belongs to
 * @queued: ticks before it was queued
 * @started: ticks when its function began
 * @ended: ticks when its function was done
 */
struct bench_rescue_item {
	struct cmwq2_work	work;
	struct bench_rescue	*r;
	u64			queued;
	u64			started;
	u64			ended;
};

/**
 * struct bench_rescue - a pool, the queues on it and their items
 * @cpu: CPU of the pool
 * @wq: the queue with a rescuer
 * @blocking: the queue of @blockers
 * @others: queues of @foreign; enough of them that no item waits for max_active
 * @nr_others: how many of them exist
 * @own: items that are rescued
 * @foreign: items ahead of them
 * @blockers: items in which the pool's workers sleep, one more than can start
 * @relief: opened for @blockers
 * @first: item in which the rescuer sleeps until all items are queued
 * @held: completed when the rescuer sleeps in @first
 * @go: opened for @first
 * @begin: clock when the rescuer wakes up in @first
 * @left: items of @own that have not run
 * @last: clock when the last of them ran
 * @done: completed by the last of them
 */
struct bench_rescue {
	int				cpu;
	struct cmwq2_wq			*wq;
	struct cmwq2_wq			*blocking;
	struct cmwq2_wq			**others;
	u32				nr_others;
	struct bench_rescue_item	*own;
	struct bench_rescue_item	*foreign;
	struct bench_rescue_item	*blockers;
	struct completion		relief;
	struct bench_rescue_item	first;
	struct completion		held;
	struct completion		go;
	u64				begin;
	atomic_t			left;
	u64				last;
	struct completion		done;
};

static struct bench_rescue_item *bench_rescue_item_of(struct cmwq2_work *work)
{
	return container_of(work, struct bench_rescue_item, work);
}

static struct bench_rescue *bench_rescue_of(struct cmwq2_work *work)
{
	return bench_rescue_item_of(work)->r;
}

/* The wait has steps, so that the hung-task detector does not report it. */
static void bench_rescue_sleep(struct completion *until)
{
	while (!wait_for_completion_timeout(until, BENCH_STALL))
		;
}

static void bench_blocker_fn(struct cmwq2_work *work)
{
	bench_rescue_sleep(&bench_rescue_of(work)->relief);
}

static void bench_first_fn(struct cmwq2_work *work)
{
	struct bench_rescue *r = bench_rescue_of(work);

	complete(&r->held);
	bench_rescue_sleep(&r->go);
	/*
	 * The time is taken here and not when @go is completed, because the wakeup
	 * takes as long as a thousand items.
	 */
	r->begin = bench_clock();
}

static void bench_own_fn(struct cmwq2_work *work)
{
	struct bench_rescue_item *item = bench_rescue_item_of(work);
	struct bench_rescue *r = item->r;

	item->started = cmwq2_ticks();
	item->ended = cmwq2_ticks();
	/* Makes the above visible to bench_rescue_collect(). */
	if (atomic_dec_and_test(&r->left)) {
		r->last = bench_clock();
		complete(&r->done);
	}
}

static void bench_foreign_fn(struct cmwq2_work *work)
{
}

static u32 bench_rescue_nr_others(const struct bench_config *cfg)
{
	return DIV_ROUND_UP(cfg->foreign, CMWQ2_MAX_ACTIVE);
}

/* A generous estimate, as for the workload create. */
static u64 bench_rescue_size(const struct bench_config *cfg)
{
	u64 queue = SZ_4K + num_possible_cpus() * SZ_1K;

	return ((u64)cfg->items + cfg->foreign) * sizeof(struct bench_rescue_item) +
	       (u64)cfg->items * BENCH_NR_STAGES * sizeof(u32) +
	       bench_rescue_nr_others(cfg) * queue;
}

static int bench_rescue_check(const struct bench_config *cfg)
{
	u64 allowed = (u64)max(si_mem_available(), 0L) / 2 * PAGE_SIZE;

	if (cfg->queue != BENCH_QUEUE_PERCPU) {
		pr_err("config_queue '%s': workload rescue needs percpu\n",
		       bench_queue_names[cfg->queue]);
		return -EINVAL;
	}
	if (bench_rescue_size(cfg) <= allowed)
		return 0;
	pr_err("config_items %u and config_foreign %u need %llu kB, but half of the free memory is %llu kB\n",
	       cfg->items, cfg->foreign, bench_rescue_size(cfg) / SZ_1K, allowed / SZ_1K);
	return -EINVAL;
}

static struct bench_rescue_item *bench_rescue_items(struct bench_rescue *r, u32 nr,
						    cmwq2_work_func_t fn)
{
	struct bench_rescue_item *items = kvcalloc(max(nr, 1U), sizeof(*items), GFP_KERNEL);
	u32 i;

	for (i = 0; items && i < nr; i++) {
		CMWQ2_INIT_WORK(&items[i].work, fn);
		items[i].r = r;
	}
	return items;
}

static struct cmwq2_wq *bench_rescue_queue(const char *name, u32 i, unsigned int flags)
{
	return cmwq2_alloc_workqueue("%s.%u", CMWQ2_WQ_PERCPU | flags, CMWQ2_MAX_ACTIVE, name, i);
}

static int bench_rescue_queues(struct bench_rescue *r, u32 nr_others)
{
	r->wq = bench_rescue_queue("bench_rescued", 0, CMWQ2_WQ_MEM_RECLAIM);
	r->blocking = bench_rescue_queue("bench_blocking", 0, 0);
	r->others = kvcalloc(max(nr_others, 1U), sizeof(*r->others), GFP_KERNEL);
	if (!r->wq || !r->blocking || !r->others)
		return -ENOMEM;
	while (r->nr_others < nr_others) {
		r->others[r->nr_others] = bench_rescue_queue("bench_foreign", r->nr_others, 0);
		if (!r->others[r->nr_others])
			return -ENOMEM;
		r->nr_others++;
	}
	return 0;
}

static int bench_rescue_setup(struct bench_run *run)
{
	struct bench_rescue *r = kvzalloc(sizeof(*r), GFP_KERNEL);
	int ret;

	run->priv = r;
	if (!r)
		return -ENOMEM;
	/* Not the first CPU, because the other work of the machine runs there. */
	r->cpu = cpumask_next(cpumask_first(cpu_online_mask), cpu_online_mask);
	if (r->cpu >= nr_cpu_ids)
		r->cpu = cpumask_first(cpu_online_mask);
	init_completion(&r->relief);
	init_completion(&r->held);
	init_completion(&r->go);
	init_completion(&r->done);
	CMWQ2_INIT_WORK(&r->first.work, bench_first_fn);
	r->first.r = r;
	r->own = bench_rescue_items(r, run->cfg.items, bench_own_fn);
	r->foreign = bench_rescue_items(r, run->cfg.foreign, bench_foreign_fn);
	if (!r->own || !r->foreign)
		return -ENOMEM;
	ret = bench_rescue_queues(r, bench_rescue_nr_others(&run->cfg));
	/* A rescuer's thread is not created while a signal is pending. */
	return ret && signal_pending(current) ? -EINTR : ret;
}

static void bench_rescue_teardown(struct bench_run *run)
{
	struct bench_rescue *r = run->priv;

	if (!r)
		return;
	while (r->nr_others)
		cmwq2_destroy_workqueue(r->others[--r->nr_others]);
	if (r->blocking)
		cmwq2_destroy_workqueue(r->blocking);
	if (r->wq)
		cmwq2_destroy_workqueue(r->wq);
	kvfree(r->others);
	kvfree(r->foreign);
	kvfree(r->own);
	kvfree(r);
}

static struct cmwq2_pool_stats bench_rescue_pool(struct bench_rescue *r)
{
	struct cmwq2_pool_stats stats = {};

	cmwq2_pool_stats(r->wq, r->cpu, &stats);
	return stats;
}

static bool bench_rescue_at_rest(struct bench_rescue *r)
{
	struct cmwq2_pool_stats stats = bench_rescue_pool(r);

	return stats.nr_idle == stats.nr_workers;
}

static bool bench_rescue_is_starved(struct bench_rescue *r)
{
	return !bench_rescue_pool(r).nr_idle;
}

static int bench_rescue_wait(struct bench_rescue *r, bool (*is)(struct bench_rescue *r))
{
	unsigned long end = jiffies + BENCH_STALL;

	while (!is(r)) {
		if (time_after(jiffies, end)) {
			pr_err("the pool of CPU %d does not reach the state that rescue needs: do others use it?\n",
			       r->cpu);
			return -EBUSY;
		}
		schedule_timeout_uninterruptible(1);
	}
	return 0;
}

/*
 * Queues as many items as there are workers: all workers but one sleep in one,
 * and the last becomes the manager. The pool is at rest before, so that no
 * worker is already creating another.
 */
static int bench_starve(struct bench_rescue *r)
{
	int i, nr, ret = bench_rescue_wait(r, bench_rescue_at_rest);

	if (ret)
		return ret;
	cmwq2_fault_create(r->wq, r->cpu, CMWQ2_CREATE_STALLS);
	nr = bench_rescue_pool(r).nr_workers;
	r->blockers = bench_rescue_items(r, nr, bench_blocker_fn);
	if (!r->blockers)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		cmwq2_queue_work_on(r->cpu, r->blocking, &r->blockers[i].work);
	return bench_rescue_wait(r, bench_rescue_is_starved);
}

static void bench_relieve(struct bench_rescue *r)
{
	u32 i;

	cmwq2_fault_create(r->wq, r->cpu, CMWQ2_CREATE_NORMAL);
	complete_all(&r->relief);
	complete_all(&r->go);
	cmwq2_flush_workqueue(r->wq);
	cmwq2_flush_workqueue(r->blocking);
	for (i = 0; i < r->nr_others; i++)
		cmwq2_flush_workqueue(r->others[i]);
	kvfree(r->blockers);
	r->blockers = NULL;
}

static void bench_rescue_fill(struct bench_run *run, struct bench_rescue *r)
{
	u32 i;

	for (i = 0; i < run->cfg.foreign; i++) {
		cmwq2_queue_work_on(r->cpu, r->others[i / CMWQ2_MAX_ACTIVE], &r->foreign[i].work);
		cond_resched();
	}
	for (i = 0; i < run->cfg.items; i++) {
		struct bench_rescue_item *item = &r->own[i];

		item->queued = cmwq2_ticks();
		cmwq2_queue_work_on(r->cpu, r->wq, &item->work);
		bench_times_add(run, BENCH_CALL,
				bench_call_ticks(run, item->queued, cmwq2_ticks()));
		cond_resched();
	}
}

static void bench_rescue_collect(struct bench_run *run, struct bench_rescue *r)
{
	u32 i;

	for (i = 0; i < run->cfg.items; i++) {
		struct bench_rescue_item *item = &r->own[i];

		bench_times_item(run, item->queued, item->started, item->ended);
		cond_resched();
	}
}

/*
 * Times from the end of the rescuer's first item. If the run is to end, workers run the
 * remaining items. The wait has a timeout, because an abort does not wake this thread.
 */
static int bench_rescue_time(struct bench_run *run, struct bench_slot *slot,
			     struct bench_rescue *r, u64 *ns)
{
	complete_all(&r->go);
	while (!bench_stopped(run)) {
		if (wait_for_completion_interruptible_timeout(&r->done, BENCH_LOOK) <= 0)
			continue;
		*ns = r->last - r->begin;
		return 0;
	}
	cmwq2_fault_create(r->wq, r->cpu, CMWQ2_CREATE_NORMAL);
	complete_all(&r->relief);
	bench_wait(slot, &r->done);
	return -EINTR;
}

/* One turn in a pool that is already starved. */
static int bench_rescue_once(struct bench_run *run, struct bench_slot *slot,
			     struct bench_rescue *r, struct bench_sample *sample)
{
	unsigned long maydays = bench_rescue_pool(r).maydays;
	struct cmwq2_wq_stats before, after;
	u64 ns = 0;
	int ret;

	cmwq2_wq_stats(r->wq, &before);
	cmwq2_queue_work_on(r->cpu, r->wq, &r->first.work);
	bench_wait(slot, &r->held);
	bench_rescue_fill(run, r);
	ret = bench_rescue_time(run, slot, r, &ns);
	if (ret)
		return ret;
	bench_rescue_collect(run, r);
	cmwq2_wq_stats(r->wq, &after);
	if (after.rescued - before.rescued != run->cfg.items + 1)
		bench_fail(run, "not-all-were-rescued");
	sample->queued = (u64)run->cfg.items + run->cfg.foreign + 1;
	sample->figure[BENCH_ITEM_NS] = div_u64(ns, run->cfg.items);
	sample->figure[BENCH_RESCUE_NS] = ns;
	sample->figure[BENCH_MAYDAYS] = bench_rescue_pool(r).maydays - maydays;
	return 0;
}

static int bench_rescue_turn(struct bench_run *run, struct bench_slot *slot,
			     struct bench_sample *sample)
{
	struct bench_rescue *r = run->priv;
	int ret;

	reinit_completion(&r->relief);
	reinit_completion(&r->held);
	reinit_completion(&r->go);
	reinit_completion(&r->done);
	atomic_set(&r->left, run->cfg.items);
	ret = bench_starve(r);
	if (!ret)
		ret = bench_rescue_once(run, slot, r, sample);
	bench_relieve(r);
	return ret;
}

static u32 bench_rescue_nr_items(const struct bench_config *cfg)
{
	return 1;
}

static u32 bench_rescue_nr_times(const struct bench_config *cfg)
{
	return cfg->items;
}

const struct bench_workload bench_rescue = {
	.name		= "rescue",
	.figures	= bench_rescue_figures,
	.nr_figures	= ARRAY_SIZE(bench_rescue_figures),
	.settings	= BIT(BENCH_NUMBER_ITEMS) | BIT(BENCH_NUMBER_FOREIGN),
	.only_cmwq2	= "no other engine can be made to create no workers",
	.engines	= bench_rescue_engines,
	.nr_kinds	= BENCH_NR_STAGES,
	.nr_items	= bench_rescue_nr_items,
	.nr_times	= bench_rescue_nr_times,
	.check		= bench_rescue_check,
	.setup		= bench_rescue_setup,
	.turn		= bench_rescue_turn,
	.teardown	= bench_rescue_teardown,
};
