// SPDX-License-Identifier: GPL-2.0
/*
 * The histograms of how long items wait and run: switching them on, reading them and
 * showing them. lab/latency.c counts.
 */
#include <linux/export.h>
#include <linux/jump_label.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <cmwq2/control.h>

#include "base/lock.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "lab/latency.h"
#include "look/histograms.h"

/*
 * Held while the histograms are switched. It is the outermost lock, because switching a
 * static key takes cpus_read_lock(), which must not be taken under cmwq2_pool_mutex.
 */
static DEFINE_MUTEX(cmwq2_latency_mutex);

static bool cmwq2_latency_wanted;	/* cmwq2_latency_mutex: the user's choice */
static bool cmwq2_latency_usable;	/* cmwq2_latency_mutex: pools exist */

/* Give tables to the existing pools. A pool without a table counts nothing. */
static int cmwq2_latency_pools(void)
{
	struct cmwq2_latency *latency;
	struct cmwq2_pool *pool;
	unsigned long id;
	int ret = 0;

	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_latency_tables = true;
	xa_for_each(&cmwq2_pools, id, pool) {
		if (pool->latency)
			continue;
		latency = kzalloc_node(sizeof(*latency), GFP_KERNEL, pool->node);
		if (!latency) {
			cmwq2_latency_tables = false;
			ret = -ENOMEM;
			break;
		}
		cmwq2_pool_lock_irq(pool);
		pool->latency = latency;
		cmwq2_pool_unlock_irq(pool);
	}
	mutex_unlock(&cmwq2_pool_mutex);
	return ret;
}

static void cmwq2_latency_off(void)
{
	if (!static_key_enabled(&cmwq2_latency_key))
		return;
	static_branch_disable(&cmwq2_latency_key);
	mutex_lock(&cmwq2_pool_mutex);
	cmwq2_latency_tables = false;
	mutex_unlock(&cmwq2_pool_mutex);
}

static int cmwq2_latency_on(void)
{
	int ret;

	if (static_key_enabled(&cmwq2_latency_key))
		return 0;
	ret = cmwq2_latency_pools();
	if (ret)
		return ret;
	cmwq2_latency_new_period();
	static_branch_enable(&cmwq2_latency_key);
	return 0;
}

/**
 * cmwq2_latency_set - switch the histograms on or off
 * @on: whether to switch them on
 *
 * The counters keep their values. Items that are already queued are not measured.
 * Before the pools exist, and after they are gone, this only records the choice.
 *
 * Context: process, may sleep, no lock of the engine.
 * Return: 0, or -ENOMEM, and then the histograms stay off.
 */
