// SPDX-License-Identifier: GPL-2.0
/*
 * Why items wait: a paragraph for each pool that takes none of its items, for
 * each worker that took some and does not begin them, and for each pwq that lets
 * none of its inactive items in.
 *
 *   stall: hog: pool 2, CPUs 1: first_fn of queue one waits for 1300 ms, none taken for 1250 ms
 *     cw2/1:0[54] runs other_fn of queue two for 1400 ms, state R on CPU 1
 *
 * The word behind "stall:" is the reason, see cmwq2_why_names[]; the lines below
 * are who is to blame. tools/wq_dump.py --stalls judges by the same rules and
 * says the same.
 *
 * A pool is judged under its lock. Other pools' locks are only tried, because
 * they do not nest: whoever cannot be looked at is left out.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "show.h"
#include "work.h"

#define CMWQ2_SEEN		4	/* workers that are named */

enum cmwq2_why {
	CMWQ2_WHY_HOG,		/* an item keeps the CPU to itself */
	CMWQ2_WHY_NO_WORKER,	/* all are blocked and no other can be made */
	CMWQ2_WHY_MANAGER,	/* the same, and who makes one does not come back from it */
	CMWQ2_WHY_RESCUER,	/* all are blocked, and the rescuer is busy as well */
	CMWQ2_WHY_NOT_RUN,	/* one was picked and has not run */
	CMWQ2_WHY_OFFLINE,	/* the CPU is down, or never was up */
	CMWQ2_WHY_SOFTIRQ,	/* BH: the CPU has not come to its softirqs */
	CMWQ2_WHY_BEHIND,	/* taken by a worker that still runs something else */
	CMWQ2_WHY_THROTTLED,	/* max_active */
	CMWQ2_WHY_NODE,		/* the share of it that the NUMA node has */
	CMWQ2_WHY_FROZEN,
	CMWQ2_WHY_PLUGGED,	/* ordered: items queued under older attributes come first */
	CMWQ2_WHY_LOST,		/* none of these: should never be */
};

static const char *const cmwq2_why_names[] = {
	[CMWQ2_WHY_HOG]		= "hog",
	[CMWQ2_WHY_NO_WORKER]	= "no-worker",
	[CMWQ2_WHY_MANAGER]	= "manager-stuck",
	[CMWQ2_WHY_RESCUER]	= "rescuer-busy",
	[CMWQ2_WHY_NOT_RUN]	= "not-run",
	[CMWQ2_WHY_OFFLINE]	= "cpu-offline",
	[CMWQ2_WHY_SOFTIRQ]	= "softirq",
	[CMWQ2_WHY_BEHIND]	= "behind",
	[CMWQ2_WHY_THROTTLED]	= "throttled",
	[CMWQ2_WHY_NODE]	= "node-full",
	[CMWQ2_WHY_FROZEN]	= "frozen",
	[CMWQ2_WHY_PLUGGED]	= "plugged",
	[CMWQ2_WHY_LOST]	= "lost-kick",
};

enum cmwq2_role {
	CMWQ2_ROLE_RUNS,
	CMWQ2_ROLE_CREATES,
	CMWQ2_ROLE_PICKED,
};

/* A worker as it was under its pool's lock; it may be gone since. */
struct cmwq2_seen {
	enum cmwq2_role		role;
	char			name[TASK_COMM_LEN];
	char			queue[CMWQ2_NAME_LEN];
	pid_t			pid;
	cmwq2_work_func_t	func;
	unsigned int		ms;
	int			failed;		/* who creates: tries */
	int			error;		/* the last one's */
	char			state;
	unsigned int		cpu;
};

/**
 * struct cmwq2_verdict - what was found
 * @why: the reason
 * @detail: what else there is to say of it, or NULL
 * @youngest: milliseconds since the last of those to blame began
 * @nr: how many they are
 * @seen: the first of them
 */
