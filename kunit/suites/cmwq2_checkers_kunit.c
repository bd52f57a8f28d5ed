// SPDX-License-Identifier: GPL-2.0
/*
 * The controls that must fail.
 *
 * The other suites trust a few checkers: order, overlap, the gauge, the ledger, the
 * bounded wait. If a checker never complained, all these suites would pass. Here each
 * checker gets one fault at a time and must report it.
 */
#include "check.h"

static struct tw_log *log_of(struct tw_env *e, const int *ids, int nr, int max)
{
	struct tw_log *log = tw_log(e, max);
	int i;

	for (i = 0; i < nr; i++)
		tw_log_add(log, ids[i]);
	return log;
}

static void order_checker_accepts_order(struct kunit *test)
{
	static const int ids[] = { 0, 1, 2, 3 };
	struct tw_env *e = tw_env_cmwq2(test);

	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(log_of(e, ids, 4, 4), 4));
}

static void order_checker_catches_swap(struct kunit *test)
{
	static const int ids[] = { 0, 2, 1, 3 };
	struct tw_env *e = tw_env_cmwq2(test);

	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo(log_of(e, ids, 4, 4), 4));
}

static void order_checker_catches_loss(struct kunit *test)
{
	static const int ids[] = { 0, 1, 3 };
	struct tw_env *e = tw_env_cmwq2(test);

	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo(log_of(e, ids, 3, 4), 4));
	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo(log_of(e, ids, 3, 4), 3));
}

static void order_checker_catches_second_run(struct kunit *test)
{
	static const int ids[] = { 0, 1, 1, 2 };
	struct tw_env *e = tw_env_cmwq2(test);

	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo(log_of(e, ids, 4, 4), 4));
	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo(log_of(e, ids, 4, 4), 3));
	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo(log_of(e, ids, 4, 3), 4));
}

static void lane_checker_catches_swap(struct kunit *test)
{
	static const int good[] = { 1, 0, 3, 2, 4, 5 };
	static const int swap[] = { 1, 0, 5, 2, 4, 3 };
	static const int wide[] = { 1, 0, 2, 4, 6, 3 };
	struct tw_env *e = tw_env_cmwq2(test);

	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo_by_lane(log_of(e, good, 6, 6), 6, 2));
	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo_by_lane(log_of(e, swap, 6, 6), 6, 2));
	KUNIT_EXPECT_FALSE(test, tw_log_is_fifo_by_lane(log_of(e, wide, 6, 6), 6, 2));
}

/* Nests the accounting, as happens when an item runs twice at once. */
static void fn_nested(struct tw_item *it)
{
	if (!it->val++)
		tw_run_item(it);
}

static void overlap_checker_catches_double_run(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *good = tw_item(e, tw_fn_nop);
	struct tw_item *bad = tw_item(e, fn_nested);

	tw_run_item(good);
	tw_run_item(good);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(good));
	tw_run_item(bad);
	KUNIT_EXPECT_FALSE(test, tw_item_never_overlapped(bad));
}

static void once_checker_catches_loss_and_second_run(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *items[2] = { tw_item(e, tw_fn_nop), tw_item(e, tw_fn_nop) };

	tw_run_item(items[0]);
	KUNIT_EXPECT_FALSE(test, tw_item_ran_once_each(items, 2));
	tw_run_item(items[1]);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, 2));
	tw_run_item(items[0]);
	KUNIT_EXPECT_FALSE(test, tw_item_ran_once_each(items, 2));
}

static void gauge_catches_excess(struct kunit *test)
{
	struct tw_gauge g = {};

	tw_gauge_enter(&g);
	tw_gauge_exit(&g);
	tw_gauge_enter(&g);
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&g), 1);
	tw_gauge_enter(&g);
	tw_gauge_exit(&g);
	tw_gauge_exit(&g);
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&g), 2);
}

static void ledger_catches_loss_and_second_run(struct kunit *test)
{
	struct tw_ledger l = {};

	atomic_long_set(&l.queued, 10);
	atomic_long_set(&l.cancelled, 3);
	KUNIT_EXPECT_TRUE(test, tw_ledger_balanced(&l, 7));
	KUNIT_EXPECT_FALSE(test, tw_ledger_balanced(&l, 6));
	KUNIT_EXPECT_FALSE(test, tw_ledger_balanced(&l, 8));
}

/* The item is never queued, so neither of its events may seem to happen. */
static void wait_catches_item_that_never_runs(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&it->started, 2), 0);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&it->done, 2), 0);
	tw_run_item(it);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&it->started, 2), 0);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&it->done, 2), 0);
}

static struct kunit_case checkers_cases[] = {
	KUNIT_CASE(order_checker_accepts_order),
	KUNIT_CASE(order_checker_catches_swap),
	KUNIT_CASE(order_checker_catches_loss),
	KUNIT_CASE(order_checker_catches_second_run),
	KUNIT_CASE(lane_checker_catches_swap),
	KUNIT_CASE(overlap_checker_catches_double_run),
	KUNIT_CASE(once_checker_catches_loss_and_second_run),
	KUNIT_CASE(gauge_catches_excess),
	KUNIT_CASE(ledger_catches_loss_and_second_run),
	KUNIT_CASE(wait_catches_item_that_never_runs),
	{}
};

static struct kunit_suite checkers_suite = {
	.name = "cmwq2_checkers",
	.test_cases = checkers_cases,
};

kunit_test_suites(&checkers_suite);
