// SPDX-License-Identifier: GPL-2.0
/*
 * Questions about items, queues and the current worker.
 */
#include <linux/export.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/lock.h"
#include "base/misuse.h"
#include "base/registry.h"
#include "base/types.h"
#include "base/work.h"
#include "core/process.h"
#include "core/worker.h"
#include "lab/policy/claim.h"

/**
 * cmwq2_current_work - the item that the caller runs in
 *
 * Return: the item. NULL outside of a cmwq2 worker's thread and in a BH item,
 * as from the kernel's own function. Only the address may be used, because the
 * function may have freed the item.
 */
struct cmwq2_work *cmwq2_current_work(void)
{
	struct cmwq2_worker *worker = cmwq2_current_worker();

	return worker && worker->task ? worker->current_work : NULL;
}
EXPORT_SYMBOL_GPL(cmwq2_current_work);

/**
 * cmwq2_current_is_workqueue_rescuer - whether the caller runs in a rescuer
 *
 * Return: true if so. The function may then want to queue the rest of its work,
 * so that other pools of the queue need not wait for rescue.
 */
bool cmwq2_current_is_workqueue_rescuer(void)
{
	struct cmwq2_worker *worker = cmwq2_current_worker();

	return worker && worker->rescue_wq;
}
EXPORT_SYMBOL_GPL(cmwq2_current_is_workqueue_rescuer);

/*
 * A queue from one of the legacy constructors has a rescuer, but is not meant to
 * serve memory reclaim.
 */
static bool cmwq2_serves_reclaim(struct cmwq2_wq *wq)
{
	return cmwq2_wq_is(wq, CMWQ2_WQ_MEM_RECLAIM) && !cmwq2_wq_is(wq, CMWQ2_WQ_LEGACY);
}

/**
 * cmwq2_current_is_workqueue_mem_reclaim - whether memory reclaim may wait for the caller
 *
 * Return: true in an item of a CMWQ2_WQ_MEM_RECLAIM queue. Such an item must
 * not wait for an item of a queue without that flag.
 */
bool cmwq2_current_is_workqueue_mem_reclaim(void)
{
	struct cmwq2_worker *worker = cmwq2_current_worker();

	return worker && worker->current_pwq && cmwq2_serves_reclaim(worker->current_pwq->wq);
}
EXPORT_SYMBOL_GPL(cmwq2_current_is_workqueue_mem_reclaim);

/**
 * cmwq2_workqueue_congested - whether a queue is at its limit on a CPU
 * @cpu: CPU, or CMWQ2_CPU_UNBOUND for the local one
 * @wq: workqueue
 *
 * A hint: no lock is taken, and items on other CPUs say nothing about this one.
 *
 * Context: any.
 * Return: whether items queued from @cpu wait for max_active. False for a CPU
 * that this machine cannot have.
 */
bool cmwq2_workqueue_congested(int cpu, struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	bool congested;

	if (cmwq2_is_missing(wq))
		return false;
	rcu_read_lock();
	if (cpu == CMWQ2_CPU_UNBOUND)
		cpu = raw_smp_processor_id();
	pwq = cmwq2_cpu_pwq(wq, cpu);
	congested = pwq && !list_empty(&pwq->inactive);
	rcu_read_unlock();
	return congested;
}
EXPORT_SYMBOL_GPL(cmwq2_workqueue_congested);

/**
 * cmwq2_work_busy - what an item is doing
 * @work: item
 *
 * A hint: the answer may be out of date when this returns.
 *
 * Context: any but NMI.
 * Return: CMWQ2_WORK_BUSY_PENDING, CMWQ2_WORK_BUSY_RUNNING, both, or 0.
 */
unsigned int cmwq2_work_busy(struct cmwq2_work *work)
{
	unsigned int busy = cmwq2_work_pending(work) ? CMWQ2_WORK_BUSY_PENDING : 0;
	struct cmwq2_pool *pool;
	unsigned long flags;

	rcu_read_lock();
	pool = cmwq2_work_pool(work);
	if (pool) {
		cmwq2_pool_lock_irqsave(pool, flags);
		if (cmwq2_find_executing(pool, work))
			busy |= CMWQ2_WORK_BUSY_RUNNING;
		cmwq2_pool_unlock_irqrestore(pool, flags);
	}
	rcu_read_unlock();
	return busy;
}
EXPORT_SYMBOL_GPL(cmwq2_work_busy);

/**
 * cmwq2_pool_stats - get the figures of the pool that serves a queue on a CPU
 * @wq: workqueue
 * @cpu: CPU
 * @st: filled in
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL for a CPU that does not exist.
 */
int cmwq2_pool_stats(struct cmwq2_wq *wq, int cpu, struct cmwq2_pool_stats *st)
{
	struct cmwq2_pool *pool;
	struct cmwq2_pwq *pwq;
	unsigned long flags;

	rcu_read_lock();
	pwq = cmwq2_cpu_pwq(wq, cpu);
	if (!pwq) {
		rcu_read_unlock();
		return -EINVAL;
	}
	pool = pwq->pool;
	cmwq2_pool_lock_irqsave(pool, flags);
	*st = (struct cmwq2_pool_stats) {
		.id = pool->id,
		.nr_workers = pool->nr_workers,
		.nr_idle = pool->nr_idle,
		.nr_running = atomic_read(&pool->nr_running),
		.created = pool->stat.created,
		.culled = pool->stat.culled,
		.kicks = pool->stat.kicks,
		.coalesced = pool->stat.coalesced,
		.cm_wakeups = pool->stat.cm_wakeups,
		.scan_wakeups = pool->stat.scan_wakeups,
		.scans = pool->stat.scans,
		.scan_looks = pool->stat.scan_looks,
		.scan_lost = pool->stat.scan_lost,
		.maydays = pool->stat.maydays,
		.stalls = pool->stat.stalls,
		.woken = pool->stat.woken,
		.in_vain = pool->stat.in_vain,
	};
	st->nr_kicked = cmwq2_nr_kicked(pool);
	cmwq2_pool_unlock_irqrestore(pool, flags);
	rcu_read_unlock();
	return 0;
}
EXPORT_SYMBOL_GPL(cmwq2_pool_stats);

/**
 * cmwq2_wq_stats - get a queue's counters
 * @wq: workqueue
 * @st: filled in; the counters of pwqs that were replaced are lost
 *
 * Context: process, may sleep.
 */
void cmwq2_wq_stats(struct cmwq2_wq *wq, struct cmwq2_wq_stats *st)
{
	struct cmwq2_pwq *pwq;

	*st = (struct cmwq2_wq_stats) { .refused = atomic_long_read(&wq->refused) };
	mutex_lock(&wq->mutex);
	list_for_each_entry(pwq, &wq->pwqs, pwqs_node) {
		cmwq2_pool_lock_irq(pwq->pool);
		st->started += pwq->stat.started;
		st->completed += pwq->stat.completed;
		st->cm_wakeup += pwq->stat.cm_wakeup;
		st->repatriated += pwq->stat.repatriated;
		st->mayday += pwq->stat.mayday;
		st->rescued += pwq->stat.rescued;
		st->batches += pwq->stat.batches;
		st->relapses += pwq->stat.relapses;
		st->cpu_time += pwq->stat.cpu_time;
		st->cpu_intensive += pwq->stat.cpu_intensive;
		cmwq2_pool_unlock_irq(pwq->pool);
	}
	mutex_unlock(&wq->mutex);
}
EXPORT_SYMBOL_GPL(cmwq2_wq_stats);
