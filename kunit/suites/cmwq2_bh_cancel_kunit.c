// SPDX-License-Identifier: GPL-2.0
/*
 * BH items that are cancelled or disabled, and delayed ones.
 *
 * A synchronous cancel of a BH item must not sleep, so it is also called from
 * contexts in which a debug kernel would report a sleep. The item that it waits
 * for spins on another CPU. The test is tied to the first CPU.
 */
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/timer.h>

#include "base/work.h"
#include "bh.h"
#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void bh_cancel_pending(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it[3];
	bool taken, again;
	int i;

	for (i = 0; i < 3; i++)
		it[i] = tw_item(e, tw_fn_nop);
	bh_hold();
	for (i = 0; i < 3; i++)
		tw_queue(w, it[i]);
	taken = tw_cancel(it[1]);
	again = tw_cancel(it[1]);
	bh_release();
	KUNIT_EXPECT_TRUE(test, taken);
	KUNIT_EXPECT_FALSE(test, again);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it[0]->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&it[1]->runs), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&it[2]->runs), 1);
}

/*
 * Where a synchronous cancellation is called from. Spinning with interrupts
 * off, or in a hard interrupt, is not allowed.
 */
enum bh_from { BH_TASK, BH_PREEMPT_OFF, BH_BH_OFF, BH_TIMER, BH_NR_FROM };

/*
 * Who waits for a BH item on PREEMPT_RT may sleep, as in the kernel's own workqueue: the
 * thread that runs the item must be able to run. So it is not allowed with preemption off.
 */
static bool bh_may_wait(enum bh_from from)
{
	return from != BH_PREEMPT_OFF || !IS_ENABLED(CONFIG_PREEMPT_RT);
}

struct bh_call {
	struct timer_list	timer;
	struct completion	done;
	struct tw_item		*it;
	bool			(*fn)(struct tw_item *it);
	bool			ret;
};

static void bh_call_timer(struct timer_list *timer)
{
	struct bh_call *call = container_of(timer, struct bh_call, timer);

	call->ret = call->fn(call->it);
	complete(&call->done);
}

static bool bh_call_from(enum bh_from from, struct tw_item *it, bool (*fn)(struct tw_item *it))
{
	struct bh_call *call = tw_zalloc(it->env, sizeof(*call));

	call->it = it;
	call->fn = fn;
	switch (from) {
	case BH_PREEMPT_OFF:
		preempt_disable();
		call->ret = fn(it);
		preempt_enable();
		break;
	case BH_BH_OFF:
		local_bh_disable();
		call->ret = fn(it);
		local_bh_enable();
		break;
	case BH_TIMER:
		init_completion(&call->done);
		timer_setup(&call->timer, bh_call_timer, TIMER_PINNED);
		mod_timer(&call->timer, jiffies + 1);
		wait_for_completion(&call->done);
		timer_delete_sync(&call->timer);
		break;
	default:
		call->ret = fn(it);
	}
	return call->ret;
}

/*
 * Queues itself until that is refused. Then a cancel_sync has disabled the item
 * and is about to wait.
 */
static void fn_until_disabled(struct tw_item *it)
{
	unsigned long end = jiffies + tw_timeout();

	while (tw_pending(it) || tw_queue(it->ctx, it)) {
		if (READ_ONCE(it->env->closing) || time_after(jiffies, end))
			break;
		cpu_relax();
	}
	/* This gives a cancel that wrongly does not wait the time to return. */
	mdelay(1);
	it->finished = 1;
}

static void bh_cancel_sync_spins(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w[2] = { tw_alloc(e, BH, 0), tw_alloc(e, BH_HI, 0) };
	int i;

	bh_two_cpus(test);
	for (i = 0; i < 4 * BH_NR_FROM; i++) {
		struct tw_item *it = tw_item(e, fn_until_disabled);

		if (!bh_may_wait(i % BH_NR_FROM))
			continue;
		it->ctx = w[i / BH_NR_FROM % 2];
		tw_queue_on(tw_cpu(1), it->ctx, it);
		tw_wait_started(it, "the item");
		bh_call_from(i % BH_NR_FROM, it, e->ops->cancel_sync);
		KUNIT_EXPECT_EQ_MSG(test, it->finished, 1, "round %d", i);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
		KUNIT_EXPECT_FALSE(test, tw_pending(it));

		/* The item can be queued again. */
		it->fn = tw_fn_nop;
		KUNIT_EXPECT_TRUE(test, tw_queue(it->ctx, it));
		tw_flush(it);
	}
}

