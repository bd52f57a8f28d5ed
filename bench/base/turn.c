// SPDX-License-Identifier: GPL-2.0
/*
 * What engines and workloads need from the run: they wait for an item, or end the run.
 * Also a way to use the online CPUs in turn, so that all of them number the CPUs in the
 * same way.
 */
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/printk.h>

#include "base/turn.h"
#include "base/types.h"

/**
 * bench_fail - give up the run from inside a turn
 * @run: the run
 * @failure: the reason, without spaces, for the result
 */
void bench_fail(struct bench_run *run, const char *failure)
{
	WRITE_ONCE(run->failure, failure);
	WRITE_ONCE(run->stop, true);
}

/**
 * bench_abort - make a run end soon
 * @run: the run
 *
 * Context: any; the caller keeps @run from being freed meanwhile.
 */
void bench_abort(struct bench_run *run)
{
	WRITE_ONCE(run->aborted, true);
	WRITE_ONCE(run->stop, true);
}

/**
 * bench_wait - wait for something that an item does
 * @slot: whose item it is
 * @done: completed by the item
 *
 * The wait cannot be interrupted, because the item is in flight.
 */
void bench_wait(struct bench_slot *slot, struct completion *done)
{
	while (!wait_for_completion_timeout(done, BENCH_STALL))
		pr_err("engine '%s' is busy for a long time: was an item lost?\n", slot->name);
}

/**
 * bench_nth_cpu - pick one of the online CPUs, in turn
 * @nth: number of the CPU, counting on from the first after the last
 *
 * Return: a CPU that was online.
 */
int bench_nth_cpu(unsigned int nth)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);

	for (nth %= num_online_cpus(); nth; nth--)
		cpu = cpumask_next(cpu, cpu_online_mask);
	return cpu < nr_cpu_ids ? cpu : cpumask_first(cpu_online_mask);
}
