// SPDX-License-Identifier: GPL-2.0
/*
 * Suites with every possible outcome, to test how the harness judges them.
 */
#include <kunit/test.h>

static void good(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1, 1);
}

static void bad(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1, 2);
}

static void skipped(struct kunit *test)
{
	kunit_skip(test, "on purpose");
}

static struct kunit_case passing_cases[] = {
	KUNIT_CASE(good),
	KUNIT_CASE(skipped),
	{}
};

static struct kunit_case failing_cases[] = {
	KUNIT_CASE(good),
	KUNIT_CASE(bad),
	{}
};

static struct kunit_case no_cases[] = {
	{}
};

static struct kunit_suite passing = {
	.name = "selftest_passing",
	.test_cases = passing_cases,
};

static struct kunit_suite failing = {
	.name = "selftest_failing",
	.test_cases = failing_cases,
};

static struct kunit_suite empty = {
	.name = "selftest_empty",
	.test_cases = no_cases,
};

kunit_test_suites(&passing, &failing, &empty);

MODULE_DESCRIPTION("KUnit suites for the harness of cmwq2 to judge");
MODULE_LICENSE("GPL");
