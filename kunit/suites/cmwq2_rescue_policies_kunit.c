// SPDX-License-Identifier: GPL-2.0
/*
 * The rescuer under each of its policies: which items it takes, and in which
 * order, when pools cannot create workers. tw_starve() brings a pool into this
 * state.
 */
#include "base/registry.h"
#include "base/types.h"
#include "check.h"
#include "locked.h"
#include "rescue.h"
#include "starve.h"

KUNIT_ARRAY_PARAM(rescue, tw_rescues, tw_rescue_desc);

static bool policy_is(const char *rescue)
{
	return !strcmp(cmwq2_policy_get("rescue"), rescue);
}

static bool has_called(struct cmwq2_pwq *pwq)
{
	bool has;

	tw_pool_lock(pwq->pool);
	has = pwq->stat.mayday;
	tw_pool_unlock(pwq->pool);
	return has;
}

/* True if the pool's worklist is empty: it has neither an item nor a cursor. */
static bool nothing_waits(struct cmwq2_pwq *pwq)
{
	bool empty;

	tw_pool_lock(pwq->pool);
	empty = list_empty(&pwq->pool->worklist);
	tw_pool_unlock(pwq->pool);
	return empty;
}

static void items_of(struct tw_env *e, struct tw_item **items, int nr,
		     void (*fn)(struct tw_item *it))
{
	int i;

	for (i = 0; i < nr; i++)
		items[i] = tw_item(e, fn);
}

#define NR_QUEUES	3
#define NR_ITEMS	50

/* One queue's item blocks. Items of other queues run meanwhile, its own afterwards. */
static void several_queues(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_item *items[NR_QUEUES][NR_ITEMS], *blocker = tw_gated(e, NULL);
	struct tw_wq *w[NR_QUEUES];
	struct tw_starved *c;
	int i, j;

	for (i = 0; i < NR_QUEUES; i++)
		w[i] = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	c = tw_starve(e, TW_PERCPU);
	tw_queue_on(c->cpu, w[0], blocker);
	for (i = 0; i < NR_QUEUES; i++)
		items_of(e, items[i], NR_ITEMS, tw_fn_nop);
	for (j = 0; j < NR_ITEMS; j++)
		for (i = 0; i < NR_QUEUES; i++)
			tw_queue_on(c->cpu, w[i], items[i][j]);
	tw_wait_started(blocker, "the rescue of an item that blocks");
	for (i = 1; i < NR_QUEUES; i++)
		tw_wait_all(items[i], NR_ITEMS, "the rescue of other queues' items");
	for (j = 0; j < NR_ITEMS; j++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[0][j]->runs), 0);
	complete_all(blocker->gate);
	tw_wait_all(items[0], NR_ITEMS, "the rescue of what was behind the one that blocked");
	for (i = 0; i < NR_QUEUES; i++) {
		tw_flush_wq(w[i]);
		KUNIT_EXPECT_EQ(test, tw_wq_stats(w[i]).rescued, NR_ITEMS + !i);
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items[i], NR_ITEMS));
		tw_expect_no_cursor(e, w[i], c->cpu);
	}
	tw_feed(c);
}

/*
 * The pool gets workers again while the rescuer sleeps in the first of several items,
 * all of which were there when the rescuer came. With rescue=slurp the other items wait
 * for that item. With the other policies they run.
 */
static void blocker_and_relief(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *items[NR_ITEMS], *blocker = tw_gated(e, NULL);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_item *last = c->blockers[c->nr - 1];
	bool slurp = policy_is("slurp");
	int i;

	items_of(e, items, NR_ITEMS, tw_fn_nop);
	/* The rescuer takes this mutex before it looks at the pool. */
	mutex_lock(&cmwq2_attach_mutex);
	tw_queue_on(c->cpu, w, blocker);
	tw_queue_all(c->cpu, w, items, NR_ITEMS);
	mutex_unlock(&cmwq2_attach_mutex);
	tw_wait_started(blocker, "the rescue of an item that blocks");
	KUNIT_EXPECT_EQ(test, tw_has_cursor(tw_pwq(w, c->cpu)), policy_is("cursor"));

	cmwq2_fault_create(c->plain->wq, c->cpu, CMWQ2_CREATE_NORMAL);
	tw_wait_started(last, "a new worker");
	complete_all(c->gate);
	tw_flush_wq(c->plain);
	if (!slurp)
		tw_wait_all(items, NR_ITEMS, "items behind the one that blocks the rescuer");
	TW_POLL(e, nothing_waits(tw_pwq(w, c->cpu)), "the worklist to be empty, cursors included");
	for (i = 0; i < NR_ITEMS; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), slurp ? 0 : 1);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, slurp ? NR_ITEMS + 1 : 1);

	complete_all(blocker->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, NR_ITEMS));
	tw_expect_no_cursor(e, w, c->cpu);
}

