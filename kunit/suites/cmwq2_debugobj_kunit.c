// SPDX-License-Identifier: GPL-2.0
/*
 * Every way to initialise an item, and debugobjects, which track items.
 *
 * With CONFIG_DEBUG_OBJECTS_WORK correct use must cause no report. The harness
 * (tools/vm/verbs/misbehave.py) tests the reports. The engine marks static items with a
 * bit in the data word, which must survive every other value of that word.
 */
#include <linux/slab.h>

#include "check.h"

static atomic_t do_runs = ATOMIC_INIT(0);

static void do_fn(struct cmwq2_work *work)
{
	atomic_inc(&do_runs);
}

static CMWQ2_DECLARE_WORK(static_work, do_fn);
static CMWQ2_DECLARE_DELAYED_WORK(static_delayed, do_fn);
static CMWQ2_DECLARE_DEFERRABLE_WORK(static_deferrable, do_fn);

static void expect_static(struct kunit *test, struct cmwq2_work *work, bool is_static)
{
	unsigned long bit = atomic_long_read(&work->data) & CMWQ2_WORK_STATIC;

	KUNIT_EXPECT_EQ(test, bit, is_static ? CMWQ2_WORK_STATIC : 0UL);
}

/* Every state: queued, run, cancelled, disabled, enabled, inactive. */
static void all_states(struct tw_env *e, struct cmwq2_work *work, bool is_static)
{
	struct kunit *test = e->test;
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *gate = tw_gated(e, NULL);
	int cpu = tw_cpu(1);

	expect_static(test, work, is_static);
	atomic_set(&do_runs, 0);
	tw_queue_on(cpu, w, gate);
	tw_wait_started(gate, "the item before");
	KUNIT_EXPECT_TRUE(test, cmwq2_queue_work_on(cpu, w->wq, work));
	expect_static(test, work, is_static);
	KUNIT_EXPECT_TRUE(test, cmwq2_cancel_work(work));
	expect_static(test, work, is_static);
	KUNIT_EXPECT_TRUE(test, cmwq2_queue_work_on(cpu, w->wq, work));
	KUNIT_EXPECT_TRUE(test, cmwq2_disable_work(work));
	expect_static(test, work, is_static);
	KUNIT_EXPECT_FALSE(test, cmwq2_queue_work_on(cpu, w->wq, work));
	expect_static(test, work, is_static);
	KUNIT_EXPECT_TRUE(test, cmwq2_enable_work(work));
	expect_static(test, work, is_static);

	KUNIT_EXPECT_TRUE(test, cmwq2_queue_work_on(cpu, w->wq, work));
	complete_all(gate->gate);
	cmwq2_flush_work(work);
	expect_static(test, work, is_static);
	KUNIT_EXPECT_EQ(test, atomic_read(&do_runs), 1);
	KUNIT_EXPECT_FALSE(test, cmwq2_cancel_work_sync(work));
	expect_static(test, work, is_static);
	tw_destroy(w);
}

static void all_delays(struct tw_env *e, struct cmwq2_delayed_work *dwork, bool is_static)
{
	struct kunit *test = e->test;
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);

	all_states(e, &dwork->work, is_static);
	atomic_set(&do_runs, 0);
	KUNIT_EXPECT_TRUE(test, cmwq2_queue_delayed_work(w->wq, dwork, TW_NEVER));
	expect_static(test, &dwork->work, is_static);
	KUNIT_EXPECT_TRUE(test, cmwq2_cancel_delayed_work(dwork));
	expect_static(test, &dwork->work, is_static);
	KUNIT_EXPECT_TRUE(test, cmwq2_queue_delayed_work(w->wq, dwork, TW_NEVER));
	KUNIT_EXPECT_TRUE(test, cmwq2_mod_delayed_work(w->wq, dwork, 0));
	cmwq2_flush_delayed_work(dwork);
	KUNIT_EXPECT_EQ(test, atomic_read(&do_runs), 1);
	expect_static(test, &dwork->work, is_static);
	KUNIT_EXPECT_FALSE(test, cmwq2_cancel_delayed_work_sync(dwork));
	tw_destroy(w);
}

