// SPDX-License-Identifier: GPL-2.0
/*
 * Hogs, that is, items that use a CPU for long without a sleep. After a while other
 * items may start beside a hog, and each hog is counted and reported.
 *
 * A burning item calls schedule() all the time and stays runnable, so that a
 * worker that was woken behind it gets to run. An item's CPU time is never more
 * than the elapsed time. So an attempt that took less than the threshold has no
 * hog, and one that took less than twice the threshold has at most one. The clock
 * of some machines is as coarse as a tick, and if a machine stops for a while, any
 * item takes long. So attempts that took too long are inconclusive and are repeated.
 */
#include <linux/ktime.h>
#include <linux/string.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

#define THRESH_US	"10000"
#define SHORT_NS	(8 * NSEC_PER_MSEC)
#define LONG_NS		(60 * NSEC_PER_MSEC)
#define MOST_ATTEMPTS	30

/* An item that burns for LONG_NS exceeds this threshold once. */
#define ONCE_THRESH_US	"40000"
#define ONCE_LIMIT_NS	(2 * 40 * NSEC_PER_MSEC)

/* Several bursts together exceed the threshold, a single one does not. */
#define BURST_NS	(25 * NSEC_PER_MSEC)
#define BURST_LIMIT_NS	(80 * NSEC_PER_MSEC)
#define BURST_THRESH_US	"100000"

struct hog_ctx {
	struct tw_wq	*next_wq;
	struct tw_item	*next;
	bool		saw_next;
	u64		took;
	unsigned long	hogs;		/* counted in the item's queue during the run */
	unsigned long	next_hogs;	/* counted in next_wq during the run */
	int		bursts;
	u64		longest;
};

static void burn(u64 ns)
{
	u64 end = ktime_get_ns() + ns;

	while (ktime_get_ns() < end)
		schedule();
}

/* Burns the given CPU time of the current thread. Time of other threads does not count. */
static void burn_cpu(u64 ns)
{
	u64 end = cmwq2_task_runtime(current) + ns;

	while (cmwq2_task_runtime(current) < end)
		schedule();
}

static void fn_burn_until_next(struct tw_item *it)
{
	struct hog_ctx *c = it->ctx;
	unsigned long end = jiffies + tw_timeout();

	tw_queue_on(raw_smp_processor_id(), c->next_wq, c->next);
	while (!atomic_read(&c->next->runs) && time_before(jiffies, end))
		schedule();
	c->saw_next = atomic_read(&c->next->runs);
}

static void fn_burn_before_next(struct tw_item *it)
{
	struct hog_ctx *c = it->ctx;

	tw_queue_on(raw_smp_processor_id(), c->next_wq, c->next);
	burn(LONG_NS);
	c->saw_next = atomic_read(&c->next->runs);
}

static void fn_burn_long(struct tw_item *it)
{
	burn_cpu(LONG_NS);
}

static void fn_burn_in_bursts(struct tw_item *it)
{
	struct hog_ctx *c = it->ctx;
	int i;

	for (i = 0; i < c->bursts; i++) {
		u64 from = ktime_get_ns();

		burn(BURST_NS);
		c->longest = max(c->longest, ktime_get_ns() - from);
		schedule_timeout_uninterruptible(1);
	}
}

static struct tw_env *hog_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_policy(e, "cpu_intensive_thresh_us", THRESH_US);
	/* Only one case tests the reports. */
	tw_policy(e, "cpu_intensive_warning_thresh", "0");
	return e;
}

static unsigned long nr_hogs(struct tw_wq *w)
{
	return tw_wq_stats(w).cpu_intensive;
}

static struct hog_ctx *hog_run(struct tw_env *e, struct tw_wq *w, struct tw_wq *next_wq,
			       void (*fn)(struct tw_item *it))
{
	struct hog_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_item(e, fn);
	u64 from = ktime_get_ns();

	c->next_wq = next_wq;
	c->next = tw_item(e, tw_fn_nop);
	it->ctx = c;
	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_done(it, "the burning item");
	if (next_wq)
		tw_wait_done(c->next, "the item behind the burning one");
	tw_flush_wq(w);
	c->took = ktime_get_ns() - from;
	return c;
}

