/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacing the pwqs of a queue when its attributes or CPUs change.
 */
#ifndef CMWQ2_ATTRS_H
#define CMWQ2_ATTRS_H

struct cmwq2_attrs;
struct cmwq2_wq;

extern unsigned long cmwq2_slots_moved;
int cmwq2_apply_attrs_locked(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs);
int cmwq2_rebuild_queues(void);
int cmwq2_update_pods(unsigned int cpu);
int cmwq2_set_cache_shard_size(unsigned int size);

#endif /* CMWQ2_ATTRS_H */
