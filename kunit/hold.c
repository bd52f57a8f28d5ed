// SPDX-License-Identifier: GPL-2.0
/*
 * Holding and driving, see hold.h.
 */
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "hold.h"

unsigned int interleave_rounds = 2;
module_param(interleave_rounds, uint, 0644);
MODULE_PARM_DESC(interleave_rounds, "how often each forced schedule is forced");

/* What a test has to know of a claim is in its bits. */
#define TW_CLAIM(_name, _value, _about)						\
	{ _name, (_value) != CMWQ2_CLAIM_NONE, !!((_value) & CMWQ2_CLAIMS_BUSY),	\
	  !!((_value) & CMWQ2_CLAIMS_FIRST) },

static const struct tw_claim tw_claims[TW_NR_CLAIMS] = { cmwq2_claim_values(TW_CLAIM) };

#define TW_WAKE(_name, _value, _about)	{ _name, !!((_value) & CMWQ2_KICK_ENQUEUE) },

static const struct {
	const char	*name;
	bool		enqueue;
} tw_wakes[TW_NR_WAKES] = { cmwq2_wake_values(TW_WAKE) };

struct tw_mode tw_modes[TW_NR_MODES];
struct tw_mode tw_kicks[TW_NR_KICKS];

/* For suites with one of the two for a parameter, before their first case. */
int tw_modes_init(struct kunit_suite *suite)
{
	struct tw_mode *m;
	int i;

	for (i = 0; i < TW_NR_MODES; i++) {
		m = &tw_modes[i];
		m->claim = &tw_claims[i / TW_NR_WAKES];
		m->wake = tw_wakes[i % TW_NR_WAKES].name;
		m->enqueue = tw_wakes[i % TW_NR_WAKES].enqueue;
		scnprintf(m->name, sizeof(m->name), "%s_%s", m->claim->name, m->wake);
	}
	for (i = 0; i < TW_NR_KICKS; i++) {
		m = &tw_kicks[i];
		*m = tw_modes[i / (2 * TW_NR_WINDOWS)];
		m->unbound = i & 1;
		m->window = i / 2 % TW_NR_WINDOWS;
		strlcat(m->name, m->unbound ? "_unbound" : "_bound", sizeof(m->name));
		strlcat(m->name, m->window == TW_PICKED ? "_picked" : "_woken", sizeof(m->name));
	}
	return 0;
}

#define TW_MAX_HOLDS	8

/* Less than what RCU and others take for a CPU that is stuck, and then complain of. */
#define TW_HOLD_MS	10000u

/*
 * All holds of a test. A slot is filled before @nr admits it, and never emptied
 * before the points are cleared.
 */
struct tw_holds {
	int		nr;
	struct tw_hold	*hold[TW_MAX_HOLDS];
};

static struct tw_holds tw_holds;

/* Only a HELD one can be let go, so that whoever is first decides. */
static bool tw_hold_ends(struct tw_hold *h, enum tw_hold_state as)
{
	if (atomic_cmpxchg(&h->state, TW_HOLD_HELD, as) != TW_HOLD_HELD)
		return false;
	if (as == TW_HOLD_GONE && h->may_sleep)
		complete(&h->go);
	return true;
}

static void tw_stand(struct tw_hold *h)
{
	u64 end = ktime_get_mono_fast_ns() + h->limit_ms * (u64)NSEC_PER_MSEC;

	if (h->may_sleep) {
		if (!wait_for_completion_timeout(&h->go, msecs_to_jiffies(h->limit_ms)))
			tw_hold_ends(h, TW_HOLD_LATE);
		return;
	}
	while (atomic_read(&h->state) == TW_HOLD_HELD) {
		if (ktime_get_mono_fast_ns() > end)
			tw_hold_ends(h, TW_HOLD_LATE);
		cpu_relax();
	}
}

static bool tw_hold_is_for(struct tw_hold *h, const struct cmwq2_point_hit *hit)
{
	return h->point == hit->point && (!h->pool || h->pool == hit->pool) &&
	       (!h->current_is || h->current_is == current) &&
	       atomic_cmpxchg(&h->state, TW_HOLD_ARMED, TW_HOLD_CAUGHT) == TW_HOLD_ARMED;
}

