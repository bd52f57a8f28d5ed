// SPDX-License-Identifier: GPL-2.0
/*
 * Non-reentrancy: one item never runs twice at once, on any CPU or in any pool.
 *
 * There are two tests of it. One is deterministic: an item sleeps while it is
 * queued to another CPU, where a probe shows that the other CPU's pool would
 * have run it. In the other two CPUs hammer one item.
 */
#include <linux/sched.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

/*
 * Queues an item on another CPU while it runs. It must not start there,
 * although a probe starts on both CPUs. It must run a second time when the
 * first run has ended.
 */
static struct tw_item *queue_while_running(struct kunit *test, struct tw_env *e, struct tw_wq *w)
{
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_item *probe = tw_item(e, tw_fn_nop);
	int here = tw_cpu(0), there = tw_cpu(1);

	tw_queue_on(here, w, it);
	tw_wait_started(it, "the item");
	KUNIT_EXPECT_TRUE(test, tw_queue_on(there, w, it));
	tw_queue_on(there, w, probe);
	tw_wait_done(probe, "the probe");
	tw_queue_on(here, w, probe);
	tw_wait_done(probe, "the probe");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);

	complete_all(it->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
	return it;
}

static void running_item_waits_for_itself(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = queue_while_running(test, e, w);

	KUNIT_EXPECT_EQ(test, it->cpu, tw_cpu(0));

	/* If the item is not running, it goes to the CPU on which it is queued. */
	tw_queue_on(tw_cpu(1), w, it);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, it->cpu, tw_cpu(1));
}

static void running_unbound_item_waits_for_itself(struct kunit *test)
{
	struct tw_env *e = tw_env(test);

	queue_while_running(test, e, tw_alloc(e, TW_UNBOUND, 0));
}

/* Both runs may be in here at once, so each must find out by itself which of them it is. */
static void fn_gate_unless_highpri(struct tw_item *it)
{
	if (task_nice(current) == MIN_NICE)
		it->val = MIN_NICE;
	else
		tw_fn_gate(it);
}

/*
 * Only the queue that runs an item holds it back. Another queue has its own
 * limit, workers and flush, so that the item starts there at once.
 */
static void other_queue_does_not_wait(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *other = tw_alloc(e, TW_PERCPU | TW_HIGHPRI, 0);
	struct tw_item *it = tw_item(e, fn_gate_unless_highpri);

	it->gate = tw_gate(e);
	tw_queue_on(tw_cpu(0), w, it);
	tw_wait_started(it, "the item");
	KUNIT_EXPECT_TRUE(test, tw_queue_on(tw_cpu(0), other, it));
	tw_wait_done(it, "the item on a queue that does not run it yet");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
	KUNIT_EXPECT_EQ(test, it->val, MIN_NICE);
	/* This flush does not wait for the run on the first queue. */
	tw_flush_wq(other);
	KUNIT_EXPECT_EQ(test, it->finished, 0);
	complete_all(it->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, it->finished, 1);
}

/*
 * Several items with the same function sleep at once. The engine must not take them for
 * one item.
 */
static void others_are_not_held(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[100];
	int i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(tw_cpu(0), w, items[i]);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_started(items[i], "an item beside others of its function");
	for (i = 0; i < ARRAY_SIZE(items); i++)
		KUNIT_EXPECT_TRUE(test, tw_queue_on(tw_cpu(1), w, items[i]));
	complete_all(gate);
	tw_flush_wq(w);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), 2);
		KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(items[i]));
	}
}

#define NR_HAMMER 20000

static void fn_linger(struct tw_item *it)
{
	/* Sleeps now and then, so that the next queueing finds the item asleep. */
	if (++it->val % 128 == 0)
		schedule_timeout_uninterruptible(1);
	else if (it->val % 8 == 0)
		cond_resched();
}

static void hammer_here(struct tw_thread *t)
{
	struct tw_ledger *l = t->ctx;
	int i;

	for (i = 0; i < NR_HAMMER && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		if (tw_queue_on(raw_smp_processor_id(), t->wq, t->it))
			atomic_long_inc(&l->queued);
		if (i % 16 == 0)
			cond_resched();
	}
}

static void hammer(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, flags, 0);
	struct tw_item *it = tw_item(e, fn_linger);
	struct tw_ledger *l = tw_zalloc(e, sizeof(*l));
	struct tw_thread *t[2];
	int i;

	for (i = 0; i < 2; i++) {
		t[i] = tw_thread(e, tw_cpu(i), hammer_here, w, it, l);
		tw_thread_start(t[i]);
	}
	for (i = 0; i < 2; i++)
		tw_join(t[i], "the hammering threads");
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_ledger_balanced(l, atomic_read(&it->runs)));
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

static void hammer_percpu(struct kunit *test)
{
	hammer(test, TW_PERCPU);
}

static void hammer_unbound(struct kunit *test)
{
	hammer(test, TW_UNBOUND);
}

static void hammer_intensive(struct kunit *test)
{
	hammer(test, TW_PERCPU | TW_CPU_INTENSIVE);
}

static struct kunit_case reentrancy_cases[] = {
	KUNIT_CASE_PARAM(running_item_waits_for_itself, engine_gen_params),
	KUNIT_CASE_PARAM(running_unbound_item_waits_for_itself, engine_gen_params),
	KUNIT_CASE_PARAM(other_queue_does_not_wait, engine_gen_params),
	KUNIT_CASE_PARAM(others_are_not_held, engine_gen_params),
	KUNIT_CASE_PARAM(hammer_percpu, engine_gen_params),
	KUNIT_CASE_PARAM(hammer_unbound, engine_gen_params),
	KUNIT_CASE_PARAM(hammer_intensive, engine_gen_params),
	{}
};

static struct kunit_suite reentrancy_suite = {
	.name = "cmwq2_reentrancy",
	.test_cases = reentrancy_cases,
};

kunit_test_suites(&reentrancy_suite);
