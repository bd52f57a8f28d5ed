// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict on an item that is not on the worklist and does not run: a worker
 * has taken it and has not begun it, or it waits for max_active. There are also
 * verdicts on a running item that a thread waits for, and on the engine's own threads.
 */
#include <linux/export.h>
#include <linux/rculist.h>
#include <linux/sched.h>

#include <cmwq2/workqueue.h>

#include "base/helper.h"
#include "base/lock.h"
#include "base/types.h"
#include "core/active.h"
#include "look/look.h"
#include "look/show.h"
#include "look/verdict.h"
#include "wait/barrier.h"

/* How many items behind a running one are looked at. */
#define CMWQ2_TAKEN_LOOKS	64

static void cmwq2_write_chore(struct cmwq2_out *out, struct task_struct *task,
			      const struct cmwq2_chore *chore, unsigned int ms)
{
	cmwq2_write(out, "stall: helper: %s[%d] %s %d for %u ms, state %c on CPU %u\n",
		    task->comm, task_pid_nr(task), chore->what, chore->id, ms,
		    task_state_to_char(task), task_cpu(task));
}

/**
 * cmwq2_verdict_of_helpers - write which of the engine's own threads are stuck
 * @out: where to write
 * @min_ms: for how many milliseconds at least
 *
 * Context: any but NMI.
 */
void cmwq2_verdict_of_helpers(struct cmwq2_out *out, unsigned int min_ms)
{
	struct cmwq2_chore chore;
	struct task_struct *task;
	enum cmwq2_thread i;
	unsigned int ms;

	for (i = 0; i < CMWQ2_THREAD_NR; i++) {
		/* The task lives as long as the module. */
		task = cmwq2_chore(i, &chore);
		ms = cmwq2_ms_since(chore.since);
		if (task && ms >= min_ms)
			cmwq2_write_chore(out, task, &chore, ms);
	}
}

struct cmwq2_taken {
	unsigned int		min_ms;
	bool			found;
	struct cmwq2_verdict	v;
};

/* The first item that @worker took and has not begun; with @barrier, the first barrier. */
static struct cmwq2_work *cmwq2_first_taken(struct cmwq2_worker *worker, bool barrier)
{
	struct cmwq2_work *work;
	int looks = 0;

	list_for_each_entry(work, &worker->scheduled, entry) {
		bool is_barrier = cmwq2_barrier_waiter(work);

		if (is_barrier == barrier)
			return work;
		if (++looks == CMWQ2_TAKEN_LOOKS)
			break;
	}
	return NULL;
}

/* Whether items that @worker took are stuck. Context: its pool's lock held. */
static bool cmwq2_judge_taken(struct cmwq2_taken *taken, struct cmwq2_worker *worker)
{
	struct cmwq2_work *first = cmwq2_first_taken(worker, false);
	struct cmwq2_verdict *v = &taken->v;

	if (!first || cmwq2_age_ms(first) < taken->min_ms)
		return false;
	cmwq2_note_item(v, worker->pool, first);
	v->facts = CMWQ2_FACT_TAKEN;
	if (first == worker->current_work)
		v->facts |= CMWQ2_FACT_AGAIN;
	return true;
}

/*
 * Whether a thread has long waited for the item that @worker runs. Context: its
 * pool's lock held.
 */
static bool cmwq2_judge_awaited(struct cmwq2_taken *taken, struct cmwq2_worker *worker)
{
	struct cmwq2_work *barrier = cmwq2_first_taken(worker, true);
	struct cmwq2_verdict *v = &taken->v;

	if (!barrier || cmwq2_age_ms(barrier) < taken->min_ms)
		return false;
	cmwq2_note_item(v, worker->pool, barrier);
	v->facts = CMWQ2_FACT_WAITER;
	v->func = worker->current_func;
	v->waiter = task_pid_nr(cmwq2_barrier_waiter(barrier));
	return true;
}

/*
 * An item can be stuck although it is not on the worklist. It was queued again
 * while it runs, and must not run twice at once; or a rescuer took several items
 * together. A thread that flushes or cancels the running item can be stuck, too.
 * Returns whether to look at more workers.
 */
static bool cmwq2_look_at_taken(struct cmwq2_worker *worker, void *arg)
{
	struct cmwq2_taken *taken = arg;
	unsigned int stuck = cmwq2_ms_since(worker->started_at);

	if (list_empty(&worker->scheduled) || stuck < taken->min_ms)
		return true;
	taken->v.stuck = stuck;
	taken->found = cmwq2_judge_taken(taken, worker) || cmwq2_judge_awaited(taken, worker);
	if (taken->found)
		cmwq2_see(&taken->v, worker, CMWQ2_ROLE_RUNS);
	return !taken->found;
}

/**
 * cmwq2_verdict_of_taken - write what waits behind running items
 * @out: where to write
 * @pool: pool
 * @min_ms: for how many milliseconds at least
 *
 * Context: RCU read-side section, no lock held.
 */
void cmwq2_verdict_of_taken(struct cmwq2_out *out, struct cmwq2_pool *pool, unsigned int min_ms)
{
	struct cmwq2_look_at at = { .bucket = 0 };
	int told = 0;
	bool more;

	do {
		struct cmwq2_taken taken = { .min_ms = min_ms, .v.youngest = UINT_MAX };

		more = cmwq2_look_at_busy(pool, &at, cmwq2_look_at_taken, &taken);
		if (taken.found) {
			cmwq2_write_verdict(out, &taken.v);
			told++;
		}
	} while (more && told < CMWQ2_SEEN);
}

