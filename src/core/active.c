// SPDX-License-Identifier: GPL-2.0
/*
 * max_active: how many items of a queue may be on worklists or running.
 *
 * A bound queue may have that many on each CPU; its pwqs count them. An unbound
 * queue's max_active is shared out to the NUMA nodes, whichever pods their CPUs
 * are in, and a struct cmwq2_nna ("node's number of active items") counts them.
 * Items over the limit wait on the inactive list of their pwq. A pwq that waits
 * for its node stands in line, on the pending_pwqs of the nna.
 * tools/model/line.pml models the line and which pools are kicked: change both.
 */
#include <linux/export.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include <trace/events/cmwq2.h>

#include "base/cpus.h"
#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "base/work.h"
#include "core/active.h"
#include "core/kick.h"
#include "core/process.h"
#include "core/pwq.h"
#include "lab/latency.h"
#include "lab/point.h"
#include "lab/policy/wake.h"

bool cmwq2_freezing;	/* PL: freezable queues have a max_active of 0 */

/* The node's counter that @pwq shares with other pwqs, or NULL for a bound queue. */
struct cmwq2_nna *cmwq2_pwq_nna(struct cmwq2_pwq *pwq)
{
	int node = pwq->pool->node;

	if (!pwq->wq->nna)
		return NULL;
	return pwq->wq->nna[node == NUMA_NO_NODE ? nr_node_ids : node];
}

/* Take a slot if one is free. It orders nothing, but only one can get it: litmus/active-slot. */
static bool cmwq2_nna_take(struct cmwq2_nna *nna)
{
	int nr = atomic_read(&nna->nr);

	do {
		if (nr >= READ_ONCE(nna->max))
			return false;
	} while (!atomic_try_cmpxchg_relaxed(&nna->nr, &nr, nr + 1));
	return true;
}

/*
 * No slot is free: get in line and try again. Either this sees a slot that is
 * given back at the same time, or whoever gives it back sees this pwq in the
 * line. A pwq that was in line before has older inactive items and stays there.
 */
static bool cmwq2_nna_take_or_wait(struct cmwq2_nna *nna, struct cmwq2_pwq *pwq)
{
	bool waited, taken;

	raw_spin_lock(&nna->lock);
	waited = !list_empty(&pwq->pending_node);
	if (!waited)
		list_add_tail(&pwq->pending_node, &nna->pending_pwqs);
	/*
	 * Pairs with atomic_dec_return() in cmwq2_pwq_dec_active(), which then
	 * looks at the line: litmus/active-line. It also reads nna->max:
	 * litmus/active-raise-node.
	 */
	smp_mb();
	taken = cmwq2_nna_take(nna);
	if (taken && !waited)
		list_del_init(&pwq->pending_node);
	raw_spin_unlock(&nna->lock);
	return taken;
}

/**
 * cmwq2_pwq_leave_line - end a pwq's wait for a slot of its node
 * @pwq: pwq whose last inactive item was activated or cancelled
 *
 * A pwq stands in the node's line because it has inactive items, so it must
 * leave the line with the last of them. If it stayed, only a slot that is given
 * back could take it out, and there may be no active item left to give one
 * back.
 *
 * Context: pwq->pool->lock held.
 */
void cmwq2_pwq_leave_line(struct cmwq2_pwq *pwq)
{
	struct cmwq2_nna *nna = cmwq2_pwq_nna(pwq);

	lockdep_assert_held(&pwq->pool->lock);

	if (list_empty(&pwq->pending_node))
		return;
	raw_spin_lock(&nna->lock);
	list_del_init(&pwq->pending_node);
	raw_spin_unlock(&nna->lock);
}

/**
 * cmwq2_pwq_try_activate - take a slot of max_active for one item
 * @pwq: the item's pwq
 *
 * Context: pwq->pool->lock held.
 * Return: whether a slot was free. If none was, the item must go on
 * @pwq->inactive. An unbound pwq, unless it is plugged, then stands in line and
 * is given a slot in its turn.
 */
bool cmwq2_pwq_try_activate(struct cmwq2_pwq *pwq)
{
	struct cmwq2_nna *nna = cmwq2_pwq_nna(pwq);

	lockdep_assert_held(&pwq->pool->lock);

	if (!nna) {
		if (pwq->nr_active >= READ_ONCE(pwq->wq->max_active))
			return false;
	} else {
		if (unlikely(pwq->plugged))
			return false;
		if (!cmwq2_nna_take(nna) && !cmwq2_nna_take_or_wait(nna, pwq))
			return false;
	}
	pwq->nr_active++;
	return true;
}

