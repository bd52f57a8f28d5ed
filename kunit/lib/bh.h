/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What suites of BH queues share.
 */
#ifndef CMWQ2_KUNIT_BH_H
#define CMWQ2_KUNIT_BH_H

#include "env.h"

#define BH	(TW_PERCPU | TW_BH)
#define BH_HI	(BH | TW_HIGHPRI)

/* The environment of a test that runs on both engines, and of one for cmwq2 alone. */
struct tw_env *bh_env(struct kunit *test);
struct tw_env *bh_env_cmwq2(struct kunit *test);

/* Binds the test to the first CPU. Skips the test if there is no other CPU. */
void bh_two_cpus(struct kunit *test);

/* An item that sets @val to 1 if it runs in softirq context. */
void bh_fn_softirq(struct tw_item *it);

#endif /* CMWQ2_KUNIT_BH_H */
