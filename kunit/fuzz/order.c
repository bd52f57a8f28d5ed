// SPDX-License-Identifier: GPL-2.0
/*
 * The rules about queues: order, max_active, CPUs, and freezing. As in oracle.c, each only
 * claims what the API promises.
 */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include "facts.h"

static bool fz_is_ordered(const struct fz_facts *f, unsigned int q)
{
	return f->p->queue[q].flags & TW_ORDERED;
}

/* Whether instance number n of @item is its n-th run, and was queued at once by a plain call. */
static bool fz_is_plain(const struct fz_facts *f, unsigned int item)
{
	const struct fz_call *c;

	if (item < FZ_ITEMS && f->p->kind[item] != FZ_PLAIN)
		return false;
	fz_for_each_call(c, f)
		if (c->item == item && (c->take[FZ_MOST] || c->add[FZ_MOST] != c->add[FZ_LEAST]))
			return false;
	return true;
}

/* The call that added instance number @n, from 0, of a plain item; NULL if it is not clear. */
static const struct fz_call *fz_adder(const struct fz_facts *f, unsigned int item, int n)
{
	const struct fz_call *c, *d;
	int before;
	bool alone;

	fz_for_each_call(c, f) {
		if (c->item != item || !c->add[FZ_LEAST])
			continue;
		before = 0;
		alone = true;
		fz_for_each_call(d, f) {
			if (d == c || d->item != item || !d->add[FZ_MOST])
				continue;
			before += d->end < c->begin;
			alone &= d->end < c->begin || d->begin > c->end;
		}
		if (alone && before == n)
			return c;
	}
	return NULL;
}

/* For each run the call that queued it, if the item is a plain one that is used on @q only. */
static void fz_find_adders(const struct fz_facts *f, unsigned int q, const struct fz_call **adders)
{
	bool plain[FZ_ALL_ITEMS];
	const struct fz_run_of *r;
	int i;

	for (i = 0; i < f->nr_items; i++)
		plain[i] = fz_only_on(f, i, q) && fz_is_plain(f, i);
	fz_for_each_run(r, f)
		adders[r - f->run] = plain[r->item] ?
				     fz_adder(f, r->item, fz_begun(f, r->item, r->begin)) : NULL;
}

static bool fz_pair_out_of_order(struct fz_lane *l, const struct fz_facts *f, unsigned int q,
				 const struct fz_run_of *a, const struct fz_run_of *b,
				 const struct fz_call **adders)
{
	const struct fz_call *qa = adders[a - f->run], *qb = adders[b - f->run];

	if (b->begin < a->end)
		return fz_wrong(l, "order: i%u and i%u run at once at %u on q%u",
				a->item, b->item, b->begin, q);
	if (qa && qb && qb->end < qa->begin)
		return fz_wrong(l,
				"order: i%u began at %u before i%u, which was queued earlier on q%u",
				a->item, a->begin, b->item, q);
	return false;
}

static bool fz_queue_out_of_order(struct fz_lane *l, const struct fz_facts *f, unsigned int q,
				  const struct fz_call **adders)
{
	const struct fz_run_of *a, *b;

	fz_find_adders(f, q, adders);
	fz_for_each_run(a, f) {
		if (!fz_only_on(f, a->item, q))
			continue;
		fz_for_each_run(b, f)
			if (b->begin > a->begin && fz_only_on(f, b->item, q) &&
			    fz_pair_out_of_order(l, f, q, a, b, adders))
				return true;
	}
	return false;
}

static bool fz_out_of_order(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_call **adders = kvcalloc(f->nr_runs + 1, sizeof(*adders), GFP_KERNEL);
	bool wrong = false;
	int q;

	for (q = 0; adders && !wrong && q < f->p->nr_queues; q++)
		wrong = fz_is_ordered(f, q) && fz_queue_out_of_order(l, f, q, adders);
	kvfree(adders);
	return wrong;
}

/* The highest value of max_active that may ever have been in effect before; 0 for no limit. */
static int fz_highest_limit(const struct fz_facts *f, unsigned int q, unsigned int before)
{
	int limit = f->p->queue[q].max_active;
	const struct fz_call *c;

	if (!limit)
		return 0;
	fz_for_each_call(c, f)
		if (c->code == FZ_MAX_ACTIVE && c->q == q && c->begin < before)
			limit = max(limit, c->n);
	return limit;
}

