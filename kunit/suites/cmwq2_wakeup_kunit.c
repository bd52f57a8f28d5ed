// SPDX-License-Identifier: GPL-2.0
/*
 * wakeup=needed, and the numbers that decide whether a kick wakes a worker: how many
 * workers run, how many were called and have not run yet, and how many more may be
 * called. An error in these numbers shows when the pool is at rest. From then on the
 * pool would wake too few workers, or too many.
 */
#include <linux/cpumask.h>
#include <linux/string.h>

#include "lab/policy/pick.h"
#include "lab/policy/spin.h"
#include "hold.h"
#include "load.h"
#include "shared.h"

#define NAME_OF(_name, _value, _about)	_name,

static const char *const claims[] = { cmwq2_claim_values(NAME_OF) };
static const char *const picks[] = { cmwq2_pick_values(NAME_OF) };
static const char *const spins[] = { cmwq2_spin_values(NAME_OF) };

static const struct limits {
	const char	*name;
	const char	*concurrency;
	const char	*wakeup;
	bool		managed;
	bool		needed;
} limits[] = {
	{ "free_always", "free", "always", false, false },
	{ "free_needed", "free", "needed", false, true },
	{ "managed_always", "managed", "always", true, false },
	{ "managed_needed", "managed", "needed", true, true },
};

KUNIT_ARRAY_PARAM_DESC(limits, limits, name);

#define SETTINGS_LEN	128

static void set_policies(struct tw_env *e, const struct limits *l, int claim, int pick)
{
	char text[SETTINGS_LEN];

	scnprintf(text, sizeof(text), "concurrency=%s wakeup=%s claim=%s pick=%s", l->concurrency,
		  l->wakeup, claims[claim], picks[pick]);
	KUNIT_ASSERT_EQ_MSG(e->test, cmwq2_policy_set("policies", text), 0, "%s", text);
}

static int online_in_pod(struct cmwq2_pool *pool)
{
	return cpumask_weight_and(pool->pod, cpu_online_mask);
}

/* The pool comes to rest, and its numbers are those of @l. */
static void expect_rest(struct tw_env *e, struct tw_wq *w, const struct limits *l)
{
	struct cmwq2_pool *pool = tw_pool_of(w, tw_cpu(0));
	int wanted = l->managed ? online_in_pod(pool) : INT_MAX;
	int room = l->needed ? online_in_pod(pool) : wanted;
	const char *set = cmwq2_policy_get("policies");

	TW_POLL(e, tw_pool_idle(w, tw_cpu(0)), "the pool to come to rest");
	/* Nobody else uses the pool. */
	KUNIT_EXPECT_EQ_MSG(e->test, pool->nr_called, 0, "%s", set);
	KUNIT_EXPECT_EQ_MSG(e->test, pool->wanted, wanted, "%s", set);
	KUNIT_EXPECT_EQ_MSG(e->test, pool->room, room, "%s", set);
}

static struct tw_env *wakeup_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	/* The end of the test restores all policies. */
	tw_policy(e, "profile", "mainline-7.3");
	return e;
}

/* After a load beside the culler, with each claim and pick. */
static void numbers_at_rest(struct kunit *test)
{
	const struct limits *l = test->param_value;
	struct tw_env *e = wakeup_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	int i, j;

	tw_policy(e, "idle_timeout_ms", "1");
	for (i = 0; i < ARRAY_SIZE(claims); i++) {
		for (j = 0; j < ARRAY_SIZE(picks); j++) {
			set_policies(e, l, i, j);
			tw_load(e, TW_UNBOUND, 6);
			expect_rest(e, w, l);
		}
	}
}

static void set_in_pool(struct tw_env *e, int id, const char *policy, const char *value)
{
	char text[64];

	scnprintf(text, sizeof(text), "%d %s=%s", id, policy, value);
	KUNIT_ASSERT_EQ_MSG(e->test, cmwq2_policy_set("pool_policy", text), 0, "%s", text);
}

/* One pool has policies of its own. The other pools keep their numbers. */
static void numbers_of_one_pool(struct kunit *test)
{
	const struct limits *l = test->param_value;
	struct tw_env *e = wakeup_env(test);
	struct tw_wq *own = tw_shared_wq(e, 0, 0, 6), *other = tw_shared_wq(e, 0, 0, 7);
	int id = tw_stats(own, tw_cpu(0)).id;
	struct tw_item *it = tw_item(e, tw_fn_nop);

	set_in_pool(e, id, "concurrency", l->concurrency);
	set_in_pool(e, id, "wakeup", l->wakeup);
	tw_queue(own, it);
	tw_wait_done(it, "an item in the pool with policies of its own");
	expect_rest(e, own, l);
	tw_queue(other, it);
	tw_wait_done(it, "an item in another pool");
	expect_rest(e, other, &limits[0]);
}

/* A bound pool runs one worker at a time, whatever these policies say. */
static void numbers_of_bound_pool(struct kunit *test)
{
	const struct limits *l = test->param_value;
	struct tw_env *e = wakeup_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_pool *pool = tw_pool_of(w, tw_cpu(0));

	set_policies(e, l, 0, 1);
	tw_load(e, TW_PERCPU, 6);
	TW_POLL(e, tw_pool_idle(w, tw_cpu(0)), "the pool to come to rest");
	KUNIT_EXPECT_EQ(test, pool->nr_called, 0);
	KUNIT_EXPECT_EQ(test, pool->wanted, 1);
	KUNIT_EXPECT_EQ(test, pool->room, 1);
}

