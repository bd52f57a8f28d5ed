// SPDX-License-Identifier: GPL-2.0
/*
 * The load of make torture: random calls on every kind of queue at once.
 *
 * Two threads for each CPU queue, delay, modify, cancel and flush items. Another one sets
 * policies and max_active. All of this goes on while tools/vm/guest/job-torture.sh takes
 * CPUs down and up, and freezes the system. It only ends when the module is unloaded, so
 * that unloading meets items in flight.
 *
 * Each item keeps a ledger: accepted queueings less successful cancellations must be its
 * number of runs in the end. It must never run twice at once. A queue whose accepted items
 * do not run for timeout_ms stands still. Each violation is printed as a BUG, which fails
 * the run. As in the stress suite half of the items are modified and the other half is
 * cancelled with sync: only so all calls say exactly what they did.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <cmwq2/control.h>
#include <cmwq2/version.h>
#include <cmwq2/workqueue.h>

#include "policies.h"

#define NR_ITEMS	16
#define MOST_THREADS	16
/* Pools whose counters are summed up; their numbers are small. */
#define MOST_POOLS	64

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "seed of the random calls");
static unsigned int timeout_ms = 60000;
module_param(timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "milliseconds after which a queue that runs none of its items stands still");

struct torture_queue;

/**
 * struct torture_item - an item with its ledger
 * @work: the item
 * @q: the queue that it is always queued on
 * @sync: it may be cancelled with sync, and is never modified
 * @queued: queueings that were accepted
 * @cancelled: cancellations that removed an instance
 * @runs: times it has begun to run
 * @inside: callers that are in its function now
 */
struct torture_item {
	struct cmwq2_delayed_work	work;
	struct torture_queue		*q;
	bool				sync;
	atomic_long_t			queued;
	atomic_long_t			cancelled;
	atomic_long_t			runs;
	atomic_t			inside;
};

/**
 * struct torture_queue - a kind of queue
 * @name: of the kind
 * @flags: for its allocation
 * @max_active: for its allocation
 * @ordered: it is an ordered queue
 * @scope: affinity scope of an unbound queue, or CMWQ2_AFFN_DFL
 * @wq: the queue
 * @runs: how often its items have begun to run
 * @seen: @runs at the last look; only the chaos thread uses it and the next two
 * @since: when @runs was seen to change
 * @told: a stand-still was reported
 * @items: its items
 */
struct torture_queue {
	const char		*name;
	unsigned int		flags;
	int			max_active;
	bool			ordered;
	enum cmwq2_affn_scope	scope;
	struct cmwq2_wq		*wq;
	atomic_long_t		runs;
	long			seen;
	unsigned long		since;
	bool			told;
	struct torture_item	items[NR_ITEMS];
};

static struct torture_queue queues[] = {
	{ "percpu", CMWQ2_WQ_PERCPU },
	{ "percpu_one", CMWQ2_WQ_PERCPU, 1 },
	{ "highpri", CMWQ2_WQ_PERCPU | CMWQ2_WQ_HIGHPRI },
	{ "intensive", CMWQ2_WQ_PERCPU | CMWQ2_WQ_CPU_INTENSIVE },
	{ "reclaim", CMWQ2_WQ_PERCPU | CMWQ2_WQ_MEM_RECLAIM },
	{ "freezable", CMWQ2_WQ_PERCPU | CMWQ2_WQ_FREEZABLE },
	{ "bh", CMWQ2_WQ_PERCPU | CMWQ2_WQ_BH },
	{ "unbound", CMWQ2_WQ_UNBOUND },
	{ "unbound_three", CMWQ2_WQ_UNBOUND, 3 },
	{ "unbound_reclaim", CMWQ2_WQ_UNBOUND | CMWQ2_WQ_MEM_RECLAIM },
	{ "unbound_freezable", CMWQ2_WQ_UNBOUND | CMWQ2_WQ_FREEZABLE },
	{ "scope_cpu", CMWQ2_WQ_UNBOUND, .scope = CMWQ2_AFFN_CPU },
	{ "scope_system", CMWQ2_WQ_UNBOUND, .scope = CMWQ2_AFFN_SYSTEM },
	{ "ordered", 0, .ordered = true },
};

