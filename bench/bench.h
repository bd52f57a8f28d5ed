/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cmwq2_bench: the same job on several workqueue engines, in the same boot.
 *
 * A run has rounds. In each round every engine of the list does the job once,
 * in an order that is shuffled anew, so that a drift of the machine hits all
 * of them alike and the figures of one round can be compared pair by pair.
 */
#ifndef CMWQ2_BENCH_H
#define CMWQ2_BENCH_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/minmax.h>
#include <linux/timekeeping.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

struct task_struct;

#define BENCH_FORMAT_VERSION	1
#define BENCH_MAX_SLOTS		8
#define BENCH_NAME_LEN		32
#define BENCH_MAX_ITEMS		1000000U
#define BENCH_MAX_ROUNDS	1000U
#define BENCH_MAX_SAMPLES	(4U << 20)	/* of 4 bytes, over all producers */

/* Ratios are integers in units of 1/BENCH_RATIO_ONE. */
#define BENCH_RATIO_ONE		10000U
#define BENCH_RATIO_NONE	U64_MAX

/* What an engine is asked to queue on. */
enum bench_queue {
	BENCH_QUEUE_PERCPU,
	BENCH_QUEUE_UNBOUND,
	BENCH_QUEUE_NR,
};

/**
 * struct bench_config - what to run
 * @producers: threads that queue, bound to the online CPUs in turn
 * @items: timed items of a producer in a round
 * @rounds: times every engine runs
 * @warmup: items a producer runs at least before the timed ones
 * @seed: of the order of the engines in the rounds, 0 to pick one
 * @queue: kind of queue
 * @scope: affinity scope of an unbound queue
 * @nr_engines: entries in @engines
 * @engines: names, with ":profile" where the engine takes one; a name may
 *	occur twice, which compares an engine with itself
 */
struct bench_config {
	u32			producers;
	u32			items;
	u32			rounds;
	u32			warmup;
	u64			seed;
	enum bench_queue	queue;
	char			scope[BENCH_NAME_LEN];
	unsigned int		nr_engines;
	char			engines[BENCH_MAX_SLOTS][BENCH_NAME_LEN];
};

/**
 * struct bench_item - what a producer queues, one for each engine
 * @done: completed by the item's function, waited for by the producer; the
 *	same for all engines, so that the cost of waiting is the same
 * @cpu: where the producer is bound
 * @native: item of the kernel's workqueue
 * @cmwq2: item of a cmwq2 queue
 * @floor: a thread of its own and the flag that tells it to run
 */
struct bench_item {
	struct completion		done;
	int				cpu;
	union {
		struct work_struct	native;
		struct cmwq2_work	cmwq2;
		struct {
			struct task_struct	*task;
			bool			posted;
		} floor;
	};
} ____cacheline_aligned;

/* Sums of struct cmwq2_pool_stats over the pools the producers queue to. */
struct bench_pool_counts {
	u64	kicks;
	u64	coalesced;
	u64	created;
	u64	cm_wakeups;
	u64	scan_wakeups;
	u64	maydays;
};

#define BENCH_NR_POLICIES	2

/* Values of the policies that a profile sets. */
struct bench_policies {
	char	value[BENCH_NR_POLICIES][BENCH_NAME_LEN];
};

enum bench_quantile {
	BENCH_P50,
	BENCH_P90,
	BENCH_P95,
	BENCH_P99,
	BENCH_PMAX,
	BENCH_NR_QUANTILES,
};

/**
 * struct bench_sample - what came out of one engine in one round
 * @position: place in the round's order
 * @rate: items per second, the sum of the producers' own rates
 * @span: ns from the first producer's first timed item to the last one's last
 * @queued: items, those of warm-up and cool-down included
 * @enqueue: quantiles of the enqueue call, in ns
 * @counts: what the pools counted during the round
 */
struct bench_sample {
	u32				position;
	u64				rate;
	u64				span;
	u64				queued;
	u32				enqueue[BENCH_NR_QUANTILES];
	struct bench_pool_counts	counts;
};

/**
 * struct bench_slot - one entry of the list of engines during a run
 * @engine: the operations
 * @cfg: the run's
 * @index: place in the list
 * @name: as in the list
 * @profile: the part of @name behind the colon, or NULL
 * @items: one a producer
 * @native: queue of engine native
 * @cmwq2: queue of engine cmwq2
 * @before: engine cmwq2: counts at the start of the round
 * @saved: engine cmwq2: policies to go back to
 * @used: engine cmwq2: policies of the last turn
 * @samples: one a round
 */
