// SPDX-License-Identifier: GPL-2.0
/*
 * Two CPUs take turns and access a few cache lines in a known way. "make lines" and
 * "make check" compare what the plugin linecount.c of QEMU counts meanwhile with what
 * must move by this pattern, see tools/vm/verbs/pattern.py.
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <asm/barrier.h>

#define PATTERN_CPUS	2

/**
 * struct line_pattern - what the CPUs access; each member has a line of its own
 * @turn: the CPU whose turn it is: the other one waits until it changes
 * @written: each CPU writes it in its turn
 * @added: each CPU adds to it in its turn, with a read and a write
 * @counted: each CPU adds to it in its turn, with one atomic operation
 * @pair: each CPU writes one of two variables that share a line
 * @alone: each CPU has a line that only it writes
 * @constant: both only read it
 */
struct line_pattern {
	unsigned int	turn ____cacheline_aligned;
	unsigned int	written ____cacheline_aligned;
	unsigned int	added ____cacheline_aligned;
	atomic_t	counted ____cacheline_aligned;
	struct {
		unsigned int	first;
		unsigned int	second;
	} pair ____cacheline_aligned;
	struct {
		unsigned int	value ____cacheline_aligned;
	} alone[PATTERN_CPUS];
	unsigned int	constant ____cacheline_aligned;
};

static struct line_pattern pattern = { .constant = 1 };
static unsigned int turns;
static struct completion done[PATTERN_CPUS];

/* One turn. The plugin counts the calls of this function. */
static noinline void line_pattern_turn(unsigned int me)
{
	WRITE_ONCE(pattern.written, me);
	WRITE_ONCE(pattern.added, READ_ONCE(pattern.added) + 1);
	atomic_inc(&pattern.counted);
	if (me)
		WRITE_ONCE(pattern.pair.second, me);
	else
		WRITE_ONCE(pattern.pair.first, me);
	WRITE_ONCE(pattern.alone[me].value, READ_ONCE(pattern.constant));
}

static int line_pattern_thread(void *data)
{
	unsigned int me = (unsigned long)data, left = turns / PATTERN_CPUS;

	while (left--) {
		/* Pairs with the release below. */
		while (smp_load_acquire(&pattern.turn) != me)
			cpu_relax();
		line_pattern_turn(me);
		/* Pairs with the acquire above: the other CPU sees what this one has written. */
		smp_store_release(&pattern.turn, (me + 1) % PATTERN_CPUS);
	}
	kthread_complete_and_exit(&done[me], 0);
}

static int line_pattern_run(const char *value, const struct kernel_param *kp)
{
	struct task_struct *task[PATTERN_CPUS];
	unsigned long i;
	int ret = kstrtouint(value, 0, &turns);

	if (ret)
		return ret;
	if (!turns || turns % PATTERN_CPUS || num_online_cpus() < PATTERN_CPUS)
		return -EINVAL;
	for (i = 0; i < PATTERN_CPUS; i++) {
		init_completion(&done[i]);
		task[i] = kthread_create(line_pattern_thread, (void *)i, "line_pattern/%lu", i);
		if (!IS_ERR(task[i]))
			continue;
		ret = PTR_ERR(task[i]);
		while (i--)
			kthread_stop(task[i]);
		return ret;
	}
	for (i = 0; i < PATTERN_CPUS; i++) {
		kthread_bind(task[i], i);
		wake_up_process(task[i]);
	}
	for (i = 0; i < PATTERN_CPUS; i++)
		wait_for_completion(&done[i]);
	return 0;
}

static const struct kernel_param_ops line_pattern_ops = {
	.set = line_pattern_run,
};
module_param_cb(turns, &line_pattern_ops, NULL, 0200);
MODULE_PARM_DESC(turns, "a write lets the CPUs take this many turns, an even number");

static int __init line_pattern_init(void)
{
	return 0;
}

/* The write to the parameter returns only after the threads have ended. */
static void __exit line_pattern_exit(void)
{
}

module_init(line_pattern_init);
module_exit(line_pattern_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Moves cache lines between two CPUs in a known way, for a test");
