// SPDX-License-Identifier: GPL-2.0
/*
 * What can be switched while the module runs, and the profiles that name sets
 * of it. Each policy is a module parameter and can be set by other modules.
 *
 * Policies of the hot path are copied into every pool and changed there under
 * its lock: whoever holds the lock sees one policy from beginning to end.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "internal.h"

/* A value of a policy that is a choice. */
struct cmwq2_choice {
	const char	*name;
	u8		value;
};

static const struct cmwq2_choice cmwq2_claims[] = {
	{ "none",		CMWQ2_CLAIM_NONE },
	{ "kicked_list",	CMWQ2_CLAIM_KICKED_LIST },
	{ "kicked_first",	CMWQ2_CLAIM_KICKED_FIRST },
	{ "leave_idle",		CMWQ2_CLAIM_LEAVE_IDLE },
	{ "kicked_flag",	CMWQ2_CLAIM_KICKED_FLAG },
	{ }
};

static const struct cmwq2_choice cmwq2_wakes[] = {
	{ "locked",		CMWQ2_WAKE_LOCKED },
	{ "enqueue",		CMWQ2_WAKE_ENQUEUE },
	{ "process",		CMWQ2_WAKE_PROCESS },
	{ "deferred",		CMWQ2_WAKE_DEFERRED },
	{ "everywhere",		CMWQ2_WAKE_EVERYWHERE },
	{ }
};

static const struct cmwq2_choice cmwq2_rescues[] = {
	{ "cursor",		CMWQ2_RESCUE_CURSOR },
	{ "slurp",		CMWQ2_RESCUE_SLURP },
	{ "restart",		CMWQ2_RESCUE_RESTART },
	{ }
};

/* The cursor is in mainline since v7.0, which the series of 2026-06 were made for. */
static const struct cmwq2_profile {
	const char			*name;
	struct cmwq2_pool_policy	policy;
} cmwq2_profiles[] = {
	{ "mainline-7.3",	{ .claim = CMWQ2_CLAIM_NONE,
				  .wake = CMWQ2_WAKE_DEFERRED,
				  .rescue = CMWQ2_RESCUE_CURSOR } },
	{ "mainline-6.12",	{ .claim = CMWQ2_CLAIM_NONE,
				  .wake = CMWQ2_WAKE_LOCKED,
				  .rescue = CMWQ2_RESCUE_SLURP } },
	{ "v2-2026-06",		{ .claim = CMWQ2_CLAIM_KICKED_LIST,
				  .wake = CMWQ2_WAKE_DEFERRED,
				  .rescue = CMWQ2_RESCUE_CURSOR } },
	{ "v2-as-posted",	{ .claim = CMWQ2_CLAIM_KICKED_FIRST,
				  .wake = CMWQ2_WAKE_DEFERRED,
				  .rescue = CMWQ2_RESCUE_CURSOR } },
};

/* PL. What new pools get, and what is shown. The first profile is the default. */
static struct cmwq2_pool_policy cmwq2_policy = {
	.claim = CMWQ2_CLAIM_NONE,
	.wake = CMWQ2_WAKE_DEFERRED,
	.rescue = CMWQ2_RESCUE_CURSOR,
};

/* PL. The module is going, and its policies are not to be changed any more. */
static bool cmwq2_policy_closed;

/* X: READ_ONCE, set under cmwq2_pool_mutex. Figures of idle.c. */
static unsigned int cmwq2_idle_timeout_ms = 300 * MSEC_PER_SEC;
static unsigned int cmwq2_cull_ratio = 4;
static unsigned int cmwq2_min_idle = 2;
/* PL. Of unbound queues that have none of their own. */
static unsigned int cmwq2_dfl_affn_scope = CMWQ2_AFFN_CACHE_SHARD;
/* PL. Cores of a last-level cache that share a pool, as near as it divides. */
static unsigned int cmwq2_shard_size = 8;

unsigned long cmwq2_idle_timeout(void)
{
	return msecs_to_jiffies(READ_ONCE(cmwq2_idle_timeout_ms));
}

