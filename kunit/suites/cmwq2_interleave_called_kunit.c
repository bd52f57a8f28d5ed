// SPDX-License-Identifier: GPL-2.0
/*
 * Forced schedules of called workers, which were picked and have not run yet, with
 * wakeup=needed, concurrency=managed and the values of pick.
 *
 * The pool of some schedules has one CPU. The pool of the others has the stage's two
 * CPUs, and its workers may run on either. The scan timer would hide a lost kick, so it
 * is off while a context is held.
 */
#include <linux/cpumask.h>
#include <linux/minmax.h>

#include "base/helper.h"
#include "lab/policy/pick.h"
#include "cpus.h"

/* Those of tw_kicks that have to do with an unbound pool, because only that has these policies. */
static struct tw_mode kicks[TW_NR_KICKS / 2];

KUNIT_ARRAY_PARAM_DESC(kick, kicks, name);

static int kicks_init(struct kunit_suite *suite)
{
	int i, nr = 0;

	tw_modes_init(suite);
	for (i = 0; i < TW_NR_KICKS; i++)
		if (tw_kicks[i].unbound)
			kicks[nr++] = tw_kicks[i];
	return 0;
}

#define NAME_OF(_name, _value, _about)	_name,
#define CLAIM_OF(_name, _value, _about)	{ _name, (_value) != CMWQ2_CLAIM_NONE },

static const char *const picks[] = { cmwq2_pick_values(NAME_OF) };
static const char *const concurrencies[] = { "free", "managed" };

static const struct claim {
	const char	*name;
	bool		protects;
} claims[] = { cmwq2_claim_values(CLAIM_OF) };

static void set_policy(struct tw_env *e, const char *policy, const char *value)
{
	KUNIT_ASSERT_EQ_MSG(e->test, cmwq2_policy_set(policy, value), 0, "%s=%s", policy, value);
}

/* Other values of concurrency and pick in each round. The end of the test restores all. */
static void set_round(struct tw_stage *s, unsigned int i)
{
	set_policy(s->env, "concurrency", concurrencies[i / 3 % ARRAY_SIZE(concurrencies)]);
	set_policy(s->env, "pick", picks[i % ARRAY_SIZE(picks)]);
}

#define NR_ROUNDS(s)	max_t(unsigned int, (s)->rounds, 2 * ARRAY_SIZE(picks))

static void needed(struct tw_env *e)
{
	tw_policy(e, "concurrency", "managed");
	tw_policy(e, "pick", "head");
	tw_policy(e, "wakeup", "needed");
}

static void expect_called(struct tw_stage *s, int nr_called, int room)
{
	const char *set = cmwq2_policy_get("policies");
	int called = READ_ONCE(s->pool->nr_called), left = READ_ONCE(s->pool->room);

	KUNIT_EXPECT_EQ_MSG(s->env->test, called, nr_called, "%s", set);
	KUNIT_EXPECT_EQ_MSG(s->env->test, left, room, "%s", set);
}

/* A kick that is held in a pool with one CPU. */
static struct tw_kick *called_env(struct kunit *test)
{
	struct tw_kick *k = tw_kick_env(test, 0, 0);

	needed(k->s->env);
	return k;
}

/*
 * More items come while a worker is called. The pool has one CPU, so no other worker is
 * called, and the called one runs them all.
 */
static void more_items_while_called(struct kunit *test)
{
	struct tw_kick *k = called_env(test);
	struct tw_stage *s = k->s;
	struct tw_item *more[3];
	struct cmwq2_pool_stats before, after;
	unsigned int i, j;

	for (j = 0; j < ARRAY_SIZE(more); j++)
		more[j] = tw_item(s->env, tw_fn_nop);
	for (i = 0; i < NR_ROUNDS(s); i++) {
		set_round(s, i);
		tw_make_idle(s, 3);
		before = tw_stats(s->w, s->cpu);
		tw_kick_and_hold(k);
		for (j = 0; j < ARRAY_SIZE(more); j++)
			tw_queue_on(s->cpu, s->w, more[j]);
		after = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ(test, after.kicks - before.kicks, 1);
		KUNIT_ASSERT_EQ(test, after.coalesced - before.coalesced, 0);
		KUNIT_ASSERT_EQ(test, after.nr_kicked, 1);
		expect_called(s, 1, 0);
		tw_no_safety_net(s);
		tw_kick_arrives(k);
		tw_kick_is_done(k);
		for (j = 0; j < ARRAY_SIZE(more); j++) {
			tw_wait_done(more[j], "an item that came while a worker was called");
			tw_flush(more[j]);
			KUNIT_ASSERT_EQ(test, atomic_read(&more[j]->runs), k->runs);
		}
		tw_at_rest(s);
		expect_called(s, 0, 1);
	}
}

