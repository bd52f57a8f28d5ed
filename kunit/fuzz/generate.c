// SPDX-License-Identifier: GPL-2.0
/*
 * Makes random programs, and changes programs at random.
 *
 * Each program uses only a few kinds of operations, which are chosen first, so that these
 * meet each other often. An operation that is not allowed where it was put is left out.
 */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "fuzz.h"

struct fz_dice {
	struct rnd_state	state;
};

static unsigned int fz_roll(struct fz_dice *d, unsigned int sides)
{
	return prandom_u32_state(&d->state) % sides;
}

static bool fz_chance(struct fz_dice *d, unsigned int percent)
{
	return fz_roll(d, 100) < percent;
}

/* How often operations are chosen, in programs that use their group. */
static const struct {
	u8	code;
	u8	weight;
	u8	group;
} fz_weights[] = {
	/* Group 0 is in each program. */
	{ FZ_QUEUE, 24, 0 }, { FZ_SPIN, 3, 0 }, { FZ_OPEN, 2, 0 }, { FZ_WAIT, 8, 0 },
	{ FZ_AWAIT, 6, 0 },
	{ FZ_QUEUE_DELAYED, 10, 1 }, { FZ_MOD_DELAYED, 8, 1 },
	{ FZ_CANCEL, 8, 2 }, { FZ_CANCEL_SYNC, 6, 2 },
	{ FZ_DISABLE, 5, 3 }, { FZ_DISABLE_SYNC, 3, 3 }, { FZ_ENABLE, 6, 3 },
	{ FZ_ENABLE_QUEUE, 3, 3 },
	{ FZ_FLUSH, 8, 4 }, { FZ_FLUSH_WQ, 8, 4 },
	{ FZ_DRAIN, 6, 5 }, { FZ_RECREATE, 3, 5 },
	{ FZ_MAX_ACTIVE, 8, 6 },
	{ FZ_ATTRS, 8, 7 }, { FZ_CPUMASK, 2, 7 }, { FZ_QUEUE_NODE, 3, 7 },
	{ FZ_FREEZE, 5, 8 }, { FZ_THAW, 3, 8 },
	{ FZ_POLICY, 8, 9 },
	{ FZ_CREATION, 6, 10 },
	{ FZ_TIMER, 5, 11 }, { FZ_TIMER_HARD, 5, 11 },
	{ FZ_CROWD_OP, 3, 12 },
	{ FZ_QUEUE_RCU, 12, 13 },
	{ FZ_BUSY, 3, 14 }, { FZ_CONGESTED, 3, 14 }, { FZ_SLEEP, 3, 14 },
	{ FZ_CPU_DOWN, 6, 15 }, { FZ_CPU_UP, 4, 15 },
};

#define FZ_HOTPLUG	15	/* the group of programs that take a CPU down */
#define FZ_STARVED	16	/* the group of programs in which only rescuers run items */
#define FZ_GROUPS	17

/* In how many percent of the programs a group is used. */
static const u8 fz_group_percent[FZ_GROUPS] = {
	100, 8, 40, 20, 40, 15, 20, 15, 12, 15, 8, 20, 3, 2, 10, 0, 1,
};

static unsigned int fz_groups(struct fz_dice *d, bool hotplug)
{
	unsigned int groups = 0, i;

	for (i = 0; i < FZ_GROUPS; i++)
		if (fz_chance(d, hotplug && i == FZ_HOTPLUG ? 10 : fz_group_percent[i]))
			groups |= BIT(i);
	return groups;
}

static bool fz_in(unsigned int groups, unsigned int group)
{
	return groups & BIT(group);
}

static void fz_roll_queue(struct fz_dice *d, struct fz_queue_spec *q, unsigned int groups)
{
	static const unsigned int kinds[] = {
		TW_PERCPU, TW_PERCPU, TW_UNBOUND, TW_UNBOUND, TW_UNBOUND, TW_ORDERED, TW_ORDERED,
		TW_PERCPU | TW_BH,
	};

	q->flags = kinds[fz_roll(d, CMWQ2_HAVE_NATIVE_BH ? 8 : 7)];
	if (fz_chance(d, 10))
		q->flags |= TW_HIGHPRI;
	if (q->flags & TW_BH)
		return;
	if (fz_chance(d, fz_in(groups, 10) ? 80 : 4))
		q->flags |= TW_MEM_RECLAIM;
	if (q->flags & TW_PERCPU && fz_chance(d, 10))
		q->flags |= TW_CPU_INTENSIVE;
	if (fz_chance(d, fz_in(groups, 8) ? 70 : 5))
		q->flags |= TW_FREEZABLE;
	if (!(q->flags & TW_ORDERED) && fz_chance(d, 60))
		q->max_active = 1 + fz_roll(d, 3);
}

