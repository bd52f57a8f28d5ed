// SPDX-License-Identifier: GPL-2.0
/*
 * Delayed items: they do not run before their delay is over, and queueing,
 * modifying and cancelling return the right value in each state of the timer.
 *
 * A timer that must not expire during a test is set to TW_NEVER. A probe shows
 * that an item did not run: a delayed item on the same queue, with a later
 * expiry, did.
 */
#include <linux/jiffies.h>
#include <linux/sched/isolation.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void fn_note_jiffies(struct tw_item *it)
{
	it->val = jiffies;
	it->finished = 1;
}

static void delayed_not_before_delay(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	static const unsigned long delays[] = { 1, 2, 3, 7, 15 };
	int i;

	for (i = 0; i < ARRAY_SIZE(delays); i++) {
		struct tw_item *it = tw_delayed(e, fn_note_jiffies);
		unsigned long from = jiffies;

		KUNIT_EXPECT_TRUE(test, tw_queue_delayed(w, it, delays[i]));
		tw_wait_done(it, "the delayed item");
		KUNIT_EXPECT_GE(test, it->val - (long)from, (long)delays[i]);
	}
}

static void delayed_zero_runs(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	KUNIT_EXPECT_TRUE(test, tw_queue_delayed(w, it, 0));
	tw_flush(it);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void delayed_pending_is_refused(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	KUNIT_EXPECT_TRUE(test, tw_queue_delayed(w, it, TW_NEVER));
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	KUNIT_EXPECT_FALSE(test, tw_queue_delayed(w, it, TW_NEVER));
	KUNIT_EXPECT_FALSE(test, tw_queue_delayed(w, it, 0));
	KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed(it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	KUNIT_EXPECT_FALSE(test, e->ops->cancel_delayed(it));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
}

static void mod_shortens(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	tw_queue_delayed(w, it, TW_NEVER);
	KUNIT_EXPECT_TRUE(test, tw_mod_delayed(w, it, 1));
	tw_wait_done(it, "the item whose delay was cut");
	tw_queue_delayed(w, it, TW_NEVER);
	KUNIT_EXPECT_TRUE(test, tw_mod_delayed(w, it, 0));
	tw_wait_done(it, "the item whose delay was cut to nothing");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
}

static void mod_extends(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	struct tw_item *probe = tw_delayed(e, tw_fn_nop);

	tw_queue_delayed(w, it, HZ / 10);
	if (!tw_mod_delayed(w, it, TW_NEVER))
		kunit_skip(test, "the machine stood still for longer than the delay");
	tw_queue_delayed(w, probe, HZ / 5);
	tw_wait_done(probe, "the probe");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed_sync(it));
}

/* The last call decides where the item runs, not the queueing that it replaces. */
static void mod_moves_to_cpu(struct kunit *test)
{
	static const unsigned long delays[] = { 1, 0 };
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	int i, from, to;

	for (i = 0; i < 2 * ARRAY_SIZE(delays); i++) {
		from = tw_cpu(i & 1);
		to = tw_cpu(!(i & 1));
		e->ops->queue_delayed_on(from, w->wq, it, TW_NEVER);
		KUNIT_EXPECT_TRUE(test, e->ops->mod_delayed_on(to, w->wq, it, delays[i / 2]));
		tw_wait_done(it, "the item that was moved to another CPU");
		/* Flush, because an item that still runs is queued where it runs. */
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ(test, it->cpu, to);
	}
}

static void mod_queues_idle_item(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	KUNIT_EXPECT_FALSE(test, tw_mod_delayed(w, it, 1));
	tw_wait_done(it, "the item");
	KUNIT_EXPECT_FALSE(test, tw_mod_delayed(w, it, 0));
	tw_wait_done(it, "the item");
}

static void cancel_before_expiry(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	struct tw_item *probe = tw_delayed(e, tw_fn_nop);

	tw_queue_delayed(w, it, HZ / 10);
	if (!e->ops->cancel_delayed_sync(it))
		kunit_skip(test, "the machine stood still for longer than the delay");
	tw_queue_delayed(w, probe, HZ / 5);
	tw_wait_done(probe, "the probe");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
}

static void flush_delayed_runs_now(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	tw_queue_delayed(w, it, TW_NEVER);
	e->ops->flush_delayed(it);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
	KUNIT_EXPECT_EQ(test, it->finished, 1);
	tw_flush_wq(w);
	KUNIT_EXPECT_FALSE(test, e->ops->flush_delayed(it));
}

static void delayed_runs_on_that_cpu(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	int cpu, delay;

	for_each_online_cpu(cpu) {
		for (delay = 0; delay < 3; delay++) {
			e->ops->queue_delayed_on(cpu, w->wq, it, delay);
			tw_wait_done(it, "the item");
			tw_flush(it);
			KUNIT_EXPECT_EQ(test, it->cpu, cpu);
		}
	}
}

static void fn_rearm(struct tw_item *it)
{
	if (!READ_ONCE(it->env->closing))
		tw_queue_delayed(it->ctx, it, it->val++ & 1);
}

static void cancel_sync_stops_rearming(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, fn_rearm);
	struct tw_item *probe = tw_delayed(e, tw_fn_nop);
	int i, runs;

	it->ctx = w;
	tw_queue_delayed(w, it, 0);
	for (i = 0; i < 20; i++)
		tw_wait_done(it, "20 runs");
	e->ops->cancel_delayed_sync(it);
	runs = atomic_read(&it->runs);
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	tw_queue_delayed(w, probe, 5);
	tw_wait_done(probe, "the probe");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), runs);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

