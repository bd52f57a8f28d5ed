/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults on purpose: what the suites must notice.
 *
 * Each breaks one promise of the engine in one place, in a build with FAULTS=1
 * and if the module parameter "fault" names it. In any other build there is
 * neither the parameter nor any code. tools/vm/faults.py says which suite
 * catches which; `make check-faults` proves it.
 */
#ifndef CMWQ2_FAULTS_H
#define CMWQ2_FAULTS_H

/* Name and what goes wrong; tools/vm/faults.py reads this list. */
#define CMWQ2_FAULT_LIST(X)							\
	X(cull_from_head, "the worker that became idle last is culled first")	\
	X(cull_below_min, "min_idle is not kept when workers are culled")	\
	X(claim_not_taken, "a claimed worker stays where the next kick and the culler find it") \
	X(chain_wake_dropped, "a worker that takes an item picks the next one and does not wake it") \
	X(no_recheck, "a worker goes idle after one item without a look at the worklist") \
	X(manager_missing, "the last idle worker goes to work, nobody becomes manager") \
	X(running_twice, "an item is not handed to the worker that still runs it") \
	X(other_pool_ignored, "an item is queued anywhere while another pool still runs it") \
	X(pending_kept, "PENDING is cleared after the function instead of before") \
	X(pending_ignored, "an item that is pending can be queued once more")	\
	X(inactive_jumped, "a new item takes a slot that older ones wait for")	\
	X(inactive_lost, "an item that is done gives its slot to no inactive one") \
	X(max_active_exceeded, "one item more than max_active is admitted")	\
	X(node_max_exceeded, "one item more than a node's share of max_active is admitted") \
	X(block_not_counted, "a worker that blocks stays counted as running")	\
	X(block_counted_twice, "a worker that blocks is counted down twice")	\
	X(color_done_early, "a color counts as gone as soon as one item of it is done") \
	X(color_not_painted, "items queued after a flush began still get its color") \
	X(flusher_forgotten, "a flush that shares its color with another is not woken") \
	X(barrier_first, "a barrier is inserted ahead of the item it waits for") \
	X(barrier_unlinked, "a barrier is not tied to the item it waits for")	\
	X(not_plugged, "an ordered queue with new attributes does not wait for old items") \
	X(drain_once, "draining ends after one flush, with chained items left")	\
	X(cancel_no_wait, "a synchronous cancel does not wait for a running item") \
	X(timer_left, "cancelling a delayed item leaves its timer running")	\
	X(depth_lost, "a refused queueing enables the item again")		\
	X(freeze_ignored, "freezable queues go on while the system freezes")	\
	X(mayday_lost, "no rescuer is called for")				\
	X(mayday_unreferenced, "a mayday holds no reference to its pwq")	\
	X(cursor_left, "a rescuer leaves its cursor behind")			\
	X(pwq_leaked, "an item that is done keeps its reference to the pwq")	\
	X(rebind_forgotten, "the workers of a CPU that came back stay unbound")

#ifdef CMWQ2_FAULTS

#define CMWQ2_FAULT_ID(name, what)	CMWQ2_FAULT_##name,
enum cmwq2_fault { CMWQ2_NO_FAULT, CMWQ2_FAULT_LIST(CMWQ2_FAULT_ID) };

extern enum cmwq2_fault cmwq2_fault_chosen;	/* I */

#define CMWQ2_FAULT(name)	unlikely(cmwq2_fault_chosen == CMWQ2_FAULT_##name)

#else

#define CMWQ2_FAULT(name)	false

#endif /* CMWQ2_FAULTS */

#endif /* CMWQ2_FAULTS_H */
