// SPDX-License-Identifier: GPL-2.0
/*
 * Which CPUs form a pod, for each affinity scope.
 *
 * The pods are computed when the module is loaded, except for the cache shards,
 * whose size can change. A CPU that is offline at that time tells nothing about
 * its caches and is a pod of its own in the scopes below numa.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/math.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/topology.h>

#include <cmwq2/workqueue.h>

#include "base/param.h"
#include "base/registry.h"
#include "core/pwq.h"
#include "place/attrs.h"
#include "place/topology.h"

static const char *const cmwq2_affn_names[CMWQ2_AFFN_NR] = {
	[CMWQ2_AFFN_DFL]		= "default",
	[CMWQ2_AFFN_CPU]		= "cpu",
	[CMWQ2_AFFN_SMT]		= "smt",
	[CMWQ2_AFFN_CACHE]		= "cache",
	[CMWQ2_AFFN_CACHE_SHARD]	= "cache_shard",
	[CMWQ2_AFFN_NUMA]		= "numa",
	[CMWQ2_AFFN_SYSTEM]		= "system",
};

/* The pods of one scope. */
struct cmwq2_pods {
	unsigned int		*first;		/* by CPU: the first CPU of its pod */
	cpumask_var_t		*cpus;		/* by first CPU: the pod's CPUs */
};

static struct cmwq2_pods *cmwq2_pods[CMWQ2_AFFN_NR];	/* PL */

/* PL. The affinity scope of unbound queues that have none of their own. */
static unsigned int cmwq2_dfl_affn_scope = CMWQ2_AFFN_CACHE_SHARD;
/* PL. How many cores of a last-level cache share a pool, as near as they can be divided. */
static unsigned int cmwq2_shard_size = 8;

enum cmwq2_affn_scope cmwq2_default_affn_scope(void)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	return cmwq2_dfl_affn_scope;
}

const char *cmwq2_affn_name(enum cmwq2_affn_scope scope)
{
	return cmwq2_affn_names[scope];
}

/**
 * cmwq2_parse_affn_scope - find an affinity scope by its name
 * @name: as in the kernel's affinity_scope files; a newline may follow
 *
 * Return: the enum cmwq2_affn_scope, or -EINVAL with a message that lists the
 * names.
 */
int cmwq2_parse_affn_scope(const char *name)
{
	int scope = name ? sysfs_match_string(cmwq2_affn_names, name) : -EINVAL;

	if (scope < 0)
		pr_err("affinity scope %*pE: allowed: default, cpu, smt, cache, cache_shard, numa, system\n",
		       name ? cmwq2_shown(name) : 6, name ?: "(null)");
	return scope;
}
EXPORT_SYMBOL_GPL(cmwq2_parse_affn_scope);

static unsigned int cmwq2_core_of(unsigned int cpu)
{
	unsigned int core = cpumask_first(topology_sibling_cpumask(cpu));

	return core < nr_cpu_ids ? core : cpu;
}

/*
 * The shard of a core within its cache. The number of shards is chosen so that
 * their size comes closest to the wanted one. If the cores do not divide
 * evenly, the first shards get one core more.
 */
static unsigned int cmwq2_shard_of(unsigned int cpu, unsigned int wanted)
{
	const unsigned int *cores_first = cmwq2_pods[CMWQ2_AFFN_SMT]->first;
	unsigned int core = cores_first[cpu], cores = 0, index = 0, other;
	unsigned int shards, size, larger;

	for_each_cpu(other, cmwq2_pod(CMWQ2_AFFN_CACHE, core)) {
		if (cores_first[other] != other)
			continue;
		index += other < core;
		cores++;
	}
	shards = max(1U, DIV_ROUND_CLOSEST(cores, wanted));
	size = max(1U, cores / shards);
	larger = (cores % shards) * (size + 1);
	if (index < larger)
		return index / (size + 1);
	return cores % shards + (index - larger) / size;
}

/* CPUs with the same key form a pod. */
static unsigned int cmwq2_pod_key(enum cmwq2_affn_scope scope, unsigned int cpu,
				  unsigned int shard_size)
{
	switch (scope) {
	case CMWQ2_AFFN_CPU:
		return cpu;
	case CMWQ2_AFFN_SMT:
		return cmwq2_core_of(cpu);
	case CMWQ2_AFFN_CACHE:
		return cpu_online(cpu) ? cmwq2_llc_id(cpu) : ~cpu;
	case CMWQ2_AFFN_CACHE_SHARD:
		return cmwq2_shard_of(cpu, shard_size) * nr_cpu_ids +
		       cmwq2_pods[CMWQ2_AFFN_CACHE]->first[cpu];
	case CMWQ2_AFFN_NUMA:
		return cpu_to_node(cpu);
	default:
		return 0;
	}
}

/* Build the pods from @keys, which has one key for each CPU. */
static int cmwq2_pods_join(struct cmwq2_pods *pods, const unsigned int *keys)
{
	unsigned int cpu, first;

	for_each_possible_cpu(cpu) {
		for_each_possible_cpu(first)
			if (keys[first] == keys[cpu])
				break;
		if (first == cpu && !zalloc_cpumask_var(&pods->cpus[cpu], GFP_KERNEL))
			return -ENOMEM;
		pods->first[cpu] = first;
		cpumask_set_cpu(cpu, pods->cpus[first]);
	}
	return 0;
}

