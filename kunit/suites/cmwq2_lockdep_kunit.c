// SPDX-License-Identifier: GPL-2.0
/*
 * Lockdep maps: a running item holds its own map and its queue's, and a task
 * that waits acquires them.
 *
 * A report switches lockdep off, so these tests must not cause one. The harness
 * (tools/vm/verbs/misbehave.py) tests the reports. A task's task_struct lists the maps
 * that it holds. A probe on lockdep's own tracepoint sees those that it acquires and
 * releases at once.
 */
#include <linux/debug_locks.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

#ifdef CONFIG_LOCKDEP

/* The task and the maps for which the probe counts. One test runs at a time. */
static struct {
	struct tracepoint		*tp;
	const struct lockdep_map	*item;
	const struct lockdep_map	*wq;
	struct task_struct		*task;
	int				items;
	int				wqs;
} seen;

static void on_acquire(void *data, struct lockdep_map *lock, unsigned int subclass, int trylock,
		       int read, int check, struct lockdep_map *nest, unsigned long ip)
{
	if (current != READ_ONCE(seen.task))
		return;
	if (lock == seen.item)
		seen.items++;
	if (lock == seen.wq)
		seen.wqs++;
}

static void find_acquire(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "lock_acquire"))
		seen.tp = tp;
}

static void unwatch(void *data)
{
	tracepoint_probe_unregister(seen.tp, on_acquire, NULL);
	tracepoint_synchronize_unregister();
}

static struct lockdep_map *item_map(struct tw_item *it)
{
	if (it->env->engine == &tw_engines[TW_NATIVE])
		return &it->native.lockdep_map;
	return &it->cmwq2.lockdep_map;
}

/* A map that the test gives to its queue. Its class goes away with the module. */
static struct lock_class_key lk_key;
static struct lockdep_map lk_map = STATIC_LOCKDEP_MAP_INIT("(test)queue", &lk_key);

static struct tw_wq *alloc_with_map(struct tw_env *e, unsigned int flags, int max_active)
{
	bool native = e->engine == &tw_engines[TW_NATIVE];
	bool ordered = flags & TW_ORDERED, rescuer = flags & TW_MEM_RECLAIM;
	struct tw_wq *w = tw_alloc(e, flags, max_active);
	void *wq;

	/* Replaces the queue that the environment allocated. */
	if (native && ordered)
		wq = alloc_ordered_workqueue_lockdep_map("test", 0, &lk_map);
	else if (native)
		wq = alloc_workqueue_lockdep_map("test", WQ_PERCPU | (rescuer ? WQ_MEM_RECLAIM : 0),
						 max_active, &lk_map);
	else if (ordered)
		wq = cmwq2_alloc_ordered_workqueue_lockdep_map("test", 0, &lk_map);
	else
		wq = cmwq2_alloc_workqueue_lockdep_map("test", CMWQ2_WQ_PERCPU |
						       (rescuer ? CMWQ2_WQ_MEM_RECLAIM : 0),
						       max_active, &lk_map);
	KUNIT_ASSERT_NOT_NULL(e->test, wq);
	e->ops->destroy(w->wq);
	w->wq = wq;
	return w;
}

static void watch(struct tw_env *e)
{
	for_each_kernel_tracepoint(find_acquire, NULL);
	KUNIT_ASSERT_NOT_NULL(e->test, seen.tp);
	KUNIT_ASSERT_EQ(e->test, tracepoint_probe_register(seen.tp, on_acquire, NULL), 0);
	KUNIT_ASSERT_EQ(e->test, kunit_add_action_or_reset(e->test, unwatch, NULL), 0);
}

static void look_for(struct tw_item *it)
{
	seen.item = item_map(it);
	seen.wq = &lk_map;
	seen.items = 0;
	seen.wqs = 0;
	WRITE_ONCE(seen.task, current);
}

static void look_no_more(void)
{
	WRITE_ONCE(seen.task, NULL);
}

/* Compares classes, because a running item holds a copy of its map. */
static bool holds(const struct lockdep_map *map)
{
	int i;

	for (i = 0; i < lockdep_depth(current); i++)
		if (current->held_locks[i].instance->key == map->key)
			return true;
	return false;
}

static void fn_look(struct tw_item *it)
{
	it->val = holds(item_map(it)) + 2 * holds(&lk_map) + 4 * lock_is_held(&lk_map);
	tw_fn_gate(it);
}

static void item_holds_both(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = alloc_with_map(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_look);

	it->gate = tw_gate(e);
	complete_all(it->gate);
	tw_queue(w, it);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, it->val, 7);
}

/* The item goes on sleeping until the waiter sleeps as well, so that the waiter has to wait. */
static void fn_wait(struct tw_thread *t)
{
	void (*wait)(struct tw_thread *t) = t->ctx;

	look_for(t->it);
	wait(t);
	look_no_more();
}

