// SPDX-License-Identifier: GPL-2.0
/*
 * The list of workloads.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/types.h>

#include "base/types.h"
#include "workload/workload.h"

/* The first one is the default. */
static const struct bench_workload * const bench_workloads[] = {
	&bench_roundtrip,
	&bench_batch,
	&bench_fanout,
	&bench_delayed,
	&bench_busy,
	&bench_stream,
	&bench_mixed,
	&bench_imbalance,
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