static struct task_struct *threads[MOST_THREADS], *chaos;
static bool stopping;			/* X: READ_ONCE, set by torture_end() */
static unsigned long switches;		/* X: READ_ONCE, written by the chaos thread */

#define torture_bug(fmt, ...)	pr_err("BUG: " fmt "\n", ##__VA_ARGS__)

static void torture_queue_item(struct torture_item *it, int cpu, unsigned long delay)
{
	if (cmwq2_queue_delayed_work_on(cpu, it->q->wq, &it->work, delay))
		atomic_long_inc(&it->queued);
}

/* It returns true if an instance was pending, which then is moved; no instance is added. */
static void torture_mod(struct torture_item *it, unsigned long delay)
{
	if (!cmwq2_mod_delayed_work(it->q->wq, &it->work, delay))
		atomic_long_inc(&it->queued);
}

static void torture_cancel(struct torture_item *it, bool sync)
{
	if (sync ? cmwq2_cancel_delayed_work_sync(&it->work) :
		   cmwq2_cancel_delayed_work(&it->work))
		atomic_long_inc(&it->cancelled);
}

static void torture_fn(struct cmwq2_work *work)
{
	struct torture_item *it = container_of(work, struct torture_item, work.work);
	long n;

	if (atomic_inc_return(&it->inside) > 1)
		torture_bug("an item of %s runs twice at once", it->q->name);
	atomic_long_inc(&it->runs);
	n = atomic_long_inc_return(&it->q->runs);
	if (n % 5 == 0 && !READ_ONCE(stopping))
		torture_queue_item(it, CMWQ2_CPU_UNBOUND, n % 2);
	if (!(it->q->flags & CMWQ2_WQ_BH)) {
		if (n % 256 == 0)
			schedule_timeout_uninterruptible(1);
		else if (n % 16 == 0)
			cond_resched();
	}
	atomic_dec(&it->inside);
}

static int torture_thread(void *data)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, ((u64)seed << 8) + (unsigned long)data);
	while (!kthread_should_stop()) {
		u32 r = prandom_u32_state(&rnd), where = prandom_u32_state(&rnd);
		struct torture_queue *q = &queues[where % ARRAY_SIZE(queues)];
		struct torture_item *it = &q->items[(where >> 8) % NR_ITEMS];
		unsigned int op = r % 256;

		if (op < 160)
			torture_queue_item(it, r & BIT(8) ? CMWQ2_CPU_UNBOUND :
					   (r >> 9) % num_possible_cpus(), 0);
		else if (op < 184)
			torture_queue_item(it, CMWQ2_CPU_UNBOUND, 1 + (r >> 8) % 2);
		else if (op < 208 && !it->sync)
			torture_mod(it, (r >> 8) % 3);
		else if (op < 236)
			torture_cancel(it, it->sync && r & BIT(8));
		else if (op < 252)
			cmwq2_flush_work(&it->work.work);
		else if (op < 255)
			cmwq2_flush_delayed_work(&it->work);
		else
			cmwq2_flush_workqueue(q->wq);
		if (op % 32 == 0)
			cond_resched();
	}
	return 0;
}

/* How many instances of an item were accepted and have neither run nor been cancelled. */
static long torture_due(struct torture_item *it)
{
	long over = atomic_long_read(&it->runs) + atomic_long_read(&it->cancelled);

	return atomic_long_read(&it->queued) - over;
}

