/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types of cmwq2_bench, which runs the same workload on several workqueue
 * engines in the same boot.
 *
 * A run has rounds. In each round every engine of the list has one turn, in an
 * order that is shuffled anew, so that a drift of the machine hits all of them
 * alike and the figures of one round can be compared pair by pair.
 */
#ifndef CMWQ2_BENCH_TYPES_H
#define CMWQ2_BENCH_TYPES_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <cmwq2/workqueue.h>

struct task_struct;
struct bench_meminfo;
struct bench_producer;
struct bench_run;
struct bench_threads;
struct bench_workload;

#define BENCH_MAX_SLOTS		8
#define BENCH_NAME_LEN		64
#define BENCH_MAX_ITEMS		1000000U
#define BENCH_MAX_ROUNDS	1000U
#define BENCH_MAX_SAMPLES	(4U << 20)	/* 12 bytes each, sum over all producers */
#define BENCH_MAX_QUEUES	10000U
#define BENCH_MAX_IN_FLIGHT	10000U
#define BENCH_MAX_BATCH		256U	/* items in flight for each producer */
#define BENCH_MAX_RING		4096U	/* the same in the workload stream */
#define BENCH_MAX_CALLS		1000U
#define BENCH_MAX_DELAY_MS	1000U
#define BENCH_MAX_BURN_NS	1000000U
#define BENCH_MAX_BURN_US	(BENCH_MAX_BURN_NS / 1000)
#define BENCH_MAX_PAUSE_US	100000U
#define BENCH_MAX_PER_CPU	16U
#define BENCH_MAX_JOB_MS	60000U
#define BENCH_MAX_FIGURES	40
#define BENCH_MAX_POOLS		8192	/* CPUs, or numbers of unbound pools */

/* Ratios are integers in units of 1/BENCH_RATIO_ONE. */
#define BENCH_RATIO_ONE		10000U

/* The value of a figure or a ratio that does not exist. */
#define BENCH_NONE		U64_MAX

/* The kind of queue that the items are queued on. */
enum bench_queue {
	BENCH_QUEUE_PERCPU,
	BENCH_QUEUE_UNBOUND,
	BENCH_QUEUE_ORDERED,
	BENCH_QUEUE_NR,
};

/* Abilities, beside running an item, that an engine has and a workload needs. */
enum bench_ability {
	BENCH_CREATE	= BIT(0),	/* create and destroy queues */
	BENCH_FLUSH	= BIT(1),	/* flush and drain; a blocked item holds up no other */
	BENCH_DELAY	= BIT(2),
	BENCH_CANCEL	= BIT(3),
};

