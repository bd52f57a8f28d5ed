// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: creating them, their main loop, running one item.
 *
 * One rule keeps a pool alive without a thread in reserve for everything: the
 * last idle worker does not start working before it has become the manager
 * and another worker exists.
 * tools/model/kick.pml models the main loop and the manager: change both.
 */
#include <linux/cpu.h>
#include <linux/export.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <trace/events/cmwq2.h>

#include "context.h"
#include "latency.h"
#include "lockdep.h"
#include "work.h"

/*
 * Which threads belong to which pool; see the list of locks in internal.h.
 * Exported for tests that hold a rescuer at it.
 */
struct mutex cmwq2_attach_mutex = __MUTEX_INITIALIZER(cmwq2_attach_mutex);
EXPORT_SYMBOL_GPL(cmwq2_attach_mutex);

/* Who waits for a pool's manager to finish, under cmwq2_pool_mutex. */
static struct rcuwait cmwq2_manager_wait = __RCUWAIT_INITIALIZER(cmwq2_manager_wait);

static int cmwq2_worker_thread(void *data);

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
	if (!READ_ONCE(worker->counted)) {
		atomic_inc(&worker->pool->nr_running);
		WRITE_ONCE(worker->counted, 1);
	}
}

/* Items are collected in the hash by address; the address may be recycled. */
struct cmwq2_worker *cmwq2_find_executing(struct cmwq2_pool *pool, struct cmwq2_work *work)
{
	struct cmwq2_worker *worker;

	lockdep_assert_held(&pool->lock);
	hash_for_each_possible(pool->busy_hash, worker, hentry, (unsigned long)work) {
		if (worker->current_func != work->func)
			continue;
		if (worker->current_work == work)
			return worker;
	}
	return NULL;
}

/* @worker: zeroed memory. */
void cmwq2_worker_init(struct cmwq2_worker *worker)
{
	INIT_LIST_HEAD(&worker->node);
	INIT_LIST_HEAD(&worker->scheduled);
	INIT_LIST_HEAD(&worker->entry);
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
	mutex_lock(&cmwq2_attach_mutex);
	worker->pool = pool;
	/*
	 * CMWQ2_POOL_UNBOUND is stable under the mutex, see hotplug.c. A worker
	 * of a bound pool whose CPU is down runs anywhere and is not managed.
	 */
	if (pool->cpu < 0 || (pool->flags & CMWQ2_POOL_UNBOUND))
		worker->flags |= CMWQ2_WORKER_UNBOUND;
	list_add_tail(&worker->node, &pool->workers);
	set_cpus_allowed_ptr(worker->task, cmwq2_worker_cpus(pool));
	mutex_unlock(&cmwq2_attach_mutex);
}

/* For rescuers: other workers leave their pool when they are marked dying. */
void cmwq2_worker_detach(struct cmwq2_worker *worker)
{
	mutex_lock(&cmwq2_attach_mutex);
	list_del_init(&worker->node);
	worker->pool = NULL;
	/* PREP stays: a rescuer is never counted. */
	worker->flags &= ~CMWQ2_WORKER_UNBOUND;
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
		timer_delete_sync(&pool->mayday_timer);
		cmwq2_pool_lock_irq(pool);
		/* Whoever was created may have been taken while we got here. */
	} while (cmwq2_need_to_create(pool));
}

/*
 * Become the manager unless there is one. Returns whether pool->lock was
 * dropped, after which the caller looks at everything again.
 */
static bool cmwq2_manage(struct cmwq2_worker *worker)
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
 * cmwq2_pool_stop_workers - end all workers of a pool that got its last item
 * @pool: pool
 *
 * Context: process, may sleep; cmwq2_pool_mutex held, which also makes this
 * the only waiter for a manager.
 */
void cmwq2_pool_stop_workers(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	LIST_HEAD(dying);

	lockdep_assert_held(&cmwq2_pool_mutex);

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
	mutex_unlock(&cmwq2_attach_mutex);

	cmwq2_point(CMWQ2_POINT_POOL_STOP, pool);
	cmwq2_reap_dying(&dying);
}

/**
 * cmwq2_move_linked - move an item and all that is tied to it
 * @work: first item
 * @head: list to add to
 * @next: set to the item after the moved ones, for a walk that goes on; or NULL
 *
 * Context: pool->lock held.
 */
void cmwq2_move_linked(struct cmwq2_work *work, struct list_head *head,
		       struct cmwq2_work **next)
{
	struct cmwq2_work *following;
	bool linked;

