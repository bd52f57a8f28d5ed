/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finding pools by CPU and by attributes.
 */
#ifndef CMWQ2_POOL_H
#define CMWQ2_POOL_H

#include "base/types.h"

int cmwq2_pools_init(void);
void cmwq2_pools_exit(void);
struct cmwq2_pool *cmwq2_cpu_pool(int cpu, bool highpri);
struct cmwq2_pool *cmwq2_bh_pool(int cpu, bool highpri);
struct cmwq2_pool *cmwq2_get_unbound_pool(const struct cmwq2_attrs *attrs,
					  const struct cpumask *pod);
void cmwq2_put_unbound_pool(struct cmwq2_pool *pool);
bool cmwq2_pool_matches(struct cmwq2_pool *pool, const struct cmwq2_attrs *attrs,
			const struct cpumask *pod);

#endif /* CMWQ2_POOL_H */
