// SPDX-License-Identifier: GPL-2.0
/*
 * The work done under a raw lock does not grow with the number of workers, queues,
 * pools or CPUs. The tests count steps and measure no time: a busy machine must not let
 * a case fail, and a fast one must not hide a long loop.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/timer.h>

#include "base/helper.h"
#include "base/types.h"
#include "core/active.h"
#include "look/look.h"
#include "place/attrs.h"
#include "place/cpumask.h"
#include "hold.h"

#define NR_SLEEPERS	160
#define NR_SCANS	10

/* Keeps its CPU until the gate opens, but lets other tasks run on it. */
static void fn_spin(struct tw_item *it)
{
	unsigned long end = jiffies + tw_timeout();

	while (!completion_done(it->gate) && time_before(jiffies, end))
		cond_resched();
}

static struct tw_item *spinner(struct tw_env *e)
{
	struct tw_item *it = tw_item(e, fn_spin);

	it->gate = tw_gate(e);
	return it;
}

/* Makes @nr workers that are busy and asleep. Returns the gate that ends their items. */
static struct completion *sleepers(struct tw_env *e, struct tw_wq *w, int cpu, int nr)
{
	struct tw_item **items = tw_zalloc(e, nr * sizeof(*items));
	struct completion *gate = tw_gate(e);
	int i;

	for (i = 0; i < nr; i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(cpu, w, items[i]);
	}
	for (i = 0; i < nr; i++)
		tw_wait_started(items[i], "items that sleep");
	return gate;
}

/*
 * One worker runs, an item waits behind it, and all other workers sleep in
 * their items. A scan has to look at the running worker only.
 */
static void scan_looks_at_few(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, CMWQ2_MAX_ACTIVE);
	struct tw_item *spin = spinner(e), *behind = tw_item(e, tw_fn_nop);
	struct cmwq2_pool_stats before, after;
	unsigned long scans, looks;
	int cpu = tw_cpu(1);
	struct completion *gate;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs a second CPU beside the one that is kept busy");
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	gate = sleepers(e, w, cpu, NR_SLEEPERS);
	TW_POLL(e, !tw_stats(w, cpu).nr_running, "the items to sleep");
	tw_queue_on(cpu, w, spin);
	tw_wait_started(spin, "the item that keeps its CPU");
	tw_queue_on(cpu, w, behind);
	before = tw_stats(w, cpu);
	TW_POLL(e, (after = tw_stats(w, cpu)).scans >= before.scans + NR_SCANS, "scans");
	KUNIT_EXPECT_GE(test, after.nr_workers, NR_SLEEPERS + 1);
	/* The first scan may meet a few sleeping workers, later ones find one worker. */
	scans = after.scans - before.scans;
	looks = after.scan_looks - before.scan_looks;
	KUNIT_EXPECT_LE(test, looks, 3 * scans);
	KUNIT_EXPECT_EQ(test, atomic_read(&behind->runs), 0);
	complete_all(spin->gate);
	complete_all(gate);
	tw_flush_wq(w);
}

/* Not on the CPU that queues: a task that must not be disturbed may run there. */
static void scan_runs_on_the_pools_cpu(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 0);
	struct tw_env *e = s->env;
	struct tw_item *spin = spinner(e), *behind = tw_item(e, tw_fn_nop);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	int cpu = s->hand_cpu;
	struct cmwq2_pool *pool = tw_pool_of(w, cpu);
	unsigned long scans;

	tw_queue_on(cpu, w, spin);
	tw_wait_started(spin, "the item that keeps its CPU");
	scans = tw_stats(w, cpu).scans;
	KUNIT_EXPECT_EQ(test, raw_smp_processor_id(), s->cpu);
	tw_queue_on(cpu, w, behind);
	KUNIT_EXPECT_EQ(test, READ_ONCE(pool->scan_timer.flags) & TIMER_CPUMASK, cpu);
	TW_POLL(e, tw_stats(w, cpu).scans > scans + 1, "scans");
	KUNIT_EXPECT_EQ(test, READ_ONCE(pool->scan_timer.flags) & TIMER_CPUMASK, cpu);
	complete_all(spin->gate);
	tw_flush_wq(w);
	TW_POLL(e, !READ_ONCE(pool->scan_armed), "the scans to end");
}

