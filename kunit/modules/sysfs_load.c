// SPDX-License-Identifier: GPL-2.0
/*
 * cmwq2_sysfs_load: queues of both engines that are shown in sysfs and have
 * items in flight, while the suite cmwq2_sysfs reads and writes their files.
 *
 * run=N ends the load and waits for its items. Then items_lost has the number
 * of items that did not run as often as they were queued, and items_disordered
 * the number of items of ordered queues that ran out of order.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <cmwq2/workqueue.h>

#define NR_ITEMS	8

struct load_queue;

/**
 * struct load_item - an item that is queued again when it has run
 * @native: the item, if its queue is the kernel's
 * @cmwq2: the item, if its queue is cmwq2's
 * @queue: where it is queued
 * @busy: true from its queueing to the end of its run
 * @seq: its place among the queue's items
 */
struct load_item {
	union {
		struct work_struct	native;
		struct cmwq2_work	cmwq2;
	};
	struct load_queue	*queue;
	bool			busy;
	long			seq;
};

/**
 * struct load_queue - a queue under load
 * @name: in sysfs
 * @native: the queue, if it is the kernel's
 * @cmwq2: the queue, if it is cmwq2's
 * @flags: of its allocation
 * @ordered: whether its items have an order
 * @queued: items queued so far
 * @ran: items that ran
 * @disordered: items of an ordered queue that ran out of order
 * @items: its items
 */
struct load_queue {
	const char		*name;
	struct workqueue_struct	*native;
	struct cmwq2_wq		*cmwq2;
	unsigned int		flags;
	bool			ordered;
	long			queued;
	atomic_long_t		ran;
	long			disordered;
	struct load_item	items[NR_ITEMS];
};

static struct load_queue load_native[] = {
	{ .name = "load_percpu", .flags = WQ_PERCPU | WQ_SYSFS },
	{ .name = "load_unbound", .flags = WQ_UNBOUND | WQ_SYSFS },
	{ .name = "load_ordered", .flags = CMWQ2_NATIVE_ORDERED_SYSFS, .ordered = true },
};

static struct load_queue load_cmwq2[] = {
	{ .name = "load_percpu", .flags = CMWQ2_WQ_PERCPU | CMWQ2_WQ_SYSFS },
	{ .name = "load_unbound", .flags = CMWQ2_WQ_UNBOUND | CMWQ2_WQ_SYSFS },
	{ .name = "load_ordered", .flags = CMWQ2_WQ_SYSFS, .ordered = true },
};

static struct task_struct *load_task;
static DEFINE_MUTEX(load_lock);		/* protects load_task */

static long items_lost = -1;
module_param(items_lost, long, 0444);
MODULE_PARM_DESC(items_lost, "items that did not run as often as they were queued; -1 while it runs");
static long items_disordered = -1;
module_param(items_disordered, long, 0444);
MODULE_PARM_DESC(items_disordered, "items of ordered queues that ran out of order; -1 while it runs");
static long items_ran = -1;
module_param(items_ran, long, 0444);
MODULE_PARM_DESC(items_ran, "items that ran; -1 while it runs");

static void load_fn(struct load_item *it)
{
	struct load_queue *q = it->queue;
	long nr = atomic_long_inc_return(&q->ran);

	/* An ordered queue runs one item at a time, so these need no lock. */
	if (q->ordered && it->seq != nr)
		q->disordered++;
	/* Pairs with the load in load_queue_item(), which then sets @seq. */
	smp_store_release(&it->busy, false);
}

static void load_native_fn(struct work_struct *work)
{
	load_fn(container_of(work, struct load_item, native));
}

static void load_cmwq2_fn(struct cmwq2_work *work)
{
	load_fn(container_of(work, struct load_item, cmwq2));
}

static void load_queue_item(struct load_queue *q, struct load_item *it)
{
	/* Pairs with the store in load_fn(), which has read @seq by then. */
	if (smp_load_acquire(&it->busy))
		return;
	it->busy = true;
	it->seq = ++q->queued;
	if (q->native)
		queue_work(q->native, &it->native);
	else
		cmwq2_queue_work(q->cmwq2, &it->cmwq2);
}

