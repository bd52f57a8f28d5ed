// SPDX-License-Identifier: GPL-2.0
/*
 * The environment of a test, and the accounting around every item's function.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "env.h"

static unsigned int timeout_ms = 20000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "milliseconds that a test waits for an event before it fails");

bool tw_native_repaired;
module_param_named(native_repaired, tw_native_repaired, bool, 0444);
MODULE_PARM_DESC(native_repaired, "the kernel's own workqueue has none of the faults that compat.h says");

/* The only engine that is tested, or NULL if both are. */
static const struct tw_engine *tw_only;

static int tw_only_set(const char *value, const struct kernel_param *kp)
{
	int i;

	for (i = 0; i < TW_NR_ENGINES; i++) {
		if (!sysfs_streq(value, tw_engines[i].name))
			continue;
		tw_only = &tw_engines[i];
		return 0;
	}
	pr_err("cmwq2_kunit: engine=%s: allowed: native, cmwq2\n", value);
	return -EINVAL;
}

static const struct kernel_param_ops tw_only_ops = { .set = tw_only_set };
module_param_cb(engine, &tw_only_ops, NULL, 0);
MODULE_PARM_DESC(engine, "test only this engine, native or cmwq2, and skip the cases of the other");

struct tw_gate {
	struct list_head	node;
	struct completion	completion;
};

struct tw_memory {
	struct list_head	node;
	long			data[];
};

/* The policies of a pool are shown in one line. */
#define TW_POLICY_LEN	256

struct tw_policy {
	struct list_head	node;
	const char		*name;
	char			value[TW_POLICY_LEN];
};

unsigned long tw_timeout(void)
{
	return msecs_to_jiffies(timeout_ms);
}

/*
 * Keeps the CPU for @ns of the clock. udelay() would not do: it counts loops, and the
 * estimate of their speed is wrong where the host was busy while the kernel booted.
 */
void tw_occupy(u64 ns)
{
	u64 since = ktime_get_mono_fast_ns();

	while (ktime_get_mono_fast_ns() - since < ns)
		cpu_relax();
}

/*
 * The pause between two looks at a state. @us is the length of the last pause,
 * 0 at first. Most states are reached after microseconds, so pauses start
 * short: a jiffy in each of a thousand cases would add up. Returns the length
 * of this one.
 */
unsigned int tw_pause(unsigned int us)
{
	us = us ? min(2 * us, jiffies_to_usecs(1)) : 50;
	usleep_range(us, 2 * us);
	return us;
}

/* The online CPU number @n. After the last CPU the count goes on at the first. */
int tw_cpu(int n)
{
	int cpu;

	n %= num_online_cpus();
	for_each_online_cpu(cpu)
		if (!n--)
			return cpu;
	return cpumask_first(cpu_online_mask);
}

void tw_run_item(struct tw_item *it)
{
	if (it->frees_itself) {
		it->fn(it);
		return;
	}

	if (atomic_inc_return(&it->inside) != 1)
		atomic_inc(&it->overlaps);
	it->cpu = raw_smp_processor_id();
	it->pid = current->pid;
	/* Who sees the run sees where it is: pairs with atomic_read_acquire() of @runs. */
	smp_mb__before_atomic();
	atomic_inc(&it->runs);
	complete(&it->started);

	it->fn(it);

	atomic_dec(&it->inside);
	complete(&it->done);
}

void tw_fn_nop(struct tw_item *it)
{
	it->finished = 1;
}

/*
 * An item waits here for its test. The wait is longer than any wait of the test. So if
 * an engine makes no progress until the item gives up, the test fails.
 */
void tw_wait_for_test(struct completion *gate)
{
	wait_for_completion_timeout(gate, 3 * tw_timeout());
}

void tw_fn_gate(struct tw_item *it)
{
	tw_wait_for_test(it->gate);
	it->finished = 1;
}

static void tw_env_restore_policies(struct tw_env *env)
{
	struct tw_policy *p;

	list_for_each_entry(p, &env->policies, node)
		cmwq2_policy_set(p->name, p->value);
}

