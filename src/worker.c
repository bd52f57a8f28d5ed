// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: creating them, the manager, their end. What they do is in process.c.
 *
 * One rule keeps a pool alive without a thread in reserve for everything: the
 * last idle worker does not start working before it has become the manager
 * and another worker exists.
 * tools/model/kick.pml models the manager: change both.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <trace/events/cmwq2.h>

#include "internal.h"

/*
 * Which threads belong to which pool; see the list of locks in internal.h.
 * Exported for tests that hold a rescuer at it.
 */
struct mutex cmwq2_attach_mutex = __MUTEX_INITIALIZER(cmwq2_attach_mutex);
EXPORT_SYMBOL_GPL(cmwq2_attach_mutex);

/* The reaper waits for a pool's manager to finish: one waiter at most. */
static struct rcuwait cmwq2_manager_wait = __RCUWAIT_INITIALIZER(cmwq2_manager_wait);

bool cmwq2_is_worker_fn(struct task_struct *task)
{
	return kthread_func(task) == cmwq2_worker_thread;
}

/* The worker or rescuer whose thread @task is, or NULL. It may be freed already. */
struct cmwq2_worker *cmwq2_task_worker(struct task_struct *task)
{
	void *fn;

	if (!(task->flags & PF_KTHREAD))
		return NULL;
	fn = kthread_func(task);
	if (fn == cmwq2_worker_thread || fn == cmwq2_rescuer_thread)
		return kthread_data(task);
	return NULL;
}

/**
 * cmwq2_current_worker - the worker that runs the caller
 *
 * Context: any.
 * Return: the worker, rescuer or, in a BH item, BH worker; NULL outside of one
 * and in interrupts.
 */
struct cmwq2_worker *cmwq2_current_worker(void)
{
	if (!in_task())
		return cmwq2_bh_current_worker();
	return cmwq2_task_worker(current);
}

/**
 * cmwq2_worker_set_flags - set flags and keep the count true
 * @worker: worker
 * @flags: flags to set
 *
 * Context: pool->lock held.
 * Return: whether that took the last running worker out of the count. If so
 * and items are pending, the caller must kick or go on working: without the
 * lock a block may have counted down at the same time and seen nothing to do.
 */
bool cmwq2_worker_set_flags(struct cmwq2_worker *worker, unsigned int flags)
{
	unsigned int old = worker->flags;

	lockdep_assert_held(&worker->pool->lock);

	WRITE_ONCE(worker->flags, old | flags);
	if ((old & CMWQ2_WORKER_NOT_RUNNING) || !(flags & CMWQ2_WORKER_NOT_RUNNING))
		return false;
	return cmwq2_worker_uncount(worker);
}

/**
 * cmwq2_worker_clr_flags - clear flags and keep the count true
 * @worker: worker
 * @flags: flags to clear
 *
 * A worker that is asleep must not be counted: it counts itself when it goes
 * on. Hence only the worker itself is counted here.
 *
 * Context: pool->lock held.
 */
void cmwq2_worker_clr_flags(struct cmwq2_worker *worker, unsigned int flags)
{
	lockdep_assert_held(&worker->pool->lock);

	WRITE_ONCE(worker->flags, worker->flags & ~flags);
	if (worker->flags & CMWQ2_WORKER_NOT_RUNNING || worker->task != current)
		return;
	/* Only a worker itself counts itself, and others uncount under the lock. */
	if (!READ_ONCE(worker->counted))
		cmwq2_worker_count(worker);
}

/* @worker: zeroed memory. */
void cmwq2_worker_init(struct cmwq2_worker *worker)
{
	INIT_LIST_HEAD(&worker->node);
	INIT_LIST_HEAD(&worker->scheduled);
	INIT_LIST_HEAD(&worker->entry);
	INIT_LIST_HEAD(&worker->watch_node);
	/* Not counted until it has something to do. */
	worker->flags = CMWQ2_WORKER_PREP;
}

struct cmwq2_worker *cmwq2_worker_alloc(int node)
{
	struct cmwq2_worker *worker = kzalloc_node(sizeof(*worker), GFP_KERNEL, node);

	if (worker)
		cmwq2_worker_init(worker);
	return worker;
}

static const struct cpumask *cmwq2_worker_cpus(struct cmwq2_pool *pool)
{
	return pool->flags & CMWQ2_POOL_UNBOUND ? cmwq2_fallback_cpus() : pool->attrs->cpumask;
}

/**
 * cmwq2_worker_attach - make a thread part of a pool
 * @worker: worker or rescuer, the latter attaching itself
 * @pool: pool
 *
 * Context: process, may sleep.
 */
