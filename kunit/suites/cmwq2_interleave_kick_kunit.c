// SPDX-License-Identifier: GPL-2.0
/*
 * Races of a kick against another kick and against a cancel of the item that it
 * was for, under each claim and wake and in either kind of pool. The
 * interleavings are forced; see hold.h for the two windows of a kick.
 */
#include "hold.h"

KUNIT_ARRAY_PARAM_DESC(kick, tw_kicks, name);

/*
 * A second kick comes before the first has arrived. If its target counts as
 * idle, it picks that worker again; under leave_idle it picks another one.
 */
static void kick_twice(struct kunit *test)
{
	struct tw_kick *k = tw_kick_env(test, 0, 0);
	struct tw_stage *s = k->s;
	bool other = tw_mode(s->env)->claim->busy;
	struct tw_item *second = tw_item(s->env, tw_fn_nop);
	struct cmwq2_pool_stats before, after;
	unsigned int i;

	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 3);
		before = tw_stats(s->w, s->cpu);
		tw_kick_and_hold(k);
		/* No worker can take the items, not even the one that the second kick picked. */
		preempt_disable();
		tw_queue_on(s->cpu, s->w, second);
		after = tw_stats(s->w, s->cpu);
		preempt_enable();
		KUNIT_ASSERT_EQ(test, after.kicks - before.kicks, 2);
		KUNIT_ASSERT_EQ(test, after.coalesced - before.coalesced, !other);
		KUNIT_ASSERT_EQ(test, after.nr_idle, other ? 1 : 3);
		tw_kick_arrives(k);
		tw_kick_is_done(k);
		tw_wait_done(second, "the item of the second kick");
		tw_flush(second);
		KUNIT_ASSERT_EQ(test, atomic_read(&second->runs), k->runs);
	}
}

/* The item for which the worker was kicked is cancelled. */
static void kick_for_nothing(struct kunit *test)
{
	struct tw_kick *k = tw_kick_env(test, 0, 0);
	struct tw_stage *s = k->s;
	struct tw_item *after = tw_item(s->env, tw_fn_nop);
	unsigned int i;

	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 3);
		tw_kick_and_hold(k);
		KUNIT_ASSERT_TRUE(test, tw_cancel(k->it));
		tw_kick_arrives(k);
		tw_at_rest(s);
		KUNIT_ASSERT_EQ(test, READ_ONCE(s->pool->nr_workers), 3);
		tw_queue_on(s->cpu, s->w, after);
		tw_wait_done(after, "an item after the kick that found no item");
		tw_flush(after);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&k->it->runs), 0);
}

static struct kunit_case interleave_kick_cases[] = {
	KUNIT_CASE_PARAM_ATTR(kick_twice, kick_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(kick_for_nothing, kick_gen_params, TW_SLOW),
	{}
};

static struct kunit_suite interleave_kick_suite = {
	.name = "cmwq2_interleave_kick",
	.test_cases = interleave_kick_cases,
	.suite_init = tw_modes_init,
};

kunit_test_suites(&interleave_kick_suite);
