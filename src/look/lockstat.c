// SPDX-License-Identifier: GPL-2.0
/*
 * What pool->lock costs: how often it is taken and waited for, how long it is
 * held, and how much of that time goes into picking a worker. It is for kernels
 * without LOCK_STAT, and is cheaper. The kernel's own pools cannot be counted
 * from here.
 *
 * Times are in ticks of <cmwq2/ticks.h>. They become nanoseconds when they are
 * read, by a ratio that is measured once, when counting is first switched on.
 * So what was counted reads the same later.
 *
 * If a hypervisor takes the CPU away for milliseconds while the lock is held,
 * it spoils every mean. So holds that are longer than anything the engine does
 * are also counted separately, and whoever compares can leave them out.
 */
#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/xarray.h>

#include <cmwq2/control.h>
#include <cmwq2/ticks.h>

#include "base/lock.h"
#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "look/lockstat.h"

/*
 * Protects the key and the ratio. It is not cmwq2_pool_mutex, because that is
 * taken with CPU hotplug locked, and switching the key takes that lock itself.
 */
static DEFINE_MUTEX(cmwq2_lock_stat_mutex);

#define CMWQ2_LONG_NS	(100 * NSEC_PER_USEC)
#define CMWQ2_RATIO_MS	20

/* X: READ_ONCE, set before the key. Ticks in a millisecond; 0: nothing was counted yet. */
static u64 cmwq2_ticks_per_ms;

static void cmwq2_lock_stat_clear(struct cmwq2_pool *pool)
{
	unsigned long flags;

	cmwq2_pool_lock_irqsave(pool, flags);
	memset(&pool->lock_stat, 0, sizeof(pool->lock_stat));
	cmwq2_pool_unlock_irqrestore(pool, flags);
}

/**
 * cmwq2_lock_stat_reset - start counting from zero
 *
 * Context: process.
 */
