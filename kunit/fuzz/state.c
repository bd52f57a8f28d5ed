// SPDX-License-Identifier: GPL-2.0
/*
 * While a program runs: whether it is over, whether it can go on by itself, and whether an
 * item has to start now.
 */
#include <linux/nodemask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "facts.h"

#define FZ_NO_LIMIT	INT_MAX

static bool fz_threads_are_done(struct fz_lane *l)
{
	int i;

	for (i = 0; i < FZ_THREADS; i++)
		if (fz_is_busy(&l->thread[i]))
			return false;
	return true;
}

/* Whether no handler of a timer and no item of the program runs or is pending. */
static bool fz_nothing_is_due(struct fz_lane *l)
{
	unsigned int i, nr = atomic_read(&l->nr_crowd);

	if (atomic_read(&l->timer[0].armed) || atomic_read(&l->timer[1].armed))
		return false;
	for (i = 0; i < FZ_ITEMS + nr; i++)
		if ((i < l->prog->nr_items || i >= FZ_ITEMS) &&
		    (atomic_read(&l->item[i]->inside) ||
		     l->env[0].ops->busy(&l->item[i]->tw)))
			return false;
	return true;
}

/* Whether each run has ended. Each instance that was surely added must have run or been removed. */
static bool fz_all_have_run(const struct fz_facts *f)
{
	unsigned int i;
	int begun;

	for (i = 0; i < f->nr_items; i++) {
		begun = fz_begun(f, i, FZ_EVER);
		if (fz_ended(f, i, FZ_OPEN_END) < begun ||
		    begun < fz_added(f, i, FZ_LEAST, FZ_EVER, FZ_EVER) -
			    fz_taken(f, i, FZ_MOST, FZ_EVER, FZ_EVER))
			return false;
	}
	return true;
}

/*
 * Whether the program is over, and the engine agrees. While this looks, an item may begin to
 * run and be queued by its own function. So the log is read before the items, and must be the
 * same afterwards: then nothing has happened since, and nothing is left that could happen.
 */
bool fz_is_over(struct fz_lane *l, struct fz_facts *f)
{
	/* This alone is quick, and says no most of the time. */
	if (!fz_threads_are_done(l) || !fz_nothing_is_due(l))
		return false;
	if (!fz_facts(l, f))
		return atomic_read(&l->seq) > FZ_LOG;
	if (!fz_all_have_run(f) || !fz_nothing_is_due(l))
		return false;
	/* Pairs with fz_log() of a run that is over, and which busy() therefore did not see. */
	smp_rmb();
	return atomic_read(&l->seq) == f->end;
}

static bool fz_settled(struct fz_who *who)
{
	bool settled;

	/* A task that was seen here may end at once. It is freed after a grace period. */
	rcu_read_lock();
	/* Pairs with fz_set_state(). */
	switch (smp_load_acquire(&who->state)) {
	case FZ_RUNNING:
		settled = false;
		break;
	case FZ_BLOCKING:
		settled = READ_ONCE(who->task->__state) & TASK_UNINTERRUPTIBLE;
		break;
	default:
		settled = true;
	}
	rcu_read_unlock();
	return settled;
}

/* Whether all threads are done or wait, and all items that have begun wait. */
bool fz_is_quiet(struct fz_lane *l)
{
	int i;

	for (i = 0; i < FZ_THREADS; i++)
		if (!fz_settled(&l->who[i]))
			return false;
	for (i = 0; i < l->prog->nr_items; i++)
		if (atomic_read(&l->item[i]->inside) && !fz_settled(&l->who[FZ_ITEM0 + i]))
			return false;
	return !atomic_read(&l->timer[0].armed) && !atomic_read(&l->timer[1].armed);
}

static bool fz_waits_at(struct fz_lane *l, unsigned int gate)
{
	int i;

	if (atomic_read(&l->waiting[gate]))
		return true;
	for (i = 0; !gate && i < atomic_read(&l->nr_crowd); i++)
		if (atomic_read(&l->item[FZ_ITEMS + i]->inside))
			return true;
	return false;
}

