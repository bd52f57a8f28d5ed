// SPDX-License-Identifier: GPL-2.0
/*
 * At most max_active items run at once. The others run later, in order.
 *
 * Items sleep at gates of their own and pass a gauge. A probe on another queue
 * that shares the pool shows that no further item starts: if the item had been
 * on the pool's worklist, it would have started before the probe, which was
 * queued later.
 */
#include <linux/nodemask.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>

#include <trace/events/cmwq2.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

struct active_ctx {
	struct tw_gauge	gauge;
	struct tw_log	*log;
	struct tw_wq	*w;
	struct tw_wq	*probe_wq;
	struct tw_item	*probe;
};

/* An item that has entered the gauge is in the log. */
static void fn_hold(struct tw_item *it)
{
	struct active_ctx *c = it->ctx;

	tw_log_add(c->log, it->id);
	tw_gauge_enter(&c->gauge);
	tw_wait_for_test(it->gate);
	tw_gauge_exit(&c->gauge);
}

static struct active_ctx *active_setup(struct tw_env *e, unsigned int flags, int max)
{
	struct active_ctx *c = tw_zalloc(e, sizeof(*c));

	c->log = tw_log(e, 128);
	c->w = tw_alloc(e, flags, max);
	c->probe_wq = tw_alloc(e, flags, 0);
	c->probe = tw_item(e, tw_fn_nop);
	return c;
}

static struct tw_item *active_item(struct tw_env *e, struct active_ctx *c, int id)
{
	struct tw_item *it = tw_gated(e, NULL);

	it->fn = fn_hold;
	it->ctx = c;
	it->id = id;
	return it;
}

static void active_probe(struct tw_env *e, struct active_ctx *c, int cpu)
{
	tw_queue_on(cpu, c->probe_wq, c->probe);
	tw_wait_done(c->probe, "the probe");
}

/* Polls, because an item has started a moment before it enters the gauge. */
static void active_now(struct tw_env *e, struct active_ctx *c, int nr)
{
	TW_POLL(e, atomic_read(&c->gauge.now) == nr, "as many items as max_active");
}

#define NR_HOLD 12

/*
 * No two items are on their way to the log at a time. The second might get there
 * first: a worker that is delayed before it writes counts as CPU intensive, and
 * then does not hold back others.
 */
static void limit_on_one_cpu(struct kunit *test, unsigned int flags, int max)
{
	struct tw_env *e = tw_env(test);
	struct active_ctx *c = active_setup(e, flags, max);
	struct tw_item *items[NR_HOLD];
	int i, cpu = tw_cpu(0);

	for (i = 0; i < NR_HOLD; i++) {
		items[i] = active_item(e, c, i);
		tw_queue_on(cpu, c->w, items[i]);
		active_now(e, c, min(i + 1, max));
	}
	for (i = 0; i < NR_HOLD; i++) {
		active_probe(e, c, cpu);
		active_now(e, c, min(max, NR_HOLD - i));
		complete_all(items[i]->gate);
		tw_wait_done(items[i], "an item whose gate opened");
		active_now(e, c, min(max, NR_HOLD - i - 1));
		KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), min(i + 1 + max, NR_HOLD));
	}
	tw_flush_wq(c->w);
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(c->log, NR_HOLD));
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, NR_HOLD));
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), max);
}

static void percpu_limit(struct kunit *test)
{
	limit_on_one_cpu(test, TW_PERCPU, 1);
	limit_on_one_cpu(test, TW_PERCPU, 3);
}

static void unbound_limit(struct kunit *test)
{
	limit_on_one_cpu(test, TW_UNBOUND, 1);
	limit_on_one_cpu(test, TW_UNBOUND, 3);
}

static void limit_is_per_cpu(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct active_ctx *c = active_setup(e, TW_PERCPU, 2);
	int cpu, i, nr = 2 * num_online_cpus();
	struct tw_item **items = tw_zalloc(e, 2 * nr * sizeof(*items));

	for (i = 0; i < 2 * nr; i++) {
		items[i] = active_item(e, c, i);
		tw_queue_on(tw_cpu(i), c->w, items[i]);
	}
	for (i = 0; i < nr; i++)
		tw_wait_started(items[i], "two items on each CPU");
	for_each_online_cpu(cpu)
		active_probe(e, c, cpu);
	active_now(e, c, nr);
	for (i = 0; i < 2 * nr; i++)
		complete_all(items[i]->gate);
	tw_flush_wq(c->w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, 2 * nr));
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), nr);
}

