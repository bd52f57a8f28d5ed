// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of the API: functions that are made of other functions, and queues
 * that are created in other ways.
 */
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/timer.h>

#include "base/types.h"
#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void enable_and_queue_at_depth_zero(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	tw_need(e, enable_and_queue);
	e->ops->disable(it);
	e->ops->disable(it);
	KUNIT_EXPECT_FALSE(test, e->ops->enable_and_queue(w->wq, it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->enable_and_queue(w->wq, it));
	tw_wait_done(it, "the item that was enabled");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

/* Waits for the end of the delay: then the item is pending behind @blocker or runs. */
static void expire(struct tw_env *e, struct tw_item *it)
{
	struct timer_list *timer = e->engine == &tw_engines[TW_NATIVE] ?
				   &it->native_delayed.timer : &it->cmwq2_delayed.timer;

	TW_POLL(e, !timer_pending(timer), "a delay to end");
	/* The timer's function may still be running. */
	timer_delete_sync(timer);
}

static void expect_disabled(struct kunit *test, struct tw_wq *w, struct tw_item *it)
{
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	KUNIT_EXPECT_FALSE(test, tw_queue_delayed(w, it, 1));
	KUNIT_EXPECT_FALSE(test, tw_queue_delayed(w, it, 0));
	KUNIT_EXPECT_FALSE(test, tw_mod_delayed(w, it, 1));
	KUNIT_EXPECT_FALSE(test, tw_mod_delayed(w, it, 0));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
}

static void disable_in_delay(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	bool sync;

	tw_need(e, disable_delayed);
	for (sync = false; ; sync = true) {
		tw_queue_delayed(w, it, TW_NEVER);
		KUNIT_EXPECT_TRUE(test, sync ? e->ops->disable_delayed_sync(it) :
					       e->ops->disable_delayed(it));
		expect_disabled(test, w, it);
		KUNIT_EXPECT_TRUE(test, e->ops->enable_delayed(it));
		if (sync)
			break;
	}
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_TRUE(test, tw_queue_delayed(w, it, 1));
	tw_wait_done(it, "the item after it was enabled");
}

static void disable_queued(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_ORDERED, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	tw_need(e, disable_delayed);
	tw_queue(w, blocker);
	tw_queue_delayed(w, it, 1);
	expire(e, it);
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	KUNIT_EXPECT_TRUE(test, e->ops->disable_delayed(it));
	expect_disabled(test, w, it);
	complete_all(blocker->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->enable_delayed(it));
	KUNIT_EXPECT_FALSE(test, tw_mod_delayed(w, it, 0));
	tw_wait_done(it, "the item after it was enabled");
}

static void thread_disable_delayed_sync(struct tw_thread *t)
{
	t->ret = t->env->ops->disable_delayed_sync(t->it);
	t->val = t->it->finished;
}

static void disable_running(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_gate);
	struct tw_thread *t;

	tw_need(e, disable_delayed);
	it->gate = tw_gate(e);
	tw_queue_delayed(w, it, 0);
	tw_wait_started(it, "the item");
	/* It does not wait, and nothing was pending. */
	KUNIT_EXPECT_FALSE(test, e->ops->disable_delayed(it));
	KUNIT_EXPECT_EQ(test, it->finished, 0);
	expect_disabled(test, w, it);

	t = tw_thread(e, TW_ANY_CPU, thread_disable_delayed_sync, w, it, NULL);
	tw_thread_block(t);
	complete_all(it->gate);
	tw_join(t, "disable_delayed_work_sync()");
	KUNIT_EXPECT_FALSE(test, t->ret);
	KUNIT_EXPECT_EQ(test, t->val, 1);
	expect_disabled(test, w, it);
	KUNIT_EXPECT_FALSE(test, e->ops->enable_delayed(it));
	expect_disabled(test, w, it);
	KUNIT_EXPECT_TRUE(test, e->ops->enable_delayed(it));
	KUNIT_EXPECT_TRUE(test, tw_queue_delayed(w, it, 0));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
}