static unsigned int fz_roll_kind(struct fz_dice *d, unsigned int groups, bool bh)
{
	if (bh && fz_chance(d, 40))
		return FZ_BH;
	if (fz_in(groups, 1) && fz_chance(d, 60))
		return FZ_DELAYED;
	return fz_in(groups, 13) && fz_chance(d, 50) ? FZ_RCU : FZ_PLAIN;
}

static unsigned int fz_roll_ctx(struct fz_dice *d, const struct fz_program *p, unsigned int groups)
{
	unsigned int dice = fz_roll(d, 100);

	if (fz_in(groups, 11) && dice < 15)
		return FZ_SOFT + (dice & 1);
	return dice < 60 ? FZ_THREAD0 + fz_roll(d, FZ_THREADS) : FZ_ITEM0 + fz_roll(d, p->nr_items);
}

static unsigned int fz_roll_code(struct fz_dice *d, unsigned int groups)
{
	unsigned int i, all = 0, dice;

	for (i = 0; i < ARRAY_SIZE(fz_weights); i++)
		all += fz_in(groups, fz_weights[i].group) ? fz_weights[i].weight : 0;
	dice = fz_roll(d, all);
	for (i = 0; i < ARRAY_SIZE(fz_weights); i++) {
		if (!fz_in(groups, fz_weights[i].group))
			continue;
		if (dice < fz_weights[i].weight)
			break;
		dice -= fz_weights[i].weight;
	}
	return fz_weights[i].code;
}

static int fz_roll_number(struct fz_dice *d, unsigned int code, unsigned int groups)
{
	switch (code) {
	case FZ_QUEUE_DELAYED:
	case FZ_MOD_DELAYED:
		return fz_chance(d, 70) ? 0 : 1 + fz_roll(d, 2);
	case FZ_CROWD_OP:
		return fz_chance(d, 50) ? 1 + fz_roll(d, 6) : FZ_CROWD_MOST;
	case FZ_MAX_ACTIVE:
		return 1 + fz_roll(d, 4);
	case FZ_ATTRS:
		return fz_roll(d, 7);
	case FZ_CPUMASK:
		return fz_roll(d, 3);
	case FZ_POLICY:
		return fz_roll(d, fz_nr_policies());
	case FZ_CREATION:
		return fz_roll(d, CMWQ2_CREATE_NR);
	case FZ_WAIT:
	case FZ_OPEN:
		return fz_roll(d, FZ_GATES);
	case FZ_SPIN:
		/* The scan timer looks at a pool whose CPU is kept for a few jiffies. */
		return fz_chance(d, fz_in(groups, 12) ? 10 : 1) ? 25000 : fz_roll(d, 60);
	case FZ_SLEEP:
	case FZ_TIMER:
	case FZ_TIMER_HARD:
		return fz_roll(d, 200);
	}
	return 0;
}

/* So that the text has all of an operation. */
static void fz_clear_unused(struct fz_op *op)
{
	unsigned int flags = fz_info[op->code].flags;

	op->q = flags & FZ_Q ? op->q : 0;
	op->item = flags & FZ_I ? op->item : 0;
	op->n = flags & FZ_N ? op->n : 0;
	op->cpu = flags & FZ_C ? op->cpu : -1;
}

