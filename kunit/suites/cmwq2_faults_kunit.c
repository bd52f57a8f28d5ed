// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of every function fails once.
 *
 * A call that meets a failed allocation must either fail cleanly or succeed all the
 * same: see faulty.h. Other tools check the rest: kmemleak finds a leak, and rmmod
 * finds a reference that was not dropped.
 *
 * Two kinds of allocation cannot be made to fail this way: per-CPU memory, for which
 * the kernel has no fault injection, and the allocations of kthreadd, which is another
 * thread. For these, tw_starve() makes the creation of a worker fail.
 */
#include <linux/device.h>
#include <linux/slab.h>

#include "check.h"
#include "faulty.h"

static void expect_runs_one(struct tw_env *e, void *wq)
{
	struct tw_item *it = tw_item(e, tw_fn_nop);

	KUNIT_EXPECT_TRUE(e->test, e->ops->queue_on(tw_cpu(1), wq, it));
	tw_wait_done(it, "an item of a queue that was made under faults");
	e->ops->flush_wq(wq);
}

static const struct fault_kind {
	char		name[32];
	unsigned int	flags;
	int		legacy;		/* enum tw_legacy, or -1 */
} fault_kinds[] = {
	{ "percpu", TW_PERCPU, -1 },
	{ "percpu_highpri", TW_PERCPU | TW_HIGHPRI, -1 },
	{ "percpu_reclaim", TW_PERCPU | TW_MEM_RECLAIM, -1 },
	{ "percpu_freezable_intensive", TW_PERCPU | TW_FREEZABLE | TW_CPU_INTENSIVE, -1 },
	{ "unbound", TW_UNBOUND, -1 },
	{ "unbound_highpri", TW_UNBOUND | TW_HIGHPRI, -1 },
	{ "unbound_reclaim", TW_UNBOUND | TW_MEM_RECLAIM, -1 },
	{ "ordered", TW_ORDERED, -1 },
	{ "ordered_highpri_reclaim", TW_ORDERED | TW_HIGHPRI | TW_MEM_RECLAIM, -1 },
	{ "percpu_sysfs", TW_PERCPU | TW_SYSFS, -1 },
	{ "unbound_sysfs", TW_UNBOUND | TW_SYSFS, -1 },
	{ "bh", TW_PERCPU | TW_BH, -1 },
	{ "create_workqueue", 0, TW_MULTITHREAD },
	{ "create_singlethread", 0, TW_SINGLETHREAD },
	{ "create_freezable", 0, TW_FREEZABLE_THREAD },
};

KUNIT_ARRAY_PARAM_DESC(kind, fault_kinds, name);

static struct faulty *faulty_kind(struct kunit *test, const struct tw_engine *engine)
{
	const struct fault_kind *kind = test->param_value;
	struct faulty *f = tw_faulty(test, engine);

	f->e->bh = kind->flags & TW_BH;
	return f;
}

static int call_alloc(struct faulty *f)
{
	const struct fault_kind *kind = f->e->test->param_value;

	f->wq = kind->legacy < 0 ? f->e->ops->alloc("cmwq2_kunit", kind->flags, 0) :
				   f->e->ops->create(kind->legacy, "cmwq2_kunit");
	return f->wq ? 0 : -ENOMEM;
}

static void undo_alloc(struct faulty *f)
{
	expect_runs_one(f->e, f->wq);
	f->e->ops->destroy(f->wq);
}

static void alloc_fails(struct kunit *test, const struct tw_engine *engine)
{
	struct faulty *f = faulty_kind(test, engine);

	f->call = call_alloc;
	f->undo = undo_alloc;
	KUNIT_EXPECT_GT(test, tw_fail_each(f), 0);
}

static void alloc_fails_native(struct kunit *test)
{
	alloc_fails(test, &tw_engines[TW_NATIVE]);
}

static void alloc_fails_cmwq2(struct kunit *test)
{
	alloc_fails(test, &tw_engines[TW_CMWQ2]);
}

static int call_destroy(struct faulty *f)
{
	f->e->ops->destroy(f->wq);
	return 0;
}

static void check_destroy(struct faulty *f, int ret)
{
	KUNIT_ASSERT_EQ(f->e->test, call_alloc(f), 0);
	expect_runs_one(f->e, f->wq);
}

