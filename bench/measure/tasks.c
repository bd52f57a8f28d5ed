// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of the machine: how long they have run, how often they were switched
 * and moved, and which of them belong to an engine and to the pools of a queue.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
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
 * bench_count_workers - count the workers of an engine
 * @slot: whose workers to count
 * @since: a worker created from this time on is a new one, by ktime_get_ns()
 * @workers: filled in; if the slot's pools are unknown, all its workers are in them
 */
void bench_count_workers(const struct bench_slot *slot, u64 since,
			 struct bench_workers *workers)
{
	struct task_struct *process, *task;

	*workers = (struct bench_workers){ };
	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (!slot->engine->is_worker(task))
			continue;
		workers->all++;
		workers->created += task->start_time >= since;
		workers->in_pools += !slot->pools.known || bench_pools_have(&slot->pools, task);
	}
	rcu_read_unlock();
}

/**
 * bench_note_workers - keep the largest number of workers in the pools of a queue
 * @slot: whose turn it is
 */
void bench_note_workers(struct bench_slot *slot)
{
	struct bench_workers workers;

	bench_count_workers(slot, 0, &workers);
	slot->peak = max(slot->peak, workers.in_pools);
}

/* A thread, and what it had done when a turn began. */
struct bench_task {
	const struct task_struct	*task;
	u64				created;
	struct bench_work_done		done;
};

/* Threads that may be created between bench_tasks_room() and bench_tasks_begin(). */
#define BENCH_TASKS_SPARE	64

/**
 * bench_tasks_room - make room for all threads of the machine
 * @tasks: zeroed, or used before
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int bench_tasks_room(struct bench_tasks *tasks)
{
	unsigned int room = BENCH_TASKS_SPARE;
	struct task_struct *process, *task;

	rcu_read_lock();
	for_each_process_thread(process, task)
		room++;
	rcu_read_unlock();
	if (room <= tasks->room)
		return 0;
	bench_tasks_free(tasks);
	tasks->task = kvcalloc(room, sizeof(*tasks->task), GFP_KERNEL);
	if (!tasks->task)
		return -ENOMEM;
	tasks->room = room;
	return 0;
}

/**
 * bench_tasks_free - undo bench_tasks_room()
 * @tasks: zeroed, or used before
 */
void bench_tasks_free(struct bench_tasks *tasks)
{
	kvfree(tasks->task);
	*tasks = (struct bench_tasks){ };
}

static struct bench_work_done bench_done_by(const struct bench_slot *slot,
					    struct task_struct *task)
{
	u64 sleeps = READ_ONCE(task->nvcsw);

	return (struct bench_work_done){
		.runtime = cmwq2_task_runtime(task),
		.switches = sleeps + READ_ONCE(task->nivcsw),
		.migrations = cmwq2_task_migrations(task),
		.sleeps = slot->engine->is_worker(task) ? sleeps : 0,
	};
}

/**
 * bench_tasks_begin - keep what all threads have done up to now
 * @slot: whose turn begins
 * @tasks: has room for the threads
 */
void bench_tasks_begin(const struct bench_slot *slot, struct bench_tasks *tasks)
{
	struct task_struct *process, *task;

	tasks->nr = 0;
	tasks->whole = true;
	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (tasks->nr == tasks->room) {
			tasks->whole = false;
			break;
		}
		tasks->task[tasks->nr++] = (struct bench_task){
			.task = task,
			.created = task->start_time,
			.done = bench_done_by(slot, task),
		};
	}
	rcu_read_unlock();
	tasks->host = bench_host_runtime();
}

/*
 * Find a thread among those that were there when the turn began. The kernel's list of
 * threads keeps its order, and new ones are added at its end. So the search goes on where
 * the last one, which ended at @from, found its thread. Returns what the thread had done,
 * or zeros if it is new.
 */
static struct bench_work_done bench_done_before(const struct bench_tasks *tasks,
						const struct task_struct *task,
						unsigned int *from)
{
	unsigned int i;

	for (i = *from; i < tasks->nr; i++) {
		/* The address of a thread that has ended may be used again. */
		if (tasks->task[i].task != task || tasks->task[i].created != task->start_time)
			continue;
		*from = i + 1;
		return tasks->task[i].done;
	}
	return (struct bench_work_done){ };
}

/**
 * bench_tasks_end - find out what all threads have done since bench_tasks_begin()
 * @slot: whose turn ends
 * @tasks: what bench_tasks_begin() kept
 * @done: filled in. What a thread did that has ended since is left out
 *
 * Return: whether it is known; it is not if there were more threads than room.
 */
bool bench_tasks_end(const struct bench_slot *slot, const struct bench_tasks *tasks,
		     struct bench_work_done *done)
{
	struct task_struct *process, *task;
	unsigned int from = 0;

	*done = (struct bench_work_done){ };
	rcu_read_lock();
	for_each_process_thread(process, task) {
		struct bench_work_done before = bench_done_before(tasks, task, &from);
		struct bench_work_done now = bench_done_by(slot, task);

		done->runtime += now.runtime - before.runtime;
		done->switches += now.switches - before.switches;
		done->migrations += now.migrations - before.migrations;
		done->sleeps += now.sleeps - before.sleeps;
	}
	rcu_read_unlock();
	if (tasks->host)
		done->runtime = bench_host_runtime() - tasks->host;
	return tasks->whole;
}
