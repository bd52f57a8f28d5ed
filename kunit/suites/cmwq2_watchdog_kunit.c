// SPDX-License-Identifier: GPL-2.0
/*
 * The watchdog finds, counts and reports a pool that takes none of its items
 * for a threshold, and reports nothing else.
 *
 * The kernel reports its own pools only in the log, so these tests are for cmwq2 alone.
 * A test stalls a pool by an item that burns its CPU without counting as a hog, with
 * another item behind it. All of the engine's clocks are jiffies, and so are the
 * tests'. A slow machine can stall a pool without any help. A test that this could make
 * fail checks for it and repeats.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/stringify.h>

#include "hold.h"
#include "locked.h"

struct stall_ctx {
	struct tw_wq	*w;
	struct tw_item	*next;
	int		cpu;
	bool		(*enough)(struct stall_ctx *c);
	void		(*meanwhile)(struct stall_ctx *c);
	unsigned long	nr;		/* how many stalls to wait for */
	unsigned long	span;		/* jiffies to burn for */
	unsigned long	began;		/* jiffies */
	unsigned long	found[8];	/* jiffies at which each was first seen */
	unsigned long	stalls;		/* stalls seen in this test */
	unsigned long	before;		/* stalls found before the test */
	unsigned long	gap;		/* longest time between two looks, in jiffies */
};

static unsigned long pool_stalls(struct tw_wq *w, int cpu)
{
	return tw_stats(w, cpu).stalls;
}

static void look(struct stall_ctx *c)
{
	unsigned long now = pool_stalls(c->w, c->cpu) - c->before;

	for (; c->stalls < now; c->stalls++)
		if (c->stalls < ARRAY_SIZE(c->found))
			c->found[c->stalls] = jiffies;
}

static bool enough_stalls(struct stall_ctx *c)
{
	return c->stalls >= c->nr;
}

static bool enough_time(struct stall_ctx *c)
{
	return time_after(jiffies, c->began + c->span);
}

/* Burns with an item behind it, until @enough says so. */
static void fn_stall(struct tw_item *it)
{
	struct stall_ctx *c = it->ctx;
	unsigned long end = jiffies + tw_timeout(), last = jiffies;

	c->began = jiffies;
	tw_queue_on(raw_smp_processor_id(), c->w, c->next);
	while (!c->enough(c) && time_before(jiffies, end)) {
		if (c->meanwhile)
			c->meanwhile(c);
		c->gap = max(c->gap, jiffies - last);
		last = jiffies;
		schedule();
		look(c);
	}
}

static struct tw_env *watch_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_on_purpose(e);
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	tw_policy(e, "watchdog_thresh", "1");
	return e;
}

static struct stall_ctx *stall_ctx(struct tw_env *e, unsigned int flags)
{
	struct stall_ctx *c = tw_zalloc(e, sizeof(*c));

	c->w = tw_alloc(e, flags, 0);
	c->cpu = tw_cpu(1);
	return c;
}

static void stall(struct tw_env *e, struct stall_ctx *c, bool (*enough)(struct stall_ctx *c))
{
	struct tw_item *it = tw_item(e, fn_stall);

	c->before = pool_stalls(c->w, c->cpu);
	c->stalls = 0;
	c->gap = 0;
	c->enough = enough;
	c->next = tw_item(e, tw_fn_nop);
	it->ctx = c;
	tw_queue_on(c->cpu, c->w, it);
	tw_wait_done(it, "the item that stalls its pool");
	tw_wait_done(c->next, "the item behind it");
	tw_flush_wq(c->w);
}

static struct stall_ctx *stall_for(struct tw_env *e, unsigned long span)
{
	struct stall_ctx *c = stall_ctx(e, TW_PERCPU);

	c->span = span;
	stall(e, c, enough_time);
	return c;
}

static struct stall_ctx *stall_until(struct tw_env *e, int nr)
{
	struct stall_ctx *c = stall_ctx(e, TW_PERCPU);

	c->nr = nr;
	stall(e, c, enough_stalls);
	return c;
}

static void stall_is_found(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	unsigned long reports = cmwq2_health(CMWQ2_HEALTH_STALL_REPORTS);
	unsigned long stalls = cmwq2_health(CMWQ2_HEALTH_STALLS);
	struct stall_ctx *c = stall_until(e, 1);

	KUNIT_ASSERT_GE(test, c->stalls, 1);
	/* The stall is not found before the threshold. */
	KUNIT_EXPECT_GE(test, c->found[0] - c->began, HZ);
	KUNIT_EXPECT_GE(test, cmwq2_health(CMWQ2_HEALTH_STALLS) - stalls, 1);
	TW_POLL(e, cmwq2_health(CMWQ2_HEALTH_STALL_REPORTS) > reports, "the report");
	KUNIT_EXPECT_EQ(test, cmwq2_health(CMWQ2_HEALTH_PANICS), 0);
}

