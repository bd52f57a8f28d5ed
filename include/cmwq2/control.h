/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface by which tests, benchmarks and tools steer the engine and look
 * into it, beyond the workqueue API. Drivers do not need this header.
 */
#ifndef CMWQ2_CONTROL_H
#define CMWQ2_CONTROL_H

#include <linux/types.h>

struct cmwq2_pool;
struct cmwq2_wq;
struct cpumask;
struct task_struct;

/* The CPU masks that all unbound queues share. */
enum cmwq2_cpumask {
	CMWQ2_CPUMASK_EFFECTIVE,	/* the CPUs they may use */
	CMWQ2_CPUMASK_REQUESTED,	/* what the user asked for */
	CMWQ2_CPUMASK_ISOLATED,		/* the CPUs that are not housekeeping CPUs */
};

/**
 * enum cmwq2_create - how the creation of workers behaves, for tests
 * @CMWQ2_CREATE_NORMAL: as usual
 * @CMWQ2_CREATE_FAILS: it fails with -ENOMEM
 * @CMWQ2_CREATE_STALLS: a pool's manager sleeps in it, as if waiting for memory
 * @CMWQ2_CREATE_NR: number of values
 */
enum cmwq2_create {
	CMWQ2_CREATE_NORMAL,
	CMWQ2_CREATE_FAILS,
	CMWQ2_CREATE_STALLS,
	CMWQ2_CREATE_NR,
};

/**
 * struct cmwq2_pool_stats - a snapshot of the pool behind a queue on a CPU
 * @id: pool number, as in thread names and dumps
 * @nr_workers: workers alive
 * @nr_idle: idle workers, including kicked ones unless claim=leave_idle
 * @nr_kicked: workers that are claimed for a wakeup; 0 with claim=none
 * @nr_running: workers that concurrency management counts as running
 * @created: workers created since the pool exists
 * @culled: workers culled because they were idle for too long
 * @kicks: times a worker was picked to be woken
 * @coalesced: kicks whose worker had been picked before and had not run since
 * @cm_wakeups: kicks because the last running worker blocked, or was found to
 *	be a CPU hog
 * @scan_wakeups: kicks by the scan timer, which found a blocked worker that the
 *	scheduler hook had not reported
 * @scans: times the scan timer looked for such workers
 * @scan_looks: workers that all scans together looked at
 * @scan_lost: kicks by the scan timer for a pool that needed a worker although
 *	no blocked worker had been missed and no kick was on its way: whoever
 *	added an item, or blocked, failed to kick
 * @maydays: distress calls to rescuers
 * @stalls: times the watchdog found that items waited and none was taken
 * @woken: times a worker woke up from its sleep on the idle list. The rest of
 *	@kicks went to workers that were awake already.
 * @in_vain: those of @woken that found nothing to do
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
	unsigned long	scans;
	unsigned long	scan_looks;
	unsigned long	scan_lost;
	unsigned long	maydays;
	unsigned long	stalls;
	unsigned long	woken;
	unsigned long	in_vain;
};

/**
 * struct cmwq2_lock_stats - what pool->lock cost since counting was switched on
 * @acquired: times the lock was taken
 * @contended: times the caller had to wait for it
 * @held_ns: time for which it was held, in all
 * @held_max_ns: the longest time for which it was held
 * @long_holds: times it was held for longer than about 100 us, for example
 *	because the host took the CPU away
 * @long_held_ns: the part of @held_ns that is due to @long_holds
 * @wait_ns: time spent waiting for it, in all
 * @wait_max_ns: the longest wait
 * @picks: times a worker was picked and claimed, without those that took longer
 *	than about 100 us
 * @pick_ns: time that @picks took, without the wakeup and including the reading
 *	of the clock
 *
 * When a pool is destroyed, its counts are lost.
 */
struct cmwq2_lock_stats {
	unsigned long	acquired;
	unsigned long	contended;
	u64		held_ns;
	u64		held_max_ns;
	unsigned long	long_holds;
	u64		long_held_ns;
	u64		wait_ns;
	u64		wait_max_ns;
	unsigned long	picks;
	u64		pick_ns;
};

