/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policies that each pool has, and the profiles.
 */
#ifndef CMWQ2_CHOICES_H
#define CMWQ2_CHOICES_H

struct cmwq2_pool;
struct seq_file;

void cmwq2_policy_pool_init(struct cmwq2_pool *pool);
void cmwq2_policy_apply(struct cmwq2_pool *pool);
void cmwq2_policies_seq(struct seq_file *m);

#endif /* CMWQ2_CHOICES_H */
