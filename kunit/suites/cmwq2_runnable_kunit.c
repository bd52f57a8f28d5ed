// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever makes an item runnable must ensure that a worker runs it.
 *
 * An item becomes runnable when it gets a slot of max_active: from an item that
 * ends, a cancel, a raised limit or a thaw. In these tests no worker is awake
 * by chance: all workers of the pool are asleep before the slot is given.
 */
#include "base/helper.h"
#include "base/registry.h"
#include "hold.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void fn_note_task(struct tw_item *it)
{
	WRITE_ONCE(it->ctx, current);
}

/*
 * Waits until the worker that ran the last item of the pool sleeps and is idle.
 * The other workers were idle before, and no idle worker is culled for minutes.
 */
static void wait_asleep(struct tw_wq *w, int cpu)
{
	struct tw_env *e = w->env;
	struct tw_item *probe = tw_item(e, fn_note_task);
	int i;

	for (i = 0; i < 2; i++) {
		struct task_struct *task;

		tw_queue_on(cpu, w, probe);
		tw_wait_done(probe, "a probe");
		task = probe->ctx;
		TW_POLL(e, READ_ONCE(task->__state) == TASK_IDLE, "the worker of a probe to sleep");
	}
}

static bool by_cancel(struct tw_wq *w, struct tw_item *it)
{
	return w->env->ops->cancel_delayed(it);
}

static bool by_mod(struct tw_wq *w, struct tw_item *it)
{
	return tw_mod_delayed(w, it, TW_NEVER);
}

static bool by_disable(struct tw_wq *w, struct tw_item *it)
{
	tw_need(w->env, disable_delayed);
	return w->env->ops->disable_delayed(it);
}

/*
 * An item sleeps in its function and is queued again: it now waits for the
 * worker that runs it, and holds a second slot. When it is cancelled, the slot
 * goes to an inactive item, for which no worker was woken. Returns whether that
 * item runs before the first one ends.
 */
static bool slot_goes_on(struct tw_env *e, unsigned int flags,
			 bool (*take_back)(struct tw_wq *w, struct tw_item *it))
{
	bool known = tw_known_fault(e, CMWQ2_NATIVE_CANCEL_KICKS_NOBODY), ran;
	struct tw_wq *w = tw_alloc(e, flags, 2), *probes = tw_alloc(e, flags, 0);
	struct tw_item *it = tw_delayed(e, tw_fn_gate), *next = tw_item(e, tw_fn_nop);
	struct kunit *test = e->test;
	int cpu = tw_cpu(0);

	it->gate = tw_gate(e);
	e->ops->queue_delayed_on(cpu, w->wq, it, 0);
	tw_wait_started(it, "the first run");
	KUNIT_EXPECT_TRUE(test, e->ops->queue_delayed_on(cpu, w->wq, it, 0));
	wait_asleep(probes, cpu);
	KUNIT_EXPECT_TRUE(test, tw_queue_on(cpu, w, next));
	wait_asleep(probes, cpu);
	KUNIT_EXPECT_EQ(test, atomic_read(&next->runs), 0);

	KUNIT_EXPECT_TRUE(test, take_back(w, it));
	ran = TW_HAPPENS(known, atomic_read(&next->runs));
	complete_all(it->gate);
	tw_wait_done(it, "the first run to end");
	tw_wait_done(next, "the inactive item, after the first run at the latest");
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
	return ran;
}

/*
 * The kernel's own pools have other users, whose items wake a worker that then finds
 * the forgotten item. The highpri pools have few such users. On a kernel that is known
 * to have the fault, it must appear in one of several tries.
 */
#define TRIES	8

static void slot_in_both(struct kunit *test, bool (*take_back)(struct tw_wq *w, struct tw_item *it))
{
	static const unsigned int kinds[] = { TW_PERCPU, TW_UNBOUND };
	struct tw_env *e = tw_env(test);
	bool known = tw_known_fault(e, CMWQ2_NATIVE_CANCEL_KICKS_NOBODY), ran;
	int i, try;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		try = 0;
		do {
			ran = slot_goes_on(e, kinds[i] | TW_HIGHPRI, take_back);
		} while (ran && known && ++try < TRIES);
		tw_expect_known(e, known, ran, "the inactive item that got the slot");
	}
}

static void slot_of_cancelled(struct kunit *test)
{
	slot_in_both(test, by_cancel);
}

static void slot_of_modified(struct kunit *test)
{
	slot_in_both(test, by_mod);
}

static void slot_of_disabled(struct kunit *test)
{
	slot_in_both(test, by_disable);
}

/*
 * A raised limit admits the items that wait for it. The next item finds free
 * slots and no item ahead of it.
 */