/**
 * cmwq2_too_many_idle - whether idle workers may be culled
 * @nr_idle: idle workers
 * @nr_busy: others
 *
 * Return: true if there are more than min_idle, and of these extra ones at
 * least one for every cull_ratio busy ones.
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

static void cmwq2_policy_set_pool(struct cmwq2_pool *pool, const struct cmwq2_pool_policy *policy)
{
	cmwq2_pool_lock_irq(pool);
	if (pool->policy.claim != policy->claim)
		cmwq2_unclaim_all(pool);
	pool->policy = *policy;
	cmwq2_pool_unlock_irq(pool);
}

/* A new pool, not known to others yet. Context: cmwq2_pool_mutex held. */
void cmwq2_policy_pool_init(struct cmwq2_pool *pool)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	pool->policy = cmwq2_policy;
}

static void cmwq2_policy_set_pools(void)
{
	struct cmwq2_pool *pool;
	unsigned long id;

	lockdep_assert_held(&cmwq2_pool_mutex);
	xa_for_each(&cmwq2_pools, id, pool)
		cmwq2_policy_set_pool(pool, &cmwq2_policy);
}

/**
 * struct cmwq2_policy - one parameter
 * @name: its name
 * @set: checks a value and lets it take effect; cmwq2_pool_mutex held
 * @get: the value as text; cmwq2_pool_mutex held
 * @choices: values of a policy that each pool has
 * @member: where struct cmwq2_pool_policy has it
 * @number: the value of a policy that is a number
 * @min: lowest number
 * @max: highest number
 * @flag: the value of a policy that is on or off
 * @changed: called when a number has changed; cmwq2_pool_mutex held, and there
 *	may be no pool yet or any more
 * @text: memory for @get
 */
struct cmwq2_policy {
	const char		*name;
	int			(*set)(struct cmwq2_policy *policy, const char *value);
	const char		*(*get)(struct cmwq2_policy *policy);
	const struct cmwq2_choice *choices;
	size_t			member;
	unsigned int		*number;
	unsigned int		min;
	unsigned int		max;
	bool			*flag;
	void			(*changed)(void);
	char			text[12];
};

static struct cmwq2_policy *cmwq2_find_choice(const char *name);

/* Something was not in a list: say what would have been. @nr: of names. */
static int cmwq2_refuse_name(const char *what, const char *value, const char *const *names,
			     size_t nr)
{
	char allowed[96] = "";
	size_t i;

	for (i = 0; i < nr; i++) {
		strlcat(allowed, i ? ", " : "", sizeof(allowed));
		strlcat(allowed, names[i], sizeof(allowed));
	}
	pr_err("%s=%*pE: allowed: %s\n", what, cmwq2_shown(value), value, allowed);
	return -EINVAL;
}

static u8 *cmwq2_policy_member(struct cmwq2_policy *policy, struct cmwq2_pool_policy *of)
{
	return (u8 *)of + policy->member;
}

static const char *cmwq2_choice_name(struct cmwq2_policy *policy, struct cmwq2_pool_policy *of)
{
	const struct cmwq2_choice *choice = policy->choices;

	while (choice->value != *cmwq2_policy_member(policy, of))
		choice++;
	return choice->name;
}

/* Put the choice that @value names into @of. */
static int cmwq2_parse_choice(struct cmwq2_policy *policy, const char *value,
			      struct cmwq2_pool_policy *of)
{
	const char *names[8];
	size_t nr;

	for (nr = 0; policy->choices[nr].name; nr++) {
		names[nr] = policy->choices[nr].name;
		if (!sysfs_streq(names[nr], value))
			continue;
		*cmwq2_policy_member(policy, of) = policy->choices[nr].value;
		return 0;
	}
	return cmwq2_refuse_name(policy->name, value, names, nr);
}

static int cmwq2_set_choice(struct cmwq2_policy *policy, const char *value)
{
	int ret = cmwq2_parse_choice(policy, value, &cmwq2_policy);

	if (!ret)
		cmwq2_policy_set_pools();
	return ret;
}

