// SPDX-License-Identifier: GPL-2.0
/*
 * Enqueueing items.
 *
 * tools/model/inbox.pml models the enqueue of an unbound pool with an inbox: change both.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/topology.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include <trace/events/cmwq2.h>

#include "base/cpus.h"
#include "base/debugobj.h"
#include "base/lock.h"
#include "base/misuse.h"
#include "base/types.h"
#include "base/wake_list.h"
#include "base/work.h"
#include "core/active.h"
#include "core/kick.h"
#include "core/process.h"
#include "core/pwq.h"
#include "core/queue.h"
#include "core/sched.h"
#include "core/worker.h"
#include "lab/latency.h"
#include "lab/point.h"
#include "lab/policy/wake.h"
#include "lab/stacks.h"

/* Whether this is the first warning about the queue. Printing each would flood the log. */
static bool cmwq2_warn_once(struct cmwq2_wq *wq)
{
	return !atomic_xchg(&wq->warned, 1);
}

/* The part of cmwq2_insert_work() that needs the lock. */
static inline void cmwq2_link_work(struct cmwq2_pwq *pwq, struct cmwq2_work *work,
				   struct list_head *head, unsigned long flags)
{
	cmwq2_work_on_pwq(work, pwq, flags);
	list_add_tail(&work->entry, head);
	cmwq2_pwq_get(pwq);
}

/**
 * cmwq2_insert_work - put an item on a list
 * @pwq: pwq that the item is queued on; the item takes a reference to it
 * @work: item, owned by the caller through PENDING
 * @head: list to add to
 * @flags: CMWQ2_WORK_* and color bits of the data word
 *
 * Context: pwq->pool->lock held.
 */
void cmwq2_insert_work(struct cmwq2_pwq *pwq, struct cmwq2_work *work,
		       struct list_head *head, unsigned long flags)
{
	cmwq2_debug_activate(work);
	WRITE_ONCE(work->queued_jiffies, jiffies);
	work->ready_at = 0;
	cmwq2_link_work(pwq, work, head, flags);
}

/* A queue that is being drained accepts items only from its own items. */
static bool cmwq2_is_chained(struct cmwq2_wq *wq)
{
	struct cmwq2_worker *worker = cmwq2_current_worker();

	return worker && worker->current_pwq && worker->current_pwq->wq == wq;
}

#define CMWQ2_WQ_CLOSED	(CMWQ2_WQ_DRAINING | CMWQ2_WQ_DESTROYING)

static bool cmwq2_refuse(struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	unsigned int flags = READ_ONCE(wq->flags);
	unsigned long data;

	/* One test covers all the rare flags. */
	if (likely(!(flags & (CMWQ2_WQ_CLOSED | CMWQ2_WQ_DEPRECATED))))
		return false;
	data = cmwq2_work_data(work);
	if ((flags & CMWQ2_WQ_DEPRECATED) && cmwq2_warn_once(wq))
		pr_warn("%s: deprecated, but %ps was queued on it: use cmwq2_system_%s_wq\n",
			wq->name, work->func, flags & CMWQ2_WQ_UNBOUND ? "dfl" : "percpu");
	if (!(flags & CMWQ2_WQ_CLOSED) || cmwq2_is_chained(wq))
		return false;

	atomic_long_inc(&wq->refused);
	if (cmwq2_warn_once(wq))
		pr_warn("%s: refused %ps: the workqueue is being drained or destroyed\n",
			wq->name, work->func);
	cmwq2_work_release_as_was(work, data);
	return true;
}

/*
 * The node of an item in an inbox stands where @entry.next is otherwise. @entry.prev is NULL.
 */
static struct llist_node *cmwq2_work_to_node(struct cmwq2_work *work)
{
	static_assert(sizeof(struct llist_node) == sizeof(work->entry.next));
	return (struct llist_node *)&work->entry.next;
}

static struct cmwq2_work *cmwq2_node_to_work(struct llist_node *node)
{
	return container_of((struct list_head **)node, struct cmwq2_work, entry.next);
}

