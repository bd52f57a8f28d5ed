// SPDX-License-Identifier: GPL-2.0
/*
 * The rescuer: when a pool cannot create workers, the items of queues with a
 * rescuer still run. tw_starve() brings a pool into this state.
 */
#include "base/registry.h"
#include "base/types.h"
#include "core/scan.h"
#include "check.h"
#include "hold.h"
#include "starve.h"

static struct cmwq2_pool *wq_pool(struct cmwq2_wq *wq, int cpu)
{
	struct cmwq2_pool *pool;

	rcu_read_lock();
	pool = rcu_dereference(*per_cpu_ptr(wq->cpu_pwq, cpu))->pool;
	rcu_read_unlock();
	return pool;
}

static void rescue_one(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, flags | TW_MEM_RECLAIM, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_starved *c = tw_starve(e, flags);
	unsigned long started;
	int i;

	for (i = 0; i < 5; i++) {
		tw_queue_on(c->cpu, w, it);
		tw_wait_done(it, "the rescue of an item");
		tw_flush(it);
	}
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 5);
	/* A flush that came before an item's end has run a barrier as well. */
	started = tw_wq_stats(w).started;
	KUNIT_EXPECT_GE(test, started, 5);
	TW_POLL(e, tw_wq_stats(w).completed == started, "the last barrier to be accounted for");
	KUNIT_EXPECT_GT(test, tw_stats(w, c->cpu).maydays, c->maydays);
	tw_feed(c);

	/* When workers can be created, nothing is rescued. */
	tw_queue_on(c->cpu, w, it);
	tw_wait_done(it, "an item after the rescue");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 5);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).started, started + 1);
}

static void rescue_percpu(struct kunit *test)
{
	rescue_one(test, TW_PERCPU);
}

static void rescue_highpri(struct kunit *test)
{
	rescue_one(test, TW_PERCPU | TW_HIGHPRI);
}

static void rescue_unbound(struct kunit *test)
{
	rescue_one(test, TW_UNBOUND);
}

/* The rescuer's thread sleeps: it has finished everything that it was called for. */
static bool rescuer_rests(struct cmwq2_wq *wq)
{
	bool left;

	mutex_lock(&cmwq2_attach_mutex);
	left = !wq->rescuer->pool;
	mutex_unlock(&cmwq2_attach_mutex);
	return left && READ_ONCE(wq->rescuer->task->__state) == TASK_IDLE;
}

/* The mayday's reference is dropped, and the cursor is gone when the rescuer has left. */
static void rescue_leaves_nothing_behind(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct cmwq2_wq *wq = w->wq;
	struct cmwq2_pwq *pwq = rcu_access_pointer(*per_cpu_ptr(wq->cpu_pwq, c->cpu));
	int before = READ_ONCE(pwq->refcnt);

	tw_queue_on(c->cpu, w, it);
	tw_wait_done(it, "the rescue of an item");
	TW_POLL(e, rescuer_rests(wq), "the rescuer to sleep");
	KUNIT_EXPECT_EQ(test, READ_ONCE(pwq->refcnt), before);
	KUNIT_EXPECT_TRUE(test, list_empty_careful(&pwq->mayday_cursor.entry));
	tw_feed(c);
}

#define NR_QUEUES	3
#define NR_ITEMS	40

static void rescue_several_queues(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *items[NR_QUEUES * NR_ITEMS];
	struct tw_wq *w[NR_QUEUES];
	struct tw_starved *c;
	int i;

	for (i = 0; i < NR_QUEUES; i++)
		w[i] = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	c = tw_starve(e, TW_PERCPU);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_item(e, tw_fn_nop);
		tw_queue_on(c->cpu, w[i % NR_QUEUES], items[i]);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_done(items[i], "the rescue of all items of three queues");
	for (i = 0; i < NR_QUEUES; i++) {
		tw_flush_wq(w[i]);
		KUNIT_EXPECT_EQ(test, tw_wq_stats(w[i]).rescued, NR_ITEMS);
	}
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
	tw_feed(c);
}

static void fn_chain(struct tw_item *it)
{
	if (--it->val > 0)
		tw_queue_on(it->id, it->ctx, it);
}

static void rescue_chain(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *it = tw_item(e, fn_chain);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	int i;

	it->ctx = w;
	it->id = c->cpu;
	it->val = 50;
	tw_queue_on(c->cpu, w, it);
	for (i = 0; i < 50; i++)
		tw_wait_done(it, "the rescue of an item that queues itself");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 50);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
	tw_feed(c);
}

