// SPDX-License-Identifier: GPL-2.0
/*
 * Text that is formatted twice: the first pass only counts the characters, and
 * the second one writes them.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/stdarg.h>
#include <linux/types.h>

#include "base/text.h"
#include "base/types.h"

static __printf(2, 0)
void bench_vadd(struct bench_text *text, const char *fmt, va_list args)
{
	if (text->buf)
		text->len += vscnprintf(text->buf + text->len, text->size - text->len,
					fmt, args);
	else
		text->len += vsnprintf(NULL, 0, fmt, args);
}

/**
 * bench_add - add to the current line
 * @text: the text
 * @fmt: as for printf()
 */
void bench_add(struct bench_text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	bench_vadd(text, fmt, args);
	va_end(args);
}

/**
 * bench_end_line - end the current line
 * @text: the text
 */
void bench_end_line(struct bench_text *text)
{
	bench_add(text, "\n");
	text->lines++;
}

/**
 * bench_line - add the rest of the current line and end it
 * @text: the text
 * @fmt: as for printf()
 */
void bench_line(struct bench_text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	bench_vadd(text, fmt, args);
	va_end(args);
	bench_end_line(text);
}

/**
 * bench_add_value - add a figure to the current line
 * @text: the text
 * @key: its name
 * @suffix: the rest of its name
 * @value: BENCH_NONE if there is none
 */
void bench_add_value(struct bench_text *text, const char *key, const char *suffix, u64 value)
{
	if (value == BENCH_NONE)
		bench_add(text, " %s%s=-", key, suffix);
	else
		bench_add(text, " %s%s=%llu", key, suffix, value);
}

/**
 * bench_add_ratio - add a ratio to the current line
 * @text: the text
 * @key: its name
 * @suffix: the rest of its name
 * @ratio: in units of 1/BENCH_RATIO_ONE; BENCH_NONE if there is none
 */
void bench_add_ratio(struct bench_text *text, const char *key, const char *suffix, u64 ratio)
{
	u32 part;
	u64 whole;

	if (ratio == BENCH_NONE) {
		bench_add(text, " %s%s=-", key, suffix);
		return;
	}
	whole = div_u64_rem(ratio, BENCH_RATIO_ONE, &part);
	bench_add(text, " %s%s=%llu.%04u", key, suffix, whole, part);
}
