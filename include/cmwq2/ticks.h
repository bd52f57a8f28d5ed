/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A clock for what takes less than a microsecond, in ticks of its own.
 *
 * In User-Mode Linux the kernel's clocks step by 256 ns, and under QEMU without KVM
 * they may be read from an emulated device, so that where there is a TSC it is
 * read, as user space does. No fence: what is timed has locked instructions
 * enough. Clocks of two CPUs need not agree, and in User-Mode Linux a CPU is a
 * thread of the host: it can step back.
 */
#ifndef CMWQ2_TICKS_H
#define CMWQ2_TICKS_H

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

/* From @begin to @end, and 0 if the clock has stepped back meanwhile. */
static inline u64 cmwq2_ticks_between(u64 begin, u64 end)
{
	return end > begin ? end - begin : 0;
}

#endif /* CMWQ2_TICKS_H */