/* Change a policy while items are pending and the worker is held. */
static void switch_while_held(struct tw_stage *s, const char *policy, const char *value,
			      int nr_called, int room)
{
	unsigned long kicks = tw_stats(s->w, s->cpu).kicks;

	set_policy(s->env, policy, value);
	/* No worker is called any more, so the switch kicks. */
	TW_SOON(s->env, tw_stats(s->w, s->cpu).kicks == kicks + 1, "the kick of a switch");
	expect_called(s, nr_called, room);
}

/*
 * Policies switch while a worker is called and items are pending. The worker counts as
 * called at most once, and is not forgotten. Each switch kicks. If it is the first kick
 * that is held, before its wakeup, the switch wakes the worker, which runs all items.
 */
static void switch_while_called(struct kunit *test)
{
	struct tw_kick *k = called_env(test);
	struct tw_stage *s = k->s;
	struct tw_item *more = tw_item(s->env, tw_fn_nop);
	unsigned int i;

	for (i = 0; i < s->rounds; i++) {
		set_policy(s->env, "wakeup", "needed");
		set_policy(s->env, "concurrency", "managed");
		set_policy(s->env, "pick", picks[i % ARRAY_SIZE(picks)]);
		tw_make_idle(s, 3);
		tw_kick_and_hold(k);
		tw_queue_on(s->cpu, s->w, more);
		tw_no_safety_net(s);
		expect_called(s, 1, 0);
		switch_while_held(s, "wakeup", "always", 0, 1);
		if (tw_mode(s->env)->window == TW_WOKEN) {
			switch_while_held(s, "concurrency", "free", 0, INT_MAX);
			switch_while_held(s, "wakeup", "needed", 1, 0);
			switch_while_held(s, "pick", "local", 1, 0);
			switch_while_held(s, "concurrency", "managed", 1, 0);
			switch_while_held(s, "pick", "head", 1, 0);
			tw_let_go(k->hold);
		}
		tw_kick_is_done(k);
		tw_wait_done(more, "the second item");
		tw_flush(more);
		if (tw_mode(s->env)->window == TW_PICKED)
			tw_let_go(k->hold);
		tw_at_rest(s);
		expect_called(s, 0, 1);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&more->runs), k->runs);
}

static void fn_sleep_and_spin(struct tw_item *it)
{
	unsigned long end = jiffies + tw_timeout();

	tw_wait_for_test(it->gate);
	while (!READ_ONCE(it->val) && time_before(jiffies, end))
		tw_yield();
}

/*
 * A worker is called because another one sleeps in its item. That one runs again before
 * the called one comes. So the called one finds enough running workers, and goes idle.
 * The other one takes the item at its end.
 */
static void called_worker_is_not_needed(struct kunit *test)
{
	struct tw_kick *k = called_env(test);
	struct tw_stage *s = k->s;
	struct tw_item *runner = tw_gated(s->env, NULL);
	unsigned long in_vain;
	unsigned int i;

	if (!strcmp(cmwq2_hook_name(), "timer"))
		kunit_skip(test, "hook=timer does not notice that a worker runs again");
	runner->fn = fn_sleep_and_spin;
	set_policy(s->env, "concurrency", "managed");
	for (i = 0; i < NR_ROUNDS(s); i++) {
		set_policy(s->env, "pick", picks[i % ARRAY_SIZE(picks)]);
		tw_make_idle(s, 3);
		reinit_completion(runner->gate);
		runner->val = 0;
		tw_queue_on(s->cpu, s->w, runner);
		tw_wait_started(runner, "an item that sleeps");
		tw_kick_and_hold(k);
		complete_all(runner->gate);
		TW_SOON(s->env, atomic_read(&s->pool->nr_running) == 1, "the sleeper to run");
		in_vain = tw_stats(s->w, s->cpu).in_vain;
		tw_kick_arrives(k);
		TW_SOON(s->env, tw_stats(s->w, s->cpu).in_vain > in_vain &&
			!READ_ONCE(s->pool->nr_called), "the called worker to find no room");
		KUNIT_ASSERT_TRUE(test, tw_pending(k->it));
		expect_called(s, 0, 1);
		WRITE_ONCE(runner->val, 1);
		tw_kick_is_done(k);
		KUNIT_ASSERT_EQ(test, k->it->pid, runner->pid);
		tw_wait_done(runner, "the runner");
		tw_at_rest(s);
		expect_called(s, 0, 1);
	}
}

