// SPDX-License-Identifier: GPL-2.0
/*
 * Files in /sys/kernel/debug/cmwq2. Not an interface: they may change.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "internal.h"

struct dentry *cmwq2_debugfs;

/* The same text as cmwq2_show_all_workqueues(). */
static int cmwq2_dump_show(struct seq_file *m, void *unused)
{
	cmwq2_show_seq(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cmwq2_dump);

/* Why items wait. */
static int cmwq2_stalls_show(struct seq_file *m, void *unused)
{
	cmwq2_stalls_seq(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cmwq2_stalls);

static int cmwq2_health_show(struct seq_file *m, void *unused)
{
	int i;

	for (i = 0; i < CMWQ2_HEALTH_NR; i++)
		seq_printf(m, "%s %lu\n", cmwq2_health_name(i), cmwq2_health(i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cmwq2_health);

/* Without debugfs there are no files, which is no reason not to load. */
void cmwq2_debugfs_init(void)
{
	cmwq2_debugfs = debugfs_create_dir("cmwq2", NULL);
	debugfs_create_file("dump", 0400, cmwq2_debugfs, NULL, &cmwq2_dump_fops);
	debugfs_create_file("stalls", 0400, cmwq2_debugfs, NULL, &cmwq2_stalls_fops);
	debugfs_create_file("health", 0400, cmwq2_debugfs, NULL, &cmwq2_health_fops);
	debugfs_create_file("lock_stat", 0600, cmwq2_debugfs, NULL, &cmwq2_lock_stat_fops);
}

void cmwq2_debugfs_exit(void)
{
	debugfs_remove(cmwq2_debugfs);
}
