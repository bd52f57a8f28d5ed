/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The main loop of a worker, and how it runs one item.
 */
#ifndef CMWQ2_PROCESS_H
#define CMWQ2_PROCESS_H

#include "base/types.h"

int cmwq2_worker_thread(void *data);
struct cmwq2_worker *cmwq2_find_executing(struct cmwq2_pool *pool, struct cmwq2_work *work);
bool cmwq2_assign_work(struct cmwq2_work *work, struct cmwq2_worker *worker,
		       struct cmwq2_work **next);
void cmwq2_process_scheduled(struct cmwq2_worker *worker);
void cmwq2_move_linked(struct cmwq2_work *work, struct list_head *head,
		       struct cmwq2_work **next);
bool __must_check cmwq2_make_runnable(struct cmwq2_pool *pool, struct cmwq2_work *work);

#endif /* CMWQ2_PROCESS_H */