/* A queue whose pool has both CPUs of the stage, and whose items run in that pool. */
static struct tw_wq *wide_wq(struct tw_stage *s, int max_active)
{
	struct tw_wq *w = tw_alloc(s->env, TW_UNBOUND, max_active);
	struct cmwq2_attrs *attrs = tw_attrs(s->env->test);

	attrs->nice = 4;
	attrs->affn_scope = CMWQ2_AFFN_SYSTEM;
	cpumask_clear(attrs->cpumask);
	cpumask_set_cpu(s->cpu, attrs->cpumask);
	cpumask_set_cpu(s->hand_cpu, attrs->cpumask);
	KUNIT_ASSERT_EQ(s->env->test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	return w;
}

/* A stage whose pool has both CPUs, with the policies of which a schedule sets some. */
static struct tw_stage *wide_stage(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, true, 0);

	tw_policy(s->env, "claim", "none");
	needed(s->env);
	s->w = wide_wq(s, 0);
	s->pool = tw_pool_of(s->w, s->cpu);
	cmwq2_helpers_flush();
	return s;
}

/* Wait for two workers that are called, and check that they are two. */
static void wait_for_two(struct tw_hold **woken)
{
	tw_wait_held(woken[0], "the first worker that was called");
	tw_wait_held(woken[1], "the second worker that was called");
	KUNIT_ASSERT_PTR_NE(woken[0]->env->test, woken[0]->worker, woken[1]->worker);
}

/*
 * A pool with two CPUs calls two workers and no third. Neither is picked again. Each of
 * them would run all items alone.
 */
static void one_is_called_per_cpu(struct kunit *test)
{
	struct tw_stage *s = wide_stage(test);
	struct tw_hold *woken[2];
	struct tw_item *items[4];
	struct cmwq2_pool_stats before, after;
	unsigned int i, j;

	for (j = 0; j < ARRAY_SIZE(woken); j++)
		woken[j] = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);
	for (j = 0; j < ARRAY_SIZE(items); j++)
		items[j] = tw_item(s->env, tw_fn_nop);
	for (i = 0; i < NR_ROUNDS(s); i++) {
		set_round(s, i);
		tw_make_idle(s, 4);
		before = tw_stats(s->w, s->cpu);
		for (j = 0; j < ARRAY_SIZE(woken); j++)
			tw_arm(woken[j]);
		for (j = 0; j < ARRAY_SIZE(items); j++) {
			tw_queue_on(s->cpu, s->w, items[j]);
			/* The first worker is not enough for the second item. */
			after = tw_stats(s->w, s->cpu);
			KUNIT_ASSERT_EQ(test, after.kicks - before.kicks, min(j + 1, 2U));
		}
		tw_no_safety_net(s);
		wait_for_two(woken);
		after = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ(test, after.kicks - before.kicks, 2);
		KUNIT_ASSERT_EQ(test, after.coalesced - before.coalesced, 0);
		expect_called(s, 2, 0);
		tw_let_go(woken[i % 2]);
		for (j = 0; j < ARRAY_SIZE(items); j++)
			tw_wait_done(items[j], "an item while another worker is called");
		tw_let_go(woken[!(i % 2)]);
		tw_at_rest(s);
		expect_called(s, 0, 2);
	}
	for (j = 0; j < ARRAY_SIZE(items); j++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[j]->runs), i);
}

/*
 * One worker is on its way and one item waits. The item that the worker was called for
 * is cancelled, so the item is another one. No second worker is called for it.
 */
