/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests, benchmarks and tools use to steer the engine and to look into
 * it, beyond the workqueue API. Drivers do not need this header.
 */
#ifndef CMWQ2_CONTROL_H
#define CMWQ2_CONTROL_H

#include <linux/types.h>

struct cmwq2_pool;
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
 * enum cmwq2_create - what becomes of the creation of workers, for tests
 * @CMWQ2_CREATE_NORMAL: the usual
 * @CMWQ2_CREATE_FAILS: it fails with -ENOMEM
 * @CMWQ2_CREATE_STALLS: a pool's manager sleeps in it, as if waiting for memory
 * @CMWQ2_CREATE_NR: how many there are
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
 * @scans: times the safety timer looked for such workers
 * @scan_looks: workers that it looked at, all scans together
 * @scan_lost: kicks by the safety timer for a pool that needed a worker although
 *	no blocked worker had been missed and no kick was on its way: somebody
 *	added an item, or blocked, and did not kick
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
 * @acquired: times it was taken
 * @contended: of these times it was waited for
 * @held_ns: time from taking to dropping it
 * @held_max_ns: the longest of these
 * @long_holds: times it was held for longer than about 100 us, as when the
 *	machine under this one took the CPU away
 * @long_held_ns: of @held_ns the part of these
 * @wait_ns: time it was waited for
 * @wait_max_ns: the longest of these
 * @picks: times a worker was picked and claimed, in less time than that
 * @pick_ns: time that took, the wakeup not included; the clock is part of it
 *
 * A pool that goes takes its counts along.
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
 * @cm_wakeup: workers woken because the last running one blocked in an item of
 *	this queue; with hook=pn because it left one of this queue waiting
 * @repatriated: workers brought back into their pod on being woken, when an item
 *	of this queue was the first that waited
 * @mayday: distress calls to the rescuer
 * @rescued: of the started ones run by the rescuer
 * @batches: visits of the rescuer to a pool that found something to run
 * @relapses: of these, left with the pool still in need, to come back
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
	unsigned long	batches;
	unsigned long	relapses;
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
 * @CMWQ2_HEALTH_MISUSES: calls that were refused because their arguments are wrong
 * @CMWQ2_HEALTH_STRAYS: items of a CPU's pool that began or ended on another CPU, or
 *	allowed on another CPU
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
	CMWQ2_HEALTH_MISUSES,
	CMWQ2_HEALTH_STRAYS,
	CMWQ2_HEALTH_NR,
};

