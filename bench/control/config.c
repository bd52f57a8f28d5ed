// SPDX-License-Identifier: GPL-2.0
/*
 * The files in /sys/kernel/cmwq2_bench/: config_*, run, progress, abort, result
 * and reset.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "base/types.h"

/*
 * Protects all variables below. It is not held during a run; a bench_current that
 * is not NULL shows that a run is in progress.
 */
static DEFINE_MUTEX(bench_lock);
static struct bench_config bench_config;
static struct bench_run *bench_current;
/* Error of the last run that was started without waiting for its end, or 0. */
static int bench_error;
static char *bench_text;
static size_t bench_len;
static struct kobject *bench_kobj;

static const char * const bench_scopes[] = {
	"cpu", "smt", "cache", "cache_shard", "numa", "system",
};

/* Set the workload's own list of engines, or all engines that suit the workload. */
static void bench_default_engines(struct bench_config *cfg)
{
	static const char * const engines[] = {
		"native", "cmwq2:mainline-7.3", "cmwq2:mainline-6.12",
		"cmwq2:v2-2026-06", "cmwq2:v2-as-posted", "floor", "threads",
	};
	const struct bench_workload *workload = cfg->workload;
	const struct bench_engine *engine;
	const char *profile;
	unsigned int i;

	cfg->nr_engines = 0;
	for (i = 0; workload->engines && workload->engines[i]; i++)
		strscpy(cfg->engines[cfg->nr_engines++], workload->engines[i], BENCH_NAME_LEN);
	for (i = 0; !workload->engines && i < ARRAY_SIZE(engines); i++) {
		engine = bench_find_engine(engines[i], &profile);
		if (workload->needs & ~engine->can ||
		    (engine == &bench_mt && !workload->with_threads))
			continue;
		strscpy(cfg->engines[cfg->nr_engines++], engines[i], BENCH_NAME_LEN);
	}
}

static void bench_default_config(struct bench_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->workload = bench_find_workload(NULL);
	cfg->producers = num_online_cpus();
	cfg->items = 20000;
	cfg->rounds = 15;
	cfg->warmup = 2000;
	cfg->queues = 1000;
	cfg->in_flight = 100;
	cfg->calls = 20;
	cfg->foreign = 10000;
	cfg->delay_ms = 10;
	cfg->load = 2;
	cfg->job_ms = 500;
	cfg->queue = BENCH_QUEUE_UNBOUND;
	strscpy(cfg->scope, "system", sizeof(cfg->scope));
	bench_default_engines(cfg);
}

/*
 * Take bench_lock if no run is in progress, else return -EBUSY. The configuration
 * and the result are only changed while nothing runs.
 */
static int bench_lock_idle(void)
{
	mutex_lock(&bench_lock);
	if (!bench_current)
		return 0;
	mutex_unlock(&bench_lock);
	return -EBUSY;
}

static void bench_drop_result(void)
{
	kvfree(bench_text);
	bench_text = NULL;
	bench_len = 0;
	bench_error = 0;
}

#define BENCH_NUMBER_ENTRY(_id, _name, _min, _max)				\
	[BENCH_NUMBER_##_id] = { #_name, offsetof(struct bench_config, _name), _min, _max },
const struct bench_number bench_numbers[BENCH_NR_NUMBERS] = {
	BENCH_NUMBERS(BENCH_NUMBER_ENTRY)
};

static u32 *bench_number_value(struct bench_config *cfg, unsigned int id)
{
	return (u32 *)((char *)cfg + bench_numbers[id].offset);
}

/**
 * bench_number - get a number of a configuration
 * @cfg: the configuration
 * @id: which number
 *
 * Return: the value of the number.
 */
u32 bench_number(const struct bench_config *cfg, enum bench_number_id id)
{
	return *bench_number_value((struct bench_config *)cfg, id);
}

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
	char names[160];
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
			pr_err("config_engines: '%s' is one too many, %u are allowed\n",
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
	pr_err("config_engines: '' names no engine, 1 to %u of native, cmwq2, cmwq2:PROFILE, floor, threads are allowed\n",
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

/*
 * Check what is written to a file that triggers an action: 0 if it means yes.
 * @allowed is the text for the error message.
 */
static int bench_yes(const char *file, const char *buf, const char *allowed)
{
	bool yes;

	if (!kstrtobool(buf, &yes) && yes)
		return 0;
	pr_err("%s: '%.*s' is not %s\n", file, (int)strcspn(buf, "\n"), buf, allowed);
	return -EINVAL;
}

/* The run has a copy of the configuration, which therefore cannot change. */
static struct bench_run *bench_new_run(void)
{
	struct bench_run *run = kvzalloc(sizeof(*run), GFP_KERNEL);
	int ret;

	if (!run)
		return ERR_PTR(-ENOMEM);
	ret = bench_lock_idle();
	if (ret) {
		kvfree(run);
		return ERR_PTR(ret);
	}
	bench_drop_result();
	run->cfg = bench_config;
	bench_current = run;
	mutex_unlock(&bench_lock);
	return run;
}

/* End a run. @error: its error if nobody waits for the run, else 0. */
static void bench_end_run(struct bench_run *run, int error)
{
	mutex_lock(&bench_lock);
	bench_text = run->text;
	bench_len = run->len;
	bench_error = error;
	bench_current = NULL;
	mutex_unlock(&bench_lock);
	kvfree(run);
}

static int bench_thread(void *data)
{
	struct bench_run *run = data;

	bench_end_run(run, bench_run_rounds(run));
	/* This thread runs no more of the module's text after this call. */
	module_put_and_kthread_exit(0);
}

/* Start a thread that takes over the run and the reference to the module. */
static int bench_go_on(struct bench_run *run)
{
	struct task_struct *task = kthread_run(bench_thread, run, "cmwq2_bench");

	if (!IS_ERR(task))
		return 0;
	bench_run_teardown(run);
	return PTR_ERR(task);
}

/*
 * Writing 1 blocks until the run is over; writing start returns when the run is
 * set up. The reference keeps the module from being unloaded meanwhile. Without
 * it, unloading would wait for this write and could not be killed.
 */
static ssize_t run_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count)
{
	bool start = sysfs_streq(buf, "start");
	struct bench_run *run;
	int ret;

	ret = start ? 0 : bench_yes("run", buf, "1 or start");
	if (ret)
		return ret;
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	run = bench_new_run();
	ret = PTR_ERR_OR_ZERO(run);
	if (ret)
		goto out;
	ret = bench_run_setup(run);
	if (!ret && start) {
		ret = bench_go_on(run);
		if (!ret)
			return count;
	} else if (!ret) {
		ret = bench_run_rounds(run);
	}
	bench_end_run(run, 0);
out:
	module_put(THIS_MODULE);
	return ret ?: count;
}

static ssize_t progress_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct bench_run *run;
	ssize_t len;

	mutex_lock(&bench_lock);
	run = bench_current;
	if (run) {
		u64 began = READ_ONCE(run->began);
		u64 elapsed = began ? bench_clock() - began : 0;
		unsigned int turns = READ_ONCE(run->turns), nr = READ_ONCE(run->nr_turns);

		len = sysfs_emit(buf, "running workload=%s turns=%u of=%u elapsed_ms=%llu left_ms=",
				 run->cfg.workload->name, turns, nr,
				 div_u64(elapsed, NSEC_PER_MSEC));
		if (turns)
			len += sysfs_emit_at(buf, len, "%llu\n",
					     div64_u64(elapsed * (nr - turns),
						       (u64)turns * NSEC_PER_MSEC));
		else
			len += sysfs_emit_at(buf, len, "-\n");
	} else if (bench_error) {
		len = sysfs_emit(buf, "idle error=%d\n", -bench_error);
	} else {
		len = sysfs_emit(buf, "idle\n");
	}
	mutex_unlock(&bench_lock);
	return len;
}

/* It is no error if no run is in progress: the run may just have ended. */
static ssize_t abort_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	int ret = bench_yes("abort", buf, "1");

	if (ret)
		return ret;
	mutex_lock(&bench_lock);
	if (bench_current)
		bench_abort(bench_current);
	mutex_unlock(&bench_lock);
	return count;
}

