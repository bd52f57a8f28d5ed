/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much memory the kernel has allocated.
 */
#ifndef CMWQ2_BENCH_MEMORY_H
#define CMWQ2_BENCH_MEMORY_H

#include <linux/types.h>

#include "base/types.h"

/**
 * struct bench_memory - allocated memory of the whole machine, in bytes
 * @slab: slab objects
 * @stack: stacks of threads
 * @percpu: per-CPU memory
 */
struct bench_memory {
	u64	slab;
	u64	stack;
	u64	percpu;
};

struct bench_meminfo *bench_memory_open(void);
void bench_memory_close(struct bench_meminfo *meminfo);
int bench_memory_read(struct bench_meminfo *meminfo, struct bench_memory *memory);
int bench_memory_total(struct bench_run *run, u64 *bytes);
void bench_memory_settle(void);

#endif /* CMWQ2_BENCH_MEMORY_H */
