// SPDX-License-Identifier: GPL-2.0
/*
 * Items that are queued when an RCU grace period is over.
 *
 * A reader on another CPU stays in its read-side section for as long as the
 * test wants. Meanwhile a flag is set, which the reader clears before it
 * leaves. No grace period that began meanwhile can end before that, so an item
 * that comes after the grace period must find the flag cleared. A probe shows
 * that an item does not run at once: a plain item queued behind it on the same
 * queue has run.
 */
#include <linux/rcupdate.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

struct reader {
	struct tw_thread	*thread;
	struct completion	entered;
	bool			leave;
	bool			inside;
};

static void thread_read(struct tw_thread *t)
{
	unsigned long end = jiffies + tw_timeout();
	struct reader *r = t->ctx;

	rcu_read_lock();
	WRITE_ONCE(r->inside, true);
	complete(&r->entered);
	while (!READ_ONCE(r->leave) && !READ_ONCE(t->env->closing) && time_before(jiffies, end))
		cpu_relax();
	WRITE_ONCE(r->inside, false);
	rcu_read_unlock();
}

/* The reader spins, so it needs a CPU that nothing else of the test uses. */
static struct reader *start_reader(struct tw_env *e)
{
	struct reader *r;

	if (num_online_cpus() < 2)
		kunit_skip(e->test, "needs two CPUs");
	r = tw_zalloc(e, sizeof(*r));
	init_completion(&r->entered);
	r->thread = tw_thread(e, tw_cpu(1), thread_read, NULL, NULL, r);
	tw_thread_start(r->thread);
	TW_WAIT(e, &r->entered, "the reader");
	return r;
}

static void stop_reader(struct reader *r)
{
	WRITE_ONCE(r->leave, true);
	tw_join(r->thread, "the RCU reader to leave its section");
}

static void fn_note_reader(struct tw_item *it)
{
	struct reader *r = it->ctx;

	it->val = READ_ONCE(r->inside);
	it->finished = 1;
}

static void expect_idle(struct kunit *test, struct tw_env *e, struct tw_item *it)
{
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	KUNIT_EXPECT_FALSE(test, e->ops->flush_rcu(it));
}

static void waits_for_reader(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int kinds[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED };
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct tw_wq *w = tw_alloc(e, kinds[i], 1);
		struct tw_item *it = tw_rcu(e, fn_note_reader);
		struct tw_item *probe = tw_item(e, tw_fn_nop);
		struct reader *r = start_reader(e);

		it->ctx = r;
		it->val = -1;
		KUNIT_EXPECT_TRUE(test, e->ops->queue_rcu(w->wq, it));
		KUNIT_EXPECT_TRUE(test, tw_pending(it));
		tw_queue_on(tw_cpu(0), w, probe);
		tw_wait_done(probe, "the probe");
		KUNIT_EXPECT_TRUE(test, READ_ONCE(r->inside));
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
		KUNIT_EXPECT_TRUE(test, tw_pending(it));
		KUNIT_EXPECT_FALSE(test, e->ops->queue_rcu(w->wq, it));
		stop_reader(r);
		tw_wait_done(it, "the item after its grace period");
		KUNIT_EXPECT_EQ(test, it->val, 0);
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
		expect_idle(test, e, it);
	}
}

/* The reader leaves at a random time. The item must run after that in any case. */
static void thread_leave_soon(struct tw_thread *t)
{
	struct reader *r = t->ctx;
	int i;

	for (i = t->val % 50; i; i--)
		cond_resched();
	WRITE_ONCE(r->leave, true);
}

static void never_beside_reader(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_rcu(e, fn_note_reader);
	int i;

	for (i = 0; i < 20; i++) {
		struct reader *r = start_reader(e);
		struct tw_thread *t = tw_thread(e, TW_ANY_CPU, thread_leave_soon, NULL, NULL, r);

		t->val = 7 * i;
		it->ctx = r;
		it->val = -1;
		tw_thread_start(t);
		KUNIT_EXPECT_TRUE(test, e->ops->queue_rcu(w->wq, it));
		KUNIT_EXPECT_TRUE(test, e->ops->flush_rcu(it));
		KUNIT_EXPECT_EQ(test, it->val, 0);
		tw_join(t, "the thread that ends the RCU reader");
		stop_reader(r);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 20);
}

