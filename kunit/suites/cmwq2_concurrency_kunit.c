// SPDX-License-Identifier: GPL-2.0
/*
 * Concurrency management of a CPU's pool: an item that sleeps lets the next
 * one start, an item that burns does not.
 *
 * The burning item queues the next one itself and wakes a thread bound to the same CPU.
 * Then it calls schedule() again and again, runnable all the while, until that thread
 * has run. So if the next item's worker had been woken, it would have run. The kernel
 * counts an item as a hog after 10 ms. If the burning lasted almost that long, because
 * the machine was busy elsewhere, the attempt is inconclusive and is repeated. The
 * controls run the same procedure on queues whose items must not hold back others, and
 * see them start.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/sched/clock.h>
#include <linux/spinlock.h>

#include "check.h"

KUNIT_ARRAY_PARAM_DESC(engine, tw_engines, name);

#define BURN_LIMIT_NS	(8 * NSEC_PER_MSEC)

static void sleeper_lets_next_start(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *a = tw_gated(e, NULL);
	struct tw_item *b = tw_item(e, tw_fn_nop);
	int cpu;

	for_each_online_cpu(cpu) {
		reinit_completion(a->gate);
		tw_queue_on(cpu, w, a);
		tw_queue_on(cpu, w, b);
		tw_wait_done(b, "the item behind a sleeping one");
		complete_all(a->gate);
		tw_flush_wq(w);
	}
}

/* Each of these items needs another worker, most of which do not exist yet. */
static void many_sleepers(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct completion *gate = tw_gate(e);
	struct tw_item *items[64];
	int i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_gated(e, gate);
		tw_queue_on(tw_cpu(0), w, items[i]);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		tw_wait_started(items[i], "64 items that sleep at once");
	complete_all(gate);
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, tw_item_ran_once_each(items, ARRAY_SIZE(items)));
}

static void fn_lock(struct tw_item *it)
{
	mutex_lock(it->ctx);
	mutex_unlock(it->ctx);
}

static void mutex_waiter_lets_next_start(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct mutex *mutex = tw_zalloc(e, sizeof(*mutex));
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *a = tw_item(e, fn_lock);
	struct tw_item *b = tw_item(e, tw_fn_nop);
	bool started, done;

	mutex_init(mutex);
	a->ctx = mutex;
	mutex_lock(mutex);
	tw_queue_on(tw_cpu(1), w, a);
	tw_queue_on(tw_cpu(1), w, b);
	started = wait_for_completion_timeout(&a->started, tw_timeout());
	done = wait_for_completion_timeout(&b->done, tw_timeout());
	mutex_unlock(mutex);
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE_MSG(test, started, "the item that takes the mutex did not start");
	KUNIT_EXPECT_TRUE_MSG(test, done, "the item behind it did not run");
}

struct spin_ctx {
	spinlock_t		lock;		/* a thread holds it while the worker wants it */
	struct completion	*locked;
	struct task_struct	*waiter;	/* the worker, from just before it takes @lock */
	struct tw_item		*next;
	bool			slept;		/* the waiter went to sleep */
	int			ran;		/* how often @next ran meanwhile */
};

#define SPIN_HOLD_NS	(50 * NSEC_PER_MSEC)

static bool sleeps_for_spinlock(struct task_struct *task)
{
	return task && READ_ONCE(task->__state) & TASK_RTLOCK_WAIT && !READ_ONCE(task->on_rq);
}

/* Keeps the lock until the worker has slept for a while. Who holds such a lock may not sleep. */
static void thread_hold(struct tw_thread *t)
{
	struct spin_ctx *c = t->ctx;
	unsigned long end = jiffies + tw_timeout();
	u64 from;

	spin_lock(&c->lock);
	complete(c->locked);
	while (!sleeps_for_spinlock(READ_ONCE(c->waiter)) && time_before(jiffies, end))
		cpu_relax();
	for (from = local_clock(); local_clock() - from < SPIN_HOLD_NS; )
		cpu_relax();
	c->slept = sleeps_for_spinlock(c->waiter);
	c->ran = atomic_read(&c->next->runs);
	spin_unlock(&c->lock);
}

