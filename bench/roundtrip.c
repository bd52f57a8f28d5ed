// SPDX-License-Identifier: GPL-2.0
/*
 * The job "roundtrip": a producer queues its item, waits until it has run, and
 * starts over, with one item in flight.
 */
#include "bench.h"

static u32 bench_roundtrip_once(struct bench_producer *p, struct bench_slot *slot,
				struct bench_item *item)
{
	u64 begin, end;
	bool queued;

	begin = bench_ticks();
	queued = slot->engine->queue(slot, item);
	end = bench_ticks();
	if (!queued) {
		bench_fail(p->run, "item-was-still-queued");
		return 0;
	}
	p->queued++;
	wait_for_completion(&item->done);
	return bench_ticks_between(begin, end);
}

/* A gate that is waited at by going on with the work: nobody measures alone. */
static void bench_hold(struct bench_producer *p, struct bench_slot *slot,
		       struct bench_item *item, atomic_t *arrived)
{
	struct bench_run *run = p->run;

	atomic_inc(arrived);
	while (atomic_read(arrived) < run->cfg.producers && !READ_ONCE(run->stop))
		bench_roundtrip_once(p, slot, item);
}

/**
 * bench_roundtrip - one producer's part in an engine's turn
 * @p: the producer
 */
void bench_roundtrip(struct bench_producer *p)
{
	struct bench_run *run = p->run;
	struct bench_slot *slot = run->slot;
	struct bench_item *item = &slot->items[p->index];
	u32 i;

	for (i = 0; i < run->cfg.warmup && !READ_ONCE(run->stop); i++)
		bench_roundtrip_once(p, slot, item);
	bench_hold(p, slot, item, &run->warm);

	p->begin = bench_clock();
	for (i = 0; i < run->cfg.items && !READ_ONCE(run->stop); i++)
		p->ticks[i] = bench_roundtrip_once(p, slot, item);
	p->end = bench_clock();
	bench_hold(p, slot, item, &run->timed);
}
