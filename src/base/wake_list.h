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
	struct task_struct	*task[2];	/* some with CMWQ2_WAKE_HERE */
};

/*
 * This bit in the pointer to a task says that the task is to run on the CPU that wakes
 * it. It costs an enqueue less than a field of its own would.
 */
#define CMWQ2_WAKE_HERE		1UL

static inline struct task_struct *cmwq2_with_here(struct task_struct *task)
{
	return (struct task_struct *)((unsigned long)task | CMWQ2_WAKE_HERE);
}

static inline struct task_struct *cmwq2_without_here(struct task_struct *task)
{
	return (struct task_struct *)((unsigned long)task & ~CMWQ2_WAKE_HERE);
}

static inline struct cmwq2_wake_list *cmwq2_no_wakeups(struct cmwq2_wake_list *wl)
{
	wl->nr = 0;
	return wl;
}

/*
 * Each enqueue has such a list, and only its number has to be set. An initializer would clear
 * the array of tasks as well. The attribute keeps CONFIG_INIT_STACK_ALL_ZERO from doing so,
 * and the second declaration sets the number.
 */
#define CMWQ2_DEFINE_WAKE_LIST(name)						\
	struct cmwq2_wake_list name __uninitialized;				\
	struct cmwq2_wake_list *__empty_##name __maybe_unused = cmwq2_no_wakeups(&name)

#endif /* CMWQ2_WAKE_LIST_H */
