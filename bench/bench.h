/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cmwq2_bench: the same workload on several workqueue engines, in the same boot.
 *
 * A run has rounds. In each round every engine of the list has one turn, in an
 * order that is shuffled anew, so that a drift of the machine hits all of them
 * alike and the figures of one round can be compared pair by pair.
 */
#ifndef CMWQ2_BENCH_H
#define CMWQ2_BENCH_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <cmwq2/control.h>
#include <cmwq2/ticks.h>
#include <cmwq2/workqueue.h>

struct task_struct;
struct bench_meminfo;
struct bench_run;
struct bench_threads;
struct bench_workload;

#define BENCH_FORMAT_VERSION	3
#define BENCH_MAX_SLOTS		8
#define BENCH_NAME_LEN		64
#define BENCH_MAX_ITEMS		1000000U
#define BENCH_MAX_ROUNDS	1000U
#define BENCH_MAX_SAMPLES	(4U << 20)	/* of 12 bytes, over all producers */
#define BENCH_MAX_QUEUES	10000U
#define BENCH_MAX_IN_FLIGHT	10000U
#define BENCH_MAX_BATCH		256U	/* of it, for each producer */
#define BENCH_MAX_CALLS		1000U
#define BENCH_MAX_DELAY_MS	1000U
#define BENCH_MAX_BURN_NS	1000000U
#define BENCH_MAX_JOB_MS	60000U
#define BENCH_MAX_FIGURES	32

/* A wait without an end in this time is reported, it may be for a lost item. */
#define BENCH_STALL		(60 * HZ)

/* Ratios are integers in units of 1/BENCH_RATIO_ONE. */
#define BENCH_RATIO_ONE		10000U

/* A figure or a ratio that there is not. */
#define BENCH_NONE		U64_MAX

/* What an engine is asked to queue on. */
enum bench_queue {
	BENCH_QUEUE_PERCPU,
	BENCH_QUEUE_UNBOUND,
	BENCH_QUEUE_ORDERED,
	BENCH_QUEUE_NR,
};

/* What an engine can do and a workload asks for, beside running an item. */
enum bench_ability {
	BENCH_CREATE	= BIT(0),	/* queues that are made and taken away */
	BENCH_FLUSH	= BIT(1),	/* flush and drain; a blocked item holds up no other */
	BENCH_DELAY	= BIT(2),
	BENCH_CANCEL	= BIT(3),
};

/*
 * The numbers of a configuration: the constant's name, the member's, the
 * smallest and the largest value, where 0 stands for four times the CPUs.
 */
#define BENCH_NUMBERS(X)						\
	X(PRODUCERS,	producers,	1, 0)				\
	X(ITEMS,	items,		1, BENCH_MAX_ITEMS)		\
	X(ROUNDS,	rounds,		1, BENCH_MAX_ROUNDS)		\
	X(WARMUP,	warmup,		0, BENCH_MAX_ITEMS)		\
	X(QUEUES,	queues,		1, BENCH_MAX_QUEUES)		\
	X(MEM_RECLAIM,	mem_reclaim,	0, 1)				\
	X(IN_FLIGHT,	in_flight,	1, BENCH_MAX_IN_FLIGHT)		\
	X(CALLS,	calls,		1, BENCH_MAX_CALLS)		\
	X(FOREIGN,	foreign,	0, BENCH_MAX_ITEMS)		\
	X(DELAY_MS,	delay_ms,	1, BENCH_MAX_DELAY_MS)		\
	X(BURN_NS,	burn_ns,	0, BENCH_MAX_BURN_NS)		\
	X(LOAD,		load,		0, 5)				\
	X(LONG_BURN,	long_burn,	0, 1)				\
	X(JOB_MS,	job_ms,		10, BENCH_MAX_JOB_MS)

#define BENCH_NUMBER_ID(_id, ...)	BENCH_NUMBER_##_id,
enum bench_number_id {
	BENCH_NUMBERS(BENCH_NUMBER_ID)
	BENCH_NR_NUMBERS,
};

