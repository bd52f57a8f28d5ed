// SPDX-License-Identifier: GPL-2.0
/*
 * Freezable queues: no item starts from freeze to thaw, a running item makes the
 * freezer wait, and no item is lost or overtaken.
 *
 * The tests call the functions that the freezer uses directly. The kernel does
 * not export its own, so these tests are for cmwq2 alone. A probe shows that a
 * frozen queue's item does not run: an item queued after it, on a queue that is
 * not freezable and shares its pool, has run. Where the two cannot share a
 * pool, the count of items that the queue has started shows it.
 */
#include <linux/timer.h>

#include "check.h"

static const struct freeze_kind {
	char		name[24];
	unsigned int	flags;
	bool		legacy;
} freeze_kinds[] = {
	{ "percpu", TW_PERCPU },
	{ "highpri", TW_PERCPU | TW_HIGHPRI },
	{ "percpu_reclaim", TW_PERCPU | TW_MEM_RECLAIM },
	{ "unbound", TW_UNBOUND },
	{ "unbound_reclaim", TW_UNBOUND | TW_MEM_RECLAIM },
	{ "ordered", TW_ORDERED },
	{ "ordered_reclaim", TW_ORDERED | TW_MEM_RECLAIM },
	{ "create_freezable", TW_UNBOUND | TW_MEM_RECLAIM, true },
};

KUNIT_ARRAY_PARAM_DESC(kind, freeze_kinds, name);

static struct tw_env *freeze_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_thaw_at_end(test);
	return e;
}

static struct tw_wq *freezable(struct tw_env *e, int max_active)
{
	const struct freeze_kind *kind = e->test->param_value;

	if (kind->legacy)
		return tw_create(e, TW_FREEZABLE_THREAD);
	return tw_alloc(e, kind->flags | TW_FREEZABLE, max_active);
}

/* The probe shares the pool if possible: an ordered queue shares with none. */
static void expect_probe_runs(struct tw_env *e)
{
	const struct freeze_kind *kind = e->test->param_value;
	struct tw_wq *w = tw_alloc(e, kind->flags, 0);
	struct tw_item *probe = tw_item(e, tw_fn_nop);
	int cpu;

	for_each_online_cpu(cpu) {
		tw_queue_on(cpu, w, probe);
		tw_wait_done(probe, "an item of a queue that is not freezable");
		tw_flush(probe);
	}
}

static void wait_not_busy(struct tw_env *e)
{
	TW_POLL(e, !cmwq2_freeze_workqueues_busy(), "the freezable queues to come to rest");
}

static void expect_waits(struct kunit *test, struct tw_wq *w, struct tw_item *it)
{
	unsigned long started = tw_wq_stats(w).started;

	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	expect_probe_runs(w->env);
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).started, started);
	KUNIT_EXPECT_FALSE(test, cmwq2_freeze_workqueues_busy());
}

static void nothing_starts(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	cmwq2_freeze_workqueues_begin();
	KUNIT_EXPECT_FALSE(test, cmwq2_freeze_workqueues_busy());
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	expect_waits(test, w, it);
	cmwq2_thaw_workqueues();
	tw_wait_done(it, "the item after the thaw");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void running_item_is_waited_for(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 1);
	struct tw_item *running = tw_gated(e, NULL);
	struct tw_item *inactive = tw_item(e, tw_fn_nop);
	struct tw_item *late = tw_item(e, tw_fn_nop);
	int cpu = tw_cpu(1);

	tw_queue_on(cpu, w, running);
	tw_queue_on(cpu, w, inactive);
	tw_wait_started(running, "the item");
	cmwq2_freeze_workqueues_begin();
	tw_queue_on(cpu, w, late);
	KUNIT_EXPECT_TRUE(test, cmwq2_freeze_workqueues_busy());
	expect_probe_runs(e);
	KUNIT_EXPECT_TRUE(test, cmwq2_freeze_workqueues_busy());

	/* No item takes the slot that the running item gives back. */
	complete_all(running->gate);
	wait_not_busy(e);
	KUNIT_EXPECT_EQ(test, running->finished, 1);
	expect_waits(test, w, inactive);
	expect_waits(test, w, late);
	cmwq2_thaw_workqueues();
	tw_wait_done(inactive, "the item that waited when the freeze came");
	tw_wait_done(late, "the item that came when the queue was frozen");
}

/* All items wait at one gate. */
static void queue_gated(struct tw_wq *w, struct tw_item **items, int nr)
{
	struct completion *gate = tw_gate(w->env);
	int i;

	for (i = 0; i < nr; i++) {
		items[i] = tw_gated(w->env, gate);
		tw_queue_on(tw_cpu(1), w, items[i]);
	}
}

