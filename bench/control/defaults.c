// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration that the module begins with.
 */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "base/types.h"
#include "control/defaults.h"
#include "engine/engine.h"
#include "workload/workload.h"

/**
 * bench_default_engines - choose the engines as if the user had named none
 * @cfg: the configuration; gets the workload's own list of engines, or all
 *	engines that suit the workload
 */
void bench_default_engines(struct bench_config *cfg)
{
	static const char * const engines[] = {
		"native", "cmwq2:mainline-7.3", "cmwq2:mainline-6.12",
		"cmwq2:v2-2026-06", "cmwq2:v2-as-posted", "floor", "threads",
	};
	const struct bench_workload *workload = cfg->workload;
	const struct bench_engine *engine;
	const char *profile;
	unsigned int i;

	cfg->nr_engines = 0;
	for (i = 0; workload->engines && workload->engines[i]; i++)
		strscpy(cfg->engines[cfg->nr_engines++], workload->engines[i], BENCH_NAME_LEN);
	for (i = 0; !workload->engines && i < ARRAY_SIZE(engines); i++) {
		engine = bench_find_engine(engines[i], &profile);
		if (workload->needs & ~engine->can ||
		    (engine == &bench_mt && !workload->with_threads))
			continue;
		strscpy(cfg->engines[cfg->nr_engines++], engines[i], BENCH_NAME_LEN);
	}
}

/**
 * bench_default_config - set everything as if the user had chosen nothing
 * @cfg: the configuration
 */
void bench_default_config(struct bench_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->workload = bench_find_workload(NULL);
	cfg->producers = num_online_cpus();
	cfg->items = 20000;
	cfg->rounds = 15;
	cfg->warmup = 2000;
	cfg->queues = 1000;
	cfg->in_flight = 100;
	cfg->calls = 20;
	cfg->foreign = 10000;
	cfg->delay_ms = 10;
	cfg->long_ns = 500000;
	cfg->per_cpu = 1;
	cfg->load = 2;
	cfg->job_ms = 500;
	cfg->queue = BENCH_QUEUE_UNBOUND;
	strscpy(cfg->scope, "system", sizeof(cfg->scope));
	bench_default_engines(cfg);
}
