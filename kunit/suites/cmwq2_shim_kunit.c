// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that was written for the kernel's workqueue does the same on it and,
 * by including <cmwq2/shim.h>, on cmwq2. The driver is consumer.c, built twice.
 *
 * Every test ends with a check of which engine ran its items: the kernel's
 * current_work() and cmwq2's each know only their own items.
 */
#include <linux/device.h>
#include <linux/workqueue.h>
#include <kunit/test.h>

#include <cmwq2/workqueue.h>

#include "consumer.h"
#include "env.h"

static const struct consumer_driver *const shim_drivers[] = { &consumer_native, &consumer_cmwq2 };

static void shim_desc(const struct consumer_driver *const *driver, char *desc)
{
	strscpy(desc, (*driver)->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(shim, shim_drivers, shim_desc);

void consumer_run_by(struct consumer_seen *seen)
{
	if (current_work())
		atomic_inc(&seen->on_native);
	if (cmwq2_current_work())
		atomic_inc(&seen->on_cmwq2);
}

struct shim_env {
	const struct consumer_driver	*driver;
	struct consumer			*c;
	struct consumer_seen		seen;
};

static void shim_remove(void *arg)
{
	struct shim_env *s = arg;

	s->driver->remove(s->c);
}

static struct shim_env *shim_probe(struct kunit *test)
{
	struct shim_env *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->driver = *(const struct consumer_driver *const *)test->param_value;
	init_completion(&s->seen.polled);
	init_completion(&s->seen.entered);
	s->c = s->driver->probe(&s->seen);
	KUNIT_ASSERT_NOT_NULL(test, s->c);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, shim_remove, s), 0);
	return s;
}

/* The engine for which the driver was built has run all @runs items. */
static void shim_expect_runs(struct kunit *test, struct shim_env *s, int runs)
{
	bool moved = s->driver == &consumer_cmwq2;

	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.on_native), moved ? 0 : runs);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.on_cmwq2), moved ? runs : 0);
}

static void shim_work(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	KUNIT_EXPECT_FALSE(test, s->driver->settle(s->c));
	KUNIT_EXPECT_TRUE(test, s->driver->interrupt(s->c));
	s->driver->settle(s->c);
	KUNIT_EXPECT_TRUE(test, s->driver->interrupt(s->c));
	s->driver->settle(s->c);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.interrupts), 2);
	shim_expect_runs(test, s, 2);
}

static void shim_state(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);
	struct completion gate;

	init_completion(&gate);
	s->seen.gate = &gate;
	KUNIT_EXPECT_EQ(test, s->driver->busy(s->c), 0);
	s->driver->interrupt(s->c);
	KUNIT_EXPECT_TRUE(test, !!wait_for_completion_timeout(&s->seen.entered, tw_timeout()));
	KUNIT_EXPECT_EQ(test, s->driver->busy(s->c), WORK_BUSY_RUNNING);
	KUNIT_EXPECT_TRUE(test, s->driver->interrupt(s->c));
	KUNIT_EXPECT_FALSE(test, s->driver->interrupt(s->c));
	KUNIT_EXPECT_EQ(test, s->driver->busy(s->c), WORK_BUSY_RUNNING | WORK_BUSY_PENDING);
	complete_all(&gate);
	s->driver->settle(s->c);
	KUNIT_EXPECT_EQ(test, s->seen.in_handler, WORK_BUSY_RUNNING);
	KUNIT_EXPECT_TRUE(test, s->seen.is_current);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.interrupts), 2);
	shim_expect_runs(test, s, 2);
}

static void shim_disable(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	if (!s->driver->quiesce)
		kunit_skip(test, "this kernel's own workqueue has no disable_work_sync()");
	KUNIT_EXPECT_FALSE(test, s->driver->quiesce(s->c));
	KUNIT_EXPECT_FALSE(test, s->driver->interrupt(s->c));
	KUNIT_EXPECT_FALSE(test, s->driver->quiesce(s->c));
	KUNIT_EXPECT_FALSE(test, s->driver->resume(s->c));
	KUNIT_EXPECT_TRUE(test, s->driver->resume(s->c));
	s->driver->settle(s->c);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.interrupts), 1);
	shim_expect_runs(test, s, 1);
}

