// SPDX-License-Identifier: GPL-2.0
/*
 * Rescuers: one thread for each WQ_MEM_RECLAIM queue, made in advance, which
 * runs the queue's items when a pool cannot get a worker.
 *
 * A manager that does not succeed in time lets the mayday timer walk the
 * worklist and put every pwq with a rescuer on its queue's maydays. The
 * rescuer visits those pools one by one. A cursor in the worklist, one in each
 * pwq, marks how far it got, so that a visit costs one walk however many
 * foreign items stand between.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <trace/events/cmwq2.h>

#include "work.h"

DEFINE_RAW_SPINLOCK(cmwq2_mayday_lock);

/* Never called: cmwq2_assign_work() takes cursors out. */
static void cmwq2_cursor_func(struct cmwq2_work *work)
{
	WARN_ON_ONCE(1);
}

bool cmwq2_is_cursor(struct cmwq2_work *work)
{
	return work->func == cmwq2_cursor_func;
}

void cmwq2_cursor_init(struct cmwq2_pwq *pwq)
{
	CMWQ2_INIT_WORK(&pwq->mayday_cursor, cmwq2_cursor_func);
}

/*
 * Ask the queue's rescuer for help. The reference keeps the pwq until the
 * rescuer is done with it.
 */
static void cmwq2_send_mayday(struct cmwq2_pwq *pwq, struct cmwq2_wake_list *wl)
{
	struct cmwq2_wq *wq = pwq->wq;

	lockdep_assert_held(&cmwq2_mayday_lock);

	if (!wq->rescuer || !list_empty(&pwq->mayday_node))
		return;
	pwq->pool->stat.maydays++;
	pwq->stat.mayday++;
	trace_cmwq2_mayday(pwq);
	list_add_tail(&pwq->mayday_node, &wq->maydays);
	cmwq2_pwq_get(pwq);
	cmwq2_wake(pwq->pool, CMWQ2_KICK_OTHER, wl, wq->rescuer->task);
}

/* The manager did not get a worker in time, and still has none. */
void cmwq2_mayday_timeout(struct timer_list *timer)
{
	struct cmwq2_pool *pool = container_of(timer, struct cmwq2_pool, mayday_timer);
	CMWQ2_DEFINE_WAKE_LIST(wl);
	struct cmwq2_work *work;

	cmwq2_pool_lock_irq(pool);
	if (cmwq2_need_to_create(pool)) {
		raw_spin_lock(&cmwq2_mayday_lock);
		list_for_each_entry(work, &pool->worklist, entry)
			if (!cmwq2_is_cursor(work))
				cmwq2_send_mayday(cmwq2_work_pwq(work), &wl);
		raw_spin_unlock(&cmwq2_mayday_lock);
	}
	cmwq2_unlock_irq_wake(pool, &wl);

	mod_timer(timer, jiffies + CMWQ2_MAYDAY_INTERVAL);
}

/*
 * With an idle worker the pool can help itself. But as long as a manager is at
 * work memory is still short, and leaving would only mean to be called again:
 * stay unless another pool of this queue waits.
 */
static bool cmwq2_needs_rescue(struct cmwq2_pwq *pwq)
{
	if (!pwq->nr_active)
		return false;
	if (cmwq2_need_to_create(pwq->pool))
		return true;
	return (pwq->pool->flags & CMWQ2_POOL_MANAGED) &&
	       list_empty_careful(&pwq->wq->maydays);
}

/* Take the next item of @pwq behind the cursor and move the cursor there. */
static bool cmwq2_assign_rescue(struct cmwq2_pwq *pwq, struct cmwq2_worker *rescuer)
{
	struct list_head *worklist = &pwq->pool->worklist;
	struct list_head *cursor = &pwq->mayday_cursor.entry;
	struct list_head *from = list_empty(cursor) ? worklist : cursor;
	struct cmwq2_work *work = list_entry(from->next, struct cmwq2_work, entry);
	struct cmwq2_work *next;

	if (!cmwq2_needs_rescue(pwq))
		return false;

	for (; &work->entry != worklist; work = next) {
		next = list_next_entry(work, entry);
		if (cmwq2_is_cursor(work) || cmwq2_work_pwq(work) != pwq)
			continue;
		if (cmwq2_assign_work(work, rescuer, &next)) {
			list_move_tail(cursor, &next->entry);
			pwq->stat.rescued++;
			trace_cmwq2_rescue(pwq, work);
			return true;
		}
	}
	return false;
}

/* Have the next visit come back here, after the others that wait. */
static bool cmwq2_take_turns(struct cmwq2_pwq *pwq, struct cmwq2_wake_list *wl)
{
	if (list_empty_careful(&pwq->wq->maydays) || !pwq->nr_active ||
	    !cmwq2_need_to_create(pwq->pool))
		return false;
	raw_spin_lock(&cmwq2_mayday_lock);
	cmwq2_send_mayday(pwq, wl);
	raw_spin_unlock(&cmwq2_mayday_lock);
	return true;
}

