// SPDX-License-Identifier: GPL-2.0
/*
 * Races of a kick against the end of its queue and pool, a CPU that goes offline, and
 * the freezer, under each claim and wake and in either kind of pool. Also races of the
 * end of queues and pwqs against contexts that still read them. The interleavings are
 * forced; see hold.h for the two windows of a kick.
 */
#include <linux/cpu.h>

#include "base/helper.h"
#include "hold.h"

KUNIT_ARRAY_PARAM_DESC(kick, tw_kicks, name);

/*
 * The queue is destroyed. An unbound queue takes its pool along, and with it
 * the worker that was kicked. A bound pool stays; only the queue's share in it
 * ends.
 */
static void kick_against_destroy(struct kunit *test)
{
	struct tw_kick *k = tw_kick_env(test, 0, 0);
	struct tw_stage *s = k->s;
	struct tw_hold *stop = tw_hold(s->env, CMWQ2_POINT_POOL_STOP, NULL);
	unsigned int i;

	stop->pass = true;
	for (i = 0; i < s->rounds; i++) {
		tw_at_rest(s);
		tw_kick_and_hold(k);
		KUNIT_ASSERT_TRUE(test, tw_cancel(k->it));
		tw_arm(stop);
		tw_destroy(s->w);
		if (s->unbound)
			tw_wait_held(stop, "the pool to end its workers");
		else if (!IS_ENABLED(CONFIG_LOCKDEP) || tw_mode(s->env)->window != TW_PICKED)
			/* With lockdep the queue's end waits for RCU, and so for the held task. */
			cmwq2_helpers_flush();
		tw_kick_arrives(k);
		cmwq2_helpers_flush();

		s->w = tw_stage_wq(s, 0);
		s->pool = tw_pool_of(s->w, s->cpu);
		k->hold->pool = s->pool;
	}
	tw_queue_on(s->cpu, s->w, k->it);
	tw_kick_is_done(k);
}

static void hand_destroys(void *arg)
{
	struct tw_stage *s = arg;

	tw_destroy(s->w);
}

#define NICE_OTHER	5

/* Many times as long as a grace period takes when nothing delays it. */
#define GRACE		(HZ / 4)

/*
 * The task that destroys a queue looks at the queue once more after the last
 * reference is dropped. No grace period that frees the queue may end before
 * that look. Without preemption none would end anyway.
 */
static void queue_outlives_its_references(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 0);
	struct tw_hold *put = tw_hold(s->env, CMWQ2_POINT_PUT, NULL);
	unsigned long grace, end;
	unsigned int i;

	for (i = 0; i < s->rounds; i++) {
		tw_arm(put);
		tw_hand_does(s, hand_destroys, s);
		tw_wait_held(put, "the queue to have lost its references");
		grace = start_poll_synchronize_rcu();
		end = jiffies + GRACE;
		while (!poll_state_synchronize_rcu(grace) && time_before(jiffies, end))
			schedule_timeout_uninterruptible(1);
		KUNIT_EXPECT_FALSE(test, poll_state_synchronize_rcu(grace));
		tw_let_go(put);
		tw_hand_wait(s);
		s->w = tw_stage_wq(s, 0);
	}
}

static void fn_note_nice(struct tw_item *it)
{
	it->id = task_nice(current);
}

/*
 * An enqueue has read which pwq to use, but has not locked its pool yet. Meanwhile that
 * pwq is replaced and loses its last reference, and its pool ends with it. The enqueue
 * must look for the pwq again.
 */
static void queue_on_replaced_pwq(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, true, 0);
	struct tw_hold *target = tw_hold(s->env, CMWQ2_POINT_TARGET, NULL);
	struct tw_item *it = tw_item(s->env, fn_note_nice);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct cmwq2_pool *old;
	struct tw_wq *other;
	unsigned int i;

	/* The other pool exists already, so no thread is created while a CPU is held. */
	attrs->nice = NICE_OTHER;
	other = tw_alloc(s->env, TW_UNBOUND, 0);
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(other->wq, attrs), 0);
	for (i = 0; i < s->rounds; i++) {
		old = tw_pool_of(s->w, s->cpu);
		tw_arm(target);
		tw_hand_queues(s, it);
		tw_wait_held(target, "a queueing that knows its pwq");
		KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(s->w->wq, attrs), 0);
		cmwq2_helpers_flush();
		/* The pool is not freed yet, because the held task is in an RCU section. */
		KUNIT_ASSERT_EQ(test, old->refcnt, 0);
		tw_let_go(target);
		tw_hand_wait(s);
		KUNIT_ASSERT_EQ(test, it->val, 1);
		tw_wait_done(it, "the item that was queued meanwhile");
		KUNIT_EXPECT_EQ(test, it->id, NICE_OTHER);
		tw_confine(s, s->w);
	}
}

