// SPDX-License-Identifier: GPL-2.0
/*
 * The scheduler hook: it tells which workers of a pool are running.
 *
 * A bound pool keeps one worker running as long as it has items, and an unbound pool
 * with concurrency=managed keeps one running for each CPU of its pod. So the engine
 * must know when a worker blocks inside an item and when it resumes. schedule()
 * calls the kernel's own workqueue; a module can use one of these:
 *
 *   tp     the tracepoints at the entry and the exit of __schedule(). The entry
 *          runs with interrupts on and no runqueue lock, so that the next
 *          worker is woken before this one leaves the CPU, as in mainline.
 *   pn     preempt notifiers. sched_out runs with the runqueue locked, so it
 *          only counts down and leaves the wakeup to an irq_work.
 *   timer  no hook. The scan timer of scan.c looks at the workers once a jiffy.
 *
 * With tp and pn the scan timer is only a safety net and finds nothing to do.
 *
 * All three err towards counting too few workers: a missed resume costs one
 * worker too many, while a missed block would stall the pool.
 * tools/model/kick.pml models tp, pn and the irq_work: change both.
 */
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/timer.h>
#ifdef CMWQ2_HAVE_SCHED_TP
#include <trace/events/sched.h>
#endif

#include <cmwq2/control.h>

#include "base/lock.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "base/work.h"
#include "core/kick.h"
#include "core/scan.h"
#include "core/sched.h"
#include "core/worker.h"
#include "lab/point.h"
#include "lab/policy/concurrency.h"
#include "lab/policy/wake.h"

struct cmwq2_hook {
	const char	*name;
	bool		pausable;	/* workers can do without it: the scan timer remains */
	int		(*init)(void);
	void		(*exit)(void);
	void		(*worker_start)(struct cmwq2_worker *worker);
	void		(*worker_stop)(struct cmwq2_worker *worker);
	void		(*pool_exit)(struct cmwq2_pool *pool);
};

static const struct cmwq2_hook *cmwq2_hook;	/* set before the first worker */
static bool cmwq2_hook_registered;		/* S: the task that pauses, loads or unloads */

/* On when nr_running can reach zero without pool->lock, see cmwq2_sched_order_insert(). */
DEFINE_STATIC_KEY_FALSE(cmwq2_lockless_count);

/**
 * cmwq2_worker_count - count the current worker as running
 * @worker: the current worker, not counted so far
 *
 * Workers are counted with pool->lock held, whichever hook is in use. Without
 * the pn hook they are also uncounted under the lock. Then the lock alone keeps
 * the count true, and no locked instruction is needed: litmus/sched-count.
 *
 * Context: pool->lock held.
 */
void cmwq2_worker_count(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	lockdep_assert_held(&pool->lock);

	if (static_branch_unlikely(&cmwq2_lockless_count))
		atomic_inc(&pool->nr_running);
	else
		atomic_set(&pool->nr_running, atomic_read(&pool->nr_running) + 1);
	WRITE_ONCE(worker->counted, 1);
	if (unlikely(list_empty(&worker->watch_node)))
		cmwq2_scan_watch(worker);
}

/*
 * The pn hook counts down with only a runqueue locked, so that xchg() decides who was first:
 * litmus/sched-uncount. It reads @wanted only after that: whoever raises @wanted reads
 * nr_running afterwards. So one of the two sees what the other did, and kicks:
 * litmus/sched-wanted.
 */
static bool cmwq2_uncount_lockless(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	int nr;

	cmwq2_point(CMWQ2_POINT_UNCOUNT, pool);
	if (!xchg(&worker->counted, 0))
		return false;
	nr = atomic_dec_return(&pool->nr_running);
	return nr < READ_ONCE(pool->wanted);
}

