// SPDX-License-Identifier: GPL-2.0
/*
 * The files of the fuzzer, in /sys/kernel/debug/cmwq2_fuzz/.
 *
 * "programs" takes "SEED COUNT" and runs the programs of that many seeds. "program" takes
 * the text of one program and runs it up to param "repeat" times. Both stop at the first
 * program whose run broke a rule. "result" then has what happened, in lines "NAME VALUE".
 * "show" takes a seed, after which "result" has the random program of that seed.
 */
#include <linux/debug_locks.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/panic_notifier.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <cmwq2/version.h>

#include "facts.h"

static unsigned int repeat = 1;
module_param(repeat, uint, 0644);
MODULE_PARM_DESC(repeat, "how often a program that is written to the file program runs");
module_param_named(timeout_ms, fz_timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "milliseconds without an event after which an engine is stuck");
static bool hotplug;
module_param(hotplug, bool, 0644);
MODULE_PARM_DESC(hotplug, "programs may take the last CPU down (default N)");
static unsigned int steer = 25;
module_param(steer, uint, 0444);
MODULE_PARM_DESC(steer, "how many of 100 programs are changes of one that made a new step in an engine which knows its steps (default 25)");
static char *engines = "both";
module_param(engines, charp, 0444);
MODULE_PARM_DESC(engines, "native, cmwq2 or both (default)");

/* The kinds of native's known faults, as fz_known_fault() names them. */
static struct fz_known {
	const char	*name;
	unsigned long	seen;
} fz_known[4];

static struct {
	struct fz_lane		*lane[TW_NR_ENGINES];
	struct fz_program	program;
	bool			runs_now;
	unsigned long		runs;
	unsigned long		long_ones;
	u64			ns;		/* how long all runs took, and the last one */
	u64			last_ns;
	bool			found;
	bool			warned;		/* the kernel had complained before */
	bool			complained;
	char			text[FZ_TEXT];
} fz;

/* Serializes the writers of the files. */
static DEFINE_MUTEX(fz_mutex);
static struct dentry *fz_dir;

static void fz_count_known(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(fz_known) - 1; i++)
		if (!fz_known[i].name || fz_known[i].name == name)
			break;
	fz_known[i].name = name;
	fz_known[i].seen++;
}

/* A warning sets the first taint, a report of KASAN the second, and lockdep switches itself off. */
static bool fz_has_warned(void)
{
	return test_taint(TAINT_WARN) || test_taint(TAINT_BAD_PAGE) ||
	       (IS_ENABLED(CONFIG_LOCKDEP) && !debug_locks);
}

/* Whether a lane found something that is not known. */
static bool fz_look_at(struct fz_lane *l)
{
	if (!l)
		return false;
	fz.long_ones += atomic_read(&l->seq) > FZ_LOG;
	if (*l->verdict && l->known)
		fz_count_known(l->known);
	/* What hangs may still use the code of this module. */
	if (l->lost)
		__module_get(THIS_MODULE);
	return *l->verdict && (!l->known || l->lost);
}

/* Runs the program in both lanes at the same time. Returns whether a rule was broken. */
static bool fz_run_program(void)
{
	struct fz_lane *native = fz.lane[TW_NATIVE], *ours = fz.lane[TW_CMWQ2];
	u64 start = ktime_get_ns();

	WRITE_ONCE(fz.runs_now, true);
	if (native)
		fz_run_beside(native, &fz.program);
	if (ours)
		fz_run(ours, &fz.program);
	if (native)
		fz_wait(native);
	WRITE_ONCE(fz.runs_now, false);
	fz.runs++;
	fz.last_ns = ktime_get_ns() - start;
	fz.ns += fz.last_ns;
	fz.complained = !fz.warned && fz_has_warned();
	fz.found = fz.complained;
	fz.found |= fz_look_at(ours);
	fz.found |= fz_look_at(native);
	return fz.found;
}

static void fz_make_program(u64 seed)
{
	if (seed % 100 >= steer || !fz_steer(&fz.program, seed, hotplug))
		fz_generate(&fz.program, seed, hotplug);
}

/*
 * Runs @nr programs, until one breaks a rule: those of the seeds from *@seed on, or
 * without @seed the same one again and again.
 */
