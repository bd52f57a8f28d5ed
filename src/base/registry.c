// SPDX-License-Identifier: GPL-2.0
/*
 * The lists of all pools and all queues, and the locks that more than one file takes.
 * base/types.h says what each lock protects, and in which order they are taken.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "base/registry.h"
#include "base/types.h"

DEFINE_MUTEX(cmwq2_pool_mutex);	/* guards PL and PR */
DEFINE_XARRAY_ALLOC(cmwq2_pools);
LIST_HEAD(cmwq2_workqueues);
DEFINE_RAW_SPINLOCK(cmwq2_mayday_lock);

/* Exported for tests that make a rescuer wait for it. */
struct mutex cmwq2_attach_mutex = __MUTEX_INITIALIZER(cmwq2_attach_mutex);
EXPORT_SYMBOL_GPL(cmwq2_attach_mutex);

/* Make a new queue known to others. Context: cmwq2_pool_mutex held. */
void cmwq2_list_wq(struct cmwq2_wq *wq)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	list_add_tail_rcu(&wq->list, &cmwq2_workqueues);
}

/* Context: cmwq2_pool_mutex held. Readers under RCU may still use the queue. */
void cmwq2_unlist_wq(struct cmwq2_wq *wq)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	list_del_rcu(&wq->list);
}

/* The pwq that items queued on @cpu go to, or NULL. Context: RCU read-side section. */
struct cmwq2_pwq *cmwq2_cpu_pwq(struct cmwq2_wq *wq, int cpu)
{
	if (!wq || cpu < 0 || cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return NULL;
	return rcu_dereference(*per_cpu_ptr(wq->cpu_pwq, cpu));
}
