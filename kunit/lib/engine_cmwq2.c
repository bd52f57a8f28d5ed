// SPDX-License-Identifier: GPL-2.0
/*
 * cmwq2 behind struct tw_ops.
 */
#include "env.h"

static void cmwq2_fn(struct cmwq2_work *work)
{
	tw_run_item(container_of(work, struct tw_item, cmwq2));
}

static unsigned int cmwq2_flags(unsigned int flags)
{
	unsigned int wqf = 0;

	if (flags & TW_HIGHPRI)
		wqf |= CMWQ2_WQ_HIGHPRI;
	if (flags & TW_MEM_RECLAIM)
		wqf |= CMWQ2_WQ_MEM_RECLAIM;
	if (flags & TW_CPU_INTENSIVE)
		wqf |= CMWQ2_WQ_CPU_INTENSIVE;
	if (flags & TW_BH)
		wqf |= CMWQ2_WQ_BH;
	if (flags & TW_FREEZABLE)
		wqf |= CMWQ2_WQ_FREEZABLE;
	if (flags & TW_SYSFS)
		wqf |= CMWQ2_WQ_SYSFS;
	if (flags & TW_ORDERED)
		return wqf;
	return wqf | (flags & TW_UNBOUND ? CMWQ2_WQ_UNBOUND : CMWQ2_WQ_PERCPU);
}

static void *cmwq2_alloc(const char *name, unsigned int flags, int max_active)
{
	unsigned int wqf = cmwq2_flags(flags);

	if (flags & TW_ORDERED)
		return cmwq2_alloc_ordered_workqueue("%s", wqf, name);
	return cmwq2_alloc_workqueue("%s", wqf, max_active, name);
}

static void cmwq2_destroy(void *wq)
{
	cmwq2_destroy_workqueue(wq);
}

static int cmwq2_set_max_active(void *wq, int max_active)
{
	return cmwq2_workqueue_set_max_active(wq, max_active);
}

static void cmwq2_init(struct tw_item *it)
{
	if (it->env->bh)
		CMWQ2_INIT_WORK(&it->cmwq2, cmwq2_fn);
	else
		CMWQ2_INIT_WORK(&it->cmwq2, cmwq2_fn);
}

static void cmwq2_init_delayed(struct tw_item *it)
{
	if (it->env->bh)
		CMWQ2_INIT_DELAYED_WORK(&it->cmwq2_delayed, cmwq2_fn);
	else
		CMWQ2_INIT_DELAYED_WORK(&it->cmwq2_delayed, cmwq2_fn);
}

static bool cmwq2_queue_on(int cpu, void *wq, struct tw_item *it)
{
	return cmwq2_queue_work_on(cpu, wq, &it->cmwq2);
}

static bool cmwq2_queue_delayed_on(int cpu, void *wq, struct tw_item *it,
				   unsigned long delay)
{
	return cmwq2_queue_delayed_work_on(cpu, wq, &it->cmwq2_delayed, delay);
}

static bool cmwq2_mod_delayed_on(int cpu, void *wq, struct tw_item *it,
				 unsigned long delay)
{
	return cmwq2_mod_delayed_work_on(cpu, wq, &it->cmwq2_delayed, delay);
}

static bool cmwq2_flush(struct tw_item *it)
{
	return cmwq2_flush_work(&it->cmwq2);
}

static bool cmwq2_flush_delayed(struct tw_item *it)
{
	return cmwq2_flush_delayed_work(&it->cmwq2_delayed);
}

static void cmwq2_flush_wq(void *wq)
{
	cmwq2_flush_workqueue(wq);
}

static void cmwq2_drain(void *wq)
{
	cmwq2_drain_workqueue(wq);
}

static bool cmwq2_cancel(struct tw_item *it)
{
	return cmwq2_cancel_work(&it->cmwq2);
}

static bool cmwq2_cancel_sync(struct tw_item *it)
{
	return cmwq2_cancel_work_sync(&it->cmwq2);
}

