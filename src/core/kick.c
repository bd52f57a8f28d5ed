// SPDX-License-Identifier: GPL-2.0
/*
 * Kicking a pool: pick an idle worker, claim it, wake it.
 *
 * Picking and claiming happen under pool->lock. The wakeup takes the lock of a
 * runqueue and may send an interrupt to another CPU. That is a lot to do with the
 * pool's lock held. So if the wake policy says so, the task goes on the
 * caller's wake list, and the caller wakes it after dropping the lock.
 *
 * No kick is lost between pick and wakeup. A worker that was picked but not woken
 * yet takes pool->lock before it sleeps again, and looks at the worklist then.
 * tools/model/kick.pml models pick, claim and wake: change both.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

#include <cmwq2/workqueue.h>

#include <trace/events/cmwq2.h>

#include "base/lock.h"
#include "base/param.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "base/work.h"
#include "core/bh.h"
#include "core/kick.h"
#include "lab/latency.h"
#include "lab/point.h"
#include "lab/policy/claim.h"
#include "lab/policy/pick.h"
#include "lab/policy/wake.h"
#include "lab/policy/wakeup.h"

/*
 * The scheduler may have moved a worker of a non-strict pool out of the pod. The
 * worker is about to be woken, so it is cheap to bring it back now. This is best
 * effort: a worker that has not left its CPU yet stays there. The scheduler uses wake_cpu
 * with a lock of its own, which is not taken here, as in the kernel's own workqueue.
 * Whichever value it finds, the worker runs on a CPU that it is allowed on.
 */
static void cmwq2_repatriate(struct cmwq2_pool *pool, struct task_struct *task)
{
#ifdef CONFIG_SMP
	struct cmwq2_pwq *pwq;
	unsigned int cpu;

	if (pool->attrs->affn_strict)
		return;
	/* Both accesses to wake_cpu race with the scheduler, see above. */
	cpu = data_race(READ_ONCE(task->wake_cpu));
	if (cpumask_test_cpu(cpu, pool->pod))
		return;

	cpu = cpumask_any_and_distribute(pool->pod, cpu_online_mask);
	if (cpu >= nr_cpu_ids)
		return;
	data_race(task->wake_cpu = cpu); /* see above */
	pwq = cmwq2_first_pwq(pool);
	if (pwq)
		pwq->stat.repatriated++;
#endif
}

/*
 * X: READ_ONCE, set under cmwq2_pool_mutex. Microseconds that are added to the cost
 * of each wakeup. This is not a static key, because switching one takes
 * cpus_read_lock(), which must not be taken with cmwq2_pool_mutex held.
 */
static unsigned int cmwq2_wake_cost_us;

CMWQ2_PARAM(wake_cost_us, number,
	    "Microseconds to spin at each wakeup, to simulate expensive wakeups (default 0)",
	    .number = &cmwq2_wake_cost_us, .min = 0, .max = 1000);

static noinline void cmwq2_cost_more(void)
{
	udelay(READ_ONCE(cmwq2_wake_cost_us));
}

static inline void cmwq2_before_wakeup(struct task_struct *task)
{
	trace_cmwq2_wake(task);
	cmwq2_latency_woken(task);
	if (unlikely(READ_ONCE(cmwq2_wake_cost_us)))
		cmwq2_cost_more();
}

static noinline void cmwq2_wake_task_here(struct task_struct *task)
{
	cmwq2_before_wakeup(task);
	cmwq2_wake_up_here(task);
}

static __always_inline void cmwq2_wake_task(struct task_struct *task)
{
	if (unlikely((unsigned long)task & CMWQ2_WAKE_HERE)) {
		cmwq2_wake_task_here(cmwq2_without_here(task));
		return;
	}
	cmwq2_before_wakeup(task);
	wake_up_process(task);
}

/**
 * cmwq2_wake_up - wake the tasks on a wake list
 * @wl: wake list, empty afterwards
 *
 * Context: any; in the RCU read-side section that the caller entered before it
 * dropped pool->lock, because the list holds no reference to the tasks.
 */
void cmwq2_wake_up(struct cmwq2_wake_list *wl)
{
	RCU_LOCKDEP_WARN(wl->nr && !rcu_read_lock_any_held(),
			 "cmwq2: tasks on a wake list are woken outside of an RCU read-side section");
	while (wl->nr)
		cmwq2_wake_task(wl->task[--wl->nr]);
}

/* Out of line, because the default wakes few tasks with the lock held. */
static noinline void cmwq2_wake_locked(struct task_struct *task)
{
	cmwq2_wake_task(task);
}

/* Inline, because each kick ends with it. */
static __always_inline void cmwq2_wake_by(struct cmwq2_pool *pool, enum cmwq2_kicker who,
					  struct cmwq2_wake_list *wl, struct task_struct *task)
{
	if (!(pool->policy.wake & who)) {
		cmwq2_wake_locked(task);
		return;
	}
	if (wl->nr == ARRAY_SIZE(wl->task))
		cmwq2_wake_up(wl);
	wl->task[wl->nr++] = task;
}

/**
 * cmwq2_wake - wake a task now or later, as the pool's wake policy says
 * @pool: pool the task works for
 * @who: where the wakeup comes from
 * @wl: list for the task if it is to be woken after the lock is dropped
 * @task: task, with CMWQ2_WAKE_HERE if it is to run on this CPU
 *
 * Context: pool->lock held.
 */
void cmwq2_wake(struct cmwq2_pool *pool, enum cmwq2_kicker who, struct cmwq2_wake_list *wl,
		struct task_struct *task)
{
	cmwq2_wake_by(pool, who, wl, task);
}

/* The rest of cmwq2_unlock_irq_wake(): there is a task to wake. See litmus/kick-wake. */
void __cmwq2_unlock_irq_wake(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl)
	__releases(&pool->lock)
{
	/* A picked task must not be freed before it is woken. */
	rcu_read_lock();
	cmwq2_pool_unlock_irq(pool);
	cmwq2_point_picked(pool, wl);
	cmwq2_wake_up(wl);
	rcu_read_unlock();
}

/* The rest of cmwq2_kick_pool_pick(): items are pending, and too few workers are running. */
bool __cmwq2_kick_pool_pick(struct cmwq2_pool *pool, enum cmwq2_kicker who,
			    struct cmwq2_wake_list *wl)
{
	u64 begin = cmwq2_count_from();
	struct cmwq2_worker *worker;

	if (cmwq2_wakeup_is_saved(pool))
		return false;
	worker = cmwq2_pick(pool, who);
	if (!worker)
		return false;

	pool->stat.kicks++;
	cmwq2_latency_picked(worker, who == CMWQ2_KICK_ENQUEUE);
	trace_cmwq2_kick(pool, worker);
	if (pool->flags & CMWQ2_POOL_BH) {
		cmwq2_bh_kick(pool);
		return true;
	}
	if (cmwq2_is_kicked(pool, worker))
		pool->stat.coalesced++;
	if (worker != pool->kicked) {
		pool->kicked = worker;
		pool->kicked_at = jiffies;
	}
	cmwq2_repatriate(pool, worker->task);
	cmwq2_claim(pool, worker);
	cmwq2_pick_counted(pool, begin);
	cmwq2_wake_by(pool, who, wl, cmwq2_picked_task(pool, worker));
	return true;
}
