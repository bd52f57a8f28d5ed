/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's types, which lock protects each field, and the order of locks.
 */
#ifndef CMWQ2_TYPES_H
#define CMWQ2_TYPES_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

/*
 * Locks, outermost first:
 *
 *   cmwq2_pool_mutex	pools, the list of workqueues
 *   wq->mutex		one workqueue: pwqs, flush state, max_active
 *   cmwq2_attach_mutex	which threads belong to which pool, their affinity
 *   pool->lock		one pool: its items, workers and their states
 *   nna->lock		pwqs that wait for a node's max_active
 *   cmwq2_mayday_lock	maydays: requests for a rescuer
 *
 * When cmwq2_starve_lock is taken, cmwq2_pool_mutex may be held, but no other of
 * these locks.
 *
 * The comment of a field begins with letters that say what protects it:
 *
 *   I   set before the object is visible to others, never changed
 *   L   pool->lock
 *   LN  pool->lock and nna->lock to write, either to read
 *   K   pool->lock; only the worker itself writes, so it may read without the
 *       lock
 *   S   used only by its owner
 *   A   cmwq2_attach_mutex
 *   PL  cmwq2_pool_mutex
 *   PR  cmwq2_pool_mutex to write, RCU to read
 *   WQ  wq->mutex
 *   WR  wq->mutex to write, RCU to read
 *   PW  cmwq2_pool_mutex and wq->mutex to write, either of them to read
 *   PWR PW, or RCU to read
 *   N   nna->lock
 *   MD  cmwq2_mayday_lock
 *   F   cmwq2_starve_lock
 *   X   atomic, see the comment at the field
 *
 * "L; or READ_ONCE" means that some context reads the field without the lock, so that it is
 * written with WRITE_ONCE(). A dump may read other fields without their lock, too: it marks
 * the read as a data_race().
 */

#define CMWQ2_NAME_LEN		32
#define CMWQ2_DESC_LEN		32
#define CMWQ2_NR_COLORS		((int)BIT(CMWQ2_WORK_COLOR_BITS))
#define CMWQ2_NO_COLOR		CMWQ2_NR_COLORS
#define CMWQ2_BUSY_HASH_BITS	6
#define CMWQ2_RESCUER_BATCH	16
#define CMWQ2_HIGHPRI_NICE	MIN_NICE
#define CMWQ2_CREATE_COOLDOWN	HZ
#define CMWQ2_MAYDAY_DELAY	max(HZ / 100, 2)
#define CMWQ2_MAYDAY_INTERVAL	(HZ / 10)

enum cmwq2_pool_flags {
	CMWQ2_POOL_MANAGED	= BIT(0),	/* a worker is the manager */
	CMWQ2_POOL_UNBOUND	= BIT(1),	/* bound pool whose CPU is down */
	CMWQ2_POOL_BH		= BIT(2),	/* runs in softirq context, never changed */
	CMWQ2_POOL_INBOX	= BIT(3),	/* has an inbox, for good: policy/inbox.h */
};

/* Whether enqueues may put items into a pool's inbox, see policy/inbox.h. */
enum cmwq2_inbox_state {
	CMWQ2_INBOX_SHUT,		/* no: the policy says so */
	CMWQ2_INBOX_OPEN,		/* yes, if pool->lock is taken */
	CMWQ2_INBOX_FULL,		/* no, until pool->lock has been held once more */
};

enum cmwq2_worker_flags {
	CMWQ2_WORKER_DIE	= BIT(0),	/* leave the thread function */
	CMWQ2_WORKER_IDLE	= BIT(1),	/* counts as idle; on idle_list or kicked_list */
	CMWQ2_WORKER_PREP	= BIT(2),	/* between idle and its first item */
	CMWQ2_WORKER_INTENSIVE	= BIT(3),	/* item is CPU intensive */
	CMWQ2_WORKER_UNBOUND	= BIT(4),	/* of an unbound pool, or the pool's CPU is down */
};

/*
 * The policies of the hot path, one byte each. Every pool has its own copy. The
 * header of the same name in policy/ describes each policy. All members must be
 * bytes, because the struct is compared by memcmp().
 */
#define CMWQ2_POLICY_BYTE(name)	u8 name;

struct cmwq2_pool_policy {
	CMWQ2_POLICIES(CMWQ2_POLICY_BYTE)
};

