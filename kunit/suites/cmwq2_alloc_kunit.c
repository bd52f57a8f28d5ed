// SPDX-License-Identifier: GPL-2.0
/*
 * Other ways to create a queue than alloc_workqueue(): queues of a device,
 * legacy and ordered queues, system queues. And which flags and names a new
 * queue may have.
 */
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/sched.h>

#include "base/types.h"
#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void thread_unregister(struct tw_thread *t)
{
	root_device_unregister(t->ctx);
}

/* The device's end waits for the end of the queue, which waits for its items. */
static void devm_queue_goes_with_device(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int kinds[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED | TW_MEM_RECLAIM };
	int i;

	tw_need(e, devm_alloc);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct tw_item *it = tw_gated(e, NULL);
		struct tw_item *behind = tw_item(e, tw_fn_nop);
		struct tw_thread *t;
		struct device *dev;
		struct tw_wq w = { .env = e };

		t = tw_thread(e, TW_ANY_CPU, thread_unregister, NULL, NULL, NULL);
		dev = root_device_register("cmwq2_kunit");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
		t->ctx = dev;
		w.wq = e->ops->devm_alloc(dev, "cmwq2_kunit", kinds[i], 1);
		/* The device must be removed even if an assertion fails. */
		if (!w.wq || !tw_queue(&w, it) || !tw_queue(&w, behind))
			KUNIT_FAIL(test, "no queue of kind %#x with two items", kinds[i]);
		tw_thread_start(t);
		if (w.wq)
			tw_wait_blocked(t);
		KUNIT_EXPECT_FALSE(test, completion_done(&t->done));
		complete_all(it->gate);
		tw_join(t, "the end of a device that has a workqueue");
		KUNIT_EXPECT_EQ(test, it->finished, 1);
		KUNIT_EXPECT_EQ(test, behind->finished, 1);
	}
}

static void legacy_is_one_at_a_time(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	enum tw_legacy kind;
	int cpu = tw_cpu(1);

	for (kind = TW_MULTITHREAD; kind <= TW_FREEZABLE_THREAD; kind++) {
		struct tw_wq *w = tw_create(e, kind);
		struct tw_item *first = tw_gated(e, NULL);
		struct tw_item *second = tw_item(e, tw_fn_nop);

		tw_queue_on(cpu, w, first);
		tw_queue_on(cpu, w, second);
		tw_wait_started(first, "the first item of a legacy queue");
		KUNIT_EXPECT_TRUE(test, e->ops->congested(cpu, w->wq));
		KUNIT_EXPECT_EQ(test, atomic_read(&second->runs), 0);
		if (kind == TW_MULTITHREAD)
			KUNIT_EXPECT_EQ(test, first->cpu, cpu);
		complete_all(first->gate);
		tw_wait_done(second, "the second item of a legacy queue");
		tw_flush_wq(w);
	}
}

/* create_workqueue() runs one item per CPU, create_singlethread_workqueue() one in all. */
static void legacy_per_cpu_or_single(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *multi = tw_create(e, TW_MULTITHREAD);
	struct tw_wq *single = tw_create(e, TW_SINGLETHREAD);
	struct tw_item *a = tw_gated(e, NULL), *b = tw_gated(e, NULL);
	struct tw_item *c = tw_gated(e, NULL), *d = tw_gated(e, NULL);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	tw_queue_on(tw_cpu(0), multi, a);
	tw_queue_on(tw_cpu(1), multi, b);
	tw_wait_started(a, "an item of create_workqueue()");
	tw_wait_started(b, "an item of create_workqueue() on another CPU");

	tw_queue_on(tw_cpu(0), single, c);
	tw_queue_on(tw_cpu(1), single, d);
	tw_wait_started(c, "an item of create_singlethread_workqueue()");
	KUNIT_EXPECT_EQ(test, atomic_read(&d->runs), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->congested(tw_cpu(1), single->wq));
	complete_all(a->gate);
	complete_all(b->gate);
	complete_all(d->gate);
	complete_all(c->gate);
	tw_wait_done(d, "the next item of create_singlethread_workqueue()");
}

