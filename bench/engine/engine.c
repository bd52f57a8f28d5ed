// SPDX-License-Identifier: GPL-2.0
/*
 * The list of engines.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#include "base/types.h"
#include "engine/engine.h"

static const struct bench_engine * const bench_engines[] = {
	&bench_native,
	&bench_cmwq2,
	&bench_floor,
	&bench_mt,
};

/**
 * bench_find_engine - look up an entry of the list of engines
 * @name: "engine" or "engine:profile"
 * @profile: set to the profile inside @name, or to NULL if there is none
 *
 * Return: the engine, or NULL if there is no such engine, the profile is empty
 * or the engine takes none.
 */
const struct bench_engine *bench_find_engine(const char *name, const char **profile)
{
	size_t len = strcspn(name, ":");
	unsigned int i;

	*profile = name[len] ? name + len + 1 : NULL;
	if (*profile && !**profile)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(bench_engines); i++) {
		const struct bench_engine *engine = bench_engines[i];

		if (strlen(engine->name) != len || strncmp(engine->name, name, len))
			continue;
		return !*profile || engine->takes_profile ? engine : NULL;
	}
	return NULL;
}
