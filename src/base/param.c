// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters that can be switched while the module runs: the mechanism, and those
 * that are numbers, flags or the default affinity scope. Each is a module
 * parameter, and other modules can set it by cmwq2_policy_set(). The policies that
 * each pool has are in choices.c.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "base/types.h"
#include "base/param.h"

/* PL. The module is being unloaded, and its policies must not change any more. */
static bool cmwq2_policy_closed;

/* X: READ_ONCE, set under cmwq2_pool_mutex. How idle.c culls workers. */
static unsigned int cmwq2_idle_timeout_ms = 300 * MSEC_PER_SEC;
static unsigned int cmwq2_cull_ratio = 4;
static unsigned int cmwq2_min_idle = 2;
/* PL. The affinity scope of unbound queues that have none of their own. */
static unsigned int cmwq2_dfl_affn_scope = CMWQ2_AFFN_CACHE_SHARD;
/* PL. How many cores of a last-level cache share a pool, as near as they can be divided. */
static unsigned int cmwq2_shard_size = 8;

unsigned long cmwq2_idle_timeout(void)
{
	return msecs_to_jiffies(READ_ONCE(cmwq2_idle_timeout_ms));
}

/**
 * cmwq2_too_many_idle - whether idle workers may be culled
 * @nr_idle: idle workers
 * @nr_busy: other workers
 *
 * Return: true if more than min_idle workers are idle, and at least one of these
 * extra workers for every cull_ratio busy ones.
 */
bool cmwq2_too_many_idle(int nr_idle, int nr_busy)
{
	int extra = nr_idle - (int)READ_ONCE(cmwq2_min_idle) + CMWQ2_FAULT("cull_below_min");

	return extra > 0 && extra * (int)READ_ONCE(cmwq2_cull_ratio) >= nr_busy;
}

enum cmwq2_affn_scope cmwq2_default_affn_scope(void)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	return cmwq2_dfl_affn_scope;
}

unsigned int cmwq2_cache_shard_size(void)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	return cmwq2_shard_size;
}

static int cmwq2_parse_number(struct cmwq2_policy *policy, const char *value, unsigned int *n)
{
	if (!kstrtouint(value, 0, n) && *n >= policy->min && *n <= policy->max)
		return 0;
	pr_err("%s=%*pE: allowed: %u to %u\n", policy->name, cmwq2_shown(value), value,
	       policy->min, policy->max);
	return -EINVAL;
}

static int cmwq2_set_number(struct cmwq2_policy *policy, const char *value)
{
	unsigned int n;
	int ret = cmwq2_parse_number(policy, value, &n);

	if (ret)
		return ret;
	WRITE_ONCE(*policy->number, n);
	if (policy->changed)
		policy->changed();
	return 0;
}

static const char *cmwq2_get_number(struct cmwq2_policy *policy)
{
	scnprintf(policy->text, sizeof(policy->text), "%u", *policy->number);
	return policy->text;
}

static int cmwq2_set_shards(struct cmwq2_policy *policy, const char *value)
{
	unsigned int n;
	int ret = cmwq2_parse_number(policy, value, &n);

	ret = ret ?: cmwq2_set_cache_shard_size(n);
	if (!ret)
		*policy->number = n;
	return ret;
}

static const char *cmwq2_get_shards(struct cmwq2_policy *policy)
{
	return cmwq2_get_number(policy);
}

/**
 * cmwq2_parse_flag - parse the value of a parameter that is on or off
 * @name: the parameter's name
 * @value: text written to the parameter
 * @on: set to the parsed value
 *
 * Return: 0 or -EINVAL with a message.
 */
int cmwq2_parse_flag(const char *name, const char *value, bool *on)
{
	/* kstrtobool() looks at the first character only. */
	if (strcspn(value, "\n") == 1 && !kstrtobool(value, on))
		return 0;
	pr_err("%s=%*pE: allowed: Y or N\n", name, cmwq2_shown(value), value);
	return -EINVAL;
}

