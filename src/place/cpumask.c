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

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/cpus.h"
#include "base/lock.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "core/kick.h"
#include "core/pwq.h"
#include "core/sched.h"
#include "lab/choices.h"
#include "lab/point.h"
#include "lab/policy/wake.h"
#include "place/attrs.h"
#include "place/cpumask.h"
#include "place/wq.h"

/* PL. The effective mask and the online mask are in base/cpus.c. */
static struct cpumask cmwq2_requested_mask;
static struct cpumask cmwq2_isolated_mask;

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
		if (READ_ONCE(pool->flags) & CMWQ2_POOL_UNBOUND)
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

/*
 * Threads that get the mask of cmwq2_fallback_cpus() read it under the same mutex, so that
 * none of them gets a part of it.
 */
static void cmwq2_write_effective(const struct cpumask *cpus)
{
	mutex_lock(&cmwq2_attach_mutex);
	cmwq2_set_effective_cpus(cpus);
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
	cmwq2_write_effective(cpus);
	ret = cmwq2_rebuild_queues();
	if (ret)
		cmwq2_write_effective(&old);
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
	cmwq2_pwqs_throttle();
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

	cmwq2_pwqs_throttle();
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

/*
 * The pool's pod has another number of online CPUs, which its policies depend on. For the
 * barrier see litmus/sched-wanted.
 */
static void cmwq2_pod_changed(struct cmwq2_pool *pool)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);

	cmwq2_pool_lock_irq(pool);
	cmwq2_policy_apply(pool);
	/* Order the write of @wanted before the read of nr_running, as after an insertion. */
	cmwq2_sched_order_insert();
	cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, &wl);
	cmwq2_unlock_irq_wake(pool, &wl);
}

/* A CPU went or came: unbound queues leave pods without an online CPU, and return to them. */
static void cmwq2_online_changed(unsigned int cpu)
{
	struct cmwq2_pool *pool;
	unsigned long id;
	int ret;

	xa_for_each(&cmwq2_pools, id, pool)
		if (pool->cpu < 0 && cpumask_test_cpu(cpu, pool->pod))
			cmwq2_pod_changed(pool);
	ret = cmwq2_update_pods(cpu);
	if (ret)
		pr_warn("CPU %u went online or offline: unbound workqueues cannot be updated, error %d\n",
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
		pr_warn("%s %*pbl is ignored: it leaves no CPU of %*pbl for unbound workqueues\n",
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

static struct cpumask cmwq2_given_mask;	/* PL: unbound_cpus=, if cmwq2_mask_given */
static bool cmwq2_mask_given;

static int cmwq2_set_cpus(struct cmwq2_param *param, const char *value)
{
	if (cpulist_parse(value, &cmwq2_given_mask)) {
		pr_err("%s=%*pE: allowed: a list of CPUs such as 0-3,8\n", param->name,
		       cmwq2_shown(value), value);
		return -EINVAL;
	}
	cmwq2_mask_given = true;
	return 0;
}

static const char *cmwq2_get_cpus(struct cmwq2_param *param)
{
	static char text[256];	/* PL */

	if (!cmwq2_mask_given)
		return "all";
	scnprintf(text, sizeof(text), "%*pbl", cpumask_pr_args(&cmwq2_given_mask));
	return text;
}

CMWQ2_PARAM_MODE(0444, unbound_cpus, cpus,
		 "CPUs for unbound workqueues, a list like 0-3,8 (default all); fixed once loaded");

/**
 * cmwq2_cpumask_init - set the masks from isolation and unbound_cpus=
 *
 * Context: process, before anything else of the module.
 */
void cmwq2_cpumask_init(void)
{
	static struct cpumask housekeeping;	/* only one load at a time */

	/* With nohz_full work is kept off CPUs, and then the kernel's own queues do this, too. */
	if (housekeeping_enabled(HK_TYPE_TICK))
		cmwq2_power_efficient = true;

	mutex_lock(&cmwq2_pool_mutex);
	cpumask_copy(&cmwq2_effective_mask, cpu_possible_mask);
	cmwq2_find_isolated();
	cpumask_andnot(&housekeeping, cpu_possible_mask, &cmwq2_isolated_mask);
	cmwq2_restrict("housekeeping", &housekeeping);
	if (cmwq2_mask_given)
		cmwq2_restrict("unbound_cpus", &cmwq2_given_mask);
	cpumask_copy(&cmwq2_requested_mask, &cmwq2_effective_mask);
	mutex_unlock(&cmwq2_pool_mutex);
}
