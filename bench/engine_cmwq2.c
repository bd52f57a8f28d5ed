// SPDX-License-Identifier: GPL-2.0
/*
 * Engine "cmwq2": cmwq2 with the policies of a profile, or, if none is named,
 * with those in force.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "bench.h"

static void bench_cmwq2_fn(struct cmwq2_work *work)
{
	complete(&container_of(work, struct bench_item, cmwq2)->done);
}

static int bench_cmwq2_set_scope(struct bench_slot *slot)
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
	ret = cmwq2_apply_workqueue_attrs(slot->cmwq2, attrs);
	if (ret)
		pr_err("cmwq2: scope '%s' cannot be applied (%d)\n", slot->cfg->scope, ret);
	cmwq2_free_workqueue_attrs(attrs);
	return ret;
}

/* Producers may share a pool, which is then counted once. */
static void bench_cmwq2_count(struct bench_slot *slot, struct bench_pool_counts *sum)
{
	struct cmwq2_pool_stats stats, other;
	unsigned int i, j;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < slot->cfg->producers; i++) {
		if (cmwq2_pool_stats(slot->cmwq2, slot->items[i].cpu, &stats))
			continue;
		for (j = 0; j < i; j++)
			if (!cmwq2_pool_stats(slot->cmwq2, slot->items[j].cpu, &other) &&
			    other.id == stats.id)
				break;
		if (j < i)
			continue;
		sum->kicks += stats.kicks;
		sum->coalesced += stats.coalesced;
		sum->created += stats.created;
		sum->cm_wakeups += stats.cm_wakeups;
		sum->scan_wakeups += stats.scan_wakeups;
		sum->maydays += stats.maydays;
	}
}

static int bench_cmwq2_setup(struct bench_slot *slot)
{
	bool unbound = slot->cfg->queue == BENCH_QUEUE_UNBOUND;
	unsigned int i;
	int ret;

	slot->cmwq2 = cmwq2_alloc_workqueue("cmwq2_bench.%u",
					    unbound ? CMWQ2_WQ_UNBOUND : CMWQ2_WQ_PERCPU, 0,
					    slot->index);
	if (!slot->cmwq2)
		return -ENOMEM;
	if (unbound) {
		ret = bench_cmwq2_set_scope(slot);
		if (ret) {
			cmwq2_destroy_workqueue(slot->cmwq2);
			return ret;
		}
	}
	for (i = 0; i < slot->cfg->producers; i++)
		CMWQ2_INIT_WORK(&slot->items[i].cmwq2, bench_cmwq2_fn);
	return 0;
}

/*
 * Policies that a profile sets, and that are saved one by one because what was
 * there before need not be a profile.
 */
const char * const bench_policy_names[BENCH_NR_POLICIES] = { "claim", "wake" };

static void bench_cmwq2_get_policies(struct bench_policies *policies)
{
	unsigned int i;

	for (i = 0; i < BENCH_NR_POLICIES; i++)
		strscpy(policies->value[i], cmwq2_policy_get(bench_policy_names[i]),
			sizeof(policies->value[i]));
}

static void bench_cmwq2_set_policies(const struct bench_policies *policies)
{
	unsigned int i;

	for (i = 0; i < BENCH_NR_POLICIES; i++)
		if (cmwq2_policy_set(bench_policy_names[i], policies->value[i]))
			pr_warn("cmwq2: %s=%s cannot be restored\n", bench_policy_names[i],
				policies->value[i]);
}

/**
 * bench_cmwq2_check_profile - does the engine know a profile?
 * @profile: its name
 *
 * Tries it, because the engine alone knows which it has.
 *
 * Return: 0 or -EINVAL, the engine having said what is allowed.
 */
int bench_cmwq2_check_profile(const char *profile)
{
	struct bench_policies saved;
	int ret;

	bench_cmwq2_get_policies(&saved);
	ret = cmwq2_policy_set("profile", profile);
	if (!ret)
		bench_cmwq2_set_policies(&saved);
	return ret;
}

static int bench_cmwq2_begin(struct bench_slot *slot)
{
	int ret;

	bench_cmwq2_get_policies(&slot->saved);
	if (slot->profile) {
		ret = cmwq2_policy_set("profile", slot->profile);
		if (ret)
			return ret;
	}
	bench_cmwq2_get_policies(&slot->used);
	bench_cmwq2_count(slot, &slot->before);
	return 0;
}

static bool bench_cmwq2_queue(struct bench_slot *slot, struct bench_item *item)
{
	return cmwq2_queue_work(slot->cmwq2, &item->cmwq2);
}

static void bench_cmwq2_end(struct bench_slot *slot, struct bench_sample *sample)
{
	struct bench_pool_counts *counts = &sample->counts;

	bench_cmwq2_count(slot, counts);
	counts->kicks -= slot->before.kicks;
	counts->coalesced -= slot->before.coalesced;
	counts->created -= slot->before.created;
	counts->cm_wakeups -= slot->before.cm_wakeups;
	counts->scan_wakeups -= slot->before.scan_wakeups;
	counts->maydays -= slot->before.maydays;

	if (slot->profile)
		bench_cmwq2_set_policies(&slot->saved);
}

static void bench_cmwq2_teardown(struct bench_slot *slot)
{
	cmwq2_destroy_workqueue(slot->cmwq2);
}

const struct bench_engine bench_cmwq2 = {
	.name		= "cmwq2",
	.takes_profile	= true,
	.is_cmwq2	= true,
	.setup		= bench_cmwq2_setup,
	.begin		= bench_cmwq2_begin,
	.queue		= bench_cmwq2_queue,
	.end		= bench_cmwq2_end,
	.teardown	= bench_cmwq2_teardown,
};
