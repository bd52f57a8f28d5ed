/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unbound pools that all CPUs share, and items that keep their workers running.
 */
#ifndef CMWQ2_KUNIT_SHARED_H
#define CMWQ2_KUNIT_SHARED_H

#include "hold.h"

struct tw_wq *tw_shared_wq(struct tw_env *e, unsigned int flags, int max_active, int nice);
void tw_fn_run_on(struct tw_item *it);

#endif /* CMWQ2_KUNIT_SHARED_H */