#define TW_MOST_TOLD	20

/* Items that are pending or that run. */
static void tw_tell_items(struct tw_env *env)
{
	struct tw_item *it;
	int nr = 0;

	list_for_each_entry(it, &env->items, node) {
		bool pending = env->ops->pending(it);

		if ((!pending && !atomic_read(&it->inside)) || nr++ >= TW_MOST_TOLD)
			continue;
		kunit_info(env->test, "%ps: %d runs, %d of them now, last on CPU %d%s", it->fn,
			   atomic_read(&it->runs), atomic_read(&it->inside), it->cpu,
			   pending ? "; pending" : "");
	}
}

/*
 * Says how things stand when a test has failed, before the cleanup changes them: a failure that
 * comes once in a thousand runs must be understood from what it leaves in the log. Forced
 * schedules have released their contexts by now, see tw_tell_holds().
 */
static void tw_tell(struct tw_env *env)
{
	if (env->test->status != KUNIT_FAILURE)
		return;
	tw_tell_items(env);
	if (env->engine == &tw_engines[TW_CMWQ2])
		cmwq2_show_all_workqueues();
}

static void tw_env_release(void *data)
{
	struct tw_env *env = data;
	struct tw_memory *m, *next_m;
	struct tw_item *it, *next;
	struct tw_thread *t;
	struct tw_gate *g;
	struct tw_wq *w;

	tw_tell(env);
	WRITE_ONCE(env->closing, true);
	cmwq2_fault_create_set("off");
	list_for_each_entry(g, &env->gates, node)
		complete_all(&g->completion);
	list_for_each_entry(t, &env->threads, node)
		if (t->task)
			cmwq2_kthread_stop_put(t->task);
	list_for_each_entry(it, &env->items, node)
		if (it->delayed)
			env->ops->cancel_delayed_sync(it);
	/*
	 * This waits until the pending RCU callbacks have queued their items. These are
	 * drained below.
	 */
	if (env->uses_rcu)
		rcu_barrier();
	list_for_each_entry(w, &env->wqs, node)
		tw_destroy(w);
	tw_env_restore_policies(env);
	if (env->on_purpose)
		cmwq2_fault_on_purpose(false);

	list_for_each_entry_safe(it, next, &env->items, node)
		kfree(it);
	list_for_each_entry_safe(m, next_m, &env->memory, node)
		kfree(m);
	kfree(env);
}

struct tw_env *tw_env_init(struct kunit *test, const struct tw_engine *engine)
{
	struct tw_env *env = kzalloc(sizeof(*env), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, env);
	env->test = test;
	env->engine = engine;
	env->ops = engine->ops;
	INIT_LIST_HEAD(&env->wqs);
	INIT_LIST_HEAD(&env->items);
	INIT_LIST_HEAD(&env->gates);
	INIT_LIST_HEAD(&env->threads);
	INIT_LIST_HEAD(&env->memory);
	INIT_LIST_HEAD(&env->policies);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, tw_env_release, env), 0);
	if (tw_only && tw_only != engine)
		kunit_skip(test, "only the engine %s is tested", tw_only->name);
	return env;
}

