/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reports of callers that misuse the API.
 */
#ifndef CMWQ2_MISUSE_H
#define CMWQ2_MISUSE_H

#include <linux/cpumask.h>
#include <linux/list.h>

#include <cmwq2/workqueue.h>

#include "base/types.h"

__printf(1, 2) __cold void cmwq2_misuse(const char *fmt, ...);
__cold bool cmwq2_tell_missing(const char *function, const char *argument);

/* Whether the argument @ptr of the calling function is NULL. Reports it if so. */
#define cmwq2_is_missing(ptr) (unlikely(!(ptr)) && cmwq2_tell_missing(__func__, #ptr))

/* Whether @cpu is one that this machine can have. */
static inline bool cmwq2_cpu_exists(int cpu)
{
	return (unsigned int)cpu < nr_cpu_ids && cpu_possible(cpu);
}

/* Whether an item was initialised, with a function, and is on no list. */
static inline bool cmwq2_work_is_sound(const struct cmwq2_work *work)
{
	return work->func && list_empty(&work->entry);
}

/**
 * cmwq2_can_queue - whether the arguments of a queueing are valid
 * @cpu: CPU or CMWQ2_CPU_UNBOUND
 * @wq: workqueue
 * @work: item whose PENDING the caller holds, off the lists
 *
 * The tests touch only cache lines that the queueing needs anyway.
 *
 * Return: false if the caller must call cmwq2_refuse_misuse().
 */
static inline bool cmwq2_can_queue(int cpu, const struct cmwq2_wq *wq,
				   const struct cmwq2_work *work)
{
	return wq && cmwq2_work_is_sound(work) &&
	       (cpu == CMWQ2_CPU_UNBOUND || cmwq2_cpu_exists(cpu));
}

__cold void cmwq2_refuse_misuse(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work);

#endif /* CMWQ2_MISUSE_H */
