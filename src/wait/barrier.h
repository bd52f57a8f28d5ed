/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting for one item, by a barrier that runs after it.
 */
#ifndef CMWQ2_BARRIER_H
#define CMWQ2_BARRIER_H

#include "base/types.h"

bool cmwq2_wait_for_work(struct cmwq2_work *work, bool cancelled);
struct task_struct *cmwq2_barrier_waiter(struct cmwq2_work *work);

#endif /* CMWQ2_BARRIER_H */
