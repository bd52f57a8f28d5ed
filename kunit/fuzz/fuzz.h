/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random programs of workqueue calls, and what is known about each run of one.
 *
 * A program has a few queues, a few items and a list of operations. Each operation
 * belongs to a context: a thread, the function of an item, or the handler of a timer.
 * A context makes its operations in the order of the list. Two lanes run a program at the
 * same time, one with the kernel's own workqueue and one with cmwq2. The lanes share
 * nothing.
 *
 * A lane writes a log. An event's place in the log is its time. A call of the engine is
 * in the log twice, when it begins and when it has returned, because its effect happens
 * at an unknown time between the two. So the rules of the oracle only use what is true
 * whenever the effect happened.
 */
#ifndef CMWQ2_FUZZ_H
#define CMWQ2_FUZZ_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/wait.h>

#include "env.h"

#define FZ_QUEUES	3
#define FZ_ITEMS	6
#define FZ_CROWD	72	/* items that FZ_CROWD_OP and FZ_STARVE add to the program's */
#define FZ_CROWD_MOST	48	/* those that FZ_CROWD_OP adds; FZ_STARVE needs more than these */
#define FZ_ALL_ITEMS	(FZ_ITEMS + FZ_CROWD)
#define FZ_OPS		40
#define FZ_THREADS	3
#define FZ_HELPER	FZ_THREADS		/* the thread that ends a run */
#define FZ_LEADER	(FZ_THREADS + 1)	/* the thread that runs a lane beside another one */
#define FZ_ALL_THREADS	(FZ_THREADS + 2)
#define FZ_GATES	2
#define FZ_LOG		1024
#define FZ_TEXT		4096	/* the text of a program, or a verdict */
#define FZ_RUNS		3	/* the function of an item makes its operations so often */

/* The contexts: threads, then functions of items, then the two timers. */
enum fz_ctx {
	FZ_THREAD0,
	FZ_ITEM0	= FZ_THREAD0 + FZ_THREADS,
	FZ_SOFT		= FZ_ITEM0 + FZ_ITEMS,	/* timer whose handler runs in softirq */
	FZ_HARD,				/* timer whose handler runs in a hard interrupt */
	FZ_MASTER,				/* the lane itself; not in programs */
	FZ_NR_CTX,
};

static inline bool fz_is_thread(unsigned int ctx)
{
	return ctx < FZ_ITEM0;
}

static inline bool fz_is_item(unsigned int ctx)
{
	return ctx >= FZ_ITEM0 && ctx < FZ_SOFT;
}

enum fz_kind { FZ_PLAIN, FZ_DELAYED, FZ_RCU, FZ_BH, FZ_NR_KINDS };

/* What an operation uses, where it is allowed, and what it does to an item. */
#define FZ_Q		BIT(0)	/* has a queue */
#define FZ_I		BIT(1)	/* has an item */
#define FZ_N		BIT(2)	/* has a number */
#define FZ_C		BIT(3)	/* has a CPU */
#define FZ_SLEEPS	BIT(4)	/* only in threads and in items that may sleep */
#define FZ_BLOCKS	BIT(5)	/* may wait for other contexts */
#define FZ_OURS		BIT(6)	/* only cmwq2 has it */
#define FZ_ENQUEUES	BIT(7)	/* the value says whether an instance was added */
#define FZ_TAKES	BIT(8)	/* the value says whether an instance was removed */
#define FZ_WAITS	BIT(9)	/* returns when earlier instances of the item are done */
#define FZ_TOUCHES	BIT(10)	/* may hold PENDING for a moment */
#define FZ_SILENT	BIT(11)	/* no call of the engine, and not in the log */
#define FZ_THREAD_ONLY	BIT(12)	/* only in threads */

