// SPDX-License-Identifier: GPL-2.0
/*
 * Ordered queues run items in the order of queueing and one at a time,
 * whichever CPUs the producers are on and whatever the items do.
 *
 * Every item writes its number into a log and passes a gauge. Producers that
 * race each other have one lane of numbers each, within which the order is
 * defined.
 */
#include <linux/cpumask.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

#define NR_ITEMS 300

struct ordered_ctx {
	struct tw_log	*log;
	struct tw_gauge	gauge;
	struct tw_item	*items[NR_ITEMS];
	struct tw_wq	*w;
};

static void fn_log(struct tw_item *it)
{
	struct ordered_ctx *c = it->ctx;

	tw_gauge_enter(&c->gauge);
	tw_log_add(c->log, it->id);
	if (it->val == 1)
		cond_resched();
	else if (it->val == 2)
		schedule_timeout_uninterruptible(1);
	tw_gauge_exit(&c->gauge);
}

static struct ordered_ctx *ordered_setup(struct tw_env *e, unsigned int flags)
{
	struct ordered_ctx *c = tw_zalloc(e, sizeof(*c));
	int i;

	c->log = tw_log(e, NR_ITEMS);
	c->w = tw_alloc(e, TW_ORDERED | flags, 0);
	for (i = 0; i < NR_ITEMS; i++) {
		c->items[i] = tw_item(e, fn_log);
		c->items[i]->id = i;
		c->items[i]->ctx = c;
	}
	return c;
}

static void ordered_check(struct kunit *test, struct ordered_ctx *c, int nr, int lanes)
{
	tw_flush_wq(c->w);
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo_by_lane(c->log, nr, lanes));
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 1);
}

static void ordered_is_fifo(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct ordered_ctx *c = ordered_setup(e, 0);
	int i;

	for (i = 0; i < NR_ITEMS; i++)
		tw_queue(c->w, c->items[i]);
	ordered_check(test, c, NR_ITEMS, 1);
}

static void ordered_is_fifo_across_cpus(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct ordered_ctx *c = ordered_setup(e, 0);
	int i;

	for (i = 0; i < NR_ITEMS; i++)
		tw_queue_on(tw_cpu(i), c->w, c->items[i]);
	ordered_check(test, c, NR_ITEMS, 1);
}

static void ordered_highpri_reclaim(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct ordered_ctx *c = ordered_setup(e, TW_HIGHPRI | TW_MEM_RECLAIM);
	int i;

	for (i = 0; i < NR_ITEMS; i++)
		tw_queue(c->w, c->items[i]);
	ordered_check(test, c, NR_ITEMS, 1);
}

static void ordered_with_sleeping_items(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct ordered_ctx *c = ordered_setup(e, 0);
	int i;

	for (i = 0; i < 60; i++) {
		c->items[i]->val = i % 3;
		tw_queue_on(tw_cpu(i), c->w, c->items[i]);
	}
	ordered_check(test, c, 60, 1);
}

static void produce_lane(struct tw_thread *t)
{
	struct ordered_ctx *c = t->ctx;
	int i;

	for (i = t->val; i < NR_ITEMS; i += 2)
		tw_queue(c->w, c->items[i]);
}

static void ordered_two_producers(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct ordered_ctx *c = ordered_setup(e, 0);
	struct tw_thread *t[2];
	int i;

	for (i = 0; i < 2; i++) {
		t[i] = tw_thread(e, tw_cpu(i), produce_lane, c->w, NULL, c);
		t[i]->val = i;
		tw_thread_start(t[i]);
	}
	for (i = 0; i < 2; i++)
		tw_join(t[i], "a producer");
	ordered_check(test, c, NR_ITEMS, 2);
}

static void ordered_closes_ranks_after_cancel(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct ordered_ctx *c = ordered_setup(e, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *gone[2] = { tw_item(e, fn_log), tw_item(e, fn_log) };
	int i;

	tw_queue(c->w, blocker);
	for (i = 0; i < 20; i++) {
		if (i == 0 || i == 11) {
			gone[!!i]->id = -1;
			gone[!!i]->ctx = c;
			tw_queue(c->w, gone[!!i]);
		}
		tw_queue(c->w, c->items[i]);
	}
	KUNIT_EXPECT_TRUE(test, tw_cancel(gone[0]));
	KUNIT_EXPECT_TRUE(test, tw_cancel_sync(gone[1]));
	complete_all(blocker->gate);
	ordered_check(test, c, 20, 1);
}

/* An item that sleeps delays all other items, not only the next one. */
static void ordered_sleeper_holds_all(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct ordered_ctx *c = ordered_setup(e, 0);
	struct tw_wq *other = tw_alloc(e, TW_ORDERED, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *probe = tw_item(e, tw_fn_nop);
	int i;

	tw_queue(c->w, blocker);
	tw_wait_started(blocker, "the blocker");
	for (i = 0; i < 10; i++)
		tw_queue_on(tw_cpu(i), c->w, c->items[i]);
	for (i = 0; i < 10; i++) {
		tw_queue_on(tw_cpu(i), other, probe);
		tw_wait_done(probe, "an item of another ordered queue");
	}
	KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), 0);
	complete_all(blocker->gate);
	ordered_check(test, c, 10, 1);
}

