// SPDX-License-Identifier: GPL-2.0
/*
 * Engine "native": the kernel's own workqueue.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/string.h>

#include "bench.h"

static void bench_native_fn(struct work_struct *work)
{
	complete(&container_of(work, struct bench_item, native)->done);
}

struct bench_scope_request {
	struct path		path;
	const char		*scope;
	int			ret;
	struct completion	done;
};

/* Read back, because figures for a wrong scope look just like those for the right one. */
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
		pr_err("native: the scope's file cannot be opened (%ld)\n", PTR_ERR(file));
		request->ret = PTR_ERR(file);
	} else {
		request->ret = bench_native_write_scope(file, request->scope);
		filp_close(file, NULL);
	}
	/* The last of the module's text that runs here. */
	kthread_complete_and_exit(&request->done, 0);
}

/*
 * The kernel exports no function that sets a queue's scope, but the queue has
 * a file for it. Looked up here, as a kernel thread need not see /sys; opened
 * for writing by a thread, as the caller is inside a write to sysfs already,
 * and they do not nest.
 */
static int bench_native_set_scope(unsigned int index, const char *scope)
{
	struct bench_scope_request request = { .scope = scope };
	struct task_struct *task;
	char name[80];

	snprintf(name, sizeof(name),
		 "/sys/devices/virtual/workqueue/cmwq2_bench.%u/affinity_scope", index);
	request.ret = kern_path(name, 0, &request.path);
	if (request.ret) {
		pr_err("native: no %s (%d): is /sys mounted, and does this kernel have scopes (6.6 and later do)?\n",
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

static int bench_native_setup(struct bench_slot *slot)
{
	bool unbound = slot->cfg->queue == BENCH_QUEUE_UNBOUND;
	unsigned int i;
	int ret;

	slot->native = alloc_workqueue("cmwq2_bench.%u",
				       unbound ? WQ_UNBOUND | WQ_SYSFS : WQ_PERCPU, 0,
				       slot->index);
	if (!slot->native)
		return -ENOMEM;
	if (unbound) {
		ret = bench_native_set_scope(slot->index, slot->cfg->scope);
		if (ret) {
			destroy_workqueue(slot->native);
			return ret;
		}
	}
	for (i = 0; i < slot->cfg->producers; i++)
		INIT_WORK(&slot->items[i].native, bench_native_fn);
	return 0;
}

static bool bench_native_queue(struct bench_slot *slot, struct bench_item *item)
{
	return queue_work(slot->native, &item->native);
}

static void bench_native_teardown(struct bench_slot *slot)
{
	destroy_workqueue(slot->native);
}

const struct bench_engine bench_native = {
	.name		= "native",
	.setup		= bench_native_setup,
	.queue		= bench_native_queue,
	.teardown	= bench_native_teardown,
};
