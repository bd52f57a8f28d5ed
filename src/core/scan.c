// SPDX-License-Identifier: GPL-2.0
/*
 * The scan timer: each jiffy it looks at the workers of a pool that counts its running
 * workers and has items, but kicked no worker for them.
 *
 * It finds workers that sleep but still count as running, which is all that
 * hook=timer relies on, and workers that are CPU hogs. With the other hooks it
 * is a safety net.
 *
 * It runs with pool->lock held and interrupts off, so its time must not grow
 * with the number of busy workers, nearly all of which are asleep and not
 * counted. So a pool has a list of the workers to look at. A worker is put on
 * the list when it is counted, unless it is still there. It is taken off when
 * it is found on the list and not counted, either by a scan or when another
 * worker is put on the list, which checks two that are there. So the list holds
 * little more than the counted workers. One scan looks at a bounded number of
 * them; the next scan looks at others.
 */
#include <linux/export.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/timer.h>

#include "base/lock.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "core/hog.h"
#include "core/kick.h"
#include "core/scan.h"
#include "core/sched.h"
#include "lab/policy/wake.h"

/* How many workers one scan looks at. */
#define CMWQ2_SCAN_LOOKS	32
/* How many others are checked when a worker is put on the list. */
#define CMWQ2_SCAN_PRUNES	2

/**
 * cmwq2_scan_watch - put a worker on the list that the scan looks at
 * @worker: worker that is counted and not on the list
 *
 * Context: pool->lock held.
 */
void cmwq2_scan_watch(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;
	struct cmwq2_worker *other;
	int i;

	lockdep_assert_held(&pool->lock);

	for (i = 0; i < CMWQ2_SCAN_PRUNES; i++) {
		other = list_first_entry_or_null(&pool->watched, struct cmwq2_worker, watch_node);
		if (!other)
			break;
		if (READ_ONCE(other->counted))
			list_move_tail(&other->watch_node, &pool->watched);
		else
			list_del_init(&other->watch_node);
	}
	list_add_tail(&worker->watch_node, &pool->watched);
}

/*
 * What a scan found.
 *
 * @counter: statistics counter for the kick that follows, or NULL
 * @leaving: a worker is blocking right now, and its hook has still to kick
 */
struct cmwq2_found {
	unsigned long	*counter;
	bool		leaving;
};

static void cmwq2_scan_counted(struct cmwq2_worker *worker, struct cmwq2_found *found)
{
	struct cmwq2_pool *pool = worker->pool;

	if (cmwq2_task_blocked(worker->task) && !cmwq2_task_waits_for_spinlock(worker->task)) {
		cmwq2_worker_uncount(worker);
		found->counter = &pool->stat.scan_wakeups;
	} else if (cmwq2_hog_check(worker) && !found->counter) {
		found->counter = &pool->stat.cm_wakeups;
	}
}

/* Context: pool->lock held. */
static void cmwq2_scan(struct cmwq2_pool *pool, struct cmwq2_found *found)
{
	struct cmwq2_worker *worker, *first = NULL;
	int looks = 0;

	pool->stat.scans++;
	while (looks < CMWQ2_SCAN_LOOKS) {
		worker = list_first_entry_or_null(&pool->watched, struct cmwq2_worker, watch_node);
		if (!worker || worker == first)
			break;
		looks++;
		if (READ_ONCE(worker->counted)) {
			cmwq2_scan_counted(worker, found);
		} else {
			/*
			 * Pairs with xchg() in cmwq2_uncount_lockless(): on_cpu
			 * is read after it. See litmus/scan-leaving.
			 */
			smp_rmb();
			found->leaving |= cmwq2_task_on_cpu(worker->task);
			list_del_init(&worker->watch_node);
			continue;
		}
		/* The round is over when the first worker that stays comes up again. */
		list_move_tail(&worker->watch_node, &pool->watched);
		first = first ?: worker;
	}
	pool->stat.scan_looks += looks;
}

/*
 * Whether a worker is on its way to the pool's items without the scan. The
 * irq_work is checked last, after the scan has read on_cpu: the pn hook raises it
 * while its worker is still on the CPU, so a worker that was not seen leaving has
 * raised it before. Context: pool->lock held.
 */
static bool cmwq2_kick_under_way(struct cmwq2_pool *pool, const struct cmwq2_found *found)
{
	/* Pairs with the order of the hook's steps: litmus/scan-irq-work. */
	smp_rmb();
	return pool->kicked || (pool->flags & (CMWQ2_POOL_MANAGED | CMWQ2_POOL_UNBOUND)) ||
	       found->leaving || irq_work_is_busy(&pool->kick_irq);
}

static void cmwq2_scan_and_kick(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl)
{
	struct cmwq2_found found = { .counter = NULL };
	bool under_way;

	cmwq2_scan(pool, &found);
	under_way = cmwq2_kick_under_way(pool, &found);
	if (!cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, wl))
		return;
	if (found.counter)
		(*found.counter)++;
	else if (!under_way)
		pool->stat.scan_lost++;
}

