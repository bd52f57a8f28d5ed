// SPDX-License-Identifier: GPL-2.0
/*
 * The module's init and exit, and the lists of its engines and workloads.
 */
#include <linux/module.h>
#include <linux/string.h>

#include <cmwq2/version.h>

#include "base/types.h"

const char * const bench_queue_names[BENCH_QUEUE_NR] = {
	[BENCH_QUEUE_PERCPU]	= "percpu",
	[BENCH_QUEUE_UNBOUND]	= "unbound",
	[BENCH_QUEUE_ORDERED]	= "ordered",
};

static const struct bench_engine * const bench_engines[] = {
	&bench_native,
	&bench_cmwq2,
	&bench_floor,
	&bench_mt,
};

/**
 * bench_find_engine - look up an entry of the list of engines
 * @name: "engine" or "engine:profile"
 * @profile: set to the profile inside @name, or to NULL if there is none
 *
 * Return: the engine, or NULL if there is no such engine, the profile is empty
 * or the engine takes none.
 */
const struct bench_engine *bench_find_engine(const char *name, const char **profile)
{
	size_t len = strcspn(name, ":");
	unsigned int i;

	*profile = name[len] ? name + len + 1 : NULL;
	if (*profile && !**profile)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(bench_engines); i++) {
		const struct bench_engine *engine = bench_engines[i];

		if (strlen(engine->name) != len || strncmp(engine->name, name, len))
			continue;
		return !*profile || engine->takes_profile ? engine : NULL;
	}
	return NULL;
}

/* The first one is the default. */
static const struct bench_workload * const bench_workloads[] = {
	&bench_roundtrip,
	&bench_batch,
	&bench_fanout,
	&bench_delayed,
	&bench_create,
	&bench_flush,
	&bench_drain,
	&bench_cancel,
	&bench_block,
	&bench_burst,
	&bench_switch,
	&bench_perfwq,
	&bench_rescue,
};

/**
 * bench_find_workload - look up a workload
 * @name: as written to config_workload, or NULL for the default
 *
 * Return: the workload, or NULL if there is none of that name.
 */
const struct bench_workload *bench_find_workload(const char *name)
{
	unsigned int i;

	if (!name)
		return bench_workloads[0];
	for (i = 0; i < ARRAY_SIZE(bench_workloads); i++)
		if (sysfs_streq(bench_workloads[i]->name, name))
			return bench_workloads[i];
	return NULL;
}

/**
 * bench_workload_names - list the workloads for a message
 * @buf: gets the names, separated by commas
 * @size: of @buf
 */
void bench_workload_names(char *buf, size_t size)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bench_workloads); i++)
		len += scnprintf(buf + len, size - len, "%s%s", i ? ", " : "",
				 bench_workloads[i]->name);
}

static int __init bench_init(void)
{
	return bench_sysfs_init();
}

static void __exit bench_exit(void)
{
	bench_sysfs_exit();
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Compares cmwq2 with the kernel's workqueues");
MODULE_VERSION(CMWQ2_VERSION);
MODULE_LICENSE("GPL");