struct bench_slot {
	const struct bench_engine	*engine;
	const struct bench_config	*cfg;
	unsigned int			index;
	const char			*name;
	const char			*profile;
	struct bench_item		*items;
	union {
		struct workqueue_struct	*native;
		struct cmwq2_wq		*cmwq2;
	};
	struct bench_pool_counts	before;
	struct bench_policies		saved;
	struct bench_policies		used;
	struct bench_sample		*samples;
};

/**
 * struct bench_engine - a way to have an item run by another thread
 * @name: how the list of engines calls it
 * @takes_profile: whether ":profile" may follow
 * @is_cmwq2: whether it has policies and counts
 * @setup: makes queue and items once a run, so that workers stay warm over the
 *	rounds; says by itself what is wrong, and leaves nothing behind then
 * @begin: before a round, may be NULL; says by itself what is wrong
 * @queue: the call that is timed; false if the item was still queued
 * @end: after a round, may be NULL
 * @teardown: undoes @setup, no item is in flight
 *
 * There is no operation for waiting: a producer waits for bench_item.done
 * whatever the engine.
 */
struct bench_engine {
	const char	*name;
	bool		takes_profile;
	bool		is_cmwq2;
	int		(*setup)(struct bench_slot *slot);
	int		(*begin)(struct bench_slot *slot);
	bool		(*queue)(struct bench_slot *slot, struct bench_item *item);
	void		(*end)(struct bench_slot *slot, struct bench_sample *sample);
	void		(*teardown)(struct bench_slot *slot);
};

/**
 * struct bench_producer - a thread that queues
 * @run: the run it belongs to
 * @index: its number
 * @cpu: where it is bound
 * @task: the thread
 * @ticks: cost of the enqueue call of every timed item
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
	u32			*ticks;
	unsigned int		round;
	u64			begin;
	u64			end;
	u64			queued;
} ____cacheline_aligned;

/**
 * struct bench_run - a run
 * @cfg: a copy that nobody changes
 * @slots: the engines
 * @nr_slots: how many of them are set up
 * @producers: the threads
 * @span_ns: a span of time, in ns
 * @span_ticks: the same in ticks
 * @clock_cost: ns that reading the clock adds to the cost of a call
 * @clock_step: smallest step seen of that clock, in ns
 * @failure: why there is no result, or NULL
 * @histogram: scratch space of bench_quantiles()
 * @slot: the engine whose turn it is
 * @round: changes to start one engine's turn
 * @stop: leave the turn early
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
	struct bench_producer	*producers;
	u64			span_ns;
	u64			span_ticks;
	u32			clock_cost;
	u32			clock_step;
	const char		*failure;
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
 * @max: largest
 * @mad: median of the distances to the median
 */
struct bench_spread {
	u64	min;
	u64	q1;
	u64	median;
	u64	q3;
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

/*
 * The clock of a single enqueue call, in ticks of its own. In UML the kernel's
 * clocks step by 256 ns, and under QEMU without KVM they may be read from an
 * emulated device, so that where there is a TSC it is read, as user space
 * does. No fence: the call has locked instructions enough. A producer is bound,
 * but in UML its CPU is a thread of the host, so that a TSC that differs
 * between CPUs can step back.
 */
#ifdef __x86_64__
#define BENCH_TICKS	"tsc"
static inline u64 bench_ticks(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return (u64)high << 32 | low;
}
#else
#define BENCH_TICKS	"mono_fast"
static inline u64 bench_ticks(void)
{
	return bench_clock();
}
#endif

static inline u32 bench_ticks_between(u64 begin, u64 end)
{
	return end > begin ? (u32)min_t(u64, end - begin, U32_MAX) : 0;
}

/* main.c */
extern const char * const bench_queue_names[BENCH_QUEUE_NR];
const struct bench_engine *bench_find_engine(const char *name, const char **profile);

/* sysfs.c */
int bench_sysfs_init(void);
void bench_sysfs_exit(void);

/* run.c */
int bench_run(const struct bench_config *cfg, char **text, size_t *len);
void bench_fail(struct bench_run *run, const char *failure);

/* roundtrip.c: the job */
void bench_roundtrip(struct bench_producer *p);

/* stats.c */
void bench_measure_clock(struct bench_run *run);
void bench_quantiles(struct bench_run *run, u32 out[BENCH_NR_QUANTILES]);
void bench_spread(u64 *values, unsigned int nr, struct bench_spread *out);
u64 bench_ratio(u64 value, u64 reference);

/* result.c */
int bench_format_result(const struct bench_run *run, char **text, size_t *len);

/* engine_*.c */
extern const struct bench_engine bench_native;
extern const struct bench_engine bench_cmwq2;
extern const struct bench_engine bench_floor;
extern const char * const bench_policy_names[BENCH_NR_POLICIES];
int bench_cmwq2_check_profile(const char *profile);

#endif /* CMWQ2_BENCH_H */
