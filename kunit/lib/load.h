/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A load for tests that switch something while it runs, or run it under a policy.
 */
#ifndef CMWQ2_KUNIT_LOAD_H
#define CMWQ2_KUNIT_LOAD_H

#include "check.h"

void tw_load(struct tw_env *e, unsigned int flags, unsigned int rounds);

#endif /* CMWQ2_KUNIT_LOAD_H */
