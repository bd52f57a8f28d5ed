// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that another task occupies all the time (owns). The engine may not wait for such
 * a CPU, except with items that have to run there.
 *
 * The owner is a SCHED_FIFO task. The kernel grants other tasks a twentieth of
 * its CPU, which the test switches off. The owner ends by itself before the
 * kernel complains about it. A test does something and then checks that the
 * owner has not ended yet.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/kmod.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/timekeeping.h>

#include "base/helper.h"
#include "core/scan.h"
#include "hold.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

/* Shorter than the time after which RCU and others report a stuck CPU. */
#define OWNED_MS	10000u

/*
 * Settings that the kernel's own workqueue offers only in sysfs are written by
 * shells, because kernel threads do not see the files.
 */
#define NATIVE		"/sys/devices/virtual/workqueue/"

/**
 * struct owner - a task that occupies a CPU all the time
 * @owns: completed when it owns the CPU
 * @stop: tells it to end
 * @late: it ended by itself, because nobody told it to in time
 * @thread: the task
 */
struct owner {
	struct completion	owns;
	bool			stop;
	bool			late;
	struct tw_thread	*thread;
};

static void thread_own(struct tw_thread *t)
{
	u64 end = ktime_get_mono_fast_ns() + OWNED_MS * (u64)NSEC_PER_MSEC;
	struct owner *o = t->ctx;

	sched_set_fifo(current);
	complete(&o->owns);
	while (!READ_ONCE(o->stop) && !READ_ONCE(t->env->closing)) {
		if (ktime_get_mono_fast_ns() > end) {
			WRITE_ONCE(o->late, true);
			break;
		}
		/*
		 * Lets tasks run that the kernel puts above SCHED_FIFO. They
		 * migrate other tasks.
		 */
		cond_resched();
		cpu_relax();
	}
	sched_set_normal(current, 0);
}

static int shell(const char *command)
{
	char *argv[4] = { "/bin/sh", "-c", (char *)command, NULL };
	char *envp[2] = { "PATH=/bin:/sbin", NULL };

	return call_usermodehelper(argv[0], argv, envp, UMH_WAIT_PROC);
}

/* Sets the time of a CPU, in ns of each second, that SCHED_FIFO leaves to other tasks. */
static void leave_to_others(int cpu, unsigned int ns)
{
	char command[112];

	scnprintf(command, sizeof(command),
		  "echo %u > /sys/kernel/debug/sched/fair_server/cpu%d/runtime 2>/dev/null",
		  ns, cpu);
	/* A kernel without this file leaves other tasks less time anyway. */
	shell(command);
}

static void leave_as_usual(void *cpu)
{
	leave_to_others((long)cpu, 50 * NSEC_PER_MSEC);
}

/* Until disown() nothing else runs on @cpu. The test and the engine run on other CPUs. */
static struct owner *own(struct tw_env *e, int cpu)
{
	struct owner *o = tw_zalloc(e, sizeof(*o));

	/* With lockdep the end of a queue waits for RCU. Those of earlier tests end here. */
	cmwq2_helpers_flush();
	leave_to_others(cpu, 0);
	KUNIT_ASSERT_EQ(e->test, kunit_add_action_or_reset(e->test, leave_as_usual,
							   (void *)(long)cpu), 0);
	init_completion(&o->owns);
	o->thread = tw_thread(e, cpu, thread_own, NULL, NULL, o);
	tw_thread_start(o->thread);
	TW_WAIT(e, &o->owns, "the owner of the CPU");
	return o;
}

static void disown(struct owner *o)
{
	WRITE_ONCE(o->stop, true);
	tw_join(o->thread, "the owner to go");
}

static bool is_owned(struct owner *o)
{
	return !READ_ONCE(o->late);
}

/*
 * A shell on CPU 0. It is started before CPU 1 is owned, because a process may start on
 * any CPU. It reports that it is ready, and writes when it is told to.
 */
enum { STEP_NONE, STEP_READY, STEP_GO };

static int owncpu_step;
module_param(owncpu_step, int, 0644);
MODULE_PARM_DESC(owncpu_step, "used by the suite cmwq2_owncpu itself");

static void thread_shell(struct tw_thread *t)
{
	char command[192];

	scnprintf(command, sizeof(command), "taskset 1 sh -c '%s; %s; %s'",
		  "cd /sys/module/cmwq2_kunit/parameters && echo 1 > owncpu_step",
		  "until grep -q 2 owncpu_step; do usleep 10000; done",
		  "echo 1 > " NATIVE "cpumask");
	t->val = shell(command);
}

