// SPDX-License-Identifier: GPL-2.0
/*
 * The policies that each pool has, and the profiles, which are named sets of them.
 *
 * Every pool has its own copy of the policies. A copy changes only under the pool's
 * lock, so the policies stay the same as long as a context holds the lock.
 *
 * Each header in policy/ describes one policy. Kbuild makes the list of policies,
 * CMWQ2_POLICIES(), from the names of these headers. All tables in this file are
 * made from that list. See Documentation/policy-howto.rst.
 *
 * tools/model/kick.pml models switches of claim, wakeup and concurrency: change both.
 */
#include <linux/export.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "base/lock.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "lab/choices.h"

#define CMWQ2_MOST_VALUES	16

/* One value of a policy. */
struct cmwq2_choice {
	const char	*name;
	const char	*about;
	u8		value;
};

#define CMWQ2_VALUE_ROW(_name, _value, _about)	{ _name, _about, _value },
#define CMWQ2_VALUE_NAME(_name, _value, _about)	" " _name
#define CMWQ2_VALUES(_name)							\
	static const struct cmwq2_choice cmwq2_##_name##_choices[] = {		\
		cmwq2_##_name##_values(CMWQ2_VALUE_ROW)				\
		{ }								\
	};
CMWQ2_POLICIES(CMWQ2_VALUES)