/**
 * struct bench_config - what to run; which numbers count depends on the workload
 * @workload: what is done in a turn
 * @producers: threads that queue, bound to the online CPUs in turn
 * @items: timed items of a producer in a round
 * @rounds: times every engine runs
 * @warmup: items a producer runs at least before the timed ones
 * @queues: queues that are there at the same time
 * @mem_reclaim: whether they have rescuers
 * @in_flight: items in flight, of each producer where there are several
 * @calls: flushes, drains, cancels or chains of blocked items in a round
 * @foreign: items of other queues ahead of those that are rescued
 * @delay_ms: delay of delayed items
 * @burn_ns: CPU time that an item takes by itself
 * @load: which of the loads of 2010, wl0 to wl5
 * @long_burn: whether its items have the long burn
 * @job_ms: how long the job beside that load takes by itself
 * @seed: of the order of the engines in the rounds, 0 to pick one
 * @queue: kind of queue
 * @scope: affinity scope of an unbound queue
 * @engines_given: whether somebody chose @engines
 * @nr_engines: entries in @engines
 * @engines: names, with ":profile" where the engine takes one; a name may
 *	occur twice, which compares an engine with itself
 */
struct bench_config {
	const struct bench_workload *workload;
	u32			producers;
	u32			items;
	u32			rounds;
	u32			warmup;
	u32			queues;
	u32			mem_reclaim;
	u32			in_flight;
	u32			calls;
	u32			foreign;
	u32			delay_ms;
	u32			burn_ns;
	u32			load;
	u32			long_burn;
	u32			job_ms;
	u64			seed;
	enum bench_queue	queue;
	char			scope[BENCH_NAME_LEN];
	bool			engines_given;
	unsigned int		nr_engines;
	char			engines[BENCH_MAX_SLOTS][BENCH_NAME_LEN];
};

/* A queue of any engine. */
union bench_wq {
	struct workqueue_struct	*native;
	struct cmwq2_wq		*cmwq2;
	struct bench_threads	*threads;
};

/**
 * struct bench_item - what is queued; every engine has its own
 * @job: what its function does
 * @priv: the job's own
 * @done: completed by most jobs, waited for by whoever queued it; the same for
 *	all engines, so that the cost of waiting is the same
 * @cpu: the online CPUs in turn: where the producer is bound or the item is
 *	queued
 * @waits: bench_gate_job(): whether it waits until the gate opens
 * @in_flight: has been queued and not been waited for
 * @sample: where the times belong, BENCH_UNTIMED if nowhere
 * @burn: rounds of bench_burn() that the item takes
 * @queued: ticks before it was queued
 * @started: ticks when its function began
 * @ended: ticks when its function was done
 * @native: item of the kernel's workqueue
 * @cmwq2: item of a cmwq2 queue
 * @floor: a thread of its own and the flag that tells it to run
 * @threads: item of a queue with threads of its own
 */
struct bench_item {
	void				(*job)(struct bench_item *item);
	void				*priv;
	struct completion		done;
	int				cpu;
	bool				waits;
	bool				in_flight;
	u32				sample;
	u32				burn;
	u64				queued;
	u64				started;
	u64				ended;
	union {
		struct delayed_work		native;
		struct cmwq2_delayed_work	cmwq2;
		struct {
			struct task_struct	*task;
			bool			posted;
		} floor;
		struct {
			struct list_head	entry;
			unsigned long		pending;
			struct timer_list	timer;
			struct bench_threads	*wq;
		} threads;
	};
} ____cacheline_aligned;

#define BENCH_UNTIMED		U32_MAX