/* The pools that a policy applies to. The others have a value of it, which they ignore. */
enum cmwq2_policy_pools {
	CMWQ2_IN_ALL_POOLS,
	CMWQ2_IN_THREAD_POOLS,		/* all but BH pools */
	CMWQ2_IN_UNBOUND_POOLS,
};

/* How the creation of workers is made to fail, for tests. */
struct cmwq2_starvation {
	enum cmwq2_create	how;		/* F */
	unsigned long		until;		/* F: jiffies of the end, or 0: no end */
};

/* What the policy pick has for each CPU of an unbound pool, see policy/pick.h. */
struct cmwq2_pool_cpu {
	struct hlist_head	idle;		/* L: workers that became idle on this CPU */
	unsigned int		delay[2];	/* L: usual ns to the start; [1]: woken here */
	unsigned int		usual;		/* L: the preferred way's delay at the last try */
	unsigned int		left;		/* L: picks before the next try of the other way */
	bool			called;		/* L: a worker was called here and has not run */
};

/*
 * Items and the threads that run them.
 *
 * nr_running is the number of workers whose counted is set. Both fields change
 * with the lock held. The exception is the pn hook: it counts down the current
 * worker with only a runqueue locked. Code that counts down below @wanted must then
 * look at worklist, and code that adds to worklist must then look at nr_running.
 *
 * A kick picks a worker while nr_running is below @room. @room is the number of
 * workers that may run or be on their way at once, less @nr_called. The policies
 * concurrency and wakeup set it.
 */
struct cmwq2_pool {
	/* What nearly each item writes fills two lines: up to stat.coalesced. */
	raw_spinlock_t		lock;
	u8			flags;		/* L; or READ_ONCE: enum cmwq2_pool_flags */
	bool			idle_since_kick; /* L: a worker became idle after the last kick */
	u8			claims;		/* L: what a claim does, see policy/claim.h */
	u8			not_counted;	/* X: READ_ONCE, see policy/concurrency.h */
	atomic_t		nr_running;	/* X */
	int			room;		/* L */
	int			wanted;		/* X: READ_ONCE, see policy/concurrency.h */
	int			nr_called;	/* L: workers with CMWQ2_KICKED_CALLED */
	unsigned long		kicked_at;	/* L: jiffies when @kicked was last set */
	struct list_head	worklist;	/* L: items to run */
	struct list_head	idle_list;	/* L: idle workers, the last to become idle first */
	struct list_head	kicked_list;	/* L: claimed workers, see policy/claim.h */
	struct cmwq2_worker	*kicked;	/* L: worker picked last, until it runs */
	int			nr_idle;	/* L: workers with CMWQ2_WORKER_IDLE */
	int			nr_workers;	/* L */
	unsigned long		progress_at;	/* L; or READ_ONCE: an item last left @worklist */
	struct cmwq2_pool_counters {
		unsigned long	kicks;
		unsigned long	woken;
		unsigned long	coalesced;
		unsigned long	in_vain;
		unsigned long	created;
		unsigned long	culled;
		unsigned long	cm_wakeups;
		unsigned long	scan_wakeups;
		unsigned long	scans;
		unsigned long	scan_looks;
		unsigned long	scan_lost;
		unsigned long	maydays;
		unsigned long	stalls;
	} stat;					/* L: see struct cmwq2_pool_stats */
	struct cmwq2_worker	*manager;	/* L: for dumps */
	struct cmwq2_creating {
		unsigned long	at;		/* jiffies when the last attempt began */
		int		failed;		/* failed attempts of this manager */
		int		error;		/* of the last attempt that failed */
	} creating;				/* X: READ_ONCE, only @manager writes */
	unsigned long		stall_told;	/* L: jiffies when a stall was last found */
	unsigned int		stall_ms;	/* L: its length in ms when found, 0: reported */
	struct cmwq2_starvation starvation;	/* F */
	unsigned int		item_nr;	/* L: counts items to measure one in so many */
	u64			items_ns;	/* L: what the recent ones took in all */
	u64			long_ns;	/* L: likewise, those of them that were long */

