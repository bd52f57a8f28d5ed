// SPDX-License-Identifier: GPL-2.0
/*
 * A random mix on every kind of queue: queue, delay, modify, cancel, flush and
 * requeue from two threads a CPU, until stress_items items have run.
 *
 * Each item keeps a ledger: accepted queueings less successful cancellations
 * must be its number of runs. It must never have run twice at once. If an item
 * is modified while a cancel_sync of it disables queueing, the return value
 * does not show that. So half of the items are modified and the other half is
 * cancelled with sync, and the ledgers stay exact. The seed repeats a run, as
 * far as the scheduler allows.
 *
 * The mix runs once with the policies as they are. It runs once more on cmwq2 while
 * another thread sets all values of all policies, in random order.
 */
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>

#include "check.h"
#include "policies.h"

static unsigned int stress_items = 20000;
module_param(stress_items, uint, 0644);
MODULE_PARM_DESC(stress_items, "items to run on each kind of queue in the stress suite");

static unsigned int stress_seed = 1;
module_param(stress_seed, uint, 0644);
MODULE_PARM_DESC(stress_seed, "seed of the stress suite's random numbers");

#define NR_SLOTS 64

struct stress_kind {
	char				name[32];
	const struct tw_engine		*engine;
	unsigned int			flags;
	int				max_active;
	enum cmwq2_affn_scope		scope;	/* CMWQ2_AFFN_DFL if not given */
};

#define NATIVE	(&tw_engines[TW_NATIVE])
#define CMWQ2	(&tw_engines[TW_CMWQ2])

static const struct stress_kind stress_kinds[] = {
	{ "native_percpu", NATIVE, TW_PERCPU, 0 },
	{ "cmwq2_percpu", CMWQ2, TW_PERCPU, 0 },
	{ "native_percpu_one", NATIVE, TW_PERCPU, 1 },
	{ "cmwq2_percpu_one", CMWQ2, TW_PERCPU, 1 },
	{ "native_highpri", NATIVE, TW_PERCPU | TW_HIGHPRI, 0 },
	{ "cmwq2_highpri", CMWQ2, TW_PERCPU | TW_HIGHPRI, 0 },
	{ "native_intensive", NATIVE, TW_PERCPU | TW_CPU_INTENSIVE, 0 },
	{ "cmwq2_intensive", CMWQ2, TW_PERCPU | TW_CPU_INTENSIVE, 0 },
	{ "native_unbound", NATIVE, TW_UNBOUND, 0 },
	{ "cmwq2_unbound", CMWQ2, TW_UNBOUND, 0 },
	{ "native_unbound_three", NATIVE, TW_UNBOUND, 3 },
	{ "cmwq2_unbound_three", CMWQ2, TW_UNBOUND, 3 },
	{ "native_ordered", NATIVE, TW_ORDERED, 0 },
	{ "cmwq2_ordered", CMWQ2, TW_ORDERED, 0 },
	{ "native_reclaim", NATIVE, TW_PERCPU | TW_MEM_RECLAIM, 0 },
	{ "cmwq2_reclaim", CMWQ2, TW_PERCPU | TW_MEM_RECLAIM, 0 },
	{ "native_unbound_reclaim", NATIVE, TW_UNBOUND | TW_MEM_RECLAIM, 0 },
	{ "cmwq2_unbound_reclaim", CMWQ2, TW_UNBOUND | TW_MEM_RECLAIM, 0 },
	/*
	 * The kernel's own workqueue is left out, because it warns when an item is
	 * queued on an offline CPU.
	 */
	{ "cmwq2_bh", CMWQ2, TW_PERCPU | TW_BH, 0 },
	{ "cmwq2_bh_highpri", CMWQ2, TW_PERCPU | TW_BH | TW_HIGHPRI, 0 },
	{ "cmwq2_scope_cpu", CMWQ2, TW_UNBOUND, 0, CMWQ2_AFFN_CPU },
	{ "cmwq2_scope_system", CMWQ2, TW_UNBOUND, 0, CMWQ2_AFFN_SYSTEM },
};

KUNIT_ARRAY_PARAM_DESC(kind, stress_kinds, name);

struct stress;

