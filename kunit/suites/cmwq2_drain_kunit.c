// SPDX-License-Identifier: GPL-2.0
/*
 * Draining and destroying: items may requeue themselves until they stop by
 * themselves, and queueings from outside are refused.
 *
 * The native engine warns of such a queueing, so these cases are for cmwq2 alone: the
 * item is refused, the refusal is counted, and the item is not left pending.
 */
#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

#define NR_CHAIN 100

static void fn_chain(struct tw_item *it)
{
	if (++it->val < NR_CHAIN)
		tw_queue(it->ctx, it);
	else
		it->finished = 1;
}

static void drain_empty(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	e->ops->drain(w->wq);
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	e->ops->drain(w->wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void drain_chains(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, flags, 0);
	struct tw_item *items[8];
	int i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_item(e, fn_chain);
		items[i]->ctx = w;
		tw_queue_on(tw_cpu(i), w, items[i]);
	}
	e->ops->drain(w->wq);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), NR_CHAIN);
		KUNIT_EXPECT_EQ(test, items[i]->finished, 1);
		KUNIT_EXPECT_FALSE(test, tw_pending(items[i]));
	}
}

static void drain_waits_for_chains(struct kunit *test)
{
	drain_chains(test, TW_PERCPU);
}

static void drain_waits_for_unbound_chains(struct kunit *test)
{
	drain_chains(test, TW_UNBOUND);
}

static void drain_waits_for_ordered_chains(struct kunit *test)
{
	drain_chains(test, TW_ORDERED);
}

static void fn_gate_and_queue(struct tw_item *it)
{
	tw_fn_gate(it);
	tw_queue(it->ctx, (struct tw_item *)it->val);
}

/*
 * The drain waits for an item that sleeps, however long, and for the items that it
 * queues afterwards.
 */
static void drain_waits_for_sleeping_chain(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_item *next = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_drain, w, NULL, NULL);

	it->fn = fn_gate_and_queue;
	it->ctx = w;
	it->val = (long)next;
	tw_queue(w, it);
	tw_wait_started(it, "the item");
	tw_thread_block(t);
	complete_all(it->gate);
	tw_wait_started(next, "the item that it queued");
	tw_flush(it);
	tw_wait_blocked(t);
	complete_all(next->gate);
	tw_join(t, "the drain");
	KUNIT_EXPECT_EQ(test, next->finished, 1);
}

static void drain_by_several(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, fn_chain);
	struct tw_thread *t[4];
	int i;

	it->ctx = w;
	tw_queue(w, blocker);
	tw_queue(w, it);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = tw_thread(e, TW_ANY_CPU, tw_thread_drain, w, NULL, NULL);
		tw_thread_block(t[i]);
	}
	complete_all(blocker->gate);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		tw_join(t[i], "one of four drains");
	KUNIT_EXPECT_EQ(test, blocker->finished, 1);
	KUNIT_EXPECT_EQ(test, it->finished, 1);

	it->val = NR_CHAIN;
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "an item after the drains");
}

static void destroy_drains(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED,
					      TW_PERCPU | TW_MEM_RECLAIM };
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, flags[i], 0);
		struct tw_item *it = tw_item(e, fn_chain);

		it->ctx = w;
		tw_queue(w, it);
		tw_destroy(w);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), NR_CHAIN);
		KUNIT_EXPECT_EQ(test, it->finished, 1);
	}
}

/* Starts a thread that drains or destroys the queue and waits for the item. */
static struct tw_thread *ending(struct tw_wq *w, struct tw_item *blocker,
				void (*fn)(struct tw_thread *t))
{
	struct tw_thread *t = tw_thread(w->env, TW_ANY_CPU, fn, w, NULL, NULL);

	tw_queue(w, blocker);
	tw_wait_started(blocker, "the blocker");
	tw_thread_block(t);
	return t;
}

static void expect_refused(struct tw_wq *w, struct tw_item *it, int nth)
{
	struct kunit *test = w->env->test;

	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).refused, nth);
}

static void drain_refuses_outsider(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_item *late = tw_delayed(e, tw_fn_nop);
	struct tw_thread *t = ending(w, blocker, tw_thread_drain);

	expect_refused(w, it, 1);
	expect_refused(w, it, 2);

	/* A timer may be set. Its item is refused when the timer expires. */
	tw_queue_delayed(w, late, 1);
	TW_POLL(e, tw_wq_stats(w).refused == 3, "the expired timer to be refused");
	TW_POLL(e, !tw_pending(late), "the refused delayed item not to be pending");

	complete_all(blocker->gate);
	tw_join(t, "the drain");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&late->runs), 0);
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "the item, accepted after the drain");
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).refused, 3);
}

struct foreign_ctx {
	struct tw_wq	*wq;
	struct tw_item	*it;
	bool		ret;
};

static void fn_queue_foreign(struct tw_item *it)
{
	struct foreign_ctx *c = it->ctx;

	c->ret = tw_queue(c->wq, c->it);
}

/* Being a worker is not enough: only an item of the same queue may chain. */
static void drain_refuses_other_queues_item(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *other = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *foreign = tw_item(e, fn_queue_foreign);
	struct foreign_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_thread *t;

	c->wq = w;
	c->it = tw_item(e, tw_fn_nop);
	c->ret = true;
	foreign->ctx = c;
	t = ending(w, blocker, tw_thread_drain);

	tw_queue(other, foreign);
	tw_wait_done(foreign, "the other queue's item");
	KUNIT_EXPECT_FALSE(test, c->ret);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).refused, 1);

	complete_all(blocker->gate);
	tw_join(t, "the drain");
}

static void destroy_refuses_outsider(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_thread *t = ending(w, blocker, tw_thread_destroy);

	expect_refused(w, it, 1);

	complete_all(blocker->gate);
	tw_join(t, "the destruction");
	KUNIT_EXPECT_EQ(test, blocker->finished, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
}

static struct kunit_case drain_cases[] = {
	KUNIT_CASE_PARAM(drain_empty, engine_gen_params),
	KUNIT_CASE_PARAM(drain_waits_for_chains, engine_gen_params),
	KUNIT_CASE_PARAM(drain_waits_for_unbound_chains, engine_gen_params),
	KUNIT_CASE_PARAM(drain_waits_for_ordered_chains, engine_gen_params),
	KUNIT_CASE_PARAM(drain_waits_for_sleeping_chain, engine_gen_params),
	KUNIT_CASE_PARAM(drain_by_several, engine_gen_params),
	KUNIT_CASE_PARAM(destroy_drains, engine_gen_params),
	KUNIT_CASE(drain_refuses_outsider),
	KUNIT_CASE(drain_refuses_other_queues_item),
	KUNIT_CASE(destroy_refuses_outsider),
	{}
};

static struct kunit_suite drain_suite = {
	.name = "cmwq2_drain",
	.test_cases = drain_cases,
};

kunit_test_suites(&drain_suite);