/* Destroying a queue returns no error, so it must not depend on an allocation. */
static void destroy_needs_nothing(struct kunit *test)
{
	struct faulty *f = faulty_kind(test, &tw_engines[TW_CMWQ2]);

	f->call = call_destroy;
	f->check = check_destroy;
	check_destroy(f, 0);
	KUNIT_EXPECT_EQ(test, tw_fail_each(f), 0);
	f->e->ops->destroy(f->wq);
}

static int call_devm_alloc(struct faulty *f)
{
	const struct fault_kind *kind = f->e->test->param_value;

	f->wq = f->e->ops->devm_alloc(f->dev, "cmwq2_kunit", kind->flags, 0);
	return f->wq ? 0 : -ENOMEM;
}

/* Each further call makes a further queue. All are destroyed with the device. */
static void check_devm_alloc(struct faulty *f, int ret)
{
	if (!ret)
		expect_runs_one(f->e, f->wq);
}

static void device_gone(void *dev)
{
	root_device_unregister(dev);
}

static void devm_alloc_fails(struct kunit *test, const struct tw_engine *engine)
{
	const struct fault_kind *kind = test->param_value;
	struct faulty *f = faulty_kind(test, engine);

	tw_need(f->e, devm_alloc);
	if (kind->legacy >= 0)
		kunit_skip(test, "devm_alloc_workqueue() makes no legacy queues");
	if (kind->flags & TW_SYSFS)
		kunit_skip(test, "several queues of one name cannot be in sysfs");
	f->dev = root_device_register("cmwq2_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->dev);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, device_gone, f->dev), 0);
	f->call = call_devm_alloc;
	f->check = check_devm_alloc;
	KUNIT_EXPECT_GT(test, tw_fail_each(f), 0);
}

static void devm_alloc_fails_native(struct kunit *test)
{
	devm_alloc_fails(test, &tw_engines[TW_NATIVE]);
}

static void devm_alloc_fails_cmwq2(struct kunit *test)
{
	devm_alloc_fails(test, &tw_engines[TW_CMWQ2]);
}

#ifdef CONFIG_LOCKDEP
static int call_alloc_lockdep_map(struct faulty *f)
{
	static struct lock_class_key key;
	static struct lockdep_map map = STATIC_LOCKDEP_MAP_INIT("cmwq2_kunit", &key);

	f->wq = cmwq2_alloc_workqueue_lockdep_map("cmwq2_kunit", CMWQ2_WQ_UNBOUND, 0, &map);
	return f->wq ? 0 : -ENOMEM;
}
#else
#define call_alloc_lockdep_map	NULL
#endif

static void alloc_lockdep_map_fails(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);

	if (!IS_ENABLED(CONFIG_LOCKDEP))
		kunit_skip(test, "needs a kernel with CONFIG_LOCKDEP");
	f->call = call_alloc_lockdep_map;
	f->undo = undo_alloc;
	KUNIT_EXPECT_GT(test, tw_fail_each(f), 0);
}

static int call_sysfs_register(struct faulty *f)
{
	return cmwq2_workqueue_sysfs_register(f->w->wq);
}

/* A queue leaves sysfs only when it is destroyed. */
static void undo_sysfs_register(struct faulty *f)
{
	tw_destroy(f->w);
	f->w = tw_alloc(f->e, TW_UNBOUND, 0);
}

static void check_sysfs_register(struct faulty *f, int ret)
{
	expect_runs_one(f->e, f->w->wq);
}

static void sysfs_register_fails(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);

	f->w = tw_alloc(f->e, TW_UNBOUND, 0);
	f->call = call_sysfs_register;
	f->undo = undo_sysfs_register;
	f->check = check_sysfs_register;
	KUNIT_EXPECT_GT(test, tw_fail_each(f), 0);
}

static int call_alloc_attrs(struct faulty *f)
{
	f->attrs = cmwq2_alloc_workqueue_attrs();
	return f->attrs ? 0 : -ENOMEM;
}

static void undo_alloc_attrs(struct faulty *f)
{
	cmwq2_free_workqueue_attrs(f->attrs);
}

