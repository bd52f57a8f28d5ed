// SPDX-License-Identifier: GPL-2.0
/*
 * Lets each allocation of a call fail in turn, see faulty.h.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "faulty.h"

/* More allocations than any call makes. */
#define MOST_FAULTS	1000

#ifdef CONFIG_FAILSLAB
void tw_fail_nth(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

/* Returns whether the fault has come, and switches faults off. */
bool tw_fail_nth_over(void)
{
	bool came = !READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	return came;
}
#else
void tw_fail_nth(unsigned int n)
{
}

bool tw_fail_nth_over(void)
{
	return true;
}
#endif

struct faulty *tw_faulty(struct kunit *test, const struct tw_engine *engine)
{
	struct tw_env *e = tw_env_init(test, engine);
	struct faulty *f = tw_zalloc(e, sizeof(*f));
	void *memory;

	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "needs a kernel with CONFIG_FAILSLAB");
	tw_fail_nth(1);
	memory = kmalloc(64, GFP_KERNEL);
	tw_fail_nth_over();
	kfree(memory);
	if (memory)
		kunit_skip(test, "needs N in the file ignore-gfp-wait of failslab in debugfs");
	f->e = e;
	return f;
}

int tw_fail_each(struct faulty *f)
{
	struct kunit *test = f->e->test;
	int ret, failures = 0;
	unsigned int n;
	bool came;

	for (n = 1; n < MOST_FAULTS; n++) {
		tw_fail_nth(n);
		ret = f->call(f);
		came = tw_fail_nth_over();
		failures += !!ret;
		KUNIT_EXPECT_TRUE_MSG(test, !ret || (came && ret == -ENOMEM),
				      "error %d with allocation %u failing", ret, n);
		if (f->check)
			f->check(f, ret);
		if (!ret && f->undo)
			f->undo(f);
		if (!came)
			break;
	}
	KUNIT_EXPECT_LT(test, n, MOST_FAULTS);
	kunit_info(test, "%u allocations, of which %d are needed\n", n - 1, failures);
	return failures;
}
