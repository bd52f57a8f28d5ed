// SPDX-License-Identifier: GPL-2.0
/*
 * Forced races of the scheduler hook and of CPU hotplug. R and a number refer to
 * the races in Documentation/design.rst.
 *
 * The scan timer would hide a lost kick. It is off where possible. Where it cannot be
 * off, the pool's counters show where a kick came from.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/irqflags.h>
#include <linux/timekeeping.h>

#include "core/pool.h"
#include "hold.h"

KUNIT_ARRAY_PARAM_DESC(mode, tw_modes, name);

static bool hook_is(const char *name)
{
	return !strcmp(cmwq2_hook_name(), name);
}

/* The first point that a worker passes when it is about to sleep, for the present hook. */
static enum cmwq2_point before_sleep(void)
{
	return hook_is("tp") ? CMWQ2_POINT_BLOCKING : CMWQ2_POINT_BLOCKED;
}

/*
 * A bound pool, or an unbound one with concurrency=managed and only the stage's CPU. The
 * two count their workers in the same way.
 */
static struct tw_stage *hook_stage(struct kunit *test, bool managed)
{
	struct tw_stage *s = tw_stage(test, 0, managed, 1);

	if (managed)
		tw_policy(s->env, "concurrency", "managed");
	if (hook_is("timer"))
		kunit_skip(test, "hook=timer does not notice that a worker sleeps");
	return s;
}

/**
 * struct runner - an item that sleeps and runs as the test tells it
 * @it: the item
 * @task: the thread that runs it
 * @stray: CPU to move to at the start, or -1
 * @home: CPU to be back on at the end
 * @sleeps: number of times that it is to sleep
 * @slept: number of times that it slept; it runs in between
 * @end: it is to return
 */
struct runner {
	struct tw_item		*it;
	struct task_struct	*task;
	int			stray;
	int			home;
	int			sleeps;
	int			slept;
	bool			end;
};

static void fn_runner(struct tw_item *it)
{
	struct runner *r = it->ctx;
	unsigned long end = jiffies + tw_timeout();

	if (r->stray >= 0)
		set_cpus_allowed_ptr(current, cpumask_of(r->stray));
	WRITE_ONCE(r->task, current);
	while (!READ_ONCE(r->end) && time_before(jiffies, end)) {
		if (READ_ONCE(r->sleeps) == r->slept) {
			tw_yield();
			continue;
		}
		tw_wait_for_test(it->gate);
		WRITE_ONCE(r->slept, r->slept + 1);
	}
	if (r->stray >= 0)
		set_cpus_allowed_ptr(current, cpumask_of(r->home));
}

static struct runner *runner(struct tw_stage *s, int stray)
{
	struct runner *r = tw_zalloc(s->env, sizeof(*r));

	r->stray = stray;
	r->home = s->cpu;
	r->it = tw_gated(s->env, NULL);
	r->it->fn = fn_runner;
	r->it->ctx = r;
	return r;
}

static void runner_start(struct tw_stage *s, struct runner *r)
{
	r->task = NULL;
	r->sleeps = 0;
	r->slept = 0;
	r->end = false;
	reinit_completion(r->it->gate);
	tw_queue_on(s->cpu, s->w, r->it);
	TW_SOON(s->env, READ_ONCE(r->task), "an item to run");
}

static void runner_wakes(struct tw_stage *s, struct runner *r)
{
	int slept = READ_ONCE(r->sleeps);

	complete(r->it->gate);
	TW_SOON(s->env, READ_ONCE(r->slept) == slept, "a sleeper to run again");
}

static void runner_ends(struct runner *r)
{
	WRITE_ONCE(r->end, true);
	complete(r->it->gate);
	tw_wait_done(r->it, "the item that ran and slept");
	tw_flush(r->it);
}

static void done_once_more(struct tw_stage *s, struct tw_item *it, int runs)
{
	tw_wait_done(it, "the item for which a kick was due");
	tw_flush(it);
	KUNIT_ASSERT_EQ(s->env->test, atomic_read(&it->runs), runs);
}

/*
 * R2: the item is on the worklist, its queuer has not read nr_running yet, and
 * the last runner blocks. With tp the runner waits for the lock and then kicks.
 * With pn it decrements nr_running meanwhile, and either side may see the
 * other.
 */
