/* SPDX-License-Identifier: GPL-2.0 */
/*
 * spin: whether an idle worker spins for a moment before it sleeps.
 *
 * To wake a sleeping worker on another CPU takes an interrupt to that CPU. A worker
 * that spins is still on its CPU, so that a kick only changes the state of its task.
 * This pays if the next item comes soon from another CPU, and nothing else wants the
 * CPU of the worker. The CPU time is lost if no item comes.
 *
 * The worker is on the idle list and in the state TASK_IDLE while it spins. So a
 * kick treats it like a worker that sleeps.
 *
 * Documentation/policy-howto.rst explains how this policy was made and what it costs.
 */
#ifndef CMWQ2_POLICY_SPIN_H
#define CMWQ2_POLICY_SPIN_H

#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/timekeeping.h>

enum cmwq2_spin {
	CMWQ2_SPIN_OFF,
	CMWQ2_SPIN_SHORT,
};

#define cmwq2_spin_about	"Whether an idle worker spins before it sleeps"
#define cmwq2_spin_default	CMWQ2_SPIN_OFF
#define cmwq2_spin_changed	NULL
#define cmwq2_spin_pools	CMWQ2_IN_THREAD_POOLS
#define cmwq2_spin_unsafe	"none"
#define cmwq2_spin_values(value)						\
	value("off", CMWQ2_SPIN_OFF, "it sleeps at once, as in mainline")	\
	value("short", CMWQ2_SPIN_SHORT,					\
	      "it spins for at most spin_us, while no other task wants its CPU")

/*
 * Spin until the current worker is woken, another task wants the CPU, or @us
 * microseconds are over. Context: preemptible; the state of the task is TASK_IDLE.
 */
static inline void cmwq2_spin(unsigned int us)
{
	u64 end = ktime_get_mono_fast_ns() + us * NSEC_PER_USEC;

	while (READ_ONCE(current->__state) == TASK_IDLE && single_task_running() &&
	       !need_resched() && ktime_get_mono_fast_ns() < end)
		cpu_relax();
}

#endif /* CMWQ2_POLICY_SPIN_H */
