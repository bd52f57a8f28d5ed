/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In front of each file of the driver, by -include: first what its files define
 * for the kernel's headers, then all of the kernel's headers that its files name,
 * then the line. What the files include after this is the driver's own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <cmwq2/shim.h>