struct cmwq2_verdict {
	enum cmwq2_why		why;
	const char		*detail;
	unsigned int		youngest;
	int			nr;
	struct cmwq2_seen	seen[CMWQ2_SEEN];
};

static unsigned int cmwq2_ms_since(unsigned long stamp)
{
	/* Another CPU's stamp may be a jiffy ahead. */
	return time_after(jiffies, stamp) ? jiffies_to_msecs(jiffies - stamp) : 0;
}

static unsigned int cmwq2_age_ms(struct cmwq2_work *work)
{
	return cmwq2_ms_since(cmwq2_work_queued_at(work));
}

static bool cmwq2_was_seen(const struct cmwq2_verdict *v, pid_t pid)
{
	int i;

	for (i = 0; i < min(v->nr, CMWQ2_SEEN); i++)
		if (v->seen[i].pid == pid)
			return true;
	return false;
}

/* Since when the worker is what it is blamed for. */
static unsigned int cmwq2_seen_ms(struct cmwq2_worker *worker, enum cmwq2_role role)
{
	if (role == CMWQ2_ROLE_CREATES)
		return cmwq2_ms_since(READ_ONCE(worker->pool->creating.at));
	if (role == CMWQ2_ROLE_PICKED)
		return cmwq2_ms_since(worker->pool->kicked_at);
	return cmwq2_ms_since(READ_ONCE(worker->started_at));
}

/*
 * Context: the lock of the worker's pool, or the worker is a rescuer of a queue
 * with items: its fields may change, but it stays.
 */
static void cmwq2_see(struct cmwq2_verdict *v, struct cmwq2_worker *worker, enum cmwq2_role role)
{
	struct cmwq2_pwq *pwq = READ_ONCE(worker->current_pwq);
	unsigned int ms = cmwq2_seen_ms(worker, role);
	struct task_struct *task = worker->task;
	struct cmwq2_seen *seen;

	/* A rescuer is among the busy workers of the pool it helps. */
	if (task && cmwq2_was_seen(v, task_pid_nr(task)))
		return;
	if (role != CMWQ2_ROLE_CREATES)
		v->youngest = min(v->youngest, ms);
	if (v->nr++ >= CMWQ2_SEEN)
		return;
	seen = &v->seen[v->nr - 1];
	*seen = (struct cmwq2_seen) {
		.role = role,
		.func = READ_ONCE(worker->current_func),
		.ms = ms,
		.state = task ? task_state_to_char(task) : 'R',
		.cpu = task ? task_cpu(task) : 0,
		.pid = task ? task_pid_nr(task) : 0,
	};
	strscpy(seen->name, task ? task->comm : "bh", sizeof(seen->name));
	if (pwq)
		strscpy(seen->queue, pwq->wq->name, sizeof(seen->queue));
	if (!task)
		seen->cpu = worker->pool->cpu;
	if (role == CMWQ2_ROLE_CREATES) {
		seen->failed = READ_ONCE(worker->pool->creating.failed);
		seen->error = READ_ONCE(worker->pool->creating.error);
	}
}

static void cmwq2_write_creates(struct cmwq2_out *out, const struct cmwq2_seen *seen)
{
	if (seen->failed)
		cmwq2_write(out, "is to create a worker, tried %u ms ago, %d in vain, last with %d",
			    seen->ms, seen->failed, seen->error);
	else
		cmwq2_write(out, "is to create a worker, has tried for %u ms", seen->ms);
}

static void cmwq2_write_seen(struct cmwq2_out *out, const struct cmwq2_seen *seen)
{
	cmwq2_write(out, "  %s[%d] ", seen->name, seen->pid);
	if (seen->role == CMWQ2_ROLE_CREATES)
		cmwq2_write_creates(out, seen);
	else if (seen->role == CMWQ2_ROLE_PICKED)
		cmwq2_write(out, "was picked %u ms ago and has not run", seen->ms);
	else if (seen->func)
		cmwq2_write(out, "runs %ps of queue %s for %u ms", seen->func, seen->queue,
			    seen->ms);
	else
		cmwq2_write(out, "is between two items");
	cmwq2_write(out, ", state %c on CPU %u\n", seen->state, seen->cpu);
}

