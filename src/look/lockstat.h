/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Measuring how long pool->lock is held and waited for.
 */
#ifndef CMWQ2_LOCKSTAT_H
#define CMWQ2_LOCKSTAT_H

extern const struct file_operations cmwq2_lock_stat_fops;

#endif /* CMWQ2_LOCKSTAT_H */
