/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration after the module is loaded.
 */
#ifndef CMWQ2_BENCH_DEFAULTS_H
#define CMWQ2_BENCH_DEFAULTS_H

#include "base/types.h"

void bench_default_engines(struct bench_config *cfg);
void bench_default_config(struct bench_config *cfg);

#endif /* CMWQ2_BENCH_DEFAULTS_H */