/**
 * cmwq2_worker_uncount - stop counting a worker as running
 * @worker: worker
 *
 * Context: pool->lock held. Only the pn hook calls it without, for the current
 * worker and with a runqueue locked. A caller that gets true must make sure
 * that a worker is kicked if the worklist is not empty.
 * Return: whether @worker was counted, and fewer workers run now than the pool wants.
 */
bool cmwq2_worker_uncount(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	int nr;

	if (static_branch_unlikely(&cmwq2_lockless_count))
		return cmwq2_uncount_lockless(worker);

	lockdep_assert_held(&pool->lock);
	if (!worker->counted)
		return false;
	WRITE_ONCE(worker->counted, 0);
	nr = atomic_read(&pool->nr_running) - 1;
	atomic_set(&pool->nr_running, nr);
	return nr < pool->wanted;
}

/* @pwq is NULL for a worker between two items. Context: pool->lock held. */
static void cmwq2_count_cm_wakeup(struct cmwq2_pwq *pwq)
{
	if (pwq)
		pwq->stat.cm_wakeup++;
}

/*
 * After a switch to concurrency=free the workers that run are still counted. A kick
 * would be saved because of them, although the pool may run any number of workers.
 * All counted workers are on the list that the scan looks at. Context: pool->lock held.
 */
static void cmwq2_uncount_all(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	list_for_each_entry(worker, &pool->watched, watch_node)
		cmwq2_worker_uncount(worker);
}

static void cmwq2_kick_blocked(struct cmwq2_pool *pool)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);
	unsigned long flags;

	rcu_read_lock();
	cmwq2_pool_lock_irqsave(pool, flags);
	if (pool->cpu < 0 && !cmwq2_concurrency_counts(pool))
		cmwq2_uncount_all(pool);
	if (cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, &wl)) {
		pool->stat.cm_wakeups++;
		cmwq2_count_cm_wakeup(cmwq2_first_pwq(pool));
	}
	cmwq2_pool_unlock_irqrestore(pool, flags);
	cmwq2_point_picked(pool, &wl);
	cmwq2_wake_up(&wl);
	rcu_read_unlock();
}

/* The rest of cmwq2_worker_recount(): the worker is not counted, and has a pool. */
static noinline void __cmwq2_worker_recount(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	unsigned long flags;

	if (READ_ONCE(worker->flags) & READ_ONCE(pool->not_counted))
		return;

	cmwq2_pool_lock_irqsave(pool, flags);
	if (!(worker->flags & pool->not_counted)) {
		/* Only the CPU time since the last sleep can make the item a hog. */
		WRITE_ONCE(worker->runtime_at, cmwq2_task_runtime(current));
		cmwq2_worker_count(worker);
	}
	cmwq2_pool_unlock_irqrestore(pool, flags);
}

/*
 * Count the current worker, which resumes after a sleep, unless it must not be
 * counted. The first checks are without the lock. If another CPU uncounts the
 * worker or sets one of its flags at the same time, the lock decides the order.
 * If a worker is wrongly left uncounted, the pool runs one worker too many
 * until this one sleeps again.
 *
 * Context: any, pool->lock not held.
 */
static inline void cmwq2_worker_recount(struct cmwq2_worker *worker)
{
	/* A new worker and a rescuer that waits have no pool yet, but they have PREP. */
	if (!READ_ONCE(worker->counted) && !(READ_ONCE(worker->flags) & CMWQ2_WORKER_PREP))
		__cmwq2_worker_recount(worker);
}

/*
 * The tp hook. Its probes run in every __schedule() of every task, so the part
 * that concerns workers is kept separate and out of line.
 *
 * A worker that is exiting may be freed already: kthread_stop() returns before
 * the thread's last __schedule(), but after PF_EXITING is set. The idle tasks
 * are kernel threads, too. They are excluded by their flag, because a CPU
 * switches to and from its idle task more often than to all workers.
 */