static int cmwq2_set_flag(struct cmwq2_policy *policy, const char *value)
{
	bool on;
	int ret = cmwq2_parse_flag(policy->name, value, &on);

	if (!ret)
		WRITE_ONCE(*policy->flag, on);
	return ret;
}

static const char *cmwq2_get_flag(struct cmwq2_policy *policy)
{
	return *policy->flag ? "Y" : "N";
}

static int cmwq2_set_scope(struct cmwq2_policy *policy, const char *value)
{
	unsigned int old = cmwq2_dfl_affn_scope;
	int scope = cmwq2_parse_affn_scope(value), ret;

	if (scope < 0)
		return scope;
	if (scope == CMWQ2_AFFN_DFL) {
		pr_err("%s=default: allowed: a scope of its own\n", policy->name);
		return -EINVAL;
	}
	cmwq2_dfl_affn_scope = scope;
	ret = cmwq2_rebuild_queues();
	if (ret)
		cmwq2_dfl_affn_scope = old;
	return ret;
}

static const char *cmwq2_get_scope(struct cmwq2_policy *policy)
{
	return cmwq2_affn_name(cmwq2_dfl_affn_scope);
}

static int cmwq2_policy_store(struct cmwq2_policy *policy, const char *value)
{
	int ret;

	mutex_lock(&cmwq2_pool_mutex);
	if (cmwq2_policy_closed) {
		pr_err("%s=%*pE: the module is being unloaded\n", policy->name,
		       cmwq2_shown(value), value);
		ret = -ENODEV;
	} else {
		ret = policy->set(policy, value);
	}
	mutex_unlock(&cmwq2_pool_mutex);
	return ret;
}

/* Refuse all later changes, before the pools are destroyed. Context: process, may sleep. */
void cmwq2_policy_close(void)
{
	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_policy_closed = true;
	mutex_unlock(&cmwq2_pool_mutex);
}

/*
 * The kernel calls this before the module's init for parameters given at load, when
 * no pool exists yet, and possibly after the module's exit, when none is left. Both
 * times cmwq2_pools is empty.
 */
static int cmwq2_param_set(const char *value, const struct kernel_param *kp)
{
	return cmwq2_policy_store(kp->arg, value);
}

static int cmwq2_param_get(char *buffer, const struct kernel_param *kp)
{
	struct cmwq2_policy *policy = kp->arg;
	int len;

	mutex_lock(&cmwq2_pool_mutex);
	len = sprintf(buffer, "%s\n", policy->get(policy));
	mutex_unlock(&cmwq2_pool_mutex);
	return len;
}

const struct kernel_param_ops cmwq2_param_ops = {
	.set = cmwq2_param_set,
	.get = cmwq2_param_get,
};

CMWQ2_POLICY(wake_cost_us, number,
	     "Microseconds to spin at each wakeup, to see what dear wakeups do (default 0)",
	     .number = &cmwq2_wake_cost_us, .min = 0, .max = 1000);
CMWQ2_POLICY(default_affinity_scope, scope,
	     "Scope of unbound workqueues: cpu, smt, cache, cache_shard (default), numa, system");
CMWQ2_POLICY(cache_shard_size, shards,
	     "Cores of a last-level cache that share a pool in scope cache_shard (default 8)",
	     .number = &cmwq2_shard_size, .min = 1, .max = 8192);
CMWQ2_POLICY(debug_force_rr_cpu, flag,
	     "Queue items of unbound workqueues from all CPUs in turn (default N)",
	     .flag = &cmwq2_force_rr_cpu);
CMWQ2_POLICY_MODE(0444, power_efficient, flag,
		  "Whether power-efficient workqueues are unbound; fixed once loaded",
		  .flag = &cmwq2_power_efficient);
