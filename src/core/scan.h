/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scan timer, which finds hogs and blocked workers that the scheduler hook missed.
 */
#ifndef CMWQ2_SCAN_H
#define CMWQ2_SCAN_H

#include "base/types.h"

void cmwq2_scan_pool_init(struct cmwq2_pool *pool);
void cmwq2_scan_watch(struct cmwq2_worker *worker);
void cmwq2_scan_stop(struct cmwq2_pool *pool);
void cmwq2_scan_hold(struct cmwq2_pool *pool);
void cmwq2_scan_resume(struct cmwq2_pool *pool);
void cmwq2_sched_arm_scan(struct cmwq2_pool *pool);

#endif /* CMWQ2_SCAN_H */
