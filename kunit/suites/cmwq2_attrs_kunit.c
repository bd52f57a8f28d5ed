// SPDX-License-Identifier: GPL-2.0
/*
 * Bad input, attributes of unbound queues, affinity scopes, and which queues
 * share a pool.
 *
 * The tests tell pools apart by the number from cmwq2_pool_stats(). The thread
 * that runs an item shows what the attributes do. The kernel exports none of
 * its attribute functions, so most of this is for cmwq2 alone.
 */
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "base/types.h"
#include "check.h"
#include "hold.h"
#include "listen.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void alloc_refuses(struct kunit *test, const char *fmt, unsigned int flags,
			  int max_active)
{
	struct cmwq2_wq *wq = cmwq2_alloc_workqueue(fmt, flags, max_active);

	KUNIT_EXPECT_NULL_MSG(test, wq, "name %s flags %#x max_active %d accepted",
			      fmt ?: "(null)", flags, max_active);
	if (wq)
		cmwq2_destroy_workqueue(wq);
}

static void alloc_refuses_bad_input(struct kunit *test)
{
	alloc_refuses(test, NULL, CMWQ2_WQ_PERCPU, 0);
	alloc_refuses(test, "", CMWQ2_WQ_PERCPU, 0);
	alloc_refuses(test, "cmwq2_kunit", CMWQ2_WQ_PERCPU | BIT(30), 0);
	alloc_refuses(test, "cmwq2_kunit", CMWQ2_WQ_PERCPU | CMWQ2_WQ_UNBOUND, 0);
	alloc_refuses(test, "cmwq2_kunit", CMWQ2_WQ_PERCPU, -1);
	alloc_refuses(test, "cmwq2_kunit", CMWQ2_WQ_PERCPU, CMWQ2_MAX_ACTIVE + 1);
	alloc_refuses(test, "cmwq2_kunit", CMWQ2_WQ_UNBOUND, -1);
	alloc_refuses(test, "cmwq2_kunit", CMWQ2_WQ_UNBOUND, CMWQ2_MAX_ACTIVE + 1);
}

/* The control: the same calls at the edge of what is allowed. */
static void alloc_accepts_good_input(struct kunit *test)
{
	static const struct { unsigned int flags; int max_active; } good[] = {
		{ CMWQ2_WQ_PERCPU, 0 },
		{ CMWQ2_WQ_PERCPU, 1 },
		{ CMWQ2_WQ_PERCPU, CMWQ2_MAX_ACTIVE },
		{ CMWQ2_WQ_UNBOUND, CMWQ2_MAX_ACTIVE },
		{ CMWQ2_WQ_PERCPU | CMWQ2_WQ_HIGHPRI | CMWQ2_WQ_MEM_RECLAIM |
		  CMWQ2_WQ_CPU_INTENSIVE, 0 },
	};
	struct cmwq2_wq *wq;
	int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		wq = cmwq2_alloc_workqueue("cmwq2_kunit-%d", good[i].flags,
					   good[i].max_active, i);
		KUNIT_EXPECT_NOT_NULL(test, wq);
		if (wq)
			cmwq2_destroy_workqueue(wq);
	}
	wq = cmwq2_alloc_workqueue("a name that is longer than a workqueue's name can be",
				   CMWQ2_WQ_PERCPU, 0);
	KUNIT_EXPECT_NOT_NULL(test, wq);
	if (wq)
		cmwq2_destroy_workqueue(wq);
}

static void set_max_active_refuses_bad_input(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_wq *ordered = tw_alloc(e, TW_ORDERED, 1);

	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, CMWQ2_MAX_ACTIVE + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, CMWQ2_MAX_ACTIVE), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, 1), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(ordered->wq, 2), -EINVAL);
}

static void scope_names(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope("cpu"), CMWQ2_AFFN_CPU);
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope("smt"), CMWQ2_AFFN_SMT);
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope("cache"), CMWQ2_AFFN_CACHE);
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope("cache_shard"), CMWQ2_AFFN_CACHE_SHARD);
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope("numa"), CMWQ2_AFFN_NUMA);
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope("system"), CMWQ2_AFFN_SYSTEM);
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope("galaxy"), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_parse_affn_scope(""), -EINVAL);
}

