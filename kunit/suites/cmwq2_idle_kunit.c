// SPDX-License-Identifier: GPL-2.0
/*
 * Idle workers are created on demand, kept for a while, and culled down to a
 * floor.
 *
 * The kernel shows nothing of this to a module, so these tests are for cmwq2 alone and
 * use the pool's counters. A short idle timeout provokes culling. The number of
 * remaining workers is checked only after the culler has looked once more. To know
 * that, the test creates one more worker and waits until it is culled.
 */
#include "hold.h"

static void occupy(struct tw_env *e, struct tw_wq *w, int cpu, struct tw_item **items,
		   int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		items[i] = tw_gated(e, NULL);
		tw_queue_on(cpu, w, items[i]);
	}
	for (i = 0; i < nr; i++)
		tw_wait_started(items[i], "the items that take the workers");
}

static void release(struct tw_item **items, int from, int to)
{
	int i;

	for (i = from; i < to; i++)
		complete_all(items[i]->gate);
	for (i = from; i < to; i++)
		tw_wait_done(items[i], "an item whose gate opened");
}

static void wait_culled(struct tw_env *e, struct tw_wq *w, int cpu, int nr_workers)
{
	unsigned long end = jiffies + tw_timeout();
	struct cmwq2_pool_stats st = tw_stats(w, cpu);

	while (st.nr_workers > nr_workers && time_before(jiffies, end)) {
		schedule_timeout_uninterruptible(1);
		st = tw_stats(w, cpu);
	}
	KUNIT_ASSERT_LE_MSG(e->test, st.nr_workers, nr_workers,
			    "not culled: %d idle, %d kicked, %d running, %lu created, %lu culled",
			    st.nr_idle, st.nr_kicked, st.nr_running, st.created, st.culled);
}

static void workers_are_made_on_demand(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_pool_stats before, busy, after;
	int cpu = tw_cpu(0), nr;
	struct tw_item **items;

	before = tw_stats(w, cpu);
	nr = before.nr_workers + 5;
	items = tw_zalloc(e, nr * sizeof(*items));
	occupy(e, w, cpu, items, nr);
	busy = tw_stats(w, cpu);
	/* The last idle worker creates another one before it runs an item. */
	KUNIT_EXPECT_GE(test, busy.nr_workers, nr + 1);
	KUNIT_EXPECT_GE(test, busy.created - before.created, 6);

	release(items, 0, nr);
	TW_POLL(e, tw_pool_idle(w, cpu), "the pool to come to rest");
	after = tw_stats(w, cpu);
	KUNIT_EXPECT_EQ(test, after.nr_workers, busy.nr_workers);
	KUNIT_EXPECT_EQ(test, after.culled, before.culled);
}

static void cull_stops_at(struct kunit *test, const char *min_idle, int floor)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_pool_stats st;
	struct tw_item *items[16];
	int round, cpu = tw_cpu(0);

	tw_policy(e, "min_idle", min_idle);
	tw_policy(e, "idle_timeout_ms", "50");
	for (round = 0; round < 2; round++) {
		unsigned long culled;

		occupy(e, w, cpu, items, ARRAY_SIZE(items) - round);
		release(items, 0, ARRAY_SIZE(items) - round);
		culled = tw_stats(w, cpu).culled;
		wait_culled(e, w, cpu, floor);
		st = tw_stats(w, cpu);
		KUNIT_EXPECT_EQ(test, st.nr_workers, floor);
		KUNIT_EXPECT_EQ(test, st.nr_idle, floor);
		KUNIT_EXPECT_EQ(test, st.created - st.culled, floor);
		KUNIT_EXPECT_GT(test, st.culled, culled);
	}
}

static void cull_stops_at_two(struct kunit *test)
{
	cull_stops_at(test, "2", 2);
}

static void cull_stops_at_min_idle(struct kunit *test)
{
	cull_stops_at(test, "5", 5);
}

/*
 * Eight workers are busy. With ratio 4, idle workers are culled while
 * (nr_idle - 2) * 4 >= 8, which leaves three. With ratio 1 it leaves nine.
 */
static void cull_keeps_a_share(struct kunit *test)
{
	static const struct { const char *ratio; int left; } t[] = {
		{ "1", 9 }, { "4", 3 },
	};
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_pool_stats st;
	struct tw_item *items[24];
	int i, cpu = tw_cpu(1);

	occupy(e, w, cpu, items, ARRAY_SIZE(items));
	release(items, 8, ARRAY_SIZE(items));
	tw_policy(e, "min_idle", "2");
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		tw_policy(e, "cull_ratio", t[i].ratio);
		tw_policy(e, "idle_timeout_ms", "50");
		TW_POLL(e, tw_stats(w, cpu).nr_idle <= t[i].left, "idle workers to be culled");
		st = tw_stats(w, cpu);
		KUNIT_EXPECT_EQ(test, st.nr_idle, t[i].left);
		KUNIT_EXPECT_EQ(test, st.nr_workers, t[i].left + 8);
		KUNIT_EXPECT_EQ(test, atomic_read(&items[0]->inside), 1);
	}
	/* The busy workers were not culled and finish their items. */
	release(items, 0, 8);
	wait_culled(e, w, cpu, 2);
	KUNIT_EXPECT_EQ(test, tw_stats(w, cpu).nr_workers, 2);
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
}

