// SPDX-License-Identifier: GPL-2.0
/*
 * Known states for tools that inspect the engine: one state for each kind of
 * trouble, and a damaged one. tools/vm/looks/states.py has the guest build them and
 * checks what the tools say.
 *
 * A state begins when its name is written to the parameter "state", and ends with
 * the next one, or with "none". A queue that gets into trouble is called
 * st.REASON, followed by a number where there are several. No other queue may
 * be reported.
 */
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <cmwq2/control.h>

#include "base/registry.h"
#include "base/types.h"

#define NR_ITEMS	16
#define SPIN_SECONDS	15
#define CPU		1

struct st_item {
	struct cmwq2_work	work;
	struct completion	started;
};

struct st_queue {
	struct cmwq2_wq		*wq;
	struct st_item		items[NR_ITEMS];
	int			nr;
};

static struct completion st_gate;
static bool st_stop;

static void st_nop(struct cmwq2_work *work)
{
}

static void st_sleep(struct cmwq2_work *work)
{
	struct st_item *it = container_of(work, struct st_item, work);

	complete(&it->started);
	wait_for_completion(&st_gate);
}

/* Spins until the end of the state, but not so long that the kernel complains. */
static void st_spin(void)
{
	unsigned long end = jiffies + SPIN_SECONDS * HZ;

	while (!READ_ONCE(st_stop) && time_before(jiffies, end))
		cpu_relax();
}

static struct st_item *st_queue(struct st_queue *q, cmwq2_work_func_t func)
{
	struct st_item *it = &q->items[q->nr++];

	CMWQ2_INIT_WORK(&it->work, func);
	init_completion(&it->started);
	cmwq2_queue_work_on(CPU, q->wq, &it->work);
	return it;
}

static int st_alloc(struct st_queue *q, const char *name, unsigned int flags, int max_active)
{
	q->nr = 0;
	q->wq = cmwq2_alloc_workqueue("%s", flags, max_active, name);
	return q->wq ? 0 : -ENOMEM;
}

static void st_free(struct st_queue *q)
{
	if (q->wq)
		cmwq2_destroy_workqueue(q->wq);
	q->wq = NULL;
}

/* A nice value of its own gives the queue pools of its own. */
static int st_nice(struct st_queue *q, int nice)
{
	struct cmwq2_attrs *attrs = cmwq2_alloc_workqueue_attrs();
	int ret;

	if (!attrs)
		return -ENOMEM;
	attrs->nice = nice;
	ret = cmwq2_apply_workqueue_attrs(q->wq, attrs);
	cmwq2_free_workqueue_attrs(attrs);
	return ret;
}

static struct cmwq2_pool *st_pool(struct st_queue *q)
{
	struct cmwq2_pool *pool;

	rcu_read_lock();
	pool = rcu_dereference(*per_cpu_ptr(q->wq->cpu_pwq, CPU))->pool;
	rcu_read_unlock();
	return pool;
}

/* All workers except the manager sleep, and no more workers can be created. */
static void st_starve(struct st_queue *q, enum cmwq2_create how)
{
	struct cmwq2_pool_stats st;
	int i;

	cmwq2_fault_create(q->wq, CPU, how);
	cmwq2_pool_stats(q->wq, CPU, &st);
	for (i = 0; i < min(st.nr_workers, NR_ITEMS - 2); i++)
		st_queue(q, st_sleep);
}

static void st_feed(struct st_queue *q)
{
	if (q->wq)
		cmwq2_fault_create(q->wq, CPU, CMWQ2_CREATE_NORMAL);
}

/* The states in which items only wait. They are built all at once. */

static struct st_queue st_throttled[2], st_node, st_frozen, st_plugged, st_behind, st_far;
static struct st_queue st_awaited;
/* The items of these states need workers, and these cannot be created. */
static struct st_queue st_no_worker, st_manager, st_rescuer;
static struct cmwq2_delayed_work st_delayed;
static struct task_struct *st_flusher;

