// SPDX-License-Identifier: GPL-2.0
/*
 * What the engine adds to the kernel's reports of errors in an item: the line that
 * tools look for, and the backtrace of where the item was queued.
 *
 * The tests cannot cause such reports, which would fail a run. But the reports'
 * tracepoint is exported, and firing it has the same effect as KASAN or a WARN.
 */
#include <linux/stacktrace.h>
#ifdef CONFIG_TRACEPOINTS
#include <trace/events/error_report.h>
#endif

#include "base/types.h"
#include "listen.h"

static struct tw_env *env_listening(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_listen(e);
	return e;
}

/* Fires the tracepoint as KASAN, KFENCE and WARN() do at the end of a report. */
static void report(bool kasan, const void *address)
{
#ifdef CONFIG_TRACEPOINTS
	trace_error_report_end(kasan ? ERROR_DETECTOR_KASAN : ERROR_DETECTOR_WARN,
			       (unsigned long)address);
#endif
}

static void fn_report(struct tw_item *it)
{
	if (it->ctx)
		cmwq2_set_worker_desc("%s", (char *)it->ctx);
	report(false, NULL);
}

static void expect_line(struct kunit *test, const char *queue, void *func, const char *desc)
{
	char line[128];

	snprintf(line, sizeof(line), "Workqueue: %s %ps%s", queue, func, desc);
	KUNIT_EXPECT_TRUE_MSG(test, tw_heard_line(line), "no line \"%s\"", line);
	KUNIT_EXPECT_EQ(test, tw_heard("Workqueue: "), 1);
}

static void report_names_item_of(struct tw_env *e, unsigned int kind)
{
	struct tw_wq *w = tw_alloc(e, kind, kind == TW_ORDERED);
	struct tw_item *it = tw_item(e, fn_report);

	tw_listen(e);
	tw_queue(w, it);
	tw_wait_done(it, "an item that is reported");
	tw_flush_wq(w);
	expect_line(e->test, "cmwq2_kunit", it->cmwq2.func, "");

	tw_listen(e);
	it->ctx = "step 7";
	tw_queue(w, it);
	tw_wait_done(it, "an item that is reported");
	tw_flush_wq(w);
	expect_line(e->test, "cmwq2_kunit", it->cmwq2.func, " (step 7)");
}

static void report_names_the_item(struct kunit *test)
{
	static const unsigned int kinds[] = {
		TW_PERCPU, TW_UNBOUND, TW_ORDERED, TW_PERCPU | TW_HIGHPRI,
	};
	struct tw_env *e = env_listening(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		report_names_item_of(e, kinds[i]);
}

/* A BH item has no worker thread, so the kernel prints no such line for its own BH items. */
static void report_names_the_bh_item(struct kunit *test)
{
	struct tw_env *e = env_listening(test);

	e->bh = true;
	report_names_item_of(e, TW_BH);
}

/*
 * The line has the kernel's format. So this compares it with the kernel's line for one
 * of its own items.
 */
static void fn_dump_stack(struct tw_item *it)
{
	dump_stack();
}

static void kernel_prints_the_same_line(struct kunit *test)
{
	struct tw_env *e = tw_env_init(test, &tw_engines[TW_NATIVE]);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_dump_stack);

	tw_listen(e);
	tw_queue(w, it);
	tw_wait_done(it, "an item that prints a backtrace");
	tw_flush_wq(w);
	expect_line(test, "cmwq2_kunit", it->native.func, "");
}

static void report_elsewhere_names_nothing(struct kunit *test)
{
	struct tw_env *e = env_listening(test);
	struct tw_item *it = tw_gated(e, NULL);

	tw_queue(tw_alloc(e, TW_PERCPU, 0), it);
	tw_wait_started(it, "the item");
	report(false, NULL);
	KUNIT_EXPECT_EQ(test, tw_heard("Workqueue: "), 0);
	complete_all(it->gate);
}

static void no_stacks(void *unused)
{
	cmwq2_keep_stacks(false);
}

/* UML, for one, needs frame pointers to find what is on the stack. */
static bool can_trace(void)
{
#ifdef CONFIG_STACKTRACE
	unsigned long entry[4];

	return stack_trace_save(entry, ARRAY_SIZE(entry), 0) > 1;
#else
	return false;
#endif
}

static struct tw_env *env_keeping(struct kunit *test)
{
	struct tw_env *e = env_listening(test);

	if (!can_trace())
		kunit_skip(test, "this kernel has no reliable backtraces");
	KUNIT_ASSERT_EQ(test, cmwq2_keep_stacks(true), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, no_stacks, NULL), 0);
	return e;
}