/* A tree of items: each queues the two below it, and itself once again. */
struct tree {
	struct tw_wq	*w;
	struct tw_item	*items[127];
	int		cpu;
};

static void fn_tree(struct tw_item *it)
{
	struct tree *t = it->ctx;
	int i;

	for (i = 2 * it->id + 1; i <= 2 * it->id + 2 && i < (int)ARRAY_SIZE(t->items); i++)
		if (!it->val)
			tw_queue_on(t->cpu, t->w, t->items[i]);
	if (!it->val++)
		tw_queue_on(t->cpu, t->w, it);
}

static void items_queue_more(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tree *t = tw_zalloc(e, sizeof(*t));
	struct tw_starved *c;
	int i, round;

	/* The second round has a limit: items become active one by one, at the tail. */
	for (round = 0; round < 2; round++) {
		t->w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, round);
		c = tw_starve(e, TW_PERCPU);
		t->cpu = c->cpu;
		items_of(e, t->items, ARRAY_SIZE(t->items), fn_tree);
		for (i = 0; i < ARRAY_SIZE(t->items); i++) {
			t->items[i]->id = i;
			t->items[i]->ctx = t;
		}
		tw_queue_on(t->cpu, t->w, t->items[0]);
		for (i = 0; i < ARRAY_SIZE(t->items); i++) {
			tw_wait_done(t->items[i], "the rescue of an item that another queued");
			tw_wait_done(t->items[i], "the rescue of an item that queued itself");
		}
		tw_flush_wq(t->w);
		for (i = 0; i < ARRAY_SIZE(t->items); i++)
			KUNIT_EXPECT_EQ(test, atomic_read(&t->items[i]->runs), 2);
		KUNIT_EXPECT_EQ(test, tw_wq_stats(t->w).rescued, 2 * ARRAY_SIZE(t->items));
		tw_expect_no_cursor(e, t->w, t->cpu);
		tw_feed(c);
	}
}

/* The pool is starved, relieved, and starved again. */
static void relapse(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *items[NR_ITEMS];
	struct tw_starved *c;
	int round;

	items_of(e, items, NR_ITEMS, tw_fn_nop);
	for (round = 0; round < 3; round++) {
		unsigned long rescued = tw_wq_stats(w).rescued;

		c = tw_starve(e, TW_PERCPU);
		tw_queue_all(c->cpu, w, items, NR_ITEMS);
		tw_wait_all(items, NR_ITEMS, "the rescue of all items");
		KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, rescued + NR_ITEMS);
		tw_expect_no_cursor(e, w, c->cpu);
		tw_feed(c);
		tw_queue_all(c->cpu, w, items, NR_ITEMS);
		tw_wait_all(items, NR_ITEMS, "all items, without need of a rescue");
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, rescued + NR_ITEMS);
	}
}

/*
 * The pool is starved again during one visit of the rescuer: while the rescuer sleeps
 * in an item, workers are created, run the items on the worklist, and all block again.
 */
static void relapse_in_a_visit(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *items[NR_ITEMS], *blocker = tw_gated(e, NULL);
	struct tw_starved *c = tw_starve(e, TW_PERCPU), *again;

	items_of(e, items, NR_ITEMS, tw_fn_nop);
	tw_queue_on(c->cpu, w, blocker);
	tw_wait_started(blocker, "the rescue of an item that blocks");
	cmwq2_fault_create(c->plain->wq, c->cpu, CMWQ2_CREATE_NORMAL);
	complete_all(c->gate);
	tw_flush_wq(c->plain);
	TW_POLL(e, nothing_waits(tw_pwq(w, c->cpu)), "the worklist to be empty, cursors included");
	again = tw_starve(e, TW_PERCPU);
	tw_queue_all(c->cpu, w, items, NR_ITEMS);
	complete_all(blocker->gate);
	tw_wait_all(items, NR_ITEMS, "the rescue after a relapse");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, NR_ITEMS + 1);
	tw_expect_no_cursor(e, w, c->cpu);
	tw_feed(again);
}

#define NR_TURNS	100

static void fn_log(struct tw_item *it)
{
	tw_log_add(it->ctx, it->id);
}

/* The longest run of items of one pool, while the other pool still had items. */
static int longest_turn(struct tw_log *log)
{
	int i, len = 0, most = 0, left[2] = { NR_TURNS, NR_TURNS };

	for (i = 0; i < log->nr; i++) {
		int id = log->id[i];

		len = i && log->id[i - 1] == id ? len + 1 : 1;
		if (left[!id])
			most = max(most, len);
		left[id]--;
	}
	return most;
}

/*
 * One queue has items in two pools: its rescuer runs a batch here and a batch
 * there. It may run two in a row: the pool that it goes to first can have sent
 * a mayday again before the other pool sent its own.
 */
