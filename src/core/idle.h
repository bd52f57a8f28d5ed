/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Idle workers, and how they are culled.
 */
#ifndef CMWQ2_IDLE_H
#define CMWQ2_IDLE_H

#include "base/types.h"

void cmwq2_worker_enter_idle(struct cmwq2_worker *worker);
void cmwq2_worker_leave_idle(struct cmwq2_worker *worker);
void cmwq2_worker_set_dying(struct cmwq2_worker *worker, struct list_head *dying);
void cmwq2_unbind_dying(struct list_head *dying);
void cmwq2_idle_pool_init(struct cmwq2_pool *pool);

#endif /* CMWQ2_IDLE_H */
