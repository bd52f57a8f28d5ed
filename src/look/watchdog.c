// SPDX-License-Identifier: GPL-2.0
/*
 * The watchdog: it reports pools that have items and take none of them.
 *
 * A timer checks twice in each watchdog_thresh. It only marks what it finds;
 * the reporter thread prints, with no lock held. Each pool is reported at most
 * once per threshold.
 *
 * The timer is not deferrable, unlike mainline's, which may come late on an
 * idle CPU. Here a late timer shows that the machine as a whole stood still. In
 * that case no pool is to blame, and the time starts anew for all of them.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/nmi.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/sched/debug.h>
#include <linux/timer.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/health.h"
#include "base/helper.h"
#include "base/lock.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "look/show.h"
#include "look/verdict.h"
#include "look/watchdog.h"

#define CMWQ2_WATCHDOG_TASKS	8	/* running tasks that are reported for a pool */
#define CMWQ2_WATCHDOG_LOOKS	64	/* busy workers that are searched for them */

/* X: READ_ONCE, set under cmwq2_pool_mutex. */
static unsigned int cmwq2_watchdog_thresh = 30;
static unsigned int cmwq2_panic_on_stall;
static unsigned int cmwq2_panic_on_stall_time;

/* X: jiffies when cmwq2_wq_watchdog_touch() last excused any CPU, and each of them. */
static unsigned long cmwq2_touched;
static DEFINE_PER_CPU(unsigned long, cmwq2_touched_cpu);

static void cmwq2_watchdog_timeout(struct timer_list *timer);
static void cmwq2_watchdog_report(struct kthread_work *work);

static DEFINE_TIMER(cmwq2_watchdog_timer, cmwq2_watchdog_timeout);
static DEFINE_KTHREAD_WORK(cmwq2_watchdog_work, cmwq2_watchdog_report);
static bool cmwq2_watchdog_ready;		/* PL */
static unsigned long cmwq2_watchdog_due;	/* X: jiffies the timer is set to */
static unsigned int cmwq2_stall_rounds;		/* S: reports so far, for panic_on_stall */

static unsigned long cmwq2_later(unsigned long a, unsigned long b)
{
	return time_after(a, b) ? a : b;
}

static void cmwq2_touch_all(void)
{
	int cpu;

	WRITE_ONCE(cmwq2_touched, jiffies);
	for_each_possible_cpu(cpu)
		WRITE_ONCE(per_cpu(cmwq2_touched_cpu, cpu), jiffies);
}

/**
 * cmwq2_wq_watchdog_touch - excuse a CPU for not having run items
 * @cpu: possible CPU
 *
 * For code that knowingly keeps a CPU busy for long. The kernel's
 * touch_softlockup_watchdog() excuses the kernel's own workqueues only.
 *
 * Context: any.
 */
void cmwq2_wq_watchdog_touch(int cpu)
{
	unsigned long now = jiffies;

	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return;
	WRITE_ONCE(per_cpu(cmwq2_touched_cpu, cpu), now);
	/* For unbound pools. Do not dirty the cache line if it has this value already. */
	if (READ_ONCE(cmwq2_touched) != now)
		WRITE_ONCE(cmwq2_touched, now);
}
EXPORT_SYMBOL_GPL(cmwq2_wq_watchdog_touch);

static bool cmwq2_pool_is_stalled(struct cmwq2_pool *pool, unsigned long thresh)
{
	unsigned long flags, since;
	bool stalled = false;

	if (list_empty(&pool->worklist))
		return false;
	since = pool->cpu < 0 ? READ_ONCE(cmwq2_touched) :
		READ_ONCE(per_cpu(cmwq2_touched_cpu, pool->cpu));

	cmwq2_pool_lock_irqsave(pool, flags);
	since = cmwq2_later(since, cmwq2_later(pool->progress_at, pool->stall_told));
	/* A rescuer's cursor that is left over is no item and waits for nothing. */
	if (time_after(jiffies, since + thresh) && cmwq2_first_item(pool)) {
		pool->stat.stalls++;
		pool->stall_told = jiffies;
		pool->stall_ms = jiffies_to_msecs(jiffies - pool->progress_at);
		stalled = true;
	}
	cmwq2_pool_unlock_irqrestore(pool, flags);
	return stalled;
}