/*
 * The numbers of a configuration: name of the constant, name of the member,
 * smallest value, largest value. A largest value of 0 stands for four times the
 * number of possible CPUs.
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
	X(LONG_NS,	long_ns,	0, BENCH_MAX_BURN_NS)		\
	X(BURN_AFTER_US, burn_after_us,	0, BENCH_MAX_BURN_US)		\
	X(PAUSE_US,	pause_us,	0, BENCH_MAX_PAUSE_US)		\
	X(PER_CPU,	per_cpu,	1, BENCH_MAX_PER_CPU)		\
	X(LOAD,		load,		0, 5)				\
	X(LONG_BURN,	long_burn,	0, 1)				\
	X(JOB_MS,	job_ms,		10, BENCH_MAX_JOB_MS)

#define BENCH_NUMBER_ID(_id, ...)	BENCH_NUMBER_##_id,
enum bench_number_id {
	BENCH_NUMBERS(BENCH_NUMBER_ID)
	BENCH_NR_NUMBERS,
};

/**
 * struct bench_config - what to run; the workload decides which numbers are used
 * @workload: what is done in a turn
 * @producers: number of threads that queue, bound to the online CPUs in turn
 * @items: number of timed items of each producer in a round
 * @rounds: number of turns of each engine
 * @warmup: each producer runs at least this many items before the timed ones
 * @queues: number of queues that exist at the same time
 * @mem_reclaim: whether the queues have rescuers
 * @in_flight: number of items in flight, for each producer if there are several
 * @calls: number of flushes, drains, cancels or chains of blocked items in a
 *	round
 * @foreign: number of items of other queues ahead of those that are rescued
 * @delay_ms: delay of delayed items
 * @burn_ns: CPU time that an item uses by itself
 * @long_ns: the same for long items, in the workload that also has short ones
 * @burn_after_us: CPU time that a producer uses after each item that it has queued
 * @pause_us: how long a producer sleeps before it queues its next item
 * @per_cpu: number of items for each online CPU that are queued at once
 * @load: which of the loads of 2010 to run, wl0 to wl5
 * @long_burn: whether the items of that load have the long burn
 * @job_ms: how long the job that runs beside that load takes when run alone
 * @seed: seed for the order of the engines in each round, 0 to pick one
 * @queue: kind of queue
 * @scope: affinity scope of an unbound queue
 * @engines_given: whether the user chose @engines; if not, they are the defaults
 * @nr_engines: number of entries in @engines
 * @engines: names, with ":profile" where the engine takes one; naming an engine
 *	twice compares it with itself
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
	u32			long_ns;
	u32			burn_after_us;
	u32			pause_us;
	u32			per_cpu;
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
 * struct bench_item - one item; every engine has items of its own
 * @job: what the item's function does
 * @priv: data that belongs to the job
 * @done: most jobs complete it, and the thread that queued the item waits for
 *	it; all engines use it, so that waiting costs the same for all
 * @cpu: an online CPU, assigned to the items in turn: the producer is bound
 *	there, or the item is queued there
 * @waits: used by bench_gate_job(): whether the item waits until the gate opens
 * @in_flight: the item was queued, and nobody has waited for it yet
 * @ran_on: the CPU on which its function began, if the job keeps it
 * @sample: index under which its times are stored, BENCH_UNTIMED if they are not
 * @burn: number of bench_burn() rounds that the item runs
 * @queued: clock in ticks before the item was queued
 * @started: clock in ticks when its function began
 * @ended: clock in ticks when its function was done
 * @native: item of the kernel's workqueue
 * @cmwq2: item of a cmwq2 queue
 * @floor: engine "floor": the item's own thread and the flag that tells it to run
 * @threads: engine "threads": item of a queue that has its own threads
 */
