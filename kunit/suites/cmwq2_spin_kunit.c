// SPDX-License-Identifier: GPL-2.0
/*
 * The spin policy: an idle worker spins before it sleeps.
 */
#include <linux/sched.h>

#include "base/registry.h"
#include "hold.h"
#include "load.h"

#define SECOND	"1000000"
/* Longer than a test waits for anything. */
#define LONG	"1000000000"

struct spin_run {
	pid_t		pid;
	unsigned long	sleeps;
};

static void fn_note_sleeps(struct tw_item *it)
{
	struct spin_run *run = it->ctx;

	run->pid = current->pid;
	run->sleeps = current->nvcsw;
}

/* Run an item on another CPU, and wait until its worker is idle. */
static struct spin_run spin_run(struct tw_env *e, struct tw_wq *w)
{
	struct spin_run *run = tw_zalloc(e, sizeof(*run));
	struct tw_item *it = tw_item(e, fn_note_sleeps);

	it->ctx = run;
	tw_queue_on(tw_cpu(1), w, it);
	tw_wait_done(it, "the item");
	TW_POLL(e, tw_pool_idle(w, tw_cpu(1)), "the worker to go idle");
	return *run;
}

static struct tw_env *spin_env(struct kunit *test, struct tw_wq **w)
{
	struct tw_env *e = tw_env_cmwq2(test);

	if (num_online_cpus() < 2)
		kunit_skip(test, "a worker that spins needs a CPU of its own");
	tw_policy(e, "spin_us", SECOND);
	tw_policy(e, "spin", "short");
	*w = tw_alloc(e, TW_PERCPU, 0);
	tw_move(e, tw_cpu(0));
	return e;
}

/*
 * The next item begins on the worker before that has slept. Other tasks may end
 * a spin, so the test tries again.
 */
static void next_item_finds_it_awake(struct kunit *test)
{
	struct tw_wq *w;
	struct tw_env *e = spin_env(test, &w);
	struct spin_run last = spin_run(e, w), now;
	int tries;

	for (tries = 0; tries < 200; tries++) {
		now = spin_run(e, w);
		if (now.pid == last.pid && now.sleeps == last.sleeps)
			return;
		last = now;
	}
	KUNIT_FAIL(test, "the worker slept before each of %d items", tries);
}

static bool spin_all_blocked(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	bool blocked = true;

	mutex_lock(&cmwq2_attach_mutex);
	list_for_each_entry(worker, &pool->workers, node)
		blocked &= cmwq2_task_blocked(worker->task);
	mutex_unlock(&cmwq2_attach_mutex);
	return blocked;
}

/* A worker that spins sleeps as soon as another task wants its CPU. */
static void other_task_ends_it(struct kunit *test)
{
	struct tw_wq *w;
	struct tw_env *e = spin_env(test, &w);
	int i;

	tw_policy(e, "spin_us", LONG);
	for (i = 0; i < 5; i++) {
		spin_run(e, w);
		tw_move(e, tw_cpu(1));
		KUNIT_EXPECT_EQ(test, raw_smp_processor_id(), tw_cpu(1));
		TW_SOON(e, spin_all_blocked(tw_pool_of(w, tw_cpu(1))), "the worker to sleep");
		tw_move(e, tw_cpu(0));
	}
}

#define NR_TRIPS	20

static void fn_note_switches(struct tw_item *it)
{
	it->val = current->nvcsw + current->nivcsw;
}

/* Run items one after the other, until NR_TRIPS of them found their worker on the CPU. */
static void thread_trips(struct tw_thread *t)
{
	long last = -1;
	pid_t pid = 0;

	while (t->val < NR_TRIPS && !READ_ONCE(t->env->closing)) {
		tw_queue_on(tw_cpu(1), t->wq, t->it);
		tw_flush(t->it);
		t->val += t->it->pid == pid && t->it->val == last;
		pid = t->it->pid;
		last = t->it->val;
	}
}

/*
 * A kick ends a spin. Items whose worker has given up the CPU do not count. The others
 * would wait for a second each if a spin went on in spite of a kick, and then the thread
 * would not end in time.
 */
static void kick_ends_it(struct kunit *test)
{
	struct tw_wq *w;
	struct tw_env *e = spin_env(test, &w);
	struct tw_thread *t = tw_thread(e, tw_cpu(0), thread_trips, w,
					tw_item(e, fn_note_switches), NULL);

	tw_thread_start(t);
	tw_join(t, "items one after the other");
	KUNIT_EXPECT_EQ(test, t->val, NR_TRIPS);
}

/* A worker that spins can be culled, and an item that comes meanwhile is not lost. */
static void spins_beside_culler(struct kunit *test)
{
	struct tw_wq *w;
	struct tw_env *e = spin_env(test, &w);

	tw_policy(e, "idle_timeout_ms", "1");
	tw_load(e, TW_PERCPU, 50);
	tw_load(e, TW_UNBOUND, 50);
}

static struct kunit_case spin_cases[] = {
	KUNIT_CASE(next_item_finds_it_awake),
	KUNIT_CASE(other_task_ends_it),
	KUNIT_CASE(kick_ends_it),
	KUNIT_CASE(spins_beside_culler),
	{}
};

static struct kunit_suite spin_suite = {
	.name = "cmwq2_spin",
	.test_cases = spin_cases,
};

kunit_test_suites(&spin_suite);
