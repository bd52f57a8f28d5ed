/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's types, and the functions that its files share.
 */
#ifndef CMWQ2_INTERNAL_H
#define CMWQ2_INTERNAL_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/irq_work.h>
#include <linux/jump_label.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "lab/faults.h"
#include "lab/policy/claim.h"
#include "lab/policy/rescue.h"
#include "lab/policy/wake.h"

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
 * When cmwq2_fault_lock is taken, cmwq2_pool_mutex may be held, but no other of
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
 *   F   cmwq2_fault_lock
 *   X   atomic, see the comment at the field
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
};

enum cmwq2_worker_flags {
	CMWQ2_WORKER_DIE	= BIT(0),	/* leave the thread function */
	CMWQ2_WORKER_IDLE	= BIT(1),	/* counts as idle; on idle_list or kicked_list */
	CMWQ2_WORKER_PREP	= BIT(2),	/* between idle and its first item */
	CMWQ2_WORKER_INTENSIVE	= BIT(3),	/* item is CPU intensive */
	CMWQ2_WORKER_UNBOUND	= BIT(4),	/* not concurrency managed */

	/* Any of these takes a worker out of the count of running workers. */
	CMWQ2_WORKER_NOT_RUNNING = CMWQ2_WORKER_PREP | CMWQ2_WORKER_INTENSIVE |
				   CMWQ2_WORKER_UNBOUND,
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

/* How the creation of workers is made to fail, for tests. */
struct cmwq2_create_fault {
	enum cmwq2_create	how;		/* F */
	unsigned long		until;		/* F: jiffies of the end, or 0: no end */
};

/*
 * Items and the threads that run them.
 *
 * nr_running is the number of workers whose counted is set. Both fields change
 * with the lock held. The exception is the pn hook: it counts down the current
 * worker with only a runqueue locked. Code that counts down to zero must then
 * look at worklist, and code that adds to worklist must then look at nr_running.
 */
struct cmwq2_pool {
	raw_spinlock_t		lock;
	struct cmwq2_pool_policy policy;	/* L: set with cmwq2_pool_mutex too */
	u8			flags;		/* L: enum cmwq2_pool_flags */
	bool			idle_since_kick; /* L: a worker became idle after the last kick */
	atomic_t		nr_running;	/* X */
	struct list_head	worklist;	/* L: items to run */
	struct list_head	idle_list;	/* L: idle workers, the last to become idle first */
	struct list_head	kicked_list;	/* L: claimed workers, see policy/claim.h */
	struct cmwq2_worker	*kicked;	/* L: worker picked last, until it runs */
	unsigned long		kicked_at;	/* L: jiffies when @kicked was last set */
	int			nr_idle;	/* L: workers with CMWQ2_WORKER_IDLE */
	int			nr_workers;	/* L */
	struct cmwq2_worker	*manager;	/* L: for dumps */
	struct cmwq2_creating {
		unsigned long	at;		/* jiffies when the last attempt began */
		int		failed;		/* failed attempts of this manager */
		int		error;		/* of the last attempt that failed */
	} creating;				/* X: READ_ONCE, only @manager writes */
	unsigned long		progress_at;	/* L: jiffies an item last left @worklist */
	unsigned long		stall_told;	/* L: jiffies when a stall was last found */
	unsigned int		stall_ms;	/* L: its length in ms when found, 0: reported */
	struct cmwq2_create_fault create_fault;	/* F */

