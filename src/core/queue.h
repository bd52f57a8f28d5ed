/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queueing an item without a delay.
 */
#ifndef CMWQ2_QUEUE_H
#define CMWQ2_QUEUE_H

#include "base/types.h"

void cmwq2_insert_work(struct cmwq2_pwq *pwq, struct cmwq2_work *work,
		       struct list_head *head, unsigned long flags);
bool cmwq2_queue_claimed(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work);
void cmwq2_queue_init(void);
bool cmwq2_work_take_enabled(struct cmwq2_work *work);

#endif /* CMWQ2_QUEUE_H */
