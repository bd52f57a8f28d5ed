/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The watchdog: it reports pools that have items and take none of them.
 */
#ifndef CMWQ2_WATCHDOG_H
#define CMWQ2_WATCHDOG_H

void cmwq2_watchdog_init(void);
void cmwq2_watchdog_exit(void);

#endif /* CMWQ2_WATCHDOG_H */