/*
 * Put the item into the inbox of a pool whose lock is taken. Its holder moves the item to the
 * worklist, or this does, if the lock is free meanwhile. The data word names the pwq before
 * cmwq2_queue_work() returns, so that others find the pool. A cancel that finds it there knows
 * by @entry.prev whether the item is in a list yet: litmus/inbox-posted.
 *
 * Context: RCU read-side section with interrupts off, which began before @pwq was found.
 */
static void cmwq2_inbox_post(int cpu, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct cmwq2_pool *pool = pwq->pool;

	trace_cmwq2_queue_work(cpu, pwq, work);
	cmwq2_debug_activate(work);
	WRITE_ONCE(work->queued_jiffies, jiffies);
	cmwq2_latency_posted(work);
	WRITE_ONCE(work->entry.prev, NULL);
	/* Pairs with smp_rmb() in cmwq2_work_is_posted(). */
	smp_wmb();
	cmwq2_work_on_pwq(work, pwq, 0);
	cmwq2_point(CMWQ2_POINT_POSTING, pool);
	llist_add(cmwq2_work_to_node(work), &pool->inbox);
	/* From here on the item may run and be freed. RCU keeps the pool. */
	cmwq2_point(CMWQ2_POINT_POSTED, pool);
	cmwq2_inbox_look(pool);
}

/*
 * Lock the pool of @pwq, which was found in @slot. Or, if the lock is taken, post the item and
 * return NULL.
 *
 * A pwq that was replaced before its pool had an inbox may have lost its last reference.
 * Whoever sees that the inbox is open also sees that such a pwq has left its slot. A pwq that
 * is replaced later is kept until this is over: litmus/inbox-replaced.
 */
static noinline struct cmwq2_pwq *cmwq2_lock_or_post(int cpu, struct cmwq2_pwq __rcu **slot,
						     struct cmwq2_pwq *pwq,
						     struct cmwq2_work *work)
{
	if (cmwq2_pool_trylock(pwq->pool))
		return pwq;
	/* Order the read of inbox_state before that of the slot. */
	smp_rmb();
	if (cmwq2_wq_is(pwq->wq, CMWQ2_WQ_ORDERED) || rcu_access_pointer(*slot) != pwq) {
		cmwq2_pool_lock(pwq->pool);
		return pwq;
	}
	cmwq2_inbox_post(cpu, pwq, work);
	return NULL;
}

/*
 * Lock the pool that @work must go to and return the pwq. If an earlier run of
 * the item for the same queue is still going on in another pool, the item goes
 * there, so that the two runs cannot overlap. Items of an ordered queue never
 * overlap anyway and must not leave the newest pwq. Returns NULL if the item is in the
 * pool's inbox instead. No lock is held then.
 */
static struct cmwq2_pwq *cmwq2_lock_target(int cpu, struct cmwq2_pwq __rcu **slot,
					   struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct cmwq2_pool *last = cmwq2_work_other_pool(work, pwq->pool);
	struct cmwq2_worker *busy;

	if (last && !cmwq2_wq_is(pwq->wq, CMWQ2_WQ_ORDERED)) {
		cmwq2_pool_lock(last);
		busy = cmwq2_find_executing(last, work);
		if (busy && busy->current_pwq->wq == pwq->wq)
			return busy->current_pwq;
		cmwq2_pool_unlock(last);
	}
	if (static_branch_unlikely(&cmwq2_inbox_key) &&
	    READ_ONCE(pwq->pool->inbox_state) == CMWQ2_INBOX_OPEN)
		return cmwq2_lock_or_post(cpu, slot, pwq, work);
	cmwq2_pool_lock(pwq->pool);
	return pwq;
}

/*
 * The same, beginning with the pwq that serves @cpu. An unbound pwq may be
 * replaced while this waits for the lock. The replacement is published before
 * the old pwq loses its last reference, so trying again makes progress:
 * litmus/pwq-publish, litmus/pwq-retry.
 */
