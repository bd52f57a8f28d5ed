// SPDX-License-Identifier: GPL-2.0
/*
 * Why items wait: a paragraph for each pool that takes none of its items, for
 * each worker that has taken items and does not begin them, for each item that
 * runs while a thread waits for it, and for each pwq that activates none of its
 * inactive items.
 *
 *   stall: hog: pool 2, CPUs 1: first_fn of queue one waits for 1300 ms, no item taken for 1250 ms
 *     cw2/1:0[54] runs other_fn of queue two for 1400 ms, state R on CPU 1
 *
 * The word after "stall:" is the reason, see cmwq2_why_names[]. The lines below
 * name the workers to blame. tools/wq_dump.py --stalls applies the same rules
 * and gives the same answers.
 *
 * One lock is held at a time, for a bounded number of workers. So the first
 * thing looked at may have changed when the rest is looked at. Where that could
 * lead to a false report, the first thing is checked again.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include <cmwq2/workqueue.h>

#include "base/lock.h"
#include "base/registry.h"
#include "base/types.h"
#include "base/work.h"
#include "core/rescuer.h"
#include "look/look.h"
#include "look/show.h"
#include "look/verdict.h"

/* The number of workers that run items, without rescuers. Context: pool->lock held. */
static int cmwq2_nr_busy(struct cmwq2_pool *pool)
{
	return pool->nr_workers - pool->nr_idle - (pool->manager ? 1 : 0);
}

/*
 * Note some of the running items, and count all of them. In a bound pool the
 * noted ones may be any of them. Context: pool->lock held.
 */
static void cmwq2_see_running(struct cmwq2_verdict *v, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	int bucket, before = v->nr;

	for (bucket = 0; bucket < HASH_SIZE(pool->busy_hash); bucket++) {
		hlist_for_each_entry(worker, &pool->busy_hash[bucket], hentry) {
			if (v->nr == CMWQ2_SEEN)
				goto enough;
			cmwq2_see(v, worker, CMWQ2_ROLE_RUNS);
		}
	}
	return;
enough:
	v->nr = max(v->nr, before + cmwq2_nr_busy(pool));
}

struct cmwq2_on_cpu {
	struct cmwq2_verdict	*v;
	unsigned int		cpu;
};

static bool cmwq2_see_if_on_cpu(struct cmwq2_worker *worker, void *arg)
{
	struct cmwq2_on_cpu *on = arg;

	if (worker->task ? !cmwq2_task_on_cpu(worker->task) || task_cpu(worker->task) != on->cpu :
			   worker->pool->cpu != (int)on->cpu)
		return true;
	cmwq2_see(on->v, worker, CMWQ2_ROLE_RUNS);
	return false;
}

/* Whether workers of the pool can run on @cpu at all. */
static bool cmwq2_may_use(struct cmwq2_pool *pool, unsigned int cpu)
{
	return READ_ONCE(pool->flags) & CMWQ2_POOL_UNBOUND ||
	       cpumask_test_cpu(cpu, pool->attrs->cpumask);
}

/* Note the item that runs on @cpu now. Context: RCU read-side section, no lock held. */
static void cmwq2_see_on_cpu(struct cmwq2_verdict *v, unsigned int cpu)
{
	struct cmwq2_on_cpu on = { .v = v, .cpu = cpu };
	struct cmwq2_pool *pool;
	unsigned long id;

	xa_for_each(&cmwq2_pools, id, pool) {
		struct cmwq2_look_at at = { .bucket = 0 };

		if (!cmwq2_may_use(pool, cpu))
			continue;
		while (cmwq2_look_at_busy(pool, &at, cmwq2_see_if_on_cpu, &on) && !v->nr)
			;
		if (v->nr)
			return;
	}
}

static bool cmwq2_is_offline(struct cmwq2_pool *pool)
{
	return pool->cpu >= 0 && !cpu_online(pool->cpu);
}

/* How many idle workers are searched for one that was picked. */
#define CMWQ2_PICKED_LOOKS	64

/* A worker that was picked and has not run since, or NULL. Context: pool->lock held. */
static struct cmwq2_worker *cmwq2_picked(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	int looks = 0;

	if (pool->kicked)
		return pool->kicked;
	worker = list_first_entry_or_null(&pool->kicked_list, struct cmwq2_worker, entry);
	if (worker)
		return worker;
	list_for_each_entry(worker, &pool->idle_list, entry) {
		if (worker->kicked)
			return worker;
		if (++looks == CMWQ2_PICKED_LOOKS)
			break;
	}
	return NULL;
}