/* A queue that has items, and runs none of them for long. */
static void torture_watch(struct torture_queue *q)
{
	long runs = atomic_long_read(&q->runs);
	long due = 0;
	int i;

	for (i = 0; i < NR_ITEMS; i++)
		due += torture_due(&q->items[i]);
	if (runs != q->seen || due <= 0) {
		q->seen = runs;
		q->since = jiffies;
	} else if (!q->told && time_after(jiffies, q->since + msecs_to_jiffies(timeout_ms))) {
		torture_bug("%s runs none of %ld items for %u ms", q->name, due, timeout_ms);
		q->told = true;
	}
}

static void torture_switch(struct rnd_state *rnd)
{
	const struct tw_any_policy *policy =
		&tw_policies[prandom_u32_state(rnd) % ARRAY_SIZE(tw_policies)];
	unsigned int nr = 0;

	while (policy->values[nr])
		nr++;
	nr = prandom_u32_state(rnd) % nr;
	if (cmwq2_policy_set(policy->name, policy->values[nr]))
		torture_bug("%s=%s was refused", policy->name, policy->values[nr]);
	WRITE_ONCE(switches, switches + 1);
}

static void torture_limit(struct rnd_state *rnd)
{
	struct torture_queue *q = &queues[prandom_u32_state(rnd) % ARRAY_SIZE(queues)];

	if (!q->ordered && !(q->flags & CMWQ2_WQ_BH))
		cmwq2_workqueue_set_max_active(q->wq, 1 + prandom_u32_state(rnd) % 4);
}

static int torture_chaos(void *unused)
{
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, seed);
	while (!kthread_should_stop()) {
		torture_switch(&rnd);
		torture_limit(&rnd);
		for (i = 0; i < ARRAY_SIZE(queues); i++)
			torture_watch(&queues[i]);
		usleep_range(500, 4000);
	}
	return 0;
}

/* @inside is read first: an item that is not inside any more has done its queueing. */
static bool torture_settled(struct torture_item *it)
{
	bool outside = !atomic_read(&it->inside);

	/* Pairs with the full barriers of the value-returning atomics in torture_fn(). */
	smp_rmb();
	return outside && !torture_due(it);
}

/* Nothing queues any more: each accepted instance must run, and then none may be left. */
static void torture_settle(struct torture_queue *q, unsigned long end)
{
	int i;

	for (i = 0; i < NR_ITEMS; i++) {
		struct torture_item *it = &q->items[i];

		while (!torture_settled(it) && time_before(jiffies, end))
			schedule_timeout_uninterruptible(1);
		if (torture_due(it))
			torture_bug("item %d of %s: %ld accepted, %ld cancelled, %ld runs", i,
				    q->name, atomic_long_read(&it->queued),
				    atomic_long_read(&it->cancelled),
				    atomic_long_read(&it->runs));
		/* What is left must not run after the unload. */
		cmwq2_cancel_delayed_work_sync(&it->work);
	}
}

static void torture_destroy(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(queues); i++)
		if (queues[i].wq)
			cmwq2_destroy_workqueue(queues[i].wq);
}

static void torture_end(void)
{
	unsigned long end;
	int i;

	if (!IS_ERR_OR_NULL(chaos))
		kthread_stop(chaos);
	for (i = 0; i < MOST_THREADS; i++)
		if (!IS_ERR_OR_NULL(threads[i]))
			kthread_stop(threads[i]);
	WRITE_ONCE(stopping, true);
	end = jiffies + msecs_to_jiffies(timeout_ms);
	for (i = 0; i < ARRAY_SIZE(queues); i++)
		if (queues[i].wq)
			torture_settle(&queues[i], end);
	torture_destroy();
	if (cmwq2_health(CMWQ2_HEALTH_LEAKS) || cmwq2_health(CMWQ2_HEALTH_MISUSES))
		torture_bug("cmwq2 has found %lu leaks and %lu misuses",
			    cmwq2_health(CMWQ2_HEALTH_LEAKS), cmwq2_health(CMWQ2_HEALTH_MISUSES));
}