/*
 * Run the items for an exact count under ONCE_THRESH_US. A run that took too long is
 * repeated: if the machine stopped for a while, the next item or the barrier of the
 * flush may be a hog as well.
 */
static struct hog_ctx *hog_run_once(struct tw_env *e, struct tw_wq *w, struct tw_wq *next_wq,
				    void (*fn)(struct tw_item *it))
{
	struct hog_ctx *c;
	int tries;

	for (tries = 0; tries < MOST_ATTEMPTS; tries++) {
		unsigned long hogs = nr_hogs(w);
		unsigned long next_hogs = next_wq ? nr_hogs(next_wq) : 0;

		c = hog_run(e, w, next_wq, fn);
		c->hogs = nr_hogs(w) - hogs;
		c->next_hogs = next_wq ? nr_hogs(next_wq) - next_hogs : 0;
		if (c->took < ONCE_LIMIT_NS)
			return c;
	}
	KUNIT_FAIL_AND_ABORT(e->test, "%d attempts took too long to say something", tries);
	return NULL;
}

/* For a test in which the engine must find a hog. Not every kernel's workqueue does. */
static struct tw_env *finder_env(struct kunit *test)
{
#ifndef CMWQ2_NATIVE_HAS_HOG
	if (test->param_value == &tw_engines[TW_NATIVE])
		kunit_skip(test, "this kernel's own workqueue does not look for hogs");
#endif
	return tw_env(test);
}

/* This is repeated, because the worker must count as running again after each hog. */
static void hog_lets_next_start(struct kunit *test)
{
	struct tw_env *e = finder_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	int i;

	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_TRUE(test, hog_run(e, w, w, fn_burn_until_next)->saw_next);
	if (e->engine == &tw_engines[TW_CMWQ2])
		TW_POLL(e, tw_pool_idle(w, tw_cpu(1)), "the pool to come to rest");
}

/* The queues share the CPU's pool. The hog of one queue must not delay the other queue. */
static void hog_lets_other_queue_start(struct kunit *test)
{
	struct tw_env *e = finder_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *other = tw_alloc(e, TW_PERCPU, 0);

	KUNIT_EXPECT_TRUE(test, hog_run(e, w, other, fn_burn_until_next)->saw_next);
}

/* Each hog counts once, in the queue of its item. */
static void hog_is_counted_in_its_queue(struct kunit *test)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *other = tw_alloc(e, TW_PERCPU, 0);
	int i;

	tw_policy(e, "cpu_intensive_thresh_us", ONCE_THRESH_US);
	for (i = 0; i < 5; i++) {
		struct hog_ctx *c = hog_run_once(e, w, other, fn_burn_until_next);

		KUNIT_EXPECT_TRUE(test, c->saw_next);
		KUNIT_EXPECT_EQ(test, c->hogs, 1);
		KUNIT_EXPECT_EQ(test, c->next_hogs, 0);
		KUNIT_EXPECT_EQ(test, hog_run_once(e, w, w, fn_burn_until_next)->hogs, 1);
	}
}

static void hog_holds_next_when_off(struct kunit *test)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);

	tw_policy(e, "cpu_intensive_thresh_us", "0");
	KUNIT_EXPECT_FALSE(test, hog_run(e, w, w, fn_burn_before_next)->saw_next);
	KUNIT_EXPECT_EQ(test, nr_hogs(w), 0);
}

/* The threshold that was set last is in force. */
static void hog_threshold_counts(struct kunit *test)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);

	tw_policy(e, "cpu_intensive_thresh_us", "1000000000");
	KUNIT_EXPECT_FALSE(test, hog_run(e, w, w, fn_burn_before_next)->saw_next);
	KUNIT_EXPECT_EQ(test, nr_hogs(w), 0);
	tw_policy(e, "cpu_intensive_thresh_us", ONCE_THRESH_US);
	KUNIT_EXPECT_EQ(test, hog_run_once(e, w, w, fn_burn_until_next)->hogs, 1);
}