static void load_queue_all(struct load_queue *queues, int nr)
{
	int i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < NR_ITEMS; j++)
			load_queue_item(&queues[i], &queues[i].items[j]);
}

static int load_thread(void *unused)
{
	while (!kthread_should_stop()) {
		load_queue_all(load_native, ARRAY_SIZE(load_native));
		load_queue_all(load_cmwq2, ARRAY_SIZE(load_cmwq2));
		schedule_timeout_interruptible(1);
	}
	return 0;
}

static int load_make(struct load_queue *q, bool native)
{
	int i;

	for (i = 0; i < NR_ITEMS; i++) {
		q->items[i].queue = q;
		if (native)
			INIT_WORK(&q->items[i].native, load_native_fn);
		else
			CMWQ2_INIT_WORK(&q->items[i].cmwq2, load_cmwq2_fn);
	}
	if (native)
		q->native = q->ordered ? alloc_ordered_workqueue("%s", q->flags, q->name) :
					 alloc_workqueue("%s", q->flags, 0, q->name);
	else
		q->cmwq2 = q->ordered ? cmwq2_alloc_ordered_workqueue("%s", q->flags, q->name) :
					cmwq2_alloc_workqueue("%s", q->flags, 0, q->name);
	return q->native || q->cmwq2 ? 0 : -ENOMEM;
}

static void load_count(struct load_queue *q)
{
	items_lost += abs(q->queued - atomic_long_read(&q->ran));
	items_disordered += q->disordered;
	items_ran += atomic_long_read(&q->ran);
}

static void load_end(void)
{
	int i;

	mutex_lock(&load_lock);
	if (load_task) {
		kthread_stop(load_task);
		load_task = NULL;
		items_lost = 0;
		items_disordered = 0;
		items_ran = 0;
		for (i = 0; i < ARRAY_SIZE(load_native); i++) {
			drain_workqueue(load_native[i].native);
			load_count(&load_native[i]);
		}
		for (i = 0; i < ARRAY_SIZE(load_cmwq2); i++) {
			cmwq2_drain_workqueue(load_cmwq2[i].cmwq2);
			load_count(&load_cmwq2[i]);
		}
	}
	mutex_unlock(&load_lock);
}

static int load_run_set(const char *value, const struct kernel_param *kp)
{
	bool on;

	if (kstrtobool(value, &on) || on) {
		pr_err("run: allowed: N, after the module is loaded\n");
		return -EINVAL;
	}
	load_end();
	return 0;
}

static int load_run_get(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%c\n", READ_ONCE(load_task) ? 'Y' : 'N');
}

static const struct kernel_param_ops load_run_ops = {
	.set = load_run_set,
	.get = load_run_get,
};
module_param_cb(run, &load_run_ops, NULL, 0644);
MODULE_PARM_DESC(run, "N ends the load");

static void load_destroy(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(load_native); i++)
		if (load_native[i].native)
			destroy_workqueue(load_native[i].native);
	for (i = 0; i < ARRAY_SIZE(load_cmwq2); i++)
		cmwq2_destroy_workqueue(load_cmwq2[i].cmwq2);
}

static int __init load_init(void)
{
	struct task_struct *task;
	int i, ret = 0;

	for (i = 0; i < ARRAY_SIZE(load_native) && !ret; i++)
		ret = load_make(&load_native[i], true);
	for (i = 0; i < ARRAY_SIZE(load_cmwq2) && !ret; i++)
		ret = load_make(&load_cmwq2[i], false);
	if (!ret) {
		task = kthread_run(load_thread, NULL, "sysfs_load");
		if (!IS_ERR(task)) {
			load_task = task;
			return 0;
		}
		ret = PTR_ERR(task);
	}
	load_destroy();
	return ret;
}

static void __exit load_exit(void)
{
	load_end();
	load_destroy();
}

module_init(load_init);
module_exit(load_exit);
MODULE_DESCRIPTION("Queues in sysfs under load, for tests of cmwq2");
MODULE_LICENSE("GPL");
