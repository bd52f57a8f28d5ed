// SPDX-License-Identifier: GPL-2.0
/*
 * Items that are queued when an RCU grace period is over. Until then the item
 * is PENDING and on no list. Nobody can take it back from RCU, so it can be
 * neither cancelled nor disabled.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>

#include <cmwq2/workqueue.h>

#include "base/misuse.h"
#include "base/types.h"
#include "base/work.h"
#include "core/queue.h"
#include "lab/stacks.h"

static void cmwq2_rcu_work_due(struct rcu_head *rcu)
{
	struct cmwq2_rcu_work *rwork = container_of(rcu, struct cmwq2_rcu_work, rcu);

	/* cmwq2_queue_claimed() wants interrupts off, as for any owner of PENDING. */
	local_irq_disable();
	cmwq2_queue_claimed(CMWQ2_CPU_UNBOUND, rwork->wq, &rwork->work);
	local_irq_enable();
}

/**
 * cmwq2_queue_rcu_work - queue an item after an RCU grace period
 * @wq: workqueue
 * @rwork: item
 *
 * Context: any but NMI.
 * Return: true if a whole grace period will pass before the item runs. False if
 * it was pending: it will run, but perhaps sooner. False with a WARN if the
 * item is disabled or an argument is invalid, see cmwq2_queue_work_on().
 */
bool cmwq2_queue_rcu_work(struct cmwq2_wq *wq, struct cmwq2_rcu_work *rwork)
{
	/* Interrupts may stay on, because nobody may steal the item. */
	if (!cmwq2_work_take(&rwork->work))
		return false;
	cmwq2_keep_stack(&rwork->work);
	if (WARN_ON_ONCE(cmwq2_data_disable(cmwq2_work_data(&rwork->work)))) {
		cmwq2_work_release_as_was(&rwork->work, cmwq2_work_data(&rwork->work));
		return false;
	}
	/* Check here, where the caller can be seen, and not after the grace period. */
	if (unlikely(!cmwq2_can_queue(CMWQ2_CPU_UNBOUND, wq, &rwork->work))) {
		cmwq2_refuse_misuse(CMWQ2_CPU_UNBOUND, wq, &rwork->work);
		return false;
	}
	rwork->wq = wq;
	cmwq2_call_rcu_hurry(&rwork->rcu, cmwq2_rcu_work_due);
	return true;
}
EXPORT_SYMBOL_GPL(cmwq2_queue_rcu_work);

/**
 * cmwq2_flush_rcu_work - wait for the last queueing of an item
 * @rwork: item
 *
 * Context: process, may sleep, for a grace period and more.
 * Return: true after a wait; false if it was idle.
 */
bool cmwq2_flush_rcu_work(struct cmwq2_rcu_work *rwork)
{
	if (!cmwq2_work_pending(&rwork->work))
		return cmwq2_flush_work(&rwork->work);
	/* The item waits for RCU or is queued. After this it is queued or done. */
	rcu_barrier();
	cmwq2_flush_work(&rwork->work);
	return true;
}
EXPORT_SYMBOL_GPL(cmwq2_flush_rcu_work);