/* Context: the point's. A runqueue may be locked, so no message and no wakeup of ours. */
static void tw_at_point(const struct cmwq2_point_hit *hit, void *arg)
{
	struct tw_holds *holds = arg;
	struct tw_hold *h;
	int i, nr = smp_load_acquire(&holds->nr); /* pairs with the release in tw_hold() */

	for (i = 0; i < nr && !tw_hold_is_for(holds->hold[i], hit); i++)
		;
	if (i == nr)
		return;

	h = holds->hold[i];
	h->may_sleep = hit->may_sleep;
	h->task = hit->task;
	h->worker = NULL;
	if (hit->task->flags & PF_KTHREAD)
		h->worker = kthread_data(hit->task);
	h->cpu = raw_smp_processor_id();
	/* Pairs with atomic_read_acquire() in tw_wait_held(), for these. */
	atomic_set_release(&h->state, h->pass ? TW_HOLD_GONE : TW_HOLD_HELD);
	if (h->frees)
		tw_hold_ends(h->frees, TW_HOLD_GONE);
	if (!h->pass)
		tw_stand(h);
}

/* Before the environment goes: nobody is held, and nobody comes any more. */
static void tw_holds_release(void *unused)
{
	int i;

	for (i = 0; i < tw_holds.nr; i++) {
		struct tw_hold *h = tw_holds.hold[i];

		/* Who is just caught gets there, who is held gets away. */
		while (atomic_cmpxchg(&h->state, TW_HOLD_ARMED, TW_HOLD_OFF) == TW_HOLD_CAUGHT)
			tw_yield();
		tw_hold_ends(h, TW_HOLD_GONE);
	}
	for (i = 0; i < tw_holds.nr; i++)
		cmwq2_point_clear(tw_holds.hold[i]->point);
	tw_holds.nr = 0;
}

/**
 * tw_hold - be ready to hold somebody
 * @e: the test
 * @point: where
 * @pool: only there, or NULL
 *
 * Catches nobody before tw_arm(), and one for each.
 *
 * Return: the hold.
 */
struct tw_hold *tw_hold(struct tw_env *e, enum cmwq2_point point, struct cmwq2_pool *pool)
{
	struct tw_hold *h = tw_zalloc(e, sizeof(*h));
	int i, nr = tw_holds.nr;

	KUNIT_ASSERT_LT(e->test, nr, TW_MAX_HOLDS);
	h->env = e;
	h->point = point;
	h->pool = pool;
	h->limit_ms = min(jiffies_to_msecs(tw_timeout()) / 2, TW_HOLD_MS);
	init_completion(&h->go);
	if (!nr)
		KUNIT_ASSERT_EQ(e->test, kunit_add_action_or_reset(e->test, tw_holds_release,
								   NULL), 0);
	for (i = 0; i < nr && tw_holds.hold[i]->point != point; i++)
		;
	if (i == nr)
		KUNIT_ASSERT_EQ(e->test, cmwq2_point_set(point, tw_at_point, &tw_holds), 0);
	tw_holds.hold[nr] = h;
	/* Pairs with smp_load_acquire() in tw_at_point(). */
	smp_store_release(&tw_holds.nr, nr + 1);
	return h;
}

/* From here on it catches the next one who comes. Nobody may be held by it. */
void tw_arm(struct tw_hold *h)
{
	int was = atomic_read(&h->state);

	KUNIT_ASSERT_TRUE_MSG(h->env->test, was != TW_HOLD_HELD && was != TW_HOLD_LATE,
			      "point %d: armed in state %d", h->point, was);
	reinit_completion(&h->go);
	/* Release: whoever is caught finds the completion not done. */
	atomic_set_release(&h->state, TW_HOLD_ARMED);
}

/* Whether somebody has come since tw_arm(). */
bool tw_caught(struct tw_hold *h)
{
	/* Pairs with atomic_set_release() in tw_at_point(). */
	return atomic_read_acquire(&h->state) >= TW_HOLD_HELD;
}

/* Whether somebody is held, or will be. */
bool tw_hold_in_use(void)
{
	int i, state;

	for (i = 0; i < tw_holds.nr; i++) {
		state = atomic_read(&tw_holds.hold[i]->state);
		if (state >= TW_HOLD_ARMED && state <= TW_HOLD_HELD)
			return true;
	}
	return false;
}

