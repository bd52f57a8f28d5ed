// SPDX-License-Identifier: GPL-2.0
/*
 * The yield policy: a worker goes on with other items before it yields the CPU.
 *
 * An item tells the scheduler that its CPU is wanted. The flag stays until the worker
 * yields, so the next items see whether it did.
 */
#include <linux/sched.h>
#include <linux/stringify.h>
#include <linux/timekeeping.h>

#include "env.h"

#define NR_NEXT		2
/* How long each of the next items takes; yields_in_the_end needs more than its yield_us. */
#define ITEM_NS		10000
/* A tick may want the CPU, too, so a test that waits for the flag to go away tries again. */
#define NR_TRIES	200
/* The longest yield_us */
#define LONGEST_US	10000

struct yield_ctx {
	struct tw_env	*e;
	struct tw_wq	*w;
	struct tw_item	*first;
	struct tw_item	*next[NR_NEXT];
	u64		wanted;		/* when the first item wanted the CPU */
	u64		took;		/* from then until the first of the next ones began */
};

/* Queue the next items behind this one, and want the CPU. */
static void fn_first(struct tw_item *it)
{
	struct yield_ctx *c = it->ctx;
	int i;

	for (i = 0; i < NR_NEXT; i++)
		tw_queue_on(tw_cpu(0), c->w, c->next[i]);
	c->wanted = ktime_get_mono_fast_ns();
	set_tsk_need_resched(current);
}

static void fn_next(struct tw_item *it)
{
	struct yield_ctx *c = it->ctx;

	it->val = need_resched();
	if (it == c->next[0])
		c->took = ktime_get_mono_fast_ns() - c->wanted;
	tw_occupy(ITEM_NS);
}

static void yield_env(struct kunit *test, struct yield_ctx *c, const char *yield, const char *us)
{
	int i;

	if (IS_ENABLED(CONFIG_PREEMPTION))
		kunit_skip(test, "this kernel preempts a worker inside of an item");
	c->e = tw_env_cmwq2(test);
	tw_policy(c->e, "yield", yield);
	tw_policy(c->e, "yield_us", us);
	c->w = tw_alloc(c->e, TW_PERCPU, 0);
	c->first = tw_item(c->e, fn_first);
	c->first->ctx = c;
	for (i = 0; i < NR_NEXT; i++) {
		c->next[i] = tw_item(c->e, fn_next);
		c->next[i]->ctx = c;
	}
}

static void yield_run(struct yield_ctx *c)
{
	tw_queue_on(tw_cpu(0), c->w, c->first);
	tw_flush(c->first);
	tw_flush_wq(c->w);
}

/* Run the items until the worker yielded before the @nth of the next ones. */
static void yields_before(struct yield_ctx *c, int nth)
{
	int tries = 0;

	do {
		KUNIT_ASSERT_LT_MSG(c->e->test, tries++, NR_TRIES, "the worker never yields");
		yield_run(c);
	} while (c->next[nth]->val);
}

static void yields_at_once(struct kunit *test)
{
	struct yield_ctx c;

	yield_env(test, &c, "soon", __stringify(LONGEST_US));
	yields_before(&c, 0);
}

static void goes_on(struct kunit *test)
{
	struct yield_ctx c;
	int i;

	yield_env(test, &c, "later", __stringify(LONGEST_US));
	for (i = 0; i < 20; i++) {
		yield_run(&c);
		/* The host may take the CPU for so long that the worker has to yield. */
		if (c.took < LONGEST_US * NSEC_PER_USEC)
			KUNIT_EXPECT_EQ(test, c.next[0]->val, 1);
	}
}

static void yields_in_the_end(struct kunit *test)
{
	struct yield_ctx c;

	yield_env(test, &c, "later", "1");
	yields_before(&c, 1);
}

static struct kunit_case yield_cases[] = {
	KUNIT_CASE(yields_at_once),
	KUNIT_CASE(goes_on),
	KUNIT_CASE(yields_in_the_end),
	{}
};

static struct kunit_suite yield_suite = {
	.name = "cmwq2_yield",
	.test_cases = yield_cases,
};

kunit_test_suites(&yield_suite);