/* What cmwq2's pools count, see counts.c. Those of pool->lock are 0 unless lock_stat is Y. */
enum bench_count_index {
	BENCH_COUNT_KICKS,
	BENCH_COUNT_COALESCED,
	BENCH_COUNT_CREATED,
	BENCH_COUNT_CM,
	BENCH_COUNT_SCAN,
	BENCH_COUNT_MAYDAYS,
	BENCH_COUNT_WOKEN,
	BENCH_COUNT_IN_VAIN,
	BENCH_COUNT_ACQUIRED,
	BENCH_COUNT_CONTENDED,
	BENCH_COUNT_HELD,
	BENCH_COUNT_LONG,
	BENCH_COUNT_LONG_HELD,
	BENCH_COUNT_WAIT,
	BENCH_COUNT_PICKS,
	BENCH_COUNT_PICK,
	BENCH_NR_COUNTS,
};

/* Sums over the pools that are queued to. */
struct bench_pool_counts {
	u64	value[BENCH_NR_COUNTS];
};

/* All policies that a pool has, as the engine's parameter "policies" shows them. */
#define BENCH_POLICIES_LEN	256

enum bench_quantile {
	BENCH_P50,
	BENCH_P90,
	BENCH_P95,
	BENCH_P99,
	BENCH_PMAX,
	BENCH_NR_QUANTILES,
};

/* Beside a workload's own figures, those that every turn has. */
enum bench_common {
	BENCH_CPU_NS,		/* CPU time of all threads, by item */
	BENCH_WORKERS,		/* threads of the engine that are alive at the end */
	BENCH_NEW_WORKERS,	/* of these those that were not there at the begin */
	BENCH_SLEEPS,		/* times they went to sleep, by 1000 items */
	BENCH_HELD,		/* memory in the steady phase, see memory.c */
	BENCH_NR_COMMON,
};

/**
 * struct bench_sample - what came out of one engine in one round
 * @position: place in the round's order
 * @figure: what the workload names in its list of figures, then the common ones
 * @queued: items, the untimed ones included
 * @counts: what the pools counted during the round
 */
struct bench_sample {
	u32				position;
	u64				figure[BENCH_MAX_FIGURES];
	u64				queued;
	struct bench_pool_counts	counts;
};

/**
 * struct bench_slot - one entry of the list of engines during a run
 * @engine: the operations
 * @cfg: the run's
 * @index: place in the list
 * @name: as in the list
 * @profile: the part of @name behind the colon, or NULL: a profile or policies
 * @items: as many as the workload asks for
 * @nr_items: that many
 * @wq: the queue that lives as long as the run, where the workload has one
 * @before: engine cmwq2: counts at the start of the round
 * @saved: engine cmwq2: policies to go back to
 * @used: engine cmwq2: policies of the last turn
 * @held: by how much memory has grown in what was done for this engine up to now;
 *	of several entries that have the same one the first keeps that
 * @samples: one a round
 */
struct bench_slot {
	const struct bench_engine	*engine;
	const struct bench_config	*cfg;
	unsigned int			index;
	const char			*name;
	const char			*profile;
	struct bench_item		*items;
	unsigned int			nr_items;
	union bench_wq			wq;
	struct bench_pool_counts	before;
	char				saved[BENCH_POLICIES_LEN];
	char				used[BENCH_POLICIES_LEN];
	s64				held;
	struct bench_sample		*samples;
};

/**
 * struct bench_engine - a way to have an item run by another thread
 * @name: how the list of engines calls it
 * @takes_profile: whether ":profile" may follow
 * @is_cmwq2: whether it has policies and counts
 * @can: of enum bench_ability; the operations of what it cannot are NULL
 * @open: makes a queue as the configuration has it, with the configured scope
 *	if @scoped; leaves nothing behind if it fails
 * @close: takes a queue away, no item is in flight
 * @init: prepares an item, may be NULL
 * @begin: before a turn, may be NULL; says by itself what is wrong
 * @end: after a turn, may be NULL
 * @is_worker: whether a thread is one of this engine's
 * @queue: from here; timed by some workloads; false if the item was still queued
 * @queue_on: on a CPU
 * @flush: flush_workqueue() or its twin
 * @drain: drain_workqueue() or its twin
 * @queue_delayed: after a delay, in jiffies
 * @cancel: cancel_work() or its twin
 * @cancel_sync: cancel_work_sync() or its twin
 * @cancel_delayed_sync: cancel_delayed_work_sync() or its twin
 *
 * There is no operation for waiting for an item: whoever queued it waits for
 * bench_item.done whatever the engine.
 */
