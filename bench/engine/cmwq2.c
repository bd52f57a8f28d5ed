// SPDX-License-Identifier: GPL-2.0
/*
 * Engine "cmwq2": runs the items on cmwq2. If the list of engines names a profile, the
 * engine uses the policies of that profile, else the current policies.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/types.h"
#include "engine/counts.h"
#include "engine/engine.h"

static void bench_cmwq2_fn(struct cmwq2_work *work)
{
	struct bench_item *item = container_of(work, struct bench_item, cmwq2.work);

	item->job(item);
}

static void bench_cmwq2_init(struct bench_item *item)
{
	CMWQ2_INIT_DELAYED_WORK(&item->cmwq2, bench_cmwq2_fn);
}

static bool bench_cmwq2_is_worker(const struct task_struct *task)
{
	return strstarts(task->comm, "cw2/");
}

static int bench_cmwq2_set_scope(struct bench_slot *slot, struct cmwq2_wq *wq)
{
	struct cmwq2_attrs *attrs;
	int scope, ret;

	scope = cmwq2_parse_affn_scope(slot->cfg->scope);
	if (scope < 0) {
		pr_err("cmwq2: config_scope '%s' is refused (%d)\n", slot->cfg->scope, scope);
		return scope;
	}
	attrs = cmwq2_alloc_workqueue_attrs();
	if (!attrs)
		return -ENOMEM;
	attrs->affn_scope = scope;
	ret = cmwq2_apply_workqueue_attrs(wq, attrs);
	if (ret)
		pr_err("cmwq2: scope '%s' cannot be applied (%d)\n", slot->cfg->scope, ret);
	cmwq2_free_workqueue_attrs(attrs);
	return ret;
}

static int bench_cmwq2_open(struct bench_slot *slot, const char *name, bool scoped,
			    union bench_wq *wq)
{
	static const unsigned int flags[BENCH_QUEUE_NR] = {
		[BENCH_QUEUE_PERCPU]	= CMWQ2_WQ_PERCPU,
		[BENCH_QUEUE_UNBOUND]	= CMWQ2_WQ_UNBOUND,
		[BENCH_QUEUE_ORDERED]	= CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED,
	};
	const struct bench_config *cfg = slot->cfg;
	int max_active = cfg->workload->max_active;
	int ret;

	if (cfg->queue == BENCH_QUEUE_ORDERED)
		max_active = 1;
	wq->cmwq2 = cmwq2_alloc_workqueue("%s", flags[cfg->queue] |
					  (cfg->mem_reclaim ? CMWQ2_WQ_MEM_RECLAIM : 0),
					  max_active, name);
	if (!wq->cmwq2)
		return -ENOMEM;
	if (!scoped)
		return 0;
	ret = bench_cmwq2_set_scope(slot, wq->cmwq2);
	if (ret)
		cmwq2_destroy_workqueue(wq->cmwq2);
	return ret;
}

static void bench_cmwq2_close(struct bench_slot *slot, union bench_wq wq)
{
	cmwq2_destroy_workqueue(wq.cmwq2);
}

static void bench_cmwq2_get_policies(char *policies)
{
	strscpy(policies, cmwq2_policy_get("policies"), BENCH_POLICIES_LEN);
}

static void bench_cmwq2_set_policies(const char *policies)
{
	if (cmwq2_policy_set("policies", policies))
		pr_warn("cmwq2: the policies %s cannot be restored\n", policies);
}

/*
 * Apply a profile by its name, policies as in "claim=none+wake=locked", or a profile and
 * then policies, as in "shared+claim=none". Without a profile, policies that are not named
 * keep their values.
 */
static int bench_cmwq2_apply(const char *profile)
{
	char text[BENCH_NAME_LEN], *settings = text;
	int ret;

	if (!strchr(profile, '='))
		return cmwq2_policy_set("profile", profile);
	strscpy(text, profile, sizeof(text));
	if (strcspn(text, "+") < strcspn(text, "=")) {
		ret = cmwq2_policy_set("profile", strsep(&settings, "+"));
		if (ret)
			return ret;
	}
	strreplace(settings, '+', ' ');
	return cmwq2_policy_set("policies", settings);
}