static void called_worker_is_enough(struct kunit *test)
{
	struct tw_stage *s = wide_stage(test);
	struct tw_hold *woken = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);
	struct tw_item *gone = tw_item(s->env, tw_fn_nop), *it = tw_item(s->env, tw_fn_nop);
	struct cmwq2_pool_stats before, after;
	unsigned int i;

	for (i = 0; i < NR_ROUNDS(s); i++) {
		set_round(s, i);
		tw_make_idle(s, 4);
		before = tw_stats(s->w, s->cpu);
		tw_arm(woken);
		tw_queue_on(s->cpu, s->w, gone);
		tw_no_safety_net(s);
		tw_wait_held(woken, "the worker that is called");
		KUNIT_ASSERT_TRUE(test, tw_cancel(gone));
		tw_queue_on(s->cpu, s->w, it);
		after = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ(test, after.kicks - before.kicks, 1);
		expect_called(s, 1, 1);
		tw_let_go(woken);
		tw_wait_done(it, "the item that no worker was called for");
		tw_at_rest(s);
		expect_called(s, 0, 2);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), i);
	KUNIT_EXPECT_EQ(test, atomic_read(&gone->runs), 0);
}

/*
 * A worker is called by a raised max_active. An enqueue on the CPU where it slept takes
 * another worker, with each claim and pick.
 */
static void kick_from_elsewhere_claims(struct kunit *test)
{
	struct tw_stage *s = wide_stage(test);
	const int cpus[] = { s->cpu, s->cpu, s->cpu };
	struct tw_wq *narrow = wide_wq(s, 1);
	struct tw_hold *woken = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);
	struct tw_item *first = tw_gated(s->env, NULL), *second = tw_item(s->env, tw_fn_nop);
	struct tw_item *third = tw_item(s->env, tw_fn_nop);
	struct cmwq2_pool_stats before, after;
	unsigned int i;

	KUNIT_ASSERT_PTR_EQ(test, tw_pool_of(narrow, s->cpu), s->pool);
	for (i = 0; i < ARRAY_SIZE(claims) * 2; i++) {
		set_policy(s->env, "claim", claims[i / 2].name);
		set_policy(s->env, "pick", i % 2 ? "local" : "predict");
		s->env->ops->set_max_active(narrow->wq, 1);
		reinit_completion(first->gate);
		tw_queue_on(s->cpu, narrow, first);
		tw_wait_started(first, "an item that sleeps");
		tw_queue_on(s->cpu, narrow, second);
		tw_go_idle(s->w, 1, cpus, ARRAY_SIZE(cpus));
		tw_no_safety_net(s);
		before = tw_stats(s->w, s->cpu);
		tw_arm(woken);
		s->env->ops->set_max_active(narrow->wq, 2);
		tw_wait_held(woken, "the worker that is called");
		tw_queue_on(s->cpu, s->w, third);
		after = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ_MSG(test, after.kicks - before.kicks, 2, "%s", claims[i / 2].name);
		KUNIT_ASSERT_EQ_MSG(test, after.coalesced - before.coalesced, 0, "%s",
				    claims[i / 2].name);
		tw_wait_done(second, "the item that max_active held");
		tw_wait_done(third, "the item of the enqueue");
		tw_let_go(woken);
		complete_all(first->gate);
		tw_wait_done(first, "the item that slept");
		tw_at_rest(s);
		expect_called(s, 0, 2);
	}
}

static void set_claim_and_wakeup(struct tw_stage *s, unsigned int i)
{
	set_policy(s->env, "claim", claims[i / 2].name);
	set_policy(s->env, "wakeup", i % 2 ? "needed" : "always");
}

/*
 * An enqueue picks the worker that slept on its CPU, which is at the tail of the idle
 * list, and the culler comes before the worker runs. Even without a claim the worker
 * is not culled, because the pick has moved it to the head.
 */
