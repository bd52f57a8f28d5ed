// SPDX-License-Identifier: GPL-2.0
/*
 * Latency histograms. Each item is counted once in each stage that it passes,
 * in the right queue and pool, and in a bucket that is not too low. Nothing
 * else is counted.
 *
 * Counts are final when a flush has returned, because the flush takes the lock
 * under which they were counted.
 */
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "check.h"
#include "starve.h"

#define NR_ITEMS	40

static void latency_off(void *unused)
{
	cmwq2_latency_set(false);
	cmwq2_latency_reset();
}

static struct tw_env *latency_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, latency_off, NULL), 0);
	cmwq2_latency_reset();
	KUNIT_ASSERT_EQ(test, cmwq2_latency_set(true), 0);
	return e;
}

static struct cmwq2_latency *latency_of(struct tw_wq *w)
{
	struct cmwq2_latency *sum = tw_zalloc(w->env, sizeof(*sum));

	tw_flush_wq(w);
	cmwq2_wq_latency(w->wq, sum);
	return sum;
}

static long counted(const struct cmwq2_latency *sum, enum cmwq2_latency_stage stage)
{
	long nr = 0;
	int i;

	for (i = 0; i < CMWQ2_LATENCY_BUCKETS; i++)
		nr += sum->count[stage][i];
	return nr;
}

static int highest(const struct cmwq2_latency *sum, enum cmwq2_latency_stage stage)
{
	int i = CMWQ2_LATENCY_BUCKETS - 1;

	while (i >= 0 && !sum->count[stage][i])
		i--;
	return i;
}

/* Items' stamps have a resolution of 64 ns, and each difference involves two of them. */
static int bucket_of_at_least(u64 ns)
{
	return fls64(ns - min_t(u64, ns, 256));
}

static void expect_counts(struct tw_wq *w, long activated, long ran)
{
	struct kunit *test = w->env->test;
	struct cmwq2_latency *sum = latency_of(w);
	long woken = counted(sum, CMWQ2_LATENCY_START);

	KUNIT_EXPECT_EQ(test, counted(sum, CMWQ2_LATENCY_ACTIVATE), activated);
	KUNIT_EXPECT_EQ(test, counted(sum, CMWQ2_LATENCY_PICK), woken);
	KUNIT_EXPECT_EQ(test, counted(sum, CMWQ2_LATENCY_WAKE), w->env->bh ? 0 : woken);
	KUNIT_EXPECT_EQ(test, counted(sum, CMWQ2_LATENCY_TAKEN) + woken, ran);
	KUNIT_EXPECT_EQ(test, counted(sum, CMWQ2_LATENCY_END), ran);
}

static void expect_nothing(struct tw_wq *w)
{
	expect_counts(w, 0, 0);
}

static void queue_and_wait(struct tw_wq *w, int nr)
{
	struct tw_env *e = w->env;
	struct tw_item *it;
	int i;

	for (i = 0; i < nr; i++) {
		it = tw_item(e, tw_fn_nop);
		tw_queue_on(tw_cpu(i), w, it);
		tw_wait_done(it, "an item");
	}
}

static void queue_all(struct tw_wq *w, int nr)
{
	struct tw_item **items = tw_zalloc(w->env, nr * sizeof(*items));
	int i;

	for (i = 0; i < nr; i++)
		items[i] = tw_item(w->env, tw_fn_nop);
	for (i = 0; i < nr; i++)
		tw_queue_on(tw_cpu(0), w, items[i]);
}

struct latency_kind {
	const char	*name;
	unsigned int	flags;
};

static const struct latency_kind latency_kinds[] = {
	{ "percpu", TW_PERCPU },
	{ "highpri", TW_PERCPU | TW_HIGHPRI },
	{ "cpu_intensive", TW_PERCPU | TW_CPU_INTENSIVE },
	{ "unbound", TW_UNBOUND },
	{ "bh", TW_PERCPU | TW_BH },
};

