// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUs that unbound queues may use, and other settings that change the
 * pools of all queues at once: the default scope and the size of cache shards.
 *
 * The kernel exports none of this to modules. The suite cmwq2_sysfs compares
 * its files in sysfs.
 */
#include <linux/cpumask.h>
#include <linux/errno.h>

#include "check.h"
#include "listen.h"
#include "place/cpumask.h"

static struct cpumask *mask_alloc(struct kunit *test)
{
	struct cpumask *mask = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mask);
	return mask;
}

static void masks_restore(void *requested)
{
	cmwq2_workqueue_unbound_housekeeping_update(cpu_possible_mask);
	cmwq2_set_unbound_cpumask(requested);
}

/* The environment of a test that needs two CPUs. Its end restores the masks. */
static struct tw_env *mask_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cpumask *requested = mask_alloc(test);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	cmwq2_get_cpumask(CMWQ2_CPUMASK_REQUESTED, requested);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, masks_restore, requested), 0);
	return e;
}

static bool mask_is(struct kunit *test, enum cmwq2_cpumask which, const struct cpumask *cpus)
{
	struct cpumask *mask = mask_alloc(test);

	cmwq2_get_cpumask(which, mask);
	return cpumask_equal(mask, cpus);
}

/* Queues an item from each CPU in turn. It must run on @cpus only. */
static void runs_on(struct kunit *test, struct tw_wq *w, const struct cpumask *cpus)
{
	struct tw_item *it = tw_item(w->env, tw_fn_nop);
	int cpu;

	for_each_online_cpu(cpu) {
		tw_queue_on(cpu, w, it);
		tw_wait_done(it, "the item");
		tw_flush(it);
		KUNIT_EXPECT_TRUE_MSG(test, cpumask_test_cpu(it->cpu, cpus),
				      "queued from %d it ran on %d, not on %*pbl", cpu, it->cpu,
				      cpumask_pr_args(cpus));
	}
}

static struct cmwq2_attrs *attrs_of(struct tw_env *e, enum cmwq2_affn_scope scope,
				    const struct cpumask *cpus)
{
	struct cmwq2_attrs *attrs = tw_zalloc(e, sizeof(*attrs));

	KUNIT_ASSERT_TRUE(e->test, alloc_cpumask_var(&attrs->cpumask, GFP_KERNEL));
	cpumask_copy(attrs->cpumask, cpus);
	attrs->affn_scope = scope;
	return attrs;
}

/* Applies attributes of which the test needs only @scope and @cpus. */
static void apply(struct kunit *test, struct tw_wq *w, enum cmwq2_affn_scope scope,
		  const struct cpumask *cpus)
{
	struct cmwq2_attrs *attrs = attrs_of(w->env, scope, cpus);

	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	free_cpumask_var(attrs->cpumask);
}

static void mask_limits_all_queues(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	static const unsigned int flags[] = { TW_UNBOUND, TW_ORDERED, TW_UNBOUND | TW_HIGHPRI,
					      TW_UNBOUND | TW_MEM_RECLAIM };
	struct tw_wq *old[ARRAY_SIZE(flags)];
	int i, n;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		old[i] = tw_alloc(e, flags[i], 0);
	for (n = 1; n >= 0; n--) {
		const struct cpumask *only = cpumask_of(tw_cpu(n));

		KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(only), 0);
		KUNIT_EXPECT_TRUE(test, mask_is(test, CMWQ2_CPUMASK_EFFECTIVE, only));
		KUNIT_EXPECT_TRUE(test, mask_is(test, CMWQ2_CPUMASK_REQUESTED, only));
		for (i = 0; i < ARRAY_SIZE(flags); i++) {
			struct tw_wq *new = tw_alloc(e, flags[i], 0);

			runs_on(test, old[i], only);
			runs_on(test, new, only);
		}
	}
}