struct bench_engine {
	const char	*name;
	bool		takes_profile;
	bool		is_cmwq2;
	unsigned int	can;
	int		(*open)(struct bench_slot *slot, const char *name, bool scoped,
				union bench_wq *wq);
	void		(*close)(struct bench_slot *slot, union bench_wq wq);
	void		(*init)(struct bench_item *item);
	int		(*begin)(struct bench_slot *slot);
	void		(*end)(struct bench_slot *slot, struct bench_sample *sample);
	bool		(*is_worker)(const struct task_struct *task);
	bool		(*queue)(union bench_wq wq, struct bench_item *item);
	bool		(*queue_on)(union bench_wq wq, int cpu, struct bench_item *item);
	void		(*flush)(union bench_wq wq);
	void		(*drain)(union bench_wq wq);
	bool		(*queue_delayed)(union bench_wq wq, struct bench_item *item,
					 unsigned long delay);
	bool		(*cancel)(struct bench_item *item);
	bool		(*cancel_sync)(struct bench_item *item);
	bool		(*cancel_delayed_sync)(struct bench_item *item);
};

/**
 * struct bench_workload - what is done in a turn
 * @name: how config_workload calls it
 * @figures: what a turn results in; the unit is part of the name; those of
 *	@nr_times last
 * @nr_figures: how many; with the common ones at most BENCH_MAX_FIGURES
 * @settings: the numbers that count, as bits by enum bench_number_id
 * @needs: what it asks of an engine, of enum bench_ability
 * @only_cmwq2: why no other engine will do, or NULL
 * @engines: the default list, up to a NULL; or NULL for all that mean something
 * @has_producers: whether it is done by the run's producers, with items of
 *	their own each
 * @on_one_cpu: whether all of these are bound to the same CPU
 * @has_queue: whether each engine has one queue for all of the run, whose
 *	pools are counted; if not, the workload makes queues as it goes
 * @has_idle_round: whether a round that does not count comes first
 * @with_threads: whether the engine "threads" is in the default list
 * @max_active: of the queues
 * @nr_kinds: kinds of times that the turn adds, the quantiles of which are figures
 * @job: what the items do
 * @nr_items: items of each engine
 * @nr_times: most times of a kind in a turn; NULL if there are no kinds
 * @adjust: sets what is not for the user to choose; may be NULL
 * @check: refuses settings that do not go together, says why; changes nothing
 * @setup: before the engines are set up; may be NULL
 * @turn: one engine's turn; 0, -EINTR after a signal, or another error that
 *	ends the run and that it has told about; or bench_fail() for a result
 *	that says so
 * @teardown: undoes @setup, even half of one; may be NULL
 */
struct bench_workload {
	const char		*name;
	const char * const	*figures;
	unsigned int		nr_figures;
	unsigned int		settings;
	unsigned int		needs;
	const char		*only_cmwq2;
	const char * const	*engines;
	bool			has_producers;
	bool			on_one_cpu;
	bool			has_queue;
	bool			has_idle_round;
	bool			with_threads;
	int			max_active;
	unsigned int		nr_kinds;
	void	(*job)(struct bench_item *item);
	u32	(*nr_items)(const struct bench_config *cfg);
	u32	(*nr_times)(const struct bench_config *cfg);
	void	(*adjust)(struct bench_config *cfg);
	int	(*check)(const struct bench_config *cfg);
	int	(*setup)(struct bench_run *run);
	int	(*turn)(struct bench_run *run, struct bench_slot *slot,
			struct bench_sample *sample);
	void	(*teardown)(struct bench_run *run);
};