static void attrs_refuse_bad_input(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *percpu = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);

	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(percpu->wq, attrs), -EINVAL);
	attrs->affn_scope = CMWQ2_AFFN_NR;
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), -EINVAL);
	attrs->affn_scope = CMWQ2_AFFN_DFL;
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
}

static void every_scope_works(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int scope, strict, cpu, runs = 0;

	for (scope = CMWQ2_AFFN_DFL; scope < CMWQ2_AFFN_NR; scope++) {
		for (strict = 0; strict < 2; strict++) {
			attrs->affn_scope = scope;
			attrs->affn_strict = strict;
			KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
			for_each_online_cpu(cpu) {
				tw_queue_on(cpu, w, it);
				tw_wait_done(it, "an item of a scope");
				tw_flush(it);
				runs++;
				if (scope == CMWQ2_AFFN_CPU && strict)
					KUNIT_EXPECT_EQ(test, it->cpu, cpu);
			}
		}
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), runs);
}

static void scope_decides_on_pools(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	int a = tw_cpu(0), b = tw_cpu(1);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	attrs->affn_scope = CMWQ2_AFFN_SYSTEM;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	KUNIT_EXPECT_EQ(test, tw_stats(w, a).id, tw_stats(w, b).id);
	attrs->affn_scope = CMWQ2_AFFN_CPU;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	KUNIT_EXPECT_NE(test, tw_stats(w, a).id, tw_stats(w, b).id);
}

static void equal_attrs_share_pools(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *u = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_wq *v = tw_alloc(e, TW_UNBOUND, 1);
	struct tw_wq *p = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *q = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 1);
	struct tw_wq *high = tw_alloc(e, TW_PERCPU | TW_HIGHPRI, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	int cpu;

	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_EQ(test, tw_stats(u, cpu).id, tw_stats(v, cpu).id);
		KUNIT_EXPECT_EQ(test, tw_stats(p, cpu).id, tw_stats(q, cpu).id);
		KUNIT_EXPECT_NE(test, tw_stats(p, cpu).id, tw_stats(high, cpu).id);
		KUNIT_EXPECT_NE(test, tw_stats(p, cpu).id, tw_stats(u, cpu).id);
	}
	attrs->nice = -5;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(v->wq, attrs), 0);
	KUNIT_EXPECT_NE(test, tw_stats(u, tw_cpu(0)).id, tw_stats(v, tw_cpu(0)).id);
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(u->wq, attrs), 0);
	KUNIT_EXPECT_EQ(test, tw_stats(u, tw_cpu(0)).id, tw_stats(v, tw_cpu(0)).id);
}

/* Even with the same CPUs and pods the pools differ, because the workers' masks do. */
static void strictness_has_its_own_pool(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *u = tw_alloc(e, TW_UNBOUND, 0), *v = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	int cpu = tw_cpu(0);

	attrs->affn_scope = CMWQ2_AFFN_SYSTEM;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(u->wq, attrs), 0);
	attrs->affn_strict = true;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(v->wq, attrs), 0);
	KUNIT_EXPECT_NE(test, tw_stats(u, cpu).id, tw_stats(v, cpu).id);
	/* A queue that changes only its strictness leaves one pool and joins the other. */
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(u->wq, attrs), 0);
	KUNIT_EXPECT_EQ(test, tw_stats(u, cpu).id, tw_stats(v, cpu).id);
	attrs->affn_strict = false;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(u->wq, attrs), 0);
	KUNIT_EXPECT_NE(test, tw_stats(u, cpu).id, tw_stats(v, cpu).id);
}

static void fn_note_nice(struct tw_item *it)
{
	it->val = task_nice(current);
}