/* Until the gate opens, @limit items start and no more. */
static void expect_admitted(struct tw_wq *w, struct tw_item **items, int nr, int limit)
{
	struct kunit *test = w->env->test;
	int i;

	for (i = 0; i < limit; i++)
		tw_wait_started(items[i], "the items that the limit admits");
	expect_probe_runs(w->env);
	for (; i < nr; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), 0);
	complete_all(items[0]->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, nr));
}

/* All items come while frozen: the thaw finds more than the limit admits. */
static void limit_holds_after_thaw(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	const struct freeze_kind *kind = test->param_value;
	int limit = kind->legacy || (kind->flags & TW_ORDERED) ? 1 : 3;
	struct tw_wq *w = freezable(e, limit);
	struct tw_item *items[10];

	cmwq2_freeze_workqueues_begin();
	queue_gated(w, items, ARRAY_SIZE(items));
	expect_waits(test, w, items[0]);
	cmwq2_thaw_workqueues();
	expect_admitted(w, items, ARRAY_SIZE(items), limit);
}

#define NR_LOGGED	30

static void fn_log(struct tw_item *it)
{
	tw_log_add(it->ctx, it->id);
}

static void order_is_kept(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 1);
	struct tw_log *log = tw_log(e, NR_LOGGED);
	struct tw_item *first = tw_gated(e, NULL);
	int i, cpu = tw_cpu(1);

	tw_queue_on(cpu, w, first);
	tw_wait_started(first, "the first item");
	/* A third before the freeze, a third while frozen, a third after it. */
	for (i = 0; i < NR_LOGGED; i++) {
		struct tw_item *it = tw_item(e, fn_log);

		if (i == NR_LOGGED / 3) {
			cmwq2_freeze_workqueues_begin();
			complete_all(first->gate);
			wait_not_busy(e);
		} else if (i == 2 * NR_LOGGED / 3) {
			KUNIT_EXPECT_EQ(test, tw_log_nr(log), 0);
			cmwq2_thaw_workqueues();
		}
		it->ctx = log;
		it->id = i;
		tw_queue_on(cpu, w, it);
	}
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(log, NR_LOGGED));
}

static void delay_ends_while_frozen(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	struct tw_item *later = tw_delayed(e, tw_fn_nop);

	cmwq2_freeze_workqueues_begin();
	tw_queue_delayed(w, it, 1);
	tw_queue_delayed(w, later, TW_NEVER);
	/* The timer may be running: whoever needs its end waits for it afterwards. */
	TW_POLL(e, !data_race(timer_pending(&it->cmwq2_delayed.timer)), "the delay to end");
	timer_delete_sync(&it->cmwq2_delayed.timer);
	expect_waits(test, w, it);
	KUNIT_EXPECT_TRUE(test, timer_pending(&later->cmwq2_delayed.timer));
	cmwq2_thaw_workqueues();
	tw_wait_done(it, "the delayed item after the thaw");
	KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed_sync(later));
	KUNIT_EXPECT_EQ(test, atomic_read(&later->runs), 0);
}

static void fn_requeue(struct tw_item *it)
{
	if (READ_ONCE(it->val))
		tw_queue(it->ctx, it);
}

/* The item requeues itself for ever. The freeze stops the next run. */
static void requeueing_item_comes_to_rest(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 0);
	struct tw_item *it = tw_item(e, fn_requeue);
	int runs;

	it->val = 1;
	it->ctx = w;
	tw_queue(w, it);
	tw_wait_done(it, "the first run");
	cmwq2_freeze_workqueues_begin();
	wait_not_busy(e);
	runs = atomic_read(&it->runs);
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	expect_probe_runs(e);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), runs);
	cmwq2_thaw_workqueues();
	TW_POLL(e, atomic_read(&it->runs) > runs, "the item to go on");
	WRITE_ONCE(it->val, 0);
	tw_flush_wq(w);
	tw_flush_wq(w);
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
}

static void cancel_while_frozen(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 0);
	struct tw_item *items[3];
	struct tw_item *kept = tw_item(e, tw_fn_nop);
	int i;

	cmwq2_freeze_workqueues_begin();
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_item(e, tw_fn_nop);
		tw_queue(w, items[i]);
	}
	tw_queue(w, kept);
	KUNIT_EXPECT_TRUE(test, tw_cancel(items[0]));
	KUNIT_EXPECT_TRUE(test, tw_cancel_sync(items[1]));
	KUNIT_EXPECT_TRUE(test, e->ops->disable_sync(items[2]));
	expect_waits(test, w, kept);
	cmwq2_thaw_workqueues();
	tw_wait_done(kept, "the item that was not cancelled");
	tw_flush_wq(w);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->enable(items[2]));
	KUNIT_EXPECT_TRUE(test, tw_queue(w, items[0]));
	tw_wait_done(items[0], "the item after its cancellation");
}