static struct cmwq2_pwq *cmwq2_lock_pwq(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	struct cmwq2_pwq __rcu **slot;
	struct cmwq2_pwq *pwq;

	for (;;) {
		int at = cpu;

		if (cpu == CMWQ2_CPU_UNBOUND)
			at = cmwq2_wq_is(wq, CMWQ2_WQ_UNBOUND) ? cmwq2_select_cpu() :
								 raw_smp_processor_id();
		slot = per_cpu_ptr(wq->cpu_pwq, at);
		pwq = rcu_dereference_sched(*slot);
		cmwq2_point(CMWQ2_POINT_TARGET, pwq->pool);
		pwq = cmwq2_lock_target(cpu, slot, pwq, work);
		if (unlikely(!pwq) || likely(pwq->refcnt))
			return pwq;
		cmwq2_pool_unlock(pwq->pool);
		cpu_relax();
	}
}

static __always_inline void cmwq2_insert(struct cmwq2_pwq *pwq, struct cmwq2_work *work,
					 struct list_head *head, unsigned long flags, bool posted)
{
	if (posted) {
		cmwq2_link_work(pwq, work, head, flags);
		return;
	}
	cmwq2_insert_work(pwq, work, head, flags);
	cmwq2_latency_queued(pwq->pool, work);
}

/*
 * The item is counted in the current color before anyone can see it, so that a
 * flush which starts later waits for it. If the pwq has inactive items, the new
 * item goes behind them even when max_active would admit it. If @posted, the item comes
 * from the inbox, and its time stamps were set when it was put there.
 */
static __always_inline void cmwq2_insert_and_pick(struct cmwq2_pwq *pwq, struct cmwq2_work *work,
						  struct cmwq2_wake_list *wl, bool posted)
{
	unsigned long flags = (unsigned long)pwq->work_color << CMWQ2_WORK_COLOR_SHIFT;
	struct cmwq2_pool *pool = pwq->pool;

	pwq->nr_in_flight[pwq->work_color]++;
	if (!list_empty(&pwq->inactive) || !cmwq2_pwq_try_activate(pwq)) {
		cmwq2_insert(pwq, work, &pwq->inactive, flags | CMWQ2_WORK_INACTIVE, posted);
		return;
	}

	trace_cmwq2_activate_work(pwq, work);
	if (list_empty(&pool->worklist))
		WRITE_ONCE(pool->progress_at, jiffies);
	cmwq2_insert(pwq, work, &pool->worklist, flags, posted);
	cmwq2_point(CMWQ2_POINT_INSERTED, pool);
	cmwq2_sched_order_insert();
	cmwq2_kick_pending(pool, CMWQ2_KICK_ENQUEUE, wl);
}

/* Move all items from the inbox, the oldest one first. Context: pool->lock held. */
static void cmwq2_inbox_empty(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl)
{
	struct llist_node *node = llist_reverse_order(llist_del_all(&pool->inbox));

	cmwq2_latency_emptied(pool);
	while (node) {
		struct cmwq2_work *work = cmwq2_node_to_work(node);

		node = node->next;
		cmwq2_insert_and_pick(cmwq2_work_pwq(work), work, wl, true);
	}
}

static const struct cmwq2_inbox_ops cmwq2_queue_inbox_ops = {
	.empty = cmwq2_inbox_empty,
	.wake = cmwq2_wake_up,
};

/* Call it before the first pool is made. */
void cmwq2_queue_init(void)
{
	cmwq2_inbox_ops = &cmwq2_queue_inbox_ops;
}

/**
 * cmwq2_queue_claimed - queue an item whose PENDING the caller holds
 * @cpu: CPU or CMWQ2_CPU_UNBOUND
 * @wq: workqueue
 * @work: item, off the lists
 *
 * Context: any but NMI, interrupts off since PENDING was taken.
 * Return: whether the item was queued. If the queue is being drained or an
 * argument is invalid, it is not, and is idle again.
 */