static void highpri_is_nicer(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const struct { unsigned int flags; long nice; } t[] = {
		{ TW_PERCPU, 0 },
		{ TW_PERCPU | TW_HIGHPRI, -20 },
		{ TW_UNBOUND, 0 },
		{ TW_UNBOUND | TW_HIGHPRI, -20 },
		{ TW_ORDERED | TW_HIGHPRI, -20 },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct tw_wq *w = tw_alloc(e, t[i].flags, 0);
		struct tw_item *it = tw_item(e, fn_note_nice);

		tw_queue(w, it);
		tw_wait_done(it, "the item");
		KUNIT_EXPECT_EQ(test, it->val, t[i].nice);
	}
}

static void nice_and_cpumask_are_kept(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_item *it = tw_item(e, fn_note_nice);
	int cpu, only;

	for_each_online_cpu(only) {
		attrs->nice = 7 + only % 2;
		cpumask_copy(attrs->cpumask, cpumask_of(only));
		KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
		for_each_online_cpu(cpu) {
			tw_queue_on(cpu, w, it);
			tw_wait_done(it, "the item");
			tw_flush(it);
			KUNIT_EXPECT_EQ(test, it->val, attrs->nice);
			KUNIT_EXPECT_EQ(test, it->cpu, only);
		}
	}
}

static void thread_change_scope(struct tw_thread *t)
{
	struct cmwq2_attrs *attrs = t->ctx;
	int i;

	for (i = 0; i < 60 && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		attrs->affn_scope = i % CMWQ2_AFFN_NR;
		attrs->nice = i % 3;
		if (cmwq2_apply_workqueue_attrs(t->wq->wq, attrs))
			t->val++;
	}
	WRITE_ONCE(t->ret, true);
}

/* Items continue to run through old and new pools, and none is lost in between. */
static void attrs_change_under_load(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_item *items[32];
	struct tw_thread *t;
	int i, rounds = 0;

	t = tw_thread(e, tw_cpu(1), thread_change_scope, w, NULL, tw_attrs(test));
	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);
	tw_thread_start(t);
	do {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_queue_on(tw_cpu(i), w, items[i]);
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_wait_done(items[i], "an item while the attributes change");
		if (rounds++ % 2)
			tw_flush_wq(w);
		else
			for (i = 0; i < ARRAY_SIZE(items); i++)
				tw_flush(items[i]);
	} while (!READ_ONCE(t->ret));
	tw_join(t, "the thread that changes the attributes");
	KUNIT_EXPECT_EQ(test, t->val, 0);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&items[i]->runs), rounds);
		KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(items[i]));
	}
}

/* The reference count of the engine's module. */
static int engine_uses(struct kunit *test)
{
	struct kobject *kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, "cmwq2");
	int uses;

	KUNIT_ASSERT_NOT_NULL(test, kobj);
	uses = module_refcount(container_of(kobj, struct module_kobject, kobj)->mod);
	kobject_put(kobj);
	return uses;
}

/*
 * A caller with a fatal signal does not wait for a new thread, so it can create no
 * worker. This works only if kthreadd has not created the thread before the caller is
 * about to wait. So both are on the same CPU, and the caller, which is SCHED_FIFO, keeps
 * kthreadd from running.
 */
static void thread_fail(struct tw_thread *t)
{
	struct cmwq2_attrs *attrs = t->ctx;
	struct cmwq2_wq *wq;

	sched_set_fifo(current);
	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	/* No queue has a pool with this nice value, so a pool with a worker has to be created. */
	attrs->nice = 13;
	t->val = cmwq2_apply_workqueue_attrs(t->wq->wq, attrs);
	wq = cmwq2_alloc_workqueue("cmwq2_told", CMWQ2_WQ_PERCPU | CMWQ2_WQ_MEM_RECLAIM, 0);
	t->ret = !wq;
	if (wq)
		cmwq2_destroy_workqueue(wq);
	flush_signals(current);
	sched_set_normal(current, 0);
}

/*
 * The error is that of the signal, not -ENOMEM. If a queue cannot be created, its
 * reference to the module is dropped.
 */
