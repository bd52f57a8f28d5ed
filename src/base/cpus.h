/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The CPUs that unbound queues may use, and the CPUs that are online.
 */
#ifndef CMWQ2_CPUS_H
#define CMWQ2_CPUS_H

#include <linux/cpumask.h>

extern struct cpumask cmwq2_effective_mask;
extern struct cpumask cmwq2_online_mask;

void cmwq2_set_effective_cpus(const struct cpumask *cpus);
const struct cpumask *cmwq2_fallback_cpus(void);
int cmwq2_select_cpu(void);

#endif /* CMWQ2_CPUS_H */
