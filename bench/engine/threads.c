// SPDX-License-Identifier: GPL-2.0
/*
 * Engine "threads": every queue has threads of its own that run its items one
 * after the other: one bound to each CPU if the queue is percpu, else a single
 * one. Workqueues were like that before 2010: a blocked item delays all items
 * behind it.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/types.h>

#include "base/turn.h"
#include "base/types.h"
#include "engine/engine.h"

/**
 * struct bench_thread - one of a queue's threads
 * @lock: protects @items
 * @items: pending items
 * @task: the thread, NULL if this CPU has none
 */
struct bench_thread {
	raw_spinlock_t		lock;	/* protects items */
	struct list_head	items;
	struct task_struct	*task;
};

/**
 * struct bench_threads - a queue
 * @fallback: index of the thread for items whose CPU has none
 * @cpu: threads by CPU, or only the one at @fallback
 */
struct bench_threads {
	int			fallback;
	struct bench_thread	cpu[];
};

static struct bench_item *bench_thread_next(struct bench_thread *thread)
{
	struct bench_item *item;

	raw_spin_lock_irq(&thread->lock);
	item = list_first_entry_or_null(&thread->items, struct bench_item, threads.entry);
	if (item)
		list_del_init(&item->threads.entry);
	else
		/* Under the lock, so that the wakeup of a newly added item is not lost. */
		set_current_state(TASK_IDLE);
	raw_spin_unlock_irq(&thread->lock);
	return item;
}

static int bench_thread_fn(void *data)
{
	struct bench_thread *thread = data;

	while (!kthread_should_stop()) {
		struct bench_item *item = bench_thread_next(thread);

		if (item) {
			/* Must come before the job, because the job may queue the item again. */
			clear_bit_unlock(0, &item->threads.pending);
			item->job(item);
			cond_resched();
		} else if (!kthread_should_stop()) {
			schedule();
		}
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int bench_thread_start(struct bench_threads *wq, int cpu, bool bind, const char *name)
{
	struct bench_thread *thread = &wq->cpu[cpu];
	struct task_struct *task;

	raw_spin_lock_init(&thread->lock);
	INIT_LIST_HEAD(&thread->items);
	task = kthread_create(bench_thread_fn, thread, "bench_mt/%s", name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	if (bind)
		kthread_bind(task, cpu);
	thread->task = task;
	wake_up_process(task);
	return 0;
}

static void bench_threads_close(struct bench_slot *slot, union bench_wq wq)
{
	int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		if (wq.threads->cpu[cpu].task)
			kthread_stop(wq.threads->cpu[cpu].task);
	kfree(wq.threads);
}

static int bench_threads_open(struct bench_slot *slot, const char *name, bool scoped,
			      union bench_wq *wq)
{
	bool percpu = slot->cfg->queue == BENCH_QUEUE_PERCPU;
	int cpu, ret = 0;

	wq->threads = kzalloc(struct_size(wq->threads, cpu, nr_cpu_ids), GFP_KERNEL);
	if (!wq->threads)
		return -ENOMEM;
	wq->threads->fallback = percpu ? bench_nth_cpu(0) : 0;
	if (!percpu)
		ret = bench_thread_start(wq->threads, 0, false, name);
	for (cpu = 0; percpu && !ret && cpu < nr_cpu_ids; cpu++)
		if (cpu_online(cpu))
			ret = bench_thread_start(wq->threads, cpu, true, name);
	if (ret)
		bench_threads_close(slot, *wq);
	return ret;
}

/* The caller has set the item pending and so owns it. */
static void bench_threads_add(struct bench_threads *wq, int cpu, struct bench_item *item)
{
	struct bench_thread *thread = &wq->cpu[cpu];
	unsigned long flags;

	if (!thread->task)
		thread = &wq->cpu[wq->fallback];
	raw_spin_lock_irqsave(&thread->lock, flags);
	list_add_tail(&item->threads.entry, &thread->items);
	raw_spin_unlock_irqrestore(&thread->lock, flags);
	wake_up_process(thread->task);
}

static bool bench_threads_queue_on(union bench_wq wq, int cpu, struct bench_item *item)
{
	if (test_and_set_bit_lock(0, &item->threads.pending))
		return false;
	bench_threads_add(wq.threads, cpu, item);
	return true;
}

static bool bench_threads_queue(union bench_wq wq, struct bench_item *item)
{
	return bench_threads_queue_on(wq, raw_smp_processor_id(), item);
}

static void bench_threads_timer(struct timer_list *timer)
{
	struct bench_item *item = container_of(timer, struct bench_item, threads.timer);

	bench_threads_add(item->threads.wq, raw_smp_processor_id(), item);
}

static bool bench_threads_queue_delayed(union bench_wq wq, struct bench_item *item,
					unsigned long delay)
{
	if (!delay)
		return bench_threads_queue(wq, item);
	if (test_and_set_bit_lock(0, &item->threads.pending))
		return false;
	item->threads.wq = wq.threads;
	mod_timer(&item->threads.timer, jiffies + delay);
	return true;
}

static void bench_threads_init(struct bench_item *item)
{
	INIT_LIST_HEAD(&item->threads.entry);
	timer_setup(&item->threads.timer, bench_threads_timer, 0);
}

static bool bench_threads_is_worker(const struct task_struct *task)
{
	return strstarts(task->comm, "bench_mt/");
}

const struct bench_engine bench_mt = {
	.name		= "threads",
	.can		= BENCH_CREATE | BENCH_DELAY,
	.open		= bench_threads_open,
	.close		= bench_threads_close,
	.init		= bench_threads_init,
	.is_worker	= bench_threads_is_worker,
	.queue		= bench_threads_queue,
	.queue_on	= bench_threads_queue_on,
	.queue_delayed	= bench_threads_queue_delayed,
};
