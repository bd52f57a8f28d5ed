// SPDX-License-Identifier: GPL-2.0
/*
 * concurrency=short: a pool is managed only while its items are short.
 */
#include <linux/limits.h>
#include <linux/preempt.h>

#include "lab/policy/concurrency.h"
#include "hold.h"
#include "locked.h"
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

/* Run the item until the pool is free. */
static void run_until_free(struct short_ctx *c, struct tw_item *it)
{
	unsigned long end = jiffies + tw_timeout();

	while (pool_is_managed(c->pool)) {
		run_one(c, it);
		KUNIT_ASSERT_TRUE_MSG(c->e->test, time_before(jiffies, end),
				      "the pool is still managed");
	}
}

/*
 * What an item takes depends on the machine: a host with other work, or a checker, makes
 * any item long now and then. So a test sets the sums of the pool before each item that is
 * measured, and checks what this item does to them.
 *
 * At BORDER the pool has long items, but so few that a short one more makes it managed.
 */
#define LONG_SUM	(100ULL * CMWQ2_ITEM_MEMORY)
#define LONG_LEFT	(LONG_SUM - LONG_SUM / CMWQ2_ITEM_MEMORY)
#define BORDER		(CMWQ2_ITEM_LONG_PART * LONG_SUM - 1)

struct measured {
	u64	long_ns;	/* what a long item took, 0 for a short one */
	int	wanted;
	int	room;
};

/* Takes from the pool what the last measured item did. Returns false if there was none. */
static bool was_measured(struct short_ctx *c, struct measured *m)
{
	bool was;

	tw_pool_lock(c->pool);
	was = c->pool->long_ns != LONG_SUM;
	m->long_ns = c->pool->long_ns - LONG_LEFT;
	m->wanted = c->pool->wanted;
	m->room = c->pool->room + c->pool->nr_called;
	tw_pool_unlock(c->pool);
	return was;
}

/* Sets the pool's sums, and runs an item again and again until the pool measures one run. */
static void measure(struct short_ctx *c, struct tw_item *it, u64 items_ns, struct measured *m)
{
	unsigned long end = jiffies + tw_timeout();

	tw_pool_lock(c->pool);
	c->pool->items_ns = items_ns;
	c->pool->long_ns = LONG_SUM;
	tw_pool_unlock(c->pool);
	do {
		KUNIT_ASSERT_TRUE_MSG(c->e->test, time_before(jiffies, end),
				      "no item is measured");
		run_one(c, it);
	} while (!was_measured(c, m));
}

/* Measures one item after another, until one is long, or short. */
static void measure_until(struct short_ctx *c, struct tw_item *it, bool is_long)
{
	unsigned long end = jiffies + tw_timeout();
	struct kunit *test = c->e->test;
	struct measured m;

	do {
		KUNIT_ASSERT_TRUE_MSG(test, time_before(jiffies, end), "no item is %s",
				      is_long ? "long" : "short");
		measure(c, it, BORDER, &m);
		KUNIT_EXPECT_EQ(test, m.wanted, m.long_ns ? INT_MAX : num_online_cpus());
		KUNIT_EXPECT_EQ(test, m.room, m.wanted);
		if (m.long_ns)
			KUNIT_EXPECT_GT(test, m.long_ns, CMWQ2_ITEM_LONG_NS);
		KUNIT_EXPECT_LE(test, m.long_ns, 4 * CMWQ2_ITEM_LONG_NS);
	} while (!m.long_ns == is_long);
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
		measure_until(&c, nop, false);
		measure_until(&c, hog, true);
	}
}

/* A single long item among many short ones leaves the pool managed. */
static void one_long_item_is_forgiven(struct kunit *test)
{
	struct short_ctx c;
	struct measured m;
	struct tw_item *hog;

	short_env(test, &c, "concurrency=short wakeup=needed");
	hog = tw_item(c.e, fn_long);
	do {
		measure(&c, hog, CMWQ2_ITEM_MEMORY * (u64)CMWQ2_ITEM_LONG_NS, &m);
		KUNIT_EXPECT_EQ(test, m.wanted, num_online_cpus());
	} while (!m.long_ns);
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
	run_until_free(&c, hog);
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
	KUNIT_CASE(one_long_item_is_forgiven),
	KUNIT_CASE(managed_does_not),
	KUNIT_CASE(long_ones_hold_up_nobody),
	{}
};

static struct kunit_suite short_items_suite = {
	.name = "cmwq2_short_items",
	.test_cases = short_items_cases,
};

kunit_test_suites(&short_items_suite);