void cmwq2_worker_attach(struct cmwq2_worker *worker, struct cmwq2_pool *pool)
{
	bool goes;

	mutex_lock(&cmwq2_attach_mutex);
	worker->pool = pool;
	/*
	 * CMWQ2_POOL_UNBOUND is stable under the mutex, see hotplug.c. A worker
	 * of a bound pool whose CPU is down runs anywhere and is not managed.
	 */
	if (pool->cpu < 0 || (pool->flags & CMWQ2_POOL_UNBOUND))
		worker->flags |= CMWQ2_WORKER_UNBOUND;
	else
		cmwq2_mark_percpu(worker->task, true);
	list_add_tail(&worker->node, &pool->workers);
	/* A rescuer moves itself, and may wait for the CPU: not under the mutex. */
	goes = worker->task == current && !(pool->flags & CMWQ2_POOL_UNBOUND);
	if (!goes)
		set_cpus_allowed_ptr(worker->task, cmwq2_worker_cpus(pool));
	mutex_unlock(&cmwq2_attach_mutex);
	if (goes)
		cmwq2_go_home(worker);
}

/* For rescuers: other workers leave their pool when they are marked dying. */
void cmwq2_worker_detach(struct cmwq2_worker *worker)
{
	mutex_lock(&cmwq2_attach_mutex);
	list_del_init(&worker->node);
	worker->pool = NULL;
	/* PREP stays: a rescuer is never counted. */
	worker->flags &= ~CMWQ2_WORKER_UNBOUND;
	cmwq2_mark_percpu(worker->task, false);
	set_cpus_allowed_ptr(worker->task, cmwq2_fallback_cpus());
	mutex_unlock(&cmwq2_attach_mutex);
}

static struct task_struct *cmwq2_worker_task(struct cmwq2_worker *worker,
					     struct cmwq2_pool *pool)
{
	const char *pri = pool->attrs->nice < 0 ? "H" : "";
	struct task_struct *task;

	if (pool->cpu >= 0)
		task = kthread_create_on_node(cmwq2_worker_thread, worker, pool->node,
					      "cw2/%d:%d%s", pool->cpu, worker->id, pri);
	else
		task = kthread_create_on_node(cmwq2_worker_thread, worker, pool->node,
					      "cw2/u%d:%d%s", pool->id, worker->id, pri);
	if (IS_ERR(task))
		return task;

	set_user_nice(task, pool->attrs->nice);
	/*
	 * Keeps user space, and from v6.14 on the kernel's own placing of
	 * kthreads, from changing the affinity. The real mask follows in
	 * cmwq2_worker_attach().
	 */
	kthread_bind(task, cpumask_first(cmwq2_worker_cpus(pool)));
	/* Outlives the thread until cmwq2_worker_reap(). */
	return get_task_struct(task);
}

/**
 * cmwq2_worker_create - give a pool one more worker
 * @pool: pool
 *
 * Context: process, may sleep, GFP_KERNEL allocations.
 * Return: the worker, idle and on its way to its main loop, or an ERR_PTR().
 */
struct cmwq2_worker *cmwq2_worker_create(struct cmwq2_pool *pool)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);
	struct cmwq2_worker *worker;
	struct task_struct *task;
	int ret;

	if (cmwq2_fault_fails(pool))
		return ERR_PTR(-ENOMEM);

	worker = cmwq2_worker_alloc(pool->node);
	if (!worker)
		return ERR_PTR(-ENOMEM);
	ret = ida_alloc(&pool->worker_ida, GFP_KERNEL);
	if (ret < 0)
		goto err_free;
	worker->id = ret;

	task = cmwq2_worker_task(worker, pool);
	if (IS_ERR(task)) {
		ret = PTR_ERR(task);
		goto err_id;
	}
	worker->task = task;
	cmwq2_worker_attach(worker, pool);

	cmwq2_pool_lock_irq(pool);
	pool->nr_workers++;
	pool->stat.created++;
	trace_cmwq2_worker_create(pool, worker);
	cmwq2_worker_enter_idle(worker);
	/* The culler may reap it from here on: RCU keeps the task, as for a kick. */
	cmwq2_wake(pool, CMWQ2_KICK_OTHER, &wl, task);
	cmwq2_unlock_irq_wake(pool, &wl);
	return worker;

err_id:
	ida_free(&pool->worker_ida, worker->id);
err_free:
	kfree(worker);
	return ERR_PTR(ret);
}

/**
 * cmwq2_worker_reap - wait for a dying worker's thread and free it
 * @worker: worker on no list
 *
 * Context: process, may sleep.
 */
void cmwq2_worker_reap(struct cmwq2_worker *worker)
{
	trace_cmwq2_worker_die(worker->pool, worker);
	ida_free(&worker->pool->worker_ida, worker->id);
	cmwq2_kthread_stop_put(worker->task);
	/* Who wakes it late writes to it, see cmwq2_latency_woken(). */
	kfree_rcu(worker, rcu);
}

bool cmwq2_need_to_create(struct cmwq2_pool *pool)
{
	return cmwq2_need_more_worker(pool) && !pool->nr_idle;
}

static struct cmwq2_worker *cmwq2_manager_create(struct cmwq2_pool *pool)
{
	struct cmwq2_creating *creating = &pool->creating;
	struct cmwq2_worker *worker;