CMWQ2_POLICY(idle_timeout_ms, number,
	     "Milliseconds after which an idle worker may be culled (default 300000)",
	     .number = &cmwq2_idle_timeout_ms, .min = 0, .max = 86400000,
	     .changed = cmwq2_idle_rearm_all);
CMWQ2_POLICY(cull_ratio, number,
	     "Busy workers for each idle one over min_idle that is kept (default 4)",
	     .number = &cmwq2_cull_ratio, .min = 1, .max = 1000,
	     .changed = cmwq2_idle_rearm_all);
/* With fewer than two, a worker that begins to work would leave no idle worker. */
CMWQ2_POLICY(min_idle, number, "Idle workers that are always kept (default 2)",
	     .number = &cmwq2_min_idle, .min = 2, .max = 1000,
	     .changed = cmwq2_idle_rearm_all);
CMWQ2_POLICY(cpu_intensive_thresh_us, number,
	     "Microseconds of CPU time after which an item holds back others no more, 0: never (default 10000, more on slow machines)",
	     .number = &cmwq2_hog_thresh_us, .min = 0, .max = 1000000000,
	     .changed = cmwq2_hog_changed);
CMWQ2_POLICY(cpu_intensive_warning_thresh, number,
	     "Times a function may exceed that before it is reported, 0: not at all (default 4)",
	     .number = &cmwq2_hog_warn_thresh, .min = 0, .max = 1000000);
CMWQ2_POLICY(watchdog_thresh, number,
	     "Seconds after which a pool that takes none of its items is reported, 0: never (default 30)",
	     .number = &cmwq2_watchdog_thresh, .min = 0, .max = 86400,
	     .changed = cmwq2_watchdog_changed);
CMWQ2_POLICY(panic_on_stall, number,
	     "Number of stalls that makes the kernel panic, 0: none (default 0)",
	     .number = &cmwq2_panic_on_stall, .min = 0, .max = 1000000);
CMWQ2_POLICY(panic_on_stall_time, number,
	     "Seconds of a stall that make the kernel panic, 0: none (default 0)",
	     .number = &cmwq2_panic_on_stall_time, .min = 0, .max = 86400);

/* Find a policy in the module's own list of parameters. */
static struct cmwq2_policy *cmwq2_find_policy(const char *name)
{
	const struct kernel_param *kp = THIS_MODULE->kp;
	unsigned int i;

	for (i = 0; i < THIS_MODULE->num_kp; i++)
		if (kp[i].ops == &cmwq2_param_ops && !strcmp(kp[i].name, name))
			return kp[i].arg;
	pr_err("policy \"%s\": allowed: the names of the module's parameters\n", name);
	return NULL;
}

/**
 * cmwq2_policy_set - switch a policy of all pools
 * @name: a parameter's name
 * @value: text as it would be written to the parameter
 *
 * No item is lost or reordered, whatever the pools are doing.
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL with a message; -ENODEV with a message while the module is
 * being unloaded; or another error. After an error nothing has changed.
 */
int cmwq2_policy_set(const char *name, const char *value)
{
	struct cmwq2_policy *policy = cmwq2_find_policy(name);

	return policy ? cmwq2_policy_store(policy, value) : -EINVAL;
}
EXPORT_SYMBOL_GPL(cmwq2_policy_set);

/**
 * cmwq2_policy_get - read a policy's value
 * @name: a parameter's name
 *
 * Context: process, may sleep.
 * Return: the value as text, valid until the policy is changed; NULL with a
 * message if no parameter has this name.
 */
const char *cmwq2_policy_get(const char *name)
{
	struct cmwq2_policy *policy = cmwq2_find_policy(name);
	const char *value;

	if (!policy)
		return NULL;
	mutex_lock(&cmwq2_pool_mutex);
	value = policy->get(policy);
	mutex_unlock(&cmwq2_pool_mutex);
	return value;
}
EXPORT_SYMBOL_GPL(cmwq2_policy_get);
