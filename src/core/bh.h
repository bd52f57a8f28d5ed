/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pools that run in softirq context.
 */
#ifndef CMWQ2_BH_H
#define CMWQ2_BH_H

#include <linux/completion.h>

#include "base/types.h"

int cmwq2_bh_pool_init(struct cmwq2_pool *pool);
void cmwq2_bh_pool_exit(struct cmwq2_pool *pool);
void cmwq2_bh_stop(void);
void cmwq2_bh_kick(struct cmwq2_pool *pool);
void cmwq2_bh_wait(struct cmwq2_pool *pool, struct completion *done);
struct cmwq2_worker *cmwq2_bh_current_worker(void);

#endif /* CMWQ2_BH_H */