#define NR_HAMMER 5000

static void hammer_mod_and_cancel(struct tw_thread *t)
{
	struct tw_ledger *l = t->ctx;
	int i;

	for (i = 0; i < NR_HAMMER && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		if (!tw_mod_delayed(t->wq, t->it, i % 3 == 2))
			atomic_long_inc(&l->queued);
		if (i % 7 == 3 && t->env->ops->cancel_delayed(t->it))
			atomic_long_inc(&l->cancelled);
		if (i % 64 == 63)
			tw_flush(t->it);
	}
}

/* mod returns false when it queued an idle item, so that the ledger balances. */
static void mod_races_with_cancel(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	struct tw_ledger *l = tw_zalloc(e, sizeof(*l));
	struct tw_thread *t[2];
	int i;

	for (i = 0; i < 2; i++) {
		t[i] = tw_thread(e, tw_cpu(i), hammer_mod_and_cancel, w, it, l);
		tw_thread_start(t[i]);
	}
	for (i = 0; i < 2; i++)
		tw_join(t[i], "the hammering threads");
	e->ops->flush_delayed(it);
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_ledger_balanced(l, atomic_read(&it->runs)));
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
}

/*
 * With nohz_full= or isolcpus=nohz other CPUs handle the timers, on whichever CPU an
 * item is queued.
 */
static void thread_queue_delayed(struct tw_thread *t)
{
	tw_queue_delayed(t->wq, t->it, TW_NEVER);
}

static unsigned int timer_cpu(struct tw_env *e, struct tw_item *it)
{
	struct timer_list *timer = e->engine == &tw_engines[TW_CMWQ2] ?
				   &it->cmwq2_delayed.timer : &it->native_delayed.timer;

	return READ_ONCE(timer->flags) & TIMER_CPUMASK;
}

static void delayed_timer_keeps_off(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	int cpu;

	if (!housekeeping_enabled(HK_TYPE_TIMER))
		kunit_skip(test, "this kernel keeps no CPU free of timers: see nohz_full=");
	for_each_online_cpu(cpu) {
		struct tw_item *it = tw_delayed(e, tw_fn_nop);
		struct tw_thread *t = tw_thread(e, cpu, thread_queue_delayed, w, it, NULL);

		tw_thread_start(t);
		tw_join(t, "a thread that queues");
		KUNIT_EXPECT_TRUE_MSG(test, housekeeping_test_cpu(timer_cpu(e, it), HK_TYPE_TIMER),
				      "queued from CPU %d, the timer is on CPU %u", cpu,
				      timer_cpu(e, it));
		KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed_sync(it));
		/* That holds also if the item has to run on that CPU. */
		e->ops->queue_delayed_on(cpu, w->wq, it, TW_NEVER);
		KUNIT_EXPECT_TRUE(test, housekeeping_test_cpu(timer_cpu(e, it), HK_TYPE_TIMER));
		KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed_sync(it));
	}
}

static struct kunit_case delayed_cases[] = {
	KUNIT_CASE_PARAM(delayed_not_before_delay, engine_gen_params),
	KUNIT_CASE_PARAM(delayed_zero_runs, engine_gen_params),
	KUNIT_CASE_PARAM(delayed_pending_is_refused, engine_gen_params),
	KUNIT_CASE_PARAM(mod_shortens, engine_gen_params),
	KUNIT_CASE_PARAM(mod_extends, engine_gen_params),
	KUNIT_CASE_PARAM(mod_moves_to_cpu, engine_gen_params),
	KUNIT_CASE_PARAM(mod_queues_idle_item, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_before_expiry, engine_gen_params),
	KUNIT_CASE_PARAM(flush_delayed_runs_now, engine_gen_params),
	KUNIT_CASE_PARAM(delayed_runs_on_that_cpu, engine_gen_params),
	KUNIT_CASE_PARAM(cancel_sync_stops_rearming, engine_gen_params),
	KUNIT_CASE_PARAM(mod_races_with_cancel, engine_gen_params),
	KUNIT_CASE_PARAM(delayed_timer_keeps_off, engine_gen_params),
	{}
};

static struct kunit_suite delayed_suite = {
	.name = "cmwq2_delayed",
	.test_cases = delayed_cases,
};

kunit_test_suites(&delayed_suite);
