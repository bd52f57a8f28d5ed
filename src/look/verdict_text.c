// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict's text: notes on the workers to blame, and how they are written.
 */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <cmwq2/workqueue.h>

#include "base/types.h"
#include "base/work.h"
#include "look/rules.h"
#include "look/show.h"
#include "look/verdict.h"

#define CMWQ2_REASON_WORD(_name, _word, _means)	[CMWQ2_WHY_##_name] = _word,
static const char *const cmwq2_why_names[] = { CMWQ2_REASONS(CMWQ2_REASON_WORD) };

struct cmwq2_rule {
	enum cmwq2_why	why;
	const char	*detail;
	unsigned int	facts;
};

/* The facts of a rule, of which there are at most four. */
#define CMWQ2_FACTS_OF(a, b, c, d, ...)		(CMWQ2_F(a) | CMWQ2_F(b) | CMWQ2_F(c) | CMWQ2_F(d))
#define CMWQ2_F(name)				CMWQ2_FACT_##name
#define CMWQ2_FACT_				0
#define CMWQ2_RULE(_why, _detail, ...)						\
	{ CMWQ2_WHY_##_why, _detail, CMWQ2_FACTS_OF(__VA_ARGS__, , , ,) },
static const struct cmwq2_rule cmwq2_rules[] = { CMWQ2_RULES(CMWQ2_RULE) };

/* Set the reason and its detail from the facts. The first rule that applies gives them. */
static void cmwq2_conclude(struct cmwq2_verdict *v)
{
	int i;

	v->why = CMWQ2_WHY_LOST;
	for (i = 0; i < ARRAY_SIZE(cmwq2_rules); i++) {
		if ((v->facts & cmwq2_rules[i].facts) != cmwq2_rules[i].facts)
			continue;
		v->why = cmwq2_rules[i].why;
		v->detail = cmwq2_rules[i].detail;
		return;
	}
}

static bool cmwq2_was_seen(const struct cmwq2_verdict *v, pid_t pid)
{
	int i;

	for (i = 0; i < min(v->nr, CMWQ2_SEEN); i++)
		if (v->seen[i].pid == pid)
			return true;
	return false;
}

/* For how many milliseconds the worker has done what it is blamed for. */
static unsigned int cmwq2_seen_ms(struct cmwq2_worker *worker, enum cmwq2_role role)
{
	if (role == CMWQ2_ROLE_CREATES)
		return cmwq2_ms_since(READ_ONCE(worker->pool->creating.at));
	if (role == CMWQ2_ROLE_PICKED)
		return cmwq2_ms_since(worker->pool->kicked_at);
	return cmwq2_ms_since(READ_ONCE(worker->started_at));
}

/**
 * cmwq2_see - note a worker that is to blame
 * @v: verdict
 * @worker: worker
 * @role: what it is to blame for
 *
 * Context: the lock of the worker's pool held; or the worker is the rescuer of
 * a queue with items: its fields may change, but it is not freed.
 */
void cmwq2_see(struct cmwq2_verdict *v, struct cmwq2_worker *worker, enum cmwq2_role role)
{
	struct cmwq2_pwq *pwq = READ_ONCE(worker->current_pwq);
	unsigned int ms = cmwq2_seen_ms(worker, role);
	struct task_struct *task = worker->task;
	struct cmwq2_seen *seen;

	/* A rescuer is also among the busy workers of the pool it helps: note it once. */
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
		cmwq2_write(out,
			    "is the manager, last tried to create a worker %u ms ago, failed %d times, last error %d",
			    seen->ms, seen->failed, seen->error);
	else
		cmwq2_write(out, "is the manager, has been creating a worker for %u ms",
			    seen->ms);
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

/**
 * cmwq2_note_item - note the item that waits
 * @v: verdict
 * @pool: its pool
 * @work: item
 *
 * Context: @pool->lock held.
 */
void cmwq2_note_item(struct cmwq2_verdict *v, struct cmwq2_pool *pool, struct cmwq2_work *work)
{
	struct cmwq2_pwq *pwq = cmwq2_work_pwq(work);

	v->pool = pool;
	v->func = work->func;
	v->age = cmwq2_age_ms(work);
	strscpy(v->queue, pwq ? pwq->wq->name : "?", sizeof(v->queue));
}

/**
 * cmwq2_write_verdict - conclude why an item waits, and write it as a paragraph
 * @out: where to write
 * @v: verdict with all of its facts
 *
 * Context: RCU read-side section, which keeps the pool; no lock held.
 */
void cmwq2_write_verdict(struct cmwq2_out *out, struct cmwq2_verdict *v)
{
	int i;

	cmwq2_conclude(v);
	cmwq2_write(out, "stall: %s: pool %u, CPUs %*pbl: %ps of queue %s ",
		    cmwq2_why_names[v->why], v->pool->id,
		    cpumask_pr_args(v->pool->attrs->cpumask), v->func, v->queue);
	if (v->why == CMWQ2_WHY_AWAITED)
		cmwq2_write(out, "runs for %u ms, a thread waits for it for %u ms\n", v->stuck,
			    v->age);
	else
		cmwq2_write(out, "waits for %u ms, no item taken for %u ms\n", v->age, v->stuck);
	if (v->detail)
		cmwq2_write(out, "  %s\n", v->detail);
	if (v->waiter)
		cmwq2_write(out, "  thread %d waits\n", v->waiter);
	for (i = 0; i < min(v->nr, CMWQ2_SEEN); i++)
		cmwq2_write_seen(out, &v->seen[i]);
	if (v->nr > CMWQ2_SEEN)
		cmwq2_write(out, "  and %d more\n", v->nr - CMWQ2_SEEN);
}