static void bh_disable_sync_spins(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	int i;

	bh_two_cpus(test);
	for (i = 0; i < BH_NR_FROM; i++) {
		struct tw_item *it = tw_item(e, fn_until_disabled);

		if (!bh_may_wait(i))
			continue;
		it->ctx = w;
		tw_queue_on(tw_cpu(1), w, it);
		tw_wait_started(it, "the item");
		bh_call_from(i, it, e->ops->disable_sync);
		KUNIT_EXPECT_EQ(test, it->finished, 1);
		KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
		it->fn = tw_fn_nop;
		KUNIT_EXPECT_TRUE(test, e->ops->enable(it));
		KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
		tw_flush(it);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
	}
}

/* The mark that the item was on a BH queue survives every operation on the item. */
static void bh_cancel_sync_idle(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	bool taken;
	int i;

	tw_queue(w, it);
	tw_flush_wq(w);
	tw_cancel(it);
	e->ops->disable(it);
	tw_queue(w, it);
	e->ops->enable(it);
	for (i = 0; i < BH_NR_FROM; i++)
		KUNIT_EXPECT_FALSE(test, bh_call_from(i, it, e->ops->cancel_sync));

	/* An item that never ran has the mark, too. */
	it = tw_item(e, tw_fn_nop);
	bh_hold();
	tw_queue(w, it);
	taken = tw_cancel_sync(it);
	bh_release();
	KUNIT_EXPECT_TRUE(test, taken);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
}

static bool bh_remembered(struct tw_item *it)
{
	return atomic_long_read(&it->cmwq2.data) & CMWQ2_WORK_OFFQ_BH;
}

static void bh_data_word(struct kunit *test)
{
	struct tw_env *e = bh_env_cmwq2(test);
	struct tw_wq *bh = tw_alloc(e, BH, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	KUNIT_EXPECT_FALSE(test, bh_remembered(it));
	tw_queue(bh, it);
	tw_flush_wq(bh);
	KUNIT_EXPECT_TRUE(test, bh_remembered(it));
	e->ops->disable(it);
	KUNIT_EXPECT_FALSE(test, tw_queue(bh, it));
	KUNIT_EXPECT_TRUE(test, bh_remembered(it));
	e->ops->enable(it);
	tw_cancel(it);
	KUNIT_EXPECT_TRUE(test, bh_remembered(it));
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

/* In the strictest context in which a cancellation may wait. */
static bool cancel_sync_atomic(struct tw_item *it)
{
	bool preempt_off = bh_may_wait(BH_PREEMPT_OFF);
	bool taken;

	local_bh_disable();
	if (preempt_off)
		preempt_disable();
	taken = tw_cancel_sync(it);
	if (preempt_off)
		preempt_enable();
	local_bh_enable();
	return taken;
}

static void bh_cancel_races_with_queue(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	/* From here on the item is marked, so it may be cancelled in atomic context. */
	tw_queue(w, it);
	tw_flush_wq(w);
	atomic_set(&it->runs, 0);
	tw_hammer(w, it, 5000, cancel_sync_atomic);
}

static bool bh_cancel_delayed_sync(struct tw_item *it)
{
	return it->env->ops->cancel_delayed_sync(it);
}

static void bh_delayed(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it = tw_delayed(e, bh_fn_softirq);
	int i;

	for (i = 0; i < 3; i++) {
		it->val = 0;
		KUNIT_EXPECT_TRUE(test, tw_queue_delayed(w, it, i));
		tw_wait_done(it, "the delayed item");
		KUNIT_EXPECT_EQ(test, it->val, 1);
		tw_flush_wq(w);
	}
	tw_queue_delayed(w, it, TW_NEVER);
	KUNIT_EXPECT_TRUE(test, tw_mod_delayed(w, it, 1));
	tw_wait_done(it, "the delayed item with a new delay");
	tw_flush_wq(w);
	tw_queue_delayed(w, it, TW_NEVER);
	/* The item may have run too fast for the waits above, so flush it. */
	e->ops->flush_delayed(it);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 5);
	for (i = 0; i < BH_NR_FROM; i++) {
		tw_queue_delayed(w, it, TW_NEVER);
		KUNIT_EXPECT_TRUE(test, bh_call_from(i, it, bh_cancel_delayed_sync));
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 5);
}

static struct kunit_case bh_cancel_cases[] = {
	KUNIT_CASE_PARAM(bh_cancel_pending, engine_gen_params),
	KUNIT_CASE_PARAM(bh_cancel_sync_spins, engine_gen_params),
	KUNIT_CASE_PARAM(bh_disable_sync_spins, engine_gen_params),
	KUNIT_CASE_PARAM(bh_cancel_sync_idle, engine_gen_params),
	KUNIT_CASE(bh_data_word),
	KUNIT_CASE_PARAM(bh_cancel_races_with_queue, engine_gen_params),
	KUNIT_CASE_PARAM(bh_delayed, engine_gen_params),
	{}
};

static struct kunit_suite bh_cancel_suite = {
	.name = "cmwq2_bh_cancel",
	.test_cases = bh_cancel_cases,
};

kunit_test_suites(&bh_cancel_suite);
