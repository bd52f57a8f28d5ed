// SPDX-License-Identifier: GPL-2.0
/*
 * Calls with invalid arguments: each is refused, leaves nothing behind, and is
 * reported in one line that names what is wrong.
 *
 * The kernel's own workqueue warns of some of these calls, and can crash or hang after
 * others. It is tested where it warns, on kernels whose KUnit can expect a warning.
 */
#include <linux/limits.h>

#include "base/types.h"
#include "listen.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static const char line_start[] = "on purpose: ";

static unsigned long nr_misuses(void)
{
	return cmwq2_health(CMWQ2_HEALTH_MISUSES);
}

/* For cmwq2. From here on reports are expected and recorded. */
static struct tw_env *env_misused(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_on_purpose(e);
	tw_listen(e);
	return e;
}

/*
 * Expects that since @before there were @times misuses, each of them reported in one
 * line that contains @about.
 */
static void expect_told(struct kunit *test, unsigned long before, int times, const char *about)
{
	KUNIT_EXPECT_EQ_MSG(test, nr_misuses() - before, times, "%s", about);
	KUNIT_EXPECT_EQ_MSG(test, tw_heard(line_start), times, "%s", about);
	KUNIT_EXPECT_EQ_MSG(test, tw_heard(about), times, "%s", about);
}

/* Calls @fn once. Returns how many complaints the engine of @e makes about it. */
static long complaints(struct tw_env *e, bool (*fn)(struct tw_item *it), struct tw_item *it)
{
	unsigned long before = nr_misuses();
	long count = 0;

	if (e->engine == &tw_engines[TW_CMWQ2]) {
		KUNIT_EXPECT_FALSE(e->test, fn(it));
		return nr_misuses() - before;
	}
#ifdef kunit_warning_suppress
	kunit_warning_suppress(e->test) {
		KUNIT_EXPECT_FALSE(e->test, fn(it));
		count = KUNIT_SUPPRESSED_WARNING_COUNT();
	}
#endif
	return count;
}

/* The native half can run only where its warning does not fail the test. */
static struct tw_env *env_both(struct kunit *test)
{
	struct tw_env *e = tw_env(test);

#ifndef kunit_warning_suppress
	if (e->engine == &tw_engines[TW_NATIVE])
		kunit_skip(test, "this kernel's KUnit cannot expect a warning");
#endif
	tw_on_purpose(e);
	return e;
}

/* Zeroed memory that was never initialised as an item. */
static struct tw_item *raw_item(struct tw_env *e)
{
	struct tw_item *it = tw_zalloc(e, sizeof(*it));

	it->env = e;
	return it;
}

static bool queue_raw(struct tw_item *it)
{
	return tw_queue_on(tw_cpu(0), it->ctx, it);
}

/* A refused item is on no list, so it may be initialised. Nothing else may be done with it. */
static void zeroed_item_is_not_queued(struct kunit *test)
{
	struct tw_env *e = env_both(test);
	struct tw_item *it = raw_item(e);
	bool known = tw_known_fault(e, CMWQ2_NATIVE_KEEPS_BROKEN_PENDING);

	it->ctx = tw_alloc(e, TW_PERCPU, 0);
	/* The kernel's own queue_work_on() does not say that it has refused an item. */
	if (e->engine == &tw_engines[TW_NATIVE]) {
#ifdef kunit_warning_suppress
		kunit_warning_suppress(test) {
			KUNIT_EXPECT_TRUE(test, queue_raw(it));
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
#endif
	} else {
		KUNIT_EXPECT_EQ(test, complaints(e, queue_raw, it), 1);
	}
	KUNIT_EXPECT_EQ_MSG(test, tw_pending(it), known,
			    "does this kernel differ from what compat.h says?");
}

static struct tw_thread *start_canceller(struct tw_env *e, struct tw_item *it)
{
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_cancel_sync, NULL, it, NULL);

	tw_thread_start(t);
	return t;
}

