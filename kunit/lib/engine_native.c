// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own workqueue behind struct tw_ops.
 */
#include "env.h"

static void native_fn(struct work_struct *work)
{
	tw_run_item(container_of(work, struct tw_item, native));
}

static unsigned int native_flags(unsigned int flags)
{
	unsigned int wqf = 0;

	if (flags & TW_HIGHPRI)
		wqf |= WQ_HIGHPRI;
	if (flags & TW_MEM_RECLAIM)
		wqf |= WQ_MEM_RECLAIM;
	if (flags & TW_CPU_INTENSIVE)
		wqf |= WQ_CPU_INTENSIVE;
#if CMWQ2_HAVE_NATIVE_BH
	if (flags & TW_BH)
		wqf |= WQ_BH;
#endif
	if (flags & TW_FREEZABLE)
		wqf |= WQ_FREEZABLE;
	if (flags & TW_SYSFS)
		wqf |= WQ_SYSFS;
	if (flags & TW_ORDERED)
		return wqf;
	return wqf | (flags & TW_UNBOUND ? WQ_UNBOUND : WQ_PERCPU);
}

static void *native_alloc(const char *name, unsigned int flags, int max_active)
{
	unsigned int wqf = native_flags(flags);

	if (flags & TW_ORDERED)
		return alloc_ordered_workqueue("%s", wqf, name);
	return alloc_workqueue("%s", wqf, max_active, name);
}

static void native_destroy(void *wq)
{
	destroy_workqueue(wq);
}

static int native_set_max_active(void *wq, int max_active)
{
	workqueue_set_max_active(wq, max_active);
	return 0;
}

/* Lockdep has a class for each initialization, which softirqs and threads must not share. */
static void native_init(struct tw_item *it)
{
	if (it->env->bh)
		INIT_WORK(&it->native, native_fn);
	else
		INIT_WORK(&it->native, native_fn);
}

static void native_init_delayed(struct tw_item *it)
{
	if (it->env->bh)
		INIT_DELAYED_WORK(&it->native_delayed, native_fn);
	else
		INIT_DELAYED_WORK(&it->native_delayed, native_fn);
}

static bool native_queue_on(int cpu, void *wq, struct tw_item *it)
{
	return queue_work_on(cpu, wq, &it->native);
}

static bool native_queue_delayed_on(int cpu, void *wq, struct tw_item *it,
				    unsigned long delay)
{
	return queue_delayed_work_on(cpu, wq, &it->native_delayed, delay);
}

static bool native_mod_delayed_on(int cpu, void *wq, struct tw_item *it,
				  unsigned long delay)
{
	return mod_delayed_work_on(cpu, wq, &it->native_delayed, delay);
}

static bool native_flush(struct tw_item *it)
{
	return flush_work(&it->native);
}

static bool native_flush_delayed(struct tw_item *it)
{
	return flush_delayed_work(&it->native_delayed);
}

static void native_flush_wq(void *wq)
{
	__flush_workqueue(wq);
}

static void native_drain(void *wq)
{
	drain_workqueue(wq);
}

static bool native_cancel(struct tw_item *it)
{
	return cancel_work(&it->native);
}

static bool native_cancel_sync(struct tw_item *it)
{
	return cancel_work_sync(&it->native);
}

static bool native_cancel_delayed(struct tw_item *it)
{
	return cancel_delayed_work(&it->native_delayed);
}

static bool native_cancel_delayed_sync(struct tw_item *it)
{
	return cancel_delayed_work_sync(&it->native_delayed);
}

#ifdef CMWQ2_NATIVE_HAS_DISABLE
static bool native_disable(struct tw_item *it)
{
	return disable_work(&it->native);
}

static bool native_disable_sync(struct tw_item *it)
{
	return disable_work_sync(&it->native);
}

static bool native_enable(struct tw_item *it)
{
	return enable_work(&it->native);
}
#else
#define native_disable		NULL
#define native_disable_sync	NULL
#define native_enable		NULL
#endif

static bool native_pending(struct tw_item *it)
{
	return work_pending(&it->native);
}

static struct tw_item *native_current_item(void)
{
	struct work_struct *work = current_work();

	return work ? container_of(work, struct tw_item, native) : NULL;
}

static bool native_queue_node(int node, void *wq, struct tw_item *it)
{
	return queue_work_node(node, wq, &it->native);
}

static bool native_queue_rcu(void *wq, struct tw_item *it)
{
	return queue_rcu_work(wq, &it->native_rcu);
}

static bool native_flush_rcu(struct tw_item *it)
{
	return flush_rcu_work(&it->native_rcu);
}

static bool native_schedule(struct tw_item *it)
{
	return schedule_work(&it->native);
}

static bool native_schedule_on(int cpu, struct tw_item *it)
{
	return schedule_work_on(cpu, &it->native);
}

static bool native_schedule_delayed(struct tw_item *it, unsigned long delay)
{
	return schedule_delayed_work(&it->native_delayed, delay);
}

static bool native_schedule_delayed_on(int cpu, struct tw_item *it,
				       unsigned long delay)
{
	return schedule_delayed_work_on(cpu, &it->native_delayed, delay);
}

static int native_execute(struct tw_item *it)
{
	return execute_in_process_context(native_fn, &it->native_execute);
}