/* Each operation: its name in programs, and its flags. */
#define FZ_EACH_CODE(x)								\
	x(QUEUE, "queue", FZ_Q | FZ_I | FZ_C | FZ_ENQUEUES)			\
	x(QUEUE_NODE, "queue_node", FZ_Q | FZ_I | FZ_ENQUEUES)			\
	x(QUEUE_DELAYED, "queue_delayed", FZ_Q | FZ_I | FZ_N | FZ_C | FZ_ENQUEUES) \
	x(MOD_DELAYED, "mod_delayed", FZ_Q | FZ_I | FZ_N | FZ_C | FZ_TOUCHES)	\
	x(QUEUE_RCU, "queue_rcu", FZ_Q | FZ_I | FZ_ENQUEUES)			\
	x(CROWD_OP, "crowd", FZ_Q | FZ_N | FZ_C | FZ_ENQUEUES)			\
	x(CANCEL, "cancel", FZ_I | FZ_TAKES | FZ_TOUCHES)			\
	x(CANCEL_SYNC, "cancel_sync",						\
	  FZ_I | FZ_TAKES | FZ_TOUCHES | FZ_SLEEPS | FZ_BLOCKS | FZ_WAITS)	\
	x(DISABLE, "disable", FZ_I | FZ_TAKES | FZ_TOUCHES)			\
	x(DISABLE_SYNC, "disable_sync",						\
	  FZ_I | FZ_TAKES | FZ_TOUCHES | FZ_SLEEPS | FZ_BLOCKS | FZ_WAITS)	\
	x(ENABLE, "enable", FZ_I | FZ_TOUCHES)					\
	x(ENABLE_QUEUE, "enable_and_queue", FZ_Q | FZ_I | FZ_TOUCHES)		\
	x(FLUSH, "flush", FZ_I | FZ_SLEEPS | FZ_BLOCKS | FZ_WAITS | FZ_TOUCHES)	\
	x(FLUSH_WQ, "flush_wq", FZ_Q | FZ_SLEEPS | FZ_BLOCKS)			\
	x(DRAIN, "drain", FZ_Q | FZ_SLEEPS | FZ_BLOCKS | FZ_THREAD_ONLY)	\
	x(RECREATE, "recreate", FZ_Q | FZ_SLEEPS | FZ_BLOCKS | FZ_THREAD_ONLY)	\
	x(MAX_ACTIVE, "max_active", FZ_Q | FZ_N | FZ_SLEEPS | FZ_THREAD_ONLY)	\
	x(ATTRS, "attrs", FZ_Q | FZ_N | FZ_SLEEPS | FZ_OURS | FZ_THREAD_ONLY)	\
	x(CPUMASK, "cpumask", FZ_N | FZ_SLEEPS | FZ_OURS | FZ_THREAD_ONLY)	\
	x(FREEZE, "freeze", FZ_SLEEPS | FZ_OURS | FZ_THREAD_ONLY)		\
	x(THAW, "thaw", FZ_SLEEPS | FZ_OURS | FZ_THREAD_ONLY)			\
	x(POLICY, "policy", FZ_N | FZ_SLEEPS | FZ_OURS | FZ_THREAD_ONLY)	\
	x(CREATION, "creation", FZ_Q | FZ_N | FZ_C | FZ_SLEEPS | FZ_OURS | FZ_THREAD_ONLY) \
	x(STARVE, "starve",							\
	  FZ_Q | FZ_C | FZ_SLEEPS | FZ_OURS | FZ_ENQUEUES | FZ_THREAD_ONLY)	\
	x(BUSY, "busy", FZ_I)							\
	x(CONGESTED, "congested", FZ_Q | FZ_C)					\
	x(CPU_DOWN, "cpu_down", FZ_SLEEPS | FZ_THREAD_ONLY)			\
	x(CPU_UP, "cpu_up", FZ_SLEEPS | FZ_THREAD_ONLY)				\
	x(WAIT, "wait", FZ_N | FZ_SLEEPS | FZ_SILENT)				\
	x(OPEN, "open", FZ_N | FZ_SILENT)					\
	x(AWAIT, "await", FZ_I | FZ_SLEEPS | FZ_SILENT | FZ_THREAD_ONLY)	\
	x(SPIN, "spin", FZ_N | FZ_SILENT)					\
	x(SLEEP, "sleep", FZ_N | FZ_SLEEPS | FZ_SILENT)				\
	x(TIMER, "timer", FZ_N | FZ_SILENT)					\
	x(TIMER_HARD, "timer_hard", FZ_N | FZ_SILENT)

