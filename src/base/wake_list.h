/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A wake list: tasks that are picked under pool->lock and woken after the lock is dropped.
 */
#ifndef CMWQ2_WAKE_LIST_H
#define CMWQ2_WAKE_LIST_H

#include <linux/sched.h>

/*
 * The list is on the stack of the context that holds pool->lock. It holds no
 * reference to the tasks. Instead, that context enters an RCU read-side section
 * before it drops the lock and leaves it after cmwq2_wake_up(). RCU keeps the
 * task_structs for that long.
 */
struct cmwq2_wake_list {
	unsigned int		nr;
	unsigned int		here;	/* bit for each task: woken on this CPU */
	struct task_struct	*task[2];
};

/* An initializer would also clear the array of tasks, on each enqueue, for nothing. */
static inline struct cmwq2_wake_list cmwq2_no_wakeups(void)
{
	struct cmwq2_wake_list wl;

	wl.nr = 0;
	wl.here = 0;
	return wl;
}

#define CMWQ2_DEFINE_WAKE_LIST(name)	struct cmwq2_wake_list name = cmwq2_no_wakeups()

#endif /* CMWQ2_WAKE_LIST_H */
