// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of unbound queues, and how a queue gets new ones.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <cmwq2/workqueue.h>

#include "base/attrs_value.h"
#include "base/cpus.h"
#include "base/irqs_off.h"
#include "base/misuse.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/active.h"
#include "core/pool.h"
#include "core/pwq.h"
#include "place/attrs.h"
#include "place/topology.h"

/* PL: how many CPUs got another pwq because a CPU came or went; tests read it. */
unsigned long cmwq2_slots_moved;
EXPORT_SYMBOL_GPL(cmwq2_slots_moved);

/*
 * The pwqs that a queue is to have. The set is complete before it replaces the
 * queue's pwqs, so that a failure changes nothing. A pwq that already fits is
 * kept.
 */
struct cmwq2_pwq_set {
	struct list_head	node;		/* list of sets that take effect together */
	struct cmwq2_wq		*wq;
	struct cmwq2_attrs	*attrs;		/* becomes wq->attrs */
	struct cmwq2_attrs	*pool_attrs;	/* the same, with only the CPUs that may be used */
	struct cpumask		*cpus;		/* scratch: a pod's allowed CPUs */
	struct cmwq2_pwq	*dfl;
	struct cmwq2_pwq	**first;	/* by the first CPU of a pod */
	struct cmwq2_pwq	*cpu[];		/* by CPU; behind it are @first and @cpus */
};

/*
 * A pwq in the pool for @pod: the one in @slot if that fits, else a new one.
 * Returns it with a reference, or an ERR_PTR().
 */
static struct cmwq2_pwq *cmwq2_keep_or_new(struct cmwq2_pwq_set *set,
					   struct cmwq2_pwq __rcu **slot,
					   const struct cpumask *pod)
{
	struct cmwq2_pwq *pwq, *old;
	struct cmwq2_pool *pool;

	old = rcu_dereference_protected(*slot, lockdep_is_held(&cmwq2_pool_mutex));
	if (old && cmwq2_pool_matches(old->pool, set->pool_attrs, pod)) {
		cmwq2_pwq_get_unlocked(old);
		return old;
	}
	pool = cmwq2_get_unbound_pool(set->pool_attrs, pod);
	if (IS_ERR(pool))
		return ERR_CAST(pool);
	pwq = cmwq2_pwq_alloc(set->wq, pool);
	if (!pwq) {
		cmwq2_put_unbound_pool(pool);
		return ERR_PTR(-ENOMEM);
	}
	return pwq;
}

/*
 * Find or make the pwq for one CPU. Each CPU's slot holds a reference. The
 * default pwq serves ordered queues, a pod that has all of the queue's CPUs,
 * and a pod without an online CPU, where workers of its own would be stranded.
 */
static int cmwq2_set_add_cpu(struct cmwq2_pwq_set *set, enum cmwq2_affn_scope scope, int cpu)
{
	struct cmwq2_pwq __rcu **slot = per_cpu_ptr(set->wq->cpu_pwq, cpu);
	struct cmwq2_pwq **pwq = &set->dfl, *new;

	cpumask_and(set->cpus, cmwq2_pod(scope, cpu), set->pool_attrs->cpumask);
	if (!cmwq2_wq_is(set->wq, CMWQ2_WQ_ORDERED) &&
	    !cpumask_equal(set->cpus, set->pool_attrs->cpumask) &&
	    cpumask_intersects(set->cpus, &cmwq2_online_mask))
		pwq = &set->first[cpumask_first(set->cpus)];

	if (*pwq) {
		cmwq2_pwq_get_unlocked(*pwq);
	} else {
		new = cmwq2_keep_or_new(set, slot, set->cpus);
		if (IS_ERR(new))
			return PTR_ERR(new);
		*pwq = new;
	}
	set->cpu[cpu] = *pwq;
	return 0;
}

static enum cmwq2_affn_scope cmwq2_scope_of(const struct cmwq2_attrs *attrs)
{
	return attrs->affn_scope == CMWQ2_AFFN_DFL ? cmwq2_default_affn_scope() :
						     attrs->affn_scope;
}

static int cmwq2_set_fill(struct cmwq2_pwq_set *set)
{
	enum cmwq2_affn_scope scope = cmwq2_scope_of(set->attrs);
	struct cmwq2_pwq *dfl;
	int cpu, ret;

	dfl = cmwq2_keep_or_new(set, &set->wq->dfl_pwq, set->pool_attrs->cpumask);
	if (IS_ERR(dfl))
		return PTR_ERR(dfl);
	set->dfl = dfl;
	for_each_possible_cpu(cpu) {
		ret = cmwq2_set_add_cpu(set, scope, cpu);
		if (ret)
			return ret;
	}
	return 0;
}