#define FZ_ENUM(code, name, flags)	FZ_##code,
enum fz_code { FZ_EACH_CODE(FZ_ENUM) FZ_NR_CODES };

struct fz_info {
	const char	*name;
	unsigned int	flags;
};

extern const struct fz_info fz_info[FZ_NR_CODES];
extern const char *const fz_kind_names[FZ_NR_KINDS];

/**
 * struct fz_op - an operation of a program
 * @ctx: enum fz_ctx
 * @code: enum fz_code
 * @q: queue
 * @item: item
 * @cpu: CPU, or -1 for any
 * @n: a delay in jiffies, a time in microseconds, a limit, or the number of a gate, a
 *	policy or the like
 */
struct fz_op {
	u8	ctx;
	u8	code;
	u8	q;
	u8	item;
	s16	cpu;
	int	n;
};

struct fz_queue_spec {
	unsigned int	flags;	/* TW_* */
	int		max_active;
};

struct fz_program {
	u64			seed;	/* 0 if it was given as text */
	u8			nr_queues;
	u8			nr_items;
	u8			nr_ops;
	struct fz_queue_spec	queue[FZ_QUEUES];
	u8			kind[FZ_ITEMS];
	struct fz_op		op[FZ_OPS];
};

enum fz_event_type { FZ_NONE, FZ_CALL, FZ_RET, FZ_BEGIN, FZ_END };

/**
 * struct fz_event - an entry of the log
 * @type: enum fz_event_type; written last
 * @ctx: who
 * @code: enum fz_code of a call
 * @q: queue of a call
 * @item: item of a call or run
 * @cpu: CPU where it happened
 * @on: CPU that a call named, or -1
 * @n: number of a call
 * @ret: value of a call
 * @first: place in the log of the event's beginning
 */
struct fz_event {
	u8	type;
	u8	ctx;
	u8	code;
	u8	q;
	u8	item;
	s8	cpu;
	s8	on;
	s16	ret;
	u16	first;
	int	n;
};

enum fz_state { FZ_DONE, FZ_RUNNING, FZ_AT_GATE, FZ_AWAITING, FZ_BLOCKING };

/* What a context does now. For an item it is right only while one caller is inside. */
struct fz_who {
	enum fz_state		state;
	struct task_struct	*task;
};

struct fz_lane;

struct fz_item {
	struct tw_item	tw;
	struct fz_lane	*lane;
	unsigned int	nr;
	atomic_t	begun;
	atomic_t	inside;
	atomic_t	disabled;	/* calls of disable that have returned, less enables */
};

struct fz_queue {
	void		*wq;
	atomic_t	users;
	bool		closed;		/* a drain or a destroy is going on */
};

struct fz_thread {
	struct fz_lane		*lane;
	unsigned int		ctx;
	struct task_struct	*task;
	void			(*job)(struct fz_thread *t);
	bool			busy;
};

struct fz_timer {
	struct hrtimer	timer;
	struct fz_lane	*lane;
	unsigned int	ctx;
	atomic_t	armed;
	atomic_t	starts;
};

/* Counters of cmwq2 that a program must not change, or only together. */
struct fz_counters {
	unsigned long	leaks;
	unsigned long	strays;
	unsigned long	misuses;
	unsigned long	scans[FZ_QUEUES];
	unsigned long	looks[FZ_QUEUES];
	unsigned long	lost[FZ_QUEUES];
	unsigned long	missed[FZ_QUEUES];
};

