// SPDX-License-Identifier: GPL-2.0
/*
 * Progress while the kernel can create no thread at all: only rescuers run items then.
 *
 * The suite sets the sysctl kernel.threads-max to 1 for a while. The kernel then creates no
 * thread for either engine. The suites about cmwq2's fault_create look at the rescuer more
 * closely.
 *
 * KUnit needs threads for the cleanup of a case. So what runs under the limit returns what
 * it waited for in vain instead of asserting it, and the limit is lifted first.
 */
#include <linux/fs.h>

#include "check.h"
#include "env.h"

#define THREADS_MAX	"/proc/sys/kernel/threads-max"
#define RESCUE_SLURP	"/sys/module/workqueue/parameters/rescue_slurp"
#define NR_ITEMS	20
/* No pool of the tests has so many workers. */
#define MOST_WORKERS	300

/* A thread of the kernel may see other files than the process that loads this module. */
static struct file *threads_max;
static bool native_slurps;

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

/* The highpri pools have few other users, whose items could keep a worker awake. */
static const unsigned int kinds[] = { TW_HIGHPRI | TW_PERCPU, TW_HIGHPRI | TW_UNBOUND };

/**
 * struct no_threads - a case
 * @e: its environment
 * @plain: a queue without rescuer, whose items block all workers of the pool
 * @saved: a queue with a rescuer, on the same pool
 * @gate: opens the items of @plain
 * @blockers: the items of @plain
 * @nr: number of @blockers
 * @probe: an item of @saved, which notes whether the last of @blockers was pending when it ran
 * @items: items of @saved
 * @log: the order in which @items began
 * @cpu: CPU of the pool
 */
struct no_threads {
	struct tw_env		*e;
	struct tw_wq		*plain;
	struct tw_wq		*saved;
	struct completion	*gate;
	struct tw_item		*blockers[MOST_WORKERS];
	int			nr;
	struct tw_item		*probe;
	struct tw_item		*items[NR_ITEMS];
	struct tw_log		*log;
	int			cpu;
};

static struct tw_item *last_blocker(struct no_threads *c)
{
	return c->blockers[c->nr - 1];
}

static void fn_probe(struct tw_item *it)
{
	it->val = tw_pending(last_blocker(it->ctx));
}

static void fn_log(struct tw_item *it)
{
	struct no_threads *c = it->ctx;

	tw_log_add(c->log, it->id);
	if (it->gate)
		tw_wait_for_test(it->gate);
}

static struct no_threads *prepare(struct tw_env *e, unsigned int flags)
{
	struct no_threads *c = tw_zalloc(e, sizeof(*c));
	int i;

	c->e = e;
	c->cpu = tw_cpu(1);
	c->plain = tw_alloc(e, flags, 0);
	c->saved = tw_alloc(e, flags | TW_MEM_RECLAIM, 0);
	c->gate = tw_gate(e);
	c->log = tw_log(e, NR_ITEMS);
	c->probe = tw_item(e, fn_probe);
	c->probe->ctx = c;
	for (i = 0; i < NR_ITEMS; i++) {
		c->items[i] = tw_item(e, fn_log);
		c->items[i]->id = i;
		c->items[i]->ctx = c;
	}
	return c;
}

static void add_blocker(struct no_threads *c)
{
	c->blockers[c->nr++] = tw_gated(c->e, c->gate);
	tw_queue_on(c->cpu, c->plain, last_blocker(c));
}

static bool happens(struct completion *x)
{
	return wait_for_completion_timeout(x, tw_timeout());
}

/*
 * Block all workers of the pool. The last blocker is queued before the probe, so a worker
 * takes it first. If the probe runs while the last blocker is pending, it was the rescuer that
 * ran it, or a worker that ran an earlier probe and will take the blocker next. Therefore this
 * goes on until the same thread has run two probes in a row.
 */
static const char *starve(struct no_threads *c)
{
	pid_t before = 0;

	while (c->nr < MOST_WORKERS) {
		add_blocker(c);
		tw_queue_on(c->cpu, c->saved, c->probe);
		if (!happens(&c->probe->done))
			return "an item of a queue with a rescuer";
		if (c->probe->val && c->probe->pid == before)
			return NULL;
		before = c->probe->pid;
	}
	return "all workers to block";
}

static int nr_blocked(struct no_threads *c)
{
	int i, nr = 0;

	for (i = 0; i < c->nr; i++)
		nr += atomic_read(&c->blockers[i]->runs);
	return nr;
}

static bool set_threads_max(const char *value)
{
	loff_t pos = 0;

	return kernel_write(threads_max, value, strlen(value), &pos) == strlen(value);
}

