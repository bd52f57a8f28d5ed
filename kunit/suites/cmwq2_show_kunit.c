// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps show what is running and waiting and nothing else, and they end however
 * much there is. The tests read them from memory; it is the text of the log and
 * of debugfs.
 */
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "hold.h"
#include "starve.h"

#define DUMP_SIZE	16384

struct show_ctx {
	struct tw_wq	*w;
	struct tw_item	**items;
	int		nr;
	char		*text;
};

static char *dump(struct tw_env *e, struct tw_wq *w)
{
	char *text = tw_zalloc(e, DUMP_SIZE);
	size_t len = cmwq2_dump(w ? w->wq : NULL, text, DUMP_SIZE);

	KUNIT_EXPECT_EQ(e->test, len, strlen(text));
	return text;
}

#define EXPECT_IN(test, text, what)	\
	KUNIT_EXPECT_TRUE_MSG(test, !!strstr(text, what), "no \"%s\" in:\n%s", what, text)
#define EXPECT_NOT_IN(test, text, what)	\
	KUNIT_EXPECT_FALSE_MSG(test, !!strstr(text, what), "\"%s\" in:\n%s", what, text)

static void idle_queue_is_not_shown(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	tw_queue(w, it);
	tw_wait_done(it, "an item");
	tw_flush_wq(w);
	KUNIT_EXPECT_STREQ(test, dump(e, w), "");
	EXPECT_NOT_IN(test, dump(e, NULL), "cmwq2_kunit");
}

static void running_is_shown(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, flags, 0);
	struct tw_item *it = tw_gated(e, NULL);
	char *text, pid[32];

	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_started(it, "the item");
	snprintf(pid, sizeof(pid), "running: %d cmwq2_fn", it->pid);
	text = dump(e, w);
	EXPECT_IN(test, text, "workqueue cmwq2_kunit: flags");
	EXPECT_IN(test, text, pid);
	EXPECT_NOT_IN(test, text, "pending:");
	EXPECT_NOT_IN(test, text, "inactive:");
	text = dump(e, NULL);
	EXPECT_IN(test, text, pid);
	EXPECT_IN(test, text, "\npool ");
	complete_all(it->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_STREQ(test, dump(e, w), "");
}

static void running_percpu_is_shown(struct kunit *test)
{
	running_is_shown(test, TW_PERCPU);
}

static void running_unbound_is_shown(struct kunit *test)
{
	running_is_shown(test, TW_UNBOUND);
}

static void fn_queue_and_dump(struct tw_item *it)
{
	struct show_ctx *c = it->ctx;
	int i;

	for (i = 0; i < c->nr; i++)
		tw_queue_on(raw_smp_processor_id(), c->w, c->items[i]);
	cmwq2_dump(c->w->wq, c->text, DUMP_SIZE);
}

/* While this item runs the others wait, because it does not sleep. */
static char *dump_pending(struct tw_env *e, int nr)
{
	struct show_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_item(e, fn_queue_and_dump);
	int i;

	tw_policy(e, "cpu_intensive_thresh_us", "0");
	c->w = tw_alloc(e, TW_PERCPU, CMWQ2_MAX_ACTIVE);
	c->text = tw_zalloc(e, DUMP_SIZE);
	c->items = tw_zalloc(e, nr * sizeof(*c->items));
	c->nr = nr;
	for (i = 0; i < nr; i++)
		c->items[i] = tw_item(e, tw_fn_nop);
	it->ctx = c;
	tw_queue_on(tw_cpu(0), c->w, it);
	tw_wait_done(it, "the item that dumps");
	tw_flush_wq(c->w);
	return c->text;
}

static void pending_is_shown(struct kunit *test)
{
	char *text = dump_pending(tw_env_cmwq2(test), 3);

	EXPECT_IN(test, text, "    pending: cmwq2_fn");
	EXPECT_IN(test, text, " *3\n");
}

/* Two of the same function are the fewest that are put together. */
static void pair_is_shown_once(struct kunit *test)
{
	char *text = dump_pending(tw_env_cmwq2(test), 2);

	EXPECT_IN(test, text, "    pending: cmwq2_fn");
	EXPECT_IN(test, text, " *2\n");
}

/* CMWQ2_SHOW_BUSY of show.c */
#define LISTED_BUSY	32