/* The plain and the delayed calls count one and the same disable depth. */
static void disable_delayed_and_plain_nest(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);
	int i;

	tw_need(e, disable_delayed);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_FALSE(test, i % 2 ? e->ops->disable_delayed(it) :
						 e->ops->disable(it));
	/* A synchronous cancel disables the item for a while. It must undo only its own depth. */
	KUNIT_EXPECT_FALSE(test, e->ops->cancel_delayed_sync(it));
	for (i = 0; i < 99; i++) {
		KUNIT_EXPECT_FALSE(test, i % 2 ? e->ops->enable(it) : e->ops->enable_delayed(it));
		KUNIT_EXPECT_FALSE(test, tw_queue_delayed(w, it, 0));
	}
	KUNIT_EXPECT_TRUE(test, e->ops->enable_delayed(it));
	KUNIT_EXPECT_TRUE(test, tw_queue_delayed(w, it, 0));
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
}

static void fn_note_context(struct tw_item *it)
{
	it->val = in_task();
	it->ctx = current;
}

static void execute_in_task(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_item *it = tw_item(e, fn_note_context);

	KUNIT_EXPECT_EQ(test, e->ops->execute(it), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
	KUNIT_EXPECT_PTR_EQ(test, (struct task_struct *)it->ctx, current);
}

struct shot {
	struct timer_list	timer;
	struct tw_item		*it;
	struct completion	fired;
	int			ret;
};

static void shot_fires(struct timer_list *timer)
{
	struct shot *s = container_of(timer, struct shot, timer);

	s->ret = s->it->env->ops->execute(s->it);
	complete(&s->fired);
}

static void shot_cancel(void *timer)
{
	timer_delete_sync(timer);
}

static void execute_in_interrupt(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_item *it = tw_item(e, fn_note_context);
	struct shot *s = tw_zalloc(e, sizeof(*s));

	s->it = it;
	init_completion(&s->fired);
	timer_setup(&s->timer, shot_fires, 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, shot_cancel, &s->timer), 0);
	mod_timer(&s->timer, jiffies + 1);
	TW_WAIT(e, &s->fired, "the timer");
	KUNIT_EXPECT_EQ(test, s->ret, 1);
	tw_wait_done(it, "the item that the timer queued");
	tw_flush(it);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
	KUNIT_EXPECT_TRUE(test, it->val);
	KUNIT_EXPECT_PTR_NE(test, (struct task_struct *)it->ctx, current);
}

static long say_where(void *arg)
{
	*(struct task_struct **)arg = current;
	return -1000 - (long)raw_smp_processor_id();
}

static void call_on_each_cpu(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct task_struct *who;
	int cpu;

	for_each_online_cpu(cpu) {
		who = NULL;
		KUNIT_EXPECT_EQ(test, e->ops->call_on(cpu, say_where, &who), -1000L - cpu);
		KUNIT_EXPECT_NOT_NULL(test, who);
		KUNIT_EXPECT_PTR_NE(test, who, current);
	}
}

/* A call site of its own: lockdep must not take the inner item for the outer one. */
static long call_deeper(void *arg)
{
	struct tw_env *e = arg;
	struct task_struct *who;

	if (e->engine == &tw_engines[TW_NATIVE])
		return work_on_cpu(tw_cpu(1), say_where, &who);
	return cmwq2_work_on_cpu(tw_cpu(1), say_where, &who);
}

/* A call may come from an item, which then sleeps. */
static void call_on_nests(struct kunit *test)
{
	struct tw_env *e = tw_env(test);

	KUNIT_EXPECT_EQ(test, e->ops->call_on(tw_cpu(1), call_deeper, e), -1000L - tw_cpu(1));
}

static DEFINE_PER_CPU(int, each_runs);
static atomic_t each_elsewhere;

static void each_fn(struct cmwq2_work *work)
{
	struct cmwq2_work *self = cmwq2_current_work();

	this_cpu_inc(each_runs);
	/* The item is bound: it sees no other CPU's item, and no migration in between. */
	if (self != work)
		atomic_inc(&each_elsewhere);
}

