// SPDX-License-Identifier: GPL-2.0
/*
 * Items of a CPU's pool run on that CPU, from start to end, in every state that
 * the CPU can be in. The kernel's own workqueue is the reference.
 *
 * Each item checks where it is and where its thread is allowed to run: at its
 * start, while it runs, and at its end. The test registers a hotplug callback
 * after the engine's, as a driver does that uses the engine. So the callback is
 * called before the engine's when the CPU goes down, and after it when the CPU
 * comes up.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "base/registry.h"
#include "hold.h"
#include "starve.h"

/* What the CPU's worker does when the CPU is about to go offline. */
enum percpu_load { LOAD_NONE, LOAD_ASLEEP, LOAD_SPINNING, LOAD_CHAIN };

struct percpu_kind {
	char			name[28];
	int			engine;
	unsigned int		flags;
	enum percpu_load	load;
	bool			rescue;
};

static const struct percpu_kind stay_kinds[] = {
	{ "native_idle", TW_NATIVE, TW_PERCPU, LOAD_NONE },
	{ "native_asleep", TW_NATIVE, TW_PERCPU, LOAD_ASLEEP },
	{ "native_spinning", TW_NATIVE, TW_PERCPU, LOAD_SPINNING },
	{ "native_chain", TW_NATIVE, TW_PERCPU, LOAD_CHAIN },
	{ "native_highpri_chain", TW_NATIVE, TW_PERCPU | TW_HIGHPRI, LOAD_CHAIN },
	{ "native_intensive_chain", TW_NATIVE, TW_PERCPU | TW_CPU_INTENSIVE, LOAD_CHAIN },
	{ "cmwq2_idle", TW_CMWQ2, TW_PERCPU, LOAD_NONE },
	{ "cmwq2_asleep", TW_CMWQ2, TW_PERCPU, LOAD_ASLEEP },
	{ "cmwq2_spinning", TW_CMWQ2, TW_PERCPU, LOAD_SPINNING },
	{ "cmwq2_chain", TW_CMWQ2, TW_PERCPU, LOAD_CHAIN },
	{ "cmwq2_highpri_chain", TW_CMWQ2, TW_PERCPU | TW_HIGHPRI, LOAD_CHAIN },
	{ "cmwq2_intensive_chain", TW_CMWQ2, TW_PERCPU | TW_CPU_INTENSIVE, LOAD_CHAIN },
	{ "native_bh_chain", TW_NATIVE, TW_PERCPU | TW_BH, LOAD_CHAIN },
	{ "cmwq2_bh_chain", TW_CMWQ2, TW_PERCPU | TW_BH, LOAD_CHAIN },
	{ "cmwq2_rescued", TW_CMWQ2, TW_PERCPU | TW_MEM_RECLAIM, LOAD_ASLEEP, true },
};

KUNIT_ARRAY_PARAM_DESC(stay, stay_kinds, name);

/*
 * This leaves out the kernel's own BH items, which wait until an offline CPU is back,
 * and a rescuer's pool, which must not change.
 */
static const struct percpu_kind down_kinds[] = {
	{ "native_idle", TW_NATIVE, TW_PERCPU, LOAD_NONE },
	{ "native_asleep", TW_NATIVE, TW_PERCPU, LOAD_ASLEEP },
	{ "native_spinning", TW_NATIVE, TW_PERCPU, LOAD_SPINNING },
	{ "native_chain", TW_NATIVE, TW_PERCPU, LOAD_CHAIN },
	{ "native_highpri_chain", TW_NATIVE, TW_PERCPU | TW_HIGHPRI, LOAD_CHAIN },
	{ "native_intensive_chain", TW_NATIVE, TW_PERCPU | TW_CPU_INTENSIVE, LOAD_CHAIN },
	{ "cmwq2_idle", TW_CMWQ2, TW_PERCPU, LOAD_NONE },
	{ "cmwq2_asleep", TW_CMWQ2, TW_PERCPU, LOAD_ASLEEP },
	{ "cmwq2_spinning", TW_CMWQ2, TW_PERCPU, LOAD_SPINNING },
	{ "cmwq2_chain", TW_CMWQ2, TW_PERCPU, LOAD_CHAIN },
	{ "cmwq2_highpri_chain", TW_CMWQ2, TW_PERCPU | TW_HIGHPRI, LOAD_CHAIN },
	{ "cmwq2_intensive_chain", TW_CMWQ2, TW_PERCPU | TW_CPU_INTENSIVE, LOAD_CHAIN },
	{ "cmwq2_bh_chain", TW_CMWQ2, TW_PERCPU | TW_BH, LOAD_CHAIN },
};

