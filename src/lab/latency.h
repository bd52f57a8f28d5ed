/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's calls to latency.c: one branch each while nothing is measured.
 */
#ifndef CMWQ2_LATENCY_H
#define CMWQ2_LATENCY_H

#include <linux/jump_label.h>

#include "base/types.h"

DECLARE_STATIC_KEY_FALSE(cmwq2_latency_key);

void __cmwq2_latency_queued(struct cmwq2_pool *pool, struct cmwq2_work *work);
void __cmwq2_latency_posted(struct cmwq2_work *work);
void __cmwq2_latency_emptied(struct cmwq2_pool *pool);
void __cmwq2_latency_activated(struct cmwq2_pwq *pwq, struct cmwq2_work *work);
void __cmwq2_latency_picked(struct cmwq2_worker *worker, bool queueing);
void __cmwq2_latency_woken(struct task_struct *task);
void __cmwq2_latency_taken(struct cmwq2_worker *worker, struct cmwq2_work *work);
void __cmwq2_latency_start(struct cmwq2_worker *worker);
void __cmwq2_latency_end(struct cmwq2_worker *worker);

void cmwq2_latency_pool_init(struct cmwq2_pool *pool);
void cmwq2_latency_pwq_gone(struct cmwq2_pwq *pwq);
extern bool cmwq2_latency_tables;
void cmwq2_latency_new_period(void);
void cmwq2_latency_add(struct cmwq2_latency *sum, const struct cmwq2_latency *latency);

/* @work was put on a list, active or not. Not for barriers. Context: pool->lock held. */
static inline void cmwq2_latency_queued(struct cmwq2_pool *pool, struct cmwq2_work *work)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_queued(pool, work);
}

/* @work is about to be posted in an inbox. Context: the caller owns it. */
static inline void cmwq2_latency_posted(struct cmwq2_work *work)
{
	work->ready_at = 0;
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_posted(work);
}

/* Items come from the inbox now. Context: pool->lock held. */
static inline void cmwq2_latency_emptied(struct cmwq2_pool *pool)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_emptied(pool);
}

/* @work was inactive and became active. Context: pwq->pool->lock held. */
static inline void cmwq2_latency_activated(struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_activated(pwq, work);
}

/*
 * @worker is to be woken, or was picked again. @queueing: the lock has been
 * held since cmwq2_latency_queued() or cmwq2_latency_emptied(). Context: pool->lock held.
 */
static inline void cmwq2_latency_picked(struct cmwq2_worker *worker, bool queueing)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_picked(worker, queueing);
}

/* @task is about to be woken. Context: RCU read-side section, or pool->lock held. */
static inline void cmwq2_latency_woken(struct task_struct *task)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_woken(task);
}

/* @worker goes idle, whatever it was picked for. Context: pool->lock held. */
static inline void cmwq2_latency_idle(struct cmwq2_worker *worker)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		WRITE_ONCE(worker->times.picked_at, 0); /* for cmwq2_latency_woken() */
}

/* @worker is about to run @work and still owns it. Context: pool->lock held. */
static inline void cmwq2_latency_taken(struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_taken(worker, work);
}

/* The last step before the function is called. Context: the worker, no lock. */
static inline void cmwq2_latency_start(struct cmwq2_worker *worker)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_start(worker);
}

/* The function has returned. Context: the worker, pool->lock held. */
static inline void cmwq2_latency_end(struct cmwq2_worker *worker)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_end(worker);
}

#endif /* CMWQ2_LATENCY_H */
