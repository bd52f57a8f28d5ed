/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names for the kernel's own workqueue, for drivers that include
 * <cmwq2/shim.h>. Behind that line the usual names mean cmwq2's items and
 * queues. Some functions of the kernel, such as ieee80211_queue_work(), take an
 * item of the kernel, though. A driver keeps such an item on the kernel's
 * workqueue by these names; Documentation/drivers.rst shows how.
 */
#ifndef CMWQ2_NATIVE_H
#define CMWQ2_NATIVE_H

#include <linux/workqueue.h>

#ifdef CMWQ2_SHIM_H
#error "<cmwq2/native.h> has to be read before the names are mapped: <cmwq2/shim.h> includes it"
#endif

typedef struct work_struct native_work_t;
typedef struct delayed_work native_delayed_work_t;
typedef struct rcu_work native_rcu_work_t;
typedef struct workqueue_struct native_workqueue_t;
typedef work_func_t native_work_func_t;

/* Items. Lockdep has a class for each place where an item is initialised. */

static inline void native_init_work_key(native_work_t *work, native_work_func_t func,
					const char *name, struct lock_class_key *key)
{
	INIT_WORK(work, func);
	lockdep_init_map(&work->lockdep_map, name, key, 0);
}

static inline void native_init_delayed_work_key(native_delayed_work_t *dwork,
						native_work_func_t func, const char *name,
						struct lock_class_key *key)
{
	INIT_DELAYED_WORK(dwork, func);
	lockdep_init_map(&dwork->work.lockdep_map, name, key, 0);
}

#define native_init_work(work, func)					\
	do {								\
		static struct lock_class_key __key;			\
									\
		native_init_work_key((work), (func), "(work_completion)" #work, &__key); \
	} while (0)
#define native_init_delayed_work(dwork, func)				\
	do {								\
		static struct lock_class_key __key;			\
									\
		native_init_delayed_work_key((dwork), (func),		\
					     "(work_completion)" #dwork, &__key); \
	} while (0)

static inline native_delayed_work_t *native_to_delayed_work(native_work_t *work)
{
	return to_delayed_work(work);
}

static inline native_rcu_work_t *native_to_rcu_work(native_work_t *work)
{
	return to_rcu_work(work);
}

static inline bool native_work_pending(native_work_t *work)
{
	return work_pending(work);
}

static inline bool native_delayed_work_pending(native_delayed_work_t *dwork)
{
	return delayed_work_pending(dwork);
}

static inline bool native_schedule_work(native_work_t *work)
{
	return schedule_work(work);
}

static inline bool native_queue_work(native_workqueue_t *wq, native_work_t *work)
{
	return queue_work(wq, work);
}

static inline bool native_flush_work(native_work_t *work)
{
	return flush_work(work);
}

static inline bool native_cancel_work(native_work_t *work)
{
	return cancel_work(work);
}

static inline bool native_cancel_work_sync(native_work_t *work)
{
	return cancel_work_sync(work);
}

static inline bool native_schedule_delayed_work(native_delayed_work_t *dwork, unsigned long delay)
{
	return schedule_delayed_work(dwork, delay);
}

static inline bool native_queue_delayed_work(native_workqueue_t *wq, native_delayed_work_t *dwork,
					     unsigned long delay)
{
	return queue_delayed_work(wq, dwork, delay);
}

static inline bool native_mod_delayed_work(native_workqueue_t *wq, native_delayed_work_t *dwork,
					   unsigned long delay)
{
	return mod_delayed_work(wq, dwork, delay);
}

static inline bool native_flush_delayed_work(native_delayed_work_t *dwork)
{
	return flush_delayed_work(dwork);
}

static inline bool native_cancel_delayed_work(native_delayed_work_t *dwork)
{
	return cancel_delayed_work(dwork);
}

static inline bool native_cancel_delayed_work_sync(native_delayed_work_t *dwork)
{
	return cancel_delayed_work_sync(dwork);
}

/* Queues. The flags have the kernel's values, under names of their own. */

enum {
	NATIVE_WQ_FREEZABLE	= WQ_FREEZABLE,
	NATIVE_WQ_MEM_RECLAIM	= WQ_MEM_RECLAIM,
	NATIVE_WQ_HIGHPRI	= WQ_HIGHPRI,
	NATIVE_WQ_SYSFS		= WQ_SYSFS,
};

static inline native_workqueue_t *native_alloc_unbound_workqueue(const char *name,
								 unsigned int flags,
								 int max_active)
{
	return alloc_workqueue("%s", WQ_UNBOUND | flags, max_active, name);
}

static inline native_workqueue_t *native_alloc_ordered_workqueue(const char *name,
								 unsigned int flags)
{
	return alloc_ordered_workqueue("%s", flags, name);
}

static inline void native_flush_workqueue(native_workqueue_t *wq)
{
	flush_workqueue(wq);
}

static inline void native_destroy_workqueue(native_workqueue_t *wq)
{
	destroy_workqueue(wq);
}

#endif /* CMWQ2_NATIVE_H */
