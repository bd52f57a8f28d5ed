/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The histograms of how long items wait and run.
 */
#ifndef CMWQ2_HISTOGRAMS_H
#define CMWQ2_HISTOGRAMS_H

struct seq_file;

void cmwq2_latency_init(void);
void cmwq2_latency_exit(void);
void cmwq2_latency_show(struct seq_file *m);

#endif /* CMWQ2_HISTOGRAMS_H */