static bool fz_anyone_awaits(struct fz_lane *l)
{
	int i;

	for (i = 0; i < FZ_THREADS; i++)
		if (READ_ONCE(l->who[i].state) == FZ_AWAITING)
			return true;
	return false;
}

/* A freeze that no later thaw has ended. */
static bool fz_may_be_frozen(const struct fz_facts *f)
{
	const struct fz_call *freeze, *thaw;
	bool thawed = true;

	fz_for_each_call(freeze, f) {
		if (freeze->code != FZ_FREEZE)
			continue;
		thawed = false;
		fz_for_each_call(thaw, f)
			thawed |= thaw->code == FZ_THAW && thaw->begin > freeze->end &&
				  thaw->end != FZ_OPEN_END;
		if (!thawed)
			return true;
	}
	return false;
}

static void fz_end_creation_faults(struct fz_lane *l)
{
	l->creation = false;
	l->starved = false;
	cmwq2_fault_create_set("off");
}

/*
 * Lets one thing go on that waits, the one that keeps the fewest others waiting. A starved pool
 * gets workers before the gates open. So items that a rescuer has taken can end in a pool that does
 * not need the rescuer any more.
 */
bool fz_release_next(struct fz_lane *l, const struct fz_facts *f)
{
	int i;

	if (fz_anyone_awaits(l)) {
		WRITE_ONCE(l->passes, l->passes + 1);
		wake_up_all(&l->moved);
		return true;
	}
	l->fed = l->starved;
	if (l->starved) {
		fz_end_creation_faults(l);
		return true;
	}
	for (i = FZ_GATES - 1; i >= 0; i--) {
		if (test_bit(i, &l->gates) || !fz_waits_at(l, i))
			continue;
		set_bit(i, &l->gates);
		wake_up_all(&l->moved);
		return true;
	}
	if (l->creation) {
		fz_end_creation_faults(l);
		return true;
	}
	if (fz_may_be_frozen(f)) {
		fz_thaw(l);
		return true;
	}
	return false;
}

/*
 * What is on a queue. @waiting are surely pending and not running; @first is one of them.
 * @taken may have slots of max_active: they run, or wait for their own run to end, or may be
 * pending.
 */
struct fz_load {
	int	waiting;
	int	taken;
	int	first;
};

/*
 * Returns how many runs of an item have not ended. An item that is used on several queues may
 * have several runs at once. Two of them may even be on the same queue, and have a slot each.
 */
static int fz_open_runs(const struct fz_facts *f, unsigned int item)
{
	const struct fz_run_of *r;
	int open = 0;

	fz_for_each_run(r, f)
		open += r->item == item && r->end == FZ_OPEN_END;
	return open;
}

static void fz_add_item(const struct fz_facts *f, unsigned int item, struct fz_load *load)
{
	bool late = item < FZ_ITEMS && f->p->kind[item] != FZ_PLAIN && f->p->kind[item] != FZ_BH;
	int begun = fz_begun(f, item, FZ_EVER), open = fz_open_runs(f, item), least, most, q;
	bool surely;

	least = fz_added(f, item, FZ_LEAST, FZ_EVER, FZ_EVER) - begun -
		fz_taken(f, item, FZ_MOST, FZ_EVER, FZ_EVER);
	most = fz_added(f, item, FZ_MOST, FZ_EVER, FZ_EVER) - begun -
	       fz_taken(f, item, FZ_LEAST, FZ_EVER, FZ_EVER);
	for (q = 0; q < f->p->nr_queues; q++) {
		if (!(f->queues[item] & BIT(q)))
			continue;
		surely = least > 0 && !open && !late && fz_only_on(f, item, q);
		load[q].taken += open + (most > 0 && !surely);
		if (surely && !load[q].waiting++)
			load[q].first = item;
	}
}

static bool fz_sets_limit(const struct fz_call *c, unsigned int q)
{
	return c->q == q && (c->code == FZ_MAX_ACTIVE || c->code == FZ_RECREATE);
}