static bool fz_limit_is_known(const struct fz_facts *f, unsigned int q)
{
	unsigned int flags = f->p->queue[q].flags;

	if (flags & (TW_BH | TW_ORDERED))
		return false;
	if (flags & TW_PERCPU)
		return !f->l->hotplug;
	/* Older kernels limit each pool of an unbound queue. */
	return num_online_nodes() == 1 && (f->l->ours || CMWQ2_NATIVE_STAYS_IN_LINE);
}

static int fz_at_once(const struct fz_facts *f, const struct fz_run_of *run, unsigned int q)
{
	bool percpu = f->p->queue[q].flags & TW_PERCPU;
	const struct fz_run_of *r;
	int nr = 0;

	fz_for_each_run(r, f)
		nr += fz_only_on(f, r->item, q) && r->begin <= run->begin && r->end > run->begin &&
		      (!percpu || r->cpu == run->cpu);
	return nr;
}

static bool fz_too_many(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_run_of *r;
	int q, limit, nr;

	fz_for_each_run(r, f) {
		q = ffs(f->queues[r->item]) - 1;
		if (q < 0 || !fz_only_on(f, r->item, q) || !fz_limit_is_known(f, q))
			continue;
		limit = fz_highest_limit(f, q, r->begin);
		nr = fz_at_once(f, r, q);
		if (limit && nr > limit)
			return fz_wrong(l, "max_active: %d items of q%d run at %u, %d are allowed",
					nr, q, r->begin, limit);
	}
	return false;
}

/*
 * On an ordered queue an item that was accepted stays pending while another one runs, so it
 * must not be accepted again.
 */
static bool fz_accepted_twice(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_call *c;
	const struct fz_run_of *r;

	fz_for_each_call(c, f) {
		if (!(fz_info[c->code].flags & FZ_ENQUEUES) || c->end == FZ_OPEN_END || !c->ret ||
		    !fz_is_ordered(f, c->q) || !fz_only_on(f, c->item, c->q) ||
		    !fz_is_plain(f, c->item))
			continue;
		fz_for_each_run(r, f)
			if (r->item != c->item && fz_only_on(f, r->item, c->q) &&
			    r->begin < c->begin && r->end > c->end &&
			    fz_added(f, c->item, FZ_LEAST, FZ_EVER, c->begin) >
			    fz_begun(f, c->item, c->end))
				return fz_wrong(l, "accepted: %s took i%u at %u, which was pending",
						fz_info[c->code].name, c->item, c->begin);
	}
	return false;
}

/*
 * The call that added the instance which a run is the run of, if the log says for certain that
 * it was the last one before. A run begins a moment before the log says so: the item is then
 * accepted again, and if a call removes that instance, the run is of an earlier one.
 */
static const struct fz_call *fz_last_adder(const struct fz_facts *f, const struct fz_run_of *run)
{
	const struct fz_call *c, *last = NULL;

	/* All instances that were added so far are over, so this is the last one. */
	if (fz_begun(f, run->item, run->begin + 1) +
	    fz_taken(f, run->item, FZ_LEAST, FZ_EVER, run->begin) !=
	    fz_added(f, run->item, FZ_MOST, run->begin, FZ_EVER))
		return NULL;
	fz_for_each_call(c, f)
		if (c->item == run->item && c->add[FZ_MOST] && c->begin < run->begin &&
		    (!last || c->end > last->end))
			last = c;
	fz_for_each_call(c, f)
		if (last && c != last && c->item == run->item &&
		    (c->add[FZ_MOST] || c->take[FZ_MOST]) &&
		    c->begin < run->begin && c->end > last->begin)
			return NULL;
	return last;
}

/* Whether a call between two times has waited until the item of @run was idle. */
static bool fz_waited_for(const struct fz_facts *f, const struct fz_run_of *run, unsigned int until)
{
	const struct fz_call *c;

	fz_for_each_call(c, f)
		if (fz_info[c->code].flags & FZ_WAITS && c->item == run->item &&
		    c->begin > run->end && c->end < until)
			return true;
	return false;
}

/*
 * Whether an earlier run of the item may not have been over: then the item follows it. The end
 * of a run is in the log a moment before the function returns.
 */
