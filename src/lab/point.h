/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Points at which a test can hold a thread or an interrupt. A point that is not in use is
 * a patched-out jump.
 */
#ifndef CMWQ2_POINT_H
#define CMWQ2_POINT_H

#include <linux/jump_label.h>
#include <linux/sched.h>

#include <cmwq2/control.h>

#include "base/types.h"
#include "base/wake_list.h"

DECLARE_STATIC_KEY_FALSE(cmwq2_points_on);
void cmwq2_point_hit(enum cmwq2_point point, struct cmwq2_pool *pool, struct task_struct *task);

static inline void cmwq2_point(enum cmwq2_point point, struct cmwq2_pool *pool)
{
	if (static_branch_unlikely(&cmwq2_points_on))
		cmwq2_point_hit(point, pool, current);
}

/* The point after pool->lock is dropped and before the wakeup, if there is a task to wake. */
static inline void cmwq2_point_picked(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl)
{
	if (static_branch_unlikely(&cmwq2_points_on) && wl->nr)
		cmwq2_point_hit(CMWQ2_POINT_PICKED, pool, cmwq2_without_here(wl->task[0]));
}

#endif /* CMWQ2_POINT_H */
