/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which phase of an item each access belongs to.
 *
 * A phase begins when a function is entered and ends when it returns, for the task that
 * has called it. A task is known by its stack, whose size is 16 KiB. A function has
 * returned when the stack pointer is above the place where it was at the entry.
 */
#ifndef CMWQ2_PLUGIN_PHASES_H
#define CMWQ2_PLUGIN_PHASES_H

#include <pthread.h>

#include "plugin.h"

#define STACK_SHIFT	14
#define MAX_STACKS	4096U	/* a power of 2 */
#define MAX_DEPTH	8
#define KERNEL_FROM	0x8000000000000000ULL

/*
 * QUEUE is the call that queues an item. WAKEUP is the wakeup of a worker, and what a CPU
 * does when another one tells it to wake a task. START is what a worker does before the
 * item's function, FUNCTION is this function with the wakeup of the producer, and END is
 * what the worker does then. IDLE is a worker that goes to sleep or gets up, and a CPU
 * without a task. PRODUCER is the rest of what the producer does, such as waiting for
 * the item. OTHER is everything else.
 */
enum phase { QUEUE, WAKEUP, START, FUNCTION, END, IDLE, PRODUCER, OTHER, NR_PHASES };

static const char * const phases[] = {
	"enqueue", "wake", "start", "function", "end", "idle", "producer", "other",
};

/* Something that a function's entry tells. */
enum entry { QUEUES, WAKES, WAKES_FOR_OTHERS, RUNS_ITEM, IS_FUNCTION, SLEEPS, IS_IDLE, NR_ENTRIES };

/*
 * The functions are arguments, each with an address in hexadecimal and repeatable:
 *   item=A      queues an item, see linecount.c
 *   wakes=A     wakes a task
 *   remote=A    wakes the tasks that other CPUs want to be woken here
 *   runs=A      a worker runs an item with it
 *   function=A  the item's function
 *   sleeps=A    gives up the CPU
 *   idle=A      what a CPU without a task does
 */
static const char * const entry_names[] = {
	"item", "wakes", "remote", "runs", "function", "sleeps", "idle",
};

static struct functions entries[NR_ENTRIES];
static uint64_t nr_begun[NR_ENTRIES];	/* phases that began with it during the counting */

/* One stack. @base: the phase if no function of interest has been entered. */
struct stack {
	uint64_t	number;
	enum phase	base;
	unsigned int	depth;
	struct {
		uint64_t	sp;
		enum phase	phase;
	} entered[MAX_DEPTH];
};

static struct stack stacks[MAX_STACKS];
static pthread_mutex_t stacks_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread struct stack *stack;	/* the one of @here, or NULL in user space */

static inline bool phase_argument(const char *text)
{
	struct argument names[NR_ENTRIES];
	unsigned int i;

	for (i = 0; i < NR_ENTRIES; i++)
		names[i] = (struct argument){ entry_names[i], &entries[i], NULL };
	return number_for(names, NR_ENTRIES, text);
}

static inline enum phase phase_now(void)
{
	if (!stack)
		return OTHER;
	return stack->depth ? stack->entered[stack->depth - 1].phase : stack->base;
}

static inline struct stack *stack_of(uint64_t number)
{
	unsigned int place = number * 0x9e3779b97f4a7c15ULL >> 52, tried = 0;
	struct stack *found;

	pthread_mutex_lock(&stacks_lock);
	while (stacks[place].number && stacks[place].number != number) {
		place = (place + 1) % MAX_STACKS;
		if (++tried < MAX_STACKS)
			continue;
		fprintf(stderr, "linecount: more than %u stacks\n", MAX_STACKS);
		abort();
	}
	found = &stacks[place];
	if (!found->number)
		*found = (struct stack){ .number = number, .base = OTHER };
	pthread_mutex_unlock(&stacks_lock);
	return found;
}

/* Forget all stacks. The guest stands still. */
static inline void forget_stacks(void)
{
	memset(stacks, 0, sizeof(stacks));
	memset(nr_begun, 0, sizeof(nr_begun));
}

/*
 * A block begins, with the stack pointer @sp. Return whether its stack is another one
 * than that of the block before, so that its CPU may be another one, too: two CPUs never
 * execute on one stack at a time.
 */
static inline bool stack_is(uint64_t sp)
{
	bool same = stack && stack->number == sp >> STACK_SHIFT;

	if (sp < KERNEL_FROM) {
		stack = NULL;
		return true;
	}
	if (!same)
		stack = stack_of(sp >> STACK_SHIFT);
	while (stack->depth && sp > stack->entered[stack->depth - 1].sp) {
		enum phase done = stack->entered[--stack->depth].phase;

		/* The same function of the worker goes on after that of the item. */
		if (done == FUNCTION && stack->depth)
			stack->entered[stack->depth - 1].phase = END;
		else if (done == START || done == END)
			stack->base = END;
		else if (done == IDLE)
			stack->base = START;
	}
	return !same;
}

/* A function has been entered. Return whether a phase begins, which is in *@phase. */
static inline bool begins(enum entry entry, enum phase *phase)
{
	enum phase was = phase_now();

	switch (entry) {
	case QUEUES:
		stack->base = PRODUCER;
		*phase = QUEUE;
		return true;
	case WAKES:
		/* An item's function wakes its producer, and does not belong to the engine. */
		*phase = WAKEUP;
		return was == QUEUE || was == START || was == END;
	case WAKES_FOR_OTHERS:
		*phase = WAKEUP;
		return true;
	case RUNS_ITEM:
		*phase = START;
		return true;
	case IS_FUNCTION:
		*phase = FUNCTION;
		return true;
	case SLEEPS:
		*phase = IDLE;
		return was == START || was == END;
	default:
		stack->base = IDLE;
		return false;
	}
}

static inline void enter(enum entry entry, uint64_t sp, bool counting)
{
	enum phase phase;

	if (!stack || !begins(entry, &phase) || stack->depth == MAX_DEPTH)
		return;
	stack->entered[stack->depth].sp = sp;
	stack->entered[stack->depth++].phase = phase;
	if (counting)
		nr_begun[entry]++;
}

/* Return what the entry of the function at an address tells, or NR_ENTRIES. */
static inline enum entry entry_at(uint64_t at)
{
	enum entry entry = 0;

	while (entry < NR_ENTRIES && !listed(&entries[entry], at))
		entry++;
	return entry;
}

#endif /* CMWQ2_PLUGIN_PHASES_H */
