// SPDX-License-Identifier: GPL-2.0
/*
 * Cancelling and disabling, in every state an item can be in: idle, active but
 * not started, inactive, running, running and queued again, requeueing itself.
 *
 * To make "active but not started" certain, a test turns interrupts off on the
 * CPU whose worker would have to run. A cancelled item must not run later. A
 * flush of its queue shows that it does not.
 */
#include <linux/irqflags.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void cancel_idle(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	KUNIT_EXPECT_FALSE(test, tw_cancel(it));
	KUNIT_EXPECT_FALSE(test, tw_cancel_sync(it));
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "the item");
	tw_flush_wq(w);
	KUNIT_EXPECT_FALSE(test, tw_cancel(it));
	KUNIT_EXPECT_FALSE(test, tw_cancel_sync(it));
}

static void cancel_active(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	bool queued, first, second, pending;
	unsigned long flags;

	local_irq_save(flags);
	queued = tw_queue_on(smp_processor_id(), w, it);
	first = tw_cancel(it);
	second = tw_cancel(it);
	pending = tw_pending(it);
	local_irq_restore(flags);

	KUNIT_EXPECT_TRUE(test, queued);
	KUNIT_EXPECT_TRUE(test, first);
	KUNIT_EXPECT_FALSE(test, second);
	KUNIT_EXPECT_FALSE(test, pending);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
}

static void cancel_inactive(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED };
	int i, cpu = tw_cpu(0);

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, flags[i], 1);
		struct tw_item *blocker = tw_gated(e, NULL);
		struct tw_item *it = tw_item(e, tw_fn_nop);
		struct tw_item *behind = tw_item(e, tw_fn_nop);

		tw_queue_on(cpu, w, blocker);
		tw_queue_on(cpu, w, it);
		tw_queue_on(cpu, w, behind);
		KUNIT_EXPECT_TRUE(test, tw_cancel(it));
		KUNIT_EXPECT_FALSE(test, tw_pending(it));
		complete_all(blocker->gate);
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&behind->runs), 1);

		/* If the slots of max_active are counted correctly, the item runs. */
		KUNIT_EXPECT_TRUE(test, tw_queue_on(cpu, w, it));
		tw_wait_done(it, "the item after its cancellation");
	}
}

static void cancel_running(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	KUNIT_EXPECT_FALSE(test, tw_cancel(it));
	KUNIT_EXPECT_EQ(test, it->finished, 0);
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	KUNIT_EXPECT_TRUE(test, tw_cancel(it));
	complete_all(it->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void cancel_sync_waits_for_running(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t[2];
	int i;

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	for (i = 0; i < 2; i++) {
		t[i] = tw_thread(e, TW_ANY_CPU, tw_thread_cancel_sync, w, it, NULL);
		tw_thread_block(t[i]);
	}
	/* While a cancel_work_sync() is in progress, queueing is refused. */
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	complete_all(it->gate);
	for (i = 0; i < 2; i++) {
		tw_join(t[i], "cancel_work_sync()");
		KUNIT_EXPECT_FALSE(test, t[i]->ret);
		KUNIT_EXPECT_EQ(test, t[i]->val, 1);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
}

static void cancel_sync_running_and_queued(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_cancel_sync, w, it, NULL);

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_thread_block(t);
	complete_all(it->gate);
	tw_join(t, "cancel_work_sync()");
	KUNIT_EXPECT_TRUE(test, t->ret);
	KUNIT_EXPECT_EQ(test, t->val, 1);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void fn_requeue_until_closed(struct tw_item *it)
{
	if (!READ_ONCE(it->env->closing))
		tw_queue(it->ctx, it);
}

static void cancel_sync_stops_requeueing(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_requeue_until_closed);
	int i, j, runs;

	it->ctx = w;
	for (i = 0; i < 50; i++) {
		reinit_completion(&it->done);
		tw_queue_on(tw_cpu(i), w, it);
		for (j = 0; j < 5; j++)
			tw_wait_done(it, "five runs");
		tw_cancel_sync(it);
		runs = atomic_read(&it->runs);
		KUNIT_ASSERT_FALSE(test, tw_pending(it));
		tw_flush_wq(w);
		KUNIT_ASSERT_EQ(test, atomic_read(&it->runs), runs);
	}
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

/*
 * A flush's barrier is tied to an item that waits for max_active and is then
 * cancelled. The barrier must run although the item before it never ends. The
 * kernel leaves the barrier to the pool's next kick, which a probe on another
 * queue of the pool causes. cmwq2 kicks by itself. Returns whether both flushes
 * ended without a probe.
 */
static bool inactive_under_flush(struct tw_env *e, unsigned int flags, bool probe)
{
	bool known = tw_known_fault(e, CMWQ2_NATIVE_CANCEL_KICKS_NOBODY), ended;
	struct tw_wq *w = tw_alloc(e, flags, 1), *other = tw_alloc(e, flags, 1);
	struct tw_item *blocker = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);
	struct kunit *test = e->test;
	struct tw_thread *t[2];
	int i, cpu = tw_cpu(0);

	tw_queue_on(cpu, w, blocker);
	tw_wait_started(blocker, "the blocker");
	tw_queue_on(cpu, w, it);
	for (i = 0; i < 2; i++) {
		t[i] = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);
		tw_thread_block(t[i]);
	}
	KUNIT_EXPECT_TRUE(test, tw_cancel(it));
	ended = !probe && TW_HAPPENS(known, completion_done(&t[0]->done) &&
					    completion_done(&t[1]->done));
	if (!ended)
		tw_queue_on(cpu, other, tw_item(e, tw_fn_nop));
	for (i = 0; i < 2; i++)
		tw_join(t[i], "the flush of a cancelled inactive item");
	KUNIT_EXPECT_EQ(test, blocker->finished, 0);
	complete_all(blocker->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);

	KUNIT_EXPECT_TRUE(test, tw_queue_on(cpu, w, it));
	tw_wait_done(it, "the item after its cancellation");
	return ended;
}

static const unsigned int flushed_flags[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED };

static void cancel_inactive_under_flush(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(flushed_flags); i++)
		inactive_under_flush(e, flushed_flags[i], true);
}

