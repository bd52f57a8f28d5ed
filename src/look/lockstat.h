/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What pool->lock costs.
 */
#ifndef CMWQ2_LOCKSTAT_H
#define CMWQ2_LOCKSTAT_H

extern const struct file_operations cmwq2_lock_stat_fops;

#endif /* CMWQ2_LOCKSTAT_H */
