// SPDX-License-Identifier: GPL-2.0
/*
 * No false alarm: the watchdog must find nothing while every kind of queue is
 * under a torture load. Then a test stalls a pool under the same load, which it
 * must find.
 *
 * The load has everything that could look like a stall but is not one: items that burn
 * their CPU for longer than a hog may, that sleep or queue themselves, more items than
 * max_active admits, frozen queues, workers that cannot be created for a while, and
 * policies that switch. The suite cmwq2_stress checks what happens to the items.
 */
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>

#include "check.h"

static unsigned int alarm_seconds = 3;
module_param(alarm_seconds, uint, 0444);
MODULE_PARM_DESC(alarm_seconds, "seconds of torture for each threshold in the suite cmwq2_alarm");

static unsigned int alarm_thresh = 3;
module_param(alarm_thresh, uint, 0444);
MODULE_PARM_DESC(alarm_thresh, "watchdog_thresh of the short case of the suite cmwq2_alarm, in seconds");

#define NR_ITEMS	24
#define BURN_MS		20
#define STEP_MS		50
/* When a worker cannot be created, the engine tries again only after a second. */
#define FAULT_EVERY	64

struct torture {
	bool			stop;
	atomic_long_t		runs;
};

/* One producer and its queue. */
struct torture_lane {
	struct torture		*t;
	struct tw_wq		*w;
	struct tw_item		*items[NR_ITEMS];
};

static const struct torture_kind {
	unsigned int		flags;
	int			max_active;
} torture_kinds[] = {
	{ TW_PERCPU },
	{ TW_PERCPU, 1 },
	{ TW_PERCPU | TW_HIGHPRI },
	{ TW_PERCPU | TW_CPU_INTENSIVE },
	{ TW_PERCPU | TW_MEM_RECLAIM },
	{ TW_PERCPU | TW_FREEZABLE },
	{ TW_PERCPU | TW_BH },
	{ TW_UNBOUND },
	{ TW_UNBOUND, 3 },
	{ TW_UNBOUND | TW_MEM_RECLAIM },
	{ TW_ORDERED },
};

#define NR_LANES	ARRAY_SIZE(torture_kinds)

static void put(struct torture_lane *l, struct tw_item *it, int cpu, unsigned long delay)
{
	it->env->ops->queue_delayed_on(cpu, l->w->wq, it, delay);
}

static void burn(unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	while (time_before(jiffies, end))
		cpu_relax();
}

static void fn_torture(struct tw_item *it)
{
	struct torture_lane *l = it->ctx;
	long n = atomic_long_inc_return(&l->t->runs);

	if (n % 5 == 0 && !READ_ONCE(l->t->stop))
		put(l, it, TW_ANY_CPU, n % 2);
	if (!in_task())
		return;
	if (n % 1021 == 0)
		burn(BURN_MS);
	else if (n % 61 == 0)
		schedule_timeout_uninterruptible(1);
}

static bool torture_over(struct tw_thread *t)
{
	struct torture_lane *l = t->ctx;

	return READ_ONCE(l->t->stop) || READ_ONCE(t->env->closing);
}

static void thread_torture(struct tw_thread *t)
{
	struct torture_lane *l = t->ctx;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, t->val);
	for (; !torture_over(t); tw_progress(t)) {
		u32 r = prandom_u32_state(&rnd);
		struct tw_item *it = l->items[(r >> 8) % NR_ITEMS];
		unsigned int op = (r >> 16) % 256;

		if (op < 160)
			put(l, it, r & 1 ? TW_ANY_CPU : tw_cpu(r >> 1), 0);
		else if (op < 180)
			put(l, it, TW_ANY_CPU, r % 3);
		else if (op < 200)
			tw_mod_delayed(l->w, it, r % 3);
		else if (op < 230)
			t->env->ops->cancel_delayed(it);
		else if (op < 254)
			tw_flush(it);
		else
			tw_flush_wq(l->w);
		if (op % 32 == 0)
			schedule_timeout_uninterruptible(1);
	}
	tw_flush_wq(l->w);
}

static struct torture_lane *torture_lane(struct tw_env *e, struct torture *t, int nr)
{
	struct torture_lane *l = tw_zalloc(e, sizeof(*l));
	int i;

	l->t = t;
	l->w = tw_alloc(e, torture_kinds[nr].flags, torture_kinds[nr].max_active);
	e->bh = torture_kinds[nr].flags & TW_BH;
	for (i = 0; i < NR_ITEMS; i++) {
		l->items[i] = tw_delayed(e, fn_torture);
		l->items[i]->ctx = l;
	}
	e->bh = false;
	return l;
}

static struct tw_thread *producer(struct tw_env *e, struct torture_lane *l, int nr)
{
	struct tw_thread *t = tw_thread(e, tw_cpu(nr), thread_torture, l->w, NULL, l);

	t->val = nr + 1;
	return t;
}

/* One disturbance that the engine has to endure. Each is undone in the next step. */
static void disturb(struct torture_lane **lanes, int step)
{
	static const char *const profiles[] = {
		"mainline-7.3", "mainline-6.12", "v2-2026-06", "v2-as-posted",
	};

	switch (step % 8) {
	case 0:
		cmwq2_policy_set("profile", profiles[step / 8 % ARRAY_SIZE(profiles)]);
		break;
	case 2:
		cmwq2_freeze_workqueues_begin();
		break;
	case 3:
		cmwq2_thaw_workqueues();
		break;
	case 4:
		cmwq2_workqueue_set_max_active(lanes[7]->w->wq, 1 + step / 8 % 4);
		break;
	case 6:
		if (step % FAULT_EVERY == 6)
			cmwq2_fault_create_set(step / FAULT_EVERY % 2 ? "fail" : "stall");
		break;
	case 7:
		cmwq2_fault_create_set("off");
		break;
	}
}

