/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text that is formatted twice: the first pass only counts the characters, and
 * the second one writes them.
 */
#ifndef CMWQ2_BENCH_TEXT_H
#define CMWQ2_BENCH_TEXT_H

#include <linux/compiler_attributes.h>
#include <linux/types.h>

/**
 * struct bench_text - text that is formatted twice, first to learn its length
 * @buf: the buffer, or NULL in the first pass
 * @len: number of characters so far
 * @size: size of @buf
 * @lines: number of complete lines so far
 */
struct bench_text {
	char		*buf;
	size_t		len;
	size_t		size;
	unsigned int	lines;
};

__printf(2, 3)
void bench_add(struct bench_text *text, const char *fmt, ...);
__printf(2, 3)
void bench_line(struct bench_text *text, const char *fmt, ...);
void bench_end_line(struct bench_text *text);
void bench_add_value(struct bench_text *text, const char *key, const char *suffix, u64 value);
void bench_add_ratio(struct bench_text *text, const char *key, const char *suffix, u64 ratio);

#endif /* CMWQ2_BENCH_TEXT_H */