static unsigned long times_locked(struct tw_wq *w, int cpu)
{
	struct cmwq2_lock_stats st = { };

	KUNIT_EXPECT_EQ(w->env->test, cmwq2_lock_stats(w->wq, cpu, &st), 0);
	return st.acquired;
}

static void counting_off(void *unused)
{
	cmwq2_lock_stat_set(false);
}

/* The engine looks for inactive items only in queues where a higher limit can admit one. */
static void limits_take_no_lock_in_vain(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	/* The highpri pool of one CPU, which nothing else in this test uses. */
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_HIGHPRI, 0), *made;
	unsigned long before;
	int cpu = tw_cpu(1);

	tw_policy(e, "min_idle", "1000");
	tw_policy(e, "watchdog_thresh", "0");
	kthread_flush_worker(cmwq2_helper);
	tw_thaw_at_end(test);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, counting_off, NULL), 0);
	cmwq2_lock_stat_set(true);

	before = times_locked(w, cpu);
	made = tw_alloc(e, TW_PERCPU | TW_HIGHPRI, 0);
	KUNIT_EXPECT_EQ_MSG(test, times_locked(w, cpu), before, "creating a queue took the lock");
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(made->wq, 4), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(made->wq, 4), 0);
	KUNIT_EXPECT_EQ_MSG(test, times_locked(w, cpu), before,
			    "lowering or keeping a limit took the lock");
	cmwq2_freeze_workqueues_begin();
	cmwq2_thaw_workqueues();
	KUNIT_EXPECT_EQ_MSG(test, times_locked(w, cpu), before,
			    "freezing other queues took the lock");
	/* The control. */
	KUNIT_EXPECT_EQ(test, cmwq2_workqueue_set_max_active(made->wq, 8), 0);
	KUNIT_EXPECT_GT_MSG(test, times_locked(w, cpu), before,
			    "raising a limit did not take the lock");
}

/* The module's own function, with made-up nodes: a KUnit machine may have only one. */
static void node_shares_are_rounded_up(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct cmwq2_wq *wq = tw_zalloc(e, sizeof(*wq));
	int total, here;

	wq->min_active = 1;
	for (wq->max_active = 1; wq->max_active <= 11; wq->max_active++) {
		for (total = 2; total <= 5; total++) {
			for (here = 1; here < total; here++) {
				int share = cmwq2_node_share(wq, here, total);
				int other = cmwq2_node_share(wq, total - here, total);

				/* The smallest number that is not below its exact share. */
				KUNIT_EXPECT_GE(test, share * total, wq->max_active * here);
				KUNIT_EXPECT_LT(test, (share - 1) * total, wq->max_active * here);
				KUNIT_EXPECT_GE(test, share + other, wq->max_active);
			}
		}
	}
	wq->max_active = 64;
	wq->min_active = 8;
	KUNIT_EXPECT_EQ(test, cmwq2_node_share(wq, 1, 64), 8);
	KUNIT_EXPECT_EQ(test, cmwq2_node_share(wq, 0, 64), 8);
	KUNIT_EXPECT_EQ(test, cmwq2_node_share(wq, 64, 64), 64);
	KUNIT_EXPECT_EQ(test, cmwq2_node_share(wq, 0, 0), 8);
}

/* The number of CPUs that get another pwq when hotplug.c takes the second one offline. */
static unsigned long moved_by_offline(void)
{
	unsigned long before = READ_ONCE(cmwq2_slots_moved);

	cmwq2_unbound_offline(tw_cpu(1));
	return READ_ONCE(cmwq2_slots_moved) - before;
}

static void cpu_is_back(void *unused)
{
	cmwq2_unbound_online(tw_cpu(1));
}

/*
 * A CPU that goes offline takes its pod along if the pod has no other CPU. Only
 * that pod is affected: not the queue's other CPUs, and not queues with larger
 * pods.
 */
