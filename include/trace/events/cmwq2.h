/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's tracepoints. The first four are the kernel's own workqueue
 * events with the pool and the worker added. The others show how the engine
 * works.
 *
 * Most are reached with pool->lock held and interrupts off, so a probe must not
 * queue items of this engine, nor wake its workers.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cmwq2

#if !defined(_TRACE_CMWQ2_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_CMWQ2_H

#include <linux/sched.h>
#include <linux/tracepoint.h>

struct cmwq2_pool;
struct cmwq2_pwq;
struct cmwq2_work;
struct cmwq2_worker;

/* An item is queued, either directly or because its delay is over. */
TRACE_EVENT(cmwq2_queue_work,

	TP_PROTO(int req_cpu, struct cmwq2_pwq *pwq, struct cmwq2_work *work),

	TP_ARGS(req_cpu, pwq, work),

	TP_STRUCT__entry(
		__field(u32, pool)
		__field(int, cpu)
		__field(int, req_cpu)
		__field(void *, function)
		__field(void *, work)
		__string(workqueue, pwq->wq->name)
	),

	TP_fast_assign(
		__entry->pool = pwq->pool->id;
		__entry->cpu = pwq->pool->cpu;
		__entry->req_cpu = req_cpu;
		__entry->function = work->func;
		__entry->work = work;
		CMWQ2_ASSIGN_STR(workqueue, pwq->wq->name);
	),

	TP_printk("work=%p function=%ps workqueue=%s req_cpu=%d cpu=%d pool=%u",
		  __entry->work, __entry->function, __get_str(workqueue),
		  __entry->req_cpu, __entry->cpu, __entry->pool)
);

/* An item becomes active, either when it is queued or once max_active admits it. */
TRACE_EVENT(cmwq2_activate_work,

	TP_PROTO(struct cmwq2_pwq *pwq, struct cmwq2_work *work),

	TP_ARGS(pwq, work),

	TP_STRUCT__entry(
		__field(void *, work)
		__field(void *, function)
		__field(u32, pool)
	),

	TP_fast_assign(
		__entry->work = work;
		__entry->function = work->func;
		__entry->pool = pwq->pool->id;
	),

	TP_printk("work=%p function=%ps pool=%u", __entry->work, __entry->function,
		  __entry->pool)
);

/* Before and after the function. At the end the item may be freed: only its address is used. */
DECLARE_EVENT_CLASS(cmwq2_execute,

	TP_PROTO(struct cmwq2_worker *worker, struct cmwq2_work *work),

	TP_ARGS(worker, work),

	TP_STRUCT__entry(
		__field(void *, work)
		__field(void *, function)
		__field(u32, pool)
		__field(int, worker)
	),

	TP_fast_assign(
		__entry->work = work;
		__entry->function = worker->current_func;
		__entry->pool = worker->pool->id;
		__entry->worker = worker->id;
	),

	TP_printk("work=%p function=%ps pool=%u worker=%d", __entry->work,
		  __entry->function, __entry->pool, __entry->worker)
);

DEFINE_EVENT(cmwq2_execute, cmwq2_execute_start,
	     TP_PROTO(struct cmwq2_worker *worker, struct cmwq2_work *work),
	     TP_ARGS(worker, work));

DEFINE_EVENT(cmwq2_execute, cmwq2_execute_end,
	     TP_PROTO(struct cmwq2_worker *worker, struct cmwq2_work *work),
	     TP_ARGS(worker, work));

DECLARE_EVENT_CLASS(cmwq2_worker,

	TP_PROTO(struct cmwq2_pool *pool, struct cmwq2_worker *worker),

	TP_ARGS(pool, worker),

	TP_STRUCT__entry(
		__field(u32, pool)
		__field(int, worker)
		__field(pid_t, pid)
	),

	TP_fast_assign(
		__entry->pool = pool->id;
		__entry->worker = worker->id;
		__entry->pid = worker->task ? worker->task->pid : 0;
	),

	TP_printk("pool=%u worker=%d pid=%d", __entry->pool, __entry->worker, __entry->pid)
);

/* A worker is picked to be woken. */
DEFINE_EVENT(cmwq2_worker, cmwq2_kick,
	     TP_PROTO(struct cmwq2_pool *pool, struct cmwq2_worker *worker),
	     TP_ARGS(pool, worker));

/* A worker is created; it has not reached its main loop yet. */
DEFINE_EVENT(cmwq2_worker, cmwq2_worker_create,
	     TP_PROTO(struct cmwq2_pool *pool, struct cmwq2_worker *worker),
	     TP_ARGS(pool, worker));

/* A worker has nothing more to do and becomes idle. */
DEFINE_EVENT(cmwq2_worker, cmwq2_worker_idle,
	     TP_PROTO(struct cmwq2_pool *pool, struct cmwq2_worker *worker),
	     TP_ARGS(pool, worker));

/* A worker was idle for too long and is marked as dying. */
DEFINE_EVENT(cmwq2_worker, cmwq2_worker_cull,
	     TP_PROTO(struct cmwq2_pool *pool, struct cmwq2_worker *worker),
	     TP_ARGS(pool, worker));

/* A worker's thread is about to be stopped: it was culled, or its pool is destroyed. */
DEFINE_EVENT(cmwq2_worker, cmwq2_worker_die,
	     TP_PROTO(struct cmwq2_pool *pool, struct cmwq2_worker *worker),
	     TP_ARGS(pool, worker));

/* A picked worker's thread is woken, perhaps after pool->lock was dropped. */
TRACE_EVENT(cmwq2_wake,

	TP_PROTO(struct task_struct *task),

	TP_ARGS(task),

	TP_STRUCT__entry(
		__field(pid_t, pid)
	),

	TP_fast_assign(
		__entry->pid = task->pid;
	),

	TP_printk("pid=%d", __entry->pid)
);

/* A queue's rescuer is called to a pool. */
TRACE_EVENT(cmwq2_mayday,

	TP_PROTO(struct cmwq2_pwq *pwq),

	TP_ARGS(pwq),

	TP_STRUCT__entry(
		__string(workqueue, pwq->wq->name)
		__field(u32, pool)
	),

	TP_fast_assign(
		CMWQ2_ASSIGN_STR(workqueue, pwq->wq->name);
		__entry->pool = pwq->pool->id;
	),

	TP_printk("workqueue=%s pool=%u", __get_str(workqueue), __entry->pool)
);

/* A rescuer takes an item for which no worker could be created. */
TRACE_EVENT(cmwq2_rescue,

	TP_PROTO(struct cmwq2_pwq *pwq, struct cmwq2_work *work),

	TP_ARGS(pwq, work),

	TP_STRUCT__entry(
		__field(u32, pool)
		__field(void *, function)
		__field(void *, work)
		__string(workqueue, pwq->wq->name)
	),

	TP_fast_assign(
		__entry->pool = pwq->pool->id;
		__entry->function = work->func;
		__entry->work = work;
		CMWQ2_ASSIGN_STR(workqueue, pwq->wq->name);
	),

	TP_printk("work=%p function=%ps workqueue=%s pool=%u", __entry->work,
		  __entry->function, __get_str(workqueue), __entry->pool)
);

#endif /* _TRACE_CMWQ2_H */

/* Outside of the guard, because it is read several times. */
#include <trace/define_trace.h>
