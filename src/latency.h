/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the engine tells latency.c: one branch each while nothing is measured.
 */
#ifndef CMWQ2_LATENCY_H
#define CMWQ2_LATENCY_H

#include <linux/jump_label.h>

#include "internal.h"

DECLARE_STATIC_KEY_FALSE(cmwq2_latency_key);

void __cmwq2_latency_queued(struct cmwq2_pool *pool, struct cmwq2_work *work);
void __cmwq2_latency_activated(struct cmwq2_pwq *pwq, struct cmwq2_work *work);
void __cmwq2_latency_picked(struct cmwq2_worker *worker, bool queueing);
void __cmwq2_latency_woken(struct task_struct *task);
void __cmwq2_latency_taken(struct cmwq2_worker *worker, struct cmwq2_work *work);
void __cmwq2_latency_start(struct cmwq2_worker *worker);
void __cmwq2_latency_end(struct cmwq2_worker *worker);

void cmwq2_latency_pool_init(struct cmwq2_pool *pool);
void cmwq2_latency_pwq_gone(struct cmwq2_pwq *pwq);
void cmwq2_latency_init(void);
void cmwq2_latency_exit(void);
struct seq_file;
void cmwq2_latency_show(struct seq_file *m);

/* On a list now, active or not; not called for barriers. Context: pool->lock held. */
static inline void cmwq2_latency_queued(struct cmwq2_pool *pool, struct cmwq2_work *work)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_queued(pool, work);
}

/* It was inactive. Context: pwq->pool->lock held. */
static inline void cmwq2_latency_activated(struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_activated(pwq, work);
}

/*
 * To be woken, or picked again; @queueing: since cmwq2_latency_queued() the lock was
 * held. Context: pool->lock held.
 */
static inline void cmwq2_latency_picked(struct cmwq2_worker *worker, bool queueing)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_picked(worker, queueing);
}

/* About to be woken. Context: RCU read-side section, or pool->lock held. */
static inline void cmwq2_latency_woken(struct task_struct *task)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_woken(task);
}

/* The worker has nothing to do, whatever it was picked for. Context: pool->lock held. */
static inline void cmwq2_latency_idle(struct cmwq2_worker *worker)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		worker->times.picked_at = 0;
}

/* The worker is about to run @work, which is still its own. Context: pool->lock held. */
static inline void cmwq2_latency_taken(struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_taken(worker, work);
}

/* The last thing before the function is called. Context: the worker, no lock. */
static inline void cmwq2_latency_start(struct cmwq2_worker *worker)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_start(worker);
}

/* Behind the function. Context: the worker, pool->lock held. */
static inline void cmwq2_latency_end(struct cmwq2_worker *worker)
{
	if (static_branch_unlikely(&cmwq2_latency_key))
		__cmwq2_latency_end(worker);
}

#endif /* CMWQ2_LATENCY_H */
