// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading.
 *
 * The order of unloading is: queues, then what could create or kick workers,
 * then the workers, then what watched them, then RCU callbacks, then memory.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include <cmwq2/control.h>
#include <cmwq2/version.h>

#include "base/helper.h"
#include "base/param.h"
#include "core/hog.h"
#include "core/pool.h"
#include "core/pwq.h"
#include "core/queue.h"
#include "core/reap.h"
#include "core/sched.h"
#include "lab/starve.h"
#include "look/debugfs.h"
#include "look/histograms.h"
#include "look/oops.h"
#include "look/show.h"
#include "look/watchdog.h"
#include "place/cpumask.h"
#include "place/freeze.h"
#include "place/hotplug.h"
#include "place/sysfs.h"
#include "place/topology.h"
#include "place/wq.h"

static char *cmwq2_hook_param = "auto";
module_param_named(hook, cmwq2_hook_param, charp, 0444);
MODULE_PARM_DESC(hook, "Scheduler hook: auto (default), tp, pn, timer; fixed once loaded");

/* Free what RCU callbacks still use: pwqs, queues, pools. */
static void cmwq2_free_rest(void)
{
	rcu_barrier();
	cmwq2_pwqs_exit();
	cmwq2_topology_exit();
}

/* What looks at the engine cannot fail. */
static void cmwq2_look_begin(void)
{
	cmwq2_oops_init();
	cmwq2_latency_init();
	cmwq2_watchdog_init();
	cmwq2_sysrq_init();
	cmwq2_debugfs_init();
}

static int __init cmwq2_init(void)
{
	int ret;

	cmwq2_cpumask_init();
	ret = cmwq2_topology_init();
	if (ret)
		return ret;
	ret = cmwq2_pwqs_init();
	if (ret)
		goto err_topology;
	ret = cmwq2_sched_init(cmwq2_hook_param);
	if (ret)
		goto err_pwqs;
	ret = cmwq2_helpers_start();
	if (ret)
		goto err_sched;
	cmwq2_hog_init();
	cmwq2_queue_init();
	ret = cmwq2_pools_init();
	if (ret)
		goto err_helper;
	ret = cmwq2_hotplug_init();
	if (ret)
		goto err_pools;
	ret = cmwq2_freeze_init();
	if (ret)
		goto err_hotplug;
	ret = cmwq2_system_wqs_init();
	if (ret)
		goto err_freeze;
	ret = cmwq2_sysfs_init();
	if (ret)
		goto err_wqs;
	cmwq2_look_begin();
	cmwq2_starve_init();

	pr_info("loaded: hook %s\n", cmwq2_hook_name());
	return 0;

err_wqs:
	cmwq2_system_wqs_exit();
err_freeze:
	cmwq2_freeze_exit();
err_hotplug:
	cmwq2_helpers_flush();
	cmwq2_hotplug_exit();
err_pools:
	cmwq2_pools_exit();
err_helper:
	cmwq2_helpers_stop();
err_sched:
	cmwq2_sched_exit();
	rcu_barrier();
err_pwqs:
	cmwq2_pwqs_exit();
err_topology:
	cmwq2_topology_exit();
	return ret;
}

static void __exit cmwq2_exit(void)
{
	/* First stop what could look at queues and pools that go away. */
	cmwq2_debugfs_exit();
	cmwq2_sysrq_exit();
	cmwq2_watchdog_exit();
	cmwq2_starve_exit();
	cmwq2_latency_exit();
	cmwq2_oops_exit();
	cmwq2_sysfs_exit();
	cmwq2_params_close();
	/* Thaws frozen queues, because the queues below are waited for. */
	cmwq2_freeze_exit();
	/* Only the system queues are left: others hold a reference to the module. */
	cmwq2_system_wqs_exit();
	/* Wait for their pwqs and pools, and for those of queues that were destroyed before. */
	cmwq2_helpers_flush();
	cmwq2_hotplug_exit();
	cmwq2_pools_exit();
	cmwq2_helpers_stop();
	WARN_ON(!cmwq2_reaped_all());
	cmwq2_sched_exit();
	cmwq2_free_rest();
}

module_init(cmwq2_init);
module_exit(cmwq2_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Concurrency-managed workqueues with switchable internals");
MODULE_VERSION(CMWQ2_VERSION);