static void insert_then_block(struct kunit *test, bool managed)
{
	struct tw_stage *s = hook_stage(test, managed);
	struct tw_hold *inserted = tw_hold(s->env, CMWQ2_POINT_INSERTED, s->pool);
	struct tw_hold *blocks = tw_hold(s->env, before_sleep(), s->pool);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct runner *r = runner(s, -1);
	struct cmwq2_pool_stats was, is;
	unsigned int i;

	inserted->current_is = s->hand->thread->task;
	blocks->pass = true;
	blocks->frees = inserted;
	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 3);
		runner_start(s, r);
		was = tw_stats(s->w, s->cpu);
		tw_arm(inserted);
		tw_hand_queues(s, it);
		tw_wait_held(inserted, "an item between its insertion and the look at nr_running");
		blocks->current_is = r->task;
		tw_arm(blocks);
		WRITE_ONCE(r->sleeps, 1);
		tw_wait_held(blocks, "the last runner to block");
		done_once_more(s, it, i + 1);
		/* The runner still sleeps, so another worker ran the item. */
		KUNIT_ASSERT_EQ(test, READ_ONCE(r->slept), 0);
		is = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ(test, is.scan_wakeups, was.scan_wakeups);
		if (hook_is("tp"))
			KUNIT_ASSERT_EQ(test, is.cm_wakeups - was.cm_wakeups, 1);
		runner_ends(r);
	}
}

/*
 * Queues as soon as the hold has caught its task, which may have a runqueue locked. The
 * scheduler of this CPU takes that lock now and then, and would wait for the held task.
 * With interrupts off it does not run. With @frees the task goes on afterwards.
 */
static void queue_when_held(struct tw_stage *s, struct tw_hold *h, struct tw_item *it, bool frees)
{
	u64 end = ktime_get_mono_fast_ns() + 5 * (u64)NSEC_PER_SEC;
	unsigned long flags;
	bool held = true;

	local_irq_save(flags);
	while (!tw_caught(h) && ktime_get_mono_fast_ns() < end)
		cpu_relax();
	tw_queue_on(s->cpu, s->w, it);
	if (frees)
		held = tw_try_let_go(h);
	local_irq_restore(flags);
	KUNIT_ASSERT_TRUE(s->env->test, tw_caught(h));
	KUNIT_ASSERT_TRUE(s->env->test, held);
}

/*
 * R2 in the opposite order: the runner has decremented nr_running, and the item is
 * queued before the runner has kicked a worker.
 */
static void block_then_insert(struct kunit *test, bool managed)
{
	struct tw_stage *s = hook_stage(test, managed);
	struct tw_hold *blocked = tw_hold(s->env, CMWQ2_POINT_BLOCKED, s->pool);
	struct tw_hold *queue = tw_hold(s->env, hook_is("tp") ? CMWQ2_POINT_QUEUE :
					CMWQ2_POINT_INSERTED, NULL);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct runner *r = runner(s, -1);
	struct cmwq2_pool_stats was, is;
	unsigned int i;

	queue->current_is = current;
	queue->pass = true;
	queue->frees = blocked;
	tw_move(s->env, s->hand_cpu);
	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 3);
		runner_start(s, r);
		was = tw_stats(s->w, s->cpu);
		blocked->current_is = r->task;
		tw_arm(blocked);
		tw_arm(queue);
		WRITE_ONCE(r->sleeps, 1);
		queue_when_held(s, blocked, it, false);
		done_once_more(s, it, i + 1);
		KUNIT_ASSERT_TRUE(test, tw_caught(queue));
		KUNIT_ASSERT_EQ(test, atomic_read(&blocked->state), TW_HOLD_GONE);
		KUNIT_ASSERT_EQ(test, READ_ONCE(r->slept), 0);
		is = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ(test, is.scan_wakeups, was.scan_wakeups);
		runner_ends(r);
	}
}

/*
 * R2, and the item is queued just before the runner decrements nr_running. The enqueue
 * finds the runner counted and kicks nobody. So the runner must look at the worklist
 * after it has decremented nr_running: what it saw before is too old.
 */
static void r2_insert_before_count(struct kunit *test)
{
	struct tw_stage *s = hook_stage(test, false);
	struct tw_hold *blocks = tw_hold(s->env, CMWQ2_POINT_UNCOUNT, s->pool);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct runner *r = runner(s, -1);
	struct cmwq2_pool_stats was, is;
	unsigned int i;

	if (!hook_is("pn"))
		kunit_skip(test, "hook=tp counts down and looks with the lock held");
	tw_move(s->env, s->hand_cpu);
	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 3);
		runner_start(s, r);
		was = tw_stats(s->w, s->cpu);
		blocks->current_is = r->task;
		tw_arm(blocks);
		WRITE_ONCE(r->sleeps, 1);
		queue_when_held(s, blocks, it, true);
		done_once_more(s, it, i + 1);
		KUNIT_ASSERT_EQ(test, READ_ONCE(r->slept), 0);
		is = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ(test, is.scan_wakeups, was.scan_wakeups);
		KUNIT_ASSERT_EQ(test, is.cm_wakeups - was.cm_wakeups, 1);
		runner_ends(r);
	}
}

