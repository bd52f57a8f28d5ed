// SPDX-License-Identifier: GPL-2.0
/*
 * Two processes pass a byte back and forth through two pipes on CPU 0. So every
 * step is a switch between tasks that do not use cmwq2.
 *
 * pingpong ROUND_TRIPS BATCHES prints a line "TICKS NANOSECONDS" for each batch,
 * with the sums over its round trips. Under -icount a tick of the TSC is one
 * instruction. The nanoseconds show whether the kernel's clock agrees with that.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static __attribute__((noreturn)) void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts))
		die("clock_gettime");
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void pin(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
}

static void pass(int to, int from)
{
	char byte = 0;

	if (write(to, &byte, 1) != 1)
		die("write");
	if (read(from, &byte, 1) != 1)
		die("read");
}

/* The other side: sends each byte back until the pipe is closed. */
static __attribute__((noreturn)) void echo(int to, int from)
{
	char byte;

	while (read(from, &byte, 1) == 1)
		if (write(to, &byte, 1) != 1)
			die("write");
	_exit(0);
}

static void batch(int to, int from, long trips)
{
	uint64_t ticks, ns = now_ns();
	long i;

	ticks = __rdtsc();
	for (i = 0; i < trips; i++)
		pass(to, from);
	ticks = __rdtsc() - ticks;
	ns = now_ns() - ns;
	printf("%llu %llu\n", (unsigned long long)ticks, (unsigned long long)ns);
}

int main(int argc, char **argv)
{
	long trips = argc > 1 ? atol(argv[1]) : 0, batches = argc > 2 ? atol(argv[2]) : 0;
	int there[2], back[2], status;

	if (trips <= 0 || batches <= 0) {
		fprintf(stderr, "usage: pingpong ROUND_TRIPS BATCHES\n");
		return 2;
	}
	pin();
	if (pipe(there) || pipe(back))
		die("pipe");
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		close(there[1]);
		close(back[0]);
		echo(back[1], there[0]);
	}
	close(there[0]);
	close(back[1]);

	/* Warm up, so that one-time costs are not part of the first batch. */
	for (long i = 0; i < 100; i++)
		pass(there[1], back[0]);
	while (batches--)
		batch(there[1], back[0], trips);

	close(there[1]);
	if (wait(&status) < 0 || status)
		die("the other side");
	return fflush(stdout) ? 1 : 0;
}