bool cmwq2_queue_claimed(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	struct cmwq2_pwq *pwq;
	CMWQ2_DEFINE_WAKE_LIST(wl);

	lockdep_assert_irqs_disabled();

	if (unlikely(!cmwq2_can_queue(cpu, wq, work))) {
		cmwq2_refuse_misuse(cpu, wq, work);
		return false;
	}
	if (cmwq2_refuse(wq, work))
		return false;

	cmwq2_point(CMWQ2_POINT_QUEUE, NULL);
	/* As interrupts are off, this is an RCU read-side section to the end: litmus/pwq-free. */
	pwq = cmwq2_lock_pwq(cpu, wq, work);
	if (unlikely(!pwq))
		return true;
	trace_cmwq2_queue_work(cpu, pwq, work);
	cmwq2_insert_and_pick(pwq, work, &wl, false);
	cmwq2_pool_unlock(pwq->pool);
	cmwq2_point_picked(pwq->pool, &wl);
	/* Up to here RCU keeps the picked task from being freed: litmus/kick-wake. */
	cmwq2_wake_up(&wl);
	return true;
}

/**
 * cmwq2_work_take_enabled - take PENDING of an item that is not disabled
 * @work: item
 *
 * Context: interrupts off.
 * Return: false if the item is already pending or is disabled.
 */
bool cmwq2_work_take_enabled(struct cmwq2_work *work)
{
	unsigned long data;

	if (!cmwq2_work_take(work))
		return false;
	cmwq2_keep_stack(work);
	/* The owner of PENDING may read the depth, because it changes under PENDING only. */
	data = cmwq2_work_data(work);
	if (likely(!cmwq2_data_disable(data)))
		return true;
	cmwq2_work_release_as_was(work, data);
	return false;
}

/**
 * cmwq2_queue_work_on - queue an item on a CPU
 * @cpu: CPU to run on, which the caller must keep from going offline for good;
 *	or CMWQ2_CPU_UNBOUND for the local one. On an unbound queue the CPU
 *	selects the pod that serves the item.
 * @wq: workqueue
 * @work: item
 *
 * If it returns false because the item was pending, the run that the item is
 * pending for sees everything that the caller stored before.
 *
 * Context: any but NMI.
 * Return: true if the item was queued. False if it was pending or is disabled,
 * or if @wq is being drained. The kernel's own function does not tell the
 * caller about a drain; this one does, and reports it once for each queue. Also
 * false, with a WARN, if an argument is invalid: no queue, a CPU that cannot
 * exist, or an item that was not initialised.
 */
bool cmwq2_queue_work_on(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	unsigned long flags;
	bool queued = false;

	local_irq_save(flags);
	if (cmwq2_work_take_enabled(work))
		queued = cmwq2_queue_claimed(cpu, wq, work);
	local_irq_restore(flags);
	return queued;
}
EXPORT_SYMBOL_GPL(cmwq2_queue_work_on);

/* An online CPU of @node, the local one if it belongs to @node; or "any". Interrupts off. */
static int cmwq2_node_cpu(int node)
{
	int cpu = raw_smp_processor_id();

	if (node < 0 || node >= nr_node_ids || !node_state(node, N_ONLINE))
		return CMWQ2_CPU_UNBOUND;
	if (cpu_to_node(cpu) == node)
		return cpu;
	/* A CPU that goes down now is no worse than one that goes down later. */
	cpu = data_race(cpumask_any_and(cpumask_of_node(node), cpu_online_mask));
	return cpu < nr_cpu_ids ? cpu : CMWQ2_CPU_UNBOUND;
}

/**
 * cmwq2_queue_work_node - queue an item near a NUMA node
 * @node: node; one that is not online, or NUMA_NO_NODE, means anywhere
 * @wq: unbound workqueue; a bound one warns once and runs the item on a CPU of
 *	@node
 * @work: item
 *
 * Context: any but NMI.
 * Return: as cmwq2_queue_work_on().
 */
bool cmwq2_queue_work_node(int node, struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	unsigned long flags;
	bool queued = false;

	WARN_ON_ONCE(wq && !cmwq2_wq_is(wq, CMWQ2_WQ_UNBOUND));

	local_irq_save(flags);
	if (cmwq2_work_take_enabled(work))
		queued = cmwq2_queue_claimed(cmwq2_node_cpu(node), wq, work);
	local_irq_restore(flags);
	return queued;
}
EXPORT_SYMBOL_GPL(cmwq2_queue_work_node);
