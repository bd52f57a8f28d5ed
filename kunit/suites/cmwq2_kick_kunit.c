// SPDX-License-Identifier: GPL-2.0
/*
 * The kick policies: no item is lost, late or out of order, however a worker is
 * picked, claimed and woken, and while policies are switched.
 *
 * Most cases run with each combination of claim and wake. To see what a claim does
 * between the kick and the worker's run, a test turns interrupts off on the CPU of
 * the kicked worker. The worker then cannot run, so its state does not change.
 */
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "hold.h"
#include "load.h"

KUNIT_ARRAY_PARAM_DESC(mode, tw_modes, name);

static struct tw_env *kick_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_policy(e, "claim", tw_mode(e)->claim->name);
	tw_policy(e, "wake", tw_mode(e)->wake);
	return e;
}

static unsigned int kick_rounds = 50;
module_param(kick_rounds, uint, 0444);
MODULE_PARM_DESC(kick_rounds, "rounds of a load of the kick suite (default 50)");

static void load(struct tw_env *e, unsigned int flags)
{
	tw_load(e, flags, kick_rounds);
}

static void kick_load_percpu(struct kunit *test)
{
	load(kick_env(test), TW_PERCPU);
}

static void kick_load_unbound(struct kunit *test)
{
	load(kick_env(test), TW_UNBOUND);
}

static void kick_load_ordered(struct kunit *test)
{
	load(kick_env(test), TW_ORDERED);
}

/* All items sleep at once, so the pool must create workers, each of which needs a kick. */
static void kick_many_sleepers(struct kunit *test)
{
	struct tw_env *e = kick_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[48];
	int i, cpu = tw_cpu(1);

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(cpu, w, items[i]);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_started(items[i], "items that sleep at once");
	complete_all(gate);
	tw_flush_wq(w);
	TW_POLL(e, tw_pool_idle(w, cpu), "the pool to come to rest");
}

static void kick_back_to_back(struct kunit *test)
{
	struct tw_env *e = kick_env(test);
	/* Kicked workers do not count as idle, so each kick picks another worker. */
	bool leaves = tw_mode(e)->claim->busy;
	bool claims = tw_mode(e)->claim->protects;
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_pool_stats before, held;
	struct tw_item *items[8];
	int i, cpu, err, picked;
	unsigned long flags;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);
	/* This thread may be on any CPU below, so all pools must be at rest. */
	for_each_online_cpu(cpu)
		TW_POLL(e, tw_pool_idle(w, cpu), "the pools to be at rest");

	local_irq_save(flags);
	cpu = smp_processor_id();
	err = cmwq2_pool_stats(w->wq, cpu, &before);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_queue_on(cpu, w, items[i]);
	err = err ?: cmwq2_pool_stats(w->wq, cpu, &held);
	local_irq_restore(flags);

	KUNIT_ASSERT_EQ(test, err, 0);
	picked = leaves ? min_t(int, before.nr_idle, ARRAY_SIZE(items)) : 1;
	KUNIT_EXPECT_EQ(test, held.nr_kicked, claims ? picked : 0);
	KUNIT_EXPECT_EQ(test, held.kicks - before.kicks, leaves ? picked : ARRAY_SIZE(items));
	KUNIT_EXPECT_EQ(test, held.coalesced - before.coalesced,
			leaves ? 0 : ARRAY_SIZE(items) - 1);
	/* Otherwise the kicked worker is still idle, because it has not started an item. */
	KUNIT_EXPECT_EQ(test, held.nr_idle, before.nr_idle - (leaves ? picked : 0));
	KUNIT_EXPECT_EQ(test, held.nr_workers, before.nr_workers);

	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_done(items[i], "the items queued with interrupts off");
	TW_POLL(e, tw_pool_idle(w, cpu), "the kicked worker to return");
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
}

