/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The watchdog, which reports pools that have pending items and take none of them.
 */
#ifndef CMWQ2_WATCHDOG_H
#define CMWQ2_WATCHDOG_H

void cmwq2_watchdog_init(void);
void cmwq2_watchdog_exit(void);

#endif /* CMWQ2_WATCHDOG_H */
