// SPDX-License-Identifier: GPL-2.0
/*
 * BH workqueues: items that run in softirq context.
 *
 * A test that needs a running item lets it spin on another CPU, where it keeps
 * softirqs and tasks from running until the test releases it. So the test and
 * its threads are tied to the first CPU. The threads are created before the
 * item spins, because kthreadd may need the other CPU for that. Items that must
 * be pending together are queued between bh_hold() and bh_release().
 */
#include <linux/cpu.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "bh.h"
#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

/* Queues on the CPU that the caller is on. Returns that CPU. */
static int bh_queue_here(struct tw_wq *w, struct tw_item *it)
{
	int cpu = get_cpu();

	tw_queue(w, it);
	put_cpu();
	return cpu;
}

/* Spins until the test has set @val. */
static void fn_spin(struct tw_item *it)
{
	unsigned long end = jiffies + tw_timeout();

	while (!READ_ONCE(it->val) && !READ_ONCE(it->env->closing) && time_before(jiffies, end))
		cpu_relax();
	it->finished = 1;
}

static void bh_start_spinning(struct tw_wq *w, struct tw_item *it)
{
	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_started(it, "the item that spins");
}

static void bh_in_softirq(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	static const unsigned int flags[] = { BH, BH_HI };
	int i, cpu;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, flags[i], 0);
		struct tw_item *it = tw_item(e, bh_fn_softirq);

		cpu = bh_queue_here(w, it);
		tw_wait_done(it, "the item");
		KUNIT_EXPECT_EQ(test, it->val, 1);
		KUNIT_EXPECT_EQ(test, it->cpu, cpu);
	}
}

static void bh_system_wqs(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	void *wqs[] = { cmwq2_system_bh_wq, cmwq2_system_bh_highpri_wq };
	int i;

#if CMWQ2_HAVE_NATIVE_BH
	if (e->engine == &tw_engines[TW_NATIVE]) {
		wqs[0] = system_bh_wq;
		wqs[1] = system_bh_highpri_wq;
	}
#endif
	for (i = 0; i < ARRAY_SIZE(wqs); i++) {
		struct tw_item *it = tw_item(e, bh_fn_softirq);

		KUNIT_EXPECT_TRUE(test, e->ops->queue_on(TW_ANY_CPU, wqs[i], it));
		tw_wait_done(it, "the item");
		KUNIT_EXPECT_EQ(test, it->val, 1);
		tw_cancel_sync(it);
	}
}

static void fn_log(struct tw_item *it)
{
	tw_log_add(it->ctx, it->id);
}

/* Two queues share a CPU's pool, and so their items share one order. */
static void bh_order(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w[2] = { tw_alloc(e, BH, 0), tw_alloc(e, BH, 0) };
	struct tw_log *log = tw_log(e, 50);
	struct tw_item *it[50];
	int i;

	for (i = 0; i < ARRAY_SIZE(it); i++) {
		it[i] = tw_item(e, fn_log);
		it[i]->id = i;
		it[i]->ctx = log;
	}
	bh_hold();
	for (i = 0; i < ARRAY_SIZE(it); i++)
		tw_queue(w[i % 3 == 0], it[i]);
	bh_release();
	tw_flush_wq(w[0]);
	tw_flush_wq(w[1]);
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(log, ARRAY_SIZE(it)));
}

static void bh_highpri_first(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *normal = tw_alloc(e, BH, 0), *high = tw_alloc(e, BH_HI, 0);
	struct tw_log *log = tw_log(e, 2);
	struct tw_item *it[2];
	int i;

	for (i = 0; i < 2; i++) {
		it[i] = tw_item(e, fn_log);
		it[i]->id = 1 - i;
		it[i]->ctx = log;
	}
	bh_hold();
	tw_queue(normal, it[0]);
	tw_queue(high, it[1]);
	bh_release();
	tw_wait_done(it[0], "the normal item");
	tw_wait_done(it[1], "the highpri item");
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(log, 2));
}

