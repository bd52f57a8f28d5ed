// SPDX-License-Identifier: GPL-2.0
/*
 * The inbox of an unbound pool: an enqueue that finds the lock taken leaves its item there.
 *
 * The interleavings are forced. In most cases the driver itself takes the lock, without the
 * engine's functions, while the hand enqueues on another CPU. So nobody looks into the inbox
 * when the driver drops the lock, and the test decides who takes it next.
 */
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/llist.h>
#include <linux/timekeeping.h>

#include "base/helper.h"
#include "hold.h"
#include "locked.h"
#include "rescue.h"

#define NR_ITEMS	12
#define NICE_OTHER	5
/* Many times as long as an interrupt of each CPU takes when nothing delays it. */
#define LONG_ENOUGH	(HZ / 4)

struct post {
	struct tw_stage	*s;
	struct tw_log	*log;
	struct tw_item	*items[NR_ITEMS];
	int		nr;		/* how many the hand posts */
};

static void fn_post(struct tw_item *it)
{
	struct post *p = it->ctx;

	tw_log_add(p->log, it->id);
}

static void post_items(struct post *p, struct tw_stage *s)
{
	int i;

	p->s = s;
	p->nr = 1;
	p->log = tw_log(s->env, NR_ITEMS);
	for (i = 0; i < NR_ITEMS; i++) {
		p->items[i] = tw_item(s->env, fn_post);
		p->items[i]->id = i;
		p->items[i]->ctx = p;
	}
}

static struct post *post_env(struct kunit *test, unsigned int flags)
{
	const void *param = test->param_value;
	struct tw_stage *s;
	struct post *p;

	/* The stage must not take this suite's parameter for a mode. */
	test->param_value = NULL;
	s = tw_stage(test, flags, true, 0);
	test->param_value = param;
	tw_policy(s->env, "inbox", "on");
	tw_at_rest(s);
	p = tw_zalloc(s->env, sizeof(*p));
	post_items(p, s);
	return p;
}

static void hand_posts(void *arg)
{
	struct post *p = arg;
	int i;

	for (i = 0; i < p->nr; i++)
		p->items[i]->val = tw_queue_on(p->s->cpu, p->s->w, p->items[i]);
}

/* Spins, because the caller has interrupts off. The hand is on another CPU. */
static bool comes(bool (*cond)(void *arg), void *arg)
{
	u64 end = ktime_get_mono_fast_ns() + 5 * (u64)NSEC_PER_SEC;

	while (!cond(arg)) {
		if (ktime_get_mono_fast_ns() > end)
			return false;
		cpu_relax();
	}
	return true;
}

static bool hand_is_done(void *arg)
{
	return tw_hand_done(arg);
}

static bool hold_has_caught(void *arg)
{
	return tw_caught(arg);
}

/*
 * Have the hand call @fn while the driver has the lock of the pool, until @cond is true. The
 * lock is dropped without a look into the inbox.
 */
static void while_locked(struct tw_stage *s, void (*fn)(void *arg), void *arg,
			 bool (*cond)(void *arg), void *cond_arg)
{
	bool came;

	tw_hand_wait(s);
	local_irq_disable();
	raw_spin_lock(&s->pool->lock);
	tw_hand_does(s, fn, arg);
	came = comes(cond, cond_arg);
	raw_spin_unlock(&s->pool->lock);
	local_irq_enable();
	KUNIT_ASSERT_TRUE_MSG(s->env->test, came, "the enqueue waits for the lock");
}

/* Then the items of the hand are in the inbox, and the lock is free. Nobody else may take it. */
static void post(struct post *p)
{
	struct tw_stage *s = p->s;
	int i;

	tw_at_rest(s);
	irq_work_sync(&s->pool->kick_irq);
	p->log->nr = 0;
	while_locked(s, hand_posts, p, hand_is_done, s);
	KUNIT_ASSERT_FALSE(s->env->test, llist_empty(&s->pool->inbox));
	for (i = 0; i < p->nr; i++) {
		KUNIT_ASSERT_EQ(s->env->test, p->items[i]->val, 1);
		KUNIT_ASSERT_TRUE(s->env->test, tw_pending(p->items[i]));
	}
	KUNIT_ASSERT_EQ(s->env->test, tw_log_nr(p->log), 0);
}

static void all_ran(struct post *p, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		tw_wait_done(p->items[i], "an item from the inbox");
		tw_flush(p->items[i]);
	}
	KUNIT_ASSERT_TRUE(p->s->env->test, tw_log_is_fifo(p->log, nr));
	KUNIT_ASSERT_TRUE(p->s->env->test, llist_empty(&p->s->pool->inbox));
}

