/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What engines and workloads need from the run: they wait for an item, learn that
 * the turn must end early, or end the run. Also a way to use the online CPUs in turn.
 */
#ifndef CMWQ2_BENCH_TURN_H
#define CMWQ2_BENCH_TURN_H

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>

#include "base/types.h"

struct completion;

/* A wait that lasts longer than this is reported: an item may have been lost. */
#define BENCH_STALL		(60 * HZ)

/* Whether a signal came, the user asked to end the run, or something failed. */
static inline bool bench_stopped(const struct bench_run *run)
{
	return READ_ONCE(run->stop) || signal_pending(current);
}

void bench_abort(struct bench_run *run);
void bench_fail(struct bench_run *run, const char *failure);
void bench_wait(struct bench_slot *slot, struct completion *done);
int bench_nth_cpu(unsigned int nth);

#endif /* CMWQ2_BENCH_TURN_H */
