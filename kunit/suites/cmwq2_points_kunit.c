// SPDX-License-Identifier: GPL-2.0
/*
 * The test points themselves, and the holds from which forced schedules are built. A
 * held task makes no progress. If the point of a hold is not reached, or the hold is
 * not released, the test fails. A function that was removed from a point is not called
 * any more.
 */
#include <linux/errno.h>
#include <linux/timekeeping.h>

#include "core/pool.h"
#include "hold.h"

static void fn_count(const struct cmwq2_point_hit *hit, void *arg)
{
	atomic_inc(arg);
}

static void clear_all(void *unused)
{
	int i;

	for (i = 0; i < CMWQ2_POINT_NR; i++)
		cmwq2_point_clear(i);
}

/* A function must be removed even if the test fails half way. */
static struct tw_env *points_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, clear_all, NULL), 0);
	return e;
}

static void refuses_nonsense(struct kunit *test)
{
	struct tw_env *e = points_env(test);
	atomic_t *hits = tw_zalloc(e, sizeof(*hits));

	KUNIT_EXPECT_EQ(test, cmwq2_point_set(CMWQ2_POINT_NR, fn_count, hits), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_point_set(-1, fn_count, hits), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_point_set(CMWQ2_POINT_QUEUE, NULL, hits), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_point_clear(CMWQ2_POINT_NR), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_point_clear(-1), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_point_clear(CMWQ2_POINT_QUEUE), 0);

	KUNIT_EXPECT_EQ(test, cmwq2_point_set(CMWQ2_POINT_QUEUE, fn_count, hits), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_point_set(CMWQ2_POINT_QUEUE, fn_count, hits), -EBUSY);
	KUNIT_EXPECT_EQ(test, cmwq2_point_clear(CMWQ2_POINT_QUEUE), 0);
}

static void called_while_set(struct kunit *test)
{
	struct tw_env *e = points_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	atomic_t *hits = tw_zalloc(e, sizeof(*hits));
	int i;

	KUNIT_ASSERT_EQ(test, cmwq2_point_set(CMWQ2_POINT_INSERTED, fn_count, hits), 0);
	for (i = 0; i < 10; i++) {
		tw_queue(w, it);
		tw_wait_done(it, "the item");
		tw_flush(it);
	}
	KUNIT_EXPECT_GE(test, atomic_read(hits), 10);
	KUNIT_EXPECT_EQ(test, cmwq2_point_clear(CMWQ2_POINT_INSERTED), 0);
	atomic_set(hits, 0);
	tw_queue(w, it);
	tw_wait_done(it, "the item after the point was cleared");
	KUNIT_EXPECT_EQ(test, atomic_read(hits), 0);
}

/* Points where the held task may sleep, where it spins, and where it holds a lock. */
static const struct held_at {
	char			name[16];
	enum cmwq2_point	point;
	bool			hand;	/* the hand is held, not a worker */
	bool			locks;	/* it holds the pool's lock */
} held_at[] = {
	{ "queue", CMWQ2_POINT_QUEUE, true },
	{ "inserted", CMWQ2_POINT_INSERTED, true, true },
	{ "picked", CMWQ2_POINT_PICKED, true },
	{ "woken", CMWQ2_POINT_WOKEN },
};

KUNIT_ARRAY_PARAM_DESC(held, held_at, name);

static struct tw_stage *points_stage(struct kunit *test)
{
	const void *param = test->param_value;
	struct tw_stage *s;

	/* The stage must not take this suite's parameter for a mode. */
	test->param_value = NULL;
	s = tw_stage(test, 0, false, 1);
	test->param_value = param;
	return s;
}

static void held_until_let_go(struct kunit *test)
{
	const struct held_at *at = test->param_value;
	struct tw_stage *s = points_stage(test);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct tw_hold *h = tw_hold(s->env, at->point, NULL);
	unsigned int round, i;

	for (round = 0; round < s->rounds; round++) {
		tw_at_rest(s);
		/* Only this task: others also queue and wake. */
		h->current_is = at->hand ? s->hand->thread->task : tw_first_idle(s)->task;
		tw_arm(h);
		tw_hand_queues(s, it);
		tw_wait_held(h, "a context to reach the point");
		KUNIT_EXPECT_EQ(test, h->cpu, at->hand ? s->hand_cpu : s->cpu);
		if (!at->hand)
			tw_hand_wait(s);
		/* Gives the worker time to run the item, and the hand time to finish. */
		for (i = 0; i < 20; i++)
			tw_yield();
		KUNIT_ASSERT_EQ(test, atomic_read(&h->state), TW_HOLD_HELD);
		KUNIT_EXPECT_EQ(test, tw_hand_done(s), !at->hand);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), round);
		KUNIT_EXPECT_EQ(test, raw_spin_is_locked(&s->pool->lock), at->locks);
		tw_let_go(h);
		tw_wait_done(it, "the item after the hold");
		tw_flush(it);
		tw_hand_wait(s);
	}
}

