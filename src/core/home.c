// SPDX-License-Identifier: GPL-2.0
/*
 * How workers are kept on the CPUs of their pool.
 *
 * The scheduler pushes kernel threads off a CPU as soon as it begins to go
 * down, and overwrites the mask of threads that may run nowhere else. It spares
 * threads that are marked as per-CPU. The kernel marks the workers of its own
 * per-CPU pools: their items stay on the CPU until the workqueue's hotplug
 * callback unbinds the pool. If going down is called off before that, they
 * notice nothing.
 *
 * kthread_set_per_cpu() is not exported, so this file sets the mark itself.
 * First cmwq2_home_probe() compares threads that the kernel has marked with one
 * that it has not. If they do not look as expected, or if the parameter
 * percpu_threads is off, no thread is marked. Then the scheduler pushes workers
 * off, and all that this file can do is bring each of them back before its next
 * item. Items that run elsewhere meanwhile are counted and reported.
 *
 * A rescuer is marked as long as it is in a CPU's pool.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/moduleparam.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>

#include <cmwq2/control.h>

#include "base/cpus.h"
#include "base/health.h"
#include "base/helper.h"
#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/home.h"

static bool cmwq2_percpu_threads = true;
module_param_named(percpu_threads, cmwq2_percpu_threads, bool, 0444);
MODULE_PARM_DESC(percpu_threads,
		 "Mark the workers of CPUs' pools as per-CPU threads, as the kernel does, so that they stay when their CPU begins to go down (default Y); fixed once loaded");

/* I: set by cmwq2_home_probe(), before there is a worker. */
static bool cmwq2_marks_threads;

/* Runs in each CPU's hotplug thread, which the kernel has marked. */
static int cmwq2_home_look(unsigned int cpu)
{
	if (!cmwq2_kthread_looks_marked(current, cpu))
		cmwq2_marks_threads = false;
	return 0;
}

/**
 * cmwq2_home_probe - find out whether threads can be marked as per-CPU
 *
 * Context: process, may sleep; the helper thread exists, but no worker does.
 */
void cmwq2_home_probe(void)
{
	int state;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || !cmwq2_percpu_threads)
		return;
	cmwq2_marks_threads = cmwq2_kthread_looks_unmarked(cmwq2_helper->task);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "cmwq2:probe", cmwq2_home_look, NULL);
	if (state < 0)
		cmwq2_marks_threads = false;
	else
		cpuhp_remove_state_nocalls(state);
	if (!cmwq2_marks_threads)
		pr_notice("threads cannot be marked as per-CPU: items may run on another CPU while their own goes down\n");
}

/**
 * cmwq2_mark_percpu - tell the scheduler whether a thread belongs to one CPU
 * @task: worker or rescuer
 * @on: true if it belongs to the only CPU of its mask, false if to no CPU
 *
 * A marked thread that is runnable keeps its CPU from going down. So the mark
 * must be cleared before the CPU waits for its last thread, namely when the
 * pool is unbound.
 *
 * Context: cmwq2_attach_mutex held.
 */
void cmwq2_mark_percpu(struct task_struct *task, bool on)
{
	if (cmwq2_marks_threads)
		cmwq2_kthread_mark(task, on);
}

/*
 * Whether the pool's CPUs accept a thread that is sent there now. A CPU that
 * begins to go down accepts marked threads only.
 */
static bool cmwq2_home_is_up(struct cmwq2_pool *pool)
{
	if (pool->cpu >= 0)
		return cpu_online(pool->cpu) && (cmwq2_marks_threads || !cpu_dying(pool->cpu));
	/* Another CPU may be coming or going: what is wrong afterwards, its callback puts right. */
	return data_race(cpumask_intersects(pool->attrs->cpumask, cpu_active_mask));
}

/**
 * cmwq2_go_home - move the current worker to the CPUs of its pool
 * @worker: current worker or rescuer, attached to a pool that is not a BH pool
 *
 * cmwq2_attach_mutex is not held while the thread moves, because it may have to
 * wait for a CPU that another task keeps to itself. So the pool may be unbound
 * meanwhile. Unbinding sets the flag under pool->lock and changes the masks
 * after that. If the flag is not seen here, unbinding changes the mask later
 * than this does: litmus/home-unbind. If it is seen, this corrects the mask.
 *
 * Context: process, may sleep.
 */
void cmwq2_go_home(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	bool unbound;

	if (!cmwq2_home_is_up(pool))
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
	if (READ_ONCE(pool->flags) & CMWQ2_POOL_UNBOUND)
		set_cpus_allowed_ptr(current, cmwq2_fallback_cpus());
	mutex_unlock(&cmwq2_attach_mutex);
}

/*
 * Check under pool->lock whether the current worker is away. There a worker
 * without UNBOUND has the right mask: unbinding changes the mask after it set
 * the flag, and binding changes the mask before it clears the flag. See
 * litmus/home-bind.
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
 * How bad it is that an item ran elsewhere. It is a bug if nothing can have
 * pushed its thread off. The scheduler can have done so if the thread is not
 * marked.
 */
static const char *cmwq2_stray_is(void)
{
	return cmwq2_marks_threads || !IS_ENABLED(CONFIG_HOTPLUG_CPU) ? cmwq2_bug() : "warning";
}

/**
 * cmwq2_away - handle a current worker that seems to be away from its CPUs
 * @worker: current worker
 * @begins: whether its item is about to begin; otherwise the item has just
 *	ended
 *
 * Before an item it moves the worker home. It counts and reports an item of a
 * CPU's pool that still begins or ends elsewhere. Where threads are marked, the
 * item itself has then changed the mask, or the engine has made a mistake.
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
