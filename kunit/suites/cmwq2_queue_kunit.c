// SPDX-License-Identifier: GPL-2.0
/*
 * Queueing: what queue_work() returns, and that an item runs once for every
 * acceptance, where it was asked to run, and sees the queuer's stores.
 *
 * To make "pending" certain, a queue of max_active 1 has its one slot taken by
 * an item that sleeps.
 */
#include <linux/irqflags.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

static void queue_runs_item_once(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "the item");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
	KUNIT_EXPECT_FALSE(test, tw_pending(it));

	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	tw_wait_done(it, "the item's second run");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
}

static void queue_pending_item_is_refused(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *blocker = tw_gated(e, NULL);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int cpu = tw_cpu(0);

	tw_queue_on(cpu, w, blocker);
	tw_wait_started(blocker, "the blocker");

	KUNIT_EXPECT_TRUE(test, tw_queue_on(cpu, w, it));
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	KUNIT_EXPECT_FALSE(test, tw_queue_on(cpu, w, it));
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));
	KUNIT_EXPECT_TRUE(test, tw_pending(it));
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);

	complete_all(blocker->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 1);
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
}

static void queue_running_item_runs_again(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);

	tw_queue(w, it);
	tw_wait_started(it, "the item");
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
	KUNIT_EXPECT_TRUE(test, tw_queue(w, it));
	KUNIT_EXPECT_FALSE(test, tw_queue(w, it));

	complete_all(it->gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 2);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

static void fn_note_state(struct tw_item *it)
{
	it->val = tw_pending(it);
	it->ctx = it->env->ops->current_item();
}

static void queue_state_inside_function(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_note_state);

	it->val = -1;
	tw_queue(w, it);
	tw_wait_done(it, "the item");
	KUNIT_EXPECT_EQ(test, it->val, 0);
	KUNIT_EXPECT_PTR_EQ(test, it->ctx, (void *)it);
	KUNIT_EXPECT_NULL(test, e->ops->current_item());
}

static void fn_read_val(struct tw_item *it)
{
	/* The next value may be stored meanwhile; then its queueing asks for another run. */
	it->id = READ_ONCE(it->val);
}

/*
 * Whether a queueing is refused or accepted, the run that follows must see what
 * was stored before it. There are three queueings at a time, so that the later
 * ones find the item pending, just starting or running.
 */
static void queue_stores_are_visible(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_read_val);
	int cpu = tw_cpu(1);
	int i, j, bad = 0;

	for (i = 0; i < 3000; i++) {
		for (j = 0; j < 3; j++) {
			WRITE_ONCE(it->val, it->val + 1);
			tw_queue_on(cpu, w, it);
		}
		tw_flush(it);
		if (it->id != it->val)
			bad++;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
}

#define NR_SELF 300

static void fn_requeue_self(struct tw_item *it)
{
	if (--it->val > 0)
		tw_queue(it->ctx, it);
}

static void queue_itself(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_requeue_self);
	int i;

	it->ctx = w;
	it->val = NR_SELF;
	tw_queue(w, it);
	for (i = 0; i < NR_SELF; i++)
		tw_wait_done(it, "the item to queue itself again and again");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), NR_SELF);
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
}

static void queue_on_runs_on_that_cpu(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int cpu, i;

	for (i = 0; i < 20; i++) {
		for_each_online_cpu(cpu) {
			tw_queue_on(cpu, w, it);
			tw_wait_done(it, "the item");
			tw_flush(it);
			KUNIT_EXPECT_EQ(test, it->cpu, cpu);
		}
	}
}

#define NR_MANY 500

static void run_many(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, flags, 0);
	struct tw_item **items = tw_zalloc(e, NR_MANY * sizeof(*items));
	int i;

	for (i = 0; i < NR_MANY; i++) {
		items[i] = tw_item(e, tw_fn_nop);
		KUNIT_EXPECT_TRUE(test, tw_queue_on(tw_cpu(i), w, items[i]));
	}
	for (i = 0; i < NR_MANY; i++)
		tw_wait_done(items[i], "all items");
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, NR_MANY));
}

static void queue_many_percpu(struct kunit *test)
{
	run_many(test, TW_PERCPU);
}

static void queue_many_highpri(struct kunit *test)
{
	run_many(test, TW_PERCPU | TW_HIGHPRI);
}

static void queue_many_intensive(struct kunit *test)
{
	run_many(test, TW_PERCPU | TW_CPU_INTENSIVE);
}

static void queue_many_reclaim(struct kunit *test)
{
	run_many(test, TW_PERCPU | TW_MEM_RECLAIM);
}

static void queue_many_unbound(struct kunit *test)
{
	run_many(test, TW_UNBOUND);
}

