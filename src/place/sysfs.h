/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The queues' files in sysfs.
 */
#ifndef CMWQ2_SYSFS_H
#define CMWQ2_SYSFS_H

struct cmwq2_wq;

int cmwq2_sysfs_init(void);
void cmwq2_sysfs_exit(void);
void cmwq2_sysfs_unregister(struct cmwq2_wq *wq);

#endif /* CMWQ2_SYSFS_H */
