// SPDX-License-Identifier: GPL-2.0
/*
 * The rules about single items and about waiting. Each only claims what the API promises,
 * whenever within a call its effect happened.
 */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/stdarg.h>
#include <linux/string.h>

#include "facts.h"

/* The most workers that one scan of a pool looks at; src/core/scan.c promises it. */
#define FZ_SCAN_LOOKS	32

/* Sets the verdict of the lane, unless it has one. Returns true. */
bool fz_wrong(struct fz_lane *l, const char *fmt, ...)
{
	va_list args;
	int len;

	if (*l->verdict)
		return true;
	len = scnprintf(l->verdict, sizeof(l->verdict), "%s: ", l->engine->name);
	va_start(args, fmt);
	vscnprintf(l->verdict + len, sizeof(l->verdict) - len, fmt, args);
	va_end(args);
	return true;
}

/* Runs and cancels never exceed what was queued before. */
static bool fz_spurious_run(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_run_of *r;
	int ended, added;

	fz_for_each_run(r, f) {
		ended = fz_begun(f, r->item, r->begin + 1) +
			fz_taken(f, r->item, FZ_LEAST, FZ_EVER, r->begin);
		added = fz_added(f, r->item, FZ_MOST, r->begin, FZ_EVER);
		if (ended > added)
			return fz_wrong(l,
					"spurious: i%u runs at %u; it was queued %d times, %d are over",
					r->item, r->begin, added, ended - 1);
	}
	return false;
}

/* In the end each instance has run or was cancelled. */
static bool fz_unbalanced(struct fz_lane *l, const struct fz_facts *f)
{
	int i, runs;

	for (i = 0; i < f->nr_items; i++) {
		runs = fz_begun(f, i, FZ_EVER);
		if (runs < fz_added(f, i, FZ_LEAST, FZ_EVER, FZ_EVER) -
			   fz_taken(f, i, FZ_MOST, FZ_EVER, FZ_EVER))
			return fz_wrong(l, "lost: i%d ran only %d times", i, runs);
		if (runs > fz_added(f, i, FZ_MOST, FZ_EVER, FZ_EVER) -
			   fz_taken(f, i, FZ_LEAST, FZ_EVER, FZ_EVER))
			return fz_wrong(l, "spurious: i%d ran %d times", i, runs);
	}
	return false;
}

/* An item whose instances all go to one queue never runs twice at once. */
static bool fz_reentered(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_run_of *a, *b;

	fz_for_each_run(a, f) {
		if (hweight32(f->queues[a->item]) > 1)
			continue;
		fz_for_each_run(b, f)
			if (a->item == b->item && a->begin < b->begin && b->begin < a->end)
				return fz_wrong(l, "reentered: i%u runs twice at %u",
						a->item, b->begin);
	}
	return false;
}

/*
 * Whether all instances of @item that were added by calls that ended before @call began
 * (or, with @chained, that begun before it ended) are over when @call has ended.
 */
static bool fz_all_over(const struct fz_facts *f, const struct fz_call *call, unsigned int item,
			bool chained)
{
	int added = chained ? fz_added(f, item, FZ_LEAST, call->end, FZ_EVER) :
		    fz_added(f, item, FZ_LEAST, FZ_EVER, call->begin);

	return fz_ended(f, item, call->end) +
	       fz_taken(f, item, FZ_MOST, call->end, FZ_EVER) >= added;
}

/* A run that had begun before a call that waits for it must have ended. */
static bool fz_still_runs(const struct fz_facts *f, const struct fz_call *call)
{
	const struct fz_run_of *r;

	fz_for_each_run(r, f)
		if (r->item == call->item && r->begin < call->begin && r->end > call->end)
			return true;
	return false;
}

/*
 * Whether a cancel may have removed the instance that a flush waited for. Then the kernel's
 * own workqueue may miss the run before it.
 */
static bool fz_is_overtaken(const struct fz_facts *f, const struct fz_call *flush)
{
	const struct fz_call *c;

	if (flush->code != FZ_FLUSH || f->l->ours || !CMWQ2_NATIVE_FLUSH_MISSES_RUN)
		return false;
	fz_for_each_call(c, f)
		if (c->item == flush->item && c->take[FZ_MOST] &&
		    c->begin < flush->end && c->end > flush->begin)
			return true;
	return false;
}