/**
 * struct bench_producer - a thread that queues
 * @run: the run it belongs to
 * @index: its number
 * @cpu: where it is bound
 * @task: the thread
 * @next: the item that is next
 * @round: the last round it took part in
 * @begin: clock before the first timed item
 * @end: clock after the last timed item was done
 * @queued: items of this round, also the untimed ones
 */
struct bench_producer {
	struct bench_run	*run;
	unsigned int		index;
	int			cpu;
	struct task_struct	*task;
	unsigned int		next;
	unsigned int		round;
	u64			begin;
	u64			end;
	u64			queued;
} ____cacheline_aligned;

/* What is known of every timed item, in ticks from when it was queued. */
enum bench_stage {
	BENCH_CALL,		/* until the call returned */
	BENCH_START,		/* until the function began */
	BENCH_DONE,		/* until it was done */
	BENCH_NR_STAGES,
};

/* The names of what bench_quantiles() fills in, and of all stages of an item. */
#define BENCH_QUANTILES(of)	of "p50_ns", of "p90_ns", of "p95_ns", of "p99_ns", of "max_ns"
#define BENCH_STAGES							\
	BENCH_QUANTILES(""), BENCH_QUANTILES("start_"), BENCH_QUANTILES("done_")

/**
 * struct bench_times - times of a turn, where producers have no arrays of their own
 * @size: room for so many of each kind; what comes later is dropped
 * @nr: so many have come
 * @ticks: the times, by kind; enum bench_stage where they are of items
 */
struct bench_times {
	u32		size;
	atomic_t	nr[BENCH_NR_STAGES];
	u32		*ticks[BENCH_NR_STAGES];
};

/**
 * struct bench_run - a run
 * @cfg: a copy that nobody changes
 * @slots: the engines
 * @nr_slots: how many of them are set up
 * @priv: the workload's own
 * @span_ns: a span of time, in ns
 * @span_ticks: the same in ticks
 * @clock_cost: ns that reading the clock adds to the cost of a call
 * @clock_step: smallest step seen of that clock, in ns
 * @cost_ticks: @clock_cost in ticks
 * @burn_rate: rounds of bench_burn() in a ms
 * @failure: why there is no result, or NULL
 * @aborted: somebody asked for the end
 * @text: the result, or NULL
 * @len: its length
 * @began: clock at the start of the first round
 * @turns: turns that are over
 * @nr_turns: all of them
 * @stop: leave the turn early
 * @producers: threads, of the workloads that have them
 * @ticks: for each stage and producer the times of its timed items
 * @part: what each of them does in a turn
 * @times: of a turn, of the workloads that have any
 * @meminfo: where to read about memory
 * @steady: memory in the steady phase of the turn, BENCH_NONE if nobody looked
 * @histogram: scratch space of bench_quantiles()
 * @slot: the engine whose turn it is
 * @round: changes to start the producers' part of a turn
 * @gate: where producers wait for @round
 * @warm: producers that are through with warming up
 * @timed: producers that are through with their timed items
 * @busy: producers that are in the turn
 * @turn_over: all of them have left it
 */
struct bench_run {
	struct bench_config	cfg;
	struct bench_slot	slots[BENCH_MAX_SLOTS];
	unsigned int		nr_slots;
	void			*priv;
	u64			span_ns;
	u64			span_ticks;
	u32			clock_cost;
	u32			clock_step;
	u32			cost_ticks;
	u32			burn_rate;
	const char		*failure;
	bool			aborted;
	char			*text;
	size_t			len;
	u64			began;
	unsigned int		turns;
	unsigned int		nr_turns;

	struct bench_producer	*producers;
	u32			**ticks[BENCH_NR_STAGES];
	void			(*part)(struct bench_producer *p);
	struct bench_times	times;
	struct bench_meminfo	*meminfo;
	u64			steady;
	u32			histogram[256];

	/* Only read during a turn; a write to the rest must not disturb that. */
	struct bench_slot	*slot ____cacheline_aligned;
	unsigned int		round;
	bool			stop;

	wait_queue_head_t	gate ____cacheline_aligned;
	atomic_t		warm;
	atomic_t		timed;
	atomic_t		busy;
	struct completion	turn_over;
};

