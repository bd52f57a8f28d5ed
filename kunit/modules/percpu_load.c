// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps items running on one CPU, while tools/vm/guest/suites/cmwq2_percpu_states.sh
 * takes that CPU down, lets that fail half way, and brings the CPU back.
 *
 * Each lane is an item that queues itself again to the CPU, on a queue of the chosen
 * engine. Lanes differ in what the item does: it ends at once, it sleeps, or it keeps
 * the CPU. At its start, while it runs and at its end an item checks that it is on the
 * CPU and that its thread may run nowhere else. The suite says when the CPU is settled:
 * from the time when the suite knows that the CPU is online until it asks for the next
 * change. A stray is an item that is on a wrong CPU although the CPU has been settled
 * since the item started.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <cmwq2/workqueue.h>

enum lane_does { LANE_ENDS, LANE_SLEEPS, LANE_SPINS };

/* Checks of an item while it runs; a millisecond apart, if it sleeps or spins. */
#define LOOKS	10

/**
 * struct lane - an item that queues itself again and again
 * @name: of the lane in the status
 * @does: what the item does
 * @highpri: its queue is highpri
 * @native: the item, if it is the kernel's own
 * @cmwq2: the item, if it is cmwq2's
 * @wq: queue of the engine
 * @starts: how often the item started
 * @strays: checks that found it elsewhere while the CPU was settled
 * @elsewhere: checks that found it elsewhere
 */
struct lane {
	const char		*name;
	enum lane_does		does;
	bool			highpri;
	struct work_struct	native;
	struct cmwq2_work	cmwq2;
	void			*wq;
	atomic_long_t		starts;
	atomic_long_t		strays;
	atomic_long_t		elsewhere;
};

static struct lane lanes[] = {
	{ "ends", LANE_ENDS },
	{ "sleeps", LANE_SLEEPS },
	{ "spins", LANE_SPINS },
	/* If this item kept the CPU, the others would hardly run. */
	{ "highpri", LANE_SLEEPS, true },
};

static char *engine = "native";
module_param(engine, charp, 0444);
MODULE_PARM_DESC(engine, "native or cmwq2");

static unsigned int cpu = 1;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "the CPU that the items are queued on");

/* A new number each time the CPU becomes settled; 0 while it is not. */
static unsigned int settled;
static unsigned int settled_times;
static bool ends;

static void look(struct lane *lane, unsigned int since)
{
	/* A migration happens before or after these reads, not between them. */
	preempt_disable();
	if (raw_smp_processor_id() != cpu || current->nr_cpus_allowed != 1) {
		atomic_long_inc(&lane->elsewhere);
		if (since && READ_ONCE(settled) == since)
			atomic_long_inc(&lane->strays);
	}
	preempt_enable();
}

static void lane_run(struct lane *lane)
{
	unsigned int since = READ_ONCE(settled);
	int i;

	atomic_long_inc(&lane->starts);
	for (i = 0; i < LOOKS; i++) {
		look(lane, since);
		if (lane->does == LANE_SLEEPS)
			usleep_range(1000, 2000);
		else if (lane->does == LANE_SPINS)
			mdelay(1);
		cond_resched();
	}
	look(lane, since);
}

/* The operations in which the two engines differ. */
struct engine {
	const char	*name;
	void		*(*alloc)(struct lane *lane);
	void		(*destroy)(struct lane *lane);
	void		(*init)(struct lane *lane);
	bool		(*queue)(struct lane *lane);
	bool		(*cancel)(struct lane *lane);
};

static void native_fn(struct work_struct *work)
{
	struct lane *lane = container_of(work, struct lane, native);

	lane_run(lane);
	if (!READ_ONCE(ends))
		queue_work_on(cpu, lane->wq, work);
}

static void *native_alloc(struct lane *lane)
{
	return alloc_workqueue("percpu_%s", WQ_PERCPU | (lane->highpri ? WQ_HIGHPRI : 0), 0,
			       lane->name);
}

static void native_destroy(struct lane *lane)
{
	destroy_workqueue(lane->wq);
}

static void native_init(struct lane *lane)
{
	INIT_WORK(&lane->native, native_fn);
}

static bool native_queue(struct lane *lane)
{
	return queue_work_on(cpu, lane->wq, &lane->native);
}

