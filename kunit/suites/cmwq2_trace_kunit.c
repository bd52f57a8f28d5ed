// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints, and the counters of a queue.
 *
 * A test arranges that only one order of events is possible, and compares it
 * with the log of tracelog.h. Both engines have four of the events under different
 * names. One list of expected events serves both.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>

#include "base/types.h"
#include "check.h"
#include "tracelog.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

/* With one slot the second item is activated only when the first has ended. */
static void order_of_an_item(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *items[2] = { tw_gated(e, NULL), tw_item(e, tw_fn_nop) };
	int i, cpu = tw_cpu(1);

	tr_attach(e);
	tw_queue_on(cpu, w, items[0]);
	tw_wait_started(items[0], "the first item");
	TR_EXPECT(e, items, "Qa Aa Sa ");
	tw_queue_on(cpu, w, items[1]);
	TR_EXPECT(e, items, "Qa Aa Sa Qb ");
	/* The item is already pending, so nothing is traced. */
	KUNIT_EXPECT_FALSE(test, tw_queue_on(cpu, w, items[1]));
	complete_all(items[0]->gate);
	tw_flush_wq(w);
	TR_EXPECT(e, items, "Qa Aa Sa Qb Ea Ab Sb Eb ");
	for (i = 0; (i = tr_next(i, TR_QUEUE, tr_work(items[0]), -1)) >= 0; i++)
		KUNIT_EXPECT_EQ(test, tr_log.event[i].req_cpu, cpu);
}

/* An item that is cancelled while it waits for a slot never becomes active. */
static void order_of_a_cancelled_item(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 1);
	struct tw_item *items[2] = { tw_gated(e, NULL), tw_item(e, tw_fn_nop) };

	tr_attach(e);
	tw_queue(w, items[0]);
	tw_wait_started(items[0], "the first item");
	tw_queue(w, items[1]);
	KUNIT_EXPECT_TRUE(test, tw_cancel(items[1]));
	complete_all(items[0]->gate);
	tw_flush_wq(w);
	if (CMWQ2_NATIVE_CANCEL_ACTIVATES && e->engine == &tw_engines[TW_NATIVE])
		TR_EXPECT(e, items, "Qa Aa Sa Qb Ab Ea ");
	else
		TR_EXPECT(e, items, "Qa Aa Sa Qb Ea ");
}

/* A delayed item is queued when its delay is over. */
static void order_of_a_delayed_item(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[1] = { tw_delayed(e, tw_fn_nop) };

	tr_attach(e);
	tw_queue_delayed(w, items[0], TW_NEVER);
	TR_EXPECT(e, items, "");
	tw_mod_delayed(w, items[0], 1);
	tw_wait_done(items[0], "the delayed item");
	tw_flush_wq(w);
	TR_EXPECT(e, items, "Qa Aa Sa Ea ");
}

static void nothing_after_detaching(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[1] = { tw_item(e, tw_fn_nop) };
	struct tr_attached *a = tr_attach(e);

	tw_queue(w, items[0]);
	tw_flush_wq(w);
	TR_EXPECT(e, items, "Qa Aa Sa Ea ");
	tr_detach(a);
	tw_queue(w, items[0]);
	tw_flush_wq(w);
	TR_EXPECT(e, items, "Qa Aa Sa Ea ");
}

/* One item in a pool at rest: the kicked worker is woken, runs it and is idle again. */
static void one_item_field_by_field(struct kunit *test)
{
	static const enum tr_kind order[] = {
		TR_QUEUE, TR_ACTIVATE, TR_KICK, TR_WAKE, TR_START, TR_END, TR_IDLE,
	};
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	const struct tr_event *ev = tr_log.event;
	int i, cpu = tw_cpu(1), pool = tw_stats(w, cpu).id;

	TW_POLL(e, tw_pool_idle(w, cpu), "the pool to be at rest");
	tr_attach(e);
	tw_queue_on(cpu, w, it);
	tw_flush_wq(w);
	TW_POLL(e, tw_pool_idle(w, cpu), "the pool to come to rest");

	KUNIT_ASSERT_EQ(test, tr_log.nr, ARRAY_SIZE(order));
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		KUNIT_EXPECT_EQ(test, ev[i].kind, order[i]);
		if (ev[i].kind != TR_WAKE)
			KUNIT_EXPECT_EQ(test, ev[i].pool, pool);
		if (ev[i].kind >= TR_START)
			KUNIT_EXPECT_EQ(test, ev[i].pid, it->pid);
		if (ev[i].kind >= TR_START && ev[i].kind != TR_WAKE)
			KUNIT_EXPECT_EQ(test, ev[i].worker, ev[2].worker);
		if (ev[i].kind <= TR_END) {
			KUNIT_EXPECT_PTR_EQ(test, ev[i].work, tr_work(it));
			KUNIT_EXPECT_PTR_EQ(test, ev[i].func, (const void *)it->cmwq2.func);
		}
	}
	KUNIT_EXPECT_PTR_EQ(test, ev[0].wq, w->wq);
	KUNIT_EXPECT_EQ(test, ev[0].req_cpu, cpu);
	KUNIT_EXPECT_EQ(test, ev[0].cpu, cpu);
}

