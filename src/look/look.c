// SPDX-License-Identifier: GPL-2.0
/*
 * Looks at a pool for dumps. Each look takes the pool's lock, copies a bounded
 * number of figures and drops the lock. Looking up the names of functions and
 * writing text takes many times as long; show.c does that without the lock.
 *
 * The pool may change between two looks, so a dump is no snapshot of it: an
 * item that was just taken or queued may be missing or be there twice.
 */
#include <linux/export.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/string.h>

#include <cmwq2/workqueue.h>

#include "base/lock.h"
#include "base/types.h"
#include "base/work.h"
#include "core/rescuer.h"
#include "look/look.h"
#include "wait/barrier.h"

/* How many entries are looked at while the lock is held once. */
#define CMWQ2_LOOK_ITEMS	250
#define CMWQ2_LOOK_WORKERS	64

/* X: READ_ONCE. The most entries that were ever looked at under one hold; for tests. */
unsigned int cmwq2_look_most;
EXPORT_SYMBOL_GPL(cmwq2_look_most);

static int cmwq2_look_limit(int limit)
{
	return limit;
}

static void cmwq2_look_note(unsigned int looks)
{
	if (looks > READ_ONCE(cmwq2_look_most))
		WRITE_ONCE(cmwq2_look_most, looks);
}

/* The data word of a rescuer's cursor does not point to its pwq, so compare the address. */
static bool cmwq2_is_of(struct cmwq2_work *work, struct cmwq2_pwq *pwq)
{
	return cmwq2_is_cursor(work) ? work == &pwq->mayday_cursor : cmwq2_work_pwq(work) == pwq;
}

/* Add an item to @look. Returns false if @look is full. */
static bool cmwq2_look_add(struct cmwq2_look_list *look, struct cmwq2_work *work)
{
	struct task_struct *task = cmwq2_barrier_waiter(work);
	pid_t waiter = task ? task_pid_nr(task) : 0;
	struct cmwq2_look_run *last = look->nr ? &look->run[look->nr - 1] : NULL;

	if (last && !waiter && !last->waiter && last->func == work->func) {
		last->nr++;
		return true;
	}
	if (look->nr == ARRAY_SIZE(look->run))
		return false;
	look->run[look->nr++] = (struct cmwq2_look_run) {
		.func = work->func, .waiter = waiter, .nr = 1,
	};
	return true;
}

static int __cmwq2_look_items(struct cmwq2_look_list *look, struct list_head *list,
			      struct cmwq2_pwq *pwq)
{
	int looks = 0, limit = cmwq2_look_limit(CMWQ2_LOOK_ITEMS);
	struct cmwq2_work *work;

	lockdep_assert_held(&pwq->pool->lock);

	look->nr = 0;
	look->more = false;
	list_for_each_entry(work, list, entry) {
		look->more = looks == limit || (cmwq2_is_of(work, pwq) &&
						!cmwq2_look_add(look, work));
		if (look->more)
			break;
		looks++;
	}
	return looks;
}

/**
 * cmwq2_look_items - note a queue's items on a list
 * @look: filled in
 * @list: pool's worklist or @pwq's inactive items
 * @pwq: the queue's pwq
 *
 * Context: any but NMI; RCU read-side section.
 */
void cmwq2_look_items(struct cmwq2_look_list *look, struct list_head *list, struct cmwq2_pwq *pwq)
{
	unsigned long flags;

	cmwq2_pool_lock_irqsave(pwq->pool, flags);
	cmwq2_look_note(__cmwq2_look_items(look, list, pwq));
	cmwq2_pool_unlock_irqrestore(pwq->pool, flags);
}

/*
 * The next busy worker or, with @pwq, the next one that runs an item of @pwq.
 * NULL when the limit is reached or after the last worker.
 */
static struct cmwq2_worker *cmwq2_look_for_busy(struct cmwq2_pool *pool, struct cmwq2_pwq *pwq,
						struct cmwq2_look_at *at, int *looks)
{
	int limit = cmwq2_look_limit(CMWQ2_LOOK_WORKERS);
	struct cmwq2_worker *worker;
	int skip;

	for (; at->bucket < HASH_SIZE(pool->busy_hash); at->bucket++, at->nr = 0) {
		skip = at->nr;
		hlist_for_each_entry(worker, &pool->busy_hash[at->bucket], hentry) {
			if (skip-- > 0)
				continue;
			/* Skipping more than a hold may look at would take just as long. */
			at->cut |= at->nr == limit;
			if (at->nr == limit)
				break;
			if (*looks == limit)
				return NULL;
			(*looks)++;
			at->nr++;
			if (!pwq || worker->current_pwq == pwq)
				return worker;
		}
	}
	return NULL;
}