/*
 * The kernel's own pools have other users, whose items wake a worker that then finds the
 * barrier. The highpri pools have few such users. On a kernel that is known to have the
 * fault, it must appear in one of several tries.
 */
#define TRIES	8

static void cancel_inactive_releases_flush(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	bool known = tw_known_fault(e, CMWQ2_NATIVE_CANCEL_KICKS_NOBODY), ended;
	int i, try;

	for (i = 0; i < ARRAY_SIZE(flushed_flags); i++) {
		try = 0;
		do {
			ended = inactive_under_flush(e, flushed_flags[i] | TW_HIGHPRI, false);
		} while (ended && known && ++try < TRIES);
		tw_expect_known(e, known, ended, "the flushes of a cancelled inactive item");
	}
}

static void cancel_delayed_pending(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	KUNIT_EXPECT_FALSE(test, e->ops->cancel_delayed(it));
	KUNIT_EXPECT_FALSE(test, e->ops->cancel_delayed_sync(it));
	tw_queue_delayed(w, it, TW_NEVER);
	KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed(it));
	tw_queue_delayed(w, it, TW_NEVER);
	KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed_sync(it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	tw_queue_delayed(w, it, 0);
	tw_wait_done(it, "the item after two cancellations");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void cancel_races_with_queue(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED };
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, flags[i], 0);
		struct tw_item *it = tw_item(e, tw_fn_nop);

		tw_hammer(w, it, 10000, tw_cancel_sync);
		KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
		tw_flush_wq(w);
	}
}

static void disable_nests(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	tw_need(e, disable);
	KUNIT_EXPECT_FALSE(test, e->ops->disable(it));
	KUNIT_EXPECT_FALSE(test, e->ops->disable(it));
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	KUNIT_EXPECT_FALSE(test, e->ops->enable(it));
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_FALSE(test, tw_cancel_sync(it));
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_TRUE(test, e->ops->enable(it));
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);

	/* After a run, the item's pool and its disable depth share a word. */
	KUNIT_EXPECT_FALSE(test, e->ops->disable(it));
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_TRUE(test, e->ops->enable(it));
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
}

static void disable_cancels_pending(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int cpu = tw_cpu(0);

	tw_need(e, disable);
	tw_queue_on(cpu, w, blocker);
	tw_queue_on(cpu, w, it);
	KUNIT_EXPECT_TRUE(test, e->ops->disable(it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	complete_all(blocker->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->enable(it));
}

static void thread_disable_sync(struct tw_thread *t)
{
	t->ret = t->env->ops->disable_sync(t->it);
	t->val = t->it->finished;
}

static void disable_sync_waits_for_running(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, thread_disable_sync, w, it, NULL);

	tw_need(e, disable_sync);
	tw_queue(w, it);
	tw_wait_started(it, "the item");
	tw_thread_block(t);
	complete_all(it->gate);
	tw_join(t, "disable_work_sync()");
	KUNIT_EXPECT_FALSE(test, t->ret);
	KUNIT_EXPECT_EQ(test, t->val, 1);
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_TRUE(test, e->ops->enable(it));
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
}

static struct kunit_case cancel_cases[] = {
	KUNIT_CASE_PARAM(cancel_idle, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_active, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_inactive, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_running, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_sync_waits_for_running, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_sync_running_and_queued, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_sync_stops_requeueing, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_inactive_under_flush, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_inactive_releases_flush, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_delayed_pending, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_races_with_queue, engine_gen_params),
	KUNIT_CASE_PARAM(disable_nests, engine_gen_params),
	KUNIT_CASE_PARAM(disable_cancels_pending, engine_gen_params),
	KUNIT_CASE_PARAM(disable_sync_waits_for_running, engine_gen_params),
	{}
};

static struct kunit_suite cancel_suite = {
	.name = "cmwq2_cancel",
	.test_cases = cancel_cases,
};

kunit_test_suites(&cancel_suite);