static void errors_keep_their_code(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int uses = engine_uses(test);
	struct tw_thread *t;

	tw_listen(e);
	tw_move_maker(e, tw_cpu(0));
	t = tw_thread(e, tw_cpu(0), thread_fail, w, NULL, tw_attrs(test));
	tw_thread_start(t);
	tw_join(t, "a caller with a fatal signal");
	KUNIT_EXPECT_EQ(test, t->val, -EINTR);
	KUNIT_EXPECT_TRUE(test, t->ret);
	KUNIT_EXPECT_EQ(test, tw_heard("cmwq2_told: cannot be created, error"), 1);
	KUNIT_EXPECT_EQ(test, tw_heard("cmwq2_told: cannot be created, error -4\n"), 1);
	KUNIT_EXPECT_EQ(test, engine_uses(test), uses);
	/* The queue has not changed. */
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "an item of a queue whose attributes could not be changed");
	tw_flush_wq(w);
}

static void system_queues_work(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_wq *wqs[] = {
		cmwq2_system_percpu_wq, cmwq2_system_highpri_wq, cmwq2_system_long_wq,
		cmwq2_system_dfl_wq, cmwq2_system_dfl_long_wq,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(wqs); i++) {
		struct tw_item *it = tw_item(e, tw_fn_nop);

		KUNIT_ASSERT_NOT_NULL(test, wqs[i]);
		KUNIT_EXPECT_TRUE(test, cmwq2_queue_work(wqs[i], &it->cmwq2));
		tw_wait_done(it, "an item of a system queue");
		cmwq2_flush_work(&it->cmwq2);
	}
}

static void queues_come_and_go(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED,
					      TW_UNBOUND | TW_MEM_RECLAIM };
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int i;

	for (i = 0; i < 40; i++) {
		struct tw_wq *w = tw_alloc(e, flags[i % ARRAY_SIZE(flags)], 0);

		tw_queue(w, it);
		tw_destroy(w);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), i + 1);
	}
}

/* How many pwqs the queue has, including those that wait for their release. */
static int count_pwqs(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	int nr = 0;

	mutex_lock(&wq->mutex);
	list_for_each_entry(pwq, &wq->pwqs, pwqs_node)
		nr++;
	mutex_unlock(&wq->mutex);
	return nr;
}

/*
 * Creating pwqs is faster than releasing them. A caller that creates many, one after
 * another, has to wait.
 */
static void pwqs_are_released_in_time(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	int i, most = 0, failed = 0;

	KUNIT_ASSERT_NOT_NULL(test, attrs);
	for (i = 0; i < 8000; i++) {
		attrs->nice = i % 2;
		failed += cmwq2_apply_workqueue_attrs(w->wq, attrs) != 0;
		if (i % 100 == 0)
			most = max(most, count_pwqs(w->wq));
		cond_resched();
	}
	cmwq2_free_workqueue_attrs(attrs);
	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_LT(test, most, 1500);
}

static struct kunit_case attrs_cases[] = {
	KUNIT_CASE(alloc_refuses_bad_input),
	KUNIT_CASE(alloc_accepts_good_input),
	KUNIT_CASE(set_max_active_refuses_bad_input),
	KUNIT_CASE(scope_names),
	KUNIT_CASE(attrs_refuse_bad_input),
	KUNIT_CASE(every_scope_works),
	KUNIT_CASE(scope_decides_on_pools),
	KUNIT_CASE(equal_attrs_share_pools),
	KUNIT_CASE(strictness_has_its_own_pool),
	KUNIT_CASE_PARAM(highpri_is_nicer, engine_gen_params),
	KUNIT_CASE(nice_and_cpumask_are_kept),
	KUNIT_CASE(attrs_change_under_load),
	KUNIT_CASE_SLOW(pwqs_are_released_in_time),
	KUNIT_CASE(errors_keep_their_code),
	KUNIT_CASE(system_queues_work),
	KUNIT_CASE_PARAM(queues_come_and_go, engine_gen_params),
	{}
};

static struct kunit_suite attrs_suite = {
	.name = "cmwq2_attrs",
	.test_cases = attrs_cases,
};

kunit_test_suites(&attrs_suite);
