// SPDX-License-Identifier: GPL-2.0
/*
 * Forced races of flushes, cancels and rescues. I and a number refer to the
 * invariants in Documentation/design.rst.
 */
#include "core/pool.h"
#include "hold.h"
#include "starve.h"

KUNIT_ARRAY_PARAM_DESC(mode, tw_modes, name);

static void hand_flush(void *arg)
{
	struct tw_stage *s = arg;

	tw_flush_wq(s->w);
}

static void gated_start(struct tw_wq *w, int cpu, struct tw_item *it)
{
	reinit_completion(it->gate);
	tw_queue_on(cpu, w, it);
	tw_wait_started(it, "an item with a gate");
}

static void gated_end(struct tw_item *it)
{
	complete_all(it->gate);
	tw_wait_done(it, "an item whose gate opened");
}

/*
 * I3: the first pool has the new color, the second does not yet. The flush
 * waits for items queued before it and for items that still get the old color,
 * but not for items with the new color. The first pool's last item ends in
 * between, which must not end the flush.
 */
static void flush_between_pools(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 1);
	struct tw_hold *coloring = tw_hold(s->env, CMWQ2_POINT_COLORING,
					   cmwq2_cpu_pool(s->hand_cpu, false));
	struct tw_item *first = tw_gated(s->env, NULL), *second = tw_gated(s->env, NULL);
	struct tw_item *old = tw_gated(s->env, NULL), *new = tw_gated(s->env, NULL);
	unsigned int i, j;

	coloring->current_is = s->hand->thread->task;
	for (i = 0; i < s->rounds; i++) {
		gated_start(s->w, s->hand_cpu, first);
		gated_start(s->w, s->cpu, second);
		tw_arm(coloring);
		tw_hand_does(s, hand_flush, s);
		tw_wait_held(coloring, "a flush between two pools");
		gated_end(first);
		gated_start(s->w, s->cpu, old);
		gated_start(s->w, s->hand_cpu, new);
		tw_let_go(coloring);
		gated_end(second);
		for (j = 0; j < 20; j++)
			tw_yield();
		KUNIT_ASSERT_FALSE(test, tw_hand_done(s));
		gated_end(old);
		tw_hand_wait(s);
		gated_end(new);
		tw_flush_wq(s->w);
	}
}

/* The first flusher's color is done, and another flush comes before it hands over. */
static void flush_before_handing_on(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 1);
	struct tw_hold *flushed = tw_hold(s->env, CMWQ2_POINT_FLUSHED, NULL);
	struct tw_item *it = tw_gated(s->env, NULL), *next = tw_gated(s->env, NULL);
	unsigned int i;

	flushed->current_is = s->hand->thread->task;
	for (i = 0; i < s->rounds; i++) {
		struct tw_thread *t = tw_thread(s->env, s->cpu, tw_thread_flush_wq, s->w, NULL,
						NULL);

		gated_start(s->w, s->cpu, it);
		tw_arm(flushed);
		tw_hand_does(s, hand_flush, s);
		TW_SOON(s->env, READ_ONCE(((struct cmwq2_wq *)s->w->wq)->first_flusher),
			"the first flush to begin");
		/* Before it has visited all pools, there may be nothing left to wait for. */
		tw_wait_blocked(s->hand->thread);
		gated_end(it);
		tw_wait_held(flushed, "the first flusher to be woken");
		gated_start(s->w, s->cpu, next);
		tw_thread_start(t);
		tw_wait_blocked(t);
		gated_end(next);
		tw_let_go(flushed);
		tw_hand_wait(s);
		tw_join(t, "the flush that came late");
	}
}

static void hand_drain(void *arg)
{
	struct tw_stage *s = arg;

	s->env->ops->drain(s->w->wq);
}

/* What an item queues when its gate opens. */
struct next_item {
	struct tw_wq	*w;
	int		cpu;
	struct tw_item	*it;
};

static void fn_queue_next(struct tw_item *it)
{
	struct next_item *next = it->ctx;

	tw_wait_for_test(it->gate);
	tw_queue_on(next->cpu, next->w, next->it);
}

/*
 * I3: a drain finds no item in the first pool. Then an item of the second pool queues an item
 * to the first pool, and ends. Now the drain finds no item in the second pool. It must still
 * wait for the item in the first pool.
 */
static void drain_between_pools(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 1);
	struct tw_hold *draining = tw_hold(s->env, CMWQ2_POINT_DRAINING,
					   cmwq2_cpu_pool(s->hand_cpu, false));
	struct tw_item *first = tw_gated(s->env, NULL), *second = tw_gated(s->env, NULL);
	struct tw_item *last = tw_gated(s->env, NULL);
	struct next_item after_first = { s->w, s->cpu, second };
	struct next_item after_second = { s->w, s->hand_cpu, last };
	unsigned int i;

	first->fn = fn_queue_next;
	first->ctx = &after_first;
	second->fn = fn_queue_next;
	second->ctx = &after_second;
	draining->current_is = s->hand->thread->task;
	for (i = 0; i < s->rounds; i++) {
		reinit_completion(second->gate);
		reinit_completion(last->gate);
		gated_start(s->w, s->cpu, first);
		tw_arm(draining);
		tw_hand_does(s, hand_drain, s);
		tw_wait_blocked(s->hand->thread);
		gated_end(first);
		tw_wait_started(second, "an item that was queued during the drain");
		tw_wait_held(draining, "a drain between two pools");
		gated_end(second);
		tw_wait_started(last, "the last item");
		tw_let_go(draining);
		tw_wait_blocked(s->hand->thread);
		KUNIT_EXPECT_FALSE(test, tw_hand_done(s));
		gated_end(last);
		tw_hand_wait(s);
		tw_flush_wq(s->w);
	}
}

