/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names the running item when the kernel reports a fault.
 */
#ifndef CMWQ2_OOPS_H
#define CMWQ2_OOPS_H

void cmwq2_oops_init(void);
void cmwq2_oops_exit(void);

#endif /* CMWQ2_OOPS_H */
