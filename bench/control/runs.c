// SPDX-License-Identifier: GPL-2.0
/*
 * The files run, progress, abort, reset and result in /sys/kernel/cmwq2_bench/.
 * They start a run, show its progress, end it early, and return its result.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/time64.h>
#include <linux/types.h>

#include "base/turn.h"
#include "base/types.h"
#include "control/defaults.h"
#include "control/runs.h"
#include "control/state.h"
#include "measure/clock.h"
#include "run/run.h"

/* Error of the last run that was started without waiting for its end, or 0. */
static int bench_error;
/* The result of the last run, or NULL. */
static char *bench_text;
static size_t bench_len;

/**
 * bench_drop_result - free the result of the last run
 *
 * Context: bench_lock is held, or the files are gone.
 */
void bench_drop_result(void)
{
	kvfree(bench_text);
	bench_text = NULL;
	bench_len = 0;
	bench_error = 0;
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

static struct kobj_attribute bench_run_attr = __ATTR_WO(run);
static struct kobj_attribute bench_progress_attr = __ATTR_RO(progress);
static struct kobj_attribute bench_abort_attr = __ATTR_WO(abort);
static struct kobj_attribute bench_reset_attr = __ATTR_WO(reset);
const struct bin_attribute bench_result_attr = __BIN_ATTR_RO(result, 0);

static struct attribute *bench_run_attrs[] = {
	&bench_run_attr.attr,
	&bench_progress_attr.attr,
	&bench_abort_attr.attr,
	&bench_reset_attr.attr,
	NULL,
};

const struct attribute_group bench_run_group = {
	.attrs	= bench_run_attrs,
};