	WRITE_ONCE(creating->at, jiffies);
	worker = cmwq2_fault_stall(pool) ? ERR_PTR(-EAGAIN) : cmwq2_worker_create(pool);
	if (IS_ERR(worker)) {
		WRITE_ONCE(creating->error, PTR_ERR(worker));
		WRITE_ONCE(creating->failed, creating->failed + 1);
	}
	return worker;
}

/* Create until somebody is idle or the need went away. Drops pool->lock. */
static void cmwq2_create_until_idle(struct cmwq2_pool *pool)
{
	do {
		cmwq2_pool_unlock_irq(pool);
		/* If this takes long, call for help. */
		mod_timer(&pool->mayday_timer, jiffies + CMWQ2_MAYDAY_DELAY);
		while (IS_ERR(cmwq2_manager_create(pool)) && cmwq2_need_to_create(pool)) {
			schedule_timeout_interruptible(CMWQ2_CREATE_COOLDOWN);
			if (!cmwq2_need_to_create(pool))
				break;
		}
		if (!CMWQ2_FAULT("mayday_timer_left"))
			timer_delete_sync(&pool->mayday_timer);
		cmwq2_pool_lock_irq(pool);
		/* Whoever was created may have been taken while we got here. */
	} while (cmwq2_need_to_create(pool));
}

/*
 * Become the manager unless there is one. Returns whether pool->lock was
 * dropped, after which the caller looks at everything again.
 */
bool cmwq2_manage(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	if (pool->flags & CMWQ2_POOL_MANAGED)
		return false;

	pool->flags |= CMWQ2_POOL_MANAGED;
	pool->manager = worker;
	WRITE_ONCE(pool->creating.at, jiffies);
	WRITE_ONCE(pool->creating.failed, 0);
	cmwq2_create_until_idle(pool);
	pool->manager = NULL;
	pool->flags &= ~CMWQ2_POOL_MANAGED;
	rcuwait_wake_up(&cmwq2_manager_wait);
	return true;
}

static bool cmwq2_take_manager_role(struct cmwq2_pool *pool)
{
	cmwq2_pool_lock_irq(pool);
	if (!(pool->flags & CMWQ2_POOL_MANAGED))
		return true;
	cmwq2_pool_unlock_irq(pool);
	return false;
}

/**
 * cmwq2_worker_leave_cpus - let a worker that has no more items run elsewhere
 * @worker: worker, dying or of a pool that ends
 *
 * Somebody else may own the CPUs of the pool, an isolated one above all, and then
 * a thread that can run nowhere else would never end. The kernel does so, too.
 *
 * Context: process; cmwq2_attach_mutex held, no pool locked.
 */
void cmwq2_worker_leave_cpus(struct cmwq2_worker *worker)
{
	lockdep_assert_held(&cmwq2_attach_mutex);

	/* Nobody unbinds it any more, and it may end on any CPU that it is allowed on. */
	cmwq2_mark_percpu(worker->task, false);
	if (!CMWQ2_FAULT("dying_stay"))
		set_cpus_allowed_ptr(worker->task, cmwq2_fallback_cpus());
}

/* A manager could not finish where somebody else owns the CPUs. */
static void cmwq2_unbind_workers(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		cmwq2_worker_leave_cpus(worker);
	mutex_unlock(&cmwq2_attach_mutex);
}

/**
 * cmwq2_pool_stop_workers - end all workers of a pool that got its last item
 * @pool: pool
 *
 * The pool is in cmwq2_pools no more. The threads are left to cmwq2_reap_all().
 *
 * Context: the reaper thread, no locks held: waits for the pool's manager.
 */
void cmwq2_pool_stop_workers(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	LIST_HEAD(dying);

	cmwq2_unbind_workers(pool);
	/*
	 * As the manager nobody else can create workers, and everyone who is
	 * not the manager is idle whenever the lock is free. A worker on
	 * kicked_list is no exception: it is asleep or waits for the lock.
	 */
	for (;;) {
		rcuwait_wait_event(&cmwq2_manager_wait,
				   !(READ_ONCE(pool->flags) & CMWQ2_POOL_MANAGED),
				   TASK_UNINTERRUPTIBLE);
		mutex_lock(&cmwq2_attach_mutex);
		if (cmwq2_take_manager_role(pool))
			break;
		mutex_unlock(&cmwq2_attach_mutex);
	}
	pool->flags |= CMWQ2_POOL_MANAGED;
	cmwq2_unclaim_all(pool);
	while ((worker = list_first_entry_or_null(&pool->idle_list,
						  struct cmwq2_worker, entry)))
		cmwq2_worker_set_dying(worker, &dying);
	WARN_ON(pool->nr_workers || pool->nr_idle || !list_empty(&pool->worklist));
	cmwq2_pool_unlock_irq(pool);
	cmwq2_unbind_dying(&dying);
	mutex_unlock(&cmwq2_attach_mutex);

	cmwq2_point(CMWQ2_POINT_POOL_STOP, pool);
	cmwq2_reap_later(&dying);
}
