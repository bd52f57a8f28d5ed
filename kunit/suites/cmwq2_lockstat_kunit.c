// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of pool->lock, and the counters that show which kicks woke a worker.
 *
 * A probe on a tracepoint that is called with the lock held prolongs the hold. So the
 * test knows which CPU waits for the lock, and for how long at least.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>

#include <trace/events/cmwq2.h>

#include "base/types.h"
#include "check.h"

#define NR_ITEMS	64

static void counting_off(void *unused)
{
	cmwq2_lock_stat_set(false);
}

/* Switches the counters on and resets them. The end of the test switches them off. */
static void counting_on(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, counting_off, NULL), 0);
	cmwq2_lock_stat_set(true);
	cmwq2_lock_stat_reset();
}

static struct cmwq2_lock_stats lock_stats(struct tw_wq *w, int cpu)
{
	struct cmwq2_lock_stats st = { };

	KUNIT_EXPECT_EQ(w->env->test, cmwq2_lock_stats(w->wq, cpu, &st), 0);
	return st;
}

static void run_items(struct tw_wq *w, int cpu, int nr)
{
	struct tw_item *it = tw_item(w->env, tw_fn_nop);
	int i;

	for (i = 0; i < nr; i++) {
		tw_queue_on(cpu, w, it);
		tw_flush(it);
	}
}

static void off_counts_nothing(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_lock_stats before, after;
	int cpu = tw_cpu(0);

	/* Switching it off twice changes nothing. */
	cmwq2_lock_stat_set(false);
	before = lock_stats(w, cpu);
	run_items(w, cpu, NR_ITEMS);
	after = lock_stats(w, cpu);
	KUNIT_EXPECT_EQ(test, after.acquired, before.acquired);
	KUNIT_EXPECT_EQ(test, after.contended, before.contended);
	KUNIT_EXPECT_EQ(test, after.picks, before.picks);
}

/* With an inbox an enqueue tries to get the lock. */
static void off_counts_no_try(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_lock_stats before, after;
	struct tw_wq *w;
	int cpu = tw_cpu(0);

	tw_policy(e, "inbox", "on");
	w = tw_alloc(e, TW_UNBOUND, 0);
	cmwq2_lock_stat_set(false);
	before = lock_stats(w, cpu);
	run_items(w, cpu, NR_ITEMS);
	after = lock_stats(w, cpu);
	KUNIT_EXPECT_EQ(test, after.acquired, before.acquired);
	/* And it is counted when counting is on. */
	counting_on(test);
	before = lock_stats(w, cpu);
	run_items(w, cpu, NR_ITEMS);
	after = lock_stats(w, cpu);
	KUNIT_EXPECT_GE(test, after.acquired - before.acquired, NR_ITEMS);
}

static void counts_the_lock(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_lock_stats st, all;
	int cpu = tw_cpu(0);

	counting_on(test);
	run_items(w, cpu, NR_ITEMS);
	st = lock_stats(w, cpu);
	KUNIT_EXPECT_EQ(test, cmwq2_lock_stats(NULL, 0, &all), 0);

	/* The lock is taken to queue an item, to take it, and to end it. */
	KUNIT_EXPECT_GE(test, st.acquired, 3 * NR_ITEMS);
	KUNIT_EXPECT_GE(test, st.picks, 1);
	KUNIT_EXPECT_LE(test, st.picks, 2 * NR_ITEMS);
	KUNIT_EXPECT_GT(test, st.held_ns, 0);
	KUNIT_EXPECT_LE(test, st.held_max_ns, st.held_ns);
	KUNIT_EXPECT_LE(test, st.long_held_ns, st.held_ns);
	KUNIT_EXPECT_LE(test, st.pick_ns, st.held_ns);
	KUNIT_EXPECT_LE(test, st.contended, st.acquired);
	KUNIT_EXPECT_GE(test, all.acquired, st.acquired);
	KUNIT_EXPECT_GE(test, all.held_max_ns, st.held_max_ns);
}