static bool cmwq2_cancel_delayed(struct tw_item *it)
{
	return cmwq2_cancel_delayed_work(&it->cmwq2_delayed);
}

static bool cmwq2_cancel_delayed_sync(struct tw_item *it)
{
	return cmwq2_cancel_delayed_work_sync(&it->cmwq2_delayed);
}

static bool cmwq2_disable(struct tw_item *it)
{
	return cmwq2_disable_work(&it->cmwq2);
}

static bool cmwq2_disable_sync(struct tw_item *it)
{
	return cmwq2_disable_work_sync(&it->cmwq2);
}

static bool cmwq2_enable(struct tw_item *it)
{
	return cmwq2_enable_work(&it->cmwq2);
}

static bool cmwq2_pending(struct tw_item *it)
{
	return cmwq2_work_pending(&it->cmwq2);
}

static struct tw_item *cmwq2_current_item(void)
{
	struct cmwq2_work *work = cmwq2_current_work();

	return work ? container_of(work, struct tw_item, cmwq2) : NULL;
}

static bool cmwq2_queue_node(int node, void *wq, struct tw_item *it)
{
	return cmwq2_queue_work_node(node, wq, &it->cmwq2);
}

static bool cmwq2_queue_rcu(void *wq, struct tw_item *it)
{
	return cmwq2_queue_rcu_work(wq, &it->cmwq2_rcu);
}

static bool cmwq2_flush_rcu(struct tw_item *it)
{
	return cmwq2_flush_rcu_work(&it->cmwq2_rcu);
}

static bool cmwq2_schedule(struct tw_item *it)
{
	return cmwq2_schedule_work(&it->cmwq2);
}

static bool cmwq2_schedule_on(int cpu, struct tw_item *it)
{
	return cmwq2_schedule_work_on(cpu, &it->cmwq2);
}

static bool cmwq2_schedule_delayed(struct tw_item *it, unsigned long delay)
{
	return cmwq2_schedule_delayed_work(&it->cmwq2_delayed, delay);
}

static bool cmwq2_schedule_delayed_on(int cpu, struct tw_item *it,
				      unsigned long delay)
{
	return cmwq2_schedule_delayed_work_on(cpu, &it->cmwq2_delayed, delay);
}

static int cmwq2_execute(struct tw_item *it)
{
	return cmwq2_execute_in_process_context(cmwq2_fn, &it->cmwq2_execute);
}

static long cmwq2_call_on(int cpu, long (*fn)(void *arg), void *arg)
{
	return cmwq2_work_on_cpu(cpu, fn, arg);
}

static unsigned int cmwq2_busy(struct tw_item *it)
{
	return cmwq2_work_busy(&it->cmwq2);
}

static bool cmwq2_congested(int cpu, void *wq)
{
	return cmwq2_workqueue_congested(cpu, wq);
}

static bool cmwq2_enable_and_queue(void *wq, struct tw_item *it)
{
	return cmwq2_enable_and_queue_work(wq, &it->cmwq2);
}

static bool cmwq2_disable_delayed(struct tw_item *it)
{
	return cmwq2_disable_delayed_work(&it->cmwq2_delayed);
}

static bool cmwq2_disable_delayed_sync(struct tw_item *it)
{
	return cmwq2_disable_delayed_work_sync(&it->cmwq2_delayed);
}

static bool cmwq2_enable_delayed(struct tw_item *it)
{
	return cmwq2_enable_delayed_work(&it->cmwq2_delayed);
}

static bool cmwq2_mem_reclaim(void)
{
	return cmwq2_current_is_workqueue_mem_reclaim();
}

static void cmwq2_init_rcu(struct tw_item *it)
{
	CMWQ2_INIT_RCU_WORK(&it->cmwq2_rcu, cmwq2_fn);
}

