// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUs that unbound queues may use.
 *
 * There are three masks, as in the kernel: the requested CPUs; the CPUs that
 * the kernel keeps free of such work; and the effective mask. At load the
 * kernel's isolation and unbound_cpus= each restrict all CPUs, unless nothing
 * would be left; the result is requested and effective. A mask that the user
 * sets later is effective as it is. When isolation changes, the effective mask
 * becomes the first without the second, or the first alone if nothing else is
 * left. A fourth mask has the CPUs that are online as far as hotplug.c has been
 * told.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>

#include "base/types.h"

static char *cmwq2_unbound_cpus_param;
module_param_named(unbound_cpus, cmwq2_unbound_cpus_param, charp, 0444);
MODULE_PARM_DESC(unbound_cpus, "CPUs for unbound workqueues, a list like 0-3,8 (default all); fixed once loaded");

/*
 * Written under cmwq2_pool_mutex. The effective mask and the online mask are
 * also read without it, where an old value does no harm.
 */
static struct cpumask cmwq2_requested_mask;
static struct cpumask cmwq2_effective_mask;
static struct cpumask cmwq2_isolated_mask;
static struct cpumask cmwq2_online_mask;

bool cmwq2_force_rr_cpu;	/* X: READ_ONCE */
/* I: whether WQ_POWER_EFFICIENT means WQ_UNBOUND; tests change it. */
bool cmwq2_power_efficient = IS_ENABLED(CONFIG_WQ_POWER_EFFICIENT_DEFAULT);
static DEFINE_PER_CPU(int, cmwq2_rr_cpu_last);

const struct cpumask *cmwq2_unbound_cpus(void)
{
	return &cmwq2_effective_mask;
}

/* CPUs whose online callback has run and whose offline callback has not. */
const struct cpumask *cmwq2_online_cpus(void)
{
	return &cmwq2_online_mask;
}

/**
 * cmwq2_fallback_cpus - CPUs for threads that have none of their own
 *
 * Such threads are rescuers between two rescues, and workers whose CPU is down.
 *
 * Context: cmwq2_attach_mutex held. A change of the mask goes over all such
 * threads under the mutex, so it comes either before or after.
 * Return: CPUs, at least one of which is active.
 */
const struct cpumask *cmwq2_fallback_cpus(void)
{
	return cpumask_intersects(&cmwq2_effective_mask, cpu_active_mask) ?
	       &cmwq2_effective_mask : cpu_possible_mask;
}

/**
 * cmwq2_select_cpu - the CPU that an unbound queue's item counts as queued from
 *
 * Context: interrupts off.
 * Return: the local CPU if unbound queues may use it, else one of those that
 * they may use, in turn; with debug_force_rr_cpu always the latter.
 */
int cmwq2_select_cpu(void)
{
	int cpu = raw_smp_processor_id(), next;

	if (likely(!READ_ONCE(cmwq2_force_rr_cpu)) &&
	    likely(cpumask_test_cpu(cpu, &cmwq2_effective_mask)))
		return cpu;

	next = cpumask_next_and(__this_cpu_read(cmwq2_rr_cpu_last), &cmwq2_effective_mask,
				cpu_online_mask);
	if (next >= nr_cpu_ids)
		next = cpumask_first_and(&cmwq2_effective_mask, cpu_online_mask);
	if (unlikely(next >= nr_cpu_ids))
		return cpu;
	__this_cpu_write(cmwq2_rr_cpu_last, next);
	return next;
}