static void stall_is_told_once_a_threshold(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	struct stall_ctx *c = stall_until(e, 3);
	unsigned long late;

	KUNIT_ASSERT_GE(test, c->stalls, 3);
	/* As much time may pass between the finding and the look that sees it. */
	late = c->gap + 1;
	KUNIT_EXPECT_GE(test, c->found[1] - c->found[0] + late, HZ);
	KUNIT_EXPECT_GE(test, c->found[2] - c->found[0] + late, 2 * HZ);
}

static void nothing_is_found_when_off(struct kunit *test)
{
	struct tw_env *e = watch_env(test);

	tw_policy(e, "watchdog_thresh", "0");
	KUNIT_EXPECT_EQ(test, stall_for(e, 5 * HZ / 2)->stalls, 0);
}

static void nothing_is_found_before_the_threshold(struct kunit *test)
{
	struct tw_env *e = watch_env(test);

	tw_policy(e, "watchdog_thresh", "3600");
	KUNIT_EXPECT_EQ(test, stall_for(e, 5 * HZ / 2)->stalls, 0);
}

/* The item runs for long, but the worklist is empty: nothing waits. */
static void long_item_is_no_stall(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL), *probe = tw_delayed(e, tw_fn_nop);
	struct tw_wq *other = tw_alloc(e, TW_UNBOUND, 0);
	unsigned long before = cmwq2_health(CMWQ2_HEALTH_STALLS);
	unsigned long of_pool = pool_stalls(w, tw_cpu(1));

	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_started(it, "an item that takes long");
	tw_queue_delayed(other, probe, 5 * HZ / 2);
	tw_wait_done(probe, "the probe");
	complete_all(it->gate);
	KUNIT_EXPECT_EQ(test, pool_stalls(w, tw_cpu(1)), of_pool);
	KUNIT_EXPECT_EQ(test, cmwq2_health(CMWQ2_HEALTH_STALLS), before);
}

/* A rescuer left its cursor in a pool without items, a long time ago. */
static void cursor_is_no_stall(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0), *other = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_item *first = tw_item(e, tw_fn_nop), *probe = tw_delayed(e, tw_fn_nop);
	struct cmwq2_wq *wq = w->wq;
	struct cmwq2_pwq *pwq;
	bool left;

	/* No other queue uses this pool, so no worker removes the cursor. */
	attrs->nice = 11;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(wq, attrs), 0);
	rcu_read_lock();
	pwq = rcu_dereference(*per_cpu_ptr(wq->cpu_pwq, tw_cpu(0)));
	rcu_read_unlock();
	/* A new worker looks at the worklist once, and would remove the cursor. */
	tw_queue_on(tw_cpu(0), w, first);
	tw_wait_done(first, "the first item of the new pool");
	TW_POLL(e, tw_pool_idle(w, tw_cpu(0)) && tw_all_asleep(pwq->pool),
		"all workers of the new pool to have looked");
	tw_pool_lock(pwq->pool);
	list_add_tail(&pwq->mayday_cursor.entry, &pwq->pool->worklist);
	pwq->pool->progress_at = jiffies - 10 * HZ;
	pwq->pool->stall_told = pwq->pool->progress_at;
	tw_pool_unlock(pwq->pool);

	/* Long enough, because the watchdog looks twice a second. */
	tw_queue_delayed(other, probe, 5 * HZ / 2);
	tw_wait_done(probe, "the probe");

	tw_pool_lock(pwq->pool);
	left = list_is_singular(&pwq->pool->worklist);
	list_del_init(&pwq->mayday_cursor.entry);
	tw_pool_unlock(pwq->pool);
	KUNIT_EXPECT_TRUE_MSG(test, left, "the cursor was taken off the worklist");
	KUNIT_EXPECT_EQ(test, pool_stalls(w, tw_cpu(0)), 0);
}

struct chain_ctx {
	struct tw_wq	*w;
	struct tw_item	*items[2];
	unsigned long	end;
	unsigned long	last;
	unsigned long	gap;
};