static void fn_spinlock(struct tw_item *it)
{
	struct spin_ctx *c = it->ctx;

	WRITE_ONCE(c->waiter, current);
	spin_lock(&c->lock);
	spin_unlock(&c->lock);
}

/*
 * On PREEMPT_RT a worker can sleep until a spinlock is free. As everywhere, the pool runs no
 * other item meanwhile: the holder of such a lock is not to be delayed by more work. The
 * holder runs on the worker's CPU. So it does not run while the worker tries to take the
 * lock, and the worker sleeps at once instead of waiting actively.
 */
static void spinlock_waiter_holds_next(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct spin_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, fn_spinlock);
	struct tw_thread *t;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a waiter for a spinlock sleeps only on PREEMPT_RT");
	spin_lock_init(&c->lock);
	c->locked = tw_gate(e);
	c->next = tw_item(e, tw_fn_nop);
	it->ctx = c;
	t = tw_thread(e, tw_cpu(1), thread_hold, NULL, NULL, c);
	tw_thread_start(t);
	TW_WAIT(e, c->locked, "the thread that takes the lock");
	tw_queue_on(tw_cpu(1), w, it);
	tw_queue_on(tw_cpu(1), w, c->next);
	tw_join(t, "the thread that holds the lock");
	tw_wait_done(c->next, "the item behind the one that waited for a spinlock");
	tw_flush_wq(w);
	KUNIT_EXPECT_TRUE(test, c->slept);
	KUNIT_EXPECT_EQ(test, c->ran, 0);
}

static void fn_io_wait(struct tw_item *it)
{
	struct tw_item *next = it->ctx;
	unsigned long end = jiffies + tw_timeout();

	while (!atomic_read(&next->runs) && time_before(jiffies, end)) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		io_schedule_timeout(1);
	}
	it->finished = atomic_read(&next->runs);
}

static void io_waiter_lets_next_start(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *a = tw_item(e, fn_io_wait);
	struct tw_item *b = tw_item(e, tw_fn_nop);

	a->ctx = b;
	tw_queue_on(tw_cpu(0), w, a);
	tw_queue_on(tw_cpu(0), w, b);
	tw_wait_done(b, "the item behind one that waits for I/O");
	tw_flush_wq(w);
	KUNIT_EXPECT_EQ(test, a->finished, 1);
}

struct burn_ctx {
	struct tw_wq		*next_wq;
	struct tw_item		*next;
	struct completion	*ping;
	atomic_t		pongs;
	u64			limit;
	bool			until_next;
	u64			ended;		/* local_clock() at the end of the last item */
	u64			charged;	/* most CPU time that the engine can see */
	bool			shared_cpu;
	bool			saw_next;
};

/* Its run shows that the CPU was given to another task that was woken later. */
static void thread_pong(struct tw_thread *t)
{
	struct burn_ctx *c = t->ctx;

	for (;;) {
		wait_for_completion(c->ping);
		if (READ_ONCE(t->env->closing))
			return;
		atomic_inc(&c->pongs);
	}
}

static void fn_burn(struct tw_item *it)
{
	struct burn_ctx *c = it->ctx;
	int pongs = atomic_read(&c->pongs);
	u64 now, from = local_clock();
	bool stop;

	tw_queue_on(raw_smp_processor_id(), c->next_wq, c->next);
	complete(c->ping);
	do {
		schedule();
		c->saw_next = atomic_read(&c->next->runs);
		c->shared_cpu = atomic_read(&c->pongs) != pongs;
		now = local_clock();
		stop = c->saw_next || (c->shared_cpu && !c->until_next);
	} while (!stop && now - from < c->limit);
	/*
	 * The item is charged with the worker's time since it was last
	 * accounted for. That includes a time right before @from in which a
	 * host did not run this CPU.
	 */
	c->charged = now - c->ended;
	c->ended = now;
}

static struct burn_ctx *burn_setup(struct tw_env *e, int cpu, unsigned int next_flags)
{
	struct burn_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_thread *t;