static void raised_limit_admits_new(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 1);
	struct tw_item *a = tw_gated(e, NULL), *b = tw_gated(e, NULL), *c = tw_item(e, tw_fn_nop);
	int cpu = tw_cpu(0);

	tw_queue_on(cpu, w, a);
	tw_wait_started(a, "the item that max_active admits");
	tw_queue_on(cpu, w, b);
	KUNIT_EXPECT_EQ(test, e->ops->set_max_active(w->wq, 4), 0);
	tw_wait_started(b, "the item that the higher limit admits");
	tw_queue_on(cpu, w, c);
	TW_POLL_KNOWN(e, CMWQ2_NATIVE_STAYS_IN_LINE, atomic_read(&c->runs),
		      "an item enqueued while two of four slots are taken");
	complete_all(a->gate);
	complete_all(b->gate);
	tw_wait_done(c, "the third item, after the first ones at the latest");
}

/* As above, but no item waits any more when the limit is raised. */
static void raised_limit_after_cancel(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 1);
	struct tw_item *a = tw_gated(e, NULL), *b = tw_item(e, tw_fn_nop);
	struct tw_item *c = tw_item(e, tw_fn_nop);
	int cpu = tw_cpu(0);

	tw_queue_on(cpu, w, a);
	tw_wait_started(a, "the item that max_active admits");
	tw_queue_on(cpu, w, b);
	KUNIT_EXPECT_TRUE(test, tw_cancel(b));
	KUNIT_EXPECT_EQ(test, e->ops->set_max_active(w->wq, 4), 0);
	tw_queue_on(cpu, w, c);
	TW_POLL_KNOWN(e, CMWQ2_NATIVE_STAYS_IN_LINE, atomic_read(&c->runs),
		      "an item enqueued while one of four slots is taken");
	complete_all(a->gate);
	tw_wait_done(c, "the item, after the first one at the latest");
	KUNIT_EXPECT_EQ(test, atomic_read(&b->runs), 0);
}

/* cmwq2 only: modules cannot call what the freezer calls. See the suite cmwq2_freezer. */
static const struct thaw_kind {
	char		name[16];
	unsigned int	flags;
} thaw_kinds[] = {
	{ "percpu", TW_PERCPU },
	{ "unbound", TW_UNBOUND },
	{ "ordered", TW_ORDERED },
};

KUNIT_ARRAY_PARAM_DESC(thaw, thaw_kinds, name);

static struct tw_wq *frozen_wq(struct kunit *test)
{
	const struct thaw_kind *kind = test->param_value;
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, kind->flags | TW_FREEZABLE, 0);

	tw_thaw_at_end(test);
	cmwq2_freeze_workqueues_begin();
	return w;
}

/* Rescues an item that did not run, or the queue could never be drained. */
static void unless_it_runs(struct tw_wq *w, struct tw_item *it, const char *what)
{
	if (TW_POLL_KNOWN(w->env, false, atomic_read(&it->runs), what))
		return;
	cmwq2_freeze_workqueues_begin();
	cmwq2_thaw_workqueues();
}

static void thawed_after_cancel(struct kunit *test)
{
	struct tw_wq *w = frozen_wq(test);
	struct tw_item *a = tw_item(w->env, tw_fn_nop), *b = tw_item(w->env, tw_fn_nop);
	int cpu = tw_cpu(0);

	tw_queue_on(cpu, w, a);
	KUNIT_EXPECT_TRUE(test, tw_cancel_sync(a));
	cmwq2_thaw_workqueues();
	tw_queue_on(cpu, w, a);
	tw_queue_on(cpu, w, b);
	unless_it_runs(w, a, "an item enqueued after the thaw");
	tw_wait_done(b, "the item behind it");
}

static void thawed_admits_new(struct kunit *test)
{
	const struct thaw_kind *kind = test->param_value;
	struct tw_wq *w = frozen_wq(test);
	struct tw_item *a = tw_gated(w->env, NULL), *b = tw_item(w->env, tw_fn_nop);
	int cpu = tw_cpu(0);

	tw_queue_on(cpu, w, a);
	cmwq2_thaw_workqueues();
	tw_wait_started(a, "the item that was enqueued while frozen");
	tw_queue_on(cpu, w, b);
	if (kind->flags & TW_ORDERED)
		KUNIT_EXPECT_TRUE(test, tw_pending(b));
	else
		unless_it_runs(w, b, "a second item, with all slots but one free");
	complete_all(a->gate);
	tw_wait_done(b, "the second item");
}

/* Moves the present workers of @pool to the stage's CPU. */
static void move_workers(struct tw_stage *s, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		set_cpus_allowed_ptr(worker->task, cpumask_of(s->cpu));
	mutex_unlock(&cmwq2_attach_mutex);
}

/* A queue of two slots with a pool for each CPU. All workers run on the stage's CPU. */
static struct tw_wq *two_pools(struct tw_stage *s, struct cmwq2_pool **here,
			       struct cmwq2_pool **there)
{
	struct tw_wq *w = tw_alloc(s->env, TW_UNBOUND, 2);
	struct tw_item *warm = tw_item(s->env, tw_fn_nop);
	struct cmwq2_attrs *attrs = tw_attrs(s->env->test);

