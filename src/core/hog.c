// SPDX-License-Identifier: GPL-2.0
/*
 * Items that keep a CPU to themselves.
 *
 * A bound pool runs one item at a time as long as the item does not sleep, and an
 * unbound pool with concurrency=managed runs one for each CPU. An item that uses
 * the CPU for longer than cpu_intensive_thresh_us holds up all items behind it. Its
 * worker is taken out of the count of running workers, so that the next worker starts
 * and the scheduler shares the CPU between the two.
 *
 * The kernel does not call a module at the tick. But a hog does harm only where
 * items wait, and there the pool's scan timer runs each jiffy, as often as a
 * tick. A hog that held up no item is found when it ends.
 */
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/spinlock.h>
#include <linux/time64.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/health.h"
#include "base/helper.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/hog.h"
#include "core/worker.h"

#define CMWQ2_HOG_FUNCS		128

/* A function that was caught as a hog. */
struct cmwq2_hog {
	struct hlist_node	node;
	cmwq2_work_func_t	func;	/* set before it is hashed */
	unsigned long		count;	/* times it was caught */
	unsigned long		due;	/* count to be reported, or 0 */
};

/* Nests inside pool->lock. Guards the three variables below. */
static DEFINE_RAW_SPINLOCK(cmwq2_hog_lock);
static struct cmwq2_hog cmwq2_hogs[CMWQ2_HOG_FUNCS];
static int cmwq2_nr_hogs;
static DEFINE_HASHTABLE(cmwq2_hog_hash, 6);

/* X: READ_ONCE, set under cmwq2_pool_mutex. UINT_MAX: not set at load. */
static unsigned int cmwq2_hog_thresh_us = UINT_MAX;
static unsigned int cmwq2_hog_warn_thresh = 4;
/* cmwq2_hog_thresh_us in the unit of the comparison; S64_MAX: never. */
s64 cmwq2_hog_thresh_ns __read_mostly = S64_MAX;

static void cmwq2_hog_report(struct kthread_work *work);
static DEFINE_KTHREAD_WORK(cmwq2_hog_work, cmwq2_hog_report);

/* Context: cmwq2_hog_lock held. Returns NULL when the table is full. */
static struct cmwq2_hog *cmwq2_hog_of(cmwq2_work_func_t func)
{
	struct cmwq2_hog *hog;

	hash_for_each_possible(cmwq2_hog_hash, hog, node, (unsigned long)func)
		if (hog->func == func)
			return hog;
	if (cmwq2_nr_hogs == CMWQ2_HOG_FUNCS)
		return NULL;

	hog = &cmwq2_hogs[cmwq2_nr_hogs];
	/* cmwq2_hog_report() may look at it at once, and finds that nothing is due. */
	WRITE_ONCE(cmwq2_nr_hogs, cmwq2_nr_hogs + 1);
	hog->func = func;
	hash_add(cmwq2_hog_hash, &hog->node, (unsigned long)func);
	return hog;
}

/* Report at the threshold, then after 1, 3, 7 ... more, so that the log is not flooded. */
static bool cmwq2_hog_is_due(unsigned long count)
{
	unsigned int thresh = READ_ONCE(cmwq2_hog_warn_thresh);

	return thresh && count >= thresh && is_power_of_2(count - thresh + 1);
}

/* Context: pool->lock held, so nothing is printed here. */
static void cmwq2_hog_note(cmwq2_work_func_t func)
{
	struct cmwq2_hog *hog;
	bool due = false;

	raw_spin_lock(&cmwq2_hog_lock);
	hog = cmwq2_hog_of(func);
	if (hog && cmwq2_hog_is_due(++hog->count)) {
		hog->due = hog->count;
		due = true;
	}
	raw_spin_unlock(&cmwq2_hog_lock);
	if (due)
		kthread_queue_work(cmwq2_reporter, &cmwq2_hog_work);
}

static unsigned long cmwq2_hog_take_due(struct cmwq2_hog *hog)
{
	unsigned long due;

	raw_spin_lock_irq(&cmwq2_hog_lock);
	due = hog->due;
	hog->due = 0;
	raw_spin_unlock_irq(&cmwq2_hog_lock);
	return due;
}

