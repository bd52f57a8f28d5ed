// SPDX-License-Identifier: GPL-2.0
/*
 * Tests that every policy of a pool must pass. They use the engine's list of
 * policies, so a new policy is tested without a change here.
 */
#include <linux/string.h>

#include "load.h"
#include "policies.h"

#define ROUNDS		20

KUNIT_ARRAY_PARAM_DESC(policy, tw_policies, name);

/* No item is lost and none runs twice under any value of the policy. */
static void load_under_each_value(struct kunit *test)
{
	const struct tw_any_policy *policy = test->param_value;
	struct tw_env *e = tw_env_cmwq2(test);
	int i;

	for (i = 0; policy->values[i]; i++) {
		tw_policy(e, policy->name, policy->values[i]);
		KUNIT_EXPECT_STREQ(test, cmwq2_policy_get(policy->name), policy->values[i]);
		tw_load(e, TW_PERCPU, ROUNDS);
		tw_load(e, TW_UNBOUND, ROUNDS);
		tw_load(e, TW_ORDERED, ROUNDS);
		tw_load(e, TW_UNBOUND | TW_MEM_RECLAIM, ROUNDS);
	}
	KUNIT_EXPECT_GE(test, i, 2);
}

/*
 * A value can be set by the policy's own parameter, by policies, and for one pool by
 * pool_policy. Setting a profile sets the policy back.
 */
static void each_value_has_three_ways(struct kunit *test)
{
	const struct tw_any_policy *policy = test->param_value;
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	int i, id = tw_stats(w, tw_cpu(0)).id;
	char setting[64];

	tw_policy(e, "profile", "mainline-7.3");
	for (i = 0; policy->values[i]; i++) {
		scnprintf(setting, sizeof(setting), "%s=%s", policy->name, policy->values[i]);
		tw_policy(e, "policies", setting);
		KUNIT_EXPECT_STREQ(test, cmwq2_policy_get(policy->name), policy->values[i]);
		KUNIT_EXPECT_TRUE(test, strstr(cmwq2_policy_get("policies"), setting));
		KUNIT_EXPECT_EQ(test, cmwq2_policy_set("profile", "mainline-7.3"), 0);
		scnprintf(setting, sizeof(setting), "%d %s=%s", id, policy->name,
			  policy->values[i]);
		KUNIT_EXPECT_EQ(test, cmwq2_policy_set("pool_policy", setting), 0);
		KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("profile"), "mainline-7.3");
	}
}

static void nonsense_is_refused(struct kunit *test)
{
	static const char *const bad[] = { "", "bogus", "0", "-1", "none none" };
	const struct tw_any_policy *policy = test->param_value;

	tw_policy_refuses(tw_env_cmwq2(test), policy->name, bad, ARRAY_SIZE(bad));
}

/* A pool to which the policy does not apply cannot be given a value of its own. */
static void other_pools_are_refused(struct kunit *test)
{
	const struct tw_any_policy *policy = test->param_value;
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *bh = tw_alloc(e, TW_PERCPU | TW_BH, 0), *percpu = tw_alloc(e, TW_PERCPU, 0);
	bool in_bh = policy->pools == CMWQ2_IN_ALL_POOLS;
	bool in_percpu = policy->pools != CMWQ2_IN_UNBOUND_POOLS;
	char setting[64];

	tw_policy(e, "profile", "mainline-7.3");
	scnprintf(setting, sizeof(setting), "%d %s=%s", tw_stats(bh, tw_cpu(0)).id, policy->name,
		  policy->values[1]);
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("pool_policy", setting), in_bh ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, !!cmwq2_policy_get("pool_policy")[0], in_bh);
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("profile", "mainline-7.3"), 0);
	scnprintf(setting, sizeof(setting), "%d %s=%s", tw_stats(percpu, tw_cpu(0)).id,
		  policy->name, policy->values[1]);
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("pool_policy", setting), in_percpu ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, !!cmwq2_policy_get("pool_policy")[0], in_percpu);
}

static struct kunit_case policies_cases[] = {
	KUNIT_CASE_PARAM(load_under_each_value, policy_gen_params),
	KUNIT_CASE_PARAM(each_value_has_three_ways, policy_gen_params),
	KUNIT_CASE_PARAM(nonsense_is_refused, policy_gen_params),
	KUNIT_CASE_PARAM(other_pools_are_refused, policy_gen_params),
	{}
};

static struct kunit_suite policies_suite = {
	.name = "cmwq2_policies",
	.test_cases = policies_cases,
};

kunit_test_suites(&policies_suite);
