// SPDX-License-Identifier: GPL-2.0
/*
 * Races of a kick against the culler, under each claim and wake and in either
 * kind of pool. The interleavings are forced, not waited for. See hold.h for
 * the two windows of a kick.
 *
 * In the schedule of the mail of 2026-05-27 the culler takes the kicked worker
 * for idle, and the item is stranded. The reply of 2026-06-04 says: wakeups
 * take from the head of the idle list and the culler from its tail, never below
 * two, and no worker gets ahead of a kicked one without having run its item.
 * cull_direct and cull_steals play the reply's cases. cull_behind_runner is a
 * case that the reply does not have: workers of a bound pool also become idle
 * because another one runs. Under claim=none the kicked worker is then culled
 * while its item waits. But the running worker is bound to take the item or to
 * kick for it.
 */
#include "base/helper.h"
#include "hold.h"

KUNIT_ARRAY_PARAM_DESC(kick, tw_kicks, name);

/*
 * The culler runs when there are more idle workers than it must leave. The kicked
 * worker stays, because it is at the head of the idle list or because of its claim.
 */
static void cull_direct(struct kunit *test)
{
	struct tw_kick *k = tw_kick_env(test, 0, 0);
	struct tw_stage *s = k->s;
	/* Under leave_idle the kicked worker does not count among the two that must be left. */
	int left = tw_mode(s->env)->claim->busy ? 3 : 2;
	struct tw_hold *culled = tw_hold(s->env, CMWQ2_POINT_CULLED, s->pool);
	unsigned int i;

	culled->pass = true;
	for (i = 0; i < s->rounds; i++) {
		/* Mostly as few workers as possible, because creating threads takes the time. */
		tw_make_idle(s, i % 4 ? 4 : 4 + i / 4 % 3);
		tw_kick_and_hold(k);
		tw_arm(culled);
		tw_cull_to(s, 2);
		KUNIT_ASSERT_TRUE(test, tw_caught(culled));
		KUNIT_ASSERT_EQ(test, READ_ONCE(s->pool->nr_workers), left);
		KUNIT_ASSERT_FALSE(test, tw_is_dying(s, k->target));
		tw_kick_arrives(k);
		tw_kick_is_done(k);
		KUNIT_ASSERT_EQ(test, k->it->pid, k->pid);
	}
}

/* The environment for a schedule that exists in one kind of pool only. */
static struct tw_kick *kick_env_in(struct kunit *test, bool unbound)
{
	const struct tw_mode *m = test->param_value;

	if (m->unbound != unbound)
		kunit_skip(test, "%s", unbound ?
			   "for unbound pools: in bound ones see cull_behind_runner" :
			   "for bound pools: in unbound ones see cull_steals");
	return tw_kick_env(test, 0, 0);
}

static void fn_gate_and_spin(struct tw_item *it)
{
	unsigned long end = jiffies + tw_timeout();

	tw_wait_for_test(it->gate);
	WRITE_ONCE(it->finished, 1);
	/* Runs until the test tells it to sleep. To the hook it is running all the time. */
	while (!READ_ONCE(it->val) && time_before(jiffies, end))
		tw_yield();
	tw_wait_for_test(it->ctx);
}

/* Queues items, each of which sleeps at its own gate. */
static void occupy(struct tw_stage *s, struct tw_item **items, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		reinit_completion(items[i]->gate);
		items[i]->finished = 0;
		items[i]->val = 0;
		tw_queue_on(s->cpu, s->w, items[i]);
		tw_wait_started(items[i], "an item that takes a worker");
	}
}

static int nr_behind_idle(struct tw_stage *s)
{
	return READ_ONCE(s->pool->nr_idle);
}

/*
 * Workers that become idle push the kicked one down the list. With claim=none
 * it gets to the tail and is culled. The item waits while another worker runs.
 * When that one sleeps at last, the hook kicks another worker for the item.
 */