struct stress_slot {
	struct stress		*s;
	struct tw_item		*it;
	struct tw_ledger	ledger;
	bool			sync;
};

struct stress {
	struct tw_wq		*w;
	long			target;
	atomic_long_t		runs;
	unsigned long		switches;	/* X: READ_ONCE, written by thread_switch() */
	unsigned long		min_switches;
	struct stress_slot	slots[NR_SLOTS];
};

static void stress_queue(struct stress_slot *slot, int cpu, unsigned long delay)
{
	struct tw_env *e = slot->it->env;

	if (e->ops->queue_delayed_on(cpu, slot->s->w->wq, slot->it, delay))
		atomic_long_inc(&slot->ledger.queued);
}

static void stress_mod(struct stress_slot *slot, unsigned long delay)
{
	if (!tw_mod_delayed(slot->s->w, slot->it, delay))
		atomic_long_inc(&slot->ledger.queued);
}

static void stress_cancel(struct stress_slot *slot, bool sync)
{
	const struct tw_ops *ops = slot->it->env->ops;
	bool taken = sync ? ops->cancel_delayed_sync(slot->it) : ops->cancel_delayed(slot->it);

	if (taken)
		atomic_long_inc(&slot->ledger.cancelled);
}

/* On a busy host all items may have run before the policies were switched a few times. */
static bool stress_over(struct stress *s)
{
	return (atomic_long_read(&s->runs) >= s->target &&
		READ_ONCE(s->switches) >= s->min_switches) || READ_ONCE(s->w->env->closing);
}

static void fn_stress(struct tw_item *it)
{
	struct stress_slot *slot = it->ctx;
	long n = atomic_long_inc_return(&slot->s->runs);

	if (n % 5 == 0 && !stress_over(slot->s))
		stress_queue(slot, TW_ANY_CPU, n % 2);
	if (!in_task())
		return;
	if (n % 512 == 0)
		schedule_timeout_uninterruptible(1);
	else if (n % 16 == 0)
		cond_resched();
}

static void thread_stress(struct tw_thread *t)
{
	struct stress *s = t->ctx;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, ((u64)stress_seed << 8) + t->val);
	while (!stress_over(s)) {
		u32 r = prandom_u32_state(&rnd);
		struct stress_slot *slot = &s->slots[(r >> 8) % NR_SLOTS];
		unsigned int op = (r >> 16) % 256;

		/* Count runs, not calls: threads can go on although the queue stands still. */
		WRITE_ONCE(t->progress, atomic_long_read(&s->runs));
		if (op < 160)
			stress_queue(slot, r & 1 ? TW_ANY_CPU : tw_cpu(r >> 1), 0);
		else if (op < 176)
			stress_queue(slot, TW_ANY_CPU, 1 + r % 2);
		else if (op < 200 && !slot->sync)
			stress_mod(slot, r % 3);
		else if (op < 230)
			stress_cancel(slot, slot->sync && op & 1);
		else if (op < 250)
			tw_flush(slot->it);
		else if (op < 254)
			t->env->ops->flush_delayed(slot->it);
		else
			tw_flush_wq(s->w);
		if (op % 32 == 0)
			cond_resched();
	}
}

/* Sets one policy after the other, with a pause in which items run under the new values. */
static void thread_switch(struct tw_thread *t)
{
	struct stress *s = t->ctx;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, stress_seed);
	while (!stress_over(s)) {
		const struct tw_any_policy *policy =
			&tw_policies[prandom_u32_state(&rnd) % ARRAY_SIZE(tw_policies)];
		unsigned int nr = 0;

		WRITE_ONCE(t->progress, atomic_long_read(&s->runs));
		while (policy->values[nr])
			nr++;
		if (cmwq2_policy_set(policy->name,
				     policy->values[prandom_u32_state(&rnd) % nr]))
			t->val++;
		WRITE_ONCE(s->switches, s->switches + 1);
		usleep_range(200, 2000);
	}
}

static struct stress *stress_begin(struct tw_env *e, const struct stress_kind *kind)
{
	struct stress *s = tw_zalloc(e, sizeof(*s));
	int i;