/* The control: a hold that times out can be told from one that was released. */
static void late_is_told(struct kunit *test)
{
	const struct held_at *at = test->param_value;
	struct tw_stage *s = points_stage(test);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct tw_hold *h = tw_hold(s->env, at->point, NULL);
	u64 begin;

	tw_at_rest(s);
	h->current_is = at->hand ? s->hand->thread->task : tw_first_idle(s)->task;
	h->limit_ms = 50;
	begin = ktime_get_mono_fast_ns();
	tw_arm(h);
	tw_hand_queues(s, it);
	tw_wait_done(it, "the item, after the hold ended by itself");
	tw_hand_wait(s);
	KUNIT_EXPECT_EQ(test, atomic_read(&h->state), TW_HOLD_LATE);
	KUNIT_EXPECT_GE(test, ktime_get_mono_fast_ns() - begin, 40 * NSEC_PER_MSEC);
}

/* Another control: a point that is not reached, or another pool or task, is not held. */
static void not_reached_is_told(struct kunit *test)
{
	struct tw_stage *s = points_stage(test);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct tw_hold *rescue = tw_hold(s->env, CMWQ2_POINT_RESCUE, NULL);
	struct tw_hold *other = tw_hold(s->env, CMWQ2_POINT_WOKEN, NULL);

	tw_at_rest(s);
	other->pool = cmwq2_cpu_pool(s->cpu, true);
	tw_arm(rescue);
	tw_arm(other);
	tw_hand_queues(s, it);
	tw_wait_done(it, "an item that no point holds");
	KUNIT_EXPECT_FALSE(test, tw_caught(rescue));
	KUNIT_EXPECT_FALSE(test, tw_caught(other));
	KUNIT_EXPECT_EQ(test, atomic_read(&other->state), TW_HOLD_ARMED);
}

static void passing_is_noted(struct kunit *test)
{
	struct tw_stage *s = points_stage(test);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct tw_hold *queue = tw_hold(s->env, CMWQ2_POINT_QUEUE, NULL);
	struct tw_hold *woken = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);

	tw_at_rest(s);
	queue->current_is = s->hand->thread->task;
	queue->pass = true;
	tw_arm(queue);
	tw_arm(woken);
	tw_hand_queues(s, it);
	tw_wait_held(woken, "the worker to be woken");
	/* The hand was not held for ever: it went on by itself. */
	tw_hand_wait(s);
	KUNIT_EXPECT_TRUE(test, tw_caught(queue));
	tw_let_go(woken);
	tw_wait_done(it, "the item");
}

struct clear_ctx {
	struct tw_hold	*h;
	bool		cleared;
};

static void hand_clear(void *arg)
{
	struct clear_ctx *c = arg;

	cmwq2_point_clear(c->h->point);
	WRITE_ONCE(c->cleared, true);
}

static void clear_waits_for_who_is_inside(struct kunit *test)
{
	struct tw_stage *s = points_stage(test);
	struct clear_ctx *c = tw_zalloc(s->env, sizeof(*c));
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	int i;

	c->h = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);
	tw_at_rest(s);
	tw_arm(c->h);
	tw_queue_on(s->cpu, s->w, it);
	tw_wait_held(c->h, "the worker to be held");
	tw_hand_does(s, hand_clear, c);
	for (i = 0; i < 5; i++)
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(c->cleared));
	tw_let_go(c->h);
	tw_hand_wait(s);
	KUNIT_EXPECT_TRUE(test, c->cleared);
	tw_wait_done(it, "the item");
	/* After the point is cleared, no context is held. */
	tw_arm(c->h);
	tw_queue_on(s->cpu, s->w, it);
	tw_wait_done(it, "an item that no point holds");
	KUNIT_EXPECT_FALSE(test, tw_caught(c->h));
}

struct toggle_ctx {
	atomic_t	hits;
	int		rounds;
};

static void hand_toggle(void *arg)
{
	struct toggle_ctx *c = arg;
	int i;

	for (i = 0; i < c->rounds; i++) {
		cmwq2_point_set(CMWQ2_POINT_INSERTED, fn_count, &c->hits);
		cmwq2_point_clear(CMWQ2_POINT_INSERTED);
	}
}

static void set_and_cleared_under_load(struct kunit *test)
{
	struct tw_stage *s = points_stage(test);
	struct toggle_ctx *c = tw_zalloc(s->env, sizeof(*c));
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	int runs = 0;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, clear_all, NULL), 0);
	c->rounds = 10 * s->rounds;
	tw_hand_does(s, hand_toggle, c);
	while (!tw_hand_done(s)) {
		runs += tw_queue_on(s->cpu, s->w, it);
		tw_wait_done(it, "an item");
		tw_flush(it);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), runs);
}

static struct kunit_case points_cases[] = {
	KUNIT_CASE(refuses_nonsense),
	KUNIT_CASE(called_while_set),
	KUNIT_CASE_PARAM(held_until_let_go, held_gen_params),
	KUNIT_CASE_PARAM(late_is_told, held_gen_params),
	KUNIT_CASE(not_reached_is_told),
	KUNIT_CASE(passing_is_noted),
	KUNIT_CASE(clear_waits_for_who_is_inside),
	KUNIT_CASE(set_and_cleared_under_load),
	{}
};

static struct kunit_suite points_suite = {
	.name = "cmwq2_points",
	.test_cases = points_cases,
};

kunit_test_suites(&points_suite);
