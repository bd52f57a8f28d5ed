// SPDX-License-Identifier: GPL-2.0
/*
 * BH pools: items that run in softirq context.
 *
 * There are two for each CPU, normal and highpri. Such a pool has one worker
 * and no thread. A tasklet takes the place of the thread, so that the items run
 * in the TASKLET or the HI softirq of the pool's CPU, as mainline's do, one by
 * one in the order they were queued. The worker is idle unless the tasklet
 * runs, and kicking it means scheduling the tasklet. The worker is not
 * concurrency managed. It is the first of min_idle workers and hence never
 * culled. As it never sleeps, there is nothing for a manager to do.
 *
 * When a CPU goes down the kernel moves its tasklets to another one. So nothing
 * here may rely on the tasklet running on the pool's CPU.
 */
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include <cmwq2/workqueue.h>

#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/bh.h"
#include "core/idle.h"
#include "core/kick.h"
#include "core/pool.h"
#include "core/process.h"
#include "core/worker.h"
#include "lab/policy/wake.h"

/* As in mainline: after this much time, or this many items, others get a turn. */
#define CMWQ2_BH_JIFFIES	msecs_to_jiffies(2)
#define CMWQ2_BH_ITEMS		10

/**
 * struct cmwq2_bh - what a BH pool has in place of threads
 * @worker: the only worker; its task is NULL
 * @tasklet: runs the worker
 * @csd: schedules @tasklet on the pool's CPU; sent with pool->lock held
 * @runner: X: the task that @tasklet runs on top of; only that task itself
 *	compares it
 * @cb_lock: held while @tasklet runs, see cmwq2_bh_wait()
 * @stopped: @tasklet has run for the last time, see cmwq2_bh_stop()
 * @raise_irq: schedules @tasklet, see cmwq2_bh_raise()
 */
struct cmwq2_bh {
	struct cmwq2_worker	worker;
	struct tasklet_struct	tasklet;
	call_single_data_t	csd;
	struct task_struct	*runner;
	bool			stopped;
#ifdef CONFIG_PREEMPT_RT
	spinlock_t		cb_lock;	/* held during a run of @tasklet */
	struct irq_work		raise_irq;
#endif
};

static void cmwq2_bh_schedule(struct cmwq2_pool *pool)
{
	if (pool->attrs->nice < 0)
		tasklet_hi_schedule(&pool->bh->tasklet);
	else
		tasklet_schedule(&pool->bh->tasklet);
}

#ifdef CONFIG_PREEMPT_RT
static void cmwq2_bh_raised(struct irq_work *work)
{
	cmwq2_bh_schedule(container_of(work, struct cmwq2_bh, raise_irq)->worker.pool);
}

static void cmwq2_bh_rt_init(struct cmwq2_bh *bh)
{
	spin_lock_init(&bh->cb_lock);
	bh->raise_irq = IRQ_WORK_INIT_HARD(cmwq2_bh_raised);
}

/*
 * The idle task may handle the csd, without an interrupt. On PREEMPT_RT it must not raise a
 * softirq there, and the kernel warns if it does. So this sends an interrupt to its own CPU,
 * which schedules the tasklet. If the CPU is going down, it does so before the kernel moves
 * the CPU's tasklets to another one.
 */
static void cmwq2_bh_raise(struct cmwq2_pool *pool)
{
	irq_work_queue(&pool->bh->raise_irq);
}

static void cmwq2_bh_raise_sync(struct cmwq2_bh *bh)
{
	irq_work_sync(&bh->raise_irq);
}

static void cmwq2_bh_lock(struct cmwq2_bh *bh)
{
	spin_lock(&bh->cb_lock);
}

static void cmwq2_bh_unlock(struct cmwq2_bh *bh)
{
	spin_unlock(&bh->cb_lock);
}

/* The caller may have preempted the softirq it waits for: taking the lock lends it priority. */
static void cmwq2_bh_relax(struct cmwq2_bh *bh)
{
	cmwq2_bh_lock(bh);
	cmwq2_bh_unlock(bh);
}
#else
static void cmwq2_bh_rt_init(struct cmwq2_bh *bh) { }
static void cmwq2_bh_raise(struct cmwq2_pool *pool)
{
	cmwq2_bh_schedule(pool);
}

