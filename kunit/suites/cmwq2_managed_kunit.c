// SPDX-License-Identifier: GPL-2.0
/*
 * concurrency=managed: an unbound pool runs as many workers as its pod has online CPUs.
 *
 * The items call yield() and stay runnable until the test ends them. So a worker that
 * was woken for another item would get the CPU and start it. Each case has a pool of
 * its own, whose pod has all CPUs unless the case says otherwise.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/list.h>

#include "core/scan.h"
#include "hold.h"
#include "shared.h"

#define MOST_ITEMS	32

/* What an item that spins is to do next. */
enum { SPINS, SLEEPS, ENDS };

struct crew {
	struct tw_env		*e;
	struct tw_wq		*w;
	struct cmwq2_pool	*pool;
	struct tw_gauge		gauge;		/* items that spin */
	int			wanted;
	int			nr;
	struct tw_item		*items[MOST_ITEMS];
};

static void spin_while(struct tw_item *it, long what)
{
	while (READ_ONCE(it->val) == what && !READ_ONCE(it->env->closing))
		tw_yield();
}

static void fn_spin(struct tw_item *it)
{
	struct crew *c = it->ctx;

	tw_gauge_enter(&c->gauge);
	spin_while(it, SPINS);
	tw_gauge_exit(&c->gauge);
	if (READ_ONCE(it->val) != SLEEPS)
		return;
	tw_wait_for_test(it->gate);
	spin_while(it, SLEEPS);
}

/* For cases that need to know at once that a worker sleeps, or runs again. */
static void need_hook(struct kunit *test)
{
	if (!strcmp(cmwq2_hook_name(), "timer"))
		kunit_skip(test, "hook=timer notices a sleep only while an item waits");
}

/* A queue whose items run in the crew's pool. */
static struct tw_wq *crew_wq(struct crew *c, unsigned int flags, int max_active)
{
	struct tw_wq *w = tw_shared_wq(c->e, flags, max_active, 4);

	if (c->pool)
		KUNIT_ASSERT_PTR_EQ(c->e->test, tw_pool_of(w, tw_cpu(0)), c->pool);
	return w;
}

static struct crew *crew(struct kunit *test, const char *policies)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct crew *c = tw_zalloc(e, sizeof(*c));

	c->e = e;
	tw_policy(e, "profile", "mainline-7.3");
	tw_policy(e, "policies", policies);
	/* Only the cases about hogs have any. */
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	tw_policy(e, "cpu_intensive_warning_thresh", "0");
	c->w = crew_wq(c, 0, 0);
	c->pool = tw_pool_of(c->w, tw_cpu(0));
	c->wanted = num_online_cpus();
	TW_POLL(e, tw_pool_idle(c->w, tw_cpu(0)), "the pool to be at rest");
	return c;
}

/* Enqueue @nr more items that spin, on all CPUs in turn. */
static void spinners(struct crew *c, struct tw_wq *w, int nr)
{
	struct tw_item *it;

	KUNIT_ASSERT_LE(c->e->test, c->nr + nr, MOST_ITEMS);
	for (; nr; nr--, c->nr++) {
		it = tw_gated(c->e, NULL);
		it->fn = fn_spin;
		it->ctx = c;
		c->items[c->nr] = it;
		tw_queue_on(tw_cpu(c->nr), w, it);
	}
}

static int nr_started(struct crew *c)
{
	int i, nr = 0;

	/* The caller may read who runs the items: pairs with tw_run_item(). */
	for (i = 0; i < c->nr; i++)
		nr += atomic_read_acquire(&c->items[i]->runs);
	return nr;
}

static int nr_running(struct crew *c)
{
	return atomic_read(&c->pool->nr_running);
}

/* Wait until @nr items have started in all and @running workers are counted. */
static void wait_for(struct crew *c, int nr, int running)
{
	TW_POLL(c->e, nr_started(c) >= nr && nr_running(c) == running,
		"items that start and workers that are counted");
}

/* The scan timer kicks if the pool needs a worker. Wait until it has looked a few times. */
static void let_scan_look(struct crew *c)
{
	unsigned long from = tw_stats(c->w, tw_cpu(0)).scans;

	TW_POLL(c->e, tw_stats(c->w, tw_cpu(0)).scans - from > 3, "some scans");
}

