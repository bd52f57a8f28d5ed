/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test owns: queues, items, gates, threads, memory.
 *
 * Everything is allocated from the test's environment, never on the stack. One
 * cleanup action gives it back in the only safe order: it opens the gates, ends
 * the threads, cancels the timers and destroys the queues (which drains them).
 * Only then does it free items and memory. So an assertion may abort a test
 * anywhere.
 */
#ifndef CMWQ2_KUNIT_ENV_H
#define CMWQ2_KUNIT_ENV_H

#include <linux/sched.h>

#include "engine.h"

struct tw_wq {
	struct list_head	node;
	struct tw_env		*env;
	void			*wq;	/* NULL once destroyed */
};

struct tw_thread {
	struct list_head	node;
	struct tw_env		*env;
	struct task_struct	*task;
	void			(*fn)(struct tw_thread *t);
	struct tw_wq		*wq;
	struct tw_item		*it;
	void			*ctx;
	long			val;
	bool			ret;
	bool			running;
	unsigned long		progress; /* X: WRITE_ONCE, see tw_progress() */
	struct completion	done;
};

struct tw_env {
	struct kunit		*test;
	const struct tw_engine	*engine;
	const struct tw_ops	*ops;
	bool			closing;
	bool			bh;	/* items are for BH queues only; set before the first */
	bool			uses_rcu;
	struct list_head	wqs;
	struct list_head	items;
	struct list_head	gates;
	struct list_head	threads;
	struct list_head	memory;
	struct list_head	policies;
	bool			on_purpose;
	bool			moved;	/* the end of the test moves the engine's threads back */
};

unsigned long tw_timeout(void);
unsigned int tw_pause(unsigned int us);
void tw_occupy(u64 ns);

struct tw_env *tw_env_init(struct kunit *test, const struct tw_engine *engine);
struct tw_wq *tw_adopt(struct tw_env *env, void *wq);
struct tw_wq *tw_alloc(struct tw_env *env, unsigned int flags, int max_active);
struct tw_wq *tw_create(struct tw_env *env, enum tw_legacy kind);
struct tw_wq *tw_system(struct tw_env *env, enum tw_system n);
void tw_destroy(struct tw_wq *w);
struct tw_item *tw_item(struct tw_env *env, void (*fn)(struct tw_item *it));
struct tw_item *tw_delayed(struct tw_env *env, void (*fn)(struct tw_item *it));
struct tw_item *tw_rcu(struct tw_env *env, void (*fn)(struct tw_item *it));
struct tw_item *tw_gated(struct tw_env *env, struct completion *gate);
struct completion *tw_gate(struct tw_env *env);
void *tw_zalloc(struct tw_env *env, size_t size);
struct tw_thread *tw_thread(struct tw_env *env, int cpu,
			    void (*fn)(struct tw_thread *t), struct tw_wq *w,
			    struct tw_item *it, void *ctx);
void tw_thread_start(struct tw_thread *t);
void tw_join(struct tw_thread *t, const char *what);
void tw_wait_blocked(struct tw_thread *t);
void tw_thread_block(struct tw_thread *t);
struct cmwq2_attrs *tw_attrs(struct kunit *test);
void tw_set_scope(struct tw_wq *w, enum cmwq2_affn_scope scope);
void tw_thaw_at_end(struct kunit *test);
void tw_policy(struct tw_env *env, const char *policy, const char *value);
void tw_policy_refuses(struct tw_env *env, const char *policy, const char *const *bad, int nr);
void tw_on_purpose(struct tw_env *env);
int tw_cpu(int n);
void tw_need_at(struct tw_env *env, size_t offset, const char *op);

void tw_fn_nop(struct tw_item *it);
void tw_wait_for_test(struct completion *gate);
void tw_fn_gate(struct tw_item *it);
void tw_thread_flush_wq(struct tw_thread *t);
void tw_thread_flush(struct tw_thread *t);
void tw_thread_cancel_sync(struct tw_thread *t);
void tw_thread_drain(struct tw_thread *t);
void tw_thread_destroy(struct tw_thread *t);

/* For a KUNIT_CASE_PARAM() over tw_engines: the parameter is the engine. */
static inline struct tw_env *tw_env(struct kunit *test)
{
	return tw_env_init(test, test->param_value);
}

/* For tests of features and statistics that only cmwq2 has. */
static inline struct tw_env *tw_env_cmwq2(struct kunit *test)
{
	return tw_env_init(test, &tw_engines[TW_CMWQ2]);
}

/* For a thread's function that takes long. Pairs with READ_ONCE() in tw_join(). */
static inline void tw_progress(struct tw_thread *t)
{
	WRITE_ONCE(t->progress, t->progress + 1);
}

static inline bool tw_queue_on(int cpu, struct tw_wq *w, struct tw_item *it)
{
	return it->env->ops->queue_on(cpu, w->wq, it);
}

static inline bool tw_queue(struct tw_wq *w, struct tw_item *it)
{
	return tw_queue_on(TW_ANY_CPU, w, it);
}

static inline bool tw_queue_delayed(struct tw_wq *w, struct tw_item *it,
				    unsigned long delay)
{
	return it->env->ops->queue_delayed_on(TW_ANY_CPU, w->wq, it, delay);
}

