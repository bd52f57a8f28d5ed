// SPDX-License-Identifier: GPL-2.0
/*
 * Flushing: a flush returns after everything queued before it and does not
 * wait for anything queued later.
 *
 * Items sleep at gates. A flusher is a thread of its own, and the test waits
 * until it is blocked before it queues an item or opens a gate. The plain store
 * that an item does last shows what happened before a flush returned.
 */
#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void flush_idle_item(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	KUNIT_EXPECT_FALSE(test, tw_flush(it));
	tw_queue(w, it);
	tw_wait_done(it, "the item");
	tw_flush_wq(w);
	KUNIT_EXPECT_FALSE(test, tw_flush(it));
}

/* The thread has waited for its item, and saw the item's last store. */
static void expect_flushed(struct tw_thread *t)
{
	tw_join(t, "flush_work()");
	KUNIT_EXPECT_TRUE(t->env->test, t->ret);
	KUNIT_EXPECT_EQ(t->env->test, t->val, 1);
}

static void flush_waits_for_running(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	tw_thread_block(t);
	complete_all(it->gate);
	expect_flushed(t);
}

static void flush_waits_for_inactive(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *first = tw_item(e, tw_fn_nop);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);
	int cpu = tw_cpu(0);

	tw_queue_on(cpu, w, blocker);
	tw_queue_on(cpu, w, first);
	tw_queue_on(cpu, w, it);
	tw_wait_started(blocker, "the blocker");
	tw_thread_block(t);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	complete_all(blocker->gate);
	expect_flushed(t);
	KUNIT_EXPECT_EQ(test, first->finished, 1);
}

/*
 * The flush queues a barrier behind the item. The barrier must not start while the item
 * runs, even if there are slots for both.
 */
static void flush_waits_for_sleeper(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 3);
	struct tw_item *it = tw_gated(e, NULL), *probe = tw_item(e, tw_fn_nop);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);
	struct completion *gate = tw_gate(e);
	struct tw_item *blockers[3];
	int i, cpu = tw_cpu(0);

	for (i = 0; i < ARRAY_SIZE(blockers); i++) {
		blockers[i] = tw_gated(e, gate);
		tw_queue_on(cpu, w, blockers[i]);
	}
	tw_queue_on(cpu, w, it);
	for (i = 0; i < ARRAY_SIZE(blockers); i++)
		tw_wait_started(blockers[i], "the blockers");
	tw_thread_block(t);
	complete_all(gate);
	tw_wait_started(it, "the item");
	tw_queue_on(cpu, w, probe);
	tw_wait_done(probe, "an item queued later");
	tw_wait_blocked(t);
	complete_all(it->gate);
	expect_flushed(t);
}

static void flush_wq_empty(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);

	tw_flush_wq(w);
	tw_flush_wq(w);
}

static void flush_wq_waits(struct kunit *test, unsigned int flags, int max_active)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, flags, max_active);
	struct tw_item *items[200];
	int i, round, missed = 0;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < ARRAY_SIZE(items); i++) {
			items[i]->finished = 0;
			tw_queue_on(tw_cpu(i), w, items[i]);
		}
		tw_flush_wq(w);
		for (i = 0; i < ARRAY_SIZE(items); i++)
			missed += !items[i]->finished;
	}
	KUNIT_EXPECT_EQ(test, missed, 0);
}

static void flush_wq_waits_percpu(struct kunit *test)
{
	flush_wq_waits(test, TW_PERCPU, 0);
}

static void flush_wq_waits_unbound(struct kunit *test)
{
	flush_wq_waits(test, TW_UNBOUND, 0);
}

static void flush_wq_waits_ordered(struct kunit *test)
{
	flush_wq_waits(test, TW_ORDERED, 0);
}

static void flush_wq_waits_for_inactive(struct kunit *test)
{
	flush_wq_waits(test, TW_PERCPU, 1);
	flush_wq_waits(test, TW_UNBOUND, 2);
}

static void flush_wq_ignores_later_item(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *before = tw_gated(e, NULL);
	struct tw_item *after = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush_wq, w, NULL, NULL);

	tw_queue(w, before);
	tw_wait_started(before, "the item before the flush");
	tw_thread_block(t);
	tw_queue(w, after);
	tw_wait_started(after, "the item after the flush");

	complete_all(before->gate);
	tw_join(t, "flush_workqueue() while a later item sleeps");
	KUNIT_EXPECT_EQ(test, before->finished, 1);
	KUNIT_EXPECT_EQ(test, after->finished, 0);
	complete_all(after->gate);
}

static void fn_requeue_until_closed(struct tw_item *it)
{
	if (!READ_ONCE(it->env->closing))
		tw_queue(it->ctx, it);
}

static void flush_wq_ignores_endless_chain(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_requeue_until_closed);
	int i;

	it->ctx = w;
	tw_queue(w, it);
	tw_wait_started(it, "the chain");
	for (i = 0; i < 20; i++) {
		struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush_wq,
						w, NULL, NULL);

		tw_thread_start(t);
		tw_join(t, "flush_workqueue() beside an endless chain");
	}
}

#define NR_COLORS_AND_MORE 24

