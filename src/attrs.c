// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of unbound queues, and giving a queue new ones.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "internal.h"

/**
 * cmwq2_alloc_workqueue_attrs - attributes to fill in
 *
 * Context: process, GFP_KERNEL.
 * Return: nice 0, all possible CPUs, the default scope, not strict; or NULL.
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
 * cmwq2_free_workqueue_attrs - free what cmwq2_alloc_workqueue_attrs() gave
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
	to->nice = from->nice;
	cpumask_copy(to->cpumask, from->cpumask);
	to->affn_scope = from->affn_scope;
	to->affn_strict = from->affn_strict;
}

/* What a new set of pwqs is made of before it takes the old one's place. */
struct cmwq2_pwq_set {
	struct cmwq2_wq		*wq;
	struct cmwq2_attrs	*attrs;		/* becomes wq->attrs */
	struct cpumask		*cpus;		/* scratch: a pod's allowed CPUs */
	struct cmwq2_pwq	*dfl;
	struct cmwq2_pwq	**cpu;		/* by CPU */
	struct cmwq2_pwq	**first;	/* by the first CPU of a pod */
};

static struct cmwq2_pwq *cmwq2_new_pwq(struct cmwq2_pwq_set *set, const struct cpumask *pod)
{
	struct cmwq2_pool *pool = cmwq2_get_unbound_pool(set->attrs, pod);
	struct cmwq2_pwq *pwq;

	if (!pool)
		return NULL;
	pwq = cmwq2_pwq_alloc(set->wq, pool);
	if (!pwq)
		cmwq2_put_unbound_pool(pool);
	return pwq;
}

/* Find or make the pwq for one CPU. Each of its users holds a reference. */
static int cmwq2_set_add_cpu(struct cmwq2_pwq_set *set, enum cmwq2_affn_scope scope, int cpu)
{
	struct cmwq2_pwq *pwq = set->dfl;
	unsigned int first;

	cpumask_and(set->cpus, cmwq2_pod(scope, cpu), set->attrs->cpumask);
	first = cpumask_first(set->cpus);

	if (!(set->wq->flags & CMWQ2_WQ_ORDERED) && first < nr_cpu_ids) {
		pwq = set->first[first];
		if (!pwq) {
			pwq = cmwq2_new_pwq(set, set->cpus);
			if (!pwq)
				return -ENOMEM;
			set->first[first] = pwq;
			set->cpu[cpu] = pwq;
			return 0;
		}
	}
	/* Nobody else knows it yet. */
	pwq->refcnt++;
	set->cpu[cpu] = pwq;
	return 0;
}

static int cmwq2_set_fill(struct cmwq2_pwq_set *set)
{
	enum cmwq2_affn_scope scope = set->attrs->affn_scope;
	int cpu, ret;

	if (scope == CMWQ2_AFFN_DFL)
		scope = cmwq2_default_affn_scope();

	set->dfl = cmwq2_new_pwq(set, set->attrs->cpumask);
	if (!set->dfl)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		ret = cmwq2_set_add_cpu(set, scope, cpu);
		if (ret)
			return ret;
	}
	return 0;
}

/* After a failure: the new ones. After success: the ones they replaced. */
static void cmwq2_set_free(struct cmwq2_pwq_set *set)
{
	int cpu;

	if (set->cpu)
		for_each_possible_cpu(cpu)
			cmwq2_pwq_put_unlocked(set->cpu[cpu]);
	cmwq2_pwq_put_unlocked(set->dfl);
	kfree(set->cpu);
	kfree(set->first);
	kfree(set->cpus);
	cmwq2_free_workqueue_attrs(set->attrs);
}