/* The rescuer sleeps in one queue's item. Another queue's item need not wait for it. */
static void rescue_beside_sleeping_rescuer(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_wq *other = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *sleeper = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);

	tw_queue_on(c->cpu, w, sleeper);
	tw_wait_started(sleeper, "the rescue of an item that sleeps");
	tw_queue_on(c->cpu, other, it);
	tw_wait_done(it, "the rescue of another queue's item");
	KUNIT_EXPECT_EQ(test, sleeper->finished, 0);
	complete_all(sleeper->gate);
	tw_flush_wq(w);
	tw_feed(c);
}

static void rescue_under_flush(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 1);
	struct tw_item *first = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_thread *t[3];
	int i;

	tw_queue_on(c->cpu, w, first);
	tw_queue_on(c->cpu, w, it);
	t[0] = tw_thread(e, TW_ANY_CPU, tw_thread_flush_wq, w, NULL, NULL);
	t[1] = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);
	t[2] = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, first, NULL);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		tw_thread_block(t[i]);
	complete_all(first->gate);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		tw_join(t[i], "a flush that needs the rescuer");
	KUNIT_EXPECT_EQ(test, it->finished, 1);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 2);
	tw_feed(c);
}

static void rescue_under_cancel(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *items[64];
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	int i, round, cancelled = 0, runs = 0;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_queue_on(c->cpu, w, items[i]);
		for (i = round % 4; i < ARRAY_SIZE(items); i += 2)
			cancelled += i & 4 ? tw_cancel(items[i]) : tw_cancel_sync(items[i]);
		tw_flush_wq(w);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		runs += atomic_read(&items[i]->runs);
	KUNIT_EXPECT_EQ(test, runs + cancelled, 20 * (int)ARRAY_SIZE(items));
	tw_feed(c);
}

/*
 * The rescuer is told to stop as soon as the last item is done, which it may
 * have run itself. This is repeated to meet the rescuer on its way to sleep.
 */
static void rescue_under_destroy(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_item *items[5];
	int i, round;

	for (round = 0; round < 5; round++) {
		struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
		struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_destroy, w, NULL, NULL);

		for (i = 0; i < ARRAY_SIZE(items); i++) {
			items[i] = tw_item(e, tw_fn_nop);
			tw_queue_on(c->cpu, w, items[i]);
		}
		tw_thread_start(t);
		tw_join(t, "the destruction of a queue that needs its rescuer");
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
	}
	tw_feed(c);
}

/* True if the destroyer has reached the point where it waits for the rescuer's thread. */
static bool waits_for_rescuer(struct tw_thread *t, struct cmwq2_wq *wq)
{
	unsigned long end = jiffies + tw_timeout();

	while (time_before(jiffies, end)) {
		if (!READ_ONCE(wq->rescuer) &&
		    READ_ONCE(t->task->__state) == TASK_UNINTERRUPTIBLE)
			return true;
		schedule_timeout_uninterruptible(1);
	}
	return false;
}

/*
 * The same race, forced: the rescuer has run the last item and is held on its
 * way out of the pool while it is told to stop. It gets no further request.
 */
static void stop_meets_leaving_rescuer(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_destroy, w, NULL, NULL);
	struct completion *gate = tw_gate(e);
	struct tw_item *it = tw_gated(e, gate);
	bool met;

	tw_queue_on(c->cpu, w, it);
	tw_wait_started(it, "the rescue of an item");
	mutex_lock(&cmwq2_attach_mutex);
	complete_all(gate);
	tw_thread_start(t);
	met = waits_for_rescuer(t, w->wq);
	mutex_unlock(&cmwq2_attach_mutex);
	KUNIT_EXPECT_TRUE(test, met);
	tw_join(t, "the end of a rescuer that was leaving a pool");
	tw_feed(c);
}

/*
 * An item becomes active when the rescuer has finished the one before it. By
 * then the pool has workers again and the rescuer is no longer needed, so it
 * has to wake one of them when it leaves. The scan timer would do so later;
 * here it is off.
 */
