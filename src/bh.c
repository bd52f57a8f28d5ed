// SPDX-License-Identifier: GPL-2.0
/*
 * BH pools: items that run in softirq context.
 *
 * There are two for each CPU, normal and highpri. Such a pool has one worker
 * and no thread. In place of the thread stands a tasklet, so that the items run
 * in the TASKLET or the HI softirq of the pool's CPU, as mainline's do, one by
 * one in the order they were queued. The worker is idle unless the tasklet
 * runs, and kicking it means scheduling the tasklet. It is not concurrency
 * managed, it is the first of min_idle workers and hence never culled, and as
 * it never sleeps there is nothing for a manager to do.
 *
 * When a CPU dies the kernel moves its tasklets to another one. So nothing here
 * may rely on the tasklet running on the pool's CPU.
 */
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "work.h"

/* Mainline's figures: after so long, or so many items, others get a turn. */
#define CMWQ2_BH_JIFFIES	msecs_to_jiffies(2)
#define CMWQ2_BH_ITEMS		10

/**
 * struct cmwq2_bh - what a pool has in place of threads
 * @worker: the only one; its task is NULL
 * @tasklet: runs it
 * @csd: schedules @tasklet on the pool's CPU; sent with pool->lock held
 * @runner: X: the task that @tasklet runs on top of; only compared, by whoever
 *	is that task
 * @cb_lock: held while @tasklet runs, see cmwq2_bh_wait()
 */
struct cmwq2_bh {
	struct cmwq2_worker	worker;
	struct tasklet_struct	tasklet;
	call_single_data_t	csd;
	struct task_struct	*runner;
#ifdef CONFIG_PREEMPT_RT
	spinlock_t		cb_lock;	/* a run of @tasklet */
#endif
};

#ifdef CONFIG_PREEMPT_RT
static void cmwq2_bh_lock_init(struct cmwq2_bh *bh)
{
	spin_lock_init(&bh->cb_lock);
}

static void cmwq2_bh_lock(struct cmwq2_bh *bh)
{
	spin_lock(&bh->cb_lock);
}

static void cmwq2_bh_unlock(struct cmwq2_bh *bh)
{
	spin_unlock(&bh->cb_lock);
}

/* The caller may have preempted the softirq it waits for: lend it priority. */
static void cmwq2_bh_relax(struct cmwq2_bh *bh)
{
	cmwq2_bh_lock(bh);
	cmwq2_bh_unlock(bh);
}
#else
static void cmwq2_bh_lock_init(struct cmwq2_bh *bh) { }
static void cmwq2_bh_lock(struct cmwq2_bh *bh) { }
static void cmwq2_bh_unlock(struct cmwq2_bh *bh) { }
static void cmwq2_bh_relax(struct cmwq2_bh *bh)
{
	cpu_relax();
}
#endif

/**
 * cmwq2_bh_wait - wait for a BH pool without sleeping
 * @pool: BH pool, other than the one the caller runs in
 * @done: completed by an item of @pool that is about to run
 *
 * Context: process or softirq, interrupts on.
 */
void cmwq2_bh_wait(struct cmwq2_pool *pool, struct completion *done)
{
	while (!try_wait_for_completion(done))
		cmwq2_bh_relax(pool->bh);
}

static void cmwq2_bh_schedule(struct cmwq2_pool *pool)
{
	if (pool->attrs->nice < 0)
		tasklet_hi_schedule(&pool->bh->tasklet);
	else
		tasklet_schedule(&pool->bh->tasklet);
}

/* Hard interrupt on the pool's CPU. */
static void cmwq2_bh_remote_kick(void *pool)
{
	cmwq2_bh_schedule(pool);
}

/**
 * cmwq2_bh_kick - have the items of a BH pool run
 * @pool: BH pool
 *
 * Two earlier kicks make this one superfluous, because what they started takes
 * pool->lock and looks at the worklist later than now: a tasklet that is
 * scheduled, and a csd that is locked (-EBUSY), which the other CPU unlocks
 * before it calls the function. -ENXIO is a CPU that is offline: any CPU will
 * do, and this one is at hand.
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
 * The next item to run here. The tasklet of a CPU that is down runs elsewhere,
 * and goes back when it finds the CPU up again.
 */
static struct cmwq2_work *cmwq2_bh_first(struct cmwq2_pool *pool)
{
	if (unlikely(pool->cpu != smp_processor_id()) && cpu_online(pool->cpu))
		return NULL;
	return list_first_entry_or_null(&pool->worklist, struct cmwq2_work, entry);
}

/* The counterpart of a thread's main loop. */
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
	/* What is left gets a softirq of its own, back home if this is not. */
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
 * tasklet runs on top of the current task runs here, and an interrupt that came
 * in between tells by its own mark. Neither depends on the CPU: the pool of a
 * dead one may be served elsewhere.
 *
 * Context: any.
 * Return: the worker, or NULL outside of a BH item, also in an interrupt of it.
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
 * cmwq2_bh_pool_init - make a new pool a BH pool
 * @pool: a CPU's pool without workers, not known to others yet
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
	cmwq2_bh_lock_init(bh);
	tasklet_setup(&bh->tasklet, cmwq2_bh_serve);
	INIT_CSD(&bh->csd, cmwq2_bh_remote_kick, pool);
	pool->bh = bh;
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

/* The next BH pool in an order of their own, counted on in @i; NULL: no more. */
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
 * cmwq2_bh_stop - wait until no CPU is in or on its way into a BH pool
 *
 * Nobody kicks any more, but a late kick may find its items done and still be
 * under way, with nothing that waits for it. A csd that is not locked was taken
 * up by its CPU, though its function may be yet to come: the kernel unlocks
 * before it calls. It has interrupts off from before the unlock until after the
 * call, which a grace period waits for. The function schedules the tasklet, so
 * the tasklets come last.
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
	for (i = 0; (bh = cmwq2_bh_next(&i)); )
		tasklet_kill(&bh->tasklet);
}
