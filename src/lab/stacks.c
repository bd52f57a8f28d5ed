// SPDX-License-Identifier: GPL-2.0
/*
 * Who queued an item, for debugging: the parameter keep_stacks.
 *
 * KASAN shows who queued the kernel's own items by kasan_record_aux_stack(),
 * which is not exported. The stack depot is exported, but it allocates memory,
 * which is not allowed where items are queued under a raw lock, and many
 * kernels do not have it. So this file keeps the backtraces in a table of its
 * own. The table is hashed by the items' addresses and keeps the last queueing
 * of about 500 items. If two items have the same slot, the later queueing is
 * kept.
 */
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/param.h"
#include "lab/stacks.h"

#define CMWQ2_STACK_BITS	9
#define CMWQ2_STACK_DEPTH	16
#define CMWQ2_STACK_NEAR	1024UL	/* bytes: an item this near is likely in the same object */

/**
 * struct cmwq2_stack - the last queueing of an item
 * @work: item; only its address is used, because it may be gone
 * @func: the item's function
 * @at: jiffies when it was queued
 * @cpu: CPU where it was queued
 * @pid: PID of the thread that queued it, or that the interrupt came in on
 * @comm: name of that thread
 * @nr: number of entries in @entry
 * @entry: return addresses, innermost first
 */
struct cmwq2_stack {
	const struct cmwq2_work	*work;
	cmwq2_work_func_t	func;
	unsigned long		at;
	int			cpu;
	pid_t			pid;
	char			comm[TASK_COMM_LEN];
	unsigned int		nr;
	unsigned long		entry[CMWQ2_STACK_DEPTH];
};

DEFINE_STATIC_KEY_FALSE(cmwq2_stacks_on);

static DEFINE_MUTEX(cmwq2_stacks_mutex);		/* turning it on and off */
static bool cmwq2_stacks_usable;			/* cmwq2_stacks_mutex */
static bool cmwq2_stacks_wanted;			/* at load */
static DEFINE_RAW_SPINLOCK(cmwq2_stacks_lock);		/* the table: innermost */
static struct cmwq2_stack *cmwq2_stacks;		/* or NULL: none are kept */

static struct cmwq2_stack *cmwq2_stack_slot(const struct cmwq2_work *work)
{
	return &cmwq2_stacks[hash_ptr(work, CMWQ2_STACK_BITS)];
}

/* See cmwq2_keep_stack(). */
noinline void cmwq2_stack_save(struct cmwq2_work *work)
{
	struct cmwq2_stack stack = {
		.work = work,
		.func = work->func,
		.at = jiffies,
		.cpu = raw_smp_processor_id(),
		.pid = current->pid,
	};
	unsigned long flags;

	strscpy(stack.comm, current->comm, sizeof(stack.comm));
#ifdef CONFIG_STACKTRACE
	stack.nr = stack_trace_save(stack.entry, ARRAY_SIZE(stack.entry), 1);
#endif
	raw_spin_lock_irqsave(&cmwq2_stacks_lock, flags);
	if (cmwq2_stacks)
		*cmwq2_stack_slot(work) = stack;
	raw_spin_unlock_irqrestore(&cmwq2_stacks_lock, flags);
}

static void cmwq2_print_entries(const char *log_lvl, const struct cmwq2_stack *stack)
{
	unsigned int i;

	printk("%sLast queued by %s[%d] on CPU %d, %u ms ago:\n", log_lvl, stack->comm,
	       stack->pid, stack->cpu, jiffies_to_msecs(jiffies - stack->at));
	for (i = 0; i < stack->nr; i++)
		printk("%s %pS\n", log_lvl, (void *)stack->entry[i]);
}

/* The code that broke may hold the lock. Then this returns false. */
static bool cmwq2_stack_get(unsigned int slot, struct cmwq2_stack *stack)
{
	unsigned long flags;
	bool found;

	if (!raw_spin_trylock_irqsave(&cmwq2_stacks_lock, flags))
		return false;
	found = cmwq2_stacks && cmwq2_stacks[slot].work;
	if (found)
		*stack = cmwq2_stacks[slot];
	raw_spin_unlock_irqrestore(&cmwq2_stacks_lock, flags);
	return found;
}

/**
 * cmwq2_print_stack - write to the log who last queued an item
 * @log_lvl: level to print at
 * @work: item; only its address is used
 *
 * Prints nothing if no backtrace was kept.
 *
 * Context: any.
 */
void cmwq2_print_stack(const char *log_lvl, const struct cmwq2_work *work)
{
	struct cmwq2_stack stack;

	if (static_branch_unlikely(&cmwq2_stacks_on) &&
	    cmwq2_stack_get(hash_ptr(work, CMWQ2_STACK_BITS), &stack) && stack.work == work)
		cmwq2_print_entries(log_lvl, &stack);
}

