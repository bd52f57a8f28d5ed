// SPDX-License-Identifier: GPL-2.0
/*
 * Work functions that return in another context than that in which they were called:
 * each is reported once, and the worker goes on. A control does the same, but restores
 * the context before it returns.
 *
 * The kernel's own workqueue reports these as a bug of the kernel, and does not
 * restore a preempt count.
 */
#include <linux/bottom_half.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>

#include "base/context.h"
#include "check.h"

struct leak_ctx {
	struct mutex	mutex;	/* left locked by one item, released by the next */
	struct tw_item	*next;
	struct tw_wq	*w;
	pid_t		pid;

	struct cmwq2_context	found;	/* in which an item was called */
};

static unsigned long nr_leaks(void)
{
	return cmwq2_health(CMWQ2_HEALTH_LEAKS);
}

/* The worker works as before: it runs items that sleep, and comes to rest. */
static void expect_alive(struct tw_env *e, struct tw_wq *w)
{
	struct completion *gate = tw_gate(e);
	struct tw_item *items[8];
	int i;

	complete_all(gate);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(tw_cpu(0), w, items[i]);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_done(items[i], "an item after one that misbehaved");
	tw_flush_wq(w);
	TW_POLL(e, tw_pool_idle(w, tw_cpu(0)), "the pool to come to rest");
}

static void leak(struct kunit *test, void (*fn)(struct tw_item *it), int leaks)
{
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND };
	struct tw_env *e = tw_env_cmwq2(test);
	int i, round;

	tw_on_purpose(e);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, flags[i], 0);
		struct tw_item *it = tw_item(e, fn);

		for (round = 0; round < 3; round++) {
			unsigned long before = nr_leaks();

			tw_queue_on(tw_cpu(0), w, it);
			tw_wait_done(it, "the item that misbehaves");
			tw_flush_wq(w);
			KUNIT_EXPECT_EQ(test, nr_leaks() - before, leaks);
			expect_alive(e, w);
			KUNIT_EXPECT_EQ(test, nr_leaks() - before, leaks);
		}
	}
}

static void fn_leak_bh(struct tw_item *it)
{
	local_bh_disable();
}

static void fn_leak_bh_twice(struct tw_item *it)
{
	local_bh_disable();
	local_bh_disable();
}

static void fn_leak_preempt(struct tw_item *it)
{
	preempt_disable();
}

static void fn_leak_rcu(struct tw_item *it)
{
	rcu_read_lock();
	rcu_read_lock();
}

static void fn_leak_all(struct tw_item *it)
{
	rcu_read_lock();
	local_bh_disable();
	preempt_disable();
}

static void fn_leak_nothing(struct tw_item *it)
{
	rcu_read_lock();
	local_bh_disable();
	preempt_disable();
	preempt_enable();
	local_bh_enable();
	rcu_read_unlock();
}

/* In softirq context the preempt count does not begin at zero. */
static void bh_item_is_found(struct kunit *test)
{
	static void (*const fns[])(struct tw_item *it) = { fn_leak_bh, fn_leak_bh_twice };
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *it, *next;
	struct tw_wq *w;
	int i, round;

	e->bh = true;
	w = tw_alloc(e, TW_BH, 0);
	next = tw_item(e, tw_fn_nop);
	tw_on_purpose(e);
	for (i = 0; i < ARRAY_SIZE(fns); i++) {
		it = tw_item(e, fns[i]);
		for (round = 0; round < 3; round++) {
			unsigned long before = nr_leaks();

			tw_queue_on(tw_cpu(0), w, it);
			tw_wait_done(it, "the BH item that misbehaves");
			tw_queue_on(tw_cpu(0), w, next);
			tw_wait_done(next, "a BH item after one that misbehaved");
			tw_flush_wq(w);
			KUNIT_EXPECT_EQ(test, nr_leaks() - before, 1);
		}
	}
}

static void bh_off_is_found(struct kunit *test)
{
	leak(test, fn_leak_bh, 1);
}

static void bh_off_twice_is_found(struct kunit *test)
{
	leak(test, fn_leak_bh_twice, 1);
}

static void preemption_off_is_found(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_COUNT))
		kunit_skip(test, "this kernel does not count disabled preemption");
	leak(test, fn_leak_preempt, 1);
}

static void rcu_is_found(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RCU))
		kunit_skip(test, "this kernel does not count RCU read-side sections");
	leak(test, fn_leak_rcu, 1);
}

static void all_at_once_is_found(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RCU))
		kunit_skip(test, "this kernel does not count RCU read-side sections");
	leak(test, fn_leak_all, 1);
}

static void fn_note_context(struct tw_item *it)
{
	struct leak_ctx *c = it->ctx;

	c->found = cmwq2_context();
	it->val = current->pid == c->pid;
}

