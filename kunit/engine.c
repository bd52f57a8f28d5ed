// SPDX-License-Identifier: GPL-2.0
/*
 * The two engines behind struct tw_ops.
 */
#include <linux/module.h>

#include "engine.h"

static void native_fn(struct work_struct *work)
{
	tw_run_item(container_of(work, struct tw_item, native));
}

static void *native_alloc(const char *name, unsigned int flags, int max_active)
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
	if (flags & TW_ORDERED)
		return alloc_ordered_workqueue("%s", wqf, name);
	wqf |= flags & TW_UNBOUND ? WQ_UNBOUND : WQ_PERCPU;
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

static void native_init(struct tw_item *it)
{
	INIT_WORK(&it->native, native_fn);
}

static void native_init_delayed(struct tw_item *it)
{
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

static bool native_pending(struct tw_item *it)
{
	return work_pending(&it->native);
}

static struct tw_item *native_current_item(void)
{
	struct work_struct *work = current_work();

	return work ? container_of(work, struct tw_item, native) : NULL;
}

static const struct tw_ops native_ops = {
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
};

static void cmwq2_fn(struct cmwq2_work *work)
{
	tw_run_item(container_of(work, struct tw_item, cmwq2));
}

static void *cmwq2_alloc(const char *name, unsigned int flags, int max_active)
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
	if (flags & TW_ORDERED)
		return cmwq2_alloc_ordered_workqueue("%s", wqf, name);
	wqf |= flags & TW_UNBOUND ? CMWQ2_WQ_UNBOUND : CMWQ2_WQ_PERCPU;
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
	CMWQ2_INIT_WORK(&it->cmwq2, cmwq2_fn);
}

static void cmwq2_init_delayed(struct tw_item *it)
{
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

static const struct tw_ops cmwq2_ops = {
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
};

const struct tw_engine tw_engines[TW_NR_ENGINES] = {
	[TW_NATIVE]	= { "native", &native_ops },
	[TW_CMWQ2]	= { "cmwq2", &cmwq2_ops },
};

MODULE_DESCRIPTION("KUnit suites of cmwq2, run on it and on the kernel's workqueue");
MODULE_LICENSE("GPL");
