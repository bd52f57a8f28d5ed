// SPDX-License-Identifier: GPL-2.0
/*
 * An ordinary driver. It uses the kernel's names of the workqueue. Only one #include
 * mentions cmwq2: the one that moves the driver to cmwq2.
 */
#include <linux/devm-helpers.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "consumer.h"

#ifdef CONSUMER_MOVES
#include <cmwq2/shim.h>
#else
#include <cmwq2/native.h>
#endif

struct consumer {
	struct workqueue_struct	*wq;
	struct workqueue_struct	*ordered;
	struct work_struct	handler;
	struct delayed_work	poll;
	struct rcu_work		retire;
	struct work_struct	link;
	struct delayed_work	tick;
	native_work_t		stays;
	native_delayed_work_t	stays_later;
	bool			(*queue)(struct workqueue_struct *wq, struct work_struct *work);
	struct consumer_seen	*seen;
	atomic_t		left;
	long			answer;
};

struct message {
	struct work_struct	work;
	struct consumer		*to;
	int			number;
};

static atomic_t consumer_idle_ticks;

static void consumer_idle_tick(struct work_struct *work)
{
	atomic_inc(&consumer_idle_ticks);
}

static DECLARE_WORK(consumer_idle, consumer_idle_tick);
static DECLARE_DELAYED_WORK(consumer_idle_later, consumer_idle_tick);

static void consumer_handle(struct work_struct *work)
{
	struct consumer *c = container_of(work, struct consumer, handler);
	struct consumer_seen *seen = c->seen;

	set_worker_desc("mailbox %p", c);
	consumer_run_by(seen);
	seen->in_handler = work_busy(work);
	seen->is_current = current_work() == work;
	complete(&seen->entered);
	if (seen->gate)
		wait_for_completion(seen->gate);
	atomic_inc(&seen->interrupts);
}

static void consumer_poll(struct work_struct *work)
{
	struct consumer *c = container_of(to_delayed_work(work), struct consumer, poll);

	consumer_run_by(c->seen);
	atomic_inc(&c->seen->polls);
	complete(&c->seen->polled);
}

static void consumer_deliver_one(struct work_struct *work)
{
	struct message *m = container_of(work, struct message, work);
	struct consumer_seen *seen = m->to->seen;

	consumer_run_by(seen);
	if (m->number != seen->last + 1)
		atomic_inc(&seen->disorder);
	seen->last = m->number;
	atomic_inc(&seen->messages);
	kfree(m);
}

static void consumer_retire_one(struct work_struct *work)
{
	struct consumer *c = container_of(to_rcu_work(work), struct consumer, retire);

	consumer_run_by(c->seen);
	atomic_inc(&c->seen->retired);
}

static void consumer_link(struct work_struct *work)
{
	struct consumer *c = container_of(work, struct consumer, link);

	consumer_run_by(c->seen);
	atomic_inc(&c->seen->chained);
	if (atomic_dec_return(&c->left) > 0)
		c->queue(c->wq, work);
}

static void consumer_tick_one(struct work_struct *work)
{
	struct consumer *c = container_of(to_delayed_work(work), struct consumer, tick);

	consumer_run_by(c->seen);
	atomic_inc(&c->seen->ticks);
}

static void consumer_remove(struct consumer *c)
{
	if (c->wq) {
		cancel_work_sync(&c->handler);
		cancel_delayed_work_sync(&c->poll);
		cancel_delayed_work_sync(&c->tick);
		destroy_workqueue(c->wq);
	}
	if (c->ordered)
		destroy_workqueue(c->ordered);
	kfree(c);
}

static struct consumer *consumer_probe(struct consumer_seen *seen)
{
	struct consumer *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	c->seen = seen;
	c->queue = queue_work;
	INIT_WORK(&c->handler, consumer_handle);
	INIT_WORK(&c->link, consumer_link);
	INIT_DELAYED_WORK(&c->poll, consumer_poll);
	INIT_DEFERRABLE_WORK(&c->tick, consumer_tick_one);
	INIT_RCU_WORK(&c->retire, consumer_retire_one);
	c->wq = alloc_workqueue("mailbox-%s", WQ_PERCPU | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0, "all");
	c->ordered = alloc_ordered_workqueue("mailbox-%d", WQ_MEM_RECLAIM, 1);
	if (c->wq && c->ordered)
		return c;
	consumer_remove(c);
	return NULL;
}

static int consumer_attach(struct consumer *c, struct device *dev)
{
	int err = devm_work_autocancel(dev, &c->handler, consumer_handle);

	return err ?: devm_delayed_work_autocancel(dev, &c->poll, consumer_poll);
}

static bool consumer_interrupt(struct consumer *c)
{
	unsigned long flags;
	bool queued;

	local_irq_save(flags);
	queued = queue_work(c->wq, &c->handler);
	local_irq_restore(flags);
	return queued;
}

static bool consumer_settle(struct consumer *c)
{
	return flush_work(&c->handler);
}