static void cmwq2_judge_bh(struct cmwq2_verdict *v, struct cmwq2_pool *pool)
{
	v->facts |= CMWQ2_FACT_BH;
	cmwq2_see_running(v, pool);
	if (v->nr)
		v->facts |= CMWQ2_FACT_BUSY;
}

/* As many workers count as running as the pool wants, so no other one was kicked. */
static void cmwq2_judge_running(struct cmwq2_verdict *v, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	int looks = 0;

	v->facts |= CMWQ2_FACT_COUNTED;
	/* Few of them are counted; the others are those that the next scan takes off. */
	list_for_each_entry(worker, &pool->watched, watch_node) {
		if (++looks > CMWQ2_PICKED_LOOKS)
			break;
		if (!READ_ONCE(worker->counted))
			continue;
		cmwq2_see(v, worker, CMWQ2_ROLE_RUNS);
		v->facts |= CMWQ2_FACT_SEEN;
		if (cmwq2_task_blocked(worker->task))
			v->facts |= CMWQ2_FACT_ASLEEP;
	}
}

/* A manager that fails tries again soon. One that does not return waits for memory or kthreadd. */
static bool cmwq2_manager_is_stuck(struct cmwq2_pool *pool)
{
	return !READ_ONCE(pool->creating.failed) ||
	       time_after(jiffies, READ_ONCE(pool->creating.at) + 2 * CMWQ2_CREATE_COOLDOWN);
}

/* No worker is idle: note the ones that block, and the one that should create another. */
static void cmwq2_judge_blocked(struct cmwq2_verdict *v, struct cmwq2_pool *pool,
				struct cmwq2_pwq *pwq)
{
	struct cmwq2_worker *rescuer = pwq ? READ_ONCE(pwq->wq->rescuer) : NULL;

	v->facts |= CMWQ2_FACT_NO_IDLE;
	if (pool->manager) {
		v->facts |= CMWQ2_FACT_MANAGER;
		if (cmwq2_manager_is_stuck(pool))
			v->facts |= CMWQ2_FACT_STUCK;
		cmwq2_see(v, pool->manager, CMWQ2_ROLE_CREATES);
		if (rescuer && READ_ONCE(rescuer->current_func)) {
			v->facts |= CMWQ2_FACT_RESCUER_BUSY;
			cmwq2_see(v, rescuer, CMWQ2_ROLE_RUNS);
		}
	}
	cmwq2_see_running(v, pool);
}

/*
 * There are idle workers, or claimed ones that no longer count as idle. Returns
 * the CPU that the picked worker waits for, or -1.
 */
static int cmwq2_judge_idle(struct cmwq2_verdict *v, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *picked = cmwq2_picked(pool);

	v->facts |= CMWQ2_FACT_IDLE;
	if (!picked)
		return -1;
	v->facts |= CMWQ2_FACT_PICKED;
	cmwq2_see(v, picked, CMWQ2_ROLE_PICKED);
	if (!cmwq2_task_blocked(picked->task))
		return task_cpu(picked->task);
	v->facts |= CMWQ2_FACT_NOT_WOKEN;
	return -1;
}

/* Note the item that runs on the CPU which the picked worker waits for. Context: no lock held. */
static void cmwq2_judge_cpu(struct cmwq2_verdict *v, int cpu)
{
	struct cmwq2_verdict hog = { .youngest = UINT_MAX };

	cmwq2_see_on_cpu(&hog, cpu);
	if (!hog.nr)
		return;
	v->facts |= CMWQ2_FACT_CPU_TAKEN;
	v->seen[1] = v->seen[0];
	v->seen[0] = hog.seen[0];
	v->nr = 2;
}

/* How many entries of a worklist are searched for one that is not a rescuer's cursor. */
#define CMWQ2_CURSOR_LOOKS	250

/**
 * cmwq2_first_item - the first item of a worklist
 * @pool: pool
 *
 * A rescuer's cursor is no item.
 *
 * Context: pool->lock held.
 * Return: the item, or NULL if there is none.
 */
struct cmwq2_work *cmwq2_first_item(struct cmwq2_pool *pool)
{
	struct cmwq2_work *work;
	int looks = 0;

	list_for_each_entry(work, &pool->worklist, entry) {
		if (!cmwq2_is_cursor(work))
			return work;
		if (++looks == CMWQ2_CURSOR_LOOKS)
			break;
	}
	return NULL;
}

