// SPDX-License-Identifier: GPL-2.0
/*
 * The numbers of a configuration, with their names and limits, and the names of
 * the kinds of queues.
 */
#include <linux/stddef.h>
#include <linux/types.h>

#include "base/numbers.h"
#include "base/types.h"

const char * const bench_queue_names[BENCH_QUEUE_NR] = {
	[BENCH_QUEUE_PERCPU]	= "percpu",
	[BENCH_QUEUE_UNBOUND]	= "unbound",
	[BENCH_QUEUE_ORDERED]	= "ordered",
};

#define BENCH_NUMBER_ENTRY(_id, _name, _min, _max)				\
	[BENCH_NUMBER_##_id] = { #_name, offsetof(struct bench_config, _name), _min, _max },
const struct bench_number bench_numbers[BENCH_NR_NUMBERS] = {
	BENCH_NUMBERS(BENCH_NUMBER_ENTRY)
};

/**
 * bench_number_value - find a number in a configuration
 * @cfg: the configuration
 * @id: which number
 *
 * Return: where the number is.
 */
u32 *bench_number_value(struct bench_config *cfg, enum bench_number_id id)
{
	return (u32 *)((char *)cfg + bench_numbers[id].offset);
}

/**
 * bench_number - get a number of a configuration
 * @cfg: the configuration
 * @id: which number
 *
 * Return: the value of the number.
 */
u32 bench_number(const struct bench_config *cfg, enum bench_number_id id)
{
	return *bench_number_value((struct bench_config *)cfg, id);
}