static void alloc_attrs_fails(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);

	f->call = call_alloc_attrs;
	f->undo = undo_alloc_attrs;
	KUNIT_EXPECT_GT(test, tw_fail_each(f), 0);
}

#define OLD_NICE	19

static void fn_note_nice(struct tw_item *it)
{
	it->val = task_nice(current);
}

static void note_pools(struct faulty *f)
{
	int cpu;

	for_each_online_cpu(cpu)
		f->ids[cpu] = tw_stats(f->w, cpu).id;
}

/*
 * Another nice level each time: pools with the last one may still exist, and
 * would be found instead of created.
 */
static int call_apply_attrs(struct faulty *f)
{
	f->nice = (f->nice + 1) % OLD_NICE;
	f->attrs->nice = f->nice;
	return cmwq2_apply_workqueue_attrs(f->w->wq, f->attrs);
}

static void undo_apply_attrs(struct faulty *f)
{
	f->attrs->nice = OLD_NICE;
	KUNIT_ASSERT_EQ(f->e->test, cmwq2_apply_workqueue_attrs(f->w->wq, f->attrs), 0);
	note_pools(f);
}

/*
 * After a failure there must be the old pools with their nice level, else new pools on
 * every CPU.
 */
static void check_apply_attrs(struct faulty *f, int ret)
{
	struct kunit *test = f->e->test;
	int cpu;

	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_EQ(test, tw_stats(f->w, cpu).id == f->ids[cpu], !!ret);
		tw_queue_on(cpu, f->w, f->it);
		tw_wait_done(f->it, "an item of a queue whose attributes were to change");
		tw_flush(f->it);
		KUNIT_EXPECT_EQ(test, f->it->val, ret ? OLD_NICE : f->nice);
	}
}

static void apply_attrs_with_scope(struct kunit *test, enum cmwq2_affn_scope scope)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);
	struct tw_item *running;

	/* The queue has no rescuer, which would run items at its own nice level. */
	f->w = tw_alloc(f->e, TW_UNBOUND, 0);
	f->it = tw_item(f->e, fn_note_nice);
	f->ids = tw_zalloc(f->e, nr_cpu_ids * sizeof(*f->ids));
	f->attrs = tw_attrs(test);
	f->attrs->affn_scope = scope;
	undo_apply_attrs(f);

	/* This item stays where it is, whatever happens to the queue's pwqs. */
	running = tw_gated(f->e, NULL);
	tw_queue(f->w, running);
	tw_wait_started(running, "an item of the old attributes");
	f->call = call_apply_attrs;
	f->undo = undo_apply_attrs;
	f->check = check_apply_attrs;
	/* More failures than pwqs: one for each CPU and one default. So pools were created. */
	KUNIT_EXPECT_GT(test, tw_fail_each(f), (int)num_possible_cpus() + 5);
	complete_all(running->gate);
	tw_flush_wq(f->w);
	KUNIT_EXPECT_EQ(test, atomic_read(&running->runs), 1);
}

static void apply_attrs_fails(struct kunit *test)
{
	apply_attrs_with_scope(test, CMWQ2_AFFN_CPU);
}

static void apply_attrs_one_pool_fails(struct kunit *test)
{
	apply_attrs_with_scope(test, CMWQ2_AFFN_SYSTEM);
}

/*
 * Calls that change every unbound queue at once must change all of them or
 * none. The queue of the test gets a new nice level each time, so pools are
 * created.
 */
static struct cpumask mask_before, mask_now;

static void restore_mask(void *unused)
{
	cmwq2_set_unbound_cpumask(&mask_before);
}

static void renew_pools(struct faulty *f)
{
	f->nice = (f->nice + 1) % OLD_NICE;
	f->attrs->nice = f->nice;
	KUNIT_ASSERT_EQ(f->e->test, cmwq2_apply_workqueue_attrs(f->w->wq, f->attrs), 0);
	note_pools(f);
}

static bool pools_are_same(struct faulty *f)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (tw_stats(f->w, cpu).id != f->ids[cpu])
			return false;
	return true;
}

static int call_set_cpumask(struct faulty *f)
{
	return cmwq2_set_unbound_cpumask(cpumask_of(tw_cpu(1)));
}