/* The kernel does not export schedule_on_each_cpu(), so this is for cmwq2 alone. */
static void each_cpu_once(struct kunit *test)
{
	int cpu, round;

	atomic_set(&each_elsewhere, 0);
	for_each_possible_cpu(cpu)
		per_cpu(each_runs, cpu) = 0;
	for (round = 1; round <= 3; round++) {
		KUNIT_EXPECT_EQ(test, cmwq2_schedule_on_each_cpu(each_fn), 0);
		for_each_possible_cpu(cpu)
			KUNIT_EXPECT_EQ(test, per_cpu(each_runs, cpu),
					cpu_online(cpu) ? round : 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&each_elsewhere), 0);
}

static void node_of_any_kind(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	static const int odd[] = { NUMA_NO_NODE, -100, MAX_NUMNODES, MAX_NUMNODES + 1, INT_MAX };
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int node, runs = 0;

	for (node = 0; node < MAX_NUMNODES + (int)ARRAY_SIZE(odd); node++) {
		int n = node < MAX_NUMNODES ? node : odd[node - MAX_NUMNODES];

		KUNIT_EXPECT_TRUE(test, e->ops->queue_node(n, w->wq, it));
		tw_wait_done(it, "the item of a node");
		tw_flush(it);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), ++runs);
	}
}

static void node_pending_and_disabled(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_ORDERED, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	tw_need(e, disable);
	tw_queue(w, blocker);
	KUNIT_EXPECT_TRUE(test, e->ops->queue_node(0, w->wq, it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_node(0, w->wq, it));
	KUNIT_EXPECT_TRUE(test, e->ops->disable(it));
	KUNIT_EXPECT_FALSE(test, e->ops->queue_node(0, w->wq, it));
	complete_all(blocker->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->enable(it));
}

static void fn_note_jiffies(struct tw_item *it)
{
	it->val = jiffies;
}

static void schedule_uses_system_queue(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct tw_item *delayed = tw_delayed(e, fn_note_jiffies);
	int cpu, runs = 0;

	KUNIT_EXPECT_TRUE(test, e->ops->schedule(it));
	tw_wait_done(it, "an item of schedule_work()");
	tw_flush(it);
	for_each_online_cpu(cpu) {
		unsigned long from = jiffies;

		KUNIT_EXPECT_TRUE(test, e->ops->schedule_on(cpu, it));
		tw_wait_done(it, "an item of schedule_work_on()");
		tw_flush(it);
		KUNIT_EXPECT_EQ(test, it->cpu, cpu);
		KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2 + runs++);

		KUNIT_EXPECT_TRUE(test, e->ops->schedule_delayed_on(cpu, delayed, 3));
		tw_wait_done(delayed, "an item of schedule_delayed_work_on()");
		tw_flush(delayed);
		KUNIT_EXPECT_EQ(test, delayed->cpu, cpu);
		KUNIT_EXPECT_GE(test, delayed->val - (long)from, 3L);
	}
	KUNIT_EXPECT_TRUE(test, e->ops->schedule_delayed(delayed, TW_NEVER));
	KUNIT_EXPECT_FALSE(test, e->ops->schedule_delayed(delayed, 0));
	KUNIT_EXPECT_TRUE(test, tw_mod_delayed(tw_system(e, TW_SYSTEM_LONG), delayed, 0));
	tw_wait_done(delayed, "an item whose delay was cut");
	tw_flush(delayed);
}

static void thread_unregister(struct tw_thread *t)
{
	root_device_unregister(t->ctx);
}

/* The device's end waits for the end of the queue, which waits for its items. */
static void devm_queue_goes_with_device(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int kinds[] = { TW_PERCPU, TW_UNBOUND, TW_ORDERED | TW_MEM_RECLAIM };
	int i;

	tw_need(e, devm_alloc);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct tw_item *it = tw_gated(e, NULL);
		struct tw_item *behind = tw_item(e, tw_fn_nop);
		struct tw_thread *t;
		struct device *dev;
		struct tw_wq w = { .env = e };

		t = tw_thread(e, TW_ANY_CPU, thread_unregister, NULL, NULL, NULL);
		dev = root_device_register("cmwq2_kunit");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
		t->ctx = dev;
		w.wq = e->ops->devm_alloc(dev, "cmwq2_kunit", kinds[i], 1);
		/* A failed assertion must not leave the device behind. */
		if (!w.wq || !tw_queue(&w, it) || !tw_queue(&w, behind))
			KUNIT_FAIL(test, "no queue of kind %#x with two items", kinds[i]);
		tw_thread_start(t);
		if (w.wq)
			tw_wait_blocked(t);
		KUNIT_EXPECT_FALSE(test, completion_done(&t->done));
		complete_all(it->gate);
		tw_join(t, "the end of a device that has a workqueue");
		KUNIT_EXPECT_EQ(test, it->finished, 1);
		KUNIT_EXPECT_EQ(test, behind->finished, 1);
	}
}

