// SPDX-License-Identifier: GPL-2.0
/*
 * The line of a NUMA node. Unbound queues count max_active for each node. The pwqs of a
 * queue that have inactive items wait in a line for a free slot.
 *
 * The affinity scope "cpu" gives each CPU a pwq of its own, so that two of them
 * share one limit. Only for cmwq2 can a module set the scope.
 */
#include "base/helper.h"
#include "base/types.h"
#include "check.h"
#include "hold.h"

static struct tw_wq *line_wq(struct tw_env *e, struct cmwq2_attrs *attrs)
{
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 1);

	if (tw_cpu(0) == tw_cpu(1))
		kunit_skip(e->test, "needs two CPUs");
	attrs->affn_scope = CMWQ2_AFFN_CPU;
	KUNIT_ASSERT_EQ(e->test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	KUNIT_ASSERT_NE(e->test, tw_stats(w, tw_cpu(0)).id, tw_stats(w, tw_cpu(1)).id);
	return w;
}

static bool line_is_empty(struct tw_wq *w)
{
	struct cmwq2_wq *wq = w->wq;
	struct cmwq2_nna *nna = wq->nna[cpu_to_node(tw_cpu(1))];
	bool empty;

	raw_spin_lock_irq(&nna->lock);
	empty = list_empty(&nna->pending_pwqs);
	raw_spin_unlock_irq(&nna->lock);
	return empty;
}

/*
 * The only inactive item of a pwq is cancelled, and then the pwq is replaced and
 * freed. It must have left the line when the slot is given back.
 */
static void replaced_pwq_leaves_line(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_wq *w = line_wq(e, attrs);
	struct tw_item *holder = tw_gated(e, NULL), *waiter = tw_item(e, tw_fn_nop);
	int pool = tw_stats(w, tw_cpu(1)).id;

	tw_queue_on(tw_cpu(0), w, holder);
	tw_wait_started(holder, "the item that takes the node's slot");
	tw_queue_on(tw_cpu(1), w, waiter);
	KUNIT_EXPECT_TRUE(test, tw_cancel(waiter));

	attrs->nice = 5;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	KUNIT_EXPECT_NE(test, tw_stats(w, tw_cpu(1)).id, pool);
	/* The helper releases the old pwq, and RCU frees it. */
	kthread_flush_worker(cmwq2_helper);
	rcu_barrier();
	KUNIT_EXPECT_TRUE(test, line_is_empty(w));

	complete_all(holder->gate);
	tw_wait_done(holder, "the item that had the slot");
	tw_queue_on(tw_cpu(1), w, waiter);
	tw_wait_done(waiter, "an item in the new pool");
	KUNIT_EXPECT_EQ(test, atomic_read(&waiter->runs), 1);
}

static void fn_log(struct tw_item *it)
{
	tw_log_add(it->ctx, it->id);
}

#define NR_AHEAD	3

/* A pwq that got a slot goes to the end of the line if more of its items wait. */
static void pwqs_take_turns(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = line_wq(e, tw_attrs(test));
	struct tw_item *holder = tw_gated(e, NULL), *items[NR_AHEAD + 1];
	struct tw_log *log = tw_log(e, ARRAY_SIZE(items));
	int i, turn = 0;

	tw_queue_on(tw_cpu(0), w, holder);
	tw_wait_started(holder, "the item that takes the node's slot");
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_item(e, fn_log);
		items[i]->ctx = log;
		items[i]->id = i;
		tw_queue_on(tw_cpu(i == NR_AHEAD), w, items[i]);
	}
	complete_all(holder->gate);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_done(items[i], "all items that waited for the slot");
	while (turn < log->nr && log->id[turn] != NR_AHEAD)
		turn++;
	KUNIT_EXPECT_EQ(test, log->nr, ARRAY_SIZE(items));
	/* The other CPU's item waits for at most one item of the CPU that came first. */
	KUNIT_EXPECT_LE(test, turn, 1);
}

/*
 * A pool gives a slot back, and an item of another pool gets it. Then only the other pool
 * is kicked. The workers of the first pool are bound to this CPU, so none of them can run
 * while the test has preemption off.
 */
static void slot_kicks_only_its_pool(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_item *holder = tw_item(e, tw_fn_nop), *waiter = tw_item(e, tw_fn_nop);
	struct tw_item *beside = tw_item(e, tw_fn_nop);
	struct tw_wq *w, *other = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_pool *pool;
	unsigned long kicks;
	bool cancelled;

	attrs->affn_strict = true;
	attrs->nice = 6;
	w = line_wq(e, attrs);
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(other->wq, attrs), 0);
	tw_move(e, tw_cpu(0));
	pool = tw_pool_of(w, tw_cpu(0));
	KUNIT_ASSERT_PTR_EQ(test, tw_pool_of(other, tw_cpu(0)), pool);

	preempt_disable();
	tw_queue_on(tw_cpu(0), w, holder);
	tw_queue_on(tw_cpu(1), w, waiter);
	tw_queue_on(tw_cpu(0), other, beside);
	kicks = pool->stat.kicks;
	cancelled = cmwq2_cancel_work(&holder->cmwq2);
	kicks = pool->stat.kicks - kicks;
	preempt_enable();
	KUNIT_EXPECT_TRUE(test, cancelled);
	KUNIT_EXPECT_EQ(test, kicks, 0);
	tw_wait_done(waiter, "the item that got the slot");
	tw_wait_done(beside, "an item of another queue");
}

static struct kunit_case node_line_cases[] = {
	KUNIT_CASE(replaced_pwq_leaves_line),
	KUNIT_CASE(pwqs_take_turns),
	KUNIT_CASE(slot_kicks_only_its_pool),
	{}
};

static struct kunit_suite node_line_suite = {
	.name = "cmwq2_node_line",
	.test_cases = node_line_cases,
};

kunit_test_suites(&node_line_suite);