static void legacy_has_rescuer(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	static const unsigned int flags[] = {
		[TW_MULTITHREAD]	= CMWQ2_WQ_PERCPU,
		[TW_SINGLETHREAD]	= CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED,
		[TW_FREEZABLE_THREAD]	= CMWQ2_WQ_UNBOUND | CMWQ2_WQ_FREEZABLE,
	};
	enum tw_legacy kind;

	for (kind = TW_MULTITHREAD; kind <= TW_FREEZABLE_THREAD; kind++) {
		struct cmwq2_wq *wq = tw_create(e, kind)->wq;

		KUNIT_EXPECT_NOT_NULL(test, wq->rescuer);
		KUNIT_EXPECT_EQ(test, wq->flags,
				flags[kind] | CMWQ2_WQ_LEGACY | CMWQ2_WQ_MEM_RECLAIM);
		KUNIT_EXPECT_EQ(test, wq->max_active, 1);
	}
}

#define NR_ORDERED	20

static void fn_log(struct tw_item *it)
{
	tw_log_add(it->ctx, it->id);
}

static void ordered_with_flags(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = {
		0, TW_HIGHPRI, TW_MEM_RECLAIM, TW_FREEZABLE, TW_CPU_INTENSIVE,
		TW_HIGHPRI | TW_MEM_RECLAIM | TW_FREEZABLE,
	};
	int i, n;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, TW_ORDERED | flags[i], 1);
		struct tw_log *log = tw_log(e, NR_ORDERED);

		for (n = 0; n < NR_ORDERED; n++) {
			struct tw_item *it = tw_item(e, fn_log);

			it->ctx = log;
			it->id = n;
			tw_queue_on(tw_cpu(n), w, it);
		}
		tw_flush_wq(w);
		KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(log, NR_ORDERED));
	}
}

static void fn_note_nice(struct tw_item *it)
{
	it->val = task_nice(current);
}

/* Each queue is tested by its name, so that a missing or a duplicate one is noticed. */
static const struct system_queue {
	char		name[32];
	enum tw_system	n;
	bool		percpu;
	long		nice;
} system_queues[] = {
	{ "system_percpu_wq", TW_SYSTEM_PERCPU, true, 0 },
	{ "system_highpri_wq", TW_SYSTEM_HIGHPRI, true, -20 },
	{ "system_long_wq", TW_SYSTEM_LONG, true, 0 },
	{ "system_dfl_wq", TW_SYSTEM_DFL, false, 0 },
	{ "system_dfl_long_wq", TW_SYSTEM_DFL_LONG, false, 0 },
	{ "system_freezable_wq", TW_SYSTEM_FREEZABLE, true, 0 },
	/* A parameter decides whether these are per CPU. */
	{ "system_power_efficient_wq", TW_SYSTEM_POWER_EFFICIENT, false, 0 },
	{ "system_freezable_pwr_eff_wq", TW_SYSTEM_FREEZABLE_POWER_EFFICIENT, false, 0 },
	/* Deprecated: these print a message, and otherwise work as before. */
	{ "system_wq", TW_SYSTEM_OLD, true, 0 },
	{ "system_unbound_wq", TW_SYSTEM_OLD_UNBOUND, false, 0 },
};

KUNIT_ARRAY_PARAM_DESC(system, system_queues, name);

static void expect_system_queue(struct kunit *test, const struct tw_engine *engine)
{
	const struct system_queue *q = test->param_value;
	struct tw_env *e = tw_env_init(test, engine);
	struct tw_item *it = tw_item(e, fn_note_nice);
	struct tw_wq *w = tw_system(e, q->n);
	int cpu;

	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_TRUE(test, tw_queue_on(cpu, w, it));
		tw_wait_done(it, "an item of a system queue");
		tw_flush(it);
		KUNIT_EXPECT_EQ(test, it->val, q->nice);
		if (q->percpu)
			KUNIT_EXPECT_EQ(test, it->cpu, cpu);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), (int)num_online_cpus());
}

static void system_queue_native(struct kunit *test)
{
	expect_system_queue(test, &tw_engines[TW_NATIVE]);
}

static void system_queue_cmwq2(struct kunit *test)
{
	expect_system_queue(test, &tw_engines[TW_CMWQ2]);
}