/* Sets all policies of all pools, or of one pool, again and again, to other values each time. */
static void thread_switch(struct tw_thread *t)
{
	bool *stop = t->ctx;
	int i;

	for (i = 0; !READ_ONCE(*stop) && !READ_ONCE(t->env->closing); i++, tw_progress(t)) {
		const struct limits *l = &limits[i % ARRAY_SIZE(limits)];
		char text[SETTINGS_LEN];

		scnprintf(text, sizeof(text), "concurrency=%s wakeup=%s claim=%s pick=%s spin=%s",
			  l->concurrency, l->wakeup, claims[i / 4 % ARRAY_SIZE(claims)],
			  picks[i / 5 % ARRAY_SIZE(picks)], spins[i / 7 % ARRAY_SIZE(spins)]);
		t->val += !!cmwq2_policy_set("policies", text);
		if (i % 3 == 0) {
			scnprintf(text, sizeof(text), "%d concurrency=%s", t->it->id,
				  i % 2 ? "free" : "managed");
			t->val += !!cmwq2_policy_set("pool_policy", text);
		}
		cond_resched();
	}
}

/* The policies switch during the load. Then they are set to @l, and the numbers are right. */
static void numbers_after_switching(struct kunit *test)
{
	const struct limits *l = test->param_value;
	struct tw_env *e = wakeup_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	bool *stop = tw_zalloc(e, sizeof(*stop));
	struct tw_thread *t;

	tw_policy(e, "idle_timeout_ms", "1");
	tw_policy(e, "spin_us", "5");
	it->id = tw_stats(w, tw_cpu(0)).id;
	t = tw_thread(e, TW_ANY_CPU, thread_switch, w, it, stop);
	tw_thread_start(t);
	tw_load(e, TW_UNBOUND, 100);
	tw_load(e, TW_ORDERED, 20);
	WRITE_ONCE(*stop, true);
	tw_join(t, "the thread that switches policies");
	KUNIT_EXPECT_EQ(test, t->val, 0);
	set_policies(e, l, 0, 0);
	expect_rest(e, w, l);
	tw_load(e, TW_UNBOUND, 6);
	expect_rest(e, w, l);
}

#define NR_AT_ONCE	8

/* What happened in a pool while the interrupts of its only CPU were off. */
struct flood {
	struct cmwq2_pool_stats	before;
	struct cmwq2_pool_stats	after;
	int			nr_called;
	int			room;
	int			err;
};

static void flood_under(struct tw_stage *s, const struct limits *l, struct tw_item **items)
{
	struct kunit *test = s->env->test;
	struct flood f = {};
	unsigned long flags;
	int i;

	set_policies(s->env, l, 0, 0);
	tw_make_idle(s, 3);
	local_irq_save(flags);
	f.err = cmwq2_pool_stats(s->w->wq, s->cpu, &f.before);
	for (i = 0; i < NR_AT_ONCE; i++)
		tw_queue_on(s->cpu, s->w, items[i]);
	f.err = f.err ?: cmwq2_pool_stats(s->w->wq, s->cpu, &f.after);
	f.nr_called = s->pool->nr_called;
	f.room = s->pool->room;
	local_irq_restore(flags);
	KUNIT_ASSERT_EQ(test, f.err, 0);
	KUNIT_EXPECT_EQ(test, f.after.kicks - f.before.kicks, l->needed ? 1 : NR_AT_ONCE);
	KUNIT_EXPECT_EQ(test, f.after.coalesced - f.before.coalesced,
			l->needed ? 0 : NR_AT_ONCE - 1);
	KUNIT_EXPECT_EQ(test, f.nr_called, l->needed);
	KUNIT_EXPECT_EQ(test, f.room, l->needed ? 0 : l->managed ? 1 : INT_MAX);
	for (i = 0; i < NR_AT_ONCE; i++)
		tw_wait_done(items[i], "an item of the flood");
	expect_rest(s->env, s->w, l);
}

/*
 * Items are enqueued on the only CPU of a pool while the pool's workers cannot run.
 * With wakeup=needed one worker is called for all of them, and it runs them all.
 */
static void flood_of_one_cpu(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, true, 0);
	struct tw_item *items[NR_AT_ONCE];
	int i, j;

	tw_policy(s->env, "profile", "mainline-7.3");
	for (i = 0; i < NR_AT_ONCE; i++)
		items[i] = tw_item(s->env, tw_fn_nop);
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		flood_under(s, &limits[i], items);
		for (j = 0; j < NR_AT_ONCE; j++)
			KUNIT_EXPECT_EQ(test, atomic_read(&items[j]->runs), i + 1);
	}
}

static struct kunit_case wakeup_cases[] = {
	KUNIT_CASE_PARAM(numbers_at_rest, limits_gen_params),
	KUNIT_CASE_PARAM(numbers_of_one_pool, limits_gen_params),
	KUNIT_CASE_PARAM(numbers_of_bound_pool, limits_gen_params),
	KUNIT_CASE_PARAM(numbers_after_switching, limits_gen_params),
	KUNIT_CASE(flood_of_one_cpu),
	{}
};

static struct kunit_suite wakeup_suite = {
	.name = "cmwq2_wakeup",
	.test_cases = wakeup_cases,
};

kunit_test_suites(&wakeup_suite);