/* Each item is cancelled before the kicked worker can run. */
static void kick_for_nothing(struct kunit *test)
{
	struct tw_env *e = kick_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int i, cpu, cancelled = 0;
	unsigned long flags;

	for (i = 0; i < 200; i++) {
		local_irq_save(flags);
		tw_queue_on(smp_processor_id(), w, it);
		cancelled += tw_cancel(it);
		local_irq_restore(flags);
	}
	KUNIT_EXPECT_EQ(test, cancelled, 200);
	for_each_online_cpu(cpu)
		TW_POLL(e, tw_pool_idle(w, cpu), "the kicked worker to return");
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "an item after kicks for nothing");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

#define NR_HOPS 200

struct hop_ctx {
	struct tw_wq		*w;
	struct completion	*over;
	int			left;
};

/* Enqueues the other item while this worker is running, so that no worker is kicked for it. */
static void fn_hop(struct tw_item *it)
{
	struct tw_item *other = (void *)it->val;
	struct hop_ctx *c = it->ctx;

	if (c->left--)
		tw_queue_on(raw_smp_processor_id(), c->w, other);
	else
		complete(c->over);
}

/*
 * If an item is enqueued while a worker is running, no worker is kicked. The running
 * worker must look at the worklist again before it sleeps. If it did not, the scan
 * timer would have to kick for each item.
 */
static void worker_looks_before_it_sleeps(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct hop_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *items[] = { tw_item(e, fn_hop), tw_item(e, fn_hop) };
	struct cmwq2_pool_stats before;
	int i, cpu = tw_cpu(1);

	/* A worker whose item is a hog would not be counted as running. */
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	c->w = tw_alloc(e, TW_PERCPU, 0);
	c->over = tw_gate(e);
	c->left = NR_HOPS;
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i]->ctx = c;
		items[i]->val = (long)items[!i];
	}
	TW_POLL(e, tw_pool_idle(c->w, cpu), "the pool to be at rest");
	before = tw_stats(c->w, cpu);
	tw_queue_on(cpu, c->w, items[0]);
	TW_WAIT(e, c->over, "the last of the items");
	tw_flush_wq(c->w);
	KUNIT_EXPECT_EQ(test, tw_stats(c->w, cpu).kicks - before.kicks, 1);
}

/* A worker that was kicked must not be culled before it has run. */
static void kick_beside_culler(struct kunit *test)
{
	struct tw_env *e = kick_env(test);

	tw_policy(e, "idle_timeout_ms", "1");
	load(e, TW_UNBOUND);
}

/* Set both policies through tw_policy(), so that the end of the test restores them. */
static struct tw_env *switch_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_policy(e, "claim", "none");
	tw_policy(e, "wake", "deferred");
	return e;
}

static void pool_policy(struct tw_env *e, int pool, const char *setting, int expected)
{
	char text[64];

	scnprintf(text, sizeof(text), "%d %s", pool, setting);
	KUNIT_EXPECT_EQ_MSG(e->test, cmwq2_policy_set("pool_policy", text), expected, "%s", text);
}

static bool has_settings(const char *text, const char *a, const char *b, const char *c)
{
	return strstr(text, a) && strstr(text, b) && strstr(text, c);
}

/* One pool has its own policies until a policy is set for all pools. */
static void switch_one_pool(struct kunit *test)
{
	struct tw_env *e = switch_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	int id = tw_stats(w, tw_cpu(0)).id;
	char expected[256], begin[16];

	KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("pool_policy"), "");
	pool_policy(e, id, "claim=kicked_flag", 0);
	pool_policy(e, id, "wake=locked\n", 0);
	pool_policy(e, id, "rescue=slurp", 0);
	strscpy(expected, cmwq2_policy_get("pool_policy"), sizeof(expected));
	scnprintf(begin, sizeof(begin), "%d ", id);
	KUNIT_EXPECT_TRUE(test, str_has_prefix(expected, begin));
	KUNIT_EXPECT_TRUE(test, has_settings(expected, "claim=kicked_flag", "rescue=slurp",
					     "wake=locked"));
	KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("claim"), "none");
	load(e, TW_PERCPU);

	pool_policy(e, id, "claim=bogus", -EINVAL);
	pool_policy(e, id, "claim=", -EINVAL);
	pool_policy(e, id, "claim", -EINVAL);
	pool_policy(e, id, "", -EINVAL);
	pool_policy(e, id, "min_idle=3", -EINVAL);
	pool_policy(e, id, "claim=none wake=locked", -EINVAL);
	pool_policy(e, 1 << 20, "claim=none", -EINVAL);
	pool_policy(e, -1, "claim=none", -EINVAL);
	KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("pool_policy"), expected);

	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("claim", "none"), 0);
	KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("pool_policy"), "");
}

