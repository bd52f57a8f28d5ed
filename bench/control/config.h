/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files that say what the next run does.
 */
#ifndef CMWQ2_BENCH_CONFIG_H
#define CMWQ2_BENCH_CONFIG_H

struct attribute_group;

extern const struct attribute_group bench_config_group;

#endif /* CMWQ2_BENCH_CONFIG_H */