static void cmwq2_write_verdict(struct cmwq2_out *out, struct cmwq2_verdict *v,
				struct cmwq2_pool *pool, struct cmwq2_work *first,
				unsigned int stuck)
{
	struct cmwq2_pwq *pwq = cmwq2_work_pwq(first);
	int i;

	cmwq2_write(out, "stall: %s: pool %u, CPUs %*pbl: %ps of queue %s waits for %u ms",
		    cmwq2_why_names[v->why], pool->id, cpumask_pr_args(pool->attrs->cpumask),
		    first->func, pwq ? pwq->wq->name : "?", cmwq2_age_ms(first));
	cmwq2_write(out, ", none taken for %u ms\n", stuck);
	if (v->detail)
		cmwq2_write(out, "  %s\n", v->detail);
	for (i = 0; i < min(v->nr, CMWQ2_SEEN); i++)
		cmwq2_write_seen(out, &v->seen[i]);
	if (v->nr > CMWQ2_SEEN)
		cmwq2_write(out, "  and %d more\n", v->nr - CMWQ2_SEEN);
}

/* The running items of @pwq, or with NULL of all. Context: pool->lock held. */
static void cmwq2_see_running(struct cmwq2_verdict *v, struct cmwq2_pool *pool,
			      struct cmwq2_pwq *pwq)
{
	struct cmwq2_worker *worker;
	int bucket;

	hash_for_each(pool->busy_hash, bucket, worker, hentry)
		if (!pwq || worker->current_pwq == pwq)
			cmwq2_see(v, worker, CMWQ2_ROLE_RUNS);
}

static bool cmwq2_has_cpu(struct cmwq2_worker *worker, unsigned int cpu)
{
	if (!worker->task)
		return worker->pool->cpu == (int)cpu;
	return cmwq2_task_on_cpu(worker->task) && task_cpu(worker->task) == cpu;
}

/* The item that has @cpu now. Context: @pool->lock held; RCU read-side section. */
static bool cmwq2_see_on_cpu(struct cmwq2_verdict *v, struct cmwq2_pool *pool, unsigned int cpu)
{
	struct cmwq2_worker *worker;
	struct cmwq2_pool *other;
	unsigned long id;
	int bucket;

	xa_for_each(&cmwq2_pools, id, other) {
		if (other != pool && !cmwq2_pool_trylock(other))
			continue;
		hash_for_each(other->busy_hash, bucket, worker, hentry)
			if (!v->nr && cmwq2_has_cpu(worker, cpu))
				cmwq2_see(v, worker, CMWQ2_ROLE_RUNS);
		if (other != pool)
			cmwq2_pool_unlock(other);
	}
	return v->nr;
}

static bool cmwq2_is_offline(struct cmwq2_pool *pool)
{
	return pool->cpu >= 0 && !cpu_online(pool->cpu);
}

/* A worker that was picked and does not know yet. */
static struct cmwq2_worker *cmwq2_picked(struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;

	if (pool->kicked)
		return pool->kicked;
	list_for_each_entry(worker, &pool->kicked_list, entry)
		return worker;
	list_for_each_entry(worker, &pool->idle_list, entry)
		if (worker->kicked)
			return worker;
	return NULL;
}

static void cmwq2_judge_bh(struct cmwq2_verdict *v, struct cmwq2_pool *pool)
{
	cmwq2_see_running(v, pool, NULL);
	if (v->nr) {
		v->why = CMWQ2_WHY_HOG;
	} else if (cmwq2_is_offline(pool)) {
		v->why = CMWQ2_WHY_OFFLINE;
	} else {
		v->why = CMWQ2_WHY_SOFTIRQ;
		v->detail = "its CPU has not come to its softirqs: somebody keeps them off";
	}
}

