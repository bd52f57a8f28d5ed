// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of programs: each becomes a call of the lane's engine, with an entry in
 * the log before and after it.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "fuzz.h"

/* What FZ_POLICY chooses from. */
const char *const fz_policies[][2] = {
	{ "claim", "none" }, { "claim", "kicked_list" }, { "claim", "kicked_first" },
	{ "claim", "leave_idle" }, { "claim", "kicked_flag" },
	{ "concurrency", "free" }, { "concurrency", "managed" }, { "concurrency", "short" },
	{ "pick", "head" }, { "pick", "local" }, { "pick", "predict" },
	{ "rescue", "cursor" }, { "rescue", "slurp" }, { "rescue", "restart" },
	{ "spin", "off" }, { "spin", "short" },
	{ "wake", "locked" }, { "wake", "enqueue" }, { "wake", "process" },
	{ "wake", "deferred" }, { "wake", "everywhere" },
	{ "wakeup", "always" }, { "wakeup", "needed" },
	{ "profile", "shared" }, { "profile", "mainline-7.3" },
	{ "yield", "soon" }, { "yield", "later" },
	{ "inbox", "off" }, { "inbox", "on" },
};

unsigned int fz_nr_policies(void)
{
	return ARRAY_SIZE(fz_policies);
}

static int fz_cpu(const struct fz_lane *l, const struct fz_op *op)
{
	bool late = op->code == FZ_QUEUE_DELAYED || op->code == FZ_MOD_DELAYED;

	/* A timer that is started on a CPU that is offline may never expire. */
	if (op->cpu < 0 || (late && l->hotplug))
		return TW_ANY_CPU;
	return op->cpu % num_possible_cpus();
}

static bool fz_delayed(const struct fz_lane *l, const struct fz_op *op)
{
	return l->prog->kind[op->item] == FZ_DELAYED;
}

/* The CPUs of attributes number @n. */
void fz_attrs_cpus(int n, struct cpumask *mask)
{
	cpumask_copy(mask, cpu_possible_mask);
	if (n < 2)
		cpumask_copy(mask, cpumask_of(n % num_possible_cpus()));
}

static int fz_attrs(struct fz_lane *l, const struct fz_op *op)
{
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	int ret;

	if (!attrs)
		return -ENOMEM;
	fz_attrs_cpus(op->n, attrs->cpumask);
	attrs->nice = op->n == 3 ? -5 : 0;
	attrs->affn_scope = op->n == 4 ? CMWQ2_AFFN_SYSTEM : op->n > 4 ? CMWQ2_AFFN_CPU :
			    CMWQ2_AFFN_DFL;
	attrs->affn_strict = op->n == 6;
	ret = cmwq2_apply_workqueue_attrs(l->queue[op->q].wq, attrs);
	cmwq2_free_workqueue_attrs(attrs);
	return ret;
}

static int fz_cpumask(struct fz_lane *l, const struct fz_op *op)
{
	cpumask_var_t mask;
	int ret;

	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	fz_attrs_cpus(op->n, mask);
	ret = cmwq2_set_unbound_cpumask(mask);
	free_cpumask_var(mask);
	return ret;
}

static int fz_creation(struct fz_lane *l, const struct fz_op *op)
{
	l->creation = true;
	cmwq2_fault_create(l->queue[op->q].wq, op->cpu < 0 ? 0 : fz_cpu(l, op),
			   op->n % CMWQ2_CREATE_NR);
	return 0;
}

void fz_make_queue(struct fz_lane *l, unsigned int q)
{
	const struct fz_queue_spec *spec = &l->prog->queue[q];

	l->queue[q].wq = l->env[0].ops->alloc("cmwq2_fuzz", spec->flags, spec->max_active);
}

static int fz_recreate(struct fz_lane *l, const struct fz_op *op)
{
	struct fz_queue *q = &l->queue[op->q];

	l->env[0].ops->destroy(q->wq);
	fz_make_queue(l, op->q);
	return q->wq ? 0 : -ENOMEM;
}

/* Enables of an item must not exceed its disables. */
static int fz_enable(struct fz_lane *l, const struct fz_op *op)
{
	const struct tw_ops *ops = l->env[0].ops;
	struct fz_item *it = l->item[op->item];

	if (op->code == FZ_ENABLE_QUEUE)
		return ops->enable_and_queue(l->queue[op->q].wq, &it->tw);
	return fz_delayed(l, op) ? ops->enable_delayed(&it->tw) : ops->enable(&it->tw);
}

