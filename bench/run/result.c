// SPDX-License-Identifier: GPL-2.0
/*
 * Writes the text of a result. Documentation/bench.rst describes the format, and
 * tools/bench_report.py reads it. A change of the format needs a new
 * BENCH_FORMAT_VERSION, unless it only adds keys.
 */
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/types.h>
#include <linux/utsname.h>

#include <cmwq2/control.h>
#include <cmwq2/ticks.h>

#include "base/numbers.h"
#include "base/text.h"
#include "base/types.h"
#include "engine/counts.h"
#include "engine/engine.h"
#include "measure/stats.h"
#include "run/result.h"

#define BENCH_FORMAT_VERSION	4

static const char * const bench_common_names[BENCH_NR_COMMON] = {
	[BENCH_CPU_NS]		= "cpu_ns",
	[BENCH_WORKERS]		= "workers",
	[BENCH_NEW_WORKERS]	= "new_workers",
	[BENCH_SLEEPS]		= "sleeps_per_1000",
	[BENCH_POOL_WORKERS]	= "pool_workers",
	[BENCH_POOL_PEAK]	= "peak_workers",
	[BENCH_SWITCHES]	= "switches_per_1000",
	[BENCH_MIGRATIONS]	= "migrations_per_1000",
	[BENCH_HELD]		= "held_bytes",
};

static unsigned int bench_nr_figures(const struct bench_workload *workload)
{
	return workload->nr_figures + BENCH_NR_COMMON;
}

static const char *bench_figure_name(const struct bench_workload *workload, unsigned int i)
{
	return i < workload->nr_figures ? workload->figures[i] :
					  bench_common_names[i - workload->nr_figures];
}

/* Write the numbers that this workload uses, and the list of their names. */
static void bench_format_settings(struct bench_text *text, const struct bench_config *cfg)
{
	unsigned int i, nr = 0;

	for (i = 0; i < BENCH_NR_NUMBERS; i++)
		if (cfg->workload->settings & BIT(i))
			bench_line(text, "%s=%u", bench_numbers[i].name, bench_number(cfg, i));
	bench_add(text, "settings=");
	for (i = 0; i < BENCH_NR_NUMBERS; i++)
		if (cfg->workload->settings & BIT(i))
			bench_add(text, "%s%s", nr++ ? "," : "", bench_numbers[i].name);
	bench_end_line(text);
}

static void bench_format_header(struct bench_text *text, const struct bench_run *run)
{
	const struct bench_config *cfg = &run->cfg;
	const struct bench_workload *workload = cfg->workload;
	bool scoped = workload->has_queue && cfg->queue == BENCH_QUEUE_UNBOUND;
	unsigned int i;

	bench_line(text, "cmwq2_bench=%u", BENCH_FORMAT_VERSION);
	if (run->failure)
		bench_line(text, "status=failed reason=%s", run->failure);
	else
		bench_line(text, "status=ok");
	bench_line(text, "workload=%s", workload->name);
	bench_line(text, "kernel=%s", utsname()->release);
	bench_line(text, "machine=%s", utsname()->machine);
	bench_line(text, "cpus=%u", num_online_cpus());
	bench_line(text, "hook=%s", cmwq2_hook_name());
	bench_line(text, "queue=%s", bench_queue_names[cfg->queue]);
	bench_line(text, "scope=%s", scoped ? cfg->scope : "-");
	bench_line(text, "mem_reclaim=%u", cfg->mem_reclaim);
	bench_line(text, "rounds=%u", cfg->rounds);
	bench_format_settings(text, cfg);
	bench_line(text, "seed=%llu", cfg->seed);
	bench_line(text, "clock=%s", CMWQ2_TICKS_CLOCK);
	bench_line(text, "clock_khz=%llu",
		   div64_u64(run->span_ticks * (NSEC_PER_SEC / 1000), run->span_ns));
	bench_line(text, "clock_cost_ns=%u", run->clock_cost);
	bench_line(text, "clock_step_ns=%u", run->clock_step);
	bench_add(text, "engines=");
	for (i = 0; i < run->nr_slots; i++)
		bench_add(text, "%s%s", i ? "," : "", run->slots[i].name);
	bench_end_line(text);
	bench_add(text, "figures=");
	for (i = 0; i < bench_nr_figures(workload); i++)
		bench_add(text, "%s%s", i ? "," : "", bench_figure_name(workload, i));
	bench_end_line(text);
}

static bool bench_has_counts(const struct bench_slot *slot)
{
	return slot->engine->is_cmwq2 && slot->cfg->workload->has_queue;
}