static int fz_limit_of(const struct fz_facts *f, unsigned int q, const struct fz_call *c)
{
	const struct fz_queue_spec *spec = &f->p->queue[q];

	if (spec->flags & TW_ORDERED)
		return 1;
	if (c && c->code == FZ_MAX_ACTIVE)
		return c->n;
	return spec->max_active ?: FZ_NO_LIMIT;
}

/*
 * The least that max_active of a queue may be now: what the last call has set that has returned,
 * or one that overlapped it, or one that has not returned yet.
 */
static int fz_limit_now(const struct fz_facts *f, unsigned int q)
{
	const struct fz_call *c, *last = NULL;
	int limit;

	fz_for_each_call(c, f)
		if (fz_sets_limit(c, q) && c->end != FZ_OPEN_END &&
		    (!last || c->end >= last->end))
			last = c;
	limit = fz_limit_of(f, q, last);
	fz_for_each_call(c, f)
		if (fz_sets_limit(c, q) && (!last || c->end > last->begin))
			limit = min(limit, fz_limit_of(f, q, c));
	return limit;
}

/* Without new workers only the rescuer of a queue is sure to go on, if it runs no item yet. */
static bool fz_creation_allows(const struct fz_lane *l, const struct fz_queue_spec *spec,
			       const struct fz_load *load)
{
	if (!l->creation)
		return true;
	return spec->flags & TW_MEM_RECLAIM && !load->taken;
}

static bool fz_queue_must_go_on(struct fz_facts *f, unsigned int q, const struct fz_load *load)
{
	const struct fz_queue_spec *spec = &f->p->queue[q];

	if (!load->waiting || !fz_creation_allows(f->l, spec, load))
		return false;
	if (spec->flags & TW_FREEZABLE && fz_may_be_frozen(f))
		return false;
	/* Each node has its share of the limit of an unbound queue. */
	if (!(spec->flags & TW_PERCPU) && num_online_nodes() > 1)
		return false;
	return load->taken < fz_limit_now(f, q);
}

/**
 * fz_must_start - whether an item has to start without any help
 * @l: lane
 * @f: what its log says
 * @why: is set to which one and why
 * @size: of @why
 *
 * That is so if fewer items than max_active have a slot of their queue. Items that wait at a
 * gate sleep, so each pool has a worker for the next item, or makes one.
 *
 * Return: whether an item must start.
 */
bool fz_must_start(struct fz_lane *l, struct fz_facts *f, char *why, size_t size)
{
	struct fz_load load[FZ_QUEUES] = {};
	int i;

	for (i = 0; i < f->nr_items; i++)
		fz_add_item(f, i, load);
	for (i = 0; i < l->prog->nr_queues; i++) {
		if (!fz_queue_must_go_on(f, i, &load[i]))
			continue;
		snprintf(why, size, "i%d on q%d does not start; %d of the queue may have a slot%s",
			 load[i].first, i, load[i].taken,
			 l->creation ? ", and a rescuer could run it" : "");
		return true;
	}
	return false;
}

/*
 * The name of a fault of the kernel's own workqueue that may be the reason why an item does
 * not start, or NULL. The names are those of compat.h.
 */
const char *fz_known_fault(const struct fz_facts *f)
{
	const struct fz_call *c;
	bool cancels = false, limits = false;

	if (f->l->ours)
		return NULL;
	fz_for_each_call(c, f) {
		/* A synchronous cancel that still waits may have removed an instance. */
		cancels |= c->take[FZ_MOST];
		limits |= c->code == FZ_MAX_ACTIVE;
	}
	if (cancels && CMWQ2_NATIVE_CANCEL_KICKS_NOBODY)
		return "CMWQ2_NATIVE_CANCEL_KICKS_NOBODY";
	if ((cancels || limits) && CMWQ2_NATIVE_STAYS_IN_LINE)
		return "CMWQ2_NATIVE_STAYS_IN_LINE";
	return NULL;
}