/*
 * The worker that became idle last is kicked first and culled last, so that a
 * worker that was just kicked is not the one to be culled. The spare worker
 * that was created for the last item may become idle at any time, also after
 * all others.
 */
static void cull_takes_the_oldest(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[6], *left[2], *last = NULL;
	int i, nr_idle, cpu = tw_cpu(0);

	tw_policy(e, "claim", "none");
	occupy(e, w, cpu, items, ARRAY_SIZE(items));
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		nr_idle = tw_stats(w, cpu).nr_idle;
		last = items[i];
		release(items, i, i + 1);
		TW_POLL(e, tw_stats(w, cpu).nr_idle > nr_idle, "a worker to become idle");
	}
	tw_policy(e, "min_idle", "3");
	tw_policy(e, "idle_timeout_ms", "50");
	wait_culled(e, w, cpu, 3);
	occupy(e, w, cpu, left, ARRAY_SIZE(left));
	KUNIT_EXPECT_TRUE_MSG(test, left[0]->pid == last->pid || left[1]->pid == last->pid,
			      "worker %d became idle last, but workers %d and %d were kept",
			      last->pid, left[0]->pid, left[1]->pid);
	release(left, 0, ARRAY_SIZE(left));
}

static void long_timeout_culls_nobody(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *other = tw_alloc(e, TW_PERCPU | TW_HIGHPRI, 0);
	struct tw_item *items[8], *probe = tw_delayed(e, tw_fn_nop);
	struct cmwq2_pool_stats before;
	int cpu = tw_cpu(0);

	tw_policy(e, "idle_timeout_ms", "300000");
	occupy(e, w, cpu, items, ARRAY_SIZE(items));
	release(items, 0, ARRAY_SIZE(items));
	before = tw_stats(w, cpu);
	tw_queue_delayed(other, probe, HZ / 4);
	tw_wait_done(probe, "the probe");
	KUNIT_EXPECT_EQ(test, tw_stats(w, cpu).nr_workers, before.nr_workers);
	KUNIT_EXPECT_EQ(test, tw_stats(w, cpu).culled, before.culled);
}

static void culled_pool_grows_again(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[8];
	int round, cpu = tw_cpu(1);

	tw_policy(e, "idle_timeout_ms", "1");
	for (round = 0; round < 10; round++) {
		occupy(e, w, cpu, items, ARRAY_SIZE(items));
		release(items, 0, ARRAY_SIZE(items));
		tw_flush_wq(w);
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
	}
	wait_culled(e, w, cpu, 2);
}

/* Producers and the culler compete for the same workers. */
static void cull_under_load(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *u = tw_alloc(e, TW_UNBOUND, 0);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[32];
	int i, round;

	complete_all(gate);
	tw_policy(e, "idle_timeout_ms", "1");
	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_gated(e, gate);
	for (round = 0; round < 500; round++) {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_queue_on(tw_cpu(i), i & 2 ? u : w, items[i]);
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_wait_done(items[i], "an item while workers are culled");
		tw_flush_wq(w);
		tw_flush_wq(u);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), 500);
}

static void last_idle_works_first(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[4], *it = tw_item(e, tw_fn_nop);
	int i, cpu = tw_cpu(0);
	pid_t last = 0;

	tw_policy(e, "claim", "none");
	occupy(e, w, cpu, items, ARRAY_SIZE(items));
	release(items, 0, ARRAY_SIZE(items));
	for (i = 0; i < 20; i++) {
		/*
		 * A worker that was woken but finds no item goes to the head of the
		 * list when it runs.
		 */
		TW_POLL(e, tw_pool_idle(w, cpu) && tw_all_asleep(tw_pool_of(w, cpu)),
			"the pool to be at rest");
		tw_queue_on(cpu, w, it);
		tw_wait_done(it, "the item");
		if (i)
			KUNIT_EXPECT_EQ(test, it->pid, last);
		last = it->pid;
	}
}

static struct kunit_case idle_cases[] = {
	KUNIT_CASE(workers_are_made_on_demand),
	KUNIT_CASE(cull_stops_at_two),
	KUNIT_CASE(cull_stops_at_min_idle),
	KUNIT_CASE(cull_keeps_a_share),
	KUNIT_CASE(cull_takes_the_oldest),
	KUNIT_CASE(long_timeout_culls_nobody),
	KUNIT_CASE(culled_pool_grows_again),
	KUNIT_CASE(cull_under_load),
	KUNIT_CASE(last_idle_works_first),
	{}
};

static struct kunit_suite idle_suite = {
	.name = "cmwq2_idle",
	.test_cases = idle_cases,
};

kunit_test_suites(&idle_suite);