static void bench_format_round(struct bench_text *text, const struct bench_slot *slot,
			       unsigned int round)
{
	const struct bench_workload *workload = slot->cfg->workload;
	const struct bench_sample *sample = &slot->samples[round];
	unsigned int f;

	bench_add(text, "round=%u engine=%u position=%u", round, slot->index, sample->position);
	for (f = 0; f < bench_nr_figures(workload); f++)
		bench_add_value(text, bench_figure_name(workload, f), "", sample->figure[f]);
	bench_add(text, " queued=%llu", sample->queued);
	if (bench_has_counts(slot))
		bench_format_counts(text, &sample->counts);
	bench_end_line(text);
}

/* The entry that others are compared with: the first one of @engine, or NULL. */
static const struct bench_slot *bench_reference(const struct bench_run *run,
						const struct bench_engine *engine)
{
	unsigned int i;

	for (i = 0; i < run->nr_slots; i++)
		if (run->slots[i].engine == engine)
			return &run->slots[i];
	return NULL;
}

/* Ratios are taken within each round, because its turns are close in time. */
static void bench_format_ratio(struct bench_text *text, const struct bench_slot *slot,
			       const struct bench_slot *reference, unsigned int figure,
			       u64 *values)
{
	struct bench_spread spread;
	char name[40];
	unsigned int i;

	for (i = 0; i < slot->cfg->rounds; i++)
		values[i] = bench_ratio(slot->samples[i].figure[figure],
					reference->samples[i].figure[figure]);
	bench_spread(values, slot->cfg->rounds, &spread);
	snprintf(name, sizeof(name), "%s_to_%s",
		 bench_figure_name(slot->cfg->workload, figure), reference->engine->name);
	bench_add_ratio(text, name, "", spread.median);
	bench_add_ratio(text, name, "_q1", spread.q1);
	bench_add_ratio(text, name, "_q3", spread.q3);
}

static void bench_format_figure(struct bench_text *text, const struct bench_run *run,
				const struct bench_slot *slot, unsigned int figure, u64 *values)
{
	const struct bench_slot *native = bench_reference(run, &bench_native);
	const struct bench_slot *floor = bench_reference(run, &bench_floor);
	const char *name = bench_figure_name(run->cfg.workload, figure);
	struct bench_spread spread;
	unsigned int i;

	for (i = 0; i < run->cfg.rounds; i++)
		values[i] = slot->samples[i].figure[figure];
	bench_spread(values, run->cfg.rounds, &spread);
	bench_add_value(text, name, "", spread.median);
	bench_add_value(text, name, "_min", spread.min);
	bench_add_value(text, name, "_max", spread.max);
	bench_add_value(text, name, "_mad", spread.mad);
	if (native)
		bench_format_ratio(text, slot, native, figure, values);
	if (floor)
		bench_format_ratio(text, slot, floor, figure, values);
}

static void bench_format_engine(struct bench_text *text, const struct bench_run *run,
				const struct bench_slot *slot, u64 *values)
{
	unsigned int i;

	bench_add(text, "engine=%u name=%s", slot->index, slot->name);
	for (i = 0; i < bench_nr_figures(run->cfg.workload); i++)
		bench_format_figure(text, run, slot, i, values);
	if (slot->engine->is_cmwq2)
		bench_add(text, " %s", slot->used);
	if (bench_has_counts(slot))
		bench_format_totals(text, slot);
	bench_end_line(text);
}

static void bench_format(struct bench_text *text, const struct bench_run *run, u64 *values)
{
	unsigned int round, i;

	bench_format_header(text, run);
	if (!run->failure) {
		for (i = 0; i < run->nr_slots; i++)
			bench_format_engine(text, run, &run->slots[i], values);
		for (round = 0; round < run->cfg.rounds; round++)
			for (i = 0; i < run->nr_slots; i++)
				bench_format_round(text, &run->slots[i], round);
	}
	bench_add(text, "end=%u\n", text->lines);
}

/**
 * bench_format_result - write the result of a finished run as text
 * @run: the run
 * @text: set to the text, which the caller frees with kvfree()
 * @len: set to the length of the text
 *
 * Return: 0 or -ENOMEM.
 */
int bench_format_result(const struct bench_run *run, char **text, size_t *len)
{
	struct bench_text count = { }, write = { };
	int ret = -ENOMEM;
	u64 *values;

	values = kvcalloc(run->cfg.rounds, sizeof(*values), GFP_KERNEL);
	if (!values)
		return -ENOMEM;
	bench_format(&count, run, values);
	write.size = count.len + 1;
	write.buf = kvzalloc(write.size, GFP_KERNEL);
	if (write.buf) {
		bench_format(&write, run, values);
		*text = write.buf;
		*len = write.len;
		ret = 0;
	}
	kvfree(values);
	return ret;
}
