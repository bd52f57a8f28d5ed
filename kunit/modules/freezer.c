// SPDX-License-Identifier: GPL-2.0
/*
 * A load for the freezer, watched by tools/vm/guest/suites/cmwq2_freezer.sh.
 *
 * A kernel thread, which the freezer leaves alone, keeps queueing items on two
 * freezable queues and on one that is not freezable, all of one engine. Each lane
 * counts the items it accepted and ran. It also keeps the longest time in which none of
 * its items started, and how many items of the queue that is not freezable started
 * meanwhile. Together they show a queue that stood still while another one went on. If
 * an item started while the system was frozen, there would be two shorter times instead
 * of this one.
 *
 * Another thread cancels an item that was queued while the system was frozen.
 * After that its queue must work as if the item had never been queued.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <cmwq2/workqueue.h>

#define NR_ITEMS 32

struct lane;

struct item {
	union {
		struct work_struct	native;
		struct cmwq2_work	cmwq2;
	};
	struct lane			*lane;
	bool				holds;
};

/**
 * struct lane - a queue and what became of its items
 * @name: of the lane in the status
 * @freezable: the queue must stand still while the system is frozen
 * @unbound: the queue is unbound, not per-CPU
 * @wq: queue of the engine
 * @items: queued in turn
 * @next: index into @items; only the producer uses it
 * @accepted: queueings that returned true
 * @lock: protects the rest
 * @started: items that started
 * @at: when the last one started, or when the counting began
 * @others_at: items that had started on the queue that is not freezable at @at
 * @gap: the longest time between two starts, in ns
 * @others_in_gap: items of the queue that is not freezable that started in @gap
 */
struct lane {
	const char	*name;
	bool		freezable;
	bool		unbound;
	void		*wq;
	struct item	items[NR_ITEMS];
	unsigned int	next;
	atomic_long_t	accepted;
	spinlock_t	lock;	/* protects what follows */
	long		started;
	ktime_t		at;
	long		others_at;
	s64		gap;
	long		others_in_gap;
};

static struct lane lanes[] = {
	{ .name = "percpu", .freezable = true },
	{ .name = "unbound", .freezable = true, .unbound = true },
	{ .name = "other" },
};

#define OTHER	(&lanes[ARRAY_SIZE(lanes) - 1])

/* The item that does not end while it is held (@held), and what it waits for (@release). */
static struct item held_item;
/* A queue with one item, which is cancelled while the system is frozen. */
static struct lane quiet = { .name = "quiet", .freezable = true, .unbound = true };
static DECLARE_COMPLETION(quiet_ran);
static struct task_struct *canceller;
static bool cancelled;
static DECLARE_COMPLETION(held_start);
static DECLARE_COMPLETION(release);
static bool held;

/* Serializes writes to the parameters. */
static DEFINE_MUTEX(control);
static struct task_struct *producer;

static char *engine = "native";
module_param(engine, charp, 0444);
MODULE_PARM_DESC(engine, "native or cmwq2");

static void lane_count_start(struct lane *lane)
{
	long others = READ_ONCE(OTHER->started);
	unsigned long flags;
	s64 gap;

	spin_lock_irqsave(&lane->lock, flags);
	gap = ktime_to_ns(ktime_sub(ktime_get(), lane->at));
	if (gap > lane->gap) {
		lane->gap = gap;
		lane->others_in_gap = others - lane->others_at;
	}
	lane->at = ktime_get();
	lane->others_at = others;
	WRITE_ONCE(lane->started, lane->started + 1);
	spin_unlock_irqrestore(&lane->lock, flags);
}

static void lane_forget_gap(struct lane *lane)
{
	unsigned long flags;

	spin_lock_irqsave(&lane->lock, flags);
	lane->at = ktime_get();
	lane->others_at = READ_ONCE(OTHER->started);
	lane->gap = 0;
	lane->others_in_gap = 0;
	spin_unlock_irqrestore(&lane->lock, flags);
}

