// SPDX-License-Identifier: GPL-2.0
/*
 * Unbound pools that all CPUs share, and items that keep their workers running.
 */
#include "shared.h"

/**
 * tw_shared_wq - make an unbound queue of cmwq2 whose pool all CPUs share
 * @e: environment, with cmwq2 as its engine
 * @flags: flags of the queue, besides TW_UNBOUND
 * @max_active: max_active of the queue
 * @nice: nice value of the workers; queues with the same one have the same pool, and
 *	queues with default attributes have another one unless it is 0
 *
 * Return: the queue.
 */
struct tw_wq *tw_shared_wq(struct tw_env *e, unsigned int flags, int max_active, int nice)
{
	struct tw_wq *w = tw_alloc(e, flags | TW_UNBOUND, max_active);
	struct cmwq2_attrs *attrs = tw_attrs(e->test);

	attrs->nice = nice;
	attrs->affn_scope = CMWQ2_AFFN_SYSTEM;
	KUNIT_ASSERT_EQ(e->test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	return w;
}

/* Run until the test sets @val, and never sleep. */
void tw_fn_run_on(struct tw_item *it)
{
	while (!READ_ONCE(it->val) && !READ_ONCE(it->env->closing))
		tw_yield();
}