/* Somebody counts as running, so nobody else was kicked. */
static void cmwq2_judge_running(struct cmwq2_verdict *v, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	int bucket;

	v->why = CMWQ2_WHY_HOG;
	hash_for_each(pool->busy_hash, bucket, worker, hentry) {
		if (!READ_ONCE(worker->counted))
			continue;
		cmwq2_see(v, worker, CMWQ2_ROLE_RUNS);
		if (cmwq2_task_blocked(worker->task)) {
			v->why = CMWQ2_WHY_LOST;
			v->detail = "a worker sleeps and still counts as running";
		}
	}
	if (!v->nr) {
		v->why = CMWQ2_WHY_LOST;
		v->detail = "a worker counts as running, and none is";
	}
}

/* Who fails tries again soon; who does not come back waits for memory, or for kthreadd. */
static bool cmwq2_manager_is_stuck(struct cmwq2_pool *pool)
{
	return !READ_ONCE(pool->creating.failed) ||
	       time_after(jiffies, READ_ONCE(pool->creating.at) + 2 * CMWQ2_CREATE_COOLDOWN);
}

/* Nobody is idle: who blocks, and who should make another one. */
static void cmwq2_judge_blocked(struct cmwq2_verdict *v, struct cmwq2_pool *pool,
				struct cmwq2_pwq *pwq)
{
	struct cmwq2_worker *rescuer = pwq ? READ_ONCE(pwq->wq->rescuer) : NULL;

	v->why = cmwq2_manager_is_stuck(pool) ? CMWQ2_WHY_MANAGER : CMWQ2_WHY_NO_WORKER;
	if (pool->manager)
		cmwq2_see(v, pool->manager, CMWQ2_ROLE_CREATES);
	else if (cmwq2_is_offline(pool))
		v->why = CMWQ2_WHY_OFFLINE;
	else
		v->why = CMWQ2_WHY_LOST;
	if (v->why == CMWQ2_WHY_LOST)
		v->detail = "no worker is idle, and none is about to create one";
	if (pool->manager && rescuer && READ_ONCE(rescuer->current_func)) {
		v->why = CMWQ2_WHY_RESCUER;
		cmwq2_see(v, rescuer, CMWQ2_ROLE_RUNS);
	}
	cmwq2_see_running(v, pool, NULL);
}

/* There are idle workers, or claimed ones that count as idle no more. */
static void cmwq2_judge_idle(struct cmwq2_verdict *v, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *picked = cmwq2_picked(pool);

	if (!picked) {
		v->why = cmwq2_is_offline(pool) ? CMWQ2_WHY_OFFLINE : CMWQ2_WHY_LOST;
		v->detail = "workers are idle, and none was picked";
		return;
	}
	v->why = CMWQ2_WHY_HOG;
	if (!cmwq2_task_blocked(picked->task) &&
	    cmwq2_see_on_cpu(v, pool, task_cpu(picked->task))) {
		cmwq2_see(v, picked, CMWQ2_ROLE_PICKED);
		return;
	}
	v->why = cmwq2_is_offline(pool) ? CMWQ2_WHY_OFFLINE : CMWQ2_WHY_NOT_RUN;
	cmwq2_see(v, picked, CMWQ2_ROLE_PICKED);
	if (cmwq2_task_blocked(picked->task))
		v->detail = "it has not been woken";
	else
		v->detail = "no item of this engine has its CPU: something else keeps it";
}

/* The first item, past the rescuers' cursors. Context: pool->lock held. */
static struct cmwq2_work *cmwq2_first_item(struct cmwq2_pool *pool)
{
	struct cmwq2_work *work;

	list_for_each_entry(work, &pool->worklist, entry)
		if (!cmwq2_is_cursor(work))
			return work;
	return NULL;
}

