// SPDX-License-Identifier: GPL-2.0
/*
 * Kicking a pool: pick an idle worker, claim it, wake it.
 *
 * Picking and claiming happen under pool->lock. The wakeup takes the lock of a
 * runqueue and may send an interrupt to another CPU, which is a lot to do with
 * the pool's lock held; with wake=deferred the task goes on the caller's list
 * and is woken when the lock is free.
 *
 * No kick is lost between the two: a worker that was picked but does not know
 * yet takes pool->lock before it sleeps again, and looks at the worklist then.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>

#include <trace/events/cmwq2.h>

#include "work.h"

/*
 * Last come, first kicked: kicks in a row go to the same worker, which does
 * all that piles up until it runs. So the most recently kicked worker is taken
 * again, as it would if it had stayed on the idle list, unless another one
 * became idle since: that one is warmer and nothing keeps it from starting.
 */
static struct cmwq2_worker *cmwq2_first_idle(struct cmwq2_pool *pool)
{
	struct list_head *from = &pool->idle_list;

	if (list_empty(from) ||
	    (!list_empty(&pool->kicked_list) &&
	     (!pool->idle_since_kick || pool->claim == CMWQ2_CLAIM_KICKED_FIRST)))
		from = &pool->kicked_list;
	return list_first_entry_or_null(from, struct cmwq2_worker, entry);
}

/* Whose item waits first, for statistics; NULL if there is none. pool->lock held. */
struct cmwq2_pwq *cmwq2_first_pwq(struct cmwq2_pool *pool)
{
	struct cmwq2_work *work = list_first_entry_or_null(&pool->worklist,
							   struct cmwq2_work, entry);

	/* A rescuer's cursor has none. */
	return work ? cmwq2_work_pwq(work) : NULL;
}

/*
 * A worker of a non-strict pool may have been moved out of the pod by the
 * scheduler. It is about to be woken, so this is the cheap moment to bring it
 * back. Best effort: a worker that has not left its CPU yet stays there.
 */
static void cmwq2_repatriate(struct cmwq2_pool *pool, struct task_struct *task)
{
#ifdef CONFIG_SMP
	struct cmwq2_pwq *pwq;
	unsigned int cpu;

	if (pool->attrs->affn_strict ||
	    cpumask_test_cpu(READ_ONCE(task->wake_cpu), pool->pod))
		return;

	cpu = cpumask_any_and_distribute(pool->pod, cpu_online_mask);
	if (cpu >= nr_cpu_ids)
		return;
	WRITE_ONCE(task->wake_cpu, cpu);
	pwq = cmwq2_first_pwq(pool);
	if (pwq)
		pwq->stat.repatriated++;
#endif
}

/*
 * Parked on kicked_list the worker is out of the culler's reach and ahead of
 * others for the next kick. It comes off either list in the same way.
 */
static void cmwq2_claim(struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	if (pool->claim == CMWQ2_CLAIM_NONE)
		return;
	list_move(&worker->entry, &pool->kicked_list);
	pool->idle_since_kick = false;
}

static void cmwq2_wake_task(struct task_struct *task)
{
	trace_cmwq2_wake(task);
	wake_up_process(task);
}

/**
 * cmwq2_wake_up - wake what was picked
 * @wl: wake list, empty afterwards
 *
 * Context: any. Inside the RCU read-side section that was entered before
 * pool->lock was dropped, because the tasks are not referenced.
 */
void cmwq2_wake_up(struct cmwq2_wake_list *wl)
{
	while (wl->nr)
		cmwq2_wake_task(wl->task[--wl->nr]);
}

static void cmwq2_wake_later(struct cmwq2_wake_list *wl, struct task_struct *task)
{
	if (wl->nr == ARRAY_SIZE(wl->task))
		cmwq2_wake_up(wl);
	wl->task[wl->nr++] = task;
}

/**
 * cmwq2_kick_pool_pick - pick and claim a worker if the pool needs one
 * @pool: pool
 * @wl: where the worker's task goes for the caller to wake with
 *	cmwq2_wake_up() after it dropped the lock; untouched under wake=locked,
 *	and by a BH pool, which has no task
 *
 * Context: pool->lock held.
 * Return: whether a worker was picked. False is not an error: nothing is
 * pending; or another worker is running, which the safety timer then watches;
 * or none is idle and the pool's manager is creating one.
 *
 * Source: kick_pool_pick() as posted on 2026-06-03 and merged for v7.3.
 */
bool cmwq2_kick_pool_pick(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl)
{
	struct cmwq2_worker *worker;

	lockdep_assert_held(&pool->lock);

	if (list_empty(&pool->worklist))
		return false;
	if (atomic_read(&pool->nr_running)) {
		cmwq2_sched_arm_scan(pool);
		return false;
	}
	worker = cmwq2_first_idle(pool);
	if (!worker)
		return false;

	pool->stat.kicks++;
	trace_cmwq2_kick(pool, worker);
	if (pool->flags & CMWQ2_POOL_BH) {
		trace_cmwq2_kick(pool, worker);
		cmwq2_bh_kick(pool);
		return true;
	}
	if (list_is_first(&worker->entry, &pool->kicked_list))
		pool->stat.coalesced++;
	cmwq2_repatriate(pool, worker->task);
	cmwq2_claim(pool, worker);

	if (pool->wake == CMWQ2_WAKE_LOCKED)
		cmwq2_wake_task(worker->task);
	else
		cmwq2_wake_later(wl, worker->task);
	return true;
}

/**
 * cmwq2_kick_pool - pick and wake at once
 * @pool: pool
 *
 * For the rare paths, in which the lock cannot be dropped.
 *
 * Context: pool->lock held.
 * Return: whether a worker was picked.
 */
bool cmwq2_kick_pool(struct cmwq2_pool *pool)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);
	bool kicked = cmwq2_kick_pool_pick(pool, &wl);

	cmwq2_wake_up(&wl);
	return kicked;
}