#ifdef CMWQ2_HAVE_SCHED_TP
static inline bool cmwq2_may_be_worker(void)
{
	/*
	 * An interrupt may have preempted the task while it changes a flag. As long as it
	 * has not set PF_EXITING, its worker is not freed.
	 */
	unsigned int flags = data_race(current->flags);

	return unlikely((flags & (PF_KTHREAD | PF_EXITING | PF_IDLE)) == PF_KTHREAD);
}

static noinline void cmwq2_tp_block(void)
{
	struct cmwq2_worker *worker;
	struct cmwq2_pool *pool;
	CMWQ2_DEFINE_WAKE_LIST(wl);
	unsigned long flags;
	bool too_few;

	if (!cmwq2_is_worker_fn(current))
		return;
	worker = kthread_data(current);
	if (!READ_ONCE(worker->counted))
		return;

	pool = worker->pool;
	cmwq2_point(CMWQ2_POINT_BLOCKING, pool);
	rcu_read_lock();
	cmwq2_pool_lock_irqsave(pool, flags);
	too_few = cmwq2_worker_uncount(worker);
	cmwq2_point(CMWQ2_POINT_BLOCKED, pool);
	if (too_few && cmwq2_kick_pool_pick(pool, CMWQ2_KICK_BLOCKED, &wl)) {
		pool->stat.cm_wakeups++;
		cmwq2_count_cm_wakeup(worker->current_pwq);
	}
	cmwq2_pool_unlock_irqrestore(pool, flags);
	cmwq2_point_picked(pool, &wl);
	cmwq2_wake_up(&wl);
	rcu_read_unlock();
}

static void cmwq2_tp_entry(void *data, bool preempt)
{
	if (!cmwq2_may_be_worker())
		return;
	if (!preempt && READ_ONCE(current->__state) && !cmwq2_task_waits_for_spinlock(current))
		cmwq2_tp_block();
}

/* A new thread can be preempted when its function is set but its worker is not yet. */
static noinline void cmwq2_tp_resume(void)
{
	struct cmwq2_worker *worker = NULL;

	if (cmwq2_is_worker_fn(current))
		worker = data_race(kthread_data(current)); /* NULL if it is not set yet */
	if (worker)
		cmwq2_worker_recount(worker);
}

static void cmwq2_tp_exit(void *data, bool is_switch)
{
	if (cmwq2_may_be_worker())
		cmwq2_tp_resume();
}

static int cmwq2_tp_init(void)
{
	int ret = register_trace_sched_entry_tp(cmwq2_tp_entry, NULL);

	if (ret)
		return ret;
	ret = register_trace_sched_exit_tp(cmwq2_tp_exit, NULL);
	if (ret) {
		unregister_trace_sched_entry_tp(cmwq2_tp_entry, NULL);
		tracepoint_synchronize_unregister();
	}
	return ret;
}

static void cmwq2_tp_unregister(void)
{
	unregister_trace_sched_exit_tp(cmwq2_tp_exit, NULL);
	unregister_trace_sched_entry_tp(cmwq2_tp_entry, NULL);
	tracepoint_synchronize_unregister();
}

static const struct cmwq2_hook cmwq2_hook_tp = {
	.name = "tp",
	.pausable = true,
	.init = cmwq2_tp_init,
	.exit = cmwq2_tp_unregister,
};
#endif /* CMWQ2_HAVE_SCHED_TP */

#ifdef CONFIG_PREEMPT_NOTIFIERS
/*
 * The pn hook. sched_out runs with rq->lock held, where no wakeup is allowed,
 * and the worklist may change while it looks. Even so it never misses an item:
 * it decrements the count before it looks, and cmwq2_sched_order_insert()
 * orders the other side: litmus/sched-insert. It may raise the irq_work
 * needlessly; the irq_work checks again under the lock. If the irq_work is
 * pending already, it sees this decrement, too: litmus/sched-irq-work.
 */