/**
 * struct cmwq2_wq_stats - counters of a queue, summed over its pwqs
 * @started: items whose function was called
 * @completed: items whose function returned
 * @cm_wakeup: workers woken because the last running one blocked. Counts for
 *	the queue whose item blocked; with hook=pn, for the queue whose item was
 *	first on the worklist
 * @repatriated: times a worker was brought back into its pod when it was woken,
 *	and an item of this queue was first on the worklist
 * @mayday: distress calls to the rescuer
 * @rescued: started items that the rescuer ran
 * @batches: visits of the rescuer to a pool in which it found something to run
 * @relapses: times the rescuer left a pool that was still in need, to come back
 *	later
 * @refused: items refused because the queue was draining or being destroyed
 * @cpu_time: microseconds of CPU time in items, as sampled by the tick
 * @cpu_intensive: items that took a bound pool's CPU for longer than
 *	cpu_intensive_thresh_us. This includes items that held up no other item,
 *	unless they slept afterwards
 */
struct cmwq2_wq_stats {
	unsigned long	started;
	unsigned long	completed;
	unsigned long	cm_wakeup;
	unsigned long	repatriated;
	unsigned long	mayday;
	unsigned long	rescued;
	unsigned long	batches;
	unsigned long	relapses;
	unsigned long	refused;
	unsigned long	cpu_time;
	unsigned long	cpu_intensive;
};

/**
 * enum cmwq2_health - what the engine may find wrong
 * @CMWQ2_HEALTH_HOG_REPORTS: lines in the log that named a function as a CPU
 *	hog
 * @CMWQ2_HEALTH_STALLS: stalls of pools that the watchdog found
 * @CMWQ2_HEALTH_STALL_REPORTS: stalls that were reported
 * @CMWQ2_HEALTH_PAUSES: times the watchdog itself came so late that it blamed
 *	the machine
 * @CMWQ2_HEALTH_PANICS: panics that were suppressed, see
 *	cmwq2_fault_on_purpose()
 * @CMWQ2_HEALTH_LEAKS: work functions that did not return in the context they
 *	were called in: they held a lock, were in an RCU section or had
 *	preemption off
 * @CMWQ2_HEALTH_DUMPS: dumps of all workqueues to the log
 * @CMWQ2_HEALTH_MISUSES: calls that were refused because of wrong arguments
 * @CMWQ2_HEALTH_STRAYS: items of a CPU's pool that began or ended on another
 *	CPU, or whose thread was allowed on another CPU
 * @CMWQ2_HEALTH_NR: number of values
 */
enum cmwq2_health {
	CMWQ2_HEALTH_HOG_REPORTS,
	CMWQ2_HEALTH_STALLS,
	CMWQ2_HEALTH_STALL_REPORTS,
	CMWQ2_HEALTH_PAUSES,
	CMWQ2_HEALTH_PANICS,
	CMWQ2_HEALTH_LEAKS,
	CMWQ2_HEALTH_DUMPS,
	CMWQ2_HEALTH_MISUSES,
	CMWQ2_HEALTH_STRAYS,
	CMWQ2_HEALTH_NR,
};

