/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files in /sys/kernel/debug/cmwq2.
 */
#ifndef CMWQ2_DEBUGFS_H
#define CMWQ2_DEBUGFS_H

void cmwq2_debugfs_init(void);
void cmwq2_debugfs_exit(void);

#endif /* CMWQ2_DEBUGFS_H */
