// SPDX-License-Identifier: GPL-2.0
/*
 * Workqueues: creating, destroying and adjusting them.
 */
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/stdarg.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/health.h"
#include "base/helper.h"
#include "base/lockdep.h"
#include "base/misuse.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/active.h"
#include "core/pool.h"
#include "core/pwq.h"
#include "core/rescuer.h"
#include "lab/point.h"
#include "place/attrs.h"
#include "place/sysfs.h"
#include "place/wq.h"
#include "wait/flush.h"

static u64 cmwq2_last_seq;	/* PL */

/* I: whether WQ_POWER_EFFICIENT means WQ_UNBOUND; tests change it. */
bool cmwq2_power_efficient = IS_ENABLED(CONFIG_WQ_POWER_EFFICIENT_DEFAULT);

struct cmwq2_wq *cmwq2_system_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_wq);
struct cmwq2_wq *cmwq2_system_unbound_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_unbound_wq);
struct cmwq2_wq *cmwq2_system_percpu_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_percpu_wq);
struct cmwq2_wq *cmwq2_system_highpri_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_highpri_wq);
struct cmwq2_wq *cmwq2_system_long_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_long_wq);
struct cmwq2_wq *cmwq2_system_dfl_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_dfl_wq);
struct cmwq2_wq *cmwq2_system_dfl_long_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_dfl_long_wq);
struct cmwq2_wq *cmwq2_system_freezable_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_freezable_wq);
struct cmwq2_wq *cmwq2_system_power_efficient_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_power_efficient_wq);
struct cmwq2_wq *cmwq2_system_freezable_power_efficient_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_freezable_power_efficient_wq);
struct cmwq2_wq *cmwq2_system_bh_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_bh_wq);
struct cmwq2_wq *cmwq2_system_bh_highpri_wq;
EXPORT_SYMBOL_GPL(cmwq2_system_bh_highpri_wq);

static int cmwq2_check_name(const char *name)
{
	if (name && *name)
		return 0;
	pr_err("workqueue name \"%s\": allowed: a name of 1 to %d characters\n",
	       name ?: "(null)", CMWQ2_NAME_LEN - 1);
	return -EINVAL;
}

static int cmwq2_check_flags(const char *name, unsigned int flags)
{
	if (flags & ~CMWQ2_WQ_PUBLIC) {
		pr_err("%s: flags %#x: allowed: any of %#x\n", name, flags,
		       CMWQ2_WQ_PUBLIC);
		return -EINVAL;
	}
	if ((flags & CMWQ2_WQ_BH) && (flags & ~CMWQ2_WQ_BH_ALLOWS)) {
		pr_err("%s: flags %#x: allowed with WQ_BH: WQ_HIGHPRI and WQ_PERCPU\n",
		       name, flags);
		return -EINVAL;
	}
	if ((flags & CMWQ2_WQ_PERCPU) && (flags & CMWQ2_WQ_UNBOUND)) {
		pr_err("%s: flags %#x: allowed: WQ_PERCPU or WQ_UNBOUND, not both\n",
		       name, flags);
		return -EINVAL;
	}
	if ((flags & CMWQ2_WQ_ORDERED) && !(flags & CMWQ2_WQ_UNBOUND)) {
		pr_err("%s: flags %#x: an ordered workqueue must be WQ_UNBOUND\n",
		       name, flags);
		return -EINVAL;
	}
	return 0;
}

/*
 * The kernel's own workqueue warns of this once, too. Older kernels have no
 * WQ_PERCPU, so drivers written for them set neither flag and are not wrong.
 */
static void cmwq2_tell_neither(const char *name)
{
	static const char text[] = "neither WQ_PERCPU nor WQ_UNBOUND is set, WQ_PERCPU is used";

	cmwq2_health_add(CMWQ2_HEALTH_MISUSES);
	if (cmwq2_is_on_purpose())
		pr_warn("%s: %s: %s\n", cmwq2_bug(), name, text);
	else
		pr_warn_once("%s: %s\n", name, text);
}

