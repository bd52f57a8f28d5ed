// SPDX-License-Identifier: GPL-2.0
/*
 * What suites of BH queues share, see bh.h.
 */
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "bh.h"

struct tw_env *bh_env(struct kunit *test)
{
	const struct tw_engine *engine = test->param_value;
	struct tw_env *e;

	if (!CMWQ2_HAVE_NATIVE_BH && engine == &tw_engines[TW_NATIVE])
		kunit_skip(test, "this kernel's workqueue has no WQ_BH");
	e = tw_env(test);
	e->bh = true;
	return e;
}

struct tw_env *bh_env_cmwq2(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	e->bh = true;
	return e;
}

void bh_two_cpus(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(tw_cpu(0))), 0);
}

void bh_fn_softirq(struct tw_item *it)
{
	it->val = in_serving_softirq() && !in_hardirq() && !irqs_disabled();
	it->finished = 1;
}