static void mask_leaves_percpu_alone(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int cpu;

	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(cpumask_of(tw_cpu(0))), 0);
	for_each_online_cpu(cpu) {
		tw_queue_on(cpu, w, it);
		tw_wait_done(it, "the item");
		tw_flush(it);
		KUNIT_EXPECT_EQ(test, it->cpu, cpu);
	}
}

static void mask_refuses_nothing(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct cpumask *none = mask_alloc(test), *before = mask_alloc(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	int id = tw_stats(w, tw_cpu(0)).id;

	cmwq2_get_cpumask(CMWQ2_CPUMASK_EFFECTIVE, before);
	KUNIT_EXPECT_EQ(test, cmwq2_set_unbound_cpumask(none), -EINVAL);
	KUNIT_EXPECT_TRUE(test, mask_is(test, CMWQ2_CPUMASK_EFFECTIVE, before));
	KUNIT_EXPECT_EQ(test, tw_stats(w, tw_cpu(0)).id, id);
}

/* The queue remembers the requested CPUs, and returns to them. */
static void disjoint_attrs_fall_back(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	const struct cpumask *a = cpumask_of(tw_cpu(0)), *b = cpumask_of(tw_cpu(1));
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);

	apply(test, w, CMWQ2_AFFN_SYSTEM, a);
	runs_on(test, w, a);
	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(b), 0);
	runs_on(test, w, b);
	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(cpu_possible_mask), 0);
	runs_on(test, w, a);
	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(b), 0);
	apply(test, w, CMWQ2_AFFN_CPU, a);
	runs_on(test, w, b);
}

static void housekeeping_restricts(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	const struct cpumask *a = cpumask_of(tw_cpu(0)), *b = cpumask_of(tw_cpu(1));
	struct cpumask *others = mask_alloc(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);

	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(cpu_possible_mask), 0);
	KUNIT_ASSERT_EQ(test, cmwq2_workqueue_unbound_housekeeping_update(a), 0);
	cpumask_andnot(others, cpu_possible_mask, a);
	KUNIT_EXPECT_TRUE(test, mask_is(test, CMWQ2_CPUMASK_EFFECTIVE, a));
	KUNIT_EXPECT_TRUE(test, mask_is(test, CMWQ2_CPUMASK_REQUESTED, cpu_possible_mask));
	KUNIT_EXPECT_TRUE(test, mask_is(test, CMWQ2_CPUMASK_ISOLATED, others));
	runs_on(test, w, a);

	/* A request for isolated CPUs is allowed, and lasts until the isolation changes. */
	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(b), 0);
	runs_on(test, w, b);
	/* The requested mask has no housekeeping CPU, so it is used as it is. */
	KUNIT_ASSERT_EQ(test, cmwq2_workqueue_unbound_housekeeping_update(a), 0);
	KUNIT_EXPECT_TRUE(test, mask_is(test, CMWQ2_CPUMASK_EFFECTIVE, b));
	runs_on(test, w, b);
}

/* A message says when unbound queues cannot follow, and only then. */
static void cpu_change_says_nothing(struct kunit *test)
{
	struct tw_env *e = mask_env(test);

	tw_listen(e);
	cmwq2_unbound_offline(tw_cpu(1));
	cmwq2_unbound_online(tw_cpu(1));
	KUNIT_EXPECT_EQ(test, tw_heard("unbound workqueues cannot be updated"), 0);
}

/* Leave the CPUs of the pool, as the scheduler lets a worker do whose CPU goes offline. */
static void fn_stray(struct tw_item *it)
{
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	WRITE_ONCE(it->val, cpumask_weight(current->cpus_ptr));
	tw_fn_gate(it);
	it->val = cpumask_weight(current->cpus_ptr);
}

static void worker_comes_back(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_item *it = tw_item(e, fn_stray);

	apply(test, w, CMWQ2_AFFN_SYSTEM, cpumask_of(tw_cpu(1)));
	it->gate = tw_gate(e);
	tw_queue_on(tw_cpu(1), w, it);
	TW_POLL(e, READ_ONCE(it->val) > 1, "the worker to leave its CPU");
	cmwq2_unbound_online(tw_cpu(1));
	complete_all(it->gate);
	tw_wait_done(it, "the item");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, it->val, 1);
}