static void tell_to_end(struct tw_item *it)
{
	WRITE_ONCE(it->val, ENDS);
	complete_all(it->gate);
}

/* A flush and not a completion, because an item may be told to end twice. */
static void end_one(struct tw_item *it)
{
	tell_to_end(it);
	tw_flush(it);
}

static void end_all(struct crew *c)
{
	int i;

	for (i = 0; i < c->nr; i++)
		tell_to_end(c->items[i]);
	for (i = 0; i < c->nr; i++)
		tw_flush(c->items[i]);
}

/* The pool comes to rest, and its counts are those of a pool at rest. */
static void expect_rest(struct crew *c, int wanted, int room)
{
	struct kunit *test = c->e->test;

	TW_POLL(c->e, tw_pool_idle(c->w, tw_cpu(0)), "the pool to come to rest");
	KUNIT_EXPECT_EQ(test, c->pool->nr_called, 0);
	KUNIT_EXPECT_EQ(test, c->pool->wanted, wanted);
	KUNIT_EXPECT_EQ(test, c->pool->room, room);
}

/*
 * No more items run than the pod has CPUs. When one ends, its worker takes the next.
 * When one sleeps, another worker takes the next. When it runs again, the pool has one
 * running worker too many, so the next worker that ends its item takes no other.
 */
static void one_runs_per_cpu(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	int n = c->wanted;

	need_hook(test);
	spinners(c, c->w, 3 * n + 1);
	wait_for(c, n, n);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), n);

	end_one(c->items[0]);
	wait_for(c, n + 1, n);
	KUNIT_EXPECT_EQ(test, c->items[n]->pid, c->items[0]->pid);

	WRITE_ONCE(c->items[1]->val, SLEEPS);
	wait_for(c, n + 2, n);
	KUNIT_EXPECT_NE(test, c->items[n + 1]->pid, c->items[1]->pid);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), n + 2);

	complete_all(c->items[1]->gate);
	wait_for(c, n + 2, n + 1);
	end_one(c->items[1]);
	wait_for(c, n + 2, n);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), n + 2);

	end_all(c);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(c->items, c->nr));
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), n);
	expect_rest(c, n, n);
}

/* The control: with concurrency=free all items start. */
static void free_pool_starts_all(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=free");

	spinners(c, c->w, 3 * c->wanted);
	wait_for(c, 3 * c->wanted, 0);
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 3 * c->wanted);
	end_all(c);
	expect_rest(c, INT_MAX, INT_MAX);
}

static void resume_scan(void *pool)
{
	cmwq2_scan_resume(pool);
}

/* Without the scan timer only the kick under test can start what waits. */
static void hold_scan(struct crew *c)
{
	cmwq2_scan_hold(c->pool);
	KUNIT_ASSERT_EQ(c->e->test, kunit_add_action_or_reset(c->e->test, resume_scan, c->pool),
			0);
}

/* The kick of a worker that goes to sleep starts the next item, without the scan timer. */
static void sleeper_lets_next_start(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed wakeup=needed");
	int i, n = c->wanted;

	need_hook(test);
	spinners(c, c->w, 2 * n);
	wait_for(c, n, n);
	hold_scan(c);
	for (i = 0; i < n; i++) {
		WRITE_ONCE(c->items[i]->val, SLEEPS);
		wait_for(c, n + i + 1, n);
	}
	end_all(c);
	expect_rest(c, n, n);
}

/* Each item that sleeps lets another one start, and all of them end. */
static void sleepers_all_start(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	struct completion *gate = tw_gate(c->e);
	struct tw_item *items[MOST_ITEMS];
	int i;

	for (i = 0; i < MOST_ITEMS; i++) {
		items[i] = tw_gated(c->e, gate);
		tw_queue_on(tw_cpu(i), c->w, items[i]);
	}
	for (i = 0; i < MOST_ITEMS; i++)
		tw_wait_started(items[i], "items that sleep at once");
	complete_all(gate);
	for (i = 0; i < MOST_ITEMS; i++)
		tw_wait_done(items[i], "an item whose gate opened");
	expect_rest(c, c->wanted, c->wanted);
}

