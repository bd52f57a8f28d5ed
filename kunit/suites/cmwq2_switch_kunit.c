// SPDX-License-Identifier: GPL-2.0
/*
 * Policies that switch while items are in flight on every kind of queue: no
 * item is lost, runs twice, or overtakes another on an ordered queue. The
 * number of items is printed for `make experiment NAME=switching`.
 */
#include <linux/module.h>
#include <linux/sched.h>

#include "hold.h"
#include "shared.h"

static int switch_times = 1000;
module_param(switch_times, int, 0444);
MODULE_PARM_DESC(switch_times, "policy switches of cmwq2_switch in each case (default 1000)");

#define NR_LANES	3
#define NR_IN_FLIGHT	16

/* One producer and its queue. NR_IN_FLIGHT items are queued again in turn. */
struct lane {
	struct tw_wq	*w;
	struct tw_item	*items[NR_IN_FLIGHT];
	bool		ordered;
	bool		*stop;
	unsigned long	queued;
	unsigned long	expected;	/* on an ordered queue: the next one to run */
	unsigned long	disorder;
};

static void fn_lane(struct tw_item *it)
{
	struct lane *l = it->ctx;

	if (it->id == 3 && ++it->val % 64 == 0)
		schedule_timeout_uninterruptible(1);
	if (l->ordered && it->id != l->expected++ % NR_IN_FLIGHT)
		l->disorder++;
}

static void thread_lane(struct tw_thread *t)
{
	struct lane *l = t->ctx;
	struct tw_item *it;

	for (; !READ_ONCE(*l->stop) && !READ_ONCE(t->env->closing); tw_progress(t)) {
		it = l->items[l->queued % NR_IN_FLIGHT];
		if (l->queued >= NR_IN_FLIGHT &&
		    !wait_for_completion_timeout(&it->done, tw_timeout()))
			break;
		/* Its function has returned. If the item still runs, it runs again. */
		tw_queue_on(raw_smp_processor_id(), l->w, it);
		l->queued++;
	}
	tw_flush_wq(l->w);
}

static struct lane *lane(struct tw_env *e, unsigned int flags, bool *stop)
{
	struct lane *l = tw_zalloc(e, sizeof(*l));
	int i;

	l->w = tw_alloc(e, flags, 0);
	l->ordered = flags == TW_ORDERED;
	l->stop = stop;
	for (i = 0; i < NR_IN_FLIGHT; i++) {
		l->items[i] = tw_item(e, fn_lane);
		l->items[i]->id = i;
		l->items[i]->ctx = l;
	}
	return l;
}

/* Checks the items of a lane that has ended, and adds up their runs. */
static void lane_end(struct kunit *test, struct lane *l, unsigned long *ran)
{
	unsigned long runs = 0;
	int i;

	for (i = 0; i < NR_IN_FLIGHT; i++) {
		runs += atomic_read(&l->items[i]->runs);
		KUNIT_EXPECT_EQ(test, atomic_read(&l->items[i]->overlaps), 0);
	}
	KUNIT_EXPECT_EQ(test, runs, l->queued);
	KUNIT_EXPECT_EQ(test, l->disorder, 0);
	*ran += runs;
}

/* The claim changes with each switch, the wake after each round of all claims. */
static const struct tw_mode *nth_mode(int i)
{
	return &tw_modes[i % TW_NR_CLAIMS * TW_NR_WAKES + i / TW_NR_CLAIMS % TW_NR_WAKES];
}

static void set_policies(struct kunit *test, struct lane **l, int i)
{
	KUNIT_ASSERT_EQ(test, cmwq2_policy_set("claim", nth_mode(i)->claim->name), 0);
	KUNIT_ASSERT_EQ(test, cmwq2_policy_set("wake", nth_mode(i)->wake), 0);
}

/* Sets the policies of the pool of one lane's producer, of another lane in each call. */
static void set_pool_policies(struct kunit *test, struct lane **l, int i)
{
	int n = i % NR_LANES, id = tw_stats(l[n]->w, tw_cpu(n)).id;
	char text[64];

	scnprintf(text, sizeof(text), "%d claim=%s", id, nth_mode(i)->claim->name);
	KUNIT_ASSERT_EQ_MSG(test, cmwq2_policy_set("pool_policy", text), 0, "%s", text);
	scnprintf(text, sizeof(text), "%d wake=%s", id, nth_mode(i)->wake);
	KUNIT_ASSERT_EQ_MSG(test, cmwq2_policy_set("pool_policy", text), 0, "%s", text);
}

/* Sets both policies once, so that the end of the test restores the old ones. */
static struct tw_env *switch_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_policy(e, "claim", "none");
	tw_policy(e, "wake", "deferred");
	return e;
}

static void switch_load(struct kunit *test,
			void (*set)(struct kunit *test, struct lane **l, int i))
{
	static const unsigned int flags[NR_LANES] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED };
	struct tw_env *e = switch_env(test);
	bool *stop = tw_zalloc(e, sizeof(*stop));
	struct tw_thread *t[NR_LANES];
	struct lane *l[NR_LANES];
	unsigned long ran = 0;
	int i;

	for (i = 0; i < NR_LANES; i++) {
		l[i] = lane(e, flags[i], stop);
		t[i] = tw_thread(e, tw_cpu(i), thread_lane, NULL, NULL, l[i]);
	}
	for (i = 0; i < NR_LANES; i++)
		tw_thread_start(t[i]);
	for (i = 0; i < switch_times; i++) {
		set(test, l, i);
		cond_resched();
	}
	WRITE_ONCE(*stop, true);
	for (i = 0; i < NR_LANES; i++) {
		tw_join(t[i], "a producer");
		lane_end(test, l[i], &ran);
	}
	/* Read by tools/checks/experiments.py. */
	kunit_info(test, "switches=%d items=%lu\n", switch_times, ran);
}