static void thread_change_mask(struct tw_thread *t)
{
	struct cmwq2_attrs *attrs = t->ctx;
	int i;

	for (i = 0; i < 30 && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		cpumask_copy(attrs->cpumask,
			     i % 3 ? cpumask_of(tw_cpu(i / 3)) : cpu_possible_mask);
		if (cmwq2_set_unbound_cpumask(attrs->cpumask))
			t->val++;
	}
	WRITE_ONCE(t->ret, true);
}

static void thread_change_pods(struct tw_thread *t)
{
	static const char * const scopes[] = { "cpu", "system", "cache_shard", "numa", "smt" };
	static const char * const sizes[] = { "1", "2", "8", "8192", "3" };
	int i;

	for (i = 0; i < 30 && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		if (cmwq2_policy_set("default_affinity_scope", scopes[i % ARRAY_SIZE(scopes)]) ||
		    cmwq2_policy_set("cache_shard_size", sizes[i % ARRAY_SIZE(sizes)]))
			t->val++;
	}
	WRITE_ONCE(t->ret, true);
}

struct seq_ctx {
	int	next;		/* written only by the ordered queue's items */
	int	disorder;
};

static void fn_in_order(struct tw_item *it)
{
	struct seq_ctx *c = it->ctx;

	if (READ_ONCE(c->next) != it->id)
		c->disorder++;
	WRITE_ONCE(c->next, it->id + 1);
}

/* Items run while @fn changes the pools of all queues. */
static void under_load(struct kunit *test, struct tw_env *e, void (*fn)(struct tw_thread *t))
{
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 3), *ordered = tw_alloc(e, TW_ORDERED, 0);
	struct seq_ctx *seq = tw_zalloc(e, sizeof(*seq));
	struct tw_item *items[16], *lane[16];
	struct cmwq2_attrs *attrs = attrs_of(e, CMWQ2_AFFN_DFL, cpu_possible_mask);
	struct tw_thread *t = tw_thread(e, tw_cpu(1), fn, w, NULL, attrs);
	int i, rounds = 0;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_item(e, tw_fn_nop);
		lane[i] = tw_item(e, fn_in_order);
		lane[i]->ctx = seq;
	}
	tw_thread_start(t);
	do {
		for (i = 0; i < ARRAY_SIZE(items); i++) {
			lane[i]->id = rounds * ARRAY_SIZE(lane) + i;
			tw_queue_on(tw_cpu(i), ordered, lane[i]);
			tw_queue_on(tw_cpu(i), w, items[i]);
		}
		for (i = 0; i < ARRAY_SIZE(items); i++) {
			tw_wait_done(items[i], "an item while the pools change");
			tw_wait_done(lane[i], "an ordered item while the pools change");
		}
		tw_flush_wq(w);
		tw_flush_wq(ordered);
		rounds++;
	} while (!READ_ONCE(t->ret));
	tw_join(t, "the thread that changes the pools");
	free_cpumask_var(attrs->cpumask);
	KUNIT_EXPECT_EQ(test, t->val, 0);
	KUNIT_EXPECT_EQ(test, seq->disorder, 0);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), rounds);
		KUNIT_EXPECT_EQ(test, atomic_read(&lane[i]->runs), rounds);
	}
}

static void mask_changes_under_load(struct kunit *test)
{
	under_load(test, mask_env(test), thread_change_mask);
}

/* A change visits all rescuers, while some of them are being destroyed. */
static void mask_changes_beside_destroy(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct cmwq2_attrs *attrs = attrs_of(e, CMWQ2_AFFN_DFL, cpu_possible_mask);
	struct tw_thread *t = tw_thread(e, tw_cpu(1), thread_change_mask, NULL, NULL, attrs);

	tw_thread_start(t);
	do {
		struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);

		tw_destroy(w);
	} while (!READ_ONCE(t->ret));
	tw_join(t, "the thread that changes the mask");
	free_cpumask_var(attrs->cpumask);
	KUNIT_EXPECT_EQ(test, t->val, 0);
}