static int call_housekeeping(struct faulty *f)
{
	return cmwq2_workqueue_unbound_housekeeping_update(cpumask_of(tw_cpu(1)));
}

static void undo_set_cpumask(struct faulty *f)
{
	KUNIT_ASSERT_EQ(f->e->test, cmwq2_set_unbound_cpumask(&mask_before), 0);
	renew_pools(f);
}

static void undo_housekeeping(struct faulty *f)
{
	KUNIT_ASSERT_EQ(f->e->test,
			cmwq2_workqueue_unbound_housekeeping_update(cpu_possible_mask), 0);
	renew_pools(f);
}

static void check_effective_mask(struct faulty *f, int ret)
{
	cmwq2_get_cpumask(CMWQ2_CPUMASK_EFFECTIVE, &mask_now);
	KUNIT_EXPECT_TRUE(f->e->test, cpumask_equal(&mask_now, ret ? &mask_before :
								     cpumask_of(tw_cpu(1))));
	KUNIT_EXPECT_EQ(f->e->test, pools_are_same(f), !!ret);
	expect_runs_one(f->e, f->w->wq);
}

static int call_scope(struct faulty *f)
{
	return cmwq2_policy_set("default_affinity_scope", "system");
}

static void undo_scope(struct faulty *f)
{
	KUNIT_ASSERT_EQ(f->e->test, cmwq2_policy_set("default_affinity_scope", "cpu"), 0);
	renew_pools(f);
}

static void check_scope(struct faulty *f, int ret)
{
	KUNIT_EXPECT_STREQ(f->e->test, cmwq2_policy_get("default_affinity_scope"),
			   ret ? "cpu" : "system");
	KUNIT_EXPECT_EQ(f->e->test, pools_are_same(f), !!ret);
	expect_runs_one(f->e, f->w->wq);
}

static int call_shard_size(struct faulty *f)
{
	return cmwq2_policy_set("cache_shard_size", "2");
}

static void undo_shard_size(struct faulty *f)
{
	KUNIT_ASSERT_EQ(f->e->test, cmwq2_policy_set("cache_shard_size", "8"), 0);
}

static void check_shard_size(struct faulty *f, int ret)
{
	KUNIT_EXPECT_STREQ(f->e->test, cmwq2_policy_get("cache_shard_size"), ret ? "8" : "2");
	expect_runs_one(f->e, f->w->wq);
}

static struct faulty *faulty_for_all(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	cmwq2_get_cpumask(CMWQ2_CPUMASK_REQUESTED, &mask_before);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_mask, NULL), 0);
	tw_policy(f->e, "default_affinity_scope", "cpu");
	tw_policy(f->e, "cache_shard_size", "8");
	f->w = tw_alloc(f->e, TW_UNBOUND, 0);
	f->ids = tw_zalloc(f->e, nr_cpu_ids * sizeof(*f->ids));
	f->attrs = tw_attrs(test);
	renew_pools(f);
	return f;
}

static void fails_for_all(struct kunit *test, int (*call)(struct faulty *f),
			  void (*undo)(struct faulty *f),
			  void (*check)(struct faulty *f, int ret))
{
	struct faulty *f = faulty_for_all(test);

	f->call = call;
	f->undo = undo;
	f->check = check;
	KUNIT_EXPECT_GT(test, tw_fail_each(f), 0);
}

static void set_cpumask_fails(struct kunit *test)
{
	fails_for_all(test, call_set_cpumask, undo_set_cpumask, check_effective_mask);
}

static void housekeeping_fails(struct kunit *test)
{
	fails_for_all(test, call_housekeeping, undo_housekeeping, check_effective_mask);
}

static void default_scope_fails(struct kunit *test)
{
	fails_for_all(test, call_scope, undo_scope, check_scope);
}

static void shard_size_fails(struct kunit *test)
{
	fails_for_all(test, call_shard_size, undo_shard_size, check_shard_size);
}

static atomic_t each_runs;

static void each_fn(struct cmwq2_work *work)
{
	atomic_inc(&each_runs);
}

static int call_each_cpu(struct faulty *f)
{
	atomic_set(&each_runs, 0);
	return cmwq2_schedule_on_each_cpu(each_fn);
}

