/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hogs: items that use a CPU for long without a sleep.
 */
#ifndef CMWQ2_HOG_H
#define CMWQ2_HOG_H

#include "base/types.h"

void cmwq2_hog_init(void);
bool cmwq2_hog_check(struct cmwq2_worker *worker);
void cmwq2_hog_end(struct cmwq2_worker *worker);

/* Start to measure the item's CPU time. Context: the worker itself. A BH worker has no task. */
static inline void cmwq2_hog_begin(struct cmwq2_worker *worker)
{
	if (!worker->task)
		return;
	worker->ticks_at = cmwq2_task_ticks(worker->task);
	WRITE_ONCE(worker->runtime_at, cmwq2_task_runtime(worker->task));
}

#endif /* CMWQ2_HOG_H */