	u32			id;		/* I: index in cmwq2_pools */
	int			cpu;		/* I: or -1 */
	int			node;		/* I: or NUMA_NO_NODE */
	unsigned int		nr_cpus;	/* I: in attrs->cpumask */
	struct cmwq2_bh		*bh;		/* I: BH pools: what runs them, or NULL */
	struct cmwq2_attrs	*attrs;		/* I */
	cpumask_var_t		pod;		/* I: CPUs whose enqueues use this pool */
	struct timer_list	idle_timer;	/* looks for workers to cull */
	struct timer_list	mayday_timer;	/* calls the rescuers */
	struct timer_list	scan_timer;	/* the hook's safety net, see scan.c */
	struct list_head	watched;	/* L: workers that the scan looks at */
	bool			scan_armed;	/* L: the scan timer is pending or runs */
	struct irq_work		kick_irq;	/* kicks for the pn hook */
	struct kthread_work	cull_work;	/* culls in process context */
	struct kthread_work	end_work;	/* ends the pool, in the reaper */
	struct cmwq2_pool_counters {
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
	} stat;					/* L: see struct cmwq2_pool_stats */
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
	union {
		struct list_head	entry;	/* L: idle or kicked */
		struct hlist_node	hentry;	/* L: busy */
	};
	struct cmwq2_work	*current_work;	/* K: NULL when idle */
	cmwq2_work_func_t	current_func;	/* K */
	struct cmwq2_pwq	*current_pwq;	/* K */
	unsigned int		current_color;	/* K */
	unsigned int		flags;		/* L: enum cmwq2_worker_flags */
	int			counted;	/* X */
	struct list_head	scheduled;	/* L: items that it has taken to run */
	struct list_head	watch_node;	/* L: pool->watched */

	struct task_struct	*task;		/* I: NULL in a BH pool */
	struct cmwq2_pool	*pool;		/* A: changes only for a rescuer */
	struct list_head	node;		/* A: pool->workers */
	struct cmwq2_wq		*rescue_wq;	/* I: rescuer: the queue it works for */
	unsigned long		started_at;	/* K: jiffies when the item started */
	u64			ticks_at;	/* K: cmwq2_task_ticks() at the same time */
	u64			runtime_at;	/* K: cmwq2_task_runtime() then or after a sleep */
	char			desc[CMWQ2_DESC_LEN]; /* S: of the item, empty: its queue's name */
	unsigned long		last_active;	/* L: jiffies when it became idle */
	/*
	 * L: picked under claim=kicked_flag. This is kept away from @entry on
	 * purpose: v2 of the series of 2026-06-03 says that it is slow if the
	 * kicker writes to a cache line that the worker owns.
	 */
	bool			kicked;
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
	bool			plugged;	/* L: no item starts, see cmwq2_unplug_oldest() */
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
 * exceed it for a while.
 */
struct cmwq2_nna {
	int			max;		/* X: READ_ONCE, set under wq->mutex */
	atomic_t		nr;		/* X */
	raw_spinlock_t		lock;
	struct list_head	pending_pwqs;	/* LN: pwqs with inactive items */
};

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
#endif
};

struct cmwq2_pods;

struct cmwq2_wq {
	struct cmwq2_pwq __rcu * __percpu *cpu_pwq; /* PWR: the pwq of each CPU */
	struct cmwq2_pwq __rcu	*dfl_pwq;	/* PWR: unbound queues: for any CPU */
	unsigned int		flags;		/* WQ: CMWQ2_WQ_* and below; or READ_ONCE */
	int			max_active;	/* WQ: in force, 0 while frozen */
	int			min_active;	/* WQ: in force, 0 while frozen */
	int			saved_max_active; /* WQ: as requested */
	int			saved_min_active; /* WQ: as requested */
	struct cmwq2_nna	**nna;		/* I: unbound: per node, last: no node */