static int st_flush(void *unused)
{
	cmwq2_flush_workqueue(st_throttled[0].wq);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* As if other NUMA nodes had the rest of max_active. */
static void st_node_begin(void)
{
	int node = st_pool(&st_node)->node;

	WRITE_ONCE(st_node.wq->nna[node == NUMA_NO_NODE ? nr_node_ids : node]->max, 1);
	st_queue(&st_node, st_sleep);
	st_queue(&st_node, st_nop);
}

/* The item is queued again while it runs, and must not run twice at once. */
static void st_behind_begin(void)
{
	struct st_item *it = st_queue(&st_behind, st_sleep);

	wait_for_completion(&it->started);
	cmwq2_queue_work_on(CPU, st_behind.wq, &it->work);
}

static struct task_struct *st_waiter;

static int st_wait_for(void *item)
{
	cmwq2_flush_work(item);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* A thread waits for an item that runs until the end. */
static int st_awaited_begin(void)
{
	struct st_item *it = st_queue(&st_awaited, st_sleep);

	wait_for_completion(&it->started);
	st_waiter = kthread_run(st_wait_for, &it->work, "st_waiter");
	return PTR_ERR_OR_ZERO(st_waiter);
}

static int st_standing_alloc(void)
{
	int ret = 0;

	ret = ret ?: st_alloc(&st_throttled[0], "st.throttled.0", CMWQ2_WQ_PERCPU, 1);
	ret = ret ?: st_alloc(&st_throttled[1], "st.throttled.1", CMWQ2_WQ_UNBOUND, 1);
	ret = ret ?: st_alloc(&st_node, "st.node-full", CMWQ2_WQ_UNBOUND, 2);
	ret = ret ?: st_alloc(&st_behind, "st.behind", CMWQ2_WQ_PERCPU, 0);
	ret = ret ?: st_alloc(&st_awaited, "st.awaited", CMWQ2_WQ_PERCPU, 0);
	ret = ret ?: st_alloc(&st_frozen, "st.frozen", CMWQ2_WQ_PERCPU | CMWQ2_WQ_FREEZABLE, 0);
	ret = ret ?: st_alloc(&st_plugged, "st.plugged", CMWQ2_WQ_UNBOUND | CMWQ2_WQ_ORDERED, 1);
	ret = ret ?: st_alloc(&st_no_worker, "st.no-worker", CMWQ2_WQ_UNBOUND, 2048);
	ret = ret ?: st_alloc(&st_manager, "st.manager-stuck", CMWQ2_WQ_UNBOUND, 2048);
	ret = ret ?: st_alloc(&st_rescuer, "st.rescuer-busy",
			      CMWQ2_WQ_UNBOUND | CMWQ2_WQ_MEM_RECLAIM, 2048);
	ret = ret ?: st_alloc(&st_far, "far", CMWQ2_WQ_PERCPU, 0);
	ret = ret ?: st_nice(&st_no_worker, -4);
	ret = ret ?: st_nice(&st_rescuer, -5);
	return ret ?: st_nice(&st_manager, -7);
}

static int st_standing_begin(void)
{
	int ret = st_standing_alloc();

	if (ret)
		return ret;

	st_queue(&st_throttled[0], st_sleep);
	st_queue(&st_throttled[0], st_nop);
	st_queue(&st_throttled[1], st_sleep);
	st_queue(&st_throttled[1], st_nop);
	st_flusher = kthread_run(st_flush, NULL, "st_flush");

	cmwq2_freeze_workqueues_begin();
	st_queue(&st_frozen, st_nop);

	wait_for_completion(&st_queue(&st_plugged, st_sleep)->started);
	ret = st_nice(&st_plugged, -3);
	st_queue(&st_plugged, st_nop);

	st_node_begin();
	st_behind_begin();
	ret = ret ?: st_awaited_begin();
	st_starve(&st_no_worker, CMWQ2_CREATE_FAILS);
	st_starve(&st_manager, CMWQ2_CREATE_STALLS);
	st_starve(&st_rescuer, CMWQ2_CREATE_FAILS);
	st_queue(&st_rescuer, st_nop);

	CMWQ2_INIT_DELAYED_WORK(&st_delayed, st_nop);
	cmwq2_queue_delayed_work_on(CPU, st_far.wq, &st_delayed, 3600 * HZ);
	return ret;
}

static void st_standing_end(void)
{
	if (st_far.wq)
		cmwq2_cancel_delayed_work_sync(&st_delayed);
	complete_all(&st_gate);
	cmwq2_thaw_workqueues();
	st_feed(&st_no_worker);
	st_feed(&st_manager);
	st_feed(&st_rescuer);
	if (!IS_ERR_OR_NULL(st_flusher))
		kthread_stop(st_flusher);
	st_flusher = NULL;
	if (!IS_ERR_OR_NULL(st_waiter))
		kthread_stop(st_waiter);
	st_waiter = NULL;
	st_free(&st_awaited);
	st_free(&st_throttled[0]);
	st_free(&st_throttled[1]);
	st_free(&st_node);
	st_free(&st_behind);
	st_free(&st_frozen);
	st_free(&st_plugged);
	st_free(&st_no_worker);
	st_free(&st_manager);
	st_free(&st_rescuer);
	st_free(&st_far);
}

/* One queue, and a task or an item that occupies its CPU. */

static struct st_queue st_one;
static struct task_struct *st_keeper;

static void st_hog_fn(struct cmwq2_work *work)
{
	preempt_disable();
	st_queue(&st_one, st_nop);
	st_spin();
	preempt_enable();
}

static int st_hog_begin(void)
{
	int ret = st_alloc(&st_one, "st.hog", CMWQ2_WQ_PERCPU, 0);

	if (!ret)
		st_queue(&st_one, st_hog_fn);
	return ret;
}

static void st_one_end(void)
{
	WRITE_ONCE(st_stop, true);
	if (!IS_ERR_OR_NULL(st_keeper))
		kthread_stop(st_keeper);
	st_keeper = NULL;
	st_free(&st_one);
}

static int st_keep(void *bh)
{
	if (bh)
		local_bh_disable();
	else
		preempt_disable();
	st_queue(&st_one, st_nop);
	st_spin();
	if (bh)
		local_bh_enable();
	else
		preempt_enable();
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static int st_keeper_begin(const char *name, unsigned int flags, void *bh)
{
	int ret = st_alloc(&st_one, name, flags, 0);

	if (ret)
		return ret;
	st_keeper = kthread_create(st_keep, bh, "st_keeper");
	if (IS_ERR(st_keeper))
		return PTR_ERR(st_keeper);
	kthread_bind(st_keeper, CPU);
	wake_up_process(st_keeper);
	return 0;
}

static int st_not_run_begin(void)
{
	return st_keeper_begin("st.not-run", CMWQ2_WQ_PERCPU, NULL);
}

static int st_softirq_begin(void)
{
	return st_keeper_begin("st.softirq", CMWQ2_WQ_PERCPU | CMWQ2_WQ_BH, &st_one);
}

/* As if a missing decrement had left nr_running too high. */
static int st_lost_begin(void)
{
	int ret = st_alloc(&st_one, "st.lost-kick", CMWQ2_WQ_PERCPU, 0);

	if (ret)
		return ret;
	atomic_inc(&st_pool(&st_one)->nr_running);
	st_queue(&st_one, st_nop);
	return 0;
}

static void st_lost_end(void)
{
	if (st_one.wq)
		atomic_dec(&st_pool(&st_one)->nr_running);
	st_one_end();
}

/* The CPU is offline: the script took it down before. */
static int st_offline_begin(void)
{
	int ret = st_alloc(&st_one, "st.cpu-offline", CMWQ2_WQ_PERCPU, 0);

	if (ret)
		return ret;
	/*
	 * cmwq2 would put the timer on another CPU. The kernel's own workqueue
	 * arms it on the offline CPU, where it never fires, and this imitates
	 * that.
	 */
	CMWQ2_INIT_DELAYED_WORK(&st_delayed, st_nop);
	cmwq2_queue_delayed_work_on(0, st_one.wq, &st_delayed, 3600 * HZ);
	timer_delete(&st_delayed.timer);
	st_delayed.cpu = CPU;
	st_delayed.timer.expires = jiffies + 1;
	add_timer_on(&st_delayed.timer, CPU);
	return 0;
}

static void st_offline_end(void)
{
	cmwq2_cancel_delayed_work_sync(&st_delayed);
	st_one_end();
}

/*
 * A list that is cut short, and a worker that was freed but is still listed.
 * This is safe as long as nobody else walks the two lists: the item that holds
 * the only slot sleeps, and no worker is attached to the pool.
 */
static struct st_queue st_hurt, st_hurt_pool;
static struct list_head *st_cut, *st_last;

static int st_damaged_begin(void)
{
	struct cmwq2_worker *ghost = vzalloc(sizeof(*ghost));
	struct cmwq2_pool *pool;
	int ret, i;

	ret = ghost ? st_alloc(&st_hurt, "damaged", CMWQ2_WQ_PERCPU, 1) : -ENOMEM;
	ret = ret ?: st_alloc(&st_hurt_pool, "haunted", CMWQ2_WQ_UNBOUND, 1);
	ret = ret ?: st_nice(&st_hurt_pool, -6);
	if (ret) {
		vfree(ghost);
		return ret;
	}
	reinit_completion(&st_gate);
	wait_for_completion(&st_queue(&st_hurt, st_sleep)->started);
	for (i = 0; i < 3; i++)
		st_queue(&st_hurt, st_nop);
	st_cut = &st_hurt.items[2].work.entry;
	st_cut->next = (struct list_head *)8;

	pool = st_pool(&st_hurt_pool);
	ghost->pool = pool;
	mutex_lock(&cmwq2_attach_mutex);
	st_last = pool->workers.prev;
	list_add_tail(&ghost->node, &pool->workers);
	mutex_unlock(&cmwq2_attach_mutex);
	vfree(ghost);
	return 0;
}

static void st_damaged_end(void)
{
	if (st_last) {
		struct cmwq2_pool *pool = st_pool(&st_hurt_pool);

		mutex_lock(&cmwq2_attach_mutex);
		st_last->next = &pool->workers;
		pool->workers.prev = st_last;
		mutex_unlock(&cmwq2_attach_mutex);
		st_cut->next = &st_hurt.items[3].work.entry;
	}
	st_last = NULL;
	complete_all(&st_gate);
	st_free(&st_hurt);
	st_free(&st_hurt_pool);
}

/* Very many queues and items, with which the tools must be fast enough. */
static unsigned int st_crowd_queues = 1000;
module_param_named(queues, st_crowd_queues, uint, 0400);
MODULE_PARM_DESC(queues, "how many queues the state \"crowd\" has (default 1000)");
static unsigned int st_crowd_items = 100000;
module_param_named(items, st_crowd_items, uint, 0400);
MODULE_PARM_DESC(items, "how many items wait in the state \"crowd\" (default 100000)");

static struct cmwq2_wq **st_crowd;
static struct cmwq2_work *st_crowd_works;

static int st_crowd_begin(void)
{
	unsigned int flags = CMWQ2_WQ_PERCPU | CMWQ2_WQ_FREEZABLE, i;

	st_crowd = vzalloc(st_crowd_queues * sizeof(*st_crowd));
	st_crowd_works = vzalloc(st_crowd_items * sizeof(*st_crowd_works));
	if (!st_crowd || !st_crowd_works || !st_crowd_queues)
		return -ENOMEM;
	for (i = 0; i < st_crowd_queues; i++) {
		st_crowd[i] = cmwq2_alloc_workqueue("crowd.%u", flags, 0, i);
		if (!st_crowd[i])
			return -ENOMEM;
	}
	cmwq2_freeze_workqueues_begin();
	for (i = 0; i < st_crowd_items; i++) {
		CMWQ2_INIT_WORK(&st_crowd_works[i], st_nop);
		cmwq2_queue_work_on(CPU, st_crowd[i % st_crowd_queues], &st_crowd_works[i]);
	}
	return 0;
}

static void st_crowd_end(void)
{
	unsigned int i;

	cmwq2_thaw_workqueues();
	for (i = 0; st_crowd && i < st_crowd_queues; i++)
		if (st_crowd[i])
			cmwq2_destroy_workqueue(st_crowd[i]);
	vfree(st_crowd);
	vfree(st_crowd_works);
	st_crowd = NULL;
	st_crowd_works = NULL;
}

static const struct st_state {
	const char	*name;
	int		(*begin)(void);
	void		(*end)(void);
} st_states[] = {
	{ "standing", st_standing_begin, st_standing_end },
	{ "hog", st_hog_begin, st_one_end },
	{ "not-run", st_not_run_begin, st_one_end },
	{ "softirq", st_softirq_begin, st_one_end },
	{ "lost-kick", st_lost_begin, st_lost_end },
	{ "cpu-offline", st_offline_begin, st_offline_end },
	{ "damaged", st_damaged_begin, st_damaged_end },
	{ "crowd", st_crowd_begin, st_crowd_end },
};

static const struct st_state *st_current;

static int st_store(const char *val, const struct kernel_param *kp)
{
	int i;

	if (st_current)
		st_current->end();
	st_current = NULL;
	if (sysfs_streq(val, "none"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(st_states); i++) {
		if (!sysfs_streq(val, st_states[i].name))
			continue;
		WRITE_ONCE(st_stop, false);
		st_current = &st_states[i];
		return st_current->begin();
	}
	return -EINVAL;
}

static const struct kernel_param_ops st_ops = { .set = st_store };

module_param_cb(state, &st_ops, NULL, 0200);
MODULE_PARM_DESC(state, "the state to make: standing, hog, not-run, softirq, lost-kick, cpu-offline, damaged, crowd, none");

static int __init st_init(void)
{
	init_completion(&st_gate);
	return 0;
}

static void __exit st_exit(void)
{
	if (st_current)
		st_current->end();
}

module_init(st_init);
module_exit(st_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Known states of cmwq2 for tools that look at it");