static int cmwq2_set_alloc(struct cmwq2_pwq_set *set, struct cmwq2_wq *wq,
			   const struct cmwq2_attrs *attrs)
{
	set->wq = wq;
	set->attrs = cmwq2_alloc_workqueue_attrs();
	set->cpus = kzalloc(cpumask_size(), GFP_KERNEL);
	set->cpu = kcalloc(nr_cpu_ids, sizeof(*set->cpu), GFP_KERNEL);
	set->first = kcalloc(nr_cpu_ids, sizeof(*set->first), GFP_KERNEL);
	if (!set->attrs || !set->cpus || !set->cpu || !set->first)
		return -ENOMEM;
	cmwq2_attrs_copy(set->attrs, attrs);
	cpumask_and(set->attrs->cpumask, attrs->cpumask, cpu_possible_mask);
	return cmwq2_set_fill(set);
}

/*
 * Exchange the queue's pwqs with the set's. Items queued on the old ones are
 * run there; new items go to the new ones from here on.
 */
static void cmwq2_set_install(struct cmwq2_pwq_set *set)
{
	struct cmwq2_wq *wq = set->wq;
	struct cmwq2_pwq *old;
	int cpu;

	mutex_lock(&wq->mutex);
	cmwq2_pwq_link(set->dfl);
	for_each_possible_cpu(cpu) {
		struct cmwq2_pwq __rcu **slot = per_cpu_ptr(wq->cpu_pwq, cpu);

		cmwq2_pwq_link(set->cpu[cpu]);
		old = rcu_dereference_protected(*slot, lockdep_is_held(&wq->mutex));
		rcu_assign_pointer(*slot, set->cpu[cpu]);
		set->cpu[cpu] = old;
	}
	old = rcu_dereference_protected(wq->dfl_pwq, lockdep_is_held(&wq->mutex));
	rcu_assign_pointer(wq->dfl_pwq, set->dfl);
	set->dfl = old;
	swap(wq->attrs, set->attrs);
	mutex_unlock(&wq->mutex);
}

static int cmwq2_check_attrs(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs)
{
	if (!(wq->flags & CMWQ2_WQ_UNBOUND)) {
		pr_err("%s: only unbound workqueues have attributes\n", wq->name);
		return -EINVAL;
	}
	if (wq->attrs && (wq->flags & CMWQ2_WQ_ORDERED)) {
		pr_err("%s: an ordered workqueue keeps its attributes\n", wq->name);
		return -EINVAL;
	}
	if (attrs->nice < MIN_NICE || attrs->nice > MAX_NICE) {
		pr_err("%s: nice %d: allowed: %d to %d\n", wq->name, attrs->nice,
		       MIN_NICE, MAX_NICE);
		return -EINVAL;
	}
	if ((unsigned int)attrs->affn_scope >= CMWQ2_AFFN_NR) {
		pr_err("%s: affinity scope %d: allowed: 0 to %d\n", wq->name,
		       attrs->affn_scope, CMWQ2_AFFN_NR - 1);
		return -EINVAL;
	}
	if (!cpumask_intersects(attrs->cpumask, cpu_possible_mask)) {
		pr_err("%s: cpumask %*pbl: no CPU of %*pbl in it\n", wq->name,
		       cpumask_pr_args(attrs->cpumask), cpumask_pr_args(cpu_possible_mask));
		return -EINVAL;
	}
	return 0;
}

static int cmwq2_apply_attrs_locked(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs)
{
	struct cmwq2_pwq_set set = { };
	int ret;

	lockdep_assert_held(&cmwq2_pool_mutex);

	ret = cmwq2_check_attrs(wq, attrs);
	if (ret)
		return ret;
	ret = cmwq2_set_alloc(&set, wq, attrs);
	if (!ret)
		cmwq2_set_install(&set);
	cmwq2_set_free(&set);
	return ret;
}

/**
 * cmwq2_apply_workqueue_attrs - give an unbound workqueue new attributes
 * @wq: workqueue, not an ordered one
 * @attrs: what to set; the caller keeps it
 *
 * Items queued before run with the old attributes.
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL with a message and -ENOMEM without, nothing changed.
 */
int cmwq2_apply_workqueue_attrs(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs)
{
	int ret;

	mutex_lock(&cmwq2_pool_mutex);
	ret = cmwq2_apply_attrs_locked(wq, attrs);
	mutex_unlock(&cmwq2_pool_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_apply_workqueue_attrs);