/**
 * cmwq2_print_stacks_near - write to the log who queued items near an address
 * @log_lvl: level to print at
 * @address: address of a bad access, perhaps to an object that contains an item
 * @except: item that has already been reported, or NULL
 *
 * Context: any.
 */
void cmwq2_print_stacks_near(const char *log_lvl, unsigned long address,
			     const struct cmwq2_work *except)
{
	struct cmwq2_stack stack;
	unsigned int slot;

	if (!static_branch_unlikely(&cmwq2_stacks_on))
		return;
	for (slot = 0; slot < BIT(CMWQ2_STACK_BITS); slot++) {
		if (!cmwq2_stack_get(slot, &stack) || stack.work == except ||
		    abs((long)(address - (unsigned long)stack.work)) >= CMWQ2_STACK_NEAR)
			continue;
		printk("%sNearby, %ld bytes from it, is or was an item of %ps\n", log_lvl,
		       (long)((unsigned long)stack.work - address), stack.func);
		cmwq2_print_entries(log_lvl, &stack);
	}
}

/* Write all backtraces that are kept to a file, with the items' functions. */
void cmwq2_stacks_seq(struct seq_file *m)
{
	struct cmwq2_stack stack;
	unsigned int slot, i;

	for (slot = 0; slot < BIT(CMWQ2_STACK_BITS); slot++) {
		if (!cmwq2_stack_get(slot, &stack))
			continue;
		seq_printf(m, "%ps: last queued by %s[%d] on CPU %d, %u ms ago\n", stack.func,
			   stack.comm, stack.pid, stack.cpu,
			   jiffies_to_msecs(jiffies - stack.at));
		for (i = 0; i < stack.nr; i++)
			seq_printf(m, " %pS\n", (void *)stack.entry[i]);
	}
}

static int cmwq2_stacks_start(void)
{
	struct cmwq2_stack *table;

	if (static_key_enabled(&cmwq2_stacks_on))
		return 0;
	table = kvcalloc(BIT(CMWQ2_STACK_BITS), sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	raw_spin_lock_irq(&cmwq2_stacks_lock);
	cmwq2_stacks = table;
	raw_spin_unlock_irq(&cmwq2_stacks_lock);
	static_branch_enable(&cmwq2_stacks_on);
	return 0;
}

static void cmwq2_stacks_stop(void)
{
	struct cmwq2_stack *table = NULL;

	static_branch_disable(&cmwq2_stacks_on);
	raw_spin_lock_irq(&cmwq2_stacks_lock);
	swap(cmwq2_stacks, table);
	raw_spin_unlock_irq(&cmwq2_stacks_lock);
	kvfree(table);
}

/**
 * cmwq2_keep_stacks - switch the keeping of a backtrace of each queueing
 * @on: whether to keep them; switching it off drops those that were kept
 *
 * It costs a microsecond or more for each queueing.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or -EOPNOTSUPP on a kernel without CONFIG_STACKTRACE.
 */
int cmwq2_keep_stacks(bool on)
{
	int ret = 0;

	if (!IS_ENABLED(CONFIG_STACKTRACE))
		return on ? -EOPNOTSUPP : 0;

	mutex_lock(&cmwq2_stacks_mutex);
	/* Before the module is up, loading may still fail: nobody would free the table. */
	if (cmwq2_stacks_usable && on)
		ret = cmwq2_stacks_start();
	else if (cmwq2_stacks_usable)
		cmwq2_stacks_stop();
	if (!ret)
		cmwq2_stacks_wanted = on;
	mutex_unlock(&cmwq2_stacks_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_keep_stacks);

static bool cmwq2_stacks_are_wanted(void)
{
	return cmwq2_stacks_wanted;
}

CMWQ2_SWITCH(keep_stacks,
	     "For debugging: keep a backtrace of where each item was last queued, for oopses, warnings and KASAN (default N)",
	     cmwq2_keep_stacks, cmwq2_stacks_are_wanted);

/* Without memory no backtraces are kept, but the module loads all the same. */
void cmwq2_stacks_init(void)
{
	mutex_lock(&cmwq2_stacks_mutex);
	cmwq2_stacks_usable = true;
	if (cmwq2_stacks_wanted && cmwq2_stacks_start()) {
		pr_warn("keep_stacks=Y: no memory, so no backtraces are kept\n");
		cmwq2_stacks_wanted = false;
	}
	mutex_unlock(&cmwq2_stacks_mutex);
}

void cmwq2_stacks_exit(void)
{
	mutex_lock(&cmwq2_stacks_mutex);
	cmwq2_stacks_usable = false;
	cmwq2_stacks_stop();
	mutex_unlock(&cmwq2_stacks_mutex);
}
