// SPDX-License-Identifier: GPL-2.0
/*
 * Engine "native": the kernel's own workqueue.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "base/types.h"
#include "engine/engine.h"

static void bench_native_fn(struct work_struct *work)
{
	struct bench_item *item = container_of(work, struct bench_item, native.work);

	item->job(item);
}

static void bench_native_init(struct bench_item *item)
{
	INIT_DELAYED_WORK(&item->native, bench_native_fn);
}

static bool bench_native_is_worker(const struct task_struct *task)
{
	/* The task may change other flags at the same time, but not this one. */
	return data_race(task->flags) & PF_WQ_WORKER;
}

struct bench_scope_request {
	struct path		path;
	const char		*scope;
	int			ret;
	struct completion	done;
};

/* Reads the scope back, because figures for a wrong scope look like those for the right one. */
static int bench_native_write_scope(struct file *file, const char *scope)
{
	char is[BENCH_NAME_LEN];
	loff_t pos = 0;
	ssize_t ret;

	ret = kernel_write(file, scope, strlen(scope), &pos);
	if (ret < 0) {
		pr_err("native: this kernel refuses config_scope '%s' (%zd)\n", scope, ret);
		return ret;
	}
	pos = 0;
	ret = kernel_read(file, is, sizeof(is) - 1, &pos);
	if (ret < 0) {
		pr_err("native: the scope cannot be read back (%zd)\n", ret);
		return ret;
	}
	is[ret] = '\0';
	if (strcmp(strim(is), scope)) {
		pr_err("native: asked for scope '%s', got '%s'\n", scope, is);
		return -EIO;
	}
	return 0;
}

static int bench_native_scope_thread(void *data)
{
	struct bench_scope_request *request = data;
	struct file *file = dentry_open(&request->path, O_RDWR, current_cred());

	if (IS_ERR(file)) {
		pr_err("native: the sysfs file of the scope cannot be opened (%ld)\n",
		       PTR_ERR(file));
		request->ret = PTR_ERR(file);
	} else {
		request->ret = bench_native_write_scope(file, request->scope);
		filp_close(file, NULL);
	}
	/* This call does not return into the module, which may be unloaded from then on. */
	kthread_complete_and_exit(&request->done, 0);
}

/*
 * The kernel exports no function that sets a queue's scope, but the queue has a file
 * for it. The path is looked up here, because a kernel thread may not see /sys. Another
 * thread opens the file for writing, because the caller is already inside a write to
 * sysfs, and such writes do not nest.
 */
static int bench_native_set_scope(const char *queue, const char *scope)
{
	struct bench_scope_request request = { .scope = scope };
	struct task_struct *task;
	char name[80];

	snprintf(name, sizeof(name), "/sys/devices/virtual/workqueue/%s/affinity_scope", queue);
	request.ret = kern_path(name, 0, &request.path);
	if (request.ret) {
		pr_err("native: there is no %s (%d): is /sys mounted, and does this kernel have scopes (6.6 and later do)?\n",
		       name, request.ret);
		return request.ret;
	}
	init_completion(&request.done);
	task = kthread_run(bench_native_scope_thread, &request, "bench_scope");
	if (IS_ERR(task))
		request.ret = PTR_ERR(task);
	else
		wait_for_completion(&request.done);
	path_put(&request.path);
	return request.ret;
}

static struct workqueue_struct *bench_native_alloc(const struct bench_config *cfg,
						   const char *name, bool scoped)
{
	unsigned int flags = cfg->mem_reclaim ? WQ_MEM_RECLAIM : 0;
	int max_active = cfg->workload->max_active;

	switch (cfg->queue) {
	case BENCH_QUEUE_ORDERED:
		return alloc_ordered_workqueue("%s", flags, name);
	case BENCH_QUEUE_UNBOUND:
		/* The queue needs files in sysfs only if its scope is set through one. */
		flags |= WQ_UNBOUND | (scoped ? WQ_SYSFS : 0);
		break;
	default:
		flags |= WQ_PERCPU;
	}
	return alloc_workqueue("%s", flags, max_active, name);
}

static int bench_native_open(struct bench_slot *slot, const char *name, bool scoped,
			     union bench_wq *wq)
{
	int ret;

	wq->native = bench_native_alloc(slot->cfg, name, scoped);
	if (!wq->native)
		return -ENOMEM;
	if (!scoped)
		return 0;
	ret = bench_native_set_scope(name, slot->cfg->scope);
	if (ret)
		destroy_workqueue(wq->native);
	return ret;
}

static void bench_native_close(struct bench_slot *slot, union bench_wq wq)
{
	destroy_workqueue(wq.native);
}

static bool bench_native_queue(union bench_wq wq, struct bench_item *item)
{
	return queue_work(wq.native, &item->native.work);
}

static bool bench_native_queue_on(union bench_wq wq, int cpu, struct bench_item *item)
{
	return queue_work_on(cpu, wq.native, &item->native.work);
}

static void bench_native_flush(union bench_wq wq)
{
	flush_workqueue(wq.native);
}

static void bench_native_drain(union bench_wq wq)
{
	drain_workqueue(wq.native);
}

static bool bench_native_queue_delayed(union bench_wq wq, struct bench_item *item,
				       unsigned long delay)
{
	return queue_delayed_work(wq.native, &item->native, delay);
}

static bool bench_native_cancel(struct bench_item *item)
{
	return cancel_work(&item->native.work);
}

static bool bench_native_cancel_sync(struct bench_item *item)
{
	return cancel_work_sync(&item->native.work);
}

static bool bench_native_cancel_delayed_sync(struct bench_item *item)
{
	return cancel_delayed_work_sync(&item->native);
}

const struct bench_engine bench_native = {
	.name		= "native",
	.has_pools	= true,
	.can		= BENCH_CREATE | BENCH_FLUSH | BENCH_DELAY | BENCH_CANCEL,
	.open		= bench_native_open,
	.close		= bench_native_close,
	.init		= bench_native_init,
	.is_worker	= bench_native_is_worker,
	.queue		= bench_native_queue,
	.queue_on	= bench_native_queue_on,
	.flush		= bench_native_flush,
	.drain		= bench_native_drain,
	.queue_delayed	= bench_native_queue_delayed,
	.cancel		= bench_native_cancel,
	.cancel_sync	= bench_native_cancel_sync,
	.cancel_delayed_sync = bench_native_cancel_delayed_sync,
};
