// SPDX-License-Identifier: GPL-2.0
/*
 * Reports a work function that returns in a changed context, and repairs that.
 */
#include <linux/bottom_half.h>
#include <linux/pid.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/context.h"
#include "base/health.h"

/*
 * Let the worker go on as if nothing had been left behind: what ended with the
 * function cannot be in use any more. A lock stays held, because it cannot be
 * taken away from whoever waits for its release.
 */
static void cmwq2_restore_context(struct cmwq2_context was)
{
	int softirq = cmwq2_context_softirq(was);

	/*
	 * Do not just set the count: lockdep has its own record of softirqs.
	 * This must come first: on PREEMPT_RT, disabling softirqs also enters
	 * an RCU read-side section, which ends here. A BH item begins with one
	 * softirq counted.
	 */
	while (softirq_count() > softirq)
		local_bh_enable();
	while (rcu_preempt_depth() > was.rcu) {
		__acquire(RCU); /* for sparse: it was not in this function */
		rcu_read_unlock();
	}
	preempt_count_set(was.preempt);
	/*
	 * While preemption was off, enabling softirqs has left this as it was.
	 * A thread that stays on its CPU for ever keeps it from going offline.
	 */
	while (cmwq2_context_migration(cmwq2_context()) > cmwq2_context_migration(was))
		migrate_enable();
}

/* @func returned in another context than @was: report and repair it. Context: that of @func. */
void cmwq2_leaked(struct cmwq2_context was, cmwq2_work_func_t func)
{
	struct cmwq2_context is = cmwq2_context();

	cmwq2_health_add(CMWQ2_HEALTH_LEAKS);
	pr_err("%s: %s[%d]: %ps returned with preempt count %#x, was %#x; RCU depth %d, was %d; locks held %d, was %d; migration disabled %d times, was %d\n",
	       cmwq2_bug(), current->comm, task_pid_nr(current), func,
	       is.preempt | cmwq2_context_softirq(is), was.preempt | cmwq2_context_softirq(was),
	       is.rcu, was.rcu, is.locks, was.locks,
	       cmwq2_context_migration(is), cmwq2_context_migration(was));
	debug_show_held_locks(current);
	dump_stack();
	cmwq2_restore_context(was);
}
