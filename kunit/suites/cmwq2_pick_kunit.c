// SPDX-License-Identifier: GPL-2.0
/*
 * The pick policy: which idle worker a kick takes, and where it wakes it.
 */
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include "base/types.h"
#include "lab/policy/pick.h"
#include "lab/policy/wake.h"
#include "cpus.h"
#include "load.h"
#include "locked.h"
#include "shared.h"

#define TOOK_NS		800
/* Delays that are given in steps of this size do not depend on how busy the host is. */
#define SCALE_NS	(1000U * NSEC_PER_USEC)

/* took: in ns, how long a pick seems to take until the worker runs; [1]: woken here. */
struct pick_ctx {
	struct tw_wq		*w;
	struct cmwq2_pool	*pool;
	unsigned int		took[2];
};

static struct tw_env *pick_env(struct kunit *test, const char *value, struct pick_ctx *c)
{
	struct tw_env *e = tw_env_cmwq2(test);

	if (num_online_cpus() < 2)
		kunit_skip(test, "with one CPU every worker is local");
	tw_policy(e, "profile", "mainline-7.3");
	tw_policy(e, "pick", value);
	c->w = tw_shared_wq(e, 0, 0, 0);
	c->pool = tw_pool_of(c->w, tw_cpu(0));
	c->took[false] = TOOK_NS;
	c->took[true] = TOOK_NS;
	return e;
}

/* The idle worker that slept on @cpu last. Context: pool->lock held. */
static struct cmwq2_worker *slept_on(struct cmwq2_pool *pool, int cpu)
{
	return hlist_entry_safe(per_cpu_ptr(pool->cpus, cpu)->idle.first, struct cmwq2_worker,
				on_cpu);
}

static struct cmwq2_worker *idle_head(struct cmwq2_pool *pool)
{
	return list_first_entry(&pool->idle_list, struct cmwq2_worker, entry);
}

/*
 * Ask for the worker that a kick on this CPU takes. The pool must be at rest, and stays
 * so, because no worker is woken. The CPU learns that it took at least c->took.
 */
static struct cmwq2_worker *would_pick(struct pick_ctx *c, enum cmwq2_kicker who, bool *here)
{
	struct cmwq2_worker *worker;

	tw_pool_lock(c->pool);
	worker = cmwq2_pick(c->pool, who);
	*here = worker && worker->wake_here;
	if (worker && c->pool->policy.pick != CMWQ2_PICK_HEAD) {
		if (worker->called_at)
			worker->called_at -= c->took[worker->called_here];
		cmwq2_pick_leave(c->pool, worker);
		cmwq2_pick_enter(c->pool, worker, worker->idle_cpu);
	}
	tw_pool_unlock(c->pool);
	return worker;
}

static void expect_pick(struct tw_env *e, struct pick_ctx *c, enum cmwq2_kicker who, int cpu,
			bool here)
{
	bool is_here;
	struct cmwq2_worker *worker = would_pick(c, who, &is_here);

	KUNIT_ASSERT_NOT_NULL(e->test, worker);
	KUNIT_EXPECT_EQ_MSG(e->test, worker->idle_cpu, cpu, "kick %d", who);
	KUNIT_EXPECT_EQ_MSG(e->test, is_here, here, "kick %d", who);
	KUNIT_EXPECT_PTR_EQ(e->test, idle_head(c->pool), worker);
}

/* Each kind of kick takes the worker, and wakes it where, the policy says. */
static void each_kick_takes_its_worker(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	const int cpus[] = { tw_cpu(1), tw_cpu(0), tw_cpu(1), tw_cpu(0) };
	bool here;

	tw_go_idle(c.w, 0, cpus, ARRAY_SIZE(cpus));
	tw_move(e, tw_cpu(0));
	expect_pick(e, &c, CMWQ2_KICK_PROCESS, tw_cpu(1), false);
	expect_pick(e, &c, CMWQ2_KICK_ENQUEUE, tw_cpu(0), true);
	/* This is the head now, and still another one is taken. */
	expect_pick(e, &c, CMWQ2_KICK_PROCESS, tw_cpu(1), false);
	expect_pick(e, &c, CMWQ2_KICK_BLOCKED, tw_cpu(0), true);
	expect_pick(e, &c, CMWQ2_KICK_OTHER, tw_cpu(0), false);
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("pick", "head"), 0);
	KUNIT_EXPECT_PTR_EQ(test, would_pick(&c, CMWQ2_KICK_PROCESS, &here), idle_head(c.pool));
	KUNIT_EXPECT_NULL(test, slept_on(c.pool, tw_cpu(0)));
}