/* These names must appear in a backtrace, so they are not inlined and have no tail calls. */
static noinline bool told_queues(struct tw_wq *w, struct tw_item *it)
{
	bool ret = tw_queue(w, it);

	barrier();
	return ret;
}

static noinline bool told_queues_delayed(struct tw_wq *w, struct tw_item *it)
{
	bool ret = tw_queue_delayed(w, it, 1);

	barrier();
	return ret;
}

static noinline bool told_mods(struct tw_wq *w, struct tw_item *it)
{
	bool ret = tw_mod_delayed(w, it, 1);

	barrier();
	return ret;
}

static noinline bool told_queues_rcu(struct tw_wq *w, struct tw_item *it)
{
	bool ret = it->env->ops->queue_rcu(w->wq, it);

	barrier();
	return ret;
}

static void report_names_who_queued(struct kunit *test)
{
	struct tw_env *e = env_keeping(test);
	struct {
		const char *name;
		bool (*queue)(struct tw_wq *w, struct tw_item *it);
		struct tw_item *it;
	} how[] = {
		{ "told_queues+", told_queues, tw_item(e, fn_report) },
		{ "told_queues_delayed+", told_queues_delayed, tw_delayed(e, fn_report) },
		{ "told_mods+", told_mods, tw_delayed(e, fn_report) },
		{ "told_queues_rcu+", told_queues_rcu, tw_rcu(e, fn_report) },
	};
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	int i;

	for (i = 0; i < ARRAY_SIZE(how); i++) {
		tw_listen(e);
		how[i].queue(w, how[i].it);
		tw_wait_done(how[i].it, "an item that is reported");
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ_MSG(test, tw_heard("Last queued by "), 1, "%s", how[i].name);
		KUNIT_EXPECT_GE_MSG(test, tw_heard(how[i].name), 1, "%s", how[i].name);
	}
}

/* A bad access to an object that contains an item, as KASAN reports it. */
static void bad_access_names_who_queued(struct kunit *test)
{
	struct tw_env *e = env_keeping(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	told_queues(w, it);
	tw_wait_done(it, "the item");
	tw_flush_wq(w);
	report(true, &it->node);
	KUNIT_EXPECT_EQ(test, tw_heard("Last queued by "), 1);
	KUNIT_EXPECT_GE(test, tw_heard("told_queues+"), 1);
	tw_listen(e);
	report(true, (char *)it - 100000);
	report(false, it);
	KUNIT_EXPECT_EQ(test, tw_heard("Last queued by "), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_keep_stacks(false), 0);
	report(true, &it->node);
	KUNIT_EXPECT_EQ(test, tw_heard("Last queued by "), 0);
}

static void stacks_come_and_go_under_load(struct kunit *test)
{
	struct tw_env *e = env_keeping(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int i;

	for (i = 0; i < 100; i++) {
		tw_queue(w, it);
		KUNIT_EXPECT_EQ(test, cmwq2_keep_stacks(i & 1), 0);
	}
	tw_flush_wq(w);
}

/* ps and traces show only 15 characters of a name, so our prefix must be short. */
static void rescuer_is_named_after_its_queue(struct kunit *test)
{
	static const char prefix[] = "cw2/";
	static const char name[] = "abcdefghijklmnopqrstuvwxyz";
	const int room = TASK_COMM_LEN - sizeof(prefix);
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_wq *wq;
	struct tw_wq *w;

	wq = cmwq2_alloc_workqueue("%s", CMWQ2_WQ_UNBOUND | CMWQ2_WQ_MEM_RECLAIM, 0, name);
	KUNIT_ASSERT_NOT_NULL(test, wq);
	w = tw_adopt(e, wq);
	wq = w->wq;
	KUNIT_EXPECT_EQ(test, strncmp(wq->rescuer->task->comm, prefix, strlen(prefix)), 0);
	KUNIT_EXPECT_EQ(test, strncmp(wq->rescuer->task->comm + strlen(prefix), name, room), 0);
	KUNIT_EXPECT_EQ(test, strlen(wq->rescuer->task->comm), (size_t)TASK_COMM_LEN - 1);
}

static struct kunit_case told_cases[] = {
	KUNIT_CASE(report_names_the_item),
	KUNIT_CASE(report_names_the_bh_item),
	KUNIT_CASE(kernel_prints_the_same_line),
	KUNIT_CASE(report_elsewhere_names_nothing),
	KUNIT_CASE(report_names_who_queued),
	KUNIT_CASE(bad_access_names_who_queued),
	KUNIT_CASE(stacks_come_and_go_under_load),
	KUNIT_CASE(rescuer_is_named_after_its_queue),
	{}
};

static struct kunit_suite told_suite = {
	.name = "cmwq2_told",
	.test_cases = told_cases,
};

kunit_test_suites(&told_suite);
