/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A clock for intervals of less than a microsecond, in ticks of its own.
 *
 * In User-Mode Linux the kernel's clocks step by 256 ns, and under QEMU without
 * KVM they may be read from an emulated device. So this clock is the TSC where
 * there is one, read with the instruction that user space uses. There is no
 * fence: the code that is timed has enough locked instructions. The clocks of
 * two CPUs need not agree. In User-Mode Linux a CPU is a thread of the host, so
 * that even one CPU's clock can step back.
 */
#ifndef CMWQ2_TICKS_H
#define CMWQ2_TICKS_H

#include <linux/limits.h>
#include <linux/preempt.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#ifdef __x86_64__
#define CMWQ2_TICKS_CLOCK	"tsc"
static inline u64 cmwq2_ticks(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return (u64)high << 32 | low;
}
#else
#define CMWQ2_TICKS_CLOCK	"mono_fast"
static inline u64 cmwq2_ticks(void)
{
	return ktime_get_mono_fast_ns();
}
#endif

/* Ticks from @begin to @end, or 0 if the clock has stepped back meanwhile. */
static inline u64 cmwq2_ticks_between(u64 begin, u64 end)
{
	return end > begin ? end - begin : 0;
}

#define CMWQ2_TICKS_TRIES	16

/* Ticks and nanoseconds at one instant: of several tries, the one with the shortest gap. */
static inline void cmwq2_both_clocks(u64 *ns, u64 *ticks)
{
	u64 best = U64_MAX;
	unsigned int i;

	preempt_disable();
	for (i = 0; i < CMWQ2_TICKS_TRIES; i++) {
		u64 before = cmwq2_ticks(), clock = ktime_get_mono_fast_ns();
		u64 gap = cmwq2_ticks_between(before, cmwq2_ticks());

		if (gap >= best)
			continue;
		best = gap;
		*ns = clock;
		*ticks = before;
	}
	preempt_enable();
}

#endif /* CMWQ2_TICKS_H */