static void cmwq2_bh_raise_sync(struct cmwq2_bh *bh) { }
static void cmwq2_bh_lock(struct cmwq2_bh *bh) { }
static void cmwq2_bh_unlock(struct cmwq2_bh *bh) { }
static void cmwq2_bh_relax(struct cmwq2_bh *bh)
{
	cpu_relax();
}
#endif

/**
 * cmwq2_bh_wait - wait for a BH pool without sleeping
 * @pool: BH pool other than the one that the caller runs in
 * @done: completed by an item of @pool that is about to run
 *
 * Context: process or softirq, interrupts on.
 */
void cmwq2_bh_wait(struct cmwq2_pool *pool, struct completion *done)
{
	while (!try_wait_for_completion(done))
		cmwq2_bh_relax(pool->bh);
}

/* Runs on the pool's CPU, with interrupts off. */
static void cmwq2_bh_remote_kick(void *pool)
{
	cmwq2_bh_raise(pool);
}

/**
 * cmwq2_bh_kick - make a BH pool run its items
 * @pool: BH pool
 *
 * An earlier kick makes this one superfluous in two cases: if the tasklet is
 * scheduled, and if the csd is locked (-EBUSY), which the other CPU unlocks
 * before it calls the function. In both cases pool->lock will be taken and the
 * worklist looked at later than now: litmus/bh-kick. -ENXIO means that the
 * pool's CPU is offline: then any CPU will do, and this one is at hand.
 *
 * Context: pool->lock held.
 */
void cmwq2_bh_kick(struct cmwq2_pool *pool)
{
	struct cmwq2_bh *bh = pool->bh;

	lockdep_assert_held(&pool->lock);

	if (test_bit(TASKLET_STATE_SCHED, &bh->tasklet.state))
		return;
	if (pool->cpu != smp_processor_id() &&
	    smp_call_function_single_async(pool->cpu, &bh->csd) != -ENXIO)
		return;
	cmwq2_bh_schedule(pool);
}

/*
 * The next item to run here, or NULL. The tasklet of a CPU that is down runs on
 * another CPU, and goes back when it finds its own CPU up again.
 */
static struct cmwq2_work *cmwq2_bh_first(struct cmwq2_pool *pool)
{
	if (unlikely(pool->cpu != smp_processor_id()) && cpu_online(pool->cpu))
		return NULL;
	return list_first_entry_or_null(&pool->worklist, struct cmwq2_work, entry);
}

/* The counterpart of a worker thread's main loop. */
static void cmwq2_bh_serve(struct tasklet_struct *tasklet)
{
	struct cmwq2_bh *bh = container_of(tasklet, struct cmwq2_bh, tasklet);
	unsigned long until = jiffies + CMWQ2_BH_JIFFIES;
	struct cmwq2_pool *pool = bh->worker.pool;
	struct cmwq2_work *work;
	int served = 0;

	cmwq2_bh_lock(bh);
	cmwq2_pool_lock_irq(pool);
	cmwq2_worker_leave_idle(&bh->worker);
	WRITE_ONCE(bh->runner, current);
	while ((work = cmwq2_bh_first(pool))) {
		cmwq2_assign_work(work, &bh->worker, NULL);
		cmwq2_process_scheduled(&bh->worker);
		if (++served == CMWQ2_BH_ITEMS || time_after_eq(jiffies, until))
			break;
	}
	WRITE_ONCE(bh->runner, NULL);
	cmwq2_worker_enter_idle(&bh->worker);
	/* What is left gets another softirq, on the pool's own CPU if this is not it. */
	cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, NULL);
	cmwq2_pool_unlock_irq(pool);
	cmwq2_bh_unlock(bh);
}

static struct cmwq2_worker *cmwq2_bh_worker_here(int cpu)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct cmwq2_bh *bh = cmwq2_bh_pool(cpu, i)->bh;

		if (READ_ONCE(bh->runner) == current)
			return &bh->worker;
	}
	return NULL;
}

/**
 * cmwq2_bh_current_worker - the BH worker that runs the caller
 *
 * A softirq stays on top of one task, and softirqs do not nest. So a pool whose
 * tasklet runs on top of the current task runs here. The preempt count shows if
 * this is an interrupt that came in between. Neither depends on the CPU: the
 * pool of a dead CPU may be served by another one.
 *
 * Context: any.
 * Return: the worker; NULL outside of a BH item and in an interrupt of one.
 */