/* Items are few, and each prefers one queue, so that order and limits can be judged. */
static void fz_roll_op(struct fz_dice *d, struct fz_program *p, unsigned int groups,
		       const u8 *home)
{
	struct fz_op *op = &p->op[p->nr_ops];
	const char *why;

	*op = (struct fz_op){ .ctx = fz_roll_ctx(d, p, groups), .code = fz_roll_code(d, groups) };
	op->item = fz_roll(d, p->nr_items);
	op->q = fz_info[op->code].flags & FZ_I && fz_chance(d, 92) ? home[op->item] :
		fz_roll(d, p->nr_queues);
	op->cpu = fz_chance(d, 50) ? -1 : (int)fz_roll(d, num_possible_cpus());
	op->n = fz_roll_number(d, op->code, groups);
	/* An item of another kind is queued by another call. */
	if (op->code == FZ_QUEUE && p->kind[op->item] == FZ_DELAYED)
		op->code = FZ_QUEUE_DELAYED;
	if (op->code == FZ_QUEUE && p->kind[op->item] == FZ_RCU)
		op->code = FZ_QUEUE_RCU;
	fz_clear_unused(op);
	p->nr_ops++;
	why = fz_why_invalid(p);
	if (why)
		p->nr_ops--;
}

/* The last queue shall starve its pool, and has no rescuer. The first one has one, on that pool. */
static void fz_roll_starved_queues(struct fz_dice *d, struct fz_program *p)
{
	struct fz_queue_spec *starver = &p->queue[p->nr_queues - 1];

	p->queue[0] = (struct fz_queue_spec){
		.flags = TW_MEM_RECLAIM | (fz_chance(d, 50) ? TW_PERCPU : TW_UNBOUND) |
			 (fz_chance(d, 10) ? TW_HIGHPRI : 0),
		.max_active = 1 + fz_roll(d, 2),
	};
	*starver = (struct fz_queue_spec){ .flags = p->queue[0].flags & ~TW_MEM_RECLAIM };
}

/*
 * Begins with a pool that has no worker for further items. A few items are queued on it, some of
 * which wait, so that the rescuer meets a line.
 */
static void fz_begin_starved(struct fz_dice *d, struct fz_program *p)
{
	int cpu = fz_roll(d, num_possible_cpus()), i;

	p->op[p->nr_ops++] = (struct fz_op){
		.code = FZ_STARVE, .q = p->nr_queues - 1, .cpu = cpu,
	};
	for (i = 0; i < p->nr_items; i++) {
		if (p->kind[i] != FZ_PLAIN)
			continue;
		if (fz_chance(d, 80))
			p->op[p->nr_ops++] = (struct fz_op){
				.code = FZ_QUEUE, .item = i, .cpu = cpu,
			};
		/* At gate 1; the items that starve the pool wait at gate 0, which opens later. */
		if (fz_chance(d, 50))
			p->op[p->nr_ops++] = (struct fz_op){
				.ctx = FZ_ITEM0 + i, .code = FZ_WAIT, .cpu = -1, .n = 1,
			};
	}
}

/**
 * fz_generate - make the program of a seed
 * @p: program
 * @seed: the same seed makes the same program, on machines with the same number of CPUs
 * @hotplug: the program may take CPUs down
 */
void fz_generate(struct fz_program *p, u64 seed, bool hotplug)
{
	unsigned int groups, tries, i, wanted;
	u8 home[FZ_ITEMS];
	bool bh = false;
	struct fz_dice d;

	memset(p, 0, sizeof(*p));
	prandom_seed_state(&d.state, seed);
	p->seed = seed;
	groups = fz_groups(&d, hotplug);
	p->nr_queues = 1 + fz_roll(&d, FZ_QUEUES);
	if (fz_in(groups, FZ_STARVED))
		p->nr_queues = max_t(u8, p->nr_queues, 2);
	p->nr_items = 1 + fz_roll(&d, FZ_ITEMS);
	if (fz_in(groups, FZ_STARVED))
		p->nr_items = max_t(u8, p->nr_items, 3);
	for (i = 0; i < p->nr_queues; i++)
		fz_roll_queue(&d, &p->queue[i], groups);
	if (fz_in(groups, FZ_STARVED))
		fz_roll_starved_queues(&d, p);
	for (i = 0; i < p->nr_queues; i++)
		bh |= p->queue[i].flags & TW_BH;
	for (i = 0; i < p->nr_items; i++) {
		p->kind[i] = fz_roll_kind(&d, groups, bh);
		home[i] = fz_roll(&d, p->nr_queues);
	}
	if (fz_in(groups, FZ_STARVED))
		fz_begin_starved(&d, p);
	wanted = 3 + fz_roll(&d, FZ_OPS - 15);
	for (tries = 0; p->nr_ops < wanted && tries < 3 * FZ_OPS; tries++)
		fz_roll_op(&d, p, groups, home);
}