/* Every worker that the pool counts as created or culled was traced, and so was its end. */
static void life_of_workers(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct completion *gate = tw_gate(e);
	struct cmwq2_pool_stats before, after;
	struct tw_item *items[8];
	int i, cpu = tw_cpu(0), at;

	/* Reap workers from before, so that none of them is culled during the test. */
	tw_policy(e, "min_idle", "2");
	tw_policy(e, "idle_timeout_ms", "50");
	TW_POLL(e, tw_pool_idle(w, cpu) && tw_stats(w, cpu).nr_workers <= 2,
		"the pool to have two idle workers");
	tr_attach(e);
	before = tw_stats(w, cpu);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(cpu, w, items[i]);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_started(items[i], "an item for which a worker must be made");
	complete_all(gate);
	tw_flush_wq(w);
	TW_POLL(e, tw_stats(w, cpu).nr_workers <= 2, "the culler");
	TW_POLL(e, tr_count(TR_DIE, NULL, before.id) == tr_count(TR_CULL, NULL, before.id),
		"the culled workers' end");

	after = tw_stats(w, cpu);
	KUNIT_EXPECT_GE(test, after.created - before.created, 6);
	KUNIT_EXPECT_EQ(test, tr_count(TR_CREATE, NULL, before.id),
			after.created - before.created);
	KUNIT_EXPECT_EQ(test, tr_count(TR_CULL, NULL, before.id), after.culled - before.culled);
	/* The first event of a new worker is that it is idle. */
	for (i = 0; (i = tr_next(i, TR_CREATE, NULL, before.id)) >= 0; i++) {
		at = tr_next(i, TR_IDLE, NULL, before.id);
		KUNIT_ASSERT_GE(test, at, 0);
		KUNIT_EXPECT_EQ(test, tr_log.event[at].pid, tr_log.event[i].pid);
		KUNIT_EXPECT_EQ(test, tr_log.event[at].worker, tr_log.event[i].worker);
	}
	for (i = 0; (i = tr_next(i, TR_CULL, NULL, before.id)) >= 0; i++) {
		for (at = i; (at = tr_next(at, TR_DIE, NULL, before.id)) >= 0; at++)
			if (tr_log.event[at].pid == tr_log.event[i].pid)
				break;
		KUNIT_EXPECT_GE_MSG(test, at, 0,
				    "worker %d was culled, but there is no event of its end",
				    tr_log.event[i].worker);
	}
}