void *tw_zalloc(struct tw_env *env, size_t size)
{
	struct tw_memory *m = kzalloc(sizeof(*m) + size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(env->test, m);
	list_add(&m->node, &env->memory);
	return m->data;
}

static struct tw_wq *tw_wq_of(struct tw_env *env, void *wq)
{
	struct tw_wq *w = tw_zalloc(env, sizeof(*w));

	w->env = env;
	w->wq = wq;
	return w;
}

void tw_need_at(struct tw_env *env, size_t offset, const char *op)
{
	void *const *slot = (const void *)env->ops + offset;

	if (!*slot && env->engine == &tw_engines[TW_NATIVE])
		kunit_skip(env->test, "this kernel's own workqueue has no %s()", op);
	KUNIT_ASSERT_NOT_NULL_MSG(env->test, *slot, "no %s()", op);
}

/* Takes over a queue, which is destroyed with the environment. */
struct tw_wq *tw_adopt(struct tw_env *env, void *wq)
{
	struct tw_wq *w = tw_wq_of(env, wq);

	list_add_tail(&w->node, &env->wqs);
	return w;
}

struct tw_wq *tw_alloc(struct tw_env *env, unsigned int flags, int max_active)
{
	void *wq = env->ops->alloc("cmwq2_kunit", flags, max_active);

	KUNIT_ASSERT_NOT_NULL_MSG(env->test, wq, "no workqueue with flags %#x", flags);
	return tw_adopt(env, wq);
}

struct tw_wq *tw_create(struct tw_env *env, enum tw_legacy kind)
{
	void *wq = env->ops->create(kind, "cmwq2_kunit");

	KUNIT_ASSERT_NOT_NULL_MSG(env->test, wq, "no legacy workqueue of kind %d", kind);
	return tw_adopt(env, wq);
}

/* The test does not destroy this queue. */
struct tw_wq *tw_system(struct tw_env *env, enum tw_system n)
{
	void *wq = env->ops->system(n);

	if (!wq && env->engine == &tw_engines[TW_NATIVE])
		kunit_skip(env->test, "this kernel does not have the system queue");
	KUNIT_ASSERT_NOT_NULL(env->test, wq);
	return tw_wq_of(env, wq);
}

void tw_destroy(struct tw_wq *w)
{
	if (w->wq)
		w->env->ops->destroy(w->wq);
	w->wq = NULL;
}

static struct tw_item *tw_item_alloc(struct tw_env *env, void (*init)(struct tw_item *it),
				     void (*fn)(struct tw_item *it))
{
	struct tw_item *it = kzalloc(sizeof(*it), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(env->test, it);
	it->env = env;
	it->fn = fn;
	it->delayed = init == env->ops->init_delayed;
	init_completion(&it->started);
	init_completion(&it->done);
	init(it);
	list_add_tail(&it->node, &env->items);
	return it;
}

struct tw_item *tw_item(struct tw_env *env, void (*fn)(struct tw_item *it))
{
	return tw_item_alloc(env, env->ops->init, fn);
}

struct tw_item *tw_delayed(struct tw_env *env, void (*fn)(struct tw_item *it))
{
	return tw_item_alloc(env, env->ops->init_delayed, fn);
}

struct tw_item *tw_rcu(struct tw_env *env, void (*fn)(struct tw_item *it))
{
	env->uses_rcu = true;
	return tw_item_alloc(env, env->ops->init_rcu, fn);
}

struct completion *tw_gate(struct tw_env *env)
{
	struct tw_gate *g = tw_zalloc(env, sizeof(*g));

	init_completion(&g->completion);
	list_add(&g->node, &env->gates);
	return &g->completion;
}

/* Makes an item that sleeps until complete_all() opens its gate. */
struct tw_item *tw_gated(struct tw_env *env, struct completion *gate)
{
	struct tw_item *it = tw_item(env, tw_fn_gate);

	it->gate = gate ?: tw_gate(env);
	return it;
}

static int tw_thread_main(void *data)
{
	struct tw_thread *t = data;

	WRITE_ONCE(t->running, true);
	t->fn(t);
	complete(&t->done);
	return 0;
}

struct tw_thread *tw_thread(struct tw_env *env, int cpu,
			    void (*fn)(struct tw_thread *t), struct tw_wq *w,
			    struct tw_item *it, void *ctx)
{
	struct tw_thread *t = tw_zalloc(env, sizeof(*t));
	struct task_struct *task;

	t->env = env;
	t->fn = fn;
	t->wq = w;
	t->it = it;
	t->ctx = ctx;
	init_completion(&t->done);
	task = kthread_create(tw_thread_main, t, "cmwq2_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(env->test, task);
	if (cpu != TW_ANY_CPU)
		kthread_bind(task, cpu);
	t->task = get_task_struct(task);
	list_add_tail(&t->node, &env->threads);
	return t;
}

void tw_thread_start(struct tw_thread *t)
{
	wake_up_process(t->task);
}

/*
 * Waits for the thread's function, not for the thread. However slow the
 * machine is, a function that makes progress has not failed.
 */
void tw_join(struct tw_thread *t, const char *what)
{
	unsigned long before;

	do {
		before = READ_ONCE(t->progress);
		if (wait_for_completion_timeout(&t->done, tw_timeout()))
			return;
	} while (READ_ONCE(t->progress) != before);
	KUNIT_FAIL_AND_ABORT(t->env->test, "timed out waiting for %s", what);
}

/*
 * Waits until a started thread sleeps. The only place where the functions used
 * with this can sleep for long is the call under test.
 */
void tw_wait_blocked(struct tw_thread *t)
{
	TW_POLL(t->env, READ_ONCE(t->running) &&
		(READ_ONCE(t->task->__state) & TASK_UNINTERRUPTIBLE),
		"a thread to block");
}

/* On return the thread is blocked in whatever its function calls. */
void tw_thread_block(struct tw_thread *t)
{
	tw_thread_start(t);
	tw_wait_blocked(t);
}

void tw_thread_flush_wq(struct tw_thread *t)
{
	tw_flush_wq(t->wq);
}

void tw_thread_flush(struct tw_thread *t)
{
	t->ret = tw_flush(t->it);
	t->val = t->it->finished;
}

void tw_thread_cancel_sync(struct tw_thread *t)
{
	t->ret = tw_cancel_sync(t->it);
	t->val = t->it->finished;
}

void tw_thread_drain(struct tw_thread *t)
{
	t->env->ops->drain(t->wq->wq);
}

void tw_thread_destroy(struct tw_thread *t)
{
	tw_destroy(t->wq);
}

static void tw_attrs_free(void *attrs)
{
	cmwq2_free_workqueue_attrs(attrs);
}

/* Attributes of cmwq2 for the test to fill in; the end of the test frees them. */
struct cmwq2_attrs *tw_attrs(struct kunit *test)
{
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();

	KUNIT_ASSERT_NOT_NULL(test, attrs);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, tw_attrs_free, attrs), 0);
	return attrs;
}

/* Sets the affinity scope of an unbound queue of cmwq2, and all other attributes to defaults. */
void tw_set_scope(struct tw_wq *w, enum cmwq2_affn_scope scope)
{
	struct cmwq2_attrs *attrs = tw_attrs(w->env->test);

	attrs->affn_scope = scope;
	KUNIT_ASSERT_EQ(w->env->test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
}

static void tw_thaw(void *unused)
{
	cmwq2_thaw_workqueues();
}

/*
 * Thaws before the environment is released: that drains queues, which would
 * never end while they are frozen.
 */
void tw_thaw_at_end(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, tw_thaw, NULL), 0);
}

