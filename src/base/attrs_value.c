// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating, copying and freeing the attributes of unbound queues and pools.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/slab.h>

#include <cmwq2/workqueue.h>

#include "base/attrs_value.h"

/**
 * cmwq2_alloc_workqueue_attrs - allocate attributes to fill in
 *
 * Context: process, GFP_KERNEL.
 * Return: attributes with nice 0, all possible CPUs, the default scope, and not
 * strict; or NULL.
 */
struct cmwq2_attrs *cmwq2_alloc_workqueue_attrs(void)
{
	struct cmwq2_attrs *attrs = kzalloc(sizeof(*attrs), GFP_KERNEL);

	if (!attrs)
		return NULL;
	if (!alloc_cpumask_var(&attrs->cpumask, GFP_KERNEL)) {
		kfree(attrs);
		return NULL;
	}
	cpumask_copy(attrs->cpumask, cpu_possible_mask);
	return attrs;
}
EXPORT_SYMBOL_GPL(cmwq2_alloc_workqueue_attrs);

/**
 * cmwq2_free_workqueue_attrs - free what cmwq2_alloc_workqueue_attrs() returned
 * @attrs: attributes or NULL
 */
void cmwq2_free_workqueue_attrs(struct cmwq2_attrs *attrs)
{
	if (!attrs)
		return;
	free_cpumask_var(attrs->cpumask);
	kfree(attrs);
}
EXPORT_SYMBOL_GPL(cmwq2_free_workqueue_attrs);

void cmwq2_attrs_copy(struct cmwq2_attrs *to, const struct cmwq2_attrs *from)
{
	to->affn_strict = from->affn_strict;
	to->affn_scope = from->affn_scope;
	to->nice = from->nice;
	cpumask_copy(to->cpumask, from->cpumask);
}