static void check_each_cpu(struct faulty *f, int ret)
{
	KUNIT_EXPECT_EQ(f->e->test, atomic_read(&each_runs), ret ? 0 : (int)num_online_cpus());
}

/* The memory is per CPU, so most likely none of the faults hits this call. */
static void each_cpu_all_or_none(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);

	f->call = call_each_cpu;
	f->check = check_each_cpu;
	tw_fail_each(f);
}

static int call_what_cannot_fail(struct faulty *f)
{
	const struct tw_ops *ops = f->e->ops;
	bool ok = true;

	ok &= !ops->set_max_active(f->wq, 3);
	ok &= ops->queue_on(tw_cpu(1), f->wq, f->it);
	ok &= ops->flush(f->it) || atomic_read(&f->it->runs);
	ok &= ops->queue_on(tw_cpu(0), f->wq, f->it);
	ops->flush_wq(f->wq);
	ops->drain(f->wq);
	ok &= !ops->disable_sync(f->it);
	ok &= ops->enable_and_queue(f->wq, f->it);
	ops->cancel_sync(f->it);
	cmwq2_freeze_workqueues_begin();
	cmwq2_freeze_workqueues_busy();
	cmwq2_thaw_workqueues();
	return ok ? 0 : -EIO;
}

static void using_needs_nothing(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);
	static const unsigned int kinds[] = { TW_PERCPU, TW_UNBOUND | TW_FREEZABLE };
	int i;

	f->it = tw_item(f->e, tw_fn_nop);
	f->call = call_what_cannot_fail;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		f->wq = tw_alloc(f->e, kinds[i], 0)->wq;
		KUNIT_EXPECT_EQ(test, tw_fail_each(f), 0);
	}
}

static int call_policies(struct faulty *f)
{
	return cmwq2_policy_set("profile", "mainline-6.12") ?:
	       cmwq2_policy_set("claim", "kicked_list") ?:
	       cmwq2_policy_set("wake", "deferred") ?:
	       cmwq2_policy_set("idle_timeout_ms", "1000") ?:
	       cmwq2_policy_set("cull_ratio", "3") ?:
	       cmwq2_policy_set("min_idle", "3");
}

static void policies_need_nothing(struct kunit *test)
{
	struct faulty *f = tw_faulty(test, &tw_engines[TW_CMWQ2]);
	static const char *const policies[] = {
		"claim", "wake", "idle_timeout_ms", "cull_ratio", "min_idle",
	};
	int i;

	/*
	 * They are set to their present values, so that the environment restores them
	 * at the end.
	 */
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		tw_policy(f->e, policies[i], cmwq2_policy_get(policies[i]));
	f->call = call_policies;
	KUNIT_EXPECT_EQ(test, tw_fail_each(f), 0);
}

static struct kunit_case faults_cases[] = {
	KUNIT_CASE_PARAM(alloc_fails_native, kind_gen_params),
	KUNIT_CASE_PARAM(alloc_fails_cmwq2, kind_gen_params),
	KUNIT_CASE_PARAM(destroy_needs_nothing, kind_gen_params),
	KUNIT_CASE_PARAM(devm_alloc_fails_native, kind_gen_params),
	KUNIT_CASE_PARAM(devm_alloc_fails_cmwq2, kind_gen_params),
	KUNIT_CASE(alloc_attrs_fails),
	KUNIT_CASE(apply_attrs_fails),
	KUNIT_CASE(apply_attrs_one_pool_fails),
	KUNIT_CASE(alloc_lockdep_map_fails),
	KUNIT_CASE(sysfs_register_fails),
	KUNIT_CASE(set_cpumask_fails),
	KUNIT_CASE(housekeeping_fails),
	KUNIT_CASE(default_scope_fails),
	KUNIT_CASE(shard_size_fails),
	KUNIT_CASE(each_cpu_all_or_none),
	KUNIT_CASE(using_needs_nothing),
	KUNIT_CASE(policies_need_nothing),
	{}
};

static struct kunit_suite faults_suite = {
	.name = "cmwq2_faults",
	.test_cases = faults_cases,
};

kunit_test_suites(&faults_suite);