KUNIT_ARRAY_PARAM_DESC(down, down_kinds, name);

/**
 * struct percpu - a test of what happens to one CPU's items
 * @e: the test
 * @kind: of queue and load
 * @cpu: the CPU
 * @w: queue
 * @starved: the pool if only a rescuer runs anything, or NULL
 * @load: item that is in flight when the CPU goes offline
 * @brief: item that only checks where it is
 * @stop: tells @load to end
 * @runs: of @load as a chain
 * @strays: checks that found an item elsewhere, or allowed elsewhere
 * @state: of the hotplug callback
 * @asked: times the callback was called for a CPU that is to go offline
 * @came: times it was called for a CPU that came online
 * @stays: the callback refuses to let the CPU go
 * @asked_strays: @strays at the end of the callback for going offline
 */
struct percpu {
	struct tw_env			*e;
	const struct percpu_kind	*kind;
	int				cpu;
	struct tw_wq			*w;
	struct tw_starved		*starved;
	struct tw_item			*load;
	struct tw_item			*brief;
	bool				stop;
	atomic_t			runs;
	atomic_t			strays;
	int				state;
	int				asked;
	int				came;
	bool				stays;
	int				asked_strays;
};

/* A hotplug callback has no argument of its own. */
static struct percpu *percpu_now;

static void look(struct tw_item *it)
{
	struct percpu *p = it->ctx;
	bool softirq = p->kind->flags & TW_BH;

	/* A migration happens before or after these reads, not between them. */
	preempt_disable();
	if (raw_smp_processor_id() != p->cpu || (!softirq && current->nr_cpus_allowed != 1))
		atomic_inc(&p->strays);
	preempt_enable();
}

static bool load_ends(struct percpu *p)
{
	return READ_ONCE(p->stop) || READ_ONCE(p->e->closing);
}

static void fn_asleep(struct tw_item *it)
{
	look(it);
	tw_wait_for_test(it->gate);
	look(it);
}

static void fn_spinning(struct tw_item *it)
{
	while (!load_ends(it->ctx)) {
		look(it);
		cond_resched();
	}
}

static void fn_chain(struct tw_item *it)
{
	struct percpu *p = it->ctx;

	look(it);
	atomic_inc(&p->runs);
	look(it);
	if (!load_ends(p))
		tw_queue_on(p->cpu, p->w, it);
}

/* Returns the result, because a callback also calls this, where a test cannot be aborted. */
static bool chain_goes_on(struct percpu *p, int times)
{
	int until = atomic_read(&p->runs) + times;
	unsigned long last = jiffies + tw_timeout();

	while (atomic_read(&p->runs) - until < 0 && time_before(jiffies, last))
		usleep_range(100, 200);
	return atomic_read(&p->runs) - until >= 0;
}

static void brief_runs(struct percpu *p)
{
	int runs = atomic_read(&p->brief->runs);

	KUNIT_EXPECT_TRUE(p->e->test, tw_queue_on(p->cpu, p->w, p->brief));
	tw_flush(p->brief);
	KUNIT_EXPECT_EQ(p->e->test, atomic_read(&p->brief->runs), runs + 1);
}

