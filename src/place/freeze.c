// SPDX-License-Identifier: GPL-2.0
/*
 * Freezable queues stand still while the system sleeps.
 *
 * The kernel's freezer stops the kernel's workqueues by calls that do not reach
 * a module. But it also freezes every kernel thread that asked for it, and
 * waits for those that have not stopped. The sentinel is such a thread. When
 * the freezer wants it to stop, the sentinel freezes the queues, and stops only
 * when they are at rest. So a busy queue holds up the freezer and makes it fail
 * after its timeout, as the kernel's own queues do. When the freezer lets the
 * sentinel go, having finished or failed, the sentinel thaws the queues.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include <cmwq2/workqueue.h>

#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/active.h"
#include "place/freeze.h"

static void cmwq2_set_freezing(bool freezing)
{
	struct cmwq2_wq *wq;

	mutex_lock(&cmwq2_pool_mutex);
	if (cmwq2_freezing != freezing) {
		cmwq2_freezing = freezing;
		list_for_each_entry(wq, &cmwq2_workqueues, list) {
			mutex_lock(&wq->mutex);
			cmwq2_adjust_max_active(wq);
			mutex_unlock(&wq->mutex);
		}
	}
	mutex_unlock(&cmwq2_pool_mutex);
}

/**
 * cmwq2_freeze_workqueues_begin - keep freezable queues from starting items
 *
 * Items queued from here on, and those that wait for max_active, wait for
 * cmwq2_thaw_workqueues(). A second call has no further effect. The sentinel
 * and tests call it.
 *
 * Context: process, may sleep.
 */
void cmwq2_freeze_workqueues_begin(void)
{
	cmwq2_set_freezing(true);
}
EXPORT_SYMBOL_GPL(cmwq2_freeze_workqueues_begin);

static bool cmwq2_wq_has_active(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	bool active = false;

	rcu_read_lock();
	list_for_each_entry_rcu(pwq, &wq->pwqs, pwqs_node) {
		/*
		 * Drops to zero and stays there while the queue is frozen. An
		 * item that ends passes its slot on with the lock held, and
		 * may have read max_active before the freeze: without the lock
		 * this could see zero in between. See litmus/active-freeze.
		 */
		cmwq2_pool_lock_irq(pwq->pool);
		active = pwq->nr_active;
		cmwq2_pool_unlock_irq(pwq->pool);
		if (active)
			break;
	}
	rcu_read_unlock();
	return active;
}

/**
 * cmwq2_freeze_workqueues_busy - whether freezable queues have active items
 *
 * Context: process, may sleep; after cmwq2_freeze_workqueues_begin().
 * Return: true if an item that was started before is not done.
 */
bool cmwq2_freeze_workqueues_busy(void)
{
	struct cmwq2_wq *wq;
	bool busy = false;

	mutex_lock(&cmwq2_pool_mutex);
	list_for_each_entry(wq, &cmwq2_workqueues, list) {
		busy = cmwq2_wq_is(wq, CMWQ2_WQ_FREEZABLE) && cmwq2_wq_has_active(wq);
		if (busy)
			break;
	}
	mutex_unlock(&cmwq2_pool_mutex);
	return busy;
}
EXPORT_SYMBOL_GPL(cmwq2_freeze_workqueues_busy);

/**
 * cmwq2_thaw_workqueues - let freezable queues start items again
 *
 * Context: process, may sleep.
 */
void cmwq2_thaw_workqueues(void)
{
	cmwq2_set_freezing(false);
}
EXPORT_SYMBOL_GPL(cmwq2_thaw_workqueues);

#ifdef CONFIG_FREEZER
static struct task_struct *cmwq2_sentinel;

static void cmwq2_sentinel_freeze(void)
{
	cmwq2_freeze_workqueues_begin();
	/* The freezer polls as well. It gives up after its timeout or if it is told to. */
	while (freezing(current) && cmwq2_freeze_workqueues_busy())
		schedule_timeout_interruptible(1);
	try_to_freeze();
	cmwq2_thaw_workqueues();
}

static int cmwq2_sentinel_thread(void *unused)
{
	set_freezable();
	for (;;) {
		/*
		 * Not TASK_FREEZABLE: the freezer would take that for frozen
		 * already. A wakeup announces both a request of the freezer and
		 * the module's exit.
		 */
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!freezing(current)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		cmwq2_sentinel_freeze();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/**
 * cmwq2_freeze_init - start the thread that waits for the freezer
 *
 * Context: process, may sleep.
 * Return: 0 or a negative error.
 */
int cmwq2_freeze_init(void)
{
	struct task_struct *task = kthread_run(cmwq2_sentinel_thread, NULL, "cw2/freezer");

	if (IS_ERR(task))
		return PTR_ERR(task);
	cmwq2_sentinel = task;
	return 0;
}

void cmwq2_freeze_exit(void)
{
	kthread_stop(cmwq2_sentinel);
}
#else
/* A kernel without the freezer has nothing to follow. */
int cmwq2_freeze_init(void)
{
	return 0;
}

void cmwq2_freeze_exit(void)
{
}
#endif /* CONFIG_FREEZER */
