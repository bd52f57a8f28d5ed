// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of the machine: how long they have run, and which belong to an
 * engine.
 */
#include <linux/compiler.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>

#include <cmwq2/control.h>

#include "base/types.h"
#include "measure/tasks.h"

/**
 * bench_count_tasks - look at all threads
 * @engine: whose workers to count
 * @since: a worker created from this time on is a new one, by ktime_get_ns()
 * @tasks: filled in: CPU time of all threads that are alive, in ns of the
 *	scheduler's clock; the number of workers and of new ones; and how often
 *	the workers went to sleep voluntarily
 *
 * The numbers of a thread that ended between two calls are lost.
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