static void switch_under_load(struct kunit *test)
{
	switch_load(test, set_policies);
}

static void switch_pools_under_load(struct kunit *test)
{
	switch_load(test, set_pool_policies);
}

#define NR_ORDERED	4000

struct backlog {
	struct tw_log	*log;
	struct tw_wq	*w;
	struct tw_item	*items[NR_ORDERED];
};

static void fn_backlog(struct tw_item *it)
{
	struct backlog *b = it->ctx;

	tw_log_add(b->log, it->id);
}

static void thread_backlog(struct tw_thread *t)
{
	struct backlog *b = t->ctx;
	int i;

	for (i = 0; i < NR_ORDERED; i++) {
		tw_progress(t);
		tw_queue(b->w, b->items[i]);
		if (i % 8 == 0)
			cond_resched();
	}
}

/* A backlog of as many items as possible, instead of a few that are queued again. */
static void switch_keeps_order(struct kunit *test)
{
	struct tw_env *e = switch_env(test);
	struct backlog *b = tw_zalloc(e, sizeof(*b));
	struct tw_thread *t;
	int i;

	b->log = tw_log(e, NR_ORDERED);
	b->w = tw_alloc(e, TW_ORDERED, 0);
	for (i = 0; i < NR_ORDERED; i++) {
		b->items[i] = tw_item(e, fn_backlog);
		b->items[i]->id = i;
		b->items[i]->ctx = b;
	}
	t = tw_thread(e, tw_cpu(1), thread_backlog, b->w, NULL, b);
	tw_thread_start(t);
	for (i = 0; i < switch_times; i++) {
		set_policies(test, NULL, i);
		cond_resched();
	}
	tw_join(t, "the producer");
	tw_flush_wq(b->w);
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(b->log, NR_ORDERED));
}

/*
 * A kicked worker that the old claim made busy is idle again: it may be picked and culled.
 * An item is pending, so the switch kicks the pool and wakes a worker. The test stops this
 * worker before it leaves the idle list, so that the number of idle workers stays the same.
 */
static void switch_undoes_claims(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 0);
	struct tw_hold *picked = tw_hold(s->env, CMWQ2_POINT_PICKED, s->pool);
	struct tw_hold *woken = tw_hold(s->env, CMWQ2_POINT_WOKEN, s->pool);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);

	tw_policy(s->env, "wake", "deferred");
	tw_policy(s->env, "claim", "leave_idle");
	tw_make_idle(s, 4);
	tw_arm(picked);
	tw_hand_queues(s, it);
	tw_wait_held(picked, "a kick before its wakeup");
	KUNIT_EXPECT_EQ(test, tw_stats(s->w, s->cpu).nr_kicked, 1);
	KUNIT_EXPECT_EQ(test, tw_stats(s->w, s->cpu).nr_idle, 3);
	tw_arm(woken);
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("claim", "none"), 0);
	tw_wait_held(woken, "the worker that the switch kicks");
	KUNIT_EXPECT_EQ(test, tw_stats(s->w, s->cpu).nr_kicked, 0);
	KUNIT_EXPECT_EQ(test, tw_stats(s->w, s->cpu).nr_idle, 4);
	tw_let_go(woken);
	tw_let_go(picked);
	tw_hand_wait(s);
	tw_wait_done(it, "the item of the kick");
}

/* A pool that may run any number of workers again does not save kicks because of those that run. */
static void free_pool_counts_nobody(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *items[16], *one_more = tw_item(e, tw_fn_run_on);
	int i, nr = num_online_cpus();
	struct cmwq2_pool *pool;
	struct tw_wq *w;

	if (nr > ARRAY_SIZE(items))
		kunit_skip(test, "more CPUs than the test has items");
	tw_policy(e, "profile", "mainline-7.3");
	tw_policy(e, "policies", "concurrency=managed wakeup=needed");
	w = tw_shared_wq(e, 0, 0, 5);
	pool = tw_pool_of(w, tw_cpu(0));
	for (i = 0; i < nr; i++) {
		items[i] = tw_item(e, tw_fn_run_on);
		tw_queue(w, items[i]);
		tw_wait_started(items[i], "an item that runs on");
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&pool->nr_running), nr);
	tw_policy(e, "concurrency", "free");
	TW_POLL(e, !atomic_read(&pool->nr_running), "the counts of the workers to end");
	tw_queue(w, one_more);
	tw_wait_started(one_more, "an item beside those that run on");
	for (i = 0; i < nr; i++)
		WRITE_ONCE(items[i]->val, 1);
	WRITE_ONCE(one_more->val, 1);
	tw_flush_wq(w);
}

static struct kunit_case switch_cases[] = {
	KUNIT_CASE(switch_under_load),
	KUNIT_CASE(switch_pools_under_load),
	KUNIT_CASE(switch_keeps_order),
	KUNIT_CASE(switch_undoes_claims),
	KUNIT_CASE(free_pool_counts_nobody),
	{}
};

static struct kunit_suite switch_suite = {
	.name = "cmwq2_switch",
	.suite_init = tw_modes_init,
	.test_cases = switch_cases,
};

kunit_test_suites(&switch_suite);