static void bh_other_cpu(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w[2] = { tw_alloc(e, BH, 0), tw_alloc(e, BH_HI, 0) };
	struct tw_item *it = tw_item(e, bh_fn_softirq);
	int i, cpu;

	bh_two_cpus(test);
	cpu = tw_cpu(1);
	for (i = 0; i < 40; i++) {
		it->val = 0;
		KUNIT_ASSERT_TRUE(test, tw_queue_on(cpu, w[i & 1], it));
		tw_wait_done(it, "an item on another CPU");
		KUNIT_ASSERT_EQ(test, it->cpu, cpu);
		KUNIT_ASSERT_EQ(test, it->val, 1);
		tw_flush(it);
	}
}

static void bh_many(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w[2] = { tw_alloc(e, BH, 0), tw_alloc(e, BH_HI, 0) };
	int i, nr = 400;
	struct tw_item **it = tw_zalloc(e, nr * sizeof(*it));

	for (i = 0; i < nr; i++)
		it[i] = tw_item(e, tw_fn_nop);
	bh_hold();
	for (i = 0; i < nr; i++)
		tw_queue_on(tw_cpu(i / 2), w[i & 1], it[i]);
	bh_release();
	tw_flush_wq(w[0]);
	tw_flush_wq(w[1]);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(it, nr));
}

static void fn_requeue(struct tw_item *it)
{
	if (it->val-- > 0 && !READ_ONCE(it->env->closing))
		tw_queue(it->ctx, it);
}

static void bh_requeues_itself(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it = tw_item(e, fn_requeue);
	int i;

	it->ctx = w;
	it->val = 99;
	tw_queue(w, it);
	for (i = 0; i < 100; i++)
		tw_wait_done(it, "a hundred runs");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 100);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

static void fn_requeue_until_told(struct tw_item *it)
{
	if (!READ_ONCE(it->val) && !READ_ONCE(it->env->closing))
		tw_queue(it->ctx, it);
}

/* An item that requeues itself must not keep the CPU: a BH worker's turn has a limit. */
static void bh_lets_others_run(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w[2] = { tw_alloc(e, BH, 0), tw_alloc(e, BH_HI, 0) };
	int i;

	for (i = 0; i < 2; i++) {
		struct tw_item *it = tw_item(e, fn_requeue_until_told);
		struct tw_item *behind = tw_item(e, tw_fn_nop);

		it->ctx = w[i];
		KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(tw_cpu(0))), 0);
		tw_queue(w[i], it);
		tw_wait_done(it, "the first run");
		tw_queue(w[i], behind);
		tw_wait_done(behind, "an item behind one that requeues itself");
		WRITE_ONCE(it->val, 1);
		tw_flush_wq(w[i]);
		KUNIT_EXPECT_FALSE(test, tw_pending(it));
	}
}

static void bh_does_not_overlap(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it;
	int i;

	bh_two_cpus(test);
	for (i = 0; i < 10; i++) {
		it = tw_item(e, fn_spin);
		bh_start_spinning(w, it);
		KUNIT_EXPECT_TRUE(test, tw_queue_on(tw_cpu(0), w, it));
		KUNIT_EXPECT_FALSE(test, tw_queue_on(tw_cpu(0), w, it));
		WRITE_ONCE(it->val, 1);
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
		KUNIT_EXPECT_EQ(test, it->cpu, tw_cpu(1));
		KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
	}
}

static void bh_flush_waits(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *running = tw_item(e, fn_spin), *behind = tw_item(e, tw_fn_nop);
	struct tw_thread *t[3];
	int i;

	bh_two_cpus(test);
	KUNIT_EXPECT_FALSE(test, tw_flush(behind));
	t[0] = tw_thread(e, tw_cpu(0), tw_thread_flush, w, running, NULL);
	t[1] = tw_thread(e, tw_cpu(0), tw_thread_flush, w, behind, NULL);
	t[2] = tw_thread(e, tw_cpu(0), tw_thread_flush_wq, w, NULL, NULL);
	bh_start_spinning(w, running);
	tw_queue_on(tw_cpu(1), w, behind);
	for (i = 0; i < 3; i++)
		tw_thread_block(t[i]);
	KUNIT_EXPECT_EQ(test, running->finished + behind->finished, 0);
	WRITE_ONCE(running->val, 1);
	for (i = 0; i < 3; i++)
		tw_join(t[i], "a flush");
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, t[i]->ret);
		KUNIT_EXPECT_EQ(test, t[i]->val, 1);
	}
	KUNIT_EXPECT_EQ(test, behind->finished, 1);
}

