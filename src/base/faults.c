// SPDX-License-Identifier: GPL-2.0
/*
 * The list of faults, and the parameter that chooses one; only in a build with
 * FAULTS=1. A name is used in one CMWQ2_FAULT(), or in several that break the
 * same promise. It is also in tools/vm/verbs/faults.py, which knows the test that
 * notices it.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "base/faults.h"
#include "base/param.h"

static const struct {
	const char	*name;
	const char	*what;
} cmwq2_faults[] = {
	{ "cull_from_head", "the worker that became idle last is culled first" },
	{ "cull_below_min", "min_idle is not kept when workers are culled" },
	{ "claim_not_taken", "a claimed worker stays where the next kick and the culler find it" },
	{ "chain_wake_dropped",
	  "a worker that takes an item picks the next one and does not wake it" },
	{ "no_recheck", "a worker goes idle after one item without a look at the worklist" },
	{ "manager_missing", "the last idle worker goes to work, nobody becomes manager" },
	{ "running_twice", "an item is not handed to the worker that still runs it" },
	{ "other_pool_ignored", "an item is queued anywhere while another pool still runs it" },
	{ "other_queue_taken",
	  "an item goes to the queue that still runs it, whatever it is queued on" },
	{ "pending_kept", "PENDING is cleared after the function instead of before" },
	{ "pending_ignored", "an item that is pending can be queued once more" },
	{ "inactive_jumped", "a new item takes a slot that older ones wait for" },
	{ "stays_in_line", "a pwq waits for its node's max_active without an inactive item" },
	{ "cancel_no_kick", "a cancel that makes other items runnable kicks nobody" },
	{ "inactive_lost", "an item that is done gives its slot to no inactive one" },
	{ "max_active_exceeded", "one item more than max_active is admitted" },
	{ "node_max_exceeded", "one item more than a node's share of max_active is admitted" },
	{ "block_not_counted", "a worker that blocks stays counted as running" },
	{ "block_counted_twice", "a worker that blocks is counted down twice" },
	{ "watched_for_ever", "the scan timer looks at every worker that was ever counted" },
	{ "limits_looked_for_in_vain",
	  "a limit that is not higher than before has all pools looked at" },
	{ "dump_in_one_hold", "a dump looks at all there is while it holds the lock" },
	{ "color_done_early", "a color counts as gone as soon as one item of it is done" },
	{ "color_not_painted", "items queued after a flush began still get its color" },
	{ "flusher_forgotten", "a flush that shares its color with another is not woken" },
	{ "barrier_first", "a barrier is inserted ahead of the item it waits for" },
	{ "barrier_unlinked", "a barrier is not tied to the item it waits for" },
	{ "not_plugged", "an ordered queue with new attributes does not wait for old items" },
	{ "drain_once", "draining ends after one flush, with chained items left" },
	{ "cancel_no_wait", "a synchronous cancel does not wait for a running item" },
	{ "timer_left", "cancelling a delayed item leaves its timer running" },
	{ "mod_keeps_cpu", "mod_delayed_work_on() leaves the item on the CPU it was queued on" },
	{ "depth_lost", "a refused queueing enables the item again" },
	{ "refused_kept_pending", "an item that cannot be queued stays pending" },
	{ "hook_not_resumed", "the scheduler hook cannot be registered again after a pause" },
	{ "freeze_ignored", "freezable queues go on while the system freezes" },
	{ "cursor_stalls", "a worklist that holds only a rescuer's cursor counts as a stall" },
	{ "mayday_lost", "no rescuer is called for" },
	{ "mayday_unreferenced", "a mayday holds no reference to its pwq" },
	{ "rescuer_no_kick", "a rescuer that leaves a pool wakes nobody for what is left there" },
	{ "wake_outside_rcu", "a picked worker is woken outside of RCU, which keeps its task" },
	{ "cursor_left", "a rescuer leaves its cursor behind" },
	{ "queue_not_kept", "a queue that is destroyed can be freed while that still looks at it" },
	{ "dead_pwq_taken", "an item goes to a pwq that was replaced and has no reference left" },
	{ "pwq_leaked", "an item that is done keeps its reference to the pwq" },
	{ "dying_stay", "workers that end may do so on the CPUs of their pool only" },
	{ "pool_ended_locked", "a pool ends with cmwq2_pool_mutex held" },
	{ "timer_not_kept_away", "timers of delayed items are armed on any CPU" },
	{ "mayday_timer_left", "a manager that is done goes on calling for rescuers" },
	{ "unload_hastily", "the module ends pools before queues have let go of them" },
	{ "mask_not_restored", "a worker that was pushed off its CPU works on where it is" },
	{ "offline_cpus_forgotten",
	  "the pools of a CPU that is offline when the module is loaded get no worker" },
	{ "bound_too_early", "the pools of a CPU that fails to come up stay bound to it" },
	{ "rebind_forgotten", "the workers of a CPU that came back stay unbound" },
};

const char *cmwq2_fault_chosen;

/* All names go in one line of the log, which keeps about a thousand characters of a line. */
static void cmwq2_fault_refuse(const char *value)
{
	static char allowed[1100];
	int i, len = 0;

	for (i = 0; i < ARRAY_SIZE(cmwq2_faults); i++)
		len += scnprintf(allowed + len, sizeof(allowed) - len, ", %s",
				 cmwq2_faults[i].name);
	pr_err("fault=%*pE: allowed: none%s\n", cmwq2_shown(value), value, allowed);
}

/* Called before the module's init. The parameter cannot be written later. */
static int cmwq2_fault_set(const char *value, const struct kernel_param *kp)
{
	int i;

	if (sysfs_streq(value, "none"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(cmwq2_faults); i++) {
		if (!sysfs_streq(value, cmwq2_faults[i].name))
			continue;
		cmwq2_fault_chosen = cmwq2_faults[i].name;
		pr_info("fault %s: %s\n", cmwq2_faults[i].name, cmwq2_faults[i].what);
		return 0;
	}
	cmwq2_fault_refuse(value);
	return -EINVAL;
}

static int cmwq2_fault_get(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%s\n", cmwq2_fault_chosen ?: "none");
}

static const struct kernel_param_ops cmwq2_fault_ops = {
	.set = cmwq2_fault_set,
	.get = cmwq2_fault_get,
};

module_param_cb(fault, &cmwq2_fault_ops, NULL, 0444);
MODULE_PARM_DESC(fault, "What is wrong with the engine (default none)");