static bool fz_wait_too_short(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_call *c;

	fz_for_each_call(c, f) {
		if (!(fz_info[c->code].flags & FZ_WAITS) || c->end == FZ_OPEN_END)
			continue;
		/* On several queues at once an item may run several times at once. */
		if (hweight32(f->queues[c->item]) > 1)
			continue;
		if (!fz_still_runs(f, c) && fz_all_over(f, c, c->item, false))
			continue;
		if (fz_is_overtaken(f, c))
			l->known = "FLUSH_MISSES_RUN";
		return fz_wrong(l, "early: %s of i%u returned at %u before i%u was done",
				fz_info[c->code].name, c->item, c->end, c->item);
	}
	return false;
}

static bool fz_is_late(const struct fz_facts *f, unsigned int item)
{
	return item < FZ_ITEMS && f->p->kind[item] != FZ_PLAIN && f->p->kind[item] != FZ_BH;
}

/* The last call that added an instance of @item and had ended before; NULL if it is not clear. */
static const struct fz_call *fz_last_added(const struct fz_facts *f, unsigned int item,
					   unsigned int before)
{
	const struct fz_call *c, *last = NULL;

	fz_for_each_call(c, f)
		if (c->item == item && c->add[FZ_MOST] && c->begin < before &&
		    (!last || c->end > last->end))
			last = c;
	if (!last || last->end >= before)
		return NULL;
	fz_for_each_call(c, f)
		if (c != last && c->item == item && c->add[FZ_MOST] && c->begin < before &&
		    c->end > last->begin)
			return NULL;
	return last;
}

/*
 * Whether the instance that a call added is over when a flush has ended, or may have been
 * removed. Nothing is said about earlier instances: they may still run on other queues, and
 * the beginning of a run is in the log a moment after the item can be queued again.
 */
static bool fz_instance_over(const struct fz_facts *f, const struct fz_call *adder,
			     const struct fz_call *flush)
{
	const struct fz_run_of *r;
	const struct fz_call *c;

	fz_for_each_call(c, f)
		if (c->item == adder->item && c->take[FZ_MOST] && c->end > adder->begin &&
		    c->begin < flush->end)
			return true;
	fz_for_each_run(r, f)
		if (r->item == adder->item && r->begin > adder->begin && r->end < flush->end)
			return true;
	return false;
}

/* A flush of a queue waits for the last instance of @item, if that is on this queue. */
static bool fz_flush_misses(const struct fz_facts *f, const struct fz_call *flush,
			    unsigned int item)
{
	const struct fz_call *last;

	if (fz_is_late(f, item))
		return false;
	if (fz_only_on(f, item, flush->q))
		return !fz_all_over(f, flush, item, flush->code != FZ_FLUSH_WQ);
	last = fz_last_added(f, item, flush->begin);
	if (!last || last->q != flush->q || !last->add[FZ_LEAST])
		return false;
	return !fz_instance_over(f, last, flush);
}

static bool fz_flush_too_short(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_call *c;
	int i;

	fz_for_each_call(c, f) {
		if ((c->code != FZ_FLUSH_WQ && c->code != FZ_DRAIN && c->code != FZ_RECREATE) ||
		    c->end == FZ_OPEN_END)
			continue;
		for (i = 0; i < f->nr_items; i++)
			if (fz_flush_misses(f, c, i))
				return fz_wrong(l,
						"early: %s of q%u returned at %u before i%d was done",
						fz_info[c->code].name, c->q, c->end, i);
	}
	return false;
}

static bool fz_touched(const struct fz_facts *f, const struct fz_call *call)
{
	const struct fz_call *c;

	fz_for_each_call(c, f)
		if (c != call && c->item == call->item && fz_info[c->code].flags & FZ_I &&
		    fz_info[c->code].flags & FZ_TOUCHES &&
		    c->begin < call->end && c->end > call->begin)
			return true;
	return false;
}