static void short_item_is_no_hog(struct kunit *test)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	int tries, conclusive = 0;

	for (tries = 0; tries < 1000 && conclusive < 50; tries++) {
		u64 from = ktime_get_ns();
		unsigned long before = nr_hogs(w);

		hog_run(e, w, NULL, tw_fn_nop);
		if (ktime_get_ns() - from >= SHORT_NS)
			continue;
		conclusive++;
		KUNIT_EXPECT_EQ(test, nr_hogs(w), before);
	}
	KUNIT_EXPECT_EQ_MSG(test, conclusive, 50, "too few attempts were conclusive");
}

/* Only CPU time without a sleep in between counts. */
static void sleeper_is_no_hog(struct kunit *test)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	int tries, conclusive = 0;

	if (!strcmp(cmwq2_hook_name(), "timer"))
		kunit_skip(test, "hook=timer does not notice a sleep that delays no other item");
	tw_policy(e, "cpu_intensive_thresh_us", BURST_THRESH_US);
	for (tries = 0; tries < 30 && conclusive < 3; tries++) {
		struct hog_ctx *c = tw_zalloc(e, sizeof(*c));
		struct tw_item *it = tw_item(e, fn_burn_in_bursts);
		unsigned long before = nr_hogs(w);

		c->bursts = 6;
		it->ctx = c;
		tw_queue_on(tw_cpu(1), w, it);
		tw_wait_done(it, "the item that sleeps now and then");
		tw_flush_wq(w);
		if (c->longest >= BURST_LIMIT_NS)
			continue;
		conclusive++;
		KUNIT_EXPECT_EQ(test, nr_hogs(w), before);
	}
	KUNIT_EXPECT_EQ_MSG(test, conclusive, 3, "too few attempts were conclusive");
}

static void hog_nobody_waits_for(struct kunit *test, unsigned int flags, int expected)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, flags, 0);

	tw_policy(e, "cpu_intensive_thresh_us", ONCE_THRESH_US);
	KUNIT_EXPECT_EQ(test, hog_run_once(e, w, NULL, fn_burn_long)->hogs, expected);
}

static void hog_is_counted_at_its_end(struct kunit *test)
{
	hog_nobody_waits_for(test, TW_PERCPU, 1);
}

static void unbound_is_no_hog(struct kunit *test)
{
	hog_nobody_waits_for(test, TW_UNBOUND, 0);
}

static void intensive_is_no_hog(struct kunit *test)
{
	hog_nobody_waits_for(test, TW_PERCPU | TW_CPU_INTENSIVE, 0);
}

/* Many items burn at once, and some of them block while the engine looks at them. */
static void fn_burn_and_block(struct tw_item *it)
{
	burn(NSEC_PER_MSEC * (it->id % 4) * 5);
	if (it->id & 1)
		schedule_timeout_uninterruptible(1);
	burn(NSEC_PER_MSEC * (it->id % 3) * 5);
}

static void count_survives_hogs(struct kunit *test)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[48];
	int i, cpu;

	tw_policy(e, "cpu_intensive_thresh_us", "1000");
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_item(e, fn_burn_and_block);
		items[i]->id = i;
		tw_queue_on(tw_cpu(i), w, items[i]);
	}
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
	KUNIT_EXPECT_GT(test, nr_hogs(w), 0);
	for_each_online_cpu(cpu)
		TW_POLL(e, tw_pool_idle(w, cpu), "all workers idle and none counted");
}

/* Reports are counted by function, so these tests use functions of their own. */
static void hog_reported(struct cmwq2_work *work)
{
	burn(LONG_NS);
}

static void hog_not_reported(struct cmwq2_work *work)
{
	burn(LONG_NS);
}

/*
 * Run one item and wait for its end, but not by a flush. The barrier of a flush would
 * run next in the same thread, and might be charged with CPU time of the item that
 * the clock has not shown yet.
 */
