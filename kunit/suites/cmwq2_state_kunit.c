// SPDX-License-Identifier: GPL-2.0
/*
 * Queries: what an item is doing, whether a queue is at its limit, and where
 * the caller runs. A test queries only in states that cannot change meanwhile.
 */
#include <linux/interrupt.h>
#include <linux/timer.h>

#include "check.h"
#include "starve.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

#define PENDING	CMWQ2_WORK_BUSY_PENDING
#define RUNNING	CMWQ2_WORK_BUSY_RUNNING

/* The bits mean the same on both sides of struct tw_ops. */
static_assert(PENDING == (int)WORK_BUSY_PENDING && RUNNING == (int)WORK_BUSY_RUNNING);

static const unsigned int queue_kinds[] = {
	TW_PERCPU, TW_PERCPU | TW_HIGHPRI, TW_UNBOUND, TW_ORDERED, TW_UNBOUND | TW_MEM_RECLAIM,
};

static void busy_follows_item(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	int i, cpu = tw_cpu(1);

	for (i = 0; i < ARRAY_SIZE(queue_kinds); i++) {
		struct tw_wq *w = tw_alloc(e, queue_kinds[i], 1);
		struct tw_item *it = tw_gated(e, NULL);

		KUNIT_EXPECT_EQ(test, e->ops->busy(it), 0);
		tw_queue_on(cpu, w, it);
		tw_wait_started(it, "the item");
		KUNIT_EXPECT_EQ(test, e->ops->busy(it), RUNNING);
		tw_queue_on(cpu, w, it);
		KUNIT_EXPECT_EQ(test, e->ops->busy(it), PENDING | RUNNING);
		KUNIT_EXPECT_TRUE(test, tw_cancel(it));
		KUNIT_EXPECT_EQ(test, e->ops->busy(it), RUNNING);
		complete_all(it->gate);
		tw_flush_wq(w);
		KUNIT_EXPECT_EQ(test, e->ops->busy(it), 0);
	}
}

static void busy_while_queued(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int cpu = tw_cpu(1);

	tw_queue_on(cpu, w, blocker);
	tw_queue_on(cpu, w, it);
	KUNIT_EXPECT_EQ(test, e->ops->busy(it), PENDING);
	complete_all(blocker->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, e->ops->busy(it), 0);
}

static void busy_in_delay(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_nop);

	tw_queue_delayed(w, it, TW_NEVER);
	KUNIT_EXPECT_EQ(test, e->ops->busy(it), PENDING);
	KUNIT_EXPECT_TRUE(test, e->ops->cancel_delayed_sync(it));
	KUNIT_EXPECT_EQ(test, e->ops->busy(it), 0);
}

static void congested_at_limit(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	int i, cpu = tw_cpu(1);

	for (i = 0; i < ARRAY_SIZE(queue_kinds); i++) {
		struct tw_wq *w = tw_alloc(e, queue_kinds[i], 1);
		struct tw_item *blocker = tw_gated(e, NULL);
		struct tw_item *it = tw_item(e, tw_fn_nop);

		KUNIT_EXPECT_FALSE(test, e->ops->congested(cpu, w->wq));
		tw_queue_on(cpu, w, blocker);
		KUNIT_EXPECT_FALSE(test, e->ops->congested(cpu, w->wq));
		tw_queue_on(cpu, w, it);
		KUNIT_EXPECT_TRUE(test, e->ops->congested(cpu, w->wq));
		complete_all(blocker->gate);
		tw_flush_wq(w);
		KUNIT_EXPECT_FALSE(test, e->ops->congested(cpu, w->wq));
	}
}

static void congested_is_per_cpu(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int cpu, other = tw_cpu(1);
	bool here;

	tw_queue_on(other, w, blocker);
	tw_queue_on(other, w, it);
	for_each_online_cpu(cpu)
		KUNIT_EXPECT_EQ(test, e->ops->congested(cpu, w->wq), cpu == other);
	cpu = get_cpu();
	here = e->ops->congested(TW_ANY_CPU, w->wq);
	put_cpu();
	KUNIT_EXPECT_EQ(test, here, cpu == other);
	complete_all(blocker->gate);
}

static void fn_note_current(struct tw_item *it)
{
	it->ctx = it->env->ops->current_item();
}

static void thread_note_current(struct tw_thread *t)
{
	t->ctx = t->env->ops->current_item();
}

