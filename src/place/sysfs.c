// SPDX-License-Identifier: GPL-2.0
/*
 * Queues in sysfs, in the kernel's layout and formats under another name:
 *
 *   /sys/devices/virtual/cmwq2/cpumask, _requested, _isolated
 *   /sys/bus/cmwq2/devices/NAME/per_cpu, max_active, and of unbound queues
 *   nice, cpumask, affinity_scope, affinity_strict
 *
 * A store that is refused logs one line and changes nothing. The files go
 * before their queue does. Removing them waits for readers and writers, so it
 * must be done without the locks that these take.
 */
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/attrs_value.h"
#include "base/misuse.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/pwq.h"
#include "place/attrs.h"
#include "place/sysfs.h"
#include "place/topology.h"

/**
 * struct cmwq2_device - a queue's directory
 * @wq: the queue, which outlives the files but not this structure
 * @dev: the device
 */
struct cmwq2_device {
	struct cmwq2_wq		*wq;
	struct device		dev;
};

static struct cmwq2_wq *cmwq2_dev_wq(struct device *dev)
{
	return container_of(dev, struct cmwq2_device, dev)->wq;
}

static int cmwq2_refuse_value(const char *where, const char *file, const char *value,
			      const char *allowed, int error)
{
	pr_err("%s: %s %*pE: allowed: %s\n", where, file, cmwq2_shown(value), value, allowed);
	return error;
}

static ssize_t max_active_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct cmwq2_wq *wq = cmwq2_dev_wq(dev);
	int max_active;

	mutex_lock(&wq->mutex);
	max_active = wq->saved_max_active;
	mutex_unlock(&wq->mutex);
	return sysfs_emit(buf, "%d\n", max_active);
}

static ssize_t max_active_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct cmwq2_wq *wq = cmwq2_dev_wq(dev);
	int max_active, ret;

	if (kstrtoint(buf, 10, &max_active))
		return cmwq2_refuse_value(wq->name, "max_active", buf, "a number", -EINVAL);
	ret = cmwq2_workqueue_set_max_active(wq, max_active);
	return ret ?: count;
}
static DEVICE_ATTR_RW(max_active);

static ssize_t per_cpu_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", !(cmwq2_dev_wq(dev)->flags & CMWQ2_WQ_UNBOUND));
}
static DEVICE_ATTR_RO(per_cpu);

/**
 * struct cmwq2_attr_file - a file for one member of struct cmwq2_attrs
 * @attr: the file
 * @show: the member as text; cmwq2_pool_mutex held
 * @parse: converts text into the member; @name is the queue's, for the message
 */
struct cmwq2_attr_file {
	struct device_attribute	attr;
	int			(*show)(const struct cmwq2_attrs *attrs, char *buf);
	int			(*parse)(const char *name, const char *value,
					 struct cmwq2_attrs *attrs);
};

static ssize_t cmwq2_attr_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct cmwq2_attr_file *file = container_of(attr, struct cmwq2_attr_file, attr);
	ssize_t len;

	mutex_lock(&cmwq2_pool_mutex);
	len = file->show(cmwq2_dev_wq(dev)->attrs, buf);
	mutex_unlock(&cmwq2_pool_mutex);
	return len;
}

static ssize_t cmwq2_attr_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct cmwq2_attr_file *file = container_of(attr, struct cmwq2_attr_file, attr);
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	struct cmwq2_wq *wq = cmwq2_dev_wq(dev);
	int ret;

	if (!attrs)
		return -ENOMEM;
	cmwq2_pwqs_throttle();
	/* Hold it all the time, or two writers would undo each other's change. */
	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_attrs_copy(attrs, wq->attrs);
	ret = file->parse(wq->name, buf, attrs) ?: cmwq2_apply_attrs_locked(wq, attrs);
	mutex_unlock(&cmwq2_pool_mutex);
	cmwq2_free_workqueue_attrs(attrs);
	return ret ?: count;
}

static int cmwq2_show_nice(const struct cmwq2_attrs *attrs, char *buf)
{
	return sysfs_emit(buf, "%d\n", attrs->nice);
}

