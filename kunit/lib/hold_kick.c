// SPDX-License-Identifier: GPL-2.0
/*
 * Forced schedules that hold a kick. See hold.h.
 */
#include <linux/sched.h>

#include "hold.h"

struct tw_kick *tw_kick_env(struct kunit *test, unsigned int flags, int cpu)
{
	const struct tw_mode *m = test->param_value;
	struct tw_stage *s;
	struct tw_kick *k;

	if (m->window == TW_PICKED && !m->enqueue)
		kunit_skip(test,
			   "an enqueue wakes the worker under the lock: nothing comes between pick and wakeup");
	s = tw_stage(test, flags, m->unbound, cpu);
	k = tw_zalloc(s->env, sizeof(*k));
	k->s = s;
	k->hold = tw_hold(s->env, m->window == TW_PICKED ? CMWQ2_POINT_PICKED :
							   CMWQ2_POINT_WOKEN, s->pool);
	k->it = tw_item(s->env, tw_fn_nop);
	return k;
}

/*
 * Enqueue an item, and hold the kick of the pool's first idle worker in its window.
 * If the kicker is held, the hand enqueues; else the driver does so itself.
 */
void tw_kick_and_hold(struct tw_kick *k)
{
	struct tw_stage *s = k->s;
	bool picked = tw_mode(s->env)->window == TW_PICKED;
	struct kunit *test = s->env->test;

	/* An item that has started may not sleep yet. Until it does, an enqueue does not kick. */
	TW_SOON(s->env, !atomic_read(&s->pool->nr_running), "the pool's running workers to sleep");
	/* An enqueue beside a running worker has armed the scan timer: it would kick again. */
	tw_no_safety_net(s);
	k->target = tw_first_idle(s);
	KUNIT_ASSERT_NOT_NULL(test, k->target);
	k->pid = k->target->task->pid;
	k->hold->current_is = picked ? s->hand->thread->task : k->target->task;
	tw_arm(k->hold);
	if (picked)
		tw_hand_queues(s, k->it);
	else
		k->it->val = tw_queue_on(s->cpu, s->w, k->it);
	tw_wait_held(k->hold, picked ? "a kick between pick and wakeup" :
				       "a kicked worker before its first run");
	/* A kick picks the head of the idle list. */
	KUNIT_ASSERT_PTR_EQ(test, k->hold->worker, k->target);
}

void tw_kick_arrives(struct tw_kick *k)
{
	tw_let_go(k->hold);
	tw_hand_wait(k->s);
	KUNIT_ASSERT_EQ(k->s->env->test, k->it->val, 1);
}

void tw_kick_is_done(struct tw_kick *k)
{
	tw_wait_done(k->it, "the item of the kick");
	tw_flush(k->it);
	KUNIT_ASSERT_EQ(k->s->env->test, atomic_read(&k->it->runs), ++k->runs);
}