/* Whether an active item of @other uses up what an item of @pwq waits for. */
static bool cmwq2_shares_limit(struct cmwq2_pwq *pwq, struct cmwq2_pwq *other)
{
	if (other == pwq || READ_ONCE(pwq->plugged))
		return true;
	return cmwq2_pwq_nna(pwq) && cmwq2_pwq_nna(other) == cmwq2_pwq_nna(pwq);
}

struct cmwq2_holders {
	struct cmwq2_verdict	*v;
	struct cmwq2_pwq	*pwq;
};

static bool cmwq2_see_holder(struct cmwq2_worker *worker, void *arg)
{
	struct cmwq2_holders *holders = arg;

	if (worker->current_pwq == holders->pwq)
		cmwq2_see(holders->v, worker, CMWQ2_ROLE_RUNS);
	return true;
}

/*
 * Note the items that hold the slots. An active item that is not running waits
 * in a pool, which is reported separately if it is stuck. Context: RCU
 * read-side section.
 */
static void cmwq2_see_holders(struct cmwq2_verdict *v, struct cmwq2_pwq *pwq)
{
	struct cmwq2_holders holders = { .v = v };
	struct cmwq2_pwq *other;

	list_for_each_entry_rcu(other, &pwq->wq->pwqs, pwqs_node) {
		struct cmwq2_look_at at = { .bucket = 0 };

		/* Its pool is not locked. What is seen here is checked again at the end. */
		if (!data_race(READ_ONCE(other->nr_active)) || !cmwq2_shares_limit(pwq, other))
			continue;
		holders.pwq = other;
		while (cmwq2_look_at_busy(other->pool, &at, cmwq2_see_holder, &holders))
			;
		if (!list_empty(&other->pool->worklist))
			v->youngest = min(v->youngest,
					  cmwq2_ms_since(READ_ONCE(other->pool->progress_at)));
	}
}

/* With one node, or with a small max_active, each node has all of max_active. */
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
 * The number of the queue's items that have started. If the sum is the same
 * before and after all pools were looked at, no item started in between, and
 * what was seen is what there was. The counters are read without the locks of the pools:
 * each only grows, so a value from a moment ago is as good for the comparison.
 */
static unsigned long cmwq2_sum_started(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	unsigned long sum = 0;

	list_for_each_entry_rcu(pwq, &wq->pwqs, pwqs_node)
		sum += data_race(READ_ONCE(pwq->stat.started)); /* see above */
	return sum;
}

/* Note the first inactive item and whether a slot is free. Context: RCU read-side section. */
static struct cmwq2_work *cmwq2_first_inactive(struct cmwq2_verdict *v, struct cmwq2_pwq *pwq,
					       bool *slot)
{
	struct cmwq2_work *first;
	unsigned long flags;

	cmwq2_pool_lock_irqsave(pwq->pool, flags);
	first = list_first_entry_or_null(&pwq->inactive, struct cmwq2_work, entry);
	if (first)
		cmwq2_note_item(v, pwq->pool, first);
	*slot = cmwq2_has_slot(pwq);
	cmwq2_pool_unlock_irqrestore(pwq->pool, flags);
	return first;
}

static void cmwq2_judge_line(struct cmwq2_verdict *v, struct cmwq2_pwq *pwq, bool slot)
{
	v->facts = CMWQ2_FACT_INACTIVE;
	if (READ_ONCE(pwq->wq->max_active))
		v->facts |= CMWQ2_FACT_THAWED;
	if (!READ_ONCE(pwq->plugged))
		v->facts |= CMWQ2_FACT_UNPLUGGED;
	if (slot)
		v->facts |= CMWQ2_FACT_SLOT;
	if (cmwq2_node_has_less(pwq))
		v->facts |= CMWQ2_FACT_NODE_LESS;
}

/**
 * cmwq2_verdict_of_pwq - write why a pwq activates none of its inactive items
 * @out: where to write
 * @pwq: pwq
 * @min_ms: for how many milliseconds at least
 *
 * A queue with a long line whose items come and go is busy and not stuck. So
 * all items that hold slots must have begun as long ago, too. If the line
 * is empty by now, nothing is written. The function is exported for the KUnit suites.
 *
 * Context: RCU read-side section, no lock held.
 */
void cmwq2_verdict_of_pwq(struct cmwq2_out *out, struct cmwq2_pwq *pwq, unsigned int min_ms)
{
	struct cmwq2_verdict v = { .youngest = UINT_MAX };
	unsigned long started = cmwq2_sum_started(pwq->wq);
	struct cmwq2_work *first;
	bool slot;

	first = cmwq2_first_inactive(&v, pwq, &slot);
	if (!first || v.age < min_ms)
		return;
	cmwq2_see_holders(&v, pwq);
	if (v.youngest < min_ms)
		return;
	/* Check again. The age shows that it is not another item at the same address. */
	if (cmwq2_first_inactive(&v, pwq, &slot) != first || v.age < min_ms ||
	    cmwq2_sum_started(pwq->wq) != started)
		return;
	v.stuck = min(v.age, v.youngest);
	cmwq2_judge_line(&v, pwq, slot);
	cmwq2_write_verdict(out, &v);
}
EXPORT_SYMBOL_GPL(cmwq2_verdict_of_pwq);