	/* The kernel's own workqueue is not under test here, so fewer items are enough. */
	s->target = kind->engine == &tw_engines[TW_NATIVE] ? stress_items / 8 : stress_items;
	s->w = tw_alloc(e, kind->flags, kind->max_active);
	e->bh = kind->flags & TW_BH;
	if (kind->scope != CMWQ2_AFFN_DFL)
		tw_set_scope(s->w, kind->scope);
	for (i = 0; i < NR_SLOTS; i++) {
		struct stress_slot *slot = &s->slots[i];

		slot->s = s;
		slot->sync = i & 1;
		slot->it = tw_delayed(e, fn_stress);
		slot->it->ctx = slot;
	}
	return s;
}

static void stress_run(struct tw_env *e, struct stress *s)
{
	int i, nr = 2 * num_online_cpus();
	struct tw_thread **t = tw_zalloc(e, nr * sizeof(*t));

	for (i = 0; i < nr; i++) {
		t[i] = tw_thread(e, tw_cpu(i), thread_stress, s->w, NULL, s);
		t[i]->val = i;
	}
	for (i = 0; i < nr; i++)
		tw_thread_start(t[i]);
	for (i = 0; i < nr; i++)
		tw_join(t[i], "a thread of the mix");
}

/* Waits for all items, and checks their ledgers. */
static void stress_end(struct tw_env *e, struct stress *s)
{
	long queued = 0, cancelled = 0;
	struct kunit *test = e->test;
	int i;

	/* Wait also for items on a timer, because they count as accepted. */
	for (i = 0; i < NR_SLOTS; i++)
		e->ops->flush_delayed(s->slots[i].it);
	tw_flush_wq(s->w);
	for (i = 0; i < NR_SLOTS; i++) {
		struct stress_slot *slot = &s->slots[i];
		int runs = atomic_read(&slot->it->runs);

		KUNIT_EXPECT_TRUE_MSG(test, tw_ledger_balanced(&slot->ledger, runs),
				      "item %d: %ld queued, %ld cancelled, %d runs", i,
				      atomic_long_read(&slot->ledger.queued),
				      atomic_long_read(&slot->ledger.cancelled), runs);
		KUNIT_EXPECT_TRUE_MSG(test, tw_item_never_overlapped(slot->it),
				      "item %d ran twice at once", i);
		KUNIT_EXPECT_FALSE(test, tw_pending(slot->it));
		queued += atomic_long_read(&slot->ledger.queued);
		cancelled += atomic_long_read(&slot->ledger.cancelled);
	}
	KUNIT_EXPECT_GE(test, atomic_long_read(&s->runs), s->target);
	kunit_info(test, "seed %u: %ld accepted, %ld cancelled, %ld run, %lu switches",
		   stress_seed, queued, cancelled, atomic_long_read(&s->runs), s->switches);
}

static void stress_mix(struct kunit *test)
{
	const struct stress_kind *kind = test->param_value;
	struct tw_env *e = tw_env_init(test, kind->engine);
	struct stress *s = stress_begin(e, kind);

	stress_run(e, s);
	stress_end(e, s);
}

static void stress_while_policies_switch(struct kunit *test)
{
	const struct stress_kind *kind = test->param_value;
	struct tw_thread *t;
	struct tw_env *e;
	struct stress *s;

	if (kind->engine != CMWQ2)
		kunit_skip(test, "the kernel's own workqueue has no policies");
	e = tw_env_init(test, kind->engine);
	/* The end of the test sets all policies back. */
	tw_policy(e, "profile", "mainline-7.3");
	s = stress_begin(e, kind);
	s->min_switches = ARRAY_SIZE(tw_policies);
	t = tw_thread(e, tw_cpu(0), thread_switch, NULL, NULL, s);
	tw_thread_start(t);
	stress_run(e, s);
	tw_join(t, "the thread that switches");
	KUNIT_EXPECT_EQ_MSG(test, t->val, 0, "policies were refused");
	KUNIT_EXPECT_GE(test, s->switches, s->min_switches);
	stress_end(e, s);
}

static struct kunit_case stress_cases[] = {
	KUNIT_CASE_PARAM_ATTR(stress_mix, kind_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(stress_while_policies_switch, kind_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite stress_suite = {
	.name = "cmwq2_stress",
	.test_cases = stress_cases,
};

kunit_test_suites(&stress_suite);
