// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel has given away, of the three kinds that a workqueue is made
 * of: slab objects, per-CPU memory and the stacks of threads.
 *
 * Not by the number of free pages: pages on the CPUs' own lists are not counted
 * as free, and these are longer than what is to be measured.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/percpu.h>
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

/* The kernel tells of per-CPU memory nowhere else. Populated pages of all CPUs, in kB. */
static int bench_percpu_kb(struct file *meminfo, u64 *kb)
{
	char *buf, *line;
	loff_t pos = 0;
	ssize_t ret;

	buf = kzalloc(BENCH_MEMINFO_SIZE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = kernel_read(meminfo, buf, BENCH_MEMINFO_SIZE - 1, &pos);
	if (ret >= 0) {
		line = strstr(buf, "\nPercpu:");
		ret = line && sscanf(line, "\nPercpu: %llu", kb) == 1 ? 0 : -ENOENT;
	}
	kfree(buf);
	return ret;
}

/**
 * bench_memory_open - prepare for reading
 *
 * One open file for all of a run: what is closed is only freed when the task
 * leaves the kernel, and would be counted until then.
 *
 * Context: process, of somebody who sees /proc.
 * Return: a file for bench_memory_read(), to be closed with filp_close(), or an
 * error with a message.
 */
struct file *bench_memory_open(void)
{
	struct file *meminfo = filp_open(BENCH_MEMINFO, O_RDONLY, 0);
	struct bench_memory memory;
	int ret;

	if (IS_ERR(meminfo)) {
		pr_err(BENCH_MEMINFO " cannot be opened (%ld): is /proc mounted?\n",
		       PTR_ERR(meminfo));
		return meminfo;
	}
	/* Also has the file allocate what it needs. */
	ret = bench_memory_read(meminfo, &memory);
	if (!ret)
		return meminfo;
	filp_close(meminfo, NULL);
	return ERR_PTR(ret);
}

/**
 * bench_memory_read - what is given away now
 * @meminfo: from bench_memory_open(), or NULL to leave per-CPU memory out
 * @memory: filled in, in bytes
 *
 * Context: process.
 * Return: 0, or an error with a message.
 */
int bench_memory_read(struct file *meminfo, struct bench_memory *memory)
{
	u64 kb = 0;
	int ret;

	ret = meminfo ? bench_percpu_kb(meminfo, &kb) : 0;
	if (ret) {
		pr_err("Percpu cannot be read from " BENCH_MEMINFO " (%d)\n", ret);
		return ret;
	}
	memory->percpu = kb * SZ_1K;
	memory->slab = (bench_node_state(NR_SLAB_UNRECLAIMABLE_B) +
			bench_node_state(NR_SLAB_RECLAIMABLE_B)) * PAGE_SIZE;
	memory->stack = bench_node_state(NR_KERNEL_STACK_KB) * SZ_1K;
	return 0;
}