/* Prepares the shell that later makes the native engine's unbound queues leave CPU 1. */
static struct tw_thread *leaver(struct tw_env *e)
{
	struct tw_thread *t;

	if (e->engine == &tw_engines[TW_CMWQ2])
		return NULL;
	WRITE_ONCE(owncpu_step, STEP_NONE);
	t = tw_thread(e, 0, thread_shell, NULL, NULL, NULL);
	tw_thread_start(t);
	TW_POLL(e, READ_ONCE(owncpu_step) == STEP_READY, "a shell");
	return t;
}

static void leave_cpu1(struct tw_env *e, struct tw_thread *t)
{
	if (!t) {
		KUNIT_ASSERT_EQ(e->test, cmwq2_set_unbound_cpumask(cpumask_of(0)), 0);
		return;
	}
	WRITE_ONCE(owncpu_step, STEP_GO);
	tw_join(t, "the shell");
	KUNIT_ASSERT_EQ(e->test, t->val, 0);
}

static void all_cpus_again(void *e)
{
	WRITE_ONCE(owncpu_step, STEP_GO);
	if (((struct tw_env *)e)->engine == &tw_engines[TW_CMWQ2])
		cmwq2_set_unbound_cpumask(cpu_possible_mask);
	else
		shell("echo f > " NATIVE "cpumask");
}

/*
 * Moves the test, the engine's own threads and kthreadd to CPU 0, because the test will own
 * CPU 1. If kthreadd slept there, the scheduler could wake it behind the owner.
 */
static struct tw_env *owned_env(struct kunit *test, const struct tw_engine *engine)
{
	struct tw_env *e;

	if (num_online_cpus() < 2 || !cpu_online(0) || !cpu_online(1))
		kunit_skip(test, "needs CPUs 0 and 1");
	e = tw_env_init(test, engine);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, all_cpus_again, e), 0);
	tw_move(e, 0);
	tw_move_maker(e, 0);
	return e;
}

/* An unbound queue with a pool of its own, whose workers stay on @cpu, which is 0 or 1. */
static struct tw_wq *strict_queue(struct tw_env *e, int cpu)
{
	bool ours = e->engine == &tw_engines[TW_CMWQ2];
	const char *name = cpu ? "cmwq2_on1" : "cmwq2_on0";
	struct cmwq2_attrs *attrs;
	struct tw_wq *w;
	char command[176];
	void *wq;

	wq = e->ops->alloc(name, TW_UNBOUND | (ours ? 0 : TW_SYSFS), 0);
	KUNIT_ASSERT_NOT_NULL(e->test, wq);
	w = tw_adopt(e, wq);
	if (ours) {
		attrs = tw_attrs(e->test);
		attrs->nice = 6;
		attrs->affn_strict = true;
		cpumask_copy(attrs->cpumask, cpumask_of(cpu));
		KUNIT_ASSERT_EQ(e->test, cmwq2_apply_workqueue_attrs(wq, attrs), 0);
		return w;
	}
	scnprintf(command, sizeof(command),
		  "cd %s%s && echo 6 > nice && echo 1 > affinity_strict && echo %d > cpumask",
		  NATIVE, name, cpu + 1);
	if (shell(command))
		kunit_skip(e->test, "this kernel has no strict queues in sysfs");
	return w;
}

/* The strict queue on CPU 1. The one on CPU 0 provides the pool that it can move to. */
static struct tw_wq *queue_on_cpu1(struct tw_env *e)
{
	strict_queue(e, 0);
	return strict_queue(e, 1);
}

/* The time that it takes to create a queue. */
static u64 alloc_ns(struct tw_env *e)
{
	u64 begin = ktime_get_mono_fast_ns(), ns;
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);

	ns = ktime_get_mono_fast_ns() - begin;
	tw_destroy(w);
	return ns;
}

#define NR_ALLOCS	20

static u64 most_alloc_ns(struct tw_env *e)
{
	u64 most = 0;
	int i;

	for (i = 0; i < NR_ALLOCS; i++) {
		most = max(most, alloc_ns(e));
		/* Lets other tasks of this CPU run, such as those that end pools. */
		usleep_range(500, 1000);
	}
	return most;
}

/*
 * Unbound queues have to leave CPU 1, which is owned, so a pool ends whose
 * workers are on it. Creating a queue must not wait for that.
 */
