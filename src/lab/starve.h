/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes the creation of workers fail or stall, for tests.
 */
#ifndef CMWQ2_STARVE_H
#define CMWQ2_STARVE_H

#include "base/types.h"

void cmwq2_starve_init(void);
void cmwq2_starve_exit(void);
void cmwq2_starve_pool_init(struct cmwq2_pool *pool);
bool cmwq2_starve_fails(struct cmwq2_pool *pool);
bool cmwq2_starve_stall(struct cmwq2_pool *pool);
void cmwq2_starve_pause(struct cmwq2_pool *pool);

#endif /* CMWQ2_STARVE_H */
