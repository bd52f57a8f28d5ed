/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flushing and draining a queue.
 */
#ifndef CMWQ2_FLUSH_H
#define CMWQ2_FLUSH_H

#include <cmwq2/workqueue.h>

#include "base/types.h"

void cmwq2_check_flush(struct cmwq2_wq *wq, cmwq2_work_func_t func);
bool cmwq2_wq_is_empty(struct cmwq2_wq *wq);

#endif /* CMWQ2_FLUSH_H */
