// SPDX-License-Identifier: GPL-2.0
/*
 * The checkers, see check.h.
 */
#include <linux/sched.h>

#include "check.h"

struct tw_log *tw_log(struct tw_env *env, int max)
{
	struct tw_log *log = tw_zalloc(env, struct_size(log, id, max));

	raw_spin_lock_init(&log->lock);
	log->max = max;
	return log;
}

void tw_log_add(struct tw_log *log, int id)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&log->lock, flags);
	if (log->nr < log->max)
		log->id[log->nr] = id;
	WRITE_ONCE(log->nr, log->nr + 1);
	raw_spin_unlock_irqrestore(&log->lock, flags);
}

/* True if the log has exactly 0 .. nr-1, in this order. */
bool tw_log_is_fifo(struct tw_log *log, int nr)
{
	return tw_log_is_fifo_by_lane(log, nr, 1);
}

/*
 * Lane l has the ids l, l + nr_lanes, l + 2 * nr_lanes and so on. True if the
 * ids of each lane are in order, none is missing, and none appears twice.
 */
bool tw_log_is_fifo_by_lane(struct tw_log *log, int nr, int nr_lanes)
{
	int lane, i;

	if (log->nr != nr || nr > log->max)
		return false;
	for (i = 0; i < nr; i++)
		if (log->id[i] < 0 || log->id[i] >= nr)
			return false;
	for (lane = 0; lane < nr_lanes; lane++) {
		int next = lane;

		for (i = 0; i < nr; i++) {
			if (log->id[i] % nr_lanes != lane)
				continue;
			if (log->id[i] != next)
				return false;
			next += nr_lanes;
		}
	}
	return true;
}

void tw_gauge_enter(struct tw_gauge *g)
{
	int now = atomic_inc_return(&g->now);
	int max = atomic_read(&g->max);

	while (now > max && !atomic_try_cmpxchg(&g->max, &max, now))
		;
}

void tw_gauge_exit(struct tw_gauge *g)
{
	atomic_dec(&g->now);
}

bool tw_ledger_balanced(struct tw_ledger *l, long runs)
{
	return atomic_long_read(&l->queued) - atomic_long_read(&l->cancelled) == runs;
}

bool tw_item_ran_once_each(struct tw_item **items, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		if (atomic_read(&items[i]->runs) != 1)
			return false;
	return true;
}

bool tw_item_never_overlapped(struct tw_item *it)
{
	return !atomic_read(&it->overlaps);
}

struct tw_blows {
	int			times;
	bool			(*cancel_sync)(struct tw_item *it);
	struct tw_ledger	ledger;
};

static void hammer_queue(struct tw_thread *t)
{
	struct tw_blows *b = t->ctx;
	int i;

	for (i = 0; i < b->times && !READ_ONCE(t->env->closing); i++) {
		tw_progress(t);
		if (tw_queue(t->wq, t->it))
			atomic_long_inc(&b->ledger.queued);
		if (i % 32 == 31)
			cond_resched();
	}
}

static void hammer_cancel(struct tw_thread *t)
{
	struct tw_blows *b = t->ctx;
	int i;

	for (i = 0; i < b->times && !READ_ONCE(t->env->closing); i++) {
		bool taken = i & 1 ? tw_cancel(t->it) : b->cancel_sync(t->it);

		tw_progress(t);
		if (taken)
			atomic_long_inc(&b->ledger.cancelled);
		if (i % 32 == 31)
			cond_resched();
	}
}

/**
 * tw_hammer - queue and cancel an item from two threads each, check the ledger
 * @w: queue
 * @it: item that is idle and has not run
 * @times: how often each thread queues or cancels
 * @cancel_sync: called for every other cancellation
 */
void tw_hammer(struct tw_wq *w, struct tw_item *it, int times,
	       bool (*cancel_sync)(struct tw_item *it))
{
	struct kunit *test = w->env->test;
	struct tw_blows *b = tw_zalloc(w->env, sizeof(*b));
	struct tw_thread *t[4];
	int i;

	b->times = times;
	b->cancel_sync = cancel_sync;
	for (i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = tw_thread(w->env, tw_cpu(i), i & 2 ? hammer_cancel : hammer_queue, w, it, b);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		tw_thread_start(t[i]);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		tw_join(t[i], "threads that queue and cancel");
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_ledger_balanced(&b->ledger, atomic_read(&it->runs)));
	KUNIT_EXPECT_TRUE(test, tw_item_never_overlapped(it));
	KUNIT_EXPECT_FALSE(test, tw_pending(it));
}
