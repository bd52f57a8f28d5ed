/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Forced schedules: a test holds one context at a point of the engine while
 * another context runs past it.
 *
 * The test's own thread is the driver: it decides what runs when. It shares a CPU with
 * the pool and the engine's helper threads. The hand is a thread on another CPU. It
 * makes the calls that must be held with interrupts off. Each hold has a time limit: a
 * context that is not released in time goes on, and the test fails.
 */
#ifndef CMWQ2_KUNIT_HOLD_H
#define CMWQ2_KUNIT_HOLD_H

#include "base/types.h"
#include "lab/point.h"
#include "lab/policy/claim.h"
#include "lab/policy/wake.h"
#include "check.h"

/* How many times each schedule is forced. */
extern unsigned int interleave_rounds;

enum tw_hold_state {
	TW_HOLD_OFF,		/* catches no context */
	TW_HOLD_ARMED,		/* catches the next context that reaches the point */
	TW_HOLD_CAUGHT,		/* a context has come and is being recorded */
	TW_HOLD_HELD,		/* a context waits at the point */
	TW_HOLD_GONE,		/* the context was released, or only recorded */
	TW_HOLD_LATE,		/* the context was not released in time */
};

/**
 * struct tw_hold - catches one context at a point
 * @env: the test
 * @point: the point
 * @pool: catch only contexts that pass this pool; NULL: any
 * @current_is: catch only this task; NULL: any
 * @pass: record the context, but do not hold it
 * @frees: another hold, which is released when this one catches a context; or NULL
 * @limit_ms: how long a context is held at most
 * @state: enum tw_hold_state; the fields below, except for @go, are set before it
 *	becomes HELD or GONE
 * @may_sleep: the held context sleeps on @go; otherwise it spins
 * @go: completed when the context is released
 * @task: the task that the point passes, see struct cmwq2_point_hit
 * @worker: worker of @task, if it is one; NULL if @task is no kernel thread
 * @cpu: CPU on which the context was caught
 */
struct tw_hold {
	struct tw_env		*env;
	enum cmwq2_point	point;
	struct cmwq2_pool	*pool;
	struct task_struct	*current_is;
	bool			pass;
	struct tw_hold		*frees;
	unsigned int		limit_ms;
	atomic_t		state;
	bool			may_sleep;
	struct completion	go;
	struct task_struct	*task;
	struct cmwq2_worker	*worker;
	int			cpu;
};

/**
 * struct tw_hand - a thread that makes one call after another for the driver
 * @thread: the thread
 * @go: completed for each call; a gate, so that it opens at the end of the test
 * @fn: function to call
 * @arg: argument of @fn
 * @asked: number of calls requested
 * @did: number of calls that have returned
 */
struct tw_hand {
	struct tw_thread	*thread;
	struct completion	*go;
	void			(*fn)(void *arg);
	void			*arg;
	int			asked;
	int			did;
};

#define TW_MAX_BUSY	8

/**
 * struct tw_stage - the CPUs, threads and queue that a forced schedule uses
 * @env: the test
 * @cpu: CPU of the driver, the pool and the engine's helper threads
 * @hand_cpu: the other CPU, on which @hand runs
 * @w: queue
 * @pool: pool of @w for @cpu
 * @hand: thread for calls that are held with interrupts off
 * @unbound: whether @pool is unbound
 * @rounds: how many times to run the schedule
 * @busy: items that occupy workers
 * @gate: gate that the items of @busy wait for
 */
struct tw_stage {
	struct tw_env		*env;
	int			cpu;
	int			hand_cpu;
	struct tw_wq		*w;
	struct cmwq2_pool	*pool;
	struct tw_hand		*hand;
	bool			unbound;
	unsigned int		rounds;
	struct tw_item		*busy[TW_MAX_BUSY];
	struct completion	*gate;
};

/**
 * struct tw_claim - what a test has to know about a claim
 * @name: value of the claim policy
 * @protects: a picked worker is never culled
 * @busy: a picked worker does not count as idle, and is not picked again
 * @again: a picked worker that has not run is picked before any other
 */
struct tw_claim {
	const char	*name;
	bool		protects;
	bool		busy;
	bool		again;
};

/*
 * A kick has two windows in which it can be held. The first is between pick and
 * wakeup, with the pool's lock dropped. It exists only if the wake policy defers
 * the wakeup of an enqueue's kick. The second is between the wakeup and the
 * worker's first look at the pool.
 */
enum tw_window { TW_PICKED, TW_WOKEN, TW_NR_WINDOWS };

/**
 * struct tw_mode - the combination of policies and pool that a schedule runs with
 * @name: name of the combination
 * @claim: claim
 * @wake: value of the wake policy
 * @enqueue: an enqueue's kick wakes after the lock is dropped
 * @unbound: whether the pool is unbound
 * @window: window in which a kick is held
 */
