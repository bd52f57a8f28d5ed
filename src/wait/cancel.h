/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cancelling and disabling items.
 */
#ifndef CMWQ2_CANCEL_H
#define CMWQ2_CANCEL_H

#include "base/types.h"

bool cmwq2_grab_pending(struct cmwq2_work *work, bool delayed, unsigned long *irqflags);

#endif /* CMWQ2_CANCEL_H */
