// SPDX-License-Identifier: GPL-2.0
/*
 * Engine "native": the kernel's own workqueue.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "bench.h"

static void bench_native_fn(struct work_struct *work)
{
	complete(&container_of(work, struct bench_item, native)->done);
}

/*
 * The kernel exports no function that sets a queue's scope, but the queue has
 * a file for it. It is read back, because a figure for the wrong scope looks
 * just like one for the right scope.
 */
static int bench_native_set_scope(unsigned int index, const char *scope)
{
	char path[80], is[BENCH_NAME_LEN];
	struct file *file;
	loff_t pos = 0;
	ssize_t ret;

	snprintf(path, sizeof(path),
		 "/sys/devices/virtual/workqueue/cmwq2_bench.%u/affinity_scope", index);
	file = filp_open(path, O_RDWR, 0);
	if (IS_ERR(file)) {
		pr_err("native: no %s (%ld): is /sys mounted, and does this kernel have scopes (6.6 and later do)?\n",
		       path, PTR_ERR(file));
		return PTR_ERR(file);
	}
	ret = kernel_write(file, scope, strlen(scope), &pos);
	if (ret < 0) {
		pr_err("native: this kernel refuses config_scope '%s' (%zd)\n", scope, ret);
		goto out;
	}
	pos = 0;
	ret = kernel_read(file, is, sizeof(is) - 1, &pos);
	if (ret < 0) {
		pr_err("native: %s cannot be read (%zd)\n", path, ret);
		goto out;
	}
	is[ret] = '\0';
	ret = 0;
	if (strcmp(strim(is), scope)) {
		pr_err("native: asked for scope '%s', got '%s'\n", scope, is);
		ret = -EIO;
	}
out:
	filp_close(file, NULL);
	return ret;
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
