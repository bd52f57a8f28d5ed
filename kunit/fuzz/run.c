// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a program in a lane.
 *
 * The lane's master starts the threads, and then only watches. When nothing can go on by
 * itself, it lets go something that waits: it opens a gate, for example. So items stay at
 * their gates for as long as possible, which makes pools need workers and queues reach
 * their limits. When the log says that an item has to start, the master waits for that
 * first; if nothing happens for a long time, the engine has lost an item or a wakeup.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "facts.h"

/* After so long without an event, things count as settled whatever they seem to do. */
#define FZ_SETTLED_MS	100
/* So long the new workers of a pool that was starved may need until all that are idle sleep. */
#define FZ_FED_MS	30
/* When the master looks again if nothing tells it to, in us: at first, and at the latest. */
#define FZ_FIRST_LOOK	20U
#define FZ_LAST_LOOK	5000U

unsigned int fz_timeout_ms = 5000;
unsigned int fz_known_ms = 50;

#ifdef CONFIG_LOCKDEP
/*
 * Items have classes of their own, since some wait for others: by engine, kind, and the queues
 * that they are used on. fz_may_wait() says why.
 */
static struct lock_class_key fz_keys[TW_NR_ENGINES][2][BIT(FZ_QUEUES)];
#endif

static void fz_wake_later(struct irq_work *work)
{
	struct fz_lane *l = container_of(work, struct fz_lane, wake);

	wake_up_all(&l->events);
	wake_up_all(&l->moved);
}

/*
 * Wakes those who wait in @q, one of the two queues of @l. On PREEMPT_RT the lock of such a
 * queue may sleep, so there a thread does it for an interrupt.
 */
void fz_wake(struct fz_lane *l, struct wait_queue_head *q)
{
	if (!wq_has_sleeper(q))
		return;
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && !preemptible())
		irq_work_queue(&l->wake);
	else
		wake_up_all(q);
}

/* Lets the master look again. */
static void fz_tell(struct fz_lane *l)
{
	atomic_inc(&l->told);
	fz_wake(l, &l->events);
}

/* Adds an event to the log, and returns its place there. */
unsigned int fz_log(struct fz_lane *l, const struct fz_event *event)
{
	unsigned int at = atomic_fetch_inc(&l->seq);

	if (at < FZ_LOG) {
		struct fz_event copy = *event;

		copy.type = FZ_NONE;
		l->log[at] = copy;
		/* Pairs with fz_facts(): whoever sees the type sees the rest. */
		smp_store_release(&l->log[at].type, event->type);
	}
	return at;
}

void fz_set_state(struct fz_lane *l, unsigned int ctx, enum fz_state state)
{
	struct fz_who *who = &l->who[ctx];

	who->task = current;
	/* Pairs with fz_is_quiet(): whoever sees the state sees the rest. */
	smp_store_release(&who->state, state);
	if (state != FZ_RUNNING)
		fz_tell(l);
}

static void fz_exec_all(struct fz_lane *l, unsigned int ctx)
{
	int i;

	for (i = 0; i < l->prog->nr_ops; i++)
		if (l->prog->op[i].ctx == ctx)
			fz_exec(l, ctx, &l->prog->op[i]);
}

static void fz_item_body(struct fz_item *it, int run)
{
	struct fz_lane *l = it->lane;

	if (it->nr >= FZ_ITEMS) {
		wait_event(l->moved, READ_ONCE(l->release) || test_bit(0, &l->gates));
		return;
	}
	fz_set_state(l, FZ_ITEM0 + it->nr, FZ_RUNNING);
	if (run < FZ_RUNS)
		fz_exec_all(l, FZ_ITEM0 + it->nr);
	fz_set_state(l, FZ_ITEM0 + it->nr, FZ_DONE);
}

/* Both engines call this for each run of an item. */
void tw_run_item(struct tw_item *tw)
{
	struct fz_item *it = container_of(tw, struct fz_item, tw);
	struct fz_lane *l = it->lane;
	struct fz_event event = {
		.type = FZ_BEGIN, .ctx = FZ_ITEM0 + it->nr, .item = it->nr,
		.cpu = raw_smp_processor_id(),
	};

	atomic_inc(&it->inside);
	event.first = fz_log(l, &event);
	fz_item_body(it, atomic_fetch_inc(&it->begun));
	event.type = FZ_END;
	event.cpu = raw_smp_processor_id();
	fz_log(l, &event);
	atomic_dec(&it->inside);
	fz_tell(l);
	fz_wake(l, &l->moved);
}

static enum hrtimer_restart fz_timer_fn(struct hrtimer *timer)
{
	struct fz_timer *t = container_of(timer, struct fz_timer, timer);