static int cmwq2_check_max_active(const char *name, unsigned int flags, int max_active)
{
	int most = (flags & CMWQ2_WQ_ORDERED) ? 1 : CMWQ2_MAX_ACTIVE;

	/* BH items run one by one on each CPU: there is nothing to limit. */
	if (flags & CMWQ2_WQ_BH) {
		if (!max_active)
			return 0;
		pr_err("%s: max_active %d: allowed with WQ_BH: 0\n", name, max_active);
		return -EINVAL;
	}
	if (max_active >= 1 && max_active <= most)
		return 0;
	pr_err("%s: max_active %d: allowed: 1 to %d\n", name, max_active, most);
	return -EINVAL;
}

static struct cmwq2_wq *cmwq2_wq_new(const char *name, unsigned int flags, int max_active)
{
	struct cmwq2_wq *wq = kzalloc(sizeof(*wq), GFP_KERNEL);

	if (!wq)
		return NULL;
	strscpy(wq->name, name, sizeof(wq->name));
	wq->flags = flags;
	wq->saved_max_active = (flags & CMWQ2_WQ_BH) ? INT_MAX : max_active;
	wq->saved_min_active = min_t(int, max_active, CMWQ2_DFL_MIN_ACTIVE);
	mutex_init(&wq->mutex);
	INIT_LIST_HEAD(&wq->pwqs);
	INIT_LIST_HEAD(&wq->flushers);
	INIT_LIST_HEAD(&wq->overflow);
	INIT_LIST_HEAD(&wq->maydays);
	INIT_LIST_HEAD(&wq->list);

	wq->cpu_pwq = alloc_percpu(struct cmwq2_pwq __rcu *);
	if (!wq->cpu_pwq)
		goto err;
	if ((flags & CMWQ2_WQ_UNBOUND) && cmwq2_nna_alloc(wq))
		goto err;
	return wq;

err:
	cmwq2_wq_free_now(wq);
	return NULL;
}

/*
 * Drop the CPUs' references, so that idle pwqs go away. The last pwq takes the
 * queue along, but this function looks at the queue once more: RCU keeps it
 * until then.
 */
static void cmwq2_put_pwqs(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	int cpu;

	rcu_read_lock();
	for_each_possible_cpu(cpu) {
		struct cmwq2_pwq __rcu **slot = per_cpu_ptr(wq->cpu_pwq, cpu);

		pwq = rcu_dereference_protected(*slot, true);
		RCU_INIT_POINTER(*slot, NULL);
		cmwq2_pwq_put_unlocked(pwq);
	}
	cmwq2_point(CMWQ2_POINT_PUT, NULL);
	pwq = rcu_dereference_protected(wq->dfl_pwq, true);
	RCU_INIT_POINTER(wq->dfl_pwq, NULL);
	cmwq2_pwq_put_unlocked(pwq);
	rcu_read_unlock();
}

static int cmwq2_link_cpu_pwqs(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	int cpu;

	for_each_possible_cpu(cpu) {
		bool highpri = wq->flags & CMWQ2_WQ_HIGHPRI;

		pwq = cmwq2_pwq_alloc(wq, (wq->flags & CMWQ2_WQ_BH) ?
					  cmwq2_bh_pool(cpu, highpri) :
					  cmwq2_cpu_pool(cpu, highpri));
		if (!pwq)
			return -ENOMEM;
		mutex_lock(&wq->mutex);
		cmwq2_pwq_link(pwq);
		rcu_assign_pointer(*per_cpu_ptr(wq->cpu_pwq, cpu), pwq);
		mutex_unlock(&wq->mutex);
	}
	return 0;
}