/*
 * A switch to local finds workers that are idle already. The one that became idle last
 * is the first of its CPU, too.
 */
static void switch_keeps_the_order(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	const int cpus[] = { tw_cpu(0), tw_cpu(0), tw_cpu(0) };

	tw_go_idle(c.w, 0, cpus, ARRAY_SIZE(cpus));
	tw_move(e, tw_cpu(0));
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("pick", "head"), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("pick", "local"), 0);
	KUNIT_EXPECT_PTR_EQ(test, slept_on(c.pool, tw_cpu(0)), idle_head(c.pool));
	expect_pick(e, &c, CMWQ2_KICK_ENQUEUE, tw_cpu(0), true);
}

/* Gives the queue a pool for each CPU. The context is that of the first one. */
static void pool_per_cpu(struct pick_ctx *c)
{
	tw_set_scope(c->w, CMWQ2_AFFN_CPU);
	c->pool = tw_pool_of(c->w, tw_cpu(0));
}

/* A CPU that is not one of the pool's pod gets no worker. */
static void other_pod_is_not_here(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	const int cpus[] = { tw_cpu(0), tw_cpu(0) };

	pool_per_cpu(&c);
	tw_go_idle(c.w, 0, cpus, ARRAY_SIZE(cpus));
	tw_move(e, tw_cpu(1));
	expect_pick(e, &c, CMWQ2_KICK_ENQUEUE, tw_cpu(0), false);
	tw_move(e, tw_cpu(0));
	expect_pick(e, &c, CMWQ2_KICK_ENQUEUE, tw_cpu(0), true);
}

static void set_delays(struct pick_ctx *c, int cpu, unsigned int elsewhere, unsigned int here)
{
	struct cmwq2_pool_cpu *at = per_cpu_ptr(c->pool->cpus, cpu);

	tw_pool_lock(c->pool);
	at->delay[false] = elsewhere;
	at->delay[true] = here;
	at->usual = min(elsewhere, here);
	at->left = CMWQ2_PICK_TRY - 1;
	tw_pool_unlock(c->pool);
}

/* Make @nr kicks of an enqueue on this CPU. Returns how many of them take a worker of this CPU. */
static int picks_here(struct pick_ctx *c, int nr)
{
	int i, found = 0;
	bool here;

	for (i = 0; i < nr; i++) {
		would_pick(c, CMWQ2_KICK_ENQUEUE, &here);
		found += here;
	}
	return found;
}

/* An environment with pick=predict and an idle worker of each of two CPUs, on the first CPU. */
static struct tw_env *predict_env(struct kunit *test, struct pick_ctx *c)
{
	struct tw_env *e = pick_env(test, "predict", c);
	const int cpus[] = { tw_cpu(1), tw_cpu(0) };

	tw_go_idle(c->w, 0, cpus, ARRAY_SIZE(cpus));
	tw_move(e, tw_cpu(0));
	return e;
}