/* An item that uses the CPU for long lets the next one start. */
static void hog_lets_next_start(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	struct tw_item *next = tw_item(c->e, tw_fn_nop);

	spinners(c, c->w, c->wanted);
	wait_for(c, c->wanted, c->wanted);
	tw_queue(c->w, next);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, atomic_read(&next->runs), 0);
	tw_policy(c->e, "cpu_intensive_thresh_us", "1000");
	tw_wait_done(next, "the item behind the hogs");
	KUNIT_EXPECT_GT(test, tw_wq_stats(c->w).cpu_intensive, 0);
	end_all(c);
	expect_rest(c, c->wanted, c->wanted);
}

/* The items of a WQ_CPU_INTENSIVE queue do not count, in either direction. */
static void intensive_items_do_not_count(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	struct tw_wq *intensive = crew_wq(c, TW_CPU_INTENSIVE, 0);
	int n = c->wanted;

	spinners(c, intensive, 2 * n);
	wait_for(c, 2 * n, 0);
	spinners(c, c->w, n);
	wait_for(c, 3 * n, n);
	spinners(c, c->w, 1);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), 3 * n);
	end_all(c);
	expect_rest(c, n, n);
}

/* max_active holds in a pool that could start more items. */
static void max_active_holds(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	struct tw_wq *w = crew_wq(c, 0, 1);
	struct tw_item *behind;

	need_hook(test);
	spinners(c, w, 2);
	WRITE_ONCE(c->items[0]->val, SLEEPS);
	wait_for(c, 1, 0);
	/* The pool has room, so this runs, and the item over max_active does not. */
	behind = tw_item(c->e, tw_fn_nop);
	tw_queue(c->w, behind);
	tw_wait_done(behind, "an item of another queue");
	KUNIT_EXPECT_EQ(test, nr_started(c), 1);
	end_one(c->items[0]);
	wait_for(c, 2, 1);
	end_all(c);
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 1);
	expect_rest(c, c->wanted, c->wanted);
}

struct in_order {
	struct tw_log	*log;
	struct tw_item	*items[MOST_ITEMS];
};

static void fn_log(struct tw_item *it)
{
	struct in_order *o = it->ctx;

	tw_log_add(o->log, it->id);
	if (it->id % 3 == 0)
		schedule_timeout_uninterruptible(1);
}

static void ordered_queue_keeps_order(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed wakeup=needed pick=local");
	struct in_order *o = tw_zalloc(c->e, sizeof(*o));
	struct tw_wq *w = tw_alloc(c->e, TW_ORDERED, 0);
	int i;

	o->log = tw_log(c->e, MOST_ITEMS);
	for (i = 0; i < MOST_ITEMS; i++) {
		o->items[i] = tw_item(c->e, fn_log);
		o->items[i]->id = i;
		o->items[i]->ctx = o;
		tw_queue_on(tw_cpu(i), w, o->items[i]);
	}
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_log_is_fifo(o->log, MOST_ITEMS));
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(o->items, MOST_ITEMS));
}

/* A flush waits for an item that waits for a CPU, and one of these can be cancelled. */
static void flush_and_cancel_what_waits(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	struct tw_item *it = tw_item(c->e, tw_fn_nop), *never = tw_item(c->e, tw_fn_nop);
	struct tw_thread *flush, *cancel;

	spinners(c, c->w, c->wanted);
	wait_for(c, c->wanted, c->wanted);
	tw_queue(c->w, it);
	tw_queue(c->w, never);
	KUNIT_EXPECT_TRUE(test, tw_cancel_sync(never));
	flush = tw_thread(c->e, tw_cpu(0), tw_thread_flush, c->w, it, NULL);
	tw_thread_block(flush);
	cancel = tw_thread(c->e, tw_cpu(1), tw_thread_cancel_sync, c->w, c->items[0], NULL);
	tw_thread_block(cancel);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	end_all(c);
	tw_join(flush, "the flush");
	KUNIT_EXPECT_TRUE(test, flush->ret);
	KUNIT_EXPECT_EQ(test, flush->val, 1);
	tw_join(cancel, "the cancel");
	KUNIT_EXPECT_FALSE(test, cancel->ret);
	expect_rest(c, c->wanted, c->wanted);
	KUNIT_EXPECT_EQ(test, atomic_read(&never->runs), 0);
}

