// SPDX-License-Identifier: GPL-2.0
/*
 * The probes that record tracepoints, see tracelog.h. The kernel's own
 * workqueue has four of these events, under other names.
 */
#include <linux/string.h>
#include <linux/tracepoint.h>

#include <trace/events/cmwq2.h>

#include "base/types.h"
#include "tracelog.h"

struct tr_log tr_log = { .lock = __RAW_SPIN_LOCK_UNLOCKED(tr_log.lock) };

static void tr_add(const struct tr_event *event)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&tr_log.lock, flags);
	if (tr_log.nr < TR_MAX)
		tr_log.event[tr_log.nr] = *event;
	tr_log.nr++;
	raw_spin_unlock_irqrestore(&tr_log.lock, flags);
}

static void on_queue(void *data, int req_cpu, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = TR_QUEUE, .work = work, .func = work->func, .wq = pwq->wq,
		.req_cpu = req_cpu, .cpu = pwq->pool->cpu, .pool = pwq->pool->id,
	};

	tr_add(&event);
}

static void on_activate(void *data, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = TR_ACTIVATE, .work = work, .func = work->func, .wq = pwq->wq,
		.pool = pwq->pool->id,
	};

	tr_add(&event);
}

/* A BH pool's worker has no thread. */
static pid_t tr_pid(struct cmwq2_worker *worker)
{
	return worker->task ? worker->task->pid : 0;
}

static void tr_execute(enum tr_kind kind, struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = kind, .work = work, .func = worker->current_func,
		.pool = worker->pool->id, .worker = worker->id, .pid = tr_pid(worker),
	};

	tr_add(&event);
}

static void on_start(void *data, struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	tr_execute(TR_START, worker, work);
}

static void on_end(void *data, struct cmwq2_worker *worker, struct cmwq2_work *work)
{
	tr_execute(TR_END, worker, work);
}

static void tr_worker(enum tr_kind kind, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	struct tr_event event = {
		.kind = kind, .pool = pool->id, .worker = worker->id,
		.pid = tr_pid(worker),
	};

	tr_add(&event);
}

static void on_kick(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_KICK, pool, worker);
}

static void on_create(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_CREATE, pool, worker);
}

static void on_idle(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_IDLE, pool, worker);
}

static void on_cull(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_CULL, pool, worker);
}

static void on_die(void *data, struct cmwq2_pool *pool, struct cmwq2_worker *worker)
{
	tr_worker(TR_DIE, pool, worker);
}

static void on_wake(void *data, struct task_struct *task)
{
	struct tr_event event = {
		.kind = TR_WAKE, .pid = task->pid,
	};

	tr_add(&event);
}

static void on_mayday(void *data, struct cmwq2_pwq *pwq)
{
	struct tr_event event = {
		.kind = TR_MAYDAY, .wq = pwq->wq, .pool = pwq->pool->id,
	};

	tr_add(&event);
}

static void on_rescue(void *data, struct cmwq2_pwq *pwq, struct cmwq2_work *work)
{
	struct tr_event event = {
		.kind = TR_RESCUE, .work = work, .func = work->func, .wq = pwq->wq,
		.pool = pwq->pool->id,
	};

	tr_add(&event);
}

/* The kernel's own tracepoints are found by name, because they are not exported. */
static void on_native_queue(void *data, int req_cpu, void *pwq, struct work_struct *work)
{
	struct tr_event event = {
		.kind = TR_QUEUE, .work = work, .func = work->func, .req_cpu = req_cpu,
	};

	tr_add(&event);
}

static void on_native_activate(void *data, struct work_struct *work)
{
	struct tr_event event = {
		.kind = TR_ACTIVATE, .work = work, .func = work->func,
	};

	tr_add(&event);
}

static void on_native_start(void *data, struct work_struct *work)
{
	struct tr_event event = {
		.kind = TR_START, .work = work, .func = work->func,
	};

	tr_add(&event);
}

static void on_native_end(void *data, struct work_struct *work, work_func_t func)
{
	struct tr_event event = {
		.kind = TR_END, .work = work, .func = func,
	};

	tr_add(&event);
}

