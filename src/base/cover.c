// SPDX-License-Identifier: GPL-2.0
/*
 * Which code of the engine has run, in a build with CMWQ2_COVER=1.
 *
 * The compiler calls __sanitizer_cov_trace_pc() at the beginning of each piece of code without
 * a branch. A step from one such piece to the next is a bit in a map. Each task has a place for
 * where it was last, and so has each kind of interrupt. Places are found by a hash.
 *
 * The kernel has this function with CONFIG_KCOV. That one records for tasks that ask for it. The
 * workers run for everybody, and a module cannot make them ask. So on such a kernel this file
 * is left out, and nothing is known.
 *
 * tools/vm/mutants/covered.c notes addresses instead of steps, for another tool.
 *
 * Sources: KCOV by Dmitry Vyukov (the compiler's calls); american fuzzy lop by Michal Zalewski
 * (a hash of two places as the number of a step).
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "base/cover.h"

#define CMWQ2_COVER_TASKS_BITS	10

static unsigned long cmwq2_cover_map[BITS_TO_LONGS(CMWQ2_COVER_BITS)];
/* Lock-free, and tasks may share an entry: a wrong one is a step too many in the map. */
static u32 cmwq2_cover_last[1 << CMWQ2_COVER_TASKS_BITS];

/* The compiler calls it by this name. */
notrace void __sanitizer_cov_trace_pc(void)
{
	u32 here = hash_long((unsigned long)__builtin_return_address(0), 32);
	const void *who = in_task() ? (void *)current : (void *)(unsigned long)preempt_count();
	u32 *last = &cmwq2_cover_last[hash_ptr(who, CMWQ2_COVER_TASKS_BITS)];
	unsigned int step = (here ^ READ_ONCE(*last)) % CMWQ2_COVER_BITS;

	WRITE_ONCE(*last, here >> 1);
	/* Most steps were made before. They shall not write to a line that all CPUs use. */
	if (!test_bit(step, cmwq2_cover_map))
		set_bit(step, cmwq2_cover_map);
}
EXPORT_SYMBOL_GPL(__sanitizer_cov_trace_pc);

/**
 * cmwq2_cover_take - take the steps that were made since the last call
 * @seen: CMWQ2_COVER_BITS bits; those of the steps are set in it
 *
 * Context: any; one caller at a time.
 * Return: how many steps were not in @seen.
 */
unsigned int cmwq2_cover_take(unsigned long *seen)
{
	unsigned int i, new = 0;
	unsigned long bits;

	for (i = 0; i < ARRAY_SIZE(cmwq2_cover_map); i++) {
		if (!READ_ONCE(cmwq2_cover_map[i]))
			continue;
		bits = xchg(&cmwq2_cover_map[i], 0);
		new += hweight_long(bits & ~seen[i]);
		seen[i] |= bits;
	}
	return new;
}
EXPORT_SYMBOL_GPL(cmwq2_cover_take);