static bool native_cancel(struct lane *lane)
{
	return cancel_work_sync(&lane->native);
}

static void cmwq2_fn(struct cmwq2_work *work)
{
	struct lane *lane = container_of(work, struct lane, cmwq2);

	lane_run(lane);
	if (!READ_ONCE(ends))
		cmwq2_queue_work_on(cpu, lane->wq, work);
}

static void *cmwq2_alloc(struct lane *lane)
{
	return cmwq2_alloc_workqueue("percpu_%s",
				     CMWQ2_WQ_PERCPU | (lane->highpri ? CMWQ2_WQ_HIGHPRI : 0), 0,
				     lane->name);
}

static void cmwq2_destroy(struct lane *lane)
{
	cmwq2_destroy_workqueue(lane->wq);
}

static void cmwq2_init(struct lane *lane)
{
	CMWQ2_INIT_WORK(&lane->cmwq2, cmwq2_fn);
}

static bool cmwq2_queue(struct lane *lane)
{
	return cmwq2_queue_work_on(cpu, lane->wq, &lane->cmwq2);
}

static bool cmwq2_cancel(struct lane *lane)
{
	return cmwq2_cancel_work_sync(&lane->cmwq2);
}

static const struct engine engines[] = {
	{ "native", native_alloc, native_destroy, native_init, native_queue, native_cancel },
	{ "cmwq2", cmwq2_alloc, cmwq2_destroy, cmwq2_init, cmwq2_queue, cmwq2_cancel },
};

static const struct engine *ops;

static int set_settled(const char *val, const struct kernel_param *kp)
{
	bool on;
	int i, ret = kstrtobool(val, &on);

	if (ret)
		return ret;
	if (!on)
		for (i = 0; i < ARRAY_SIZE(lanes); i++)
			atomic_long_set(&lanes[i].elsewhere, 0);
	WRITE_ONCE(settled, on ? ++settled_times : 0);
	return 0;
}

static const struct kernel_param_ops settled_ops = { .set = set_settled };
module_param_cb(settled, &settled_ops, NULL, 0200);
MODULE_PARM_DESC(settled, "write 0 before the CPU is asked to change, which also clears the third count of status; write 1 when it is online");

static int get_status(char *buffer, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < ARRAY_SIZE(lanes); i++)
		len += scnprintf(buffer + len, PAGE_SIZE - len, "%s %ld %ld %ld\n", lanes[i].name,
				 atomic_long_read(&lanes[i].starts),
				 atomic_long_read(&lanes[i].strays),
				 atomic_long_read(&lanes[i].elsewhere));
	return len;
}

static const struct kernel_param_ops status_ops = { .get = get_status };
module_param_cb(status, &status_ops, NULL, 0444);
MODULE_PARM_DESC(status, "for each lane: starts; checks that found the item on a wrong CPU while the CPU was settled; all such checks since the last change");

static void lanes_end(void)
{
	int i;

	WRITE_ONCE(ends, true);
	for (i = 0; i < ARRAY_SIZE(lanes) && lanes[i].wq; i++) {
		ops->cancel(&lanes[i]);
		ops->destroy(&lanes[i]);
	}
}

static int lanes_begin(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(lanes); i++) {
		lanes[i].wq = ops->alloc(&lanes[i]);
		if (!lanes[i].wq)
			return -ENOMEM;
		ops->init(&lanes[i]);
		ops->queue(&lanes[i]);
	}
	return 0;
}

static int __init percpu_load_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(engines); i++)
		if (!strcmp(engines[i].name, engine))
			ops = &engines[i];
	if (!ops) {
		pr_err("engine=%s is unknown; allowed: native, cmwq2\n", engine);
		return -EINVAL;
	}
	if (cpu >= nr_cpu_ids || !cpu_possible(cpu)) {
		pr_err("cpu=%u: allowed: %*pbl\n", cpu, cpumask_pr_args(cpu_possible_mask));
		return -EINVAL;
	}
	ret = lanes_begin();
	if (ret)
		lanes_end();
	return ret;
}

static void __exit percpu_load_exit(void)
{
	lanes_end();
}

module_init(percpu_load_init);
module_exit(percpu_load_exit);
MODULE_DESCRIPTION("Items that run on one CPU without end, on workqueues of either engine");
MODULE_LICENSE("GPL");