static void system_queues_differ(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	int i, j;

	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(system_queues), TW_NR_SYSTEM);
	for (i = 0; i < TW_NR_SYSTEM; i++)
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, e->ops->system(i), e->ops->system(j));
}

static void deprecated_queue_says_so(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	enum tw_system n;

	for (n = 0; n < TW_NR_SYSTEM; n++) {
		struct cmwq2_wq *wq = e->ops->system(n);
		bool old = n == TW_SYSTEM_OLD || n == TW_SYSTEM_OLD_UNBOUND;
		struct tw_item *it = tw_item(e, tw_fn_nop);

		atomic_set(&wq->warned, 0);
		KUNIT_EXPECT_TRUE(test, cmwq2_queue_work(wq, &it->cmwq2));
		tw_wait_done(it, "an item of a system queue");
		KUNIT_EXPECT_EQ(test, atomic_read(&wq->warned), old);
		tw_flush(it);
	}
}

/* Flags that only the engine itself may set, and combinations that make no sense. */
static void internal_flags_are_refused(struct kunit *test)
{
	static const unsigned int bad[] = {
		CMWQ2_WQ_DESTROYING, CMWQ2_WQ_DRAINING, CMWQ2_WQ_DEPRECATED,
		CMWQ2_WQ_ORDERED, CMWQ2_WQ_ORDERED | CMWQ2_WQ_PERCPU,
		CMWQ2_WQ_UNBOUND | CMWQ2_WQ_PERCPU, BIT(20), BIT(31),
	};
	struct cmwq2_wq *wq;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		wq = cmwq2_alloc_workqueue("cmwq2_kunit", bad[i], 1);
		KUNIT_EXPECT_NULL_MSG(test, wq, "flags %#x accepted", bad[i]);
		cmwq2_destroy_workqueue(wq);
	}
	/* An ordered queue's max_active is always 1. */
	wq = cmwq2_alloc_workqueue("cmwq2_kunit", CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED, 2);
	KUNIT_EXPECT_NULL(test, wq);
	cmwq2_destroy_workqueue(wq);
}

static void long_names_are_cut(struct kunit *test)
{
	static const char name[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	int len;

	for (len = CMWQ2_NAME_LEN - 2; len <= CMWQ2_NAME_LEN + 1; len++) {
		struct cmwq2_wq *wq = cmwq2_alloc_workqueue("%.*s", CMWQ2_WQ_PERCPU, 0, len, name);
		int kept = min(len, CMWQ2_NAME_LEN - 1);

		KUNIT_ASSERT_NOT_NULL(test, wq);
		KUNIT_EXPECT_EQ(test, strlen(wq->name), (size_t)kept);
		KUNIT_EXPECT_EQ(test, strncmp(wq->name, name, kept), 0);
		cmwq2_destroy_workqueue(wq);
	}
}

static void null_is_nothing(struct kunit *test)
{
	cmwq2_destroy_workqueue(NULL);
	cmwq2_free_workqueue_attrs(NULL);
}

static struct kunit_case alloc_cases[] = {
	KUNIT_CASE_PARAM(devm_queue_goes_with_device, engine_gen_params),
	KUNIT_CASE_PARAM(legacy_is_one_at_a_time, engine_gen_params),
	KUNIT_CASE_PARAM(legacy_per_cpu_or_single, engine_gen_params),
	KUNIT_CASE(legacy_has_rescuer),
	KUNIT_CASE_PARAM(ordered_with_flags, engine_gen_params),
	KUNIT_CASE_PARAM(system_queue_native, system_gen_params),
	KUNIT_CASE_PARAM(system_queue_cmwq2, system_gen_params),
	KUNIT_CASE(system_queues_differ),
	KUNIT_CASE(deprecated_queue_says_so),
	KUNIT_CASE(internal_flags_are_refused),
	KUNIT_CASE(long_names_are_cut),
	KUNIT_CASE(null_is_nothing),
	{}
};

static struct kunit_suite alloc_suite = {
	.name = "cmwq2_alloc",
	.test_cases = alloc_cases,
};

kunit_test_suites(&alloc_suite);