static int fz_disable(struct fz_lane *l, const struct fz_op *op)
{
	const struct tw_ops *ops = l->env[0].ops;
	struct fz_item *it = l->item[op->item];
	bool sync = op->code == FZ_DISABLE_SYNC;
	int ret;

	if (fz_delayed(l, op))
		ret = sync ? ops->disable_delayed_sync(&it->tw) : ops->disable_delayed(&it->tw);
	else
		ret = sync ? ops->disable_sync(&it->tw) : ops->disable(&it->tw);
	return ret;
}

static int fz_cancel(struct fz_lane *l, const struct fz_op *op)
{
	const struct tw_ops *ops = l->env[0].ops;
	struct tw_item *it = &l->item[op->item]->tw;
	bool sync = op->code == FZ_CANCEL_SYNC;

	if (fz_delayed(l, op))
		return sync ? ops->cancel_delayed_sync(it) : ops->cancel_delayed(it);
	return sync ? ops->cancel_sync(it) : ops->cancel(it);
}

static int fz_flush(struct fz_lane *l, const struct fz_op *op)
{
	const struct tw_ops *ops = l->env[0].ops;
	struct tw_item *it = &l->item[op->item]->tw;

	switch (l->prog->kind[op->item]) {
	case FZ_DELAYED:
		return ops->flush_delayed(it);
	case FZ_RCU:
		return ops->flush_rcu(it);
	default:
		return ops->flush(it);
	}
}

static int fz_call_queue(struct fz_lane *l, const struct fz_op *op)
{
	const struct tw_ops *ops = l->env[0].ops;
	struct fz_queue *q = &l->queue[op->q];

	switch (op->code) {
	case FZ_FLUSH_WQ:
		ops->flush_wq(q->wq);
		return 0;
	case FZ_DRAIN:
		ops->drain(q->wq);
		return 0;
	case FZ_RECREATE:
		return fz_recreate(l, op);
	case FZ_MAX_ACTIVE:
		return ops->set_max_active(q->wq, op->n);
	case FZ_ATTRS:
		return fz_attrs(l, op);
	case FZ_CREATION:
		return fz_creation(l, op);
	case FZ_CONGESTED:
		return ops->congested(fz_cpu(l, op), q->wq);
	}
	return -EINVAL;
}

static int fz_call_item(struct fz_lane *l, const struct fz_op *op)
{
	const struct tw_ops *ops = l->env[0].ops;
	struct tw_item *it = &l->item[op->item]->tw;
	void *wq = l->queue[op->q].wq;

	switch (op->code) {
	case FZ_QUEUE:
		return ops->queue_on(fz_cpu(l, op), wq, it);
	case FZ_QUEUE_NODE:
		return ops->queue_node(numa_node_id(), wq, it);
	case FZ_QUEUE_DELAYED:
		return ops->queue_delayed_on(fz_cpu(l, op), wq, it, op->n);
	case FZ_MOD_DELAYED:
		return ops->mod_delayed_on(fz_cpu(l, op), wq, it, op->n);
	case FZ_QUEUE_RCU:
		return ops->queue_rcu(wq, it);
	case FZ_CANCEL:
	case FZ_CANCEL_SYNC:
		return fz_cancel(l, op);
	case FZ_DISABLE:
	case FZ_DISABLE_SYNC:
		return fz_disable(l, op);
	case FZ_ENABLE:
	case FZ_ENABLE_QUEUE:
		return fz_enable(l, op);
	case FZ_FLUSH:
		return fz_flush(l, op);
	case FZ_BUSY:
		return ops->busy(it) | ops->pending(it);
	}
	return -EINVAL;
}

static int fz_call(struct fz_lane *l, const struct fz_op *op)
{
	switch (op->code) {
	case FZ_CPUMASK:
		l->cpumask = true;
		return fz_cpumask(l, op);
	case FZ_FREEZE:
		cmwq2_freeze_workqueues_begin();
		return 0;
	case FZ_THAW:
		cmwq2_thaw_workqueues();
		return 0;
	case FZ_POLICY:
		return cmwq2_policy_set(fz_policies[op->n][0], fz_policies[op->n][1]);
	case FZ_CPU_DOWN:
		return remove_cpu(num_possible_cpus() - 1);
	case FZ_CPU_UP:
		return add_cpu(num_possible_cpus() - 1);
	}
	if (fz_info[op->code].flags & FZ_I)
		return fz_call_item(l, op);
	return fz_call_queue(l, op);
}

/* Makes a call and logs it. @item is not that of @op if @op adds a crowd. */
static void fz_logged(struct fz_lane *l, unsigned int ctx, const struct fz_op *op,
		      unsigned int item)
{
	struct fz_event event = {
		.type = FZ_CALL, .ctx = ctx, .code = op->code, .q = op->q, .item = item,
		.cpu = raw_smp_processor_id(), .n = op->n,
		.on = fz_cpu(l, op) == TW_ANY_CPU ? -1 : fz_cpu(l, op),
	};

	event.first = fz_log(l, &event);
	event.type = FZ_RET;
	if (item >= FZ_ITEMS)
		event.ret = l->env[0].ops->queue_on(fz_cpu(l, op), l->queue[op->q].wq,
						    &l->item[item]->tw);
	else
		event.ret = fz_call(l, op);
	event.cpu = raw_smp_processor_id();
	fz_log(l, &event);
}