static void pods_change_under_load(struct kunit *test)
{
	struct tw_env *e = mask_env(test);

	tw_policy(e, "default_affinity_scope", "cache_shard");
	tw_policy(e, "cache_shard_size", "8");
	under_load(test, e, thread_change_pods);
}

static void default_scope_moves_queues(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct tw_wq *dfl = tw_alloc(e, TW_UNBOUND, 0), *own = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_wq *ordered = tw_alloc(e, TW_ORDERED, 0);
	int a = tw_cpu(0), b = tw_cpu(1), i;

	apply(test, own, CMWQ2_AFFN_SYSTEM, cpu_possible_mask);
	tw_policy(e, "default_affinity_scope", "cpu");
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_NE(test, tw_stats(dfl, a).id, tw_stats(dfl, b).id);
		KUNIT_EXPECT_EQ(test, tw_stats(own, a).id, tw_stats(own, b).id);
		KUNIT_EXPECT_EQ(test, tw_stats(ordered, a).id, tw_stats(ordered, b).id);
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("default_affinity_scope", "system"), 0);
		KUNIT_EXPECT_EQ(test, tw_stats(dfl, a).id, tw_stats(dfl, b).id);
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("default_affinity_scope", "cpu"), 0);
	}
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("default_affinity_scope", "default"), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("default_affinity_scope", "galaxy"), -EINVAL);
	KUNIT_EXPECT_NE(test, tw_stats(dfl, a).id, tw_stats(dfl, b).id);
}

static void shard_size_divides_caches(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct tw_wq *cache = tw_alloc(e, TW_UNBOUND, 0), *shard = tw_alloc(e, TW_UNBOUND, 0);
	static const char * const bad[] = { "", "0", "-1", "8193", "4294967304", "one", "1x" };
	int a = tw_cpu(0), b = tw_cpu(1), i;
	bool same;

	apply(test, cache, CMWQ2_AFFN_CACHE, cpu_possible_mask);
	apply(test, shard, CMWQ2_AFFN_CACHE_SHARD, cpu_possible_mask);
	tw_policy(e, "cache_shard_size", "1");
	/* Shards consist of cores, not threads: siblings stay together. */
	if (!cpumask_test_cpu(b, topology_sibling_cpumask(a)))
		KUNIT_EXPECT_NE(test, tw_stats(shard, a).id, tw_stats(shard, b).id);
	KUNIT_ASSERT_EQ(test, cmwq2_policy_set("cache_shard_size", "8192"), 0);
	same = tw_stats(cache, a).id == tw_stats(cache, b).id;
	KUNIT_EXPECT_EQ(test, tw_stats(shard, a).id == tw_stats(shard, b).id, same);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, cmwq2_policy_set("cache_shard_size", bad[i]), -EINVAL,
				    "accepted %s", bad[i]);
	KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("cache_shard_size"), "8192");
}

/* The number of cores that have the pool which @cpu has in the queue. */
static int cores_with(struct tw_wq *w, int cpu)
{
	int other, id = tw_stats(w, cpu).id, nr = 0;

	for_each_online_cpu(other)
		if (cpumask_first(topology_sibling_cpumask(other)) == other)
			nr += tw_stats(w, other).id == id;
	return nr;
}