	/* What each item reads, and nearly nobody writes, has its own line. */
	unsigned long		offq ____cacheline_aligned_in_smp; /* I: see cmwq2_pool_bits() */
	u32			id;		/* I: index in cmwq2_pools */
	struct cmwq2_pool_policy policy;	/* L: set with cmwq2_pool_mutex too */
	u8			inbox_state;	/* X: READ_ONCE, set with L: cmwq2_inbox_state */
	int			pod_cpus;	/* L: online CPUs of @pod, at least 1 */
	int			cpu;		/* I: or -1 */
	int			node;		/* I: or NUMA_NO_NODE */
	unsigned int		nr_cpus;	/* I: in attrs->cpumask */
	struct cmwq2_bh		*bh;		/* I: BH pools: what runs them, or NULL */
	struct cmwq2_pool_cpu __percpu *cpus;	/* I: unbound pools; or NULL */
	struct cmwq2_attrs	*attrs;		/* I */
	cpumask_var_t		pod;		/* I: CPUs whose enqueues use this pool */

	/* Whoever finds the lock taken writes this, so it is not in the lock's line. */
	struct llist_head	inbox ____cacheline_aligned_in_smp; /* X: see policy/inbox.h */
	struct timer_list	idle_timer;	/* looks for workers to cull */
	struct timer_list	mayday_timer;	/* calls the rescuers */
	struct timer_list	scan_timer;	/* the hook's safety net, see scan.c */
	struct list_head	watched;	/* L: workers that the scan looks at */
	bool			scan_armed;	/* L: the scan timer is pending or runs */
	struct irq_work		kick_irq;	/* kicks where no kick can be made */
	bool			kick_irq_used;	/* PL: by a change of a policy */
	struct kthread_work	cull_work;	/* culls in process context */
	struct kthread_work	end_work;	/* ends the pool, in the reaper */
	struct cmwq2_lock_counters {
		unsigned long	acquired;
		unsigned long	contended;
		unsigned long	long_holds;
		unsigned long	picks;
		u64		held;
		u64		held_max;
		u64		long_held;
		u64		wait;
		u64		wait_max;
		u64		pick;
		u64		held_since;	/* or 0: this hold is not counted */
	} lock_stat;				/* L: in ticks, see lock.h */

	struct cmwq2_latency	*latency;	/* L: see latency.h, or NULL */
	u64			latency_now;	/* L: clock at the last enqueue, if measured */

	struct list_head	workers;	/* A */
	struct ida		worker_ida;	/* numbers in thread names */
	struct hlist_node	hash_node;	/* PL: unbound pools by attributes */
	int			refcnt;		/* PL: users of an unbound pool */
	struct rcu_head		rcu;

	DECLARE_HASHTABLE(busy_hash, CMWQ2_BUSY_HASH_BITS); /* L: by current_work */
};

/*
 * Times of a worker and of the item it runs, for latency.c. The u64 ones are in
 * ns. The waker writes @woken_at without a lock and may be late. A late value is
 * ignored, because it is older than the next @picked_at.
 */
struct cmwq2_worker_times {
	u32			period;		/* K: measuring period when the item was taken */
	u32			queued_jiffies;	/* K: copied from the item */
	u32			ready_at;	/* K: copied from the item */
	u64			start;		/* S: when the item's function was called */
	u64			picked_at;	/* L: first pick since it became idle, or 0 */
	u64			woken_at;	/* X: READ_ONCE */
};

/*
 * One worker. counted says whether pool->nr_running includes it. Only the worker
 * itself sets counted, under the lock. With the pn hook, counted is cleared only by
 * xchg(), because that hook does not hold the lock. Otherwise counted is cleared
 * under the lock.
 */
struct cmwq2_worker {
	/* What a kick reads and writes, which is another CPU's as a rule. */
	union {
		struct list_head	entry;	/* L: idle or kicked */
		struct hlist_node	hentry;	/* L: busy */
	};
	struct task_struct	*task;		/* I: NULL in a BH pool */
	struct cmwq2_pool	*pool;		/* A: changes only for a rescuer */
	struct hlist_node	on_cpu;		/* L: in the list of @idle_cpu */
	struct cmwq2_pool_cpu	*called_by;	/* L: whose enqueue picked it since then, or NULL */
	int			idle_cpu;	/* L: where it became idle, see policy/pick.h */
	bool			wake_here;	/* L: the last pick wants it woken on its CPU */
	bool			called_here;	/* L: the same, of the pick that set @called_by */
	u64			called_at;	/* L: when, in ns, or 0 */