static void cmwq2_rescue(struct cmwq2_worker *rescuer, struct cmwq2_pwq *pwq)
{
	struct cmwq2_pool *pool = pwq->pool;
	CMWQ2_DEFINE_WAKE_LIST(wl);
	bool again = false;
	int count = 0;

	cmwq2_worker_attach(rescuer, pool);
	cmwq2_pool_lock_irq(pool);
	while (!again && cmwq2_assign_rescue(pwq, rescuer)) {
		cmwq2_process_scheduled(rescuer);
		if (++count > CMWQ2_RESCUER_BATCH)
			again = cmwq2_take_turns(pwq, &wl);
	}
	/*
	 * The cursor may stay only while a mayday keeps a reference to the pwq.
	 * The timer may have sent one meanwhile, without cmwq2_take_turns().
	 */
	if (list_empty_careful(&pwq->mayday_node))
		list_del_init(&pwq->mayday_cursor.entry);
	/* Workers relied on this thread, which never counts as running. */
	cmwq2_kick_pool_pick(pool, CMWQ2_KICK_OTHER, &wl);
	cmwq2_unlock_irq_wake(pool, &wl);

	cmwq2_worker_detach(rescuer);
	/* May be the last reference. */
	cmwq2_pwq_put_unlocked(pwq);
}

static struct cmwq2_pwq *cmwq2_next_mayday(struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;

	raw_spin_lock_irq(&cmwq2_mayday_lock);
	pwq = list_first_entry_or_null(&wq->maydays, struct cmwq2_pwq, mayday_node);
	if (pwq)
		list_del_init(&pwq->mayday_node);
	raw_spin_unlock_irq(&cmwq2_mayday_lock);
	return pwq;
}

int cmwq2_rescuer_thread(void *data)
{
	struct cmwq2_worker *rescuer = data;
	struct cmwq2_wq *wq = rescuer->rescue_wq;
	struct cmwq2_pwq *pwq;
	bool stop;

	for (;;) {
		set_current_state(TASK_IDLE);
		/*
		 * Read before the maydays: items may be done by others, and
		 * their maydays still be listed when the queue is destroyed.
		 * They hold references and are gone through first.
		 */
		stop = kthread_should_stop();
		while ((pwq = cmwq2_next_mayday(wq))) {
			__set_current_state(TASK_RUNNING);
			cmwq2_rescue(rescuer, pwq);
		}
		if (stop)
			break;
		/*
		 * Comes back at once after a rescue. To sleep then would miss a
		 * stop that was requested meanwhile and woke a running task.
		 */
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/**
 * cmwq2_rescuer_start - make a queue's rescuer if it is to have one
 * @wq: queue that nobody else knows yet
 *
 * Context: process, may sleep.
 * Return: 0 or a negative error.
 */
int cmwq2_rescuer_start(struct cmwq2_wq *wq)
{
	struct cmwq2_worker *rescuer;

	if (!(wq->flags & CMWQ2_WQ_MEM_RECLAIM))
		return 0;

	rescuer = cmwq2_worker_alloc(NUMA_NO_NODE);
	if (!rescuer)
		return -ENOMEM;
	rescuer->rescue_wq = wq;
	rescuer->id = -1;
	rescuer->task = kthread_create(cmwq2_rescuer_thread, rescuer, "cw2/R-%s", wq->name);
	if (IS_ERR(rescuer->task)) {
		int ret = PTR_ERR(rescuer->task);

		kfree(rescuer);
		return ret;
	}
	get_task_struct(rescuer->task);
	set_user_nice(rescuer->task, MIN_NICE);
	kthread_bind(rescuer->task, cpumask_first(cpu_online_mask));
	mutex_lock(&cmwq2_attach_mutex);
	set_cpus_allowed_ptr(rescuer->task, cmwq2_fallback_cpus());
	mutex_unlock(&cmwq2_attach_mutex);
	wq->rescuer = rescuer;
	wake_up_process(rescuer->task);
	return 0;
}

/**
 * cmwq2_rescuer_stop - end a queue's rescuer
 * @wq: drained queue, or one that failed to be set up
 *
 * Context: process, may sleep.
 */
void cmwq2_rescuer_stop(struct cmwq2_wq *wq)
{
	struct cmwq2_worker *rescuer = wq->rescuer;

	if (!rescuer)
		return;

	/* From here on nobody sends a mayday. */
	raw_spin_lock_irq(&cmwq2_mayday_lock);
	wq->rescuer = NULL;
	raw_spin_unlock_irq(&cmwq2_mayday_lock);

	cmwq2_kthread_stop_put(rescuer->task);
	/* As a worker: who wakes it late looks at it, see cmwq2_latency_woken(). */
	kfree_rcu(rescuer, rcu);
}
