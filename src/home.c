// SPDX-License-Identifier: GPL-2.0
/*
 * Where workers run, and that they stay there.
 *
 * The scheduler pushes kernel threads off a CPU as soon as it begins to go
 * down, and overwrites the mask of those that may run nowhere else. It spares
 * threads that are marked as per-CPU. The kernel marks the workers of its own
 * per-CPU pools: their items stay on the CPU until the workqueue's callback
 * unbinds the pool, and notice nothing if the CPU's going down is called off
 * before that.
 *
 * kthread_set_per_cpu() is not exported, so this file sets the mark itself. It
 * first compares threads that the kernel has marked with one that it has not,
 * see cmwq2_home_probe(). If they do not look as expected, or if the parameter
 * percpu_threads is off, no thread is marked. Then workers are pushed off, and
 * all that is left is to bring each back before its next item. Items that run
 * elsewhere meanwhile are counted and reported.
 *
 * Rescuers are marked as long as they are in a CPU's pool.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/moduleparam.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>

#include "internal.h"

static bool cmwq2_percpu_threads = true;
module_param_named(percpu_threads, cmwq2_percpu_threads, bool, 0444);
MODULE_PARM_DESC(percpu_threads,
		 "mark the workers of a CPU's pools as per-CPU threads, as the kernel does (default Y); N leaves them to be pushed off a CPU that begins to go down");

/* I: set by cmwq2_home_probe(), before there is a worker. */
static bool cmwq2_marks_threads;

/* Runs on each CPU's hotplug thread, which the kernel has marked. */
static int cmwq2_home_look(unsigned int cpu)
{
	if (!cmwq2_kthread_looks_marked(current, cpu))
		cmwq2_marks_threads = false;
	return 0;
}

/**
 * cmwq2_home_probe - find out whether threads can be marked as per-CPU
 *
 * Context: process, may sleep, the helper thread exists and no worker does.
 */
void cmwq2_home_probe(void)
{
	int state;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || !cmwq2_percpu_threads ||
	    CMWQ2_FAULT("mask_not_restored"))
		return;
	cmwq2_marks_threads = cmwq2_kthread_looks_unmarked(cmwq2_helper->task);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "cmwq2:probe", cmwq2_home_look, NULL);
	if (state < 0)
		cmwq2_marks_threads = false;
	else
		cpuhp_remove_state_nocalls(state);
	if (!cmwq2_marks_threads)
		pr_notice("threads cannot be marked as per-CPU: items may run on another CPU while theirs goes down\n");
}

/**
 * cmwq2_mark_percpu - tell the scheduler whether a thread belongs to one CPU
 * @task: worker or rescuer
 * @on: it belongs to the only CPU of its mask, or to none
 *
 * A marked thread that is runnable keeps its CPU from going down, so the mark
 * must be off before the CPU waits for its last thread: when its pool is
 * unbound.
 *
 * Context: cmwq2_attach_mutex held.
 */
void cmwq2_mark_percpu(struct task_struct *task, bool on)
{
	if (cmwq2_marks_threads)
		cmwq2_kthread_mark(task, on);
}

/*
 * Whether the pool's CPUs take a thread that is sent there now. One that begins
 * to go down takes marked threads only.
 */
static bool cmwq2_home_is_up(struct cmwq2_pool *pool)
{
	if (pool->cpu >= 0)
		return cpu_online(pool->cpu) && (cmwq2_marks_threads || !cpu_dying(pool->cpu));
	return cpumask_intersects(pool->attrs->cpumask, cpu_active_mask);
}

/**
 * cmwq2_go_home - move the current worker to the CPUs of its pool
 * @worker: current worker or rescuer, attached to a pool that is not a BH pool
 *
 * cmwq2_attach_mutex is not held while the thread moves: it may have to wait
 * for a CPU that others own. So the pool may be unbound meanwhile. Whoever
 * unbinds sets the flag under pool->lock and changes the masks after that: if
 * the flag is not seen here, the mask is changed later than here; if it is
 * seen, the mask is corrected here.
 *
 * Context: process, may sleep.
 */
void cmwq2_go_home(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	bool unbound;

	if (!cmwq2_home_is_up(pool) || CMWQ2_FAULT("mask_not_restored"))
		return;
	set_cpus_allowed_ptr(current, pool->attrs->cpumask);
	if (pool->cpu < 0)
		return;

	cmwq2_pool_lock_irq(pool);
	unbound = worker->flags & CMWQ2_WORKER_UNBOUND;
	cmwq2_pool_unlock_irq(pool);
	if (likely(!unbound))
		return;
	mutex_lock(&cmwq2_attach_mutex);
	if (pool->flags & CMWQ2_POOL_UNBOUND)
		set_cpus_allowed_ptr(current, cmwq2_fallback_cpus());
	mutex_unlock(&cmwq2_attach_mutex);
}

/*
 * With pool->lock held nobody is between setting or clearing UNBOUND and
 * changing the masks that go with it, as far as this thread is concerned: the
 * mask is changed last when a pool is unbound, and first when it is bound.
 */
static bool cmwq2_is_stray(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	bool stray;

	if (pool->cpu < 0)
		return false;
	cmwq2_pool_lock_irq(pool);
	stray = cmwq2_is_away(worker);
	cmwq2_pool_unlock_irq(pool);
	return stray;
}

/*
 * An item ran elsewhere although nothing can have pushed its thread off. Of a
 * thread that is not marked the scheduler can have done so.
 */
static const char *cmwq2_stray_is(void)
{
	return cmwq2_marks_threads || !IS_ENABLED(CONFIG_HOTPLUG_CPU) ? cmwq2_bug() : "warning";
}

/**
 * cmwq2_away - the current worker seems not to be where its item has to run
 * @worker: current worker
 * @begins: its item is about to begin, otherwise the item has just ended
 *
 * Moves the worker home before an item. Counts and reports an item of a CPU's
 * pool that begins or ends elsewhere: where threads are marked, the item itself
 * has changed the mask, or the engine has made a mistake.
 *
 * Context: process, may sleep.
 */
void cmwq2_away(struct cmwq2_worker *worker, bool begins)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 10);

	if (begins)
		cmwq2_go_home(worker);
	if (!cmwq2_is_stray(worker))
		return;
	cmwq2_health_add(CMWQ2_HEALTH_STRAYS);
	if (__ratelimit(&limit))
		pr_err("%s: %s[%d]: %ps %s on CPU %d, allowed on %*pbl, but belongs to CPU %d\n",
		       cmwq2_stray_is(), current->comm, task_pid_nr(current), worker->current_func,
		       begins ? "begins" : "ends", raw_smp_processor_id(),
		       cpumask_pr_args(current->cpus_ptr), worker->pool->cpu);
}
