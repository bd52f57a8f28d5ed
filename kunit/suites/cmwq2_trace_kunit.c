// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints, and the counters of a queue.
 *
 * Probes record the arguments of each event. A test arranges that only one
 * order of events is possible, and compares. The four events that both engines
 * have, under different names, are compared with one list of what is expected.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>

#include <trace/events/cmwq2.h>

#include "base/types.h"
#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

enum tr_kind {
	TR_QUEUE, TR_ACTIVATE, TR_START, TR_END,
	TR_KICK, TR_WAKE, TR_CREATE, TR_IDLE, TR_CULL, TR_DIE, TR_MAYDAY, TR_RESCUE,
	TR_NR,
};

/* What a probe saw. Only the fields that the event has are set. */
struct tr_event {
	enum tr_kind	kind;
	const void	*work;
	const void	*func;
	const void	*wq;
	int		req_cpu;
	int		cpu;
	int		pool;
	int		worker;
	pid_t		pid;
};

#define TR_MAX		1000

static struct tr_log {
	raw_spinlock_t	lock;
	unsigned int	nr;	/* events beyond TR_MAX are counted but not stored */
	struct tr_event	event[TR_MAX];
} tr_log = { .lock = __RAW_SPIN_LOCK_UNLOCKED(tr_log.lock) };

static void tr_add(const struct tr_event *event)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&tr_log.lock, flags);
	if (tr_log.nr < TR_MAX)
		tr_log.event[tr_log.nr] = *event;
	tr_log.nr++;
	raw_spin_unlock_irqrestore(&tr_log.lock, flags);
}

static void on_queue(void *data, int req_cpu, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = TR_QUEUE, .work = work, .func = work->func, .wq = pwq->wq,
		.req_cpu = req_cpu, .cpu = pwq->pool->cpu, .pool = pwq->pool->id,
	};

	tr_add(&event);
}

static void on_activate(void *data, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = TR_ACTIVATE, .work = work, .func = work->func, .wq = pwq->wq,
		.pool = pwq->pool->id,
	};

	tr_add(&event);
}

/* A BH pool's worker has no thread. */
static pid_t tr_pid(struct cmwq2_worker *worker)
{
	return worker->task ? worker->task->pid : 0;
}

static void tr_execute(enum tr_kind kind, struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = kind, .work = work, .func = worker->current_func,
		.pool = worker->pool->id, .worker = worker->id, .pid = tr_pid(worker),
	};

	tr_add(&event);
}

static void on_start(void *data, struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	tr_execute(TR_START, worker, work);
}

static void on_end(void *data, struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	tr_execute(TR_END, worker, work);
}

static void tr_worker(enum tr_kind kind, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	struct tr_event event = {
		.kind = kind, .pool = pool->id, .worker = worker->id,
		.pid = tr_pid(worker),
	};

	tr_add(&event);
}

static void on_kick(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_KICK, pool, worker);
}

static void on_create(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_CREATE, pool, worker);
}

static void on_idle(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_IDLE, pool, worker);
}

static void on_cull(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_CULL, pool, worker);
}

static void on_die(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_DIE, pool, worker);
}

static void on_wake(void *data, struct task_struct *task)
{
	struct tr_event event = {
		.kind = TR_WAKE, .pid = task->pid,
	};

	tr_add(&event);
}

static void on_mayday(void *data, struct cmwq2_pwq *pwq)
{
	struct tr_event event = {
		.kind = TR_MAYDAY, .wq = pwq->wq, .pool = pwq->pool->id,
	};

	tr_add(&event);
}

static void on_rescue(void *data, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = TR_RESCUE, .work = work, .func = work->func, .wq = pwq->wq,
		.pool = pwq->pool->id,
	};

	tr_add(&event);
}

/* The kernel's own tracepoints are found by name, because they are not exported. */
static void on_native_queue(void *data, int req_cpu, void *pwq, struct work_struct *work)
{
	struct tr_event event = {
		.kind = TR_QUEUE, .work = work, .func = work->func, .req_cpu = req_cpu,
	};

	tr_add(&event);
}

static void on_native_activate(void *data, struct work_struct *work)
{
	struct tr_event event = {
		.kind = TR_ACTIVATE, .work = work, .func = work->func,
	};

	tr_add(&event);
}

static void on_native_start(void *data, struct work_struct *work)
{
	struct tr_event event = {
		.kind = TR_START, .work = work, .func = work->func,
	};

	tr_add(&event);
}

static void on_native_end(void *data, struct work_struct *work, work_func_t func)
{
	struct tr_event event = {
		.kind = TR_END, .work = work, .func = func,
	};

	tr_add(&event);
}

