/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cmwq2 workqueue API.
 *
 * Every name is one of <linux/workqueue.h> with the prefix cmwq2_. It means the
 * same as there, unless its kernel-doc in src/ says otherwise.
 */
#ifndef CMWQ2_WORKQUEUE_H
#define CMWQ2_WORKQUEUE_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kconfig.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/threads.h>
#include <linux/timer.h>
#include <linux/types.h>

#include <cmwq2/compat.h>

struct cmwq2_wq;
struct cmwq2_work;
struct device;
struct lock_class_key;
struct task_struct;

typedef void (*cmwq2_work_func_t)(struct cmwq2_work *work);

/*
 * The data word of a work item. While the item is on a queue the upper bits
 * point to its pwq, which is why a pwq is aligned to 1 << QUEUED_SHIFT:
 *
 *   63 ............................. 9 | 8 .. 5 | 4 | 3      | 2   | 1        | 0
 *   pwq                                | color  | S | LINKED | PWQ | INACTIVE | PENDING
 *
 * While the item is on no queue, the upper bits hold the id of the pool that
 * ran it last. When it is queued again, it may still be running there, and the
 * engine has to look:
 *
 *   63 ................ 22 | 21 .... 6  | 5  | 4 | 3 | 2 | 1 | 0
 *   pool id                | disable    | BH | S | - | 0 | - | PENDING
 *
 * S is the STATIC bit. Every new value of the word keeps it.
 */
enum cmwq2_work_bits {
	CMWQ2_WORK_PENDING_BIT		= 0,	/* queued, or about to be */
	CMWQ2_WORK_INACTIVE_BIT		= 1,	/* waits for max_active */
	CMWQ2_WORK_PWQ_BIT		= 2,	/* upper bits are a pwq */
	CMWQ2_WORK_LINKED_BIT		= 3,	/* the next item is linked to this one */
	CMWQ2_WORK_STATIC_BIT		= 4,	/* from a static initialiser, for debugobjects */
	CMWQ2_WORK_COLOR_SHIFT		= 5,
	CMWQ2_WORK_COLOR_BITS		= 4,
	CMWQ2_WORK_QUEUED_SHIFT		= CMWQ2_WORK_COLOR_SHIFT + CMWQ2_WORK_COLOR_BITS,

	CMWQ2_WORK_OFFQ_BH_BIT		= 5,	/* the pool is a BH pool */
	CMWQ2_WORK_DISABLE_SHIFT	= 6,
	CMWQ2_WORK_DISABLE_BITS		= 16,
	CMWQ2_WORK_POOL_SHIFT		= CMWQ2_WORK_DISABLE_SHIFT + CMWQ2_WORK_DISABLE_BITS,
};

#define CMWQ2_WORK_PENDING	BIT(CMWQ2_WORK_PENDING_BIT)
#define CMWQ2_WORK_INACTIVE	BIT(CMWQ2_WORK_INACTIVE_BIT)
#define CMWQ2_WORK_PWQ		BIT(CMWQ2_WORK_PWQ_BIT)
#define CMWQ2_WORK_LINKED	BIT(CMWQ2_WORK_LINKED_BIT)
#define CMWQ2_WORK_STATIC	(IS_ENABLED(CONFIG_DEBUG_OBJECTS_WORK) ? \
				 BIT(CMWQ2_WORK_STATIC_BIT) : 0)
#define CMWQ2_WORK_OFFQ_BH	BIT(CMWQ2_WORK_OFFQ_BH_BIT)

/* The pool field's value for an item that never ran. */
#define CMWQ2_WORK_NO_POOL	(~0UL << CMWQ2_WORK_POOL_SHIFT)

/* "Any CPU, the local one preferred", as the kernel's WORK_CPU_UNBOUND. */
#define CMWQ2_CPU_UNBOUND	NR_CPUS

