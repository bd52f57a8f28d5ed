// SPDX-License-Identifier: GPL-2.0
/*
 * Engine "floor": one thread for every item and no pool at all. It shows the
 * least that handing over an item can cost on this machine.
 *
 * A thread is placed like the worker it stands for: bound to the producer's
 * CPU if the queue is percpu, not bound at all if it is unbound.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

#include "base/types.h"
#include "engine/engine.h"

static int bench_floor_thread(void *data)
{
	struct bench_item *item = data;

	while (!kthread_should_stop()) {
		/*
		 * Orders the store of the state before the load of @posted.
		 * Pairs with wake_up_process(), which orders the store of
		 * @posted before its load of the state: one of the two sees
		 * the other.
		 */
		set_current_state(TASK_IDLE);
		/* Pairs with the release in bench_floor_queue(). */
		if (!smp_load_acquire(&item->floor.posted)) {
			if (!kthread_should_stop())
				schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		/*
		 * Must come before the job, because the producer posts the next item
		 * when the job is done.
		 */
		WRITE_ONCE(item->floor.posted, false);
		item->job(item);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void bench_floor_stop(struct bench_slot *slot, unsigned int nr)
{
	while (nr--)
		kthread_stop(slot->items[nr].floor.task);
}

/* This engine has no queue object. It starts a thread for each item. */
static int bench_floor_open(struct bench_slot *slot, const char *name, bool scoped,
			    union bench_wq *wq)
{
	unsigned int i;

	for (i = 0; i < slot->nr_items; i++) {
		struct bench_item *item = &slot->items[i];
		struct task_struct *task;

		item->floor.posted = false;
		task = kthread_create(bench_floor_thread, item, "bench_floor/%u", i);
		if (IS_ERR(task)) {
			bench_floor_stop(slot, i);
			return PTR_ERR(task);
		}
		if (slot->cfg->queue == BENCH_QUEUE_PERCPU)
			kthread_bind(task, item->cpu);
		item->floor.task = task;
		wake_up_process(task);
	}
	return 0;
}

static bool bench_floor_queue(union bench_wq wq, struct bench_item *item)
{
	if (READ_ONCE(item->floor.posted))
		return false;
	/* Pairs with the acquire in bench_floor_thread(). */
	smp_store_release(&item->floor.posted, true);
	wake_up_process(item->floor.task);
	return true;
}

static void bench_floor_close(struct bench_slot *slot, union bench_wq wq)
{
	bench_floor_stop(slot, slot->nr_items);
}

static bool bench_floor_is_worker(const struct task_struct *task)
{
	return strstarts(task->comm, "bench_floor/");
}

const struct bench_engine bench_floor = {
	.name		= "floor",
	.open		= bench_floor_open,
	.close		= bench_floor_close,
	.is_worker	= bench_floor_is_worker,
	.queue		= bench_floor_queue,
};