static void fz_run_many(unsigned long nr, u64 *seed)
{
	for (; nr && !fatal_signal_pending(current); nr--) {
		if (seed)
			fz_make_program((*seed)++);
		if (fz_run_program())
			break;
		fz_steer_look(&fz.program, fz.last_ns);
		cond_resched();
	}
}

static bool fz_is_lost(void)
{
	int i;

	for (i = 0; i < TW_NR_ENGINES; i++)
		if (fz.lane[i] && fz.lane[i]->lost)
			return true;
	return false;
}

static int fz_read_user(char *text, size_t size, const char __user *from, size_t count)
{
	if (count >= size)
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = '\0';
	return 0;
}

static void fz_begin(void)
{
	fz.runs = 0;
	fz.long_ones = 0;
	fz.ns = 0;
	fz.found = false;
	fz.complained = false;
	fz_steer_begin();
}

static ssize_t fz_write_programs(struct file *file, const char __user *from, size_t count,
				 loff_t *pos)
{
	unsigned long nr;
	char text[64];
	u64 seed;
	int ret = fz_read_user(text, sizeof(text), from, count);

	if (ret)
		return ret;
	if (sscanf(text, "%llu %lu", &seed, &nr) != 2)
		return -EINVAL;
	mutex_lock(&fz_mutex);
	fz_begin();
	if (fz_is_lost())
		ret = -EIO;
	if (!ret)
		fz_run_many(nr, &seed);
	mutex_unlock(&fz_mutex);
	return ret ?: count;
}

static ssize_t fz_write_program(struct file *file, const char __user *from, size_t count,
				loff_t *pos)
{
	int ret;

	mutex_lock(&fz_mutex);
	fz_begin();
	ret = fz_is_lost() ? -EIO : fz_read_user(fz.text, sizeof(fz.text), from, count);
	ret = ret ?: fz_parse(&fz.program, fz.text);
	if (!ret)
		fz_run_many(repeat, NULL);
	mutex_unlock(&fz_mutex);
	return ret ?: count;
}

static ssize_t fz_write_show(struct file *file, const char __user *from, size_t count,
			     loff_t *pos)
{
	char text[32];
	u64 seed;
	int ret = fz_read_user(text, sizeof(text), from, count);

	if (ret || kstrtou64(strim(text), 10, &seed))
		return ret ?: -EINVAL;
	mutex_lock(&fz_mutex);
	fz_begin();
	fz_generate(&fz.program, seed, hotplug);
	mutex_unlock(&fz_mutex);
	return count;
}

static void fz_show_verdict(struct seq_file *m)
{
	struct fz_lane *l;
	int i;

	if (!fz.found)
		return;
	for (i = 0; i < TW_NR_ENGINES; i++) {
		l = fz.lane[i];
		if (l && *l->verdict && !l->known)
			seq_printf(m, "verdict %s\n", l->verdict);
	}
	if (fz.complained)
		seq_puts(m, "verdict kernel: complaint: see the console\n");
	if (fz.complained || fz_is_lost())
		seq_puts(m, "lost 1\n");
}