void fz_thaw(struct fz_lane *l)
{
	const struct fz_op op = { .ctx = FZ_MASTER, .code = FZ_THAW, .cpu = -1 };

	fz_logged(l, FZ_MASTER, &op, 0);
}

/* Adds @nr items that wait at gate 0, if the lane then has no more than @most of them. */
static void fz_crowd(struct fz_lane *l, unsigned int ctx, const struct fz_op *op, int nr,
		     int most)
{
	int at;

	for (; nr && atomic_read(&l->nr_crowd) < most; nr--) {
		at = atomic_fetch_add_unless(&l->nr_crowd, 1, FZ_CROWD);
		if (at >= FZ_CROWD)
			return;
		fz_logged(l, ctx, op, FZ_ITEMS + at);
	}
}

/*
 * Leaves a pool without a worker for further items, so that only rescuers can run them: no worker
 * is created any more, and each one that the pool has gets an item that waits. The last one
 * becomes the manager instead.
 */
static void fz_starve(struct fz_lane *l, unsigned int ctx, const struct fz_op *op)
{
	void *wq = l->queue[op->q].wq;
	struct cmwq2_pool_stats st;
	struct fz_op on = *op;

	on.cpu = op->cpu < 0 ? 0 : fz_cpu(l, op);
	l->creation = true;
	l->starved = true;
	cmwq2_fault_create(wq, on.cpu, CMWQ2_CREATE_STALLS);
	if (!cmwq2_pool_stats(wq, on.cpu, &st))
		fz_crowd(l, ctx, &on, st.nr_workers, FZ_CROWD);
}

static bool fz_gate_is_open(struct fz_lane *l, unsigned int gate)
{
	return READ_ONCE(l->release) || test_bit(gate, &l->gates);
}

static void fz_wait_at_gate(struct fz_lane *l, unsigned int ctx, unsigned int gate)
{
	if (fz_gate_is_open(l, gate))
		return;
	atomic_inc(&l->waiting[gate]);
	fz_set_state(l, ctx, FZ_AT_GATE);
	wait_event(l->moved, fz_gate_is_open(l, gate));
	atomic_dec(&l->waiting[gate]);
	fz_set_state(l, ctx, FZ_RUNNING);
}

static void fz_await(struct fz_lane *l, unsigned int ctx, unsigned int item)
{
	unsigned int passes = READ_ONCE(l->passes);

	fz_set_state(l, ctx, FZ_AWAITING);
	wait_event(l->moved, atomic_read(&l->item[item]->begun) || READ_ONCE(l->release) ||
		   READ_ONCE(l->passes) != passes);
	fz_set_state(l, ctx, FZ_RUNNING);
}

static void fz_spin(int us)
{
	u64 end = ktime_get_ns() + (u64)us * NSEC_PER_USEC;

	while (ktime_get_ns() < end)
		cpu_relax();
}

static void fz_start_timer(struct fz_lane *l, const struct fz_op *op)
{
	bool hard = op->code == FZ_TIMER_HARD;
	struct fz_timer *t = &l->timer[hard];

	/* Otherwise two timers could start each other for ever. */
	if (atomic_fetch_add_unless(&t->starts, 1, FZ_RUNS) < FZ_RUNS &&
	    !atomic_xchg(&t->armed, 1))
		hrtimer_start(&t->timer, us_to_ktime(op->n),
			      hard ? HRTIMER_MODE_REL_HARD : HRTIMER_MODE_REL_SOFT);
}

static void fz_silent(struct fz_lane *l, unsigned int ctx, const struct fz_op *op)
{
	switch (op->code) {
	case FZ_WAIT:
		fz_wait_at_gate(l, ctx, op->n);
		break;
	case FZ_OPEN:
		set_bit(op->n, &l->gates);
		fz_wake(l, &l->moved);
		break;
	case FZ_AWAIT:
		fz_await(l, ctx, op->item);
		break;
	case FZ_SPIN:
		fz_spin(op->n);
		break;
	case FZ_SLEEP:
		usleep_range(op->n, op->n + 10);
		break;
	default:
		fz_start_timer(l, op);
	}
}

/*
 * Nobody but its own items may queue on a queue that is being drained or destroyed. An item
 * belongs to its queue if it is never queued on another. The kernel does not recognize the items
 * of a BH queue, and may miss what other items queue.
 */
