// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for one item: a barrier is an item of our own right behind it.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/sched.h>

#include <cmwq2/workqueue.h>

#include "base/lock.h"
#include "base/lockdep.h"
#include "base/misuse.h"
#include "base/types.h"
#include "base/work.h"
#include "core/bh.h"
#include "core/process.h"
#include "core/queue.h"
#include "wait/barrier.h"
#include "wait/flush.h"

/**
 * struct cmwq2_barrier - an item that wakes the task on whose stack it is
 * @work: runs right behind the item that is waited for
 * @done: completed by @work
 * @waiter: the waiting task, for dumps
 * @bh_pool: pool that runs @work if it is a BH pool, which lives as long as the
 *	module; else NULL
 */
struct cmwq2_barrier {
	struct cmwq2_work	work;
	struct completion	done;
	struct task_struct	*waiter;
	struct cmwq2_pool	*bh_pool;
};

static void cmwq2_barrier_func(struct cmwq2_work *work)
{
	complete(&container_of(work, struct cmwq2_barrier, work)->done);
}

/* The task that waits by means of the barrier @work, or NULL if @work is none. */
struct task_struct *cmwq2_barrier_waiter(struct cmwq2_work *work)
{
	if (work->func != cmwq2_barrier_func)
		return NULL;
	return container_of(work, struct cmwq2_barrier, work)->waiter;
}

/*
 * Barriers of BH queues run in a different context from others, so they need a
 * lock class of their own. Context: pool->lock held, which is fine for
 * debugobjects as long as it has nothing to repair.
 */
static void cmwq2_init_barrier(struct cmwq2_barrier *barrier, bool bh)
{
	static struct lock_class_key key[2];

	CMWQ2_INIT_WORK_ONSTACK_KEY(&barrier->work, cmwq2_barrier_func, &key[bh]);
	init_completion(&barrier->done);
	barrier->waiter = current;
}

/*
 * Link the barrier to the pending @target, or to the one that @busy runs. The
 * barrier is in flight in the color of its target, so that a flush of the queue
 * waits for both. It has INACTIVE set, because it takes no slot of max_active.
 */
static void cmwq2_insert_barrier(struct cmwq2_pwq *pwq, struct cmwq2_barrier *barrier,
				 struct cmwq2_work *target, struct cmwq2_worker *busy)
{
	unsigned long flags = CMWQ2_WORK_INACTIVE;
	struct list_head *before;
	int color;

	cmwq2_init_barrier(barrier, cmwq2_wq_is(pwq->wq, CMWQ2_WQ_BH));
	if (busy) {
		before = busy->scheduled.next;
		color = busy->current_color;
	} else {
		unsigned long data = cmwq2_work_data(target);

		before = target->entry.next;
		color = cmwq2_data_color(data);
		/* The order in the chain is: target, this barrier, earlier barriers. */
		flags |= data & CMWQ2_WORK_LINKED;
		atomic_long_or(CMWQ2_WORK_LINKED, &target->data);
	}
	pwq->nr_in_flight[color]++;
	flags |= (unsigned long)color << CMWQ2_WORK_COLOR_SHIFT;
	cmwq2_insert_work(pwq, &barrier->work, before, flags);
}

/*
 * For lockdep, waiting for an item is also waiting for those before it, if they
 * run one by one, or may have to because the rescuer is the only worker. A
 * cancelled item is already running and stands behind no other item.
 */
static void cmwq2_annotate_wait(struct cmwq2_wq *wq, struct cmwq2_work *work,
				cmwq2_work_func_t func, bool cancelled)
{
	cmwq2_wait_map_work(wq, work);
	if (cancelled)
		return;
	/* Only for the checker, so a value that changes now will do. */
	if (READ_ONCE(wq->saved_max_active) == 1 || cmwq2_wq_is(wq, CMWQ2_WQ_MEM_RECLAIM))
		cmwq2_wait_map_wq(wq);
	cmwq2_check_flush(wq, func);
}

static bool cmwq2_start_wait(struct cmwq2_work *work, struct cmwq2_barrier *barrier,
			     bool cancelled)
{
	cmwq2_work_func_t func = work->func;
	struct cmwq2_worker *busy = NULL;
	struct cmwq2_pool *pool;
	struct cmwq2_pwq *pwq;

	rcu_read_lock();
	pool = cmwq2_work_pool(work);
	if (!pool) {
		rcu_read_unlock();
		return false;
	}

	cmwq2_pool_lock_irq(pool);
	pwq = cmwq2_work_pwq(work);
	if (pwq && pwq->pool != pool) {
		/* The item ran here but has been queued elsewhere since: not our wait. */
		pwq = NULL;
	} else if (!pwq || unlikely(cmwq2_work_is_posted(work))) {
		/* It has been queued since: at most the run before that is our wait. */
		busy = cmwq2_find_executing(pool, work);
		pwq = busy ? busy->current_pwq : NULL;
	}
	if (pwq)
		cmwq2_insert_barrier(pwq, barrier, work, busy);
	barrier->bh_pool = pool->bh ? pool : NULL;
	cmwq2_pool_unlock_irq(pool);
	/* The item may be done and its queue destroyed by now, but RCU keeps the memory. */
	if (pwq)
		cmwq2_annotate_wait(pwq->wq, work, func, cancelled);
	rcu_read_unlock();
	return pwq;
}

/**
 * cmwq2_wait_for_work - wait for the last queueing of an item
 * @work: item
 * @cancelled: the item is disabled and at most running; if it runs in a BH
 *	pool, it will be done soon and can be waited for without sleeping
 *
 * Context: process, may sleep. With @cancelled, and an item that was last on a
 * BH queue, also softirq, or atomic with interrupts on.
 * Return: whether there was anything to wait for.
 */
bool cmwq2_wait_for_work(struct cmwq2_work *work, bool cancelled)
{
	struct cmwq2_barrier barrier __uninitialized;

	if (unlikely(!work->func)) {
		cmwq2_misuse("a thread waits for an item without a function: was it initialised?");
		return false;
	}
	if (!cmwq2_start_wait(work, &barrier, cancelled))
		return false;
	if (cancelled && barrier.bh_pool)
		cmwq2_bh_wait(barrier.bh_pool, &barrier.done);
	else
		wait_for_completion(&barrier.done);
	cmwq2_destroy_work_on_stack(&barrier.work);
	return true;
}

/**
 * cmwq2_flush_work - wait for the last queueing of an item
 * @work: item
 *
 * Do not call it from the item itself, nor from an item that must finish before
 * @work can run in its queue or pool.
 *
 * Context: process, may sleep.
 * Return: true after a wait; false if the item was idle. An item in its delay
 * counts as idle. False with a WARN if the item has no function.
 */
bool cmwq2_flush_work(struct cmwq2_work *work)
{
	might_sleep();
	return cmwq2_wait_for_work(work, false);
}
EXPORT_SYMBOL_GPL(cmwq2_flush_work);