/* Calls @body while the kernel creates no threads. */
static void without_threads(struct no_threads *c, const char *(*body)(struct no_threads *c))
{
	struct kunit *test = c->e->test;
	char usual[16] = "";
	const char *missed;
	loff_t pos = 0;

	/* A new pool has one worker, which would become the manager and block in no item. */
	add_blocker(c);
	tw_wait_started(last_blocker(c), "an item to block a worker");
	KUNIT_ASSERT_GT(test, kernel_read(threads_max, usual, sizeof(usual) - 1, &pos), 0);
	KUNIT_ASSERT_TRUE(test, set_threads_max("1"));
	missed = starve(c) ?: body(c);
	KUNIT_ASSERT_TRUE(test, set_threads_max(usual));
	KUNIT_ASSERT_NULL_MSG(test, missed, "timed out waiting for %s; of %d blockers %d have run",
			      missed, c->nr, nr_blocked(c));
}

static void queue_items(struct no_threads *c, int first, int last)
{
	for (; first <= last; first++)
		tw_queue_on(c->cpu, c->saved, c->items[first]);
}

static const char *rescue_all(struct no_threads *c)
{
	int i;

	queue_items(c, 0, NR_ITEMS - 1);
	for (i = 0; i < NR_ITEMS; i++) {
		if (!happens(&c->items[i]->done))
			return "an item that only the rescuer can run";
		KUNIT_EXPECT_EQ(c->e->test, c->items[i]->pid, c->probe->pid);
	}
	KUNIT_EXPECT_TRUE(c->e->test, tw_pending(last_blocker(c)));
	return NULL;
}

/* The rescuer runs all items of its queue in their order, and the other queue's last item waits. */
static void rescuer_runs_all(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct no_threads *c = prepare(e, kinds[i]);

		without_threads(c, rescue_all);
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(c->items, NR_ITEMS));
		KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(c->log, NR_ITEMS));
		tw_wait_started(last_blocker(c), "a new worker, when threads can be created again");
	}
}

/*
 * The rescuer sleeps in an item, and another one was pending when it took that. Then all
 * workers of the pool end their items. A rescuer that takes one item at a time has left the
 * other one for them. One that takes all of them at once keeps it.
 */
static const char *end_blockers(struct no_threads *c)
{
	bool slurps = native_slurps && c->e->engine == &tw_engines[TW_NATIVE];

	c->items[0]->gate = tw_gate(c->e);
	c->items[1]->gate = tw_gate(c->e);
	queue_items(c, 0, 0);
	if (!happens(&c->items[0]->started))
		return "the rescuer";
	queue_items(c, 1, 2);
	complete_all(c->items[0]->gate);
	if (!happens(&c->items[1]->started))
		return "the rescuer to go on";

	complete_all(c->gate);
	/* The workers take the third item, if it was left to them, before this one. */
	tw_queue_on(c->cpu, c->plain, c->items[3]);
	if (!happens(&c->items[3]->done))
		return "the workers that end their items";
	if (!slurps)
		return happens(&c->items[2]->done) ? NULL : "the item that the rescuer left";
	KUNIT_EXPECT_EQ(c->e->test, atomic_read(&c->items[2]->runs), 0);
	complete_all(c->items[1]->gate);
	return happens(&c->items[2]->done) ? NULL : "the item that the rescuer kept";
}

static void freed_workers_help(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct no_threads *c = prepare(e, kinds[i]);

		without_threads(c, end_blockers);
		complete_all(c->items[1]->gate);
		tw_flush_wq(c->saved);
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(c->items, 3));
	}
}

static void read_native_slurps(void)
{
	struct file *file = filp_open(RESCUE_SLURP, O_RDONLY, 0);
	char value = '\0';
	loff_t pos = 0;

	native_slurps = CMWQ2_NATIVE_RESCUES_ALL;
	if (IS_ERR(file))
		return;
	if (kernel_read(file, &value, 1, &pos) == 1)
		native_slurps = value == 'Y';
	filp_close(file, NULL);
}

/* Called by the process that loads the module. */
static int no_threads_suite_init(struct kunit_suite *suite)
{
	threads_max = filp_open(THREADS_MAX, O_RDWR, 0);
	if (IS_ERR(threads_max))
		return PTR_ERR(threads_max);
	read_native_slurps();
	return 0;
}

static void no_threads_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ERR(threads_max))
		filp_close(threads_max, NULL);
}

static struct kunit_case no_threads_cases[] = {
	KUNIT_CASE_PARAM(rescuer_runs_all, engine_gen_params),
	KUNIT_CASE_PARAM(freed_workers_help, engine_gen_params),
	{}
};

static struct kunit_suite no_threads_suite = {
	.name = "cmwq2_no_threads",
	.suite_init = no_threads_suite_init,
	.suite_exit = no_threads_suite_exit,
	.test_cases = no_threads_cases,
};

kunit_test_suites(&no_threads_suite);
