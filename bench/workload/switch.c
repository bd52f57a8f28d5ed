// SPDX-License-Identifier: GPL-2.0
/*
 * The workload "switch": two threads on one CPU that do not use any workqueue hand over
 * to each other. With the engine cmwq2 the module's scheduler hook is installed, but
 * has nothing to do. With the engine native the hook is removed.
 */
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/types.h>

#include <cmwq2/control.h>
#include <cmwq2/ticks.h>

#include "base/turn.h"
#include "base/types.h"
#include "measure/clock.h"
#include "measure/stats.h"
#include "workload/job.h"
#include "workload/producers.h"
#include "workload/workload.h"

/* Rate and quantiles of round trips, each of which is two switches. */
static const char * const bench_switch_figures[] = { "rate", BENCH_QUANTILES("") };

static const char * const bench_switch_engines[] = { "native", "cmwq2", NULL };

/**
 * struct bench_switch - one turn
 * @there: the second thread may go on
 * @back: the first thread may go on
 * @over: the second thread is to end
 */
struct bench_switch {
	struct completion	there;
	struct completion	back;
	bool			over;
};

static void bench_switch_lead(struct bench_producer *p, struct bench_switch *turn)
{
	struct bench_run *run = p->run;
	u32 *ticks = run->ticks[BENCH_CALL][p->index], warmup = run->cfg.warmup, i;

	for (i = 0; i < warmup + run->cfg.items && !READ_ONCE(run->stop); i++) {
		u64 begin = cmwq2_ticks();

		if (i == warmup)
			p->begin = bench_clock();
		complete(&turn->there);
		wait_for_completion(&turn->back);
		if (i >= warmup)
			ticks[i - warmup] = bench_ticks_between(begin, cmwq2_ticks());
	}
	p->end = bench_clock();
	WRITE_ONCE(turn->over, true);
	complete(&turn->there);
}

static void bench_switch_follow(struct bench_switch *turn)
{
	for (;;) {
		wait_for_completion(&turn->there);
		if (READ_ONCE(turn->over))
			return;
		complete(&turn->back);
	}
}

static void bench_switch_part(struct bench_producer *p)
{
	struct bench_switch *turn = p->run->priv;

	if (p->index)
		bench_switch_follow(turn);
	else
		bench_switch_lead(p, turn);
}

static int bench_switch_turn(struct bench_run *run, struct bench_slot *slot,
			     struct bench_sample *sample)
{
	struct bench_switch *turn = run->priv;
	struct bench_producer *lead = &run->producers[0];
	bool paused = !slot->engine->is_cmwq2 && !cmwq2_hook_pause();
	int ret;

	reinit_completion(&turn->there);
	reinit_completion(&turn->back);
	turn->over = false;
	ret = bench_producers_turn(run, slot, bench_switch_part);
	if (paused && cmwq2_hook_resume())
		bench_fail(run, "hook-did-not-come-back");
	if (ret || bench_stopped(run))
		return ret;
	sample->figure[0] = div64_u64((u64)run->cfg.items * NSEC_PER_SEC,
				      max_t(u64, lead->end - lead->begin, 1));
	bench_quantiles(run, run->ticks[BENCH_CALL], 1, run->cfg.items, &sample->figure[1]);
	return 0;
}

static u32 bench_switch_items(const struct bench_config *cfg)
{
	return 1;
}

static void bench_switch_adjust(struct bench_config *cfg)
{
	cfg->producers = 2;
}

static int bench_switch_setup(struct bench_run *run)
{
	struct bench_switch *turn = kzalloc(sizeof(*turn), GFP_KERNEL);

	run->priv = turn;
	if (!turn)
		return -ENOMEM;
	init_completion(&turn->there);
	init_completion(&turn->back);
	return bench_producers_start(run);
}

static void bench_switch_teardown(struct bench_run *run)
{
	bench_producers_stop(run);
	kfree(run->priv);
}

const struct bench_workload bench_switch = {
	.name		= "switch",
	.figures	= bench_switch_figures,
	.nr_figures	= ARRAY_SIZE(bench_switch_figures),
	.settings	= BIT(BENCH_NUMBER_ITEMS) | BIT(BENCH_NUMBER_WARMUP),
	.needs		= BENCH_FLUSH,
	.engines	= bench_switch_engines,
	.has_producers	= true,
	.on_one_cpu	= true,
	.has_idle_round	= true,
	.job		= bench_complete_job,
	.nr_items	= bench_switch_items,
	.adjust		= bench_switch_adjust,
	.setup		= bench_switch_setup,
	.turn		= bench_switch_turn,
	.teardown	= bench_switch_teardown,
};