/* A random place in the list of operations. FZ_STARVE stays the first one. */
static unsigned int fz_roll_place(struct fz_dice *d, const struct fz_program *p)
{
	unsigned int first = p->nr_ops && p->op[0].code == FZ_STARVE;

	return first + fz_roll(d, max(p->nr_ops - first, 1U));
}

static void fz_drop_op(struct fz_dice *d, struct fz_program *p)
{
	unsigned int at = fz_roll_place(d, p);

	if (at >= p->nr_ops)
		return;
	memmove(&p->op[at], &p->op[at + 1], (p->nr_ops - at - 1) * sizeof(p->op[0]));
	p->nr_ops--;
}

static void fz_add_op(struct fz_dice *d, struct fz_program *p, unsigned int groups)
{
	unsigned int nr = p->nr_ops, at = fz_roll_place(d, p), i;
	u8 home[FZ_ITEMS];
	struct fz_op op;

	if (nr == FZ_OPS)
		return;
	for (i = 0; i < FZ_ITEMS; i++)
		home[i] = fz_roll(d, p->nr_queues);
	fz_roll_op(d, p, groups, home);
	if (p->nr_ops == nr)
		return;
	op = p->op[nr];
	memmove(&p->op[at + 1], &p->op[at], (nr - at) * sizeof(op));
	p->op[at] = op;
}

static void fz_swap_ops(struct fz_dice *d, struct fz_program *p)
{
	unsigned int one = fz_roll_place(d, p), other = fz_roll_place(d, p);

	if (max(one, other) < p->nr_ops)
		swap(p->op[one], p->op[other]);
}

/* Another context, CPU, number or queue for an operation. */
static void fz_alter_op(struct fz_dice *d, struct fz_program *p, unsigned int groups)
{
	struct fz_op *op = &p->op[fz_roll_place(d, p)];

	switch (fz_roll(d, 4)) {
	case 0:
		op->ctx = fz_roll_ctx(d, p, groups);
		break;
	case 1:
		op->cpu = fz_chance(d, 30) ? -1 : (int)fz_roll(d, num_possible_cpus());
		break;
	case 2:
		op->n = fz_roll_number(d, op->code, groups);
		break;
	case 3:
		op->q = fz_roll(d, p->nr_queues);
		break;
	}
	fz_clear_unused(op);
}

/* Another kind of queue. Those of FZ_STARVE share a pool, so they stay as they are. */
static void fz_alter_queue(struct fz_dice *d, struct fz_program *p, unsigned int groups)
{
	unsigned int at = fz_roll(d, p->nr_queues);

	if (p->nr_ops && p->op[0].code == FZ_STARVE)
		return;
	p->queue[at] = (struct fz_queue_spec){ };
	fz_roll_queue(d, &p->queue[at], groups);
}

/**
 * fz_change - change a program in a few places
 * @p: program
 * @seed: the same seed makes the same changes
 * @hotplug: the program may take CPUs down
 *
 * A change after which the program would not be allowed is left out.
 */
void fz_change(struct fz_program *p, u64 seed, bool hotplug)
{
	unsigned int groups, changes;
	struct fz_program before;
	struct fz_dice d;

	prandom_seed_state(&d.state, ~seed);
	groups = fz_groups(&d, hotplug) | fz_groups(&d, hotplug);
	for (changes = 1 + fz_roll(&d, 4); changes; changes--) {
		before = *p;
		switch (fz_roll(&d, 6)) {
		case 0:
			fz_drop_op(&d, p);
			break;
		case 1:
		case 2:
			fz_add_op(&d, p, groups);
			break;
		case 3:
			fz_swap_ops(&d, p);
			break;
		case 4:
			fz_alter_op(&d, p, groups);
			break;
		case 5:
			fz_alter_queue(&d, p, groups);
			break;
		}
		if (!p->nr_ops || fz_why_invalid(p))
			*p = before;
	}
}