	struct mutex		mutex;		/* guards WQ and WR */
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
 * Tasks picked under pool->lock, to be woken later.
 *
 * The list is on the stack of the context that holds pool->lock. It holds no
 * reference to the tasks. Instead, that context enters an RCU read-side section
 * before it drops the lock and leaves it after cmwq2_wake_up(). RCU keeps the
 * task_structs for that long.
 */
struct cmwq2_wake_list {
	unsigned int		nr;
	struct task_struct	*task[2];
};

/* An initializer would clear the array of tasks, too, on each enqueue. */
static inline struct cmwq2_wake_list cmwq2_no_wakeups(void)
{
	struct cmwq2_wake_list wl;

	wl.nr = 0;
	return wl;
}

#define CMWQ2_DEFINE_WAKE_LIST(name)	struct cmwq2_wake_list name = cmwq2_no_wakeups()

/*
 * How many characters of a value from outside a message prints, with "%*pE". It
 * prints the first line only, cut short so that the message has room for the list
 * of allowed values.
 */
static inline int cmwq2_shown(const char *value)
{
	return min_t(size_t, strcspn(value, "\n"), 32);
}

extern struct mutex cmwq2_pool_mutex;
extern struct mutex cmwq2_attach_mutex;
extern raw_spinlock_t cmwq2_mayday_lock;
extern struct list_head cmwq2_workqueues;	/* PR */
extern struct xarray cmwq2_pools;		/* PR: pools by id */

/* helper.c: the engine's own threads, and the destruction of workers and pools */
enum cmwq2_thread { CMWQ2_THREAD_HELPER, CMWQ2_THREAD_REAPER, CMWQ2_THREAD_REPORTER,
		    CMWQ2_THREAD_NR };

/*
 * What one of these threads is doing. The thread writes it without a lock, and
 * others read it by cmwq2_chore().
 */
struct cmwq2_chore {
	const char		*what;		/* X: what it does or waits for, NULL: nothing */
	unsigned long		since;		/* X: jiffies when it began to do so */
	int			id;		/* X: of the pool or thread concerned */
};

extern struct kthread_worker *cmwq2_helper;	/* I: culls workers, releases pwqs */
extern struct kthread_worker *cmwq2_reaper;	/* I: waits for threads */
extern struct kthread_worker *cmwq2_reporter;	/* I: prints */
int cmwq2_helpers_start(void);
void cmwq2_helpers_stop(void);
void cmwq2_helpers_flush(void);
void cmwq2_chore_begin(enum cmwq2_thread thread, const char *what, int id);
void cmwq2_chore_end(enum cmwq2_thread thread);
struct task_struct *cmwq2_chore(enum cmwq2_thread thread, struct cmwq2_chore *chore);
void cmwq2_reap_later(struct list_head *dying);
void cmwq2_reap_all(void);

/* point.c: points at which tests hold a context */
DECLARE_STATIC_KEY_FALSE(cmwq2_points_on);
void cmwq2_point_hit(enum cmwq2_point point, struct cmwq2_pool *pool, struct task_struct *task);

static inline void cmwq2_point(enum cmwq2_point point, struct cmwq2_pool *pool)
{
	if (static_branch_unlikely(&cmwq2_points_on))
		cmwq2_point_hit(point, pool, current);
}

/* The point after pool->lock is dropped and before the wakeup, if there is a task to wake. */
static inline void cmwq2_point_picked(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl)
{
	if (static_branch_unlikely(&cmwq2_points_on) && wl->nr)
		cmwq2_point_hit(CMWQ2_POINT_PICKED, pool, wl->task[0]);
}

/* home.c: how workers are kept on their pool's CPUs */
void cmwq2_home_probe(void);
void cmwq2_mark_percpu(struct task_struct *task, bool on);
void cmwq2_go_home(struct cmwq2_worker *worker);
void cmwq2_away(struct cmwq2_worker *worker, bool begins);

/*
 * Whether the current worker is away from the CPUs that its pool's items must run
 * on. A worker of a bound pool must run on the pool's CPU and be allowed on no
 * other. A worker of an unbound pool must be allowed on no more CPUs than the pool
 * has: when the last of these goes down, the scheduler allows it all CPUs. The
 * worker of a BH pool has CMWQ2_WORKER_UNBOUND and is never away.
 *
 * Without pool->lock the answer is a hint, because a hotplug callback may bind or
 * unbind the pool at the same time. cmwq2_away() checks again.
 */
static inline bool cmwq2_is_away(struct cmwq2_worker *worker)
{
	struct cmwq2_pool *pool = worker->pool;

	if (pool->cpu < 0)
		return current->nr_cpus_allowed > pool->nr_cpus;
	return (raw_smp_processor_id() != pool->cpu || current->nr_cpus_allowed != 1) &&
	       !(READ_ONCE(worker->flags) & CMWQ2_WORKER_UNBOUND);
}

/* health.c: counters of what the engine found wrong */
void cmwq2_health_add(enum cmwq2_health what);
const char *cmwq2_health_name(enum cmwq2_health what);
const char *cmwq2_bug(void);
bool cmwq2_is_on_purpose(void);

/* hog.c: items that keep a CPU to themselves */
extern unsigned int cmwq2_hog_thresh_us;
extern unsigned int cmwq2_hog_warn_thresh;
void cmwq2_hog_init(void);
void cmwq2_hog_changed(void);
bool cmwq2_hog_check(struct cmwq2_worker *worker);
void cmwq2_hog_end(struct cmwq2_worker *worker);

/* Start to measure the item's CPU time. Context: the worker itself. A BH worker has no task. */
static inline void cmwq2_hog_begin(struct cmwq2_worker *worker)
{
	if (!worker->task)
		return;
	worker->ticks_at = cmwq2_task_ticks(worker->task);
	WRITE_ONCE(worker->runtime_at, cmwq2_task_runtime(worker->task));
}

/* watchdog.c: pools that have items and take none of them */
extern unsigned int cmwq2_watchdog_thresh;
extern unsigned int cmwq2_panic_on_stall;
extern unsigned int cmwq2_panic_on_stall_time;
void cmwq2_watchdog_init(void);
void cmwq2_watchdog_exit(void);
void cmwq2_watchdog_changed(void);

/* oops.c: which item runs when the kernel reports that something went wrong */
void cmwq2_oops_init(void);
void cmwq2_oops_exit(void);

/* verdict.c: why items wait */
struct cmwq2_work *cmwq2_first_item(struct cmwq2_pool *pool);

/* show.c, debugfs.c: what queues and pools are doing, as text */
struct seq_file;
void cmwq2_show_seq(struct seq_file *m);
void cmwq2_stalls_seq(struct seq_file *m);
void cmwq2_show_pool(struct cmwq2_pool *pool);
void cmwq2_sysrq_init(void);
void cmwq2_sysrq_exit(void);
extern struct dentry *cmwq2_debugfs;	/* I: the module's directory */
void cmwq2_debugfs_init(void);
void cmwq2_debugfs_exit(void);
extern const struct file_operations cmwq2_lock_stat_fops;

/* sched.c: which workers are running */
int cmwq2_sched_init(const char *hook);
void cmwq2_sched_exit(void);
void cmwq2_sched_worker_start(struct cmwq2_worker *worker);
void cmwq2_sched_worker_stop(struct cmwq2_worker *worker);
void cmwq2_sched_pool_init(struct cmwq2_pool *pool);
void cmwq2_sched_pool_exit(struct cmwq2_pool *pool);

DECLARE_STATIC_KEY_FALSE(cmwq2_lockless_count);

/*
 * Order the insertion of an item before the read of nr_running. So either a worker
 * that blocks sees the item, or this CPU sees its decrement. Only the pn hook needs
 * this, because it counts down without the lock. Context: pool->lock held.
 */
static inline void cmwq2_sched_order_insert(void)
{
	if (static_branch_unlikely(&cmwq2_lockless_count))
		smp_mb(); /* pairs with atomic_dec_and_test() in cmwq2_uncount_lockless() */
}

void cmwq2_worker_count(struct cmwq2_worker *worker);
bool cmwq2_worker_uncount(struct cmwq2_worker *worker);

/* scan.c: the scan timer */
void cmwq2_scan_pool_init(struct cmwq2_pool *pool);
void cmwq2_scan_watch(struct cmwq2_worker *worker);
void cmwq2_scan_stop(struct cmwq2_pool *pool);
void cmwq2_sched_arm_scan(struct cmwq2_pool *pool);

/* kick.c: pick, claim, wake */
bool __cmwq2_kick_pool_pick(struct cmwq2_pool *pool, enum cmwq2_kicker who,
			    struct cmwq2_wake_list *wl);
struct cmwq2_pwq *cmwq2_first_pwq(struct cmwq2_pool *pool);
void cmwq2_wake(struct cmwq2_pool *pool, enum cmwq2_kicker who, struct cmwq2_wake_list *wl,
		struct task_struct *task);
void cmwq2_wake_up(struct cmwq2_wake_list *wl);
void cmwq2_unlock_irq_wake(struct cmwq2_pool *pool, struct cmwq2_wake_list *wl);
void cmwq2_unclaim_all(struct cmwq2_pool *pool);
unsigned int cmwq2_nr_kicked(struct cmwq2_pool *pool);
extern unsigned int cmwq2_wake_cost_us;

static inline bool cmwq2_need_more_worker(struct cmwq2_pool *pool)
{
	return !list_empty(&pool->worklist) && !atomic_read(&pool->nr_running);
}

/**
 * cmwq2_kick_pool_pick - pick and claim a worker if the pool needs one
 * @pool: pool
 * @who: where the kick comes from
 * @wl: list that receives the worker's task; the caller wakes it by
 *	cmwq2_wake_up() after it has dropped the lock. The list stays as it is if
 *	the pool's policy wakes at once for @who, or if the pool is a BH pool,
 *	which has no task
 *
 * Context: pool->lock held.
 * Return: whether a worker was picked. False is not an error: nothing is
 * pending; or a worker is running, which the scan timer then watches; or no
 * worker is idle, and the pool's manager is creating one.
 *
 * Source: kick_pool_pick() as posted on 2026-06-03 and merged for v7.3.
 */
static inline bool cmwq2_kick_pool_pick(struct cmwq2_pool *pool, enum cmwq2_kicker who,
					struct cmwq2_wake_list *wl)
{
	lockdep_assert_held(&pool->lock);

