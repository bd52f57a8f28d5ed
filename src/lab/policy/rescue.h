/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rescue: what a rescuer takes at a time in a pool that cannot create a worker.
 *
 * The comment at the head of rescuer.c says what each value costs.
 *
 * Sources: mainline up to v6.18 (slurp), mainline since v7.0 (cursor).
 */
#ifndef CMWQ2_POLICY_RESCUE_H
#define CMWQ2_POLICY_RESCUE_H

enum cmwq2_rescue {
	CMWQ2_RESCUE_CURSOR,
	CMWQ2_RESCUE_SLURP,
	CMWQ2_RESCUE_RESTART,
};

#define cmwq2_rescue_about	"What a rescuer takes at a time from a pool without a free worker"
#define cmwq2_rescue_default	CMWQ2_RESCUE_CURSOR
#define cmwq2_rescue_changed	NULL
#define cmwq2_rescue_pools	CMWQ2_IN_ALL_POOLS
#define cmwq2_rescue_unsafe	"none"
#define cmwq2_rescue_values(value)						\
	value("cursor", CMWQ2_RESCUE_CURSOR,					\
	      "one item, and a cursor marks where it looks for the next one, as in mainline") \
	value("slurp", CMWQ2_RESCUE_SLURP, "all items of its queue, then it runs them") \
	value("restart", CMWQ2_RESCUE_RESTART,					\
	      "one item, and it looks for the next one from the head of the worklist")

#endif /* CMWQ2_POLICY_RESCUE_H */