struct bench_item {
	void				(*job)(struct bench_item *item);
	void				*priv;
	struct completion		done;
	int				cpu;
	bool				waits;
	bool				in_flight;
	int				ran_on;
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

/* What cmwq2's pools count, see counts.c. The counts of pool->lock are 0 unless lock_stat is Y. */
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

/* Sums over the pools that the items are queued to. */
struct bench_pool_counts {
	u64	value[BENCH_NR_COUNTS];
};

/* Room for all policies of a pool, as the engine's parameter "policies" shows them. */
#define BENCH_POLICIES_LEN	256

enum bench_quantile {
	BENCH_P50,
	BENCH_P90,
	BENCH_P95,
	BENCH_P99,
	BENCH_PMAX,
	BENCH_NR_QUANTILES,
};

/* The figures that every turn has, beside the workload's own. */
enum bench_common {
	BENCH_CPU_NS,		/* CPU time of all threads, per item */
	BENCH_WORKERS,		/* threads of the engine that are alive at the end */
	BENCH_NEW_WORKERS,	/* those of BENCH_WORKERS that were created in the turn */
	BENCH_SLEEPS,		/* times they went to sleep, per 1000 items */
	BENCH_POOL_WORKERS,	/* those of BENCH_WORKERS that are in the queue's pools */
	BENCH_POOL_PEAK,	/* the largest number of these seen in the turn */
	BENCH_SWITCHES,		/* context switches of all threads, per 1000 items */
	BENCH_MIGRATIONS,	/* moves of threads to another CPU, per 1000 items */
	BENCH_HELD,		/* memory in the steady phase, see memory.c */
	BENCH_NR_COMMON,
};

/**
 * struct bench_sample - result of one engine in one round
 * @position: place in the order of the round
 * @figure: the figures that the workload lists, then the common ones
 * @queued: number of items queued, including the untimed ones
 * @counts: what the pools counted during the round
 */
struct bench_sample {
	u32				position;
	u64				figure[BENCH_MAX_FIGURES];
	u64				queued;
	struct bench_pool_counts	counts;
};

/**
 * struct bench_pools - the worker pools that run the items of a queue
 * @known: whether the engine has such pools, and they were found
 * @unbound: whether the pools are unbound
 * @ids: the CPUs of bound pools, or the numbers of unbound ones
 */
struct bench_pools {
	bool		known;
	bool		unbound;
	DECLARE_BITMAP(ids, BENCH_MAX_POOLS);
};

/**
 * struct bench_tasks - what all threads of the machine had done when a turn began
 * @task: the threads
 * @nr: their number
 * @room: how many fit into @task
 * @whole: whether all threads did fit
 * @host: CPU time of User-Mode Linux in ns, 0 elsewhere
 */
struct bench_tasks {
	struct bench_task	*task;
	unsigned int		nr;
	unsigned int		room;
	bool			whole;
	u64			host;
};

/**
 * struct bench_slot - one entry of the list of engines during a run
 * @engine: the operations of the engine
 * @cfg: the configuration of the run
 * @index: place in the list
 * @name: the entry as it stands in the list
 * @profile: the part of @name after the colon: a profile or policies; or NULL
 * @items: the items that the workload asks for
 * @nr_items: how many items
 * @wq: the queue that lives as long as the run, if the workload has one
 * @pools: the pools of that queue
 * @peak: the largest number of workers seen in these pools in the turn
 * @before: engine cmwq2: counts at the start of the round
 * @saved: engine cmwq2: policies to restore after the turn
 * @used: engine cmwq2: policies of the last turn
 * @held: by how much memory has grown up to now in the turns of this engine; if
 *	several entries name the same engine, the first keeps the sum
 * @samples: one sample for each round
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
	struct bench_pools		pools;
	u32				peak;
	struct bench_pool_counts	before;
	char				saved[BENCH_POLICIES_LEN];
	char				used[BENCH_POLICIES_LEN];
	s64				held;
	struct bench_sample		*samples;
};

/**
 * struct bench_engine - a way to have an item run by another thread
 * @name: its name in the list of engines
 * @takes_profile: whether ":profile" may follow the name
 * @is_cmwq2: whether it has policies and counts
 * @has_pools: whether its workers belong to pools, which their names tell
 * @can: bits of enum bench_ability; operations that it does not support are NULL
 * @open: creates a queue as the configuration describes it, with the configured
 *	scope if @scoped; leaves nothing behind if it fails
 * @close: destroys a queue that has no item in flight
 * @init: prepares an item, may be NULL
 * @begin: called before a turn, may be NULL; reports its own errors
 * @end: called after a turn, may be NULL
 * @is_worker: whether a thread is a worker of this engine
 * @queue: queues an item from the current CPU; some workloads time it; returns
 *	false if the item was still queued
 * @queue_on: queues an item on a given CPU
 * @flush: flush_workqueue() or its twin
 * @drain: drain_workqueue() or its twin
 * @queue_delayed: queues an item after a delay in jiffies
 * @cancel: cancel_work() or its twin
 * @cancel_sync: cancel_work_sync() or its twin
 * @cancel_delayed_sync: cancel_delayed_work_sync() or its twin
 *
 * There is no operation for waiting for an item: under every engine the thread
 * that queued the item waits for bench_item.done.
 */
struct bench_engine {
	const char	*name;
	bool		takes_profile;
	bool		is_cmwq2;
	bool		has_pools;
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
 * @name: its name in config_workload
 * @figures: names of the figures of a turn, each with its unit; the figures that
 *	come from the times of @nr_times are last
 * @nr_figures: number of figures; at most BENCH_MAX_FIGURES with the common ones
 * @settings: the numbers that the workload uses: bits by enum bench_number_id
 * @needs: bits of enum bench_ability that an engine must have
 * @only_cmwq2: why only the engine cmwq2 can run it, or NULL
 * @engines: the default list, ended by NULL; or NULL for all suitable engines
 * @has_producers: whether the producers of the run do the work, each with items
 *	of its own
 * @on_one_cpu: whether all producers are bound to the same CPU
 * @has_queue: whether each engine has one queue for the whole run, whose pools
 *	are counted; if not, the workload creates queues as it needs them
 * @has_idle_round: whether the run begins with a round that does not count
 * @with_threads: whether the engine "threads" is in the default list
 * @max_active: max_active of the queues
 * @nr_kinds: number of kinds of times that a turn adds; their quantiles are
 *	figures
 * @job: what the items do
 * @nr_items: returns the number of items of each engine
 * @nr_times: returns the largest number of times of one kind in a turn; NULL if
 *	there are no kinds
 * @adjust: sets the numbers that the user cannot choose; may be NULL
 * @check: refuses settings that contradict each other and reports why; changes
 *	nothing
 * @setup: called before the engines are set up; may be NULL
 * @turn: runs one turn of an engine. Returns 0, -EINTR after a signal, or another
 *	error, which it has reported and which ends the run. A turn that calls
 *	bench_fail() yields a result that says that the run failed.
 * @teardown: undoes @setup, also one that stopped half way; may be NULL
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

/* The times of each timed item, in ticks since it was queued. */
enum bench_stage {
	BENCH_CALL,		/* until the call returned */
	BENCH_START,		/* until the function began */
	BENCH_DONE,		/* until the function was done */
	BENCH_NR_STAGES,
};

/* The names of what bench_quantiles() fills in, and of all stages of an item. */
#define BENCH_QUANTILES(of)	of "p50_ns", of "p90_ns", of "p95_ns", of "p99_ns", of "max_ns"
#define BENCH_STAGES							\
	BENCH_QUANTILES(""), BENCH_QUANTILES("start_"), BENCH_QUANTILES("done_")

/**
 * struct bench_times - times of a turn, if the producers have no arrays of their own
 * @size: room for this many times of each kind; more are dropped
 * @nr: number of times added, by kind
 * @ticks: the times, by kind; for times of items the kind is an enum bench_stage
 */
struct bench_times {
	u32		size;
	atomic_t	nr[BENCH_NR_STAGES];
	u32		*ticks[BENCH_NR_STAGES];
};

/**
 * struct bench_run - a run
 * @cfg: copy of the configuration, which does not change during the run
 * @slots: the engines
 * @nr_slots: number of @slots that are set up
 * @priv: data that belongs to the workload
 * @span_ns: a span of time in ns, to convert ticks
 * @span_ticks: the same span in ticks
 * @clock_cost: ns that reading the clock adds to the cost of a call
 * @clock_step: smallest step seen of that clock, in ns
 * @cost_ticks: @clock_cost in ticks
 * @burn_rate: number of bench_burn() rounds in a ms
 * @failure: why the run failed, or NULL
 * @aborted: the user asked to end the run
 * @text: the text of the result, or NULL
 * @len: length of @text
 * @began: clock at the start of the first round
 * @turns: number of turns that are over
 * @nr_turns: number of turns in the run
 * @stop: tells the threads to leave the turn early
 * @producers: the producers, if the workload has them
 * @ticks: the times of the timed items, for each stage and producer
 * @part: what each producer does in a turn
 * @times: the times of a turn, if the workload adds any
 * @tasks: what the threads had done when the turn began
 * @meminfo: source of the memory figures
 * @steady: memory in the steady phase of the turn, BENCH_NONE if not measured
 * @histogram: scratch space of bench_quantiles()
 * @slot: the engine whose turn it is
 * @round: changes to start the producers' part of a turn
 * @gate: where producers wait for @round to change
 * @warm: number of producers that have finished warming up
 * @timed: number of producers that have finished their timed items
 * @busy: number of producers that are still in the turn
 * @turn_over: completed when all producers have left the turn
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
	struct bench_tasks	tasks;
	struct bench_meminfo	*meminfo;
	u64			steady;
	u32			histogram[256];

	/*
	 * These are only read during a turn. They have cache lines of their own,
	 * so that writes to other members do not disturb the readers.
	 */
	struct bench_slot	*slot ____cacheline_aligned;
	unsigned int		round;
	bool			stop;

	wait_queue_head_t	gate ____cacheline_aligned;
	atomic_t		warm;
	atomic_t		timed;
	atomic_t		busy;
	struct completion	turn_over;
};

#endif /* CMWQ2_BENCH_TYPES_H */
