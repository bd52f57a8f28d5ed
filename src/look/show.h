/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The output of dumps to the log, a file or memory, in bounded portions.
 */
#ifndef CMWQ2_SHOW_H
#define CMWQ2_SHOW_H

#include <linux/compiler.h>
#include <linux/types.h>

/**
 * struct cmwq2_out - where a dump goes
 * @put: outputs a portion, which ends in a newline and may be modified
 * @ctx: data for @put
 * @buf: the portion that is being written
 * @len: length of the portion
 */
struct cmwq2_out {
	void	(*put)(struct cmwq2_out *out);
	void	*ctx;
	char	*buf;
	size_t	len;
};

__printf(2, 3) void cmwq2_write(struct cmwq2_out *out, const char *fmt, ...);
void cmwq2_flush_out(struct cmwq2_out *out);

struct cmwq2_pool;
struct seq_file;

void cmwq2_show_seq(struct seq_file *m);
void cmwq2_stalls_seq(struct seq_file *m);
void cmwq2_show_pool(struct cmwq2_pool *pool);
void cmwq2_sysrq_init(void);
void cmwq2_sysrq_exit(void);

#endif /* CMWQ2_SHOW_H */