/* A CPU takes the way that started its items sooner, and tries the other one now and then. */
static void predict_takes_the_better_way(struct kunit *test)
{
	struct pick_ctx c;
	static const struct {
		unsigned int	elsewhere, here;
		bool		is_here;
	} ways[] = {
		{ 500 * NSEC_PER_MSEC, 250 * NSEC_PER_MSEC, true },
		/* Another CPU is only a little sooner. */
		{ 500 * NSEC_PER_MSEC, 700 * NSEC_PER_MSEC, true },
		{ 500 * NSEC_PER_MSEC, 1000 * NSEC_PER_MSEC, false },
	};
	int i;

	predict_env(test, &c);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		set_delays(&c, tw_cpu(0), ways[i].elsewhere, ways[i].here);
		c.took[false] = ways[i].elsewhere;
		c.took[true] = ways[i].here;
		KUNIT_EXPECT_EQ_MSG(test, picks_here(&c, CMWQ2_PICK_TRY),
				    ways[i].is_here ? CMWQ2_PICK_TRY - 1 : 1, "row %d", i);
	}
}

/*
 * What a CPU knows of the way that it does not prefer is from another load. The first
 * try of this way must be enough to correct it.
 */
static void predict_forgets_the_other_load(struct kunit *test)
{
	struct pick_ctx c;

	predict_env(test, &c);
	set_delays(&c, tw_cpu(0), 100 * NSEC_PER_MSEC, 1000 * NSEC_PER_MSEC);
	c.took[false] = 100 * NSEC_PER_MSEC;
	c.took[true] = 50 * NSEC_PER_MSEC;
	KUNIT_EXPECT_EQ(test, picks_here(&c, CMWQ2_PICK_TRY), 1);
	KUNIT_EXPECT_EQ(test, picks_here(&c, 100), 100);
}

/* The load changes: the way that the CPU prefers takes much less time. So it tries the other. */
static void predict_tries_after_a_change(struct kunit *test)
{
	struct pick_ctx c;

	predict_env(test, &c);
	set_delays(&c, tw_cpu(0), 400 * NSEC_PER_MSEC, 1000 * NSEC_PER_MSEC);
	c.took[false] = 50 * NSEC_PER_MSEC;
	c.took[true] = 25 * NSEC_PER_MSEC;
	/* Not at once, or delays that vary would make it try all the time. */
	KUNIT_EXPECT_EQ(test, picks_here(&c, CMWQ2_PICK_REST - 2), 0);
	KUNIT_EXPECT_GE(test, picks_here(&c, 20), 10);
}

/*
 * Two CPUs whose producers sleep after each item. Each has learned that its items start
 * sooner on the other CPU. The delays are those of the workload roundtrip under QEMU, in
 * 100 ns: by the CPU, whether it takes a worker of its own, and whether the other CPU does.
 * They are nearly equal, and still nothing may cross if both CPUs have a worker of their own.
 */
static void crossed_cpus_come_back(struct kunit *test)
{
	static const unsigned int took[2][2][2] = {
		{ { 111, 120 }, { 62, 59 } }, { { 62, 86 }, { 90, 88 } },
	};
	struct pick_ctx c;
	struct tw_env *e = predict_env(test, &c);
	bool is_here[2] = { false, false };
	int turn, cpu, way;

	for (cpu = 0; cpu < 2; cpu++)
		set_delays(&c, tw_cpu(cpu), took[cpu][false][false] * SCALE_NS, 600 * SCALE_NS);
	for (turn = 0; turn < 4; turn++) {
		cpu = turn % 2;
		tw_move(e, tw_cpu(cpu));
		for (way = 0; way < 2; way++)
			c.took[way] = took[cpu][way][is_here[!cpu]] * SCALE_NS;
		picks_here(&c, CMWQ2_PICK_TRY);
		is_here[cpu] = picks_here(&c, 10) > 5;
	}
	KUNIT_EXPECT_TRUE(test, is_here[0]);
	KUNIT_EXPECT_TRUE(test, is_here[1]);
}

/* There is no other way in a pool that has one CPU, so no kick tries it. */
static void predict_has_no_choice(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "predict", &c);
	int cpu = tw_cpu(0);

	pool_per_cpu(&c);
	tw_go_idle(c.w, 0, &cpu, 1);
	tw_move(e, cpu);
	set_delays(&c, cpu, 100, 1000);
	KUNIT_EXPECT_EQ(test, picks_here(&c, CMWQ2_PICK_TRY), CMWQ2_PICK_TRY);
	/* Nothing is measured either. */
	KUNIT_EXPECT_EQ(test, per_cpu_ptr(c.pool->cpus, cpu)->delay[true], 1000);
}

