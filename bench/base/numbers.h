/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The numbers of a configuration, with their names and limits, and the names of
 * the kinds of queues.
 */
#ifndef CMWQ2_BENCH_NUMBERS_H
#define CMWQ2_BENCH_NUMBERS_H

#include <linux/types.h>

#include "base/types.h"

/**
 * struct bench_number - one of the numbers of a configuration
 * @name: its name
 * @offset: where it is in struct bench_config
 * @min: smallest value
 * @max: largest value, or 0 for four times the number of possible CPUs
 */
struct bench_number {
	const char	*name;
	size_t		offset;
	u32		min;
	u32		max;
};

extern const struct bench_number bench_numbers[BENCH_NR_NUMBERS];
extern const char * const bench_queue_names[BENCH_QUEUE_NR];
u32 *bench_number_value(struct bench_config *cfg, enum bench_number_id id);
u32 bench_number(const struct bench_config *cfg, enum bench_number_id id);

#endif /* CMWQ2_BENCH_NUMBERS_H */
