// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel has given away, of the three kinds that a workqueue is made
 * of: slab objects, per-CPU memory and the stacks of threads.
 *
 * Not by the number of free pages: pages on the CPUs' own lists are not counted
 * as free, and these are longer than what is to be measured.
 *
 * It is of the whole machine, and put down to an engine by when it grows: around
 * the making of its queue and in its turns, which nobody else has.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"

#define BENCH_MEMINFO		"/proc/meminfo"
#define BENCH_MEMINFO_SIZE	8192

/*
 * All of a node's counter. global_node_page_state() leaves out what the CPUs
 * have not handed in yet, which on a large machine is as much as there is to
 * be measured.
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
 * struct bench_meminfo - who reads /proc/meminfo
 *
 * The kernel tells of per-CPU memory nowhere else. A thread reads, because the
 * run is inside a write to sysfs and they do not nest; a single one with a
 * single open file, because what either takes is freed much later and would be
 * counted until then.
 *
 * @worker: the thread
 * @work: has it read
 * @path: of the file, looked up by somebody who sees /proc
 * @file: open, or NULL
 * @kb: populated per-CPU pages of all CPUs, in kB
 * @ret: whether they could be read
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
 * Context: process, of somebody who sees /proc.
 * Return: what bench_memory_read() reads from, or an error with a message.
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
		pr_err("no " BENCH_MEMINFO " (%d): is /proc mounted?\n", ret);
		goto free;
	}
	kthread_init_work(&meminfo->work, bench_meminfo_fn);
	meminfo->worker = cmwq2_kthread_run_worker("bench_meminfo");
	if (IS_ERR(meminfo->worker)) {
		ret = PTR_ERR(meminfo->worker);
		goto put;
	}
	/* Also has the file allocate what it needs. */
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
 * bench_memory_read - what is given away now
 * @meminfo: from bench_memory_open()
 * @memory: filled in, in bytes
 *
 * Context: process.
 * Return: 0, or an error with a message.
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
 * bench_memory_total - the same of all three kinds together
 * @run: the run
 * @bytes: filled in
 *
 * Context: process.
 * Return: 0, or an error with a message.
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
 * bench_memory_settle - wait for queues that were destroyed to be given back
 *
 * As far as somebody outside can: they go in steps, of which each that is a
 * grace period is waited for. One is left over for the thread in between.
 *
 * Context: process.
 */
void bench_memory_settle(void)
{
	unsigned int step;

	for (step = 0; step < 3; step++)
		rcu_barrier();
}