struct tw_mode {
	char			name[48];
	const struct tw_claim	*claim;
	const char		*wake;
	bool			enqueue;
	bool			unbound;
	enum tw_window		window;
};

/* Adds one for each value of a policy, to count the values. */
#define TW_ONE(_name, _value, _about)	+ 1
#define TW_NR_CLAIMS	(0 cmwq2_claim_values(TW_ONE))
#define TW_NR_WAKES	(0 cmwq2_wake_values(TW_ONE))
#define TW_NR_MODES	(TW_NR_CLAIMS * TW_NR_WAKES)
#define TW_NR_KICKS	(TW_NR_MODES * 2 * TW_NR_WINDOWS)

/* tw_modes: each claim with each wake. tw_kicks: the same in each kind of pool and window. */
extern struct tw_mode tw_modes[TW_NR_MODES];
extern struct tw_mode tw_kicks[TW_NR_KICKS];
int tw_modes_init(struct kunit_suite *suite);

/* All schedules are slow, because each runs with dozens of parameters. */
#define TW_SLOW	{ .speed = KUNIT_SPEED_SLOW }

static inline const struct tw_mode *tw_mode(struct tw_env *e)
{
	return e->test->param_value;
}

/* holds */
struct tw_hold *tw_hold(struct tw_env *e, enum cmwq2_point point, struct cmwq2_pool *pool);
void tw_arm(struct tw_hold *h);
void tw_wait_held(struct tw_hold *h, const char *what);
bool tw_try_let_go(struct tw_hold *h);
void tw_let_go(struct tw_hold *h);
bool tw_caught(struct tw_hold *h);
bool tw_hold_in_use(void);

/* the stage */
struct tw_stage *tw_stage(struct kunit *test, unsigned int flags, bool unbound, int cpu);
struct tw_wq *tw_stage_wq(struct tw_stage *s, unsigned int flags);
void tw_confine(struct tw_stage *s, struct tw_wq *w);
int tw_nr_awake(struct cmwq2_pool *pool);
bool tw_all_asleep(struct cmwq2_pool *pool);
struct cmwq2_pool *tw_pool_of(struct tw_wq *w, int cpu);
void tw_move(struct tw_env *e, int cpu);
void tw_move_maker(struct tw_env *e, int cpu);
void tw_hand_queues(struct tw_stage *s, struct tw_item *it);
void tw_hand_does(struct tw_stage *s, void (*fn)(void *arg), void *arg);
bool tw_hand_done(struct tw_stage *s);
void tw_hand_wait(struct tw_stage *s);

/* workers */
void tw_yield(void);
void tw_at_rest(struct tw_stage *s);
void tw_no_safety_net(struct tw_stage *s);
void tw_make_idle(struct tw_stage *s, int nr);
void tw_cull_to(struct tw_stage *s, int min_idle);
void tw_cull_start(struct tw_stage *s, int min_idle);
void tw_cull_end(struct tw_stage *s);
struct cmwq2_worker *tw_first_idle(struct tw_stage *s);
bool tw_is_dying(struct tw_stage *s, struct cmwq2_worker *worker);

/**
 * struct tw_kick - a kick that is held in one of its windows
 * @s: stage
 * @hold: holds the kicker or the woken worker
 * @it: the item whose enqueue kicks
 * @target: the worker that is picked
 * @pid: PID of @target
 * @runs: how many times @it should have run so far
 */
struct tw_kick {
	struct tw_stage		*s;
	struct tw_hold		*hold;
	struct tw_item		*it;
	struct cmwq2_worker	*target;
	pid_t			pid;
	int			runs;
};

struct tw_kick *tw_kick_env(struct kunit *test, unsigned int flags, int cpu);
void tw_kick_and_hold(struct tw_kick *k);
void tw_kick_arrives(struct tw_kick *k);
void tw_kick_is_done(struct tw_kick *k);

/*
 * Waits for a condition. It yields to other tasks of this CPU, and pauses only after
 * a while. It does not pause while a hold is armed or holds a context, because that
 * context waits for the driver and not for a timer.
 */
#define TW_SOON(env, cond, what)						\
	do {									\
		unsigned long _end = jiffies + tw_timeout();			\
		unsigned long _spin = jiffies + 3;				\
		unsigned int _us = 0;						\
		bool _ok;							\
										\
		while (!(_ok = (cond)) && time_before(jiffies, _end)) {		\
			if (time_before(jiffies, _spin) || tw_hold_in_use())	\
				tw_yield();					\
			else							\
				_us = tw_pause(_us);				\
		}								\
		KUNIT_ASSERT_TRUE_MSG((env)->test, _ok,				\
				      "timed out waiting for %s", what);	\
	} while (0)

#endif /* CMWQ2_KUNIT_HOLD_H */