static void legacy_is_one_at_a_time(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	enum tw_legacy kind;
	int cpu = tw_cpu(1);

	for (kind = TW_MULTITHREAD; kind <= TW_FREEZABLE_THREAD; kind++) {
		struct tw_wq *w = tw_create(e, kind);
		struct tw_item *first = tw_gated(e, NULL);
		struct tw_item *second = tw_item(e, tw_fn_nop);

		tw_queue_on(cpu, w, first);
		tw_queue_on(cpu, w, second);
		tw_wait_started(first, "the first item of a legacy queue");
		KUNIT_EXPECT_TRUE(test, e->ops->congested(cpu, w->wq));
		KUNIT_EXPECT_EQ(test, atomic_read(&second->runs), 0);
		if (kind == TW_MULTITHREAD)
			KUNIT_EXPECT_EQ(test, first->cpu, cpu);
		complete_all(first->gate);
		tw_wait_done(second, "the second item of a legacy queue");
		tw_flush_wq(w);
	}
}

/* create_workqueue() runs one item per CPU, create_singlethread_workqueue() one in all. */
static void legacy_per_cpu_or_single(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *multi = tw_create(e, TW_MULTITHREAD);
	struct tw_wq *single = tw_create(e, TW_SINGLETHREAD);
	struct tw_item *a = tw_gated(e, NULL), *b = tw_gated(e, NULL);
	struct tw_item *c = tw_gated(e, NULL), *d = tw_gated(e, NULL);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	tw_queue_on(tw_cpu(0), multi, a);
	tw_queue_on(tw_cpu(1), multi, b);
	tw_wait_started(a, "an item of create_workqueue()");
	tw_wait_started(b, "an item of create_workqueue() on another CPU");

	tw_queue_on(tw_cpu(0), single, c);
	tw_queue_on(tw_cpu(1), single, d);
	tw_wait_started(c, "an item of create_singlethread_workqueue()");
	KUNIT_EXPECT_EQ(test, atomic_read(&d->runs), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->congested(tw_cpu(1), single->wq));
	complete_all(a->gate);
	complete_all(b->gate);
	complete_all(d->gate);
	complete_all(c->gate);
	tw_wait_done(d, "the next item of create_singlethread_workqueue()");
}

static void legacy_has_rescuer(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	static const unsigned int flags[] = {
		[TW_MULTITHREAD]	= CMWQ2_WQ_PERCPU,
		[TW_SINGLETHREAD]	= CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED,
		[TW_FREEZABLE_THREAD]	= CMWQ2_WQ_UNBOUND | CMWQ2_WQ_FREEZABLE,
	};
	enum tw_legacy kind;

	for (kind = TW_MULTITHREAD; kind <= TW_FREEZABLE_THREAD; kind++) {
		struct cmwq2_wq *wq = tw_create(e, kind)->wq;

		KUNIT_EXPECT_NOT_NULL(test, wq->rescuer);
		KUNIT_EXPECT_EQ(test, wq->flags,
				flags[kind] | CMWQ2_WQ_LEGACY | CMWQ2_WQ_MEM_RECLAIM);
		KUNIT_EXPECT_EQ(test, wq->max_active, 1);
	}
}

#define NR_ORDERED	20

static void fn_log(struct tw_item *it)
{
	tw_log_add(it->ctx, it->id);
}