static const struct wait_case {
	const char	*name;
	unsigned int	flags;
	int		max_active;
	void		(*wait)(struct tw_thread *t);
	int		items;
	int		wqs;
} wait_cases[] = {
	{ "flush", TW_PERCPU, 0, tw_thread_flush, 1, 0 },
	/* On a queue that runs items one by one, waiting for one includes those before it. */
	{ "flush one by one", TW_PERCPU, 1, tw_thread_flush, 1, 1 },
	{ "flush ordered", TW_ORDERED, 1, tw_thread_flush, 1, 1 },
	{ "flush with rescuer", TW_PERCPU | TW_MEM_RECLAIM, 0, tw_thread_flush, 1, 1 },
	{ "cancel one by one", TW_PERCPU, 1, tw_thread_cancel_sync, 1, 0 },
	{ "flush queue", TW_PERCPU, 0, tw_thread_flush_wq, 0, 1 },
};

static void wait_one(struct kunit *test, struct tw_env *e, const struct wait_case *c)
{
	struct tw_wq *w = alloc_with_map(e, c->flags, c->max_active);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, fn_wait, w, it, c->wait);

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	tw_thread_block(t);
	complete_all(it->gate);
	tw_join(t, c->name);
	KUNIT_EXPECT_EQ_MSG(test, seen.items, c->items, "%s: the item's map", c->name);
	KUNIT_EXPECT_EQ_MSG(test, seen.wqs, c->wqs, "%s: the queue's map", c->name);
	/* All queues use one map, and the next one's flags may differ. */
	tw_destroy(w);
}

static void waiter_takes_them(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	int i;

	watch(e);
	for (i = 0; i < ARRAY_SIZE(wait_cases); i++)
		wait_one(test, e, &wait_cases[i]);
}

/* A task that need not wait acquires no map. */
static void idle_item_takes_none(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = alloc_with_map(e, TW_PERCPU, 1);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	tw_queue(w, it);
	tw_flush_wq(w);
	watch(e);
	look_for(it);
	KUNIT_EXPECT_FALSE(test, tw_flush(it));
	KUNIT_EXPECT_FALSE(test, tw_cancel_sync(it));
	look_no_more();
	KUNIT_EXPECT_EQ(test, seen.items, 0);
	KUNIT_EXPECT_EQ(test, seen.wqs, 0);
}

#define NR_QUEUES 40

static void fn_note_class(struct tw_item *it)
{
	int i;

	for (i = 0; i < lockdep_depth(current); i++) {
		struct lockdep_map *map = current->held_locks[i].instance;

		if (strstr(map->name, "(cmwq2_wq)"))
			it->ctx = map->key;
	}
}

/*
 * Each queue registers a class and unregisters it again. Otherwise lockdep
 * would complain of a key at an address that is already registered.
 */
static void queues_have_classes(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *it[2] = { tw_item(e, fn_note_class), tw_item(e, fn_note_class) };
	int i;

	for (i = 0; i < NR_QUEUES; i++) {
		struct tw_wq *w[2];
		int k;

		w[0] = tw_alloc(e, TW_PERCPU, 0);
		w[1] = tw_alloc(e, TW_UNBOUND, 0);
		for (k = 0; k < 2; k++) {
			it[k]->ctx = NULL;
			tw_queue(w[k], it[k]);
			tw_flush_wq(w[k]);
			KUNIT_EXPECT_NOT_NULL(test, it[k]->ctx);
		}
		KUNIT_EXPECT_PTR_NE(test, it[0]->ctx, it[1]->ctx);
		tw_destroy(w[0]);
		tw_destroy(w[1]);
	}
	KUNIT_EXPECT_EQ(test, debug_locks, 1);
}

static struct completion inner_gate, inner_started;

static void inner_fn(struct cmwq2_work *work)
{
	complete(&inner_started);
	tw_wait_for_test(&inner_gate);
}

static CMWQ2_DECLARE_WORK(inner_work, inner_fn);

static void outer_fn(struct cmwq2_work *work)
{
	cmwq2_flush_work(&inner_work);
}

static CMWQ2_DECLARE_WORK(outer_work, outer_fn);

/*
 * An item may wait for another item of the same queue, if the queue runs both
 * at once and the items have different classes.
 */
static void item_waits_for_item(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);

	init_completion(&inner_gate);
	init_completion(&inner_started);
	cmwq2_queue_work(w->wq, &inner_work);
	TW_WAIT(e, &inner_started, "the item that is waited for");
	cmwq2_queue_work(w->wq, &outer_work);
	TW_POLL(e, !cmwq2_work_pending(&outer_work), "the item that waits to start");
	complete_all(&inner_gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, debug_locks, 1);
}

static struct kunit_case lockdep_cases[] = {
	KUNIT_CASE_PARAM(item_holds_both, engine_gen_params),
	KUNIT_CASE_PARAM(waiter_takes_them, engine_gen_params),
	KUNIT_CASE_PARAM(idle_item_takes_none, engine_gen_params),
	KUNIT_CASE(queues_have_classes),
	KUNIT_CASE(item_waits_for_item),
	{}
};

#else

static void without_lockdep(struct kunit *test)
{
	kunit_skip(test, "the kernel has no CONFIG_LOCKDEP");
}

static struct kunit_case lockdep_cases[] = {
	KUNIT_CASE_PARAM(without_lockdep, engine_gen_params),
	{}
};

#endif /* CONFIG_LOCKDEP */

static struct kunit_suite lockdep_suite = {
	.name = "cmwq2_lockdep",
	.test_cases = lockdep_cases,
};

kunit_test_suites(&lockdep_suite);