static struct tr_probe {
	const char		*name;
	void			*fn;
	struct tracepoint	*tp;
} tr_native[] = {
	{ "workqueue_queue_work",	on_native_queue },
	{ "workqueue_activate_work",	on_native_activate },
	{ "workqueue_execute_start",	on_native_start },
	{ "workqueue_execute_end",	on_native_end },
}, tr_cmwq2[] = {
	{ "cmwq2_queue_work",		on_queue,	&__tracepoint_cmwq2_queue_work },
	{ "cmwq2_activate_work",	on_activate,	&__tracepoint_cmwq2_activate_work },
	{ "cmwq2_execute_start",	on_start,	&__tracepoint_cmwq2_execute_start },
	{ "cmwq2_execute_end",		on_end,		&__tracepoint_cmwq2_execute_end },
	{ "cmwq2_kick",			on_kick,	&__tracepoint_cmwq2_kick },
	{ "cmwq2_wake",			on_wake,	&__tracepoint_cmwq2_wake },
	{ "cmwq2_worker_create",	on_create,	&__tracepoint_cmwq2_worker_create },
	{ "cmwq2_worker_idle",		on_idle,	&__tracepoint_cmwq2_worker_idle },
	{ "cmwq2_worker_cull",		on_cull,	&__tracepoint_cmwq2_worker_cull },
	{ "cmwq2_worker_die",		on_die,		&__tracepoint_cmwq2_worker_die },
	{ "cmwq2_mayday",		on_mayday,	&__tracepoint_cmwq2_mayday },
	{ "cmwq2_rescue",		on_rescue,	&__tracepoint_cmwq2_rescue },
};

static void tr_find(struct tracepoint *tp, void *priv)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tr_native); i++)
		if (!strcmp(tp->name, tr_native[i].name))
			tr_native[i].tp = tp;
}

void tr_detach(void *data)
{
	struct tr_attached *a = data;

	while (a->nr) {
		a->nr--;
		tracepoint_probe_unregister(a->probe[a->nr].tp, a->probe[a->nr].fn, NULL);
	}
	tracepoint_synchronize_unregister();
}

struct tr_attached *tr_attach(struct tw_env *e)
{
	bool native = e->engine == &tw_engines[TW_NATIVE];
	struct tr_attached *a = kunit_kzalloc(e->test, sizeof(*a), GFP_KERNEL);
	int i, nr = native ? ARRAY_SIZE(tr_native) : ARRAY_SIZE(tr_cmwq2);

	KUNIT_ASSERT_NOT_NULL(e->test, a);
	for_each_kernel_tracepoint(tr_find, NULL);
	a->probe = native ? tr_native : tr_cmwq2;
	tr_log.nr = 0;
	KUNIT_ASSERT_EQ(e->test, kunit_add_action_or_reset(e->test, tr_detach, a), 0);
	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_NOT_NULL_MSG(e->test, a->probe[i].tp, "no tracepoint %s",
					  a->probe[i].name);
		KUNIT_ASSERT_EQ(e->test, tracepoint_probe_register(a->probe[i].tp,
								   a->probe[i].fn, NULL), 0);
		a->nr++;
	}
	return a;
}

const void *tr_work(struct tw_item *it)
{
	if (it->env->engine == &tw_engines[TW_NATIVE])
		return &it->native;
	return &it->cmwq2;
}

int tr_next(int from, enum tr_kind kind, const void *work, int pool)
{
	int i;

	for (i = from; i < min_t(int, tr_log.nr, TR_MAX); i++) {
		struct tr_event *ev = &tr_log.event[i];

		if (ev->kind == kind && (!work || ev->work == work) &&
		    (pool < 0 || ev->pool == pool))
			return i;
	}
	return -1;
}

int tr_count(enum tr_kind kind, const void *work, int pool)
{
	int i, nr = 0;

	for (i = 0; (i = tr_next(i, kind, work, pool)) >= 0; i++)
		nr++;
	return nr;
}

void tr_text(struct tw_item **items, int nr, char *buf, size_t size)
{
	int i, k, at = 0;

	for (i = 0; i < min_t(int, tr_log.nr, TR_MAX); i++) {
		struct tr_event *ev = &tr_log.event[i];

		for (k = 0; k < nr; k++)
			if (ev->work == tr_work(items[k]) && ev->kind <= TR_END)
				at += scnprintf(buf + at, size - at, "%c%c ",
						"QASE"[ev->kind], 'a' + k);
	}
	buf[at] = '\0';
}