static void item_run(struct item *it)
{
	if (it->holds) {
		complete(&held_start);
		wait_for_completion(&release);
		return;
	}
	if (it->lane == &quiet)
		complete(&quiet_ran);
	else
		lane_count_start(it->lane);
}

/* The operations in which the two engines differ. */
struct engine {
	const char	*name;
	void		*(*alloc)(struct lane *lane);
	void		(*destroy)(void *wq);
	void		(*init)(struct item *it);
	bool		(*queue)(int cpu, void *wq, struct item *it);
	void		(*flush)(void *wq);
	bool		(*cancel_sync)(struct item *it);
};

static void native_fn(struct work_struct *work)
{
	item_run(container_of(work, struct item, native));
}

static void *native_alloc(struct lane *lane)
{
	return alloc_workqueue("freezer_%s", (lane->unbound ? WQ_UNBOUND : WQ_PERCPU) |
			       (lane->freezable ? WQ_FREEZABLE : 0), 0, lane->name);
}

static void native_destroy(void *wq)
{
	destroy_workqueue(wq);
}

static void native_init(struct item *it)
{
	INIT_WORK(&it->native, native_fn);
}

static bool native_queue(int cpu, void *wq, struct item *it)
{
	return queue_work_on(cpu, wq, &it->native);
}

static void native_flush(void *wq)
{
	__flush_workqueue(wq);
}

static bool native_cancel_sync(struct item *it)
{
	return cancel_work_sync(&it->native);
}

static void cmwq2_fn(struct cmwq2_work *work)
{
	item_run(container_of(work, struct item, cmwq2));
}

static void *cmwq2_alloc(struct lane *lane)
{
	return cmwq2_alloc_workqueue("freezer_%s",
				     (lane->unbound ? CMWQ2_WQ_UNBOUND : CMWQ2_WQ_PERCPU) |
				     (lane->freezable ? CMWQ2_WQ_FREEZABLE : 0), 0, lane->name);
}

static void cmwq2_destroy(void *wq)
{
	cmwq2_destroy_workqueue(wq);
}

static void cmwq2_init(struct item *it)
{
	CMWQ2_INIT_WORK(&it->cmwq2, cmwq2_fn);
}

static bool cmwq2_queue(int cpu, void *wq, struct item *it)
{
	return cmwq2_queue_work_on(cpu, wq, &it->cmwq2);
}

static void cmwq2_flush(void *wq)
{
	cmwq2_flush_workqueue(wq);
}

static bool cmwq2_cancel_sync(struct item *it)
{
	return cmwq2_cancel_work_sync(&it->cmwq2);
}

static const struct engine engines[] = {
	{ "native", native_alloc, native_destroy, native_init, native_queue, native_flush,
	  native_cancel_sync },
	{ "cmwq2", cmwq2_alloc, cmwq2_destroy, cmwq2_init, cmwq2_queue, cmwq2_flush,
	  cmwq2_cancel_sync },
};

static const struct engine *ops;

static void lane_queue(struct lane *lane)
{
	struct item *it = &lane->items[lane->next++ % NR_ITEMS];
	unsigned int cpu = cpumask_next(lane->next % nr_cpu_ids, cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		cpu = cpumask_first(cpu_online_mask);
	/* Count it before it can run, so that never more items started than were accepted. */
	atomic_long_inc(&lane->accepted);
	if (!ops->queue(cpu, lane->wq, it))
		atomic_long_dec(&lane->accepted);
}

static int produce(void *unused)
{
	int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < ARRAY_SIZE(lanes); i++)
			lane_queue(&lanes[i]);
		usleep_range(500, 1000);
	}
	return 0;
}

static int start_producer(void)
{
	struct task_struct *task;
	int i;

	if (producer)
		return 0;
	for (i = 0; i < ARRAY_SIZE(lanes); i++)
		lane_forget_gap(&lanes[i]);
	task = kthread_run(produce, NULL, "freezer");
	if (IS_ERR(task))
		return PTR_ERR(task);
	producer = task;
	return 0;
}

