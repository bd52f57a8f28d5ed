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

/* verdict.c */
struct cmwq2_pool;
void cmwq2_out_stalls(struct cmwq2_out *out, unsigned int min_ms);
void cmwq2_out_verdict(struct cmwq2_out *out, struct cmwq2_pool *pool);

#endif /* CMWQ2_SHOW_H */