/* Context: pool->lock held; RCU read-side section. */
static void cmwq2_verdict_of_pool(struct cmwq2_out *out, struct cmwq2_pool *pool,
				  unsigned int min_ms)
{
	struct cmwq2_verdict v = { .youngest = UINT_MAX };
	struct cmwq2_work *first = cmwq2_first_item(pool);
	unsigned int stuck = cmwq2_ms_since(pool->progress_at);

	if (!first || stuck < min_ms)
		return;
	if (pool->flags & CMWQ2_POOL_BH)
		cmwq2_judge_bh(&v, pool);
	else if (atomic_read(&pool->nr_running))
		cmwq2_judge_running(&v, pool);
	else if (!pool->nr_idle && !cmwq2_picked(pool))
		cmwq2_judge_blocked(&v, pool, cmwq2_work_pwq(first));
	else
		cmwq2_judge_idle(&v, pool);
	cmwq2_write_verdict(out, &v, pool, first, stuck);
}

/* The first item that @worker took and has not begun. Context: pool->lock held. */
static struct cmwq2_work *cmwq2_first_taken(struct cmwq2_worker *worker)
{
	struct cmwq2_work *work;

	list_for_each_entry(work, &worker->scheduled, entry)
		if (!cmwq2_barrier_waiter(work))
			return work;
	return NULL;
}

/*
 * Items are off the worklist and get no further: queued again while they run,
 * which must not be twice at once, or taken together by a rescuer.
 *
 * Context: pool->lock held; RCU read-side section.
 */
static void cmwq2_verdict_of_taken(struct cmwq2_out *out, struct cmwq2_pool *pool,
				   unsigned int min_ms)
{
	struct cmwq2_worker *worker;
	int bucket, told = 0;

	hash_for_each(pool->busy_hash, bucket, worker, hentry) {
		struct cmwq2_verdict v = { .why = CMWQ2_WHY_BEHIND, .youngest = UINT_MAX };
		struct cmwq2_work *first = cmwq2_first_taken(worker);
		unsigned int stuck = cmwq2_ms_since(worker->started_at);

		if (!first || min(stuck, cmwq2_age_ms(first)) < min_ms || told++ >= CMWQ2_SEEN)
			continue;
		if (first == worker->current_work)
			v.detail = "it was queued again while it ran, and still does";
		else
			v.detail = "a worker has taken it, and still runs another one";
		cmwq2_see(&v, worker, CMWQ2_ROLE_RUNS);
		cmwq2_write_verdict(out, &v, pool, first, stuck);
	}
}

/* Whether an item of @other takes what an item of @pwq waits for. */
static bool cmwq2_shares_limit(struct cmwq2_pwq *pwq, struct cmwq2_pwq *other)
{
	if (other == pwq || pwq->plugged)
		return true;
	return cmwq2_pwq_nna(pwq) && cmwq2_pwq_nna(other) == cmwq2_pwq_nna(pwq);
}

/*
 * Who has the slots. An active item that is not running waits in a pool, which
 * tells by itself if it does not get on.
 */
static void cmwq2_see_holders(struct cmwq2_verdict *v, struct cmwq2_pwq *pwq)
{
	struct cmwq2_pwq *other;

	list_for_each_entry_rcu(other, &pwq->wq->pwqs, pwqs_node) {
		bool here = other->pool == pwq->pool;

		if (!READ_ONCE(other->nr_active) || !cmwq2_shares_limit(pwq, other))
			continue;
		if (!here && !cmwq2_pool_trylock(other->pool)) {
			v->youngest = 0;
			continue;
		}
		cmwq2_see_running(v, other->pool, other);
		if (!list_empty(&other->pool->worklist))
			v->youngest = min(v->youngest, cmwq2_ms_since(other->pool->progress_at));
		if (!here)
			cmwq2_pool_unlock(other->pool);
	}
}

/* With one node, or with a small max_active, each has all of it. */
static bool cmwq2_node_has_less(struct cmwq2_pwq *pwq)
{
	struct cmwq2_nna *nna = cmwq2_pwq_nna(pwq);

	return nna && READ_ONCE(nna->max) < READ_ONCE(pwq->wq->max_active);
}