static void local_worker_is_not_culled(struct kunit *test)
{
	struct tw_stage *s = wide_stage(test);
	const int cpus[] = { s->hand_cpu, s->hand_cpu, s->hand_cpu, s->cpu };
	struct tw_hold *woken = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	unsigned int i;

	set_policy(s->env, "pick", "local");
	for (i = 0; i < ARRAY_SIZE(claims) * 2; i++) {
		set_claim_and_wakeup(s, i);
		tw_make_idle(s, 4);
		tw_go_idle(s->w, 0, cpus, ARRAY_SIZE(cpus));
		tw_no_safety_net(s);
		tw_arm(woken);
		tw_queue_on(s->cpu, s->w, it);
		tw_wait_held(woken, "the worker that is picked");
		KUNIT_ASSERT_EQ(test, woken->worker->idle_cpu, s->cpu);
		tw_cull_to(s, 2);
		KUNIT_ASSERT_FALSE_MSG(test, tw_is_dying(s, woken->worker), "%s",
				       claims[i / 2].name);
		tw_let_go(woken);
		tw_wait_done(it, "the item of the kick");
		KUNIT_ASSERT_EQ(test, it->pid, woken->task->pid);
		tw_at_rest(s);
	}
}

#define NR_OTHERS	3

/* Workers that end other items take the item of the picked worker and go idle in front of it. */
static void overtake(struct tw_stage *s, struct tw_hold *woken, struct tw_item *it)
{
	int i;

	complete_all(s->gate);
	for (i = 0; i < NR_OTHERS; i++)
		tw_wait_done(s->busy[i], "an item whose gate opened");
	tw_wait_done(it, "the item, by another worker");
	KUNIT_ASSERT_NE(s->env->test, it->pid, woken->task->pid);
	TW_SOON(s->env, !atomic_read(&s->pool->nr_running) &&
		READ_ONCE(s->pool->nr_idle) >= NR_OTHERS + 1, "the workers to turn idle");
}

/* A picked worker that others have overtaken is culled, but only if it is not claimed. */
static void local_worker_is_overtaken(struct kunit *test)
{
	struct tw_stage *s = wide_stage(test);
	const int cpus[] = { s->hand_cpu, s->cpu };
	struct tw_hold *woken = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);
	struct tw_hold *culled = tw_hold(s->env, CMWQ2_POINT_CULLED, s->pool);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	unsigned int i, j;

	set_policy(s->env, "pick", "local");
	culled->pass = true;
	for (i = 0; i < ARRAY_SIZE(claims) * 2; i++) {
		set_claim_and_wakeup(s, i);
		tw_make_idle(s, 6);
		reinit_completion(s->gate);
		for (j = 0; j < NR_OTHERS; j++) {
			tw_queue_on(s->cpu, s->w, s->busy[j]);
			tw_wait_started(s->busy[j], "an item that takes a worker");
		}
		tw_go_idle(s->w, NR_OTHERS, cpus, ARRAY_SIZE(cpus));
		tw_no_safety_net(s);
		tw_arm(woken);
		tw_queue_on(s->cpu, s->w, it);
		tw_wait_held(woken, "the worker that is picked");
		overtake(s, woken, it);
		tw_arm(culled);
		tw_cull_start(s, 2);
		tw_wait_held(culled, "the culler");
		KUNIT_ASSERT_EQ_MSG(test, tw_is_dying(s, woken->worker),
				    !claims[i / 2].protects && i % 2 == 0, "%s",
				    claims[i / 2].name);
		set_policy(s->env, "min_idle", "1000");
		tw_let_go(woken);
		cmwq2_helpers_flush();
		tw_at_rest(s);
		tw_queue_on(s->cpu, s->w, it);
		tw_wait_done(it, "an item after the kick that found no item");
		tw_at_rest(s);
	}
}

static struct kunit_case interleave_called_cases[] = {
	KUNIT_CASE_PARAM_ATTR(more_items_while_called, kick_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(switch_while_called, kick_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(called_worker_is_not_needed, kick_gen_params, TW_SLOW),
	KUNIT_CASE(one_is_called_per_cpu),
	KUNIT_CASE(called_worker_is_enough),
	KUNIT_CASE(kick_from_elsewhere_claims),
	KUNIT_CASE(local_worker_is_not_culled),
	KUNIT_CASE(local_worker_is_overtaken),
	{}
};

static struct kunit_suite interleave_called_suite = {
	.name = "cmwq2_interleave_called",
	.test_cases = interleave_called_cases,
	.suite_init = kicks_init,
};

kunit_test_suites(&interleave_called_suite);