/* How many disables of the item are surely, or possibly, in effect while a call lasts. */
static int fz_depth(const struct fz_facts *f, const struct fz_call *call, int which)
{
	const struct fz_call *c;
	bool surely = which == FZ_LEAST;
	int depth = 0;

	fz_for_each_call(c, f) {
		if (c->item != call->item)
			continue;
		if (c->code == FZ_DISABLE || c->code == FZ_DISABLE_SYNC)
			depth += surely ? c->end < call->begin : c->begin < call->end;
		else if (c->code == FZ_ENABLE || c->code == FZ_ENABLE_QUEUE)
			depth -= surely ? c->begin < call->end : c->end < call->begin;
	}
	return depth;
}

/* An idle item that is enabled is accepted, and a disabled one is refused. */
static bool fz_wrong_answer(struct fz_lane *l, const struct fz_facts *f)
{
	const struct fz_call *c;
	int pending;

	fz_for_each_call(c, f) {
		if (!(fz_info[c->code].flags & FZ_ENQUEUES) || c->end == FZ_OPEN_END)
			continue;
		if (c->ret && fz_depth(f, c, FZ_LEAST) > 0)
			return fz_wrong(l, "accepted: %s took i%u at %u, which was disabled",
					fz_info[c->code].name, c->item, c->begin);
		if (c->ret || fz_depth(f, c, FZ_MOST) > 0 || fz_touched(f, c))
			continue;
		pending = fz_added(f, c->item, FZ_MOST, c->end, FZ_EVER) -
			  fz_begun(f, c->item, c->begin) -
			  fz_taken(f, c->item, FZ_LEAST, FZ_EVER, c->begin);
		if (pending <= 0)
			return fz_wrong(l,
					"refused: %s did not take i%u at %u although it was free",
					fz_info[c->code].name, c->item, c->begin);
	}
	return false;
}

/*
 * Judges items one by one. Returns whether something is wrong; the verdict then says what.
 */
bool fz_judge(struct fz_lane *l, const struct fz_facts *f)
{
	return fz_spurious_run(l, f) || fz_unbalanced(l, f) || fz_reentered(l, f) ||
	       fz_wait_too_short(l, f) || fz_flush_too_short(l, f) || fz_wrong_answer(l, f);
}

/* Reads the counters that fz_judge_counters() compares. */
void fz_count(struct fz_lane *l, struct fz_counters *c)
{
	struct cmwq2_pool_stats st;
	int q, cpu;

	memset(c, 0, sizeof(*c));
	if (!l->ours)
		return;
	c->leaks = cmwq2_health(CMWQ2_HEALTH_LEAKS);
	c->strays = cmwq2_health(CMWQ2_HEALTH_STRAYS);
	c->misuses = cmwq2_health(CMWQ2_HEALTH_MISUSES);
	for (q = 0; q < l->prog->nr_queues; q++) {
		if (!(l->prog->queue[q].flags & TW_PERCPU) || l->prog->queue[q].flags & TW_BH)
			continue;
		for_each_possible_cpu(cpu) {
			if (!l->queue[q].wq || cmwq2_pool_stats(l->queue[q].wq, cpu, &st))
				continue;
			c->scans[q] += st.scans;
			c->looks[q] += st.scan_looks;
			c->lost[q] += st.scan_lost;
			c->missed[q] += st.scan_wakeups;
		}
	}
}

/* What cmwq2 itself has noticed. */
bool fz_judge_counters(struct fz_lane *l)
{
	const struct fz_counters *a = &l->before, *b = &l->after;
	int q;

	if (!l->ours)
		return false;
	if (a->leaks != b->leaks || a->misuses != b->misuses)
		return fz_wrong(l, "counter: cmwq2 has found a leak or a misuse");
	if (a->strays != b->strays && !l->hotplug)
		return fz_wrong(l, "counter: an item of a CPU's pool ran on another CPU");
	for (q = 0; q < l->prog->nr_queues; q++) {
		if (b->looks[q] - a->looks[q] > FZ_SCAN_LOOKS * (b->scans[q] - a->scans[q]))
			return fz_wrong(l, "counter: %lu scans of q%d looked at %lu workers",
					b->scans[q] - a->scans[q], q, b->looks[q] - a->looks[q]);
		if (a->lost[q] != b->lost[q])
			return fz_wrong(l, "counter: the scan timer had to kick a pool of q%d", q);
		if (a->missed[q] != b->missed[q] && strcmp(cmwq2_hook_name(), "timer"))
			return fz_wrong(l, "counter: the hook missed a block in a pool of q%d", q);
	}
	return false;
}