static void alloc_beside_owned_cpu(struct kunit *test)
{
	struct tw_env *e = owned_env(test, test->param_value);
	struct tw_wq *u = queue_on_cpu1(e);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	u64 before, beside;
	struct tw_thread *t;
	struct owner *o;

	tw_queue(u, it);
	tw_wait_done(it, "an item");
	KUNIT_ASSERT_EQ(test, it->cpu, 1);
	tw_flush_wq(u);
	before = most_alloc_ns(e);
	t = leaver(e);
	o = own(e, 1);
	leave_cpu1(e, t);
	beside = most_alloc_ns(e);
	kunit_info(test, "%s: creating a queue takes at most %llu us, and %llu us while a CPU is owned\n",
		   e->engine->name, before / NSEC_PER_USEC, beside / NSEC_PER_USEC);
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o),
			      "the creation of a queue waited for the owner of CPU 1");
	/* The queue itself has left the CPU as well. */
	tw_queue(u, it);
	tw_wait_done(it, "an item that may not run on the CPU that is owned");
	KUNIT_EXPECT_TRUE(test, is_owned(o));
	disown(o);
}

#define NR_WORKERS	6

/* Makes workers of CPU 1 that are asleep. */
static struct tw_wq *idle_on_cpu1(struct tw_env *e)
{
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[NR_WORKERS];
	int i;

	for (i = 0; i < NR_WORKERS; i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(1, w, items[i]);
	}
	for (i = 0; i < NR_WORKERS; i++)
		tw_wait_started(items[i], "the items that have workers made");
	complete_all(gate);
	for (i = 0; i < NR_WORKERS; i++)
		tw_wait_done(items[i], "an item whose gate opened");
	TW_POLL(e, tw_pool_idle(w, 1) && tw_all_asleep(tw_pool_of(w, 1)), "the workers to sleep");
	return w;
}

/*
 * An ordered queue with an item that waits at its gate, and a second item
 * behind it in another pool.
 */
struct plugged {
	struct tw_wq	*w;
	struct tw_item	*first;
	struct tw_item	*second;
};

static struct plugged *plugged(struct tw_env *e)
{
	struct plugged *p = tw_zalloc(e, sizeof(*p));
	struct cmwq2_attrs *attrs = tw_attrs(e->test);
	struct tw_wq *other = tw_alloc(e, TW_UNBOUND, 0);

	attrs->nice = 5;
	/* This creates the other pool before a CPU is owned. */
	KUNIT_ASSERT_EQ(e->test, cmwq2_apply_workqueue_attrs(other->wq, attrs), 0);
	p->w = tw_alloc(e, TW_ORDERED, 0);
	p->first = tw_gated(e, NULL);
	p->second = tw_item(e, tw_fn_nop);
	tw_queue(p->w, p->first);
	tw_wait_started(p->first, "the ordered queue's first item");
	KUNIT_ASSERT_EQ(e->test, cmwq2_apply_workqueue_attrs(p->w->wq, attrs), 0);
	tw_queue(p->w, p->second);
	return p;
}

/* The second item runs only when the old pwq has been released. */
static void unplug(struct plugged *p)
{
	complete_all(p->first->gate);
	tw_wait_done(p->first, "the ordered queue's first item");
	tw_wait_done(p->second, "the ordered queue's second item");
}

/* Workers of an owned CPU are culled and end, and an ordered queue makes progress. */
static void cull_beside_owned_cpu(struct kunit *test)
{
	struct tw_env *e = owned_env(test, &tw_engines[TW_CMWQ2]);
	unsigned long culled;
	struct plugged *p;
	struct owner *o;
	struct tw_wq *w;

	tw_policy(e, "idle_timeout_ms", "300000");
	/* As with isolcpus=1. */
	leave_cpu1(e, NULL);
	p = plugged(e);
	w = idle_on_cpu1(e);
	culled = tw_stats(w, 1).culled;
	o = own(e, 1);
	tw_policy(e, "idle_timeout_ms", "1");
	TW_POLL(e, tw_stats(w, 1).culled > culled, "workers to be culled");
	unplug(p);
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o), "an ordered queue waited for the owner of CPU 1");
	cmwq2_helpers_flush();
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o),
			      "the end of workers waited for the owner of CPU 1");
	disown(o);
}

/* A pool of CPU 1 ends while the CPU is owned, although its workers may run nowhere else. */
static void pool_ends_beside_owned_cpu(struct kunit *test)
{
	struct tw_env *e = owned_env(test, &tw_engines[TW_CMWQ2]);
	struct tw_wq *u = queue_on_cpu1(e);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	struct owner *o;

	tw_queue(u, it);
	tw_wait_done(it, "an item");
	TW_POLL(e, tw_pool_idle(u, 1) && tw_all_asleep(tw_pool_of(u, 1)), "the workers to sleep");
	o = own(e, 1);
	leave_cpu1(e, NULL);
	cmwq2_helpers_flush();
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o), "the pool's end waited for the owner of CPU 1");
	disown(o);
}