/* The delay of a kick counts for the CPU of the enqueue and the way that it took. */
static void predict_learns(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = predict_env(test, &c);
	struct cmwq2_pool_cpu *at;
	int cpu = tw_cpu(0);
	bool here;

	at = per_cpu_ptr(c.pool->cpus, cpu);
	set_delays(&c, cpu, 1000000, 400);
	/* Only one in so many is measured. */
	picks_here(&c, CMWQ2_PICK_SAMPLE - 1);
	KUNIT_EXPECT_EQ(test, at->delay[true], 400);
	would_pick(&c, CMWQ2_KICK_ENQUEUE, &here);
	KUNIT_EXPECT_TRUE(test, here);
	KUNIT_EXPECT_EQ(test, at->delay[false], 1000000);
	/* The newest delay has a share of a quarter, and counts as 1800 ns at most. */
	KUNIT_EXPECT_GE(test, at->delay[true], 500);
	KUNIT_EXPECT_LE(test, at->delay[true], 750);
	set_delays(&c, cpu, 400, 1000000);
	picks_here(&c, CMWQ2_PICK_SAMPLE - 1);
	would_pick(&c, CMWQ2_KICK_ENQUEUE, &here);
	KUNIT_EXPECT_FALSE(test, here);
	KUNIT_EXPECT_EQ(test, at->delay[true], 1000000);
	KUNIT_EXPECT_GE(test, at->delay[false], 500);
	/* A try: the newest delay replaces the usual one. */
	set_delays(&c, cpu, 1000000, 400);
	at->left = 0;
	would_pick(&c, CMWQ2_KICK_ENQUEUE, &here);
	KUNIT_EXPECT_FALSE(test, here);
	KUNIT_EXPECT_GE(test, at->delay[false], TOOK_NS);
	KUNIT_EXPECT_NE(test, at->delay[false], 1000000);
	/* A switch of the policy begins anew. */
	tw_policy(e, "pick", "head");
	tw_policy(e, "pick", "predict");
	KUNIT_EXPECT_EQ(test, at->delay[true], 0);
	KUNIT_EXPECT_EQ(test, at->delay[false], 0);
}

static void fn_note_pid(struct tw_item *it)
{
	it->pid = current->pid;
}

/*
 * The worker that is chosen runs the item, with a claim as well. With wakeup=needed a CPU
 * that has called a worker takes no second one there, so the call must end.
 */
static void chosen_worker_runs(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	const int cpus[] = { tw_cpu(1), tw_cpu(0) };
	struct cmwq2_worker *expected;
	struct tw_item *it;
	pid_t pid = 0;
	int i;

	tw_policy(e, "wakeup", "always");
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, cmwq2_policy_set("wakeup", i < 10 ? "always" : "needed"), 0);
		tw_go_idle(c.w, 0, cpus, ARRAY_SIZE(cpus));
		it = tw_item(e, fn_note_pid);
		tw_move(e, tw_cpu(0));
		local_irq_disable();
		raw_spin_lock(&c.pool->lock);
		expected = slept_on(c.pool, tw_cpu(0));
		if (expected)
			pid = expected->task->pid;
		raw_spin_unlock(&c.pool->lock);
		tw_queue_on(tw_cpu(0), c.w, it);
		local_irq_enable();
		tw_wait_done(it, "the item");
		KUNIT_EXPECT_NOT_NULL(test, expected);
		KUNIT_EXPECT_EQ(test, it->pid, pid);
		TW_POLL(e, tw_pool_idle(c.w, tw_cpu(0)), "the pool to come to rest");
	}
}

/* Run the item. Returns the thread that was at the head of the idle list before. */
static pid_t head_before(struct pick_ctx *c, struct tw_wq *w, struct tw_item *it)
{
	pid_t pid;

	local_irq_disable();
	raw_spin_lock(&c->pool->lock);
	pid = idle_head(c->pool)->task->pid;
	raw_spin_unlock(&c->pool->lock);
	tw_queue(w, it);
	local_irq_enable();
	tw_wait_done(it, "the item");
	return pid;
}