/**
 * bench_cmwq2_check_profile - check whether cmwq2 accepts a profile or policies
 * @profile: the part of the engine's name after the colon
 *
 * Applies @profile and restores the old policies, because only cmwq2 itself knows
 * which profiles and policies it has.
 *
 * Return: 0, or -EINVAL after cmwq2 has reported which values are allowed.
 */
int bench_cmwq2_check_profile(const char *profile)
{
	char saved[BENCH_POLICIES_LEN];
	int ret;

	bench_cmwq2_get_policies(saved);
	ret = bench_cmwq2_apply(profile);
	bench_cmwq2_set_policies(saved);
	return ret;
}

static int bench_cmwq2_begin(struct bench_slot *slot)
{
	int ret;

	bench_cmwq2_get_policies(slot->saved);
	if (slot->profile) {
		ret = bench_cmwq2_apply(slot->profile);
		if (ret) {
			bench_cmwq2_set_policies(slot->saved);
			return ret;
		}
	}
	bench_cmwq2_get_policies(slot->used);
	bench_count(slot, &slot->before);
	return 0;
}

static bool bench_cmwq2_queue(union bench_wq wq, struct bench_item *item)
{
	return cmwq2_queue_work(wq.cmwq2, &item->cmwq2.work);
}

static bool bench_cmwq2_queue_on(union bench_wq wq, int cpu, struct bench_item *item)
{
	return cmwq2_queue_work_on(cpu, wq.cmwq2, &item->cmwq2.work);
}

static void bench_cmwq2_flush(union bench_wq wq)
{
	cmwq2_flush_workqueue(wq.cmwq2);
}

static void bench_cmwq2_drain(union bench_wq wq)
{
	cmwq2_drain_workqueue(wq.cmwq2);
}

static void bench_cmwq2_end(struct bench_slot *slot, struct bench_sample *sample)
{
	bench_count(slot, &sample->counts);
	bench_counts_sub(&sample->counts, &slot->before);
	if (slot->profile)
		bench_cmwq2_set_policies(slot->saved);
}

static bool bench_cmwq2_queue_delayed(union bench_wq wq, struct bench_item *item,
				      unsigned long delay)
{
	return cmwq2_queue_delayed_work(wq.cmwq2, &item->cmwq2, delay);
}

static bool bench_cmwq2_cancel(struct bench_item *item)
{
	return cmwq2_cancel_work(&item->cmwq2.work);
}

static bool bench_cmwq2_cancel_sync(struct bench_item *item)
{
	return cmwq2_cancel_work_sync(&item->cmwq2.work);
}

static bool bench_cmwq2_cancel_delayed_sync(struct bench_item *item)
{
	return cmwq2_cancel_delayed_work_sync(&item->cmwq2);
}

const struct bench_engine bench_cmwq2 = {
	.name		= "cmwq2",
	.takes_profile	= true,
	.is_cmwq2	= true,
	.has_pools	= true,
	.can		= BENCH_CREATE | BENCH_FLUSH | BENCH_DELAY | BENCH_CANCEL,
	.open		= bench_cmwq2_open,
	.close		= bench_cmwq2_close,
	.init		= bench_cmwq2_init,
	.begin		= bench_cmwq2_begin,
	.end		= bench_cmwq2_end,
	.is_worker	= bench_cmwq2_is_worker,
	.queue		= bench_cmwq2_queue,
	.queue_on	= bench_cmwq2_queue_on,
	.flush		= bench_cmwq2_flush,
	.drain		= bench_cmwq2_drain,
	.queue_delayed	= bench_cmwq2_queue_delayed,
	.cancel		= bench_cmwq2_cancel,
	.cancel_sync	= bench_cmwq2_cancel_sync,
	.cancel_delayed_sync = bench_cmwq2_cancel_delayed_sync,
};