#define CMWQ2_FEW_VALUES(_name)							\
	static_assert(ARRAY_SIZE(cmwq2_##_name##_choices) <= CMWQ2_MOST_VALUES);
CMWQ2_POLICIES(CMWQ2_FEW_VALUES)

/**
 * struct cmwq2_decision - a policy that each pool has
 * @name: its name
 * @about: what it decides, in one line
 * @choices: its values; an entry without a name ends the array
 * @unsafe: with which values of other policies or parameters an item can be lost
 * @changed: called with cmwq2_pool_mutex and a pool's lock held when the pool is made,
 *	and when its policies or its online CPUs have changed; or NULL
 * @pools: the pools that it applies to
 * @member: offset of its member in struct cmwq2_pool_policy
 */
struct cmwq2_decision {
	const char			*name;
	const char			*about;
	const char			*unsafe;
	const struct cmwq2_choice	*choices;
	void				(*changed)(struct cmwq2_pool *pool);
	enum cmwq2_policy_pools		pools;
	size_t				member;
};

#define CMWQ2_DECISION(_name)							\
	{									\
		.name = #_name,							\
		.about = cmwq2_##_name##_about,					\
		.unsafe = cmwq2_##_name##_unsafe,				\
		.choices = cmwq2_##_name##_choices,				\
		.changed = cmwq2_##_name##_changed,				\
		.pools = cmwq2_##_name##_pools,					\
		.member = offsetof(struct cmwq2_pool_policy, _name),		\
	},
#define CMWQ2_DECISION_NR(_name)	CMWQ2_DECISION_##_name,

enum { CMWQ2_POLICIES(CMWQ2_DECISION_NR) CMWQ2_NR_DECISIONS };
static const struct cmwq2_decision cmwq2_decisions[] = { CMWQ2_POLICIES(CMWQ2_DECISION) };

/*
 * A policy that a profile does not name has its default. Mainline has had the
 * cursor since v7.0.
 */
static const struct cmwq2_profile {
	const char	*name;
	const char	*settings;
} cmwq2_profiles[] = {
	{ "mainline-7.3",	"" },
	{ "mainline-6.12",	"wake=locked rescue=slurp" },
	{ "shared",		"concurrency=short pick=predict wakeup=needed yield=later" },
	{ "v2-2026-06",		"claim=kicked_list" },
	{ "v2-as-posted",	"claim=kicked_first" },
};

/* PL. The policies that new pools get and that the parameters show. */
#define CMWQ2_DEFAULT(_name)	._name = cmwq2_##_name##_default,
static struct cmwq2_pool_policy cmwq2_policy = { CMWQ2_POLICIES(CMWQ2_DEFAULT) };

/* Room for all policies of one pool as text, and for a few dozen pools. */
#define CMWQ2_SETTINGS_LEN	(CMWQ2_NR_DECISIONS * 32)
#define CMWQ2_POOLS_LEN		2048

static u8 *cmwq2_value_in(const struct cmwq2_decision *decision, struct cmwq2_pool_policy *of)
{
	return (u8 *)of + decision->member;
}

static const char *cmwq2_value_name(const struct cmwq2_decision *decision,
				    struct cmwq2_pool_policy *of)
{
	const struct cmwq2_choice *choice = decision->choices;

	while (choice->value != *cmwq2_value_in(decision, of))
		choice++;
	return choice->name;
}

/* Print all policies, as "claim=none wake=deferred" and so on. Returns the length. */
static int cmwq2_print_settings(char *text, size_t size, struct cmwq2_pool_policy *of)
{
	int i, len = 0;

	for (i = 0; i < CMWQ2_NR_DECISIONS; i++)
		len += scnprintf(text + len, size - len, "%s%s=%s", i ? " " : "",
				 cmwq2_decisions[i].name,
				 cmwq2_value_name(&cmwq2_decisions[i], of));
	return len;
}

/* Report a value that is not allowed, with the @nr names that are. Returns -EINVAL. */
static int cmwq2_refuse_name(const char *what, const char *value, const char *const *names,
			     size_t nr)
{
	char allowed[128] = "";
	size_t i;

	for (i = 0; i < nr; i++) {
		strlcat(allowed, i ? ", " : "", sizeof(allowed));
		strlcat(allowed, names[i], sizeof(allowed));
	}
	pr_err("%s=%*pE: allowed: %s\n", what, cmwq2_shown(value), value, allowed);
	return -EINVAL;
}

/* Put the choice that @value names into @of. */
static int cmwq2_parse_value(const struct cmwq2_decision *decision, const char *value,
			     struct cmwq2_pool_policy *of)
{
	const char *names[CMWQ2_MOST_VALUES];
	size_t nr;

	for (nr = 0; decision->choices[nr].name; nr++) {
		names[nr] = decision->choices[nr].name;
		if (!sysfs_streq(names[nr], value))
			continue;
		*cmwq2_value_in(decision, of) = decision->choices[nr].value;
		return 0;
	}
	return cmwq2_refuse_name(decision->name, value, names, nr);
}

static int cmwq2_refuse_decision(const char *what, const char *name)
{
	const char *names[CMWQ2_NR_DECISIONS];
	int i;

	for (i = 0; i < CMWQ2_NR_DECISIONS; i++)
		names[i] = cmwq2_decisions[i].name;
	return cmwq2_refuse_name(what, name, names, ARRAY_SIZE(names));
}

static bool cmwq2_applies(const struct cmwq2_decision *decision, const struct cmwq2_pool *pool)
{
	switch (decision->pools) {
	case CMWQ2_IN_THREAD_POOLS:
		return !(pool->flags & CMWQ2_POOL_BH);
	case CMWQ2_IN_UNBOUND_POOLS:
		return pool->cpu < 0;
	default:
		return true;
	}
}

/* Report a policy that does not apply to the pool. Returns -EINVAL. */
static int cmwq2_refuse_pool(const struct cmwq2_decision *decision, const struct cmwq2_pool *pool)
{
	pr_err("pool_policy: %s does not apply to pool %d: allowed: %s\n", decision->name, pool->id,
	       decision->pools == CMWQ2_IN_UNBOUND_POOLS ? "unbound pools" : "all but BH pools");
	return -EINVAL;
}

/*
 * Parse one "POLICY=VALUE" into @of, for one @pool, or for all pools if that is NULL.
 * This overwrites @setting.
 */
static int cmwq2_parse_setting(const char *what, char *setting, const struct cmwq2_pool *pool,
			       struct cmwq2_pool_policy *of)
{
	char *value = setting, *name = strsep(&value, "=");
	int i;

	for (i = 0; i < CMWQ2_NR_DECISIONS; i++) {
		const struct cmwq2_decision *decision = &cmwq2_decisions[i];

		if (strcmp(decision->name, name))
			continue;
		if (pool && !cmwq2_applies(decision, pool))
			return cmwq2_refuse_pool(decision, pool);
		return cmwq2_parse_value(decision, value ?: "", of);
	}
	return cmwq2_refuse_decision(what, name);
}

/* Parse settings with spaces between them. After an error @of may be half changed. */
static int cmwq2_parse_settings(const char *what, const char *settings,
				struct cmwq2_pool_policy *of)
{
	char text[CMWQ2_SETTINGS_LEN], *rest = text, *line, *setting;
	int ret = 0;

	if (strscpy(text, settings, sizeof(text)) < 0) {
		pr_err("%s=%*pE: allowed: fewer than %zu characters\n", what,
		       cmwq2_shown(settings), settings, sizeof(text));
		return -EINVAL;
	}
	/* A value that was written to a file may end with a newline. */
	line = strsep(&rest, "\n");
	if (rest && *rest)
		return cmwq2_refuse_decision(what, settings);
	while (!ret && (setting = strsep(&line, " ")))
		ret = cmwq2_parse_setting(what, setting, NULL, of);
	return ret;
}

/**
 * cmwq2_policy_apply - let the policies and the online CPUs of a pool take effect
 * @pool: pool
 *
 * The functions are called in the order of the policies' names. If the pool is in use,
 * the caller must kick it: it may want more workers than before.
 *
 * Context: cmwq2_pool_mutex and pool->lock held.
 */
void cmwq2_policy_apply(struct cmwq2_pool *pool)
{
	int i;

	lockdep_assert_held(&cmwq2_pool_mutex);
	lockdep_assert_held(&pool->lock);
	for (i = 0; i < CMWQ2_NR_DECISIONS; i++)
		if (cmwq2_decisions[i].changed)
			cmwq2_decisions[i].changed(pool);
}

/*
 * The irq_work makes the kick, because this folder may not call the core. It also ends
 * the counts of the workers that run, if the pool no longer counts them. Context:
 * cmwq2_inbox_before() was called for @policy.
 */
static void cmwq2_change_pool(struct cmwq2_pool *pool, struct cmwq2_pool_policy *policy)
{
	cmwq2_pool_lock_irq(pool);
	pool->policy = *policy;
	cmwq2_policy_apply(pool);
	if (!list_empty(&pool->worklist) || atomic_read(&pool->nr_running)) {
		pool->kick_irq_used = true;
		irq_work_queue(&pool->kick_irq);
	}
	cmwq2_pool_unlock_irq(pool);
}

/* For a new pool that others do not know yet. Context: cmwq2_pool_mutex held. */
void cmwq2_policy_pool_init(struct cmwq2_pool *pool)
{
	cmwq2_pool_lock_irq(pool);
	pool->policy = cmwq2_policy;
	cmwq2_policy_apply(pool);
	cmwq2_pool_unlock_irq(pool);
}

/* Context: cmwq2_pool_mutex held. */
static void cmwq2_change_pools(const struct cmwq2_pool_policy *policy)
{
	struct cmwq2_pool *pool;
	unsigned long id;

	lockdep_assert_held(&cmwq2_pool_mutex);
	/* A pool that is made later gets this policy, too. */
	cmwq2_inbox_before(policy);
	cmwq2_policy = *policy;
	xa_for_each(&cmwq2_pools, id, pool)
		cmwq2_change_pool(pool, &cmwq2_policy);
}

static int cmwq2_set_choice(struct cmwq2_param *param, const char *value)
{
	struct cmwq2_pool_policy changed = cmwq2_policy;
	int ret = cmwq2_parse_value(&cmwq2_decisions[param->choice], value, &changed);

	if (!ret)
		cmwq2_change_pools(&changed);
	return ret;
}

static const char *cmwq2_get_choice(struct cmwq2_param *param)
{
	return cmwq2_value_name(&cmwq2_decisions[param->choice], &cmwq2_policy);
}

/* If one setting is wrong, nothing changes. Policies that are not named stay as they are. */
static int cmwq2_set_settings(struct cmwq2_param *param, const char *value)
{
	struct cmwq2_pool_policy changed = cmwq2_policy;
	int ret = cmwq2_parse_settings(param->name, value, &changed);

	if (!ret)
		cmwq2_change_pools(&changed);
	return ret;
}

static const char *cmwq2_get_settings(struct cmwq2_param *param)
{
	static char text[CMWQ2_SETTINGS_LEN];

	cmwq2_print_settings(text, sizeof(text), &cmwq2_policy);
	return text;
}

static struct cmwq2_pool_policy cmwq2_profile_policy(const struct cmwq2_profile *profile)
{
	struct cmwq2_pool_policy policy = { CMWQ2_POLICIES(CMWQ2_DEFAULT) };

	if (profile->settings[0])
		WARN_ON(cmwq2_parse_settings(profile->name, profile->settings, &policy));
	return policy;
}

static int cmwq2_set_profile(struct cmwq2_param *param, const char *value)
{
	const char *names[ARRAY_SIZE(cmwq2_profiles)];
	struct cmwq2_pool_policy changed;
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_profiles); i++) {
		names[i] = cmwq2_profiles[i].name;
		if (!sysfs_streq(names[i], value))
			continue;
		changed = cmwq2_profile_policy(&cmwq2_profiles[i]);
		cmwq2_change_pools(&changed);
		return 0;
	}
	return cmwq2_refuse_name(param->name, value, names, ARRAY_SIZE(names));
}