/* Returns when all accepted items have run. */
static void stop_producer(void)
{
	int i;

	if (!producer)
		return;
	kthread_stop(producer);
	producer = NULL;
	for (i = 0; i < ARRAY_SIZE(lanes); i++)
		ops->flush(lanes[i].wq);
}

static int set_load(const char *val, const struct kernel_param *kp)
{
	bool on;
	int ret = kstrtobool(val, &on);

	if (ret || !ops)
		return ret ?: -EBUSY;
	mutex_lock(&control);
	if (on)
		ret = start_producer();
	else
		stop_producer();
	mutex_unlock(&control);
	return ret;
}

static const struct kernel_param_ops load_ops = { .set = set_load };
module_param_cb(load, &load_ops, NULL, 0200);
MODULE_PARM_DESC(load, "write 1 to queue items without end and clear the gaps, 0 to stop and to wait for all items");

static void let_go(void)
{
	if (!held)
		return;
	complete(&release);
	ops->flush(lanes[0].wq);
	held = false;
}

static int set_hold(const char *val, const struct kernel_param *kp)
{
	bool on;
	int ret = kstrtobool(val, &on);

	if (ret || !ops)
		return ret ?: -EBUSY;
	mutex_lock(&control);
	if (!on) {
		let_go();
	} else if (!held) {
		reinit_completion(&held_start);
		reinit_completion(&release);
		held = true;
		ops->queue(raw_smp_processor_id(), lanes[0].wq, &held_item);
		wait_for_completion(&held_start);
	}
	mutex_unlock(&control);
	return ret;
}

static const struct kernel_param_ops hold_ops = { .set = set_hold };
module_param_cb(hold, &hold_ops, NULL, 0200);
MODULE_PARM_DESC(hold, "write 1 to keep a freezable item running, 0 to let it end");

/* True if the item of the quiet queue runs within @timeout jiffies. */
static bool quiet_runs(unsigned long timeout)
{
	reinit_completion(&quiet_ran);
	/* Always from the same CPU, so that one pwq gets all queueings. */
	ops->queue(cpumask_first(cpu_online_mask), quiet.wq, &quiet.items[0]);
	return wait_for_completion_timeout(&quiet_ran, timeout);
}

