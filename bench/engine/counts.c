// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of cmwq2's pools: kicks and wakeups of workers, and what
 * pool->lock cost while the engine's parameter lock_stat is Y.
 */
#include <linux/build_bug.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#include <cmwq2/control.h>

#include "base/text.h"
#include "base/types.h"
#include "engine/counts.h"
#include "measure/stats.h"

static const struct bench_count {
	const char	*name;
	bool		of_lock;
	size_t		offset;
} bench_counts[BENCH_NR_COUNTS] = {
#define BENCH_POOL_COUNT(name)	{ #name, false, offsetof(struct cmwq2_pool_stats, name) }
#define BENCH_LOCK_COUNT(as, name)	{ as, true, offsetof(struct cmwq2_lock_stats, name) }
	[BENCH_COUNT_KICKS]	= BENCH_POOL_COUNT(kicks),
	[BENCH_COUNT_COALESCED]	= BENCH_POOL_COUNT(coalesced),
	[BENCH_COUNT_CREATED]	= BENCH_POOL_COUNT(created),
	[BENCH_COUNT_CM]	= BENCH_POOL_COUNT(cm_wakeups),
	[BENCH_COUNT_SCAN]	= BENCH_POOL_COUNT(scan_wakeups),
	[BENCH_COUNT_MAYDAYS]	= BENCH_POOL_COUNT(maydays),
	[BENCH_COUNT_WOKEN]	= BENCH_POOL_COUNT(woken),
	[BENCH_COUNT_IN_VAIN]	= BENCH_POOL_COUNT(in_vain),
	[BENCH_COUNT_ACQUIRED]	= BENCH_LOCK_COUNT("lock_acquired", acquired),
	[BENCH_COUNT_CONTENDED]	= BENCH_LOCK_COUNT("lock_contended", contended),
	[BENCH_COUNT_HELD]	= BENCH_LOCK_COUNT("lock_held_ns", held_ns),
	[BENCH_COUNT_LONG]	= BENCH_LOCK_COUNT("lock_long", long_holds),
	[BENCH_COUNT_LONG_HELD]	= BENCH_LOCK_COUNT("lock_long_ns", long_held_ns),
	[BENCH_COUNT_WAIT]	= BENCH_LOCK_COUNT("lock_wait_ns", wait_ns),
	[BENCH_COUNT_PICKS]	= BENCH_LOCK_COUNT("picks", picks),
	[BENCH_COUNT_PICK]	= BENCH_LOCK_COUNT("pick_ns", pick_ns),
};

/* The engine's counters are unsigned long or u64. Both are read as u64. */
static_assert(sizeof(unsigned long) == sizeof(u64));

static void bench_count_pool(struct bench_pool_counts *sum, const struct cmwq2_pool_stats *pool,
			     const struct cmwq2_lock_stats *lock)
{
	unsigned int i;

	for (i = 0; i < BENCH_NR_COUNTS; i++) {
		const char *from = bench_counts[i].of_lock ? (const char *)lock :
							     (const char *)pool;

		sum->value[i] += *(const u64 *)(from + bench_counts[i].offset);
	}
}

static bool bench_was_counted(const struct bench_slot *slot, int before, int id)
{
	struct cmwq2_pool_stats other;
	int cpu;

	for_each_possible_cpu(cpu) {
		if (cpu == before)
			break;
		if (!cmwq2_pool_stats(slot->wq.cmwq2, cpu, &other) && other.id == id)
			return true;
	}
	return false;
}

/**
 * bench_count - sum up what the pools behind a queue have counted so far
 * @slot: whose queue it is
 * @sum: filled in
 *
 * Looks at all CPUs, because a workload may queue from any CPU on which its
 * thread runs. CPUs may share a pool, which is then counted once.
 */
void bench_count(const struct bench_slot *slot, struct bench_pool_counts *sum)
{
	struct cmwq2_pool_stats pool;
	struct cmwq2_lock_stats lock;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	if (!slot->cfg->workload->has_queue)
		return;
	for_each_possible_cpu(cpu)
		if (!cmwq2_pool_stats(slot->wq.cmwq2, cpu, &pool) &&
		    !cmwq2_lock_stats(slot->wq.cmwq2, cpu, &lock) &&
		    !bench_was_counted(slot, cpu, pool.id))
			bench_count_pool(sum, &pool, &lock);
}

/**
 * bench_counts_sub - turn counts into their growth
 * @counts: the counts now; overwritten with the difference
 * @before: the counts at the beginning
 */
void bench_counts_sub(struct bench_pool_counts *counts, const struct bench_pool_counts *before)
{
	unsigned int i;

	/* A counter may have been reset to zero meanwhile. */
	for (i = 0; i < BENCH_NR_COUNTS; i++)
		counts->value[i] -= min(before->value[i], counts->value[i]);
}

static void bench_counts_add(struct bench_pool_counts *sum, const struct bench_pool_counts *counts)
{
	unsigned int i;

	for (i = 0; i < BENCH_NR_COUNTS; i++)
		sum->value[i] += counts->value[i];
}

/**
 * bench_format_counts - write the counts, the lock's only if there are any
 * @text: the text
 * @counts: difference
 */
void bench_format_counts(struct bench_text *text, const struct bench_pool_counts *counts)
{
	unsigned int i;

	for (i = 0; i < BENCH_NR_COUNTS; i++)
		if (!bench_counts[i].of_lock || counts->value[BENCH_COUNT_ACQUIRED])
			bench_add_value(text, bench_counts[i].name, "", counts->value[i]);
}

static void bench_format_share(struct bench_text *text, const char *key, u64 value, u64 of)
{
	bench_add_ratio(text, key, "", bench_ratio(value, of));
}

/**
 * bench_format_totals - write the counts of all rounds, in all and per item
 * @text: the text
 * @slot: whose counts they are
 */
void bench_format_totals(struct bench_text *text, const struct bench_slot *slot)
{
	struct bench_pool_counts sum = { };
	const u64 *value = sum.value;
	unsigned int i;
	u64 queued = 0;

	for (i = 0; i < slot->cfg->rounds; i++) {
		queued += slot->samples[i].queued;
		bench_counts_add(&sum, &slot->samples[i].counts);
	}
	bench_format_share(text, "kicks_per_item", value[BENCH_COUNT_KICKS], queued);
	bench_format_share(text, "wakeups_per_item", value[BENCH_COUNT_WOKEN], queued);
	if (value[BENCH_COUNT_ACQUIRED]) {
		/* Without the long holds, each of which was rounded on its own. */
		u64 held = value[BENCH_COUNT_HELD];

		bench_format_share(text, "lock_contended_share", value[BENCH_COUNT_CONTENDED],
				   value[BENCH_COUNT_ACQUIRED]);
		bench_format_share(text, "lock_held_ns_each",
				   held - min(held, value[BENCH_COUNT_LONG_HELD]),
				   value[BENCH_COUNT_ACQUIRED] - value[BENCH_COUNT_LONG]);
		bench_format_share(text, "lock_wait_ns_each", value[BENCH_COUNT_WAIT],
				   value[BENCH_COUNT_ACQUIRED]);
		bench_format_share(text, "pick_ns_each", value[BENCH_COUNT_PICK],
				   value[BENCH_COUNT_PICKS]);
	}
	bench_format_counts(text, &sum);
}
