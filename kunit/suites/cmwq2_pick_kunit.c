// SPDX-License-Identifier: GPL-2.0
/*
 * The pick policy: which idle worker a kick takes.
 */
#include <linux/list.h>
#include <linux/sched.h>

#include "base/types.h"
#include "lab/policy/pick.h"
#include "lab/policy/wake.h"
#include "hold.h"
#include "load.h"

#define NR_SLEEPERS	6

struct pick_ctx {
	struct tw_wq		*w;
	struct cmwq2_pool	*pool;
};

static struct tw_env *pick_env(struct kunit *test, const char *value, struct pick_ctx *c)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct completion *gate = tw_gate(e);
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "with one CPU every worker is local");
	tw_policy(e, "claim", "none");
	tw_policy(e, "pick", value);
	c->w = tw_alloc(e, TW_UNBOUND, 0);
	attrs->affn_scope = CMWQ2_AFFN_SYSTEM;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(c->w->wq, attrs), 0);
	c->pool = tw_pool_of(c->w, tw_cpu(0));
	/* Make idle workers that have slept on different CPUs. */
	for (i = 0; i < NR_SLEEPERS; i++) {
		struct tw_item *it = tw_gated(e, gate);

		tw_queue_on(tw_cpu(i), c->w, it);
		tw_wait_started(it, "an item that sleeps");
	}
	complete_all(gate);
	tw_flush_wq(c->w);
	TW_POLL(e, tw_pool_idle(c->w, tw_cpu(0)), "the pool to come to rest");
	return e;
}

/* The worker that a kick from this CPU looks for, or NULL. Context: pool->lock held. */
static struct cmwq2_worker *local_worker(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	int looks = 0;

	list_for_each_entry(worker, &pool->idle_list, entry) {
		if (looks++ == CMWQ2_PICK_LOOKS)
			return NULL;
		if (task_cpu(worker->task) == raw_smp_processor_id())
			return worker;
	}
	return NULL;
}

static struct cmwq2_worker *idle_head(struct cmwq2_pool *pool)
{
	return list_first_entry(&pool->idle_list, struct cmwq2_worker, entry);
}

/* cmwq2_pick_local() moves the right worker of the current idle list to its head. */
static void local_comes_first(struct kunit *test)
{
	struct pick_ctx c;
	struct cmwq2_worker *expected, *was, *first;
	struct list_head *node;
	int idle, after = 0;
	bool here;

	pick_env(test, "local", &c);
	raw_spin_lock_irq(&c.pool->lock);
	here = cpumask_test_cpu(raw_smp_processor_id(), c.pool->pod);
	idle = c.pool->nr_idle;
	was = idle_head(c.pool);
	expected = local_worker(c.pool);
	cmwq2_pick_local(c.pool);
	first = idle_head(c.pool);
	list_for_each(node, &c.pool->idle_list)
		after++;
	raw_spin_unlock_irq(&c.pool->lock);
	KUNIT_EXPECT_TRUE(test, here);
	KUNIT_EXPECT_GE(test, idle, NR_SLEEPERS);
	KUNIT_EXPECT_EQ(test, after, idle);
	KUNIT_EXPECT_PTR_EQ(test, first, expected ?: was);
}

/* The worker that the next kick from this CPU must take. NULL if that is the head anyway. */
static struct cmwq2_worker *local_behind_head(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *found;

	raw_spin_lock(&pool->lock);
	found = local_worker(pool);
	if (found == idle_head(pool))
		found = NULL;
	raw_spin_unlock(&pool->lock);
	return found;
}

/* Sleep, and go idle, on the CPU that @val names. */
static void fn_sleep_there(struct tw_item *it)
{
	struct pick_ctx *c = it->ctx;

	set_cpus_allowed_ptr(current, cpumask_of(it->val));
	tw_wait_for_test(it->gate);
	set_cpus_allowed_ptr(current, c->pool->attrs->cpumask);
}