	c->ping = tw_gate(e);
	c->next_wq = tw_alloc(e, next_flags, 0);
	t = tw_thread(e, cpu, thread_pong, NULL, NULL, c);
	tw_thread_block(t);
	return c;
}

static void burn_once(struct tw_env *e, struct tw_wq *w, struct burn_ctx *c, int cpu)
{
	struct tw_item *it = tw_item(e, fn_burn);

	it->ctx = c;
	c->next = tw_item(e, tw_fn_nop);
	tw_queue_on(cpu, w, it);
	tw_wait_done(it, "the burning item");
	tw_wait_done(c->next, "the item behind the burning one");
	tw_flush_wq(w);
}

static void burner_holds_next(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct burn_ctx *c = burn_setup(e, tw_cpu(1), TW_PERCPU);
	int tries, conclusive = 0;

	c->limit = BURN_LIMIT_NS;
	for (tries = 0; tries < 500 && conclusive < 20; tries++) {
		burn_once(e, w, c, tw_cpu(1));
		if (c->charged >= BURN_LIMIT_NS || !(c->shared_cpu || c->saw_next))
			continue;
		conclusive++;
		KUNIT_EXPECT_FALSE(test, c->saw_next);
	}
	KUNIT_EXPECT_EQ_MSG(test, conclusive, 20, "too few attempts were conclusive");
}

static void burner_lets_next(struct kunit *test, unsigned int flags, unsigned int next)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, flags, 0);
	struct burn_ctx *c = burn_setup(e, tw_cpu(1), next);
	int i;

	c->limit = (u64)jiffies_to_nsecs(tw_timeout());
	c->until_next = true;
	for (i = 0; i < 20; i++) {
		burn_once(e, w, c, tw_cpu(1));
		KUNIT_EXPECT_TRUE(test, c->saw_next);
	}
}

static void intensive_burner_lets_next_start(struct kunit *test)
{
	burner_lets_next(test, TW_PERCPU | TW_CPU_INTENSIVE, TW_PERCPU);
}

static void unbound_burner_lets_next_start(struct kunit *test)
{
	burner_lets_next(test, TW_UNBOUND, TW_UNBOUND);
}

/* The highpri pool of the same CPU is another pool, so it is not held back. */
static void burner_lets_highpri_start(struct kunit *test)
{
	burner_lets_next(test, TW_PERCPU, TW_PERCPU | TW_HIGHPRI);
}

#define NR_PAIRS 20

static void start_pair(struct tw_env *e, struct tw_wq *w)
{
	struct tw_item *a = tw_gated(e, NULL);
	struct tw_item *b = tw_gated(e, NULL);
	unsigned long flags;

	local_irq_save(flags);
	tw_queue_on(smp_processor_id(), w, a);
	tw_queue_on(smp_processor_id(), w, b);
	local_irq_restore(flags);
	tw_wait_started(a, "the first item");
	tw_wait_started(b, "the second item while the first sleeps");
	complete_all(a->gate);
	complete_all(b->gate);
	tw_flush_wq(w);
}

/*
 * Both items are queued before a worker can run, so that one worker may have been woken
 * for the two. It is not counted as running, so the hook does not kick when it blocks.
 * Therefore it must kick another worker for the second item before it sleeps in the
 * first. This is repeated, because a newly created worker looks for items by itself.
 */
static void intensive_pair_starts_together(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU | TW_CPU_INTENSIVE, 0);
	int i;

	for (i = 0; i < NR_PAIRS; i++)
		start_pair(e, w);
}

static void fn_queue_and_sleep(struct tw_item *it)
{
	struct tw_item *next = it->ctx;

	tw_queue_on(raw_smp_processor_id(), next->ctx, next);
	it->finished = !!wait_for_completion_timeout(&next->done, tw_timeout());
}

#define NR_BLOCKS 500

/*
 * The next item is queued while this one runs, so that it can start only
 * because this one goes to sleep.
 */
