// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of one file. Its delayed item counts its own runs and queues itself
 * again. One line after the last of the kernel's headers moves it to cmwq2.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <cmwq2/shim.h>

static int count;
module_param(count, int, 0444);
MODULE_PARM_DESC(count, "how often the item has run");

static char by[TASK_COMM_LEN] = "nobody";
module_param_string(by, by, sizeof(by), 0444);
MODULE_PARM_DESC(by, "name of the thread that ran it last");

static void counter_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(counter_work, counter_fn);
static struct workqueue_struct *counter_wq;

static void counter_fn(struct work_struct *work)
{
	get_task_comm(by, current);
	WRITE_ONCE(count, count + 1);
	queue_delayed_work(counter_wq, to_delayed_work(work), HZ / 50);
}

static int __init counter_init(void)
{
	counter_wq = alloc_workqueue("counter", WQ_UNBOUND, 0);
	if (!counter_wq)
		return -ENOMEM;
	queue_delayed_work(counter_wq, &counter_work, 0);
	return 0;
}

static void __exit counter_exit(void)
{
	cancel_delayed_work_sync(&counter_work);
	destroy_workqueue(counter_wq);
	pr_info("%d runs\n", count);
}

module_init(counter_init);
module_exit(counter_exit);

MODULE_DESCRIPTION("sample driver of one file for <cmwq2/shim.h>");
MODULE_LICENSE("GPL");