static void listed_busy_are_all(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, LISTED_BUSY + 1);
	struct completion *gate = tw_gate(e);
	struct tw_item *it;
	int i;

	for (i = 0; i < LISTED_BUSY; i++) {
		it = tw_gated(e, gate);
		tw_queue_on(tw_cpu(0), w, it);
		tw_wait_started(it, "an item that is listed");
	}
	EXPECT_NOT_IN(test, dump(e, w), " more\n");
	it = tw_gated(e, gate);
	tw_queue_on(tw_cpu(0), w, it);
	tw_wait_started(it, "an item that is not listed");
	EXPECT_IN(test, dump(e, w), "    running: 1 more\n");
	complete_all(gate);
	tw_flush_wq(w);
}

static void long_list_is_cut(struct kunit *test)
{
	char *text = dump_pending(tw_env_cmwq2(test), 1500);

	EXPECT_IN(test, text, " *250 and more\n");
}

static void inactive_is_shown(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[4];
	char *text;
	int i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(tw_cpu(0), w, items[i]);
	}
	tw_wait_started(items[0], "the first item");
	text = dump(e, w);
	EXPECT_IN(test, text, "    inactive: cmwq2_fn");
	EXPECT_IN(test, text, " *3\n");
	complete_all(gate);
	tw_flush_wq(w);
}

static void waiter_is_shown(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);
	char who[32];

	tw_queue_on(tw_cpu(0), w, it);
	tw_wait_started(it, "the item");
	tw_thread_block(t);
	snprintf(who, sizeof(who), "behind it: (%d waits)", t->task->pid);
	EXPECT_IN(test, dump(e, w), who);
	complete_all(it->gate);
	tw_join(t, "the flush");
}

/* The item of a flush was cancelled. Only the barrier is left, and no worker can run it. */
static void flush_of_cancelled_is_shown(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, tw_thread_flush, w, it, NULL);
	char who[32];

	tw_queue_on(c->cpu, w, it);
	tw_thread_block(t);
	KUNIT_EXPECT_TRUE(test, tw_cancel(it));
	snprintf(who, sizeof(who), "pending: (%d waits)", t->task->pid);
	EXPECT_IN(test, dump(e, w), who);
	tw_feed(c);
	tw_join(t, "the flush");
	KUNIT_EXPECT_STREQ(test, dump(e, w), "");
}

/* A pool that counts its workers says how many it wants to run, and how many are on their way. */
static void wanted_and_called_are_shown(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	char *text, called[48];
	struct tw_hold *woken;
	struct tw_wq *w;

	tw_policy(e, "concurrency", "managed");
	tw_policy(e, "wakeup", "needed");
	w = tw_alloc(e, TW_UNBOUND, 0);
	TW_POLL(e, tw_pool_idle(w, tw_cpu(1)), "the pool to be at rest");
	woken = tw_hold(e, CMWQ2_POINT_WOKEN, tw_pool_of(w, tw_cpu(1)));
	tw_arm(woken);
	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_held(woken, "the worker that is on its way");
	text = dump(e, NULL);
	snprintf(called, sizeof(called), " running 0 wanted %d called 1 ",
		 tw_pool_of(w, tw_cpu(1))->wanted);
	EXPECT_IN(test, text, called);
	tw_policy(e, "concurrency", "free");
	tw_policy(e, "wakeup", "always");
	EXPECT_NOT_IN(test, dump(e, NULL), " wanted ");
	EXPECT_NOT_IN(test, dump(e, NULL), " called ");
	tw_let_go(woken);
	tw_wait_done(it, "the item");
	tw_flush_wq(w);
}

static void fn_describe(struct tw_item *it)
{
	if (it->ctx)
		cmwq2_set_worker_desc("%s", (char *)it->ctx);
	tw_fn_gate(it);
}

static char *dump_described(struct tw_env *e, struct tw_wq *w, char *desc)
{
	struct tw_item *it = tw_item(e, fn_describe);
	char *text;

	it->gate = tw_gate(e);
	it->ctx = desc;
	tw_queue_on(tw_cpu(0), w, it);
	/*
	 * It sets its description, then sleeps, and then does not count as
	 * running.
	 */
	tw_wait_started(it, "the item");
	TW_POLL(e, !tw_stats(w, tw_cpu(0)).nr_running, "the item to sleep");
	text = dump(e, w);
	complete_all(it->gate);
	tw_flush_wq(w);
	return text;
}