KUNIT_ARRAY_PARAM_DESC(latency_kind, latency_kinds, name);

/* Each item is counted once in each stage, when queued one at a time and many at once. */
static void counts_add_up(struct kunit *test)
{
	const struct latency_kind *kind = test->param_value;
	struct tw_env *e = latency_env(test);
	struct tw_wq *w;

	e->bh = kind->flags & TW_BH;
	w = tw_alloc(e, kind->flags, 0);
	queue_and_wait(w, NR_ITEMS);
	expect_counts(w, 0, NR_ITEMS);
	queue_all(w, NR_ITEMS);
	expect_counts(w, 0, 2 * NR_ITEMS);
}

/* In a pool at rest a worker is woken for each item. */
static void woken_is_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	int i;

	for (i = 0; i < NR_ITEMS; i++) {
		TW_POLL(e, tw_pool_idle(w, tw_cpu(0)), "the pool to come to rest");
		queue_all(w, 1);
		tw_flush_wq(w);
	}
	KUNIT_EXPECT_EQ(test, counted(latency_of(w), CMWQ2_LATENCY_START), NR_ITEMS);
	expect_counts(w, 0, NR_ITEMS);
}

static void inactive_is_counted(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, flags, 1);
	struct tw_item *first = tw_gated(e, NULL), *second;

	tw_queue_on(tw_cpu(0), w, first);
	tw_wait_started(first, "the first item");
	queue_all(w, NR_ITEMS);
	/* An item that never becomes active is counted in no stage. */
	second = tw_item(e, tw_fn_nop);
	tw_queue_on(tw_cpu(0), w, second);
	KUNIT_EXPECT_TRUE(test, tw_cancel(second));
	complete_all(first->gate);
	expect_counts(w, NR_ITEMS, NR_ITEMS + 1);
}

static void inactive_percpu_is_counted(struct kunit *test)
{
	inactive_is_counted(test, TW_PERCPU);
}

static void inactive_ordered_is_counted(struct kunit *test)
{
	inactive_is_counted(test, TW_UNBOUND | TW_ORDERED);
}

/* An item waits for max_active while another one runs, for longer than the test measures. */
static void known_delay_is_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND | TW_ORDERED, 1);
	struct tw_item *first = tw_gated(e, NULL), *second = tw_item(e, tw_fn_nop);
	struct cmwq2_latency *sum;
	u64 since;
	int bucket;

	tw_queue(w, first);
	tw_wait_started(first, "the first item");
	tw_queue(w, second);
	since = ktime_get_mono_fast_ns();
	schedule_timeout_uninterruptible(HZ / 20 + 1);
	bucket = bucket_of_at_least(ktime_get_mono_fast_ns() - since);
	complete_all(first->gate);
	sum = latency_of(w);
	KUNIT_EXPECT_GE(test, highest(sum, CMWQ2_LATENCY_ACTIVATE), bucket);
	KUNIT_EXPECT_GE(test, highest(sum, CMWQ2_LATENCY_END), bucket);
	KUNIT_EXPECT_EQ(test, counted(sum, CMWQ2_LATENCY_ACTIVATE), 1);
}

/* Keeps the kicked worker off its CPU until long after the wakeup. */
static void thread_kick_and_stay(struct tw_thread *t)
{
	preempt_disable();
	tw_queue_on(raw_smp_processor_id(), t->wq, t->it);
	tw_occupy(60 * NSEC_PER_MSEC);
	preempt_enable();
}

/* The times before and after the wakeup are counted in separate stages. */
static void known_wait_for_cpu_is_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_thread *t = tw_thread(e, tw_cpu(0), thread_kick_and_stay, w, it, NULL);
	int bucket = bucket_of_at_least(55 * NSEC_PER_MSEC);
	struct cmwq2_latency *sum;

	TW_POLL(e, tw_pool_idle(w, tw_cpu(0)), "the pool to come to rest");
	tw_thread_start(t);
	tw_join(t, "a thread that keeps its CPU");
	tw_wait_done(it, "its item");
	sum = latency_of(w);
	KUNIT_EXPECT_EQ(test, counted(sum, CMWQ2_LATENCY_START), 1);
	KUNIT_EXPECT_GE(test, highest(sum, CMWQ2_LATENCY_START), bucket);
	KUNIT_EXPECT_LT(test, highest(sum, CMWQ2_LATENCY_WAKE), bucket);
	KUNIT_EXPECT_LT(test, highest(sum, CMWQ2_LATENCY_PICK), bucket);
}