/* The pools of one node share the limit, although each has its own lock. */
static void limit_is_per_node(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct active_ctx *c = active_setup(e, TW_UNBOUND, 4);
	struct tw_item *items[16];
	int cpu, i;

	if (num_online_nodes() > 1)
		kunit_skip(test, "max_active is divided between the NUMA nodes");

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = active_item(e, c, i);
		tw_queue_on(tw_cpu(i), c->w, items[i]);
	}
	for (i = 0; i < 4; i++)
		tw_wait_started(items[i], "the first four items");
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		for_each_online_cpu(cpu)
			active_probe(e, c, cpu);
		active_now(e, c, min(4, 16 - i));
		/* Whichever items run, each that has started may now end. */
		complete_all(items[c->log->id[i]]->gate);
		tw_wait_done(items[c->log->id[i]], "an item whose gate opened");
		TW_POLL(e, tw_log_nr(c->log) == min(16, i + 5), "another item to start");
	}
	tw_flush_wq(c->w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, 16));
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 4);
}

static void inactive_items_keep_order(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct active_ctx *c = active_setup(e, TW_PERCPU, 1);
	struct completion *open = tw_gate(e);
	int i, cpu = tw_cpu(1);

	complete_all(open);
	for (i = 0; i < 100; i++) {
		struct tw_item *it = active_item(e, c, i);

		it->gate = open;
		tw_queue_on(cpu, c->w, it);
	}
	tw_flush_wq(c->w);
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(c->log, 100));
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 1);
}

static void raise_starts_inactive(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND };
	int i, j, cpu = tw_cpu(0);

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct active_ctx *c = active_setup(e, flags[i], 1);
		struct tw_item *items[6];

		for (j = 0; j < ARRAY_SIZE(items); j++) {
			items[j] = active_item(e, c, j);
			tw_queue_on(cpu, c->w, items[j]);
		}
		tw_wait_started(items[0], "the first item");
		active_now(e, c, 1);
		active_probe(e, c, cpu);
		KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), 1);

		KUNIT_EXPECT_EQ(test, e->ops->set_max_active(c->w->wq, 4), 0);
		for (j = 1; j < 4; j++)
			tw_wait_started(items[j], "the items a higher max_active lets start");
		active_now(e, c, 4);
		active_probe(e, c, cpu);
		for (j = 0; j < ARRAY_SIZE(items); j++)
			complete_all(items[j]->gate);
		tw_flush_wq(c->w);
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
		KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 4);
	}
}

static void lower_holds_new_items(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND };
	int i, j, cpu = tw_cpu(0);

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct active_ctx *c = active_setup(e, flags[i], 4);
		struct tw_item *items[6];

		for (j = 0; j < 4; j++) {
			items[j] = active_item(e, c, j);
			tw_queue_on(cpu, c->w, items[j]);
		}
		for (j = 0; j < 4; j++)
			tw_wait_started(items[j], "four items");
		active_now(e, c, 4);
		KUNIT_EXPECT_EQ(test, e->ops->set_max_active(c->w->wq, 1), 0);
		for (; j < ARRAY_SIZE(items); j++) {
			items[j] = active_item(e, c, j);
			tw_queue_on(cpu, c->w, items[j]);
		}
		for (j = 0; j < 3; j++) {
			complete_all(items[j]->gate);
			tw_wait_done(items[j], "an item whose gate opened");
			active_probe(e, c, cpu);
			KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), 4);
		}
		complete_all(items[3]->gate);
		tw_wait_started(items[4], "the fifth item, when the four are gone");
		active_now(e, c, 1);
		active_probe(e, c, cpu);
		KUNIT_EXPECT_EQ(test, tw_log_nr(c->log), 5);
		complete_all(items[4]->gate);
		complete_all(items[5]->gate);
		tw_flush_wq(c->w);
		KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
	}
}

#define NR_ROUNDS 40

static void thread_change_limit(struct tw_thread *t)
{
	int i;

	for (i = 0; i < 500 && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		t->env->ops->set_max_active(t->wq->wq, 1 + i % 7);
		cond_resched();
	}
}