int cmwq2_latency_set(bool on)
{
	int ret = 0;

	mutex_lock(&cmwq2_latency_mutex);
	if (cmwq2_latency_usable && on)
		ret = cmwq2_latency_on();
	else if (cmwq2_latency_usable)
		cmwq2_latency_off();
	if (!ret)
		cmwq2_latency_wanted = on;
	mutex_unlock(&cmwq2_latency_mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_latency_set);

/* Clear a table, and free it as well if measuring is off. */
static void cmwq2_latency_clear(struct cmwq2_pool *pool, struct cmwq2_latency **latency)
{
	struct cmwq2_latency *table, *unused = NULL;

	cmwq2_pool_lock_irq(pool);
	/* A worker may publish the table of a pwq now, see cmwq2_latency_table(). */
	table = READ_ONCE(*latency);
	if (!static_key_enabled(&cmwq2_latency_key))
		unused = xchg(latency, NULL);
	else if (table)
		memset(table, 0, sizeof(*table));
	cmwq2_pool_unlock_irq(pool);
	kfree(unused);
}

/**
 * cmwq2_latency_reset - clear all histograms
 *
 * If the histograms are off, this also frees their memory.
 *
 * Context: process, may sleep, no lock of the engine.
 */
void cmwq2_latency_reset(void)
{
	struct cmwq2_pool *pool;
	struct cmwq2_pwq *pwq;
	struct cmwq2_wq *wq;
	unsigned long id;

	mutex_lock(&cmwq2_latency_mutex);
	mutex_lock(&cmwq2_pool_mutex);
	xa_for_each(&cmwq2_pools, id, pool)
		cmwq2_latency_clear(pool, &pool->latency);
	list_for_each_entry(wq, &cmwq2_workqueues, list) {
		mutex_lock(&wq->mutex);
		kfree(wq->latency);
		wq->latency = NULL;
		list_for_each_entry(pwq, &wq->pwqs, pwqs_node)
			cmwq2_latency_clear(pwq->pool, &pwq->latency);
		mutex_unlock(&wq->mutex);
	}
	mutex_unlock(&cmwq2_pool_mutex);
	mutex_unlock(&cmwq2_latency_mutex);
}
EXPORT_SYMBOL_GPL(cmwq2_latency_reset);

static void cmwq2_latency_read(struct cmwq2_pool *pool, struct cmwq2_latency **latency,
			       struct cmwq2_latency *sum)
{
	struct cmwq2_latency *table;
	unsigned long flags;

	cmwq2_pool_lock_irqsave(pool, flags);
	table = READ_ONCE(*latency);	/* as in cmwq2_latency_clear() */
	if (table)
		cmwq2_latency_add(sum, table);
	cmwq2_pool_unlock_irqrestore(pool, flags);
}

/**
 * cmwq2_wq_latency - histograms of a queue
 * @wq: workqueue
 * @sum: filled in
 *
 * Context: process, may sleep.
 */
void cmwq2_wq_latency(struct cmwq2_wq *wq, struct cmwq2_latency *sum)
{
	struct cmwq2_pwq *pwq;

	memset(sum, 0, sizeof(*sum));
	mutex_lock(&wq->mutex);
	if (wq->latency)
		cmwq2_latency_add(sum, wq->latency);
	list_for_each_entry(pwq, &wq->pwqs, pwqs_node)
		cmwq2_latency_read(pwq->pool, &pwq->latency, sum);
	mutex_unlock(&wq->mutex);
}
EXPORT_SYMBOL_GPL(cmwq2_wq_latency);

/**
 * cmwq2_pool_latency - histograms of the pool that serves a queue on a CPU
 * @wq: workqueue
 * @cpu: CPU
 * @sum: filled in; it covers all queues that use the pool or have used it
 *
 * Context: any but NMI.
 * Return: the pool's number, or -EINVAL for a CPU that does not exist.
 */
int cmwq2_pool_latency(struct cmwq2_wq *wq, int cpu, struct cmwq2_latency *sum)
{
	struct cmwq2_pwq *pwq;
	int ret = -EINVAL;

	memset(sum, 0, sizeof(*sum));
	rcu_read_lock();
	pwq = cmwq2_cpu_pwq(wq, cpu);
	if (pwq) {
		cmwq2_latency_read(pwq->pool, &pwq->pool->latency, sum);
		ret = pwq->pool->id;
	}
	rcu_read_unlock();
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_pool_latency);

static const char *const cmwq2_latency_names[CMWQ2_LATENCY_NR] = {
	[CMWQ2_LATENCY_ACTIVATE]	= "activate",
	[CMWQ2_LATENCY_PICK]		= "pick",
	[CMWQ2_LATENCY_WAKE]		= "wake",
	[CMWQ2_LATENCY_START]		= "start",
	[CMWQ2_LATENCY_TAKEN]		= "taken",
	[CMWQ2_LATENCY_END]		= "end",
};

const char *cmwq2_latency_stage_name(enum cmwq2_latency_stage stage)
{
	return cmwq2_latency_names[stage];
}
EXPORT_SYMBOL_GPL(cmwq2_latency_stage_name);

static void cmwq2_latency_show_stage(struct seq_file *m, const char *name, const u32 *count)
{
	int i;

	if (!memchr_inv(count, 0, CMWQ2_LATENCY_BUCKETS * sizeof(*count)))
		return;
	seq_printf(m, "  %s", name);
	for (i = 0; i < CMWQ2_LATENCY_BUCKETS; i++)
		if (count[i])
			seq_printf(m, " %d:%u", i, count[i]);
	seq_putc(m, '\n');
}

static void cmwq2_latency_show_one(struct seq_file *m, const struct cmwq2_latency *sum)
{
	int i;

	for (i = 0; i < CMWQ2_LATENCY_NR; i++)
		cmwq2_latency_show_stage(m, cmwq2_latency_names[i], sum->count[i]);
}

/**
 * cmwq2_latency_show - show the histograms of the pools and queues that counted something
 * @m: file to write to
 *
 * Nothing is written if there is no memory for a sum. The KUnit suites need this to be
 * exported.
 *
 * Context: process, may sleep; takes cmwq2_pool_mutex.
 */
void cmwq2_latency_show(struct seq_file *m)
{
	struct cmwq2_latency *sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	struct cmwq2_pool *pool;
	struct cmwq2_wq *wq;
	unsigned long id;

	if (!sum)
		return;
	mutex_lock(&cmwq2_pool_mutex);
	xa_for_each(&cmwq2_pools, id, pool) {
		memset(sum, 0, sizeof(*sum));
		cmwq2_latency_read(pool, &pool->latency, sum);
		if (!memchr_inv(sum, 0, sizeof(*sum)))
			continue;
		seq_printf(m, "pool %u\n", pool->id);
		cmwq2_latency_show_one(m, sum);
	}
	list_for_each_entry(wq, &cmwq2_workqueues, list) {
		cmwq2_wq_latency(wq, sum);
		if (!memchr_inv(sum, 0, sizeof(*sum)))
			continue;
		seq_printf(m, "workqueue %s\n", wq->name);
		cmwq2_latency_show_one(m, sum);
	}
	mutex_unlock(&cmwq2_pool_mutex);
	kfree(sum);
}
EXPORT_SYMBOL_GPL(cmwq2_latency_show);

/* Called when the pools exist. On failure the histograms stay off, and the parameter reads N. */
void cmwq2_latency_init(void)
{
	mutex_lock(&cmwq2_latency_mutex);
	cmwq2_latency_usable = true;
	if (cmwq2_latency_wanted && cmwq2_latency_on())
		cmwq2_latency_wanted = false;
	mutex_unlock(&cmwq2_latency_mutex);
}

/* Called before the pools are destroyed. */
void cmwq2_latency_exit(void)
{
	mutex_lock(&cmwq2_latency_mutex);
	cmwq2_latency_off();
	cmwq2_latency_usable = false;
	mutex_unlock(&cmwq2_latency_mutex);
}

static bool cmwq2_latency_is_on(void)
{
	return cmwq2_latency_wanted;
}

CMWQ2_SWITCH(latency, "Keep histograms of how long items wait and run (default N)",
	     cmwq2_latency_set, cmwq2_latency_is_on);
