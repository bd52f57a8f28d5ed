// SPDX-License-Identifier: GPL-2.0
/*
 * The reaper thread, which waits for dying workers and frees them.
 *
 * A dying worker must run once more before its thread ends. It cannot do that while
 * another task occupies its CPU, so the wait can last long. Therefore a thread of its own
 * waits, and holds no lock meanwhile. No other of the engine's own threads waits for
 * another thread.
 */
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "base/helper.h"
#include "base/types.h"
#include "core/reap.h"
#include "core/worker.h"

/* The workers that are marked as dying and that the reaper has not taken yet, and their lock. */
static LIST_HEAD(cmwq2_dying);
static DEFINE_SPINLOCK(cmwq2_dying_lock);

static struct cmwq2_worker *cmwq2_next_dying(void)
{
	struct cmwq2_worker *worker;

	spin_lock(&cmwq2_dying_lock);
	worker = list_first_entry_or_null(&cmwq2_dying, struct cmwq2_worker, entry);
	if (worker)
		list_del_init(&worker->entry);
	spin_unlock(&cmwq2_dying_lock);
	return worker;
}

/**
 * cmwq2_reap_all - wait for all dying workers and free them
 *
 * Context: the reaper thread, no locks held.
 */
void cmwq2_reap_all(void)
{
	struct cmwq2_worker *worker;

	while ((worker = cmwq2_next_dying())) {
		cmwq2_chore_begin(CMWQ2_THREAD_REAPER, "waits for the end of thread",
				  task_pid_nr(worker->task));
		cmwq2_worker_reap(worker);
		cmwq2_chore_end(CMWQ2_THREAD_REAPER);
	}
}

static void cmwq2_reap(struct kthread_work *work)
{
	cmwq2_reap_all();
}

static DEFINE_KTHREAD_WORK(cmwq2_reap_work, cmwq2_reap);

/**
 * cmwq2_reap_later - hand dying workers over to the reaper
 * @dying: workers that cmwq2_unbind_dying() has allowed on other CPUs; empty
 *	afterwards
 *
 * All of them are woken here, so that no worker waits until the reaper is done with the
 * workers before it.
 *
 * Context: process, no pool locked.
 */
void cmwq2_reap_later(struct list_head *dying)
{
	struct cmwq2_worker *worker;

	if (list_empty(dying))
		return;
	list_for_each_entry(worker, dying, entry)
		wake_up_process(worker->task);
	spin_lock(&cmwq2_dying_lock);
	list_splice_tail_init(dying, &cmwq2_dying);
	spin_unlock(&cmwq2_dying_lock);
	kthread_queue_work(cmwq2_reaper, &cmwq2_reap_work);
}

/* Whether the reaper has taken all workers that were handed over to it. */
bool cmwq2_reaped_all(void)
{
	return data_race(list_empty(&cmwq2_dying)); /* without the lock a hint */
}
