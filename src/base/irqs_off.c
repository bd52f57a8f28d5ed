// SPDX-License-Identifier: GPL-2.0
/*
 * Wait until each CPU that has interrupts off now has switched them on.
 *
 * An RCU grace period also waits for such CPUs, but it waits for all other readers, too. On
 * PREEMPT_RT, RCU's own threads end it, and they do not run on a CPU that a task of higher
 * priority keeps to itself. An interrupt interrupts such a task. So the function sends an
 * interrupt to each CPU, and waits until all have been handled.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/smp.h>

#include "base/irqs_off.h"

/**
 * struct cmwq2_irqs_wait - a wait for an interrupt on each CPU
 * @left: number of CPUs whose interrupt has not come yet, and 1 more until all are sent
 * @done: completed when none is left
 */
struct cmwq2_irqs_wait {
	atomic_t		left;
	struct completion	done;
};

/* Called just before a CPU is sent its interrupt. A CPU may come online at any time. */
static bool cmwq2_irqs_count(int cpu, void *wait)
{
	atomic_inc(&((struct cmwq2_irqs_wait *)wait)->left);
	return true;
}

static void cmwq2_irqs_were_on(void *wait)
{
	struct cmwq2_irqs_wait *w = wait;

	/* Fully ordered, after all that this CPU did with interrupts off: litmus/irqs-off. */
	if (atomic_dec_and_test(&w->left))
		complete(&w->done);
}

/**
 * cmwq2_wait_irqs_off - wait until each CPU has had interrupts on
 *
 * All code that has interrupts off when this is called has switched them on when it
 * returns. Code that switches them off later sees all that the caller did before.
 *
 * Context: process, may sleep, interrupts on.
 */
void cmwq2_wait_irqs_off(void)
{
	struct cmwq2_irqs_wait w = { .left = ATOMIC_INIT(1) };

	init_completion(&w.done);
	smp_mb(); /* for a CPU that comes online, and gets no interrupt: litmus/irqs-off */
	on_each_cpu_cond(cmwq2_irqs_count, cmwq2_irqs_were_on, &w, false);
	cmwq2_irqs_were_on(&w);
	wait_for_completion(&w.done);
}
