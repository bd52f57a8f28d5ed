/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copying the attributes of unbound queues and pools.
 */
#ifndef CMWQ2_ATTRS_VALUE_H
#define CMWQ2_ATTRS_VALUE_H

#include <cmwq2/workqueue.h>

void cmwq2_attrs_copy(struct cmwq2_attrs *to, const struct cmwq2_attrs *from);

#endif /* CMWQ2_ATTRS_VALUE_H */