static void bh_drain_waits(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it = tw_item(e, fn_spin), *behind = tw_item(e, tw_fn_nop);
	struct tw_thread *t = tw_thread(e, tw_cpu(0), tw_thread_drain, w, NULL, NULL);

	bh_two_cpus(test);
	bh_start_spinning(w, it);
	tw_queue_on(tw_cpu(1), w, behind);
	tw_thread_block(t);
	WRITE_ONCE(it->val, 1);
	tw_join(t, "a drain");
	KUNIT_EXPECT_EQ(test, it->finished + behind->finished, 2);
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_flush_wq(w);
}

static void bh_destroy_waits(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_item *it[40];
	int i, round;

	for (round = 0; round < 6; round++) {
		struct tw_wq *w = tw_alloc(e, round & 1 ? BH_HI : BH, 0);

		for (i = 0; i < ARRAY_SIZE(it); i++) {
			it[i] = tw_item(e, tw_fn_nop);
			tw_queue_on(tw_cpu(i), w, it[i]);
		}
		tw_destroy(w);
		KUNIT_ASSERT_TRUE(test, tw_item_ran_once_each(it, ARRAY_SIZE(it)));
	}
}

/*
 * cmwq2 only: the kernel's own workqueue warns, and runs the item only when the CPU is
 * online again.
 */
static void bh_offline_cpu(struct kunit *test)
{
	struct tw_env *e = bh_env_cmwq2(test);
	struct tw_wq *w[2] = { tw_alloc(e, BH, 0), tw_alloc(e, BH_HI, 0) };
	struct tw_item *it[2] = { tw_item(e, bh_fn_softirq), tw_item(e, bh_fn_softirq) };
	int i, cpu;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU))
		kunit_skip(test, "no CPU can be taken offline here");
	bh_two_cpus(test);
	cpu = tw_cpu(1);
#ifdef CONFIG_HOTPLUG_CPU
	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	for (i = 0; i < 2; i++) {
		/* The CPU must come online again even if an assertion fails. */
		tw_queue_on(cpu, w[i], it[i]);
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&it[i]->done, tw_timeout()), 0);
	}
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
#endif
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, it[i]->val, 1);
		KUNIT_EXPECT_EQ(test, it[i]->cpu, tw_cpu(0));
		tw_flush_wq(w[i]);
		tw_queue_on(cpu, w[i], it[i]);
		tw_flush_wq(w[i]);
		KUNIT_EXPECT_EQ(test, it[i]->cpu, cpu);
	}
}

struct bh_chain {
	struct tw_item		*stranger;
	struct tw_wq		*w;
	bool			on_top;
	bool			taken;
};

/* An interrupt on top of the item does not belong to the item. */
static void bh_interrupt(void *data)
{
	struct bh_chain *chain = data;

	chain->on_top = in_serving_softirq();
	chain->taken = tw_queue(chain->w, chain->stranger);
}

static void fn_chain(struct tw_item *it)
{
	if (!it->finished)
		fn_spin(it);
	if (it->id-- > 0)
		tw_queue(it->ctx, it);
}

/*
 * When a BH item queues on a draining queue, the kernel's own workqueue refuses that
 * with a warning, because it looks for a worker thread. cmwq2 accepts it, as
 * drain_workqueue() promises.
 */