/*
 * Move the first inactive item and its barriers to the worklist. The caller has
 * taken a slot for it. Returns true, because the pool is owed a kick.
 */
static bool __must_check cmwq2_activate_first(struct cmwq2_pwq *pwq)
{
	struct cmwq2_work *work = list_first_entry(&pwq->inactive, struct cmwq2_work, entry);
	bool owed = cmwq2_make_runnable(pwq->pool, work);

	trace_cmwq2_activate_work(pwq, work);
	cmwq2_latency_activated(pwq, work);
	atomic_long_andnot(CMWQ2_WORK_INACTIVE, &work->data);
	return owed;
}

/*
 * Activate the first inactive item, if there is one and a slot is free for it.
 * Returns whether it did; if so, the pool is owed a kick.
 */
static bool __must_check cmwq2_try_activate_first(struct cmwq2_pwq *pwq)
{
	bool owed;

	if (list_empty(&pwq->inactive) || !cmwq2_pwq_try_activate(pwq))
		return false;
	owed = cmwq2_activate_first(pwq);
	if (list_empty(&pwq->inactive))
		cmwq2_pwq_leave_line(pwq);
	return owed;
}

/*
 * Unlock one pool, wake @wl, and lock another pool. Context: interrupts off,
 * which protects the tasks of @wl as well as rcu_read_lock() would.
 */
static void cmwq2_lock_other_pool(struct cmwq2_pool **locked, struct cmwq2_pool *pool,
				  struct cmwq2_wake_list *wl)
{
	cmwq2_pool_unlock(*locked);
	cmwq2_wake_up(wl);
	cmwq2_point(CMWQ2_POINT_LINE, pool);
	cmwq2_pool_lock(pool);
	*locked = pool;
}

/*
 * Move a pwq to the end of the line. If it is the only one, it stays where it is:
 * list_move_tail() would leave the line empty for a moment. A context that gives a slot
 * back at that time looks at the line without the lock, and would pass the slot on to
 * nobody. See litmus/active-move. Context: nna->lock held.
 */
static void cmwq2_nna_to_end(struct cmwq2_nna *nna, struct cmwq2_pwq *pwq)
{
	if (!list_is_singular(&nna->pending_pwqs))
		list_move_tail(&pwq->pending_node, &nna->pending_pwqs);
}

/*
 * Give a slot to the first pwq in line. Its pool may be another one than @pool,
 * which the caller has locked. As nna->lock nests inside a pool's lock, this
 * drops it to change pools, and the line may look different afterwards.
 *
 * If the item belongs to another pool, that pool is kicked here. Returns true
 * if @pool is owed a kick: its lock may have been dropped meanwhile, so nobody
 * knows whether its workers have looked at the worklist since.
 */
static bool __must_check cmwq2_nna_serve(struct cmwq2_nna *nna, struct cmwq2_pool *pool)
{
	struct cmwq2_pool *locked = pool;
	CMWQ2_DEFINE_WAKE_LIST(wl);
	struct cmwq2_pwq *pwq;
	bool owed = false;

	raw_spin_lock(&nna->lock);
	while ((pwq = list_first_entry_or_null(&nna->pending_pwqs,
					       struct cmwq2_pwq, pending_node))) {
		if (pwq->pool != locked) {
			struct cmwq2_pool *other = pwq->pool;

			/* As interrupts are off, RCU keeps the other pool. */
			raw_spin_unlock(&nna->lock);
			cmwq2_lock_other_pool(&locked, other, &wl);
			raw_spin_lock(&nna->lock);
			continue;
		}
		/* Whoever took its last inactive item had to take it out of the line. */
		if (WARN_ON_ONCE(list_empty(&pwq->inactive))) {
			list_del_init(&pwq->pending_node);
			continue;
		}
		if (!cmwq2_nna_take(nna))
			break;
		pwq->nr_active++;
		owed = cmwq2_activate_first(pwq);
		if (list_empty(&pwq->inactive))
			list_del_init(&pwq->pending_node);
		else
			cmwq2_nna_to_end(nna, pwq);
		break;
	}
	raw_spin_unlock(&nna->lock);
	if (locked == pool)
		return owed;
	if (owed)
		cmwq2_kick_pool_pick(locked, CMWQ2_KICK_OTHER, &wl);
	cmwq2_lock_other_pool(&locked, pool, &wl);
	return false;
}

/*
 * Give a slot back and pass it on. May drop pool->lock. Returns whether the
 * pool is owed a kick.
 */