static void queue_many_unbound_reclaim(struct kunit *test)
{
	run_many(test, TW_UNBOUND | TW_MEM_RECLAIM | TW_HIGHPRI);
}

static void queue_many_ordered(struct kunit *test)
{
	run_many(test, TW_ORDERED);
}

struct free_ctx {
	atomic_t		left;
	struct completion	all;
};

static void fn_free_self(struct tw_item *it)
{
	struct free_ctx *c = it->ctx;

	kfree(it);
	if (atomic_dec_and_test(&c->left))
		complete(&c->all);
}

static void queue_item_frees_itself(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct free_ctx *c = tw_zalloc(e, sizeof(*c));
	int i;

	init_completion(&c->all);
	atomic_set(&c->left, 500);
	for (i = 0; i < 500; i++) {
		struct tw_item *it = tw_item(e, fn_free_self);

		list_del(&it->node);
		it->frees_itself = true;
		it->ctx = c;
		tw_queue_on(tw_cpu(i), w, it);
	}
	TW_WAIT(e, &c->all, "500 items that free themselves");
}

/* The items cannot start meanwhile, because this CPU's interrupts are off. */
static void queue_with_irqs_off(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *items[16];
	unsigned long flags;
	int i, accepted = 0, again = 0;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = tw_item(e, tw_fn_nop);

	local_irq_save(flags);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		accepted += tw_queue_on(smp_processor_id(), w, items[i]);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		again += tw_queue_on(smp_processor_id(), w, items[i]);
	local_irq_restore(flags);

	KUNIT_EXPECT_EQ(test, accepted, (int)ARRAY_SIZE(items));
	KUNIT_EXPECT_EQ(test, again, 0);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_done(items[i], "an item queued with interrupts off");
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
}

struct timer_ctx {
	struct timer_list	timer;
	struct tw_wq		*wq;
	struct tw_item		*it;
	int			left;
};

static void timer_queues(struct timer_list *timer)
{
	struct timer_ctx *c = container_of(timer, struct timer_ctx, timer);

	tw_queue(c->wq, c->it);
	if (--c->left)
		mod_timer(timer, jiffies + 1);
}

static void timer_stop(void *data)
{
	struct timer_ctx *c = data;

	timer_shutdown_sync(&c->timer);
}

static void queue_from_timer(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct timer_ctx *c = tw_zalloc(e, sizeof(*c));

	c->wq = tw_alloc(e, TW_PERCPU, 0);
	c->it = tw_item(e, tw_fn_nop);
	c->left = 10;
	timer_setup(&c->timer, timer_queues, 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, timer_stop, c), 0);
	mod_timer(&c->timer, jiffies);

	tw_wait_done(c->it, "an item queued by a timer");
	TW_POLL(e, !READ_ONCE(c->left), "the timer's last expiry");
	tw_flush_wq(c->wq);
	KUNIT_EXPECT_GE(test, atomic_read(&c->it->runs), 1);
	KUNIT_EXPECT_LE(test, atomic_read(&c->it->runs), 10);
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE_PARAM(queue_runs_item_once, engine_gen_params),
	KUNIT_CASE_PARAM(queue_pending_item_is_refused, engine_gen_params),
	KUNIT_CASE_PARAM(queue_running_item_runs_again, engine_gen_params),
	KUNIT_CASE_PARAM(queue_state_inside_function, engine_gen_params),
	KUNIT_CASE_PARAM(queue_stores_are_visible, engine_gen_params),
	KUNIT_CASE_PARAM(queue_itself, engine_gen_params),
	KUNIT_CASE_PARAM(queue_on_runs_on_that_cpu, engine_gen_params),
	KUNIT_CASE_PARAM(queue_many_percpu, engine_gen_params),
	KUNIT_CASE_PARAM(queue_many_highpri, engine_gen_params),
	KUNIT_CASE_PARAM(queue_many_intensive, engine_gen_params),
	KUNIT_CASE_PARAM(queue_many_reclaim, engine_gen_params),
	KUNIT_CASE_PARAM(queue_many_unbound, engine_gen_params),
	KUNIT_CASE_PARAM(queue_many_unbound_reclaim, engine_gen_params),
	KUNIT_CASE_PARAM(queue_many_ordered, engine_gen_params),
	KUNIT_CASE_PARAM(queue_item_frees_itself, engine_gen_params),
	KUNIT_CASE_PARAM(queue_with_irqs_off, engine_gen_params),
	KUNIT_CASE_PARAM(queue_from_timer, engine_gen_params),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "cmwq2_queue",
	.test_cases = queue_cases,
};

kunit_test_suites(&queue_suite);