static void cmwq2_hog_report(struct kthread_work *work)
{
	int i, nr = READ_ONCE(cmwq2_nr_hogs);

	for (i = 0; i < nr; i++) {
		unsigned long due = cmwq2_hog_take_due(&cmwq2_hogs[i]);

		if (!due)
			continue;
		cmwq2_health_add(CMWQ2_HEALTH_HOG_REPORTS);
		pr_warn("%ps: %lu times more than %u us of CPU time without a sleep; in a WQ_UNBOUND queue with concurrency=free it would delay no other item\n",
			cmwq2_hogs[i].func, due, READ_ONCE(cmwq2_hog_thresh_us));
	}
}

static void cmwq2_hog_found(struct cmwq2_worker *worker)
{
	worker->current_pwq->stat.cpu_intensive++;
	cmwq2_hog_note(worker->current_func);
}

/**
 * cmwq2_hog_check - take a hog out of the count of running workers
 * @worker: worker that was found counted
 *
 * A counted worker has no item while cmwq2_pwq_dec_in_flight() has dropped the lock to
 * give the slot of the item that has ended to another pool.
 *
 * Context: pool->lock held. The caller must kick the pool.
 * Return: whether it was a hog.
 */
bool cmwq2_hog_check(struct cmwq2_worker *worker)
{
	if (!worker->current_pwq || !cmwq2_is_hog(worker))
		return false;
	cmwq2_hog_found(worker);
	cmwq2_worker_set_flags(worker, CMWQ2_WORKER_INTENSIVE);
	return true;
}

/* The rest of cmwq2_hog_end(): a tick hit the item, or the item is a hog. */
void __cmwq2_hog_end(struct cmwq2_worker *worker)
{
	u64 ns = cmwq2_task_ticks(worker->task) - worker->ticks_at;

	worker->current_pwq->stat.cpu_time += div_u64(ns, NSEC_PER_USEC);
	/* A hog that was caught before is no longer counted, and is not noted again. */
	if (cmwq2_is_hog(worker) && READ_ONCE(worker->counted))
		cmwq2_hog_found(worker);
}

/* The parameter cpu_intensive_thresh_us was changed. Context: cmwq2_pool_mutex held. */
static void cmwq2_hog_changed(void)
{
	unsigned int us = READ_ONCE(cmwq2_hog_thresh_us);

	lockdep_assert_held(&cmwq2_pool_mutex);
	WRITE_ONCE(cmwq2_hog_thresh_ns, us ? (s64)us * NSEC_PER_USEC : S64_MAX);
}

/**
 * cmwq2_hog_init - choose the threshold unless it was given at load
 *
 * As in mainline it is 10 ms. On a machine with less than 4000 BogoMIPS it is
 * higher in proportion, up to one second: there any item may take that long.
 */
void cmwq2_hog_init(void)
{
	unsigned long bogomips = max(loops_per_jiffy / (500000 / HZ), 1UL);
	unsigned long us = 10 * USEC_PER_MSEC;

	mutex_lock(&cmwq2_pool_mutex);
	if (cmwq2_hog_thresh_us == UINT_MAX) {
		if (bogomips < 4000)
			us = min(us * 4000 / bogomips, USEC_PER_SEC);
		WRITE_ONCE(cmwq2_hog_thresh_us, us);
	}
	cmwq2_hog_changed();
	mutex_unlock(&cmwq2_pool_mutex);
}

CMWQ2_PARAM(cpu_intensive_thresh_us, number,
	    "Microseconds of CPU time after which an item no longer blocks others, 0: never (default 10000, more on slow machines)",
	    .number = &cmwq2_hog_thresh_us, .min = 0, .max = 1000000000,
	    .changed = cmwq2_hog_changed);
CMWQ2_PARAM(cpu_intensive_warning_thresh, number,
	    "How often a function may exceed cpu_intensive_thresh_us before it is reported, 0: never report (default 4)",
	    .number = &cmwq2_hog_warn_thresh, .min = 0, .max = 1000000);
