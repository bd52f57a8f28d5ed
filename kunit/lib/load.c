// SPDX-License-Identifier: GPL-2.0
/*
 * A load in which pools are kicked, items sleep and workers go idle all the time.
 */
#include <linux/sched.h>

#include "load.h"

#define NR_LOAD_ITEMS	16

struct load_ctx {
	struct tw_item	*items[NR_LOAD_ITEMS];
	struct tw_wq	*w;
	unsigned int	rounds;		/* rounds to run */
	unsigned int	round;
};

static void thread_load(struct tw_thread *t)
{
	struct load_ctx *c = t->ctx;
	int i;

	for (c->round = 0; c->round < c->rounds; c->round++) {
		tw_progress(t);
		for (i = 0; i < NR_LOAD_ITEMS; i++)
			tw_queue_on(raw_smp_processor_id(), c->w, c->items[i]);
		for (i = 0; i < NR_LOAD_ITEMS; i++) {
			if (!wait_for_completion_timeout(&c->items[i]->done, tw_timeout())) {
				t->val = i + 1;
				return;
			}
		}
		for (i = 0; i < NR_LOAD_ITEMS; i++)
			tw_flush(c->items[i]);
	}
}

static void fn_sometimes_sleep(struct tw_item *it)
{
	if (it->id == 3 && ++it->val % 16 == 0)
		schedule_timeout_uninterruptible(1);
}

/**
 * tw_load - two producers on two CPUs enqueue items, some of which sleep
 * @e: the test
 * @flags: flags of the queue
 * @rounds: how many times each producer enqueues all its items and waits for them
 *
 * The test fails unless each item runs once for each time that it was enqueued.
 */
void tw_load(struct tw_env *e, unsigned int flags, unsigned int rounds)
{
	struct tw_wq *w = tw_alloc(e, flags, 0);
	struct load_ctx *c[2];
	struct tw_thread *t[2];
	int i, j;

	for (i = 0; i < 2; i++) {
		c[i] = tw_zalloc(e, sizeof(*c[i]));
		c[i]->w = w;
		c[i]->rounds = rounds;
		for (j = 0; j < NR_LOAD_ITEMS; j++) {
			c[i]->items[j] = tw_item(e, fn_sometimes_sleep);
			c[i]->items[j]->id = j;
		}
		t[i] = tw_thread(e, tw_cpu(i), thread_load, w, NULL, c[i]);
	}
	for (i = 0; i < 2; i++)
		tw_thread_start(t[i]);
	for (i = 0; i < 2; i++) {
		tw_join(t[i], "a producer");
		KUNIT_EXPECT_EQ_MSG(e->test, t[i]->val, 0, "item lost in round %u",
				    c[i]->round);
		for (j = 0; j < NR_LOAD_ITEMS; j++)
			KUNIT_EXPECT_EQ(e->test, atomic_read(&c[i]->items[j]->runs),
					rounds);
	}
}