/**
 * struct fz_lane - runs programs on one engine
 * @engine: the engine
 * @ours: it is cmwq2
 * @env: for the operations of the engine: items that may sleep, and BH items
 * @prog: program
 * @hotplug: the program takes CPUs down
 * @thread: the threads of programs, then the helper and the leader
 * @slots: memory of the items by kind, so that each place in memory has one type
 * @item: the items of the program
 * @nr_crowd: how many items FZ_CROWD_OP and FZ_STARVE have added
 * @queue: the queues of the program
 * @timer: timers
 * @who: what each context does
 * @gates: bits of the gates that are open
 * @waiting: how many contexts wait at each gate; an item may do so in several runs at once
 * @passes: how often the master has let those go on that wait for an item
 * @release: gates and waits are void, the run is to end
 * @moved: waited for by contexts at a gate
 * @events: waited for by the master
 * @wake: wakes those who wait, on behalf of an interrupt on PREEMPT_RT
 * @told: how often the master was told to look again
 * @seq: number of events
 * @log: events
 * @creation: creation faults were set
 * @starved: one of them by FZ_STARVE
 * @fed: the starved pool may create workers again, and nothing else was let go since
 * @cpumask: the global mask was changed
 * @cpus: what it was before
 * @policies: what the policies were before
 * @before: counters before the run
 * @after: counters after the run
 * @verdict: what was wrong, or ''
 * @known: the fault of the kernel's own workqueue that explains it, or NULL
 * @lost: contexts or items of this lane hang for ever
 */
struct fz_lane {
	const struct tw_engine	*engine;
	bool			ours;
	struct tw_env		env[2];
	const struct fz_program	*prog;
	bool			hotplug;
	struct fz_thread	thread[FZ_ALL_THREADS];
	struct fz_item		*slots[FZ_NR_KINDS];
	struct fz_item		*item[FZ_ALL_ITEMS];
	atomic_t		nr_crowd;
	struct fz_queue		queue[FZ_QUEUES];
	struct fz_timer		timer[2];
	struct fz_who		who[FZ_NR_CTX];
	unsigned long		gates;
	atomic_t		waiting[FZ_GATES];
	unsigned int		passes;
	bool			release;
	wait_queue_head_t	moved;
	wait_queue_head_t	events;
	struct irq_work		wake;
	atomic_t		told;
	atomic_t		seq;
	struct fz_event		log[FZ_LOG];
	bool			creation;
	bool			starved;
	bool			fed;
	bool			cpumask;
	struct cpumask		cpus;
	char			policies[256];
	struct fz_counters	before;
	struct fz_counters	after;
	char			verdict[256];
	const char		*known;
	bool			lost;
};

/* text.c */
int fz_parse(struct fz_program *p, char *text);
int fz_print(const struct fz_program *p, char *buf, size_t size);
const char *fz_why_invalid(const struct fz_program *p);
unsigned int fz_queues_of(const struct fz_program *p, unsigned int item);
bool fz_has(const struct fz_program *p, unsigned int code, int item);
bool fz_has_crowd(const struct fz_program *p);

/* generate.c */
void fz_generate(struct fz_program *p, u64 seed, bool hotplug);
void fz_change(struct fz_program *p, u64 seed, bool hotplug);

/* The number of steps in the engine's code, and of programs that were the first to make one. */
struct fz_steps {
	unsigned int	made;
	unsigned int	kept;
};

/* steer.c */
int fz_steer_init(void);
void fz_steer_exit(void);
void fz_steer_begin(void);
bool fz_steer(struct fz_program *p, u64 seed, bool hotplug);
void fz_steer_look(const struct fz_program *p, u64 ns);
struct fz_steps fz_steer_steps(void);

/* calls.c */
extern const char *const fz_policies[][2];
unsigned int fz_nr_policies(void);
void fz_exec(struct fz_lane *l, unsigned int ctx, const struct fz_op *op);
void fz_attrs_cpus(int n, struct cpumask *mask);
void fz_thaw(struct fz_lane *l);
void fz_make_queue(struct fz_lane *l, unsigned int q);

/* run.c */
extern unsigned int fz_timeout_ms, fz_known_ms;
unsigned int fz_log(struct fz_lane *l, const struct fz_event *event);
struct fz_lane *fz_lane(unsigned int engine);
void fz_lane_free(struct fz_lane *l);
void fz_run(struct fz_lane *l, const struct fz_program *p);
void fz_run_beside(struct fz_lane *l, const struct fz_program *p);
void fz_wait(struct fz_lane *l);
bool fz_is_busy(struct fz_thread *t);
void fz_wake(struct fz_lane *l, struct wait_queue_head *q);
void fz_set_state(struct fz_lane *l, unsigned int ctx, enum fz_state state);

#endif /* CMWQ2_FUZZ_H */