struct latency_ctx {
	struct tw_wq	*w;
	struct tw_item	*behind;
	u64		ns;
};

/* The item does not sleep, so nothing else of the pool runs meanwhile. */
static void fn_hold_up(struct tw_item *it)
{
	struct latency_ctx *c = it->ctx;
	u64 since;

	tw_queue_on(raw_smp_processor_id(), c->w, c->behind);
	since = ktime_get_mono_fast_ns();
	tw_occupy(20 * NSEC_PER_MSEC);
	c->ns = ktime_get_mono_fast_ns() - since;
}

static void known_wait_for_worker_is_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct latency_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_item(e, fn_hold_up);
	struct cmwq2_latency *sum;
	int most;

	tw_policy(e, "cpu_intensive_thresh_us", "0");
	c->w = tw_alloc(e, TW_PERCPU, 0);
	c->behind = tw_item(e, tw_fn_nop);
	it->ctx = c;
	tw_queue_on(tw_cpu(0), c->w, it);
	tw_wait_done(c->behind, "the item that waits");
	sum = latency_of(c->w);
	/* The worker of this item may have been picked when the first item ended. */
	most = max(highest(sum, CMWQ2_LATENCY_TAKEN), highest(sum, CMWQ2_LATENCY_PICK));
	KUNIT_EXPECT_GE(test, most, bucket_of_at_least(c->ns));
	expect_counts(c->w, 0, 2);
}

static void fn_note_time(struct tw_item *it)
{
	struct latency_ctx *c = it->ctx;

	c->ns = ktime_get_mono_fast_ns();
}

/* Times are counted from the end of the delay on. */
static void delay_is_not_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct latency_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_delayed(e, fn_note_time);
	struct cmwq2_latency *sum;
	u64 due;
	int most;

	it->ctx = c;
	due = ktime_get_mono_fast_ns() + NSEC_PER_SEC / 2 - 2 * TICK_NSEC;
	tw_queue_delayed(w, it, HZ / 2);
	tw_wait_done(it, "the delayed item");
	sum = latency_of(w);
	most = fls64(c->ns - min(c->ns, due) + 256);
	KUNIT_EXPECT_LE(test, highest(sum, CMWQ2_LATENCY_TAKEN), most);
	KUNIT_EXPECT_LE(test, highest(sum, CMWQ2_LATENCY_PICK), most);
	KUNIT_EXPECT_LE(test, highest(sum, CMWQ2_LATENCY_START), most);
	expect_counts(w, 0, 1);
}

static void barrier_is_not_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);

	tw_queue_on(tw_cpu(0), w, it);
	tw_wait_started(it, "the item");
	tw_thread_block(t);
	complete_all(it->gate);
	tw_join(t, "the flush");
	expect_counts(w, 0, 1);
}

/* The item is run by the rescuer, which is woken for a queue and not for an item. */
static void rescued_is_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	tw_queue_on(c->cpu, w, it);
	tw_wait_done(it, "the rescued item");
	KUNIT_EXPECT_EQ(test, counted(latency_of(w), CMWQ2_LATENCY_TAKEN), 1);
	expect_counts(w, 0, 1);
	tw_feed(c);
}

static void off_counts_nothing(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);

	cmwq2_latency_set(false);
	queue_and_wait(w, NR_ITEMS);
	queue_all(w, NR_ITEMS);
	expect_nothing(w);
}

