/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a dump takes note of under pool->lock, to be written as text without it.
 */
#ifndef CMWQ2_LOOK_H
#define CMWQ2_LOOK_H

#include "internal.h"

#define CMWQ2_LOOK_RUNS		32	/* entries of a list that are told apart */
#define CMWQ2_LOOK_IDLE		32	/* idle workers that are told */

/**
 * struct cmwq2_look_run - equal functions in a row
 * @func: the function
 * @waiter: or the thread that waits for a barrier, which is a run of its own
 * @nr: how many
 */
struct cmwq2_look_run {
	cmwq2_work_func_t	func;
	pid_t			waiter;
	int			nr;
};

/**
 * struct cmwq2_look_list - the items of a list
 * @run: in their order
 * @nr: of @run
 * @more: the list is longer than that, or than what is looked at
 */
struct cmwq2_look_list {
	struct cmwq2_look_run	run[CMWQ2_LOOK_RUNS];
	int			nr;
	bool			more;
};

/**
 * struct cmwq2_look_busy - a worker that runs an item
 * @pid: its thread, or 0 for a BH pool's worker
 * @rescuer: whether it is one
 * @intensive: its item is CPU intensive
 * @func: the item's function
 * @ms: for how long it has run
 * @desc: what the item says of itself
 * @behind: items that wait for this one
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
 * @waits: items wait
 * @ms: since one of them was taken
 * @manager: its thread, or 0
 * @idle: the first idle workers' threads
 * @nr: of @idle
 * @more: there are more idle workers
 */
struct cmwq2_look_pool {
	int			nr_workers;
	int			nr_idle;
	int			nr_running;
	bool			waits;
	unsigned int		ms;
	pid_t			manager;
	pid_t			idle[CMWQ2_LOOK_IDLE];
	int			nr;
	bool			more;
};

/**
 * struct cmwq2_look_at - how far a look at a pool's busy workers has come
 * @bucket: of the hash
 * @nr: workers of that bucket that were looked at
 * @cut: a bucket was too long to look at all of it
 */
struct cmwq2_look_at {
	int			bucket;
	int			nr;
	bool			cut;
};

/* Memory for one of them at a time. */
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
