// SPDX-License-Identifier: GPL-2.0
/*
 * Forced schedules: holds, the hand and the stage. See hold.h.
 */
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "base/helper.h"
#include "base/registry.h"
#include "core/scan.h"
#include "hold.h"
#include "locked.h"

unsigned int interleave_rounds = 2;
module_param(interleave_rounds, uint, 0644);
MODULE_PARM_DESC(interleave_rounds, "how often each forced schedule is forced");

/* Derives from the bits of a claim what a test has to know about it. */
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

/* Fill tw_modes and tw_kicks. Suites that use one of them as parameters call it at their start. */
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

/* Shorter than the time after which RCU and others report that a CPU is stuck. */
#define TW_HOLD_MS	10000u

/*
 * All holds of a test. A slot is filled before @nr covers it, and stays filled until
 * the points are cleared.
 */
struct tw_holds {
	int		nr;
	struct tw_hold	*hold[TW_MAX_HOLDS];
};

static struct tw_holds tw_holds;

/* End a hold that is HELD. The first caller decides how it ends. False: it is not HELD. */
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

/*
 * Context: that of the point. A runqueue may be locked, so this must neither print
 * nor wake a task. So where one is locked, @frees must be a hold that spins.
 */
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
	/* Pairs with atomic_read_acquire() in tw_caught(), for the fields set above. */
	atomic_set_release(&h->state, h->pass ? TW_HOLD_GONE : TW_HOLD_HELD);
	if (h->frees)
		tw_hold_ends(h->frees, TW_HOLD_GONE);
	if (!h->pass)
		tw_stand(h);
}

/* Says how far a forced schedule has come, if its test has failed. */
static void tw_tell_holds(struct kunit *test)
{
	static const char *const states[] = {
		[TW_HOLD_OFF] = "not armed", [TW_HOLD_ARMED] = "armed",
		[TW_HOLD_CAUGHT] = "being caught", [TW_HOLD_HELD] = "held",
		[TW_HOLD_GONE] = "released", [TW_HOLD_LATE] = "held too long",
	};
	struct tw_hold *h;
	int i;

	for (i = 0; i < tw_holds.nr && test->status == KUNIT_FAILURE; i++) {
		h = tw_holds.hold[i];
		kunit_info(test, "hold at point %d: %s, last on CPU %d", h->point,
			   states[atomic_read(&h->state)], h->cpu);
	}
}

/* Before the environment is freed: release all contexts, and catch no more. */
static void tw_holds_release(void *unused)
{
	int i;

	tw_tell_holds(tw_holds.hold[0]->env->test);
	for (i = 0; i < tw_holds.nr; i++) {
		struct tw_hold *h = tw_holds.hold[i];

		/* Wait until a context that is being recorded is held, then release it. */
		while (atomic_cmpxchg(&h->state, TW_HOLD_ARMED, TW_HOLD_OFF) == TW_HOLD_CAUGHT)
			tw_yield();
		tw_hold_ends(h, TW_HOLD_GONE);
	}
	for (i = 0; i < tw_holds.nr; i++)
		cmwq2_point_clear(tw_holds.hold[i]->point);
	tw_holds.nr = 0;
}

/**
 * tw_hold - set up a hold at a point
 * @e: the test
 * @point: the point
 * @pool: catch only contexts that pass this pool, or NULL for any
 *
 * The hold catches no context before tw_arm(), and one context for each tw_arm().
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

/* Make the hold catch the next context that comes. It must not hold one now. */
void tw_arm(struct tw_hold *h)
{
	int was = atomic_read(&h->state);

	KUNIT_ASSERT_TRUE_MSG(h->env->test, was != TW_HOLD_HELD && was != TW_HOLD_LATE,
			      "point %d: armed in state %d", h->point, was);
	reinit_completion(&h->go);
	/* Release order, so that a context that is caught sees the reinitialised completion. */
	atomic_set_release(&h->state, TW_HOLD_ARMED);
}

/* Whether a context has been caught since tw_arm(). */
bool tw_caught(struct tw_hold *h)
{
	/* Pairs with atomic_set_release() in tw_at_point(). */
	return atomic_read_acquire(&h->state) >= TW_HOLD_HELD;
}

/* Whether any hold of the test is armed or holds a context. */
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

/* Wait until the hold has caught a context. The test fails if none reaches the point in time. */
void tw_wait_held(struct tw_hold *h, const char *what)
{
	TW_SOON(h->env, tw_caught(h), what);
}

/* Release the held context, from any context. Returns false if none is held. */
bool tw_try_let_go(struct tw_hold *h)
{
	return tw_hold_ends(h, TW_HOLD_GONE);
}