static void cmwq2_pods_free(struct cmwq2_pods *pods)
{
	int cpu;

	if (!pods)
		return;
	if (pods->cpus)
		for_each_possible_cpu(cpu)
			free_cpumask_var(pods->cpus[cpu]);
	kvfree(pods->cpus);
	kvfree(pods->first);
	kfree(pods);
}

static struct cmwq2_pods *cmwq2_pods_new(enum cmwq2_affn_scope scope, unsigned int shard_size)
{
	unsigned int *keys = kvcalloc(nr_cpu_ids, sizeof(*keys), GFP_KERNEL);
	struct cmwq2_pods *pods = kzalloc(sizeof(*pods), GFP_KERNEL);
	unsigned int cpu;

	if (!keys || !pods)
		goto err;
	pods->first = kvcalloc(nr_cpu_ids, sizeof(*pods->first), GFP_KERNEL);
	pods->cpus = kvcalloc(nr_cpu_ids, sizeof(*pods->cpus), GFP_KERNEL);
	if (!pods->first || !pods->cpus)
		goto err;
	for_each_possible_cpu(cpu)
		keys[cpu] = cmwq2_pod_key(scope, cpu, shard_size);
	if (cmwq2_pods_join(pods, keys))
		goto err;
	kvfree(keys);
	return pods;

err:
	kvfree(keys);
	cmwq2_pods_free(pods);
	return NULL;
}

/**
 * cmwq2_pod - the CPUs of the pod that a CPU is in
 * @scope: affinity scope, not CMWQ2_AFFN_DFL
 * @cpu: possible CPU
 *
 * Context: cmwq2_pool_mutex held as long as the result is used.
 * Return: possible CPUs, @cpu among them.
 */
const struct cpumask *cmwq2_pod(enum cmwq2_affn_scope scope, int cpu)
{
	struct cmwq2_pods *pods = cmwq2_pods[scope];

	lockdep_assert_held(&cmwq2_pool_mutex);
	return pods->cpus[pods->first[cpu]];
}

/**
 * cmwq2_shards_new - compute the pods of scope cache_shard
 * @size: cores in a shard, at least 1
 * @pods: set to the pods, for cmwq2_shards_swap(); or to NULL if the module is
 *	not initialised yet or not any more
 *
 * Context: process; cmwq2_pool_mutex held.
 * Return: 0 or -ENOMEM.
 */
int cmwq2_shards_new(unsigned int size, struct cmwq2_pods **pods)
{
	*pods = NULL;
	if (!cmwq2_pods[CMWQ2_AFFN_CACHE_SHARD])
		return 0;
	*pods = cmwq2_pods_new(CMWQ2_AFFN_CACHE_SHARD, size);
	return *pods ? 0 : -ENOMEM;
}

/* Exchange the pods in use with @pods. cmwq2_pool_mutex held. */
void cmwq2_shards_swap(struct cmwq2_pods **pods)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	swap(cmwq2_pods[CMWQ2_AFFN_CACHE_SHARD], *pods);
}

void cmwq2_shards_free(struct cmwq2_pods *pods)
{
	cmwq2_pods_free(pods);
}

int cmwq2_topology_init(void)
{
	int scope, ret = 0;

	mutex_lock(&cmwq2_pool_mutex);
	/* The order matters: shards are made of caches and cores. */
	for (scope = CMWQ2_AFFN_CPU; scope < CMWQ2_AFFN_NR; scope++) {
		cmwq2_pods[scope] = cmwq2_pods_new(scope, cmwq2_shard_size);
		if (!cmwq2_pods[scope])
			ret = -ENOMEM;
		if (ret)
			break;
	}
	mutex_unlock(&cmwq2_pool_mutex);
	if (ret)
		cmwq2_topology_exit();
	return ret;
}

void cmwq2_topology_exit(void)
{
	int scope;

	mutex_lock(&cmwq2_pool_mutex);
	for (scope = 0; scope < CMWQ2_AFFN_NR; scope++) {
		cmwq2_pods_free(cmwq2_pods[scope]);
		cmwq2_pods[scope] = NULL;
	}
	mutex_unlock(&cmwq2_pool_mutex);
}

static int cmwq2_set_scope(struct cmwq2_param *param, const char *value)
{
	unsigned int old = cmwq2_dfl_affn_scope;
	int scope = cmwq2_parse_affn_scope(value), ret;

	if (scope < 0)
		return scope;
	if (scope == CMWQ2_AFFN_DFL) {
		pr_err("%s=default: allowed: any scope other than default\n", param->name);
		return -EINVAL;
	}
	cmwq2_dfl_affn_scope = scope;
	ret = cmwq2_rebuild_queues();
	if (ret)
		cmwq2_dfl_affn_scope = old;
	return ret;
}

static const char *cmwq2_get_scope(struct cmwq2_param *param)
{
	return cmwq2_affn_name(cmwq2_dfl_affn_scope);
}

CMWQ2_PARAM(default_affinity_scope, scope,
	    "Scope of unbound workqueues: cpu, smt, cache, cache_shard (default), numa, system",
	    .before = cmwq2_pwqs_throttle);
CMWQ2_PARAM(cache_shard_size, number,
	    "Cores of a last-level cache that share a pool in scope cache_shard (default 8)",
	    .number = &cmwq2_shard_size, .min = 1, .max = 8192,
	    .changing = cmwq2_set_cache_shard_size, .before = cmwq2_pwqs_throttle);