static void cpu_that_goes_moves_its_pod(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0), *large;
	struct cmwq2_pool *first, *second, *all;
	struct tw_item *it = tw_item(e, tw_fn_nop);
	unsigned long moved;
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, cpu_is_back, NULL), 0);
	large = tw_alloc(e, TW_UNBOUND, 0);
	tw_set_scope(large, CMWQ2_AFFN_SYSTEM);
	all = tw_pool_of(large, tw_cpu(0));
	moved = moved_by_offline();
	cpu_is_back(NULL);

	tw_set_scope(w, CMWQ2_AFFN_CPU);
	for (i = 0; i < 4; i++)
		tw_set_scope(tw_alloc(e, TW_UNBOUND, 0), CMWQ2_AFFN_SYSTEM);
	first = tw_pool_of(w, tw_cpu(0));
	second = tw_pool_of(w, tw_cpu(1));
	KUNIT_EXPECT_PTR_NE(test, first, second);
	/* At most one more: the other queue may have pods of one CPU by default. */
	KUNIT_EXPECT_LE(test, moved_by_offline(), moved + 1);
	KUNIT_EXPECT_PTR_EQ(test, tw_pool_of(w, tw_cpu(0)), first);
	KUNIT_EXPECT_PTR_EQ(test, tw_pool_of(w, tw_cpu(1)), all);
	KUNIT_EXPECT_PTR_EQ(test, tw_pool_of(large, tw_cpu(1)), all);
	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_done(it, "an item from a pod that has no CPU");
	/* A second call changes nothing. */
	KUNIT_EXPECT_EQ(test, moved_by_offline(), 0);
	cpu_is_back(NULL);
	KUNIT_EXPECT_PTR_EQ(test, tw_pool_of(w, tw_cpu(0)), first);
	KUNIT_EXPECT_PTR_NE(test, tw_pool_of(w, tw_cpu(1)), first);
	KUNIT_EXPECT_PTR_NE(test, tw_pool_of(w, tw_cpu(1)), all);
	tw_flush_wq(w);
	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_done(it, "an item from the pod that is back");
	tw_flush_wq(w);
}

#define NR_INACTIVE	400
#define DUMP_SIZE	16384

static void dump_looks_at_few_at_once(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, CMWQ2_MAX_ACTIVE);
	struct tw_wq *one = tw_alloc(e, TW_PERCPU, 1);
	struct tw_item *first = tw_gated(e, NULL), *it;
	char *text = tw_zalloc(e, DUMP_SIZE);
	int i, cpu = tw_cpu(1);
	struct completion *gate;

	gate = sleepers(e, w, cpu, NR_SLEEPERS);
	tw_queue_on(cpu, one, first);
	tw_wait_started(first, "the item that the others wait for");
	for (i = 0; i < NR_INACTIVE; i++) {
		it = tw_item(e, tw_fn_nop);
		tw_queue_on(cpu, one, it);
	}
	WRITE_ONCE(cmwq2_look_most, 0);
	cmwq2_dump(w->wq, text, DUMP_SIZE);
	/* 32 of the busy workers are listed, and 64 are looked at under one hold. */
	KUNIT_EXPECT_LE(test, READ_ONCE(cmwq2_look_most), 64);
	KUNIT_EXPECT_GE(test, READ_ONCE(cmwq2_look_most), 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "running: 128 more\n"), "%s", text);
	cmwq2_dump(one->wq, text, DUMP_SIZE);
	KUNIT_EXPECT_LE(test, READ_ONCE(cmwq2_look_most), 250);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, " *250 and more\n"), "%s", text);
	cmwq2_dump(NULL, text, DUMP_SIZE);
	KUNIT_EXPECT_LE(test, READ_ONCE(cmwq2_look_most), 250);
	complete_all(first->gate);
	complete_all(gate);
	tw_flush_wq(one);
	tw_flush_wq(w);
}

/*
 * For the table in Documentation/monitoring.rst: how long the lock of one pool is
 * held with interrupts off. Of several rounds, this takes the one whose longest
 * hold is the shortest, because a machine under this one takes the CPU away now
 * and then. No test depends on the figures.
 */
#define NR_TIMED	7
#define NR_TIMED_MOST	(IS_ENABLED(CONFIG_LOCKDEP) ? 100 : 1000)

struct held {
	u64		mean;
	u64		most;
	unsigned long	times;
	unsigned long	longer;		/* than CMWQ2_LONG_NS; caused by the machine */
};

static struct held held_least(struct tw_wq *w, int cpu, void (*fn)(struct tw_wq *w, int cpu))
{
	struct held least = { .most = U64_MAX };
	struct cmwq2_lock_stats st;
	int i;

