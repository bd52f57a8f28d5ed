// SPDX-License-Identifier: GPL-2.0
/*
 * Misbehaves on purpose, in one way per load, to test that the harness notices each of them.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "one of: none, warn, bug, oops, panic, hang, lockdep, kasan, sleep, nesting, leak, race, marked, error");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_RAW_SPINLOCK(raw);
static DEFINE_SPINLOCK(spin);

static noinline void do_oops(void)
{
	*(volatile int *)8 = 0;
}

/* One thread is enough to close the cycle, because lockdep only needs to see both orders. */
static noinline void do_lockdep(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static noinline void do_kasan(void)
{
	volatile char *buffer = kmalloc(13, GFP_KERNEL);

	if (buffer)
		buffer[13] = 1;
	kfree((void *)buffer);
}

/*
 * Several objects leak, because a pointer to the last one may remain in a register
 * or on an unused part of a stack that kmemleak still scans.
 */
static noinline void do_leak(void)
{
	void *volatile lost;
	int i;

	for (i = 0; i < 10; i++)
		lost = kmalloc(1000, GFP_KERNEL);
	lost = NULL;
	(void)lost;
}

static noinline void do_sleep(void)
{
	raw_spin_lock(&raw);
	msleep(1);
	raw_spin_unlock(&raw);
}

/* On PREEMPT_RT the inner lock can sleep, and the outer one must not. */
static noinline void do_nesting(void)
{
	raw_spin_lock(&raw);
	spin_lock(&spin);
	spin_unlock(&spin);
	raw_spin_unlock(&raw);
}

static noinline void do_hang(void)
{
	for (;;)
		schedule_timeout_interruptible(HZ);
}

static long shared;

/* What the other thread adds meanwhile is lost. Only with plain accesses it is a data race. */
static noinline void add_up(bool marked)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (marked)
			WRITE_ONCE(shared, READ_ONCE(shared) + 1);
		else
			shared++;
		barrier();
	}
	cond_resched();
}

static int add_fn(void *marked)
{
	while (!kthread_should_stop())
		add_up(marked);
	return 0;
}

static noinline void do_race(bool marked)
{
	struct task_struct *task = kthread_run(add_fn, marked ? &shared : NULL, "selftest");
	unsigned long end = jiffies + HZ;

	if (IS_ERR(task))
		return;
	while (time_before(jiffies, end))
		add_up(marked);
	kthread_stop(task);
}

static int __init selftest_init(void)
{
	pr_info("%s\n", fault);
	if (!strcmp(fault, "warn"))
		WARN(1, "on purpose\n");
	else if (!strcmp(fault, "bug"))
		BUG();
	else if (!strcmp(fault, "oops"))
		do_oops();
	else if (!strcmp(fault, "panic"))
		panic("on purpose");
	else if (!strcmp(fault, "hang"))
		do_hang();
	else if (!strcmp(fault, "lockdep"))
		do_lockdep();
	else if (!strcmp(fault, "kasan"))
		do_kasan();
	else if (!strcmp(fault, "sleep"))
		do_sleep();
	else if (!strcmp(fault, "nesting"))
		do_nesting();
	else if (!strcmp(fault, "leak"))
		do_leak();
	else if (!strcmp(fault, "race") || !strcmp(fault, "marked"))
		do_race(!strcmp(fault, "marked"));
	else if (strcmp(fault, "none") && strcmp(fault, "exit"))
		return -EINVAL;
	return 0;
}

static void __exit selftest_exit(void)
{
	WARN(!strcmp(fault, "exit"), "on purpose\n");
}

module_init(selftest_init);
module_exit(selftest_exit);
MODULE_DESCRIPTION("Faults for the harness of cmwq2 to find");
MODULE_LICENSE("GPL");
