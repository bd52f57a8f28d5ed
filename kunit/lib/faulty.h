/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lets each allocation of a call fail in turn.
 *
 * The kernel can be told to let the n-th slab allocation of a task fail. A call
 * is made with n = 1, 2, ... until it ends before the fault comes: that call
 * must succeed. Each call before must either fail cleanly or succeed all the
 * same.
 */
#ifndef CMWQ2_KUNIT_FAULTY_H
#define CMWQ2_KUNIT_FAULTY_H

#include "env.h"

struct device;

/**
 * struct faulty - a call whose allocations are to fail
 * @e: of the test
 * @flags: of the queue that the call is about
 * @call: returns 0 or a negative error
 * @undo: called after a call that succeeded, may be NULL
 * @check: called after each call with @call's result, may be NULL
 * @w: for these functions
 * @it: likewise
 * @attrs: likewise
 * @dev: likewise
 * @wq: likewise
 * @ids: likewise
 * @nice: likewise
 */
struct faulty {
	struct tw_env		*e;
	unsigned int		flags;
	int			(*call)(struct faulty *f);
	void			(*undo)(struct faulty *f);
	void			(*check)(struct faulty *f, int ret);
	struct tw_wq		*w;
	struct tw_item		*it;
	struct cmwq2_attrs	*attrs;
	struct device		*dev;
	void			*wq;
	int			*ids;
	int			nice;
};

/* From now on the @n-th slab allocation of this task fails. It does not fail in an interrupt. */
void tw_fail_nth(unsigned int n);
/* Returns whether it has failed, and lets no later one fail. */
bool tw_fail_nth_over(void);

struct faulty *tw_faulty(struct kunit *test, const struct tw_engine *engine);

/* Calls with each n. Returns how many of the calls failed. */
int tw_fail_each(struct faulty *f);

#endif /* CMWQ2_KUNIT_FAULTY_H */