/* While nothing is counted, the difference of two readings must be zero. */
static void reads_the_same_later(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_lock_stats once, again;
	int cpu = tw_cpu(0), i;

	counting_on(test);
	run_items(w, cpu, NR_ITEMS);
	cmwq2_lock_stat_set(false);
	once = lock_stats(w, cpu);
	for (i = 0; i < 5; i++) {
		msleep(20);
		again = lock_stats(w, cpu);
		KUNIT_EXPECT_EQ(test, again.held_ns, once.held_ns);
		KUNIT_EXPECT_EQ(test, again.held_max_ns, once.held_max_ns);
	}
}

/* Long enough to count as a long hold. */
#define HOLD_US		400

struct holder {
	struct tw_wq	*w;
	struct tw_item	*item;
	bool		held;
};

/* Runs with pool->lock held, and returns only some time after the other CPU waits for it. */
static void hold_lock(void *data, int req_cpu, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct holder *h = data;
	u64 since = ktime_get_mono_fast_ns();

	if (work != &h->item->cmwq2)
		return;
	WRITE_ONCE(h->held, true);
	while (!raw_spin_is_contended(&pwq->pool->lock) &&
	       ktime_get_mono_fast_ns() - since < 5ULL * NSEC_PER_SEC)
		cpu_relax();
	tw_occupy(HOLD_US * NSEC_PER_USEC);
}

static void unhook(void *data)
{
	unregister_trace_cmwq2_queue_work(hold_lock, data);
	tracepoint_synchronize_unregister();
}

static void thread_hold(struct tw_thread *t)
{
	struct holder *h = t->ctx;

	tw_queue_on(raw_smp_processor_id(), h->w, h->item);
}

static void thread_want(struct tw_thread *t)
{
	struct holder *h = t->ctx;

	while (!READ_ONCE(h->held))
		cond_resched();
	tw_queue(h->w, t->it);
}

/* Makes a CPU wait once for the lock while the probe on the other CPU holds it. */
static void collide(struct tw_env *e, struct holder *h, struct tw_item *other)
{
	struct tw_thread *holder = tw_thread(e, tw_cpu(1), thread_hold, NULL, NULL, h);
	struct tw_thread *wanter = tw_thread(e, tw_cpu(0), thread_want, NULL, other, h);

	h->held = false;
	tw_thread_start(wanter);
	tw_thread_start(holder);
	tw_join(holder, "the thread that held the lock");
	tw_join(wanter, "the thread that wanted the lock");
	tw_flush(h->item);
	tw_flush(other);
}

static void counts_waiting(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *other = tw_item(e, tw_fn_nop);
	struct holder *h = tw_zalloc(e, sizeof(*h));
	struct cmwq2_lock_stats st = { };

	if (tw_cpu(0) == tw_cpu(1))
		kunit_skip(test, "needs two CPUs");
	/* One pool for all CPUs, whatever the machine's topology is. */
	h->w = tw_alloc(e, TW_ORDERED, 0);
	h->item = tw_item(e, tw_fn_nop);
	KUNIT_ASSERT_EQ(test, register_trace_cmwq2_queue_work(hold_lock, h), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unhook, h), 0);
	counting_on(test);
	collide(e, h, other);
	KUNIT_ASSERT_EQ(test, cmwq2_lock_stats(NULL, 0, &st), 0);
	KUNIT_EXPECT_GE(test, st.contended, 1);
	KUNIT_EXPECT_GT(test, st.wait_ns, 0);
	KUNIT_EXPECT_LE(test, st.wait_max_ns, st.wait_ns);
	/* Half, because clocks differ a little. */
	KUNIT_EXPECT_GE(test, st.held_max_ns, HOLD_US * 1000 / 2);
	KUNIT_EXPECT_GE(test, st.long_holds, 1);
}

static void reset_clears(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_lock_stats st;
	int cpu = tw_cpu(0);

	counting_on(test);
	run_items(w, cpu, NR_ITEMS);
	cmwq2_lock_stat_set(false);
	KUNIT_EXPECT_GE(test, lock_stats(w, cpu).acquired, 3 * NR_ITEMS);
	cmwq2_lock_stat_reset();
	st = lock_stats(w, cpu);
	KUNIT_EXPECT_EQ(test, st.acquired, 0);
	KUNIT_EXPECT_EQ(test, st.held_ns, 0);
	KUNIT_EXPECT_EQ(test, st.held_max_ns, 0);
	KUNIT_EXPECT_EQ(test, st.picks, 0);
}