static void cull_behind_runner(struct kunit *test)
{
	struct tw_kick *k = kick_env_in(test, false);
	struct tw_stage *s = k->s;
	bool protects = tw_mode(s->env)->claim->protects;
	struct tw_hold *culled = tw_hold(s->env, CMWQ2_POINT_CULLED, s->pool);
	struct tw_item *items[4], *runner;
	unsigned long kicked;
	unsigned int i, j;

	culled->pass = true;
	for (j = 0; j < ARRAY_SIZE(items); j++)
		items[j] = tw_gated(s->env, NULL);
	runner = items[0];
	runner->fn = fn_gate_and_spin;
	runner->ctx = tw_gate(s->env);

	for (i = 0; i < s->rounds; i++) {
		/* The runner, three sleepers, and one idle worker, which is kicked. */
		tw_make_idle(s, 5);
		reinit_completion(runner->ctx);
		occupy(s, items, ARRAY_SIZE(items));
		tw_kick_and_hold(k);
		complete_all(runner->gate);
		TW_SOON(s->env, READ_ONCE(runner->finished), "the runner to run");
		for (j = 1; j < ARRAY_SIZE(items); j++)
			complete_all(items[j]->gate);
		for (j = 1; j < ARRAY_SIZE(items); j++)
			tw_wait_done(items[j], "an item whose gate opened");
		TW_SOON(s->env, nr_behind_idle(s) >= 3 + !tw_mode(s->env)->claim->busy,
			"three workers to turn idle with an item waiting");
		KUNIT_ASSERT_TRUE(test, tw_pending(k->it));

		tw_arm(culled);
		tw_cull_start(s, 2);
		tw_wait_held(culled, "the culler");
		KUNIT_ASSERT_EQ(test, tw_is_dying(s, k->target), !protects);
		KUNIT_ASSERT_TRUE(test, tw_pending(k->it));
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("min_idle", "1000"), 0);
		kicked = READ_ONCE(s->pool->stat.cm_wakeups) +
			 READ_ONCE(s->pool->stat.scan_wakeups);

		/*
		 * The item runs even without the held kick, because the hook kicks when
		 * the runner sleeps. If that kick picks a worker that another kick has
		 * picked already, the item runs when the runner ends.
		 */
		WRITE_ONCE(runner->val, 1);
		if (tw_mode(s->env)->claim->again) {
			TW_SOON(s->env, !atomic_read(&s->pool->nr_running), "the runner to sleep");
			complete_all(runner->ctx);
		}
		tw_kick_is_done(k);
		KUNIT_ASSERT_GT(test, READ_ONCE(s->pool->stat.cm_wakeups) +
				READ_ONCE(s->pool->stat.scan_wakeups), kicked);
		tw_kick_arrives(k);
		complete_all(runner->ctx);
		tw_wait_done(runner, "the runner");
		cmwq2_helpers_flush();
	}
}

/*
 * The same in an unbound pool, whose workers do not become idle while an item
 * waits: the first worker that is done takes it. The kicked worker, no longer
 * needed, is pushed to the tail. Whether it is culled or not, it finds nothing
 * to do.
 */
static void cull_steals(struct kunit *test)
{
	struct tw_kick *k = kick_env_in(test, true);
	struct tw_stage *s = k->s;
	bool protects = tw_mode(s->env)->claim->protects;
	struct tw_hold *culled = tw_hold(s->env, CMWQ2_POINT_CULLED, s->pool);
	struct tw_item *items[3], *after = tw_item(s->env, tw_fn_nop);
	unsigned int i, j;

	culled->pass = true;
	for (j = 0; j < ARRAY_SIZE(items); j++)
		items[j] = tw_gated(s->env, NULL);

	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 4);
		occupy(s, items, ARRAY_SIZE(items));
		tw_kick_and_hold(k);
		for (j = 0; j < ARRAY_SIZE(items); j++) {
			complete_all(items[j]->gate);
			tw_wait_done(items[j], "an item whose gate opened");
		}
		tw_kick_is_done(k);
		KUNIT_ASSERT_NE(test, k->it->pid, k->pid);
		TW_SOON(s->env, nr_behind_idle(s) == 3 + !tw_mode(s->env)->claim->busy,
			"the workers to turn idle");

		tw_arm(culled);
		tw_cull_start(s, 2);
		tw_wait_held(culled, "the culler");
		KUNIT_ASSERT_EQ(test, tw_is_dying(s, k->target), !protects);
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("min_idle", "1000"), 0);
		tw_kick_arrives(k);
		cmwq2_helpers_flush();
		tw_at_rest(s);
		/* No later item may wait for a worker that has ended. */
		tw_queue_on(s->cpu, s->w, after);
		tw_wait_done(after, "an item after the kick that found no item");
	}
}

static struct kunit_case interleave_cases[] = {
	KUNIT_CASE_PARAM_ATTR(cull_direct, kick_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(cull_behind_runner, kick_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(cull_steals, kick_gen_params, TW_SLOW),
	{}
};

static struct kunit_suite interleave_suite = {
	.name = "cmwq2_interleave",
	.test_cases = interleave_cases,
	.suite_init = tw_modes_init,
};

kunit_test_suites(&interleave_suite);