static void bh_drain_lets_chains(struct kunit *test)
{
	struct tw_env *e = bh_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_thread *t = tw_thread(e, tw_cpu(0), tw_thread_drain, w, NULL, NULL);
	struct bh_chain *chain = tw_zalloc(e, sizeof(*chain));
	struct tw_item *it = tw_item(e, fn_chain);

	bh_two_cpus(test);
	chain->stranger = tw_item(e, tw_fn_nop);
	chain->w = w;
	it->ctx = w;
	it->id = 50;
	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_started(it, "the item");
	tw_thread_block(t);
	KUNIT_EXPECT_EQ(test, smp_call_function_single(tw_cpu(1), bh_interrupt, chain, true), 0);
	WRITE_ONCE(it->val, 1);
	tw_join(t, "the drain");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 51);
	KUNIT_EXPECT_TRUE(test, chain->on_top);
	KUNIT_EXPECT_FALSE(test, chain->taken);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).refused, 1);
}

static void fn_current(struct tw_item *it)
{
	it->val = it->env->ops->current_item() ? 1 : 2;
}

/* current_work() returns the item that the current task runs, and that is not the BH item. */
static void bh_is_no_current_work(struct kunit *test)
{
	struct tw_env *e = bh_env(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct tw_item *it = tw_item(e, fn_current);

	tw_queue(w, it);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, it->val, 2);
}

static void bh_refuses(struct kunit *test)
{
	static const unsigned int flags[] = {
		CMWQ2_WQ_UNBOUND, CMWQ2_WQ_MEM_RECLAIM, CMWQ2_WQ_CPU_INTENSIVE,
		CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED, CMWQ2_WQ_PERCPU | CMWQ2_WQ_MEM_RECLAIM,
	};
	static const int max_active[] = { 1, -1, CMWQ2_DFL_ACTIVE, INT_MAX };
	struct tw_env *e = bh_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, BH, 0);
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	struct cmwq2_wq *wq;
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		KUNIT_EXPECT_NULL(test, cmwq2_alloc_workqueue("bh", CMWQ2_WQ_BH | flags[i], 0));
	for (i = 0; i < ARRAY_SIZE(max_active); i++) {
		KUNIT_EXPECT_NULL(test, cmwq2_alloc_workqueue("bh", CMWQ2_WQ_BH, max_active[i]));
		KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, max_active[i]),
				-EINVAL);
	}
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, 0), -EINVAL);
	KUNIT_ASSERT_NOT_NULL(test, attrs);
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), -EINVAL);
	cmwq2_free_workqueue_attrs(attrs);

	/* A BH queue is per CPU, also without CMWQ2_WQ_PERCPU. */
	wq = cmwq2_alloc_workqueue("bh", CMWQ2_WQ_BH, 0);
	KUNIT_EXPECT_NOT_NULL(test, wq);
	cmwq2_destroy_workqueue(wq);
}

static struct kunit_case bh_cases[] = {
	KUNIT_CASE_PARAM(bh_in_softirq, engine_gen_params),
	KUNIT_CASE_PARAM(bh_system_wqs, engine_gen_params),
	KUNIT_CASE_PARAM(bh_order, engine_gen_params),
	KUNIT_CASE_PARAM(bh_highpri_first, engine_gen_params),
	KUNIT_CASE_PARAM(bh_other_cpu, engine_gen_params),
	KUNIT_CASE_PARAM(bh_many, engine_gen_params),
	KUNIT_CASE_PARAM(bh_requeues_itself, engine_gen_params),
	KUNIT_CASE_PARAM(bh_lets_others_run, engine_gen_params),
	KUNIT_CASE_PARAM(bh_does_not_overlap, engine_gen_params),
	KUNIT_CASE_PARAM(bh_flush_waits, engine_gen_params),
	KUNIT_CASE_PARAM(bh_drain_waits, engine_gen_params),
	KUNIT_CASE_PARAM(bh_destroy_waits, engine_gen_params),
	KUNIT_CASE(bh_offline_cpu),
	KUNIT_CASE(bh_drain_lets_chains),
	KUNIT_CASE_PARAM(bh_is_no_current_work, engine_gen_params),
	KUNIT_CASE(bh_refuses),
	{}
};

static struct kunit_suite bh_suite = {
	.name = "cmwq2_bh",
	.test_cases = bh_cases,
};

kunit_test_suites(&bh_suite);