/* Threads that wait for a frozen queue's items wait for the thaw. */
static void waiters_wait_for_thaw(struct kunit *test)
{
	static void (*const waits[])(struct tw_thread *t) = {
		tw_thread_flush, tw_thread_flush_wq, tw_thread_drain, tw_thread_destroy,
	};
	struct tw_env *e = freeze_env(test);
	struct tw_thread *t[ARRAY_SIZE(waits)];
	struct tw_item *items[ARRAY_SIZE(waits)];
	int i;

	cmwq2_freeze_workqueues_begin();
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		struct tw_wq *w = freezable(e, 0);

		items[i] = tw_item(e, tw_fn_nop);
		tw_queue(w, items[i]);
		t[i] = tw_thread(e, TW_ANY_CPU, waits[i], w, items[i], NULL);
		tw_thread_start(t[i]);
	}
	/* A drain flushes repeatedly and sleeps in between. */
	for (i = 0; i < ARRAY_SIZE(waits); i++)
		tw_wait_blocked(t[i]);
	expect_probe_runs(e);
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		KUNIT_EXPECT_FALSE(test, completion_done(&t[i]->done));
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), 0);
	}
	KUNIT_EXPECT_FALSE(test, cmwq2_freeze_workqueues_busy());
	cmwq2_thaw_workqueues();
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		tw_join(t[i], "a wait that the thaw ends");
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), 1);
	}
}

static void queues_come_and_go_while_frozen(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *old = freezable(e, 0), *w;
	struct tw_item *it = tw_item(e, tw_fn_nop);

	cmwq2_freeze_workqueues_begin();
	/* No call waits for an empty queue, even a frozen one. */
	tw_flush_wq(old);
	e->ops->drain(old->wq);
	tw_destroy(old);
	tw_destroy(freezable(e, 0));
	w = freezable(e, 0);
	tw_queue(w, it);
	expect_waits(test, w, it);
	cmwq2_thaw_workqueues();
	tw_wait_done(it, "the item of a queue that was made while others were frozen");
	tw_flush_wq(w);
}

static void limit_changes_while_frozen(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	const struct freeze_kind *kind = test->param_value;
	struct tw_wq *w = freezable(e, 1);
	struct tw_item *items[8];

	if (kind->flags & TW_ORDERED)
		kunit_skip(test, "max_active of an ordered queue cannot be changed");
	cmwq2_freeze_workqueues_begin();
	queue_gated(w, items, ARRAY_SIZE(items));
	KUNIT_EXPECT_EQ(test, e->ops->set_max_active(w->wq, 4), 0);
	expect_waits(test, w, items[0]);
	cmwq2_thaw_workqueues();
	expect_admitted(w, items, ARRAY_SIZE(items), 4);
}

static void attrs_change_while_frozen(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	const struct freeze_kind *kind = test->param_value;
	struct tw_wq *w = freezable(e, 0);
	struct tw_item *before = tw_item(e, tw_fn_nop);
	struct tw_item *after = tw_item(e, tw_fn_nop);
	struct cmwq2_attrs *attrs;
	int ret;

	if (!(kind->flags & TW_UNBOUND))
		kunit_skip(test, "only unbound queues have attributes that change");
	cmwq2_freeze_workqueues_begin();
	tw_queue(w, before);
	attrs = cmwq2_alloc_workqueue_attrs();
	KUNIT_ASSERT_NOT_NULL(test, attrs);
	attrs->nice = 3;
	ret = cmwq2_apply_workqueue_attrs(w->wq, attrs);
	cmwq2_free_workqueue_attrs(attrs);
	KUNIT_EXPECT_EQ(test, ret, 0);
	tw_queue(w, after);
	expect_waits(test, w, before);
	expect_waits(test, w, after);
	cmwq2_thaw_workqueues();
	tw_wait_done(before, "the item on the old pool");
	tw_wait_done(after, "the item on the new pool");
	tw_flush_wq(w);
}

