// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict on items that wait in a line or behind a running item, and the
 * number of workers that it looks at while it holds a lock.
 */
#include "look/look.h"
#include "look/show.h"
#include "look/verdict.h"
#include "verdict.h"

/*
 * Old items wait in a long line, but an item that holds a slot ends and another one
 * starts, so this is no stall. The engine must look at all items that hold slots, not
 * only at those that it would name.
 */
static void moving_line(struct kunit *test, int slots)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, slots);
	struct tw_item *items[18];
	unsigned long began;
	bool judged = false;
	int i;

	for (i = 0; i < slots + 5; i++) {
		items[i] = tw_gated(e, NULL);
		tw_queue_on(c->cpu, c->w, items[i]);
	}
	for (i = 0; i < slots; i++)
		tw_wait_started(items[i], "the first items of the line");
	for (i = 0; i < 5; i++) {
		TW_POLL(e, told(c, "throttled"), "the inactive items to be old");
		began = jiffies;
		complete_all(items[i]->gate);
		tw_wait_started(items[i + slots], "the next item of the line");
		cmwq2_stalls(MIN_MS, c->text, TEXT_SIZE);
		/* If too much time has passed, this has become a real stall. */
		if (time_after(jiffies, began + msecs_to_jiffies(MIN_MS) - 1))
			continue;
		KUNIT_EXPECT_STREQ(test, c->text, "");
		judged = true;
	}
	for (; i < slots + 5; i++)
		complete_all(items[i]->gate);
	tw_flush_wq(c->w);
	KUNIT_EXPECT_TRUE_MSG(test, judged, "the machine is too slow for this test");
}

static void moving_line_is_no_stall(struct kunit *test)
{
	moving_line(test, 1);
}

static void moving_wide_line_is_no_stall(struct kunit *test)
{
	moving_line(test, 12);
}

/*
 * The last item may leave the line between the look that finds it there and the verdict.
 * An empty line gets no verdict, whatever age is asked for.
 */
static void empty_line_is_no_stall(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 1);
	struct cmwq2_out out = { .buf = c->text };
	struct cmwq2_wq *wq = c->w->wq;

	rcu_read_lock();
	cmwq2_verdict_of_pwq(&out, rcu_dereference(*per_cpu_ptr(wq->cpu_pwq, c->cpu)), 0);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, out.len, 0);
}

/* A thread flushes an item that does not end. */
static void awaited_item_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, c->w, it, NULL);
	char what[64];

	tw_queue_on(c->cpu, c->w, it);
	tw_wait_started(it, "an item that runs on and on");
	tw_thread_block(t);
	KUNIT_EXPECT_EQ(test, cmwq2_stalls(UINT_MAX, c->text, TEXT_SIZE), 0);
	snprintf(what, sizeof(what), "  thread %d waits\n", t->task->pid);
	TW_POLL(e, cmwq2_stalls(MIN_MS, c->text, TEXT_SIZE), "a verdict");
	expect_in(c, "stall: awaited: pool ");
	expect_in(c, what);
	expect_who(c, it->pid, "runs cmwq2_fn");
	complete_all(it->gate);
	tw_join(t, "the flush");
	expect_quiet(e);
}

#define NR_BLOCKED	150

/*
 * However many workers there are and wherever an item waits, the verdict looks
 * at a bounded number of them while it holds a lock.
 */
static void looks_are_bounded(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_UNBOUND, NR_BLOCKED);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[NR_BLOCKED], *it = tw_item(e, tw_fn_nop);
	int i;

	for (i = 0; i < NR_BLOCKED; i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(c->cpu, c->w, items[i]);
	}
	for (i = 0; i < NR_BLOCKED; i++)
		tw_wait_started(items[i], "items that block");
	tw_queue_on(c->cpu, c->w, it);
	WRITE_ONCE(cmwq2_look_most, 0);
	expect_told(c, "throttled");
	expect_in(c, "  and 146 more\n");
	KUNIT_EXPECT_GT(test, READ_ONCE(cmwq2_look_most), 0);
	KUNIT_EXPECT_LE(test, READ_ONCE(cmwq2_look_most), 64);
	complete_all(gate);
	tw_flush_wq(c->w);
	expect_quiet(e);
}

static bool told_of_release(struct verdict_ctx *c)
{
	char *helper;

	cmwq2_stalls(MIN_MS, c->text, TEXT_SIZE);
	helper = strstr(c->text, "stall: helper: ");
	return helper && strstr(helper, " releases a pwq of pool ");
}

/*
 * The helper waits for a queue's mutex, because a pwq has lost its last item. No assertion
 * may end the test while it holds the mutex.
 */
static void stuck_helper_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_item *it = tw_gated(e, NULL);
	struct cmwq2_wq *wq = c->w->wq;
	unsigned long until;
	bool seen;

	tw_queue_on(c->cpu, c->w, it);
	tw_wait_started(it, "the item");
	attrs->nice = 5;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(wq, attrs), 0);
	until = jiffies + tw_timeout();
	mutex_lock(&wq->mutex);
	complete_all(it->gate);
	while (!(seen = told_of_release(c)) && time_before(jiffies, until))
		schedule_timeout_uninterruptible(1);
	mutex_unlock(&wq->mutex);
	KUNIT_EXPECT_TRUE_MSG(test, seen, "no stuck helper in:\n%s", c->text);
	tw_flush_wq(c->w);
	TW_POLL(e, !told_of_release(c), "the helper to go on");
}

static struct kunit_case verdict_line_cases[] = {
	KUNIT_CASE(moving_line_is_no_stall),
	KUNIT_CASE(moving_wide_line_is_no_stall),
	KUNIT_CASE(empty_line_is_no_stall),
	KUNIT_CASE(awaited_item_is_named),
	KUNIT_CASE(looks_are_bounded),
	KUNIT_CASE(stuck_helper_is_named),
	{}
};

static struct kunit_suite verdict_line_suite = {
	.name = "cmwq2_verdict_line",
	.test_cases = verdict_line_cases,
};

kunit_test_suites(&verdict_line_suite);
