/* SPDX-License-Identifier: GPL-2.0 */
/*
 * yield: when a worker that has ended an item lets another task have the CPU.
 *
 * Mainline calls cond_resched() after each item. If the end of an item wakes the thread
 * that enqueued it, that thread often gets the CPU at once, enqueues one item, and sleeps
 * again. So each item costs two switches.
 *
 * With yield=later a worker goes on with the next items for at most yield_us from the
 * moment when it saw that another task wants the CPU. The other task finds several items
 * done, and enqueues as many at once. It waits for yield_us and one item at most. A worker
 * that has no more items sleeps, so it never waits for the time to pass.
 *
 * This does not concern kernels that preempt a worker inside of an item (PREEMPT), nor
 * those that do so at the next tick (PREEMPT_LAZY): there cond_resched() does nothing.
 *
 * Source: this project. The scheduler lets the tasks of users go on in the same way, for a
 * slice (RUN_TO_PARITY).
 */
#ifndef CMWQ2_POLICY_YIELD_H
#define CMWQ2_POLICY_YIELD_H

#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "base/types.h"

enum cmwq2_yield {
	CMWQ2_YIELD_SOON,
	CMWQ2_YIELD_LATER,
};

#define cmwq2_yield_about	"When a worker that has ended an item lets another task have the CPU"
#define cmwq2_yield_default	CMWQ2_YIELD_SOON
#define cmwq2_yield_changed	NULL
#define cmwq2_yield_pools	CMWQ2_IN_THREAD_POOLS
#define cmwq2_yield_unsafe	"none"
#define cmwq2_yield_values(value)						\
	value("soon", CMWQ2_YIELD_SOON, "after each item, as in mainline")	\
	value("later", CMWQ2_YIELD_LATER,					\
	      "after it went on with other items for yield_us, if there are any")

/*
 * Whether the current worker goes on although another task may want its CPU. Context:
 * between two items, without pool->lock.
 */
static inline bool cmwq2_yield_waits(struct cmwq2_worker *worker, unsigned int us)
{
	u64 now;

	if (!need_resched()) {
		worker->asked_at = 0;
		return false;
	}
	now = ktime_get_mono_fast_ns();
	if (!worker->asked_at)
		worker->asked_at = now;
	if (now - worker->asked_at < us * NSEC_PER_USEC)
		return true;
	worker->asked_at = 0;
	return false;
}

#endif /* CMWQ2_POLICY_YIELD_H */
