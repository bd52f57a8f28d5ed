// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUs that unbound queues may use, and the CPUs that are online. place/cpumask.c and
 * place/hotplug.c change these masks.
 */
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "base/cpus.h"
#include "base/param.h"
#include "base/registry.h"

/*
 * Both masks are written under cmwq2_pool_mutex, and the first one under cmwq2_attach_mutex
 * as well. They are read without them where an old value does no harm.
 */
struct cpumask cmwq2_effective_mask;
/* CPUs whose online callback has run and whose offline callback has not. */
struct cpumask cmwq2_online_mask;

static bool cmwq2_force_rr_cpu;	/* X: READ_ONCE */
static DEFINE_PER_CPU(int, cmwq2_rr_cpu_last);

/**
 * cmwq2_set_effective_cpus - change the CPUs that unbound queues may use
 * @cpus: CPUs
 *
 * Context: process; cmwq2_pool_mutex and cmwq2_attach_mutex held.
 */
void cmwq2_set_effective_cpus(const struct cpumask *cpus)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	lockdep_assert_held(&cmwq2_attach_mutex);

	cpumask_copy(&cmwq2_effective_mask, cpus);
}

/**
 * cmwq2_fallback_cpus - CPUs for threads that belong to no CPU at the moment
 *
 * Such threads are rescuers between two rescues, and workers whose CPU is down.
 *
 * Context: cmwq2_attach_mutex held. Whoever changes the mask updates all such threads
 * under the same mutex, so no thread misses the change.
 * Return: CPUs, at least one of which is active.
 */
const struct cpumask *cmwq2_fallback_cpus(void)
{
	/* A CPU may be coming or going: its callback sets the masks of its threads again. */
	return data_race(cpumask_intersects(&cmwq2_effective_mask, cpu_active_mask)) ?
	       &cmwq2_effective_mask : cpu_possible_mask;
}

/**
 * cmwq2_select_cpu - the CPU that an unbound queue's item counts as queued from
 *
 * Context: interrupts off.
 * Return: the local CPU if unbound queues may use it, else one of the CPUs that they
 * may use, in turn. With debug_force_rr_cpu always one of these, in turn.
 */
int cmwq2_select_cpu(void)
{
	int cpu = raw_smp_processor_id(), next;
	/* cmwq2_set_effective() may be writing it: an old value or a mix will do. */
	bool here = data_race(cpumask_test_cpu(cpu, &cmwq2_effective_mask));

	if (likely(!READ_ONCE(cmwq2_force_rr_cpu)) && likely(here))
		return cpu;

	/* The same here, and a CPU may be coming or going. */
	next = data_race(cpumask_next_and(__this_cpu_read(cmwq2_rr_cpu_last),
					  &cmwq2_effective_mask, cpu_online_mask));
	if (next >= nr_cpu_ids) /* as above */
		next = data_race(cpumask_first_and(&cmwq2_effective_mask, cpu_online_mask));
	if (unlikely(next >= nr_cpu_ids))
		return cpu;
	__this_cpu_write(cmwq2_rr_cpu_last, next);
	return next;
}

CMWQ2_PARAM(debug_force_rr_cpu, flag,
	    "Queue items of unbound workqueues from all CPUs in turn (default N)",
	    .flag = &cmwq2_force_rr_cpu);