/**
 * struct cmwq2_work - a work item
 * @data: state, see enum cmwq2_work_bits
 * @entry: on a pool's or a pwq's list while queued
 * @func: called in a worker's context, may sleep unless the queue is a BH one,
 *	may free the item
 * @queued_jiffies: lower half of jiffies when the item was queued, from which
 *	tools compute its age; the kernel's work_struct has no such field
 * @ready_at: time stamp of src/lab/latency.c: when the item became ready to run, 0
 *	unless it is measured
 * @lockdep_map: held while the function runs, and by a thread that waits for
 *	the function to return
 *
 * This is a type of its own, so that passing an item to the wrong one of the
 * two APIs does not compile.
 */
struct cmwq2_work {
	atomic_long_t		data;
	struct list_head	entry;
	cmwq2_work_func_t	func;
	u32			queued_jiffies;
	u32			ready_at;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map	lockdep_map;
#endif
};

/**
 * struct cmwq2_delayed_work - a work item that is queued by a timer
 * @work: the item
 * @timer: pending while the delay lasts
 * @wq: queue on which the timer queues the item
 * @cpu: CPU on which the timer queues the item, or CMWQ2_CPU_UNBOUND
 */
struct cmwq2_delayed_work {
	struct cmwq2_work	work;
	struct timer_list	timer;
	struct cmwq2_wq		*wq;
	int			cpu;
};

/**
 * struct cmwq2_rcu_work - a work item that is queued after a grace period
 * @work: the item
 * @rcu: pending while the grace period lasts
 * @wq: queue that gets the item after the grace period
 */
struct cmwq2_rcu_work {
	struct cmwq2_work	work;
	struct rcu_head		rcu;
	struct cmwq2_wq		*wq;
};

/**
 * struct cmwq2_execute_work - storage for cmwq2_execute_in_process_context()
 * @work: the item
 */
struct cmwq2_execute_work {
	struct cmwq2_work	work;
};

/* The structure that has @work as its member @member; its type is that of *@var. */
#define cmwq2_from_work(var, work, member) \
	container_of(work, typeof(*(var)), member)

static inline struct cmwq2_delayed_work *cmwq2_to_delayed_work(struct cmwq2_work *work)
{
	return container_of(work, struct cmwq2_delayed_work, work);
}

static inline struct cmwq2_rcu_work *cmwq2_to_rcu_work(struct cmwq2_work *work)
{
	return container_of(work, struct cmwq2_rcu_work, work);
}

void cmwq2_delayed_work_timer_fn(struct timer_list *timer);

/*
 * An item's lockdep map is copied before its function runs. A static map
 * without a key uses its own address as the key, so the copy would be another
 * class. Therefore the initialiser gives the map a key.
 */
#ifdef CONFIG_LOCKDEP
#define CMWQ2_WORK_MAP_INITIALIZER(n) \
	.lockdep_map = STATIC_LOCKDEP_MAP_INIT("(cmwq2_work)" #n, &(n)),
#else
#define CMWQ2_WORK_MAP_INITIALIZER(n)
#endif

/* Sets a member that a work_struct lacks, so that it cannot initialise a work_struct. */
#define CMWQ2_WORK_INITIALIZER(n, f) {				\
	.queued_jiffies = 0,					\
	CMWQ2_WORK_MAP_INITIALIZER(n)				\
	.func	= (f),						\
	.entry	= LIST_HEAD_INIT((n).entry),			\
	.data	= ATOMIC_LONG_INIT((long)(CMWQ2_WORK_NO_POOL |	\
						  CMWQ2_WORK_STATIC)), \
}

#define CMWQ2_DELAYED_WORK_INITIALIZER(n, f, tflags) {		\
	.timer	= __TIMER_INITIALIZER(cmwq2_delayed_work_timer_fn, \
				      TIMER_IRQSAFE | (tflags)), \
	.work	= CMWQ2_WORK_INITIALIZER((n).work, f),		\
}

#define CMWQ2_DECLARE_WORK(n, f) \
	struct cmwq2_work n = CMWQ2_WORK_INITIALIZER(n, f)