static void description_is_shown(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);

	if (!strcmp(cmwq2_hook_name(), "timer"))
		kunit_skip(test, "without a hook nobody sees the item go to sleep");
	EXPECT_IN(test, dump_described(e, w, "step 7"), " \"step 7\"\n");
	/* The description belongs to the item, not to the worker. */
	EXPECT_NOT_IN(test, dump_described(e, w, NULL), "step 7");
	EXPECT_IN(test, dump_described(e, w, "abcdefghijklmnopqrstuvwxyz0123456789"),
		  " \"abcdefghijklmnopqrstuvwxyz01234\"\n");
	/* Outside of an item the call has no effect. */
	cmwq2_set_worker_desc("nobody");
	EXPECT_NOT_IN(test, dump_described(e, w, NULL), "nobody");
}

static void fn_dump_self(struct tw_item *it)
{
	cmwq2_set_worker_desc("me");
	cmwq2_dump_worker(current, it->ctx, DUMP_SIZE);
	cmwq2_print_worker_info(KERN_INFO, current);
}

static void worker_is_shown(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_item *it = tw_item(e, fn_dump_self);
	char *text = tw_zalloc(e, DUMP_SIZE);

	it->ctx = text;
	tw_queue(w, it);
	tw_wait_done(it, "the item");
	EXPECT_IN(test, text, "Workqueue: cmwq2_kunit cmwq2_fn");
	EXPECT_IN(test, text, " (me)");
	KUNIT_EXPECT_EQ(test, cmwq2_dump_worker(current, text, DUMP_SIZE), 0);
	KUNIT_EXPECT_STREQ(test, text, "");
	cmwq2_print_worker_info(KERN_INFO, current);
}

static void small_buffer_is_kept_to(struct kunit *test)
{
	static const size_t sizes[] = { 1, 2, 10, 100 };
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	char text[101];
	int i;

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(text, 'x', sizeof(text));
		KUNIT_EXPECT_EQ(test, cmwq2_dump(w->wq, text, sizes[i]), sizes[i] - 1);
		KUNIT_EXPECT_EQ(test, strnlen(text, sizeof(text)), sizes[i] - 1);
		KUNIT_EXPECT_EQ(test, text[sizes[i]], 'x');
	}
	complete_all(it->gate);
}

static void log_is_written(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);
	unsigned long before = cmwq2_health(CMWQ2_HEALTH_DUMPS);

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	cmwq2_show_one_workqueue(w->wq);
	cmwq2_show_freezable_workqueues();
	KUNIT_EXPECT_EQ(test, cmwq2_health(CMWQ2_HEALTH_DUMPS), before);
	cmwq2_show_all_workqueues();
	KUNIT_EXPECT_EQ(test, cmwq2_health(CMWQ2_HEALTH_DUMPS), before + 1);
	complete_all(it->gate);
}

static void thread_dump(struct tw_thread *t)
{
	char *text = t->ctx;

	while (!READ_ONCE(t->env->closing) && !kthread_should_stop()) {
		cmwq2_dump(NULL, text, DUMP_SIZE);
		tw_progress(t);
		cond_resched();
	}
}

/* Queues and pools are created and destroyed during the dump. */
static void dump_under_load(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_thread *t = tw_thread(e, tw_cpu(1), thread_dump, NULL, NULL,
					tw_zalloc(e, DUMP_SIZE));
	struct tw_item *items[16];
	int i, round;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);
	tw_thread_start(t);
	for (round = 0; round < 50; round++) {
		struct tw_wq *w = tw_alloc(e, round & 1 ? TW_UNBOUND : TW_PERCPU, 4);

		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_queue_on(tw_cpu(i), w, items[i]);
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_wait_done(items[i], "an item while all is dumped");
		tw_destroy(w);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), 50);
	TW_POLL(e, READ_ONCE(t->progress), "the first dump");
}

static struct kunit_case show_cases[] = {
	KUNIT_CASE(idle_queue_is_not_shown),
	KUNIT_CASE(running_percpu_is_shown),
	KUNIT_CASE(running_unbound_is_shown),
	KUNIT_CASE(wanted_and_called_are_shown),
	KUNIT_CASE(pending_is_shown),
	KUNIT_CASE(pair_is_shown_once),
	KUNIT_CASE(listed_busy_are_all),
	KUNIT_CASE(long_list_is_cut),
	KUNIT_CASE(inactive_is_shown),
	KUNIT_CASE(waiter_is_shown),
	KUNIT_CASE(flush_of_cancelled_is_shown),
	KUNIT_CASE(description_is_shown),
	KUNIT_CASE(worker_is_shown),
	KUNIT_CASE(small_buffer_is_kept_to),
	KUNIT_CASE(log_is_written),
	KUNIT_CASE(dump_under_load),
	{}
};

static struct kunit_suite show_suite = {
	.name = "cmwq2_show",
	.test_cases = show_cases,
};

kunit_test_suites(&show_suite);