/*
 * Two workers go idle, first the one of tw_cpu(1) and then that of tw_cpu(0), which is
 * the head of the idle list then.
 */
static void two_go_idle(struct tw_env *e, struct pick_ctx *c)
{
	struct tw_item *there[2];
	int i;

	for (i = 0; i < 2; i++) {
		there[i] = tw_gated(e, tw_gate(e));
		there[i]->fn = fn_sleep_there;
		there[i]->ctx = c;
		there[i]->val = tw_cpu(i);
		tw_queue_on(tw_cpu(i), c->w, there[i]);
		tw_wait_started(there[i], "an item that sleeps");
	}
	for (i = 1; i >= 0; i--) {
		complete_all(there[i]->gate);
		TW_POLL(e, READ_ONCE(c->pool->nr_idle) == READ_ONCE(c->pool->nr_workers) - i,
			"the worker to go idle");
	}
}

static void fn_note_pid(struct tw_item *it)
{
	it->pid = current->pid;
}

/*
 * An enqueue on a CPU takes the worker that slept there and not the head of the idle
 * list. The scheduler may still move a worker before it sleeps, so the test repeats
 * this until a local worker was behind the head five times.
 */
static void enqueue_takes_local(struct kunit *test)
{
	struct cmwq2_worker *expected;
	int tries, seen = 0;
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	struct tw_item *it;
	pid_t pid = 0;

	for (tries = 0; tries < 200 && seen < 5; tries++) {
		two_go_idle(e, &c);
		it = tw_item(e, fn_note_pid);
		tw_move(e, tw_cpu(1));
		TW_POLL(e, tw_pool_idle(c.w, tw_cpu(0)), "the pool to come to rest");
		local_irq_disable();
		expected = local_behind_head(c.pool);
		if (expected)
			pid = expected->task->pid;
		tw_queue_on(raw_smp_processor_id(), c.w, it);
		local_irq_enable();
		tw_wait_done(it, "the item");
		tw_flush_wq(c.w);
		if (!expected)
			continue;
		KUNIT_EXPECT_EQ(test, it->pid, pid);
		seen++;
	}
	KUNIT_EXPECT_EQ_MSG(test, seen, 5, "too few rounds with a local worker behind the head");
}

/* Only a kick of an enqueue wants a local worker, and only in an unbound pool. */
static void others_do_not_ask(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);
	struct tw_wq *percpu = tw_alloc(e, TW_PERCPU, 0);

	KUNIT_EXPECT_TRUE(test, cmwq2_wants_local(c.pool, CMWQ2_KICK_ENQUEUE));
	KUNIT_EXPECT_FALSE(test, cmwq2_wants_local(c.pool, CMWQ2_KICK_PROCESS));
	KUNIT_EXPECT_FALSE(test, cmwq2_wants_local(c.pool, CMWQ2_KICK_OTHER));
	KUNIT_EXPECT_FALSE(test, cmwq2_wants_local(tw_pool_of(percpu, tw_cpu(0)),
						   CMWQ2_KICK_ENQUEUE));
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("pick", "head"), 0);
	KUNIT_EXPECT_FALSE(test, cmwq2_wants_local(c.pool, CMWQ2_KICK_ENQUEUE));
}

/* No item is lost beside the culler, which takes a worker that was moved to the head last. */
static void local_beside_culler(struct kunit *test)
{
	struct pick_ctx c;
	struct tw_env *e = pick_env(test, "local", &c);

	tw_policy(e, "default_affinity_scope", "system");
	tw_policy(e, "idle_timeout_ms", "1");
	tw_load(e, TW_UNBOUND, 50);
}

static struct kunit_case pick_cases[] = {
	KUNIT_CASE(local_comes_first),
	KUNIT_CASE(enqueue_takes_local),
	KUNIT_CASE(others_do_not_ask),
	KUNIT_CASE(local_beside_culler),
	{}
};

static struct kunit_suite pick_suite = {
	.name = "cmwq2_pick",
	.test_cases = pick_cases,
};

kunit_test_suites(&pick_suite);
