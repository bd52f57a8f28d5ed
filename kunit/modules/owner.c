// SPDX-License-Identifier: GPL-2.0
/*
 * A SCHED_FIFO task that occupies a CPU, for suites that are shell scripts. This module
 * does not use cmwq2, so that cmwq2 can be unloaded meanwhile.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

/* Shorter than the time after which RCU and others report a stuck CPU. */
#define OWNER_NS	(15 * (u64)NSEC_PER_SEC)

static DEFINE_MUTEX(owner_mutex);
static struct task_struct *owner;	/* protected by owner_mutex */
static int owner_cpu = -1;		/* protected by owner_mutex */

static int owner_thread(void *unused)
{
	u64 end = ktime_get_mono_fast_ns() + OWNER_NS;

	sched_set_fifo(current);
	while (!kthread_should_stop() && ktime_get_mono_fast_ns() < end) {
		cond_resched();
		cpu_relax();
	}
	sched_set_normal(current, 0);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void owner_stop(void)
{
	if (owner)
		kthread_stop(owner);
	owner = NULL;
	owner_cpu = -1;
}

static int owner_start(int cpu)
{
	struct task_struct *task;

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	task = kthread_create(owner_thread, NULL, "cpu_owner/%d", cpu);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	wake_up_process(task);
	owner = task;
	owner_cpu = cpu;
	return 0;
}

static int owner_set(const char *value, const struct kernel_param *kp)
{
	int cpu, ret;

	ret = kstrtoint(value, 0, &cpu);
	if (ret)
		return ret;
	mutex_lock(&owner_mutex);
	owner_stop();
	if (cpu >= 0)
		ret = owner_start(cpu);
	mutex_unlock(&owner_mutex);
	return ret;
}

static int owner_get(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%d\n", READ_ONCE(owner_cpu));
}

static const struct kernel_param_ops owner_ops = {
	.set = owner_set,
	.get = owner_get,
};
module_param_cb(cpu, &owner_ops, NULL, 0644);
MODULE_PARM_DESC(cpu, "the CPU to occupy for 15 s at most, -1 for none");

static int __init owner_init(void)
{
	return 0;
}

static void __exit owner_exit(void)
{
	mutex_lock(&owner_mutex);
	owner_stop();
	mutex_unlock(&owner_mutex);
}

module_init(owner_init);
module_exit(owner_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Occupies a CPU, for tests");