static void turns_between_pools(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_log *log = tw_log(e, 2 * NR_TURNS);
	struct tw_item **items[2];
	struct tw_starved *c[2];
	int i, j;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	for (i = 0; i < 2; i++) {
		c[i] = tw_starve_on(e, TW_PERCPU, tw_cpu(i));
		items[i] = tw_zalloc(e, NR_TURNS * sizeof(*items[i]));
		items_of(e, items[i], NR_TURNS, fn_log);
		for (j = 0; j < NR_TURNS; j++) {
			items[i][j]->id = i;
			items[i][j]->ctx = log;
		}
	}
	mutex_lock(&cmwq2_attach_mutex);
	for (i = 0; i < 2; i++)
		tw_queue_all(c[i]->cpu, w, items[i], NR_TURNS);
	for (i = 0; i < 1000; i++) {
		if (has_called(tw_pwq(w, c[0]->cpu)) && has_called(tw_pwq(w, c[1]->cpu)))
			break;
		schedule_timeout_uninterruptible(max(HZ / 100, 1));
	}
	mutex_unlock(&cmwq2_attach_mutex);
	KUNIT_EXPECT_TRUE(test, has_called(tw_pwq(w, c[0]->cpu)));
	KUNIT_EXPECT_TRUE(test, has_called(tw_pwq(w, c[1]->cpu)));

	for (i = 0; i < 2; i++)
		tw_wait_all(items[i], NR_TURNS, "the rescue of items in two pools");
	tw_flush_wq(w);
	if (policy_is("slurp"))
		KUNIT_EXPECT_EQ(test, longest_turn(log), NR_TURNS);
	else
		KUNIT_EXPECT_LE(test, longest_turn(log), 2 * (CMWQ2_RESCUER_BATCH + 1));
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 2 * NR_TURNS);
	/* Every visit to a pool but the last one leaves items behind. */
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).batches, tw_wq_stats(w).relapses + 2);
	KUNIT_EXPECT_EQ(test, !tw_wq_stats(w).relapses, policy_is("slurp"));
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items[i], NR_TURNS));
		tw_expect_no_cursor(e, w, c[i]->cpu);
		tw_feed(c[i]);
	}
}

/* The queue is destroyed while its rescuer sleeps in one of its items. */
static void destroy_in_rescue(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *items[NR_ITEMS], *blocker = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_destroy, w, NULL, NULL);

	items_of(e, items, NR_ITEMS, tw_fn_nop);
	tw_queue_on(c->cpu, w, blocker);
	tw_queue_all(c->cpu, w, items, NR_ITEMS);
	tw_wait_started(blocker, "the rescue of an item that blocks");
	tw_thread_block(t);
	complete_all(blocker->gate);
	tw_join(t, "the destruction of a queue in rescue");
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, NR_ITEMS));
	tw_feed(c);
}

/*
 * The queue gets new pwqs while its rescuer sleeps in an item of an old one.
 * The rescuer runs the old pwq's items in the old pool; new items run in the
 * new pool.
 */
static void attrs_in_rescue(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND | TW_MEM_RECLAIM, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_item *old[NR_ITEMS], *new[NR_ITEMS], *blocker = tw_gated(e, NULL);
	struct tw_starved *c = tw_starve(e, TW_UNBOUND);
	int pool = tw_stats(w, c->cpu).id;

	KUNIT_ASSERT_EQ(test, pool, tw_stats(c->plain, c->cpu).id);
	items_of(e, old, NR_ITEMS, tw_fn_nop);
	items_of(e, new, NR_ITEMS, tw_fn_nop);
	tw_queue_on(c->cpu, w, blocker);
	tw_queue_all(c->cpu, w, old, NR_ITEMS);
	tw_wait_started(blocker, "the rescue of an item that blocks");

	attrs->nice = 7;
	/* A new pool cannot create its first worker either. */
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set("fail"), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), -ENOMEM);
	KUNIT_EXPECT_EQ(test, tw_stats(w, c->cpu).id, pool);
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set("off"), 0);
	cmwq2_fault_create(c->plain->wq, c->cpu, CMWQ2_CREATE_FAILS);
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	KUNIT_EXPECT_NE(test, tw_stats(w, c->cpu).id, pool);

	tw_queue_all(c->cpu, w, new, NR_ITEMS);
	tw_wait_all(new, NR_ITEMS, "items in the new pool");
	complete_all(blocker->gate);
	tw_wait_all(old, NR_ITEMS, "the rescue of items in the old pool");
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(old, NR_ITEMS));
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(new, NR_ITEMS));
	/* The old pwq's pool: its worklist must become empty. */
	cmwq2_fault_create(c->plain->wq, c->cpu, CMWQ2_CREATE_NORMAL);
	tw_wait_started(c->blockers[c->nr - 1], "a new worker");
	TW_POLL(e, nothing_waits(tw_pwq(c->plain, c->cpu)), "the worklist to be empty");
	complete_all(c->gate);
}