struct cmwq2_worker *cmwq2_bh_current_worker(void)
{
	struct cmwq2_worker *worker;
	int cpu;

	if (!in_serving_softirq() || in_hardirq() || in_nmi())
		return NULL;
	worker = cmwq2_bh_worker_here(raw_smp_processor_id());
	if (likely(worker))
		return worker;
	for_each_possible_cpu(cpu) {
		worker = cmwq2_bh_worker_here(cpu);
		if (worker)
			return worker;
	}
	return NULL;
}

/**
 * cmwq2_bh_pool_init - turn a new pool into a BH pool
 * @pool: a CPU's pool, without workers and not known to others yet
 *
 * Context: process, GFP_KERNEL.
 * Return: 0 or -ENOMEM.
 */
int cmwq2_bh_pool_init(struct cmwq2_pool *pool)
{
	struct cmwq2_bh *bh = kzalloc_node(sizeof(*bh), GFP_KERNEL, pool->node);
	struct cmwq2_worker *worker;

	if (!bh)
		return -ENOMEM;
	cmwq2_bh_rt_init(bh);
	tasklet_setup(&bh->tasklet, cmwq2_bh_serve);
	INIT_CSD(&bh->csd, cmwq2_bh_remote_kick, pool);
	pool->bh = bh;
	pool->offq |= CMWQ2_WORK_OFFQ_BH;
	pool->flags |= CMWQ2_POOL_BH;

	worker = &bh->worker;
	cmwq2_worker_init(worker);
	worker->flags = CMWQ2_WORKER_UNBOUND;
	worker->pool = pool;
	mutex_lock(&cmwq2_attach_mutex);
	list_add_tail(&worker->node, &pool->workers);
	mutex_unlock(&cmwq2_attach_mutex);
	cmwq2_pool_lock_irq(pool);
	pool->nr_workers++;
	cmwq2_worker_enter_idle(worker);
	cmwq2_pool_unlock_irq(pool);
	return 0;
}

/**
 * cmwq2_bh_pool_exit - free what cmwq2_bh_pool_init() made
 * @pool: BH pool after cmwq2_bh_stop()
 *
 * Context: process.
 */
void cmwq2_bh_pool_exit(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker = &pool->bh->worker;

	/* Otherwise the tasklet may still run in memory that is freed here. */
	WARN_ON(!pool->bh->stopped);
	mutex_lock(&cmwq2_attach_mutex);
	list_del_init(&worker->node);
	mutex_unlock(&cmwq2_attach_mutex);
	cmwq2_pool_lock_irq(pool);
	WARN_ON(!list_empty(&pool->worklist));
	cmwq2_worker_leave_idle(worker);
	pool->nr_workers--;
	cmwq2_pool_unlock_irq(pool);
	kfree(pool->bh);
}

/* The next BH pool, in an order of their own. Advances the index @i. NULL at the end. */
static struct cmwq2_bh *cmwq2_bh_next(unsigned int *i)
{
	while (*i < 2 * nr_cpu_ids) {
		struct cmwq2_pool *pool = cmwq2_bh_pool(*i / 2, *i % 2);

		++*i;
		if (pool && pool->bh)
			return pool->bh;
	}
	return NULL;
}

/**
 * cmwq2_bh_stop - wait until no CPU is in a BH pool or on its way into one
 *
 * Nobody kicks any more. But a late kick may have found its items done and
 * still be under way, with nothing that waits for it. If a csd is not locked,
 * its CPU has accepted it, though the function may not have run yet: the kernel
 * unlocks the csd before it calls the function. That CPU has interrupts off
 * from before the unlock until after the call, so a grace period waits for the
 * call: litmus/bh-stop. The function schedules the tasklet, on PREEMPT_RT through an
 * irq_work, so the tasklets come last.
 *
 * Context: process, may sleep, after all queues are gone.
 */
void cmwq2_bh_stop(void)
{
	struct cmwq2_bh *bh;
	unsigned int i = 0;

	while ((bh = cmwq2_bh_next(&i)))
		smp_cond_load_acquire(&bh->csd.node.u_flags, !(VAL & CSD_FLAG_LOCK));
	synchronize_rcu();
	for (i = 0; (bh = cmwq2_bh_next(&i)); ) {
		cmwq2_bh_raise_sync(bh);
		tasklet_kill(&bh->tasklet);
		bh->stopped = true;
	}
}