/*
 * I4: PENDING is set, the item is on no list yet, and another thread cancels
 * it. The item is either cancelled or runs, not both and not neither.
 */
static void cancel_while_queueing(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 1);
	struct tw_hold *queue = tw_hold(s->env, CMWQ2_POINT_QUEUE, NULL);
	struct tw_hold *busy = tw_hold(s->env, CMWQ2_POINT_GRAB_BUSY, NULL);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	unsigned int i, taken = 0;

	queue->current_is = s->hand->thread->task;
	busy->current_is = current;
	busy->pass = true;
	busy->frees = queue;
	for (i = 0; i < s->rounds; i++) {
		tw_arm(queue);
		tw_arm(busy);
		tw_hand_queues(s, it);
		tw_wait_held(queue, "a queueing that holds PENDING");
		taken += tw_cancel(it);
		KUNIT_ASSERT_TRUE(test, tw_caught(busy));
		tw_hand_wait(s);
		KUNIT_ASSERT_EQ(test, it->val, 1);
		tw_flush_wq(s->w);
		KUNIT_ASSERT_EQ(test, atomic_read(&it->runs) + taken, i + 1);
	}
}

static void hand_cancel(void *arg)
{
	struct tw_item *it = arg;

	it->val = tw_cancel(it);
}

/* A cancel holds PENDING: queueing finds the item pending, and another cancel waits. */
static void queue_and_cancel_while_grabbed(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 1);
	struct tw_hold *grabbed = tw_hold(s->env, CMWQ2_POINT_GRABBED, NULL);
	struct tw_hold *busy = tw_hold(s->env, CMWQ2_POINT_GRAB_BUSY, NULL);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	unsigned int i;

	grabbed->current_is = s->hand->thread->task;
	busy->current_is = current;
	busy->pass = true;
	busy->frees = grabbed;
	for (i = 0; i < s->rounds; i++) {
		tw_arm(grabbed);
		tw_arm(busy);
		tw_hand_does(s, hand_cancel, it);
		tw_wait_held(grabbed, "a cancel that holds PENDING");
		KUNIT_ASSERT_FALSE(test, tw_queue_on(s->cpu, s->w, it));
		KUNIT_ASSERT_FALSE(test, tw_caught(busy));
		KUNIT_ASSERT_FALSE(test, tw_cancel(it));
		KUNIT_ASSERT_TRUE(test, tw_caught(busy));
		tw_hand_wait(s);
		KUNIT_ASSERT_EQ(test, it->val, 0);
		KUNIT_ASSERT_TRUE(test, tw_queue_on(s->cpu, s->w, it));
		tw_wait_done(it, "the item that is queued after the cancels");
		tw_flush(it);
		KUNIT_ASSERT_EQ(test, atomic_read(&it->runs), i + 1);
	}
}

static void hand_destroy(void *arg)
{
	tw_destroy(arg);
}

/*
 * The mayday is sent, but the pool gets a worker before the rescuer arrives,
 * which then finds nothing to do. The timer that calls rescuers stops. Destroying the
 * queue waits for the rescuer.
 */
static void rescuer_comes_too_late(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 1);
	struct tw_hold *rescue = tw_hold(s->env, CMWQ2_POINT_RESCUE, s->pool);
	struct tw_wq *w = tw_alloc(s->env, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct tw_starved *c;
	unsigned long maydays;

	tw_make_idle(s, 3);
	c = tw_starve(s->env, TW_PERCPU);
	maydays = tw_wq_stats(w).mayday;
	tw_arm(rescue);
	tw_queue_on(s->cpu, w, it);
	tw_wait_held(rescue, "the rescuer on its way");
	KUNIT_EXPECT_GT(test, tw_wq_stats(w).mayday, maydays);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	tw_feed(c);
	tw_wait_done(it, "the item, by a worker");
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 0);
	TW_SOON(s->env, !(READ_ONCE(s->pool->flags) & CMWQ2_POOL_MANAGED),
		"the manager to have its workers");
	KUNIT_EXPECT_FALSE(test, timer_pending(&s->pool->mayday_timer));
	tw_hand_does(s, hand_destroy, w);
	tw_wait_blocked(s->hand->thread);
	tw_let_go(rescue);
	tw_hand_wait(s);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE_PARAM_ATTR(cancel_while_queueing, mode_gen_params, TW_SLOW),
	KUNIT_CASE(queue_and_cancel_while_grabbed),
	KUNIT_CASE(flush_between_pools),
	KUNIT_CASE(flush_before_handing_on),
	KUNIT_CASE(drain_between_pools),
	KUNIT_CASE(rescuer_comes_too_late),
	{}
};

static struct kunit_suite wait_suite = {
	.name = "cmwq2_interleave_wait",
	.test_cases = wait_cases,
	.suite_init = tw_modes_init,
};

kunit_test_suites(&wait_suite);