static int cmwq2_parse_nice(const char *name, const char *value, struct cmwq2_attrs *attrs)
{
	return kstrtoint(value, 10, &attrs->nice) ?
	       cmwq2_refuse_value(name, "nice", value, "-20 to 19", -EINVAL) : 0;
}

static int cmwq2_show_mask(const struct cmwq2_attrs *attrs, char *buf)
{
	return sysfs_emit(buf, "%*pb\n", cpumask_pr_args(attrs->cpumask));
}

static int cmwq2_parse_mask(const char *name, const char *value, struct cmwq2_attrs *attrs)
{
	int ret = cpumask_parse(value, attrs->cpumask);

	return ret ? cmwq2_refuse_value(name, "cpumask", value, "a mask of CPUs in hex", ret) : 0;
}

static int cmwq2_show_scope(const struct cmwq2_attrs *attrs, char *buf)
{
	const char *name = cmwq2_affn_name(attrs->affn_scope);

	if (attrs->affn_scope != CMWQ2_AFFN_DFL)
		return sysfs_emit(buf, "%s\n", name);
	return sysfs_emit(buf, "%s (%s)\n", name, cmwq2_affn_name(cmwq2_default_affn_scope()));
}

static int cmwq2_parse_scope(const char *name, const char *value, struct cmwq2_attrs *attrs)
{
	int scope = cmwq2_parse_affn_scope(value);

	if (scope < 0)
		return scope;
	attrs->affn_scope = scope;
	return 0;
}

static int cmwq2_show_strict(const struct cmwq2_attrs *attrs, char *buf)
{
	return sysfs_emit(buf, "%d\n", attrs->affn_strict);
}

static int cmwq2_parse_strict(const char *name, const char *value, struct cmwq2_attrs *attrs)
{
	unsigned int strict;

	if (kstrtouint(value, 10, &strict) || strict > 1)
		return cmwq2_refuse_value(name, "affinity_strict", value, "0 or 1", -EINVAL);
	attrs->affn_strict = strict;
	return 0;
}

#define CMWQ2_ATTR_FILE(_name, _kind)						\
	static struct cmwq2_attr_file cmwq2_file_##_kind = {			\
		.attr	= __ATTR(_name, 0644, cmwq2_attr_show, cmwq2_attr_store), \
		.show	= cmwq2_show_##_kind,					\
		.parse	= cmwq2_parse_##_kind,					\
	}

CMWQ2_ATTR_FILE(nice, nice);
CMWQ2_ATTR_FILE(cpumask, mask);
CMWQ2_ATTR_FILE(affinity_scope, scope);
CMWQ2_ATTR_FILE(affinity_strict, strict);

static struct attribute *cmwq2_dev_attrs[] = {
	&dev_attr_per_cpu.attr,
	&dev_attr_max_active.attr,
	NULL
};

static struct attribute *cmwq2_unbound_attrs[] = {
	&cmwq2_file_nice.attr.attr,
	&cmwq2_file_mask.attr.attr,
	&cmwq2_file_scope.attr.attr,
	&cmwq2_file_strict.attr.attr,
	NULL
};

/* An ordered queue must keep its limit of one, or order would be lost; BH has no limit. */
static umode_t cmwq2_dev_attr_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	unsigned int flags = cmwq2_dev_wq(kobj_to_dev(kobj))->flags;

	return flags & (CMWQ2_WQ_ORDERED | CMWQ2_WQ_BH) ? attr->mode & 0444 : attr->mode;
}

static umode_t cmwq2_unbound_attr_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	bool unbound = cmwq2_dev_wq(kobj_to_dev(kobj))->flags & CMWQ2_WQ_UNBOUND;

	return unbound ? attr->mode : 0;
}

static const struct attribute_group cmwq2_dev_group = {
	.attrs		= cmwq2_dev_attrs,
	.is_visible	= cmwq2_dev_attr_mode,
};

static const struct attribute_group cmwq2_unbound_group = {
	.attrs		= cmwq2_unbound_attrs,
	.is_visible	= cmwq2_unbound_attr_mode,
};