static struct tr_probe {
	const char		*name;
	void			*fn;
	struct tracepoint	*tp;
} tr_native[] = {
	{ "workqueue_queue_work",	on_native_queue },
	{ "workqueue_activate_work",	on_native_activate },
	{ "workqueue_execute_start",	on_native_start },
	{ "workqueue_execute_end",	on_native_end },
}, tr_cmwq2[] = {
	{ "cmwq2_queue_work",		on_queue,	&__tracepoint_cmwq2_queue_work },
	{ "cmwq2_activate_work",	on_activate,	&__tracepoint_cmwq2_activate_work },
	{ "cmwq2_execute_start",	on_start,	&__tracepoint_cmwq2_execute_start },
	{ "cmwq2_execute_end",		on_end,		&__tracepoint_cmwq2_execute_end },
	{ "cmwq2_kick",			on_kick,	&__tracepoint_cmwq2_kick },
	{ "cmwq2_wake",			on_wake,	&__tracepoint_cmwq2_wake },
	{ "cmwq2_worker_create",	on_create,	&__tracepoint_cmwq2_worker_create },
	{ "cmwq2_worker_idle",		on_idle,	&__tracepoint_cmwq2_worker_idle },
	{ "cmwq2_worker_cull",		on_cull,	&__tracepoint_cmwq2_worker_cull },
	{ "cmwq2_worker_die",		on_die,		&__tracepoint_cmwq2_worker_die },
	{ "cmwq2_mayday",		on_mayday,	&__tracepoint_cmwq2_mayday },
	{ "cmwq2_rescue",		on_rescue,	&__tracepoint_cmwq2_rescue },
};

static void tr_find(struct tracepoint *tp, void *priv)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tr_native); i++)
		if (!strcmp(tp->name, tr_native[i].name))
			tr_native[i].tp = tp;
}

/* The probes that are attached from tr_attach() until tr_detach() or the end of the test. */
struct tr_attached {
	struct tr_probe	*probe;
	int		nr;
};

static void tr_detach(void *data)
{
	struct tr_attached *a = data;

	while (a->nr) {
		a->nr--;
		tracepoint_probe_unregister(a->probe[a->nr].tp, a->probe[a->nr].fn, NULL);
	}
	tracepoint_synchronize_unregister();
}

static struct tr_attached *tr_attach(struct tw_env *e)
{
	bool native = e->engine == &tw_engines[TW_NATIVE];
	struct tr_attached *a = kunit_kzalloc(e->test, sizeof(*a), GFP_KERNEL);
	int i, nr = native ? ARRAY_SIZE(tr_native) : ARRAY_SIZE(tr_cmwq2);

	KUNIT_ASSERT_NOT_NULL(e->test, a);
	for_each_kernel_tracepoint(tr_find, NULL);
	a->probe = native ? tr_native : tr_cmwq2;
	tr_log.nr = 0;
	KUNIT_ASSERT_EQ(e->test, kunit_add_action_or_reset(e->test, tr_detach, a), 0);
	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_NOT_NULL_MSG(e->test, a->probe[i].tp, "no tracepoint %s",
					  a->probe[i].name);
		KUNIT_ASSERT_EQ(e->test, tracepoint_probe_register(a->probe[i].tp,
								   a->probe[i].fn, NULL), 0);
		a->nr++;
	}
	return a;
}

static const void *tr_work(struct tw_item *it)
{
	if (it->env->engine == &tw_engines[TW_NATIVE])
		return &it->native;
	return &it->cmwq2;
}

/*
 * The index of the first event of @kind at @from or later, or -1. NULL for
 * @work and a negative @pool match any.
 */
static int tr_next(int from, enum tr_kind kind, const void *work, int pool)
{
	int i;

	for (i = from; i < min_t(int, tr_log.nr, TR_MAX); i++) {
		struct tr_event *ev = &tr_log.event[i];

		if (ev->kind == kind && (!work || ev->work == work) &&
		    (pool < 0 || ev->pool == pool))
			return i;
	}
	return -1;
}

static int tr_count(enum tr_kind kind, const void *work, int pool)
{
	int i, nr = 0;

	for (i = 0; (i = tr_next(i, kind, work, pool)) >= 0; i++)
		nr++;
	return nr;
}

/* The log as text: Qa Aa Sa Ea for the four events of items[0], b for the next item. */
static void tr_text(struct tw_item **items, int nr, char *buf, size_t size)
{
	int i, k, at = 0;

	for (i = 0; i < min_t(int, tr_log.nr, TR_MAX); i++) {
		struct tr_event *ev = &tr_log.event[i];

		for (k = 0; k < nr; k++)
			if (ev->work == tr_work(items[k]) && ev->kind <= TR_END)
				at += scnprintf(buf + at, size - at, "%c%c ",
						"QASE"[ev->kind], 'a' + k);
	}
	buf[at] = '\0';
}

#define TR_EXPECT(e, items, text)						\
	do {									\
		char _buf[200];							\
										\
		tr_text(items, ARRAY_SIZE(items), _buf, sizeof(_buf));		\
		KUNIT_EXPECT_STREQ((e)->test, _buf, text);			\
	} while (0)

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
		KUNIT_EXPECT_GE_MSG(test, at, 0, "worker %d was culled and did not die",
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
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	int here = tw_cpu(0), ret, i;
	unsigned long was;

	KUNIT_ASSERT_NOT_NULL(test, attrs);
	attrs->affn_scope = CMWQ2_AFFN_CPU;
	ret = cmwq2_apply_workqueue_attrs(w->wq, attrs);
	cmwq2_free_workqueue_attrs(attrs);
	KUNIT_ASSERT_EQ(test, ret, 0);

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