static void thread_run(struct tw_thread *t)
{
	struct tw_item *it = t->it;

	for (; !READ_ONCE(it->val); tw_progress(t)) {
		tw_queue(t->wq, it);
		tw_flush(it);
	}
}

/* A lock may be taken before the switch and dropped after it. */
static void switches_under_load(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_lock_stats st;
	struct tw_thread *t[2];
	int i;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, counting_off, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = tw_thread(e, tw_cpu(i), thread_run, w, tw_item(e, tw_fn_nop), NULL);
		tw_thread_start(t[i]);
	}
	for (i = 0; i < 50; i++) {
		cmwq2_lock_stat_set(i % 2);
		schedule_timeout_uninterruptible(1);
	}
	for (i = 0; i < ARRAY_SIZE(t); i++)
		WRITE_ONCE(t[i]->it->val, 1);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		tw_join(t[i], "a producer");
	KUNIT_EXPECT_EQ(test, cmwq2_lock_stats(NULL, 0, &st), 0);
	KUNIT_EXPECT_GT(test, st.acquired, 0);
	/* No time was computed from stamps that do not belong together. */
	KUNIT_EXPECT_LT(test, st.held_max_ns, 60 * NSEC_PER_SEC);
	KUNIT_EXPECT_LT(test, st.wait_max_ns, 60 * NSEC_PER_SEC);
}

static void refuses_no_such_cpu(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_lock_stats st;

	KUNIT_EXPECT_EQ(test, cmwq2_lock_stats(w->wq, -1, &st), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_lock_stats(w->wq, nr_cpu_ids, &st), -EINVAL);
}

/* With interrupts off the worker of this CPU cannot run between two queueings. */
static void one_wakeup_for_many_kicks(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_pool_stats before, after;
	struct tw_item *items[8];
	unsigned long flags;
	int i, cpu;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);
	for_each_online_cpu(cpu)
		TW_POLL(e, tw_pool_idle(w, cpu), "the pools to be at rest");
	local_irq_save(flags);
	cpu = smp_processor_id();
	cmwq2_pool_stats(w->wq, cpu, &before);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_queue_on(cpu, w, items[i]);
	local_irq_restore(flags);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_done(items[i], "the items queued with interrupts off");
	TW_POLL(e, tw_pool_idle(w, cpu), "the worker to return");
	after = tw_stats(w, cpu);
	KUNIT_EXPECT_EQ(test, after.kicks - before.kicks, ARRAY_SIZE(items));
	KUNIT_EXPECT_EQ(test, after.woken - before.woken, 1);
	KUNIT_EXPECT_EQ(test, after.in_vain - before.in_vain, 0);
}

static void counts_wakeups_in_vain(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct cmwq2_pool_stats before;
	unsigned long flags;
	int cpu;

	for_each_online_cpu(cpu)
		TW_POLL(e, tw_pool_idle(w, cpu), "the pools to be at rest");
	local_irq_save(flags);
	cpu = smp_processor_id();
	cmwq2_pool_stats(w->wq, cpu, &before);
	tw_queue_on(cpu, w, it);
	tw_cancel(it);
	local_irq_restore(flags);
	TW_POLL(e, tw_stats(w, cpu).in_vain == before.in_vain + 1, "the kicked worker to look");
	KUNIT_EXPECT_EQ(test, tw_stats(w, cpu).woken, before.woken + 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
}

static struct kunit_case lockstat_cases[] = {
	KUNIT_CASE(off_counts_nothing),
	KUNIT_CASE(off_counts_no_try),
	KUNIT_CASE(counts_the_lock),
	KUNIT_CASE(reads_the_same_later),
	KUNIT_CASE(counts_waiting),
	KUNIT_CASE(reset_clears),
	KUNIT_CASE(switches_under_load),
	KUNIT_CASE(refuses_no_such_cpu),
	KUNIT_CASE(one_wakeup_for_many_kicks),
	KUNIT_CASE(counts_wakeups_in_vain),
	{}
};

static struct kunit_suite lockstat_suite = {
	.name = "cmwq2_lockstat",
	.test_cases = lockstat_cases,
};

kunit_test_suites(&lockstat_suite);