static void twice_is_once(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	/* A thaw without a frozen queue has no effect. */
	cmwq2_thaw_workqueues();
	tw_queue(w, it);
	tw_wait_done(it, "an item after a thaw without a freeze");
	tw_flush_wq(w);
	atomic_set(&it->runs, 0);

	cmwq2_freeze_workqueues_begin();
	cmwq2_freeze_workqueues_begin();
	tw_queue(w, it);
	expect_waits(test, w, it);
	cmwq2_thaw_workqueues();
	tw_wait_done(it, "an item after one thaw for two freezes");
	tw_flush_wq(w);
	cmwq2_thaw_workqueues();
	tw_queue(w, it);
	tw_wait_done(it, "an item after a second thaw");
	tw_flush_wq(w);
}

static void system_queues_freeze(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_item *items[TW_NR_SYSTEM];
	enum tw_system n;

	cmwq2_freeze_workqueues_begin();
	for (n = 0; n < TW_NR_SYSTEM; n++) {
		items[n] = tw_item(e, tw_fn_nop);
		tw_queue(tw_system(e, n), items[n]);
	}
	for (n = 0; n < TW_NR_SYSTEM; n++) {
		if (n == TW_SYSTEM_FREEZABLE || n == TW_SYSTEM_FREEZABLE_POWER_EFFICIENT)
			continue;
		tw_wait_done(items[n], "an item of a system queue that is not freezable");
		tw_flush(items[n]);
	}
	KUNIT_EXPECT_TRUE(test, tw_pending(items[TW_SYSTEM_FREEZABLE]));
	KUNIT_EXPECT_TRUE(test, tw_pending(items[TW_SYSTEM_FREEZABLE_POWER_EFFICIENT]));
	cmwq2_thaw_workqueues();
	for (n = 0; n < TW_NR_SYSTEM; n++)
		tw_flush(items[n]);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, TW_NR_SYSTEM));
}

static void thread_freeze_and_thaw(struct tw_thread *t)
{
	struct cmwq2_wq_stats st;
	int i;

	for (i = 0; i < 50 && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		cmwq2_freeze_workqueues_begin();
		while (cmwq2_freeze_workqueues_busy() && !READ_ONCE(t->env->closing))
			schedule_timeout_uninterruptible(1);
		st = tw_wq_stats(t->wq);
		t->val += st.started - st.completed;
		cmwq2_thaw_workqueues();
	}
	WRITE_ONCE(t->ret, true);
}

static void freezing_under_load(struct kunit *test)
{
	struct tw_env *e = freeze_env(test);
	struct tw_wq *w = freezable(e, 2);
	struct tw_item *items[32];
	struct tw_thread *t;
	int i, rounds = 0;

	t = tw_thread(e, TW_ANY_CPU, thread_freeze_and_thaw, w, NULL, NULL);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);
	tw_thread_start(t);
	do {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_queue_on(tw_cpu(i), w, items[i]);
		tw_flush_wq(w);
		rounds++;
	} while (!READ_ONCE(t->ret));
	tw_join(t, "the thread that freezes and thaws");
	/* When the freezer found no busy queue, no item was in flight. */
	KUNIT_EXPECT_EQ(test, t->val, 0);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), rounds);
		KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(items[i]));
	}
}

static struct kunit_case freezable_cases[] = {
	KUNIT_CASE_PARAM(nothing_starts, kind_gen_params),
	KUNIT_CASE_PARAM(running_item_is_waited_for, kind_gen_params),
	KUNIT_CASE_PARAM(limit_holds_after_thaw, kind_gen_params),
	KUNIT_CASE_PARAM(order_is_kept, kind_gen_params),
	KUNIT_CASE_PARAM(delay_ends_while_frozen, kind_gen_params),
	KUNIT_CASE_PARAM(requeueing_item_comes_to_rest, kind_gen_params),
	KUNIT_CASE_PARAM(cancel_while_frozen, kind_gen_params),
	KUNIT_CASE_PARAM(waiters_wait_for_thaw, kind_gen_params),
	KUNIT_CASE_PARAM(queues_come_and_go_while_frozen, kind_gen_params),
	KUNIT_CASE_PARAM(limit_changes_while_frozen, kind_gen_params),
	KUNIT_CASE_PARAM(attrs_change_while_frozen, kind_gen_params),
	KUNIT_CASE_PARAM(twice_is_once, kind_gen_params),
	KUNIT_CASE(system_queues_freeze),
	KUNIT_CASE_PARAM(freezing_under_load, kind_gen_params),
	{}
};

static struct kunit_suite freezable_suite = {
	.name = "cmwq2_freezable",
	.test_cases = freezable_cases,
};

kunit_test_suites(&freezable_suite);