static bool fz_is_chained(struct fz_lane *l, unsigned int ctx, const struct fz_op *op)
{
	if (!l->ours && CMWQ2_NATIVE_DRAIN_MISSES_ITEM)
		return false;
	return fz_is_item(ctx) && l->prog->kind[ctx - FZ_ITEM0] != FZ_BH &&
	       fz_info[op->code].flags & FZ_ENQUEUES &&
	       fz_queues_of(l->prog, ctx - FZ_ITEM0) == BIT(op->q);
}

static bool fz_enter_queue(struct fz_queue *q)
{
	atomic_inc(&q->users);
	/* Pairs with fz_close_queue(): either it sees the user, or the user sees @closed. */
	smp_mb__after_atomic();
	if (!READ_ONCE(q->closed) && q->wq)
		return true;
	atomic_dec(&q->users);
	return false;
}

static bool fz_close_queue(struct fz_queue *q)
{
	if (xchg(&q->closed, true))
		return false;
	/* xchg() orders this; pairs with fz_enter_queue(). */
	while (atomic_read(&q->users))
		usleep_range(50, 100);
	return q->wq;
}

static void fz_exec_on_queue(struct fz_lane *l, unsigned int ctx, const struct fz_op *op)
{
	bool chained = fz_is_chained(l, ctx, op);
	struct fz_queue *q = &l->queue[op->q];

	if (op->code == FZ_DRAIN || op->code == FZ_RECREATE) {
		if (!fz_close_queue(q))
			return;
		fz_logged(l, ctx, op, op->item);
		WRITE_ONCE(q->closed, false);
		return;
	}
	if (!chained && !fz_enter_queue(q))
		return;
	if (op->code == FZ_CROWD_OP)
		fz_crowd(l, ctx, op, op->n, FZ_CROWD_MOST);
	else if (op->code == FZ_STARVE)
		fz_starve(l, ctx, op);
	else
		fz_logged(l, ctx, op, op->item);
	if (!chained)
		atomic_dec(&q->users);
}

/*
 * Makes a call that waits for an item. The kernel does not destroy a queue while somebody waits
 * for an item of it. So the native run makes no such call while a queue of the item is drained or
 * destroyed. Returns whether the call was made.
 */
static bool fz_exec_waiting(struct fz_lane *l, unsigned int ctx, const struct fz_op *op)
{
	unsigned int queues = 0, entered = 0;
	int q;

	if (!l->ours && CMWQ2_NATIVE_DESTROY_MEETS_BARRIER)
		queues = fz_queues_of(l->prog, op->item);
	for (q = 0; q < l->prog->nr_queues; q++)
		if (queues & BIT(q) && fz_enter_queue(&l->queue[q]))
			entered |= BIT(q);
	if (entered == queues)
		fz_logged(l, ctx, op, op->item);
	for (q = 0; q < l->prog->nr_queues; q++)
		if (entered & BIT(q))
			atomic_dec(&l->queue[q].users);
	return entered == queues;
}

static bool fz_has_op(const struct fz_lane *l, const struct fz_op *op)
{
	const struct tw_ops *ops = l->env[0].ops;

	if (fz_info[op->code].flags & FZ_OURS)
		return l->ours;
	switch (op->code) {
	case FZ_DISABLE:
	case FZ_DISABLE_SYNC:
	case FZ_ENABLE:
	case FZ_ENABLE_QUEUE:
		return ops->disable;
	}
	return true;
}

/* An operation that this engine, or the state of the item or queue, does not allow is left out. */
void fz_exec(struct fz_lane *l, unsigned int ctx, const struct fz_op *op)
{
	const struct fz_info *info = &fz_info[op->code];
	bool enables = op->code == FZ_ENABLE || op->code == FZ_ENABLE_QUEUE;
	bool made = true;

	if (info->flags & FZ_SILENT) {
		fz_silent(l, ctx, op);
		return;
	}
	if (!fz_has_op(l, op) || (READ_ONCE(l->release) && info->flags & FZ_Q))
		return;
	if (enables && atomic_dec_if_positive(&l->item[op->item]->disabled) < 0)
		return;
	if (info->flags & FZ_BLOCKS)
		fz_set_state(l, ctx, FZ_BLOCKING);
	if (info->flags & FZ_Q)
		fz_exec_on_queue(l, ctx, op);
	else if (info->flags & FZ_WAITS)
		made = fz_exec_waiting(l, ctx, op);
	else
		fz_logged(l, ctx, op, op->item);
	if (made && (op->code == FZ_DISABLE || op->code == FZ_DISABLE_SYNC))
		atomic_inc(&l->item[op->item]->disabled);
	if (info->flags & FZ_BLOCKS)
		fz_set_state(l, ctx, FZ_RUNNING);
}