static bool __must_check cmwq2_pwq_dec_active(struct cmwq2_pwq *pwq)
{
	struct cmwq2_nna *nna = cmwq2_pwq_nna(pwq);

	pwq->nr_active--;
	if (!nna)
		return cmwq2_try_activate_first(pwq);
	/* Pairs with the barrier in cmwq2_nna_take_or_wait(): litmus/active-line. */
	return atomic_dec_return(&nna->nr) < READ_ONCE(nna->max) &&
	       !list_empty(&nna->pending_pwqs) && cmwq2_nna_serve(nna, pwq->pool);
}

/**
 * cmwq2_color_done - account for the last item of a watched color
 * @pwq: pwq that the item was in
 *
 * The first flusher cannot leave before the count is zero, so its pointer may
 * be used without the queue's mutex: litmus/flush-first. It sees what all items
 * did, because the decrement is fully ordered: litmus/flush-count.
 *
 * Context: pwq->pool->lock held.
 */
static void cmwq2_color_done(struct cmwq2_pwq *pwq)
{
	struct cmwq2_wq *wq = pwq->wq;

	pwq->flush_color = -1;
	if (atomic_dec_and_test(&wq->nr_pwqs_to_flush))
		complete(&wq->first_flusher->done);
}

/**
 * cmwq2_pwq_dec_in_flight - account for an item that is done or was cancelled
 * @pwq: the item's pwq
 * @data: the item's data word as it was on the queue
 *
 * Context: pwq->pool->lock held; may be dropped and taken again. This must be
 * the caller's last use of @pwq: it can complete a flush, after which the queue
 * may be freed.
 * Return: whether the pool is owed a kick, because the slot went to another
 * item in the same pool. A worker of the pool passes this to
 * cmwq2_worker_repays(); everybody else kicks the pool.
 */
bool cmwq2_pwq_dec_in_flight(struct cmwq2_pwq *pwq, unsigned long data)
{
	int color = cmwq2_data_color(data);
	bool owed = false;

	if (!(data & CMWQ2_WORK_INACTIVE))
		owed = cmwq2_pwq_dec_active(pwq);

	if (!--pwq->nr_in_flight[color] && pwq->flush_color == color)
		cmwq2_color_done(pwq);
	cmwq2_pwq_put(pwq);
	return owed;
}

/* After a limit was raised, start one more inactive item of @pwq. Returns whether it did. */
static bool cmwq2_fill_one(struct cmwq2_pwq *pwq)
{
	CMWQ2_DEFINE_WAKE_LIST(wl);
	bool started;

	cmwq2_pool_lock_irq(pwq->pool);
	started = cmwq2_try_activate_first(pwq);
	if (started)
		cmwq2_kick_pool_pick(pwq->pool, CMWQ2_KICK_OTHER, &wl);
	cmwq2_unlock_irq_wake(pwq->pool, &wl);
	return started;
}

/**
 * cmwq2_unplug_oldest - let the oldest pwq of an ordered queue start its items
 * @wq: ordered workqueue with a pwq
 *
 * When an ordered queue gets new attributes, its old pwqs stay beside the new
 * one until their items are done. Only the oldest pwq may run items. The others
 * are plugged: items queued on them stay inactive. This is called when a pwq is
 * gone.
 *
 * Context: process; wq->mutex held.
 *
 * Source: the plugging of ordered queues in kernel/workqueue.c.
 */
void cmwq2_unplug_oldest(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq = list_first_entry(&wq->pwqs, struct cmwq2_pwq, pwqs_node);
	CMWQ2_DEFINE_WAKE_LIST(wl);

	lockdep_assert_held(&wq->mutex);

	cmwq2_pool_lock_irq(pwq->pool);
	if (pwq->plugged) {
		bool owed = false;

		WRITE_ONCE(pwq->plugged, false);
		/* The attempt that finds no slot puts the pwq in line for the next one. */
		while (cmwq2_try_activate_first(pwq))
			owed = true;
		if (owed)
			cmwq2_kick_pool_pick(pwq->pool, CMWQ2_KICK_OTHER, &wl);
	}
	cmwq2_unlock_irq_wake(pwq->pool, &wl);
}

/**
 * cmwq2_node_share - a node's share of an unbound queue's max_active
 * @wq: workqueue with its limits in force
 * @here: number of the node's CPUs that the queue may use and that are online
 * @total: the same for all nodes together
 *
 * Shares are rounded up, so that their sum is at least max_active.
 *
 * Context: wq->mutex held, or nobody else knows @wq.
 * Return: at least min_active and at most max_active.
 */
int cmwq2_node_share(const struct cmwq2_wq *wq, int here, int total)
{
	int share = 0;

	if (total)
		share = DIV_ROUND_UP(wq->max_active * here, total);
	return clamp(share, wq->min_active, wq->max_active);
}
EXPORT_SYMBOL_GPL(cmwq2_node_share);