/* The shards of a cache are alike, and as close to the size as whole shards can be. */
static void shards_are_alike(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct tw_wq *cache = tw_alloc(e, TW_UNBOUND, 0), *shard = tw_alloc(e, TW_UNBOUND, 0);
	int cpu, cores, shards, size;
	char value[16];

	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(cpu_possible_mask), 0);
	apply(test, cache, CMWQ2_AFFN_CACHE, cpu_possible_mask);
	apply(test, shard, CMWQ2_AFFN_CACHE_SHARD, cpu_possible_mask);
	tw_policy(e, "cache_shard_size", "1");
	for (size = 1; size <= num_online_cpus() + 1; size++) {
		scnprintf(value, sizeof(value), "%d", size);
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("cache_shard_size", value), 0);
		for_each_online_cpu(cpu) {
			cores = cores_with(cache, cpu);
			shards = max(1, DIV_ROUND_CLOSEST(cores, size));
			KUNIT_EXPECT_GE(test, cores_with(shard, cpu), cores / shards);
			KUNIT_EXPECT_LE(test, cores_with(shard, cpu), DIV_ROUND_UP(cores, shards));
		}
	}
}

static void forced_round_robin(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = attrs_of(e, CMWQ2_AFFN_CPU, cpu_possible_mask);
	struct cpumask *seen = mask_alloc(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int i;

	attrs->affn_strict = true;
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	free_cpumask_var(attrs->cpumask);
	tw_policy(e, "debug_force_rr_cpu", "1");
	KUNIT_EXPECT_STREQ(test, cmwq2_policy_get("debug_force_rr_cpu"), "Y");
	/* The round-robin counter is per CPU, and this thread may move between CPUs. */
	for (i = 0; i < 2 * num_online_cpus() * num_online_cpus(); i++) {
		tw_queue(w, it);
		tw_wait_done(it, "the item");
		tw_flush(it);
		cpumask_set_cpu(it->cpu, seen);
	}
	KUNIT_EXPECT_TRUE(test, cpumask_equal(seen, cpu_online_mask));
	KUNIT_EXPECT_EQ(test, cmwq2_policy_set("debug_force_rr_cpu", "perhaps"), -EINVAL);
}

static void power_efficient_is_unbound_or_not(struct kunit *test)
{
	struct tw_env *e = mask_env(test);
	static const unsigned int flags = CMWQ2_WQ_PERCPU | CMWQ2_WQ_POWER_EFFICIENT;
	struct tw_wq *percpu = tw_alloc(e, TW_PERCPU, 0), *unbound = tw_alloc(e, TW_UNBOUND, 0);
	int i, cpu = tw_cpu(1);

	tw_policy(e, "power_efficient", "N");
	for (i = 0; i < 2; i++) {
		struct cmwq2_wq *wq = cmwq2_alloc_workqueue("cmwq2_kunit", flags, 0);
		struct cmwq2_pool_stats st = {};

		KUNIT_ASSERT_NOT_NULL(test, wq);
		KUNIT_EXPECT_EQ(test, cmwq2_pool_stats(wq, cpu, &st), 0);
		KUNIT_EXPECT_EQ(test, st.id, tw_stats(i ? unbound : percpu, cpu).id);
		cmwq2_destroy_workqueue(wq);
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("power_efficient", "Y"), 0);
	}
}

static struct kunit_case cpumask_cases[] = {
	KUNIT_CASE(mask_limits_all_queues),
	KUNIT_CASE(mask_leaves_percpu_alone),
	KUNIT_CASE(mask_refuses_nothing),
	KUNIT_CASE(disjoint_attrs_fall_back),
	KUNIT_CASE(housekeeping_restricts),
	KUNIT_CASE(cpu_change_says_nothing),
	KUNIT_CASE(worker_comes_back),
	KUNIT_CASE(mask_changes_under_load),
	KUNIT_CASE(mask_changes_beside_destroy),
	KUNIT_CASE(pods_change_under_load),
	KUNIT_CASE(default_scope_moves_queues),
	KUNIT_CASE(shard_size_divides_caches),
	KUNIT_CASE(shards_are_alike),
	KUNIT_CASE(forced_round_robin),
	KUNIT_CASE(power_efficient_is_unbound_or_not),
	{}
};

static struct kunit_suite cpumask_suite = {
	.name = "cmwq2_cpumask",
	.test_cases = cpumask_cases,
};

kunit_test_suites(&cpumask_suite);
