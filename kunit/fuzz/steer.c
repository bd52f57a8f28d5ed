// SPDX-License-Identifier: GPL-2.0
/*
 * Steers the search: a program that made a step in the engine's code that none made before is
 * kept, and later programs are changes of those that were kept. Only an engine that was built
 * with CMWQ2_COVER=1 knows its steps. With any other one, all programs are random.
 *
 * Sources: american fuzzy lop by Michal Zalewski, syzkaller by Dmitry Vyukov.
 */
#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "base/cover.h"
#include "fuzz.h"

/* How many programs are kept. A new one then takes the place of the oldest one. */
#define FZ_KEPT		512

static struct fz_kept {
	struct fz_program	program;
	u64			ns;	/* how long it ran */
} *fz_kept;
static unsigned long *fz_seen;
static struct fz_steps fz_steps;

/* Context: process, before the first program. Return: 0 or -ENOMEM. */
int fz_steer_init(void)
{
	fz_kept = kvcalloc(FZ_KEPT, sizeof(*fz_kept), GFP_KERNEL);
	fz_seen = bitmap_zalloc(CMWQ2_COVER_BITS, GFP_KERNEL);
	if (fz_kept && fz_seen)
		return 0;
	fz_steer_exit();
	return -ENOMEM;
}

void fz_steer_exit(void)
{
	bitmap_free(fz_seen);
	kvfree(fz_kept);
}

/* What was made by anybody else since the last program does not count. */
void fz_steer_begin(void)
{
	cmwq2_cover_take(fz_seen);
}

/*
 * The shorter one of two kept programs in ns. A few wait for so long that they would take most
 * of the time, as their changes do.
 */
static const struct fz_program *fz_choose(u64 seed, unsigned int nr)
{
	const struct fz_kept *one = &fz_kept[hash_64(seed, 32) % nr];
	const struct fz_kept *other = &fz_kept[hash_64(~seed, 32) % nr];

	return one->ns < other->ns ? &one->program : &other->program;
}

/**
 * fz_steer - make a program of one that was kept
 * @p: program
 * @seed: decides which program is changed, and how
 * @hotplug: the program may take CPUs down
 *
 * Return: false if none was kept; then @p is as before.
 */
bool fz_steer(struct fz_program *p, u64 seed, bool hotplug)
{
	unsigned int nr = min(fz_steps.kept, FZ_KEPT);

	if (!nr)
		return false;
	*p = *fz_choose(seed, nr);
	p->seed = seed;
	fz_change(p, seed, hotplug);
	return true;
}

/* Keeps @p, which ran for @ns, if it made a step that no program made before. */
void fz_steer_look(const struct fz_program *p, u64 ns)
{
	unsigned int new = cmwq2_cover_take(fz_seen);

	fz_steps.made += new;
	if (new)
		fz_kept[fz_steps.kept++ % FZ_KEPT] = (struct fz_kept){ *p, ns };
}

struct fz_steps fz_steer_steps(void)
{
	return fz_steps;
}
