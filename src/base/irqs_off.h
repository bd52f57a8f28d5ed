/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting until all code that has interrupts off now has switched them on.
 */
#ifndef CMWQ2_IRQS_OFF_H
#define CMWQ2_IRQS_OFF_H

void cmwq2_wait_irqs_off(void);

#endif /* CMWQ2_IRQS_OFF_H */