static bool cmwq2_has_slot(struct cmwq2_pwq *pwq)
{
	struct cmwq2_nna *nna = cmwq2_pwq_nna(pwq);

	if (nna)
		return atomic_read(&nna->nr) < READ_ONCE(nna->max);
	return pwq->nr_active < READ_ONCE(pwq->wq->max_active);
}

/*
 * A queue with a long line whose items come and go is busy and not stuck: all
 * who hold slots must have begun as long ago.
 *
 * Context: pool->lock held; RCU read-side section.
 */
static void cmwq2_verdict_of_pwq(struct cmwq2_out *out, struct cmwq2_pwq *pwq,
				 unsigned int min_ms)
{
	struct cmwq2_verdict v = { .youngest = UINT_MAX };
	struct cmwq2_work *first;
	unsigned int age;

	first = list_first_entry_or_null(&pwq->inactive, struct cmwq2_work, entry);
	if (!first)
		return;
	age = cmwq2_age_ms(first);
	cmwq2_see_holders(&v, pwq);
	if (age < min_ms || v.youngest < min_ms)
		return;
	if (!READ_ONCE(pwq->wq->max_active)) {
		v.why = CMWQ2_WHY_FROZEN;
	} else if (pwq->plugged) {
		v.why = CMWQ2_WHY_PLUGGED;
	} else if (cmwq2_has_slot(pwq)) {
		v.why = CMWQ2_WHY_LOST;
		v.detail = "max_active has a free slot, and nobody was let in";
	} else if (cmwq2_node_has_less(pwq)) {
		v.why = CMWQ2_WHY_NODE;
		v.detail = "other nodes have the rest of its max_active";
	} else {
		v.why = CMWQ2_WHY_THROTTLED;
	}
	cmwq2_write_verdict(out, &v, pwq->pool, first, min(age, v.youngest));
}

/**
 * cmwq2_out_verdict - say why a pool takes none of its items
 * @out: where to
 * @pool: pool; nothing is said if it has no items
 *
 * Context: any but NMI; RCU read-side section.
 */
void cmwq2_out_verdict(struct cmwq2_out *out, struct cmwq2_pool *pool)
{
	unsigned long flags;

	cmwq2_pool_lock_irqsave(pool, flags);
	cmwq2_verdict_of_pool(out, pool, 0);
	cmwq2_pool_unlock_irqrestore(pool, flags);
	cmwq2_flush_out(out);
}

static void cmwq2_out_stalls_of_wq(struct cmwq2_out *out, struct cmwq2_wq *wq,
				   unsigned int min_ms)
{
	struct cmwq2_pwq *pwq;
	unsigned long flags;

	list_for_each_entry_rcu(pwq, &wq->pwqs, pwqs_node) {
		if (list_empty(&pwq->inactive))
			continue;
		cmwq2_pool_lock_irqsave(pwq->pool, flags);
		cmwq2_verdict_of_pwq(out, pwq, min_ms);
		cmwq2_pool_unlock_irqrestore(pwq->pool, flags);
		cmwq2_flush_out(out);
	}
}

/**
 * cmwq2_out_stalls - say why items wait, wherever they do
 * @out: where to
 * @min_ms: for so many milliseconds at least
 *
 * Context: any but NMI; RCU read-side section.
 */
void cmwq2_out_stalls(struct cmwq2_out *out, unsigned int min_ms)
{
	struct cmwq2_pool *pool;
	struct cmwq2_wq *wq;
	unsigned long id, flags;

	xa_for_each(&cmwq2_pools, id, pool) {
		cmwq2_pool_lock_irqsave(pool, flags);
		cmwq2_verdict_of_pool(out, pool, min_ms);
		cmwq2_verdict_of_taken(out, pool, min_ms);
		cmwq2_pool_unlock_irqrestore(pool, flags);
		cmwq2_flush_out(out);
	}
	list_for_each_entry_rcu(wq, &cmwq2_workqueues, list)
		cmwq2_out_stalls_of_wq(out, wq, min_ms);
}