static bool fz_follows(const struct fz_facts *f, const struct fz_run_of *run,
		       const struct fz_call *adder)
{
	const struct fz_run_of *r;

	fz_for_each_run(r, f)
		if (r->item == run->item && r->begin < run->begin &&
		    !fz_waited_for(f, r, adder->begin))
			return true;
	return false;
}

/* Whether the attributes of an unbound queue allow a CPU at any time from the call on. */
static bool fz_attrs_allow(const struct fz_facts *f, const struct fz_call *adder,
			   const struct fz_run_of *run)
{
	const struct fz_call *c, *last = NULL;
	struct cpumask mask;

	fz_for_each_call(c, f) {
		if (c->q != adder->q || (c->code != FZ_ATTRS && c->code != FZ_RECREATE))
			continue;
		/* Before the last one that had ended, others do not matter. */
		if (c->end < adder->begin && (!last || c->end > last->end))
			last = c;
	}
	if (!last || last->code == FZ_RECREATE || last->ret)
		return true;
	fz_for_each_call(c, f)
		if (c != last && c->q == adder->q && c->end > last->begin &&
		    (c->code == FZ_ATTRS || c->code == FZ_RECREATE) && c->begin < run->begin)
			return true;
	fz_attrs_cpus(last->n, &mask);
	return cpumask_test_cpu(run->cpu, &mask);
}

static bool fz_wrong_cpu(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_call *adder;
	const struct fz_run_of *r;
	int cpu;

	if (l->hotplug)
		return false;
	fz_for_each_run(r, f) {
		adder = fz_last_adder(f, r);
		if (!adder || fz_follows(f, r, adder))
			continue;
		if (!(f->p->queue[adder->q].flags & TW_PERCPU)) {
			if (!fz_has(f->p, FZ_CPUMASK, -1) && !fz_attrs_allow(f, adder, r))
				return fz_wrong(l,
						"cpu: i%u ran at %u on CPU %d, which the attributes of q%u exclude",
						r->item, r->begin, r->cpu, adder->q);
			continue;
		}
		cpu = adder->on;
		/* A delay that is not 0 ends on any CPU, and so does a grace period. */
		if (cpu < 0 && !adder->n && adder->code != FZ_QUEUE_RCU)
			cpu = adder->local;
		if (cpu >= 0 && r->cpu != cpu)
			return fz_wrong(l, "cpu: i%u ran at %u on CPU %d instead of %d",
					r->item, r->begin, r->cpu, cpu);
	}
	return false;
}

/*
 * Runs that begin between a freeze and the next thaw were queued before the freeze had ended.
 * An instance that is cancelled in between may have been queued in between, too, so only
 * cancels that had returned when the freeze ended are counted.
 */
static bool fz_ran_frozen(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_call *freeze, *c;
	const struct fz_run_of *r;
	unsigned int thaw;
	int q;

	fz_for_each_call(freeze, f) {
		if (freeze->code != FZ_FREEZE)
			continue;
		thaw = FZ_OPEN_END;
		fz_for_each_call(c, f)
			if (c->code == FZ_THAW && c->end > freeze->begin)
				thaw = min_t(unsigned int, thaw, c->begin);
		fz_for_each_run(r, f) {
			q = ffs(f->queues[r->item]) - 1;
			if (r->begin < freeze->end || r->begin > thaw || q < 0 ||
			    !fz_only_on(f, r->item, q) ||
			    !(f->p->queue[q].flags & TW_FREEZABLE))
				continue;
			if (fz_begun(f, r->item, r->begin + 1) +
			    fz_taken(f, r->item, FZ_LEAST, FZ_EVER, freeze->end) >
			    fz_added(f, r->item, FZ_MOST, freeze->end, FZ_EVER))
				return fz_wrong(l, "frozen: i%u began at %u, while q%d was frozen",
						r->item, r->begin, q);
		}
	}
	return false;
}

/* Judges queues. Returns whether something is wrong; the verdict then says what. */
bool fz_judge_order(struct fz_lane *l, const struct fz_facts *f)
{
	return fz_accepted_twice(l, f) || fz_out_of_order(l, f) || fz_too_many(l, f) ||
	       fz_wrong_cpu(l, f) || fz_ran_frozen(l, f);
}