	/* The chain ends at an item without LINKED, so never at the list head. */
	do {
		linked = cmwq2_work_data(work) & CMWQ2_WORK_LINKED;
		following = list_next_entry(work, entry);
		list_move_tail(&work->entry, head);
		work = following;
	} while (linked);

	if (next)
		*next = following;
}

/**
 * cmwq2_assign_work - give an item and those tied to it to a worker
 * @work: item on the pool's worklist
 * @worker: worker of the pool
 * @next: see cmwq2_move_linked()
 *
 * An item that is still running goes to the worker that runs it: that keeps it
 * from running twice at once.
 *
 * Context: pool->lock held.
 * Return: whether @worker got something to do.
 */
bool cmwq2_assign_work(struct cmwq2_work *work, struct cmwq2_worker *worker,
		       struct cmwq2_work **next)
{
	struct cmwq2_pool *pool = worker->pool;
	struct cmwq2_worker *busy;

	/* A rescuer's cursor: it starts from the head again when it is gone. */
	if (unlikely(cmwq2_is_cursor(work))) {
		if (next)
			*next = list_next_entry(work, entry);
		list_del_init(&work->entry);
		return false;
	}

	busy = CMWQ2_FAULT("running_twice") ? NULL : cmwq2_find_executing(pool, work);
	cmwq2_move_linked(work, busy ? &busy->scheduled : &worker->scheduled, next);
	return !busy;
}

static void cmwq2_begin_work(struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	struct cmwq2_pool *pool = worker->pool;

	unsigned long data = cmwq2_work_data(work);

	worker->started_at = jiffies;
	cmwq2_hog_begin(worker);
	if (unlikely(worker->desc[0]))
		worker->desc[0] = '\0';
	worker->current_pwq = cmwq2_data_pwq(data);
	worker->current_pwq->stat.started++;
	cmwq2_latency_taken(worker, work);
	worker->current_color = cmwq2_data_color(data);
	worker->current_func = work->func;
	worker->current_work = work;
	hash_add(pool->busy_hash, &worker->hentry, (unsigned long)work);
	list_del_init(&work->entry);
	cmwq2_debug_deactivate(work);
}

static void cmwq2_end_work(struct cmwq2_worker *worker)
{
	cmwq2_hog_end(worker);
	worker->current_pwq->stat.completed++;
	cmwq2_latency_end(worker);
	worker->current_pwq = NULL;
	worker->current_color = CMWQ2_NO_COLOR;
	worker->current_func = NULL;
	hash_del(&worker->hentry);
	worker->current_work = NULL;
}

/**
 * cmwq2_process_one - run one item
 * @worker: current worker
 * @work: item at the head of worker->scheduled
 *
 * Context: pool->lock held; dropped while the function runs.
 */
static void cmwq2_process_one(struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	unsigned long data = cmwq2_work_data(work);
	struct cmwq2_pwq *pwq = cmwq2_data_pwq(data);
	struct cmwq2_pool *pool = worker->pool;
	struct cmwq2_context context;
	struct cmwq2_run_map map;
	CMWQ2_DEFINE_WAKE_LIST(wl);

	cmwq2_begin_work(worker, work);
	cmwq2_run_map_copy(&map, work);
	if (unlikely(pwq->wq->flags & CMWQ2_WQ_CPU_INTENSIVE))
		cmwq2_worker_set_flags(worker, CMWQ2_WORKER_INTENSIVE);
	/*
	 * Workers that are not counted hand on to the next one here. It does
	 * nothing for those that are: this one is running.
	 */
	cmwq2_kick_pool_pick(pool, CMWQ2_KICK_PROCESS, &wl);
	/* The last access to the item: the function may free it. */
	if (!CMWQ2_FAULT("pending_kept"))
		cmwq2_work_release(work, cmwq2_pool_bits(pool), 0);
	if (CMWQ2_FAULT("chain_wake_dropped"))
		wl.nr = 0;

	cmwq2_unlock_irq_wake(pool, &wl);

	context = cmwq2_context();
	cmwq2_run_map_acquire(&map, pwq->wq);
	trace_cmwq2_execute_start(worker, work);
	cmwq2_latency_start(worker);
	worker->current_func(work);
	trace_cmwq2_execute_end(worker, work);
	if (CMWQ2_FAULT("pending_kept"))
		cmwq2_work_release(work, cmwq2_pool_bits(pool), 0);
	cmwq2_run_map_release(&map, pwq->wq);
	cmwq2_check_context(context, worker->current_func);
	/* An item that queues itself for ever must not starve stop_machine(). */
	if (worker->task)
		cond_resched();

	cmwq2_pool_lock_irq(pool);
	cmwq2_end_work(worker);
	/* Also counts a worker whose resume no hook has reported. */
	cmwq2_worker_clr_flags(worker, CMWQ2_WORKER_INTENSIVE);
	/* May drop the lock and let a flusher free the queue: must come last. */
	cmwq2_pwq_dec_in_flight(pwq, data);
}