/* An item is not measured if the histograms are switched between its queueing and its end. */
static void only_whole_lives_are_counted(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *first, *second;
	int round;

	for (round = 0; round < 4; round++) {
		bool queued_on = round & 1, run_on = round & 2;

		first = tw_gated(e, NULL);
		second = tw_item(e, tw_fn_nop);
		cmwq2_latency_set(queued_on);
		tw_queue_on(tw_cpu(0), w, first);
		tw_wait_started(first, "the first item");
		tw_queue_on(tw_cpu(0), w, second);
		/* A new period, even if the item was queued in one. */
		cmwq2_latency_set(false);
		cmwq2_latency_set(run_on);
		complete_all(first->gate);
		tw_flush_wq(w);
	}
	/* At most the second item of the last round, if its life lies in one period. */
	cmwq2_latency_set(false);
	{
		struct cmwq2_latency *sum = latency_of(w);

		KUNIT_EXPECT_LE(test, counted(sum, CMWQ2_LATENCY_END), 1);
		KUNIT_EXPECT_LE(test, counted(sum, CMWQ2_LATENCY_ACTIVATE), 1);
	}
}

static void reset_forgets(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_latency sum;

	queue_and_wait(w, NR_ITEMS);
	expect_counts(w, 0, NR_ITEMS);
	cmwq2_latency_reset();
	expect_nothing(w);
	queue_and_wait(w, 1);
	expect_counts(w, 0, 1);
	/* Switched off, the counts can still be read. A reset then frees them. */
	cmwq2_latency_set(false);
	expect_counts(w, 0, 1);
	cmwq2_latency_reset();
	expect_nothing(w);
	cmwq2_pool_latency(w->wq, tw_cpu(0), &sum);
	KUNIT_EXPECT_EQ(test, counted(&sum, CMWQ2_LATENCY_END), 0);
	KUNIT_ASSERT_EQ(test, cmwq2_latency_set(true), 0);
	queue_and_wait(w, NR_ITEMS);
	expect_counts(w, 0, NR_ITEMS);
}

/* Two queues on one CPU: checks each stage and each bucket. */
static void pool_is_sum_of_queues(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *a = tw_alloc(e, TW_PERCPU, 0), *b = tw_alloc(e, TW_PERCPU, 1);
	struct cmwq2_latency *of_a, *of_b, *of_pool;
	int stage, i;

	queue_all(a, NR_ITEMS);
	queue_all(b, NR_ITEMS);
	queue_all(a, NR_ITEMS);
	of_a = latency_of(a);
	of_b = latency_of(b);
	of_pool = tw_zalloc(e, sizeof(*of_pool));
	KUNIT_EXPECT_EQ(test, cmwq2_pool_latency(a->wq, tw_cpu(0), of_pool),
			cmwq2_pool_latency(b->wq, tw_cpu(0), of_pool));
	KUNIT_EXPECT_EQ(test, counted(of_pool, CMWQ2_LATENCY_END), 3 * NR_ITEMS);
	for (stage = 0; stage < CMWQ2_LATENCY_NR; stage++)
		for (i = 0; i < CMWQ2_LATENCY_BUCKETS; i++)
			KUNIT_EXPECT_EQ_MSG(test, of_pool->count[stage][i],
					    of_a->count[stage][i] + of_b->count[stage][i],
					    "%s, bucket %d", cmwq2_latency_stage_name(stage), i);
	/* The pool keeps the counts of queues that are destroyed. */
	tw_destroy(b);
	cmwq2_pool_latency(a->wq, tw_cpu(0), of_pool);
	KUNIT_EXPECT_EQ(test, counted(of_pool, CMWQ2_LATENCY_END), 3 * NR_ITEMS);
}