static void static_items(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	int i;

	/* This is done twice, because debugobjects know a static item only after its first use. */
	for (i = 0; i < 2; i++) {
		all_states(e, &static_work, true);
		all_delays(e, &static_delayed, true);
		all_delays(e, &static_deferrable, true);
	}
	KUNIT_EXPECT_FALSE(test, static_delayed.timer.flags & TIMER_DEFERRABLE);
	KUNIT_EXPECT_TRUE(test, !!(static_deferrable.timer.flags & TIMER_DEFERRABLE));
}

static void items_on_the_stack(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	static struct lock_class_key key;
	struct cmwq2_delayed_work delayed, deferrable;
	struct cmwq2_rcu_work after_rcu;
	struct cmwq2_work plain, keyed;

	CMWQ2_INIT_WORK_ONSTACK(&plain, do_fn);
	all_states(e, &plain, false);
	cmwq2_destroy_work_on_stack(&plain);

	CMWQ2_INIT_WORK_ONSTACK_KEY(&keyed, do_fn, &key);
	all_states(e, &keyed, false);
	cmwq2_destroy_work_on_stack(&keyed);

	CMWQ2_INIT_RCU_WORK_ONSTACK(&after_rcu, do_fn);
	all_states(e, &after_rcu.work, false);
	KUNIT_EXPECT_PTR_EQ(test, cmwq2_to_rcu_work(&after_rcu.work), &after_rcu);
	cmwq2_destroy_work_on_stack(&after_rcu.work);

	CMWQ2_INIT_DELAYED_WORK_ONSTACK(&delayed, do_fn);
	all_delays(e, &delayed, false);
	KUNIT_EXPECT_FALSE(test, delayed.timer.flags & TIMER_DEFERRABLE);
	cmwq2_destroy_delayed_work_on_stack(&delayed);

	CMWQ2_INIT_DEFERRABLE_WORK_ONSTACK(&deferrable, do_fn);
	all_delays(e, &deferrable, false);
	KUNIT_EXPECT_TRUE(test, !!(deferrable.timer.flags & TIMER_DEFERRABLE));
	cmwq2_destroy_delayed_work_on_stack(&deferrable);
}

struct do_items {
	struct cmwq2_work		plain;
	struct cmwq2_delayed_work	delayed;
	struct cmwq2_delayed_work	deferrable;
	struct cmwq2_rcu_work		after_rcu;
	struct cmwq2_execute_work	execute;
};

/* Items in memory that is freed, and in memory where other items had been. */
static void items_in_memory(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	int i;

	for (i = 0; i < 3; i++) {
		struct do_items *s = kmalloc(sizeof(*s), GFP_KERNEL);
		struct do_items *of = NULL;

		KUNIT_ASSERT_NOT_NULL(test, s);
		memset(s, 0xff, sizeof(*s));
		CMWQ2_INIT_WORK(&s->plain, do_fn);
		CMWQ2_INIT_DELAYED_WORK(&s->delayed, do_fn);
		CMWQ2_INIT_DEFERRABLE_WORK(&s->deferrable, do_fn);
		CMWQ2_INIT_RCU_WORK(&s->after_rcu, do_fn);
		CMWQ2_INIT_WORK(&s->execute.work, do_fn);
		KUNIT_EXPECT_PTR_EQ(test, cmwq2_from_work(of, &s->plain, plain), s);
		KUNIT_EXPECT_PTR_EQ(test, cmwq2_to_delayed_work(&s->delayed.work), &s->delayed);

		all_states(e, &s->plain, false);
		/* An idle item may be initialised again. */
		CMWQ2_INIT_WORK(&s->plain, do_fn);
		all_states(e, &s->plain, false);
		all_delays(e, &s->delayed, false);
		all_delays(e, &s->deferrable, false);
		all_states(e, &s->after_rcu.work, false);
		all_states(e, &s->execute.work, false);
		kfree(s);
	}
}

static struct kunit_case debugobj_cases[] = {
	KUNIT_CASE(static_items),
	KUNIT_CASE(items_on_the_stack),
	KUNIT_CASE(items_in_memory),
	{}
};

static struct kunit_suite debugobj_suite = {
	.name = "cmwq2_debugobj",
	.test_cases = debugobj_cases,
};

kunit_test_suites(&debugobj_suite);