static bool cmwq2_find_stalls(unsigned long thresh)
{
	struct cmwq2_pool *pool;
	bool found = false;
	unsigned long id;

	rcu_read_lock();
	xa_for_each(&cmwq2_pools, id, pool) {
		if (cmwq2_pool_is_stalled(pool, thresh)) {
			cmwq2_health_add(CMWQ2_HEALTH_STALLS);
			found = true;
		}
	}
	rcu_read_unlock();
	return found;
}

static void cmwq2_watchdog_arm(unsigned long thresh)
{
	WRITE_ONCE(cmwq2_watchdog_due, jiffies + thresh / 2);
	mod_timer(&cmwq2_watchdog_timer, READ_ONCE(cmwq2_watchdog_due));
}

static void cmwq2_watchdog_timeout(struct timer_list *timer)
{
	unsigned long thresh = READ_ONCE(cmwq2_watchdog_thresh) * HZ;
	unsigned long slack = max_t(unsigned long, thresh / 4, HZ);

	if (!thresh)
		return;
	if (time_after(jiffies, READ_ONCE(cmwq2_watchdog_due) + slack)) {
		cmwq2_health_add(CMWQ2_HEALTH_PAUSES);
		cmwq2_touch_all();
	} else if (cmwq2_find_stalls(thresh) &&
		   !kthread_queue_work(cmwq2_reporter, &cmwq2_watchdog_work)) {
		/* The report was requested long ago and has not begun. */
		pr_err("%s: a workqueue stall cannot be reported: the reporter thread is stuck as well\n",
		       cmwq2_bug());
	}
	cmwq2_watchdog_arm(thresh);
}

/* As in mainline: panic after so many reports, or if a stall lasts for so long. */
static void cmwq2_maybe_panic(unsigned int seconds)
{
	unsigned int rounds = READ_ONCE(cmwq2_panic_on_stall);
	unsigned int limit = READ_ONCE(cmwq2_panic_on_stall_time);

	if (!(rounds && ++cmwq2_stall_rounds >= rounds) && !(limit && seconds >= limit))
		return;
	if (!cmwq2_is_on_purpose())
		panic("cmwq2: workqueue stall of %u s, panic_on_stall=%u panic_on_stall_time=%u\n",
		      seconds, rounds, limit);
	cmwq2_health_add(CMWQ2_HEALTH_PANICS);
}

/* Find tasks that run items and so keep others from running. Returns a reference to each. */
static int cmwq2_running_tasks(struct cmwq2_pool *pool, struct task_struct **tasks)
{
	int looks = 0, bucket, nr = 0;
	struct cmwq2_worker *worker;

	lockdep_assert_held(&pool->lock);
	for (bucket = 0; bucket < HASH_SIZE(pool->busy_hash); bucket++) {
		hlist_for_each_entry(worker, &pool->busy_hash[bucket], hentry) {
			if (nr == CMWQ2_WATCHDOG_TASKS || ++looks > CMWQ2_WATCHDOG_LOOKS)
				return nr;
			if (worker->task && !cmwq2_task_blocked(worker->task))
				tasks[nr++] = get_task_struct(worker->task);
		}
	}
	return nr;
}