/* Returns whether the pool stalls. Sets @cpu to a CPU to look at next, if there is one. */
static bool cmwq2_judge(struct cmwq2_verdict *v, struct cmwq2_pool *pool, unsigned int min_ms,
			int *cpu)
{
	struct cmwq2_work *first = cmwq2_first_item(pool);

	lockdep_assert_held(&pool->lock);

	v->stuck = cmwq2_ms_since(pool->progress_at);
	if (!first || v->stuck < min_ms)
		return false;
	cmwq2_note_item(v, pool, first);
	if (cmwq2_is_offline(pool))
		v->facts |= CMWQ2_FACT_OFFLINE;
	if (pool->flags & CMWQ2_POOL_BH)
		cmwq2_judge_bh(v, pool);
	else if (atomic_read(&pool->nr_running) >= pool->wanted)
		cmwq2_judge_running(v, pool);
	else if (!pool->nr_idle && !cmwq2_picked(pool))
		cmwq2_judge_blocked(v, pool, cmwq2_work_pwq(first));
	else
		*cpu = cmwq2_judge_idle(v, pool);
	return true;
}

static void cmwq2_verdict_of_pool(struct cmwq2_out *out, struct cmwq2_pool *pool,
				  unsigned int min_ms)
{
	struct cmwq2_verdict v = { .youngest = UINT_MAX };
	unsigned long flags;
	int cpu = -1;
	bool stalls;

	if (list_empty(&pool->worklist))
		return;
	cmwq2_pool_lock_irqsave(pool, flags);
	stalls = cmwq2_judge(&v, pool, min_ms, &cpu);
	cmwq2_pool_unlock_irqrestore(pool, flags);
	if (!stalls)
		return;
	if (cpu >= 0)
		cmwq2_judge_cpu(&v, cpu);
	cmwq2_write_verdict(out, &v);
}

/**
 * cmwq2_out_verdict - write why a pool takes none of its items
 * @out: where to write; the text is not handed on yet
 * @pool: pool; nothing is written if it has no items
 *
 * Context: any but NMI; RCU read-side section, no lock held.
 */
void cmwq2_out_verdict(struct cmwq2_out *out, struct cmwq2_pool *pool)
{
	cmwq2_verdict_of_pool(out, pool, 0);
}

static void cmwq2_out_stalled_pools(struct cmwq2_out *out, unsigned int min_ms)
{
	struct cmwq2_pool *pool;
	unsigned long id = 0;

	do {
		rcu_read_lock();
		pool = xa_find(&cmwq2_pools, &id, ULONG_MAX, XA_PRESENT);
		if (pool) {
			cmwq2_verdict_of_pool(out, pool, min_ms);
			cmwq2_verdict_of_taken(out, pool, min_ms);
		}
		rcu_read_unlock();
		cmwq2_flush_out(out);
		id++;
	} while (pool);
}

/*
 * The first pwq from index @nr on that has inactive items, or NULL. Sets @nr to
 * the index behind it. Context: RCU read-side section.
 */
static struct cmwq2_pwq *cmwq2_next_waiting(struct cmwq2_wq *wq, int *nr)
{
	struct cmwq2_pwq *pwq;
	int i = 0;

	list_for_each_entry_rcu(pwq, &wq->pwqs, pwqs_node) {
		if (i++ < *nr || list_empty(&pwq->inactive))
			continue;
		*nr = i;
		return pwq;
	}
	return NULL;
}

/* Judge one pwq of queue number @seq or of a later one. Returns false at the end. */
static bool cmwq2_out_waiting_pwq(struct cmwq2_out *out, unsigned int min_ms, u64 *seq, int *nr)
{
	struct cmwq2_pwq *pwq;
	struct cmwq2_wq *wq;

	list_for_each_entry_rcu(wq, &cmwq2_workqueues, list) {
		if (wq->seq < *seq)
			continue;
		if (wq->seq > *seq)
			*nr = 0;
		*seq = wq->seq;
		pwq = cmwq2_next_waiting(wq, nr);
		if (pwq) {
			cmwq2_verdict_of_pwq(out, pwq, min_ms);
			return true;
		}
	}
	return false;
}

/**
 * cmwq2_out_stalls - write why items wait, wherever they do
 * @out: where to write
 * @min_ms: how many milliseconds an item must have waited at least
 *
 * Context: any but NMI, no lock held.
 */
void cmwq2_out_stalls(struct cmwq2_out *out, unsigned int min_ms)
{
	u64 seq = 0;
	int nr = 0;
	bool more;

	cmwq2_out_stalled_pools(out, min_ms);
	cmwq2_verdict_of_helpers(out, min_ms);
	cmwq2_flush_out(out);
	do {
		rcu_read_lock();
		more = cmwq2_out_waiting_pwq(out, min_ms, &seq, &nr);
		rcu_read_unlock();
		cmwq2_flush_out(out);
	} while (more);
}
