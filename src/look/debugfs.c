// SPDX-License-Identifier: GPL-2.0
/*
 * Files in /sys/kernel/debug/cmwq2. They are no stable interface and may
 * change.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <cmwq2/control.h>

#include "base/health.h"
#include "base/param.h"
#include "lab/choices.h"
#include "lab/stacks.h"
#include "look/debugfs.h"
#include "look/histograms.h"
#include "look/lockstat.h"
#include "look/show.h"

static struct dentry *cmwq2_debugfs;	/* I */

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

/* The policies that can be switched, and what their values mean. */
static int cmwq2_policies_show(struct seq_file *m, void *unused)
{
	cmwq2_policies_seq(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cmwq2_policies);

/* Backtraces of who queued which item last. */
static int cmwq2_stacks_show(struct seq_file *m, void *unused)
{
	cmwq2_stacks_seq(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cmwq2_stacks);

static int cmwq2_health_show(struct seq_file *m, void *unused)
{
	int i;

	for (i = 0; i < CMWQ2_HEALTH_NR; i++)
		seq_printf(m, "%s %lu\n", cmwq2_health_name(i), cmwq2_health(i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cmwq2_health);

static int cmwq2_latency_file_show(struct seq_file *m, void *unused)
{
	cmwq2_latency_show(m);
	return 0;
}

static int cmwq2_latency_open(struct inode *inode, struct file *file)
{
	return single_open(file, cmwq2_latency_file_show, NULL);
}

static ssize_t cmwq2_latency_write(struct file *file, const char __user *text, size_t len,
				   loff_t *pos)
{
	char word[33] = "";

	if (copy_from_user(word, text, min(len, sizeof(word) - 1)))
		return -EFAULT;
	if (!sysfs_streq(word, "reset")) {
		pr_err("latency: %*pE: allowed: reset\n", cmwq2_shown(word), word);
		return -EINVAL;
	}
	cmwq2_latency_reset();
	return len;
}

static const struct file_operations cmwq2_latency_fops = {
	.owner = THIS_MODULE,
	.open = cmwq2_latency_open,
	.read = seq_read,
	.write = cmwq2_latency_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* Without debugfs there are no files, but the module loads all the same. */
void cmwq2_debugfs_init(void)
{
	cmwq2_debugfs = debugfs_create_dir("cmwq2", NULL);
	debugfs_create_file("dump", 0400, cmwq2_debugfs, NULL, &cmwq2_dump_fops);
	debugfs_create_file("stalls", 0400, cmwq2_debugfs, NULL, &cmwq2_stalls_fops);
	debugfs_create_file("policies", 0444, cmwq2_debugfs, NULL, &cmwq2_policies_fops);
	debugfs_create_file("health", 0400, cmwq2_debugfs, NULL, &cmwq2_health_fops);
	debugfs_create_file("lock_stat", 0600, cmwq2_debugfs, NULL, &cmwq2_lock_stat_fops);
	debugfs_create_file("stacks", 0400, cmwq2_debugfs, NULL, &cmwq2_stacks_fops);
	debugfs_create_file("latency", 0600, cmwq2_debugfs, NULL, &cmwq2_latency_fops);
}

void cmwq2_debugfs_exit(void)
{
	debugfs_remove(cmwq2_debugfs);
}
