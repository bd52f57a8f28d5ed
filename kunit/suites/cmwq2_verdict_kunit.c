// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict: a test causes each kind of trouble, and the verdict must name it
 * and the culprit. Without trouble there must be no verdict.
 *
 * The task that occupies a CPU asks for the verdict itself, with preemption off. So no
 * other task runs on that CPU, and the result does not depend on timing.
 */
#include <linux/bottom_half.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "base/registry.h"
#include "starve.h"
#include "verdict.h"

/* Keeps the CPU for longer than the verdict's threshold, and asks for the verdict. */
static void keep_cpu(struct verdict_ctx *c)
{
	unsigned long until = jiffies + msecs_to_jiffies(3 * MIN_MS) + 2;

	while (time_before(jiffies, until))
		cpu_relax();
	cmwq2_stalls(MIN_MS, c->text, TEXT_SIZE);
}

static void fn_keep_cpu(struct tw_item *it)
{
	struct verdict_ctx *c = it->ctx;

	preempt_disable();
	tw_queue_on(raw_smp_processor_id(), c->w, c->it);
	keep_cpu(c);
	preempt_enable();
}

/* Otherwise the scheduler may run the item elsewhere, and its pool has an idle CPU. */
static void stay_in_pod(struct tw_wq *w)
{
	struct cmwq2_attrs *attrs = tw_attrs(w->env->test);

	attrs->affn_strict = true;
	KUNIT_ASSERT_EQ(w->env->test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
}

static struct verdict_ctx *keep_by_item(struct tw_env *e, unsigned int flags)
{
	struct verdict_ctx *c = verdict_ctx(e, flags, 0);
	struct tw_item *it = tw_item(e, fn_keep_cpu);

	if (flags & TW_UNBOUND)
		stay_in_pod(c->w);
	it->ctx = c;
	c->it = tw_item(e, tw_fn_nop);
	tw_queue_on(c->cpu, c->w, it);
	tw_wait_done(it, "the item that keeps its CPU");
	tw_wait_done(c->it, "the item behind it");
	tw_flush_wq(c->w);
	c->pid = it->pid;
	expect_in(c, "stall: hog: pool ");
	expect_in(c, ": cmwq2_fn ");
	expect_in(c, "of queue cmwq2_kunit waits for ");
	return c;
}

/* The item's worker counts as running, so that no other worker is kicked. */
static void hog_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c;

	tw_policy(e, "cpu_intensive_thresh_us", "0");
	c = keep_by_item(e, TW_PERCPU);
	expect_who(c, c->pid, "runs cmwq2_fn");
	expect_quiet(e);
}

/* A queue whose pool is unbound, has one CPU, and counts its running workers. */
static void managed_hog_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c;

	tw_policy(e, "cpu_intensive_thresh_us", "0");
	tw_policy(e, "default_affinity_scope", "cpu");
	tw_policy(e, "concurrency", "managed");
	c = keep_by_item(e, TW_UNBOUND);
	expect_who(c, c->pid, "runs cmwq2_fn");
	expect_quiet(e);
}

/* The item's worker no longer counts as running, but the kicked worker gets no CPU. */
static void intensive_hog_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = keep_by_item(e, TW_PERCPU | TW_CPU_INTENSIVE);

	expect_who(c, c->pid, "runs cmwq2_fn");
	expect_in(c, " was picked ");
	expect_quiet(e);
}

static void bh_hog_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	e->bh = true;
	expect_in(keep_by_item(e, TW_PERCPU | TW_BH), "  bh[0] runs cmwq2_fn");
	expect_quiet(e);
}

static void thread_keep_cpu(struct tw_thread *t)
{
	struct verdict_ctx *c = t->ctx;

	preempt_disable();
	tw_queue_on(c->cpu, c->w, c->it);
	keep_cpu(c);
	preempt_enable();
}

static void thread_keep_softirqs(struct tw_thread *t)
{
	struct verdict_ctx *c = t->ctx;

	local_bh_disable();
	tw_queue_on(c->cpu, c->w, c->it);
	keep_cpu(c);
	local_bh_enable();
}

/* A thread that is not a worker keeps @cpu while an item waits. */
static void keep_from_outside(struct verdict_ctx *c, int cpu, void (*fn)(struct tw_thread *t))
{
	struct tw_env *e = c->w->env;
	struct tw_thread *t = tw_thread(e, cpu, fn, c->w, NULL, c);

	TW_POLL(e, tw_pool_idle(c->w, c->cpu), "the pool to be at rest");
	c->it = tw_item(e, tw_fn_nop);
	tw_thread_start(t);
	tw_join(t, "a thread that keeps its CPU");
	tw_wait_done(c->it, "the item that waited for it");
	tw_flush_wq(c->w);
}