/* A point that is never reached is a failure. */
void tw_wait_held(struct tw_hold *h, const char *what)
{
	TW_SOON(h->env, tw_caught(h), what);
}

/* Whoever is held goes on. A hold that nobody came to, or that ended by itself, is a failure. */
void tw_let_go(struct tw_hold *h)
{
	bool held = tw_hold_ends(h, TW_HOLD_GONE);

	KUNIT_ASSERT_TRUE_MSG(h->env->test, held, "point %d: %s", h->point,
			      atomic_read(&h->state) == TW_HOLD_LATE ? "held too long" :
								       "nobody was held");
}

static void thread_hand(struct tw_thread *t)
{
	struct tw_hand *hand = t->ctx;

	for (;;) {
		wait_for_completion(hand->go);
		if (READ_ONCE(t->env->closing))
			return;
		hand->fn(hand->arg);
		/* Pairs with smp_load_acquire() in tw_hand_done(). */
		smp_store_release(&hand->did, hand->did + 1);
	}
}

bool tw_hand_done(struct tw_stage *s)
{
	/* Pairs with smp_store_release() in thread_hand(). */
	return smp_load_acquire(&s->hand->did) == s->hand->asked;
}

void tw_hand_wait(struct tw_stage *s)
{
	TW_SOON(s->env, tw_hand_done(s), "the hand to be done");
}

void tw_hand_does(struct tw_stage *s, void (*fn)(void *arg), void *arg)
{
	tw_hand_wait(s);
	s->hand->fn = fn;
	s->hand->arg = arg;
	s->hand->asked++;
	complete(s->hand->go);
}

static void hand_queue(void *arg)
{
	struct tw_item *it = arg;
	struct tw_stage *s = it->ctx;

	it->val = tw_queue_on(s->cpu, s->w, it);
}

/* Item and stage are tied by @ctx of the item; whether it was accepted is its @val. */
void tw_hand_queues(struct tw_stage *s, struct tw_item *it)
{
	it->ctx = s;
	it->val = -1;
	tw_hand_does(s, hand_queue, it);
}

static int tw_move_all(const struct cpumask *cpus)
{
	return set_cpus_allowed_ptr(current, cpus) ?:
	       set_cpus_allowed_ptr(cmwq2_helper->task, cpus) ?:
	       set_cpus_allowed_ptr(cmwq2_reaper->task, cpus) ?:
	       set_cpus_allowed_ptr(cmwq2_reporter->task, cpus);
}

/* The driver stands on @cpu, and the engine's own threads with it, until the test is over. */
void tw_move(struct tw_env *e, int cpu)
{
	KUNIT_ASSERT_EQ(e->test, tw_move_all(cpumask_of(cpu)), 0);
}

static void tw_move_back(void *unused)
{
	tw_move_all(cpu_possible_mask);
}

struct cmwq2_pool *tw_pool_of(struct tw_wq *w, int cpu)
{
	struct cmwq2_wq *wq = w->wq;
	struct cmwq2_pool *pool;

	rcu_read_lock();
	pool = rcu_dereference(*per_cpu_ptr(wq->cpu_pwq, cpu))->pool;
	rcu_read_unlock();
	return pool;
}

/* An unbound queue with a pool of its own, whose workers do not leave the stage's CPU. */
void tw_confine(struct tw_stage *s, struct tw_wq *w)
{
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	int err;

	KUNIT_ASSERT_NOT_NULL(s->env->test, attrs);
	attrs->nice = 3;
	attrs->affn_strict = true;
	cpumask_copy(attrs->cpumask, cpumask_of(s->cpu));
	err = cmwq2_apply_workqueue_attrs(w->wq, attrs);
	cmwq2_free_workqueue_attrs(attrs);
	KUNIT_ASSERT_EQ(s->env->test, err, 0);
}

struct tw_wq *tw_stage_wq(struct tw_stage *s, unsigned int flags)
{
	struct tw_wq *w = tw_alloc(s->env, flags | (s->unbound ? TW_UNBOUND : TW_PERCPU), 0);

	if (s->unbound)
		tw_confine(s, w);
	return w;
}

