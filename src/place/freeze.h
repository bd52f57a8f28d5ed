/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freezable queues, which start no items while the system is frozen.
 */
#ifndef CMWQ2_FREEZE_H
#define CMWQ2_FREEZE_H

int cmwq2_freeze_init(void);
void cmwq2_freeze_exit(void);

#endif /* CMWQ2_FREEZE_H */