static const char *cmwq2_get_profile(struct cmwq2_param *param)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(cmwq2_profiles); i++) {
		struct cmwq2_pool_policy of = cmwq2_profile_policy(&cmwq2_profiles[i]);

		if (!memcmp(&of, &cmwq2_policy, sizeof(of)))
			return cmwq2_profiles[i].name;
	}
	return "custom";
}

/* Set one policy of one pool: "POOL POLICY=VALUE". */
static int cmwq2_set_pool(struct cmwq2_param *param, const char *value)
{
	struct cmwq2_pool_policy changed;
	char text[64], *setting = text, *id;
	struct cmwq2_pool *pool;
	unsigned int nr;
	int ret;

	strscpy(text, value, sizeof(text));
	id = strsep(&setting, " ");
	pool = !kstrtouint(id, 10, &nr) ? xa_load(&cmwq2_pools, nr) : NULL;
	if (!setting || !pool) {
		pr_err("%s=%*pE: allowed: POOL POLICY=VALUE, where POOL is the number of a pool\n",
		       param->name, cmwq2_shown(value), value);
		return -EINVAL;
	}
	/* Needs no pool->lock: cmwq2_pool_mutex is held, and policies change only with it. */
	changed = pool->policy;
	ret = cmwq2_parse_setting(param->name, setting, pool, &changed);
	if (ret)
		return ret;
	cmwq2_inbox_before(&changed);
	cmwq2_change_pool(pool, &changed);
	return 0;
}

