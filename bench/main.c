// SPDX-License-Identifier: GPL-2.0
/*
 * The module's init and exit.
 */
#include <linux/module.h>

#include <cmwq2/version.h>

#include "control/sysfs.h"

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
