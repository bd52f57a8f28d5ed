// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of the machine: how long they have run, and which are an engine's.
 */
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "bench.h"

/**
 * bench_count_tasks - look at all threads
 * @engine: whose workers to count
 * @tasks: filled in: CPU time of all that are alive, in ns as the scheduler's
 *	clock has it, and the workers
 *
 * What a thread that ended in between had run is lost.
 */
void bench_count_tasks(const struct bench_engine *engine, struct bench_tasks *tasks)
{
	struct task_struct *process, *task;

	*tasks = (struct bench_tasks){ };
	rcu_read_lock();
	for_each_process_thread(process, task) {
		tasks->runtime += cmwq2_task_runtime(task);
		tasks->workers += engine->is_worker(task);
	}
	rcu_read_unlock();
}
