/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Workers: how they are created and ended, and the manager.
 */
#ifndef CMWQ2_WORKER_H
#define CMWQ2_WORKER_H

#include <linux/lockdep.h>

#include "base/types.h"
#include "core/sched.h"

void cmwq2_worker_init(struct cmwq2_worker *worker);
struct cmwq2_worker *cmwq2_worker_alloc(int node);
struct cmwq2_worker *cmwq2_worker_create(struct cmwq2_pool *pool);
void cmwq2_worker_attach(struct cmwq2_worker *worker, struct cmwq2_pool *pool);
void cmwq2_worker_detach(struct cmwq2_worker *worker);
void cmwq2_worker_reap(struct cmwq2_worker *worker);
void cmwq2_worker_leave_cpus(struct cmwq2_worker *worker);
void __cmwq2_worker_clr_flags(struct cmwq2_worker *worker, unsigned int flags);
bool cmwq2_is_worker_fn(struct task_struct *task);
struct cmwq2_worker *cmwq2_task_worker(struct task_struct *task);
struct cmwq2_worker *cmwq2_current_worker(void);
bool cmwq2_manage(struct cmwq2_worker *worker);
void cmwq2_pool_stop_workers(struct cmwq2_pool *pool);

/**
 * cmwq2_worker_set_flags - set flags and adjust nr_running
 * @worker: worker
 * @flags: flags to set
 *
 * Context: pool->lock held.
 * Return: whether @worker was counted, and fewer workers run now than the pool wants.
 * If so, and items are pending, the caller must kick the pool or keep working: with
 * the pn hook another worker may have blocked at the same time, counted itself down
 * without the lock, and found nothing to do.
 */
static inline bool cmwq2_worker_set_flags(struct cmwq2_worker *worker, unsigned int flags)
{
	lockdep_assert_held(&worker->pool->lock);

	WRITE_ONCE(worker->flags, worker->flags | flags);
	return flags & worker->pool->not_counted && cmwq2_worker_uncount(worker);
}

/* cmwq2_worker_clr_flags() for the current worker, which most often is not counted. */
static inline void cmwq2_worker_clr_own_flags(struct cmwq2_worker *worker, unsigned int flags)
{
	lockdep_assert_held(&worker->pool->lock);

	WRITE_ONCE(worker->flags, worker->flags & ~flags);
	/* Only the worker counts itself, and others uncount it under the lock. */
	if (!(worker->flags & worker->pool->not_counted) && !READ_ONCE(worker->counted))
		cmwq2_worker_count(worker);
}

/**
 * cmwq2_worker_clr_flags - clear flags and adjust nr_running
 * @worker: worker
 * @flags: flags to clear
 *
 * A worker that is asleep must not be counted: it counts itself when it
 * resumes. So this function counts @worker only if it is the current task.
 *
 * Context: pool->lock held.
 */
static inline void cmwq2_worker_clr_flags(struct cmwq2_worker *worker, unsigned int flags)
{
	unsigned int old = worker->flags;

	/* After most items there is nothing to do, so this is inline. */
	if (!(old & flags) && (READ_ONCE(worker->counted) || old & worker->pool->not_counted))
		return;
	__cmwq2_worker_clr_flags(worker, flags);
}

#endif /* CMWQ2_WORKER_H */
