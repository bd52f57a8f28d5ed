/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Forced schedules: one context is held at a point of the engine while another
 * is driven past it.
 *
 * The test itself is the driver. It stands on one CPU, together with the pool
 * and the engine's helper; a hand, a thread on the other CPU, does what is to
 * be held with interrupts off. Each hold is bounded: one that is not let go in
 * time goes on by itself, and fails the test.
 */
#ifndef CMWQ2_KUNIT_HOLD_H
#define CMWQ2_KUNIT_HOLD_H

#include "../src/internal.h"
#include "check.h"

/* How often each schedule is forced. */
extern unsigned int interleave_rounds;

enum tw_hold_state {
	TW_HOLD_OFF,		/* catches nobody */
	TW_HOLD_ARMED,		/* waits for somebody */
	TW_HOLD_CAUGHT,		/* somebody is being taken note of */
	TW_HOLD_HELD,		/* somebody stands there */
	TW_HOLD_GONE,		/* let go, or never to be held */
	TW_HOLD_LATE,		/* nobody let go in time */
};

/**
 * struct tw_hold - waits at a point for one context
 * @env: the test
 * @point: where
 * @pool: only there, NULL: in any
 * @current_is: only this task, NULL: any
 * @pass: take note of who comes, and let it pass
 * @frees: let go when somebody is caught here, or NULL
 * @limit_ms: how long somebody is held at most
 * @state: enum tw_hold_state; what follows is set before it is HELD or GONE
 * @may_sleep: whoever is held sleeps on @go
 * @go: done when let go
 * @task: whom the point was about
 * @worker: the same as a worker, if it is one
 * @cpu: where
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
 * struct tw_hand - a thread that does one thing after the other
 * @thread: the thread
 * @go: there is something to do; a gate, so that it ends with the test
 * @fn: what
 * @arg: for @fn
 * @asked: how much
 * @did: how much of it is done
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
 * struct tw_stage - what a forced schedule is played on
 * @env: the test
 * @cpu: where driver, pool and helper are
 * @hand_cpu: the other one, where @hand is
 * @w: queue
 * @pool: its pool for @cpu
 * @hand: thread for what is held with interrupts off
 * @unbound: which kind of pool it is
 * @rounds: how often to play
 * @busy: items that occupy workers
 * @gate: theirs
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
 * struct tw_claim - what a test has to know of a claim
 * @name: value of the policy
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
 * A kick has two windows: between picking and waking, with the pool's lock
 * dropped, which is there only if the wake policy defers the kicks of a queueing;
 * and between waking and the worker's first look at the pool.
 */
enum tw_window { TW_PICKED, TW_WOKEN, TW_NR_WINDOWS };

/**
 * struct tw_mode - what a schedule is played under
 * @name: of the combination
 * @claim: claim
 * @wake: value of the policy
 * @enqueue: kicks of a queueing wake with the lock dropped
 * @unbound: kind of pool
 * @window: where a kick is held
 */
struct tw_mode {
	char			name[48];
	const struct tw_claim	*claim;
	const char		*wake;
	bool			enqueue;
	bool			unbound;
	enum tw_window		window;
};

/* Adds one for each value of a policy. */
#define TW_ONE(_name, _value, _about)	+ 1
#define TW_NR_CLAIMS	(0 cmwq2_claim_values(TW_ONE))
#define TW_NR_WAKES	(0 cmwq2_wake_values(TW_ONE))
#define TW_NR_MODES	(TW_NR_CLAIMS * TW_NR_WAKES)
#define TW_NR_KICKS	(TW_NR_MODES * 2 * TW_NR_WINDOWS)

/* Each claim with each wake, and these in each kind of pool and each window. */
extern struct tw_mode tw_modes[TW_NR_MODES];
extern struct tw_mode tw_kicks[TW_NR_KICKS];
int tw_modes_init(struct kunit_suite *suite);

/* What all schedules are, each with dozens of parameters. */
#define TW_SLOW	{ .speed = KUNIT_SPEED_SLOW }

static inline const struct tw_mode *tw_mode(struct tw_env *e)
{
	return e->test->param_value;
}

/* holds */
struct tw_hold *tw_hold(struct tw_env *e, enum cmwq2_point point, struct cmwq2_pool *pool);
void tw_arm(struct tw_hold *h);
void tw_wait_held(struct tw_hold *h, const char *what);
void tw_let_go(struct tw_hold *h);
bool tw_caught(struct tw_hold *h);
bool tw_hold_in_use(void);

/* the stage */
struct tw_stage *tw_stage(struct kunit *test, unsigned int flags, bool unbound, int cpu);
struct tw_wq *tw_stage_wq(struct tw_stage *s, unsigned int flags);
void tw_confine(struct tw_stage *s, struct tw_wq *w);
bool tw_all_asleep(struct cmwq2_pool *pool);
struct cmwq2_pool *tw_pool_of(struct tw_wq *w, int cpu);
void tw_move(struct tw_env *e, int cpu);
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
 * @hold: who is held
 * @it: the item that is kicked for
 * @target: the worker that was picked
 * @pid: its thread
 * @runs: times the item is to have run
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
 * Yields to others on this CPU, and only after a while pauses: not while somebody
 * is held or about to be, who waits for the driver and not for a timer.
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