#define CMWQ2_DECLARE_DELAYED_WORK(n, f) \
	struct cmwq2_delayed_work n = CMWQ2_DELAYED_WORK_INITIALIZER(n, f, 0)

#define CMWQ2_DECLARE_DEFERRABLE_WORK(n, f) \
	struct cmwq2_delayed_work n = CMWQ2_DELAYED_WORK_INITIALIZER(n, f, TIMER_DEFERRABLE)

#ifdef CONFIG_DEBUG_OBJECTS_WORK
void cmwq2_debug_init(struct cmwq2_work *work, bool onstack);
void cmwq2_destroy_work_on_stack(struct cmwq2_work *work);
#else
static inline void cmwq2_debug_init(struct cmwq2_work *work, bool onstack) { }
static inline void cmwq2_destroy_work_on_stack(struct cmwq2_work *work) { }
#endif

/* Call this before the stack frame that holds the delayed item goes away. */
static inline void cmwq2_destroy_delayed_work_on_stack(struct cmwq2_delayed_work *dwork)
{
	cmwq2_timer_destroy_on_stack(&dwork->timer);
	cmwq2_destroy_work_on_stack(&dwork->work);
}

/* For the macros below, which give each place of initialisation its own lock class. */
static __always_inline void cmwq2_init_work_key(struct cmwq2_work *work, cmwq2_work_func_t func,
						bool onstack, const char *name,
						struct lock_class_key *key)
{
	/* This comes first: debugobjects reports and cancels an item that is still queued. */
	cmwq2_debug_init(work, onstack);
	atomic_long_set(&work->data, (long)CMWQ2_WORK_NO_POOL);
	INIT_LIST_HEAD(&work->entry);
	work->func = func;
	work->queued_jiffies = 0;
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&work->lockdep_map, name, key, 0);
#endif
}