/* A stuck thread of the engine is reported, together with what it waits for. */
static void expect_reaper_is_told(struct tw_env *e, u32 id)
{
	char *text = tw_zalloc(e, 4096), what[80];

	snprintf(what, sizeof(what), "stall: helper: %s[%d] waits for the manager of pool %u for ",
		 cmwq2_reaper->task->comm, cmwq2_reaper->task->pid, id);
	KUNIT_EXPECT_EQ_MSG(e->test, cmwq2_stalls(UINT_MAX, text, 4096), 0, "%s", text);
	TW_POLL(e, cmwq2_stalls(50, text, 4096) && strstr(text, what), "the reaper to be told of");
}

/*
 * The end of a pool may take any time. The reaper is held where it waits for a pool's
 * workers. Meanwhile it holds no lock that others need, and no other thread waits for
 * it. The report names what it is doing.
 */
static void others_go_on_while_a_pool_ends(struct kunit *test)
{
	struct tw_env *e = owned_env(test, &tw_engines[TW_CMWQ2]);
	struct tw_hold *stop = tw_hold(e, CMWQ2_POINT_POOL_STOP, NULL);
	struct tw_wq *u = queue_on_cpu1(e), *w;
	struct cmwq2_chore chore;
	struct plugged *p = plugged(e);
	unsigned long culled;
	u32 id = tw_pool_of(u, 1)->id;

	tw_policy(e, "idle_timeout_ms", "300000");
	w = idle_on_cpu1(e);
	culled = tw_stats(w, 1).culled;
	cmwq2_helpers_flush();
	KUNIT_EXPECT_NULL(test, cmwq2_chore(CMWQ2_THREAD_REAPER, &chore));
	tw_arm(stop);
	tw_destroy(u);
	tw_wait_held(stop, "the pool to end");

	tw_destroy(tw_alloc(e, TW_PERCPU, 0));
	tw_destroy(tw_alloc(e, TW_UNBOUND, 0));
	unplug(p);
	tw_policy(e, "idle_timeout_ms", "1");
	TW_POLL(e, tw_stats(w, 1).culled > culled, "workers to be culled");
	KUNIT_EXPECT_PTR_EQ(test, cmwq2_chore(CMWQ2_THREAD_REAPER, &chore), cmwq2_reaper->task);
	KUNIT_EXPECT_STREQ(test, chore.what ?: "", "waits for the manager of pool");
	KUNIT_EXPECT_EQ(test, chore.id, id);
	expect_reaper_is_told(e, id);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&stop->state), TW_HOLD_HELD,
			    "other operations waited for the pool to end");
	tw_let_go(stop);
	cmwq2_helpers_flush();
	KUNIT_EXPECT_NULL(test, cmwq2_chore(CMWQ2_THREAD_REAPER, &chore));
}

/* Keeps RCU from ending a grace period. */
static void thread_read(struct tw_thread *t)
{
	u64 end = ktime_get_mono_fast_ns() + OWNED_MS * (u64)NSEC_PER_MSEC;
	struct owner *o = t->ctx;

	rcu_read_lock();
	complete(&o->owns);
	while (!READ_ONCE(o->stop) && !READ_ONCE(t->env->closing) && !READ_ONCE(o->late)) {
		WRITE_ONCE(o->late, ktime_get_mono_fast_ns() > end);
		cpu_relax();
	}
	rcu_read_unlock();
}

/* No grace period ends until disown() is called. */
static struct owner *read_rcu(struct tw_env *e)
{
	struct owner *o = tw_zalloc(e, sizeof(*o));

	init_completion(&o->owns);
	o->thread = tw_thread(e, 1, thread_read, NULL, NULL, o);
	tw_thread_start(o->thread);
	TW_WAIT(e, &o->owns, "the reader of RCU");
	return o;
}

/*
 * Lockdep waits for RCU when a queue goes away. Meanwhile workers are culled, and an ordered
 * queue makes progress.
 */
static void others_go_on_while_rcu_waits(struct kunit *test)
{
	struct tw_env *e = owned_env(test, &tw_engines[TW_CMWQ2]);
	struct tw_wq *gone = tw_alloc(e, TW_UNBOUND, 0), *w;
	struct plugged *p = plugged(e);
	unsigned long culled;
	struct owner *o;

	tw_policy(e, "idle_timeout_ms", "300000");
	w = idle_on_cpu1(e);
	culled = tw_stats(w, 1).culled;
	cmwq2_helpers_flush();
	o = read_rcu(e);
	tw_destroy(gone);
	unplug(p);
	tw_policy(e, "idle_timeout_ms", "1");
	TW_POLL(e, tw_stats(w, 1).culled > culled, "workers to be culled");
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o), "the engine waited for a reader of RCU");
	disown(o);
}