/* A queue that is frozen starts no item, and a thaw starts what has waited. */
static void freeze_holds_items(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed wakeup=needed");
	struct tw_wq *w = crew_wq(c, TW_FREEZABLE, 0);
	struct tw_item *it = tw_item(c->e, tw_fn_nop);

	tw_thaw_at_end(test);
	spinners(c, c->w, c->wanted + 1);
	wait_for(c, c->wanted, c->wanted);
	cmwq2_freeze_workqueues_begin();
	tw_queue(w, it);
	end_all(c);
	expect_rest(c, c->wanted, c->wanted);
	KUNIT_EXPECT_EQ(test, atomic_read(&it->runs), 0);
	cmwq2_thaw_workqueues();
	tw_wait_done(it, "the item that waited for the thaw");
}

/*
 * Spins on the other CPU, where its worker stays, and uses some CPU time there. The worker
 * may have slept for the move, and only the time since then makes it a hog.
 */
static void fn_spin_there(struct tw_item *it)
{
	u64 enough;

	set_cpus_allowed_ptr(current, cpumask_of(tw_cpu(1)));
	enough = cmwq2_task_runtime(current) + 20 * NSEC_PER_MSEC;
	while (cmwq2_task_runtime(current) < enough)
		tw_yield();
	fn_spin(it);
}

/*
 * Has the scan look as its timer would. The timer itself may not come: if the CPU that
 * counts the jiffies is held with interrupts off, time stands still.
 */
static bool scan_looks(struct crew *c, unsigned long before)
{
	c->pool->scan_timer.function(&c->pool->scan_timer);
	return tw_stats(c->w, tw_cpu(0)).scans != before;
}

/*
 * A worker whose item has ended gives its slot to an item of another pool. It drops the
 * lock of its own pool for that, and still counts as running, but it has no item that
 * could be a hog. It is held there until the scan has looked at it.
 */
static void no_item_is_no_hog(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct tw_wq *w = crew_wq(c, 0, 1);
	struct tw_item *it = tw_gated(c->e, NULL), *next = tw_item(c->e, tw_fn_nop);
	unsigned long before;
	struct tw_hold *h;

	need_hook(test);
	if (c->wanted < 2)
		kunit_skip(test, "needs two CPUs");
	tw_move(c->e, tw_cpu(0));
	it->fn = fn_spin_there;
	it->ctx = c;
	c->items[c->nr++] = it;
	tw_queue(w, it);
	TW_POLL(c->e, tw_gauge_max(&c->gauge) == 1, "the item that ends");
	spinners(c, c->w, 8);
	wait_for(c, c->wanted, c->wanted);
	attrs->nice = 5;
	attrs->affn_scope = CMWQ2_AFFN_SYSTEM;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	tw_queue(w, next);
	h = tw_hold(c->e, CMWQ2_POINT_LINE, tw_pool_of(w, tw_cpu(0)));
	tw_arm(h);
	tell_to_end(it);
	tw_wait_held(h, "the worker that gives its slot away");
	/* Now each item that has run for a microsecond is a hog. */
	tw_policy(c->e, "cpu_intensive_thresh_us", "1");
	before = tw_stats(c->w, tw_cpu(0)).scans;
	TW_SOON(c->e, scan_looks(c, before), "a scan");
	tw_policy(c->e, "cpu_intensive_thresh_us", "0");
	KUNIT_EXPECT_EQ(test, tw_wq_stats(w).cpu_intensive, 0);
	tw_let_go(h);
	tw_wait_done(next, "the item that was given the slot");
	end_all(c);
	KUNIT_EXPECT_EQ(test, set_cpus_allowed_ptr(h->task, cpu_possible_mask), 0);
	expect_rest(c, c->wanted, c->wanted);
}

