/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The reaper thread, which waits for dying workers and frees them.
 */
#ifndef CMWQ2_REAP_H
#define CMWQ2_REAP_H

#include <linux/list.h>

void cmwq2_reap_later(struct list_head *dying);
void cmwq2_reap_all(void);
bool cmwq2_reaped_all(void);

#endif /* CMWQ2_REAP_H */