static inline bool tw_mod_delayed(struct tw_wq *w, struct tw_item *it,
				  unsigned long delay)
{
	return it->env->ops->mod_delayed_on(TW_ANY_CPU, w->wq, it, delay);
}

static inline bool tw_flush(struct tw_item *it)
{
	return it->env->ops->flush(it);
}

static inline void tw_flush_wq(struct tw_wq *w)
{
	w->env->ops->flush_wq(w->wq);
}

static inline bool tw_pending(struct tw_item *it)
{
	return it->env->ops->pending(it);
}

static inline bool tw_cancel(struct tw_item *it)
{
	return it->env->ops->cancel(it);
}

static inline bool tw_cancel_sync(struct tw_item *it)
{
	return it->env->ops->cancel_sync(it);
}

/* Skips the test if its engine lacks @op. Only the kernel's own workqueue may lack one. */
#define tw_need(env, op)	tw_need_at(env, offsetof(struct tw_ops, op), #op)

/* Fails the test after tw_timeout() and names the event that did not happen. */
#define TW_WAIT(env, completion, what)						\
	KUNIT_ASSERT_TRUE_MSG((env)->test,					\
			      !!wait_for_completion_timeout(completion, tw_timeout()), \
			      "timed out waiting for %s", what)

/* For states that the test can only poll for. */
#define TW_POLL(env, cond, what)						\
	do {									\
		unsigned long _end = jiffies + tw_timeout();			\
		unsigned int _us = 0;						\
		bool _ok;							\
										\
		while (!(_ok = (cond)) && time_before(jiffies, _end))		\
			_us = tw_pause(_us);					\
		KUNIT_ASSERT_TRUE_MSG((env)->test, _ok,				\
				      "timed out waiting for %s", what);	\
	} while (0)

/* How long a test gives the kernel's own workqueue to show that it does not have a known fault. */
#define TW_KNOWN_FAULT_WAIT	(HZ / 4)

/* The parameter native_repaired: the kernel was patched, and has no known fault any more. */
extern bool tw_native_repaired;

/* True if this run tests the kernel's own workqueue, on a kernel with the fault @known. */
static inline bool tw_known_fault(struct tw_env *env, bool known)
{
	return known && !tw_native_repaired && env->engine == &tw_engines[TW_NATIVE];
}

/*
 * True if @cond becomes true in time. That is tw_timeout(), or only
 * TW_KNOWN_FAULT_WAIT in a run with a known fault.
 */
#define TW_HAPPENS(known, cond)							\
({										\
	unsigned long _last = jiffies + ((known) ? TW_KNOWN_FAULT_WAIT : tw_timeout()); \
	unsigned int _pause = 0;						\
	bool _true;								\
										\
	while (!(_true = (cond)) && time_before(jiffies, _last))		\
		_pause = tw_pause(_pause);					\
	_true;									\
})

/* @happened must be true, except in a run with a known fault, where it must be false. */
static inline void tw_expect_known(struct tw_env *env, bool known, bool happened, const char *what)
{
	KUNIT_EXPECT_EQ_MSG(env->test, happened, !known, known ?
			    "this kernel no longer has the fault that compat.h says: %s" :
			    "timed out waiting for %s", what);
}

/*
 * As TW_POLL(), for events that the kernel's own workqueue is known to miss.
 * @fault is a CMWQ2_NATIVE_* of compat.h. On a kernel with that fault the native run
 * fails if @cond becomes true, so that a kernel which has repaired the fault is
 * noticed. The value says whether @cond became true. If it is false, the test must free
 * the stuck items before it ends, because the cleanup drains the queues.
 */
#define TW_POLL_KNOWN(env, fault, cond, what)					\
({										\
	bool _known = tw_known_fault(env, fault);				\
	bool _happened = TW_HAPPENS(_known, cond);				\
										\
	tw_expect_known(env, _known, _happened, what);				\
	_happened;								\
})

static inline void tw_wait_started(struct tw_item *it, const char *what)
{
	TW_WAIT(it->env, &it->started, what);
}

static inline void tw_wait_done(struct tw_item *it, const char *what)
{
	TW_WAIT(it->env, &it->done, what);
}

static inline struct cmwq2_pool_stats tw_stats(struct tw_wq *w, int cpu)
{
	struct cmwq2_pool_stats st = { .id = -1 };

	KUNIT_EXPECT_EQ(w->env->test, cmwq2_pool_stats(w->wq, cpu, &st), 0);
	return st;
}

static inline struct cmwq2_wq_stats tw_wq_stats(struct tw_wq *w)
{
	struct cmwq2_wq_stats st = {};

	cmwq2_wq_stats(w->wq, &st);
	return st;
}

/* Lasts until the next such call or the end of the test. */
static inline void tw_fault_create(struct tw_wq *w, int cpu, enum cmwq2_create how)
{
	cmwq2_fault_create(w->wq, cpu, how);
}

static inline bool tw_pool_idle(struct tw_wq *w, int cpu)
{
	struct cmwq2_pool_stats st = tw_stats(w, cpu);

	return st.nr_idle == st.nr_workers && !st.nr_kicked && !st.nr_running;
}

#endif /* CMWQ2_KUNIT_ENV_H */
