/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One set of operations for both engines.
 *
 * A behavioural test is written once against struct tw_ops and runs on the kernel's own
 * workqueue and on cmwq2. If the kernel's own workqueue fails a test, the test is
 * wrong. So the native run tests the tests.
 */
#ifndef CMWQ2_KUNIT_ENGINE_H
#define CMWQ2_KUNIT_ENGINE_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/workqueue.h>
#include <kunit/test.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

struct tw_env;
struct tw_item;

/* The tests' own flags; each engine translates them to its own. */
enum tw_flags {
	TW_PERCPU		= BIT(0),
	TW_UNBOUND		= BIT(1),
	TW_ORDERED		= BIT(2),
	TW_HIGHPRI		= BIT(3),
	TW_MEM_RECLAIM		= BIT(4),
	TW_CPU_INTENSIVE	= BIT(5),
	TW_BH			= BIT(8),
	TW_FREEZABLE		= BIT(6),
	TW_SYSFS		= BIT(7),
};

/* The kinds of queue that create_workqueue() and the like create. */
enum tw_legacy { TW_MULTITHREAD, TW_SINGLETHREAD, TW_FREEZABLE_THREAD };

/* The system queues for items that may sleep. */
enum tw_system {
	TW_SYSTEM_PERCPU,
	TW_SYSTEM_HIGHPRI,
	TW_SYSTEM_LONG,
	TW_SYSTEM_DFL,
	TW_SYSTEM_DFL_LONG,
	TW_SYSTEM_FREEZABLE,
	TW_SYSTEM_POWER_EFFICIENT,
	TW_SYSTEM_FREEZABLE_POWER_EFFICIENT,
	TW_SYSTEM_OLD,
	TW_SYSTEM_OLD_UNBOUND,
	TW_NR_SYSTEM,
};

/* "Any CPU": both engines use NR_CPUS for it. */
#define TW_ANY_CPU	WORK_CPU_UNBOUND

/* Longer than any test may last; for timers that must not expire. */
#define TW_NEVER	(3600UL * HZ)

/* An operation that the workqueue of an older kernel does not have is NULL, see tw_need(). */
struct tw_ops {
	void *(*alloc)(const char *name, unsigned int flags, int max_active);
	void *(*devm_alloc)(struct device *dev, const char *name, unsigned int flags,
			    int max_active);
	void *(*create)(enum tw_legacy kind, const char *name);
	void *(*system)(enum tw_system n);
	void (*destroy)(void *wq);
	int (*set_max_active)(void *wq, int max_active);
	void (*init)(struct tw_item *it);
	void (*init_delayed)(struct tw_item *it);
	void (*init_rcu)(struct tw_item *it);
	bool (*queue_on)(int cpu, void *wq, struct tw_item *it);
	bool (*queue_node)(int node, void *wq, struct tw_item *it);
	bool (*queue_rcu)(void *wq, struct tw_item *it);
	bool (*queue_delayed_on)(int cpu, void *wq, struct tw_item *it,
				 unsigned long delay);
	bool (*mod_delayed_on)(int cpu, void *wq, struct tw_item *it,
			       unsigned long delay);
	bool (*schedule)(struct tw_item *it);
	bool (*schedule_on)(int cpu, struct tw_item *it);
	bool (*schedule_delayed)(struct tw_item *it, unsigned long delay);
	bool (*schedule_delayed_on)(int cpu, struct tw_item *it, unsigned long delay);
	int (*execute)(struct tw_item *it);
	long (*call_on)(int cpu, long (*fn)(void *arg), void *arg);
	bool (*flush)(struct tw_item *it);
	bool (*flush_delayed)(struct tw_item *it);
	bool (*flush_rcu)(struct tw_item *it);
	void (*flush_wq)(void *wq);
	void (*drain)(void *wq);
	bool (*cancel)(struct tw_item *it);
	bool (*cancel_sync)(struct tw_item *it);
	bool (*cancel_delayed)(struct tw_item *it);
	bool (*cancel_delayed_sync)(struct tw_item *it);
	bool (*disable)(struct tw_item *it);
	bool (*disable_sync)(struct tw_item *it);
	bool (*enable)(struct tw_item *it);
	bool (*enable_and_queue)(void *wq, struct tw_item *it);
	bool (*disable_delayed)(struct tw_item *it);
	bool (*disable_delayed_sync)(struct tw_item *it);
	bool (*enable_delayed)(struct tw_item *it);
	unsigned int (*busy)(struct tw_item *it);
	bool (*congested)(int cpu, void *wq);
	bool (*mem_reclaim)(void);
	bool (*pending)(struct tw_item *it);
	struct tw_item *(*current_item)(void);
};

struct tw_engine {
	char			name[16];
	const struct tw_ops	*ops;
};

enum { TW_NATIVE, TW_CMWQ2, TW_NR_ENGINES };

extern const struct tw_ops tw_native_ops, tw_cmwq2_ops;
extern const struct tw_engine tw_engines[TW_NR_ENGINES];

/**
 * struct tw_item - a work item of either engine, with what checks need to know
 * @native: the item, if it is the kernel's own
 * @native_delayed: the item, if it is the kernel's own and @delayed
 * @native_rcu: the item, if it is the kernel's own and from tw_rcu()
 * @native_execute: the item, if it is the kernel's own and @execute of tw_ops
 *	uses it
 * @cmwq2: the item, if it is cmwq2's
 * @cmwq2_delayed: the item, if it is cmwq2's and @delayed
 * @cmwq2_rcu: the item, if it is cmwq2's and from tw_rcu()
 * @cmwq2_execute: the item, if it is cmwq2's and @execute of tw_ops uses it
 * @env: the test it belongs to
 * @fn: body, called by the accounting around it
 * @runs: times @fn was entered
 * @inside: callers inside @fn now
 * @overlaps: times @fn was entered while another caller was inside
 * @frees_itself: @fn frees the item, so do not touch it afterwards
 * @delayed: a delayed member of the union is in use
 * @cpu: CPU on which @fn was last entered
 * @pid: of the thread that last entered @fn
 * @started: completed once for every entry
 * @done: completed once for every return
 * @gate: what tw_fn_gate() waits for
 * @finished: a plain store at the end of @fn, which a flush must make visible
 * @id: for the test
 * @val: for the test
 * @ctx: for the test
 * @node: in the list of the environment
 */
struct tw_item {
	union {
		struct work_struct		native;
		struct delayed_work		native_delayed;
		struct rcu_work			native_rcu;
		struct execute_work		native_execute;
		struct cmwq2_work		cmwq2;
		struct cmwq2_delayed_work	cmwq2_delayed;
		struct cmwq2_rcu_work		cmwq2_rcu;
		struct cmwq2_execute_work	cmwq2_execute;
	};
	struct tw_env		*env;
	void			(*fn)(struct tw_item *it);
	atomic_t		runs;
	atomic_t		inside;
	atomic_t		overlaps;
	bool			frees_itself;
	bool			delayed;
	int			cpu;
	pid_t			pid;
	struct completion	started;
	struct completion	done;
	struct completion	*gate;
	int			finished;
	int			id;
	long			val;
	void			*ctx;
	struct list_head	node;
};

void tw_run_item(struct tw_item *it);

#endif /* CMWQ2_KUNIT_ENGINE_H */