/* cmwq2 only: here the kernel's own workqueue spins for ever. */
static void refused_item_can_be_cancelled(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	struct tw_item *it = raw_item(e), *next = tw_item(e, tw_fn_nop);
	unsigned long before = nr_misuses();
	struct tw_thread *t;

	it->ctx = tw_alloc(e, TW_UNBOUND, 0);
	KUNIT_EXPECT_FALSE(test, queue_raw(it));
	KUNIT_EXPECT_FALSE(test, queue_raw(it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	KUNIT_EXPECT_EQ(test, nr_misuses() - before, 2);
	t = start_canceller(e, it);
	tw_join(t, "the canceller of an item that was refused");
	KUNIT_EXPECT_FALSE(test, t->ret);
	/* The refused item has left nothing behind in the queue. */
	KUNIT_EXPECT_TRUE(test, tw_queue(it->ctx, next));
	tw_wait_done(next, "an item of a queue that refused another");
	tw_flush_wq(it->ctx);
}

/* Runs @fn for each kind of queue whose items run in a thread, or (@bh) for a BH queue. */
static void for_kinds(struct kunit *test, bool bh, void (*fn)(struct tw_env *e, struct tw_wq *w))
{
	static const unsigned int kinds[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED };
	struct tw_env *e = env_misused(test);
	int i;

	e->bh = bh;
	if (bh) {
		fn(e, tw_alloc(e, TW_BH, 0));
		return;
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		fn(e, tw_alloc(e, kinds[i], kinds[i] == TW_ORDERED));
}

static void broken_entry(struct tw_env *e, struct tw_wq *w)
{
	struct tw_item *it = tw_item(e, tw_fn_nop);
	unsigned long before = nr_misuses();
	LIST_HEAD(elsewhere);

	tw_listen(e);
	it->cmwq2.entry.next = &elsewhere;
	KUNIT_EXPECT_FALSE(e->test, tw_queue(w, it));
	expect_told(e->test, before, 1, "is on a list or was not initialised");
	KUNIT_EXPECT_FALSE(e->test, tw_pending(it));
	INIT_LIST_HEAD(&it->cmwq2.entry);
	KUNIT_EXPECT_TRUE(e->test, tw_queue(w, it));
	tw_wait_done(it, "an item that was repaired");
	tw_flush_wq(w);
}

static void broken_entry_is_not_queued(struct kunit *test)
{
	for_kinds(test, false, broken_entry);
}

static void broken_entry_is_not_queued_bh(struct kunit *test)
{
	for_kinds(test, true, broken_entry);
}

static void item_without_function_is_not_queued(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	unsigned long before = nr_misuses();

	it->cmwq2.func = NULL;
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_FALSE(test, tw_queue_on(tw_cpu(0), w, it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_node(0, tw_alloc(e, TW_UNBOUND, 0)->wq, it));
	expect_told(test, before, 3, "an item without a function is queued");
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	tw_flush_wq(w);
}

/* If it were accepted with a delay, only the missing timer could ever clear PENDING. */
static void delayed_item_without_timer_is_not_queued(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *plain = tw_item(e, tw_fn_nop), *raw = raw_item(e);
	static const unsigned long delays[] = { 0, 1, TW_NEVER };
	unsigned long before = nr_misuses();
	int i;

	for (i = 0; i < ARRAY_SIZE(delays); i++) {
		/* An item of INIT_WORK() where one of INIT_DELAYED_WORK() belongs. */
		KUNIT_EXPECT_FALSE(test, tw_queue_delayed(w, plain, delays[i]));
		KUNIT_EXPECT_FALSE(test, tw_pending(plain));
		KUNIT_EXPECT_FALSE(test, tw_queue_delayed(w, raw, delays[i]));
		KUNIT_EXPECT_FALSE(test, tw_pending(raw));
	}
	KUNIT_EXPECT_EQ(test, nr_misuses() - before, 6);
	KUNIT_EXPECT_EQ(test, tw_heard(line_start), 6);
	KUNIT_EXPECT_EQ(test, atomic_read(&plain->runs), 0);
}

static void rcu_item_is_refused_at_once(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *raw = raw_item(e), *it = tw_rcu(e, tw_fn_nop);
	unsigned long before = nr_misuses();

	KUNIT_EXPECT_FALSE(test, e->ops->queue_rcu(w->wq, raw));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_rcu(NULL, it));
	KUNIT_EXPECT_EQ(test, nr_misuses() - before, 2);
	KUNIT_EXPECT_EQ(test, tw_heard(line_start), 2);
	KUNIT_EXPECT_FALSE(test, tw_pending(raw));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
}

static bool flush_raw(struct tw_item *it)
{
	return tw_flush(it);
}

static bool cancel_sync_raw(struct tw_item *it)
{
	return tw_cancel_sync(it);
}

static bool disable_sync_raw(struct tw_item *it)
{
	return it->env->ops->disable_sync(it);
}

/* Waiting for memory that is not an item hides a bug, so each such call is reported. */
static void waiting_for_zeroed_item_is_told(struct kunit *test)
{
	struct tw_env *e = env_both(test);

	KUNIT_EXPECT_EQ(test, complaints(e, flush_raw, raw_item(e)), 1);
	KUNIT_EXPECT_EQ(test, complaints(e, cancel_sync_raw, raw_item(e)), 1);
	tw_need(e, disable_sync);
	KUNIT_EXPECT_EQ(test, complaints(e, disable_sync_raw, raw_item(e)), 1);
}

static long say_cpu(void *arg)
{
	return raw_smp_processor_id();
}

static void impossible_cpu(struct tw_env *e, struct tw_wq *w)
{
	static const int cpus[] = { -1, INT_MIN, INT_MAX, NR_CPUS + 1, -NR_CPUS, 1 << 20 };
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	struct kunit *test = e->test;
	int i;

	for (i = 0; i < ARRAY_SIZE(cpus); i++) {
		unsigned long before = nr_misuses();

		tw_listen(e);
		KUNIT_EXPECT_FALSE(test, tw_queue_on(cpus[i], w, it));
		KUNIT_EXPECT_FALSE(test, e->ops->queue_delayed_on(cpus[i], w->wq, it, 0));
		KUNIT_EXPECT_FALSE(test, e->ops->queue_delayed_on(cpus[i], w->wq, it, 1));
		KUNIT_EXPECT_FALSE(test, e->ops->mod_delayed_on(cpus[i], w->wq, it, 1));
		expect_told(test, before, 4, "which is not a possible CPU");
		KUNIT_EXPECT_FALSE(test, tw_pending(it));
		KUNIT_EXPECT_FALSE(test, e->ops->congested(cpus[i], w->wq));
	}
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "an item that was refused on other CPUs");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void impossible_cpu_is_refused(struct kunit *test)
{
	for_kinds(test, false, impossible_cpu);
}

static void impossible_cpu_is_refused_bh(struct kunit *test)
{
	for_kinds(test, true, impossible_cpu);
}

static void call_on_impossible_cpu_fails(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	unsigned long before = nr_misuses();

	KUNIT_EXPECT_EQ(test, e->ops->call_on(-1, say_cpu, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, e->ops->call_on(tw_cpu(0), NULL, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, nr_misuses() - before, 2);
	KUNIT_EXPECT_EQ(test, e->ops->call_on(tw_cpu(0), say_cpu, NULL), tw_cpu(0));
}

static void null_function_is_refused(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	unsigned long before = nr_misuses();

	KUNIT_EXPECT_EQ(test, cmwq2_schedule_on_each_cpu(NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_execute_in_process_context(NULL, &it->cmwq2_execute), -EINVAL);
	expect_told(test, before, 2, "func is NULL");
}

static void null_queue_is_refused(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	unsigned long before = nr_misuses();

	KUNIT_EXPECT_FALSE(test, e->ops->queue_on(TW_ANY_CPU, NULL, it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_on(tw_cpu(0), NULL, it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_node(0, NULL, it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_delayed_on(TW_ANY_CPU, NULL, it, 0));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_delayed_on(TW_ANY_CPU, NULL, it, 1));
	KUNIT_EXPECT_FALSE(test, e->ops->mod_delayed_on(TW_ANY_CPU, NULL, it, 1));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	expect_told(test, before, 6, "on no workqueue");

	tw_listen(e);
	before = nr_misuses();
	e->ops->flush_wq(NULL);
	e->ops->drain(NULL);
	KUNIT_EXPECT_FALSE(test, e->ops->congested(TW_ANY_CPU, NULL));
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_sysfs_register(NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(NULL, attrs), -EINVAL);
	cmwq2_show_one_workqueue(NULL);
	expect_told(test, before, 8, "wq is NULL");

	tw_listen(e);
	before = nr_misuses();
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(cmwq2_system_dfl_wq, NULL), -EINVAL);
	KUNIT_EXPECT_NULL(test, cmwq2_devm_alloc_workqueue(NULL, "x", CMWQ2_WQ_PERCPU, 0));
	expect_told(test, before, 2, " is NULL");
}

/* Arguments of alloc_workqueue(), and words of the one line that refuses them. */
static const struct refusal {
	unsigned int	flags;
	int		max_active;
	const char	*name;
	const char	*says;
} refusals[] = {
	{ CMWQ2_WQ_PERCPU, 0, "", "allowed: a name of 1 to" },
	{ CMWQ2_WQ_PERCPU | BIT(31), 0, "x", "allowed: any of" },
	{ CMWQ2_WQ_PERCPU | CMWQ2_WQ_DESTROYING, 0, "x", "allowed: any of" },
	{ CMWQ2_WQ_PERCPU | CMWQ2_WQ_UNBOUND, 0, "x",
	  "allowed: WQ_PERCPU or WQ_UNBOUND, not both" },
	{ CMWQ2_WQ_PERCPU | CMWQ2_WQ_ORDERED, 1, "x", "an ordered workqueue must be WQ_UNBOUND" },
	{ CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED, 2, "x", "max_active 2: allowed: 1 to 1" },
	{ CMWQ2_WQ_BH | CMWQ2_WQ_UNBOUND, 0, "x", "allowed with WQ_BH" },
	{ CMWQ2_WQ_BH | CMWQ2_WQ_MEM_RECLAIM, 0, "x", "allowed with WQ_BH" },
	{ CMWQ2_WQ_BH | CMWQ2_WQ_FREEZABLE, 0, "x", "allowed with WQ_BH" },
	{ CMWQ2_WQ_BH | CMWQ2_WQ_PERCPU, 1, "x", "max_active 1: allowed with WQ_BH: 0" },
	{ CMWQ2_WQ_PERCPU, -1, "x", "max_active -1: allowed: 1 to 2048" },
	{ CMWQ2_WQ_UNBOUND, INT_MIN, "x", "allowed: 1 to 2048" },
	{ CMWQ2_WQ_PERCPU, 2049, "x", "max_active 2049: allowed: 1 to 2048" },
};

static void wrong_queue_gets_one_line(struct kunit *test)
{
	struct tw_env *e = env_misused(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct cmwq2_wq *wq;

		tw_listen(e);
		wq = cmwq2_alloc_workqueue("%s", r->flags, r->max_active, r->name);
		KUNIT_EXPECT_NULL_MSG(test, wq, "flags %#x", r->flags);
		cmwq2_destroy_workqueue(wq);
		KUNIT_EXPECT_EQ_MSG(test, tw_heard(r->says), 1, "flags %#x", r->flags);
		KUNIT_EXPECT_EQ_MSG(test, tw_heard("\n"), 1, "flags %#x", r->flags);
	}
	tw_listen(e);
	KUNIT_EXPECT_NULL(test, cmwq2_alloc_workqueue(NULL, CMWQ2_WQ_PERCPU, 0));
	KUNIT_EXPECT_EQ(test, tw_heard("\"(null)\": allowed: a name"), 1);
	KUNIT_EXPECT_EQ(test, tw_heard("\n"), 1);
}

/* As with the kernel's own, the queue is created as a per-CPU one. */
static void neither_percpu_nor_unbound_is_told(struct kunit *test)
{
	static const unsigned int flags[] = {
		0, CMWQ2_WQ_HIGHPRI, CMWQ2_WQ_BH, CMWQ2_WQ_FREEZABLE,
	};
	struct tw_env *e = env_misused(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		unsigned long before = nr_misuses();
		struct cmwq2_wq *wq;

		tw_listen(e);
		wq = cmwq2_alloc_workqueue("cmwq2_neither", flags[i], 0);
		KUNIT_ASSERT_NOT_NULL(test, wq);
		KUNIT_EXPECT_EQ(test, wq->flags, flags[i] | CMWQ2_WQ_PERCPU);
		cmwq2_destroy_workqueue(wq);
		expect_told(test, before, 1, "neither WQ_PERCPU nor WQ_UNBOUND");
	}
}

static struct kunit_case misuse_cases[] = {
	KUNIT_CASE_PARAM(zeroed_item_is_not_queued, engine_gen_params),
	KUNIT_CASE(refused_item_can_be_cancelled),
	KUNIT_CASE(broken_entry_is_not_queued),
	KUNIT_CASE(broken_entry_is_not_queued_bh),
	KUNIT_CASE(item_without_function_is_not_queued),
	KUNIT_CASE(delayed_item_without_timer_is_not_queued),
	KUNIT_CASE(rcu_item_is_refused_at_once),
	KUNIT_CASE_PARAM(waiting_for_zeroed_item_is_told, engine_gen_params),
	KUNIT_CASE(impossible_cpu_is_refused),
	KUNIT_CASE(impossible_cpu_is_refused_bh),
	KUNIT_CASE(call_on_impossible_cpu_fails),
	KUNIT_CASE(null_function_is_refused),
	KUNIT_CASE(null_queue_is_refused),
	KUNIT_CASE(wrong_queue_gets_one_line),
	KUNIT_CASE(neither_percpu_nor_unbound_is_told),
	{}
};

static struct kunit_suite misuse_suite = {
	.name = "cmwq2_misuse",
	.test_cases = misuse_cases,
};

kunit_test_suites(&misuse_suite);