static unsigned int consumer_busy(struct consumer *c)
{
	return work_busy(&c->handler);
}

#if defined(CONSUMER_MOVES) || defined(CMWQ2_NATIVE_HAS_DISABLE)
static bool consumer_quiesce(struct consumer *c)
{
	return disable_work_sync(&c->handler);
}

static bool consumer_resume(struct consumer *c)
{
	return enable_and_queue_work(c->wq, &c->handler);
}
#else
#define consumer_quiesce	NULL
#define consumer_resume		NULL
#endif

static bool consumer_watch(struct consumer *c, unsigned long delay)
{
	return mod_delayed_work(c->wq, &c->poll, delay);
}

static bool consumer_watched(struct consumer *c)
{
	return delayed_work_pending(&c->poll);
}

static bool consumer_unwatch(struct consumer *c)
{
	return cancel_delayed_work_sync(&c->poll);
}

static int consumer_post(struct consumer *c, int number)
{
	struct message *m = kmalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return -ENOMEM;
	INIT_WORK(&m->work, consumer_deliver_one);
	m->to = c;
	m->number = number;
	queue_work(c->ordered, &m->work);
	return 0;
}

static void consumer_deliver(struct consumer *c)
{
	flush_workqueue(c->ordered);
}

static bool consumer_retire(struct consumer *c)
{
	return queue_rcu_work(c->wq, &c->retire);
}

static void consumer_retired(struct consumer *c)
{
	flush_rcu_work(&c->retire);
}

static void consumer_chain(struct consumer *c, int length)
{
	atomic_set(&c->left, length);
	queue_work_on(raw_smp_processor_id(), c->wq, &c->link);
	drain_workqueue(c->wq);
}

static void consumer_tick(struct consumer *c)
{
	schedule_delayed_work(&c->tick, 1);
	schedule_work(&consumer_idle);
	schedule_delayed_work(&consumer_idle_later, 0);
	flush_delayed_work(&c->tick);
	flush_work(&consumer_idle);
	cancel_delayed_work_sync(&consumer_idle_later);
}

static long consumer_answer(void *arg)
{
	struct consumer *c = arg;

	consumer_run_by(c->seen);
	return smp_processor_id();
}

static long consumer_ask(struct consumer *c, int cpu)
{
	return work_on_cpu(cpu, consumer_answer, c);
}

/* These two stay with the kernel, however the driver is built. */
static void consumer_stay(native_work_t *work)
{
	struct consumer *c = container_of(work, struct consumer, stays);

	consumer_run_by(c->seen);
	native_schedule_delayed_work(&c->stays_later, 1);
}

static void consumer_stay_later(native_work_t *work)
{
	native_delayed_work_t *dwork = native_to_delayed_work(work);

	consumer_run_by(container_of(dwork, struct consumer, stays_later)->seen);
}

static bool consumer_stays(struct consumer *c)
{
	native_workqueue_t *wq = native_alloc_ordered_workqueue("mailbox-native", 0);
	bool queued;

	if (!wq)
		return false;
	native_init_work(&c->stays, consumer_stay);
	native_init_delayed_work(&c->stays_later, consumer_stay_later);
	queued = native_queue_work(wq, &c->stays);
	native_flush_workqueue(wq);
	native_flush_delayed_work(&c->stays_later);
	native_destroy_workqueue(wq);
	return queued && !native_work_pending(&c->stays);
}

struct question {
	struct work_struct	work;
	struct consumer		*c;
	int			answer;
};

static void consumer_reply(struct work_struct *work)
{
	struct question *q = container_of(work, struct question, work);

	consumer_run_by(q->c->seen);
	q->answer = 42;
}

static int consumer_on_stack(struct consumer *c)
{
	struct question q = { .c = c };

	INIT_WORK_ONSTACK(&q.work, consumer_reply);
	queue_work(c->wq, &q.work);
	flush_work(&q.work);
	destroy_work_on_stack(&q.work);
	return q.answer;
}

#ifdef CONSUMER_MOVES
const struct consumer_driver consumer_cmwq2 = {
	.name		= "shimmed",
#else
const struct consumer_driver consumer_native = {
	.name		= "native",
#endif
	.probe		= consumer_probe,
	.remove		= consumer_remove,
	.attach		= consumer_attach,
	.interrupt	= consumer_interrupt,
	.settle		= consumer_settle,
	.busy		= consumer_busy,
	.quiesce	= consumer_quiesce,
	.resume		= consumer_resume,
	.watch		= consumer_watch,
	.watched	= consumer_watched,
	.unwatch	= consumer_unwatch,
	.post		= consumer_post,
	.deliver	= consumer_deliver,
	.retire		= consumer_retire,
	.retired	= consumer_retired,
	.chain		= consumer_chain,
	.tick		= consumer_tick,
	.ask		= consumer_ask,
	.on_stack	= consumer_on_stack,
	.stays		= consumer_stays,
};
