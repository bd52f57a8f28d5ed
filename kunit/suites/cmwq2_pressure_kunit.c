// SPDX-License-Identifier: GPL-2.0
/*
 * Progress by the rescuer alone, on several pools at a time. The pools cannot
 * create workers, because of one of two kinds of fault, and queues with a
 * rescuer still make progress. The faults themselves are tested here, too.
 */
#include <linux/moduleparam.h>

#include "base/registry.h"
#include "base/types.h"
#include "check.h"
#include "locked.h"
#include "rescue.h"
#include "starve.h"

static unsigned int pressure_seconds = 1;
module_param(pressure_seconds, uint, 0644);
MODULE_PARM_DESC(pressure_seconds, "seconds for which no pool can create a worker in the pressure suite");

KUNIT_ARRAY_PARAM(rescue, tw_rescues, tw_rescue_desc);

#define NR_POOLS	5
#define PRESSURE_ITEMS	20

/* A starved pool and two queues that live on it. */
struct pressed {
	struct tw_starved	*starved;
	struct tw_wq		*w[2];
	struct tw_item		*items[2][PRESSURE_ITEMS];
};

/* The normal and the highpri pool of two CPUs, and an unbound pool. */
static void press(struct tw_env *e, struct pressed *p, int n)
{
	unsigned int flags = n == 4 ? TW_UNBOUND : TW_PERCPU | (n & 1 ? TW_HIGHPRI : 0);
	int i, j;

	for (i = 0; i < 2; i++) {
		p->w[i] = tw_alloc(e, flags | TW_MEM_RECLAIM, i);
		for (j = 0; j < PRESSURE_ITEMS; j++)
			p->items[i][j] = tw_item(e, tw_fn_nop);
	}
	p->starved = tw_starve_on(e, flags, tw_cpu(n / 2));
}

static void press_once(struct pressed *p)
{
	int i;

	for (i = 0; i < 2; i++)
		tw_queue_all(p->starved->cpu, p->w[i], p->items[i], PRESSURE_ITEMS);
	for (i = 0; i < 2; i++)
		tw_wait_all(p->items[i], PRESSURE_ITEMS, "the rescue of every queue on every pool");
}

/*
 * For pressure_seconds no pool creates a worker. In each round every queue has
 * its items run, and at the end all of them must have been run by rescuers.
 */
static void pressure(struct kunit *test, const char *how)
{
	struct tw_env *e = tw_rescue_env(test);
	int i, j, nr = num_online_cpus() < 2 ? 2 : NR_POOLS, rounds = 0;
	struct pressed *p = tw_zalloc(e, NR_POOLS * sizeof(*p));
	unsigned long end;

	for (i = 0; i < nr; i++)
		press(e, &p[i], i);
	KUNIT_ASSERT_EQ(test, cmwq2_fault_create_set(how), 0);
	end = jiffies + pressure_seconds * HZ;
	do {
		for (i = 0; i < nr; i++)
			press_once(&p[i]);
		rounds++;
	} while (time_before(jiffies, end));
	for (i = 0; i < nr; i++) {
		for (j = 0; j < 2; j++) {
			KUNIT_EXPECT_EQ(test, tw_wq_stats(p[i].w[j]).rescued,
					rounds * PRESSURE_ITEMS);
			tw_flush_wq(p[i].w[j]);
			tw_expect_no_cursor(e, p[i].w[j], p[i].starved->cpu);
		}
	}
	/* The pauses after the last failure pass at the same time. */
	for (i = 0; i < nr; i++)
		tw_lift(p[i].starved);
	for (i = 0; i < nr; i++)
		tw_fed(p[i].starved);
	kunit_info(test, "%d rounds in %u s\n", rounds, pressure_seconds);
}

static void every_pool_fails(struct kunit *test)
{
	pressure(test, "fail:all");
}

static void every_pool_stalls(struct kunit *test)
{
	pressure(test, "stall:all:86400");
}

/* The fault is given by the pool's number, and ends by itself. */
static void fault_ends_in_time(struct kunit *test, const char *how)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_starved *c = tw_starve(e, TW_PERCPU);
	unsigned long created = tw_stats(c->plain, c->cpu).created;
	char value[32];

	scnprintf(value, sizeof(value), "%s:%d:1", how, tw_stats(c->plain, c->cpu).id);
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set(value), 0);
	tw_wait_started(c->blockers[c->nr - 1], "a worker after the fault's time");
	KUNIT_EXPECT_GT(test, tw_stats(c->plain, c->cpu).created, created);
	complete_all(c->gate);
	tw_flush_wq(c->plain);
}

static void fail_ends_in_time(struct kunit *test)
{
	fault_ends_in_time(test, "fail");
}

static void stall_ends_in_time(struct kunit *test)
{
	fault_ends_in_time(test, "stall");
}