static const char *cmwq2_get_choice(struct cmwq2_policy *policy)
{
	return cmwq2_choice_name(policy, &cmwq2_policy);
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
 * cmwq2_parse_flag - read the value of a parameter that is on or off
 * @name: the parameter's name
 * @value: as written to it
 * @on: what it says
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

static int cmwq2_set_profile(struct cmwq2_policy *policy, const char *value)
{
	const char *names[ARRAY_SIZE(cmwq2_profiles)];
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_profiles); i++) {
		names[i] = cmwq2_profiles[i].name;
		if (!sysfs_streq(names[i], value))
			continue;
		cmwq2_policy = cmwq2_profiles[i].policy;
		cmwq2_policy_set_pools();
		return 0;
	}
	return cmwq2_refuse_name(policy->name, value, names, ARRAY_SIZE(names));
}

static const char *cmwq2_get_profile(struct cmwq2_policy *policy)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_profiles); i++)
		if (!memcmp(&cmwq2_profiles[i].policy, &cmwq2_policy, sizeof(cmwq2_policy)))
			return cmwq2_profiles[i].name;
	return "custom";
}

/* "POOL POLICY=VALUE" */
static int cmwq2_set_pool(struct cmwq2_policy *policy, const char *value)
{
	char text[64], *setting = text, *id, *name;
	struct cmwq2_pool_policy changed;
	struct cmwq2_policy *choice;
	struct cmwq2_pool *pool;
	unsigned int nr;
	int ret;

	strscpy(text, value, sizeof(text));
	id = strsep(&setting, " ");
	name = strsep(&setting, "=");
	choice = setting ? cmwq2_find_choice(name) : NULL;
	pool = !kstrtouint(id, 10, &nr) ? xa_load(&cmwq2_pools, nr) : NULL;
	if (!choice || !pool) {
		pr_err("%s=%*pE: allowed: number of a pool, space, claim=, wake= or rescue=, value\n",
		       policy->name, cmwq2_shown(value), value);
		return -EINVAL;
	}
	/* Changed with cmwq2_pool_mutex held, as it is. */
	changed = pool->policy;
	ret = cmwq2_parse_choice(choice, setting, &changed);
	if (!ret)
		cmwq2_policy_set_pool(pool, &changed);
	return ret;
}

