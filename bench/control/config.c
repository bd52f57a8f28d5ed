// SPDX-License-Identifier: GPL-2.0
/*
 * The files config_* in /sys/kernel/cmwq2_bench/, which say what the next run
 * does.
 */
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/types.h>

#include "base/numbers.h"
#include "base/types.h"
#include "control/config.h"
#include "control/defaults.h"
#include "control/state.h"
#include "engine/engine.h"
#include "workload/workload.h"

static const char * const bench_scopes[] = {
	"cpu", "smt", "cache", "cache_shard", "numa", "system",
};

static ssize_t bench_number_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf);
static ssize_t bench_number_store(struct kobject *kobj, struct kobj_attribute *attr,
				  const char *buf, size_t count);

#define BENCH_NUMBER_ATTR(_id, _name, ...)					\
	[BENCH_NUMBER_##_id] = __ATTR(config_##_name, 0644, bench_number_show,	\
				      bench_number_store),
static struct kobj_attribute bench_number_attrs[BENCH_NR_NUMBERS] = {
	BENCH_NUMBERS(BENCH_NUMBER_ATTR)
};

static ssize_t bench_number_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(*bench_number_value(&bench_config,
								      attr - bench_number_attrs)));
}

static ssize_t bench_number_store(struct kobject *kobj, struct kobj_attribute *attr,
				  const char *buf, size_t count)
{
	const struct bench_number *number = &bench_numbers[attr - bench_number_attrs];
	u32 max = number->max ?: 4 * num_possible_cpus();
	u32 value;
	int ret;

	if (kstrtou32(buf, 0, &value) || value < number->min || value > max) {
		pr_err("%s: '%.*s' is not a number from %u to %u\n", attr->attr.name,
		       (int)strcspn(buf, "\n"), buf, number->min, max);
		return -EINVAL;
	}
	ret = bench_lock_idle();
	if (ret)
		return ret;
	WRITE_ONCE(*bench_number_value(&bench_config, attr - bench_number_attrs), value);
	mutex_unlock(&bench_lock);
	return count;
}

static ssize_t config_workload_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(bench_config.workload)->name);
}

static ssize_t config_workload_store(struct kobject *kobj, struct kobj_attribute *attr,
				     const char *buf, size_t count)
{
	const struct bench_workload *workload = bench_find_workload(buf);
	char names[256];
	int ret;

	if (!workload) {
		bench_workload_names(names, sizeof(names));
		pr_err("config_workload: '%.*s' is none of %s\n",
		       (int)strcspn(buf, "\n"), buf, names);
		return -EINVAL;
	}
	ret = bench_lock_idle();
	if (ret)
		return ret;
	WRITE_ONCE(bench_config.workload, workload);
	if (!bench_config.engines_given)
		bench_default_engines(&bench_config);
	mutex_unlock(&bench_lock);
	return count;
}

static ssize_t config_seed_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(bench_config.seed));
}

static ssize_t config_seed_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t count)
{
	u64 value;
	int ret;

	if (kstrtou64(buf, 0, &value)) {
		pr_err("config_seed: '%.*s' is not a 64-bit number\n",
		       (int)strcspn(buf, "\n"), buf);
		return -EINVAL;
	}
	ret = bench_lock_idle();
	if (ret)
		return ret;
	WRITE_ONCE(bench_config.seed, value);
	mutex_unlock(&bench_lock);
	return count;
}

static ssize_t config_queue_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", bench_queue_names[READ_ONCE(bench_config.queue)]);
}

static ssize_t config_queue_store(struct kobject *kobj, struct kobj_attribute *attr,
				  const char *buf, size_t count)
{
	int queue = sysfs_match_string(bench_queue_names, buf);
	int ret;

	if (queue < 0) {
		pr_err("config_queue: '%.*s' is none of percpu, unbound, ordered\n",
		       (int)strcspn(buf, "\n"), buf);
		return -EINVAL;
	}
	ret = bench_lock_idle();
	if (ret)
		return ret;
	WRITE_ONCE(bench_config.queue, queue);
	mutex_unlock(&bench_lock);
	return count;
}