static void limit_changes_under_load(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	static const unsigned int flags[] = { TW_PERCPU, TW_UNBOUND };
	struct tw_item *items[64];
	int i, j, round;

	for (j = 0; j < ARRAY_SIZE(items); j++)
		items[j] = tw_item(e, tw_fn_nop);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct tw_wq *w = tw_alloc(e, flags[i], 1);
		struct tw_thread *t = tw_thread(e, tw_cpu(1), thread_change_limit, w,
						NULL, NULL);

		tw_thread_start(t);
		for (round = 0; round < NR_ROUNDS; round++) {
			for (j = 0; j < ARRAY_SIZE(items); j++)
				tw_queue_on(tw_cpu(j), w, items[j]);
			for (j = 0; j < ARRAY_SIZE(items); j++)
				tw_wait_done(items[j], "all items while max_active changes");
			tw_flush_wq(w);
		}
		tw_join(t, "the thread that changes max_active");
	}
	for (j = 0; j < ARRAY_SIZE(items); j++)
		KUNIT_EXPECT_EQ(test, atomic_read(&items[j]->runs), 2 * NR_ROUNDS);
}

#define NR_FIFO 3000
#define RAISED 4

struct fifo_ctx {
	struct tw_wq	*w;
	struct tw_log	*log;
	struct tw_item	*items[NR_FIFO];
};

static void fn_log_only(struct tw_item *it)
{
	struct fifo_ctx *c = it->ctx;

	tw_log_add(c->log, it->id);
}

static void thread_raise_limit(struct tw_thread *t)
{
	int i;

	for (i = 0; !READ_ONCE(t->env->closing) && !READ_ONCE(t->ret); i++) {
		tw_progress(t);
		t->env->ops->set_max_active(t->wq->wq, i % 2 ? RAISED : 1);
		cond_resched();
	}
}

/* Queues to the CPU that changes the limit, so that items pile up there. */
static void thread_produce(struct tw_thread *t)
{
	struct fifo_ctx *c = t->ctx;
	int i;

	for (i = 0; i < NR_FIFO; i++)
		tw_queue_on(tw_cpu(1), c->w, c->items[i]);
}

/*
 * True if no item started ahead of items queued before it. It may do so if they
 * are active together, because a worker that is delayed between taking an item
 * and the log counts as CPU intensive, and then does not hold back others.
 */
static bool starts_in_turn(struct tw_log *log, int nr, int max_active)
{
	int i, j;

	for (i = 0; i < nr; i++) {
		int missing = log->id[i];

		for (j = 0; j < i; j++)
			missing -= log->id[j] < log->id[i];
		if (missing >= max_active)
			return false;
	}
	return tw_log_nr(log) == nr;
}

/*
 * The producer's next items, of which there are many more than the limit, must
 * not overtake the items that a higher limit admits.
 */
static void raise_keeps_order(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct fifo_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_thread *raise, *produce;
	int i;

	c->w = tw_alloc(e, TW_PERCPU, 1);
	c->log = tw_log(e, NR_FIFO);
	for (i = 0; i < NR_FIFO; i++) {
		c->items[i] = tw_item(e, fn_log_only);
		c->items[i]->ctx = c;
		c->items[i]->id = i;
	}
	raise = tw_thread(e, tw_cpu(1), thread_raise_limit, c->w, NULL, NULL);
	produce = tw_thread(e, tw_cpu(0), thread_produce, NULL, NULL, c);
	tw_thread_start(raise);
	tw_thread_start(produce);
	tw_join(produce, "the producer");
	tw_flush_wq(c->w);
	WRITE_ONCE(raise->ret, true);
	tw_join(raise, "the thread that changes max_active");
	KUNIT_EXPECT_TRUE(test, starts_in_turn(c->log, NR_FIFO, RAISED));
}

struct jump_ctx {
	struct tw_wq	*w;
	struct tw_item	*first;		/* inactive on the CPU that is served first */
	struct tw_item	*late;		/* queued on the other CPU when @first becomes active */
	bool		going;
	bool		queued;
};