	for (i = 0; i < NR_TIMED; i++) {
		cmwq2_lock_stat_reset();
		fn(w, cpu);
		cmwq2_lock_stats(w ? w->wq : NULL, cpu, &st);
		if (!st.acquired || st.held_max_ns >= least.most)
			continue;
		least.most = st.held_max_ns;
		least.mean = div64_u64(st.held_ns, st.acquired);
		least.times = st.acquired;
		least.longer = st.long_holds;
	}
	return least;
}

static void some_scans(struct tw_wq *w, int cpu)
{
	unsigned long from = tw_stats(w, cpu).scans, end = jiffies + tw_timeout();

	while (tw_stats(w, cpu).scans < from + 5 && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
}

static void dump_all(struct tw_wq *w, int cpu)
{
	static char text[64];

	cmwq2_dump(NULL, text, sizeof(text));
}

static void tell(struct kunit *test, int nr, const char *of, const char *what, struct held held)
{
	kunit_info(test, "%4d %s: %s: mean %llu ns, longest %llu ns, %lu of %lu long ones\n",
		   nr, of, what, held.mean, held.most, held.longer, held.times);
}

static void hold_times_by_workers(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, CMWQ2_MAX_ACTIVE);
	struct tw_item *spin, *behind;
	int nr, have = 0, cpu = tw_cpu(1);
	struct completion *gates[4];
	int i = 0;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs a second CPU beside the one that is kept busy");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, counting_off, NULL), 0);
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	tw_policy(e, "watchdog_thresh", "0");
	cmwq2_lock_stat_set(true);
	for (nr = 10; nr <= NR_TIMED_MOST; nr *= 10, i++) {
		gates[i] = sleepers(e, w, cpu, nr - have);
		have = nr;
		spin = spinner(e);
		behind = tw_item(e, tw_fn_nop);
		tw_queue_on(cpu, w, spin);
		tw_wait_started(spin, "the item that keeps its CPU");
		tw_queue_on(cpu, w, behind);
		tell(test, nr, "blocked workers", "scan", held_least(w, cpu, some_scans));
		tell(test, nr, "blocked workers", "dump", held_least(w, cpu, dump_all));
		complete_all(spin->gate);
		tw_wait_done(behind, "the item that waits");
	}
	while (i--)
		complete_all(gates[i]);
	tw_flush_wq(w);
}

/* Each queue has an item, in pools by nice value and CPU: about 40 pools for each CPU. */
static void hold_times_by_queues(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct completion *gate = tw_gate(e);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	int nr, have = 0;
	struct tw_wq *w;
	u64 from;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, counting_off, NULL), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, cpu_is_back, NULL), 0);
	tw_policy(e, "watchdog_thresh", "0");
	cmwq2_lock_stat_set(true);
	for (nr = 10; nr <= NR_TIMED_MOST; nr *= 10) {
		for (; have < nr; have++) {
			struct tw_item *it = tw_gated(e, gate);

			w = tw_alloc(e, TW_UNBOUND, 0);
			attrs->affn_scope = CMWQ2_AFFN_CPU;
			attrs->nice = have % 40 - 20;
			KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
			tw_queue_on(tw_cpu(have / 40), w, it);
			tw_wait_started(it, "an item of one of the queues");
		}
		tell(test, nr, "queues", "dump", held_least(NULL, 0, dump_all));
		from = ktime_get_ns();
		cmwq2_unbound_offline(tw_cpu(1));
		cpu_is_back(NULL);
		kunit_info(test, "%4d queues: a CPU goes offline and online again in %llu us\n", nr,
			   (ktime_get_ns() - from) / NSEC_PER_USEC);
	}
	complete_all(gate);
}

static struct kunit_case locktime_cases[] = {
	KUNIT_CASE_SLOW(scan_looks_at_few),
	KUNIT_CASE(scan_runs_on_the_pools_cpu),
	KUNIT_CASE(limits_take_no_lock_in_vain),
	KUNIT_CASE(node_shares_are_rounded_up),
	KUNIT_CASE(cpu_that_goes_moves_its_pod),
	KUNIT_CASE_SLOW(dump_looks_at_few_at_once),
	KUNIT_CASE_SLOW(hold_times_by_workers),
	KUNIT_CASE_SLOW(hold_times_by_queues),
	{}
};

static struct kunit_suite locktime_suite = {
	.name = "cmwq2_locktime",
	.test_cases = locktime_cases,
};

kunit_test_suites(&locktime_suite);