	fz_exec_all(t->lane, t->ctx);
	atomic_set(&t->armed, 0);
	fz_tell(t->lane);
	return HRTIMER_NORESTART;
}

/* The threads of a lane. */

static int fz_thread_main(void *data)
{
	struct fz_thread *t = data;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		/* Pairs with fz_start(): the job is there. */
		if (!smp_load_acquire(&t->busy)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		t->job(t);
		/* Pairs with the users of @busy: what the job did is there. */
		smp_store_release(&t->busy, false);
		fz_tell(t->lane);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void fz_start(struct fz_thread *t, void (*job)(struct fz_thread *t))
{
	t->job = job;
	/* Pairs with fz_thread_main(). */
	smp_store_release(&t->busy, true);
	wake_up_process(t->task);
}

static void fz_program_job(struct fz_thread *t)
{
	int cpu = t->ctx % num_possible_cpus();

	/* The thread was moved if its CPU was offline once. */
	if (raw_smp_processor_id() != cpu && cpu_online(cpu))
		set_cpus_allowed_ptr(current, cpumask_of(cpu));
	fz_exec_all(t->lane, t->ctx);
	fz_set_state(t->lane, t->ctx, FZ_DONE);
}

static void fz_cancel_job(struct fz_thread *t)
{
	struct fz_lane *l = t->lane;
	const struct tw_ops *ops = l->env[0].ops;
	int i;

	for (i = 0; i < FZ_ITEMS + atomic_read(&l->nr_crowd); i++) {
		unsigned int kind = i < FZ_ITEMS ? l->prog->kind[i] : FZ_PLAIN;

		if ((i < FZ_ITEMS && i >= l->prog->nr_items) || kind == FZ_RCU)
			continue;
		if (kind == FZ_DELAYED)
			ops->cancel_delayed_sync(&l->item[i]->tw);
		else
			ops->cancel_sync(&l->item[i]->tw);
	}
}

/* Puts everything back that a program can change. */
static void fz_restore_job(struct fz_thread *t)
{
	struct fz_lane *l = t->lane;
	int i;

	if (l->hotplug)
		for_each_present_cpu(i)
			if (!cpu_online(i))
				add_cpu(i);
	/* A run that was ended early may have left RCU items, which cannot be cancelled. */
	if (READ_ONCE(l->release) && fz_has(l->prog, FZ_QUEUE_RCU, -1))
		rcu_barrier();
	for (i = 0; i < l->prog->nr_queues; i++)
		if (l->queue[i].wq)
			l->env[0].ops->destroy(l->queue[i].wq);
	if (!l->ours)
		return;
	if (l->creation)
		cmwq2_fault_create_set("off");
	if (fz_has(l->prog, FZ_POLICY, -1))
		cmwq2_policy_set("policies", l->policies);
	if (l->cpumask)
		cmwq2_set_unbound_cpumask(&l->cpus);
}

bool fz_is_busy(struct fz_thread *t)
{
	/* Pairs with fz_thread_main(). */
	return smp_load_acquire(&t->busy);
}

/* Waits until a thread is done with its job. */
static bool fz_did(struct fz_thread *t, unsigned int ms)
{
	return wait_event_timeout(t->lane->events, !fz_is_busy(t), msecs_to_jiffies(ms));
}

static int fz_make_thread(struct fz_lane *l, unsigned int nr)
{
	struct fz_thread *t = &l->thread[nr];
	struct task_struct *task;

	t->lane = l;
	t->ctx = nr;
	task = kthread_create(fz_thread_main, t, "fuzz/%s.%u", l->engine->name, nr);
	if (IS_ERR(task))
		return PTR_ERR(task);
	if (nr < FZ_THREADS)
		set_cpus_allowed_ptr(task, cpumask_of(nr % num_possible_cpus()));
	t->task = get_task_struct(task);
	wake_up_process(task);
	return 0;
}

static void fz_make_timer(struct fz_lane *l, unsigned int ctx)
{
	struct fz_timer *t = &l->timer[ctx - FZ_SOFT];

	t->lane = l;
	t->ctx = ctx;
	hrtimer_setup(&t->timer, fz_timer_fn, CLOCK_MONOTONIC,
		      ctx == FZ_HARD ? HRTIMER_MODE_REL_HARD : HRTIMER_MODE_REL_SOFT);
}

/* A lane that has hung threads is never freed. */
void fz_lane_free(struct fz_lane *l)
{
	int i;

	if (!l || l->lost)
		return;
	for (i = 0; i < FZ_ALL_THREADS; i++)
		if (l->thread[i].task)
			cmwq2_kthread_stop_put(l->thread[i].task);
	irq_work_sync(&l->wake);
	for (i = 0; i < FZ_NR_KINDS; i++)
		kvfree(l->slots[i]);
	kvfree(l);
}

/* Makes the lane of an engine, or returns NULL. */
struct fz_lane *fz_lane(unsigned int engine)
{
	struct fz_lane *l = kvzalloc(sizeof(*l), GFP_KERNEL);
	int i;

	if (!l)
		return NULL;
	l->engine = &tw_engines[engine];
	l->ours = engine == TW_CMWQ2;
	for (i = 0; i < 2; i++)
		l->env[i] = (struct tw_env){ .engine = l->engine, .ops = l->engine->ops, .bh = i };
	init_waitqueue_head(&l->moved);
	init_waitqueue_head(&l->events);
	init_irq_work(&l->wake, fz_wake_later);
	fz_make_timer(l, FZ_SOFT);
	fz_make_timer(l, FZ_HARD);
	for (i = 0; i < FZ_NR_KINDS; i++) {
		l->slots[i] = kvcalloc(FZ_ALL_ITEMS, sizeof(*l->slots[i]), GFP_KERNEL);
		if (!l->slots[i])
			goto fail;
	}
	for (i = 0; i < FZ_ALL_THREADS; i++)
		if (fz_make_thread(l, i))
			goto fail;
	return l;
fail:
	fz_lane_free(l);
	return NULL;
}

static void fz_make_item(struct fz_lane *l, unsigned int nr, unsigned int kind)
{
	struct fz_item *it = &l->slots[kind][nr];
	const struct tw_ops *ops = l->env[0].ops;

	l->item[nr] = it;
	it->lane = l;
	it->nr = nr;
	it->tw.env = &l->env[kind == FZ_BH];
	atomic_set(&it->begun, 0);
	atomic_set(&it->inside, 0);
	atomic_set(&it->disabled, 0);
	if (kind == FZ_DELAYED)
		ops->init_delayed(&it->tw);
	else if (kind == FZ_RCU)
		ops->init_rcu(&it->tw);
	else
		ops->init(&it->tw);
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(l->ours ? &it->tw.cmwq2.lockdep_map : &it->tw.native.lockdep_map,
			 "fuzz_item", &fz_keys[l->ours][kind == FZ_BH][fz_queues_of(l->prog, nr)],
			 0);
#endif
}

static void fz_prepare(struct fz_lane *l, const struct fz_program *p)
{
	int i;

	memset(l->log, 0, min(atomic_read(&l->seq), FZ_LOG) * sizeof(l->log[0]));
	memset(l->who, 0, sizeof(l->who));
	l->prog = p;
	l->hotplug = fz_has(p, FZ_CPU_DOWN, -1);
	l->gates = 0;
	for (i = 0; i < FZ_GATES; i++)
		atomic_set(&l->waiting[i], 0);
	l->passes = 0;
	l->release = false;
	l->creation = false;
	l->starved = false;
	l->fed = false;
	l->cpumask = false;
	l->verdict[0] = '\0';
	l->known = NULL;
	if (l->ours && fz_has(p, FZ_POLICY, -1))
		strscpy(l->policies, cmwq2_policy_get("policies"), sizeof(l->policies));
	if (l->ours && fz_has(p, FZ_CPUMASK, -1))
		cmwq2_get_cpumask(CMWQ2_CPUMASK_REQUESTED, &l->cpus);
	atomic_set(&l->seq, 0);
	atomic_set(&l->nr_crowd, 0);
	atomic_set(&l->timer[0].starts, 0);
	atomic_set(&l->timer[1].starts, 0);
	for (i = 0; i < p->nr_items; i++)
		fz_make_item(l, i, p->kind[i]);
	if (fz_has_crowd(p))
		for (i = FZ_ITEMS; i < FZ_ALL_ITEMS; i++)
			fz_make_item(l, i, FZ_PLAIN);
	for (i = 0; i < p->nr_queues; i++) {
		l->queue[i] = (struct fz_queue){};
		fz_make_queue(l, i);
	}
}

/* How long the log may stay as it is before the engine counts as stuck, in ms. */
static unsigned int fz_patience(struct fz_lane *l, const struct fz_facts *f)
{
	return fz_known_fault(f) ? fz_known_ms : fz_timeout_ms;
}

/*
 * Lets the program go on, or finds that it cannot. Returns whether the master shall watch
 * on.
 */
static bool fz_step(struct fz_lane *l, struct fz_facts *f, unsigned long *since)
{
	unsigned int ms = jiffies_to_msecs(jiffies - *since);
	char why[128] = "";
	bool must;

	if (!fz_is_quiet(l) && ms < FZ_SETTLED_MS)
		return true;
	if (!fz_facts(l, f))
		return atomic_read(&l->seq) <= FZ_LOG;
	must = fz_must_start(l, f, why, sizeof(why));
	if (!must && l->fed && ms < FZ_FED_MS)
		return true;
	if (!must && fz_release_next(l, f)) {
		*since = jiffies;
		return true;
	}
	if (ms < fz_patience(l, f))
		return true;
	l->known = fz_known_fault(f);
	fz_wrong(l, "stuck: %s", must ? why : "calls or items do not end");
	return false;
}

/*
 * Waits until the master is told to look again, for @us microseconds at most, or for less. Not
 * wait_event_hrtimeout(): that puts a data race with the kernel's timer into this module.
 */
static void fz_wait_told(struct fz_lane *l, unsigned int told, unsigned int us)
{
	ktime_t time = us_to_ktime(us);
	DEFINE_WAIT(wait);

	prepare_to_wait(&l->events, &wait, TASK_UNINTERRUPTIBLE);
	if (atomic_read(&l->told) == told)
		schedule_hrtimeout(&time, HRTIMER_MODE_REL);
	finish_wait(&l->events, &wait);
}

static void fz_watch(struct fz_lane *l, struct fz_facts *f)
{
	unsigned int seen = 0, seq, told, us = FZ_FIRST_LOOK;
	unsigned long since = jiffies;

	for (;;) {
		told = atomic_read(&l->told);
		seq = atomic_read(&l->seq);
		if (seq != seen) {
			seen = seq;
			since = jiffies;
			us = FZ_FIRST_LOOK;
		}
		if (fz_is_over(l, f) || !fz_step(l, f, &since))
			return;
		/* Nobody tells when a call begins to wait, or an item is no longer pending. */
		fz_wait_told(l, told, us);
		us = min(2 * us, FZ_LAST_LOOK);
	}
}

/* Frees what hangs: nothing waits any more, and items that do not start are cancelled. */
static void fz_recover(struct fz_lane *l, struct fz_facts *f)
{
	unsigned long end = jiffies + msecs_to_jiffies(fz_timeout_ms);
	int i;

	WRITE_ONCE(l->release, true);
	wake_up_all(&l->moved);
	if (l->ours) {
		cmwq2_thaw_workqueues();
		cmwq2_fault_create_set("off");
	}
	fz_start(&l->thread[FZ_HELPER], fz_cancel_job);
	l->lost = !fz_did(&l->thread[FZ_HELPER], fz_timeout_ms);
	for (i = 0; i < FZ_THREADS; i++)
		l->lost |= !fz_did(&l->thread[i], fz_timeout_ms);
	for (i = 0; i < f->nr_items; i++)
		while (l->item[i] && atomic_read(&l->item[i]->inside) && time_before(jiffies, end))
			usleep_range(500, 1000);
	l->lost |= time_after_eq(jiffies, end);
}

/**
 * fz_run - run a program in a lane, and judge it
 * @l: lane; its verdict and its fields known and lost are set
 * @p: program
 *
 * Context: process, may sleep.
 */
void fz_run(struct fz_lane *l, const struct fz_program *p)
{
	struct fz_facts *f = kvmalloc(sizeof(*f), GFP_KERNEL);
	int i;

	if (!f)
		return;
	fz_prepare(l, p);
	fz_count(l, &l->before);
	for (i = 0; i < FZ_THREADS; i++)
		l->who[i].state = FZ_RUNNING;
	for (i = 0; i < FZ_THREADS; i++)
		fz_start(&l->thread[i], fz_program_job);
	fz_watch(l, f);
	if (*l->verdict || atomic_read(&l->seq) > FZ_LOG)
		fz_recover(l, f);
	fz_count(l, &l->after);
	if (l->ours && fz_has(p, FZ_FREEZE, -1))
		fz_thaw(l);
	if (!l->lost) {
		fz_start(&l->thread[FZ_HELPER], fz_restore_job);
		l->lost = !fz_did(&l->thread[FZ_HELPER], 4 * fz_timeout_ms);
		if (l->lost)
			fz_wrong(l, "stuck: a queue cannot be destroyed");
	}
	if (!*l->verdict && fz_facts(l, f) && !fz_judge(l, f) && !fz_judge_order(l, f))
		fz_judge_counters(l);
	kvfree(f);
}

static void fz_run_job(struct fz_thread *t)
{
	fz_run(t->lane, t->lane->prog);
}

/* Starts a run in a thread of the lane; fz_wait() waits for its end. */
void fz_run_beside(struct fz_lane *l, const struct fz_program *p)
{
	l->prog = p;
	fz_start(&l->thread[FZ_LEADER], fz_run_job);
}

void fz_wait(struct fz_lane *l)
{
	wait_event_idle(l->events, !fz_is_busy(&l->thread[FZ_LEADER]));
}