/**
 * tw_stage - set the stage for schedules under the test's claim and wake
 * @test: case with a struct tw_mode for parameter, or none
 * @flags: of the queue, beyond those for its kind
 * @unbound: kind of its pool
 * @cpu: 0, or 1 if its CPU is to be taken offline
 *
 * Time is kept by the first CPU where ticks are periodic, and stands still while somebody
 * is held there with interrupts off: nobody grows old enough to be culled then.
 * No worker is culled unless the test says so, and none is taken for a hog.
 *
 * Return: the stage.
 */
struct tw_stage *tw_stage(struct kunit *test, unsigned int flags, bool unbound, int cpu)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_stage *s = tw_zalloc(e, sizeof(*s));
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU: nobody is left to drive what is held");
	s->env = e;
	s->unbound = unbound;
	s->hand_cpu = tw_cpu(!cpu);
	s->cpu = tw_cpu(cpu);
	s->rounds = interleave_rounds;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, tw_move_back, NULL), 0);
	tw_move(e, s->cpu);
	if (test->param_value) {
		tw_policy(e, "claim", tw_mode(e)->claim->name);
		tw_policy(e, "wake", tw_mode(e)->wake);
	}
	tw_policy(e, "min_idle", "1000");
	tw_policy(e, "idle_timeout_ms", "0");
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	/* It takes the pools' locks, some of which are held for long here. */
	tw_policy(e, "watchdog_thresh", "0");
	s->w = tw_stage_wq(s, flags);
	s->pool = tw_pool_of(s->w, s->cpu);
	/*
	 * Policies and queues that went leave work to the engine's threads, which take the
	 * pools' locks for it: on the CPU of whoever is to let go of one.
	 */
	cmwq2_helpers_flush();
	s->gate = tw_gate(e);
	for (i = 0; i < TW_MAX_BUSY; i++)
		s->busy[i] = tw_gated(e, s->gate);
	s->hand = tw_zalloc(e, sizeof(*s->hand));
	s->hand->go = tw_gate(e);
	s->hand->thread = tw_thread(e, s->hand_cpu, thread_hand, NULL, NULL, s->hand);
	tw_thread_start(s->hand->thread);
	return s;
}

/* Whoever sleeps in the main loop is neither on its way there nor kicked. */
bool tw_all_asleep(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	bool asleep = true;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		asleep &= READ_ONCE(worker->task->__state) == TASK_IDLE;
	mutex_unlock(&cmwq2_attach_mutex);
	return asleep;
}

/*
 * The safety timer would kick once more for an item that is held up, or wait for
 * the lock on the CPU of whoever is to let go of it. Not pending, it may be just
 * running and about to arm itself again.
 */
void tw_no_safety_net(struct tw_stage *s)
{
	cmwq2_scan_stop(s->pool);
}

/*
 * No items, no kicks, everybody asleep, and the safety timer off.
 */
void tw_at_rest(struct tw_stage *s)
{
	tw_hand_wait(s);
	TW_SOON(s->env, tw_pool_idle(s->w, s->cpu) && tw_all_asleep(s->pool),
		"the pool to be at rest");
	tw_no_safety_net(s);
}

/* As if their time was up: the culler may leave no more than @min_idle. Does not wait for it. */
void tw_cull_start(struct tw_stage *s, int min_idle)
{
	char value[12];

	scnprintf(value, sizeof(value), "%d", min_idle);
	KUNIT_ASSERT_EQ(s->env->test, cmwq2_policy_set("min_idle", value), 0);
}

void tw_cull_end(struct tw_stage *s)
{
	KUNIT_ASSERT_EQ(s->env->test, cmwq2_policy_set("min_idle", "1000"), 0);
	cmwq2_helpers_flush();
}

void tw_cull_to(struct tw_stage *s, int min_idle)
{
	tw_cull_start(s, min_idle);
	cmwq2_helpers_flush();
	tw_cull_end(s);
}

/*
 * To another task of this CPU that is ready, if there is one. To give up the rest
 * of the slice is all that is wanted here, as in sched_yield().
 */
void tw_yield(void)
{
	yield();
}

static int nr_workers(struct tw_stage *s)
{
	return READ_ONCE(s->pool->nr_workers);
}

