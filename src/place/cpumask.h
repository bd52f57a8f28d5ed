/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changing the CPUs that unbound queues may use.
 */
#ifndef CMWQ2_CPUMASK_H
#define CMWQ2_CPUMASK_H

void cmwq2_cpumask_init(void);
void cmwq2_unbound_online(unsigned int cpu);
void cmwq2_unbound_offline(unsigned int cpu);

#endif /* CMWQ2_CPUMASK_H */