/* A manager has TASK_NOLOAD only when it sleeps in this fault. */
static bool manager_stalls(struct cmwq2_pool *pool)
{
	bool stalls;

	tw_pool_lock(pool);
	stalls = pool->manager && (READ_ONCE(pool->manager->task->__state) & TASK_NOLOAD);
	tw_pool_unlock(pool);
	return stalls;
}

/*
 * A stalled manager gives up when no worker is needed any more, so that no thread has
 * to wait for it.
 */
static void stall_ends_with_need(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_item *first = tw_item(e, tw_fn_nop), *last;
	struct tw_starved *c;
	unsigned long created;

	/*
	 * A worker that runs an item needs another one that is idle. So the pool has
	 * two workers from now on.
	 */
	tw_queue_on(tw_cpu(1), w, first);
	tw_wait_done(first, "the first item of the pool");
	tw_flush_wq(w);
	c = tw_starve(e, TW_UNBOUND);
	KUNIT_ASSERT_GE(test, c->nr, 2);
	last = c->blockers[c->nr - 1];
	created = tw_stats(c->plain, c->cpu).created;

	cmwq2_fault_create(c->plain->wq, c->cpu, CMWQ2_CREATE_STALLS);
	TW_POLL(e, manager_stalls(tw_pwq(c->plain, c->cpu)->pool), "the manager to stall");
	KUNIT_EXPECT_TRUE(test, tw_cancel(last));
	TW_POLL(e, tw_stats(c->plain, c->cpu).nr_idle == 1, "the manager to become idle");
	KUNIT_EXPECT_EQ(test, tw_stats(c->plain, c->cpu).created, created);
	complete_all(c->gate);
	tw_flush_wq(c->plain);
	/* By now there are enough workers. */
	tw_queue_on(c->cpu, c->plain, last);
	tw_wait_done(last, "an item while creation stalls");
}

/* Pools that are created while the fault is on have it as well. */
static void new_pools_fail(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int pool = tw_stats(w, tw_cpu(0)).id;

	attrs->nice = 9;
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set("fail:all:86400"), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), -ENOMEM);
	KUNIT_EXPECT_EQ(test, tw_stats(w, tw_cpu(0)).id, pool);
	/* The first worker of a pool does not stall. */
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set("stall"), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	KUNIT_EXPECT_NE(test, tw_stats(w, tw_cpu(0)).id, pool);
	tw_queue_on(tw_cpu(0), w, it);
	TW_POLL(e, manager_stalls(tw_pwq(w, tw_cpu(0))->pool), "the new pool's manager to stall");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set("off"), 0);
	tw_wait_done(it, "an item after the stall");
	TW_POLL(e, tw_stats(w, tw_cpu(0)).nr_workers >= 2, "the worker that was stalled");
}

static void fault_refuses_nonsense(struct kunit *test)
{
	static const char *const bad[] = {
		"", "on", "Fail", "failing", " fail", "fail:", "fail:none", "fail:-1", "fail:99999",
		"fail:4294967296", "fail:all:", "fail:all:0", "fail:all:86401", "fail:all:-1",
		"fail:all:1s", "fail:all:1:", "fail:all:1:1", "stall::", "off:all:1", "off:0:1",
		"fail:all:00000000000000000000000000000000000000001",
	};
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *bh = tw_alloc(e, TW_PERCPU | TW_BH, 0), *w = tw_alloc(e, TW_PERCPU, 0);
	struct cmwq2_pool *pool = tw_pwq(w, tw_cpu(0))->pool;
	char value[32];
	int i;

	cmwq2_fault_create(w->wq, tw_cpu(0), CMWQ2_CREATE_STALLS);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, cmwq2_fault_create_set(bad[i]), -EINVAL, "%s", bad[i]);
	scnprintf(value, sizeof(value), "fail:%d", tw_stats(bh, tw_cpu(0)).id);
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set(value), -EINVAL);
	KUNIT_EXPECT_EQ(test, pool->starvation.how, CMWQ2_CREATE_STALLS);
	KUNIT_EXPECT_EQ(test, pool->starvation.until, 0);

	scnprintf(value, sizeof(value), "off:%d\n", pool->id);
	KUNIT_EXPECT_EQ(test, cmwq2_fault_create_set(value), 0);
	KUNIT_EXPECT_EQ(test, pool->starvation.how, CMWQ2_CREATE_NORMAL);
}

static struct kunit_case pressure_cases[] = {
	KUNIT_CASE_PARAM(every_pool_fails, rescue_gen_params),
	KUNIT_CASE_PARAM(every_pool_stalls, rescue_gen_params),
	KUNIT_CASE(fail_ends_in_time),
	KUNIT_CASE(stall_ends_in_time),
	KUNIT_CASE(stall_ends_with_need),
	KUNIT_CASE(new_pools_fail),
	KUNIT_CASE(fault_refuses_nonsense),
	{}
};

static struct kunit_suite pressure_suite = {
	.name = "cmwq2_pressure",
	.test_cases = pressure_cases,
};

kunit_test_suites(&pressure_suite);