struct put_in {
	struct tw_wq	*w;
	int		cpu;
	unsigned long	before;
	unsigned long	began;		/* jiffies */
	unsigned long	found;		/* jiffies, or 0 */
};

/* Occupies its pool's CPU until the watchdog finds it. It does not count as a hog. */
static void fn_put_in(struct tw_item *it)
{
	struct put_in *p = it->ctx;
	unsigned long end = jiffies + tw_timeout();

	p->began = jiffies;
	while (!p->found && time_before(jiffies, end)) {
		schedule();
		if (tw_stats(p->w, p->cpu).stalls > p->before)
			p->found = jiffies;
	}
}

static unsigned long found_after(struct tw_env *e, struct torture_lane *l)
{
	struct put_in *p = tw_zalloc(e, sizeof(*p));
	struct tw_item *it = tw_item(e, fn_put_in);

	p->w = l->w;
	p->cpu = tw_cpu(1);
	tw_policy(e, "cpu_intensive_thresh_us", "0");
	p->before = tw_stats(p->w, p->cpu).stalls;
	it->ctx = p;
	tw_queue_on(p->cpu, p->w, it);
	tw_wait_done(it, "the item that stalls its pool");
	return p->found ? p->found - p->began : 0;
}

struct alarm_case {
	const char	*name;
	bool		scaled;		/* alarm_thresh instead of the present threshold */
};

static const struct alarm_case alarm_cases[] = {
	{ "normal_threshold", false },
	{ "short_threshold", true },
};

KUNIT_ARRAY_PARAM_DESC(alarm_case, alarm_cases, name);

static unsigned int alarm_threshold(struct kunit *test, struct tw_env *e)
{
	const struct alarm_case *c = test->param_value;
	unsigned int thresh;
	char value[16];

	if (c->scaled) {
		scnprintf(value, sizeof(value), "%u", alarm_thresh);
		tw_policy(e, "watchdog_thresh", value);
	}
	KUNIT_ASSERT_EQ(test, kstrtouint(cmwq2_policy_get("watchdog_thresh"), 10, &thresh), 0);
	KUNIT_ASSERT_GT(test, thresh, 0);
	if (!c->scaled && alarm_seconds < 2 * thresh)
		kunit_skip(test, "%u s are too short for a watchdog_thresh of %u s", alarm_seconds,
			   thresh);
	return thresh;
}

static void fault_off(void *unused)
{
	cmwq2_fault_create_set("off");
}

static void no_false_alarm(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);
	struct torture *t = tw_zalloc(e, sizeof(*t));
	unsigned int thresh = alarm_threshold(test, e);
	unsigned long stalls = cmwq2_health(CMWQ2_HEALTH_STALLS);
	unsigned long pauses = cmwq2_health(CMWQ2_HEALTH_PAUSES);
	struct torture_lane *lanes[NR_LANES];
	struct tw_thread *threads[NR_LANES];
	unsigned long end, found;
	int i, step;

	/* The policies are set once here, so that the end of the test restores the old ones. */
	tw_policy(e, "profile", "mainline-7.3");
	tw_thaw_at_end(test);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fault_off, NULL), 0);
	for (i = 0; i < NR_LANES; i++) {
		lanes[i] = torture_lane(e, t, i);
		threads[i] = producer(e, lanes[i], i);
	}
	for (i = 0; i < NR_LANES; i++)
		tw_thread_start(threads[i]);

	end = jiffies + alarm_seconds * HZ;
	for (step = 0; time_before(jiffies, end); step++) {
		disturb(lanes, step);
		schedule_timeout_uninterruptible(msecs_to_jiffies(STEP_MS));
	}
	cmwq2_thaw_workqueues();
	cmwq2_fault_create_set("off");
	stalls = cmwq2_health(CMWQ2_HEALTH_STALLS) - stalls;
	pauses = cmwq2_health(CMWQ2_HEALTH_PAUSES) - pauses;
	KUNIT_EXPECT_EQ(test, stalls, 0);
	/* If the watchdog saw a pause all the time, it would find nothing. */
	KUNIT_EXPECT_LE_MSG(test, pauses * thresh, alarm_seconds,
			    "the machine stood still %lu times", pauses);

	tw_on_purpose(e);
	found = found_after(e, lanes[0]);
	WRITE_ONCE(t->stop, true);
	for (i = 0; i < NR_LANES; i++)
		tw_join(threads[i], "a producer");
	KUNIT_EXPECT_NE_MSG(test, found, 0, "the deliberate stall was not found");
	/* The item left the worklist a little before its function began. */
	KUNIT_EXPECT_GE_MSG(test, found + HZ / 2, thresh * HZ, "found too early");
	kunit_info(test, "%u s at %u s: %ld items, %lu stalls, %lu pauses; the deliberate stall was found after %u ms\n",
		   alarm_seconds, thresh, atomic_long_read(&t->runs), stalls, pauses,
		   jiffies_to_msecs(found));
}

static struct kunit_case alarm_kunit_cases[] = {
	KUNIT_CASE_PARAM_ATTR(no_false_alarm, alarm_case_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite alarm_suite = {
	.name = "cmwq2_alarm",
	.test_cases = alarm_kunit_cases,
};

kunit_test_suites(&alarm_suite);