/* Context: pool->lock held, dropped and taken again. */
void cmwq2_process_scheduled(struct cmwq2_worker *worker)
{
	struct cmwq2_work *work;

	worker->pool->progress_at = jiffies;
	while ((work = list_first_entry_or_null(&worker->scheduled,
						struct cmwq2_work, entry)))
		cmwq2_process_one(worker, work);
}

static struct cmwq2_work *cmwq2_first_work(struct cmwq2_pool *pool)
{
	return list_first_entry(&pool->worklist, struct cmwq2_work, entry);
}

/* One counted worker, this one, may go on; two are one too many. */
static bool cmwq2_keep_working(struct cmwq2_pool *pool)
{
	return !list_empty(&pool->worklist) && atomic_read(&pool->nr_running) <= 1;
}

/*
 * Our threads are not what the scheduler calls per-CPU kthreads: when their
 * CPU begins to go down they are pushed off it and their mask is overwritten,
 * also when that is then called off and no callback of ours runs.
 */
static void cmwq2_return_home(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	if (likely(pool->cpu < 0 || raw_smp_processor_id() == pool->cpu) ||
	    (worker->flags & CMWQ2_WORKER_UNBOUND))
		return;
	cmwq2_pool_unlock_irq(pool);
	if (cpu_online(pool->cpu) && !cpu_dying(pool->cpu))
		set_cpus_allowed_ptr(current, cpumask_of(pool->cpu));
	cmwq2_pool_lock_irq(pool);
}

/**
 * cmwq2_serve - work until nothing is left for this worker
 * @worker: current worker, not idle
 *
 * Context: pool->lock held, dropped and taken again.
 */
static void cmwq2_serve(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	cmwq2_return_home(worker);
	while (cmwq2_need_more_worker(pool)) {
		if (!pool->nr_idle && !CMWQ2_FAULT("manager_missing") && cmwq2_manage(worker))
			continue;

		cmwq2_worker_clr_flags(worker, CMWQ2_WORKER_PREP);
		do {
			if (cmwq2_assign_work(cmwq2_first_work(pool), worker, NULL))
				cmwq2_process_scheduled(worker);
		} while (!CMWQ2_FAULT("no_recheck") && cmwq2_keep_working(pool));
		cmwq2_point(CMWQ2_POINT_STOPS, pool);
		/*
		 * Another worker may have blocked since keep_working() counted
		 * two, without the lock and without seeing zero. Then this was
		 * the last one, and the loop's condition holds again.
		 */
		cmwq2_worker_set_flags(worker, CMWQ2_WORKER_PREP);
		if (CMWQ2_FAULT("no_recheck"))
			break;
	}
	/* Left to a worker that runs: if the hook misses its block, look. */
	if (!list_empty(&pool->worklist))
		cmwq2_sched_arm_scan(pool);
}

/* Back from its sleep among the idle ones, unless that is to end. pool->lock held. */
static void cmwq2_count_wakeup(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	if (worker->flags & CMWQ2_WORKER_DIE)
		return;
	pool->stat.woken++;
	pool->stat.in_vain += !cmwq2_need_more_worker(pool);
}

static int cmwq2_worker_thread(void *data)
{
	struct cmwq2_worker *worker = data;
	struct cmwq2_pool *pool = worker->pool;

	cmwq2_sched_worker_start(worker);
	cmwq2_pool_lock_irq(pool);
	while (!(worker->flags & CMWQ2_WORKER_DIE)) {
		cmwq2_worker_leave_idle(worker);
		cmwq2_serve(worker);
		cmwq2_worker_enter_idle(worker);
		/*
		 * Set under the lock: a kick from here on finds this worker on
		 * the list and its task in a state to be woken from.
		 */
		__set_current_state(TASK_IDLE);
		cmwq2_pool_unlock_irq(pool);
		schedule();
		cmwq2_point(CMWQ2_POINT_WOKEN, pool);
		cmwq2_pool_lock_irq(pool);
		cmwq2_count_wakeup(worker);
	}
	cmwq2_pool_unlock_irq(pool);
	cmwq2_sched_worker_stop(worker);
	return 0;
}
