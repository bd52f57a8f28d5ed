/* SPDX-License-Identifier: GPL-2.0 */
/*
 * claim: how a kicked worker is reserved until it runs.
 *
 * Without a claim a picked worker stays idle until it runs. Until then another kick
 * may pick it again, and the culler may end it. A claim marks the worker, so that
 * kicks and the culler see that it was picked. kick.c claims a worker;
 * cmwq2_worker_leave_idle() and cmwq2_unclaim_all() undo a claim.
 *
 * Sources: mainline (none), the series of 2026-06 (kicked_list), the same series as
 * it was posted (kicked_first), its discussion (leave_idle, kicked_flag).
 */
#ifndef CMWQ2_POLICY_CLAIM_H
#define CMWQ2_POLICY_CLAIM_H

#include <linux/bits.h>

/* What a claim does to a picked worker. The claims differ only in these bits. */
#define CMWQ2_CLAIMS_LIST	BIT(0)	/* moves to pool->kicked_list */
#define CMWQ2_CLAIMS_FIRST	BIT(1)	/* is the first to be picked again */
#define CMWQ2_CLAIMS_BUSY	BIT(2)	/* does not count as idle, is not picked again */
#define CMWQ2_CLAIMS_FLAG	BIT(3)	/* gets worker->kicked, stays where it is */

enum cmwq2_claim {
	CMWQ2_CLAIM_NONE	 = 0,
	CMWQ2_CLAIM_KICKED_LIST	 = CMWQ2_CLAIMS_LIST,
	CMWQ2_CLAIM_KICKED_FIRST = CMWQ2_CLAIMS_LIST | CMWQ2_CLAIMS_FIRST,
	CMWQ2_CLAIM_LEAVE_IDLE	 = CMWQ2_CLAIMS_LIST | CMWQ2_CLAIMS_BUSY,
	CMWQ2_CLAIM_KICKED_FLAG	 = CMWQ2_CLAIMS_FLAG,
};

#define cmwq2_claim_about	"How a kicked worker is reserved until it runs"
#define cmwq2_claim_default	CMWQ2_CLAIM_NONE
#define cmwq2_claim_changing	cmwq2_unclaim_all
#define cmwq2_claim_values(value)						\
	value("none", CMWQ2_CLAIM_NONE, "it is not reserved, as in mainline")	\
	value("kicked_list", CMWQ2_CLAIM_KICKED_LIST,				\
	      "it moves to a list of its own, out of the culler's reach")	\
	value("kicked_first", CMWQ2_CLAIM_KICKED_FIRST,				\
	      "the same, and the next kick takes it again")			\
	value("leave_idle", CMWQ2_CLAIM_LEAVE_IDLE,				\
	      "the same list, and it is no idle worker any more")		\
	value("kicked_flag", CMWQ2_CLAIM_KICKED_FLAG,				\
	      "it stays on the idle list with a flag that the culler respects")

#endif /* CMWQ2_POLICY_CLAIM_H */
