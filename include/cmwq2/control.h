/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests, benchmarks and tools use to steer the engine and to look into
 * it, beyond the workqueue API. Drivers do not need this header.
 */
#ifndef CMWQ2_CONTROL_H
#define CMWQ2_CONTROL_H

#include <linux/types.h>

struct cmwq2_wq;
struct cpumask;
struct task_struct;

/* The masks behind all unbound queues. */
enum cmwq2_cpumask {
	CMWQ2_CPUMASK_EFFECTIVE,	/* the CPUs they may use */
	CMWQ2_CPUMASK_REQUESTED,	/* what the user asked for */
	CMWQ2_CPUMASK_ISOLATED,		/* those that are no housekeeping CPUs */
};

/**
 * struct cmwq2_pool_stats - a snapshot of the pool behind a queue on a CPU
 * @id: pool number, as in thread names and dumps
 * @nr_workers: workers alive
 * @nr_idle: of these idle, kicked ones included
 * @nr_kicked: of the idle ones claimed for a wakeup (unless claim=none)
 * @nr_running: workers that concurrency management counts as running
 * @created: workers created since the pool exists
 * @culled: workers removed for idleness
 * @kicks: times a worker was picked to be woken
 * @coalesced: kicks that landed on a worker that was picked already
 * @cm_wakeups: kicks because the last running worker blocked, or was found to
 *	be a CPU hog
 * @scan_wakeups: kicks by the safety timer, which found a blocked worker that
 *	the scheduler hook had not reported
 * @maydays: distress calls to rescuers
 * @stalls: times the watchdog found that items waited and none was taken
 * @woken: times a worker came back from its sleep among the idle ones. Of @kicks
 *	the rest went to workers that were awake already.
 * @in_vain: of these those that found nothing to do
 */
struct cmwq2_pool_stats {
	int		id;
	int		nr_workers;
	int		nr_idle;
	int		nr_kicked;
	int		nr_running;
	unsigned long	created;
	unsigned long	culled;
	unsigned long	kicks;
	unsigned long	coalesced;
	unsigned long	cm_wakeups;
	unsigned long	scan_wakeups;
	unsigned long	maydays;
	unsigned long	stalls;
	unsigned long	woken;
	unsigned long	in_vain;
};

/**
 * struct cmwq2_lock_stats - what pool->lock cost since counting was switched on
 * @acquired: times it was taken
 * @contended: of these times it was waited for
 * @held_ns: time from taking to dropping it
 * @held_max_ns: the longest of these
 * @wait_ns: time it was waited for
 * @wait_max_ns: the longest of these
 * @picks: times a worker was picked and claimed
 * @pick_ns: time that took, the wakeup not included; the clock is part of it
 *
 * A pool that goes takes its counts along.
 */
struct cmwq2_lock_stats {
	unsigned long	acquired;
	unsigned long	contended;
	u64		held_ns;
	u64		held_max_ns;
	u64		wait_ns;
	u64		wait_max_ns;
	unsigned long	picks;
	u64		pick_ns;
};

/**
 * struct cmwq2_wq_stats - counters of a queue, summed over its pwqs
 * @started: items whose function was called
 * @completed: items whose function returned
 * @cm_wakeup: workers woken because the last running one blocked in an item of
 *	this queue; with hook=pn because it left one of this queue waiting
 * @repatriated: workers brought back into their pod on being woken, when an item
 *	of this queue was the first that waited
 * @mayday: distress calls to the rescuer
 * @rescued: of the started ones run by the rescuer
 * @refused: items turned away because the queue was draining or going away
 * @cpu_time: microseconds of CPU time in items, as sampled by the tick
 * @cpu_intensive: items that took a bound pool's CPU for longer than
 *	cpu_intensive_thresh_us; also those that held up no other item, unless
 *	they have slept since
 */
struct cmwq2_wq_stats {
	unsigned long	started;
	unsigned long	completed;
	unsigned long	cm_wakeup;
	unsigned long	repatriated;
	unsigned long	mayday;
	unsigned long	rescued;
	unsigned long	refused;
	unsigned long	cpu_time;
	unsigned long	cpu_intensive;
};

/**
 * enum cmwq2_health - what the engine may find wrong
 * @CMWQ2_HEALTH_HOG_REPORTS: lines that named a function that is a CPU hog
 * @CMWQ2_HEALTH_STALLS: stalls of pools that the watchdog found
 * @CMWQ2_HEALTH_STALL_REPORTS: of these reported
 * @CMWQ2_HEALTH_PAUSES: times the watchdog came so late that it blamed the machine
 * @CMWQ2_HEALTH_PANICS: panics that were left out, see cmwq2_fault_on_purpose()
 * @CMWQ2_HEALTH_LEAKS: work functions that returned in another context than they
 *	were called in: with a lock, in RCU, with preemption off
 * @CMWQ2_HEALTH_DUMPS: dumps of all workqueues to the log
 * @CMWQ2_HEALTH_NR: how many there are
 */
enum cmwq2_health {
	CMWQ2_HEALTH_HOG_REPORTS,
	CMWQ2_HEALTH_STALLS,
	CMWQ2_HEALTH_STALL_REPORTS,
	CMWQ2_HEALTH_PAUSES,
	CMWQ2_HEALTH_PANICS,
	CMWQ2_HEALTH_LEAKS,
	CMWQ2_HEALTH_DUMPS,
	CMWQ2_HEALTH_NR,
};

int cmwq2_pool_stats(struct cmwq2_wq *wq, int cpu, struct cmwq2_pool_stats *st);
int cmwq2_lock_stats(struct cmwq2_wq *wq, int cpu, struct cmwq2_lock_stats *st);
void cmwq2_lock_stat_set(bool on);
void cmwq2_lock_stat_reset(void);
void cmwq2_wq_stats(struct cmwq2_wq *wq, struct cmwq2_wq_stats *st);
int cmwq2_policy_set(const char *policy, const char *value);
const char *cmwq2_policy_get(const char *policy);
int cmwq2_set_unbound_cpumask(const struct cpumask *cpus);
void cmwq2_get_cpumask(enum cmwq2_cpumask which, struct cpumask *cpus);
const char *cmwq2_hook_name(void);
void cmwq2_fault_create(struct cmwq2_wq *wq, int cpu, bool fail);
unsigned long cmwq2_health(enum cmwq2_health what);
void cmwq2_fault_on_purpose(bool on);
void cmwq2_fault_watchdog_late(unsigned int ms);
size_t cmwq2_dump(struct cmwq2_wq *wq, char *buf, size_t size);
size_t cmwq2_stalls(unsigned int min_ms, char *buf, size_t size);
size_t cmwq2_dump_worker(struct task_struct *task, char *buf, size_t size);

#endif /* CMWQ2_CONTROL_H */