static struct cmwq2_attrs *ordered_attrs(struct tw_env *e)
{
	struct cmwq2_attrs *attrs = tw_zalloc(e, sizeof(*attrs));

	KUNIT_ASSERT_TRUE(e->test, alloc_cpumask_var(&attrs->cpumask, GFP_KERNEL));
	cpumask_copy(attrs->cpumask, cpu_possible_mask);
	return attrs;
}

/* After a change of attributes new items wait for all older ones. */
static void ordered_attrs_wait_for_old_items(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct ordered_ctx *c = ordered_setup(e, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_wq *other = tw_alloc(e, TW_ORDERED, 0);
	struct tw_item *probe = tw_item(e, tw_fn_nop);
	struct cmwq2_attrs *attrs = ordered_attrs(e);
	int i, pool = -1;

	tw_queue(c->w, blocker);
	tw_wait_started(blocker, "the blocker");
	for (i = 0; i < 60; i++) {
		if (i % 10 == 0) {
			attrs->nice = -i / 10;
			KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(c->w->wq, attrs), 0);
			KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(other->wq, attrs), 0);
			if (i)
				KUNIT_EXPECT_NE(test, tw_stats(c->w, tw_cpu(0)).id, pool);
			pool = tw_stats(c->w, tw_cpu(0)).id;
			KUNIT_EXPECT_EQ(test, tw_stats(c->w, tw_cpu(1)).id, pool);
		}
		tw_queue_on(tw_cpu(i), c->w, c->items[i]);
		/* The pool does run items: those of the other queue. */
		tw_queue(other, probe);
		tw_wait_done(probe, "an item of another queue");
	}
	free_cpumask_var(attrs->cpumask);
	KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), 0);
	/* An item that waits in a pwq in the middle can be cancelled. */
	KUNIT_EXPECT_TRUE(test, tw_cancel_sync(c->items[35]));
	KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), 0);
	complete_all(blocker->gate);
	tw_flush_wq(c->w);
	KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), 59);
	for (i = 0; i < 59; i++)
		KUNIT_EXPECT_EQ(test, c->log->id[i], i + (i >= 35));
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 1);
}

static void thread_change_attrs(struct tw_thread *t)
{
	struct cmwq2_attrs *attrs = t->ctx;
	int i;

	for (i = 0; !READ_ONCE(t->env->closing) && !READ_ONCE(t->ret); i++) {
		tw_progress(t);
		attrs->nice = i % 5;
		attrs->affn_strict = i % 2;
		cpumask_copy(attrs->cpumask, i % 3 ? cpu_possible_mask : cpumask_of(tw_cpu(i / 3)));
		if (cmwq2_apply_workqueue_attrs(t->wq->wq, attrs))
			t->val++;
		cond_resched();
	}
}

static void ordered_while_attrs_change(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct ordered_ctx *c = ordered_setup(e, TW_MEM_RECLAIM);
	struct cmwq2_attrs *attrs = ordered_attrs(e);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, thread_change_attrs, c->w, NULL, attrs);
	int i;

	tw_thread_start(t);
	for (i = 0; i < NR_ITEMS; i++) {
		c->items[i]->val = i % 16 == 0 ? 2 : i % 3 == 0;
		tw_queue_on(tw_cpu(i), c->w, c->items[i]);
		if (i % 50 == 49)
			tw_flush_wq(c->w);
		else
			cond_resched();
	}
	ordered_check(test, c, NR_ITEMS, 1);
	TW_POLL(e, READ_ONCE(t->progress) > 0, "a change of the attributes");
	WRITE_ONCE(t->ret, true);
	tw_join(t, "the thread that changes the attributes");
	free_cpumask_var(attrs->cpumask);
	KUNIT_EXPECT_EQ(test, t->val, 0);
}

static struct kunit_case ordered_cases[] = {
	KUNIT_CASE_PARAM(ordered_is_fifo, engine_gen_params),
	KUNIT_CASE_PARAM(ordered_is_fifo_across_cpus, engine_gen_params),
	KUNIT_CASE_PARAM(ordered_highpri_reclaim, engine_gen_params),
	KUNIT_CASE_PARAM(ordered_with_sleeping_items, engine_gen_params),
	KUNIT_CASE_PARAM(ordered_two_producers, engine_gen_params),
	KUNIT_CASE_PARAM(ordered_closes_ranks_after_cancel, engine_gen_params),
	KUNIT_CASE_PARAM(ordered_sleeper_holds_all, engine_gen_params),
	KUNIT_CASE(ordered_attrs_wait_for_old_items),
	KUNIT_CASE(ordered_while_attrs_change),
	{}
};

static struct kunit_suite ordered_suite = {
	.name = "cmwq2_ordered",
	.test_cases = ordered_cases,
};

kunit_test_suites(&ordered_suite);
