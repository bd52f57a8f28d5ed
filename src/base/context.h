/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The context that a work function must restore before it returns.
 */
#ifndef CMWQ2_CONTEXT_H
#define CMWQ2_CONTEXT_H

#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include <cmwq2/workqueue.h>

/*
 * On PREEMPT_RT disabled softirqs are counted in the task, elsewhere in the
 * preempt count.
 */
struct cmwq2_context {
	int	preempt;
	int	softirq;	/* on PREEMPT_RT only */
	int	rcu;
	int	locks;
};

__cold void cmwq2_leaked(struct cmwq2_context was, cmwq2_work_func_t func);

static inline struct cmwq2_context cmwq2_context(void)
{
	return (struct cmwq2_context) {
		.preempt = preempt_count(),
		.softirq = IS_ENABLED(CONFIG_PREEMPT_RT) ? softirq_count() : 0,
		.rcu = rcu_preempt_depth(),
#ifdef CONFIG_LOCKDEP
		.locks = lockdep_depth(current),
#endif
	};
}

static inline void cmwq2_check_context(struct cmwq2_context was, cmwq2_work_func_t func)
{
	struct cmwq2_context is = cmwq2_context();

	if (unlikely(is.preempt != was.preempt || is.softirq != was.softirq ||
		     is.rcu != was.rcu || is.locks != was.locks))
		cmwq2_leaked(was, func);
}

#endif /* CMWQ2_CONTEXT_H */