/* Two items that queue each other: one of them always waits. */
static void fn_chain(struct tw_item *it)
{
	struct chain_ctx *c = it->ctx;
	unsigned long until = jiffies + 1;

	c->gap = max(c->gap, jiffies - c->last);
	c->last = jiffies;
	if (time_before(jiffies, c->end))
		tw_queue_on(raw_smp_processor_id(), c->w, c->items[!it->id]);
	while (time_before(jiffies, until))
		schedule();
}

static void busy_pool_is_no_stall(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	struct chain_ctx *c = tw_zalloc(e, sizeof(*c));
	unsigned long before;
	int i, tries;

	c->w = tw_alloc(e, TW_PERCPU, 0);
	for (i = 0; i < 2; i++) {
		c->items[i] = tw_item(e, fn_chain);
		c->items[i]->ctx = c;
		c->items[i]->id = i;
	}
	for (tries = 0; tries < 5; tries++) {
		before = pool_stalls(c->w, tw_cpu(1));
		c->gap = 0;
		c->last = jiffies;
		c->end = jiffies + 5 * HZ / 2;
		tw_queue_on(tw_cpu(1), c->w, c->items[0]);
		TW_POLL(e, time_after(jiffies, c->end), "the end of the chain");
		tw_flush_wq(c->w);
		tw_flush_wq(c->w);
		if (c->gap < HZ)
			break;
	}
	KUNIT_ASSERT_LT_MSG(test, c->gap, HZ, "the machine is too slow for this test");
	KUNIT_EXPECT_EQ(test, pool_stalls(c->w, tw_cpu(1)), before);
}

static void touch(struct stall_ctx *c)
{
	cmwq2_wq_watchdog_touch(c->cpu);
}

static void touch_other(struct stall_ctx *c)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (cpu != c->cpu)
			cmwq2_wq_watchdog_touch(cpu);
}

static void touch_excuses(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	struct stall_ctx *c = stall_ctx(e, TW_PERCPU);
	int tries;

	c->meanwhile = touch;
	c->span = 5 * HZ / 2;
	for (tries = 0; tries < 5; tries++) {
		stall(e, c, enough_time);
		if (c->gap < HZ)
			break;
	}
	KUNIT_ASSERT_LT_MSG(test, c->gap, HZ, "the machine is too slow for this test");
	KUNIT_EXPECT_EQ(test, c->stalls, 0);
}

static void touch_excuses_no_other_cpu(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	struct stall_ctx *c = stall_ctx(e, TW_PERCPU);

	c->meanwhile = touch_other;
	c->nr = 1;
	stall(e, c, enough_stalls);
	KUNIT_EXPECT_GE(test, c->stalls, 1);
}

static void touch_takes_any_cpu_number(struct kunit *test)
{
	cmwq2_wq_watchdog_touch(-1);
	cmwq2_wq_watchdog_touch(nr_cpu_ids);
	cmwq2_wq_watchdog_touch(INT_MAX);
}

/* This is as if the machine had stopped, again and again. */
static void stand_still(struct stall_ctx *c)
{
	cmwq2_fault_watchdog_late(10 * MSEC_PER_SEC);
}

static void pause_is_no_stall(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	unsigned long before = cmwq2_health(CMWQ2_HEALTH_PAUSES);
	struct stall_ctx *c = stall_ctx(e, TW_PERCPU);

	c->meanwhile = stand_still;
	c->span = 5 * HZ / 2;
	stall(e, c, enough_time);
	KUNIT_EXPECT_EQ(test, c->stalls, 0);
	KUNIT_EXPECT_GE(test, cmwq2_health(CMWQ2_HEALTH_PAUSES) - before, 2);
	/* After that, a stall is found as before. */
	tw_policy(e, "watchdog_thresh", "1");
	c->meanwhile = NULL;
	c->nr = 1;
	stall(e, c, enough_stalls);
	KUNIT_EXPECT_GE(test, c->stalls, 1);
}

#define LATE_THRESH	8	/* seconds */
/* A little less than a quarter of it, which the watchdog's timer may be late. */
#define LATE_MS		1700
#define LATE_TRIES	3

/*
 * The timer comes after half of the threshold. A busy host may delay it by more than the
 * rest of the quarter, so there are several tries.
 */
