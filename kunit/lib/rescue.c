// SPDX-License-Identifier: GPL-2.0
/*
 * What suites of the rescuer's policies share, see rescue.h.
 */
#include <linux/string.h>

#include "base/registry.h"
#include "base/types.h"
#include "locked.h"
#include "rescue.h"

const char *const tw_rescues[TW_NR_RESCUES] = { "slurp", "cursor", "restart" };

void tw_rescue_desc(const char *const *rescue, char *desc)
{
	strscpy(desc, *rescue, KUNIT_PARAM_DESC_SIZE);
}

struct tw_env *tw_rescue_env(struct kunit *test)
{
	struct tw_env *e = tw_env_cmwq2(test);

	tw_policy(e, "rescue", *(const char *const *)test->param_value);
	return e;
}

struct cmwq2_pwq *tw_pwq(struct tw_wq *w, int cpu)
{
	struct cmwq2_wq *wq = w->wq;
	struct cmwq2_pwq *pwq;

	rcu_read_lock();
	pwq = rcu_dereference(*per_cpu_ptr(wq->cpu_pwq, cpu));
	rcu_read_unlock();
	return pwq;
}

bool tw_has_cursor(struct cmwq2_pwq *pwq)
{
	bool has;

	tw_pool_lock(pwq->pool);
	has = !list_empty(&pwq->mayday_cursor.entry);
	tw_pool_unlock(pwq->pool);
	return has;
}

void tw_expect_no_cursor(struct tw_env *e, struct tw_wq *w, int cpu)
{
	TW_POLL(e, !tw_has_cursor(tw_pwq(w, cpu)), "the cursor to be taken out");
}

void tw_queue_all(int cpu, struct tw_wq *w, struct tw_item **items, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		tw_queue_on(cpu, w, items[i]);
}

void tw_wait_all(struct tw_item **items, int nr, const char *what)
{
	int i;

	for (i = 0; i < nr; i++)
		tw_wait_done(items[i], what);
}
