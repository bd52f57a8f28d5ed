// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters that can be switched while the module runs: the mechanism, and the kinds of
 * parameters that several files use. Each is a module parameter. Other modules can set it
 * by cmwq2_policy_set().
 */
#include <linux/cpu.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include <cmwq2/control.h>

#include "base/param.h"
#include "base/registry.h"

/* PL. True while the module is being unloaded: its parameters must not change any more. */
static bool cmwq2_params_closed;

/* Parse a number and check its range. Returns 0, or -EINVAL with a message. */
static int cmwq2_parse_number(struct cmwq2_param *param, const char *value, unsigned int *n)
{
	if (!kstrtouint(value, 0, n) && *n >= param->min && *n <= param->max)
		return 0;
	pr_err("%s=%*pE: allowed: %u to %u\n", param->name, cmwq2_shown(value), value,
	       param->min, param->max);
	return -EINVAL;
}

int cmwq2_set_number(struct cmwq2_param *param, const char *value)
{
	unsigned int n;
	int ret = cmwq2_parse_number(param, value, &n);

	if (!ret && param->changing)
		ret = param->changing(n);
	if (ret)
		return ret;
	WRITE_ONCE(*param->number, n);
	if (param->changed)
		param->changed();
	return 0;
}

const char *cmwq2_get_number(struct cmwq2_param *param)
{
	scnprintf(param->text, sizeof(param->text), "%u", *param->number);
	return param->text;
}

/* Parse a value that is on or off. Returns 0, or -EINVAL with a message. */
static int cmwq2_parse_flag(struct cmwq2_param *param, const char *value, bool *on)
{
	/* kstrtobool() looks at the first character only. */
	if (strcspn(value, "\n") == 1 && !kstrtobool(value, on))
		return 0;
	pr_err("%s=%*pE: allowed: Y or N\n", param->name, cmwq2_shown(value), value);
	return -EINVAL;
}

int cmwq2_set_flag(struct cmwq2_param *param, const char *value)
{
	bool on;
	int ret = cmwq2_parse_flag(param, value, &on);

	if (!ret)
		WRITE_ONCE(*param->flag, on);
	return ret;
}

const char *cmwq2_get_flag(struct cmwq2_param *param)
{
	return *param->flag ? "Y" : "N";
}

int cmwq2_set_switch(struct cmwq2_param *param, const char *value)
{
	bool on;
	int ret = cmwq2_parse_flag(param, value, &on);

	if (ret)
		return ret;
	ret = param->turn(on);
	if (ret)
		pr_err("%s=%c: error %d, the old value stays\n", param->name, on ? 'Y' : 'N', ret);
	return ret;
}

const char *cmwq2_get_switch(struct cmwq2_param *param)
{
	return param->is_on() ? "Y" : "N";
}

static int cmwq2_param_store_locked(struct cmwq2_param *param, const char *value)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	if (!cmwq2_params_closed)
		return param->set(param, value);
	pr_err("%s=%*pE: the module is being unloaded\n", param->name, cmwq2_shown(value), value);
	return -ENODEV;
}

static int cmwq2_param_store(struct cmwq2_param *param, const char *value)
{
	int ret;

	/* A switch takes its own locks, and checks itself whether the module is being unloaded. */
	if (param->turn)
		return param->set(param, value);
	if (param->before)
		param->before();
	/* A policy may enable a static key. This lock comes before cmwq2_pool_mutex. */
	cpus_read_lock();
	mutex_lock(&cmwq2_pool_mutex);
	ret = cmwq2_param_store_locked(param, value);
	mutex_unlock(&cmwq2_pool_mutex);
	cpus_read_unlock();
	return ret;
}

/*
 * Refuse all changes from now on. Called before the pools are destroyed.
 * Context: process, may sleep.
 */
void cmwq2_params_close(void)
{
	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_params_closed = true;
	mutex_unlock(&cmwq2_pool_mutex);
}

/*
 * For parameters given at load, the kernel calls this before the module's init, when no
 * pool exists yet. It can also call this after the module's exit, when no pool is left.
 * Both times cmwq2_pools is empty.
 */
static int cmwq2_param_set(const char *value, const struct kernel_param *kp)
{
	return cmwq2_param_store(kp->arg, value);
}

static int cmwq2_param_get(char *buffer, const struct kernel_param *kp)
{
	struct cmwq2_param *param = kp->arg;
	int len;

	mutex_lock(&cmwq2_pool_mutex);
	len = scnprintf(buffer, PAGE_SIZE, "%s\n", param->get(param));
	mutex_unlock(&cmwq2_pool_mutex);
	return len;
}

const struct kernel_param_ops cmwq2_param_ops = {
	.set = cmwq2_param_set,
	.get = cmwq2_param_get,
};

/* Find a parameter in the module's own list. */
static struct cmwq2_param *cmwq2_find_param(const char *name)
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
 * cmwq2_policy_set - set a parameter, for a policy in all pools
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
	struct cmwq2_param *param = cmwq2_find_param(name);

	return param ? cmwq2_param_store(param, value) : -EINVAL;
}
EXPORT_SYMBOL_GPL(cmwq2_policy_set);

/**
 * cmwq2_policy_get - read a parameter's value
 * @name: a parameter's name
 *
 * Context: process, may sleep.
 * Return: the value as text, valid until the parameter is changed; NULL with a
 * message if no parameter has this name.
 */
const char *cmwq2_policy_get(const char *name)
{
	struct cmwq2_param *param = cmwq2_find_param(name);
	const char *value;

	if (!param)
		return NULL;
	mutex_lock(&cmwq2_pool_mutex);
	value = param->get(param);
	mutex_unlock(&cmwq2_pool_mutex);
	return value;
}
EXPORT_SYMBOL_GPL(cmwq2_policy_get);
