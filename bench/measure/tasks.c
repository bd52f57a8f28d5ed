// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of the machine: how long they have run, how often they were switched
 * and moved, and which of them belong to an engine and to the pools of a queue.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/types.h>

#include "base/types.h"
#include "measure/host.h"
#include "measure/tasks.h"

/*
 * The pool of a worker, by its name: that of "kworker/u8:1" or "cw2/u8:1" is the
 * unbound pool 8, that of "kworker/1:0" the pool of CPU 1. Returns -1 for workers of
 * high priority, as "kworker/1:0H", for rescuers, and for any other thread.
 */
static int bench_pool_of(const struct task_struct *task, bool *unbound)
{
	const char *at = strchr(task->comm, '/');
	unsigned int pool, worker;
	int end = 0;

	if (!at)
		return -1;
	*unbound = *++at == 'u';
	at += *unbound;
	if (sscanf(at, "%u:%u%n", &pool, &worker, &end) != 2 || at[end] ||
	    pool >= BENCH_MAX_POOLS)
		return -1;
	return pool;
}

/**
 * bench_pools_add - add the pool of a worker
 * @pools: the pools; those that are added are all bound or all unbound
 * @worker: a thread that runs an item of the queue
 *
 * Return: whether the name of @worker is that of a worker of a pool.
 */
bool bench_pools_add(struct bench_pools *pools, const struct task_struct *worker)
{
	int pool = bench_pool_of(worker, &pools->unbound);

	if (pool >= 0)
		__set_bit(pool, pools->ids);
	return pool >= 0;
}

static bool bench_pools_have(const struct bench_pools *pools, const struct task_struct *task)
{
	bool unbound;
	int pool = bench_pool_of(task, &unbound);

	return pool >= 0 && unbound == pools->unbound && test_bit(pool, pools->ids);
}

/**
 * bench_count_tasks - look at all threads
 * @slot: whose workers to count
 * @since: a worker created from this time on is a new one, by ktime_get_ns()
 * @tasks: filled in; if the slot's pools are unknown, all its workers are in them
 *
 * The numbers of a thread that ended between two calls are lost.
 */
void bench_count_tasks(const struct bench_slot *slot, u64 since, struct bench_tasks *tasks)
{
	struct task_struct *process, *task;

	*tasks = (struct bench_tasks){ };
	rcu_read_lock();
	for_each_process_thread(process, task) {
		tasks->runtime += cmwq2_task_runtime(task);
		tasks->switches += READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
		tasks->migrations += cmwq2_task_migrations(task);
		if (!slot->engine->is_worker(task))
			continue;
		tasks->workers++;
		tasks->new_workers += task->start_time >= since;
		tasks->sleeps += READ_ONCE(task->nvcsw);
		tasks->pool_workers += !slot->pools.known || bench_pools_have(&slot->pools, task);
	}
	rcu_read_unlock();
	tasks->runtime = bench_host_runtime() ?: tasks->runtime;
}

/**
 * bench_note_workers - keep the largest number of workers in the pools of a queue
 * @slot: whose turn it is
 */
void bench_note_workers(struct bench_slot *slot)
{
	struct bench_tasks tasks;

	bench_count_tasks(slot, 0, &tasks);
	slot->peak = max(slot->peak, tasks.pool_workers);
}