/*
 * Another CPU may hold the lock for a while, and interrupts must stay on
 * meanwhile. So a scan that does not get the lock at once gives up: the next
 * one comes in a jiffy. The timer stays on the CPU it was put on.
 */
static void cmwq2_scan_timeout(struct timer_list *timer)
{
	struct cmwq2_pool *pool = container_of(timer, struct cmwq2_pool, scan_timer);
	CMWQ2_DEFINE_WAKE_LIST(wl);

	local_irq_disable();
	if (!cmwq2_pool_trylock(pool)) {
		mod_timer(timer, jiffies + 1);
		local_irq_enable();
		return;
	}
	if (list_empty(&pool->worklist)) {
		pool->scan_armed = false;
	} else {
		cmwq2_scan_and_kick(pool, &wl);
		mod_timer(timer, jiffies + 1);
	}
	cmwq2_unlock_irq_wake(pool, &wl);
}

static int cmwq2_scan_cpu_of_pod(struct cmwq2_pool *pool)
{
	int cpu;

	for_each_cpu(cpu, pool->pod)
		if (cpu_online(cpu) && housekeeping_test_cpu(cpu, HK_TYPE_TIMER))
			return cpu;
	return housekeeping_any_cpu(HK_TYPE_TIMER);
}

/*
 * The CPU that runs the scan. It is not the CPU that queues, because that may
 * belong to a task which the tick must not disturb. The pool's own CPU has
 * items to run, so it scans, unless it is down or kept free of the tick as
 * well. Then a housekeeping CPU scans. An unbound pool's scan runs on a CPU of
 * its pod.
 */
static int cmwq2_scan_cpu(struct cmwq2_pool *pool)
{
	if (pool->cpu < 0)
		return cmwq2_scan_cpu_of_pod(pool);
	if (cpu_online(pool->cpu) && housekeeping_test_cpu(pool->cpu, HK_TYPE_TIMER))
		return pool->cpu;
	return housekeeping_any_cpu(HK_TYPE_TIMER);
}

/**
 * cmwq2_sched_arm_scan - have the scan timer look at a pool
 * @pool: pool with items that no worker was kicked for
 *
 * Context: pool->lock held.
 */
void cmwq2_sched_arm_scan(struct cmwq2_pool *pool)
{
	/* A pool that wants any number of workers does not count them. */
	if (pool->wanted == INT_MAX || pool->scan_armed)
		return;
	pool->scan_armed = true;
	pool->scan_timer.expires = jiffies + 1;
	add_timer_on(&pool->scan_timer, cmwq2_scan_cpu(pool));
}

/**
 * cmwq2_scan_stop - end the scans of a pool until they are armed again
 * @pool: pool
 *
 * For tests that force a certain schedule, which a scan would disturb. Whoever
 * removes the pending timer owns scan_armed: nobody arms the timer while it is
 * set, and no timer is left that would clear it. If no timer was pending, the
 * last scan has cleared it, and somebody may have armed the next one meanwhile.
 *
 * Context: process.
 */
void cmwq2_scan_stop(struct cmwq2_pool *pool)
{
	if (!timer_delete_sync(&pool->scan_timer))
		return;
	cmwq2_pool_lock_irq(pool);
	pool->scan_armed = false;
	cmwq2_pool_unlock_irq(pool);
}
EXPORT_SYMBOL_GPL(cmwq2_scan_stop);

/**
 * cmwq2_scan_hold - allow no scans of a pool until cmwq2_scan_resume()
 * @pool: pool that counts its workers; for any other pool this would not return
 *
 * For tests. It removes a pending timer and leaves scan_armed set, so that
 * nobody arms the timer.
 *
 * Context: process.
 */
void cmwq2_scan_hold(struct cmwq2_pool *pool)
{
	while (!timer_delete_sync(&pool->scan_timer)) {
		cmwq2_pool_lock_irq(pool);
		cmwq2_sched_arm_scan(pool);
		cmwq2_pool_unlock_irq(pool);
	}
}
EXPORT_SYMBOL_GPL(cmwq2_scan_hold);

/**
 * cmwq2_scan_resume - scan a pool again after cmwq2_scan_hold()
 * @pool: pool
 *
 * Context: process.
 */
void cmwq2_scan_resume(struct cmwq2_pool *pool)
{
	cmwq2_pool_lock_irq(pool);
	pool->scan_armed = false;
	cmwq2_sched_arm_scan(pool);
	cmwq2_pool_unlock_irq(pool);
}
EXPORT_SYMBOL_GPL(cmwq2_scan_resume);

void cmwq2_scan_pool_init(struct cmwq2_pool *pool)
{
	INIT_LIST_HEAD(&pool->watched);
	timer_setup(&pool->scan_timer, cmwq2_scan_timeout, 0);
}