	/* These checks are inline, because a busy pool makes them twice for each item. */
	if (list_empty(&pool->worklist))
		return false;
	if (!atomic_read(&pool->nr_running))
		return __cmwq2_kick_pool_pick(pool, who, wl);
	cmwq2_sched_arm_scan(pool);
	return false;
}

/* worker.c: the threads */
void cmwq2_worker_init(struct cmwq2_worker *worker);
struct cmwq2_worker *cmwq2_worker_alloc(int node);
struct cmwq2_worker *cmwq2_worker_create(struct cmwq2_pool *pool);
void cmwq2_worker_attach(struct cmwq2_worker *worker, struct cmwq2_pool *pool);
void cmwq2_worker_detach(struct cmwq2_worker *worker);
void cmwq2_worker_reap(struct cmwq2_worker *worker);
void cmwq2_worker_leave_cpus(struct cmwq2_worker *worker);
bool cmwq2_worker_set_flags(struct cmwq2_worker *worker, unsigned int flags);
void cmwq2_worker_clr_flags(struct cmwq2_worker *worker, unsigned int flags);
bool cmwq2_is_worker_fn(struct task_struct *task);
struct cmwq2_worker *cmwq2_task_worker(struct task_struct *task);
struct cmwq2_worker *cmwq2_current_worker(void);
bool cmwq2_need_to_create(struct cmwq2_pool *pool);
bool cmwq2_manage(struct cmwq2_worker *worker);
void cmwq2_pool_stop_workers(struct cmwq2_pool *pool);

/* process.c: the main loop of a worker, and how it runs one item */
int cmwq2_worker_thread(void *data);
struct cmwq2_worker *cmwq2_find_executing(struct cmwq2_pool *pool, struct cmwq2_work *work);
bool cmwq2_assign_work(struct cmwq2_work *work, struct cmwq2_worker *worker,
		       struct cmwq2_work **next);
void cmwq2_process_scheduled(struct cmwq2_worker *worker);
void cmwq2_move_linked(struct cmwq2_work *work, struct list_head *head,
		       struct cmwq2_work **next);
bool __must_check cmwq2_make_runnable(struct cmwq2_pool *pool, struct cmwq2_work *work);

/* idle.c: idle workers, and how they are ended */
void cmwq2_worker_enter_idle(struct cmwq2_worker *worker);
void cmwq2_worker_leave_idle(struct cmwq2_worker *worker);
void cmwq2_worker_set_dying(struct cmwq2_worker *worker, struct list_head *dying);
void cmwq2_unbind_dying(struct list_head *dying);
void cmwq2_idle_pool_init(struct cmwq2_pool *pool);
void cmwq2_idle_rearm_all(void);

/* rescuer.c: progress without new workers */
void cmwq2_mayday_timeout(struct timer_list *timer);
int cmwq2_rescuer_start(struct cmwq2_wq *wq);
void cmwq2_rescuer_stop(struct cmwq2_wq *wq);
int cmwq2_rescuer_thread(void *data);
void cmwq2_cursor_func(struct cmwq2_work *work);

/* Whether @work is not an item, but marks how far a rescuer has come on a worklist. */
static inline bool cmwq2_is_cursor(struct cmwq2_work *work)
{
	return work->func == cmwq2_cursor_func;
}

void cmwq2_cursor_init(struct cmwq2_pwq *pwq);

/* starve.c: makes the creation of workers fail or stall, for tests */
void cmwq2_fault_init(void);
void cmwq2_fault_exit(void);
void cmwq2_fault_pool_init(struct cmwq2_pool *pool);
bool cmwq2_fault_fails(struct cmwq2_pool *pool);
bool cmwq2_fault_stall(struct cmwq2_pool *pool);

/* active.c: max_active */
struct cmwq2_nna *cmwq2_pwq_nna(struct cmwq2_pwq *pwq);
bool __must_check cmwq2_pwq_try_activate(struct cmwq2_pwq *pwq);
void cmwq2_pwq_leave_line(struct cmwq2_pwq *pwq);
bool __must_check cmwq2_pwq_dec_in_flight(struct cmwq2_pwq *pwq, unsigned long data);
int cmwq2_nna_alloc(struct cmwq2_wq *wq);
void cmwq2_nna_free(struct cmwq2_wq *wq);
void cmwq2_unplug_oldest(struct cmwq2_wq *wq);
void cmwq2_adjust_max_active(struct cmwq2_wq *wq);
int cmwq2_node_share(const struct cmwq2_wq *wq, int here, int total);

/* queue.c: enqueueing */
void cmwq2_insert_work(struct cmwq2_pwq *pwq, struct cmwq2_work *work,
		       struct list_head *head, unsigned long flags);
bool cmwq2_queue_claimed(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work);
bool cmwq2_work_take_enabled(struct cmwq2_work *work);

/* flush.c, barrier.c: waiting for items */
bool cmwq2_wait_for_work(struct cmwq2_work *work, bool cancelled);
void cmwq2_flush_color_done(struct cmwq2_pwq *pwq);
void cmwq2_check_flush(struct cmwq2_wq *wq, cmwq2_work_func_t func);
bool cmwq2_wait_for_work(struct cmwq2_work *work, bool cancelled);
bool cmwq2_wq_is_empty(struct cmwq2_wq *wq);
struct task_struct *cmwq2_barrier_waiter(struct cmwq2_work *work);

/* cancel.c: taking items back */
bool cmwq2_grab_pending(struct cmwq2_work *work, bool delayed, unsigned long *irqflags);

/* pool.c: pools */
int cmwq2_pools_init(void);
void cmwq2_pools_exit(void);
struct cmwq2_pool *cmwq2_cpu_pool(int cpu, bool highpri);
struct cmwq2_pool *cmwq2_bh_pool(int cpu, bool highpri);
struct cmwq2_pool *cmwq2_get_unbound_pool(const struct cmwq2_attrs *attrs,
					  const struct cpumask *pod);
void cmwq2_put_unbound_pool(struct cmwq2_pool *pool);
bool cmwq2_pool_matches(struct cmwq2_pool *pool, const struct cmwq2_attrs *attrs,
			const struct cpumask *pod);

/* pwq.c: queues' stakes in pools */
int cmwq2_pwqs_init(void);
void cmwq2_pwqs_exit(void);
struct cmwq2_pwq *cmwq2_pwq_alloc(struct cmwq2_wq *wq, struct cmwq2_pool *pool);
void cmwq2_pwq_link(struct cmwq2_pwq *pwq);
void cmwq2_pwq_get_unlocked(struct cmwq2_pwq *pwq);

/* Context: pwq->pool->lock held, and a reference. */
static inline void cmwq2_pwq_get(struct cmwq2_pwq *pwq)
{
	lockdep_assert_held(&pwq->pool->lock);
	WARN_ON_ONCE(pwq->refcnt++ <= 0);
}

/* Context: pwq->pool->lock held. */
static inline void cmwq2_pwq_put(struct cmwq2_pwq *pwq)
{
	lockdep_assert_held(&pwq->pool->lock);
	if (unlikely(!--pwq->refcnt))
		kthread_queue_work(cmwq2_helper, &pwq->release_work);
}

void cmwq2_pwq_put_unlocked(struct cmwq2_pwq *pwq);
struct cmwq2_pwq *cmwq2_cpu_pwq(struct cmwq2_wq *wq, int cpu);

/* wq.c: workqueues */
int cmwq2_system_wqs_init(void);
void cmwq2_system_wqs_exit(void);
void cmwq2_wq_free(struct cmwq2_wq *wq);
bool cmwq2_warn_once(struct cmwq2_wq *wq);

/* attrs.c: attributes of unbound queues and pools */
void cmwq2_attrs_copy(struct cmwq2_attrs *to, const struct cmwq2_attrs *from);
int cmwq2_apply_attrs_locked(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs);
int cmwq2_rebuild_queues(void);
extern unsigned long cmwq2_slots_moved;
int cmwq2_update_pods(unsigned int cpu);
int cmwq2_set_cache_shard_size(unsigned int size);

/* cpumask.c: the CPUs that unbound queues may use */
extern bool cmwq2_force_rr_cpu;
extern bool cmwq2_power_efficient;
int cmwq2_cpumask_init(void);
const struct cpumask *cmwq2_unbound_cpus(void);
const struct cpumask *cmwq2_online_cpus(void);
const struct cpumask *cmwq2_fallback_cpus(void);
int cmwq2_select_cpu(void);
void cmwq2_unbound_online(unsigned int cpu);
void cmwq2_unbound_offline(unsigned int cpu);

/* topology.c: which CPUs form a pod, for each affinity scope */
int cmwq2_topology_init(void);
void cmwq2_topology_exit(void);
const struct cpumask *cmwq2_pod(enum cmwq2_affn_scope scope, int cpu);
const char *cmwq2_affn_name(enum cmwq2_affn_scope scope);
int cmwq2_shards_new(unsigned int size, struct cmwq2_pods **pods);
void cmwq2_shards_swap(struct cmwq2_pods **pods);
void cmwq2_shards_free(struct cmwq2_pods *pods);

/* freeze.c: freezable queues, which stand still while the system sleeps */
extern bool cmwq2_freezing;			/* PL */
int cmwq2_freeze_init(void);
void cmwq2_freeze_exit(void);

/* bh.c: pools that run in softirq context */
int cmwq2_bh_pool_init(struct cmwq2_pool *pool);
void cmwq2_bh_pool_exit(struct cmwq2_pool *pool);
void cmwq2_bh_stop(void);
void cmwq2_bh_kick(struct cmwq2_pool *pool);
void cmwq2_bh_wait(struct cmwq2_pool *pool, struct completion *done);
struct cmwq2_worker *cmwq2_bh_current_worker(void);

/* sysfs.c: the queues' files */
int cmwq2_sysfs_init(void);
void cmwq2_sysfs_exit(void);
void cmwq2_sysfs_unregister(struct cmwq2_wq *wq);

/* hotplug.c */
int cmwq2_hotplug_init(void);
void cmwq2_hotplug_exit(void);

/* policy.c: parameters that can be switched at run time */
void cmwq2_policy_pool_init(struct cmwq2_pool *pool);
void cmwq2_policy_close(void);
void cmwq2_policies_seq(struct seq_file *m);
int cmwq2_parse_flag(const char *name, const char *value, bool *on);
enum cmwq2_affn_scope cmwq2_default_affn_scope(void);
unsigned int cmwq2_cache_shard_size(void);
unsigned long cmwq2_idle_timeout(void);
bool cmwq2_too_many_idle(int nr_idle, int nr_busy);

#include "base/lock.h"

#endif /* CMWQ2_INTERNAL_H */