static void by_flush(struct post *p)
{
	KUNIT_EXPECT_TRUE(p->s->env->test, tw_flush(p->items[0]));
	KUNIT_EXPECT_EQ(p->s->env->test, tw_log_nr(p->log), 1);
}

static void by_flush_wq(struct post *p)
{
	tw_flush_wq(p->s->w);
	KUNIT_EXPECT_EQ(p->s->env->test, tw_log_nr(p->log), 1);
}

static void by_drain(struct post *p)
{
	p->s->env->ops->drain(p->s->w->wq);
	KUNIT_EXPECT_EQ(p->s->env->test, tw_log_nr(p->log), 1);
}

/* A cancelled item does not run. It can be enqueued again. */
static void after_cancel(struct post *p, bool taken)
{
	KUNIT_EXPECT_TRUE(p->s->env->test, taken);
	KUNIT_EXPECT_FALSE(p->s->env->test, tw_pending(p->items[0]));
	tw_flush_wq(p->s->w);
	KUNIT_EXPECT_EQ(p->s->env->test, tw_log_nr(p->log), 0);
	tw_queue_on(p->s->cpu, p->s->w, p->items[0]);
}

/*
 * Whoever empties the inbox kicks a worker, which must not run before the item is cancelled.
 * The worker is on this CPU, so it is enough that no other task runs here meanwhile.
 */
static void by_cancel(struct post *p)
{
	bool taken;

	preempt_disable();
	taken = tw_cancel(p->items[0]);
	preempt_enable();
	after_cancel(p, taken);
}

static void by_disable(struct post *p)
{
	bool taken;

	preempt_disable();
	taken = p->s->env->ops->disable(p->items[0]);
	preempt_enable();
	p->s->env->ops->enable(p->items[0]);
	after_cancel(p, taken);
}

static void by_stats(struct post *p)
{
	tw_stats(p->s->w, p->s->cpu);
}

static void by_policy_off(struct post *p)
{
	KUNIT_ASSERT_EQ(p->s->env->test, cmwq2_policy_set("inbox", "off"), 0);
	KUNIT_ASSERT_EQ(p->s->env->test, cmwq2_policy_set("inbox", "on"), 0);
}

static void by_new_attrs(struct post *p)
{
	struct cmwq2_attrs *attrs = tw_attrs(p->s->env->test);

	attrs->nice = NICE_OTHER;
	KUNIT_ASSERT_EQ(p->s->env->test, cmwq2_apply_workqueue_attrs(p->s->w->wq, attrs), 0);
	tw_confine(p->s, p->s->w);
	p->s->pool = tw_pool_of(p->s->w, p->s->cpu);
	cmwq2_helpers_flush();
}

static void by_freeze(struct post *p)
{
	cmwq2_freeze_workqueues_begin();
	cmwq2_freeze_workqueues_busy();
	cmwq2_thaw_workqueues();
}

static const struct taker {
	char	name[16];
	void	(*takes)(struct post *p);
} takers[] = {
	{ "flush", by_flush },
	{ "flush_wq", by_flush_wq },
	{ "drain", by_drain },
	{ "cancel", by_cancel },
	{ "disable", by_disable },
	{ "stats", by_stats },
	{ "policy_off", by_policy_off },
	{ "new_attrs", by_new_attrs },
	{ "freeze", by_freeze },
};

KUNIT_ARRAY_PARAM_DESC(taker, takers, name);

static void next_holder_finds_it(struct kunit *test)
{
	const struct taker *taker = test->param_value;
	struct post *p = post_env(test, TW_FREEZABLE);
	unsigned int i;

	tw_thaw_at_end(test);
	for (i = 0; i < p->s->rounds; i++) {
		post(p);
		taker->takes(p);
		all_ran(p, 1);
	}
}

/* The items of one producer run in their order, also if the last one finds the lock free. */
static void order_is_kept(struct kunit *test)
{
	struct post *p = post_env(test, 0);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, cmwq2_workqueue_set_max_active(p->s->w->wq, 1), 0);
	p->nr = NR_ITEMS - 1;
	for (i = 0; i < p->s->rounds; i++) {
		post(p);
		tw_queue_on(p->s->cpu, p->s->w, p->items[NR_ITEMS - 1]);
		all_ran(p, NR_ITEMS);
	}
}

/*
 * A worker has the lock and is about to go idle. It must look into the inbox after it has
 * dropped the lock, because nobody else takes it.
 */
