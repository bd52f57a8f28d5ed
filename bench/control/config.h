/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files with which the user configures the next run.
 */
#ifndef CMWQ2_BENCH_CONFIG_H
#define CMWQ2_BENCH_CONFIG_H

struct attribute_group;

extern const struct attribute_group bench_config_group;

#endif /* CMWQ2_BENCH_CONFIG_H */