static void run_raw(struct tw_wq *w, cmwq2_work_func_t func)
{
	struct cmwq2_work *work = tw_zalloc(w->env, sizeof(*work));
	unsigned long before = tw_wq_stats(w).completed;

	CMWQ2_INIT_WORK(work, func);
	cmwq2_queue_work_on(tw_cpu(0), w->wq, work);
	TW_POLL(w->env, tw_wq_stats(w).completed > before && tw_pool_idle(w, tw_cpu(0)),
		"an item to end");
}

static void hog_is_reported_less_and_less(struct kunit *test)
{
	/* The first report comes with the second hog, the next ones 1, 2 and 4 hogs later. */
	static const int reports[] = { 0, 1, 2, 2, 3, 3, 3, 3, 4 };
	struct tw_env *e = hog_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	unsigned long before = cmwq2_health(CMWQ2_HEALTH_HOG_REPORTS);
	int i;

	run_raw(w, hog_not_reported);
	tw_policy(e, "cpu_intensive_warning_thresh", "2");
	for (i = 0; i < ARRAY_SIZE(reports); i++) {
		run_raw(w, hog_reported);
		TW_POLL(e, cmwq2_health(CMWQ2_HEALTH_HOG_REPORTS) - before >= reports[i],
			"a report of a hog");
		KUNIT_EXPECT_EQ(test, cmwq2_health(CMWQ2_HEALTH_HOG_REPORTS) - before, reports[i]);
	}
	KUNIT_EXPECT_EQ(test, nr_hogs(w), ARRAY_SIZE(reports) + 1);
}

static void fn_sleep_long(struct tw_item *it)
{
	schedule_timeout_uninterruptible(HZ / 2);
}

static void fn_burn_half_second(struct tw_item *it)
{
	burn(NSEC_PER_SEC / 2);
}

/* The tick samples this CPU time, and a slow machine may lose most samples: allow for that. */
static void cpu_time_is_that_of_burners(struct kunit *test)
{
	struct tw_env *e = hog_env(test);
	struct tw_wq *burner = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_wq *sleeper = tw_alloc(e, TW_UNBOUND, 0);

	hog_run(e, burner, NULL, fn_burn_half_second);
	hog_run(e, sleeper, NULL, fn_sleep_long);
	KUNIT_EXPECT_GE(test, tw_wq_stats(burner).cpu_time, 50 * USEC_PER_MSEC);
	KUNIT_EXPECT_LE(test, tw_wq_stats(sleeper).cpu_time, 50 * USEC_PER_MSEC);
}

static void bad_values_are_refused(struct kunit *test)
{
	static const char *const bad[] = {
		"", "bogus", "-1", "1.5", "10 ms", "0x", "1000000001", "4294967295",
		"4294967296", "99999999999999999999",
	};
	struct tw_env *e = tw_env_cmwq2(test);

	tw_policy_refuses(e, "cpu_intensive_thresh_us", bad, ARRAY_SIZE(bad));
	tw_policy_refuses(e, "cpu_intensive_warning_thresh", bad, ARRAY_SIZE(bad));
}

static struct kunit_case hog_cases[] = {
	KUNIT_CASE_PARAM(hog_lets_next_start, engine_gen_params),
	KUNIT_CASE_PARAM(hog_lets_other_queue_start, engine_gen_params),
	KUNIT_CASE(hog_is_counted_in_its_queue),
	KUNIT_CASE(hog_holds_next_when_off),
	KUNIT_CASE(hog_threshold_counts),
	KUNIT_CASE(short_item_is_no_hog),
	KUNIT_CASE(sleeper_is_no_hog),
	KUNIT_CASE(hog_is_counted_at_its_end),
	KUNIT_CASE(unbound_is_no_hog),
	KUNIT_CASE(intensive_is_no_hog),
	KUNIT_CASE(count_survives_hogs),
	KUNIT_CASE(hog_is_reported_less_and_less),
	KUNIT_CASE(cpu_time_is_that_of_burners),
	KUNIT_CASE(bad_values_are_refused),
	{}
};

static struct kunit_suite hog_suite = {
	.name = "cmwq2_hog",
	.test_cases = hog_cases,
};

kunit_test_suites(&hog_suite);
