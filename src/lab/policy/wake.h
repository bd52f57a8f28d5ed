/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wake: which kicks wake the picked worker only after pool->lock is dropped.
 *
 * A wakeup takes the lock of a runqueue and may send an interrupt to another CPU.
 * A kick whose bit is set puts the task on a wake list instead, and the context
 * that holds pool->lock wakes it after dropping the lock. cmwq2_wake() tests the bit.
 *
 * Sources: mainline up to 7.2 (locked), mainline since 7.3 (deferred).
 */
#ifndef CMWQ2_POLICY_WAKE_H
#define CMWQ2_POLICY_WAKE_H

#include <linux/bits.h>

/* The places that a kick can come from. */
enum cmwq2_kicker {
	CMWQ2_KICK_ENQUEUE	= BIT(0),	/* an item is enqueued */
	CMWQ2_KICK_PROCESS	= BIT(1),	/* a worker begins an item */
	CMWQ2_KICK_OTHER	= BIT(2),	/* everything else */
	CMWQ2_KICK_BLOCKED	= BIT(3),	/* a worker blocks in an item */
};

/* The kicks that wake after pool->lock is dropped. */
enum cmwq2_wake {
	CMWQ2_WAKE_LOCKED	= 0,
	CMWQ2_WAKE_ENQUEUE	= CMWQ2_KICK_ENQUEUE,
	CMWQ2_WAKE_PROCESS	= CMWQ2_KICK_PROCESS,
	CMWQ2_WAKE_DEFERRED	= CMWQ2_KICK_ENQUEUE | CMWQ2_KICK_PROCESS,
	CMWQ2_WAKE_EVERYWHERE	= CMWQ2_WAKE_DEFERRED | CMWQ2_KICK_OTHER |
				  CMWQ2_KICK_BLOCKED,
};

#define cmwq2_wake_about	"Which kicks wake the worker only after the pool's lock is dropped"
#define cmwq2_wake_default	CMWQ2_WAKE_DEFERRED
#define cmwq2_wake_changed	NULL
#define cmwq2_wake_pools	CMWQ2_IN_ALL_POOLS
#define cmwq2_wake_unsafe	"none"
#define cmwq2_wake_values(value)						\
	value("locked", CMWQ2_WAKE_LOCKED, "no kicks: all wake the worker with the lock held")	\
	value("enqueue", CMWQ2_WAKE_ENQUEUE, "the kicks of an enqueue")		\
	value("process", CMWQ2_WAKE_PROCESS, "the kicks of a worker that begins an item") \
	value("deferred", CMWQ2_WAKE_DEFERRED,					\
	      "the kicks of an enqueue and of a worker that begins an item, as in mainline") \
	value("everywhere", CMWQ2_WAKE_EVERYWHERE, "all kicks")

#endif /* CMWQ2_POLICY_WAKE_H */