/* Several policies can be set at once. If one setting is wrong, none takes effect. */
static void settings_are_one_switch(struct kunit *test)
{
	static const char *const bad[] = {
		"", "claim", "claim=", "claim=bogus", "bogus=none", "min_idle=3",
		"claim=none wake=bogus", "claim=none,wake=locked", "claim=none  wake=locked",
	};
	struct tw_env *e = switch_env(test);

	tw_policy(e, "policies", "rescue=slurp claim=kicked_list\n");
	KUNIT_EXPECT_TRUE(test, has_settings(cmwq2_policy_get("policies"), "claim=kicked_list",
					     "rescue=slurp", "wake=deferred"));
	tw_policy_refuses(e, "policies", bad, ARRAY_SIZE(bad));
	load(e, TW_PERCPU);
}

static void policy_refuses_nonsense(struct kunit *test)
{
	static const char * const names[] = { "claim", "wake", "rescue", "profile",
					      "idle_timeout_ms", "cull_ratio", "min_idle",
					      "pool_policy", "policies", "wake_cost_us" };
	static const char * const bad[] = { "bogus", "", "-1", "none locked" };
	struct tw_env *e = tw_env_cmwq2(test);
	int i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char *was = tw_zalloc(e, 256);

		strscpy(was, cmwq2_policy_get(names[i]) ?: "(none)", 256);
		for (j = 0; j < ARRAY_SIZE(bad); j++)
			KUNIT_EXPECT_EQ_MSG(test, cmwq2_policy_set(names[i], bad[j]), -EINVAL,
					    "%s=%s", names[i], bad[j]);
		KUNIT_EXPECT_STREQ(test, cmwq2_policy_get(names[i]) ?: "(none)", was);
	}
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("no_such_policy", "1"), -EINVAL);
	KUNIT_EXPECT_NULL(test, cmwq2_policy_get("no_such_policy"));
}

static void profiles_set_policies(struct kunit *test)
{
	static const struct { const char *profile, *claim, *wake, *rescue; } t[] = {
		{ "mainline-6.12", "none", "locked", "slurp" },
		{ "v2-2026-06", "kicked_list", "deferred", "cursor" },
		{ "v2-as-posted", "kicked_first", "deferred", "cursor" },
		{ "mainline-7.3", "none", "deferred", "cursor" },
	};
	struct tw_env *e = switch_env(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ(test, cmwq2_policy_set("profile", t[i].profile), 0);
		KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("claim"), t[i].claim);
		KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("wake"), t[i].wake);
		KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("rescue"), t[i].rescue);
		load(e, TW_PERCPU);
	}
}

static struct kunit_case kick_cases[] = {
	KUNIT_CASE_PARAM(kick_load_percpu, mode_gen_params),
	KUNIT_CASE_PARAM(kick_load_unbound, mode_gen_params),
	KUNIT_CASE_PARAM(kick_load_ordered, mode_gen_params),
	KUNIT_CASE_PARAM(kick_many_sleepers, mode_gen_params),
	KUNIT_CASE_PARAM(kick_back_to_back, mode_gen_params),
	KUNIT_CASE_PARAM(kick_for_nothing, mode_gen_params),
	KUNIT_CASE_PARAM(kick_beside_culler, mode_gen_params),
	KUNIT_CASE(worker_looks_before_it_sleeps),
	KUNIT_CASE(switch_one_pool),
	KUNIT_CASE(settings_are_one_switch),
	KUNIT_CASE(policy_refuses_nonsense),
	KUNIT_CASE(profiles_set_policies),
	{}
};

static struct kunit_suite kick_suite = {
	.name = "cmwq2_kick",
	.suite_init = tw_modes_init,
	.test_cases = kick_cases,
};

kunit_test_suites(&kick_suite);