static void every_block_is_seen(struct kunit *test)
{
	struct tw_env *e = tw_env(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *a = tw_item(e, fn_queue_and_sleep);
	struct tw_item *b = tw_item(e, tw_fn_nop);
	bool cmwq2 = e->engine == &tw_engines[TW_CMWQ2];
	struct cmwq2_pool_stats before = {}, after = {};
	int i, cpu = tw_cpu(1);

	a->ctx = b;
	b->ctx = w;
	if (cmwq2)
		before = tw_stats(w, cpu);
	for (i = 0; i < NR_BLOCKS; i++) {
		a->finished = 0;
		tw_queue_on(cpu, w, a);
		tw_wait_done(a, "an item that waits for the next");
		KUNIT_ASSERT_EQ(test, a->finished, 1);
		tw_flush_wq(w);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&b->runs), NR_BLOCKS);
	if (!cmwq2)
		return;

	after = tw_stats(w, cpu);
	kunit_info(test, "hook %s: %lu wakeups by it, %lu by the scan timer",
		   cmwq2_hook_name(), after.cm_wakeups - before.cm_wakeups,
		   after.scan_wakeups - before.scan_wakeups);
	if (strcmp(cmwq2_hook_name(), "timer")) {
		KUNIT_EXPECT_EQ(test, after.scan_wakeups, before.scan_wakeups);
		KUNIT_EXPECT_EQ(test, after.scan_lost, before.scan_lost);
		/* The other items were taken by a worker that was about to become idle. */
		KUNIT_EXPECT_GE(test, after.cm_wakeups - before.cm_wakeups, NR_BLOCKS / 2);
	}
}

#define NR_MEETINGS	2000

static void fn_sleep(struct tw_item *it)
{
	WRITE_ONCE(it->val, 1);
	it->finished = !!wait_for_completion_timeout(it->gate, tw_timeout());
}

/*
 * An item is queued from another CPU at about the time at which the running one goes to
 * sleep, a little later each time. Either the enqueue sees that no worker is running,
 * or the worker that goes to sleep sees the item. If both leave the kick to the other
 * one, the scan timer kicks within a jiffy, and only its counter shows the error.
 */
static void insert_meets_block(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *a = tw_item(e, fn_sleep), *b = tw_item(e, tw_fn_nop);
	struct cmwq2_pool_stats before, after;
	int i, cpu = tw_cpu(1);
	unsigned long end;

	if (num_online_cpus() < 2)
		kunit_skip(test, "with one CPU no item is queued while another one goes to sleep");
	if (!strcmp(cmwq2_hook_name(), "timer"))
		kunit_skip(test, "hook=timer does not notice that the item goes to sleep");
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(tw_cpu(0))), 0);
	a->gate = tw_gate(e);
	before = tw_stats(w, cpu);
	for (i = 0; i < NR_MEETINGS; i++) {
		reinit_completion(a->gate);
		a->val = 0;
		tw_queue_on(cpu, w, a);
		end = jiffies + tw_timeout();
		while (!READ_ONCE(a->val) && time_before(jiffies, end))
			cond_resched();
		ndelay(i % 200 * 25);
		tw_queue_on(cpu, w, b);
		tw_wait_done(b, "an item queued while another one goes to sleep");
		complete_all(a->gate);
		tw_flush_wq(w);
	}
	after = tw_stats(w, cpu);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->runs), NR_MEETINGS);
	KUNIT_EXPECT_EQ(test, after.scan_wakeups, before.scan_wakeups);
	KUNIT_EXPECT_EQ(test, after.scan_lost, before.scan_lost);
}

struct running_ctx {
	struct tw_wq	*w;
	int		cpu;
	int		before;
	int		after;
};

static void fn_read_running(struct tw_item *it)
{
	struct running_ctx *c = it->ctx;

	c->before = tw_stats(c->w, c->cpu).nr_running;
	schedule_timeout_uninterruptible(1);
	c->after = tw_stats(c->w, c->cpu).nr_running;
}