	attrs->nice = 4;
	attrs->affn_scope = CMWQ2_AFFN_CPU;
	KUNIT_ASSERT_EQ(s->env->test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	cmwq2_helpers_flush();
	*here = tw_pool_of(w, s->cpu);
	*there = tw_pool_of(w, s->hand_cpu);
	KUNIT_ASSERT_PTR_NE(s->env->test, *here, *there);
	tw_queue_on(s->cpu, w, warm);
	tw_wait_done(warm, "an item that has workers made");
	tw_queue_on(s->hand_cpu, w, warm);
	tw_wait_done(warm, "an item that has workers made there");
	TW_SOON(s->env, tw_pool_idle(w, s->cpu) && tw_all_asleep(*here) &&
		tw_pool_idle(w, s->hand_cpu) && tw_all_asleep(*there), "both pools to be at rest");
	move_workers(s, *here);
	move_workers(s, *there);
	return w;
}

static void hand_cancels(void *arg)
{
	struct tw_item *it = arg;

	it->val = tw_cancel(it);
}

/*
 * A cancel gives back the slot of its item. The first pwq in line belongs to
 * another pool, so the cancel drops the lock of its own pool to get there.
 * Meanwhile the worker of its own pool finds nothing and becomes idle, and the
 * line moves on: now the pwq of its own pool is first. That pwq must get the
 * slot, and a kick.
 */
static void slot_comes_back_to_own_pool(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, true, 0);
	struct tw_env *e = s->env;
	struct cmwq2_pool *here, *there;
	struct tw_wq *w = two_pools(s, &here, &there);
	struct tw_hold *woken = tw_hold(e, CMWQ2_POINT_WOKEN, here);
	struct tw_hold *line = tw_hold(e, CMWQ2_POINT_LINE, there);
	struct tw_item *running = tw_gated(e, NULL), *cancelled = tw_item(e, tw_fn_nop);
	struct tw_item *that = tw_gated(e, NULL), *this = tw_item(e, tw_fn_nop);
	unsigned int i;

	for (i = 0; i < s->rounds; i++) {
		reinit_completion(running->gate);
		reinit_completion(that->gate);
		tw_queue_on(s->hand_cpu, w, running);
		tw_wait_started(running, "the item that takes one slot");
		tw_arm(woken);
		tw_queue_on(s->cpu, w, cancelled);
		tw_wait_held(woken, "the worker of the item that takes the other slot");
		tw_queue_on(s->hand_cpu, w, that);
		tw_queue_on(s->cpu, w, this);

		tw_arm(line);
		tw_hand_does(s, hand_cancels, cancelled);
		tw_wait_held(line, "the cancel between two pools");
		tw_let_go(woken);
		TW_SOON(e, tw_pool_idle(w, s->cpu) && tw_all_asleep(here),
			"its own pool to be idle");
		complete_all(running->gate);
		tw_wait_started(that, "the item that the end of the first one activates");
		tw_let_go(line);
		tw_hand_wait(s);
		KUNIT_EXPECT_EQ(test, cancelled->val, 1);

		if (!TW_POLL_KNOWN(e, false, atomic_read(&this->runs) > i,
				   "the item of the canceller's own pool")) {
			/* Inactive until the other pool's item ends, whose worker kicks for it. */
			tw_queue_on(s->cpu, w, cancelled);
			i = s->rounds;
		}
		complete_all(that->gate);
		tw_wait_done(running, "the first item");
		tw_wait_done(that, "the item of the other pool");
		tw_wait_done(this, "the item of the canceller's own pool");
		TW_SOON(e, tw_pool_idle(w, s->cpu) && tw_all_asleep(here) &&
			tw_pool_idle(w, s->hand_cpu) && tw_all_asleep(there), "both pools to rest");
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&cancelled->runs), 0);
}

static struct kunit_case runnable_cases[] = {
	KUNIT_CASE_PARAM(slot_of_cancelled, engine_gen_params),
	KUNIT_CASE_PARAM(slot_of_modified, engine_gen_params),
	KUNIT_CASE_PARAM(slot_of_disabled, engine_gen_params),
	KUNIT_CASE_PARAM(raised_limit_admits_new, engine_gen_params),
	KUNIT_CASE_PARAM(raised_limit_after_cancel, engine_gen_params),
	KUNIT_CASE_PARAM(thawed_after_cancel, thaw_gen_params),
	KUNIT_CASE_PARAM(thawed_admits_new, thaw_gen_params),
	KUNIT_CASE(slot_comes_back_to_own_pool),
	{}
};

static struct kunit_suite runnable_suite = {
	.name = "cmwq2_runnable",
	.test_cases = runnable_cases,
};

kunit_test_suites(&runnable_suite);
