// SPDX-License-Identifier: GPL-2.0
/*
 * A work function that does not give back what it took: told, and put right.
 */
#include <linux/bottom_half.h>
#include <linux/printk.h>
#include <linux/sched/debug.h>

#include "context.h"
#include "internal.h"

/*
 * The worker goes on as if nothing had been left behind: what ended with the
 * function cannot be in use any more. A lock cannot be taken away from whoever
 * waits for it to be released, it stays held.
 */
static void cmwq2_restore_context(struct cmwq2_context was)
{
	int softirq = IS_ENABLED(CONFIG_PREEMPT_RT) ? was.softirq : was.preempt & SOFTIRQ_MASK;

	/*
	 * Not by the count alone: lockdep keeps book of softirqs by itself. And
	 * first: on PREEMPT_RT a thread whose softirqs are off is in RCU because of
	 * that, and leaves it here. A BH item begins with one softirq counted.
	 */
	while (softirq_count() > softirq)
		local_bh_enable();
	while (rcu_preempt_depth() > was.rcu) {
		__acquire(RCU); /* for sparse: it was not in this function */
		rcu_read_unlock();
	}
	preempt_count_set(was.preempt);
}

/* The function @func came back with @is in place of @was. Context: that of @func. */
void cmwq2_leaked(struct cmwq2_context was, cmwq2_work_func_t func)
{
	struct cmwq2_context is = cmwq2_context();

	cmwq2_health_add(CMWQ2_HEALTH_LEAKS);
	pr_err("%s: %s[%d]: %ps returned with preempt count %#x, was %#x; RCU depth %d, was %d; locks held %d, was %d\n",
	       cmwq2_bug(), current->comm, task_pid_nr(current), func,
	       is.preempt | is.softirq, was.preempt | was.softirq, is.rcu, was.rcu, is.locks,
	       was.locks);
	debug_show_held_locks(current);
	dump_stack();
	cmwq2_restore_context(was);
}
