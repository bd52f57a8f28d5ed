// SPDX-License-Identifier: GPL-2.0
/*
 * The folder /sys/kernel/cmwq2_bench/ with all of its files.
 */
#include <linux/errno.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "control/config.h"
#include "control/defaults.h"
#include "control/runs.h"
#include "control/state.h"
#include "control/sysfs.h"

static struct kobject *bench_kobj;

static const struct attribute_group *bench_groups[] = {
	&bench_config_group,
	&bench_run_group,
	NULL,
};

/**
 * bench_sysfs_init - create the files
 *
 * Return: 0, or an error number, in which case no file is left behind.
 */
int bench_sysfs_init(void)
{
	int ret;

	bench_default_config(&bench_config);
	bench_kobj = kobject_create_and_add("cmwq2_bench", kernel_kobj);
	if (!bench_kobj)
		return -ENOMEM;
	ret = sysfs_create_bin_file(bench_kobj, &bench_result_attr);
	if (!ret)
		ret = sysfs_create_groups(bench_kobj, bench_groups);
	if (ret)
		kobject_put(bench_kobj);
	return ret;
}

/**
 * bench_sysfs_exit - remove the files, and wait for accesses in progress to end
 */
void bench_sysfs_exit(void)
{
	sysfs_remove_groups(bench_kobj, bench_groups);
	sysfs_remove_bin_file(bench_kobj, &bench_result_attr);
	kobject_put(bench_kobj);
	bench_drop_result();
}
