/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a dump notes under pool->lock, to be written as text without the lock.
 */
#ifndef CMWQ2_LOOK_H
#define CMWQ2_LOOK_H

#include <cmwq2/workqueue.h>

#include "base/types.h"

#define CMWQ2_LOOK_RUNS		32	/* runs of items noted for a list */
#define CMWQ2_LOOK_IDLE		32	/* idle workers noted for a pool */

/**
 * struct cmwq2_look_run - items in a row that have the same function
 * @func: the function
 * @waiter: PID of the thread that waits for a barrier, a run of its own; or 0
 * @nr: number of items
 */
struct cmwq2_look_run {
	cmwq2_work_func_t	func;
	pid_t			waiter;
	int			nr;
};

/**
 * struct cmwq2_look_list - the items of a list
 * @run: runs of items, in their order
 * @nr: number of entries in @run
 * @more: the list is longer than @run, or than what is looked at
 */
struct cmwq2_look_list {
	struct cmwq2_look_run	run[CMWQ2_LOOK_RUNS];
	int			nr;
	bool			more;
};

/**
 * struct cmwq2_look_busy - a worker that runs an item
 * @pid: PID of its thread, or 0 for a BH pool's worker
 * @rescuer: whether it is a rescuer
 * @intensive: whether its item is CPU intensive
 * @func: the item's function
 * @ms: milliseconds that the item has run
 * @desc: description that the item has set
 * @behind: items that wait behind this one
 */
struct cmwq2_look_busy {
	pid_t			pid;
	bool			rescuer;
	bool			intensive;
	cmwq2_work_func_t	func;
	unsigned int		ms;
	char			desc[CMWQ2_DESC_LEN];
	struct cmwq2_look_list	behind;
};

/**
 * struct cmwq2_look_pool - a pool's figures
 * @nr_workers: as in the pool
 * @nr_idle: likewise
 * @nr_running: likewise
 * @nr_called: likewise
 * @wanted: how many workers an unbound pool wants to run at once; or 0 if any number may
 *	run, or if it is a bound pool, which wants one
 * @waits: whether items wait
 * @ms: milliseconds since one of them was taken
 * @manager: PID of the manager, or 0
 * @idle: PIDs of the first idle workers
 * @nr: number of entries in @idle
 * @more: whether there are more idle workers
 */
struct cmwq2_look_pool {
	int			nr_workers;
	int			nr_idle;
	int			nr_running;
	int			nr_called;
	int			wanted;
	bool			waits;
	unsigned int		ms;
	pid_t			manager;
	pid_t			idle[CMWQ2_LOOK_IDLE];
	int			nr;
	bool			more;
};

/**
 * struct cmwq2_look_at - how far a walk over a pool's busy workers has come
 * @bucket: bucket of the hash
 * @nr: how many workers of that bucket were looked at
 * @cut: a bucket was too long to look at all of it
 */
struct cmwq2_look_at {
	int			bucket;
	int			nr;
	bool			cut;
};

/* Memory for one of these at a time. */
union cmwq2_look {
	struct cmwq2_look_list	list;
	struct cmwq2_look_busy	busy;
	struct cmwq2_look_pool	pool;
};

extern unsigned int cmwq2_look_most;

void cmwq2_look_items(struct cmwq2_look_list *look, struct list_head *list, struct cmwq2_pwq *pwq);
bool cmwq2_look_busy_next(struct cmwq2_look_busy *look, struct cmwq2_pwq *pwq,
			  struct cmwq2_look_at *at, bool wanted);
bool cmwq2_look_at_busy(struct cmwq2_pool *pool, struct cmwq2_look_at *at,
			bool (*fn)(struct cmwq2_worker *worker, void *arg), void *arg);
void cmwq2_look_pool(struct cmwq2_look_pool *look, struct cmwq2_pool *pool);

#endif /* CMWQ2_LOOK_H */
