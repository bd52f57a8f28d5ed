// SPDX-License-Identifier: GPL-2.0
/*
 * What the items of several workloads do.
 */
#include <linux/completion.h>

#include <cmwq2/ticks.h>

#include "base/types.h"
#include "measure/clock.h"
#include "workload/job.h"

/**
 * bench_complete_job - complete @done of an item, which someone waits for
 * @item: the item
 */
void bench_complete_job(struct bench_item *item)
{
	complete(&item->done);
}

/**
 * bench_timed_job - take the times, burn CPU time, and complete @done of an
 * item
 * @item: the item
 */
void bench_timed_job(struct bench_item *item)
{
	item->started = cmwq2_ticks();
	if (item->burn)
		bench_burn(item->burn);
	item->ended = cmwq2_ticks();
	/* Makes the above visible to whoever waits. */
	complete(&item->done);
}
