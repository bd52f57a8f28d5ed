// SPDX-License-Identifier: GPL-2.0
/*
 * The engine's own threads, and the destruction of workers and pools.
 *
 * There are three, so that none of them waits for what another one does:
 *
 *   helper	culls workers, releases pwqs and thereby unplugs ordered queues. It
 *		only marks workers as dying and waits for no thread.
 *   reaper	waits for dying workers, and destroys pools that are not used any
 *		more. It is the only one that waits for other threads, and may
 *		have to for as long as another task keeps a CPU to itself. It
 *		holds no lock meanwhile, and only the module's exit waits for it.
 *   reporter	prints what the watchdog and the hog detection found.
 *
 * Each records what it is doing and since when, see struct cmwq2_chore.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "base/types.h"

/* Exported for tests that put them on a CPU of their choice. */
struct kthread_worker *cmwq2_helper;
EXPORT_SYMBOL_GPL(cmwq2_helper);
struct kthread_worker *cmwq2_reaper;
EXPORT_SYMBOL_GPL(cmwq2_reaper);
struct kthread_worker *cmwq2_reporter;
EXPORT_SYMBOL_GPL(cmwq2_reporter);

static struct cmwq2_chore cmwq2_chores[CMWQ2_THREAD_NR];

static const struct {
	struct kthread_worker	**worker;
	const char		*name;
} cmwq2_threads[CMWQ2_THREAD_NR] = {
	[CMWQ2_THREAD_HELPER]	= { &cmwq2_helper, "cw2/helper" },
	[CMWQ2_THREAD_REAPER]	= { &cmwq2_reaper, "cw2/reaper" },
	[CMWQ2_THREAD_REPORTER]	= { &cmwq2_reporter, "cw2/reporter" },
};

/* Workers that are marked as dying and not waited for yet, and the lock of the list. */
static LIST_HEAD(cmwq2_dying);
static DEFINE_SPINLOCK(cmwq2_dying_lock);

/**
 * cmwq2_chore_begin - record what one of the engine's own threads begins to do
 * @thread: the current thread
 * @what: what it does; a constant string, printed between its name and @id
 * @id: number of the pool or thread concerned
 */
void cmwq2_chore_begin(enum cmwq2_thread thread, const char *what, int id)
{
	struct cmwq2_chore *chore = &cmwq2_chores[thread];

	WRITE_ONCE(chore->since, jiffies);
	WRITE_ONCE(chore->id, id);
	/* Pairs with smp_load_acquire() in cmwq2_chore(): whoever sees @what sees its time. */
	smp_store_release(&chore->what, what);
}

/* Record that the current thread @thread has finished what it began. */
void cmwq2_chore_end(enum cmwq2_thread thread)
{
	WRITE_ONCE(cmwq2_chores[thread].what, NULL);
}

/**
 * cmwq2_chore - what one of the engine's own threads is doing
 * @thread: which thread
 * @chore: filled in; its fields may not belong together if the thread moves on
 *	at the same time, which cannot happen to a thread that is stuck
 *
 * Context: any.
 * Return: the thread's task if it is doing something, NULL if it is idle.
 */
struct task_struct *cmwq2_chore(enum cmwq2_thread thread, struct cmwq2_chore *chore)
{
	struct kthread_worker *worker = *cmwq2_threads[thread].worker;

	/* Pairs with smp_store_release() in cmwq2_chore_begin(). */
	chore->what = smp_load_acquire(&cmwq2_chores[thread].what);
	chore->since = READ_ONCE(cmwq2_chores[thread].since);
	chore->id = READ_ONCE(cmwq2_chores[thread].id);
	return chore->what && worker ? worker->task : NULL;
}
EXPORT_SYMBOL_GPL(cmwq2_chore);

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
 * All of them are woken here, so that none has to wait until the reaper is done
 * with those before it.
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

/**
 * cmwq2_helpers_flush - wait until the engine's own threads have no more to do
 *
 * The order matters: the helper gives work to the reaper, and never the other
 * way round.
 *
 * Context: process, may sleep, for as long as the reaper waits for a thread.
 */
void cmwq2_helpers_flush(void)
{
	kthread_flush_worker(cmwq2_helper);
	kthread_flush_worker(cmwq2_reaper);
	kthread_flush_worker(cmwq2_reporter);
}
EXPORT_SYMBOL_GPL(cmwq2_helpers_flush);

/**
 * cmwq2_helpers_start - start the engine's own threads
 *
 * Context: process, may sleep.
 * Return: 0 or a negative error.
 */
int cmwq2_helpers_start(void)
{
	int i;

	for (i = 0; i < CMWQ2_THREAD_NR; i++) {
		struct kthread_worker *worker = cmwq2_kthread_run_worker("%s",
									 cmwq2_threads[i].name);

		if (IS_ERR(worker)) {
			cmwq2_helpers_stop();
			return PTR_ERR(worker);
		}
		*cmwq2_threads[i].worker = worker;
	}
	return 0;
}

/*
 * Each thread finishes its work first. They are stopped in the order of
 * cmwq2_helpers_flush(), for the same reason.
 */
void cmwq2_helpers_stop(void)
{
	int i;

	for (i = 0; i < CMWQ2_THREAD_NR; i++) {
		if (*cmwq2_threads[i].worker)
			kthread_destroy_worker(*cmwq2_threads[i].worker);
		*cmwq2_threads[i].worker = NULL;
	}
	WARN_ON(!list_empty(&cmwq2_dying));
}
