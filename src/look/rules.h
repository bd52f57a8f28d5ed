/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules by which the verdict concludes why items wait.
 *
 * Whoever judges collects facts. The first rule all of whose facts hold gives the reason.
 * The tools that look from outside use the same rules: make parity WRITE=1 writes this
 * table into tools/wq/rules.py, and make style fails if the two differ.
 */
#ifndef CMWQ2_RULES_H
#define CMWQ2_RULES_H

#include <linux/bits.h>

/* reason(NAME, the word that a paragraph has for it, what it means) */
#define CMWQ2_REASONS(reason)							\
	reason(HOG, "hog", "an item keeps the CPU to itself")			\
	reason(NO_WORKER, "no-worker",						\
	       "all workers are blocked, and no other can be created")		\
	reason(MANAGER, "manager-stuck",					\
	       "all workers are blocked, and the one that creates another is stuck") \
	reason(RESCUER, "rescuer-busy",						\
	       "all workers are blocked, and the queue's rescuer is busy as well") \
	reason(NOT_RUN, "not-run", "a worker was picked and has not run")	\
	reason(OFFLINE, "cpu-offline", "the CPU is offline, or never was online") \
	reason(SOFTIRQ, "softirq", "BH: the CPU has not come to run its softirqs") \
	reason(BEHIND, "behind", "a worker has taken it and still runs something else") \
	reason(AWAITED, "awaited", "a thread waits for an item that does not end") \
	reason(THROTTLED, "throttled", "max_active is used up")			\
	reason(NODE, "node-full", "the NUMA node's share of max_active is used up") \
	reason(FROZEN, "frozen", "the queue is frozen")				\
	reason(PLUGGED, "plugged",						\
	       "ordered queue: items queued under older attributes come first")	\
	reason(LOST, "lost-kick", "none of these: this must never happen")

/* fact(NAME, what it says) */
#define CMWQ2_FACTS(fact)							\
	fact(OFFLINE, "the pool's CPU is offline")				\
	fact(BH, "the pool runs in softirq context")				\
	fact(BUSY, "a worker of the BH pool runs an item")			\
	fact(COUNTED, "nr_running is not 0")					\
	fact(SEEN, "a worker that counts as running was found")			\
	fact(ASLEEP, "one of these sleeps")					\
	fact(NO_IDLE, "no worker is idle or picked")				\
	fact(MANAGER, "a worker is the manager")				\
	fact(STUCK, "the manager has not come back from its last attempt")	\
	fact(RESCUER_BUSY, "the rescuer of the first item's queue runs an item") \
	fact(IDLE, "workers are idle")						\
	fact(PICKED, "a worker was picked and has not run since")		\
	fact(NOT_WOKEN, "that worker still sleeps")				\
	fact(CPU_TAKEN, "an item of this engine runs on that worker's CPU")	\
	fact(TAKEN, "a worker has taken the item")				\
	fact(AGAIN, "that worker runs the same item")				\
	fact(WAITER, "a thread waits for the item that runs")			\
	fact(INACTIVE, "the item waits for max_active")				\
	fact(THAWED, "the queue is not frozen")					\
	fact(UNPLUGGED, "no older items come first")				\
	fact(SLOT, "max_active has a free slot")				\
	fact(NODE_LESS, "the node's share is smaller than max_active")		\
	fact(TIMER, "the delay is over, and the timer has not run")

/* rule(REASON, detail for the paragraph or NULL, facts) */
#define CMWQ2_RULES(rule)							\
	rule(HOG, NULL, BH, BUSY)						\
	rule(OFFLINE, NULL, BH, OFFLINE)					\
	rule(SOFTIRQ, "its CPU has not come to its softirqs: somebody keeps them off", BH) \
	rule(LOST, "a worker sleeps and still counts as running", COUNTED, ASLEEP) \
	rule(HOG, NULL, COUNTED, SEEN)						\
	rule(LOST, "a worker counts as running, and none is", COUNTED)		\
	rule(RESCUER, NULL, NO_IDLE, MANAGER, RESCUER_BUSY)			\
	rule(MANAGER, NULL, NO_IDLE, MANAGER, STUCK)				\
	rule(NO_WORKER, NULL, NO_IDLE, MANAGER)					\
	rule(OFFLINE, NULL, NO_IDLE, OFFLINE)					\
	rule(LOST, "no worker is idle, and none is about to create one", NO_IDLE) \
	rule(OFFLINE, "it has not been woken", IDLE, PICKED, NOT_WOKEN, OFFLINE) \
	rule(NOT_RUN, "it has not been woken", IDLE, PICKED, NOT_WOKEN)		\
	rule(HOG, NULL, IDLE, PICKED, CPU_TAKEN)				\
	rule(OFFLINE, "no item of this engine has its CPU: something else keeps it", \
	     IDLE, PICKED, OFFLINE)						\
	rule(NOT_RUN, "no item of this engine has its CPU: something else keeps it", \
	     IDLE, PICKED)							\
	rule(OFFLINE, "workers are idle, and none was picked", IDLE, OFFLINE)	\
	rule(LOST, "workers are idle, and none was picked", IDLE)		\
	rule(BEHIND, "it was queued again while it ran, and still does", TAKEN, AGAIN) \
	rule(BEHIND, "a worker has taken it, and still runs another one", TAKEN) \
	rule(AWAITED, NULL, WAITER)						\
	rule(LOST, "max_active has a free slot, and nobody was let in",		\
	     INACTIVE, THAWED, UNPLUGGED, SLOT)					\
	rule(NODE, "other nodes have the rest of its max_active",		\
	     INACTIVE, THAWED, UNPLUGGED, NODE_LESS)				\
	rule(THROTTLED, NULL, INACTIVE, THAWED, UNPLUGGED)			\
	rule(PLUGGED, NULL, INACTIVE, THAWED)					\
	rule(FROZEN, NULL, INACTIVE)						\
	/* Only the tools apply this one, because a module cannot list timers. */ \
	rule(OFFLINE, "its CPU is offline, and its timers stand still", TIMER, OFFLINE)

#define CMWQ2_REASON_NAME(_name, _word, _means)	CMWQ2_WHY_##_name,
#define CMWQ2_FACT_NR(_name, _means)		CMWQ2_FACT_NR_##_name,
#define CMWQ2_FACT_BIT(_name, _means)		CMWQ2_FACT_##_name = BIT(CMWQ2_FACT_NR_##_name),

enum cmwq2_why { CMWQ2_REASONS(CMWQ2_REASON_NAME) };
enum { CMWQ2_FACTS(CMWQ2_FACT_NR) };
enum cmwq2_fact { CMWQ2_FACTS(CMWQ2_FACT_BIT) };

#endif /* CMWQ2_RULES_H */