/**
 * enum cmwq2_point - where a test can hold a context, see cmwq2_point_set()
 * @CMWQ2_POINT_QUEUE: an enqueue has taken PENDING, and has not locked a pool
 *	yet. Interrupts off; no pool is passed
 * @CMWQ2_POINT_TARGET: an enqueue has chosen a pwq, and has not locked a pool
 *	yet. RCU read-side section, interrupts off
 * @CMWQ2_POINT_POSTING: an enqueue has found pool->lock taken. The item's data word names
 *	the pwq, and the item is not in the inbox yet. RCU read-side section,
 *	interrupts off
 * @CMWQ2_POINT_POSTED: the item is in the inbox. Its enqueue has not yet looked whether
 *	the lock is free. RCU read-side section, interrupts off
 * @CMWQ2_POINT_INSERTED: the item is on the worklist, and nr_running has not
 *	been read yet. pool->lock held
 * @CMWQ2_POINT_PICKED: a worker has been picked and claimed and pool->lock has
 *	been dropped, but the worker has not been woken yet. RCU read-side
 *	section; in an enqueue also interrupts off. Is not reached where the
 *	wake policy wakes under the lock. Passes the task to be woken
 * @CMWQ2_POINT_WOKEN: a sleeping worker has been woken, and has not taken
 *	pool->lock yet. May sleep
 * @CMWQ2_POINT_STOPS: a worker has decided to stop, and is still counted.
 *	pool->lock held
 * @CMWQ2_POINT_BLOCKING: hook=tp: the current worker is about to sleep, and has
 *	not taken pool->lock yet. Preemption off
 * @CMWQ2_POINT_UNCOUNT: hook=pn: a worker is about to be no longer counted. If
 *	this is because it sleeps, a runqueue's lock is held, otherwise pool->lock
 * @CMWQ2_POINT_BLOCKED: the current worker is about to sleep and no longer
 *	counted, but nobody has been kicked yet. hook=tp: pool->lock held.
 *	hook=pn: a runqueue's lock held, so that nobody can be woken
 * @CMWQ2_POINT_KICK_IRQ: hook=pn: the interrupt that kicks on behalf of a
 *	sleeping worker runs, and has not taken pool->lock yet. Hard interrupt
 * @CMWQ2_POINT_CULLED: the culler has marked workers as dying, and does not
 *	wait for them yet. May sleep
 * @CMWQ2_POINT_POOL_STOP: all workers of a pool that is being destroyed are
 *	marked as dying, and nobody waits for them yet. May sleep
 * @CMWQ2_POINT_UNBIND: a CPU goes down, and its pool is still bound. May sleep
 * @CMWQ2_POINT_RESCUE: a rescuer has taken a mayday off the list, and is not
 *	attached to the pool yet. May sleep
 * @CMWQ2_POINT_COLORING: a flush has changed the color in one pool, and not yet
 *	in the next. May sleep
 * @CMWQ2_POINT_FLUSHED: all items of a flush's color are done, and the flush
 *	has not advanced the colors yet. May sleep; no pool is passed
 * @CMWQ2_POINT_DRAINING: a drain has looked for items in one pool, and not yet
 *	in the next. May sleep
 * @CMWQ2_POINT_GRAB_BUSY: a cancel found that somebody else owns PENDING, and
 *	will try again. The caller's context; no pool is passed
 * @CMWQ2_POINT_GRABBED: a cancel owns PENDING, and the item is on no list.
 *	Interrupts off; no pool is passed
 * @CMWQ2_POINT_LINE: a slot of max_active that was given back goes to another
 *	pool. That pool is passed, and no pool is locked. Interrupts off
 * @CMWQ2_POINT_PUT: a queue that is being destroyed has dropped the references
 *	of its CPUs, and will be accessed once more. RCU read-side section; no
 *	pool is passed
 * @CMWQ2_POINT_HOMELESS: a change of the CPUs for unbound queues has found a
 *	queue's rescuer, and has not moved it yet. May sleep; no pool is passed
 * @CMWQ2_POINT_NR: number of points
 *
 * A point without the words "May sleep" is in atomic context: a context that is
 * held there has to spin, and has to be let go from another CPU.
 */
enum cmwq2_point {
	CMWQ2_POINT_QUEUE,
	CMWQ2_POINT_TARGET,
	CMWQ2_POINT_POSTING,
	CMWQ2_POINT_POSTED,
	CMWQ2_POINT_INSERTED,
	CMWQ2_POINT_PICKED,
	CMWQ2_POINT_WOKEN,
	CMWQ2_POINT_STOPS,
	CMWQ2_POINT_BLOCKING,
	CMWQ2_POINT_UNCOUNT,
	CMWQ2_POINT_BLOCKED,
	CMWQ2_POINT_KICK_IRQ,
	CMWQ2_POINT_CULLED,
	CMWQ2_POINT_POOL_STOP,
	CMWQ2_POINT_UNBIND,
	CMWQ2_POINT_RESCUE,
	CMWQ2_POINT_COLORING,
	CMWQ2_POINT_FLUSHED,
	CMWQ2_POINT_DRAINING,
	CMWQ2_POINT_GRAB_BUSY,
	CMWQ2_POINT_GRABBED,
	CMWQ2_POINT_LINE,
	CMWQ2_POINT_PUT,
	CMWQ2_POINT_HOMELESS,
	CMWQ2_POINT_NR,
};

