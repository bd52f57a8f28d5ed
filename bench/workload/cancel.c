// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "cancel": how long it takes to cancel an item, for each state
 * that the item can be in. A turn's figures are the median, the 95th percentile
 * and the maximum over its calls.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/types.h>

#include <cmwq2/ticks.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "workload/gate.h"
#include "workload/workload.h"

enum bench_cancel_value {
	BENCH_CANCEL_IDLE,
	BENCH_CANCEL_PENDING,
	BENCH_CANCEL_INACTIVE,
	BENCH_CANCEL_RUNNING,
	BENCH_CANCEL_DELAYED,
	BENCH_NR_CANCEL,
};

/* In the order of enum bench_cancel_value. */
static const char * const bench_cancel_figures[] = {
	"idle_ns", "pending_ns", "inactive_ns", "running_ns", "delayed_ns",
	"idle_p95_ns", "pending_p95_ns", "inactive_p95_ns", "running_p95_ns", "delayed_p95_ns",
	"idle_max_ns", "pending_max_ns", "inactive_max_ns", "running_max_ns", "delayed_max_ns",
};

static_assert(ARRAY_SIZE(bench_cancel_figures) == BENCH_CALL_STATS * BENCH_NR_CANCEL);

static int bench_cancel_check(const struct bench_config *cfg)
{
	if (cfg->queue == BENCH_QUEUE_PERCPU) {
		pr_err("config_queue percpu: workload cancel needs unbound or ordered\n");
		return -EINVAL;
	}
	if (cfg->in_flight < 2) {
		pr_err("config_in_flight %u: workload cancel needs 2 to %u\n",
		       cfg->in_flight, BENCH_MAX_IN_FLIGHT);
		return -EINVAL;
	}
	return 0;
}

/*
 * A single call takes only as long as a few reads of the kernel's clock. So
 * this reads the ticks, which are converted to ns at the end.
 */
static u64 bench_cancel_timed(struct bench_item *item, bool (*cancel)(struct bench_item *item),
			      bool *canceled)
{
	u64 begin = cmwq2_ticks();

	*canceled = cancel(item);
	return bench_ticks_between(begin, cmwq2_ticks());
}

/* Queues and cancels with preemption off, so that no worker of this CPU takes the item. */
static bool bench_cancel_pending(struct bench_slot *slot, u64 *ticks)
{
	struct bench_item *item = &slot->items[0];
	bool canceled;

	item->waits = false;
	preempt_disable();
	slot->engine->queue_on(slot->wq, smp_processor_id(), item);
	*ticks = bench_cancel_timed(item, slot->engine->cancel, &canceled);
	preempt_enable();
	if (!canceled)
		slot->engine->flush(slot->wq);
	return canceled;
}

/* All items behind the first one are inactive: max_active is 1. Returns their mean time. */
static u64 bench_cancel_inactive(struct bench_run *run, struct bench_slot *slot)
{
	struct bench_calls *turn = run->priv;
	u64 sum = 0;
	u32 i;

	for (i = slot->nr_items - 1; i > 0; i--) {
		bool canceled;

		sum += bench_cancel_timed(&slot->items[i], slot->engine->cancel_sync, &canceled);
		if (!canceled)
			bench_fail(run, "item-was-not-canceled");
		atomic_dec(&turn->gate.left);
	}
	return div_u64(sum, slot->nr_items - 1);
}

static void bench_cancel_once(struct bench_run *run, struct bench_slot *slot, u32 nth)
{
	struct bench_calls *turn = run->priv;
	struct bench_item *item = &slot->items[0];
	u64 ticks[BENCH_NR_CANCEL];
	unsigned int i, tries = 0;
	bool canceled;

	bench_hold_items(run, slot, &turn->gate);
	ticks[BENCH_CANCEL_INACTIVE] = bench_cancel_inactive(run, slot);
	complete_all(&turn->gate.open);
	ticks[BENCH_CANCEL_RUNNING] = bench_cancel_timed(item, slot->engine->cancel_sync,
							 &canceled);
	bench_wait(slot, &turn->gate.done);
	slot->engine->flush(slot->wq);

	ticks[BENCH_CANCEL_IDLE] = bench_cancel_timed(item, slot->engine->cancel_sync, &canceled);
	slot->engine->queue_delayed(slot->wq, item, HZ * 3600);
	ticks[BENCH_CANCEL_DELAYED] = bench_cancel_timed(item, slot->engine->cancel_delayed_sync,
							 &canceled);
	if (!canceled)
		bench_fail(run, "item-was-not-canceled");
	/* Try again if a worker of another CPU took the item first. */
	while (!bench_cancel_pending(slot, &ticks[BENCH_CANCEL_PENDING]) && ++tries < 1000)
		;
	if (tries == 1000)
		bench_fail(run, "item-never-pending");
	for (i = 0; i < BENCH_NR_CANCEL; i++)
		bench_calls_add(run, i, nth, bench_cost_ns(run, ticks[i]));
}

static int bench_cancel_turn(struct bench_run *run, struct bench_slot *slot,
			     struct bench_sample *sample)
{
	return bench_calls_turn(run, slot, sample, bench_cancel_once, slot->nr_items + 2);
}

const struct bench_workload bench_cancel = {
	.name		= "cancel",
	.figures	= bench_cancel_figures,
	.nr_figures	= ARRAY_SIZE(bench_cancel_figures),
	.settings	= BIT(BENCH_NUMBER_IN_FLIGHT) | BIT(BENCH_NUMBER_CALLS),
	.needs		= BENCH_FLUSH | BENCH_DELAY | BENCH_CANCEL,
	.has_queue	= true,
	.has_idle_round	= true,
	.max_active	= 1,
	.job		= bench_gate_job,
	.nr_items	= bench_calls_items,
	.check		= bench_cancel_check,
	.setup		= bench_calls_setup,
	.turn		= bench_cancel_turn,
	.teardown	= bench_calls_teardown,
};
