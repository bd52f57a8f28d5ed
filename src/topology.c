// SPDX-License-Identifier: GPL-2.0
/*
 * Which CPUs belong together, for each affinity scope.
 *
 * Worked out when the module is loaded. A CPU that was offline then tells
 * nothing about its caches and is a pod of its own in the scopes below numa.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/math.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "internal.h"

/* Cores of a last-level cache that share a pool, as near as it divides. */
#define CMWQ2_CACHE_SHARD_SIZE	8

static const char *const cmwq2_affn_names[CMWQ2_AFFN_NR] = {
	[CMWQ2_AFFN_DFL]		= "default",
	[CMWQ2_AFFN_CPU]		= "cpu",
	[CMWQ2_AFFN_SMT]		= "smt",
	[CMWQ2_AFFN_CACHE]		= "cache",
	[CMWQ2_AFFN_CACHE_SHARD]	= "cache_shard",
	[CMWQ2_AFFN_NUMA]		= "numa",
	[CMWQ2_AFFN_SYSTEM]		= "system",
};

/* I: cmwq2_pods[scope][cpu] is the pod's first CPU, cmwq2_pod_cpus its CPUs. */
static unsigned int *cmwq2_pods[CMWQ2_AFFN_NR];
static cpumask_var_t *cmwq2_pod_cpus[CMWQ2_AFFN_NR];

const char *cmwq2_affn_name(enum cmwq2_affn_scope scope)
{
	return cmwq2_affn_names[scope];
}

/**
 * cmwq2_parse_affn_scope - affinity scope by name
 * @name: as in the kernel's affinity_scope files, a newline may follow
 *
 * Return: the enum cmwq2_affn_scope, or -EINVAL with a message that lists the
 * names.
 */
int cmwq2_parse_affn_scope(const char *name)
{
	int scope = name ? sysfs_match_string(cmwq2_affn_names, name) : -EINVAL;

	if (scope < 0)
		pr_err("affinity scope \"%.32s\": allowed: default, cpu, smt, cache, cache_shard, numa, system\n",
		       name ?: "(null)");
	return scope;
}
EXPORT_SYMBOL_GPL(cmwq2_parse_affn_scope);

static unsigned int cmwq2_core_of(unsigned int cpu)
{
	unsigned int core = cpumask_first(topology_sibling_cpumask(cpu));

	return core < nr_cpu_ids ? core : cpu;
}

static bool cmwq2_share_cache(unsigned int a, unsigned int b)
{
	return a == b || (cpu_online(a) && cpu_online(b) &&
			  cmwq2_llc_id(a) == cmwq2_llc_id(b));
}

/*
 * The shard of a core within its cache: the number of shards comes closest to
 * the wanted size, and the first ones take one core more if it does not divide.
 */
static unsigned int cmwq2_shard_of(unsigned int cpu)
{
	unsigned int core = cmwq2_core_of(cpu), cores = 0, index = 0, other;
	unsigned int shards, size, larger;

	for_each_possible_cpu(other) {
		if (cmwq2_core_of(other) != other || !cmwq2_share_cache(core, other))
			continue;
		index += other < core;
		cores++;
	}
	shards = max(1U, DIV_ROUND_CLOSEST(cores, CMWQ2_CACHE_SHARD_SIZE));
	size = max(1U, cores / shards);
	larger = (cores % shards) * (size + 1);
	if (index < larger)
		return index / (size + 1);
	return cores % shards + (index - larger) / size;
}

static bool cmwq2_same_pod(enum cmwq2_affn_scope scope, unsigned int a, unsigned int b)
{
	switch (scope) {
	case CMWQ2_AFFN_CPU:
		return a == b;
	case CMWQ2_AFFN_SMT:
		return cmwq2_core_of(a) == cmwq2_core_of(b);
	case CMWQ2_AFFN_CACHE:
		return cmwq2_share_cache(a, b);
	case CMWQ2_AFFN_CACHE_SHARD:
		return cmwq2_share_cache(a, b) && cmwq2_shard_of(a) == cmwq2_shard_of(b);
	case CMWQ2_AFFN_NUMA:
		return cpu_to_node(a) == cpu_to_node(b);
	default:
		return true;
	}
}

static int cmwq2_join_pod(enum cmwq2_affn_scope scope, unsigned int cpu)
{
	cpumask_var_t *cpus = cmwq2_pod_cpus[scope];
	unsigned int first;

	for_each_possible_cpu(first)
		if (first == cpu || cmwq2_same_pod(scope, first, cpu))
			break;
	if (first == cpu && !zalloc_cpumask_var(&cpus[cpu], GFP_KERNEL))
		return -ENOMEM;
	cmwq2_pods[scope][cpu] = first;
	cpumask_set_cpu(cpu, cpus[first]);
	return 0;
}

/**
 * cmwq2_pod - the CPUs that share a pool with a CPU
 * @scope: affinity scope, not CMWQ2_AFFN_DFL
 * @cpu: possible CPU
 *
 * Return: possible CPUs, @cpu among them.
 */
const struct cpumask *cmwq2_pod(enum cmwq2_affn_scope scope, int cpu)
{
	return cmwq2_pod_cpus[scope][cmwq2_pods[scope][cpu]];
}

int cmwq2_topology_init(void)
{
	int scope, cpu;

	for (scope = CMWQ2_AFFN_CPU; scope < CMWQ2_AFFN_NR; scope++) {
		cmwq2_pods[scope] = kcalloc(nr_cpu_ids, sizeof(*cmwq2_pods[0]), GFP_KERNEL);
		cmwq2_pod_cpus[scope] = kcalloc(nr_cpu_ids, sizeof(cpumask_var_t), GFP_KERNEL);
		if (!cmwq2_pods[scope] || !cmwq2_pod_cpus[scope])
			goto err;
		for_each_possible_cpu(cpu)
			if (cmwq2_join_pod(scope, cpu))
				goto err;
	}
	return 0;

err:
	cmwq2_topology_exit();
	return -ENOMEM;
}

void cmwq2_topology_exit(void)
{
	int scope, cpu;

	for (scope = 0; scope < CMWQ2_AFFN_NR; scope++) {
		if (cmwq2_pod_cpus[scope])
			for_each_possible_cpu(cpu)
				free_cpumask_var(cmwq2_pod_cpus[scope][cpu]);
		kfree(cmwq2_pod_cpus[scope]);
		kfree(cmwq2_pods[scope]);
		cmwq2_pod_cpus[scope] = NULL;
		cmwq2_pods[scope] = NULL;
	}
}