/* Drops the new pwqs after a failure, and the replaced ones after success. */
static void cmwq2_set_free(struct cmwq2_pwq_set *set)
{
	int cpu;

	for_each_possible_cpu(cpu)
		cmwq2_pwq_put_unlocked(set->cpu[cpu]);
	cmwq2_pwq_put_unlocked(set->dfl);
	cmwq2_free_workqueue_attrs(set->pool_attrs);
	cmwq2_free_workqueue_attrs(set->attrs);
	kvfree(set);
}

/* One allocation, because every unbound queue that is created needs a set for a moment. */
static struct cmwq2_pwq_set *cmwq2_set_alloc(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq_set *set;

	set = kvzalloc(struct_size(set, cpu, 2 * nr_cpu_ids) + cpumask_size(), GFP_KERNEL);
	if (!set)
		return NULL;
	set->wq = wq;
	set->first = &set->cpu[nr_cpu_ids];
	set->cpus = (struct cpumask *)&set->first[nr_cpu_ids];
	set->attrs = cmwq2_alloc_workqueue_attrs();
	set->pool_attrs = cmwq2_alloc_workqueue_attrs();
	if (set->attrs && set->pool_attrs)
		return set;
	cmwq2_set_free(set);
	return NULL;
}

/**
 * cmwq2_set_make - prepare a queue's pwqs
 * @wq: workqueue
 * @attrs: the attributes it is to have
 * @sets: list that the result is added to
 *
 * CPUs that unbound queues may not use are left out. If no other CPU is left,
 * the pwqs get all CPUs that unbound queues may use.
 *
 * Context: process, may sleep; cmwq2_pool_mutex held.
 * Return: 0 or a negative error.
 */
static int cmwq2_set_make(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs,
			  struct list_head *sets)
{
	struct cmwq2_pwq_set *set = cmwq2_set_alloc(wq);
	int ret;

	lockdep_assert_held(&cmwq2_pool_mutex);
	if (!set)
		return -ENOMEM;
	cmwq2_attrs_copy(set->attrs, attrs);
	cpumask_and(set->attrs->cpumask, attrs->cpumask, cpu_possible_mask);
	cmwq2_attrs_copy(set->pool_attrs, attrs);
	if (!cpumask_and(set->pool_attrs->cpumask, attrs->cpumask, &cmwq2_effective_mask))
		cpumask_copy(set->pool_attrs->cpumask, &cmwq2_effective_mask);
	ret = cmwq2_set_fill(set);
	if (ret)
		cmwq2_set_free(set);
	else
		list_add_tail(&set->node, sets);
	return ret;
}

/*
 * Exchange the queue's pwqs with the set's. Items that are on the old pwqs run
 * there; new items go to the new pwqs from here on. Those of an ordered queue
 * wait there until the older pwqs are gone, see cmwq2_unplug_oldest().
 */
static void cmwq2_set_install(struct cmwq2_pwq_set *set)
{
	struct cmwq2_wq *wq = set->wq;
	struct cmwq2_pwq *old;
	int cpu;

	mutex_lock(&wq->mutex);
	old = rcu_dereference_protected(wq->dfl_pwq, lockdep_is_held(&wq->mutex));
	if ((wq->flags & CMWQ2_WQ_ORDERED) && set->dfl != old && !list_empty(&wq->pwqs))
		set->dfl->plugged = true;
	cmwq2_pwq_link(set->dfl);
	rcu_assign_pointer(wq->dfl_pwq, set->dfl);
	set->dfl = old;
	for_each_possible_cpu(cpu) {
		struct cmwq2_pwq __rcu **slot = per_cpu_ptr(wq->cpu_pwq, cpu);

		cmwq2_pwq_link(set->cpu[cpu]);
		old = rcu_dereference_protected(*slot, lockdep_is_held(&wq->mutex));
		rcu_assign_pointer(*slot, set->cpu[cpu]);
		set->cpu[cpu] = old;
	}
	swap(wq->attrs, set->attrs);
	/* The nodes' shares depend on the CPUs that may be used. */
	cmwq2_adjust_max_active(wq);
	mutex_unlock(&wq->mutex);
}

/*
 * Whether an enqueue that found @pwq in a slot may still put its item into the inbox of
 * the pool. The pool can get an inbox only with cmwq2_pool_mutex held.
 */
static bool cmwq2_may_be_posted(struct cmwq2_pwq *pwq)
{
	lockdep_assert_held(&cmwq2_pool_mutex);
	return pwq && !cmwq2_wq_is(pwq->wq, CMWQ2_WQ_ORDERED) &&
	       READ_ONCE(pwq->pool->flags) & CMWQ2_POOL_INBOX;
}

