/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Backtraces that show who last queued an item, kept while keep_stacks is Y.
 */
#ifndef CMWQ2_STACKS_H
#define CMWQ2_STACKS_H

#include <linux/jump_label.h>

#include "base/types.h"

DECLARE_STATIC_KEY_FALSE(cmwq2_stacks_on);

void cmwq2_stack_save(struct cmwq2_work *work);
void cmwq2_print_stack(const char *log_lvl, const struct cmwq2_work *work);
void cmwq2_print_stacks_near(const char *log_lvl, unsigned long address,
			     const struct cmwq2_work *except);
struct seq_file;
void cmwq2_stacks_seq(struct seq_file *m);
void cmwq2_stacks_init(void);
void cmwq2_stacks_exit(void);

/**
 * cmwq2_keep_stack - remember who queues an item
 * @work: item whose PENDING the caller has just taken
 *
 * Context: any but NMI; called by the one who queues the item, not by a timer.
 */
static inline void cmwq2_keep_stack(struct cmwq2_work *work)
{
	if (static_branch_unlikely(&cmwq2_stacks_on))
		cmwq2_stack_save(work);
}

#endif /* CMWQ2_STACKS_H */
