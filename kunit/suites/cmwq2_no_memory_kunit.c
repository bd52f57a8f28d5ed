// SPDX-License-Identifier: GPL-2.0
/*
 * Reports when there is no memory, which is when pools stall. A dump then uses a buffer
 * that is kept for this. Another dump that begins before the first has ended must not be
 * written, and must say so.
 *
 * The first dump goes to the log. While its first line is printed, the test begins the
 * other one.
 */
#include <linux/seq_file.h>
#include <linux/string.h>

#include "look/histograms.h"
#include "look/show.h"
#include "faulty.h"
#include "hold.h"
#include "listen.h"

#define NO_MEMORY	"no memory for a dump"
#define DUMP_SIZE	4096

struct memory_ctx {
	struct tw_wq	*w;
	size_t		(*dump)(struct memory_ctx *c);	/* the other dump */
	bool		fails;				/* whether it finds no memory */
	bool		failed;				/* whether its allocation has failed */
	size_t		len;				/* of its text */
	char		text[DUMP_SIZE];
};

static size_t dump_queue(struct memory_ctx *c)
{
	return cmwq2_dump(c->w->wq, c->text, sizeof(c->text));
}

static size_t dump_all(struct memory_ctx *c)
{
	return cmwq2_dump(NULL, c->text, sizeof(c->text));
}

static size_t dump_stalls(struct memory_ctx *c)
{
	return cmwq2_stalls(0, c->text, sizeof(c->text));
}

/* This one goes to the log, as the watchdog's. */
static size_t dump_pool(struct memory_ctx *c)
{
	rcu_read_lock();
	cmwq2_show_pool(tw_pool_of(c->w, tw_cpu(0)));
	rcu_read_unlock();
	return 0;
}

static const struct other_dump {
	char	name[16];
	size_t	(*dump)(struct memory_ctx *c);
} other_dumps[] = {
	{ "queue", dump_queue },
	{ "all", dump_all },
	{ "stalls", dump_stalls },
	{ "pool", dump_pool },
};

KUNIT_ARRAY_PARAM_DESC(other, other_dumps, name);

static void begin_other(void *arg)
{
	struct memory_ctx *c = arg;

	if (c->fails)
		tw_fail_nth(1);
	c->len = c->dump(c);
	if (c->fails)
		c->failed = tw_fail_nth_over();
}

/* Begin the other dump while the first one is written. */
static struct memory_ctx *two_dumps(struct tw_env *e, size_t (*dump)(struct memory_ctx *c),
				    bool fails)
{
	struct memory_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_gated(e, NULL);

	c->w = tw_alloc(e, TW_PERCPU, 0);
	c->dump = dump;
	c->fails = fails;
	tw_queue_on(tw_cpu(0), c->w, it);
	tw_wait_started(it, "the item that is shown");
	tw_listen_then(e, begin_other, c);
	if (fails)
		tw_fail_nth(1);
	cmwq2_show_one_workqueue(c->w->wq);
	/* The first one is written to its end. */
	KUNIT_EXPECT_EQ(e->test, tw_heard("workqueue cmwq2_kunit"), 1);
	KUNIT_EXPECT_EQ(e->test, tw_heard("running: "), 1);
	return c;
}

static void other_is_not_written(struct kunit *test)
{
	const struct other_dump *other = test->param_value;
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);
	struct memory_ctx *c = two_dumps(f->e, other->dump, true);

	KUNIT_EXPECT_TRUE(test, c->failed);
	KUNIT_EXPECT_EQ(test, tw_heard(NO_MEMORY), 1);
	KUNIT_EXPECT_EQ(test, c->len, 0);
	KUNIT_EXPECT_STREQ(test, c->text, "");
	/* The kept buffer is free again. */
	tw_fail_nth(1);
	KUNIT_EXPECT_GT(test, dump_queue(c), 0);
	KUNIT_EXPECT_TRUE(test, tw_fail_nth_over());
	KUNIT_EXPECT_EQ(test, tw_heard(NO_MEMORY), 1);
}

static void histograms_are_not_shown(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);
	struct seq_file m = { .size = DUMP_SIZE };

	m.buf = tw_zalloc(f->e, DUMP_SIZE);
	tw_fail_nth(1);
	cmwq2_latency_show(&m);
	KUNIT_EXPECT_TRUE(test, tw_fail_nth_over());
	KUNIT_EXPECT_EQ(test, m.count, 0);
}

/* With memory, dumps do not need the kept buffer. */
static void other_is_written(struct kunit *test)
{
	struct memory_ctx *c;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "with interrupts off a dump uses the kept buffer");
	c = two_dumps(tw_env_cmwq2(test), dump_queue, false);
	KUNIT_EXPECT_EQ(test, tw_heard(NO_MEMORY), 0);
	KUNIT_EXPECT_GT(test, c->len, 0);
}

static struct kunit_case no_memory_cases[] = {
	KUNIT_CASE_PARAM(other_is_not_written, other_gen_params),
	KUNIT_CASE(other_is_written),
	KUNIT_CASE(histograms_are_not_shown),
	{}
};

static struct kunit_suite no_memory_suite = {
	.name = "cmwq2_no_memory",
	.test_cases = no_memory_cases,
};

kunit_test_suites(&no_memory_suite);
