// SPDX-License-Identifier: GPL-2.0
/*
 * concurrency=short: a pool is managed only while its items are short.
 */
#include <linux/limits.h>
#include <linux/preempt.h>

#include "lab/policy/concurrency.h"
#include "hold.h"
#include "shared.h"

#define LONG_NS		(2 * CMWQ2_ITEM_LONG_NS)

struct short_ctx {
	struct tw_env		*e;
	struct tw_wq		*w;
	struct cmwq2_pool	*pool;
};

static void short_env(struct kunit *test, struct short_ctx *c, const char *settings)
{
	c->e = tw_env_cmwq2(test);
	tw_policy(c->e, "profile", "mainline-7.3");
	tw_policy(c->e, "policies", settings);
	c->w = tw_shared_wq(c->e, 0, 0, 3);
	c->pool = tw_pool_of(c->w, tw_cpu(0));
}

/* An item that takes long and whose worker is not switched out, so that it is measured. */
static void fn_long(struct tw_item *it)
{
	preempt_disable();
	tw_occupy(LONG_NS);
	preempt_enable();
}

static void run_one(struct short_ctx *c, struct tw_item *it)
{
	tw_queue(c->w, it);
	tw_wait_done(it, "an item");
	tw_flush(it);
}

static bool pool_is_managed(struct cmwq2_pool *pool)
{
	return READ_ONCE(pool->wanted) == num_online_cpus();
}

/* Run the item until the pool is managed, or until it is free. */
static void run_until(struct short_ctx *c, struct tw_item *it, bool managed)
{
	unsigned long end = jiffies + tw_timeout();

	while (pool_is_managed(c->pool) != managed) {
		run_one(c, it);
		KUNIT_ASSERT_TRUE_MSG(c->e->test, time_before(jiffies, end),
				      "the pool is still %s", managed ? "free" : "managed");
	}
}

static void follows_the_items(struct kunit *test)
{
	struct tw_item *nop, *hog;
	struct short_ctx c;
	int i;

	short_env(test, &c, "concurrency=short wakeup=needed");
	nop = tw_item(c.e, tw_fn_nop);
	hog = tw_item(c.e, fn_long);
	for (i = 0; i < 3; i++) {
		run_until(&c, nop, true);
		KUNIT_EXPECT_EQ(test, c.pool->room, num_online_cpus() - c.pool->nr_called);
		run_until(&c, hog, false);
		KUNIT_EXPECT_EQ(test, READ_ONCE(c.pool->wanted), INT_MAX);
		KUNIT_EXPECT_EQ(test, c.pool->room, INT_MAX - c.pool->nr_called);
	}
}

/* With managed nothing is measured. */
static void managed_does_not(struct kunit *test)
{
	struct tw_item *hog;
	struct short_ctx c;
	int i;

	short_env(test, &c, "concurrency=managed");
	hog = tw_item(c.e, fn_long);
	for (i = 0; i < 3 * CMWQ2_ITEM_SAMPLE; i++)
		run_one(&c, hog);
	KUNIT_EXPECT_TRUE(test, pool_is_managed(c.pool));
	KUNIT_EXPECT_EQ(test, c.pool->items_ns, 0);
}

/* Items that never sleep, more than CPUs: all start, because they are long. */
static void long_ones_hold_up_nobody(struct kunit *test)
{
	struct tw_item *hog, **items;
	int i, nr = 2 * num_online_cpus();
	struct short_ctx c;

	short_env(test, &c, "concurrency=short wakeup=needed");
	tw_policy(c.e, "cpu_intensive_thresh_us", "0");
	hog = tw_item(c.e, fn_long);
	items = tw_zalloc(c.e, nr * sizeof(*items));
	run_until(&c, hog, false);
	for (i = 0; i < nr; i++) {
		items[i] = tw_item(c.e, tw_fn_run_on);
		tw_queue(c.w, items[i]);
	}
	for (i = 0; i < nr; i++)
		tw_wait_started(items[i], "an item beside others that run on");
	for (i = 0; i < nr; i++)
		WRITE_ONCE(items[i]->val, 1);
	tw_flush_wq(c.w);
	TW_POLL(c.e, tw_pool_idle(c.w, tw_cpu(0)), "the pool to come to rest");
}

static struct kunit_case short_items_cases[] = {
	KUNIT_CASE(follows_the_items),
	KUNIT_CASE(managed_does_not),
	KUNIT_CASE(long_ones_hold_up_nobody),
	{}
};

static struct kunit_suite short_items_suite = {
	.name = "cmwq2_short_items",
	.test_cases = short_items_cases,
};

kunit_test_suites(&short_items_suite);