static void holder_looks_when_it_is_done(struct kunit *test)
{
	struct post *p = post_env(test, 0);
	struct tw_stage *s = p->s;
	struct tw_hold *stops = tw_hold(s->env, CMWQ2_POINT_STOPS, s->pool);
	struct tw_item *first = tw_item(s->env, tw_fn_nop);
	unsigned int i;

	/* The driver needs a CPU of its own while the worker has interrupts off. */
	tw_move(s->env, s->hand_cpu);
	for (i = 0; i < s->rounds; i++) {
		tw_at_rest(s);
		p->log->nr = 0;
		tw_arm(stops);
		tw_queue_on(s->cpu, s->w, first);
		tw_wait_held(stops, "a worker that is about to go idle");
		KUNIT_ASSERT_TRUE(test, tw_queue_on(s->cpu, s->w, p->items[0]));
		KUNIT_ASSERT_FALSE(test, llist_empty(&s->pool->inbox));
		KUNIT_ASSERT_TRUE(test, tw_pending(p->items[0]));
		tw_let_go(stops);
		all_ran(p, 1);
	}
}

/* The lock is dropped before the item is in the inbox. Then its enqueue must empty the inbox. */
static void enqueue_looks_when_it_has_posted(struct kunit *test)
{
	struct post *p = post_env(test, 0);
	struct tw_stage *s = p->s;
	struct tw_hold *posting = tw_hold(s->env, CMWQ2_POINT_POSTING, s->pool);
	unsigned int i;

	for (i = 0; i < s->rounds; i++) {
		tw_at_rest(s);
		p->log->nr = 0;
		tw_arm(posting);
		while_locked(s, hand_posts, p, hold_has_caught, posting);
		KUNIT_ASSERT_TRUE(test, llist_empty(&s->pool->inbox));
		/* The enqueue saw the policy on. It does not matter that it is off now. */
		if (i & 1)
			KUNIT_ASSERT_EQ(test, cmwq2_policy_set("inbox", "off"), 0);
		tw_let_go(posting);
		tw_hand_wait(s);
		KUNIT_ASSERT_EQ(test, p->items[0]->val, 1);
		all_ran(p, 1);
		KUNIT_ASSERT_EQ(test, cmwq2_policy_set("inbox", "on"), 0);
	}
}

/* An item that is being posted belongs to its enqueue. A cancel waits, and then takes it. */
static void cancel_while_posting(struct kunit *test)
{
	struct post *p = post_env(test, 0);
	struct tw_stage *s = p->s;
	struct tw_hold *posting = tw_hold(s->env, CMWQ2_POINT_POSTING, s->pool);
	struct tw_hold *busy = tw_hold(s->env, CMWQ2_POINT_GRAB_BUSY, NULL);
	int runs = 0, taken = 0;
	unsigned int i;

	busy->current_is = current;
	busy->pass = true;
	busy->frees = posting;
	for (i = 0; i < s->rounds; i++) {
		tw_at_rest(s);
		tw_arm(posting);
		tw_arm(busy);
		while_locked(s, hand_posts, p, hold_has_caught, posting);
		/* It is not enqueued yet, so a flush has nothing to wait for. */
		KUNIT_EXPECT_FALSE(test, tw_flush(p->items[0]));
		taken += tw_cancel(p->items[0]);
		KUNIT_ASSERT_TRUE(test, tw_caught(busy));
		tw_hand_wait(s);
		tw_flush(p->items[0]);
		runs = atomic_read(&p->items[0]->runs);
		KUNIT_ASSERT_EQ(test, runs + taken, i + 1);
	}
}

static void thread_new_attrs(struct tw_thread *t)
{
	t->val = cmwq2_apply_workqueue_attrs(t->wq->wq, t->ctx);
}

static int refs(struct cmwq2_pool *pool, struct cmwq2_pwq *pwq)
{
	int refcnt;

	tw_pool_lock(pool);
	refcnt = pwq->refcnt;
	tw_pool_unlock(pool);
	return refcnt;
}

/*
 * The pwq is replaced after an enqueue has found it, and before the item is in the inbox. It
 * must not lose its last reference before the item is on a list.
 */