/* Code that has interrupts off is waited for, but no other reader of RCU. */
static void switches_do_not_wait_for_rcu(struct kunit *test)
{
	struct tw_env *e = owned_env(test, &tw_engines[TW_CMWQ2]);
	struct tw_wq *w = tw_alloc(e, TW_UNBOUND, 0);
	struct cmwq2_attrs *attrs = tw_attrs(test);
	struct plugged *p = plugged(e);
	struct owner *o = read_rcu(e);

	tw_policy(e, "inbox", "on");
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o), "the first inbox waited for a reader of RCU");
	cmwq2_lock_stat_set(true);
	cmwq2_lock_stat_set(false);
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o), "lock_stat waited for a reader of RCU");
	KUNIT_ASSERT_TRUE(test, tw_pool_of(w, 0)->flags & CMWQ2_POOL_INBOX);
	attrs->nice = 5;
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(w->wq, attrs), 0);
	KUNIT_EXPECT_TRUE_MSG(test, is_owned(o), "new attributes waited for a reader of RCU");
	unplug(p);
	disown(o);
}

static void expect_scan_keeps_off(struct kunit *test, struct cmwq2_pool *pool)
{
	int at;

	/* It arms the timer, and takes it away before it fires. */
	cmwq2_scan_hold(pool);
	at = pool->scan_timer.flags & TIMER_CPUMASK;
	KUNIT_EXPECT_TRUE(test, housekeeping_test_cpu(at, HK_TYPE_TIMER));
	cmwq2_scan_resume(pool);
}

/* With nohz_full= or isolcpus=nohz a pool's scan runs on other CPUs. */
static void scan_keeps_off(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0), *u = tw_alloc(e, TW_UNBOUND, 0);
	int cpu;

	if (!housekeeping_enabled(HK_TYPE_TIMER))
		kunit_skip(test, "this kernel keeps no CPU free of timers: see nohz_full=");
	/* Only pools that count their workers are scanned. */
	tw_policy(e, "concurrency", "managed");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, all_cpus_again, e), 0);
	/* Each CPU gets an unbound pool, even if isolcpus= names it. */
	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(cpu_possible_mask), 0);
	tw_set_scope(u, CMWQ2_AFFN_CPU);
	for_each_online_cpu(cpu) {
		expect_scan_keeps_off(test, tw_pool_of(w, cpu));
		KUNIT_ASSERT_TRUE(test, cpumask_equal(tw_pool_of(u, cpu)->pod, cpumask_of(cpu)));
		expect_scan_keeps_off(test, tw_pool_of(u, cpu));
	}
}

static void bring_back(void *cpu)
{
	add_cpu((long)cpu);
}

/*
 * cmwq2 only: the kernel's own warns, with a trace, and arms a timer that does
 * not fire until the CPU is back. That would taint the kernel, and the test
 * would hang.
 */
static void delayed_on_offline_cpu_runs(struct kunit *test)
{
	struct tw_env *e;
	struct tw_item *it;
	struct tw_wq *w;
	long cpu = 1;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "no CPU can be taken offline here");
	e = owned_env(test, &tw_engines[TW_CMWQ2]);
	w = tw_alloc(e, TW_PERCPU, 0);
	it = tw_delayed(e, tw_fn_nop);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bring_back, (void *)cpu), 0);
	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	KUNIT_EXPECT_TRUE(test, e->ops->queue_delayed_on(cpu, w->wq, it, 1));
	tw_wait_done(it, "the delayed item of a CPU that is offline");
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
}

static struct kunit_case owncpu_cases[] = {
	KUNIT_CASE_PARAM(alloc_beside_owned_cpu, engine_gen_params),
	KUNIT_CASE(cull_beside_owned_cpu),
	KUNIT_CASE(pool_ends_beside_owned_cpu),
	KUNIT_CASE(others_go_on_while_a_pool_ends),
	KUNIT_CASE(others_go_on_while_rcu_waits),
	KUNIT_CASE(switches_do_not_wait_for_rcu),
	KUNIT_CASE(scan_keeps_off),
	KUNIT_CASE(delayed_on_offline_cpu_runs),
	{}
};

static struct kunit_suite owncpu_suite = {
	.name = "cmwq2_owncpu",
	.test_cases = owncpu_cases,
};

kunit_test_suites(&owncpu_suite);
