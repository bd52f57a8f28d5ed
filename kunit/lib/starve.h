/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pool on which only rescuers can run anything.
 *
 * A fault makes the pool's creation of workers stall. A stall is used because it ends
 * soon after the fault is lifted. The pause after a failed creation would last longer.
 * Sleeping items of a queue without rescuer take all workers but one, which becomes the
 * manager and gets no further. One more item of that queue must wait: it is the control
 * for every item that a rescuer must run. The kernel's own workqueue has no such fault
 * switch, so these tests are for cmwq2 alone.
 */
#ifndef CMWQ2_KUNIT_STARVE_H
#define CMWQ2_KUNIT_STARVE_H

#include "env.h"

/**
 * struct tw_starved - a starved pool
 * @plain: the queue without rescuer
 * @gate: opens its items
 * @blockers: items of the queue; no worker is left for the last one
 * @nr: number of @blockers
 * @cpu: CPU of the pool
 * @maydays: the pool's calls for rescue before it was starved
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

/*
 * The end of starvation: the fault is lifted, then the item that waited for it
 * gets a worker. tw_feed() does both.
 */
void tw_lift(struct tw_starved *c);
void tw_fed(struct tw_starved *c);
void tw_feed(struct tw_starved *c);

#endif /* CMWQ2_KUNIT_STARVE_H */
