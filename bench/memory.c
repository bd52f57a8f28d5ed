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
static int bench_percpu_kb(u64 *kb)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t ret;
	char *buf, *line;

	buf = kzalloc(BENCH_MEMINFO_SIZE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	file = filp_open(BENCH_MEMINFO, O_RDONLY, 0);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
	} else {
		ret = kernel_read(file, buf, BENCH_MEMINFO_SIZE - 1, &pos);
		filp_close(file, NULL);
	}
	if (ret >= 0) {
		line = strstr(buf, "\nPercpu:");
		ret = line && sscanf(line, "\nPercpu: %llu", kb) == 1 ? 0 : -ENOENT;
	}
	kfree(buf);
	return ret;
}

/**
 * bench_memory_read - what is given away now
 * @memory: filled in, in bytes
 *
 * Context: process, of somebody who sees /proc.
 * Return: 0, or an error with a message.
 */
int bench_memory_read(struct bench_memory *memory)
{
	u64 kb = 0;
	int ret;

	ret = bench_percpu_kb(&kb);
	if (ret) {
		pr_err("no Percpu in " BENCH_MEMINFO " (%d): is /proc mounted?\n", ret);
		return ret;
	}
	memory->percpu = kb * SZ_1K;
	memory->slab = (bench_node_state(NR_SLAB_UNRECLAIMABLE_B) +
			bench_node_state(NR_SLAB_RECLAIMABLE_B)) * PAGE_SIZE;
	memory->stack = bench_node_state(NR_KERNEL_STACK_KB) * SZ_1K;
	return 0;
}
