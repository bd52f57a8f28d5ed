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
 * @since: from when on a worker is a new one, by ktime_get_ns()
 * @tasks: filled in: CPU time of all that are alive, in ns as the scheduler's
 *	clock has it; the workers, and how often these went to sleep by themselves
 *
 * What a thread that ended in between had done is lost.
 */
void bench_count_tasks(const struct bench_engine *engine, u64 since, struct bench_tasks *tasks)
{
	struct task_struct *process, *task;

	*tasks = (struct bench_tasks){ };
	rcu_read_lock();
	for_each_process_thread(process, task) {
		tasks->runtime += cmwq2_task_runtime(task);
		if (!engine->is_worker(task))
			continue;
		tasks->workers++;
		tasks->new_workers += task->start_time >= since;
		tasks->sleeps += READ_ONCE(task->nvcsw);
	}
	rcu_read_unlock();
}