static void cmwq2_set_affinity(struct cmwq2_pool *pool, const struct cpumask *cpus)
{
	struct cmwq2_worker *worker;

	lockdep_assert_held(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		WARN_ON_ONCE(set_cpus_allowed_ptr(worker->task, cpus));
}

/* Let the threads that have no CPUs of their own follow the effective mask. */
static void cmwq2_move_homeless(void)
{
	const struct cpumask *cpus;
	struct cmwq2_pool *pool;
	struct cmwq2_wq *wq;
	unsigned long id;

	mutex_lock(&cmwq2_attach_mutex);
	cpus = cmwq2_fallback_cpus();
	xa_for_each(&cmwq2_pools, id, pool)
		if (pool->flags & CMWQ2_POOL_UNBOUND)
			cmwq2_set_affinity(pool, cpus);
	list_for_each_entry(wq, &cmwq2_workqueues, list) {
		struct cmwq2_worker *rescuer = READ_ONCE(wq->rescuer);

		if (!rescuer || rescuer->pool)
			continue;
		cmwq2_point(CMWQ2_POINT_HOMELESS, NULL);
		set_cpus_allowed_ptr(rescuer->task, cpus);
	}
	mutex_unlock(&cmwq2_attach_mutex);
}

static int cmwq2_set_effective(const struct cpumask *cpus)
{
	static struct cpumask old;	/* PL */
	int ret;

	lockdep_assert_held(&cmwq2_pool_mutex);
	if (cpumask_equal(cpus, &cmwq2_effective_mask))
		return 0;
	cpumask_copy(&old, &cmwq2_effective_mask);
	cpumask_copy(&cmwq2_effective_mask, cpus);
	ret = cmwq2_rebuild_queues();
	if (ret)
		cpumask_copy(&cmwq2_effective_mask, &old);
	else
		cmwq2_move_homeless();
	return ret;
}

/**
 * cmwq2_set_unbound_cpumask - choose the CPUs that unbound queues may use
 * @cpus: CPUs; may include isolated ones, if the user wants them
 *
 * Every unbound queue gets pools on these CPUs. Items that are already queued
 * run in their old pools; ordered queues keep their order.
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL with a message; or an error of cmwq2_rebuild_queues().
 * After an error nothing has changed.
 */
int cmwq2_set_unbound_cpumask(const struct cpumask *cpus)
{
	static struct cpumask wanted;	/* PL */
	int ret;

	if (!cpumask_intersects(cpus, cpu_possible_mask)) {
		pr_err("cpumask %*pbl: allowed: any of %*pbl\n", cpumask_pr_args(cpus),
		       cpumask_pr_args(cpu_possible_mask));
		return -EINVAL;
	}
	mutex_lock(&cmwq2_pool_mutex);
	cpumask_and(&wanted, cpus, cpu_possible_mask);
	ret = cmwq2_set_effective(&wanted);
	if (!ret)
		cpumask_copy(&cmwq2_requested_mask, &wanted);
	mutex_unlock(&cmwq2_pool_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_set_unbound_cpumask);

/**
 * cmwq2_workqueue_unbound_housekeeping_update - follow the isolation of CPUs
 * @hk: housekeeping CPUs, those that are not isolated
 *
 * The effective mask becomes the requested mask without the isolated CPUs, or
 * the whole requested mask if nothing else is left. The kernel calls its own
 * function of this name when cpusets change; nothing calls this one on its own.
 *
 * Context: process, may sleep.
 * Return: 0; or an error of cmwq2_rebuild_queues(), and nothing has changed.
 */
int cmwq2_workqueue_unbound_housekeeping_update(const struct cpumask *hk)
{
	static struct cpumask wanted;	/* PL */
	int ret;

	mutex_lock(&cmwq2_pool_mutex);
	if (!cpumask_and(&wanted, &cmwq2_requested_mask, hk))
		cpumask_copy(&wanted, &cmwq2_requested_mask);
	ret = cmwq2_set_effective(&wanted);
	if (!ret)
		cpumask_andnot(&cmwq2_isolated_mask, cpu_possible_mask, hk);
	mutex_unlock(&cmwq2_pool_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_workqueue_unbound_housekeeping_update);

/**
 * cmwq2_get_cpumask - get one of the global masks
 * @which: which mask
 * @cpus: filled in
 *
 * Context: process, may sleep.
 */
void cmwq2_get_cpumask(enum cmwq2_cpumask which, struct cpumask *cpus)
{
	static const struct cpumask *const masks[] = {
		[CMWQ2_CPUMASK_EFFECTIVE]	= &cmwq2_effective_mask,
		[CMWQ2_CPUMASK_REQUESTED]	= &cmwq2_requested_mask,
		[CMWQ2_CPUMASK_ISOLATED]	= &cmwq2_isolated_mask,
	};

	mutex_lock(&cmwq2_pool_mutex);
	cpumask_copy(cpus, masks[which]);
	mutex_unlock(&cmwq2_pool_mutex);
}
EXPORT_SYMBOL_GPL(cmwq2_get_cpumask);

/* A CPU went or came: unbound queues leave pods without an online CPU, and return to them. */
static void cmwq2_online_changed(unsigned int cpu)
{
	int ret = cmwq2_update_pods(cpu);

	if (ret)
		pr_warn("CPU %u: unbound workqueues cannot be adapted to it, error %d\n",
			cpu, ret);
}

/**
 * cmwq2_unbound_online - let unbound queues use a CPU that came online
 * @cpu: the CPU
 *
 * When a worker had no CPU left, the scheduler let it run outside its mask. It
 * does not undo that, so this sets the mask again.
 *
 * Context: process, may sleep.
 */
void cmwq2_unbound_online(unsigned int cpu)
{
	struct cmwq2_pool *pool;
	unsigned long id;

	mutex_lock(&cmwq2_pool_mutex);
	cpumask_set_cpu(cpu, &cmwq2_online_mask);
	xa_for_each(&cmwq2_pools, id, pool) {
		if (pool->cpu >= 0 || !cpumask_test_cpu(cpu, pool->attrs->cpumask))
			continue;
		mutex_lock(&cmwq2_attach_mutex);
		cmwq2_set_affinity(pool, pool->attrs->cpumask);
		mutex_unlock(&cmwq2_attach_mutex);
	}
	cmwq2_online_changed(cpu);
	mutex_unlock(&cmwq2_pool_mutex);
}
EXPORT_SYMBOL_GPL(cmwq2_unbound_online);

/* Context: process, may sleep. The CPU is still online. */
void cmwq2_unbound_offline(unsigned int cpu)
{
	mutex_lock(&cmwq2_pool_mutex);
	cpumask_clear_cpu(cpu, &cmwq2_online_mask);
	cmwq2_online_changed(cpu);
	mutex_unlock(&cmwq2_pool_mutex);
}
EXPORT_SYMBOL_GPL(cmwq2_unbound_offline);

static void cmwq2_restrict(const char *why, const struct cpumask *cpus)
{
	if (!cpumask_intersects(&cmwq2_effective_mask, cpus))
		pr_warn("%s %*pbl leaves no CPU of %*pbl for unbound workqueues, ignored\n",
			why, cpumask_pr_args(cpus), cpumask_pr_args(&cmwq2_effective_mask));
	else
		cpumask_and(&cmwq2_effective_mask, &cmwq2_effective_mask, cpus);
}

/*
 * Find the CPUs that this kernel calls isolated: those of isolcpus=; those of
 * cpusets where modules can ask for them (v6.8); and those of nohz_full= on
 * older kernels whose own unbound queues keep off them as well.
 */
static void cmwq2_find_isolated(void)
{
	int cpu;

	/* A running kernel may replace the mask it hands out. */
	rcu_read_lock();
	for_each_possible_cpu(cpu)
		if (cpu_is_isolated(cpu))
			cpumask_set_cpu(cpu, &cmwq2_isolated_mask);
	rcu_read_unlock();
}

/**
 * cmwq2_cpumask_init - set the masks from isolation and unbound_cpus=
 *
 * Context: process, before anything else of the module.
 * Return: 0 or -EINVAL with a message.
 */
int cmwq2_cpumask_init(void)
{
	static struct cpumask cpus, housekeeping;	/* only one load at a time */

	if (cmwq2_unbound_cpus_param && cpulist_parse(cmwq2_unbound_cpus_param, &cpus)) {
		pr_err("unbound_cpus=%*pE: allowed: a list of CPUs such as 0-3,8\n",
		       cmwq2_shown(cmwq2_unbound_cpus_param), cmwq2_unbound_cpus_param);
		return -EINVAL;
	}

	/* With nohz_full work is kept off CPUs, and then the kernel's own queues do this, too. */
	if (housekeeping_enabled(HK_TYPE_TICK))
		cmwq2_power_efficient = true;

	mutex_lock(&cmwq2_pool_mutex);
	cpumask_copy(&cmwq2_effective_mask, cpu_possible_mask);
	cmwq2_find_isolated();
	cpumask_andnot(&housekeeping, cpu_possible_mask, &cmwq2_isolated_mask);
	cmwq2_restrict("housekeeping", &housekeeping);
	if (cmwq2_unbound_cpus_param)
		cmwq2_restrict("unbound_cpus", &cpus);
	cpumask_copy(&cmwq2_requested_mask, &cmwq2_effective_mask);
	mutex_unlock(&cmwq2_pool_mutex);
	return 0;
}