static long native_call_on(int cpu, long (*fn)(void *arg), void *arg)
{
	return work_on_cpu(cpu, fn, arg);
}

static unsigned int native_busy(struct tw_item *it)
{
	return work_busy(&it->native);
}

static bool native_congested(int cpu, void *wq)
{
	return workqueue_congested(cpu, wq);
}

#ifdef CMWQ2_NATIVE_HAS_DISABLE
static bool native_enable_and_queue(void *wq, struct tw_item *it)
{
	return enable_and_queue_work(wq, &it->native);
}

static bool native_disable_delayed(struct tw_item *it)
{
	return disable_delayed_work(&it->native_delayed);
}

static bool native_disable_delayed_sync(struct tw_item *it)
{
	return disable_delayed_work_sync(&it->native_delayed);
}

static bool native_enable_delayed(struct tw_item *it)
{
	return enable_delayed_work(&it->native_delayed);
}
#else
#define native_enable_and_queue		NULL
#define native_disable_delayed		NULL
#define native_disable_delayed_sync	NULL
#define native_enable_delayed		NULL
#endif

#ifdef CMWQ2_NATIVE_HAS_MEM_RECLAIM
static bool native_mem_reclaim(void)
{
	return current_is_workqueue_mem_reclaim();
}
#else
#define native_mem_reclaim	NULL
#endif

static void native_init_rcu(struct tw_item *it)
{
	INIT_RCU_WORK(&it->native_rcu, native_fn);
}

#ifdef CMWQ2_NATIVE_HAS_DEVM
static void *native_devm_alloc(struct device *dev, const char *name, unsigned int flags,
			       int max_active)
{
	unsigned int wqf = native_flags(flags);

	if (flags & TW_ORDERED)
		return devm_alloc_ordered_workqueue(dev, "%s", wqf, name);
	return devm_alloc_workqueue(dev, "%s", wqf, max_active, name);
}
#else
#define native_devm_alloc	NULL
#endif

static void *native_create(enum tw_legacy kind, const char *name)
{
	switch (kind) {
	case TW_SINGLETHREAD:
		return create_singlethread_workqueue(name);
	case TW_FREEZABLE_THREAD:
		return create_freezable_workqueue(name);
	default:
		return create_workqueue(name);
	}
}

/* Returns NULL for a queue that an older kernel does not have. */
static void *native_system(enum tw_system n)
{
	void *wqs[TW_NR_SYSTEM] = {
		[TW_SYSTEM_HIGHPRI]	= system_highpri_wq,
		[TW_SYSTEM_LONG]	= system_long_wq,
		[TW_SYSTEM_FREEZABLE]	= system_freezable_wq,
		[TW_SYSTEM_POWER_EFFICIENT] = system_power_efficient_wq,
		[TW_SYSTEM_FREEZABLE_POWER_EFFICIENT] = system_freezable_power_efficient_wq,
		[TW_SYSTEM_OLD]		= system_wq,
		[TW_SYSTEM_OLD_UNBOUND]	= system_unbound_wq,
#ifdef CMWQ2_NATIVE_HAS_SYSTEM_DFL
		[TW_SYSTEM_PERCPU]	= system_percpu_wq,
		[TW_SYSTEM_DFL]		= system_dfl_wq,
#endif
#ifdef CMWQ2_NATIVE_HAS_SYSTEM_DFL_LONG
		[TW_SYSTEM_DFL_LONG]	= system_dfl_long_wq,
#endif
	};

	return wqs[n];
}

const struct tw_ops tw_native_ops = {
	.alloc			= native_alloc,
	.destroy		= native_destroy,
	.set_max_active		= native_set_max_active,
	.init			= native_init,
	.init_delayed		= native_init_delayed,
	.queue_on		= native_queue_on,
	.queue_delayed_on	= native_queue_delayed_on,
	.mod_delayed_on		= native_mod_delayed_on,
	.flush			= native_flush,
	.flush_delayed		= native_flush_delayed,
	.flush_wq		= native_flush_wq,
	.drain			= native_drain,
	.cancel			= native_cancel,
	.cancel_sync		= native_cancel_sync,
	.cancel_delayed		= native_cancel_delayed,
	.cancel_delayed_sync	= native_cancel_delayed_sync,
	.disable		= native_disable,
	.disable_sync		= native_disable_sync,
	.enable			= native_enable,
	.pending		= native_pending,
	.current_item		= native_current_item,
	.devm_alloc		= native_devm_alloc,
	.create			= native_create,
	.system			= native_system,
	.init_rcu		= native_init_rcu,
	.queue_node		= native_queue_node,
	.queue_rcu		= native_queue_rcu,
	.schedule		= native_schedule,
	.schedule_on		= native_schedule_on,
	.schedule_delayed	= native_schedule_delayed,
	.schedule_delayed_on	= native_schedule_delayed_on,
	.execute		= native_execute,
	.call_on		= native_call_on,
	.flush_rcu		= native_flush_rcu,
	.enable_and_queue	= native_enable_and_queue,
	.disable_delayed	= native_disable_delayed,
	.disable_delayed_sync	= native_disable_delayed_sync,
	.enable_delayed		= native_enable_delayed,
	.busy			= native_busy,
	.congested		= native_congested,
	.mem_reclaim		= native_mem_reclaim,
};