void cmwq2_lock_stat_reset(void)
{
	struct cmwq2_pool *pool;
	unsigned long id;

	rcu_read_lock();
	xa_for_each(&cmwq2_pools, id, pool)
		cmwq2_lock_stat_clear(pool);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(cmwq2_lock_stat_reset);

static void cmwq2_measure_ticks(void)
{
	u64 ns, ticks, first_ns, first_ticks, per_ms;

	cmwq2_both_clocks(&first_ns, &first_ticks);
	msleep(CMWQ2_RATIO_MS);
	cmwq2_both_clocks(&ns, &ticks);
	per_ms = mul_u64_u64_div_u64(cmwq2_ticks_between(first_ticks, ticks), NSEC_PER_MSEC,
				     max(ns - first_ns, 1ULL));
	WRITE_ONCE(cmwq2_ticks_per_ms, max(per_ms, 1ULL));
	WRITE_ONCE(cmwq2_long_ticks,
		   mul_u64_u64_div_u64(CMWQ2_LONG_NS, per_ms, NSEC_PER_MSEC));
}

static void cmwq2_lock_stat_switch(bool on)
{
	cpus_read_lock();
	cmwq2_lock_key_set(&cmwq2_lock_stat_key, on);
	cpus_read_unlock();
}

static void cmwq2_lock_stat_on(void)
{
	if (!cmwq2_ticks_per_ms)
		cmwq2_measure_ticks();
	/* Whoever holds a lock now was counted to the end of the last period, or not at all. */
	cmwq2_lock_stat_reset();
	cmwq2_lock_stat_switch(true);
}

/**
 * cmwq2_lock_stat_set - switch the counting of what pool->lock costs
 * @on: whether to count from now on, starting from zero
 *
 * What was counted can still be read. Switching it on twice changes nothing.
 *
 * Context: process, may sleep; not from a CPU hotplug callback.
 */
void cmwq2_lock_stat_set(bool on)
{
	mutex_lock(&cmwq2_lock_stat_mutex);
	if (on && !static_key_enabled(&cmwq2_lock_stat_key))
		cmwq2_lock_stat_on();
	else if (!on)
		cmwq2_lock_stat_switch(false);
	mutex_unlock(&cmwq2_lock_stat_mutex);
}
EXPORT_SYMBOL_GPL(cmwq2_lock_stat_set);

static u64 cmwq2_ticks_to_ns(u64 ticks)
{
	return mul_u64_u64_div_u64(ticks, NSEC_PER_MSEC, max(READ_ONCE(cmwq2_ticks_per_ms), 1ULL));
}

/* Context: RCU read-side section. */
static void cmwq2_lock_stat_add(struct cmwq2_pool *pool, struct cmwq2_lock_stats *st)
{
	struct cmwq2_lock_counters c;
	unsigned long flags;

	/* This hold is not counted: an unlock counts only what the lock began to count. */
	raw_spin_lock_irqsave(&pool->lock, flags);
	c = pool->lock_stat;
	cmwq2_pool_unlock_irqrestore(pool, flags);

	st->acquired += c.acquired;
	st->contended += c.contended;
	st->held_ns += cmwq2_ticks_to_ns(c.held);
	st->held_max_ns = max(st->held_max_ns, cmwq2_ticks_to_ns(c.held_max));
	st->long_holds += c.long_holds;
	st->long_held_ns += cmwq2_ticks_to_ns(c.long_held);
	st->wait_ns += cmwq2_ticks_to_ns(c.wait);
	st->wait_max_ns = max(st->wait_max_ns, cmwq2_ticks_to_ns(c.wait_max));
	st->picks += c.picks;
	st->pick_ns += cmwq2_ticks_to_ns(c.pick);
}

/**
 * cmwq2_lock_stats - what the lock of one pool, or of all pools, has cost
 * @wq: workqueue, or NULL for the sum of all pools
 * @cpu: CPU whose pool behind @wq is meant
 * @st: filled in
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL for a CPU that does not exist.
 */
int cmwq2_lock_stats(struct cmwq2_wq *wq, int cpu, struct cmwq2_lock_stats *st)
{
	struct cmwq2_pool *pool;
	struct cmwq2_pwq *pwq;
	unsigned long id;
	int ret = 0;

	*st = (struct cmwq2_lock_stats) { };
	rcu_read_lock();
	if (!wq) {
		xa_for_each(&cmwq2_pools, id, pool)
			cmwq2_lock_stat_add(pool, st);
	} else {
		pwq = cmwq2_cpu_pwq(wq, cpu);
		if (pwq)
			cmwq2_lock_stat_add(pwq->pool, st);
		else
			ret = -EINVAL;
	}
	rcu_read_unlock();
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_lock_stats);

static void cmwq2_lock_stat_line(struct seq_file *m, const struct cmwq2_lock_stats *st)
{
	seq_printf(m, " acquired=%lu contended=%lu held_ns=%llu held_max_ns=%llu long_holds=%lu long_held_ns=%llu wait_ns=%llu wait_max_ns=%llu picks=%lu pick_ns=%llu\n",
		   st->acquired, st->contended, st->held_ns, st->held_max_ns,
		   st->long_holds, st->long_held_ns,
		   st->wait_ns, st->wait_max_ns, st->picks, st->pick_ns);
}

/* Show the sum of all pools, and a line for each pool that was counted. */
static int cmwq2_lock_stat_show(struct seq_file *m, void *unused)
{
	struct cmwq2_lock_stats all;
	struct cmwq2_pool *pool;
	unsigned long id;

	cmwq2_lock_stats(NULL, 0, &all);
	seq_printf(m, "lock_stat=%c", static_key_enabled(&cmwq2_lock_stat_key) ? 'Y' : 'N');
	cmwq2_lock_stat_line(m, &all);
	rcu_read_lock();
	xa_for_each(&cmwq2_pools, id, pool) {
		struct cmwq2_lock_stats st = { };

		cmwq2_lock_stat_add(pool, &st);
		if (!st.acquired)
			continue;
		seq_printf(m, "pool=%u", pool->id);
		cmwq2_lock_stat_line(m, &st);
	}
	rcu_read_unlock();
	return 0;
}

/* As in /proc/lock_stat, writing 0 clears it. */
static ssize_t cmwq2_lock_stat_write(struct file *file, const char __user *buf, size_t count,
				     loff_t *pos)
{
	int value;

	if (kstrtoint_from_user(buf, count, 0, &value) || value) {
		pr_err("lock_stat: allowed: 0, which clears it\n");
		return -EINVAL;
	}
	cmwq2_lock_stat_reset();
	return count;
}

static int cmwq2_lock_stat_open(struct inode *inode, struct file *file)
{
	return single_open(file, cmwq2_lock_stat_show, inode->i_private);
}

const struct file_operations cmwq2_lock_stat_fops = {
	.owner		= THIS_MODULE,
	.open		= cmwq2_lock_stat_open,
	.read		= seq_read,
	.write		= cmwq2_lock_stat_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int cmwq2_lock_stat_turn(bool on)
{
	cmwq2_lock_stat_set(on);
	return 0;
}

static bool cmwq2_lock_stat_is_on(void)
{
	return static_key_enabled(&cmwq2_lock_stat_key);
}

CMWQ2_SWITCH(lock_stat,
	     "Count how often and how long pool->lock is held and waited for, see debugfs cmwq2/lock_stat (default N)",
	     cmwq2_lock_stat_turn, cmwq2_lock_stat_is_on);