/* All but one of @nr workers busy at once: those that are missing are made. */
static void tw_grow_to(struct tw_stage *s, int nr)
{
	int i;

	reinit_completion(s->gate);
	for (i = 0; i < nr - 1; i++)
		tw_queue_on(s->cpu, s->w, s->busy[i]);
	for (i = 0; i < nr - 1; i++)
		tw_wait_started(s->busy[i], "the items that have workers made");
	complete_all(s->gate);
	for (i = 0; i < nr - 1; i++)
		tw_wait_done(s->busy[i], "an item whose gate opened");
}

/* A pool at rest with exactly @nr workers, two at least. */
void tw_make_idle(struct tw_stage *s, int nr)
{
	KUNIT_ASSERT_LE(s->env->test, nr, TW_MAX_BUSY);
	tw_at_rest(s);
	if (nr_workers(s) < nr)
		tw_grow_to(s, nr);
	tw_at_rest(s);
	/* With leave_idle those on their way do not count, and more are made. */
	if (nr_workers(s) > nr)
		tw_cull_to(s, nr);
	tw_at_rest(s);
	KUNIT_ASSERT_EQ(s->env->test, nr_workers(s), nr);
}

/* Whom a kick would pick. */
struct cmwq2_worker *tw_first_idle(struct tw_stage *s)
{
	struct cmwq2_worker *worker;

	raw_spin_lock_irq(&s->pool->lock);
	worker = list_first_entry_or_null(&s->pool->idle_list, struct cmwq2_worker, entry);
	raw_spin_unlock_irq(&s->pool->lock);
	return worker;
}

/* Whether the worker, which may be freed already, was culled. */
bool tw_is_dying(struct tw_stage *s, struct cmwq2_worker *worker)
{
	struct cmwq2_worker *each;
	bool alive = false;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(each, &s->pool->workers, node)
		alive |= each == worker;
	mutex_unlock(&cmwq2_attach_mutex);
	return !alive;
}

struct tw_kick *tw_kick_env(struct kunit *test, unsigned int flags, int cpu)
{
	const struct tw_mode *m = test->param_value;
	struct tw_stage *s;
	struct tw_kick *k;

	if (m->window == TW_PICKED && !m->enqueue)
		kunit_skip(test,
			   "a queueing's kick wakes under the lock: nobody comes between pick and wakeup");
	s = tw_stage(test, flags, m->unbound, cpu);
	k = tw_zalloc(s->env, sizeof(*k));
	k->s = s;
	k->hold = tw_hold(s->env, m->window == TW_PICKED ? CMWQ2_POINT_PICKED :
							   CMWQ2_POINT_WOKEN, s->pool);
	k->it = tw_item(s->env, tw_fn_nop);
	return k;
}

/*
 * The pool has an item, and its first idle worker a kick that has not arrived.
 * The driver can kick itself unless it is the kicker that is held.
 */
void tw_kick_and_hold(struct tw_kick *k)
{
	struct tw_stage *s = k->s;
	bool picked = tw_mode(s->env)->window == TW_PICKED;
	struct kunit *test = s->env->test;

	/* An item that has started may not have got as far as its sleep: no kick then. */
	TW_SOON(s->env, !atomic_read(&s->pool->nr_running), "the pool's running workers to sleep");
	/* It may be on since one of them was still running: the target would be kicked twice. */
	tw_no_safety_net(s);
	k->target = tw_first_idle(s);
	KUNIT_ASSERT_NOT_NULL(test, k->target);
	k->pid = k->target->task->pid;
	k->hold->current_is = picked ? s->hand->thread->task : k->target->task;
	tw_arm(k->hold);
	if (picked)
		tw_hand_queues(s, k->it);
	else
		k->it->val = tw_queue_on(s->cpu, s->w, k->it);
	tw_wait_held(k->hold, picked ? "a kick between pick and wakeup" :
				       "a kicked worker before its first run");
	/* Wakeups are from the head. */
	KUNIT_ASSERT_PTR_EQ(test, k->hold->worker, k->target);
}

void tw_kick_arrives(struct tw_kick *k)
{
	tw_let_go(k->hold);
	tw_hand_wait(k->s);
	KUNIT_ASSERT_EQ(k->s->env->test, k->it->val, 1);
}

void tw_kick_is_done(struct tw_kick *k)
{
	tw_wait_done(k->it, "the item of the kick");
	tw_flush(k->it);
	KUNIT_ASSERT_EQ(k->s->env->test, atomic_read(&k->it->runs), ++k->runs);
}
