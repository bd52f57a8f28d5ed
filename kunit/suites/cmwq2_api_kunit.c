// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of the API: functions that call other functions of the API. Other ways to
 * create a queue are in cmwq2_alloc_kunit.c.
 */
#include <linux/cpumask.h>
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

/* The calls for plain and for delayed items count the same disable depth. */
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

/*
 * This has a call site of its own, so that lockdep does not take the inner item for the
 * outer one.
 */
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
	{}
};

static struct kunit_suite api_suite = {
	.name = "cmwq2_api",
	.test_cases = api_cases,
};

kunit_test_suites(&api_suite);