/**
 * struct bench_spread - where the values of several rounds lie
 * @min: smallest
 * @q1: first quartile
 * @median: median
 * @q3: third quartile
 * @p95: smallest that at least 95 % do not exceed
 * @max: largest
 * @mad: median of the distances to the median
 */
struct bench_spread {
	u64	min;
	u64	q1;
	u64	median;
	u64	q3;
	u64	p95;
	u64	max;
	u64	mad;
};

/*
 * The clock of whole turns, in ns. Not ktime_get_ns(), which spins while the
 * timekeeper is updated, nor local_clock(), which steps by a jiffy in UML.
 */
static inline u64 bench_clock(void)
{
	return ktime_get_mono_fast_ns();
}

/* The clock of a single enqueue call is cmwq2_ticks(); whoever calls is bound. */
static inline u32 bench_ticks_between(u64 begin, u64 end)
{
	return min_t(u64, cmwq2_ticks_between(begin, end), U32_MAX);
}

/* Without the reading of the clock that is in what two reads of it are apart. */
static inline u32 bench_less_clock(const struct bench_run *run, u32 ticks)
{
	return ticks > run->cost_ticks ? ticks - run->cost_ticks : 0;
}

/* What a call took by itself. */
static inline u32 bench_call_ticks(const struct bench_run *run, u64 begin, u64 end)
{
	return bench_less_clock(run, bench_ticks_between(begin, end));
}

/* A signal came, somebody asked for the end, or something failed. */
static inline bool bench_stopped(const struct bench_run *run)
{
	return READ_ONCE(run->stop) || signal_pending(current);
}

/* main.c */
extern const char * const bench_queue_names[BENCH_QUEUE_NR];
const struct bench_engine *bench_find_engine(const char *name, const char **profile);
const struct bench_workload *bench_find_workload(const char *name);
void bench_workload_names(char *buf, size_t size);

/* sysfs.c */
struct bench_number {
	const char	*name;
	size_t		offset;
	u32		min;
	u32		max;
};

extern const struct bench_number bench_numbers[BENCH_NR_NUMBERS];
u32 bench_number(const struct bench_config *cfg, enum bench_number_id id);
int bench_sysfs_init(void);
void bench_sysfs_exit(void);

/* run.c */
int bench_run_setup(struct bench_run *run);
int bench_run_rounds(struct bench_run *run);
void bench_run_teardown(struct bench_run *run);
void bench_abort(struct bench_run *run);
void bench_fail(struct bench_run *run, const char *failure);
void bench_wait(struct bench_slot *slot, struct completion *done);
int bench_nth_cpu(unsigned int nth);

/* producers.c: threads that queue, for the workloads that measure under load */
int bench_producers_start(struct bench_run *run);
void bench_producers_stop(struct bench_run *run);
int bench_producers_turn(struct bench_run *run, struct bench_slot *slot,
			 void (*part)(struct bench_producer *p));

/* The workloads, each in the file of its name or, where producers queue, in load.c. */
extern const struct bench_workload bench_roundtrip;
extern const struct bench_workload bench_batch;
extern const struct bench_workload bench_fanout;
extern const struct bench_workload bench_delayed;
extern const struct bench_workload bench_create;
extern const struct bench_workload bench_flush;
extern const struct bench_workload bench_drain;
extern const struct bench_workload bench_cancel;
extern const struct bench_workload bench_block;
extern const struct bench_workload bench_burst;
extern const struct bench_workload bench_switch;
extern const struct bench_workload bench_perfwq;
extern const struct bench_workload bench_rescue;
void bench_complete_job(struct bench_item *item);
void bench_timed_job(struct bench_item *item);

/**
 * struct bench_gate - what holds items and counts them
 * @open: they may go on
 * @held: as many as are expected to wait do so
 * @to_hold: still missing
 * @left: items that have not run
 * @last: clock when the last one did
 * @done: it did
 */