/* An ordered queue gets the worker that became idle last, wherever the enqueue was. */
static void ordered_takes_the_head(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	const int cpus[] = { tw_cpu(1), tw_cpu(0) };
	struct tw_wq *ordered = tw_alloc(e, TW_ORDERED, 0);
	struct tw_item *it = tw_item(e, fn_note_pid);
	pid_t pid;

	c.w = tw_shared_wq(e, 0, 0, 0);
	c.pool = tw_pool_of(ordered, tw_cpu(0));
	KUNIT_ASSERT_PTR_EQ(test, tw_pool_of(c.w, tw_cpu(0)), c.pool);
	tw_go_idle(c.w, 0, cpus, ARRAY_SIZE(cpus));
	tw_move(e, tw_cpu(0));
	pid = head_before(&c, ordered, it);
	KUNIT_EXPECT_EQ(test, it->pid, pid);
	TW_POLL(e, tw_pool_idle(c.w, tw_cpu(0)), "the pool to come to rest");
	tw_go_idle(c.w, 0, cpus, ARRAY_SIZE(cpus));
	tw_move(e, tw_cpu(0));
	pid = head_before(&c, c.w, it);
	KUNIT_EXPECT_NE(test, it->pid, pid);
}

/* A worker that was culled is not found through its CPU's list. */
static void culled_worker_is_not_found(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	const int cpus[] = { tw_cpu(1), tw_cpu(1), tw_cpu(0) };

	tw_policy(e, "min_idle", "1000");
	tw_policy(e, "idle_timeout_ms", "0");
	tw_go_idle(c.w, 0, cpus, ARRAY_SIZE(cpus));
	KUNIT_EXPECT_NOT_NULL(test, slept_on(c.pool, tw_cpu(0)));
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("min_idle", "2"), 0);
	TW_POLL(e, tw_stats(c.w, tw_cpu(0)).nr_workers == 2, "the others to be culled");
	KUNIT_EXPECT_NULL(test, slept_on(c.pool, tw_cpu(0)));
	tw_move(e, tw_cpu(0));
	expect_pick(e, &c, CMWQ2_KICK_ENQUEUE, tw_cpu(1), true);
}

/* No item is lost beside the culler, under each value and with each claim. */
static void picks_beside_culler(struct kunit *test)
{
	static const char *const claims[] = { "none", "kicked_list", "kicked_flag" };
	static const char *const picks[] = { "local", "predict" };
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	int i, j;

	tw_policy(e, "default_affinity_scope", "system");
	tw_policy(e, "idle_timeout_ms", "1");
	for (i = 0; i < ARRAY_SIZE(picks); i++) {
		tw_policy(e, "pick", picks[i]);
		for (j = 0; j < ARRAY_SIZE(claims); j++) {
			tw_policy(e, "claim", claims[j]);
			tw_load(e, TW_UNBOUND, 20);
		}
	}
}

static struct kunit_case pick_cases[] = {
	KUNIT_CASE(each_kick_takes_its_worker),
	KUNIT_CASE(switch_keeps_the_order),
	KUNIT_CASE(other_pod_is_not_here),
	KUNIT_CASE(predict_takes_the_better_way),
	KUNIT_CASE(predict_forgets_the_other_load),
	KUNIT_CASE(predict_tries_after_a_change),
	KUNIT_CASE(crossed_cpus_come_back),
	KUNIT_CASE(predict_has_no_choice),
	KUNIT_CASE(predict_learns),
	KUNIT_CASE(chosen_worker_runs),
	KUNIT_CASE(ordered_takes_the_head),
	KUNIT_CASE(culled_worker_is_not_found),
	KUNIT_CASE(picks_beside_culler),
	{}
};

static struct kunit_suite pick_suite = {
	.name = "cmwq2_pick",
	.test_cases = pick_cases,
};

kunit_test_suites(&pick_suite);