/*
 * R3: the sleeper runs again, on another CPU, before the interrupt that it raised
 * has taken the lock. The handler must find that no worker is needed.
 */
static void r3_runs_again_before_irq(struct kunit *test)
{
	struct tw_stage *s = hook_stage(test, false);
	struct tw_hold *irq = tw_hold(s->env, CMWQ2_POINT_KICK_IRQ, s->pool);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct runner *r = runner(s, s->hand_cpu);
	unsigned long kicks;
	unsigned int i;

	if (!hook_is("pn"))
		kunit_skip(test, "hook=tp kicks with the lock held and needs no irq_work");
	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 3);
		runner_start(s, r);
		tw_queue_on(s->cpu, s->w, it);
		tw_no_safety_net(s);
		tw_arm(irq);
		WRITE_ONCE(r->sleeps, 1);
		tw_wait_held(irq, "the interrupt of the worker that sleeps");
		KUNIT_ASSERT_EQ(test, irq->cpu, s->hand_cpu);
		KUNIT_ASSERT_EQ(test, atomic_read(&s->pool->nr_running), 0);
		KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(r->task, cpumask_of(s->cpu)), 0);
		runner_wakes(s, r);
		KUNIT_ASSERT_EQ(test, atomic_read(&s->pool->nr_running), 1);
		kicks = tw_stats(s->w, s->cpu).kicks;
		tw_let_go(irq);
		irq_work_sync(&s->pool->kick_irq);
		KUNIT_ASSERT_EQ(test, tw_stats(s->w, s->cpu).kicks, kicks);
		KUNIT_ASSERT_EQ(test, atomic_read(&it->runs), i);
		runner_ends(r);
		done_once_more(s, it, i + 1);
	}
}

/*
 * R16: one worker stops because two are running, and the other one blocks
 * before the first has decremented nr_running. With tp the other cannot block
 * in between, and kicks afterwards. With pn the first one has to notice that it
 * was the last.
 */
static void stops_while_other_blocks(struct kunit *test, bool managed)
{
	struct tw_stage *s = hook_stage(test, managed);
	struct tw_hold *stops = tw_hold(s->env, CMWQ2_POINT_STOPS, s->pool);
	struct tw_hold *blocks = tw_hold(s->env, before_sleep(), s->pool);
	struct runner *stray = runner(s, s->hand_cpu), *home = runner(s, -1);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct cmwq2_pool_stats was, is;
	unsigned int i;

	blocks->pass = true;
	blocks->frees = stops;
	tw_move(s->env, s->hand_cpu);
	for (i = 0; i < s->rounds; i++) {
		tw_make_idle(s, 3);
		/* Two can run at once only if one of them slept and runs on another CPU. */
		runner_start(s, stray);
		WRITE_ONCE(stray->sleeps, 1);
		TW_SOON(s->env, !atomic_read(&s->pool->nr_running), "the stray item to sleep");
		runner_start(s, home);
		runner_wakes(s, stray);
		KUNIT_ASSERT_EQ(test, atomic_read(&s->pool->nr_running), 2);
		tw_queue_on(s->cpu, s->w, it);
		tw_no_safety_net(s);
		was = tw_stats(s->w, s->cpu);

		stops->current_is = home->task;
		blocks->current_is = stray->task;
		tw_arm(stops);
		WRITE_ONCE(home->end, true);
		tw_wait_held(stops, "one of the two runners to stop");
		tw_arm(blocks);
		WRITE_ONCE(stray->sleeps, 2);
		done_once_more(s, it, i + 1);
		KUNIT_ASSERT_TRUE(test, tw_caught(blocks));
		KUNIT_ASSERT_EQ(test, atomic_read(&stops->state), TW_HOLD_GONE);
		KUNIT_ASSERT_EQ(test, READ_ONCE(stray->slept), 1);
		is = tw_stats(s->w, s->cpu);
		KUNIT_ASSERT_EQ(test, is.scan_wakeups, was.scan_wakeups);
		if (hook_is("tp"))
			KUNIT_ASSERT_EQ(test, is.cm_wakeups - was.cm_wakeups, 1);
		else
			KUNIT_ASSERT_EQ(test, it->pid, home->task->pid);
		runner_ends(home);
		runner_ends(stray);
	}
}

