// SPDX-License-Identifier: GPL-2.0
/*
 * Misuses the engine on purpose, in one way per load, to test that its debugging
 * aids complain. None of these ways blocks for ever or corrupts memory.
 */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "what to do wrong: none, flush, queue, cancel, reclaim, memalloc, free, init, stack, zeroed, oops, uaf, race");

static DEFINE_MUTEX(lock);
static DECLARE_COMPLETION(started);
static struct cmwq2_wq *wq, *reclaim_wq;
static bool take_lock = true;

/* Only the first run takes the lock: lockdep must find the cycle, but no deadlock must happen. */
static void locking_fn(struct cmwq2_work *work)
{
	if (take_lock) {
		mutex_lock(&lock);
		mutex_unlock(&lock);
	}
	take_lock = false;
	complete(&started);
	/* Keep running for a while, so that a waiter finds the item running. */
	schedule_timeout_uninterruptible(HZ / 10);
}

static CMWQ2_DECLARE_WORK(locking_work, locking_fn);

static void idle_fn(struct cmwq2_work *work)
{
}

static void run_locking_twice(void)
{
	cmwq2_queue_work(wq, &locking_work);
	wait_for_completion(&started);
	cmwq2_flush_workqueue(wq);
	cmwq2_queue_work(wq, &locking_work);
	wait_for_completion(&started);
	mutex_lock(&lock);
}

static void do_flush(void)
{
	run_locking_twice();
	cmwq2_flush_work(&locking_work);
	mutex_unlock(&lock);
}

static void do_queue(void)
{
	run_locking_twice();
	cmwq2_flush_workqueue(wq);
	mutex_unlock(&lock);
}

static void do_cancel(void)
{
	run_locking_twice();
	cmwq2_cancel_work_sync(&locking_work);
	mutex_unlock(&lock);
}

static void flushing_fn(struct cmwq2_work *work)
{
	cmwq2_queue_work(wq, &locking_work);
	cmwq2_flush_work(&locking_work);
}

static CMWQ2_DECLARE_WORK(flushing_work, flushing_fn);

static void do_reclaim(void)
{
	cmwq2_queue_work(reclaim_wq, &flushing_work);
	cmwq2_flush_workqueue(reclaim_wq);
}

static void do_memalloc(void)
{
	unsigned int flags = memalloc_noreclaim_save();

	flushing_fn(NULL);
	memalloc_noreclaim_restore(flags);
}

/* @work must be on a queue. If it only had its delay pending, it would be on a timer. */
static void queue_behind(struct cmwq2_wq *ordered, struct cmwq2_work *work)
{
	take_lock = false;
	cmwq2_queue_work(ordered, &locking_work);
	cmwq2_queue_work(ordered, work);
}

static void do_free(struct cmwq2_wq *ordered)
{
	struct cmwq2_work *work = kmalloc(sizeof(*work), GFP_KERNEL);

	if (!work)
		return;
	CMWQ2_INIT_WORK(work, idle_fn);
	queue_behind(ordered, work);
	kfree(work);
}

static void do_init(struct cmwq2_wq *ordered)
{
	struct cmwq2_work *work = kmalloc(sizeof(*work), GFP_KERNEL);

	if (!work)
		return;
	CMWQ2_INIT_WORK(work, idle_fn);
	queue_behind(ordered, work);
	CMWQ2_INIT_WORK(work, idle_fn);
	kfree(work);
}

static void do_stack(void)
{
	struct cmwq2_work work;

	CMWQ2_INIT_WORK(&work, idle_fn);
	cmwq2_queue_work(wq, &work);
	cmwq2_flush_work(&work);
}

/* The engine must refuse the item and report it with our function in the backtrace. */
static void do_zeroed(void)
{
	static struct cmwq2_work zeroed;

	cmwq2_queue_work(wq, &zeroed);
}

static void oops_fn(struct cmwq2_work *work)
{
	WRITE_ONCE(*(int *)8, 1);
}

/* The oops kills the thread that runs the item, so nothing waits for the item. */
static void do_oops(void)
{
	static CMWQ2_DECLARE_WORK(oops_work, oops_fn);

	cmwq2_queue_work(wq, &oops_work);
	schedule_timeout_uninterruptible(HZ);
}

static void uaf_fn(struct cmwq2_work *work)
{
	kfree(work);
	READ_ONCE(work->func);
}

static noinline void do_uaf(void)
{
	struct cmwq2_work *work = kmalloc(sizeof(*work), GFP_KERNEL);

	if (!work)
		return;
	CMWQ2_INIT_WORK(work, uaf_fn);
	cmwq2_keep_stacks(true);
	cmwq2_queue_work(wq, work);
	cmwq2_flush_workqueue(wq);
	cmwq2_keep_stacks(false);
}

static void again_fn(struct cmwq2_work *work)
{
	cmwq2_queue_work(wq, work);
}

/* The engine reads the function of an item that is queued, so nobody may write it. */
static noinline void do_race(void)
{
	static CMWQ2_DECLARE_WORK(again_work, again_fn);
	unsigned long end = jiffies + HZ;

	cmwq2_queue_work(wq, &again_work);
	while (time_before(jiffies, end)) {
		again_work.func = again_fn;
		barrier();
	}
	cmwq2_cancel_work_sync(&again_work);
}

static void with_ordered(void (*fn)(struct cmwq2_wq *ordered))
{
	struct cmwq2_wq *ordered = cmwq2_alloc_ordered_workqueue("selftest_ordered", 0);

	if (!ordered)
		return;
	fn(ordered);
	cmwq2_destroy_workqueue(ordered);
}

static int do_fault(void)
{
	pr_info("%s\n", fault);
	if (!strcmp(fault, "flush"))
		do_flush();
	else if (!strcmp(fault, "queue"))
		do_queue();
	else if (!strcmp(fault, "cancel"))
		do_cancel();
	else if (!strcmp(fault, "reclaim"))
		do_reclaim();
	else if (!strcmp(fault, "memalloc"))
		do_memalloc();
	else if (!strcmp(fault, "free"))
		with_ordered(do_free);
	else if (!strcmp(fault, "init"))
		with_ordered(do_init);
	else if (!strcmp(fault, "stack"))
		do_stack();
	else if (!strcmp(fault, "zeroed"))
		do_zeroed();
	else if (!strcmp(fault, "oops"))
		do_oops();
	else if (!strcmp(fault, "uaf"))
		do_uaf();
	else if (!strcmp(fault, "race"))
		do_race();
	else if (strcmp(fault, "none"))
		return -EINVAL;
	return 0;
}

static void free_wqs(void)
{
	cmwq2_destroy_workqueue(reclaim_wq);
	cmwq2_destroy_workqueue(wq);
}

static int __init selftest_cmwq2_init(void)
{
	int ret;

	wq = cmwq2_alloc_workqueue("selftest", CMWQ2_WQ_UNBOUND, 0);
	reclaim_wq = cmwq2_alloc_workqueue("selftest_reclaim",
					   CMWQ2_WQ_UNBOUND | CMWQ2_WQ_MEM_RECLAIM, 0);
	ret = wq && reclaim_wq ? do_fault() : -ENOMEM;
	if (ret)
		free_wqs();
	return ret;
}

static void __exit selftest_cmwq2_exit(void)
{
	free_wqs();
}

module_init(selftest_cmwq2_init);
module_exit(selftest_cmwq2_exit);
MODULE_DESCRIPTION("Misuses of cmwq2 for its debugging aids to find");
MODULE_LICENSE("GPL");