static void small_lateness_is_no_pause(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	unsigned long before;
	int tries = 0;

	do {
		KUNIT_ASSERT_LT_MSG(test, tries++, LATE_TRIES, "each check was a pause");
		before = cmwq2_health(CMWQ2_HEALTH_PAUSES);
		tw_policy(e, "watchdog_thresh", __stringify(LATE_THRESH));
		cmwq2_fault_watchdog_late(LATE_MS);
		schedule_timeout_uninterruptible(LATE_THRESH * HZ / 2 + HZ / 10);
	} while (cmwq2_health(CMWQ2_HEALTH_PAUSES) != before);
}

/* All workers sleep, and no other can be created. */
static void unbound_stall_is_found(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct completion *gate = tw_gate(e);
	unsigned long before = pool_stalls(w, tw_cpu(0));
	struct tw_item *it;
	int i;

	tw_fault_create(w, tw_cpu(0), CMWQ2_CREATE_FAILS);
	for (i = 0; i < 64 && tw_stats(w, tw_cpu(0)).nr_idle; i++) {
		it = tw_gated(e, gate);
		tw_queue_on(tw_cpu(0), w, it);
		TW_POLL(e, atomic_read(&it->runs) || !tw_stats(w, tw_cpu(0)).nr_idle,
			"an item to start, or the last worker to be taken");
	}
	TW_POLL(e, pool_stalls(w, tw_cpu(0)) > before, "the stall to be found");
	tw_fault_create(w, tw_cpu(0), CMWQ2_CREATE_NORMAL);
	complete_all(gate);
	tw_flush_wq(w);
}

static unsigned long nr_panics(void)
{
	return cmwq2_health(CMWQ2_HEALTH_PANICS);
}

/* First with a limit that is not reached, then with one that is reached. */
static void panic_at(struct kunit *test, const char *policy, const char *far, int stalls)
{
	struct tw_env *e = watch_env(test);
	unsigned long before = nr_panics();

	tw_policy(e, policy, far);
	stall_until(e, stalls);
	KUNIT_EXPECT_EQ(test, nr_panics(), before);
	tw_policy(e, policy, "2");
	stall_until(e, 2);
	TW_POLL(e, nr_panics() > before, "a panic that was left out");
}

/*
 * The first report is enough. The engine counts reports from the first one that finds
 * panic_on_stall set, as long as it is loaded. So this is the first case that sets it.
 */
static void panic_after_first_stall(struct kunit *test)
{
	struct tw_env *e = watch_env(test);
	unsigned long before = nr_panics();

	tw_policy(e, "panic_on_stall", "1");
	stall_until(e, 1);
	TW_POLL(e, nr_panics() > before, "a panic that was left out");
}

static void panic_after_stalls(struct kunit *test)
{
	panic_at(test, "panic_on_stall", "1000000", 2);
}

static void panic_after_time(struct kunit *test)
{
	panic_at(test, "panic_on_stall_time", "3600", 1);
}

static void bad_values_are_refused(struct kunit *test)
{
	static const char *const bad[] = {
		"", "bogus", "-1", "0.5", "30 s", "0x", "1000001", "4294967296",
		"99999999999999999999",
	};
	struct tw_env *e = tw_env_cmwq2(test);

	tw_policy_refuses(e, "watchdog_thresh", bad, ARRAY_SIZE(bad));
	tw_policy_refuses(e, "panic_on_stall", bad, ARRAY_SIZE(bad));
	tw_policy_refuses(e, "panic_on_stall_time", bad, ARRAY_SIZE(bad));
}

static struct kunit_case watchdog_cases[] = {
	KUNIT_CASE(stall_is_found),
	KUNIT_CASE(stall_is_told_once_a_threshold),
	KUNIT_CASE(nothing_is_found_when_off),
	KUNIT_CASE(nothing_is_found_before_the_threshold),
	KUNIT_CASE(long_item_is_no_stall),
	KUNIT_CASE(cursor_is_no_stall),
	KUNIT_CASE(busy_pool_is_no_stall),
	KUNIT_CASE(touch_excuses),
	KUNIT_CASE(touch_excuses_no_other_cpu),
	KUNIT_CASE(touch_takes_any_cpu_number),
	KUNIT_CASE(pause_is_no_stall),
	KUNIT_CASE(small_lateness_is_no_pause),
	KUNIT_CASE(unbound_stall_is_found),
	KUNIT_CASE(panic_after_first_stall),
	KUNIT_CASE(panic_after_stalls),
	KUNIT_CASE(panic_after_time),
	KUNIT_CASE(bad_values_are_refused),
	{}
};

static struct kunit_suite watchdog_suite = {
	.name = "cmwq2_watchdog",
	.test_cases = watchdog_cases,
};

kunit_test_suites(&watchdog_suite);
