// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory the kernel has allocated, of the three kinds that a workqueue
 * consists of: slab objects, per-CPU memory and the stacks of threads.
 *
 * The number of free pages would not do: it leaves out pages on the CPUs' own
 * lists, and these hold more than what is to be measured.
 *
 * The numbers are for the whole machine. A growth is charged to the engine
 * whose queue is being created or whose turn it is, because no other engine is
 * active at that time.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>

#include "base/types.h"
#include "measure/memory.h"

#define BENCH_MEMINFO		"/proc/meminfo"
#define BENCH_MEMINFO_SIZE	8192

/*
 * The exact value of a node's counter. global_node_page_state() leaves out what
 * the CPUs have not folded in yet, which on a large machine is as much as what
 * is to be measured.
 */
static u64 bench_node_state(enum node_stat_item item)
{
	long sum = 0;
	int node, cpu;

	for_each_online_node(node) {
		struct pglist_data *pgdat = NODE_DATA(node);

		sum += atomic_long_read(&pgdat->vm_stat[item]);
		for_each_possible_cpu(cpu)
			sum += per_cpu_ptr(pgdat->per_cpu_nodestats, cpu)->vm_node_stat_diff[item];
	}
	return max(sum, 0L);
}

/**
 * struct bench_meminfo - the reader of /proc/meminfo
 *
 * The kernel reports per-CPU memory nowhere else. Another thread reads the file,
 * because the run is inside a write to sysfs and must not use another file there. There
 * is one thread and one open file for the whole run, because the memory of a closed
 * file or an ended thread is freed much later and would be counted until then.
 *
 * @worker: the thread
 * @work: makes it read
 * @path: of the file, looked up by a thread that sees /proc
 * @file: open, or NULL
 * @kb: populated per-CPU pages of all CPUs, in kB
 * @ret: 0 if they could be read, or an error
 */
struct bench_meminfo {
	struct kthread_worker	*worker;
	struct kthread_work	work;
	struct path		path;
	struct file		*file;
	u64			kb;
	int			ret;
};

static int bench_percpu_kb(struct file *file, u64 *kb)
{
	char *buf, *line;
	loff_t pos = 0;
	ssize_t ret;

	buf = kzalloc(BENCH_MEMINFO_SIZE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = kernel_read(file, buf, BENCH_MEMINFO_SIZE - 1, &pos);
	if (ret >= 0) {
		line = strstr(buf, "\nPercpu:");
		ret = line && sscanf(line, "\nPercpu: %llu", kb) == 1 ? 0 : -ENOENT;
	}
	kfree(buf);
	return ret;
}

static void bench_meminfo_fn(struct kthread_work *work)
{
	struct bench_meminfo *meminfo = container_of(work, struct bench_meminfo, work);
	struct file *file = meminfo->file;

	if (!file) {
		file = dentry_open(&meminfo->path, O_RDONLY, current_cred());
		if (IS_ERR(file)) {
			meminfo->ret = PTR_ERR(file);
			return;
		}
		meminfo->file = file;
	}
	meminfo->ret = bench_percpu_kb(file, &meminfo->kb);
}

/**
 * bench_memory_open - prepare for reading
 *
 * Context: process, in a thread that sees /proc.
 * Return: the reader for bench_memory_read(), or an error after a message.
 */
struct bench_meminfo *bench_memory_open(void)
{
	struct bench_meminfo *meminfo = kzalloc(sizeof(*meminfo), GFP_KERNEL);
	struct bench_memory memory;
	int ret;

	if (!meminfo)
		return ERR_PTR(-ENOMEM);
	ret = kern_path(BENCH_MEMINFO, 0, &meminfo->path);
	if (ret) {
		pr_err("there is no " BENCH_MEMINFO " (%d): is /proc mounted?\n", ret);
		goto free;
	}
	kthread_init_work(&meminfo->work, bench_meminfo_fn);
	meminfo->worker = cmwq2_kthread_run_worker("bench_meminfo");
	if (IS_ERR(meminfo->worker)) {
		ret = PTR_ERR(meminfo->worker);
		goto put;
	}
	/* This first read also makes the file allocate its buffers. */
	ret = bench_memory_read(meminfo, &memory);
	if (!ret)
		return meminfo;
	bench_memory_close(meminfo);
	return ERR_PTR(ret);

put:
	path_put(&meminfo->path);
free:
	kfree(meminfo);
	return ERR_PTR(ret);
}

/**
 * bench_memory_close - undo bench_memory_open()
 * @meminfo: from there, or NULL
 */
void bench_memory_close(struct bench_meminfo *meminfo)
{
	if (!meminfo)
		return;
	kthread_destroy_worker(meminfo->worker);
	if (meminfo->file)
		filp_close(meminfo->file, NULL);
	path_put(&meminfo->path);
	kfree(meminfo);
}

/**
 * bench_memory_read - read how much memory is allocated now
 * @meminfo: from bench_memory_open()
 * @memory: filled in, in bytes
 *
 * Context: process.
 * Return: 0, or an error after a message.
 */
int bench_memory_read(struct bench_meminfo *meminfo, struct bench_memory *memory)
{
	kthread_queue_work(meminfo->worker, &meminfo->work);
	kthread_flush_work(&meminfo->work);
	if (meminfo->ret) {
		pr_err("Percpu cannot be read from " BENCH_MEMINFO " (%d)\n", meminfo->ret);
		return meminfo->ret;
	}
	memory->percpu = meminfo->kb * SZ_1K;
	memory->slab = (bench_node_state(NR_SLAB_UNRECLAIMABLE_B) +
			bench_node_state(NR_SLAB_RECLAIMABLE_B)) * PAGE_SIZE;
	memory->stack = bench_node_state(NR_KERNEL_STACK_KB) * SZ_1K;
	return 0;
}

/**
 * bench_memory_total - read how much memory is allocated now, as one sum
 * @run: the run
 * @bytes: filled in
 *
 * Context: process.
 * Return: 0, or an error after a message.
 */
int bench_memory_total(struct bench_run *run, u64 *bytes)
{
	struct bench_memory memory;
	int ret = bench_memory_read(run->meminfo, &memory);

	if (!ret)
		*bytes = memory.slab + memory.stack + memory.percpu;
	return ret;
}

/**
 * bench_memory_settle - wait until destroyed queues are freed
 *
 * Code outside the engine cannot wait for exactly this. An engine frees a queue in
 * steps, and this waits for each step that is a grace period. Between two of these a
 * thread of the engine runs, so this waits for one more grace period.
 *
 * Context: process.
 */
void bench_memory_settle(void)
{
	unsigned int step;

	for (step = 0; step < 3; step++)
		rcu_barrier();
}