static int cmwq2_link_unbound_pwqs(struct cmwq2_wq *wq)
{
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	int ret = -ENOMEM;

	if (attrs) {
		if (wq->flags & CMWQ2_WQ_HIGHPRI)
			attrs->nice = CMWQ2_HIGHPRI_NICE;
		ret = cmwq2_apply_attrs_locked(wq, attrs);
	}
	cmwq2_free_workqueue_attrs(attrs);
	return ret;
}

/* Undo a half-made queue. If pwqs are linked to it, the last of them frees it. */
static void cmwq2_wq_abort(struct cmwq2_wq *wq)
{
	bool linked = !list_empty(&wq->pwqs);

	cmwq2_put_pwqs(wq);
	/* Pwqs that were not linked access the queue when they are released. */
	kthread_flush_worker(cmwq2_helper);
	if (!linked)
		cmwq2_wq_free_now(wq);
}

/* Returns the queue, or an ERR_PTR() after a message. */
static struct cmwq2_wq *cmwq2_wq_create(const char *name, unsigned int flags, int max_active)
{
	struct cmwq2_wq *wq;
	int ret;

	if ((flags & CMWQ2_WQ_POWER_EFFICIENT) && READ_ONCE(cmwq2_power_efficient))
		flags = (flags & ~CMWQ2_WQ_PERCPU) | CMWQ2_WQ_UNBOUND;
	wq = cmwq2_wq_new(name, flags, max_active);
	if (!wq) {
		pr_err("%s: cannot be created, error %d\n", name, -ENOMEM);
		return ERR_PTR(-ENOMEM);
	}
	/* In one critical section: a change of all queues is either over or finds this one. */
	mutex_lock(&cmwq2_pool_mutex);
	ret = (flags & CMWQ2_WQ_UNBOUND) ? cmwq2_link_unbound_pwqs(wq) : cmwq2_link_cpu_pwqs(wq);
	if (!ret)
		ret = cmwq2_rescuer_start(wq);
	if (!ret) {
		mutex_lock(&wq->mutex);
		cmwq2_adjust_max_active(wq);
		mutex_unlock(&wq->mutex);
		wq->seq = ++cmwq2_last_seq;
		cmwq2_list_wq(wq);
	}
	mutex_unlock(&cmwq2_pool_mutex);
	if (ret) {
		pr_err("%s: cannot be created, error %d\n", name, ret);
		cmwq2_wq_abort(wq);
		return ERR_PTR(ret);
	}
	return wq;
}

static __printf(1, 0) struct cmwq2_wq *cmwq2_wq_alloc(const char *fmt, unsigned int flags,
						      int max_active, struct lockdep_map *map,
						      va_list args)
{
	char name[CMWQ2_NAME_LEN];
	struct cmwq2_wq *wq;

	if (cmwq2_check_name(fmt))
		return NULL;
	if (vsnprintf(name, sizeof(name), fmt, args) >= sizeof(name))
		pr_warn_once("workqueue name is truncated to \"%s\"\n", name);

	if (!(flags & CMWQ2_WQ_BH))
		max_active = max_active ?: CMWQ2_DFL_ACTIVE;
	if (cmwq2_check_name(name) || cmwq2_check_flags(name, flags) ||
	    cmwq2_check_max_active(name, flags, max_active))
		return NULL;
	if (!(flags & (CMWQ2_WQ_PERCPU | CMWQ2_WQ_UNBOUND))) {
		cmwq2_tell_neither(name);
		flags |= CMWQ2_WQ_PERCPU;
	}

	__module_get(THIS_MODULE);
	wq = cmwq2_wq_create(name, flags, max_active);
	if (IS_ERR(wq)) {
		module_put(THIS_MODULE);
		return NULL;
	}
	cmwq2_wq_map_init(wq, map);
	if ((flags & CMWQ2_WQ_SYSFS) && cmwq2_workqueue_sysfs_register(wq)) {
		cmwq2_destroy_workqueue(wq);
		return NULL;
	}
	return wq;
}