/* The device core creates the files before it announces the device to user space. */
static const struct attribute_group *cmwq2_dev_groups[] = {
	&cmwq2_dev_group,
	&cmwq2_unbound_group,
	NULL
};

static CMWQ2_BUS_TYPE cmwq2_bus = {
	.name		= "cmwq2",
	.dev_groups	= cmwq2_dev_groups,
};

static ssize_t cmwq2_global_show(enum cmwq2_cpumask which, char *buf)
{
	cpumask_var_t cpus;
	ssize_t len;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	cmwq2_get_cpumask(which, cpus);
	len = sysfs_emit(buf, "%*pb\n", cpumask_pr_args(cpus));
	free_cpumask_var(cpus);
	return len;
}

static ssize_t cpumask_requested_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return cmwq2_global_show(CMWQ2_CPUMASK_REQUESTED, buf);
}
static DEVICE_ATTR_RO(cpumask_requested);

static ssize_t cpumask_isolated_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return cmwq2_global_show(CMWQ2_CPUMASK_ISOLATED, buf);
}
static DEVICE_ATTR_RO(cpumask_isolated);

static ssize_t cpumask_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return cmwq2_global_show(CMWQ2_CPUMASK_EFFECTIVE, buf);
}

static ssize_t cpumask_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	cpumask_var_t cpus;
	int ret;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	ret = cpumask_parse(buf, cpus);
	if (ret)
		cmwq2_refuse_value("all queues", "cpumask", buf, "a mask of CPUs in hex", ret);
	else
		ret = cmwq2_set_unbound_cpumask(cpus);
	free_cpumask_var(cpus);
	return ret ?: count;
}
static DEVICE_ATTR_RW(cpumask);

static struct attribute *cmwq2_global_attrs[] = {
	&dev_attr_cpumask.attr,
	&dev_attr_cpumask_requested.attr,
	&dev_attr_cpumask_isolated.attr,
	NULL
};
ATTRIBUTE_GROUPS(cmwq2_global);

static void cmwq2_device_release(struct device *dev)
{
	kfree(container_of(dev, struct cmwq2_device, dev));
}

/**
 * cmwq2_workqueue_sysfs_register - show a workqueue in sysfs
 * @wq: workqueue
 *
 * A queue with CMWQ2_WQ_SYSFS is there already. Others may first apply
 * attributes and then call this, so that user space cannot change them before.
 *
 * Context: process, may sleep.
 * Return: 0; -EEXIST with a message if the queue is in sysfs already; or
 * another negative error, for example if the name is taken.
 */
int cmwq2_workqueue_sysfs_register(struct cmwq2_wq *wq)
{
	struct cmwq2_device *device;
	int ret;

	if (cmwq2_is_missing(wq))
		return -EINVAL;
	if (wq->device) {
		pr_err("%s: is already in sysfs\n", wq->name);
		return -EEXIST;
	}
	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	device->wq = wq;
	device->dev.bus = &cmwq2_bus;
	device->dev.release = cmwq2_device_release;
	ret = dev_set_name(&device->dev, "%s", wq->name);
	if (ret) {
		kfree(device);
		return ret;
	}
	ret = device_register(&device->dev);
	if (ret) {
		pr_err("%s: cannot be added to sysfs, error %d\n", wq->name, ret);
		put_device(&device->dev);
		return ret;
	}
	wq->device = device;
	return 0;
}
EXPORT_SYMBOL_GPL(cmwq2_workqueue_sysfs_register);

/* Waits for readers and writers of the files: no lock of the engine may be held. */
void cmwq2_sysfs_unregister(struct cmwq2_wq *wq)
{
	if (!wq->device)
		return;
	device_unregister(&wq->device->dev);
	wq->device = NULL;
}

/* Call it after, and undo it before, all that the files use: user space may write any time. */
int cmwq2_sysfs_init(void)
{
	return subsys_virtual_register(&cmwq2_bus, cmwq2_global_groups);
}

void cmwq2_sysfs_exit(void)
{
	bus_unregister(&cmwq2_bus);
}