/*
 * Wait until all enqueues that found a pwq in its slot before it was replaced are over. Each
 * has interrupts off: litmus/inbox-retired. Whoever drops the pwq's references after that
 * takes pool->lock, and so moves the items of these enqueues from the inbox first.
 */
static void cmwq2_wait_for_posts(void)
{
	cmwq2_wait_irqs_off();
}

/* Whether the pwqs that were replaced by @set need cmwq2_wait_for_posts(). */
static bool cmwq2_set_may_be_posted(struct cmwq2_pwq_set *set)
{
	bool may = false;
	int cpu;

	for_each_possible_cpu(cpu)
		may |= cmwq2_may_be_posted(set->cpu[cpu]);
	return may;
}

/* Install all sets or, if @ret is an error, none of them. Returns @ret. */
static int cmwq2_sets_install(struct list_head *sets, int ret)
{
	struct cmwq2_pwq_set *set, *next;
	bool wait = false;

	list_for_each_entry(set, sets, node) {
		if (ret)
			break;
		cmwq2_set_install(set);
		wait |= cmwq2_set_may_be_posted(set);
	}
	if (wait)
		cmwq2_wait_for_posts();
	list_for_each_entry_safe(set, next, sets, node)
		cmwq2_set_free(set);
	return ret;
}

/**
 * cmwq2_rebuild_queues - adapt all unbound queues to a change
 *
 * A change of the CPUs they may use, of the pods, or of the default scope. No
 * item is lost, and ordered queues keep their order.
 *
 * Context: process, may sleep; cmwq2_pool_mutex held.
 * Return: 0; or a negative error, and no queue has changed.
 */
int cmwq2_rebuild_queues(void)
{
	struct cmwq2_wq *wq;
	LIST_HEAD(sets);
	int ret = 0;

	lockdep_assert_held(&cmwq2_pool_mutex);

	list_for_each_entry(wq, &cmwq2_workqueues, list) {
		if (cmwq2_wq_is(wq, CMWQ2_WQ_UNBOUND))
			ret = cmwq2_set_make(wq, wq->attrs, &sets);
		if (ret)
			break;
	}
	return cmwq2_sets_install(&sets, ret);
}

/*
 * Give the CPUs of @pod that have the pwq @old, which is all of them, another one. Takes over
 * the caller's reference to @pwq.
 */
static void cmwq2_move_pod(struct cmwq2_wq *wq, const struct cpumask *pod,
			   struct cmwq2_pwq *old, struct cmwq2_pwq *pwq)
{
	int cpu, nr = 0;

	mutex_lock(&wq->mutex);
	cmwq2_pwq_link(pwq);
	for_each_cpu(cpu, pod) {
		struct cmwq2_pwq __rcu **slot = per_cpu_ptr(wq->cpu_pwq, cpu);

		if (rcu_access_pointer(*slot) != old)
			continue;
		cmwq2_slots_moved++;
		cmwq2_pwq_get_unlocked(pwq);
		rcu_assign_pointer(*slot, pwq);
		nr++;
	}
	mutex_unlock(&wq->mutex);
	if (cmwq2_may_be_posted(old))
		cmwq2_wait_for_posts();
	while (nr--)
		cmwq2_pwq_put_unlocked(old);
	cmwq2_pwq_put_unlocked(pwq);
}

/*
 * The pod of @cpu has a pwq of its own as long as one of its CPUs that the
 * queue may use is online. Otherwise it uses the queue's default pwq. This
 * function makes the change between the two. The default pwq's pool has the
 * attributes that all pools of the queue have.
 */
static int cmwq2_wq_update_pod(struct cmwq2_wq *wq, unsigned int cpu)
{
	static struct cpumask cpus;	/* PL: CPUs of the pod that may be used */
	struct cmwq2_pwq __rcu **slot = per_cpu_ptr(wq->cpu_pwq, cpu);
	const struct cpumask *pod = cmwq2_pod(cmwq2_scope_of(wq->attrs), cpu);
	struct cmwq2_pwq_set set = { .wq = wq };
	struct cmwq2_pwq *dfl, *old, *pwq;
	bool up, own;

	dfl = rcu_dereference_protected(wq->dfl_pwq, lockdep_is_held(&cmwq2_pool_mutex));
	old = rcu_dereference_protected(*slot, lockdep_is_held(&cmwq2_pool_mutex));
	set.pool_attrs = dfl->pool->attrs;
	cpumask_and(&cpus, pod, set.pool_attrs->cpumask);
	if (cmwq2_wq_is(wq, CMWQ2_WQ_ORDERED) || cpumask_equal(&cpus, set.pool_attrs->cpumask))
		return 0;
	up = cpumask_intersects(&cpus, &cmwq2_online_mask);
	own = old != dfl;
	if (up == own)
		return 0;

	if (up) {
		pwq = cmwq2_keep_or_new(&set, slot, &cpus);
		if (IS_ERR(pwq))
			return PTR_ERR(pwq);
	} else {
		pwq = dfl;
		cmwq2_pwq_get_unlocked(pwq);
	}
	cmwq2_move_pod(wq, pod, old, pwq);
	return 0;
}

