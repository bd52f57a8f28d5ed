/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hogs: items that use a CPU for long without a sleep.
 */
#ifndef CMWQ2_HOG_H
#define CMWQ2_HOG_H

#include "base/types.h"

void cmwq2_hog_init(void);
bool cmwq2_hog_check(struct cmwq2_worker *worker);
void __cmwq2_hog_end(struct cmwq2_worker *worker);

extern s64 cmwq2_hog_thresh_ns;

/* Start to measure the item's CPU time. Context: the worker itself. A BH worker has no task. */
static inline void cmwq2_hog_begin(struct cmwq2_worker *worker)
{
	if (!worker->task)
		return;
	worker->ticks_at = cmwq2_task_ticks(worker->task);
	WRITE_ONCE(worker->runtime_at, cmwq2_task_runtime(worker->task));
}

static inline bool cmwq2_is_hog(struct cmwq2_worker *worker)
{
	/* Signed: the scheduler's figure is read without its lock and may be older than ours. */
	s64 used = cmwq2_task_runtime(worker->task) - READ_ONCE(worker->runtime_at);

	return used > READ_ONCE(cmwq2_hog_thresh_ns);
}

/**
 * cmwq2_hog_end - account an item's CPU time, and catch it if it is a hog
 * @worker: current worker, at the end of its item
 *
 * CPU time is what the tick charged to the thread, as mainline counts it: the
 * items that a tick hits are a fair sample of all items.
 *
 * Context: pool->lock held, worker->current_pwq still set.
 */
static inline void cmwq2_hog_end(struct cmwq2_worker *worker)
{
	if (!worker->task)
		return;
	if (unlikely(cmwq2_task_ticks(worker->task) != worker->ticks_at || cmwq2_is_hog(worker)))
		__cmwq2_hog_end(worker);
}

#endif /* CMWQ2_HOG_H */