/* The CPU is to go offline, and so far only the scheduler has acted on it. */
static int percpu_going(unsigned int cpu)
{
	struct percpu *p = percpu_now;

	if (!p || cpu != p->cpu)
		return 0;
	p->asked++;
	if (p->kind->load == LOAD_ASLEEP && p->stays) {
		complete_all(p->load->gate);
		tw_flush(p->load);
	}
	if (p->kind->load == LOAD_CHAIN)
		KUNIT_EXPECT_TRUE(p->e->test, chain_goes_on(p, 20));
	brief_runs(p);
	p->asked_strays = atomic_read(&p->strays);
	return p->stays ? -EBUSY : 0;
}

/* The CPU is online again, and the engine has been told. */
static int percpu_coming(unsigned int cpu)
{
	struct percpu *p = percpu_now;

	if (!p || cpu != p->cpu)
		return 0;
	p->came++;
	atomic_set(&p->strays, 0);
	brief_runs(p);
	return 0;
}

static void percpu_exit(void *data)
{
	struct percpu *p = data;

	WRITE_ONCE(p->stop, true);
	percpu_now = NULL;
	if (p->load)
		complete_all(p->load->gate);
	if (p->state > 0)
		cpuhp_remove_state_nocalls(p->state);
	if (!cpu_online(p->cpu))
		add_cpu(p->cpu);
}

static struct tw_item *percpu_item(struct percpu *p, void (*fn)(struct tw_item *it))
{
	struct tw_item *it = tw_item(p->e, fn);

	it->ctx = p;
	it->gate = tw_gate(p->e);
	return it;
}

static struct percpu *percpu_of(struct kunit *test, const struct percpu_kind *kind)
{
	static void (*const fn[])(struct tw_item *it) = {
		[LOAD_NONE]	= look,
		[LOAD_ASLEEP]	= fn_asleep,
		[LOAD_SPINNING]	= fn_spinning,
		[LOAD_CHAIN]	= fn_chain,
	};
	struct tw_env *e = tw_env_init(test, &tw_engines[kind->engine]);
	struct percpu *p = tw_zalloc(e, sizeof(*p));

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "no CPU can be taken offline here");
	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU cannot be taken offline");
	if (kind->engine == TW_NATIVE && (kind->flags & TW_BH) && !CMWQ2_HAVE_NATIVE_BH)
		kunit_skip(test, "this kernel's own workqueue has no WQ_BH");
#ifndef CMWQ2_NATIVE_HAS_HOG
	if (kind->engine == TW_NATIVE && kind->load == LOAD_SPINNING)
		kunit_skip(test, "this kernel's own workqueue runs nothing behind a spinning item");
#endif
	p->e = e;
	p->kind = kind;
	e->bh = kind->flags & TW_BH;
	p->cpu = tw_cpu(1);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, percpu_exit, p), 0);
	p->w = tw_alloc(e, kind->flags, 0);
	p->load = percpu_item(p, fn[kind->load]);
	p->brief = percpu_item(p, look);
	brief_runs(p);
	if (kind->rescue)
		p->starved = tw_starve_on(e, TW_PERCPU, p->cpu);
	percpu_now = p;
	p->state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "cmwq2:kunit", percpu_coming,
					     percpu_going);
	KUNIT_ASSERT_GE(test, p->state, 0);
	return p;
}

static void load_begins(struct percpu *p)
{
	if (p->kind->load == LOAD_NONE)
		return;
	tw_queue_on(p->cpu, p->w, p->load);
	tw_wait_started(p->load, "the load");
	if (p->kind->load == LOAD_CHAIN)
		KUNIT_ASSERT_TRUE(p->e->test, chain_goes_on(p, 20));
}

static long this_cpu(void *unused)
{
	return raw_smp_processor_id();
}