#define CMWQ2_INIT_WORK_AT(work, func, onstack)				\
	do {								\
		static struct lock_class_key __cmwq2_key;		\
									\
		cmwq2_init_work_key(work, func, onstack,		\
				    "(cmwq2_work)" #work, &__cmwq2_key); \
	} while (0)

#define CMWQ2_INIT_WORK(work, func)		CMWQ2_INIT_WORK_AT(work, func, false)
#define CMWQ2_INIT_WORK_ONSTACK(work, func)	CMWQ2_INIT_WORK_AT(work, func, true)

#define CMWQ2_INIT_WORK_ONSTACK_KEY(work, func, key) \
	cmwq2_init_work_key(work, func, true, "(cmwq2_work)" #work, key)

/* The timer, too, gets a lock class of its own at each place of initialisation. */
#define CMWQ2_INIT_DELAYED_WORK_AT(dwork, func, tflags)			\
	do {								\
		CMWQ2_INIT_WORK(&(dwork)->work, func);			\
		timer_setup(&(dwork)->timer, cmwq2_delayed_work_timer_fn, \
			    TIMER_IRQSAFE | (tflags));			\
	} while (0)

#define CMWQ2_INIT_DELAYED_WORK_ONSTACK_AT(dwork, func, tflags)		\
	do {								\
		CMWQ2_INIT_WORK_ONSTACK(&(dwork)->work, func);		\
		timer_setup_on_stack(&(dwork)->timer,			\
				     cmwq2_delayed_work_timer_fn,	\
				     TIMER_IRQSAFE | (tflags));		\
	} while (0)

#define CMWQ2_INIT_DELAYED_WORK(dwork, func) \
	CMWQ2_INIT_DELAYED_WORK_AT(dwork, func, 0)
#define CMWQ2_INIT_DELAYED_WORK_ONSTACK(dwork, func) \
	CMWQ2_INIT_DELAYED_WORK_ONSTACK_AT(dwork, func, 0)
#define CMWQ2_INIT_DEFERRABLE_WORK(dwork, func) \
	CMWQ2_INIT_DELAYED_WORK_AT(dwork, func, TIMER_DEFERRABLE)
#define CMWQ2_INIT_DEFERRABLE_WORK_ONSTACK(dwork, func) \
	CMWQ2_INIT_DELAYED_WORK_ONSTACK_AT(dwork, func, TIMER_DEFERRABLE)

#define CMWQ2_INIT_RCU_WORK(rwork, func) \
	CMWQ2_INIT_WORK(&(rwork)->work, func)
#define CMWQ2_INIT_RCU_WORK_ONSTACK(rwork, func) \
	CMWQ2_INIT_WORK_ONSTACK(&(rwork)->work, func)

/* The data word as bit operations take it, for code that has to look into it. */
#define cmwq2_work_data_bits(work)	((unsigned long *)&(work)->data)

static inline bool cmwq2_work_pending(struct cmwq2_work *work)
{
	return atomic_long_read(&work->data) & CMWQ2_WORK_PENDING;
}

#define cmwq2_delayed_work_pending(dwork)	cmwq2_work_pending(&(dwork)->work)

/* Flags of a workqueue, with the values of the kernel's WQ_*. */
enum cmwq2_wq_flags {
	CMWQ2_WQ_BH		= BIT(0),	/* items run in softirq context */
	CMWQ2_WQ_UNBOUND	= BIT(1),	/* not tied to a CPU */
	CMWQ2_WQ_FREEZABLE	= BIT(2),	/* frozen while the system sleeps */
	CMWQ2_WQ_MEM_RECLAIM	= BIT(3),	/* has a rescuer */
	CMWQ2_WQ_HIGHPRI	= BIT(4),	/* workers at nice -20 */
	CMWQ2_WQ_CPU_INTENSIVE	= BIT(5),	/* running items do not hold back others */
	CMWQ2_WQ_SYSFS		= BIT(6),	/* has a directory in sysfs */
	CMWQ2_WQ_POWER_EFFICIENT = BIT(7),	/* unbound if the parameter of that name is set */
	CMWQ2_WQ_PERCPU		= BIT(8),	/* tied to the queueing CPU */

	CMWQ2_WQ_ORDERED	= BIT(17),	/* set by cmwq2_alloc_ordered_workqueue() */
	CMWQ2_WQ_LEGACY		= BIT(18),	/* set by cmwq2_create_workqueue() and the like */
};

enum {
	CMWQ2_MAX_ACTIVE	= 2048,
	CMWQ2_UNBOUND_MAX_ACTIVE = CMWQ2_MAX_ACTIVE,
	CMWQ2_DFL_ACTIVE	= CMWQ2_MAX_ACTIVE / 2,
	CMWQ2_DFL_MIN_ACTIVE	= 8,
};

/* What cmwq2_work_busy() returns. */
enum cmwq2_work_busy_bits {
	CMWQ2_WORK_BUSY_PENDING	= BIT(0),
	CMWQ2_WORK_BUSY_RUNNING	= BIT(1),
};

/* How far from the queueing CPU an unbound workqueue's items may run. */
enum cmwq2_affn_scope {
	CMWQ2_AFFN_DFL,		/* the module's default_affinity_scope */
	CMWQ2_AFFN_CPU,
	CMWQ2_AFFN_SMT,
	CMWQ2_AFFN_CACHE,
	CMWQ2_AFFN_CACHE_SHARD,	/* piece of a last-level cache: a few cores */
	CMWQ2_AFFN_NUMA,
	CMWQ2_AFFN_SYSTEM,
	CMWQ2_AFFN_NR,
};

/**
 * struct cmwq2_attrs - attributes of an unbound workqueue's workers
 * @nice: their nice level
 * @cpumask: CPUs they may run on
 * @affn_scope: how CPUs are grouped into pods; the CPUs of a pod share a pool
 * @affn_strict: workers never leave their pod. Otherwise the scheduler may move
 *	a worker out of it once it runs, and its next kick brings it back
 */
struct cmwq2_attrs {
	int			nice;
	cpumask_var_t		cpumask;
	enum cmwq2_affn_scope	affn_scope;
	bool			affn_strict;
};

/*
 * The module's own queues. The first two are deprecated, as the kernel's are:
 * the first item that is queued on one of them is reported. The names say which
 * queues are for BH items and which are freezable.
 */
extern struct cmwq2_wq *cmwq2_system_wq;
extern struct cmwq2_wq *cmwq2_system_unbound_wq;
extern struct cmwq2_wq *cmwq2_system_percpu_wq;
extern struct cmwq2_wq *cmwq2_system_highpri_wq;
extern struct cmwq2_wq *cmwq2_system_long_wq;
extern struct cmwq2_wq *cmwq2_system_dfl_wq;
extern struct cmwq2_wq *cmwq2_system_dfl_long_wq;
extern struct cmwq2_wq *cmwq2_system_freezable_wq;
extern struct cmwq2_wq *cmwq2_system_power_efficient_wq;
extern struct cmwq2_wq *cmwq2_system_freezable_power_efficient_wq;
extern struct cmwq2_wq *cmwq2_system_bh_wq;
extern struct cmwq2_wq *cmwq2_system_bh_highpri_wq;

/* Creating and destroying. */

__printf(1, 4)
struct cmwq2_wq *cmwq2_alloc_workqueue(const char *fmt, unsigned int flags,
				       int max_active, ...);
__printf(2, 5)
struct cmwq2_wq *cmwq2_devm_alloc_workqueue(struct device *dev, const char *fmt,
					    unsigned int flags, int max_active, ...);

#define cmwq2_alloc_ordered_workqueue(fmt, flags, args...)		\
	cmwq2_alloc_workqueue(fmt, CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED | (flags), \
			      1, ##args)
#define cmwq2_devm_alloc_ordered_workqueue(dev, fmt, flags, args...)	\
	cmwq2_devm_alloc_workqueue(dev, fmt,				\
				   CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED | (flags), \
				   1, ##args)

#define cmwq2_create_workqueue(name)					\
	cmwq2_alloc_workqueue("%s", CMWQ2_WQ_LEGACY | CMWQ2_WQ_MEM_RECLAIM | \
			      CMWQ2_WQ_PERCPU, 1, (name))
#define cmwq2_create_freezable_workqueue(name)				\
	cmwq2_alloc_workqueue("%s", CMWQ2_WQ_LEGACY | CMWQ2_WQ_FREEZABLE | \
			      CMWQ2_WQ_UNBOUND | CMWQ2_WQ_MEM_RECLAIM, 1, (name))
#define cmwq2_create_singlethread_workqueue(name)			\
	cmwq2_alloc_ordered_workqueue("%s", CMWQ2_WQ_LEGACY | CMWQ2_WQ_MEM_RECLAIM, name)

#ifdef CONFIG_LOCKDEP
__printf(1, 5)
struct cmwq2_wq *cmwq2_alloc_workqueue_lockdep_map(const char *fmt, unsigned int flags,
						   int max_active, struct lockdep_map *map, ...);

#define cmwq2_alloc_ordered_workqueue_lockdep_map(fmt, flags, map, args...) \
	cmwq2_alloc_workqueue_lockdep_map(fmt, CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED | (flags), \
					  1, map, ##args)
#endif

void cmwq2_destroy_workqueue(struct cmwq2_wq *wq);

/* Attributes and limits. */

struct cmwq2_attrs *cmwq2_alloc_workqueue_attrs(void);
void cmwq2_free_workqueue_attrs(struct cmwq2_attrs *attrs);
int cmwq2_apply_workqueue_attrs(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs);
int cmwq2_parse_affn_scope(const char *name);
int cmwq2_workqueue_set_max_active(struct cmwq2_wq *wq, int max_active);
int cmwq2_workqueue_set_min_active(struct cmwq2_wq *wq, int min_active);
int cmwq2_workqueue_sysfs_register(struct cmwq2_wq *wq);
int cmwq2_workqueue_unbound_housekeeping_update(const struct cpumask *hk);

/* Queueing. */

bool cmwq2_queue_work_on(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work);
bool cmwq2_queue_work_node(int node, struct cmwq2_wq *wq, struct cmwq2_work *work);
bool cmwq2_queue_delayed_work_on(int cpu, struct cmwq2_wq *wq,
				 struct cmwq2_delayed_work *dwork, unsigned long delay);
bool cmwq2_mod_delayed_work_on(int cpu, struct cmwq2_wq *wq,
			       struct cmwq2_delayed_work *dwork, unsigned long delay);

bool cmwq2_queue_rcu_work(struct cmwq2_wq *wq, struct cmwq2_rcu_work *rwork);

int cmwq2_schedule_on_each_cpu(cmwq2_work_func_t func);
int cmwq2_execute_in_process_context(cmwq2_work_func_t func, struct cmwq2_execute_work *ew);

/* Waiting. */

bool cmwq2_flush_work(struct cmwq2_work *work);
bool cmwq2_flush_delayed_work(struct cmwq2_delayed_work *dwork);
bool cmwq2_flush_rcu_work(struct cmwq2_rcu_work *rwork);
void __cmwq2_flush_workqueue(struct cmwq2_wq *wq);
void cmwq2_drain_workqueue(struct cmwq2_wq *wq);

/* Cancelling and disabling. */

bool cmwq2_cancel_work(struct cmwq2_work *work);
bool cmwq2_cancel_work_sync(struct cmwq2_work *work);
bool cmwq2_cancel_delayed_work(struct cmwq2_delayed_work *dwork);
bool cmwq2_cancel_delayed_work_sync(struct cmwq2_delayed_work *dwork);
bool cmwq2_disable_work(struct cmwq2_work *work);
bool cmwq2_disable_work_sync(struct cmwq2_work *work);
bool cmwq2_enable_work(struct cmwq2_work *work);
bool cmwq2_disable_delayed_work(struct cmwq2_delayed_work *dwork);
bool cmwq2_disable_delayed_work_sync(struct cmwq2_delayed_work *dwork);
bool cmwq2_enable_delayed_work(struct cmwq2_delayed_work *dwork);

/* Initialise an item that is cancelled when the driver of @dev is unbound. */

int cmwq2_devm_cancel_work(struct device *dev, struct cmwq2_work *work);
int cmwq2_devm_cancel_delayed_work(struct device *dev, struct cmwq2_delayed_work *dwork);
#define cmwq2_devm_work_autocancel(dev, work, func)			\
({									\
	struct cmwq2_work *__work = (work);				\
									\
	CMWQ2_INIT_WORK(__work, (func));				\
	cmwq2_devm_cancel_work((dev), __work);				\
})
#define cmwq2_devm_delayed_work_autocancel(dev, dwork, func)		\
({									\
	struct cmwq2_delayed_work *__dwork = (dwork);			\
									\
	CMWQ2_INIT_DELAYED_WORK(__dwork, (func));			\
	cmwq2_devm_cancel_delayed_work((dev), __dwork);			\
})

/* Queries. */

struct cmwq2_work *cmwq2_current_work(void);
bool cmwq2_current_is_workqueue_rescuer(void);
bool cmwq2_current_is_workqueue_mem_reclaim(void);
bool cmwq2_workqueue_congested(int cpu, struct cmwq2_wq *wq);
unsigned int cmwq2_work_busy(struct cmwq2_work *work);

/* The freezer; src/place/freeze.c says what calls these. */

void cmwq2_freeze_workqueues_begin(void);
bool cmwq2_freeze_workqueues_busy(void);
void cmwq2_thaw_workqueues(void);

__printf(1, 2) void cmwq2_set_worker_desc(const char *fmt, ...);
void cmwq2_print_worker_info(const char *log_lvl, struct task_struct *task);
void cmwq2_show_all_workqueues(void);
void cmwq2_show_freezable_workqueues(void);
void cmwq2_show_one_workqueue(struct cmwq2_wq *wq);
void cmwq2_wq_watchdog_touch(int cpu);

static inline bool cmwq2_queue_work(struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	return cmwq2_queue_work_on(CMWQ2_CPU_UNBOUND, wq, work);
}

static inline bool cmwq2_schedule_work_on(int cpu, struct cmwq2_work *work)
{
	return cmwq2_queue_work_on(cpu, cmwq2_system_percpu_wq, work);
}

static inline bool cmwq2_schedule_work(struct cmwq2_work *work)
{
	return cmwq2_queue_work(cmwq2_system_percpu_wq, work);
}

/* Undo one cmwq2_disable_work(). Returns true if it was the last; then @work is queued. */
static inline bool cmwq2_enable_and_queue_work(struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	bool enabled = cmwq2_enable_work(work);

	if (enabled)
		cmwq2_queue_work(wq, work);
	return enabled;
}

static inline bool cmwq2_queue_delayed_work(struct cmwq2_wq *wq,
					    struct cmwq2_delayed_work *dwork,
					    unsigned long delay)
{
	return cmwq2_queue_delayed_work_on(CMWQ2_CPU_UNBOUND, wq, dwork, delay);
}

static inline bool cmwq2_mod_delayed_work(struct cmwq2_wq *wq,
					  struct cmwq2_delayed_work *dwork,
					  unsigned long delay)
{
	return cmwq2_mod_delayed_work_on(CMWQ2_CPU_UNBOUND, wq, dwork, delay);
}

/* These queue on the system's per-CPU queue. */
#define cmwq2_schedule_delayed_work_on(cpu, dwork, delay) \
	cmwq2_queue_delayed_work_on(cpu, cmwq2_system_percpu_wq, dwork, delay)
#define cmwq2_schedule_delayed_work(dwork, delay) \
	cmwq2_schedule_delayed_work_on(CMWQ2_CPU_UNBOUND, dwork, delay)

/* True if the compiler knows that @wq, a plain variable, is the system queue @other. */
#define __cmwq2_is(wq, other)						\
	(__builtin_constant_p((wq) == (other)) && (wq) == (other))

/* Never defined: a call of it makes the compiler warn. */
__compiletime_warning("Flushing a workqueue that everybody uses can deadlock.")
void __cmwq2_warn_flushing_systemwide_wq(void);

/*
 * Wait for all items queued so far, see __cmwq2_flush_workqueue(). Like the
 * kernel's macro, it warns at compile time if the queue is one of the system's.
 */
#define cmwq2_flush_workqueue(wq)					\
({									\
	struct cmwq2_wq *__wq = (wq);					\
									\
	if (__cmwq2_is(__wq, cmwq2_system_percpu_wq) ||			\
	    __cmwq2_is(__wq, cmwq2_system_highpri_wq) ||		\
	    __cmwq2_is(__wq, cmwq2_system_long_wq) ||			\
	    __cmwq2_is(__wq, cmwq2_system_dfl_wq) ||			\
	    __cmwq2_is(__wq, cmwq2_system_dfl_long_wq) ||		\
	    __cmwq2_is(__wq, cmwq2_system_freezable_wq) ||		\
	    __cmwq2_is(__wq, cmwq2_system_power_efficient_wq) ||	\
	    __cmwq2_is(__wq, cmwq2_system_freezable_power_efficient_wq)) \
		__cmwq2_warn_flushing_systemwide_wq();			\
	__cmwq2_flush_workqueue(__wq);					\
})

#define cmwq2_flush_scheduled_work()					\
({									\
	__cmwq2_warn_flushing_systemwide_wq();				\
	__cmwq2_flush_workqueue(cmwq2_system_percpu_wq);		\
})

long cmwq2_work_on_cpu_key(int cpu, long (*fn)(void *arg), void *arg,
			   struct lock_class_key *key);

/* Each caller gets its own lock class, as if it had initialised an item. */
#define cmwq2_work_on_cpu(cpu, fn, arg)					\
({									\
	static struct lock_class_key __key;				\
									\
	cmwq2_work_on_cpu_key(cpu, fn, arg, &__key);			\
})

#endif /* CMWQ2_WORKQUEUE_H */
