// SPDX-License-Identifier: GPL-2.0
/*
 * The engine's own threads.
 *
 * There are three, so that none of them waits for what another one does:
 *
 *   helper	culls workers, releases pwqs and thereby unplugs ordered queues. It
 *		only marks workers as dying and waits for no thread.
 *   reaper	waits for dying workers, destroys pools that are not used any
 *		more, and ends the lock classes of queues, for which lockdep waits
 *		for RCU. It is the only one that waits for other threads, and may
 *		have to for as long as another task keeps a CPU to itself. It
 *		holds no lock meanwhile. Only the module's exit waits for it, and
 *		with lockdep who has more than a thousand queues waiting there.
 *   reporter	prints what the watchdog and the hog detection found.
 *
 * Each records what it is doing and since when, see struct cmwq2_chore.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>

#include "base/helper.h"

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
	/* Pairs with smp_load_acquire() in cmwq2_chore(), for the time: litmus/chore-begin. */
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

	/* Pairs with smp_store_release() in cmwq2_chore_begin(): litmus/chore-begin. */
	chore->what = smp_load_acquire(&cmwq2_chores[thread].what);
	chore->since = READ_ONCE(cmwq2_chores[thread].since);
	chore->id = READ_ONCE(cmwq2_chores[thread].id);
	return chore->what && worker ? worker->task : NULL;
}
EXPORT_SYMBOL_GPL(cmwq2_chore);

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
}