/**
 * cmwq2_update_pods - adapt unbound queues to a CPU that came or went
 * @cpu: the CPU, for which cmwq2_online_mask is already up to date
 *
 * For each queue it looks at the pod of the CPU, which changes its pwq if the
 * CPU is the only one of the pod that is online. The pwqs of all other CPUs
 * stay as they are. After an error a pod keeps its pwq, which is slower but
 * correct: its items run on other CPUs.
 *
 * Context: process, may sleep; cmwq2_pool_mutex held.
 * Return: 0, or the error of the first queue that could not be adapted.
 */
int cmwq2_update_pods(unsigned int cpu)
{
	struct cmwq2_wq *wq;
	int ret = 0, err;

	lockdep_assert_held(&cmwq2_pool_mutex);

	list_for_each_entry(wq, &cmwq2_workqueues, list) {
		if (!cmwq2_wq_is(wq, CMWQ2_WQ_UNBOUND))
			continue;
		err = cmwq2_wq_update_pod(wq, cpu);
		ret = ret ?: err;
		mutex_lock(&wq->mutex);
		/* The nodes' shares depend on the CPUs that are online. */
		cmwq2_adjust_max_active(wq);
		mutex_unlock(&wq->mutex);
	}
	return ret;
}

/**
 * cmwq2_set_cache_shard_size - change how last-level caches are divided
 * @size: cores in a shard, at least 1
 *
 * Context: process, may sleep; cmwq2_pool_mutex held.
 * Return: 0; or a negative error, and nothing has changed.
 */
int cmwq2_set_cache_shard_size(unsigned int size)
{
	struct cmwq2_pods *pods;
	int ret = cmwq2_shards_new(size, &pods);

	if (ret)
		return ret;
	cmwq2_shards_swap(&pods);
	ret = cmwq2_rebuild_queues();
	if (ret)
		cmwq2_shards_swap(&pods);
	cmwq2_shards_free(pods);
	return ret;
}

static int cmwq2_check_attrs(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs)
{
	if (!cmwq2_wq_is(wq, CMWQ2_WQ_UNBOUND)) {
		pr_err("%s: only unbound workqueues have attributes\n", wq->name);
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
		pr_err("%s: cpumask %*pbl: allowed: a mask with at least one CPU of %*pbl\n",
		       wq->name, cpumask_pr_args(attrs->cpumask),
		       cpumask_pr_args(cpu_possible_mask));
		return -EINVAL;
	}
	return 0;
}

/* As cmwq2_apply_workqueue_attrs(). Context: process, may sleep; cmwq2_pool_mutex held. */
int cmwq2_apply_attrs_locked(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs)
{
	LIST_HEAD(sets);
	int ret = cmwq2_check_attrs(wq, attrs);

	return ret ?: cmwq2_sets_install(&sets, cmwq2_set_make(wq, attrs, &sets));
}

/**
 * cmwq2_apply_workqueue_attrs - give an unbound workqueue new attributes
 * @wq: workqueue
 * @attrs: attributes to set; the caller keeps them
 *
 * Items queued before run with the old attributes. In an ordered queue they run
 * before all items that are queued later. If unbound queues may use none of the
 * CPUs in @attrs, the queue's items run on all CPUs that unbound queues may
 * use.
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL with a message; or, without a message, the error of an
 * allocation or of a new worker: -ENOMEM, -EAGAIN, or -EINTR after a fatal
 * signal. After an error nothing has changed.
 */
int cmwq2_apply_workqueue_attrs(struct cmwq2_wq *wq, const struct cmwq2_attrs *attrs)
{
	int ret;

	if (cmwq2_is_missing(wq) || cmwq2_is_missing(attrs))
		return -EINVAL;
	cmwq2_pwqs_throttle();
	mutex_lock(&cmwq2_pool_mutex);
	ret = cmwq2_apply_attrs_locked(wq, attrs);
	mutex_unlock(&cmwq2_pool_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_apply_workqueue_attrs);