struct bench_gate {
	struct completion	open;
	struct completion	held;
	atomic_t		to_hold;
	atomic_t		left;
	u64			last;
	struct completion	done;
};

/* A workload that times calls has of each value the medians as figures, then these. */
#define BENCH_CALL_STATS	3

/**
 * struct bench_calls - for workloads that time calls with items held in flight
 * @gate: what holds the items
 * @values: of a turn, all calls of one value before those of the next
 */
struct bench_calls {
	struct bench_gate	gate;
	u64			values[];
};

/* gate.c: items that wait until they are let go */
void bench_gate_init(struct bench_gate *gate);
void bench_gate_job(struct bench_item *item);
void bench_hold_items(struct bench_run *run, struct bench_slot *slot, struct bench_gate *gate);
u32 bench_calls_items(const struct bench_config *cfg);
int bench_calls_setup(struct bench_run *run);
void bench_calls_teardown(struct bench_run *run);
void bench_calls_add(struct bench_run *run, unsigned int which, u32 nth, u64 value);
int bench_calls_turn(struct bench_run *run, struct bench_slot *slot, struct bench_sample *sample,
		     void (*once)(struct bench_run *run, struct bench_slot *slot, u32 nth),
		     u32 queued);

/* tasks.c: what the threads of the machine have done, and whose they are */
struct bench_tasks {
	u64	runtime;
	u64	sleeps;
	u32	workers;
	u32	new_workers;
};

void bench_count_tasks(const struct bench_engine *engine, u64 since, struct bench_tasks *tasks);

/* memory.c: what the kernel has given away */
struct bench_memory {
	u64	slab;
	u64	stack;
	u64	percpu;
};

struct bench_meminfo *bench_memory_open(void);
void bench_memory_close(struct bench_meminfo *meminfo);
int bench_memory_read(struct bench_meminfo *meminfo, struct bench_memory *memory);
int bench_memory_total(struct bench_run *run, u64 *bytes);
void bench_memory_settle(void);

/* times.c: times that a turn adds one by one */
int bench_times_setup(struct bench_run *run);
void bench_times_teardown(struct bench_run *run);
void bench_times_reset(struct bench_run *run);
void bench_times_add(struct bench_run *run, unsigned int kind, u32 ticks);
void bench_times_item(struct bench_run *run, u64 queued, u64 started, u64 ended);
void bench_times_figures(struct bench_run *run, struct bench_sample *sample);

/* stats.c */
int bench_measure_clock(struct bench_run *run);
u64 bench_cost_ns(const struct bench_run *run, u64 ticks);
void bench_burn(u32 rounds);
u32 bench_burn_rounds(const struct bench_run *run, u64 ns);
void bench_quantiles(struct bench_run *run, u32 * const *parts, unsigned int nr_parts, u32 nr,
		     u64 out[BENCH_NR_QUANTILES]);
void bench_spread(u64 *values, unsigned int nr, struct bench_spread *out);
u64 bench_ratio(u64 value, u64 reference);

/* result.c */
struct bench_text;

int bench_format_result(const struct bench_run *run, char **text, size_t *len);
void bench_add_value(struct bench_text *text, const char *key, const char *suffix, u64 value);
void bench_add_ratio(struct bench_text *text, const char *key, const char *suffix, u64 ratio);

/* counts.c: what cmwq2's pools count */
void bench_count(const struct bench_slot *slot, struct bench_pool_counts *sum);
void bench_counts_sub(struct bench_pool_counts *counts, const struct bench_pool_counts *before);
void bench_format_counts(struct bench_text *text, const struct bench_pool_counts *counts);
void bench_format_totals(struct bench_text *text, const struct bench_slot *slot);

/* engine_*.c */
extern const struct bench_engine bench_native;
extern const struct bench_engine bench_cmwq2;
extern const struct bench_engine bench_floor;
extern const struct bench_engine bench_mt;
int bench_cmwq2_check_profile(const char *profile);

#endif /* CMWQ2_BENCH_H */
