/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of the suites of the verdict: they ask for the verdict and look for words
 * in it.
 */
#ifndef CMWQ2_KUNIT_VERDICT_H
#define CMWQ2_KUNIT_VERDICT_H

#include <linux/string.h>

#include "base/helper.h"
#include "hold.h"

#define TEXT_SIZE	8192
#define MIN_MS		50

struct verdict_ctx {
	struct tw_wq	*w;
	struct tw_item	*it;
	int		cpu;
	pid_t		pid;
	char		text[TEXT_SIZE];
};

static inline struct verdict_ctx *verdict_ctx(struct tw_env *e, unsigned int flags, int max_active)
{
	struct verdict_ctx *c = tw_zalloc(e, sizeof(*c));

	c->cpu = tw_cpu(1);
	c->w = tw_alloc(e, flags, max_active);
	return c;
}

static inline void expect_in(struct verdict_ctx *c, const char *what)
{
	KUNIT_EXPECT_TRUE_MSG(c->w->env->test, !!strstr(c->text, what), "no \"%s\" in:\n%s",
			      what, c->text);
}

static inline bool told(struct verdict_ctx *c, const char *why)
{
	char what[32];

	snprintf(what, sizeof(what), "stall: %s: ", why);
	cmwq2_stalls(MIN_MS, c->text, TEXT_SIZE);
	return strstr(c->text, what) && strstr(c->text, "of queue cmwq2_kunit waits for ");
}

/* There must be no verdict before the threshold is reached, and then the expected one. */
static inline void expect_told(struct verdict_ctx *c, const char *why)
{
	struct tw_env *e = c->w->env;
	char what[32];

	KUNIT_EXPECT_EQ(e->test, cmwq2_stalls(UINT_MAX, c->text, TEXT_SIZE), 0);
	TW_POLL(e, told(c, why) || cmwq2_stalls(4 * MIN_MS, c->text, TEXT_SIZE), "any verdict");
	snprintf(what, sizeof(what), "stall: %s: pool ", why);
	expect_in(c, what);
}

/* On a busy host the helper may take longer than MIN_MS to release what the test has left. */
static inline void expect_quiet(struct tw_env *e)
{
	char *text = tw_zalloc(e, TEXT_SIZE);

	cmwq2_helpers_flush();
	KUNIT_EXPECT_EQ_MSG(e->test, cmwq2_stalls(MIN_MS, text, TEXT_SIZE), 0, "%s", text);
}

static inline void expect_who(struct verdict_ctx *c, pid_t pid, const char *does)
{
	char what[64];

	snprintf(what, sizeof(what), "[%d] %s", pid, does);
	expect_in(c, what);
}

/* The verdict names only some of many workers, and does not promise which. */
static inline void expect_one_of(struct verdict_ctx *c, struct tw_item **items, int nr,
				 const char *does)
{
	char what[64];
	int i;

	for (i = 0; i < nr; i++) {
		snprintf(what, sizeof(what), "[%d] %s", items[i]->pid, does);
		if (strstr(c->text, what))
			return;
	}
	KUNIT_FAIL(c->w->env->test, "none of %d items is named in:\n%s", nr, c->text);
}

#endif /* CMWQ2_KUNIT_VERDICT_H */