/* With hotplug locked out, the CPU is online and every item must run on it. */
static void expect_all_at_home(struct percpu *p)
{
	struct kunit *test = p->e->test;
	int i;

	if (p->kind->load == LOAD_CHAIN)
		KUNIT_EXPECT_TRUE(test, chain_goes_on(p, 100));
	cpus_read_lock();
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, p->e->ops->call_on(p->cpu, this_cpu, NULL), p->cpu);
		brief_runs(p);
	}
	cpus_read_unlock();
	WRITE_ONCE(p->stop, true);
	complete_all(p->load->gate);
	tw_flush_wq(p->w);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->strays), 0);
}

/*
 * A callback refuses to let the CPU go before the engine's is called. Neither
 * items that run meanwhile nor items that start later may notice.
 */
static void called_off(struct kunit *test)
{
	struct percpu *p = percpu_of(test, test->param_value);
	int round;

	p->stays = true;
	for (round = 0; round < 3; round++) {
		if (!round || p->kind->load == LOAD_ASLEEP) {
			reinit_completion(p->load->gate);
			load_begins(p);
		}
		KUNIT_EXPECT_EQ(test, remove_cpu(p->cpu), -EBUSY);
		KUNIT_EXPECT_EQ(test, p->asked, round + 1);
		KUNIT_EXPECT_EQ(test, p->asked_strays, 0);
	}
	if (p->starved) {
		KUNIT_EXPECT_GE(test, tw_wq_stats(p->w).rescued, 4);
		KUNIT_EXPECT_EQ(test, atomic_read(&p->strays), 0);
		tw_feed(p->starved);
		p->starved = NULL;
	}
	expect_all_at_home(p);
}

/*
 * The CPU goes offline and comes back. Items run on the CPU until the engine's callback
 * for going offline, and again after its callback for coming online. In between they
 * run on other CPUs. Every item runs.
 */
static void down_and_up(struct kunit *test)
{
	struct percpu *p = percpu_of(test, test->param_value);
	struct tw_item *timed = tw_delayed(p->e, tw_fn_nop);

	load_begins(p);
	p->e->ops->queue_delayed_on(p->cpu, p->w->wq, timed, HZ / 2);
	KUNIT_ASSERT_EQ(test, remove_cpu(p->cpu), 0);
	KUNIT_EXPECT_EQ(test, p->asked, 1);
	KUNIT_EXPECT_EQ(test, p->asked_strays, 0);
	brief_runs(p);
	tw_wait_done(timed, "an item whose timer was the CPU's");
	if (p->kind->load == LOAD_CHAIN)
		KUNIT_EXPECT_TRUE(test, chain_goes_on(p, 20));

	KUNIT_ASSERT_EQ(test, add_cpu(p->cpu), 0);
	KUNIT_EXPECT_EQ(test, p->came, 1);
	expect_all_at_home(p);
}

static const struct percpu_kind plain_kind = { "", TW_CMWQ2, TW_PERCPU, LOAD_NONE };

/* Queues sleeping items, one more than the pool has workers, so that one is created. */
static void make_worker(struct percpu *p, struct completion *gate)
{
	int i, nr = tw_stats(p->w, p->cpu).nr_workers + 1;

	for (i = 0; i < nr; i++) {
		struct tw_item *it = tw_gated(p->e, gate);

		tw_queue_on(p->cpu, p->w, it);
		tw_wait_started(it, "an item that sleeps");
	}
}

static void expect_workers(struct percpu *p, bool at_home)
{
	struct cmwq2_pool *pool = tw_pool_of(p->w, p->cpu);
	struct kunit *test = p->e->test;
	struct cmwq2_worker *worker;

	mutex_lock(&cmwq2_attach_mutex);
	KUNIT_EXPECT_FALSE(test, list_empty(&pool->workers));
	list_for_each_entry(worker, &pool->workers, node) {
		KUNIT_EXPECT_EQ(test, !(READ_ONCE(worker->flags) & CMWQ2_WORKER_UNBOUND), at_home);
		KUNIT_EXPECT_EQ(test, cpumask_equal(worker->task->cpus_ptr, cpumask_of(p->cpu)),
				at_home);
	}
	mutex_unlock(&cmwq2_attach_mutex);
}