static void pwq_waits_for_posts(struct kunit *test)
{
	struct post *p = post_env(test, 0);
	struct tw_stage *s = p->s;
	struct tw_hold *posting = tw_hold(s->env, CMWQ2_POINT_POSTING, NULL);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_thread *t;
	struct tw_wq *other;
	unsigned int i;

	posting->current_is = s->hand->thread->task;
	/* The other pool exists already, so no thread is created while a CPU is held. */
	attrs->nice = NICE_OTHER;
	other = tw_alloc(s->env, TW_UNBOUND, 0);
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(other->wq, attrs), 0);
	for (i = 0; i < s->rounds; i++) {
		struct cmwq2_pwq *old = tw_pwq(s->w, s->cpu);

		tw_at_rest(s);
		p->log->nr = 0;
		t = tw_thread(s->env, s->cpu, thread_new_attrs, s->w, NULL, attrs);
		tw_arm(posting);
		while_locked(s, hand_posts, p, hold_has_caught, posting);
		tw_thread_start(t);
		TW_SOON(s->env, tw_pwq(s->w, s->cpu) != old, "the pwq to be replaced");
		/* The thread that posts is held with interrupts off, so the references stay. */
		schedule_timeout_uninterruptible(LONG_ENOUGH);
		KUNIT_EXPECT_GT(test, refs(s->pool, old), 0);
		tw_let_go(posting);
		tw_hand_wait(s);
		tw_join(t, "the new attributes");
		KUNIT_ASSERT_EQ(test, t->val, 0);
		tw_wait_done(p->items[0], "the item that was posted on the old pwq");
		tw_flush(p->items[0]);
		KUNIT_ASSERT_EQ(test, tw_log_nr(p->log), 1);
		cmwq2_helpers_flush();
		tw_confine(s, s->w);
		s->pool = tw_pool_of(s->w, s->cpu);
	}
}

/*
 * The enqueue of the hand waits until the driver drops the lock. It begins there, or goes on
 * from @held.
 */
static void expect_wait(struct post *p, struct tw_hold *held)
{
	struct tw_stage *s = p->s;
	bool done;

	if (!held)
		tw_hand_wait(s);
	local_irq_disable();
	raw_spin_lock(&s->pool->lock);
	if (held)
		tw_let_go(held);
	else
		tw_hand_does(s, hand_posts, p);
	mdelay(20);
	done = tw_hand_done(s);
	raw_spin_unlock(&s->pool->lock);
	local_irq_enable();
	KUNIT_EXPECT_FALSE(s->env->test, done);
	tw_hand_wait(s);
	all_ran(p, 1);
}

/*
 * A pwq was replaced and lost its last reference while its pool had no inbox. An enqueue that
 * found the pwq before sees that the inbox is open now. It must not leave its item there.
 */
static void dead_pwq_gets_no_posts(struct kunit *test)
{
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_hold *target;
	struct cmwq2_pwq *old;
	struct tw_stage *s;
	struct tw_wq *other;
	struct post *p;

	/* The first inbox waits for all code that has interrupts off, such as a held enqueue. */
	KUNIT_ASSERT_EQ(test, cmwq2_policy_set("inbox", "on") ?:
			      cmwq2_policy_set("inbox", "off"), 0);
	/* The pool of an earlier test, which has an inbox, must be gone. */
	cmwq2_helpers_flush();
	s = tw_stage(test, 0, true, 0);
	target = tw_hold(s->env, CMWQ2_POINT_TARGET, s->pool);
	p = tw_zalloc(s->env, sizeof(*p));
	old = tw_pwq(s->w, s->cpu);
	tw_policy(s->env, "inbox", "off");
	KUNIT_ASSERT_FALSE(test, s->pool->flags & CMWQ2_POOL_INBOX);
	/* The pool lives on, because another queue uses it. */
	KUNIT_ASSERT_PTR_EQ(test, tw_pool_of(tw_stage_wq(s, 0), s->cpu), s->pool);
	attrs->nice = NICE_OTHER;
	other = tw_alloc(s->env, TW_UNBOUND, 0);
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(other->wq, attrs), 0);
	post_items(p, s);
	target->current_is = s->hand->thread->task;
	tw_at_rest(s);
	tw_arm(target);
	tw_hand_does(s, hand_posts, p);
	tw_wait_held(target, "an enqueue that knows its pwq");
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(s->w->wq, attrs), 0);
	KUNIT_ASSERT_EQ(test, refs(s->pool, old), 0);
	KUNIT_ASSERT_EQ(test, cmwq2_policy_set("inbox", "on"), 0);
	expect_wait(p, target);
}

static void ordered_queue_waits(struct kunit *test)
{
	struct post *p = post_env(test, 0);

	p->s->w = tw_alloc(p->s->env, TW_ORDERED, 0);
	p->s->pool = tw_pool_of(p->s->w, p->s->cpu);
	expect_wait(p, NULL);
}

/* With inbox=off an enqueue waits for the lock. This pool has had an inbox before. */
static void waits_when_off(struct kunit *test)
{
	struct post *p = post_env(test, 0);

	tw_policy(p->s->env, "inbox", "off");
	expect_wait(p, NULL);
}

