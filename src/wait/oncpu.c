// SPDX-License-Identifier: GPL-2.0
/*
 * Running a function elsewhere: on a CPU, on each CPU, or in process context.
 */
#include <linux/cpu.h>
#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include <cmwq2/workqueue.h>

#include "base/misuse.h"

static void cmwq2_start_on(unsigned int cpu, struct cmwq2_work *item, cmwq2_work_func_t func)
{
	CMWQ2_INIT_WORK(item, func);
	cmwq2_schedule_work_on(cpu, item);
}

/**
 * cmwq2_schedule_on_each_cpu - run a function once on each online CPU
 * @func: work function
 *
 * Context: process, may sleep, GFP_KERNEL. Returns when all are done.
 * Return: 0, -ENOMEM, or -EINVAL with a WARN if there is no function.
 */
int cmwq2_schedule_on_each_cpu(cmwq2_work_func_t func)
{
	struct cmwq2_work __percpu *items;
	unsigned int cpu;

	if (cmwq2_is_missing(func))
		return -EINVAL;
	items = alloc_percpu(struct cmwq2_work);
	if (!items)
		return -ENOMEM;
	/* Start all items before waiting for the first. */
	cpus_read_lock();
	for_each_online_cpu(cpu)
		cmwq2_start_on(cpu, per_cpu_ptr(items, cpu), func);
	for_each_online_cpu(cpu)
		cmwq2_flush_work(per_cpu_ptr(items, cpu));
	cpus_read_unlock();
	free_percpu(items);
	return 0;
}
EXPORT_SYMBOL_GPL(cmwq2_schedule_on_each_cpu);

/**
 * cmwq2_execute_in_process_context - call a function now, or as soon as it may sleep
 * @func: work function
 * @ew: memory for the item, which must stay until @func has been called
 *
 * Context: any but NMI.
 * Return: 0 if @func was called, 1 if it was queued, -EINVAL with a WARN if
 * @func is NULL.
 */
int cmwq2_execute_in_process_context(cmwq2_work_func_t func, struct cmwq2_execute_work *ew)
{
	if (cmwq2_is_missing(func))
		return -EINVAL;
	if (!in_interrupt()) {
		func(&ew->work);
		return 0;
	}
	CMWQ2_INIT_WORK(&ew->work, func);
	cmwq2_schedule_work(&ew->work);
	return 1;
}
EXPORT_SYMBOL_GPL(cmwq2_execute_in_process_context);

/**
 * struct cmwq2_on_cpu - a call on another CPU, on the stack of its waiter
 * @work: item
 * @fn: function to call
 * @arg: its argument
 * @ret: its result
 */
struct cmwq2_on_cpu {
	struct cmwq2_work	work;
	long			(*fn)(void *arg);
	void			*arg;
	long			ret;
};

static void cmwq2_on_cpu_func(struct cmwq2_work *work)
{
	struct cmwq2_on_cpu *call = container_of(work, struct cmwq2_on_cpu, work);

	call->ret = call->fn(call->arg);
}

/**
 * cmwq2_work_on_cpu_key - call a function on a CPU and wait for it
 * @cpu: CPU, which the caller keeps online
 * @fn: function, may sleep
 * @arg: its argument
 * @key: lock class of the item, see cmwq2_work_on_cpu()
 *
 * The caller must not hold a lock that @fn needs.
 *
 * Context: process, may sleep.
 * Return: what @fn returned; -EINVAL with a WARN if @fn is NULL or if this
 * machine cannot have such a CPU.
 */
long cmwq2_work_on_cpu_key(int cpu, long (*fn)(void *arg), void *arg,
			   struct lock_class_key *key)
{
	struct cmwq2_on_cpu call = { .fn = fn, .arg = arg, .ret = -EINVAL };

	if (cmwq2_is_missing(fn))
		return -EINVAL;
	CMWQ2_INIT_WORK_ONSTACK_KEY(&call.work, cmwq2_on_cpu_func, key);
	cmwq2_schedule_work_on(cpu, &call.work);
	cmwq2_flush_work(&call.work);
	cmwq2_destroy_work_on_stack(&call.work);
	return call.ret;
}
EXPORT_SYMBOL_GPL(cmwq2_work_on_cpu_key);