/* Workers created before, while and after the CPU is offline all follow their pool. */
static void every_worker_follows(struct kunit *test)
{
	struct percpu *p = percpu_of(test, &plain_kind);
	struct completion *down = tw_gate(p->e), *up = tw_gate(p->e);

	expect_workers(p, true);
	KUNIT_ASSERT_EQ(test, remove_cpu(p->cpu), 0);
	make_worker(p, down);
	expect_workers(p, false);

	KUNIT_ASSERT_EQ(test, add_cpu(p->cpu), 0);
	expect_workers(p, true);
	complete_all(down);
	tw_flush_wq(p->w);
	make_worker(p, up);
	expect_workers(p, true);
	complete_all(up);
	expect_all_at_home(p);
}

static struct percpu *strict_on_cpu(struct kunit *test)
{
	struct percpu *p = percpu_of(test, &plain_kind);
	struct cmwq2_attrs *attrs = tw_attrs(test);

	p->w = tw_alloc(p->e, TW_UNBOUND, 0);
	attrs->affn_strict = true;
	cpumask_copy(attrs->cpumask, cpumask_of(p->cpu));
	KUNIT_ASSERT_EQ(test, cmwq2_apply_workqueue_attrs(p->w->wq, attrs), 0);
	return p;
}

static void fn_two_gates(struct tw_item *it)
{
	struct completion *gates = (struct completion *)it->val;

	tw_wait_for_test(it->gate);
	complete(&it->done);
	tw_wait_for_test(gates);
}

/*
 * A worker of an unbound queue that may use one CPU wakes up while that CPU is
 * offline, and the scheduler lets it run anywhere. It returns when the CPU
 * does.
 */
static void strict_worker_returns(struct kunit *test)
{
	struct percpu *p = strict_on_cpu(test);
	struct cmwq2_pool *pool = tw_pool_of(p->w, p->cpu);
	struct completion *end = tw_gate(p->e);
	struct cmwq2_worker *worker;
	struct tw_item *it[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(it); i++) {
		it[i] = tw_item(p->e, fn_two_gates);
		it[i]->gate = tw_gate(p->e);
		it[i]->val = (long)end;
		tw_queue_on(p->cpu, p->w, it[i]);
		tw_wait_started(it[i], "an item that sleeps");
	}
	KUNIT_ASSERT_EQ(test, remove_cpu(p->cpu), 0);
	for (i = 0; i < ARRAY_SIZE(it); i++) {
		complete_all(it[i]->gate);
		tw_wait_done(it[i], "an item that woke up while its CPU is away");
	}
	KUNIT_ASSERT_EQ(test, add_cpu(p->cpu), 0);
	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		KUNIT_EXPECT_TRUE(test, cpumask_equal(worker->task->cpus_ptr, cpumask_of(p->cpu)));
	mutex_unlock(&cmwq2_attach_mutex);
	complete_all(end);
	tw_flush_wq(p->w);
}

/* As before, but the CPU stays online, and no callback tells the engine. */
static void strict_called_off(struct kunit *test)
{
	struct percpu *p = strict_on_cpu(test);

	p->stays = true;
	brief_runs(p);
	KUNIT_EXPECT_EQ(test, remove_cpu(p->cpu), -EBUSY);
	KUNIT_EXPECT_EQ(test, p->asked, 1);
	atomic_set(&p->strays, 0);
	expect_all_at_home(p);
}

static void fn_leaves(struct tw_item *it)
{
	KUNIT_EXPECT_EQ(it->env->test, set_cpus_allowed_ptr(current, cpu_possible_mask), 0);
}