/* A queue with new attributes has new pwqs, but keeps what the old ones counted. */
static void counts_outlive_pwqs(struct kunit *test)
{
	struct tw_env *e = latency_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	int round, ret = 0;

	cpumask_copy(attrs->cpumask, cpu_possible_mask);
	for (round = 1; round <= 3 && !ret; round++) {
		queue_and_wait(w, NR_ITEMS);
		tw_flush_wq(w);
		attrs->nice = round;
		ret = cmwq2_apply_workqueue_attrs(w->wq, attrs);
		/* Waits for the thread that releases the old pwqs. */
		cmwq2_fault_on_purpose(false);
		expect_counts(w, 0, round * NR_ITEMS);
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
}

/* The histograms are switched while items are queued, picked, woken and run everywhere. */
static void thread_load(struct tw_thread *t)
{
	struct tw_ledger *ledger = t->ctx;

	while (!READ_ONCE(t->env->closing) && !kthread_should_stop() && t->val--) {
		if (tw_queue_on(tw_cpu(t->val), t->wq, t->it))
			atomic_long_inc(&ledger->queued);
		if (!(t->val % 7) && tw_cancel(t->it))
			atomic_long_inc(&ledger->cancelled);
		tw_progress(t);
		cond_resched();
	}
}

static bool all_done(struct tw_thread **threads, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		if (READ_ONCE(threads[i]->val) > 0)
			return false;
	return true;
}

static void switching_loses_nothing(struct kunit *test)
{
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND, TW_UNBOUND | TW_ORDERED };
	struct tw_env *e = latency_env(test);
	struct cmwq2_latency *sum = tw_zalloc(e, sizeof(*sum));
	struct tw_thread *threads[2 * ARRAY_SIZE(flags)];
	struct tw_wq *queues[ARRAY_SIZE(flags)];
	struct tw_ledger ledgers[2 * ARRAY_SIZE(flags)] = {};
	struct tw_item *items[2 * ARRAY_SIZE(flags)];
	int i, rounds = 0;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		queues[i] = tw_alloc(e, flags[i], 1);
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		items[i] = tw_item(e, tw_fn_nop);
		threads[i] = tw_thread(e, TW_ANY_CPU, thread_load, queues[i / 2], items[i],
				       &ledgers[i]);
		threads[i]->val = 2000;
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		tw_thread_start(threads[i]);
	do {
		KUNIT_EXPECT_EQ(test, cmwq2_latency_set(rounds & 1), 0);
		if (!(rounds % 5))
			cmwq2_latency_reset();
		cmwq2_wq_latency(queues[rounds % ARRAY_SIZE(queues)]->wq, sum);
		schedule_timeout_uninterruptible(1);
	} while (++rounds < 20 || (!all_done(threads, ARRAY_SIZE(threads)) && rounds < 2000));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		tw_join(threads[i], "a thread that queues");
	for (i = 0; i < ARRAY_SIZE(queues); i++)
		tw_flush_wq(queues[i]);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		KUNIT_EXPECT_TRUE(test, tw_ledger_balanced(&ledgers[i],
							   atomic_read(&items[i]->runs)));
}

static struct kunit_case latency_cases[] = {
	KUNIT_CASE_PARAM(counts_add_up, latency_kind_gen_params),
	KUNIT_CASE(woken_is_counted),
	KUNIT_CASE(inactive_percpu_is_counted),
	KUNIT_CASE(inactive_ordered_is_counted),
	KUNIT_CASE(known_delay_is_counted),
	KUNIT_CASE(known_wait_for_cpu_is_counted),
	KUNIT_CASE(known_wait_for_worker_is_counted),
	KUNIT_CASE(delay_is_not_counted),
	KUNIT_CASE(barrier_is_not_counted),
	KUNIT_CASE(rescued_is_counted),
	KUNIT_CASE(off_counts_nothing),
	KUNIT_CASE(only_whole_lives_are_counted),
	KUNIT_CASE(reset_forgets),
	KUNIT_CASE(pool_is_sum_of_queues),
	KUNIT_CASE(counts_outlive_pwqs),
	KUNIT_CASE(switching_loses_nothing),
	{}
};

static struct kunit_suite latency_suite = {
	.name = "cmwq2_latency",
	.test_cases = latency_cases,
};

kunit_test_suites(&latency_suite);