/* Delays the thread that raises the limit, while it holds the lock of the first CPU's pool. */
static void on_activate(void *data, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct jump_ctx *j = data;
	u64 since = ktime_get_mono_fast_ns();

	if (work != &j->first->cmwq2)
		return;
	WRITE_ONCE(j->going, true);
	while (!READ_ONCE(j->queued) && ktime_get_mono_fast_ns() - since < NSEC_PER_SEC)
		cpu_relax();
}

static void unhook(void *data)
{
	unregister_trace_cmwq2_activate_work(on_activate, data);
	tracepoint_synchronize_unregister();
}

static void thread_jump(struct tw_thread *t)
{
	struct jump_ctx *j = t->ctx;

	while (!READ_ONCE(j->going) && !READ_ONCE(t->env->closing))
		cond_resched();
	tw_queue_on(tw_cpu(1), j->w, j->late);
	WRITE_ONCE(j->queued, true);
}

static void thread_raise(struct tw_thread *t)
{
	t->env->ops->set_max_active(t->wq->wq, 2);
}

/*
 * The new limit is set before the waiting items have been activated. One CPU's
 * items are being activated while a new item comes to the other CPU, where an
 * older item has the first claim to the slot.
 */
static void new_item_stands_in_line(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct active_ctx *c = active_setup(e, TW_PERCPU, 1);
	struct jump_ctx *j = tw_zalloc(e, sizeof(*j));
	struct tw_item *items[5];
	struct tw_thread *raise, *jump;
	int i;

	if (tw_cpu(0) == tw_cpu(1))
		kunit_skip(test, "needs two CPUs");
	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = active_item(e, c, i);
	j->w = c->w;
	j->first = items[2];
	j->late = items[4];
	KUNIT_ASSERT_EQ(test, register_trace_cmwq2_activate_work(on_activate, j), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unhook, j), 0);
	/* Two active items, and two that wait behind them. */
	for (i = 0; i < 4; i++)
		tw_queue_on(tw_cpu(i), c->w, items[i]);
	for (i = 0; i < 2; i++)
		tw_wait_started(items[i], "the active items");

	raise = tw_thread(e, tw_cpu(0), thread_raise, c->w, NULL, NULL);
	jump = tw_thread(e, tw_cpu(1), thread_jump, NULL, NULL, j);
	tw_thread_start(jump);
	tw_thread_start(raise);
	tw_join(jump, "the thread that queues one more");
	tw_join(raise, "the thread that raises the limit");
	tw_wait_started(items[3], "the item that has waited on the other CPU");
	KUNIT_EXPECT_EQ(test, atomic_read(&items[4]->runs), 0);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		complete_all(items[i]->gate);
	tw_flush_wq(c->w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
}

static void min_active_refuses_bad_input(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 6);
	struct tw_wq *percpu = tw_alloc(e, TW_PERCPU, 6), *ordered = tw_alloc(e, TW_ORDERED, 0);

	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(w->wq, 6), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(w->wq, 1), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(w->wq, 7), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(w->wq, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(w->wq, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(percpu->wq, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(ordered->wq, 1), -EINVAL);
	/* A lower max_active also lowers min_active. */
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(w->wq, 2), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_min_active(w->wq, 3), -EINVAL);
}

static struct kunit_case max_active_cases[] = {
	KUNIT_CASE_PARAM(percpu_limit, engine_gen_params),
	KUNIT_CASE_PARAM(unbound_limit, engine_gen_params),
	KUNIT_CASE_PARAM(limit_is_per_cpu, engine_gen_params),
	KUNIT_CASE_PARAM(limit_is_per_node, engine_gen_params),
	KUNIT_CASE_PARAM(inactive_items_keep_order, engine_gen_params),
	KUNIT_CASE_PARAM(raise_starts_inactive, engine_gen_params),
	KUNIT_CASE_PARAM(lower_holds_new_items, engine_gen_params),
	KUNIT_CASE_PARAM(limit_changes_under_load, engine_gen_params),
	KUNIT_CASE_PARAM(raise_keeps_order, engine_gen_params),
	KUNIT_CASE(new_item_stands_in_line),
	KUNIT_CASE(min_active_refuses_bad_input),
	{}
};

static struct kunit_suite max_active_suite = {
	.name = "cmwq2_max_active",
	.test_cases = max_active_cases,
};

kunit_test_suites(&max_active_suite);
