// SPDX-License-Identifier: GPL-2.0
/*
 * Delayed items: a timer that queues the item. While the timer runs, the item
 * is PENDING and on no list, so that nobody else can queue it.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/sched/isolation.h>
#include <linux/smp.h>
#include <linux/timer.h>

#include <cmwq2/workqueue.h>

#include "base/misuse.h"
#include "base/types.h"
#include "base/work.h"
#include "core/queue.h"
#include "lab/stacks.h"
#include "wait/cancel.h"

/**
 * cmwq2_delayed_work_timer_fn - queue a delayed item when its timer fires
 * @timer: timer of the item
 *
 * Exported for static initialisers only.
 *
 * Context: timer interrupt, TIMER_IRQSAFE, hence interrupts off.
 */
void cmwq2_delayed_work_timer_fn(struct timer_list *timer)
{
	struct cmwq2_delayed_work *dwork = container_of(timer, struct cmwq2_delayed_work, timer);

	cmwq2_queue_claimed(dwork->cpu, dwork->wq, &dwork->work);
}
EXPORT_SYMBOL_GPL(cmwq2_delayed_work_timer_fn);

/*
 * Only the timer gives PENDING up again, so it must be valid. If anything is
 * not, report it, let go of the item, and return false.
 */
static bool cmwq2_can_delay(int cpu, struct cmwq2_wq *wq, struct cmwq2_delayed_work *dwork)
{
	unsigned long data = cmwq2_work_data(&dwork->work);

	if (unlikely(!cmwq2_can_queue(cpu, wq, &dwork->work))) {
		cmwq2_refuse_misuse(cpu, wq, &dwork->work);
		return false;
	}
	if (likely(dwork->timer.function == cmwq2_delayed_work_timer_fn &&
		   !timer_pending(&dwork->timer)))
		return true;
	cmwq2_work_release_as_was(&dwork->work, data);
	cmwq2_misuse("%s: %ps is delayed, but its timer is in use or not initialised",
		     wq->name, dwork->work.func);
	return false;
}

/*
 * Whether @cpu can run the timer. On an offline CPU it would not fire before
 * the CPU is back. As interrupts are off, the CPU cannot go offline between
 * this check and the arming. Once the timer is armed, the kernel moves it off a
 * CPU that goes offline.
 */
static bool cmwq2_can_time(int cpu, struct cmwq2_delayed_work *dwork)
{
	if (cpu == CMWQ2_CPU_UNBOUND)
		return false;
	if (likely(cpu_online(cpu)))
		return true;
	pr_warn_ratelimited("%s: %ps is queued with a delay on CPU %d, which is offline: the timer runs on another CPU\n",
			    dwork->wq->name, dwork->work.func, cpu);
	return false;
}

/* @cpu, or another one if nohz_full= or isolcpus=nohz keeps @cpu free of timers. */
static int cmwq2_timer_cpu(int cpu)
{
	int here = smp_processor_id();

	if (likely(housekeeping_cpu(cpu, HK_TYPE_TIMER)))
		return cpu;
	return housekeeping_cpu(here, HK_TYPE_TIMER) ? here : housekeeping_any_cpu(HK_TYPE_TIMER);
}

/* Context: interrupts off. */
static void cmwq2_add_timer(int cpu, struct cmwq2_delayed_work *dwork)
{
	int wanted = cmwq2_can_time(cpu, dwork) ? cpu : smp_processor_id();
	int timer_cpu = cmwq2_timer_cpu(wanted);

	if (wanted == cpu || timer_cpu != wanted)
		add_timer_on(&dwork->timer, timer_cpu);
	else
		cmwq2_add_timer_global(&dwork->timer);
}

/* The caller holds PENDING. Returns what cmwq2_queue_claimed() would. */
static bool cmwq2_start_delay(int cpu, struct cmwq2_wq *wq,
			      struct cmwq2_delayed_work *dwork, unsigned long delay)
{
	if (!cmwq2_can_delay(cpu, wq, dwork))
		return false;
	/* A timer would wait for a tick even without a delay: queue the item at once. */
	if (!delay)
		return cmwq2_queue_claimed(cpu, wq, &dwork->work);

	dwork->wq = wq;
	dwork->cpu = cpu;
	dwork->timer.expires = jiffies + delay;
	cmwq2_add_timer(cpu, dwork);
	return true;
}

/**
 * cmwq2_queue_delayed_work_on - queue an item after a delay
 * @cpu: CPU for the item, or CMWQ2_CPU_UNBOUND. The timer runs there, too, if
 *	the CPU is online and not kept free of timers.
 * @wq: workqueue
 * @dwork: item
 * @delay: jiffies to wait, 0 to queue at once
 *
 * Context: any but NMI.
 * Return: as cmwq2_queue_work_on(). A queue that is being drained refuses the
 * item only when the delay is over, so this may return true for an item that is
 * then dropped with a report.
 */
bool cmwq2_queue_delayed_work_on(int cpu, struct cmwq2_wq *wq,
				 struct cmwq2_delayed_work *dwork, unsigned long delay)
{
	unsigned long flags;
	bool queued = false;

	local_irq_save(flags);
	if (cmwq2_work_take_enabled(&dwork->work))
		queued = cmwq2_start_delay(cpu, wq, dwork, delay);
	local_irq_restore(flags);
	return queued;
}
EXPORT_SYMBOL_GPL(cmwq2_queue_delayed_work_on);

/**
 * cmwq2_mod_delayed_work_on - change the delay of an item
 * @cpu: CPU for the timer and the item, or CMWQ2_CPU_UNBOUND
 * @wq: workqueue
 * @dwork: item, pending or not
 * @delay: jiffies from now, 0 to queue at once
 *
 * Context: any but NMI.
 * Return: whether the item was pending. A disabled item is left alone.
 */
bool cmwq2_mod_delayed_work_on(int cpu, struct cmwq2_wq *wq,
			       struct cmwq2_delayed_work *dwork, unsigned long delay)
{
	unsigned long data, flags;
	bool pending;

	pending = cmwq2_grab_pending(&dwork->work, true, &flags);
	cmwq2_keep_stack(&dwork->work);
	data = cmwq2_work_data(&dwork->work);
	if (cmwq2_data_disable(data))
		cmwq2_work_release_as_was(&dwork->work, data);
	else
		cmwq2_start_delay(cpu, wq, dwork, delay);
	local_irq_restore(flags);
	return pending;
}
EXPORT_SYMBOL_GPL(cmwq2_mod_delayed_work_on);

/**
 * cmwq2_flush_delayed_work - queue a delayed item now and wait for it
 * @dwork: item
 *
 * Context: process, may sleep.
 * Return: whether there was anything to wait for.
 */
bool cmwq2_flush_delayed_work(struct cmwq2_delayed_work *dwork)
{
	unsigned long flags;

	local_irq_save(flags);
	/* If the timer had not fired, its PENDING is ours. TIMER_IRQSAFE allows the sync here. */
	if (timer_delete_sync(&dwork->timer))
		cmwq2_queue_claimed(dwork->cpu, dwork->wq, &dwork->work);
	local_irq_restore(flags);
	return cmwq2_flush_work(&dwork->work);
}
EXPORT_SYMBOL_GPL(cmwq2_flush_delayed_work);