/*
 * R9: what the kernel does to our workers before it calls our callback, when
 * the CPU then stays online. The test's hotplug state is called before the
 * engine's.
 */
static struct r9 {
	int			state;
	int			cpu;
	bool			armed;
	struct completion	asked;
	struct completion	answer;
} r9;

static int r9_going(unsigned int cpu)
{
	if (!READ_ONCE(r9.armed) || cpu != r9.cpu)
		return 0;
	complete(&r9.asked);
	wait_for_completion_timeout(&r9.answer, tw_timeout());
	return -EBUSY;
}

static void r9_exit(void *unused)
{
	WRITE_ONCE(r9.armed, false);
	complete_all(&r9.answer);
	cpuhp_remove_state_nocalls(r9.state);
}

static void hand_try_offline(void *arg)
{
	struct tw_stage *s = arg;

	KUNIT_EXPECT_EQ(s->env->test, remove_cpu(s->cpu), -EBUSY);
}

/* One round of hotplug takes a thousand times as long as a round of the other tests. */
#define HOTPLUG_SHARE	20

static void r9_called_off(struct kunit *test)
{
	struct tw_stage *s = tw_stage(test, 0, false, 1);
	struct tw_item *it = tw_item(s->env, tw_fn_nop);
	struct tw_item *sleeper = tw_gated(s->env, NULL);
	unsigned int i, runs = 0;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "no CPU can be taken offline here");
	r9.cpu = s->cpu;
	init_completion(&r9.asked);
	init_completion(&r9.answer);
	r9.state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "cmwq2:kunit", NULL, r9_going);
	KUNIT_ASSERT_GE(test, r9.state, 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, r9_exit, NULL), 0);
	tw_move(s->env, s->hand_cpu);

	for (i = 0; i < DIV_ROUND_UP(s->rounds, HOTPLUG_SHARE); i++) {
		tw_make_idle(s, 3);
		WRITE_ONCE(r9.armed, true);
		tw_hand_does(s, hand_try_offline, s);
		TW_WAIT(s->env, &r9.asked, "the CPU to be about to go");
		/* Workers are still bound and managed: one sleeps, the other takes over. */
		reinit_completion(sleeper->gate);
		tw_queue_on(s->cpu, s->w, sleeper);
		tw_queue_on(s->cpu, s->w, it);
		done_once_more(s, it, ++runs);
		KUNIT_EXPECT_EQ(test, it->cpu, s->cpu);
		complete(&r9.answer);
		tw_hand_wait(s);
		complete_all(sleeper->gate);
		tw_flush(sleeper);

		/* No callback has told the engine that the CPU stays online. */
		tw_at_rest(s);
		tw_queue_on(s->cpu, s->w, it);
		done_once_more(s, it, ++runs);
		KUNIT_EXPECT_EQ(test, it->cpu, s->cpu);
	}
}

static void r2_insert_then_block(struct kunit *test)
{
	insert_then_block(test, false);
}

static void r2_insert_then_block_managed(struct kunit *test)
{
	insert_then_block(test, true);
}

static void r2_block_then_insert(struct kunit *test)
{
	block_then_insert(test, false);
}

static void r2_block_then_insert_managed(struct kunit *test)
{
	block_then_insert(test, true);
}

static void r16_stops_while_other_blocks(struct kunit *test)
{
	stops_while_other_blocks(test, false);
}

static void r16_stops_while_other_blocks_managed(struct kunit *test)
{
	stops_while_other_blocks(test, true);
}

static struct kunit_case races_cases[] = {
	KUNIT_CASE_PARAM_ATTR(r2_insert_then_block, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r2_insert_then_block_managed, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r2_block_then_insert, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r2_block_then_insert_managed, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r2_insert_before_count, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r3_runs_again_before_irq, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r9_called_off, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r16_stops_while_other_blocks, mode_gen_params, TW_SLOW),
	KUNIT_CASE_PARAM_ATTR(r16_stops_while_other_blocks_managed, mode_gen_params, TW_SLOW),
	{}
};

static struct kunit_suite races_suite = {
	.name = "cmwq2_interleave_races",
	.test_cases = races_cases,
	.suite_init = tw_modes_init,
};

kunit_test_suites(&races_suite);
