// SPDX-License-Identifier: GPL-2.0
/*
 * The lockdep map of a queue from its creation to its end, and the annotation
 * of waits. Only built with CONFIG_LOCKDEP; see lockdep.h.
 */
#include <linux/kernel.h>

#include <cmwq2/workqueue.h>

#include "base/helper.h"
#include "base/lockdep.h"
#include "base/types.h"

/**
 * cmwq2_wq_map_init - give a queue its lockdep map
 * @wq: queue that has no items yet
 * @map: the user's map; NULL for a map and a class of the queue's own
 *
 * Context: process.
 */
void cmwq2_wq_map_init(struct cmwq2_wq *wq, struct lockdep_map *map)
{
	struct cmwq2_wq_map *m = &wq->map;

	m->used = map ?: &m->own;
	if (map)
		return;
	lockdep_register_key(&m->key);
	snprintf(m->name, sizeof(m->name), "(cmwq2_wq)%s", wq->name);
	lockdep_init_map(&m->own, m->name, &m->key, 0);
}

static void cmwq2_wq_map_end(struct kthread_work *work)
{
	struct cmwq2_wq *wq = container_of(work, struct cmwq2_wq, map.exit_work);

	cmwq2_chore_begin(CMWQ2_THREAD_REAPER, "waits for RCU to free a queue of pool",
			  wq->map.exit_id);
	lockdep_unregister_key(&wq->map.key);
	cmwq2_chore_end(CMWQ2_THREAD_REAPER);
	wq->map.then(wq);
}

/**
 * cmwq2_wq_map_exit - unregister a queue's lock class
 * @wq: queue without pwqs, or one that never got a map
 * @pool_id: pool of the queue's last pwq, for the report of a reaper that waits
 * @then: called afterwards, now or in the reaper
 *
 * Lockdep waits for an RCU grace period here. The period ends when all readers have ended.
 * On PREEMPT_RT it does not end while a task of higher priority than RCU's threads keeps a
 * CPU to itself. Therefore the reaper waits for it, and the helper does not.
 *
 * Readers of lockdep's lists may still look at the name, so @then must let the queue's
 * memory outlive another grace period.
 *
 * Context: the helper thread.
 */
void cmwq2_wq_map_exit(struct cmwq2_wq *wq, int pool_id, void (*then)(struct cmwq2_wq *wq))
{
	if (wq->map.used != &wq->map.own) {
		then(wq);
		return;
	}
	wq->map.exit_id = pool_id;
	wq->map.then = then;
	kthread_init_work(&wq->map.exit_work, cmwq2_wq_map_end);
	kthread_queue_work(cmwq2_reaper, &wq->map.exit_work);
}

static void cmwq2_wait_map(struct lockdep_map *map, bool bh)
{
	/* The items take the map in softirq context. So must this, or lockdep finds it unsafe. */
	if (bh)
		local_bh_disable();
	lock_map_acquire(map);
	lock_map_release(map);
	if (bh)
		local_bh_enable();
}

/* Call it before waiting for all items of @wq. */
void cmwq2_wait_map_wq(struct cmwq2_wq *wq)
{
	cmwq2_wait_map(wq->map.used, cmwq2_wq_is(wq, CMWQ2_WQ_BH));
}

/* Call it before waiting for @work, which is on @wq or runs there. */
void cmwq2_wait_map_work(struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	cmwq2_wait_map(&work->lockdep_map, cmwq2_wq_is(wq, CMWQ2_WQ_BH));
}
