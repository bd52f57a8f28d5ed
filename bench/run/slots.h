/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The entries of a run's list of engines.
 */
#ifndef CMWQ2_BENCH_SLOTS_H
#define CMWQ2_BENCH_SLOTS_H

#include <linux/types.h>

#include "base/types.h"

int bench_setup_slots(struct bench_run *run);
void bench_teardown_slots(struct bench_run *run);
s64 *bench_held(struct bench_run *run, const struct bench_slot *slot);

#endif /* CMWQ2_BENCH_SLOTS_H */
