// SPDX-License-Identifier: GPL-2.0
/*
 * Measures where the time of items goes, for queues and for pools.
 * look/histograms.c switches this on and shows the histograms.
 *
 * An item is measured if it was queued while measuring was on, and then in each
 * stage it goes through, see enum cmwq2_latency_stage. Barriers are not
 * measured. A delayed item counts as queued when its delay is over.
 *
 * An item has room for one stamp, in the space that the age in jiffies left
 * over. It is the time when the item was queued or, if it was inactive, when it
 * became active. The worker keeps all later stamps until the function has
 * returned, because the item may be gone by then. If a worker is picked several
 * times before it runs, the first pick counts.
 *
 * All counting is done under pool->lock, by code that holds it anyway, so CPUs
 * share no data that they did not share before. A pool has its table from the
 * moment that measuring is switched on. A pwq, of which there may be a hundred
 * thousand, gets one when the first of its items runs. So the queue's sum
 * misses items that become active before one of their pwq has run. When a pwq
 * goes away, its table is added to its queue's.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/registry.h"
#include "base/types.h"
#include "lab/latency.h"

DEFINE_STATIC_KEY_FALSE(cmwq2_latency_key);

bool cmwq2_latency_tables;	/* PL: new pools get a table */
/*
 * X: READ_ONCE. How often measuring was switched on, and the clock at the last
 * time. What a worker has from an earlier period is invalid.
 */
static u32 cmwq2_latency_period;
static u64 cmwq2_latency_since;

/* The same on all CPUs, unlike local_clock(), and never waits for the timekeeper. */
static u64 cmwq2_latency_clock(void)
{
	return ktime_get_mono_fast_ns();
}

/*
 * An item's stamp, in units of 64 ns, which wraps after about 274 s. The lowest
 * bit tells that the item was inactive. The stamp is never 0. A wait that is
 * too long for the stamp is computed from the jiffies of the queueing, unless
 * the item was inactive meanwhile.
 */
#define CMWQ2_READY_SHIFT	6
#define CMWQ2_READY_WAITED	BIT(0)
#define CMWQ2_READY_JIFFIES	(200 * HZ)
/* The clock may step back a little between CPUs: allow 4 ms. */
#define CMWQ2_READY_SKEW	((u32)(4 * NSEC_PER_MSEC) >> CMWQ2_READY_SHIFT)

static u32 cmwq2_ready_stamp(u64 now)
{
	return ((u32)(now >> CMWQ2_READY_SHIFT) & ~(u32)CMWQ2_READY_WAITED) ?: 2;
}

/* Nanoseconds up to @now since the stamp @ready_at of an item queued at @queued_jiffies. */
static u64 cmwq2_ready_for(u32 queued_jiffies, u32 ready_at, u64 now)
{
	u32 units = (u32)(now >> CMWQ2_READY_SHIFT) - (ready_at & ~(u32)CMWQ2_READY_WAITED);
	u32 age = (u32)jiffies - queued_jiffies;

	if (unlikely(age > CMWQ2_READY_JIFFIES && !(ready_at & CMWQ2_READY_WAITED)))
		return (u64)age * TICK_NSEC;
	if (unlikely(units > -CMWQ2_READY_SKEW))
		return 0;
	return (u64)units << CMWQ2_READY_SHIFT;
}

/* The two tables that an item is counted in. Either may be missing. */
struct cmwq2_latency_pair {
	struct cmwq2_latency	*pool;
	struct cmwq2_latency	*pwq;
};

/* Another worker may publish the table of the pwq now, see cmwq2_latency_table(). */
static struct cmwq2_latency_pair cmwq2_latency_pair(struct cmwq2_pwq *pwq)
{
	return (struct cmwq2_latency_pair) {
		.pool = pwq->pool->latency, .pwq = READ_ONCE(pwq->latency),
	};
}

static __always_inline void cmwq2_latency_count(struct cmwq2_latency_pair to,
						enum cmwq2_latency_stage stage, u64 ns)
{
	int bucket = min(fls64(ns), CMWQ2_LATENCY_BUCKETS - 1);

	if (likely(to.pool))
		to.pool->count[stage][bucket]++;
	if (likely(to.pwq))
		to.pwq->count[stage][bucket]++;
}

void __cmwq2_latency_queued(struct cmwq2_pool *pool, struct cmwq2_work *work)
{
	pool->latency_now = cmwq2_latency_clock();
	work->ready_at = cmwq2_ready_stamp(pool->latency_now);
}

/* The enqueue does not have the lock, so it must not write to the pool. */
void __cmwq2_latency_posted(struct cmwq2_work *work)
{
	work->ready_at = cmwq2_ready_stamp(cmwq2_latency_clock());
}

/* The clock for the picks of workers for these items. */
void __cmwq2_latency_emptied(struct cmwq2_pool *pool)
{
	pool->latency_now = cmwq2_latency_clock();
}

/* Counted here, as there is no room for another stamp, even if the item is cancelled later. */
void __cmwq2_latency_activated(struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	u64 now;

	if (!work->ready_at)
		return;
	now = cmwq2_latency_clock();
	cmwq2_latency_count(cmwq2_latency_pair(pwq), CMWQ2_LATENCY_ACTIVATE,
			    cmwq2_ready_for(work->queued_jiffies, work->ready_at, now));
	work->ready_at = cmwq2_ready_stamp(now) | CMWQ2_READY_WAITED;
}

