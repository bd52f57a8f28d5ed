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
 * preempt count. There they, and spinlocks, also keep the task on its CPU. Each
 * item stores this, so it is kept small.
 */
struct cmwq2_context {
	int	preempt;
	u16	rcu;
	u16	locks;
#ifdef CONFIG_PREEMPT_RT
	int	softirq;
	int	migration;	/* how often it is disabled */
#endif
};

__cold void cmwq2_leaked(struct cmwq2_context was, cmwq2_work_func_t func);

static inline struct cmwq2_context cmwq2_context(void)
{
	return (struct cmwq2_context) {
		.preempt = preempt_count(),
		.rcu = rcu_preempt_depth(),
#ifdef CONFIG_LOCKDEP
		.locks = lockdep_depth(current),
#endif
#ifdef CONFIG_PREEMPT_RT
		.softirq = softirq_count(),
#ifdef CONFIG_SMP
		.migration = current->migration_disabled,
#endif
#endif
	};
}

/* The disabled softirqs that the context counts. */
static inline int cmwq2_context_softirq(struct cmwq2_context context)
{
#ifdef CONFIG_PREEMPT_RT
	return context.softirq;
#else
	return context.preempt & SOFTIRQ_MASK;
#endif
}

static inline int cmwq2_context_migration(struct cmwq2_context context)
{
#ifdef CONFIG_PREEMPT_RT
	return context.migration;
#else
	return 0;
#endif
}

static inline void cmwq2_check_context(struct cmwq2_context was, cmwq2_work_func_t func)
{
	struct cmwq2_context is = cmwq2_context();

	if (unlikely(is.preempt != was.preempt || is.rcu != was.rcu || is.locks != was.locks ||
		     cmwq2_context_softirq(is) != cmwq2_context_softirq(was) ||
		     cmwq2_context_migration(is) != cmwq2_context_migration(was)))
		cmwq2_leaked(was, func);
}

#endif /* CMWQ2_CONTEXT_H */
