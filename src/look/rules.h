/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules by which the verdict concludes why items wait.
 *
 * The code that makes a verdict first collects facts. The first rule whose facts are all
 * true gives the reason. The drgn tools use the same rules: make parity WRITE=1 writes
 * this table into tools/wq/rules.py, and make style fails if the two differ.
 */
#ifndef CMWQ2_RULES_H
#define CMWQ2_RULES_H

#include <linux/bits.h>

/* reason(NAME, the word for it in the output, what it means) */
#define CMWQ2_REASONS(reason)							\
	reason(HOG, "hog", "an item occupies the CPU and does not sleep")	\
	reason(NO_WORKER, "no-worker",						\
	       "all workers are blocked, and no other can be created")		\
	reason(MANAGER, "manager-stuck",					\
	       "all workers are blocked, and the manager, which should create one, is stuck") \
	reason(RESCUER, "rescuer-busy",						\
	       "all workers are blocked, and the queue's rescuer runs another item") \
	reason(NOT_RUN, "not-run", "a worker was picked, but has not run since") \
	reason(OFFLINE, "cpu-offline", "the CPU is offline, or never was online") \
	reason(SOFTIRQ, "softirq", "BH queue: the CPU does not run its softirqs") \
	reason(BEHIND, "behind", "a worker has taken the item, but still runs the previous one") \
	reason(AWAITED, "awaited", "a thread waits for an item that does not end") \
	reason(THROTTLED, "throttled", "all slots of max_active are in use")	\
	reason(NODE, "node-full", "all slots in the NUMA node's share of max_active are in use") \
	reason(FROZEN, "frozen", "the queue is frozen")				\
	reason(PLUGGED, "plugged",						\
	       "ordered queue: items that were queued under older attributes run first") \
	reason(LOST, "lost-kick", "no other reason applies: this is a bug in the engine")

/* fact(NAME, what it means) */
#define CMWQ2_FACTS(fact)							\
	fact(OFFLINE, "the pool's CPU is offline")				\
	fact(BH, "the pool runs in softirq context")				\
	fact(BUSY, "a worker of the BH pool runs an item")			\
	fact(COUNTED, "as many workers count as running as the pool wants")	\
	fact(SEEN, "a worker that counts as running was found")			\
	fact(ASLEEP, "a worker that counts as running sleeps")			\
	fact(NO_IDLE, "no worker is idle or picked")				\
	fact(MANAGER, "a worker is the manager")				\
	fact(STUCK, "the manager's last attempt to create a worker has not ended")	\
	fact(RESCUER_BUSY, "the rescuer of the first item's queue runs an item") \
	fact(IDLE, "workers are idle")						\
	fact(PICKED, "a worker was picked, but has not run since")		\
	fact(NOT_WOKEN, "the picked worker still sleeps")			\
	fact(CPU_TAKEN, "an item of this engine runs on the picked worker's CPU") \
	fact(TAKEN, "a worker has taken the item")				\
	fact(AGAIN, "the worker that has taken the item still runs the same item") \
	fact(WAITER, "a thread waits for the running item")			\
	fact(INACTIVE, "the item is inactive: it waits for a slot of max_active") \
	fact(THAWED, "the queue is not frozen")					\
	fact(UNPLUGGED, "no items that were queued under older attributes are left") \
	fact(SLOT, "max_active has a free slot")				\
	fact(NODE_LESS, "the node's share is smaller than max_active")		\
	fact(TIMER, "the delay is over, but the timer has not fired")

/* rule(REASON, the line of detail in the output or NULL, facts) */
#define CMWQ2_RULES(rule)							\
	rule(HOG, NULL, BH, BUSY)						\
	rule(OFFLINE, NULL, BH, OFFLINE)					\
	rule(SOFTIRQ, "its CPU does not run softirqs: something disables or delays them", BH) \
	rule(LOST, "a worker sleeps, but still counts as running", COUNTED, ASLEEP) \
	rule(HOG, NULL, COUNTED, SEEN)						\
	rule(LOST, "nr_running is not 0, but no worker runs", COUNTED)		\
	rule(RESCUER, NULL, NO_IDLE, MANAGER, RESCUER_BUSY)			\
	rule(MANAGER, NULL, NO_IDLE, MANAGER, STUCK)				\
	rule(NO_WORKER, NULL, NO_IDLE, MANAGER)					\
	rule(OFFLINE, NULL, NO_IDLE, OFFLINE)					\
	rule(LOST, "no worker is idle, and none is creating another", NO_IDLE) \
	rule(OFFLINE, "the picked worker has not been woken", IDLE, PICKED, NOT_WOKEN, OFFLINE) \
	rule(NOT_RUN, "the picked worker has not been woken", IDLE, PICKED, NOT_WOKEN) \
	rule(HOG, NULL, IDLE, PICKED, CPU_TAKEN)				\
	rule(OFFLINE, "the picked worker was woken, but its CPU is offline",		\
	     IDLE, PICKED, OFFLINE)						\
	rule(NOT_RUN,								\
	     "no item of this engine runs on the picked worker's CPU: something else does", \
	     IDLE, PICKED)							\
	rule(OFFLINE, "workers are idle, but none was picked", IDLE, OFFLINE)	\
	rule(LOST, "workers are idle, but none was picked", IDLE)		\
	rule(BEHIND, "the item was queued again while it ran, and it still runs", TAKEN, AGAIN) \
	rule(BEHIND, "a worker has taken the item, but still runs the previous one", TAKEN) \
	rule(AWAITED, NULL, WAITER)						\
	rule(LOST, "max_active has a free slot, but no inactive item was activated",	\
	     INACTIVE, THAWED, UNPLUGGED, SLOT)					\
	rule(NODE, "the other slots of the queue's max_active belong to other nodes",	\
	     INACTIVE, THAWED, UNPLUGGED, NODE_LESS)				\
	rule(THROTTLED, NULL, INACTIVE, THAWED, UNPLUGGED)			\
	rule(PLUGGED, NULL, INACTIVE, THAWED)					\
	rule(FROZEN, NULL, INACTIVE)						\
	/* Only the drgn tools use this rule, because a module cannot list timers. */ \
	rule(OFFLINE, "its CPU is offline, so its timers do not fire", TIMER, OFFLINE)

#define CMWQ2_REASON_NAME(_name, _word, _means)	CMWQ2_WHY_##_name,
#define CMWQ2_FACT_NR(_name, _means)		CMWQ2_FACT_NR_##_name,
#define CMWQ2_FACT_BIT(_name, _means)		CMWQ2_FACT_##_name = BIT(CMWQ2_FACT_NR_##_name),

enum cmwq2_why { CMWQ2_REASONS(CMWQ2_REASON_NAME) };
enum { CMWQ2_FACTS(CMWQ2_FACT_NR) };
enum cmwq2_fact { CMWQ2_FACTS(CMWQ2_FACT_BIT) };

#endif /* CMWQ2_RULES_H */
