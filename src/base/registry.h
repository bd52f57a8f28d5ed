/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lists of all pools and all queues, and the locks that more than one file takes.
 */
#ifndef CMWQ2_REGISTRY_H
#define CMWQ2_REGISTRY_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "base/types.h"

extern struct mutex cmwq2_pool_mutex;
extern struct mutex cmwq2_attach_mutex;
extern raw_spinlock_t cmwq2_mayday_lock;
extern struct list_head cmwq2_workqueues;	/* PR */
extern struct xarray cmwq2_pools;		/* PR: pools by id */

void cmwq2_list_wq(struct cmwq2_wq *wq);
void cmwq2_unlist_wq(struct cmwq2_wq *wq);
struct cmwq2_pwq *cmwq2_cpu_pwq(struct cmwq2_wq *wq, int cpu);

#endif /* CMWQ2_REGISTRY_H */
