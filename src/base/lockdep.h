/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lockdep maps: running an item, and waiting for an item, count as taking a
 * lock. So lockdep sees what a function does while it runs, and what its
 * waiters hold.
 *
 * Each item has a map, whose class is the place that initialised the item, and
 * each queue has one. Running an item holds both, the queue's outside. Waiting
 * takes a map and releases it at once. All of this is empty without
 * CONFIG_LOCKDEP.
 */
#ifndef CMWQ2_LOCKDEP_H
#define CMWQ2_LOCKDEP_H

#include <linux/bottom_half.h>
#include <linux/lockdep.h>

#include "base/types.h"

/**
 * struct cmwq2_run_map - a copy of an item's map, on the stack of its worker
 * @map: a copy, because the function may free the item
 */
struct cmwq2_run_map {
#ifdef CONFIG_LOCKDEP
	struct lockdep_map	map;
#endif
};

#ifdef CONFIG_LOCKDEP
void cmwq2_wq_map_init(struct cmwq2_wq *wq, struct lockdep_map *map);
void cmwq2_wq_map_exit(struct cmwq2_wq *wq, int pool_id, void (*then)(struct cmwq2_wq *wq));
void cmwq2_wait_map_wq(struct cmwq2_wq *wq);
void cmwq2_wait_map_work(struct cmwq2_wq *wq, struct cmwq2_work *work);

/* Call it while the caller owns the item. */
static inline void cmwq2_run_map_copy(struct cmwq2_run_map *run, struct cmwq2_work *work)
{
	lockdep_copy_map(&run->map, &work->lockdep_map);
}

static inline void cmwq2_run_map_acquire(struct cmwq2_run_map *run, struct cmwq2_wq *wq)
{
	lock_map_acquire(wq->map.used);
	lock_map_acquire(&run->map);
}

static inline void cmwq2_run_map_release(struct cmwq2_run_map *run, struct cmwq2_wq *wq)
{
	lock_map_release(&run->map);
	lock_map_release(wq->map.used);
}
#else
static inline void cmwq2_wq_map_init(struct cmwq2_wq *wq, struct lockdep_map *map) { }
static inline void cmwq2_wq_map_exit(struct cmwq2_wq *wq, int pool_id,
				     void (*then)(struct cmwq2_wq *wq))
{
	then(wq);
}

static inline void cmwq2_wait_map_wq(struct cmwq2_wq *wq) { }
static inline void cmwq2_wait_map_work(struct cmwq2_wq *wq, struct cmwq2_work *work) { }
static inline void cmwq2_run_map_copy(struct cmwq2_run_map *run, struct cmwq2_work *work) { }
static inline void cmwq2_run_map_acquire(struct cmwq2_run_map *run, struct cmwq2_wq *wq) { }
static inline void cmwq2_run_map_release(struct cmwq2_run_map *run, struct cmwq2_wq *wq) { }
#endif

#endif /* CMWQ2_LOCKDEP_H */