static void *cmwq2_devm_alloc(struct device *dev, const char *name, unsigned int flags,
			      int max_active)
{
	unsigned int wqf = cmwq2_flags(flags);

	if (flags & TW_ORDERED)
		return cmwq2_devm_alloc_ordered_workqueue(dev, "%s", wqf, name);
	return cmwq2_devm_alloc_workqueue(dev, "%s", wqf, max_active, name);
}

static void *cmwq2_create(enum tw_legacy kind, const char *name)
{
	switch (kind) {
	case TW_SINGLETHREAD:
		return cmwq2_create_singlethread_workqueue(name);
	case TW_FREEZABLE_THREAD:
		return cmwq2_create_freezable_workqueue(name);
	default:
		return cmwq2_create_workqueue(name);
	}
}

static void *cmwq2_system(enum tw_system n)
{
	void *wqs[TW_NR_SYSTEM] = {
		[TW_SYSTEM_PERCPU]	= cmwq2_system_percpu_wq,
		[TW_SYSTEM_HIGHPRI]	= cmwq2_system_highpri_wq,
		[TW_SYSTEM_LONG]	= cmwq2_system_long_wq,
		[TW_SYSTEM_DFL]		= cmwq2_system_dfl_wq,
		[TW_SYSTEM_DFL_LONG]	= cmwq2_system_dfl_long_wq,
		[TW_SYSTEM_FREEZABLE]	= cmwq2_system_freezable_wq,
		[TW_SYSTEM_POWER_EFFICIENT] = cmwq2_system_power_efficient_wq,
		[TW_SYSTEM_FREEZABLE_POWER_EFFICIENT] = cmwq2_system_freezable_power_efficient_wq,
		[TW_SYSTEM_OLD]		= cmwq2_system_wq,
		[TW_SYSTEM_OLD_UNBOUND]	= cmwq2_system_unbound_wq,
	};

	return wqs[n];
}

const struct tw_ops tw_cmwq2_ops = {
	.alloc			= cmwq2_alloc,
	.destroy		= cmwq2_destroy,
	.set_max_active		= cmwq2_set_max_active,
	.init			= cmwq2_init,
	.init_delayed		= cmwq2_init_delayed,
	.queue_on		= cmwq2_queue_on,
	.queue_delayed_on	= cmwq2_queue_delayed_on,
	.mod_delayed_on		= cmwq2_mod_delayed_on,
	.flush			= cmwq2_flush,
	.flush_delayed		= cmwq2_flush_delayed,
	.flush_wq		= cmwq2_flush_wq,
	.drain			= cmwq2_drain,
	.cancel			= cmwq2_cancel,
	.cancel_sync		= cmwq2_cancel_sync,
	.cancel_delayed		= cmwq2_cancel_delayed,
	.cancel_delayed_sync	= cmwq2_cancel_delayed_sync,
	.disable		= cmwq2_disable,
	.disable_sync		= cmwq2_disable_sync,
	.enable			= cmwq2_enable,
	.pending		= cmwq2_pending,
	.current_item		= cmwq2_current_item,
	.devm_alloc		= cmwq2_devm_alloc,
	.create			= cmwq2_create,
	.system			= cmwq2_system,
	.init_rcu		= cmwq2_init_rcu,
	.queue_node		= cmwq2_queue_node,
	.queue_rcu		= cmwq2_queue_rcu,
	.schedule		= cmwq2_schedule,
	.schedule_on		= cmwq2_schedule_on,
	.schedule_delayed	= cmwq2_schedule_delayed,
	.schedule_delayed_on	= cmwq2_schedule_delayed_on,
	.execute		= cmwq2_execute,
	.call_on		= cmwq2_call_on,
	.flush_rcu		= cmwq2_flush_rcu,
	.enable_and_queue	= cmwq2_enable_and_queue,
	.disable_delayed	= cmwq2_disable_delayed,
	.disable_delayed_sync	= cmwq2_disable_delayed_sync,
	.enable_delayed		= cmwq2_enable_delayed,
	.busy			= cmwq2_busy,
	.congested		= cmwq2_congested,
	.mem_reclaim		= cmwq2_mem_reclaim,
};
