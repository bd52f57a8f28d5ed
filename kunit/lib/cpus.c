// SPDX-License-Identifier: GPL-2.0
/*
 * Workers of an unbound pool that go idle on the CPUs that a test chooses.
 */
#include <linux/list.h>
#include <linux/sched.h>

#include "cpus.h"
#include "locked.h"

#define MOST_CPUS	8

/* Sleep, and go idle, on the CPU that @val names. */
static void fn_sleep_there(struct tw_item *it)
{
	struct cmwq2_pool *pool = it->ctx;

	set_cpus_allowed_ptr(current, cpumask_of(it->val));
	tw_wait_for_test(it->gate);
	set_cpus_allowed_ptr(current, pool->attrs->cpumask);
}

static int nr_busy(struct cmwq2_pool *pool)
{
	int nr;

	tw_pool_lock(pool);
	nr = pool->nr_workers - pool->nr_idle;
	tw_pool_unlock(pool);
	return nr;
}

static bool idle_asleep(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	bool asleep = true;

	tw_pool_lock(pool);
	list_for_each_entry(worker, &pool->idle_list, entry)
		asleep &= READ_ONCE(worker->task->__state) == TASK_IDLE;
	tw_pool_unlock(pool);
	return asleep;
}

static void go_idle_once(struct tw_wq *w, struct cmwq2_pool *pool, struct tw_item **there,
			 int others, const int *cpus, int nr)
{
	int i;

	TW_POLL(w->env, nr_busy(pool) == others, "the workers that have no item to go idle");
	for (i = 0; i < nr; i++) {
		reinit_completion(there[i]->gate);
		there[i]->val = cpus[i];
		tw_queue_on(cpus[i], w, there[i]);
		tw_wait_started(there[i], "an item that sleeps");
	}
	for (i = nr - 1; i >= 0; i--) {
		complete_all(there[i]->gate);
		TW_POLL(w->env, nr_busy(pool) == others + i, "the worker to go idle");
	}
	TW_POLL(w->env, idle_asleep(pool), "the idle workers to sleep");
}

/* Whether the first idle workers slept on @cpus. The scheduler may have moved one of them. */
static bool are_there(struct cmwq2_pool *pool, const int *cpus, int nr)
{
	struct cmwq2_worker *worker;
	bool there = true;
	int i = 0;

	tw_pool_lock(pool);
	list_for_each_entry(worker, &pool->idle_list, entry) {
		if (i == nr)
			break;
		there &= worker->idle_cpu == cpus[i++];
	}
	tw_pool_unlock(pool);
	return there && i == nr;
}

/**
 * tw_go_idle - let workers go idle one after the other
 * @w: unbound queue whose pool has no pending item; the policy pick is not head
 * @others: number of workers that are busy with other items all the time
 * @cpus: the CPU on which each of them goes idle, the last one first
 * @nr: number of CPUs in @cpus
 *
 * Afterwards the worker of @cpus[0] is at the head of the idle list, and the others
 * follow. Workers that the pool had before come behind them.
 */
void tw_go_idle(struct tw_wq *w, int others, const int *cpus, int nr)
{
	struct cmwq2_pool *pool = tw_pool_of(w, tw_cpu(0));
	struct tw_item *there[MOST_CPUS];
	int i, tries = 0;

	KUNIT_ASSERT_LE(w->env->test, nr, MOST_CPUS);
	for (i = 0; i < nr; i++) {
		there[i] = tw_gated(w->env, NULL);
		there[i]->fn = fn_sleep_there;
		there[i]->ctx = pool;
	}
	do {
		go_idle_once(w, pool, there, others, cpus, nr);
	} while (!are_there(pool, cpus, nr) && ++tries < 100);
	KUNIT_ASSERT_LT_MSG(w->env->test, tries, 100, "the workers do not stay on their CPUs");
}
