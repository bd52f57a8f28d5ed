/* SPDX-License-Identifier: GPL-2.0 */
/*
 * max_active: how many items of a queue may be in flight.
 */
#ifndef CMWQ2_ACTIVE_H
#define CMWQ2_ACTIVE_H

#include "base/types.h"

extern bool cmwq2_freezing;			/* PL: freezable queues have a max_active of 0 */

struct cmwq2_nna *cmwq2_pwq_nna(struct cmwq2_pwq *pwq);
bool __must_check cmwq2_pwq_try_activate(struct cmwq2_pwq *pwq);
void cmwq2_pwq_leave_line(struct cmwq2_pwq *pwq);
bool __must_check cmwq2_pwq_dec_in_flight(struct cmwq2_pwq *pwq, unsigned long data);
int cmwq2_nna_alloc(struct cmwq2_wq *wq);
void cmwq2_nna_free(struct cmwq2_wq *wq);
void cmwq2_unplug_oldest(struct cmwq2_wq *wq);
void cmwq2_adjust_max_active(struct cmwq2_wq *wq);
int cmwq2_node_share(const struct cmwq2_wq *wq, int here, int total);

#endif /* CMWQ2_ACTIVE_H */
