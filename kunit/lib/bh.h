/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What suites of BH queues share.
 */
#ifndef CMWQ2_KUNIT_BH_H
#define CMWQ2_KUNIT_BH_H

#include <linux/bottom_half.h>
#include <linux/preempt.h>

#include "env.h"

#define BH	(TW_PERCPU | TW_BH)
#define BH_HI	(BH | TW_HIGHPRI)

/* The environment of a test that runs on both engines, and of one for cmwq2 alone. */
struct tw_env *bh_env(struct kunit *test);
struct tw_env *bh_env_cmwq2(struct kunit *test);

/* Binds the test to the first CPU. Skips the test if there is no other CPU. */
void bh_two_cpus(struct kunit *test);

/*
 * Until bh_release() no BH item runs on this CPU, so that items can be pending together.
 * Preemption is off as well, because on PREEMPT_RT a thread runs the items. Nothing in
 * between may sleep.
 */
static inline void bh_hold(void)
{
	local_bh_disable();
	preempt_disable();
}

static inline void bh_release(void)
{
	preempt_enable();
	local_bh_enable();
}

/* An item that sets @val to 1 if it runs in softirq context. */
void bh_fn_softirq(struct tw_item *it);

#endif /* CMWQ2_KUNIT_BH_H */
