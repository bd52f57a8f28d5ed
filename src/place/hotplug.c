// SPDX-License-Identifier: GPL-2.0
/*
 * CPU hotplug.
 *
 * When a CPU goes down its pools are unbound: their workers are not concurrency
 * managed any more, run anywhere, and finish the items that are there. When the
 * CPU comes back the pools are bound again. home.c keeps workers on their CPU
 * while it is up; cpumask.c and attrs.c adapt unbound queues to CPUs that go.
 *
 * If a CPU is present but offline when the module is loaded, its pools get a
 * worker as well, which runs anywhere. Items queued to a CPU that was never
 * present wait for it.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/sched.h>

#include <cmwq2/control.h>

#include "base/cpus.h"
#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "core/home.h"
#include "core/kick.h"
#include "core/pool.h"
#include "core/worker.h"
#include "lab/point.h"
#include "lab/policy/wake.h"
#include "lab/starve.h"
#include "place/cpumask.h"
#include "place/hotplug.h"

static int cmwq2_cpuhp_state;

static void cmwq2_unbind_pool(struct cmwq2_pool *pool)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);
	struct cmwq2_worker *worker;

	cmwq2_point(CMWQ2_POINT_UNBIND, pool);
	mutex_lock(&cmwq2_attach_mutex);
	cmwq2_pool_lock_irq(pool);
	WRITE_ONCE(pool->flags, pool->flags | CMWQ2_POOL_UNBOUND);
	list_for_each_entry(worker, &pool->workers, node)
		cmwq2_worker_set_flags(worker, CMWQ2_WORKER_UNBOUND);
	/* No worker counts as running now: from here on each worker kicks the next. */
	cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, &wl);
	cmwq2_unlock_irq_wake(pool, &wl);

	/* Clear the mark first: the CPU cannot go down while a thread has it. */
	list_for_each_entry(worker, &pool->workers, node) {
		cmwq2_mark_percpu(worker->task, false);
		set_cpus_allowed_ptr(worker->task, cmwq2_fallback_cpus());
	}
	mutex_unlock(&cmwq2_attach_mutex);
}

/*
 * A worker that is busy now stays uncounted until it is next switched in or its
 * item ends, because only a worker itself knows that it is running. Until then
 * the pool may run one worker too many.
 */
static void cmwq2_rebind_pool(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node) {
		cmwq2_mark_percpu(worker->task, true);
		set_cpus_allowed_ptr(worker->task, cpumask_of(pool->cpu));
	}

	cmwq2_pool_lock_irq(pool);
	WRITE_ONCE(pool->flags, pool->flags & ~CMWQ2_POOL_UNBOUND);
	list_for_each_entry(worker, &pool->workers, node)
		cmwq2_worker_clr_flags(worker, CMWQ2_WORKER_UNBOUND);
	cmwq2_pool_unlock_irq(pool);
	mutex_unlock(&cmwq2_attach_mutex);
}

static void cmwq2_rebind_pools(unsigned int cpu)
{
	cmwq2_rebind_pool(cmwq2_cpu_pool(cpu, false));
	cmwq2_rebind_pool(cmwq2_cpu_pool(cpu, true));
}

/*
 * The first worker must exist, because it creates the others. The parameter
 * fault_create applies to a pool that has workers, too, so that tests can make
 * a CPU fail to come up.
 */
static int cmwq2_first_worker(struct cmwq2_pool *pool)
{
	bool has_workers;

	/* The pool may be in use meanwhile, by items of another CPU. */
	cmwq2_pool_lock_irq(pool);
	has_workers = pool->nr_workers;
	cmwq2_pool_unlock_irq(pool);
	if (has_workers && !cmwq2_starve_fails(pool))
		return 0;
	return PTR_ERR_OR_ZERO(cmwq2_worker_create(pool));
}

/* Gives each of the CPU's pools, which are unbound now, a worker if it has none. */
static int cmwq2_first_workers(unsigned int cpu)
{
	return cmwq2_first_worker(cmwq2_cpu_pool(cpu, false)) ?:
	       cmwq2_first_worker(cmwq2_cpu_pool(cpu, true));
}

/*
 * Steps that can fail come first: after an error the CPU goes down again
 * without a call of cmwq2_cpu_offline(), and its pools must be unbound as
 * before.
 */
static int cmwq2_cpu_online(unsigned int cpu)
{
	int ret;

	ret = cmwq2_first_workers(cpu);
	if (ret)
		return ret;
	cmwq2_rebind_pools(cpu);
	cmwq2_unbound_online(cpu);
	return 0;
}

static int cmwq2_cpu_offline(unsigned int cpu)
{
	cmwq2_unbind_pool(cmwq2_cpu_pool(cpu, false));
	cmwq2_unbind_pool(cmwq2_cpu_pool(cpu, true));
	cmwq2_unbound_offline(cpu);
	return 0;
}

/*
 * Items for a CPU that was online before the module was loaded must not wait
 * for it. A CPU may also be halfway up and not have called cmwq2_cpu_online()
 * yet.
 */
static int cmwq2_offline_cpus_init(void)
{
	unsigned int cpu;
	int ret = 0;

	cpus_read_lock();
	for_each_present_cpu(cpu) {
		ret = cmwq2_first_workers(cpu);
		if (ret)
			break;
	}
	cpus_read_unlock();
	return ret;
}

/**
 * cmwq2_hotplug_init - bind the pools of online CPUs and follow CPU hotplug
 *
 * Context: process, may sleep.
 * Return: 0, or a negative error after which the caller must stop the pools.
 */
int cmwq2_hotplug_init(void)
{
	int ret;

	cmwq2_home_probe();
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "cmwq2:online",
				cmwq2_cpu_online, cmwq2_cpu_offline);
	if (ret < 0)
		return ret;
	cmwq2_cpuhp_state = ret;
	ret = cmwq2_offline_cpus_init();
	if (ret)
		cmwq2_hotplug_exit();
	return ret;
}

void cmwq2_hotplug_exit(void)
{
	cpuhp_remove_state_nocalls(cmwq2_cpuhp_state);
}
