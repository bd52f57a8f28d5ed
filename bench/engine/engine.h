/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engines, and how to find one in their list. Each has a file of its name.
 */
#ifndef CMWQ2_BENCH_ENGINE_H
#define CMWQ2_BENCH_ENGINE_H

#include "base/types.h"

extern const struct bench_engine bench_native;
extern const struct bench_engine bench_cmwq2;
extern const struct bench_engine bench_floor;
extern const struct bench_engine bench_mt;	/* "threads" */
const struct bench_engine *bench_find_engine(const char *name, const char **profile);
int bench_cmwq2_check_profile(const char *profile);

#endif /* CMWQ2_BENCH_ENGINE_H */