static void cmwq2_pn_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct cmwq2_worker *worker = container_of(notifier, struct cmwq2_worker, notifier);
	struct cmwq2_pool *pool = worker->pool;
	bool too_few;

	if (!READ_ONCE(worker->counted) || !cmwq2_task_blocked(current) ||
	    cmwq2_task_waits_for_spinlock(current))
		return;
	too_few = cmwq2_worker_uncount(worker);
	cmwq2_point(CMWQ2_POINT_BLOCKED, pool);
	if (too_few && !list_empty_careful(&pool->worklist))
		irq_work_queue(&pool->kick_irq);
}

/* Runs with interrupts on and no lock held. It is also called after a mere preemption. */
static void cmwq2_pn_in(struct preempt_notifier *notifier, int cpu)
{
	cmwq2_worker_recount(container_of(notifier, struct cmwq2_worker, notifier));
}

static struct preempt_ops cmwq2_pn_ops = {
	.sched_in = cmwq2_pn_in,
	.sched_out = cmwq2_pn_out,
};

static int cmwq2_pn_init(void)
{
	preempt_notifier_inc();
	static_branch_enable(&cmwq2_lockless_count);
	return 0;
}

static void cmwq2_pn_exit(void)
{
	static_branch_disable(&cmwq2_lockless_count);
	preempt_notifier_dec();
}

static void cmwq2_pn_worker_start(struct cmwq2_worker *worker)
{
	preempt_notifier_init(&worker->notifier, &cmwq2_pn_ops);
	preempt_disable();
	preempt_notifier_register(&worker->notifier);
	preempt_enable();
}

static void cmwq2_pn_worker_stop(struct cmwq2_worker *worker)
{
	preempt_disable();
	preempt_notifier_unregister(&worker->notifier);
	preempt_enable();
}

static void cmwq2_pn_pool_exit(struct cmwq2_pool *pool)
{
	irq_work_sync(&pool->kick_irq);
}

static const struct cmwq2_hook cmwq2_hook_pn = {
	.name = "pn",
	.init = cmwq2_pn_init,
	.exit = cmwq2_pn_exit,
	.worker_start = cmwq2_pn_worker_start,
	.worker_stop = cmwq2_pn_worker_stop,
	.pool_exit = cmwq2_pn_pool_exit,
};
#endif /* CONFIG_PREEMPT_NOTIFIERS */

static const struct cmwq2_hook cmwq2_hook_timer = {
	.name = "timer",
};

/* Best first: hook=auto takes the first one. */
static const struct cmwq2_hook *const cmwq2_hooks[] = {
#ifdef CMWQ2_HAVE_SCHED_TP
	&cmwq2_hook_tp,
#endif
#ifdef CONFIG_PREEMPT_NOTIFIERS
	&cmwq2_hook_pn,
#endif
	&cmwq2_hook_timer,
};

/*
 * Runs in hard interrupt context, after a worker blocked in cmwq2_pn_out() or after a
 * policy was changed.
 */
static void cmwq2_kick_irq(struct irq_work *work)
{
	struct cmwq2_pool *pool = container_of(work, struct cmwq2_pool, kick_irq);

	cmwq2_point(CMWQ2_POINT_KICK_IRQ, pool);
	cmwq2_kick_blocked(pool);
}

void cmwq2_sched_pool_init(struct cmwq2_pool *pool)
{
	pool->kick_irq = IRQ_WORK_INIT_HARD(cmwq2_kick_irq);
	cmwq2_scan_pool_init(pool);
}

/* Call it after the pool's last worker is gone. */
void cmwq2_sched_pool_exit(struct cmwq2_pool *pool)
{
	timer_shutdown_sync(&pool->scan_timer);
	/* This may wait for an RCU grace period, so it is done only if the irq_work was used. */
	if (pool->kick_irq_used)
		irq_work_sync(&pool->kick_irq);
	if (cmwq2_hook->pool_exit)
		cmwq2_hook->pool_exit(pool);
}