	/* What the worker writes for each item. */
	struct cmwq2_work	*current_work;	/* K: NULL when idle */
	cmwq2_work_func_t	current_func;	/* K */
	struct cmwq2_pwq	*current_pwq;	/* K */
	unsigned int		current_color;	/* K */
	unsigned int		flags;		/* L; or READ_ONCE: enum cmwq2_worker_flags */
	int			counted;	/* X */
	struct list_head	scheduled;	/* L: items that it has taken to run */
	struct list_head	watch_node;	/* L: pool->watched */
	struct list_head	node;		/* A: pool->workers */
	struct cmwq2_wq		*rescue_wq;	/* I: rescuer: the queue it works for */
	unsigned long		started_at;	/* K: jiffies when the item started */
	u64			ticks_at;	/* K: cmwq2_task_ticks() at the same time */
	u64			runtime_at;	/* K: cmwq2_task_runtime() then or after a sleep */
	u64			item_from;	/* L: ns when a measured item began, or 0 */
	unsigned long		item_switches;	/* L: of the task until then */
	u64			asked_at;	/* S: ns when another task wanted the CPU, or 0 */
	char			desc[CMWQ2_DESC_LEN]; /* S: of the item, empty: its queue's name */
	unsigned long		last_active;	/* L: jiffies when it became idle */
	/*
	 * L: enum cmwq2_worker_kicked. This is kept away from @entry on purpose:
	 * v2 of the series of 2026-06-03 says that it is slow if the kicker writes
	 * to a cache line that the worker owns.
	 */
	u8			kicked;
	int			id;		/* I */
	struct cmwq2_worker_times times;
	struct rcu_head		rcu;
#ifdef CONFIG_PREEMPT_NOTIFIERS
	struct preempt_notifier	notifier;	/* S */
#endif
};

/*
 * A queue's stake in a pool. A data word that points here has flags in its lower
 * bits, so the slab cache of these structs is aligned.
 */
struct cmwq2_pwq {
	struct cmwq2_pool	*pool;		/* I */
	struct cmwq2_wq		*wq;		/* I */
	int			work_color;	/* L: color of items queued from now on */
	int			flush_color;	/* L: color being flushed, or -1 */
	int			refcnt;		/* L */
	bool			plugged;	/* L; or READ_ONCE: see cmwq2_unplug_oldest() */
	int			nr_active;	/* L: items counted for max_active */
	int			nr_in_flight[CMWQ2_NR_COLORS]; /* L: per color */
	struct list_head	inactive;	/* L: items over max_active */
	struct list_head	pending_node;	/* LN: nna->pending_pwqs */
	struct list_head	pwqs_node;	/* WR: wq->pwqs */
	struct list_head	mayday_node;	/* MD: wq->maydays */
	struct cmwq2_work	mayday_cursor;	/* L: the rescuer's place in worklist */
	struct cmwq2_wq_stats	stat;		/* L */
	struct cmwq2_latency	*latency;	/* X: set by cmpxchg(), removed under pool->lock */
	struct kthread_work	release_work;	/* frees an unbound pwq */
	struct rcu_head		rcu;
};

/*
 * Active items of an unbound queue on a NUMA node. After max is lowered, nr may
 * exceed it for a while. Every item writes it, so it does not share its line with
 * something else.
 */
struct cmwq2_nna {
	int			max;		/* X: READ_ONCE, set under wq->mutex */
	atomic_t		nr;		/* X */
	raw_spinlock_t		lock;
	struct list_head	pending_pwqs;	/* LN: pwqs with inactive items */
} ____cacheline_aligned_in_smp;

/* One waiting __cmwq2_flush_workqueue(). */
struct cmwq2_flusher {
	struct list_head	list;		/* WQ: flushers or overflow */
	int			color;		/* WQ: the color it waits for */
	struct completion	done;
};

/* A queue's lockdep map, see lockdep.h. */
struct cmwq2_wq_map {
#ifdef CONFIG_LOCKDEP
	struct lockdep_map	*used;		/* I: @own or the user's */
	struct lockdep_map	own;
	struct lock_class_key	key;
	char			name[CMWQ2_NAME_LEN + sizeof("(cmwq2_wq)")]; /* I */
	/* For the end of the map, in the reaper, see cmwq2_wq_map_exit(). */
	struct kthread_work	exit_work;
	int			exit_id;
	void			(*then)(struct cmwq2_wq *wq);
#endif
};

struct cmwq2_pods;