/* Those that are not as the rest, a line each. */
static const char *cmwq2_get_pool(struct cmwq2_policy *policy)
{
	static char text[2048];
	struct cmwq2_pool *pool;
	unsigned long id;
	int len = 0;

	text[0] = '\0';
	xa_for_each(&cmwq2_pools, id, pool) {
		if (!memcmp(&pool->policy, &cmwq2_policy, sizeof(cmwq2_policy)))
			continue;
		len += scnprintf(text + len, sizeof(text) - len, "%s%lu claim=%s wake=%s rescue=%s",
				 len ? "\n" : "", id,
				 cmwq2_choice_name(cmwq2_find_choice("claim"), &pool->policy),
				 cmwq2_choice_name(cmwq2_find_choice("wake"), &pool->policy),
				 cmwq2_choice_name(cmwq2_find_choice("rescue"), &pool->policy));
	}
	return text;
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

/* The last step before the pools go. Context: process, may sleep. */
void cmwq2_policy_close(void)
{
	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_policy_closed = true;
	mutex_unlock(&cmwq2_pool_mutex);
}

/*
 * Called before the module's init with parameters from the command line, when
 * there is no pool to change yet, and possibly after its exit, when there is
 * none left: both find cmwq2_pools empty.
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

static const struct kernel_param_ops cmwq2_param_ops = {
	.set = cmwq2_param_set,
	.get = cmwq2_param_get,
};

#define CMWQ2_POLICY(_name, _kind, _desc, ...)					\
	CMWQ2_POLICY_MODE(0644, _name, _kind, _desc, __VA_ARGS__)

#define CMWQ2_POLICY_MODE(_mode, _name, _kind, _desc, ...)			\
	static struct cmwq2_policy cmwq2_policy_##_name = {			\
		.name = #_name,							\
		.set = cmwq2_set_##_kind,					\
		.get = cmwq2_get_##_kind,					\
		__VA_ARGS__							\
	};									\
	module_param_cb(_name, &cmwq2_param_ops, &cmwq2_policy_##_name, _mode);	\
	MODULE_PARM_DESC(_name, _desc)

CMWQ2_POLICY(profile, profile,
	     "Set of policies: mainline-7.3 (default), mainline-6.12, v2-2026-06, v2-as-posted");
CMWQ2_POLICY(claim, choice,
	     "How a kicked worker is claimed: none (default), kicked_list, kicked_first, leave_idle, kicked_flag",
	     .choices = cmwq2_claims, .member = offsetof(struct cmwq2_pool_policy, claim));
CMWQ2_POLICY(wake, choice,
	     "Whose wakeups wait for pool->lock to be dropped: locked (none), enqueue, process, deferred (both, default), everywhere",
	     .choices = cmwq2_wakes, .member = offsetof(struct cmwq2_pool_policy, wake));
CMWQ2_POLICY(rescue, choice,
	     "What a rescuer takes at once: one item with a cursor (default), slurp all, restart without a cursor",
	     .choices = cmwq2_rescues, .member = offsetof(struct cmwq2_pool_policy, rescue));
CMWQ2_POLICY(pool_policy, pool,
	     "Write \"POOL POLICY=VALUE\" to set claim, wake or rescue in one pool; read: pools that differ from the rest");
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
/* With less than two a worker that starts working would leave none behind. */
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

static struct cmwq2_policy *const cmwq2_policies[] = {
	&cmwq2_policy_profile, &cmwq2_policy_claim, &cmwq2_policy_wake,
	&cmwq2_policy_rescue, &cmwq2_policy_pool_policy, &cmwq2_policy_wake_cost_us,
	&cmwq2_policy_default_affinity_scope, &cmwq2_policy_idle_timeout_ms,
	&cmwq2_policy_cull_ratio, &cmwq2_policy_min_idle,
	&cmwq2_policy_cache_shard_size, &cmwq2_policy_debug_force_rr_cpu,
	&cmwq2_policy_power_efficient,
	&cmwq2_policy_cpu_intensive_thresh_us, &cmwq2_policy_cpu_intensive_warning_thresh,
	&cmwq2_policy_watchdog_thresh, &cmwq2_policy_panic_on_stall,
	&cmwq2_policy_panic_on_stall_time,
};

/* A policy that each pool has. */
static struct cmwq2_policy *cmwq2_find_choice(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_policies); i++)
		if (cmwq2_policies[i]->choices && !strcmp(name, cmwq2_policies[i]->name))
			return cmwq2_policies[i];
	return NULL;
}

static struct cmwq2_policy *cmwq2_find_policy(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_policies); i++)
		if (!strcmp(name, cmwq2_policies[i]->name))
			return cmwq2_policies[i];
	pr_err("policy \"%s\": allowed: the names of the module's parameters\n", name);
	return NULL;
}

/**
 * cmwq2_policy_set - switch a policy of all pools
 * @name: a parameter's name
 * @value: as written to the parameter
 *
 * No item is lost or reordered, whatever the pools are doing.
 *
 * Context: process, may sleep.
 * Return: 0 or -EINVAL with a message, nothing changed.
 */
int cmwq2_policy_set(const char *name, const char *value)
{
	struct cmwq2_policy *policy = cmwq2_find_policy(name);

	return policy ? cmwq2_policy_store(policy, value) : -EINVAL;
}
EXPORT_SYMBOL_GPL(cmwq2_policy_set);

/**
 * cmwq2_policy_get - a policy's value
 * @name: a parameter's name
 *
 * Context: process, may sleep.
 * Return: the value, good until the policy is changed; NULL with a message for
 * a wrong name.
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