static void running_count(struct kunit *test, unsigned int flags, int expected)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct running_ctx *c = tw_zalloc(e, sizeof(*c));
	struct tw_item *it = tw_item(e, fn_read_running);

	c->w = tw_alloc(e, flags, 0);
	c->cpu = tw_cpu(1);
	it->ctx = c;
	TW_POLL(e, tw_pool_idle(c->w, c->cpu), "the pool to be at rest");
	tw_queue_on(c->cpu, c->w, it);
	tw_wait_done(it, "the item");
	KUNIT_EXPECT_EQ(test, c->before, expected);
	KUNIT_EXPECT_EQ(test, c->after, expected);
	TW_POLL(e, tw_pool_idle(c->w, c->cpu), "the pool to come to rest");
}

static void running_count_percpu(struct kunit *test)
{
	running_count(test, TW_PERCPU, 1);
}

static void running_count_intensive(struct kunit *test)
{
	running_count(test, TW_PERCPU | TW_CPU_INTENSIVE, 0);
}

static void running_count_unbound(struct kunit *test)
{
	running_count(test, TW_UNBOUND, 0);
}

static void fn_blink(struct tw_item *it)
{
	int i;

	for (i = 0; i < 5; i++) {
		if (it->id & 1)
			schedule_timeout_uninterruptible(1);
		else
			cond_resched();
	}
}

/* After blocks and wakeups of many workers at once, nr_running must be correct. */
static void running_count_returns_to_nothing(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_wq *intensive = tw_alloc(e, TW_PERCPU | TW_CPU_INTENSIVE, 0);
	struct tw_item *items[96];
	int i, round, cpu;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = tw_item(e, fn_blink);
		items[i]->id = i / 2;
	}
	for (round = 0; round < 10; round++) {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			tw_queue_on(tw_cpu(i), i % 3 ? w : intensive, items[i]);
		tw_flush_wq(w);
		tw_flush_wq(intensive);
	}
	for_each_online_cpu(cpu)
		TW_POLL(e, tw_pool_idle(w, cpu), "all workers idle and none counted");
}

/*
 * A second pause or resume, or one that is not needed, must not unregister a hook that
 * is not registered.
 */
static void hook_is_paused_once(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct tw_wq *w = tw_alloc(e, TW_PERCPU, 0);
	struct tw_item *it = tw_item(e, tw_fn_nop);
	int i;

	if (cmwq2_hook_pause() == -EOPNOTSUPP)
		kunit_skip(test, "this hook cannot be paused");
	KUNIT_EXPECT_EQ(test, cmwq2_hook_pause(), 0);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, cmwq2_hook_resume(), 0);
	tw_queue(w, it);
	tw_wait_done(it, "an item after a pause of the hook");
	tw_flush_wq(w);
}

static struct kunit_case concurrency_cases[] = {
	KUNIT_CASE(hook_is_paused_once),
	KUNIT_CASE_PARAM(sleeper_lets_next_start, engine_gen_params),
	KUNIT_CASE_PARAM(many_sleepers, engine_gen_params),
	KUNIT_CASE_PARAM(mutex_waiter_lets_next_start, engine_gen_params),
	KUNIT_CASE_PARAM(spinlock_waiter_holds_next, engine_gen_params),
	KUNIT_CASE_PARAM(io_waiter_lets_next_start, engine_gen_params),
	KUNIT_CASE_PARAM(burner_holds_next, engine_gen_params),
	KUNIT_CASE_PARAM(intensive_burner_lets_next_start, engine_gen_params),
	KUNIT_CASE_PARAM(intensive_pair_starts_together, engine_gen_params),
	KUNIT_CASE_PARAM(unbound_burner_lets_next_start, engine_gen_params),
	KUNIT_CASE_PARAM(burner_lets_highpri_start, engine_gen_params),
	KUNIT_CASE_PARAM(every_block_is_seen, engine_gen_params),
	KUNIT_CASE_SLOW(insert_meets_block),
	KUNIT_CASE(running_count_percpu),
	KUNIT_CASE(running_count_intensive),
	KUNIT_CASE(running_count_unbound),
	KUNIT_CASE(running_count_returns_to_nothing),
	{}
};

static struct kunit_suite concurrency_suite = {
	.name = "cmwq2_concurrency",
	.test_cases = concurrency_cases,
};

kunit_test_suites(&concurrency_suite);