struct cmwq2_wq {
	struct cmwq2_pwq __rcu * __percpu *cpu_pwq; /* PWR: the pwq of each CPU */
	struct cmwq2_pwq __rcu	*dfl_pwq;	/* PWR: unbound queues: for any CPU */
	unsigned int		flags;		/* WQ: CMWQ2_WQ_* and below; or READ_ONCE */
	int			max_active;	/* WQ: in force, 0 while frozen */
	int			min_active;	/* WQ: in force, 0 while frozen */
	int			saved_max_active; /* WQ; or READ_ONCE: as requested */
	int			saved_min_active; /* WQ: as requested */
	struct cmwq2_nna	**nna;		/* I: unbound: per node, last: no node */

	/* Guards WQ and WR. An enqueue reads what stands before it, so that has its own line. */
	struct mutex		mutex ____cacheline_aligned_in_smp;
	struct list_head	pwqs;		/* WR: all pwqs of the queue */
	int			work_color;	/* WQ: color of items queued from now on */
	int			flush_color;	/* WQ: color of the oldest flush */
	atomic_t		nr_pwqs_to_flush; /* X: pwqs the flush waits for */
	struct cmwq2_flusher	*first_flusher;	/* WQ: advances the others; or READ_ONCE */
	struct list_head	flushers;	/* WQ: flushers that have a color */
	struct list_head	overflow;	/* WQ: flushers that found no free color */
	int			nr_drainers;	/* WQ */

	struct list_head	maydays;	/* MD: pwqs that asked for rescue */
	struct cmwq2_worker	*rescuer;	/* MD to clear, else READ_ONCE; or NULL */
	struct cmwq2_attrs	*attrs;		/* PW: unbound queues */
	atomic_t		warned;		/* X: whether a refusal was reported */
	atomic_long_t		refused;	/* X: see struct cmwq2_wq_stats */
	struct cmwq2_latency	*latency;	/* WQ: sum of pwqs that are gone, or NULL */
	struct list_head	list;		/* PR: cmwq2_workqueues */
	u64			seq;		/* I: increases along that list */
	struct rcu_head		rcu;
	struct cmwq2_device	*device;	/* S: its directory in sysfs, if it has one */
	char			name[CMWQ2_NAME_LEN]; /* I */
	struct cmwq2_wq_map	map;
};

/* Internal queue flags, above the public ones. */
#define CMWQ2_WQ_DESTROYING	BIT(15)
#define CMWQ2_WQ_DRAINING	BIT(16)
#define CMWQ2_WQ_DEPRECATED	BIT(19)
#define CMWQ2_WQ_PUBLIC		(CMWQ2_WQ_BH | CMWQ2_WQ_UNBOUND | CMWQ2_WQ_FREEZABLE | \
				 CMWQ2_WQ_MEM_RECLAIM | CMWQ2_WQ_HIGHPRI | \
				 CMWQ2_WQ_CPU_INTENSIVE | CMWQ2_WQ_SYSFS | \
				 CMWQ2_WQ_POWER_EFFICIENT | \
				 CMWQ2_WQ_PERCPU | CMWQ2_WQ_ORDERED | CMWQ2_WQ_LEGACY)
#define CMWQ2_WQ_BH_ALLOWS	(CMWQ2_WQ_BH | CMWQ2_WQ_HIGHPRI | CMWQ2_WQ_PERCPU)

/*
 * Whether a queue was created with one of @flags. Nothing has to be held: DRAINING and
 * DESTROYING, which change at any time, are other bits of the word.
 */
static inline bool cmwq2_wq_is(struct cmwq2_wq *wq, unsigned int flags)
{
	return data_race(wq->flags) & flags; /* other bits change, these do not */
}

/*
 * Whether the pool has items to run, and fewer running workers than it wants. A worker
 * that was kicked sees what its kicker saw, because both have the lock: litmus/sched-kicked.
 */
static inline bool cmwq2_need_more_worker(struct cmwq2_pool *pool)
{
	return !list_empty(&pool->worklist) && atomic_read(&pool->nr_running) < pool->wanted;
}

/* Whether it has no idle worker for them, either. */
static inline bool cmwq2_need_to_create(struct cmwq2_pool *pool)
{
	return cmwq2_need_more_worker(pool) && !pool->nr_idle;
}

/* The same question without pool->lock. The answer is a hint: the manager asks again with it. */
static inline bool cmwq2_may_need_to_create(struct cmwq2_pool *pool)
{
	return data_race(cmwq2_need_to_create(pool)); /* see above */
}

#endif /* CMWQ2_TYPES_H */
