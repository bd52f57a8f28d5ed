// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the log, see facts.h.
 */
#include "facts.h"

/* A disabled item is left alone, and an item is disabled while a synchronous cancel lasts. */
static bool fz_is_mod_certain(const struct fz_facts *f, const struct fz_call *mod)
{
	const struct fz_call *c;

	if (fz_has(f->p, FZ_DISABLE, mod->item) || fz_has(f->p, FZ_DISABLE_SYNC, mod->item))
		return false;
	fz_for_each_call(c, f)
		if (c->code == FZ_CANCEL_SYNC && c->item == mod->item &&
		    c->begin < mod->end && c->end > mod->begin)
			return false;
	return true;
}

/* What a call did to the instances of its item. A call that has not returned may have done it. */
static void fz_effect(const struct fz_facts *f, struct fz_call *c)
{
	unsigned int flags = fz_info[c->code].flags;
	bool open = c->end == FZ_OPEN_END;

	if (flags & FZ_ENQUEUES) {
		c->add[FZ_LEAST] = !open && c->ret;
		c->add[FZ_MOST] = open || c->ret;
	} else if (flags & FZ_TAKES) {
		c->take[FZ_LEAST] = !open && c->ret;
		c->take[FZ_MOST] = open || c->ret;
	} else if (c->code == FZ_ENABLE_QUEUE) {
		c->add[FZ_MOST] = open || c->ret;
	} else if (c->code == FZ_MOD_DELAYED) {
		/* It leaves a disabled item alone, but removes a pending instance. */
		c->add[FZ_LEAST] = !open && fz_is_mod_certain(f, c);
		c->add[FZ_MOST] = 1;
		c->take[FZ_LEAST] = !open && c->ret;
		c->take[FZ_MOST] = open || c->ret;
	}
}

static struct fz_call *fz_call_at(struct fz_facts *f, unsigned int begin)
{
	unsigned int i = f->nr_calls;

	while (i--)
		if (f->call[i].begin == begin)
			return &f->call[i];
	return NULL;
}

static struct fz_run_of *fz_run_at(struct fz_facts *f, unsigned int begin)
{
	unsigned int i = f->nr_runs;

	while (i--)
		if (f->run[i].begin == begin)
			return &f->run[i];
	return NULL;
}

static void fz_take_event(struct fz_facts *f, const struct fz_event *e, unsigned int at)
{
	struct fz_run_of *run;
	struct fz_call *call;

	switch (e->type) {
	case FZ_CALL:
		f->call[f->nr_calls++] = (struct fz_call){
			.code = e->code, .ctx = e->ctx, .q = e->q, .item = e->item,
			.on = e->on, .local = e->cpu, .n = e->n, .begin = at,
			.end = FZ_OPEN_END,
		};
		break;
	case FZ_RET:
		call = fz_call_at(f, e->first);
		if (!call)
			break;
		call->end = at;
		call->ret = e->ret;
		/* Threads are bound, and the handler of a timer does not move. */
		if (fz_is_item(call->ctx) || call->local != e->cpu)
			call->local = -1;
		break;
	case FZ_BEGIN:
		f->run[f->nr_runs++] = (struct fz_run_of){
			.item = e->item, .cpu = e->cpu, .begin = at, .end = FZ_OPEN_END,
		};
		break;
	case FZ_END:
		run = fz_run_at(f, e->first);
		if (run)
			run->end = at;
		break;
	}
}

/**
 * fz_facts - read the log of a lane
 * @l: lane
 * @f: what the log says
 *
 * Return: false if the log is too short, or if an event is being written.
 */
bool fz_facts(struct fz_lane *l, struct fz_facts *f)
{
	unsigned int i, end = atomic_read(&l->seq);

	if (end > FZ_LOG)
		return false;
	f->l = l;
	f->p = l->prog;
	f->end = end;
	f->nr_calls = 0;
	f->nr_runs = 0;
	f->nr_items = FZ_ITEMS + atomic_read(&l->nr_crowd);
	for (i = 0; i < f->nr_items; i++)
		f->queues[i] = fz_queues_of(l->prog, i);
	for (i = 0; i < end; i++) {
		/* Pairs with fz_log(): the rest of the event is there. */
		if (smp_load_acquire(&l->log[i].type) == FZ_NONE)
			return false;
		fz_take_event(f, &l->log[i], i);
	}
	for (i = 0; i < f->nr_calls; i++)
		fz_effect(f, &f->call[i]);
	return true;
}

static bool fz_counts(const struct fz_call *c, unsigned int item, unsigned int begun_before,
		      unsigned int ended_before)
{
	return c->item == item && c->begin < begun_before && c->end < ended_before;
}

/* How many instances of @item were added by calls that had begun, and ended, before. */
int fz_added(const struct fz_facts *f, unsigned int item, int which, unsigned int begun_before,
	     unsigned int ended_before)
{
	const struct fz_call *c;
	int nr = 0;

	fz_for_each_call(c, f)
		if (fz_counts(c, item, begun_before, ended_before))
			nr += c->add[which];
	return nr;
}

/* The same for instances that were removed. */
int fz_taken(const struct fz_facts *f, unsigned int item, int which, unsigned int begun_before,
	     unsigned int ended_before)
{
	const struct fz_call *c;
	int nr = 0;

	fz_for_each_call(c, f)
		if (fz_counts(c, item, begun_before, ended_before))
			nr += c->take[which];
	return nr;
}

int fz_begun(const struct fz_facts *f, unsigned int item, unsigned int before)
{
	const struct fz_run_of *r;
	int nr = 0;

	fz_for_each_run(r, f)
		nr += r->item == item && r->begin < before;
	return nr;
}

int fz_ended(const struct fz_facts *f, unsigned int item, unsigned int before)
{
	const struct fz_run_of *r;
	int nr = 0;

	fz_for_each_run(r, f)
		nr += r->item == item && r->end < before;
	return nr;
}
