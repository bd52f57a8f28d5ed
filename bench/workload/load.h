/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The loop of producers that keep items in flight.
 */
#ifndef CMWQ2_BENCH_LOAD_H
#define CMWQ2_BENCH_LOAD_H

#include <linux/types.h>

#include "base/types.h"

void bench_load_prepare(struct bench_run *run, struct bench_producer *p);
void bench_load_step(struct bench_producer *p, u32 sample);
void bench_load_hold(struct bench_producer *p, atomic_t *arrived);
void bench_load_collect_all(struct bench_producer *p);
u32 bench_load_items(const struct bench_config *cfg);
int bench_load_check(const struct bench_config *cfg);
void bench_load_adjust(struct bench_config *cfg);

#endif /* CMWQ2_BENCH_LOAD_H */