static void picked_but_not_run(struct kunit *test, const char *claim)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 0);

	tw_policy(e, "claim", claim);
	keep_from_outside(c, c->cpu, thread_keep_cpu);
	expect_in(c, "stall: not-run: pool ");
	expect_in(c, " ms ago and has not run, state R on CPU ");
	expect_quiet(e);
}

static void picked_but_not_run_is_named(struct kunit *test)
{
	picked_but_not_run(test, "none");
}

static void claimed_but_not_run_is_named(struct kunit *test)
{
	picked_but_not_run(test, "kicked_list");
}

static void held_softirqs_are_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "on PREEMPT_RT no other thread holds back softirqs");
	e->bh = true;
	c = verdict_ctx(e, TW_PERCPU | TW_BH, 0);
	keep_from_outside(c, c->cpu, thread_keep_softirqs);
	expect_in(c, "stall: softirq: pool ");
	expect_quiet(e);
}

/* The manager is stuck while it creates a worker. Later each attempt fails. */
static void no_worker(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, flags, 0);
	struct tw_starved *s = tw_starve(e, flags);

	expect_told(c, "manager-stuck");
	expect_in(c, "is the manager, has been creating a worker for ");
	if (s->nr > 1)
		expect_one_of(c, s->blockers, s->nr - 1, "runs cmwq2_fn");
	tw_fault_create(s->plain, s->cpu, CMWQ2_CREATE_FAILS);
	TW_POLL(e, told(c, "no-worker"), "an attempt to fail");
	expect_in(c, "is the manager, last tried to create a worker ");
	expect_in(c, " times, last error -12, state ");
	tw_feed(s);
	expect_quiet(e);
}

static void no_worker_percpu_is_named(struct kunit *test)
{
	no_worker(test, TW_PERCPU);
}

static void no_worker_unbound_is_named(struct kunit *test)
{
	no_worker(test, TW_UNBOUND);
}

/* Workers can be created again, and all items that waited or were rescued are done. */
static void rescued_is_quiet(struct verdict_ctx *c, struct tw_starved *s)
{
	struct tw_env *e = s->plain->env;

	tw_fault_create(s->plain, s->cpu, CMWQ2_CREATE_NORMAL);
	complete_all(s->gate);
	tw_flush_wq(c->w);
	tw_flush_wq(s->plain);
	TW_POLL(e, tw_pool_idle(s->plain, s->cpu), "the pool to come to rest");
	expect_quiet(e);
}

static void busy_rescuer_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *sleeper = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);
	struct tw_starved *s = tw_starve(e, TW_PERCPU);

	/* The item that found no worker would be first in line, and its queue has no rescuer. */
	KUNIT_ASSERT_TRUE(test, tw_cancel(s->blockers[s->nr - 1]));
	tw_queue_on(s->cpu, c->w, sleeper);
	tw_wait_started(sleeper, "the rescue of an item that sleeps");
	tw_queue_on(s->cpu, c->w, it);
	expect_told(c, "rescuer-busy");
	expect_who(c, sleeper->pid, "runs cmwq2_fn");
	expect_in(c, "is the manager, ");
	complete_all(sleeper->gate);
	tw_wait_done(it, "the next rescue");
	rescued_is_quiet(c, s);
}

/* With max_active 1 and two CPUs, the verdict tells where the second item waits. */
static void throttled(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, flags, 1);
	struct tw_item *holder = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);

	tw_queue_on(tw_cpu(0), c->w, holder);
	tw_wait_started(holder, "the item that holds the slot");
	tw_queue_on(flags & TW_UNBOUND ? tw_cpu(1) : tw_cpu(0), c->w, it);
	expect_told(c, "throttled");
	expect_who(c, holder->pid, "runs cmwq2_fn");
	complete_all(holder->gate);
	tw_flush_wq(c->w);
	expect_quiet(e);
}

static void throttled_percpu_is_named(struct kunit *test)
{
	throttled(test, TW_PERCPU);
}

static void throttled_unbound_is_named(struct kunit *test)
{
	throttled(test, TW_UNBOUND);
}

static void throttled_ordered_is_named(struct kunit *test)
{
	throttled(test, TW_ORDERED);
}

/* As if another node had the other half of max_active. */
static void full_node_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_UNBOUND, 2);
	struct tw_item *holder = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);
	int node = tw_pool_of(c->w, c->cpu)->node;
	struct cmwq2_wq *wq = c->w->wq;
	struct cmwq2_nna *nna = wq->nna[node == NUMA_NO_NODE ? nr_node_ids : node];

	WRITE_ONCE(nna->max, 1);
	tw_queue_on(c->cpu, c->w, holder);
	tw_wait_started(holder, "the item that holds the node's slot");
	tw_queue_on(c->cpu, c->w, it);
	expect_told(c, "node-full");
	expect_who(c, holder->pid, "runs cmwq2_fn");
	complete_all(holder->gate);
	tw_flush_wq(c->w);
	WRITE_ONCE(nna->max, 2);
	expect_quiet(e);
}