/* The worker calls these two itself, as the first and the last step of its thread. */
void cmwq2_sched_worker_start(struct cmwq2_worker *worker)
{
	if (cmwq2_hook->worker_start)
		cmwq2_hook->worker_start(worker);
}

void cmwq2_sched_worker_stop(struct cmwq2_worker *worker)
{
	if (cmwq2_hook->worker_stop)
		cmwq2_hook->worker_stop(worker);
}

const char *cmwq2_hook_name(void)
{
	return cmwq2_hook->name;
}
EXPORT_SYMBOL_GPL(cmwq2_hook_name);

/**
 * cmwq2_hook_pause - take the hook out of other tasks' way, for benchmarks
 *
 * Until cmwq2_hook_resume() the workers of all queues are tracked as with
 * hook=timer. If a worker blocks or resumes unnoticed meanwhile, the scan timer
 * or the worker's next sleep corrects the count.
 *
 * Context: process, may sleep; one caller at a time.
 * Return: 0, also if the hook is already paused; or -EOPNOTSUPP if the hook in
 * use does not burden other tasks. pn, for example, has its notifiers in the
 * workers alone, and these cannot do without it.
 */
int cmwq2_hook_pause(void)
{
	if (!cmwq2_hook->pausable)
		return -EOPNOTSUPP;
	if (cmwq2_hook_registered)
		cmwq2_hook->exit();
	cmwq2_hook_registered = false;
	return 0;
}
EXPORT_SYMBOL_GPL(cmwq2_hook_pause);

/**
 * cmwq2_hook_resume - end what cmwq2_hook_pause() began
 *
 * Context: process, may sleep.
 * Return: 0, or the error of the hook's registration; workers are then still
 * tracked as with hook=timer.
 */
int cmwq2_hook_resume(void)
{
	int ret;

	if (cmwq2_hook_registered)
		return 0;
	ret = cmwq2_hook->init();
	cmwq2_hook_registered = !ret;
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_hook_resume);

static const struct cmwq2_hook *cmwq2_find_hook(const char *name)
{
	int i;

	if (!strcmp(name, "auto"))
		return cmwq2_hooks[0];
	for (i = 0; i < ARRAY_SIZE(cmwq2_hooks); i++)
		if (!strcmp(name, cmwq2_hooks[i]->name))
			return cmwq2_hooks[i];
	return NULL;
}

/**
 * cmwq2_sched_init - choose and start the scheduler hook
 * @name: "auto", or the name of a hook that this kernel supports
 *
 * Context: process, before the first worker exists. The hook stays for the
 * module's lifetime: a change would leave blocked workers counted until the
 * scan timer looks at them.
 * Return: 0; -EINVAL for a hook that is unknown or not available on this
 * kernel; or the error of its registration.
 */
int cmwq2_sched_init(const char *name)
{
	const struct cmwq2_hook *hook = cmwq2_find_hook(name);
	char allowed[32] = "auto";
	int i, ret;

	if (!hook) {
		for (i = 0; i < ARRAY_SIZE(cmwq2_hooks); i++) {
			strlcat(allowed, ", ", sizeof(allowed));
			strlcat(allowed, cmwq2_hooks[i]->name, sizeof(allowed));
		}
		pr_err("hook=%s: allowed on this kernel: %s (tp needs Linux 7.2 and CONFIG_TRACEPOINTS, pn needs CONFIG_PREEMPT_NOTIFIERS)\n",
		       name, allowed);
		return -EINVAL;
	}

	ret = hook->init ? hook->init() : 0;
	if (ret) {
		pr_err("hook=%s: cannot be registered, error %d\n", hook->name, ret);
		return ret;
	}
	cmwq2_hook = hook;
	cmwq2_hook_registered = true;
	return 0;
}

/* Call it after the last worker is gone: nothing is counted any more. */
void cmwq2_sched_exit(void)
{
	if (cmwq2_hook->exit && cmwq2_hook_registered)
		cmwq2_hook->exit();
	cmwq2_hook_registered = false;
}