/* Returns for how many seconds the pool was stalled, 0 if it was not. */
static unsigned int cmwq2_report_pool(struct cmwq2_pool *pool)
{
	struct task_struct *tasks[CMWQ2_WATCHDOG_TASKS];
	unsigned int seconds;
	int i, nr;

	cmwq2_pool_lock_irq(pool);
	if (!pool->stall_ms) {
		cmwq2_pool_unlock_irq(pool);
		return 0;
	}
	/* The stall may be over by now. */
	seconds = pool->stall_ms / MSEC_PER_SEC;
	pool->stall_ms = 0;
	nr = cmwq2_running_tasks(pool, tasks);
	cmwq2_pool_unlock_irq(pool);

	cmwq2_health_add(CMWQ2_HEALTH_STALL_REPORTS);
	pr_err("%s: workqueue stall: pool %u has taken none of its items for %u s\n",
	       cmwq2_bug(), pool->id, seconds);
	cmwq2_show_pool(pool);
	if (!nr)
		pr_info("pool %u: none of its busy workers is running\n", pool->id);
	for (i = 0; i < nr; i++) {
		pr_info("pool %u: %s[%d] runs\n", pool->id, tasks[i]->comm, tasks[i]->pid);
		if (CMWQ2_CAN_SHOW_RUNNING)
			sched_show_task(tasks[i]);
		put_task_struct(tasks[i]);
	}
	return seconds;
}

static void cmwq2_watchdog_report(struct kthread_work *work)
{
	struct cmwq2_pool *pool;
	unsigned int most = 0;
	unsigned long id = 0;

	/* A slow console must not delay a grace period by more than one pool. */
	do {
		rcu_read_lock();
		pool = xa_find(&cmwq2_pools, &id, ULONG_MAX, XA_PRESENT);
		if (pool)
			most = max(most, cmwq2_report_pool(pool));
		rcu_read_unlock();
		touch_nmi_watchdog();
		id++;
	} while (pool);
	if (!most)
		return;
	cmwq2_show_all_workqueues();
	cmwq2_maybe_panic(most);
}

/* The parameter watchdog_thresh was changed. Context: process, cmwq2_pool_mutex held. */
static void cmwq2_watchdog_changed(void)
{
	unsigned long thresh = READ_ONCE(cmwq2_watchdog_thresh) * HZ;

	lockdep_assert_held(&cmwq2_pool_mutex);
	if (!cmwq2_watchdog_ready)
		return;
	timer_delete_sync(&cmwq2_watchdog_timer);
	cmwq2_touch_all();
	if (thresh)
		cmwq2_watchdog_arm(thresh);
}

/**
 * cmwq2_fault_watchdog_late - make the watchdog believe that its timer is late
 * @ms: milliseconds to add to the lateness
 *
 * This holds for the next check only.
 *
 * Context: any.
 */
void cmwq2_fault_watchdog_late(unsigned int ms)
{
	WRITE_ONCE(cmwq2_watchdog_due, READ_ONCE(cmwq2_watchdog_due) - msecs_to_jiffies(ms));
}
EXPORT_SYMBOL_GPL(cmwq2_fault_watchdog_late);

void cmwq2_watchdog_init(void)
{
	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_watchdog_ready = true;
	cmwq2_watchdog_changed();
	mutex_unlock(&cmwq2_pool_mutex);
}

/* The caller must flush the reporter afterwards. */
void cmwq2_watchdog_exit(void)
{
	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_watchdog_ready = false;
	timer_shutdown_sync(&cmwq2_watchdog_timer);
	mutex_unlock(&cmwq2_pool_mutex);
}

CMWQ2_PARAM(watchdog_thresh, number,
	    "Seconds after which a pool that takes none of its items is reported, 0: never (default 30)",
	    .number = &cmwq2_watchdog_thresh, .min = 0, .max = 86400,
	    .changed = cmwq2_watchdog_changed);
CMWQ2_PARAM(panic_on_stall, number,
	    "Number of stalls after which the kernel panics, 0: never (default 0)",
	    .number = &cmwq2_panic_on_stall, .min = 0, .max = 1000000);
CMWQ2_PARAM(panic_on_stall_time, number,
	    "Seconds of one stall after which the kernel panics, 0: never (default 0)",
	    .number = &cmwq2_panic_on_stall_time, .min = 0, .max = 86400);