/* A pool without an idle worker that cannot create one: see the rescuer's suite. */
static void rescue_is_traced(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *plain = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct completion *gate = tw_gate(e);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int i, nr, cpu = tw_cpu(1), mayday, rescue, start, pool = tw_stats(w, cpu).id;

	TW_POLL(e, tw_pool_idle(plain, cpu), "the pool to be at rest");
	tw_fault_create(plain, cpu, CMWQ2_CREATE_FAILS);
	nr = tw_stats(plain, cpu).nr_workers;
	for (i = 0; i < nr; i++)
		tw_queue_on(cpu, plain, tw_gated(e, gate));
	TW_POLL(e, !tw_stats(plain, cpu).nr_idle, "the last idle worker to be manager");

	tr_attach(e);
	tw_queue_on(cpu, w, it);
	tw_wait_done(it, "the rescue");
	tw_flush_wq(w);

	mayday = tr_next(0, TR_MAYDAY, NULL, pool);
	rescue = tr_next(0, TR_RESCUE, tr_work(it), pool);
	start = tr_next(0, TR_START, tr_work(it), pool);
	KUNIT_ASSERT_GE(test, mayday, 0);
	KUNIT_EXPECT_GT(test, rescue, mayday);
	KUNIT_ASSERT_GT(test, start, rescue);
	KUNIT_EXPECT_PTR_EQ(test, tr_log.event[mayday].wq, w->wq);
	KUNIT_EXPECT_PTR_EQ(test, tr_log.event[rescue].wq, w->wq);
	KUNIT_EXPECT_EQ(test, tr_log.event[start].pid, it->pid);
	KUNIT_EXPECT_EQ(test, tr_log.event[start].worker, -1);
	KUNIT_EXPECT_EQ(test, tr_count(TR_RESCUE, NULL, -1), tw_wq_stats(w).rescued);
	KUNIT_EXPECT_EQ(test, tr_count(TR_MAYDAY, NULL, pool), tw_wq_stats(w).mayday);
	KUNIT_EXPECT_EQ(test, tw_wq_stats(plain).mayday, 0);

	cmwq2_fault_create(plain->wq, cpu, CMWQ2_CREATE_NORMAL);
	complete_all(gate);
	tw_flush_wq(plain);
}

/* Queues another item to its own CPU. That item has to wait until this one blocks. */
static void fn_queue_then_block(struct tw_item *it)
{
	struct tw_item *next = it->ctx;

	tw_queue_on(it->id, next->ctx, next);
	tw_fn_gate(it);
}

static void cm_wakeup_is_counted(struct kunit *test)
{
	bool hooked = strcmp(cmwq2_hook_name(), "timer");
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_queue_then_block);
	struct tw_item *next = tw_item(e, tw_fn_nop);
	int cpu = tw_cpu(1);
	unsigned long was;

	TW_POLL(e, tw_pool_idle(w, cpu), "the pool to be at rest");
	was = tw_stats(w, cpu).cm_wakeups;
	it->gate = tw_gate(e);
	it->id = cpu;
	it->ctx = next;
	next->ctx = w;
	tw_queue_on(cpu, w, it);
	tw_wait_done(next, "the item behind one that blocks");
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).cm_wakeup, tw_stats(w, cpu).cm_wakeups - was);
	KUNIT_EXPECT_EQ(test, !!tw_wq_stats(w).cm_wakeup, hooked);
	complete_all(it->gate);
	tw_flush_wq(w);
}

/* Leaves its worker on the other CPU, which is outside the pod but in the cpumask. */
static void fn_stray(struct tw_item *it)
{
	struct cpumask *all = it->ctx;

	set_cpus_allowed_ptr(current, cpumask_of(it->id));
	set_cpus_allowed_ptr(current, all);
}

static void repatriation_is_counted(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct tw_item *it = tw_item(e, fn_stray);
	int here = tw_cpu(0), i;
	unsigned long was;

	tw_set_scope(w, CMWQ2_AFFN_CPU);
	it->ctx = (void *)cpu_possible_mask;
	it->id = tw_cpu(1);
	/* The scheduler may have moved a new worker, too, so count from here on. */
	was = tw_wq_stats(w).repatriated;
	/*
	 * The worker that became idle last is kicked first: the stray one. The
	 * scheduler may move it back before it sleeps, but not every time.
	 */
	for (i = 0; i < 100 && tw_wq_stats(w).repatriated == was; i++) {
		tw_queue_on(here, w, it);
		tw_flush_wq(w);
		TW_POLL(e, tw_pool_idle(w, here), "the pool to come to rest");
	}
	KUNIT_EXPECT_GT(test, tw_wq_stats(w).repatriated, was);
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE_PARAM(order_of_an_item, engine_gen_params),
	KUNIT_CASE_PARAM(order_of_a_cancelled_item, engine_gen_params),
	KUNIT_CASE_PARAM(order_of_a_delayed_item, engine_gen_params),
	KUNIT_CASE_PARAM(nothing_after_detaching, engine_gen_params),
	KUNIT_CASE(one_item_field_by_field),
	KUNIT_CASE(life_of_workers),
	KUNIT_CASE(rescue_is_traced),
	KUNIT_CASE(cm_wakeup_is_counted),
	KUNIT_CASE(repatriation_is_counted),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "cmwq2_trace",
	.test_cases = trace_cases,
};

kunit_test_suites(&trace_suite);