static void ordered_with_flags(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = {
		0, TW_HIGHPRI, TW_MEM_RECLAIM, TW_FREEZABLE, TW_CPU_INTENSIVE,
		TW_HIGHPRI | TW_MEM_RECLAIM | TW_FREEZABLE,
	};
	int i, n;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, TW_ORDERED | flags[i], 1);
		struct tw_log *log = tw_log(e, NR_ORDERED);

		for (n = 0; n < NR_ORDERED; n++) {
			struct tw_item *it = tw_item(e, fn_log);

			it->ctx = log;
			it->id = n;
			tw_queue_on(tw_cpu(n), w, it);
		}
		tw_flush_wq(w);
		KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(log, NR_ORDERED));
	}
}

static void fn_note_nice(struct tw_item *it)
{
	it->val = task_nice(current);
}

/* Each queue is tested by its name, so that a missing or a duplicate one is noticed. */
static const struct system_queue {
	char		name[32];
	enum tw_system	n;
	bool		percpu;
	long		nice;
} system_queues[] = {
	{ "system_percpu_wq", TW_SYSTEM_PERCPU, true, 0 },
	{ "system_highpri_wq", TW_SYSTEM_HIGHPRI, true, -20 },
	{ "system_long_wq", TW_SYSTEM_LONG, true, 0 },
	{ "system_dfl_wq", TW_SYSTEM_DFL, false, 0 },
	{ "system_dfl_long_wq", TW_SYSTEM_DFL_LONG, false, 0 },
	{ "system_freezable_wq", TW_SYSTEM_FREEZABLE, true, 0 },
	/* A parameter decides whether these are per CPU. */
	{ "system_power_efficient_wq", TW_SYSTEM_POWER_EFFICIENT, false, 0 },
	{ "system_freezable_pwr_eff_wq", TW_SYSTEM_FREEZABLE_POWER_EFFICIENT, false, 0 },
	/* Deprecated: these print a message, and otherwise work as before. */
	{ "system_wq", TW_SYSTEM_OLD, true, 0 },
	{ "system_unbound_wq", TW_SYSTEM_OLD_UNBOUND, false, 0 },
};

KUNIT_ARRAY_PARAM_DESC(system, system_queues, name);

static void expect_system_queue(struct kunit *test, const struct tw_engine *engine)
{
	const struct system_queue *q = test->param_value;
	struct tw_env *e = tw_env_init(test, engine);
	struct tw_item *it = tw_item(e, fn_note_nice);
	struct tw_wq *w = tw_system(e, q->n);
	int cpu;

	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_TRUE(test, tw_queue_on(cpu, w, it));
		tw_wait_done(it, "an item of a system queue");
		tw_flush(it);
		KUNIT_EXPECT_EQ(test, it->val, q->nice);
		if (q->percpu)
			KUNIT_EXPECT_EQ(test, it->cpu, cpu);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), (int)num_online_cpus());
}

static void system_queue_native(struct kunit *test)
{
	expect_system_queue(test, &tw_engines[TW_NATIVE]);
}

static void system_queue_cmwq2(struct kunit *test)
{
	expect_system_queue(test, &tw_engines[TW_CMWQ2]);
}

static void system_queues_differ(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	int i, j;

	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(system_queues), TW_NR_SYSTEM);
	for (i = 0; i < TW_NR_SYSTEM; i++)
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, e->ops->system(i), e->ops->system(j));
}

static void deprecated_queue_says_so(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	enum tw_system n;

	for (n = 0; n < TW_NR_SYSTEM; n++) {
		struct cmwq2_wq *wq = e->ops->system(n);
		bool old = n == TW_SYSTEM_OLD || n == TW_SYSTEM_OLD_UNBOUND;
		struct tw_item *it = tw_item(e, tw_fn_nop);

		atomic_set(&wq->warned, 0);
		KUNIT_EXPECT_TRUE(test, cmwq2_queue_work(wq, &it->cmwq2));
		tw_wait_done(it, "an item of a system queue");
		KUNIT_EXPECT_EQ(test, atomic_read(&wq->warned), old);
		tw_flush(it);
	}
}