/*
 * A flush waits for an item that is cancelled afterwards. Its barrier stays on the worklist,
 * while the queue has no active item there any more, and needs the rescuer as before.
 */
static void flush_of_cancelled(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_thread *t;

	tw_queue_on(c->cpu, w, blocker);
	tw_wait_started(blocker, "the rescue of an item that blocks");
	tw_queue_on(c->cpu, w, it);
	t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);
	tw_thread_block(t);
	KUNIT_EXPECT_TRUE(test, tw_cancel(it));
	complete_all(blocker->gate);
	tw_join(t, "a flush whose item was cancelled");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	tw_feed(c);
}

/* The policy is switched in the middle of a visit, while the rescuer sleeps in an item. */
static void switch_in_a_visit(struct kunit *test)
{
	struct tw_env *e = tw_rescue_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *items[NR_ITEMS], *blocker;
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	int i;

	for (i = 0; i < ARRAY_SIZE(tw_rescues); i++) {
		tw_policy(e, "rescue", *(const char *const *)test->param_value);
		blocker = tw_gated(e, NULL);
		items_of(e, items, NR_ITEMS, tw_fn_nop);
		tw_queue_on(c->cpu, w, blocker);
		tw_queue_all(c->cpu, w, items, NR_ITEMS);
		tw_wait_started(blocker, "the rescue of an item that blocks");
		tw_policy(e, "rescue", tw_rescues[i]);
		complete_all(blocker->gate);
		tw_wait_all(items, NR_ITEMS, "the rescue under another policy");
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, (i + 1) * (NR_ITEMS + 1));
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, NR_ITEMS));
		tw_expect_no_cursor(e, w, c->cpu);
	}
	tw_feed(c);
}

static void fn_again(struct tw_item *it)
{
	if (--it->val > 0)
		tw_queue_on(it->id, it->ctx, it);
}

#define NR_SWITCHES	300
#define NR_RUNS		100

/* The policy is switched at any moment, while items of several queues requeue themselves. */
static void switches_in_rescue(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *items[NR_QUEUES][NR_ITEMS];
	struct tw_wq *w[NR_QUEUES];
	struct tw_starved *c;
	int i, j;

	for (i = 0; i < NR_QUEUES; i++)
		w[i] = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, i ? 0 : 5);
	tw_policy(e, "rescue", "slurp");
	c = tw_starve(e, TW_PERCPU);
	for (i = 0; i < NR_QUEUES; i++) {
		items_of(e, items[i], NR_ITEMS, fn_again);
		for (j = 0; j < NR_ITEMS; j++) {
			items[i][j]->id = c->cpu;
			items[i][j]->ctx = w[i];
			items[i][j]->val = NR_RUNS;
		}
		tw_queue_all(c->cpu, w[i], items[i], NR_ITEMS);
	}
	for (i = 0; i < NR_SWITCHES; i++) {
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("rescue", tw_rescues[i % 3]), 0);
		if (i % 10 == 0)
			schedule_timeout_uninterruptible(1);
	}
	for (i = 0; i < NR_QUEUES; i++) {
		for (j = 0; j < NR_RUNS * NR_ITEMS; j++)
			tw_wait_done(items[i][j % NR_ITEMS], "the rescue under changing policies");
		tw_flush_wq(w[i]);
		KUNIT_EXPECT_EQ(test, tw_wq_stats(w[i]).rescued, NR_RUNS * NR_ITEMS);
		tw_expect_no_cursor(e, w[i], c->cpu);
	}
	tw_feed(c);
}

static struct kunit_case policies_cases[] = {
	KUNIT_CASE_PARAM(several_queues, rescue_gen_params),
	KUNIT_CASE_PARAM(blocker_and_relief, rescue_gen_params),
	KUNIT_CASE_PARAM(items_queue_more, rescue_gen_params),
	KUNIT_CASE_PARAM(relapse, rescue_gen_params),
	KUNIT_CASE_PARAM(relapse_in_a_visit, rescue_gen_params),
	KUNIT_CASE_PARAM(turns_between_pools, rescue_gen_params),
	KUNIT_CASE_PARAM(destroy_in_rescue, rescue_gen_params),
	KUNIT_CASE_PARAM(attrs_in_rescue, rescue_gen_params),
	KUNIT_CASE_PARAM(flush_of_cancelled, rescue_gen_params),
	KUNIT_CASE_PARAM(switch_in_a_visit, rescue_gen_params),
	KUNIT_CASE(switches_in_rescue),
	{}
};

static struct kunit_suite policies_suite = {
	.name = "cmwq2_rescue_policies",
	.test_cases = policies_cases,
};

kunit_test_suites(&policies_suite);