static void current_item_is_own(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_thread *t = tw_thread(e, TW_ANY_CPU, thread_note_current, NULL, NULL, e);
	int i;

	KUNIT_EXPECT_NULL(test, e->ops->current_item());
	for (i = 0; i < ARRAY_SIZE(queue_kinds); i++) {
		struct tw_wq *w = tw_alloc(e, queue_kinds[i], 0);
		struct tw_item *it = tw_item(e, fn_note_current);

		tw_queue(w, it);
		tw_wait_done(it, "the item");
		KUNIT_EXPECT_PTR_EQ(test, (struct tw_item *)it->ctx, it);
	}
	tw_thread_start(t);
	tw_join(t, "a thread that is no worker");
	KUNIT_EXPECT_NULL(test, t->ctx);
}

struct irq_probe {
	struct timer_list	timer;
	struct hrtimer		hard;
	bool			use_hard;
	struct tw_env		*env;
	struct tw_item		*current_item;
	bool			mem_reclaim;
	bool			on_worker;
	struct task_struct	*worker;
	bool			done;
};

static void irq_probe_look(struct irq_probe *p)
{
	const struct tw_ops *ops = p->env->ops;

	p->current_item = ops->current_item();
	p->mem_reclaim = ops->mem_reclaim && ops->mem_reclaim();
	p->on_worker = current == p->worker;
	/*
	 * This comes last, because then the item may return. Pairs with the load in
	 * fn_be_interrupted().
	 */
	smp_store_release(&p->done, true);
}

static void irq_probe_fires(struct timer_list *timer)
{
	irq_probe_look(container_of(timer, struct irq_probe, timer));
}

static enum hrtimer_restart irq_probe_fires_hard(struct hrtimer *timer)
{
	irq_probe_look(container_of(timer, struct irq_probe, hard));
	return HRTIMER_NORESTART;
}

/* Occupies its CPU until an interrupt on that CPU has done its queries. */
static void fn_be_interrupted(struct tw_item *it)
{
	unsigned long end = jiffies + tw_timeout();
	struct irq_probe *p = it->ctx;

	p->worker = current;
	if (p->use_hard) {
		hrtimer_start(&p->hard, us_to_ktime(USEC_PER_MSEC), HRTIMER_MODE_REL_PINNED_HARD);
	} else {
		p->timer.expires = jiffies + 1;
		add_timer_on(&p->timer, raw_smp_processor_id());
	}
	/* Pairs with the store in irq_probe_look(). */
	while (!smp_load_acquire(&p->done) && time_before(jiffies, end))
		cpu_relax();
}

/*
 * A softirq and a hard interrupt do not belong to the item on top of which they run. If
 * ksoftirqd runs the timer, the round proves nothing. On PREEMPT_RT a thread always runs it.
 */
static void current_item_not_in_interrupt(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *it = tw_item(e, fn_be_interrupted);
	struct irq_probe *p = tw_zalloc(e, sizeof(*p));
	int round, met[2] = {};

	p->env = e;
	timer_setup(&p->timer, irq_probe_fires, 0);
	hrtimer_setup(&p->hard, irq_probe_fires_hard, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	it->ctx = p;
	for (round = 0; round < 40 && !(met[0] && met[1]); round++) {
		p->done = false;
		p->use_hard = round % 2;
		tw_queue_on(tw_cpu(1), w, it);
		tw_wait_done(it, "the item that is interrupted");
		timer_delete_sync(&p->timer);
		hrtimer_cancel(&p->hard);
		KUNIT_ASSERT_TRUE(test, p->done);
		met[p->use_hard] += p->on_worker;
		KUNIT_EXPECT_NULL(test, p->current_item);
		KUNIT_EXPECT_FALSE(test, p->mem_reclaim);
	}
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		KUNIT_EXPECT_GT(test, met[0], 0);
	KUNIT_EXPECT_GT(test, met[1], 0);
}

static void fn_note_reclaim(struct tw_item *it)
{
	it->val = it->env->ops->mem_reclaim();
}

static void expect_reclaim(struct tw_env *e, struct tw_wq *w, bool expected, const char *what)
{
	struct tw_item *it = tw_item(e, fn_note_reclaim);

	tw_queue(w, it);
	tw_wait_done(it, "the item");
	KUNIT_EXPECT_EQ_MSG(e->test, (bool)it->val, expected, "in an item of %s", what);
}

static void thread_note_reclaim(struct tw_thread *t)
{
	t->ret = t->env->ops->mem_reclaim();
}

static void mem_reclaim_is_the_queues(struct kunit *test)
{
	static const struct { unsigned int flags; const char *name; } kinds[] = {
		{ TW_PERCPU, "a per-CPU queue" },
		{ TW_PERCPU | TW_HIGHPRI, "a highpri queue" },
		{ TW_UNBOUND, "an unbound queue" },
		{ TW_ORDERED, "an ordered queue" },
	};
	struct tw_env *e = tw_env(test);
	struct tw_thread *t;
	int i;

	tw_need(e, mem_reclaim);
	KUNIT_EXPECT_FALSE(test, e->ops->mem_reclaim());
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		expect_reclaim(e, tw_alloc(e, kinds[i].flags, 0), false, kinds[i].name);
		expect_reclaim(e, tw_alloc(e, kinds[i].flags | TW_MEM_RECLAIM, 0), true,
			       kinds[i].name);
	}
	/* Legacy queues have a rescuer, but their users asked for no guarantee. */
	expect_reclaim(e, tw_create(e, TW_MULTITHREAD), false, "create_workqueue()");
	expect_reclaim(e, tw_create(e, TW_SINGLETHREAD), false, "create_singlethread_workqueue()");
	expect_reclaim(e, tw_create(e, TW_FREEZABLE_THREAD), false,
		       "create_freezable_workqueue()");

	t = tw_thread(e, TW_ANY_CPU, thread_note_reclaim, NULL, NULL, NULL);
	t->ret = true;
	tw_thread_start(t);
	tw_join(t, "a thread that is no worker");
	KUNIT_EXPECT_FALSE(test, t->ret);
}