/* Flags that only the engine itself may set, and combinations that make no sense. */
static void internal_flags_are_refused(struct kunit *test)
{
	static const unsigned int bad[] = {
		CMWQ2_WQ_DESTROYING, CMWQ2_WQ_DRAINING, CMWQ2_WQ_DEPRECATED,
		CMWQ2_WQ_ORDERED, CMWQ2_WQ_ORDERED | CMWQ2_WQ_PERCPU,
		CMWQ2_WQ_UNBOUND | CMWQ2_WQ_PERCPU, BIT(20), BIT(31),
	};
	struct cmwq2_wq *wq;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		wq = cmwq2_alloc_workqueue("cmwq2_kunit", bad[i], 1);
		KUNIT_EXPECT_NULL_MSG(test, wq, "flags %#x accepted", bad[i]);
		cmwq2_destroy_workqueue(wq);
	}
	/* An ordered queue's max_active is always 1. */
	wq = cmwq2_alloc_workqueue("cmwq2_kunit", CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED, 2);
	KUNIT_EXPECT_NULL(test, wq);
	cmwq2_destroy_workqueue(wq);
}

static void long_names_are_cut(struct kunit *test)
{
	static const char name[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	int len;

	for (len = CMWQ2_NAME_LEN - 2; len <= CMWQ2_NAME_LEN + 1; len++) {
		struct cmwq2_wq *wq = cmwq2_alloc_workqueue("%.*s", CMWQ2_WQ_PERCPU, 0, len, name);
		int kept = min(len, CMWQ2_NAME_LEN - 1);

		KUNIT_ASSERT_NOT_NULL(test, wq);
		KUNIT_EXPECT_EQ(test, strlen(wq->name), (size_t)kept);
		KUNIT_EXPECT_EQ(test, strncmp(wq->name, name, kept), 0);
		cmwq2_destroy_workqueue(wq);
	}
}

static void null_is_nothing(struct kunit *test)
{
	cmwq2_destroy_workqueue(NULL);
	cmwq2_free_workqueue_attrs(NULL);
}

static struct kunit_case api_cases[] = {
	KUNIT_CASE_PARAM(enable_and_queue_at_depth_zero, engine_gen_params),
	KUNIT_CASE_PARAM(disable_in_delay, engine_gen_params),
	KUNIT_CASE_PARAM(disable_queued, engine_gen_params),
	KUNIT_CASE_PARAM(disable_running, engine_gen_params),
	KUNIT_CASE_PARAM(disable_delayed_and_plain_nest, engine_gen_params),
	KUNIT_CASE_PARAM(execute_in_task, engine_gen_params),
	KUNIT_CASE_PARAM(execute_in_interrupt, engine_gen_params),
	KUNIT_CASE_PARAM(call_on_each_cpu, engine_gen_params),
	KUNIT_CASE_PARAM(call_on_nests, engine_gen_params),
	KUNIT_CASE(each_cpu_once),
	KUNIT_CASE_PARAM(node_of_any_kind, engine_gen_params),
	KUNIT_CASE_PARAM(node_pending_and_disabled, engine_gen_params),
	KUNIT_CASE_PARAM(schedule_uses_system_queue, engine_gen_params),
	KUNIT_CASE_PARAM(devm_queue_goes_with_device, engine_gen_params),
	KUNIT_CASE_PARAM(legacy_is_one_at_a_time, engine_gen_params),
	KUNIT_CASE_PARAM(legacy_per_cpu_or_single, engine_gen_params),
	KUNIT_CASE(legacy_has_rescuer),
	KUNIT_CASE_PARAM(ordered_with_flags, engine_gen_params),
	KUNIT_CASE_PARAM(system_queue_native, system_gen_params),
	KUNIT_CASE_PARAM(system_queue_cmwq2, system_gen_params),
	KUNIT_CASE(system_queues_differ),
	KUNIT_CASE(deprecated_queue_says_so),
	KUNIT_CASE(internal_flags_are_refused),
	KUNIT_CASE(long_names_are_cut),
	KUNIT_CASE(null_is_nothing),
	{}
};

static struct kunit_suite api_suite = {
	.name = "cmwq2_api",
	.test_cases = api_cases,
};

kunit_test_suites(&api_suite);
