/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which CPUs form a pod, for each affinity scope.
 */
#ifndef CMWQ2_TOPOLOGY_H
#define CMWQ2_TOPOLOGY_H

#include <linux/cpumask.h>

#include <cmwq2/workqueue.h>

struct cmwq2_pods;

int cmwq2_topology_init(void);
void cmwq2_topology_exit(void);
const struct cpumask *cmwq2_pod(enum cmwq2_affn_scope scope, int cpu);
const char *cmwq2_affn_name(enum cmwq2_affn_scope scope);
int cmwq2_shards_new(unsigned int size, struct cmwq2_pods **pods);
void cmwq2_shards_swap(struct cmwq2_pods **pods);
void cmwq2_shards_free(struct cmwq2_pods *pods);
enum cmwq2_affn_scope cmwq2_default_affn_scope(void);

#endif /* CMWQ2_TOPOLOGY_H */
