// SPDX-License-Identifier: GPL-2.0
/*
 * Pools that cannot create more workers, see starve.h.
 */
#include "check.h"
#include "starve.h"

struct tw_starved *tw_starve(struct tw_env *e, unsigned int flags)
{
	return tw_starve_on(e, flags, tw_cpu(1));
}

struct tw_starved *tw_starve_on(struct tw_env *e, unsigned int flags, int cpu)
{
	struct tw_starved *c = tw_zalloc(e, sizeof(*c));
	int i;

	c->cpu = cpu;
	c->plain = tw_alloc(e, flags, 0);
	c->gate = tw_gate(e);
	TW_POLL(e, tw_pool_idle(c->plain, c->cpu), "the pool to be at rest");
	c->maydays = tw_stats(c->plain, c->cpu).maydays;

	tw_fault_create(c->plain, c->cpu, CMWQ2_CREATE_STALLS);
	c->nr = tw_stats(c->plain, c->cpu).nr_workers;
	c->blockers = tw_zalloc(e, c->nr * sizeof(*c->blockers));
	for (i = 0; i < c->nr; i++) {
		c->blockers[i] = tw_gated(e, c->gate);
		tw_queue_on(c->cpu, c->plain, c->blockers[i]);
	}
	for (i = 0; i < c->nr - 1; i++)
		tw_wait_started(c->blockers[i], "the items that block the pool's workers");
	TW_POLL(e, !tw_stats(c->plain, c->cpu).nr_idle, "the last idle worker to be manager");
	return c;
}

/* Until now the last item has waited. */
void tw_lift(struct tw_starved *c)
{
	struct kunit *test = c->plain->env->test;

	KUNIT_EXPECT_EQ(test, atomic_read(&c->blockers[c->nr - 1]->runs), 0);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(c->plain).rescued, 0);
	cmwq2_fault_create(c->plain->wq, c->cpu, CMWQ2_CREATE_NORMAL);
}

void tw_fed(struct tw_starved *c)
{
	struct tw_env *e = c->plain->env;

	tw_wait_started(c->blockers[c->nr - 1],
			"the item without rescuer, after the fault was lifted");
	complete_all(c->gate);
	tw_flush_wq(c->plain);
	KUNIT_EXPECT_TRUE(e->test, tw_item_ran_once_each(c->blockers, c->nr));
	TW_POLL(e, tw_pool_idle(c->plain, c->cpu), "the pool to come to rest");
}

void tw_feed(struct tw_starved *c)
{
	tw_lift(c);
	tw_fed(c);
}