/* Queues the next item while this one runs, so that the same worker runs it. */
static void fn_leak_all_and_go_on(struct tw_item *it)
{
	struct leak_ctx *c = it->ctx;

	c->pid = current->pid;
	tw_queue_on(raw_smp_processor_id(), c->w, c->next);
	fn_leak_all(it);
}

/*
 * The item after one that misbehaved is called as if there had been none. On PREEMPT_RT
 * disabled softirqs also keep a thread on its CPU. A worker that stays there for ever would
 * keep the CPU from going offline.
 */
static void nothing_is_left(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct leak_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_item(e, fn_leak_all_and_go_on);
	struct cmwq2_context usual;

	if (!IS_ENABLED(CONFIG_PREEMPT_RCU))
		kunit_skip(test, "this kernel does not count RCU read-side sections");
	tw_on_purpose(e);
	/* Printing takes long, and the worker must not count as a hog meanwhile. */
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	c->w = tw_alloc(e, TW_PERCPU, 0);
	c->next = tw_item(e, fn_note_context);
	c->next->ctx = c;
	it->ctx = c;
	tw_queue_on(tw_cpu(0), c->w, c->next);
	tw_wait_done(c->next, "an item before one that misbehaves");
	usual = c->found;
	tw_queue_on(tw_cpu(0), c->w, it);
	tw_wait_done(c->next, "the item after one that misbehaved");
	tw_flush_wq(c->w);
	KUNIT_ASSERT_EQ(test, c->next->val, 1);
	KUNIT_EXPECT_EQ(test, c->found.preempt, usual.preempt);
	KUNIT_EXPECT_EQ(test, cmwq2_context_softirq(c->found), cmwq2_context_softirq(usual));
	KUNIT_EXPECT_EQ(test, c->found.rcu, usual.rcu);
	KUNIT_EXPECT_EQ(test, c->found.locks, usual.locks);
	KUNIT_EXPECT_EQ(test, cmwq2_context_migration(c->found), cmwq2_context_migration(usual));
}

static void nothing_left_is_no_finding(struct kunit *test)
{
	leak(test, fn_leak_nothing, 0);
}

static void fn_unlock(struct tw_item *it)
{
	struct leak_ctx *c = it->ctx;

	if (current->pid == c->pid)
		mutex_unlock(&c->mutex);
}

/* Queues the next item while this one runs, so that the same worker runs it. */
static void fn_lock(struct tw_item *it)
{
	struct leak_ctx *c = it->ctx;

	mutex_lock(&c->mutex);
	c->pid = current->pid;
	tw_queue_on(raw_smp_processor_id(), c->w, c->next);
}

static void lock_is_found(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct leak_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_item(e, fn_lock);
	unsigned long before = nr_leaks();

	if (!IS_ENABLED(CONFIG_LOCKDEP))
		kunit_skip(test, "without lockdep the engine does not know that a lock is held");
	tw_on_purpose(e);
	/* Printing takes long, and the worker must not count as a hog meanwhile. */
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	mutex_init(&c->mutex);
	/*
	 * The next item's lockdep map is acquired inside this mutex. Lockdep
	 * must not learn that order.
	 */
	lockdep_set_novalidate_class(&c->mutex);
	c->w = w;
	c->next = tw_item(e, fn_unlock);
	c->next->ctx = c;
	it->ctx = c;
	tw_queue_on(tw_cpu(0), w, it);
	tw_wait_done(it, "the item that leaves a lock behind");
	tw_wait_done(c->next, "the item that releases it");
	tw_flush_wq(w);
	KUNIT_ASSERT_EQ(test, c->next->pid, c->pid);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&c->mutex));
	/* Both items changed which locks the worker holds. */
	KUNIT_EXPECT_EQ(test, nr_leaks() - before, 2);
	expect_alive(e, w);
	KUNIT_EXPECT_EQ(test, nr_leaks() - before, 2);
}

static struct kunit_case misbehave_cases[] = {
	KUNIT_CASE(bh_item_is_found),
	KUNIT_CASE(bh_off_is_found),
	KUNIT_CASE(bh_off_twice_is_found),
	KUNIT_CASE(preemption_off_is_found),
	KUNIT_CASE(rcu_is_found),
	KUNIT_CASE(all_at_once_is_found),
	KUNIT_CASE(nothing_is_left),
	KUNIT_CASE(nothing_left_is_no_finding),
	KUNIT_CASE(lock_is_found),
	{}
};

static struct kunit_suite misbehave_suite = {
	.name = "cmwq2_misbehave",
	.test_cases = misbehave_cases,
};

kunit_test_suites(&misbehave_suite);