/* Sets a policy of cmwq2 for the rest of the test. */
void tw_policy(struct tw_env *env, const char *policy, const char *value)
{
	struct tw_policy *p = tw_zalloc(env, sizeof(*p));
	const char *old = cmwq2_policy_get(policy);

	KUNIT_ASSERT_NOT_NULL_MSG(env->test, old, "no policy %s", policy);
	p->name = policy;
	strscpy(p->value, old, sizeof(p->value));
	list_add(&p->node, &env->policies);
	KUNIT_ASSERT_EQ_MSG(env->test, cmwq2_policy_set(policy, value), 0,
			    "%s=%s was refused", policy, value);
}

/* cmwq2 must refuse each value with -EINVAL and keep the old one. */
void tw_policy_refuses(struct tw_env *env, const char *policy, const char *const *bad, int nr)
{
	char before[TW_POLICY_LEN];
	int i;

	strscpy(before, cmwq2_policy_get(policy), sizeof(before));
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ_MSG(env->test, cmwq2_policy_set(policy, bad[i]), -EINVAL,
				    "%s=%s was accepted", policy, bad[i]);
		KUNIT_EXPECT_STREQ(env->test, cmwq2_policy_get(policy), before);
	}
}

/* For the rest of the test, reports of errors are expected. */
void tw_on_purpose(struct tw_env *env)
{
	env->on_purpose = true;
	cmwq2_fault_on_purpose(true);
}