/* If the caller is queueing, it has just read the clock. */
void __cmwq2_latency_picked(struct cmwq2_worker *worker, bool queueing)
{
	if (worker->times.picked_at < READ_ONCE(cmwq2_latency_since))
		WRITE_ONCE(worker->times.picked_at,
			   queueing ? worker->pool->latency_now : cmwq2_latency_clock());
}

/*
 * The worker may not be idle any more, nor alive. RCU keeps its memory and that
 * of the task, and the stamp is then ignored. If two CPUs wake it, one of them
 * wins.
 */
void __cmwq2_latency_woken(struct task_struct *task)
{
	struct cmwq2_worker *worker = kthread_data(task);
	struct cmwq2_worker_times *times = &worker->times;

	if (READ_ONCE(times->woken_at) < READ_ONCE(times->picked_at))
		WRITE_ONCE(times->woken_at, cmwq2_latency_clock());
}

void __cmwq2_latency_taken(struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	worker->times.period = READ_ONCE(cmwq2_latency_period);
	worker->times.queued_jiffies = work->queued_jiffies;
	worker->times.ready_at = work->ready_at;
}

/* Whether the item is measured, and in the same period as when it was taken. */
static bool cmwq2_is_measured(struct cmwq2_worker *worker)
{
	return worker->times.ready_at && worker->times.period == READ_ONCE(cmwq2_latency_period);
}

/*
 * Here a table can be allocated, but not from reserves: an item that is run to
 * free memory may have nothing else left. If two workers allocate one, the
 * first table is used. cmpxchg() publishes it: litmus/latency-table.
 */
static noinline void cmwq2_latency_table(struct cmwq2_pwq *pwq)
{
	struct cmwq2_latency *latency = kzalloc(sizeof(*latency), GFP_NOWAIT | __GFP_NOWARN);

	if (latency && cmpxchg(&pwq->latency, NULL, latency))
		kfree(latency);
}

void __cmwq2_latency_start(struct cmwq2_worker *worker)
{
	if (!cmwq2_is_measured(worker))
		return;
	if (unlikely(!READ_ONCE(worker->current_pwq->latency)))
		cmwq2_latency_table(worker->current_pwq);
	worker->times.start = cmwq2_latency_clock();
}

/*
 * Count the time since the item was ready, in three parts. If the item became
 * ready after the pick, a worker was on its way all the time.
 */
static void cmwq2_latency_count_woken(struct cmwq2_worker *worker, struct cmwq2_latency_pair to,
				      u64 ready_for)
{
	struct cmwq2_worker_times *times = &worker->times;
	u64 woken_at = READ_ONCE(times->woken_at);
	u64 picked_for, woken_for;

	if (woken_at < times->picked_at || woken_at > times->start)
		woken_at = times->picked_at;	/* it was awake before, or is a BH worker */
	picked_for = min(times->start - min(times->start, times->picked_at), ready_for);
	woken_for = min(times->start - min(times->start, woken_at), picked_for);

	cmwq2_latency_count(to, CMWQ2_LATENCY_PICK, ready_for - picked_for);
	if (worker->task)
		cmwq2_latency_count(to, CMWQ2_LATENCY_WAKE, picked_for - woken_for);
	cmwq2_latency_count(to, CMWQ2_LATENCY_START, woken_for);
	/* The worker was not woken for what it runs next. */
	WRITE_ONCE(times->picked_at, 0);
}

void __cmwq2_latency_end(struct cmwq2_worker *worker)
{
	struct cmwq2_worker_times *times = &worker->times;
	struct cmwq2_latency_pair to = cmwq2_latency_pair(worker->current_pwq);
	u64 now, ready_for;

	if (!cmwq2_is_measured(worker))
		return;
	now = cmwq2_latency_clock();
	ready_for = cmwq2_ready_for(times->queued_jiffies, times->ready_at, times->start);
	if (times->picked_at >= READ_ONCE(cmwq2_latency_since))
		cmwq2_latency_count_woken(worker, to, ready_for);
	else
		cmwq2_latency_count(to, CMWQ2_LATENCY_TAKEN, ready_for);
	cmwq2_latency_count(to, CMWQ2_LATENCY_END, now - min(now, times->start));
}

/* What was measured before counts no more. Call it before the key is switched on. */
void cmwq2_latency_new_period(void)
{
	WRITE_ONCE(cmwq2_latency_since, cmwq2_latency_clock());
	WRITE_ONCE(cmwq2_latency_period, cmwq2_latency_period + 1);
}

/* For a new pool that others do not know yet. Context: cmwq2_pool_mutex held. */
void cmwq2_latency_pool_init(struct cmwq2_pool *pool)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	if (cmwq2_latency_tables)
		pool->latency = kzalloc_node(sizeof(*pool->latency), GFP_KERNEL, pool->node);
}

/* Add the counts of @latency to @sum. */
void cmwq2_latency_add(struct cmwq2_latency *sum, const struct cmwq2_latency *latency)
{
	u32 *to = &sum->count[0][0];
	const u32 *from = &latency->count[0][0];
	int i;

	for (i = 0; i < CMWQ2_LATENCY_NR * CMWQ2_LATENCY_BUCKETS; i++)
		to[i] += from[i];
}

/* Add what @pwq counted to its queue's table. Context: no item left; wq->mutex held. */
void cmwq2_latency_pwq_gone(struct cmwq2_pwq *pwq)
{
	struct cmwq2_wq *wq = pwq->wq;

	lockdep_assert_held(&wq->mutex);
	if (!pwq->latency)
		return;
	if (wq->latency) {
		cmwq2_latency_add(wq->latency, pwq->latency);
		kfree(pwq->latency);
	} else {
		wq->latency = pwq->latency;
	}
	pwq->latency = NULL;
}