/**
 * cmwq2_alloc_workqueue - create a workqueue
 * @fmt: printf format of the name, cut after 31 characters
 * @flags: enum cmwq2_wq_flags; without WQ_PERCPU and WQ_UNBOUND it is per CPU,
 *	which is reported once
 * @max_active: items that may run at once, on each CPU or, if unbound, in all,
 *	shared out to the NUMA nodes; 1 to 2048, or 0 for 1024; only 0 with
 *	WQ_BH, where items run one by one on each CPU
 *
 * Unlike the kernel's function this one does not repair an invalid argument: it
 * reports it and fails. As long as the queue exists the module cannot be
 * unloaded.
 *
 * Context: process, may sleep, GFP_KERNEL.
 * Return: the queue, or NULL with a message.
 */
struct cmwq2_wq *cmwq2_alloc_workqueue(const char *fmt, unsigned int flags,
				       int max_active, ...)
{
	struct cmwq2_wq *wq;
	va_list args;

	va_start(args, max_active);
	wq = cmwq2_wq_alloc(fmt, flags, max_active, NULL, args);
	va_end(args);
	return wq;
}
EXPORT_SYMBOL_GPL(cmwq2_alloc_workqueue);

#ifdef CONFIG_LOCKDEP
/**
 * cmwq2_alloc_workqueue_lockdep_map - create a workqueue with the caller's map
 * @fmt: see cmwq2_alloc_workqueue()
 * @flags: likewise
 * @max_active: likewise
 * @map: an initialised map that outlives the queue and may serve several
 *	queues; NULL for a map of the queue's own
 *
 * For callers that create and destroy many queues: a queue with a map of its
 * own uses up one of lockdep's classes. Only available with CONFIG_LOCKDEP.
 *
 * Context: process, may sleep, GFP_KERNEL.
 * Return: the queue, or NULL with a message.
 */
struct cmwq2_wq *cmwq2_alloc_workqueue_lockdep_map(const char *fmt, unsigned int flags,
						   int max_active, struct lockdep_map *map, ...)
{
	struct cmwq2_wq *wq;
	va_list args;

	va_start(args, map);
	wq = cmwq2_wq_alloc(fmt, flags, max_active, map, args);
	va_end(args);
	return wq;
}
EXPORT_SYMBOL_GPL(cmwq2_alloc_workqueue_lockdep_map);
#endif

static void cmwq2_devm_destroy(void *wq)
{
	cmwq2_destroy_workqueue(wq);
}

/**
 * cmwq2_devm_alloc_workqueue - create a workqueue that goes with a device
 * @dev: device; the queue is destroyed when its driver is unbound
 * @fmt: see cmwq2_alloc_workqueue()
 * @flags: likewise
 * @max_active: likewise
 *
 * Context: process, may sleep, GFP_KERNEL.
 * Return: the queue, or NULL.
 */
struct cmwq2_wq *cmwq2_devm_alloc_workqueue(struct device *dev, const char *fmt,
					    unsigned int flags, int max_active, ...)
{
	struct cmwq2_wq *wq;
	va_list args;

	if (cmwq2_is_missing(dev))
		return NULL;
	va_start(args, max_active);
	wq = cmwq2_wq_alloc(fmt, flags, max_active, NULL, args);
	va_end(args);
	/* This destroys the queue if the action cannot be recorded. */
	if (wq && devm_add_action_or_reset(dev, cmwq2_devm_destroy, wq))
		return NULL;
	return wq;
}
EXPORT_SYMBOL_GPL(cmwq2_devm_alloc_workqueue);