static void queueing_twice_is_refused(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_rcu(e, tw_fn_gate);

	it->gate = tw_gate(e);
	tw_queue_on(tw_cpu(0), w, blocker);
	/* The item waits for RCU or behind the blocker, so it is pending in either case. */
	KUNIT_EXPECT_TRUE(test, e->ops->queue_rcu(w->wq, it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_rcu(w->wq, it));
	rcu_barrier();
	complete_all(blocker->gate);
	tw_wait_started(it, "the item");
	/* A running item is not pending. */
	KUNIT_EXPECT_TRUE(test, e->ops->queue_rcu(w->wq, it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_rcu(w->wq, it));
	complete_all(it->gate);
	KUNIT_EXPECT_TRUE(test, e->ops->flush_rcu(it));
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

static void flush_idle(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_rcu(e, tw_fn_nop);

	expect_idle(test, e, it);
	e->ops->queue_rcu(w->wq, it);
	tw_wait_done(it, "the item");
	tw_flush_wq(w);
	expect_idle(test, e, it);
}

static void thread_flush_rcu(struct tw_thread *t)
{
	t->ret = t->env->ops->flush_rcu(t->it);
	t->val = t->it->finished;
}

static void flush_with_rcu(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_rcu(e, fn_note_reader);
	struct tw_thread *t = tw_thread(e, tw_cpu(0), thread_flush_rcu, w, it, NULL);
	struct reader *r = start_reader(e);

	it->ctx = r;
	e->ops->queue_rcu(w->wq, it);
	tw_thread_block(t);
	KUNIT_EXPECT_FALSE(test, completion_done(&t->done));
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	stop_reader(r);
	tw_join(t, "the flush of an item that waited for a grace period");
	KUNIT_EXPECT_TRUE(test, t->ret);
	KUNIT_EXPECT_EQ(test, t->val, 1);
	KUNIT_EXPECT_EQ(test, it->val, 0);
}

/* Also flushes an item that is already running: the flush waits for its end. */
static void flush_queued_and_running(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_ORDERED, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_rcu(e, tw_fn_gate);
	struct tw_thread *t[2];
	int i;

	it->gate = tw_gate(e);
	tw_queue(w, blocker);
	tw_wait_started(blocker, "the item that stands in the way");
	e->ops->queue_rcu(w->wq, it);
	/* After this the RCU callback has run: the item is on the queue, behind the blocker. */
	rcu_barrier();
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	for (i = 0; i < 2; i++) {
		t[i] = tw_thread(e, TW_ANY_CPU, thread_flush_rcu, w, it, NULL);
		tw_thread_block(t[i]);
		if (!i) {
			complete_all(blocker->gate);
			tw_wait_started(it, "the item");
			KUNIT_EXPECT_FALSE(test, tw_pending(it));
		}
	}
	complete_all(it->gate);
	for (i = 0; i < 2; i++) {
		tw_join(t[i], "the flush of an item that was queued");
		KUNIT_EXPECT_TRUE(test, t[i]->ret);
		KUNIT_EXPECT_EQ(test, t[i]->val, 1);
	}
}

#define ROUNDS	5

static void fn_again(struct tw_item *it)
{
	struct tw_wq *w = it->ctx;

	if (++it->id < ROUNDS && !it->env->ops->queue_rcu(w->wq, it))
		it->val++;
}

static void requeues_itself(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_rcu(e, fn_again);
	int i;

	it->ctx = w;
	e->ops->queue_rcu(w->wq, it);
	for (i = 0; i < ROUNDS; i++)
		tw_wait_done(it, "an item that queues itself after a grace period");
	/* The item's function has signalled its end, but may not have returned yet. */
	tw_flush_wq(w);
	expect_idle(test, e, it);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), ROUNDS);
	KUNIT_EXPECT_EQ(test, it->val, 0);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

static struct kunit_case rcu_cases[] = {
	KUNIT_CASE_PARAM(waits_for_reader, engine_gen_params),
	KUNIT_CASE_PARAM(never_beside_reader, engine_gen_params),
	KUNIT_CASE_PARAM(queueing_twice_is_refused, engine_gen_params),
	KUNIT_CASE_PARAM(flush_idle, engine_gen_params),
	KUNIT_CASE_PARAM(flush_with_rcu, engine_gen_params),
	KUNIT_CASE_PARAM(flush_queued_and_running, engine_gen_params),
	KUNIT_CASE_PARAM(requeues_itself, engine_gen_params),
	{}
};

static struct kunit_suite rcu_suite = {
	.name = "cmwq2_rcu",
	.test_cases = rcu_cases,
};

kunit_test_suites(&rcu_suite);