struct refill {
	struct post	*p;
	int		next;
	bool		closed;
};

/* With each item that gets to the worklist another one is posted, as if from another CPU. */
static void fn_refill(const struct cmwq2_point_hit *hit, void *arg)
{
	struct refill *r = arg;
	struct tw_stage *s = r->p->s;

	if (hit->pool != s->pool || r->next == NR_ITEMS)
		return;
	if (hit->pool->inbox_state != CMWQ2_INBOX_OPEN)
		r->closed = true;
	else
		tw_queue_on(s->cpu, s->w, r->p->items[r->next++]);
}

static void clear_refill(void *unused)
{
	cmwq2_point_clear(CMWQ2_POINT_INSERTED);
}

/*
 * Whoever has dropped the lock does not empty the inbox for ever, however fast it is filled. It
 * closes the inbox, so that the next enqueue waits, takes the lock, and opens it again.
 */
static void full_inbox_is_closed(struct kunit *test)
{
	struct post *p = post_env(test, 0);
	struct tw_stage *s = p->s;
	struct refill *r = tw_zalloc(s->env, sizeof(*r));
	int i;

	r->p = p;
	r->next = 1;
	post(p);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, clear_refill, NULL), 0);
	KUNIT_ASSERT_EQ(test, cmwq2_point_set(CMWQ2_POINT_INSERTED, fn_refill, r), 0);
	tw_stats(s->w, s->cpu);
	cmwq2_point_clear(CMWQ2_POINT_INSERTED);
	KUNIT_EXPECT_TRUE(test, r->closed);
	KUNIT_EXPECT_LT(test, r->next, NR_ITEMS);
	for (i = 0; i < r->next; i++)
		tw_wait_done(p->items[i], "an item of a full inbox");
	/* The workers have had the lock meanwhile. */
	KUNIT_EXPECT_EQ(test, READ_ONCE(s->pool->inbox_state), CMWQ2_INBOX_OPEN);
	tw_at_rest(s);
	WRITE_ONCE(s->pool->inbox_state, CMWQ2_INBOX_FULL);
	p->log->nr = 0;
	expect_wait(p, NULL);
	KUNIT_EXPECT_EQ(test, READ_ONCE(s->pool->inbox_state), CMWQ2_INBOX_OPEN);
}

/* The control of the other cases: the bits say which pools have an inbox. */
static void only_unbound_pools_have_one(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_pool *percpu = tw_pool_of(tw_alloc(e, TW_PERCPU, 0), tw_cpu(0));
	struct cmwq2_pool *bh = tw_pool_of(tw_alloc(e, TW_PERCPU | TW_BH, 0), tw_cpu(0));
	struct cmwq2_pool *unbound = tw_pool_of(tw_alloc(e, TW_UNBOUND, 0), tw_cpu(0));

	tw_policy(e, "inbox", "on");
	KUNIT_EXPECT_EQ(test, percpu->inbox_state, CMWQ2_INBOX_SHUT);
	KUNIT_EXPECT_EQ(test, bh->inbox_state, CMWQ2_INBOX_SHUT);
	KUNIT_EXPECT_EQ(test, unbound->inbox_state, CMWQ2_INBOX_OPEN);
	KUNIT_EXPECT_FALSE(test, (percpu->flags | bh->flags) & CMWQ2_POOL_INBOX);
	tw_policy(e, "inbox", "off");
	KUNIT_EXPECT_EQ(test, unbound->inbox_state, CMWQ2_INBOX_SHUT);
	KUNIT_EXPECT_TRUE(test, unbound->flags & CMWQ2_POOL_INBOX);
}

static struct kunit_case inbox_cases[] = {
	KUNIT_CASE_PARAM(next_holder_finds_it, taker_gen_params),
	KUNIT_CASE(order_is_kept),
	KUNIT_CASE(holder_looks_when_it_is_done),
	KUNIT_CASE(enqueue_looks_when_it_has_posted),
	KUNIT_CASE(cancel_while_posting),
	KUNIT_CASE(pwq_waits_for_posts),
	KUNIT_CASE(dead_pwq_gets_no_posts),
	KUNIT_CASE(ordered_queue_waits),
	KUNIT_CASE(waits_when_off),
	KUNIT_CASE(full_inbox_is_closed),
	KUNIT_CASE(only_unbound_pools_have_one),
	{}
};

static struct kunit_suite inbox_suite = {
	.name = "cmwq2_inbox",
	.test_cases = inbox_cases,
};

kunit_test_suites(&inbox_suite);