/* Print one line for each pool whose policies differ from the common ones. */
static const char *cmwq2_get_pool(struct cmwq2_param *param)
{
	static char text[CMWQ2_POOLS_LEN];
	struct cmwq2_pool *pool;
	unsigned long id;
	int len = 0;

	text[0] = '\0';
	xa_for_each(&cmwq2_pools, id, pool) {
		if (!memcmp(&pool->policy, &cmwq2_policy, sizeof(cmwq2_policy)))
			continue;
		len += scnprintf(text + len, sizeof(text) - len, "%s%lu ", len ? "\n" : "", id);
		len += cmwq2_print_settings(text + len, sizeof(text) - len, &pool->policy);
	}
	return text;
}

/**
 * cmwq2_policies_seq - print the description of all policies that each pool has
 * @m: file
 *
 * There is one line for each value: the policy, the value, "default" or "-", a
 * colon, what the policy decides, and what the value means. A last line for each
 * policy says which combinations are unsafe.
 *
 * Context: process, may sleep.
 */
void cmwq2_policies_seq(struct seq_file *m)
{
	struct cmwq2_pool_policy defaults = { CMWQ2_POLICIES(CMWQ2_DEFAULT) };
	const struct cmwq2_choice *choice;
	int i;

	for (i = 0; i < CMWQ2_NR_DECISIONS; i++) {
		const struct cmwq2_decision *decision = &cmwq2_decisions[i];

		for (choice = decision->choices; choice->name; choice++)
			seq_printf(m, "%s %s %s %s: %s\n", decision->name, choice->name,
				   choice->value == *cmwq2_value_in(decision, &defaults) ?
				   "default" : "-", decision->about, choice->about);
		seq_printf(m, "%s: unsafe combinations: %s\n", decision->name, decision->unsafe);
	}
}

CMWQ2_PARAM(profile, profile,
	    "Set of policies: mainline-7.3 (default), mainline-6.12, shared, v2-2026-06, v2-as-posted");
CMWQ2_PARAM(policies, settings,
	    "All policies that each pool has, as POLICY=VALUE separated by spaces; write some or all of them");
CMWQ2_PARAM(pool_policy, pool,
	    "Write \"POOL POLICY=VALUE\" to set a policy in one pool; reading lists the pools that differ from the others");

/* A module parameter for each policy. */
#define CMWQ2_CHOICE(_name)							\
	CMWQ2_PARAM(_name, choice,						\
		     cmwq2_##_name##_about ":" cmwq2_##_name##_values(CMWQ2_VALUE_NAME), \
		     .choice = CMWQ2_DECISION_##_name);
CMWQ2_POLICIES(CMWQ2_CHOICE)
