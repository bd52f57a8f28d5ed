/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pool on which only rescuers can run anything.
 *
 * A fault makes the pool's creation of workers stall, which is over sooner than
 * the pause after one that failed, and sleeping items of a queue without rescuer
 * take all the workers there are but one, which becomes the manager and gets
 * nowhere. One more item of that queue, which must wait, is the twin of every
 * item that must not. The kernel has no such switch, hence cmwq2 alone.
 */
#ifndef CMWQ2_KUNIT_STARVE_H
#define CMWQ2_KUNIT_STARVE_H

#include "env.h"

/**
 * struct tw_starved - a starved pool
 * @plain: the queue without rescuer
 * @gate: opens its items
 * @blockers: these items, of which the last is the one too many
 * @nr: how many
 * @cpu: whose pool it is
 * @maydays: calls for rescue before
 */
struct tw_starved {
	struct tw_wq		*plain;
	struct completion	*gate;
	struct tw_item		**blockers;
	int			nr;
	int			cpu;
	unsigned long		maydays;
};

struct tw_starved *tw_starve(struct tw_env *e, unsigned int flags);
struct tw_starved *tw_starve_on(struct tw_env *e, unsigned int flags, int cpu);
void tw_feed(struct tw_starved *c);

#endif /* CMWQ2_KUNIT_STARVE_H */
