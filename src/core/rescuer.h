/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rescuer, which runs items when no worker can be created.
 */
#ifndef CMWQ2_RESCUER_H
#define CMWQ2_RESCUER_H

#include "base/types.h"

void cmwq2_mayday_timeout(struct timer_list *timer);
int cmwq2_rescuer_start(struct cmwq2_wq *wq);
void cmwq2_rescuer_stop(struct cmwq2_wq *wq);
int cmwq2_rescuer_thread(void *data);
void cmwq2_cursor_func(struct cmwq2_work *work);

/* Whether @work is not an item, but marks how far a rescuer has come on a worklist. */
static inline bool cmwq2_is_cursor(struct cmwq2_work *work)
{
	return work->func == cmwq2_cursor_func;
}

void cmwq2_cursor_init(struct cmwq2_pwq *pwq);

#endif /* CMWQ2_RESCUER_H */
