/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folder /sys/kernel/cmwq2_bench/ with all of its files.
 */
#ifndef CMWQ2_BENCH_SYSFS_H
#define CMWQ2_BENCH_SYSFS_H

int bench_sysfs_init(void);
void bench_sysfs_exit(void);

#endif /* CMWQ2_BENCH_SYSFS_H */
