// SPDX-License-Identifier: GPL-2.0
/* The module of the mailbox, a driver of several files with its own header. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/module.h>

#include "mailbox.h"

static struct mailbox box;

static int get_delivered(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&box.delivered));
}

static const struct kernel_param_ops delivered_ops = { .get = get_delivered };
module_param_cb(delivered, &delivered_ops, NULL, 0444);
MODULE_PARM_DESC(delivered, "messages that were taken out");

module_param_string(by, box.by, sizeof(box.by), 0444);
MODULE_PARM_DESC(by, "name of the thread that took the last one out");

static int __init mailbox_init(void)
{
	int err = mailbox_open(&box);

	if (err)
		return err;
	mailbox_start(&box);
	return 0;
}

static void __exit mailbox_exit(void)
{
	mailbox_close(&box);
	pr_info("%d of %d messages delivered\n", atomic_read(&box.delivered),
		atomic_read(&box.posted));
}

module_init(mailbox_init);
module_exit(mailbox_exit);

MODULE_DESCRIPTION("sample driver of several files for <cmwq2/shim.h>");
MODULE_LICENSE("GPL");