static void cmwq2_wq_destroy(struct cmwq2_wq *wq)
{
	/* First, so that user space finds no queue that is going away. */
	cmwq2_sysfs_unregister(wq);

	mutex_lock(&wq->mutex);
	WRITE_ONCE(wq->flags, wq->flags | CMWQ2_WQ_DESTROYING);
	mutex_unlock(&wq->mutex);

	cmwq2_drain_workqueue(wq);
	/* Only a bug of the engine or of the user leaves items behind. */
	if (WARN(!cmwq2_wq_is_empty(wq), "%s: the workqueue was drained, but still has items\n",
		 wq->name))
		return;

	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_unlist_wq(wq);
	mutex_unlock(&cmwq2_pool_mutex);
	/* Only now, because whoever finds a queue on the list may use its rescuer. */
	cmwq2_rescuer_stop(wq);
	/* The last pwq takes the queue with it. */
	cmwq2_put_pwqs(wq);
}

/**
 * cmwq2_destroy_workqueue - wait for a queue's items and destroy the queue
 * @wq: workqueue or NULL
 *
 * Items that are still in their delay must be cancelled before.
 *
 * Context: process, may sleep.
 */
void cmwq2_destroy_workqueue(struct cmwq2_wq *wq)
{
	if (!wq)
		return;
	cmwq2_wq_destroy(wq);
	cmwq2_pwqs_throttle();
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(cmwq2_destroy_workqueue);

/**
 * cmwq2_workqueue_set_max_active - change how many items may run at once
 * @wq: workqueue, not an ordered and not a BH one
 * @max_active: 1 to 2048
 *
 * Items that a higher limit admits are started. min_active is lowered to
 * @max_active if it is higher.
 *
 * Context: process, may sleep.
 * Return: 0 or -EINVAL with a message, nothing changed.
 */
int cmwq2_workqueue_set_max_active(struct cmwq2_wq *wq, int max_active)
{
	if (cmwq2_is_missing(wq))
		return -EINVAL;
	if (cmwq2_wq_is(wq, CMWQ2_WQ_ORDERED)) {
		pr_err("%s: max_active %d: allowed: 1, as the workqueue is ordered\n", wq->name,
		       max_active);
		return -EINVAL;
	}
	if (cmwq2_wq_is(wq, CMWQ2_WQ_BH)) {
		pr_err("%s: max_active %d: a BH workqueue has no max_active\n", wq->name,
		       max_active);
		return -EINVAL;
	}
	if (cmwq2_check_max_active(wq->name, READ_ONCE(wq->flags), max_active))
		return -EINVAL;

	mutex_lock(&cmwq2_pool_mutex);
	mutex_lock(&wq->mutex);
	WRITE_ONCE(wq->saved_max_active, max_active);
	wq->saved_min_active = min(wq->saved_min_active, max_active);
	cmwq2_adjust_max_active(wq);
	mutex_unlock(&wq->mutex);
	mutex_unlock(&cmwq2_pool_mutex);
	return 0;
}
EXPORT_SYMBOL_GPL(cmwq2_workqueue_set_max_active);

/**
 * cmwq2_workqueue_set_min_active - change how many items every node may run
 * @wq: unbound workqueue, not an ordered one
 * @min_active: 1 to the queue's max_active; the default is 8, or max_active if
 *	that is less
 *
 * max_active is divided between the nodes by their CPUs, but each node may run
 * at least this many items, which may wait for each other. Unlike the kernel's
 * function, which clamps the value and accepts 0, this one refuses a value that
 * is out of range.
 *
 * Context: process, may sleep.
 * Return: 0 or -EINVAL with a message, nothing changed.
 */
int cmwq2_workqueue_set_min_active(struct cmwq2_wq *wq, int min_active)
{
	int ret = 0;

	if (cmwq2_is_missing(wq))
		return -EINVAL;
	if (!cmwq2_wq_is(wq, CMWQ2_WQ_UNBOUND) || cmwq2_wq_is(wq, CMWQ2_WQ_ORDERED)) {
		pr_err("%s: min_active %d: only unbound workqueues that are not ordered have a min_active\n",
		       wq->name, min_active);
		return -EINVAL;
	}

	mutex_lock(&cmwq2_pool_mutex);
	mutex_lock(&wq->mutex);
	if (min_active < 1 || min_active > wq->saved_max_active) {
		pr_err("%s: min_active %d: allowed: 1 to %d\n", wq->name, min_active,
		       wq->saved_max_active);
		ret = -EINVAL;
	} else {
		wq->saved_min_active = min_active;
		cmwq2_adjust_max_active(wq);
	}
	mutex_unlock(&wq->mutex);
	mutex_unlock(&cmwq2_pool_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_workqueue_set_min_active);

static const struct {
	struct cmwq2_wq	**wq;
	const char	*name;
	unsigned int	flags;
} cmwq2_system_wqs[] = {
	{ &cmwq2_system_wq, "cmwq2_events", CMWQ2_WQ_PERCPU | CMWQ2_WQ_DEPRECATED },
	{ &cmwq2_system_unbound_wq, "cmwq2_events_unbound",
	  CMWQ2_WQ_UNBOUND | CMWQ2_WQ_DEPRECATED },
	{ &cmwq2_system_percpu_wq, "cmwq2_percpu", CMWQ2_WQ_PERCPU },
	{ &cmwq2_system_highpri_wq, "cmwq2_highpri", CMWQ2_WQ_PERCPU | CMWQ2_WQ_HIGHPRI },
	{ &cmwq2_system_long_wq, "cmwq2_long", CMWQ2_WQ_PERCPU },
	{ &cmwq2_system_dfl_wq, "cmwq2_dfl", CMWQ2_WQ_UNBOUND },
	{ &cmwq2_system_dfl_long_wq, "cmwq2_dfl_long", CMWQ2_WQ_UNBOUND },
	{ &cmwq2_system_freezable_wq, "cmwq2_freezable",
	  CMWQ2_WQ_PERCPU | CMWQ2_WQ_FREEZABLE },
	{ &cmwq2_system_power_efficient_wq, "cmwq2_power_efficient",
	  CMWQ2_WQ_PERCPU | CMWQ2_WQ_POWER_EFFICIENT },
	{ &cmwq2_system_freezable_power_efficient_wq, "cmwq2_freezable_pwr_efficient",
	  CMWQ2_WQ_PERCPU | CMWQ2_WQ_FREEZABLE | CMWQ2_WQ_POWER_EFFICIENT },
	{ &cmwq2_system_bh_wq, "cmwq2_bh", CMWQ2_WQ_PERCPU | CMWQ2_WQ_BH },
	{ &cmwq2_system_bh_highpri_wq, "cmwq2_bh_highpri",
	  CMWQ2_WQ_PERCPU | CMWQ2_WQ_HIGHPRI | CMWQ2_WQ_BH },
};

/* These queues hold no reference to the module, because they live as long as it does. */
int cmwq2_system_wqs_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_system_wqs); i++) {
		unsigned int flags = cmwq2_system_wqs[i].flags;
		bool unbound = flags & CMWQ2_WQ_UNBOUND;
		struct cmwq2_wq *wq;

		wq = cmwq2_wq_create(cmwq2_system_wqs[i].name, flags,
				     unbound ? CMWQ2_UNBOUND_MAX_ACTIVE : CMWQ2_DFL_ACTIVE);
		if (IS_ERR(wq)) {
			cmwq2_system_wqs_exit();
			return PTR_ERR(wq);
		}
		*cmwq2_system_wqs[i].wq = wq;
		cmwq2_wq_map_init(wq, NULL);
	}
	return 0;
}

void cmwq2_system_wqs_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_system_wqs); i++) {
		if (*cmwq2_system_wqs[i].wq)
			cmwq2_wq_destroy(*cmwq2_system_wqs[i].wq);
		*cmwq2_system_wqs[i].wq = NULL;
	}
}

CMWQ2_PARAM_MODE(0444, power_efficient, flag,
		 "Whether power-efficient workqueues are unbound; fixed once loaded",
		 .flag = &cmwq2_power_efficient);