static int fz_result_show(struct seq_file *m, void *unused)
{
	struct fz_steps steps;
	int i;

	mutex_lock(&fz_mutex);
	steps = fz_steer_steps();
	seq_printf(m, "runs %lu\n", fz.runs);
	seq_printf(m, "ms %llu\n", div_u64(fz.ns, NSEC_PER_MSEC));
	seq_printf(m, "long %lu\n", fz.long_ones);
	seq_printf(m, "steps %u\nkept %u\n", steps.made, steps.kept);
	for (i = 0; i < ARRAY_SIZE(fz_known); i++)
		if (fz_known[i].name)
			seq_printf(m, "known %s %lu\n", fz_known[i].name, fz_known[i].seen);
	fz_print(&fz.program, fz.text, sizeof(fz.text));
	seq_printf(m, "seed %llu\nprogram %s\n", fz.program.seed, fz.text);
	fz_show_verdict(m);
	mutex_unlock(&fz_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fz_result);

static void fz_show_event(struct seq_file *m, const struct fz_event *e, int at)
{
	static const char *const types[] = { "?", "call", "return", "begin", "end" };

	seq_printf(m, "%4d %-6s ctx %u cpu %d", at, types[e->type], e->ctx, e->cpu);
	if (e->type == FZ_BEGIN || e->type == FZ_END) {
		seq_printf(m, " i%u\n", e->item);
		return;
	}
	seq_printf(m, " %s q%u i%u n%d c%d", fz_info[e->code].name, e->q, e->item, e->n, e->on);
	if (e->type == FZ_RET)
		seq_printf(m, " = %d (%u)", e->ret, e->first);
	seq_putc(m, '\n');
}

/* The logs of the last program. */
static int fz_log_show(struct seq_file *m, void *unused)
{
	struct fz_lane *l;
	int i, at;

	mutex_lock(&fz_mutex);
	for (i = 0; i < TW_NR_ENGINES; i++) {
		l = fz.lane[i];
		if (!l)
			continue;
		seq_printf(m, "%s\n", l->engine->name);
		for (at = 0; at < min(atomic_read(&l->seq), FZ_LOG); at++)
			fz_show_event(m, &l->log[at], at);
	}
	mutex_unlock(&fz_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fz_log);

static const struct file_operations fz_programs_fops = {
	.owner = THIS_MODULE, .open = simple_open, .write = fz_write_programs,
};

static const struct file_operations fz_program_fops = {
	.owner = THIS_MODULE, .open = simple_open, .write = fz_write_program,
};

static const struct file_operations fz_show_fops = {
	.owner = THIS_MODULE, .open = simple_open, .write = fz_write_show,
};

/* The kernel dies: say of which program, statement by statement, because a line has a limit. */
static int fz_panics(struct notifier_block *nb, unsigned long action, void *data)
{
	char *rest = fz.text, *statement;

	if (!READ_ONCE(fz.runs_now))
		return NOTIFY_DONE;
	fz_print(&fz.program, fz.text, sizeof(fz.text));
	while ((statement = strsep(&rest, ";")))
		pr_emerg("program: %s\n", statement);
	return NOTIFY_DONE;
}

/* First of all, because that of User-Mode Linux ends the guest. */
static struct notifier_block fz_panic_notifier = {
	.notifier_call = fz_panics, .priority = INT_MAX,
};

static void fz_free_lanes(void)
{
	int i;

	for (i = 0; i < TW_NR_ENGINES; i++)
		fz_lane_free(fz.lane[i]);
}

static int fz_make_lanes(void)
{
	int i;

	for (i = 0; i < TW_NR_ENGINES; i++) {
		if (strcmp(engines, "both") && strcmp(engines, tw_engines[i].name))
			continue;
		fz.lane[i] = fz_lane(i);
		if (!fz.lane[i])
			return -ENOMEM;
	}
	if (fz.lane[TW_NATIVE] || fz.lane[TW_CMWQ2])
		return 0;
	pr_err("engines=%s: allowed: native, cmwq2, both\n", engines);
	return -EINVAL;
}

static void fz_make_files(void)
{
	fz_dir = debugfs_create_dir("cmwq2_fuzz", NULL);
	debugfs_create_file("programs", 0200, fz_dir, NULL, &fz_programs_fops);
	debugfs_create_file("program", 0200, fz_dir, NULL, &fz_program_fops);
	debugfs_create_file("show", 0200, fz_dir, NULL, &fz_show_fops);
	debugfs_create_file("result", 0400, fz_dir, NULL, &fz_result_fops);
	debugfs_create_file("log", 0400, fz_dir, NULL, &fz_log_fops);
}

static int __init fz_init(void)
{
	int ret;

	if (steer > 100) {
		pr_err("steer=%u: allowed: 0 to 100\n", steer);
		return -EINVAL;
	}
	ret = fz_steer_init();
	if (ret)
		return ret;
	ret = fz_make_lanes();
	if (ret) {
		fz_free_lanes();
		fz_steer_exit();
		return ret;
	}
	fz.warned = fz_has_warned();
	atomic_notifier_chain_register(&panic_notifier_list, &fz_panic_notifier);
	fz_make_files();
	return 0;
}

static void __exit fz_exit(void)
{
	debugfs_remove(fz_dir);
	atomic_notifier_chain_unregister(&panic_notifier_list, &fz_panic_notifier);
	fz_free_lanes();
	fz_steer_exit();
}

module_init(fz_init);
module_exit(fz_exit);
MODULE_DESCRIPTION("Random programs of workqueue calls on cmwq2 and on the kernel's workqueue");
MODULE_VERSION(CMWQ2_VERSION);
MODULE_LICENSE("GPL");
