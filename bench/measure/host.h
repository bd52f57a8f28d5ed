/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The CPU time of User-Mode Linux as its host counts it.
 *
 * In User-Mode Linux the scheduler's clock steps by a tick of 10 ms. A turn has only a
 * few dozen of these, so the CPU time that the scheduler counts is a rough estimate. All
 * CPUs are threads of one process of the host, and an idle CPU sleeps there. So the CPU
 * time of this process is that of the whole kernel, in ns.
 */
#ifndef CMWQ2_BENCH_HOST_H
#define CMWQ2_BENCH_HOST_H

#include <linux/time.h>
#include <linux/time64.h>
#include <linux/types.h>

#ifdef CONFIG_UML
#include <asm/unistd.h>

/* Of the host's C library. The kernel exports it to modules, but declares it nowhere. */
long syscall(long number, ...);

/* CPU time of this kernel in ns of the host's clock, or 0 if the host does not tell. */
static inline u64 bench_host_runtime(void)
{
	struct {
		long	seconds;
		long	ns;
	} now;

	if (syscall(__NR_clock_gettime, (long)CLOCK_PROCESS_CPUTIME_ID, &now))
		return 0;
	return now.seconds * NSEC_PER_SEC + now.ns;
}
#else
static inline u64 bench_host_runtime(void)
{
	return 0;
}
#endif

#endif /* CMWQ2_BENCH_HOST_H */