/**
 * enum cmwq2_point - where a context can be held, see cmwq2_point_set()
 * @CMWQ2_POINT_QUEUE: PENDING is taken, no pool is locked yet. Interrupts off;
 *	no pool is told
 * @CMWQ2_POINT_TARGET: a queueing knows which pwq to take, and has locked no pool
 *	yet. RCU read-side section, interrupts off
 * @CMWQ2_POINT_INSERTED: the item is on the worklist, nr_running is not read
 *	yet. pool->lock held
 * @CMWQ2_POINT_PICKED: a worker is picked and claimed, pool->lock is dropped,
 *	the worker is not woken yet. RCU read-side section, and from a queueing
 *	interrupts off. Is not passed where the wake policy says to wake under
 *	the lock. Tells the task to be woken
 * @CMWQ2_POINT_WOKEN: a worker that slept was woken, and has not taken
 *	pool->lock yet. May sleep
 * @CMWQ2_POINT_STOPS: a worker has decided to stop, and still is counted.
 *	pool->lock held
 * @CMWQ2_POINT_BLOCKING: hook=tp: the current worker is about to sleep, and has
 *	not taken pool->lock yet. Preemption off
 * @CMWQ2_POINT_BLOCKED: the current worker is about to sleep and not counted any
 *	more, nobody is kicked yet. hook=tp: pool->lock held. hook=pn: a
 *	runqueue's lock held, nobody can be woken
 * @CMWQ2_POINT_KICK_IRQ: hook=pn: the interrupt that kicks for a worker which
 *	sleeps has come, and has not taken pool->lock yet. Hard interrupt
 * @CMWQ2_POINT_CULLED: the culler has marked workers as dying, and does not wait
 *	for them yet. May sleep
 * @CMWQ2_POINT_POOL_STOP: a pool that goes away has marked all of its workers as
 *	dying, and does not wait for them yet. May sleep
 * @CMWQ2_POINT_UNBIND: a CPU goes, its pool is bound still. May sleep
 * @CMWQ2_POINT_RESCUE: a rescuer has taken a mayday off the list, and is not in
 *	the pool yet. May sleep
 * @CMWQ2_POINT_COLORING: a flush has changed the color in one pool, and not yet in
 *	the next. May sleep
 * @CMWQ2_POINT_FLUSHED: a flush's color is gone, and it has not moved the colors
 *	on yet. May sleep; no pool is told
 * @CMWQ2_POINT_GRAB_BUSY: a cancel found PENDING in the hands of somebody else,
 *	and will try again. As the caller, no pool is told
 * @CMWQ2_POINT_GRABBED: a cancel holds PENDING, the item is on no list.
 *	Interrupts off; no pool is told
 * @CMWQ2_POINT_LINE: a slot of max_active that was given back goes to another
 *	pool, which is told. No pool is locked. Interrupts off
 * @CMWQ2_POINT_PUT: a queue that goes has dropped its CPUs' references, and is
 *	looked at once more. RCU read-side section; no pool is told
 * @CMWQ2_POINT_HOMELESS: a change of the CPUs for unbound queues has found a queue's
 *	rescuer, and has not moved it yet. May sleep; no pool is told
 * @CMWQ2_POINT_NR: how many there are
 *
 * All but those that say so are atomic context: whoever is held there has to
 * spin, and is driven around from another CPU.
 */
enum cmwq2_point {
	CMWQ2_POINT_QUEUE,
	CMWQ2_POINT_TARGET,
	CMWQ2_POINT_INSERTED,
	CMWQ2_POINT_PICKED,
	CMWQ2_POINT_WOKEN,
	CMWQ2_POINT_STOPS,
	CMWQ2_POINT_BLOCKING,
	CMWQ2_POINT_BLOCKED,
	CMWQ2_POINT_KICK_IRQ,
	CMWQ2_POINT_CULLED,
	CMWQ2_POINT_POOL_STOP,
	CMWQ2_POINT_UNBIND,
	CMWQ2_POINT_RESCUE,
	CMWQ2_POINT_COLORING,
	CMWQ2_POINT_FLUSHED,
	CMWQ2_POINT_GRAB_BUSY,
	CMWQ2_POINT_GRABBED,
	CMWQ2_POINT_LINE,
	CMWQ2_POINT_PUT,
	CMWQ2_POINT_HOMELESS,
	CMWQ2_POINT_NR,
};

/**
 * struct cmwq2_point_hit - a context has reached a point
 * @point: which
 * @may_sleep: whether the callback may sleep
 * @pool: where, or NULL if the point tells none
 * @task: whom it is about: the worker to be woken, else the current task
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
 * enum cmwq2_latency_stage - what an item goes through, each from the one before
 * @CMWQ2_LATENCY_ACTIVATE: queued to active; only of items over max_active
 * @CMWQ2_LATENCY_PICK: active to a worker being picked, only of items that a
 *	worker was woken for: the first that it runs
 * @CMWQ2_LATENCY_WAKE: picked to being woken, of the same; there is none in BH
 *	pools
 * @CMWQ2_LATENCY_START: woken to the function being called, of the same
 * @CMWQ2_LATENCY_TAKEN: active to the function being called, of all other
 *	items: they are taken by a worker that is up
 * @CMWQ2_LATENCY_END: the function being called to its return
 * @CMWQ2_LATENCY_NR: how many there are
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
 * struct cmwq2_latency - histograms of a queue or a pool, see src/latency.c
 * @count: items by stage and time. Bucket 0 has those of 0 ns, bucket i those of
 *	at least 2^(i-1) and less than 2^i ns, the last one all that is longer.
 *	Wraps.
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