static int cancel_frozen(void *unused)
{
	while (!kthread_should_stop() && !cancelled) {
		if (quiet_runs(HZ / 2))
			usleep_range(500, 1000);
		else
			WRITE_ONCE(cancelled, ops->cancel_sync(&quiet.items[0]));
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void stop_canceller(void)
{
	if (canceller)
		kthread_stop(canceller);
	canceller = NULL;
}

static int set_cancel(const char *val, const struct kernel_param *kp)
{
	bool on;
	int ret = kstrtobool(val, &on);

	if (ret || !ops)
		return ret ?: -EBUSY;
	mutex_lock(&control);
	stop_canceller();
	if (on) {
		cancelled = false;
		canceller = kthread_run(cancel_frozen, NULL, "freezer_cancel");
		ret = PTR_ERR_OR_ZERO(canceller);
		if (ret)
			canceller = NULL;
	}
	mutex_unlock(&control);
	return ret;
}

static int get_cancel(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%d\n", READ_ONCE(cancelled));
}

static const struct kernel_param_ops cancel_ops = { .set = set_cancel, .get = get_cancel };
module_param_cb(cancel, &cancel_ops, NULL, 0600);
MODULE_PARM_DESC(cancel, "write 1 to cancel an item that is enqueued while the system is frozen; read: whether it was cancelled");

static int get_runs(char *buffer, const struct kernel_param *kp)
{
	bool runs;

	if (!ops)
		return -EBUSY;
	mutex_lock(&control);
	runs = quiet_runs(5 * HZ);
	mutex_unlock(&control);
	return scnprintf(buffer, PAGE_SIZE, "%d\n", runs);
}

static const struct kernel_param_ops runs_ops = { .get = get_runs };
module_param_cb(runs, &runs_ops, NULL, 0400);
MODULE_PARM_DESC(runs, "whether an item that is enqueued now on the queue of the cancelled item runs within 5 s");

static bool stays_in_line = CMWQ2_NATIVE_STAYS_IN_LINE;
module_param(stays_in_line, bool, 0444);
MODULE_PARM_DESC(stays_in_line, "whether the kernel's own queue is known to run no more items after such a cancel");

static int get_status(char *buffer, const struct kernel_param *kp)
{
	unsigned long flags;
	int i, len = 0;

	for (i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct lane *lane = &lanes[i];

		spin_lock_irqsave(&lane->lock, flags);
		len += scnprintf(buffer + len, PAGE_SIZE - len, "%s %ld %ld %lld %ld\n", lane->name,
				 atomic_long_read(&lane->accepted), lane->started,
				 lane->gap / NSEC_PER_MSEC, lane->others_in_gap);
		spin_unlock_irqrestore(&lane->lock, flags);
	}
	return len;
}

static const struct kernel_param_ops status_ops = { .get = get_status };
module_param_cb(status, &status_ops, NULL, 0444);
MODULE_PARM_DESC(status, "for each lane: items accepted; items started; longest time without a start, in ms; starts of the queue that is not freezable in that time");

/*
 * The watcher: a freezable thread that tells how long it was frozen. How long the
 * system stays frozen is not known otherwise: the pm_test of older kernels waits by
 * mdelay(), which is as wrong as the boot-time estimate of the CPU's speed, and on
 * an emulated CPU that speed changes with the load of the host.
 */
static struct task_struct *watcher;
static s64 stood;	/* X: READ_ONCE, written by @watcher alone; longest freeze in ns */

static int watcher_fn(void *unused)
{
	set_freezable();
	while (!kthread_should_stop()) {
		ktime_t begin = ktime_get();

		try_to_freeze();
		WRITE_ONCE(stood, max(stood, ktime_to_ns(ktime_sub(ktime_get(), begin))));
		schedule_timeout_interruptible(1);
	}
	return 0;
}

static int get_stood(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%lld\n", READ_ONCE(stood) / NSEC_PER_MSEC);
}

static const struct kernel_param_ops stood_ops = { .get = get_stood };
module_param_cb(stood, &stood_ops, NULL, 0444);
MODULE_PARM_DESC(stood, "longest time in ms that a freezable thread was frozen");

static void destroy_lanes(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(lanes); i++)
		if (lanes[i].wq)
			ops->destroy(lanes[i].wq);
	if (quiet.wq)
		ops->destroy(quiet.wq);
}

static int create_lanes(void)
{
	int i, k;

	for (i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct lane *lane = &lanes[i];

		spin_lock_init(&lane->lock);
		for (k = 0; k < NR_ITEMS; k++) {
			lane->items[k].lane = lane;
			ops->init(&lane->items[k]);
		}
		lane->wq = ops->alloc(lane);
		if (!lane->wq)
			return -ENOMEM;
	}
	held_item.holds = true;
	ops->init(&held_item);
	quiet.items[0].lane = &quiet;
	ops->init(&quiet.items[0]);
	quiet.wq = ops->alloc(&quiet);
	return quiet.wq ? 0 : -ENOMEM;
}

static int __init freezer_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(engines); i++)
		if (!strcmp(engines[i].name, engine))
			ops = &engines[i];
	if (!ops) {
		pr_err("engine=%s is unknown; allowed: native, cmwq2\n", engine);
		return -EINVAL;
	}
	ret = create_lanes();
	if (ret)
		goto destroy;
	watcher = kthread_run(watcher_fn, NULL, "freezer_watcher");
	ret = PTR_ERR_OR_ZERO(watcher);
	if (ret)
		goto destroy;
	return 0;

destroy:
	destroy_lanes();
	return ret;
}

static void __exit freezer_exit(void)
{
	kthread_stop(watcher);
	stop_producer();
	stop_canceller();
	let_go();
	destroy_lanes();
}

module_init(freezer_init);
module_exit(freezer_exit);
MODULE_DESCRIPTION("Load for the freezer on workqueues of either engine");
MODULE_LICENSE("GPL");