static ssize_t config_scope_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	ssize_t ret;

	mutex_lock(&bench_lock);
	ret = sysfs_emit(buf, "%s\n", bench_config.scope);
	mutex_unlock(&bench_lock);
	return ret;
}

static ssize_t config_scope_store(struct kobject *kobj, struct kobj_attribute *attr,
				  const char *buf, size_t count)
{
	int scope = sysfs_match_string(bench_scopes, buf);
	int ret;

	if (scope < 0) {
		pr_err("config_scope: '%.*s' is none of cpu, smt, cache, cache_shard, numa, system\n",
		       (int)strcspn(buf, "\n"), buf);
		return -EINVAL;
	}
	ret = bench_lock_idle();
	if (ret)
		return ret;
	strscpy(bench_config.scope, bench_scopes[scope], sizeof(bench_config.scope));
	mutex_unlock(&bench_lock);
	return count;
}

static ssize_t config_engines_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	unsigned int i;
	ssize_t len = 0;

	mutex_lock(&bench_lock);
	for (i = 0; i < bench_config.nr_engines; i++)
		len += sysfs_emit_at(buf, len, "%s%s", i ? " " : "", bench_config.engines[i]);
	len += sysfs_emit_at(buf, len, "\n");
	mutex_unlock(&bench_lock);
	return len;
}

/* Split @list into the engines of @cfg. Every error has been reported on return. */
static int bench_parse_engines(char *list, struct bench_config *cfg)
{
	const char *profile;
	char *name;

	cfg->nr_engines = 0;
	while ((name = strsep(&list, " ,\t\n"))) {
		if (!*name)
			continue;
		if (cfg->nr_engines == BENCH_MAX_SLOTS) {
			pr_err("config_engines: '%s' is one engine too many: at most %u are allowed\n",
			       name, BENCH_MAX_SLOTS);
			return -EINVAL;
		}
		if (strlen(name) >= BENCH_NAME_LEN || !bench_find_engine(name, &profile)) {
			pr_err("config_engines: '%s' is none of native, cmwq2, cmwq2:PROFILE, cmwq2:POLICY=VALUE+..., floor, threads\n",
			       name);
			return -EINVAL;
		}
		if (profile && bench_cmwq2_check_profile(profile))
			return -EINVAL;
		strscpy(cfg->engines[cfg->nr_engines++], name, BENCH_NAME_LEN);
	}
	if (cfg->nr_engines)
		return 0;
	pr_err("config_engines: '' names no engine: 1 to %u of native, cmwq2, cmwq2:PROFILE, floor, threads are allowed\n",
	       BENCH_MAX_SLOTS);
	return -EINVAL;
}

static ssize_t config_engines_store(struct kobject *kobj, struct kobj_attribute *attr,
				    const char *buf, size_t count)
{
	struct bench_config new;
	char *list;
	int ret;

	list = kstrndup(buf, count, GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	ret = bench_lock_idle();
	if (ret)
		goto out;
	new = bench_config;
	new.engines_given = true;
	ret = bench_parse_engines(list, &new);
	if (!ret)
		bench_config = new;
	mutex_unlock(&bench_lock);
out:
	kfree(list);
	return ret ?: count;
}

static struct kobj_attribute bench_config_workload = __ATTR_RW(config_workload);
static struct kobj_attribute bench_config_seed = __ATTR_RW(config_seed);
static struct kobj_attribute bench_config_queue = __ATTR_RW(config_queue);
static struct kobj_attribute bench_config_scope = __ATTR_RW(config_scope);
static struct kobj_attribute bench_config_engines = __ATTR_RW(config_engines);

#define BENCH_NUMBER_LISTED(_id, ...)	&bench_number_attrs[BENCH_NUMBER_##_id].attr,
static struct attribute *bench_config_attrs[] = {
	&bench_config_workload.attr,
	&bench_config_seed.attr,
	&bench_config_queue.attr,
	&bench_config_scope.attr,
	&bench_config_engines.attr,
	BENCH_NUMBERS(BENCH_NUMBER_LISTED)
	NULL,
};

const struct attribute_group bench_config_group = {
	.attrs	= bench_config_attrs,
};