struct flush_ctx {
	struct tw_item	**items;
	int		nr;
};

static void flush_and_count(struct tw_thread *t)
{
	struct flush_ctx *c = t->ctx;
	int i;

	tw_flush_wq(t->wq);
	for (i = 0; i < c->nr; i++)
		t->val += c->items[i]->finished;
}

/*
 * Sleeping item, flusher, sleeping item, flusher and so on: one flush is in
 * flight for each item, which is more than there are colors. The gates open in
 * reverse order, so that the first flush whose items are done is the last in
 * line.
 */
static void flush_wq_more_than_colors(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[NR_COLORS_AND_MORE];
	struct tw_thread *t[NR_COLORS_AND_MORE];
	int i;

	for (i = 0; i < NR_COLORS_AND_MORE; i++) {
		struct flush_ctx *c = tw_zalloc(e, sizeof(*c));

		items[i] = tw_gated(e, NULL);
		tw_queue_on(tw_cpu(i), w, items[i]);
		tw_wait_started(items[i], "a sleeping item");
		c->items = items;
		c->nr = i + 1;
		t[i] = tw_thread(e, TW_ANY_CPU, flush_and_count, w, NULL, c);
		tw_thread_block(t[i]);
	}
	for (i = NR_COLORS_AND_MORE - 1; i > 0; i--)
		complete_all(items[i]->gate);
	for (i = 1; i < NR_COLORS_AND_MORE; i++)
		tw_wait_done(items[i], "the items whose gates opened");
	for (i = 0; i < NR_COLORS_AND_MORE; i++)
		KUNIT_EXPECT_FALSE(test, completion_done(&t[i]->done));

	complete_all(items[0]->gate);
	for (i = 0; i < NR_COLORS_AND_MORE; i++) {
		tw_join(t[i], "a flusher");
		KUNIT_EXPECT_EQ(test, t[i]->val, i + 1);
	}
}

/* The same, but the gates open in order: flushes complete one at a time. */
static void flush_wq_in_order(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[NR_COLORS_AND_MORE];
	struct tw_thread *t[NR_COLORS_AND_MORE];
	int i;

	for (i = 0; i < NR_COLORS_AND_MORE; i++) {
		items[i] = tw_gated(e, NULL);
		tw_queue_on(tw_cpu(i), w, items[i]);
		tw_wait_started(items[i], "a sleeping item");
		t[i] = tw_thread(e, TW_ANY_CPU, tw_thread_flush_wq, w, NULL, NULL);
		tw_thread_block(t[i]);
	}
	/* Up to 15 flushes have a color of their own and need not wait for any other. */
	for (i = 0; i < 14; i++) {
		complete_all(items[i]->gate);
		tw_join(t[i], "the flusher of the items whose gates opened");
		KUNIT_EXPECT_FALSE(test, completion_done(&t[i + 1]->done));
	}
	for (; i < NR_COLORS_AND_MORE; i++)
		complete_all(items[i]->gate);
	for (i = 14; i < NR_COLORS_AND_MORE; i++)
		tw_join(t[i], "the flushers that found no color");
}

#define NR_FLUSHERS	40
#define NR_FLUSHES	25

static void queue_and_flush(struct tw_thread *t)
{
	int i;

	for (i = 0; i < NR_FLUSHES; i++) {
		tw_progress(t);
		t->it->finished = 0;
		tw_queue(t->wq, t->it);
		if (i % 3 == 2)
			tw_flush(t->it);
		else
			tw_flush_wq(t->wq);
		t->val += !t->it->finished;
	}
}

static void flush_many_flushers(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_thread *t[NR_FLUSHERS];
	int i;

	for (i = 0; i < NR_FLUSHERS; i++)
		t[i] = tw_thread(e, tw_cpu(i), queue_and_flush, w,
				 tw_item(e, tw_fn_nop), NULL);
	for (i = 0; i < NR_FLUSHERS; i++)
		tw_thread_start(t[i]);
	for (i = 0; i < NR_FLUSHERS; i++) {
		tw_join(t[i], "40 threads that flush");
		KUNIT_EXPECT_EQ(test, t[i]->val, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&t[i]->it->runs), NR_FLUSHES);
	}
}

static struct kunit_case flush_cases[] = {
	KUNIT_CASE_PARAM(flush_idle_item, engine_gen_params),
	KUNIT_CASE_PARAM(flush_waits_for_running, engine_gen_params),
	KUNIT_CASE_PARAM(flush_waits_for_inactive, engine_gen_params),
	KUNIT_CASE_PARAM(flush_waits_for_sleeper, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_empty, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_waits_percpu, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_waits_unbound, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_waits_ordered, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_waits_for_inactive, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_ignores_later_item, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_ignores_endless_chain, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_more_than_colors, engine_gen_params),
	KUNIT_CASE_PARAM(flush_wq_in_order, engine_gen_params),
	KUNIT_CASE_PARAM(flush_many_flushers, engine_gen_params),
	{}
};

static struct kunit_suite flush_suite = {
	.name = "cmwq2_flush",
	.test_cases = flush_cases,
};

kunit_test_suites(&flush_suite);