/* The item is queued again while it runs. */
static void item_behind_itself_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);

	tw_queue_on(c->cpu, c->w, it);
	tw_wait_started(it, "the first run");
	tw_queue_on(c->cpu, c->w, it);
	expect_told(c, "behind");
	expect_who(c, it->pid, "runs cmwq2_fn");
	expect_in(c, "the item was queued again while it ran");
	complete_all(it->gate);
	tw_flush_wq(c->w);
	expect_quiet(e);
}

/* A rescuer took both items, and sleeps in the first. */
static void item_behind_another_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_item *sleeper = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);
	struct tw_starved *s;

	tw_policy(e, "rescue", "slurp");
	s = tw_starve(e, TW_PERCPU);
	KUNIT_ASSERT_TRUE(test, tw_cancel(s->blockers[s->nr - 1]));
	/* The rescuer takes this mutex before it looks at the pool. */
	mutex_lock(&cmwq2_attach_mutex);
	tw_queue_on(s->cpu, c->w, sleeper);
	tw_queue_on(s->cpu, c->w, it);
	mutex_unlock(&cmwq2_attach_mutex);
	tw_wait_started(sleeper, "the rescue of an item that sleeps");
	expect_told(c, "behind");
	expect_who(c, sleeper->pid, "runs cmwq2_fn");
	expect_in(c, "a worker has taken the item");
	complete_all(sleeper->gate);
	tw_wait_done(it, "the item behind it");
	rescued_is_quiet(c, s);
}

static void freeze_queue(struct kunit *test, unsigned int flags)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, flags | TW_FREEZABLE, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);

	tw_thaw_at_end(test);
	cmwq2_freeze_workqueues_begin();
	tw_queue_on(c->cpu, c->w, it);
	expect_told(c, "frozen");
	cmwq2_thaw_workqueues();
	tw_wait_done(it, "the item that was frozen");
	tw_flush_wq(c->w);
	expect_quiet(e);
}

static void frozen_percpu_is_named(struct kunit *test)
{
	freeze_queue(test, TW_PERCPU);
}

static void frozen_unbound_is_named(struct kunit *test)
{
	freeze_queue(test, TW_UNBOUND);
}

/* The item is queued under new attributes while older items are not done. */
static void plugged_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_ORDERED, 0);
	struct tw_item *older = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);
	struct cmwq2_attrs *attrs = tw_attrs(test);

	tw_queue(c->w, older);
	tw_wait_started(older, "the older item");
	attrs->nice = -7;
	KUNIT_EXPECT_EQ(test, cmwq2_apply_workqueue_attrs(c->w->wq, attrs), 0);
	tw_queue(c->w, it);
	expect_told(c, "plugged");
	expect_who(c, older->pid, "runs cmwq2_fn");
	complete_all(older->gate);
	tw_flush_wq(c->w);
	expect_quiet(e);
}

/* As if a missing decrement had left nr_running too high. */
static void lost_kick_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct cmwq2_pool *pool = tw_pool_of(c->w, c->cpu);

	TW_POLL(e, tw_pool_idle(c->w, c->cpu), "the pool to be at rest");
	atomic_inc(&pool->nr_running);
	tw_queue_on(c->cpu, c->w, it);
	expect_told(c, "lost-kick");
	expect_in(c, "nr_running is not 0, but no worker runs");
	atomic_dec(&pool->nr_running);
	/* The scan timer finds the item. */
	tw_wait_done(it, "the item for which no worker was kicked");
	tw_flush_wq(c->w);
	expect_quiet(e);
}

/*
 * As if a missing increment had left room too low. The pool has fewer running workers than
 * it wants, so the one that counts as running is not to blame.
 */
static void managed_lost_kick_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct verdict_ctx *c;
	struct cmwq2_pool *pool;

	if (num_online_cpus() < 2)
		kunit_skip(test, "a pool with two CPUs is needed");
	tw_policy(e, "default_affinity_scope", "system");
	tw_policy(e, "concurrency", "managed");
	c = verdict_ctx(e, TW_UNBOUND, 0);
	pool = tw_pool_of(c->w, c->cpu);
	KUNIT_ASSERT_GT(test, pool->wanted, 1);
	TW_POLL(e, tw_pool_idle(c->w, c->cpu), "the pool to be at rest");
	atomic_inc(&pool->nr_running);
	pool->room -= pool->wanted;
	tw_queue_on(c->cpu, c->w, it);
	expect_told(c, "lost-kick");
	expect_in(c, "workers are idle, but none was picked");
	pool->room += pool->wanted;
	atomic_dec(&pool->nr_running);
	/* The scan timer finds the item. */
	tw_wait_done(it, "the item for which no worker was kicked");
	tw_flush_wq(c->w);
	expect_quiet(e);
}

