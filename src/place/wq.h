/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Creating and destroying queues; the system queues.
 */
#ifndef CMWQ2_WQ_H
#define CMWQ2_WQ_H

#include <linux/types.h>

extern bool cmwq2_power_efficient;
int cmwq2_system_wqs_init(void);
void cmwq2_system_wqs_exit(void);

#endif /* CMWQ2_WQ_H */