/* Release the held context. The test fails if none was caught, or if it was held too long. */
void tw_let_go(struct tw_hold *h)
{
	bool held = tw_try_let_go(h);

	KUNIT_ASSERT_TRUE_MSG(h->env->test, held, "point %d: %s", h->point,
			      atomic_read(&h->state) == TW_HOLD_LATE ? "held too long" :
								       "no context reached it");
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
	TW_SOON(s->env, tw_hand_done(s), "the helper thread to be done");
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

/*
 * Have the hand enqueue the item. This sets the item's @ctx to the stage. The item's
 * @val is -1 until the hand is done, and then says whether the item was accepted.
 */
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

static void tw_move_back(void *unused)
{
	tw_move_all(cpu_possible_mask);
}

/* Keep the driver and the engine's own threads on @cpu until the test is over. */
void tw_move(struct tw_env *e, int cpu)
{
	if (!e->moved)
		KUNIT_ASSERT_EQ(e->test,
				kunit_add_action_or_reset(e->test, tw_move_back, NULL), 0);
	e->moved = true;
	KUNIT_ASSERT_EQ(e->test, tw_move_all(cpumask_of(cpu)), 0);
}

/* kthreadd, which creates all kernel threads. */
static struct task_struct *tw_maker(void)
{
	return rcu_access_pointer(cmwq2_helper->task->real_parent);
}

static void tw_move_maker_back(void *unused)
{
	set_cpus_allowed_ptr(tw_maker(), cpu_possible_mask);
}

/* Keep kthreadd on @cpu until the test is over. */
void tw_move_maker(struct tw_env *e, int cpu)
{
	KUNIT_ASSERT_EQ(e->test, kunit_add_action_or_reset(e->test, tw_move_maker_back, NULL), 0);
	KUNIT_ASSERT_EQ(e->test, set_cpus_allowed_ptr(tw_maker(), cpumask_of(cpu)), 0);
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

/* Give an unbound queue a pool of its own, whose workers do not leave the stage's CPU. */
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
 * tw_stage - set up the stage for schedules under the test's claim and wake
 * @test: test case whose parameter is a struct tw_mode, or which has none
 * @flags: flags of the queue, in addition to those for its kind
 * @unbound: whether the queue's pool is unbound
 * @cpu: 0, or 1 if the test takes the stage's CPU offline
 *
 * With periodic ticks the first CPU keeps the time. While a context is held there
 * with interrupts off, jiffies stand still, and no worker grows old enough to be
 * culled. No worker is culled unless the test says so, and none is found to be a hog.
 *
 * Return: the stage.
 */
struct tw_stage *tw_stage(struct kunit *test, unsigned int flags, bool unbound, int cpu)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_stage *s = tw_zalloc(e, sizeof(*s));
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "with one CPU nothing can run while a context is held");
	s->env = e;
	s->unbound = unbound;
	s->hand_cpu = tw_cpu(!cpu);
	s->cpu = tw_cpu(cpu);
	s->rounds = interleave_rounds;
	tw_move(e, s->cpu);
	if (test->param_value) {
		tw_policy(e, "claim", tw_mode(e)->claim->name);
		tw_policy(e, "wake", tw_mode(e)->wake);
	}
	tw_policy(e, "min_idle", "1000");
	tw_policy(e, "idle_timeout_ms", "0");
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	/* The watchdog takes the pools' locks, some of which are held for long here. */
	tw_policy(e, "watchdog_thresh", "0");
	s->w = tw_stage_wq(s, flags);
	s->pool = tw_pool_of(s->w, s->cpu);
	/*
	 * Changed policies and destroyed queues leave work to the engine's
	 * threads. For this work they take the pools' locks, on the CPU of the
	 * driver, which must be able to release a context that holds one.
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

/*
 * How many workers do not sleep in the main loop. A worker that is about to sleep, or
 * that has been woken, is awake. So is one that sleeps in its item or creates a worker.
 */
int tw_nr_awake(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	int awake = 0;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		awake += READ_ONCE(worker->task->__state) != TASK_IDLE;
	mutex_unlock(&cmwq2_attach_mutex);
	return awake;
}

bool tw_all_asleep(struct cmwq2_pool *pool)
{
	return tw_nr_awake(pool) == 0;
}

/*
 * Stop the scan timer. It would kick once more for an item that is held up, or wait
 * for pool->lock on the CPU of the driver, which must release the lock's holder. A
 * timer that is not pending may still be running and about to arm itself again.
 */
void tw_no_safety_net(struct tw_stage *s)
{
	cmwq2_scan_stop(s->pool);
}

/*
 * Wait until the pool has no items, the hand is done and all workers are asleep.
 * Then stop the scan timer.
 */
void tw_at_rest(struct tw_stage *s)
{
	tw_hand_wait(s);
	TW_SOON(s->env, tw_pool_idle(s->w, s->cpu) && tw_all_asleep(s->pool),
		"the pool to be at rest");
	tw_no_safety_net(s);
}

/* Have the culler end all idle workers but @min_idle, as if they were old. Does not wait. */
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
 * Let another runnable task of this CPU run, if there is one. Giving up the rest of
 * the time slice, as in sched_yield(), is all that is wanted here.
 */
void tw_yield(void)
{
	yield();
}

static int nr_workers(struct tw_stage *s)
{
	return READ_ONCE(s->pool->nr_workers);
}

/* Keep @nr - 1 workers busy at once, so that the pool creates the missing ones of @nr. */
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

/* Bring the pool to rest with exactly @nr workers. @nr must be at least two. */
void tw_make_idle(struct tw_stage *s, int nr)
{
	KUNIT_ASSERT_LE(s->env->test, nr, TW_MAX_BUSY);
	tw_at_rest(s);
	if (nr_workers(s) < nr)
		tw_grow_to(s, nr);
	tw_at_rest(s);
	/* With claim=leave_idle kicked workers do not count as idle, so more are created. */
	if (nr_workers(s) > nr)
		tw_cull_to(s, nr);
	tw_at_rest(s);
	KUNIT_ASSERT_EQ(s->env->test, nr_workers(s), nr);
}

/* The worker that a kick would pick. */
struct cmwq2_worker *tw_first_idle(struct tw_stage *s)
{
	struct cmwq2_worker *worker;

	tw_pool_lock(s->pool);
	worker = list_first_entry_or_null(&s->pool->idle_list, struct cmwq2_worker, entry);
	tw_pool_unlock(s->pool);
	return worker;
}

/* Whether the worker was culled. It may be freed already, so only its address is used. */
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