static ssize_t reset_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	int ret;

	ret = bench_yes("reset", buf, "1") ?: bench_lock_idle();
	if (ret)
		return ret;
	bench_drop_result();
	bench_default_config(&bench_config);
	mutex_unlock(&bench_lock);
	return count;
}

static ssize_t result_read(struct file *file, struct kobject *kobj,
			   CMWQ2_BIN_ATTRIBUTE *attr, char *buf,
			   loff_t pos, size_t count)
{
	ssize_t ret;

	mutex_lock(&bench_lock);
	ret = memory_read_from_buffer(buf, count, &pos, bench_text, bench_len);
	mutex_unlock(&bench_lock);
	return ret;
}

static struct kobj_attribute bench_config_workload = __ATTR_RW(config_workload);
static struct kobj_attribute bench_config_seed = __ATTR_RW(config_seed);
static struct kobj_attribute bench_config_queue = __ATTR_RW(config_queue);
static struct kobj_attribute bench_config_scope = __ATTR_RW(config_scope);
static struct kobj_attribute bench_config_engines = __ATTR_RW(config_engines);
static struct kobj_attribute bench_run_attr = __ATTR_WO(run);
static struct kobj_attribute bench_progress_attr = __ATTR_RO(progress);
static struct kobj_attribute bench_abort_attr = __ATTR_WO(abort);
static struct kobj_attribute bench_reset_attr = __ATTR_WO(reset);
static const struct bin_attribute bench_result_attr = __BIN_ATTR_RO(result, 0);

#define BENCH_NUMBER_LISTED(_id, ...)	&bench_number_attrs[BENCH_NUMBER_##_id].attr,
static struct attribute *bench_attrs[] = {
	&bench_config_workload.attr,
	&bench_config_seed.attr,
	&bench_config_queue.attr,
	&bench_config_scope.attr,
	&bench_config_engines.attr,
	&bench_run_attr.attr,
	&bench_progress_attr.attr,
	&bench_abort_attr.attr,
	&bench_reset_attr.attr,
	BENCH_NUMBERS(BENCH_NUMBER_LISTED)
	NULL,
};

static const struct attribute_group bench_group = {
	.attrs	= bench_attrs,
};

/**
 * bench_sysfs_init - create the files
 *
 * Return: 0, or an error number, in which case no file is left behind.
 */
int bench_sysfs_init(void)
{
	int ret;

	bench_default_config(&bench_config);
	bench_kobj = kobject_create_and_add("cmwq2_bench", kernel_kobj);
	if (!bench_kobj)
		return -ENOMEM;
	ret = sysfs_create_bin_file(bench_kobj, &bench_result_attr);
	if (!ret)
		ret = sysfs_create_group(bench_kobj, &bench_group);
	if (ret)
		kobject_put(bench_kobj);
	return ret;
}

/**
 * bench_sysfs_exit - remove the files, and wait for accesses in progress to end
 */
void bench_sysfs_exit(void)
{
	sysfs_remove_group(bench_kobj, &bench_group);
	sysfs_remove_bin_file(bench_kobj, &bench_result_attr);
	kobject_put(bench_kobj);
	bench_drop_result();
}