/* The items of a strict queue stay on its CPU, and one of them runs at a time. */
static void strict_queue_stays(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed pick=local");
	struct cmwq2_attrs *attrs = tw_attrs(test);
	int i, cpu = tw_cpu(1);

	attrs->nice = 5;
	attrs->affn_strict = true;
	cpumask_copy(attrs->cpumask, cpumask_of(cpu));
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(c->w->wq, attrs), 0);
	c->pool = tw_pool_of(c->w, cpu);
	spinners(c, c->w, 8);
	wait_for(c, 1, 1);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), 1);
	end_all(c);
	KUNIT_EXPECT_EQ(test, tw_gauge_max(&c->gauge), 1);
	for (i = 0; i < c->nr; i++)
		KUNIT_EXPECT_EQ(test, c->items[i]->cpu, cpu);
	expect_rest(c, 1, 1);
}

/*
 * A switch to concurrency=free starts the items that wait for a CPU. The other workers
 * must be asleep before: one that has been woken late would take an item without a kick.
 */
static void switch_to_free_starts_all(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=managed");
	int n = c->wanted;

	spinners(c, c->w, 3 * n);
	wait_for(c, n, n);
	hold_scan(c);
	TW_POLL(c->e, tw_nr_awake(c->pool) == n, "the workers without an item to be asleep");
	KUNIT_EXPECT_EQ(test, nr_started(c), n);
	KUNIT_ASSERT_EQ(test, cmwq2_policy_set("concurrency", "free"), 0);
	TW_POLL(c->e, nr_started(c) == 3 * n, "all items to start after the switch");
	end_all(c);
	expect_rest(c, INT_MAX, INT_MAX);
}

/* After a switch to concurrency=managed the pool counts the workers that are running. */
static void switch_to_managed_counts(struct kunit *test)
{
	struct crew *c = crew(test, "concurrency=free");
	int i, n = c->wanted;

	need_hook(test);
	spinners(c, c->w, 2 * n);
	wait_for(c, 2 * n, 0);
	KUNIT_ASSERT_EQ(test, cmwq2_policy_set("concurrency", "managed"), 0);
	wait_for(c, 2 * n, 2 * n);
	spinners(c, c->w, 2 * n);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), 2 * n);
	for (i = 0; i < 2 * n; i++)
		end_one(c->items[i]);
	wait_for(c, 3 * n, n);
	let_scan_look(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), 3 * n);
	end_all(c);
	expect_rest(c, n, n);
}

static void bring_back(void *cpu)
{
	add_cpu((long)cpu);
}

/* wanted follows the online CPUs of the pod. An item that waits starts when a CPU comes. */
static void wanted_follows_hotplug(struct kunit *test)
{
	struct crew *c;
	long cpu;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "no CPU can be taken offline here");
	c = crew(test, "concurrency=managed wakeup=needed");
	if (c->wanted < 2)
		kunit_skip(test, "the only CPU cannot be taken offline");
	cpu = tw_cpu(1);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bring_back, (void *)cpu), 0);
	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	expect_rest(c, c->wanted - 1, c->wanted - 1);
	spinners(c, c->w, c->wanted);
	wait_for(c, c->wanted - 1, c->wanted - 1);
	hold_scan(c);
	KUNIT_EXPECT_EQ(test, nr_started(c), c->wanted - 1);
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
	wait_for(c, c->wanted, c->wanted);
	end_all(c);
	expect_rest(c, c->wanted, c->wanted);
}

static struct kunit_case managed_cases[] = {
	KUNIT_CASE(one_runs_per_cpu),
	KUNIT_CASE(free_pool_starts_all),
	KUNIT_CASE(sleeper_lets_next_start),
	KUNIT_CASE(sleepers_all_start),
	KUNIT_CASE(hog_lets_next_start),
	KUNIT_CASE(intensive_items_do_not_count),
	KUNIT_CASE(max_active_holds),
	KUNIT_CASE(ordered_queue_keeps_order),
	KUNIT_CASE(flush_and_cancel_what_waits),
	KUNIT_CASE(freeze_holds_items),
	KUNIT_CASE(no_item_is_no_hog),
	KUNIT_CASE(strict_queue_stays),
	KUNIT_CASE(switch_to_free_starts_all),
	KUNIT_CASE(switch_to_managed_counts),
	KUNIT_CASE(wanted_follows_hotplug),
	{}
};

static struct kunit_suite managed_suite = {
	.name = "cmwq2_managed",
	.test_cases = managed_cases,
};

kunit_test_suites(&managed_suite);