/* Returns whether the limit is higher than before. */
static bool cmwq2_nna_set_max(struct cmwq2_nna *nna, int max)
{
	bool higher = max > nna->max;

	WRITE_ONCE(nna->max, max);
	return higher;
}

/**
 * cmwq2_nna_update_max - distribute an unbound queue's max_active to the nodes
 * @wq: workqueue
 *
 * A node's share is in proportion to its CPUs that the queue may use and that
 * are online. No node gets less than min_active or more than max_active.
 *
 * Context: cmwq2_pool_mutex and wq->mutex held.
 * Return: whether a node may have more active items than before.
 */
static bool cmwq2_nna_update_max(struct cmwq2_wq *wq)
{
	static struct cpumask cpus;	/* PL: scratch */
	bool higher = false;
	struct cmwq2_pwq *dfl;
	int total, here, node;

	dfl = rcu_dereference_protected(wq->dfl_pwq, lockdep_is_held(&wq->mutex));
	cpumask_and(&cpus, dfl->pool->pod, &cmwq2_online_mask);
	total = cpumask_weight(&cpus);
	for_each_node(node) {
		here = cpumask_weight_and(&cpus, cpumask_of_node(node));
		higher |= cmwq2_nna_set_max(wq->nna[node], cmwq2_node_share(wq, here, total));
	}
	higher |= cmwq2_nna_set_max(wq->nna[nr_node_ids], wq->max_active);
	return higher;
}

/**
 * cmwq2_adjust_max_active - let a changed limit, or freezing, take effect
 * @wq: workqueue
 *
 * The limits are max_active, min_active, and the CPUs that determine the nodes'
 * shares. Inactive items that the new limits admit are started, one of each pwq
 * in turn. They stay ahead of new items: as long as a pwq has inactive items,
 * new ones are queued behind them.
 *
 * This takes the lock of every pool where the queue has a pwq, so that it
 * overlooks no inactive item: litmus/active-raise. That is expensive, so it is
 * done only if a limit is higher than before, and not for a queue that is still
 * being created, because nobody can have queued an item on it.
 *
 * Context: process; cmwq2_pool_mutex and wq->mutex held.
 */
void cmwq2_adjust_max_active(struct cmwq2_wq *wq)
{
	bool frozen = cmwq2_freezing && (wq->flags & CMWQ2_WQ_FREEZABLE);
	int max_active = frozen ? 0 : wq->saved_max_active;
	bool started, higher = max_active > wq->max_active;
	struct cmwq2_pwq *pwq;

	lockdep_assert_held(&cmwq2_pool_mutex);
	lockdep_assert_held(&wq->mutex);

	WRITE_ONCE(wq->max_active, max_active);
	wq->min_active = frozen ? 0 : wq->saved_min_active;
	if (wq->nna)
		higher = cmwq2_nna_update_max(wq);
	if (!higher || list_empty(&wq->list))
		return;
	do {
		started = false;
		list_for_each_entry(pwq, &wq->pwqs, pwqs_node)
			started |= cmwq2_fill_one(pwq);
	} while (started);
}

static struct cmwq2_nna *cmwq2_nna_new(int node)
{
	struct cmwq2_nna *nna = kzalloc_node(sizeof(*nna), GFP_KERNEL, node);

	if (!nna)
		return NULL;
	raw_spin_lock_init(&nna->lock);
	INIT_LIST_HEAD(&nna->pending_pwqs);
	return nna;
}

void cmwq2_nna_free(struct cmwq2_wq *wq)
{
	int i;

	if (!wq->nna)
		return;
	for (i = 0; i <= nr_node_ids; i++)
		kfree(wq->nna[i]);
	kfree(wq->nna);
	wq->nna = NULL;
}

/**
 * cmwq2_nna_alloc - allocate the node counters of an unbound queue
 * @wq: workqueue that others do not know yet
 *
 * Context: process, GFP_KERNEL.
 * Return: 0 or -ENOMEM, after which cmwq2_nna_free() cleans up.
 */
int cmwq2_nna_alloc(struct cmwq2_wq *wq)
{
	int node;

	wq->nna = kcalloc(nr_node_ids + 1, sizeof(*wq->nna), GFP_KERNEL);
	if (!wq->nna)
		return -ENOMEM;
	for_each_node(node) {
		wq->nna[node] = cmwq2_nna_new(node_state(node, N_ONLINE) ? node : NUMA_NO_NODE);
		if (!wq->nna[node])
			return -ENOMEM;
	}
	wq->nna[nr_node_ids] = cmwq2_nna_new(NUMA_NO_NODE);
	return wq->nna[nr_node_ids] ? 0 : -ENOMEM;
}