static void shim_delayed(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	KUNIT_EXPECT_FALSE(test, s->driver->watch(s->c, TW_NEVER));
	KUNIT_EXPECT_TRUE(test, s->driver->watched(s->c));
	KUNIT_EXPECT_TRUE(test, s->driver->unwatch(s->c));
	KUNIT_EXPECT_FALSE(test, s->driver->watched(s->c));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.polls), 0);
	KUNIT_EXPECT_FALSE(test, s->driver->watch(s->c, TW_NEVER));
	KUNIT_EXPECT_TRUE(test, s->driver->watch(s->c, 1));
	KUNIT_EXPECT_TRUE(test, !!wait_for_completion_timeout(&s->seen.polled, tw_timeout()));
	KUNIT_EXPECT_FALSE(test, s->driver->unwatch(s->c));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.polls), 1);
	shim_expect_runs(test, s, 1);
}

/* Without its device a driver has no pending item, and none that runs. */
static void shim_device(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);
	struct device *dev = root_device_register("cmwq2_shim");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	/* From here on the device must be removed even if an expectation fails. */
	KUNIT_EXPECT_EQ(test, s->driver->attach(s->c, dev), 0);
	KUNIT_EXPECT_FALSE(test, s->driver->watch(s->c, TW_NEVER));
	KUNIT_EXPECT_TRUE(test, s->driver->interrupt(s->c));
	KUNIT_EXPECT_TRUE(test, !!wait_for_completion_timeout(&s->seen.entered, tw_timeout()));
	root_device_unregister(dev);
	KUNIT_EXPECT_EQ(test, s->driver->busy(s->c), 0);
	KUNIT_EXPECT_FALSE(test, s->driver->watched(s->c));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.polls), 0);
	shim_expect_runs(test, s, 1);
}

static void shim_ordered(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);
	const int nr = 200;
	int i;

	for (i = 1; i <= nr; i++)
		KUNIT_ASSERT_EQ(test, s->driver->post(s->c, i), 0);
	s->driver->deliver(s->c);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.messages), nr);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.disorder), 0);
	shim_expect_runs(test, s, nr);
}

static void shim_rcu(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	KUNIT_EXPECT_TRUE(test, s->driver->retire(s->c));
	s->driver->retired(s->c);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.retired), 1);
	shim_expect_runs(test, s, 1);
}

static void shim_drain(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	s->driver->chain(s->c, 50);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.chained), 50);
	shim_expect_runs(test, s, 50);
}

static void shim_system(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	s->driver->tick(s->c);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.ticks), 1);
	shim_expect_runs(test, s, 1);
}

static void shim_on_cpu(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);
	int cpu, nr = 0;

	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_EQ(test, s->driver->ask(s->c, cpu), cpu);
		nr++;
	}
	shim_expect_runs(test, s, nr);
}

static void shim_on_stack(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	KUNIT_EXPECT_EQ(test, s->driver->on_stack(s->c), 42);
	shim_expect_runs(test, s, 1);
}

/* What the driver keeps on the kernel's workqueue stays there when it moves. */
static void shim_stays(struct kunit *test)
{
	struct shim_env *s = shim_probe(test);

	KUNIT_EXPECT_TRUE(test, s->driver->stays(s->c));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.on_native), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->seen.on_cmwq2), 0);
}

static struct kunit_case shim_cases[] = {
	KUNIT_CASE_PARAM(shim_work, shim_gen_params),
	KUNIT_CASE_PARAM(shim_state, shim_gen_params),
	KUNIT_CASE_PARAM(shim_disable, shim_gen_params),
	KUNIT_CASE_PARAM(shim_delayed, shim_gen_params),
	KUNIT_CASE_PARAM(shim_device, shim_gen_params),
	KUNIT_CASE_PARAM(shim_ordered, shim_gen_params),
	KUNIT_CASE_PARAM(shim_rcu, shim_gen_params),
	KUNIT_CASE_PARAM(shim_drain, shim_gen_params),
	KUNIT_CASE_PARAM(shim_system, shim_gen_params),
	KUNIT_CASE_PARAM(shim_on_cpu, shim_gen_params),
	KUNIT_CASE_PARAM(shim_on_stack, shim_gen_params),
	KUNIT_CASE_PARAM(shim_stays, shim_gen_params),
	{}
};

static struct kunit_suite shim_suite = {
	.name = "cmwq2_shim",
	.test_cases = shim_cases,
};

kunit_test_suites(&shim_suite);