/* An item that lets its worker run anywhere is reported, and the next item runs on its CPU. */
static void stray_is_told(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *leaves = tw_item(e, fn_leaves), *it = tw_item(e, look);
	struct percpu *p = tw_zalloc(e, sizeof(*p));
	unsigned long strays;

	if (num_online_cpus() < 2)
		kunit_skip(test, "with one CPU an item has nowhere else to run");
	tw_on_purpose(e);
	p->kind = &plain_kind;
	p->cpu = tw_cpu(1);
	it->ctx = p;
	/* All asleep: then the worker that becomes idle next is the first to be kicked again. */
	tw_queue_on(p->cpu, w, it);
	tw_flush(it);
	TW_POLL(e, tw_pool_idle(w, p->cpu) && tw_all_asleep(tw_pool_of(w, p->cpu)),
		"all workers to be idle");
	strays = cmwq2_health(CMWQ2_HEALTH_STRAYS);
	tw_queue_on(p->cpu, w, leaves);
	tw_flush(leaves);
	KUNIT_EXPECT_EQ(test, cmwq2_health(CMWQ2_HEALTH_STRAYS), strays + 1);
	TW_POLL(e, tw_pool_idle(w, p->cpu), "the worker to be idle again");
	tw_queue_on(p->cpu, w, it);
	tw_flush(it);
	KUNIT_EXPECT_EQ(test, it->pid, leaves->pid);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->strays), 0);
	KUNIT_EXPECT_EQ(test, cmwq2_health(CMWQ2_HEALTH_STRAYS), strays + 1);
}

static void thread_all_cpus(struct tw_thread *t)
{
	t->val = cmwq2_set_unbound_cpumask(cpu_possible_mask);
}

static void restore_mask(void *mask)
{
	cmwq2_set_unbound_cpumask(mask);
}

/*
 * A change of the unbound CPUs visits the rescuers of all queues on the list. A
 * rescuer must exist for as long as its queue can be found there.
 */
static void rescuer_outlives_the_list(struct kunit *test)
{
	static struct cpumask was;	/* static, as one test runs at a time */
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_MEM_RECLAIM, 0);
	struct tw_hold *homeless = tw_hold(e, CMWQ2_POINT_HOMELESS, NULL);
	struct tw_thread *change = tw_thread(e, TW_ANY_CPU, thread_all_cpus, NULL, NULL, NULL);
	struct tw_thread *destroy = tw_thread(e, TW_ANY_CPU, tw_thread_destroy, w, NULL, NULL);
	struct cmwq2_wq *wq = w->wq;

	cmwq2_get_cpumask(CMWQ2_CPUMASK_REQUESTED, &was);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_mask, &was), 0);
	KUNIT_ASSERT_EQ(test, cmwq2_set_unbound_cpumask(cpumask_of(tw_cpu(0))), 0);
	tw_arm(homeless);
	tw_thread_start(change);
	tw_wait_held(homeless, "a change of the CPUs that has found a rescuer");
	/* It blocks until the change is over. Only then may the rescuer end. */
	tw_thread_block(destroy);
	KUNIT_EXPECT_NOT_NULL(test, READ_ONCE(wq->rescuer));
	tw_let_go(homeless);
	tw_join(change, "the change of the CPUs");
	tw_join(destroy, "the end of the queue");
	KUNIT_EXPECT_EQ(test, change->val, 0);
}

static struct kunit_case percpu_cases[] = {
	KUNIT_CASE(stray_is_told),
	KUNIT_CASE(rescuer_outlives_the_list),
	KUNIT_CASE_PARAM(called_off, stay_gen_params),
	KUNIT_CASE_PARAM(down_and_up, down_gen_params),
	KUNIT_CASE(every_worker_follows),
	KUNIT_CASE(strict_worker_returns),
	KUNIT_CASE(strict_called_off),
	{}
};

static struct kunit_suite percpu_suite = {
	.name = "cmwq2_percpu",
	.test_cases = percpu_cases,
};

kunit_test_suites(&percpu_suite);