/* As if max_active had been raised without activating the items that wait for it. */
static void lost_slot_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 1);
	struct tw_item *holder = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);
	struct cmwq2_wq *wq = c->w->wq;

	tw_queue_on(c->cpu, c->w, holder);
	tw_wait_started(holder, "the item that holds the slot");
	tw_queue_on(c->cpu, c->w, it);
	WRITE_ONCE(wq->max_active, 2);
	expect_told(c, "lost-kick");
	expect_in(c, "max_active has a free slot");
	WRITE_ONCE(wq->max_active, 1);
	complete_all(holder->gate);
	tw_flush_wq(c->w);
	expect_quiet(e);
}

#ifdef CONFIG_HOTPLUG_CPU
static void cpu_up_again(void *cpu)
{
	add_cpu((unsigned long)cpu);
}

/* The CPU is offline. Its worker was sent to another CPU, where it cannot run. */
static void offline_cpu_is_named(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 0);
	unsigned long cpu = c->cpu;

	if (num_online_cpus() != 2 || cpu == tw_cpu(0))
		kunit_skip(test, "needs exactly two CPUs, of which one can go offline");
	if (remove_cpu(cpu))
		kunit_skip(test, "this CPU cannot be taken offline");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, cpu_up_again, (void *)cpu), 0);
	keep_from_outside(c, tw_cpu(0), thread_keep_cpu);
	expect_in(c, "stall: cpu-offline: pool ");
	expect_quiet(e);
}
#else
static void offline_cpu_is_named(struct kunit *test)
{
	kunit_skip(test, "this kernel cannot take CPUs offline");
}
#endif

static void idle_is_no_stall(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 0);
	struct tw_item *it = tw_gated(e, NULL);

	/* A long item that sleeps lets other items run, so nothing waits. */
	tw_queue_on(c->cpu, c->w, it);
	tw_wait_started(it, "an item that takes long");
	schedule_timeout_uninterruptible(msecs_to_jiffies(2 * MIN_MS));
	expect_quiet(e);
	complete_all(it->gate);
	tw_flush_wq(c->w);
}

/* Text that does not fit into the buffer is cut. */
static void text_is_cut(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct verdict_ctx *c = verdict_ctx(e, TW_PERCPU, 1);
	struct tw_item *holder = tw_gated(e, NULL), *it = tw_item(e, tw_fn_nop);
	char *text = tw_zalloc(e, 32);

	tw_queue_on(c->cpu, c->w, holder);
	tw_queue_on(c->cpu, c->w, it);
	tw_wait_started(holder, "the item that holds the slot");
	expect_told(c, "throttled");
	memset(text, 'x', 32);
	KUNIT_EXPECT_EQ(test, cmwq2_stalls(0, text, 16), 15);
	KUNIT_EXPECT_EQ(test, strlen(text), 15);
	KUNIT_EXPECT_EQ(test, text[16], 'x');
	complete_all(holder->gate);
	tw_flush_wq(c->w);
}

static struct kunit_case cmwq2_verdict_cases[] = {
	KUNIT_CASE(idle_is_no_stall),
	KUNIT_CASE(text_is_cut),
	KUNIT_CASE(hog_is_named),
	KUNIT_CASE(managed_hog_is_named),
	KUNIT_CASE(intensive_hog_is_named),
	KUNIT_CASE(bh_hog_is_named),
	KUNIT_CASE(picked_but_not_run_is_named),
	KUNIT_CASE(claimed_but_not_run_is_named),
	KUNIT_CASE(held_softirqs_are_named),
	KUNIT_CASE(no_worker_percpu_is_named),
	KUNIT_CASE(no_worker_unbound_is_named),
	KUNIT_CASE(busy_rescuer_is_named),
	KUNIT_CASE(throttled_percpu_is_named),
	KUNIT_CASE(throttled_unbound_is_named),
	KUNIT_CASE(throttled_ordered_is_named),
	KUNIT_CASE(full_node_is_named),
	KUNIT_CASE(item_behind_itself_is_named),
	KUNIT_CASE(item_behind_another_is_named),
	KUNIT_CASE(frozen_percpu_is_named),
	KUNIT_CASE(frozen_unbound_is_named),
	KUNIT_CASE(plugged_is_named),
	KUNIT_CASE(lost_kick_is_named),
	KUNIT_CASE(managed_lost_kick_is_named),
	KUNIT_CASE(lost_slot_is_named),
	KUNIT_CASE(offline_cpu_is_named),
	{}
};

static struct kunit_suite cmwq2_verdict_suite = {
	.name = "cmwq2_verdict",
	.test_cases = cmwq2_verdict_cases,
};

kunit_test_suites(&cmwq2_verdict_suite);