static void cmwq2_look_at_worker(struct cmwq2_look_busy *look, struct cmwq2_worker *worker)
{
	look->pid = worker->task ? task_pid_nr(worker->task) : 0;
	look->rescuer = worker->rescue_wq;
	look->intensive = worker->flags & CMWQ2_WORKER_INTENSIVE;
	look->func = worker->current_func;
	look->ms = jiffies_to_msecs(jiffies - worker->started_at);
	/*
	 * The worker may be writing to it in cmwq2_set_worker_desc(), and a dump may show half
	 * of the old text and half of the new one. The last byte is always 0.
	 */
	data_race(memcpy(look->desc, worker->desc, sizeof(look->desc) - 1));
	look->desc[sizeof(look->desc) - 1] = '\0';
}

/**
 * cmwq2_look_busy_next - note a queue's next busy worker
 * @look: filled in; @func is NULL if no worker was found
 * @pwq: the queue's pwq in the pool
 * @at: where to go on; zeroed before the first call
 * @wanted: whether to fill in all of @look; otherwise only its @func
 *
 * Context: any but NMI; RCU read-side section.
 * Return: whether there may be more workers, also if none was found.
 */
bool cmwq2_look_busy_next(struct cmwq2_look_busy *look, struct cmwq2_pwq *pwq,
			  struct cmwq2_look_at *at, bool wanted)
{
	struct cmwq2_pool *pool = pwq->pool;
	struct cmwq2_worker *worker;
	unsigned long flags;
	int looks = 0;

	look->func = NULL;
	cmwq2_pool_lock_irqsave(pool, flags);
	worker = cmwq2_look_for_busy(pool, pwq, at, &looks);
	if (worker && wanted) {
		cmwq2_look_at_worker(look, worker);
		looks += __cmwq2_look_items(&look->behind, &worker->scheduled, pwq);
	} else if (worker) {
		look->func = worker->current_func;
	}
	cmwq2_look_note(looks);
	cmwq2_pool_unlock_irqrestore(pool, flags);
	return at->bucket < HASH_SIZE(pool->busy_hash);
}

/**
 * cmwq2_look_at_busy - call a function for the next busy workers of a pool
 * @pool: pool
 * @at: where to go on; zeroed before the first call
 * @fn: called for each with @pool->lock held; returns whether to go on
 * @arg: argument of @fn
 *
 * One call holds the lock for a bounded number of workers; more calls do the
 * rest.
 *
 * Context: any but NMI; RCU read-side section.
 * Return: whether there may be more.
 */
bool cmwq2_look_at_busy(struct cmwq2_pool *pool, struct cmwq2_look_at *at,
			bool (*fn)(struct cmwq2_worker *worker, void *arg), void *arg)
{
	struct cmwq2_worker *worker;
	unsigned long flags;
	int looks = 0;

	cmwq2_pool_lock_irqsave(pool, flags);
	do
		worker = cmwq2_look_for_busy(pool, NULL, at, &looks);
	while (worker && fn(worker, arg));
	cmwq2_look_note(looks);
	cmwq2_pool_unlock_irqrestore(pool, flags);
	return at->bucket < HASH_SIZE(pool->busy_hash);
}

/**
 * cmwq2_look_pool - note a pool's figures
 * @look: filled in
 * @pool: pool
 *
 * Context: any but NMI; RCU read-side section.
 */
void cmwq2_look_pool(struct cmwq2_look_pool *look, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	unsigned long flags;

	cmwq2_pool_lock_irqsave(pool, flags);
	look->nr_workers = pool->nr_workers;
	look->nr_idle = pool->nr_idle;
	look->nr_running = atomic_read(&pool->nr_running);
	look->nr_called = pool->nr_called;
	look->wanted = pool->cpu < 0 && pool->wanted != INT_MAX ? pool->wanted : 0;
	look->waits = !list_empty(&pool->worklist);
	look->ms = jiffies_to_msecs(jiffies - pool->progress_at);
	look->manager = pool->manager ? task_pid_nr(pool->manager->task) : 0;
	look->nr = 0;
	look->more = false;
	list_for_each_entry(worker, &pool->idle_list, entry) {
		look->more = look->nr == ARRAY_SIZE(look->idle);
		if (look->more)
			break;
		look->idle[look->nr++] = worker->task ? task_pid_nr(worker->task) : 0;
	}
	cmwq2_look_note(look->nr);
	cmwq2_pool_unlock_irqrestore(pool, flags);
}