enum { IS_RESCUER = BIT(0), IS_RECLAIM = BIT(1) };

static void fn_note_rescuer(struct tw_item *it)
{
	it->val = (cmwq2_current_is_workqueue_rescuer() ? IS_RESCUER : 0) |
		  (cmwq2_current_is_workqueue_mem_reclaim() ? IS_RECLAIM : 0);
}

static long where_it_runs(struct tw_wq *w, struct tw_item *it, int cpu)
{
	tw_queue_on(cpu, w, it);
	tw_wait_done(it, "the item");
	tw_flush(it);
	return it->val;
}

/* cmwq2 only: the kernel does not export its function, nor can a test make it rescue. */
static void rescuer_knows_itself(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_wq *legacy = tw_create(e, TW_MULTITHREAD);
	struct tw_item *it = tw_item(e, fn_note_rescuer);
	struct tw_starved *c;

	KUNIT_EXPECT_FALSE(test, cmwq2_current_is_workqueue_rescuer());
	KUNIT_EXPECT_EQ(test, where_it_runs(w, it, tw_cpu(1)), IS_RECLAIM);
	c = tw_starve(e, TW_PERCPU);
	KUNIT_EXPECT_EQ(test, where_it_runs(w, it, c->cpu), IS_RESCUER | IS_RECLAIM);
	KUNIT_EXPECT_EQ(test, where_it_runs(legacy, it, c->cpu), IS_RESCUER);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 1);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(legacy).rescued, 1);
	tw_feed(c);
	KUNIT_EXPECT_EQ(test, where_it_runs(w, it, c->cpu), IS_RECLAIM);
	KUNIT_EXPECT_EQ(test, where_it_runs(legacy, it, c->cpu), 0);
}

static void current_item_in_rescuer(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND | TW_MEM_RECLAIM, 0);
	struct tw_item *it = tw_item(e, fn_note_current);
	struct tw_item *busy = tw_gated(e, NULL);
	struct tw_starved *c = tw_starve(e, TW_UNBOUND);

	where_it_runs(w, it, c->cpu);
	KUNIT_EXPECT_PTR_EQ(test, (struct tw_item *)it->ctx, it);
	tw_queue_on(c->cpu, w, busy);
	tw_wait_started(busy, "the rescue of an item");
	KUNIT_EXPECT_EQ(test, e->ops->busy(busy), RUNNING);
	complete_all(busy->gate);
	tw_flush(busy);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).rescued, 2);
	tw_feed(c);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE_PARAM(busy_follows_item, engine_gen_params),
	KUNIT_CASE_PARAM(busy_while_queued, engine_gen_params),
	KUNIT_CASE_PARAM(busy_in_delay, engine_gen_params),
	KUNIT_CASE_PARAM(congested_at_limit, engine_gen_params),
	KUNIT_CASE_PARAM(congested_is_per_cpu, engine_gen_params),
	KUNIT_CASE_PARAM(current_item_is_own, engine_gen_params),
	KUNIT_CASE_PARAM(current_item_not_in_interrupt, engine_gen_params),
	KUNIT_CASE_PARAM(mem_reclaim_is_the_queues, engine_gen_params),
	KUNIT_CASE(rescuer_knows_itself),
	KUNIT_CASE(current_item_in_rescuer),
	{}
};

static struct kunit_suite state_suite = {
	.name = "cmwq2_state",
	.test_cases = state_cases,
};

kunit_test_suites(&state_suite);