static int torture_set_scope(struct torture_queue *q)
{
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	int ret;

	if (!attrs)
		return -ENOMEM;
	cpumask_copy(attrs->cpumask, cpu_possible_mask);
	attrs->affn_scope = q->scope;
	ret = cmwq2_apply_workqueue_attrs(q->wq, attrs);
	cmwq2_free_workqueue_attrs(attrs);
	return ret;
}

/* To lockdep each place that initializes items makes a class. Those of BH queues need their own. */
static void torture_make_item(struct torture_queue *q, int i)
{
	struct torture_item *it = &q->items[i];

	it->q = q;
	it->sync = i & 1;
	if (q->flags & CMWQ2_WQ_BH)
		CMWQ2_INIT_DELAYED_WORK(&it->work, torture_fn);
	else
		CMWQ2_INIT_DELAYED_WORK(&it->work, torture_fn);
}

static int torture_make(struct torture_queue *q)
{
	int i;

	q->since = jiffies;
	for (i = 0; i < NR_ITEMS; i++)
		torture_make_item(q, i);
	q->wq = q->ordered ?
		cmwq2_alloc_ordered_workqueue("torture_%s", q->flags, q->name) :
		cmwq2_alloc_workqueue("torture_%s", q->flags, q->max_active, q->name);
	if (!q->wq)
		return -ENOMEM;
	return q->scope == CMWQ2_AFFN_DFL ? 0 : torture_set_scope(q);
}

static int torture_start(void)
{
	int i, nr = min(2 * num_online_cpus(), MOST_THREADS);

	for (i = 0; i < nr; i++) {
		threads[i] = kthread_run(torture_thread, (void *)(unsigned long)i,
					 "torture/%d", i);
		if (IS_ERR(threads[i]))
			return PTR_ERR(threads[i]);
	}
	chaos = kthread_run(torture_chaos, NULL, "torture/chaos");
	return PTR_ERR_OR_ZERO(chaos);
}

static int __init torture_init(void)
{
	int i, ret = 0;

	for (i = 0; i < ARRAY_SIZE(queues) && !ret; i++)
		ret = torture_make(&queues[i]);
	ret = ret ?: torture_start();
	if (ret)
		torture_end();
	return ret;
}

static int torture_get_items(char *buffer, const struct kernel_param *kp)
{
	long sum = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(queues); i++)
		sum += atomic_long_read(&queues[i].runs);
	return sprintf(buffer, "%ld\n", sum);
}

/* Pools that no queue uses any more are not counted. */
static int torture_get_culled(char *buffer, const struct kernel_param *kp)
{
	DECLARE_BITMAP(counted, MOST_POOLS) = {};
	struct cmwq2_pool_stats st;
	unsigned long sum = 0;
	int i, cpu;

	for (i = 0; i < ARRAY_SIZE(queues); i++)
		for_each_possible_cpu(cpu)
			if (!cmwq2_pool_stats(queues[i].wq, cpu, &st) && st.id < MOST_POOLS &&
			    !test_and_set_bit(st.id, counted))
				sum += st.culled;
	return sprintf(buffer, "%lu\n", sum);
}

static int torture_get_switches(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%lu\n", READ_ONCE(switches));
}

static const struct kernel_param_ops items_ops = { .get = torture_get_items };
static const struct kernel_param_ops culled_ops = { .get = torture_get_culled };
static const struct kernel_param_ops switches_ops = { .get = torture_get_switches };
module_param_cb(items, &items_ops, NULL, 0444);
MODULE_PARM_DESC(items, "items that have run");
module_param_cb(culled, &culled_ops, NULL, 0444);
MODULE_PARM_DESC(culled, "idle workers that were culled");
module_param_cb(switches, &switches_ops, NULL, 0444);
MODULE_PARM_DESC(switches, "policies that were set");

module_init(torture_init);
module_exit(torture_end);
MODULE_DESCRIPTION("Random calls on every kind of queue at once, until it is unloaded");
MODULE_VERSION(CMWQ2_VERSION);
MODULE_LICENSE("GPL");