/**
 * struct cmwq2_point_hit - a context has reached a point
 * @point: the point
 * @may_sleep: whether the callback may sleep
 * @pool: pool that the context is about to use or uses, or NULL if the point
 *	passes none
 * @task: the worker to be woken at CMWQ2_POINT_PICKED, else the current task
 */
struct cmwq2_point_hit {
	enum cmwq2_point	point;
	bool			may_sleep;
	struct cmwq2_pool	*pool;
	struct task_struct	*task;
};

typedef void (*cmwq2_point_fn)(const struct cmwq2_point_hit *hit, void *arg);

int cmwq2_point_set(enum cmwq2_point point, cmwq2_point_fn fn, void *arg);
int cmwq2_point_clear(enum cmwq2_point point);

/**
 * enum cmwq2_latency_stage - stages of an item's life, whose times are measured
 * @CMWQ2_LATENCY_ACTIVATE: from being queued to being active; only items that
 *	had to wait for max_active
 * @CMWQ2_LATENCY_PICK: from being active to the pick of a worker; only the
 *	first item that a worker runs after it was woken
 * @CMWQ2_LATENCY_WAKE: from the pick of the worker to its wakeup, for the same
 *	items; none in BH pools
 * @CMWQ2_LATENCY_START: from the wakeup to the call of the function, for the
 *	same items
 * @CMWQ2_LATENCY_TAKEN: from being active to the call of the function, for all
 *	other items: a worker that is up takes them
 * @CMWQ2_LATENCY_END: from the call of the function to its return
 * @CMWQ2_LATENCY_NR: number of stages
 */
enum cmwq2_latency_stage {
	CMWQ2_LATENCY_ACTIVATE,
	CMWQ2_LATENCY_PICK,
	CMWQ2_LATENCY_WAKE,
	CMWQ2_LATENCY_START,
	CMWQ2_LATENCY_TAKEN,
	CMWQ2_LATENCY_END,
	CMWQ2_LATENCY_NR,
};

#define CMWQ2_LATENCY_BUCKETS	40

/**
 * struct cmwq2_latency - histograms of a queue or a pool, see src/lab/latency.c
 * @count: number of items by stage and time. Bucket 0 counts 0 ns, bucket i
 *	times of at least 2^(i-1) and less than 2^i ns, and the last bucket all
 *	longer times. Wraps.
 */
struct cmwq2_latency {
	u32	count[CMWQ2_LATENCY_NR][CMWQ2_LATENCY_BUCKETS];
};

int cmwq2_latency_set(bool on);
void cmwq2_latency_reset(void);
void cmwq2_wq_latency(struct cmwq2_wq *wq, struct cmwq2_latency *sum);
int cmwq2_pool_latency(struct cmwq2_wq *wq, int cpu, struct cmwq2_latency *sum);
const char *cmwq2_latency_stage_name(enum cmwq2_latency_stage stage);
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
int cmwq2_hook_pause(void);
int cmwq2_hook_resume(void);
void cmwq2_fault_create(struct cmwq2_wq *wq, int cpu, enum cmwq2_create how);
int cmwq2_fault_create_set(const char *value);
unsigned long cmwq2_health(enum cmwq2_health what);
void cmwq2_fault_on_purpose(bool on);
void cmwq2_fault_watchdog_late(unsigned int ms);
size_t cmwq2_dump(struct cmwq2_wq *wq, char *buf, size_t size);
size_t cmwq2_stalls(unsigned int min_ms, char *buf, size_t size);
int cmwq2_keep_stacks(bool on);
size_t cmwq2_dump_worker(struct task_struct *task, char *buf, size_t size);

#endif /* CMWQ2_CONTROL_H */