/*
 * The freezer runs between the kick and the first look of the worker. To the freezer
 * the item counts as started, so it waits for that item. Later items wait for the thaw.
 */
static void kick_against_freeze(struct kunit *test)
{
	struct tw_kick *k = tw_kick_env(test, TW_FREEZABLE, 0);
	struct tw_stage *s = k->s;
	struct tw_item *late = tw_item(s->env, tw_fn_nop);
	unsigned int i;

	tw_thaw_at_end(test);
	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 2);
		tw_kick_and_hold(k);
		cmwq2_freeze_workqueues_begin();
		KUNIT_ASSERT_TRUE(test, cmwq2_freeze_workqueues_busy());
		KUNIT_ASSERT_TRUE(test, tw_queue_on(s->cpu, s->w, late));
		tw_kick_arrives(k);
		tw_kick_is_done(k);
		TW_SOON(s->env, !cmwq2_freeze_workqueues_busy(), "the queue to be at rest");
		KUNIT_ASSERT_EQ(test, atomic_read(&late->runs), i);
		cmwq2_thaw_workqueues();
		tw_wait_done(late, "the item that came too late");
		tw_flush(late);
	}
}

/* One round of hotplug takes a thousand times as long as a round of the other tests. */
#define HOTPLUG_SHARE	20

static void hand_offline(void *arg)
{
	struct tw_stage *s = arg;

	KUNIT_EXPECT_EQ(s->env->test, remove_cpu(s->cpu), 0);
}

static void bring_back(void *cpu)
{
	add_cpu((long)cpu);
}

/*
 * The CPU goes offline between the wakeup and the worker's first run. The worker runs
 * either before the engine unbinds the pool, or after the CPU is offline. The other
 * window cannot be tested: a CPU can only go offline when all other CPUs take part, and
 * a CPU with interrupts off does not.
 */
static void kick_against_hotplug(struct kunit *test)
{
	const struct tw_mode *m = test->param_value;
	struct tw_hold *unbind;
	struct tw_stage *s;
	struct tw_kick *k;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "no CPU can be taken offline here");
	if (m->unbound)
		kunit_skip(test, "an unbound pool stays when a CPU goes offline");
	if (m->window == TW_PICKED)
		kunit_skip(test, "no CPU can go offline while another one has interrupts off");
	k = tw_kick_env(test, 0, 1);
	s = k->s;
	unbind = tw_hold(s->env, CMWQ2_POINT_UNBIND, s->pool);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bring_back,
							(void *)(long)s->cpu), 0);
	tw_move(s->env, s->hand_cpu);
	for (i = 0; i < 2 * DIV_ROUND_UP(s->rounds, HOTPLUG_SHARE); i++) {
		tw_make_idle(s, 3);
		tw_kick_and_hold(k);
		tw_hand_wait(s);
		tw_arm(unbind);
		tw_hand_does(s, hand_offline, s);
		tw_wait_held(unbind, "the CPU to go");
		KUNIT_ASSERT_EQ(test, atomic_read(&k->hold->state), TW_HOLD_HELD);
		if (i % 2) {
			tw_let_go(k->hold);
			tw_kick_is_done(k);
		}
		tw_let_go(unbind);
		tw_hand_wait(s);
		if (!(i % 2)) {
			tw_let_go(k->hold);
			tw_kick_is_done(k);
		}
		/*
		 * Before the pool is unbound, its CPU serves it as usual.
		 * Unbinding kicks. If the held worker counts as busy, that kick
		 * picks another one, which may start before its mask is changed
		 * and while the CPU is online.
		 */
		if (i % 2 || !m->claim->busy)
			KUNIT_EXPECT_EQ(test, k->it->cpu, i % 2 ? s->cpu : s->hand_cpu);

		KUNIT_ASSERT_EQ(test, add_cpu(s->cpu), 0);
		tw_at_rest(s);
		tw_queue_on(s->cpu, s->w, k->it);
		tw_kick_is_done(k);
		KUNIT_EXPECT_EQ(test, k->it->cpu, s->cpu);
	}
}

static struct kunit_case interleave_end_cases[] = {
	KUNIT_CASE_PARAM_ATTR(kick_against_destroy, kick_gen_params, TW_SLOW),
	KUNIT_CASE(queue_outlives_its_references),
	KUNIT_CASE(queue_on_replaced_pwq),
	KUNIT_CASE_PARAM_ATTR(kick_against_freeze, kick_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(kick_against_hotplug, kick_gen_params, TW_SLOW),
	{}
};

static struct kunit_suite interleave_end_suite = {
	.name = "cmwq2_interleave_end",
	.test_cases = interleave_end_cases,
	.suite_init = tw_modes_init,
};

kunit_test_suites(&interleave_end_suite);