static void rescuer_leaves_with_a_kick(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 1);
	struct tw_item *first = tw_gated(e, NULL), *next = tw_item(e, tw_fn_nop);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct cmwq2_wq *wq = w->wq;
	struct cmwq2_pool *pool = wq_pool(wq, c->cpu);
	bool ran;

	tw_queue_on(c->cpu, w, first);
	tw_queue_on(c->cpu, w, next);
	tw_wait_started(first, "the rescue of the first item");
	tw_feed(c);
	/*
	 * A new worker counts as idle before it has looked at the worklist for the first time.
	 * Only the rescuer is awake, in its item.
	 */
	TW_POLL(e, tw_nr_awake(pool) == 1, "all workers to have looked");
	cmwq2_scan_hold(pool);
	KUNIT_EXPECT_EQ(test, atomic_read(&next->runs), 0);
	complete_all(first->gate);
	ran = wait_for_completion_timeout(&next->done, tw_timeout());
	KUNIT_EXPECT_TRUE_MSG(test, ran,
			      "the rescuer left an item to a pool whose workers all sleep");
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 1);
	/* A stuck item must run before the queue is drained. */
	cmwq2_scan_resume(pool);
}

#define NR_AT_ONCE	6

/*
 * One call for rescue wakes more rescuers than fit into the list of those to be
 * woken after the lock is released. With interrupts off the items are queued
 * within microseconds, while calls are jiffies apart. So one call finds all of
 * them, unless it comes from another CPU at just that moment of a round.
 */
static void rescuers_woken_at_once(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *items[NR_AT_ONCE];
	struct tw_wq *w[NR_AT_ONCE];
	struct tw_starved *c;
	unsigned long flags;
	int i, round;

	tw_policy(e, "wake", "everywhere");
	for (i = 0; i < NR_AT_ONCE; i++) {
		w[i] = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
		items[i] = tw_item(e, tw_fn_nop);
	}
	c = tw_starve(e, TW_PERCPU);
	for (round = 1; round <= 5; round++) {
		local_irq_save(flags);
		for (i = 0; i < NR_AT_ONCE; i++)
			tw_queue_on(c->cpu, w[i], items[i]);
		local_irq_restore(flags);
		for (i = 0; i < NR_AT_ONCE; i++)
			tw_wait_done(items[i], "the rescue of six queues at once");
		for (i = 0; i < NR_AT_ONCE; i++) {
			tw_flush_wq(w[i]);
			KUNIT_EXPECT_EQ(test, tw_wq_stats(w[i]).rescued, round);
		}
	}
	tw_feed(c);
}

/* A mayday timer that was armed while a worker was created is stopped again. */
static void mayday_timer_ends(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct cmwq2_pool *pool = wq_pool(w->wq, 0);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[64];
	unsigned long maydays;
	int i, nr = tw_stats(w, 0).nr_workers + 1;

	KUNIT_ASSERT_LE(test, nr, ARRAY_SIZE(items));
	maydays = tw_stats(w, 0).maydays;
	tw_fault_create(w, 0, CMWQ2_CREATE_STALLS);
	for (i = 0; i < nr; i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(0, w, items[i]);
	}
	TW_POLL(e, tw_stats(w, 0).maydays > maydays, "a mayday");
	tw_fault_create(w, 0, CMWQ2_CREATE_NORMAL);
	complete_all(gate);
	for (i = 0; i < nr; i++)
		tw_wait_done(items[i], "an item that waited for a worker");
	TW_POLL(e, !(READ_ONCE(pool->flags) & CMWQ2_POOL_MANAGED) && tw_pool_idle(w, 0),
		"the manager to be done");
	/* This also waits for a running callback, which would rearm the timer. */
	KUNIT_EXPECT_FALSE(test, timer_delete_sync(&pool->mayday_timer));
}

static struct kunit_case rescuer_cases[] = {
	KUNIT_CASE(rescue_percpu),
	KUNIT_CASE(rescue_highpri),
	KUNIT_CASE(rescue_unbound),
	KUNIT_CASE(rescue_leaves_nothing_behind),
	KUNIT_CASE(rescue_several_queues),
	KUNIT_CASE(rescue_chain),
	KUNIT_CASE(rescue_beside_sleeping_rescuer),
	KUNIT_CASE(rescue_under_flush),
	KUNIT_CASE(rescue_under_cancel),
	KUNIT_CASE(rescue_under_destroy),
	KUNIT_CASE(stop_meets_leaving_rescuer),
	KUNIT_CASE(rescuer_leaves_with_a_kick),
	KUNIT_CASE(rescuers_woken_at_once),
	KUNIT_CASE(mayday_timer_ends),
	{}
};

static struct kunit_suite rescuer_suite = {
	.name = "cmwq2_rescuer",
	.test_cases = rescuer_cases,
};

kunit_test_suites(&rescuer_suite);
