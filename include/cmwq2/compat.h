/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows kernel versions. The Kbuild files include it ahead
 * of every source file. The code is written for the newest kernel, and each
 * shim here gives older kernels what they lack. The comment on a shim names the
 * version and the commit that made it necessary, and says when it can be
 * dropped.
 */
#ifndef CMWQ2_COMPAT_H
#define CMWQ2_COMPAT_H

#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/nodemask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/timer.h>
#include <linux/topology.h>
#include <linux/version.h>
#include <linux/wait.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "cmwq2 supports kernels from 6.1 on"
#endif

#ifndef CONFIG_64BIT
#error "cmwq2 needs a 64-bit kernel: the data word holds a pool id and a disable depth"
#endif

/*
 * sched_entry_tp and sched_exit_tp are exported to modules since v7.2. Drop the
 * version half of the test when 7.1 and older are no longer supported.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0) && defined(CONFIG_TRACEPOINTS)
#define CMWQ2_HAVE_SCHED_TP	1
#endif

/*
 * cpumask_weight_and() exists since v6.3 (cb32c285cc10), and later updates of
 * 6.1 have it, too. So the shim has a name of its own. Drop with 6.2.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline unsigned int cmwq2_cpumask_weight_and(const struct cpumask *a,
						    const struct cpumask *b)
{
	unsigned int cpu, nr = 0;

	for_each_cpu_and(cpu, a, b)
		nr++;
	return nr;
}

#define cpumask_weight_and	cmwq2_cpumask_weight_and
#endif

/*
 * 6.12 has this attribute, and 6.1 does not. It keeps CONFIG_INIT_STACK_ALL_ZERO from
 * clearing a variable. Compilers that do not know it warn about it, so it is tested. Drop
 * with 6.11.
 */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized	__attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

/*
 * Proxy execution (v6.17) leaves a task that waits for a mutex on the runqueue,
 * so that the mutex's owner can run in its place. v7.3 has a flag for this
 * state. Drop the last branch with 7.2.
 */
static inline bool cmwq2_task_is_proxied(struct task_struct *p)
{
#ifndef CONFIG_SCHED_PROXY_EXEC
	return false;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
	return data_race(READ_ONCE(p->is_blocked)); /* stored with the runqueue locked */
#else
	return data_race(READ_ONCE(p->blocked_on)); /* the same */
#endif
}

/*
 * Whether @p left the CPU to sleep, as opposed to having been preempted. The scheduler
 * writes some of these fields with plain stores and its locks held. Whoever asks without
 * them gets an answer that was true a moment ago, so this is a data_race().
 * Delayed dequeue (152e11f6df29, v6.12) leaves a sleeper on the runqueue for a
 * while. Drop the #else branch with 6.11.
 */
static inline bool cmwq2_task_blocked(struct task_struct *p)
{
	if (!READ_ONCE(p->on_rq) || cmwq2_task_is_proxied(p))
		return true;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return data_race(READ_ONCE(p->se.sched_delayed)); /* stored with the runqueue locked */
#else
	return false;
#endif
}

/*
 * Whether @p waits for a spinlock, or has just got it. On PREEMPT_RT it can sleep
 * meanwhile. schedule() tells the kernel's own workqueue of a worker that goes to sleep,
 * but not in this case, so the pool starts no other item.
 */
static inline bool cmwq2_task_waits_for_spinlock(struct task_struct *p)
{
	return IS_ENABLED(CONFIG_PREEMPT_RT) && READ_ONCE(p->__state) & TASK_RTLOCK_WAIT;
}

/* Whether @p is on a CPU now. A kernel without SMP need not have the field. */
static inline bool cmwq2_task_on_cpu(struct task_struct *p)
{
#ifdef CONFIG_SMP
	return READ_ONCE(p->on_cpu);
#else
	return !cmwq2_task_blocked(p);
#endif
}

/*
 * The scheduler's figures for a thread's CPU time and for its moves from CPU to
 * CPU. They are not an API: check them with each new version.
 *
 * The first grows at each tick and each switch, in nanoseconds. The second is
 * what the tick charged to the thread, a tick at a time. The scheduler adds to them with
 * plain stores and its locks held, so a read without them is a data_race().
 */
static inline u64 cmwq2_task_runtime(struct task_struct *p)
{
	return data_race(READ_ONCE(p->se.sum_exec_runtime)); /* see above */
}

static inline u64 cmwq2_task_ticks(struct task_struct *p)
{
	return data_race(READ_ONCE(p->stime)); /* see above */
}

static inline u64 cmwq2_task_migrations(struct task_struct *p)
{
	return data_race(READ_ONCE(p->se.nr_migrations)); /* see above */
}

/*
 * The mark of a thread that belongs to one CPU. kthread_set_per_cpu() sets it,
 * and the scheduler's is_cpu_allowed() tests it. Neither function is exported.
 * The structure below is the beginning of struct kthread, and the constant is
 * the number of the bit. Both are the same in 6.1, 6.12, 7.2 and 7.3, but
 * private to kernel/kthread.c, so check them with each new version. src/core/home.c
 * compares real threads before it relies on them.
 */
struct cmwq2_kthread {
	unsigned long	flags;
	unsigned int	cpu;
};

#define CMWQ2_KTHREAD_IS_PER_CPU	0

static inline struct cmwq2_kthread *cmwq2_kthread(struct task_struct *p)
{
	/* The thread may change other flags at the same time, but not this one. */
	return data_race(p->flags) & PF_KTHREAD ? p->worker_private : NULL;
}

/* True for a thread that the kernel has marked as that of @cpu and not told to stop. */
static inline bool cmwq2_kthread_looks_marked(struct task_struct *p, unsigned int cpu)
{
	struct cmwq2_kthread *kthread = cmwq2_kthread(p);

	return kthread && READ_ONCE(kthread->flags) == BIT(CMWQ2_KTHREAD_IS_PER_CPU) &&
	       READ_ONCE(kthread->cpu) == cpu;
}

/* True for a thread that belongs to no CPU and is not told to stop. */
static inline bool cmwq2_kthread_looks_unmarked(struct task_struct *p)
{
	struct cmwq2_kthread *kthread = cmwq2_kthread(p);

	return kthread && !READ_ONCE(kthread->flags);
}

static inline void cmwq2_kthread_mark(struct task_struct *p, bool on)
{
	if (on)
		set_bit(CMWQ2_KTHREAD_IS_PER_CPU, &cmwq2_kthread(p)->flags);
	else
		clear_bit(CMWQ2_KTHREAD_IS_PER_CPU, &cmwq2_kthread(p)->flags);
}

/*
 * Whether sched_show_task() may be called for a task that is running. UML walks
 * the stack from where it was when the task last slept, and KASAN reports that
 * as out of bounds.
 */
#define CMWQ2_CAN_SHOW_RUNNING	(!IS_ENABLED(CONFIG_UML))

/*
 * The key of a sysrq handler is a u8 since v6.6. Drop with 6.5.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define CMWQ2_SYSRQ_KEY	int
#else
#define CMWQ2_SYSRQ_KEY	u8
#endif

/*
 * kthread_stop_put() exists since v6.7 (6309727ef271). Drop with 6.6.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline int cmwq2_kthread_stop_put(struct task_struct *p)
{
	int ret = kthread_stop(p);

	put_task_struct(p);
	return ret;
}
#else
#define cmwq2_kthread_stop_put(p)	kthread_stop_put(p)
#endif

/*
 * Since v6.14 (b04e317b5226) kthread_run_worker() starts the thread and
 * kthread_create_worker() no longer does. Drop with 6.13.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define cmwq2_kthread_run_worker(fmt, ...) \
	kthread_create_worker(0, fmt, ##__VA_ARGS__)
#else
#define cmwq2_kthread_run_worker(fmt, ...) \
	kthread_run_worker(0, fmt, ##__VA_ARGS__)
#endif

/*
 * destroy_timer_on_stack() became timer_destroy_on_stack() in v6.16
 * (aad823aa3a7d). Drop with 6.15.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define cmwq2_timer_destroy_on_stack(t)	destroy_timer_on_stack(t)
#else
#define cmwq2_timer_destroy_on_stack(t)	timer_destroy_on_stack(t)
#endif

/*
 * add_timer_global() exists since v6.9. Before that, add_timer() already lets
 * the timer migrate. Drop with 6.8.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#define cmwq2_add_timer_global(t)	add_timer(t)
#else
#define cmwq2_add_timer_global(t)	add_timer_global(t)
#endif

/*
 * call_rcu_hurry() exists since v6.2, in which call_rcu() began to delay its
 * callbacks. Drop with 6.1.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define cmwq2_call_rcu_hurry(head, func)	call_rcu(head, func)
#else
#define cmwq2_call_rcu_hurry(head, func)	call_rcu_hurry(head, func)
#endif

/*
 * A number that is the same for all CPUs with a common last-level cache.
 * cpus_share_cache() is not exported. Until v6.7 (b9655e702dc5) x86 exported
 * the function get_llc_id(); since then it has an inline function. Elsewhere
 * the NUMA node serves. Drop the branch for older versions with 6.6.
 */
#ifdef CONFIG_X86
#include <asm/processor.h>
#include <asm/smp.h>
static inline int cmwq2_llc_id(int cpu)
{
#if !defined(CONFIG_SMP)
	return 0;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return get_llc_id(cpu);
#else
	return per_cpu_llc_id(cpu);
#endif
}
#elif defined(CONFIG_UML)
/* In UML every CPU has a cache of its own, as the scheduler sees it. */
static inline int cmwq2_llc_id(int cpu)
{
	return cpu;
}
#else
static inline int cmwq2_llc_id(int cpu)
{
	return cpu_to_node(cpu);
}
#endif

/*
 * WQ_PERCPU exists since v6.17 (930c2ea566af). Before that, a queue that is not
 * WQ_UNBOUND is per CPU. The flag is an enum member, so the preprocessor cannot
 * test for it. Drop with 6.16.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/workqueue.h>
#ifndef WQ_PERCPU
#define WQ_PERCPU	0
#endif
#endif

/* hrtimer_setup() exists since v6.13 (908a1d775422). Drop with 6.12. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *timer),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/*
 * Whether the kernel's own workqueue has WQ_BH and its system queues, which
 * came in v6.9. WQ_BH is an enum member as well. Drop with 6.8.
 */
#define CMWQ2_HAVE_NATIVE_BH	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0))

/*
 * Since v6.16 (97d06802d10a) the read method of a binary sysfs attribute takes
 * the attribute as const. Drop with 6.15.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define CMWQ2_BIN_ATTRIBUTE	struct bin_attribute
#else
#define CMWQ2_BIN_ATTRIBUTE	const struct bin_attribute
#endif

/*
 * Since v6.10 __assign_str() takes its source from __string(). Drop with 6.9.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define CMWQ2_ASSIGN_STR(dst, src)	__assign_str(dst, src)
#else
#define CMWQ2_ASSIGN_STR(dst, src)	__assign_str(dst)
#endif

/*
 * A bus can be registered as const since v6.12 at the latest, but not in v6.1.
 * Drop with 6.11.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define CMWQ2_BUS_TYPE		struct bus_type
#else
#define CMWQ2_BUS_TYPE		const struct bus_type
#endif

/*
 * The kernel's own ordered workqueues may be in sysfs since v7.2 at the latest,
 * but not in v6.12. Drop with 7.1.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#define CMWQ2_NATIVE_ORDERED_SYSFS	0
#else
#define CMWQ2_NATIVE_ORDERED_SYSFS	WQ_SYSFS
#endif

/*
 * Features of the kernel's own workqueue, for the tests that run on both
 * engines. The system queues with new names came in v6.17 and, as a fix, to
 * 6.12; there they are taken to be missing. Drop each macro together with the
 * kernels that are older than its version.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define CMWQ2_NATIVE_HAS_HOG	1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define CMWQ2_NATIVE_HAS_DISABLE	1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define CMWQ2_NATIVE_HAS_SYSTEM_DFL	1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define CMWQ2_NATIVE_HAS_SYSTEM_DFL_LONG	1
#define CMWQ2_NATIVE_HAS_DEVM		1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define CMWQ2_NATIVE_HAS_MEM_RECLAIM	1
#endif

/*
 * Whether the kernel's own workqueue makes an item active when the item is
 * cancelled while it waits for max_active. 6.1 does, 6.12 does not. Drop with
 * 6.8.
 */
#define CMWQ2_NATIVE_CANCEL_ACTIVATES	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0))

/*
 * KUnit as the suites use it; kunit/Kbuild defines CMWQ2_KUNIT.
 */
#ifdef CMWQ2_KUNIT
#include <kunit/resource.h>
#include <kunit/test.h>

/*
 * 6.1 has nothing of what follows, and 6.12 has all of it. Drop it with the
 * last kernel before 6.12.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#ifndef KUNIT_ARRAY_PARAM_DESC
#define KUNIT_ARRAY_PARAM_DESC(name, array, member)				\
	static void name##_get_desc(typeof(&(array)[0]) param, char *desc)	\
	{									\
		strscpy(desc, param->member, KUNIT_PARAM_DESC_SIZE);		\
	}									\
	KUNIT_ARRAY_PARAM(name, array, name##_get_desc)
#endif

#ifndef KUNIT_FAIL_AND_ABORT
#define KUNIT_FAIL_AND_ABORT(test, fmt, ...)	\
	KUNIT_ASSERT_TRUE_MSG(test, false, fmt, ##__VA_ARGS__)
#endif

/* A hint for those who run all tests of a kernel, without effect here. */
#ifndef KUNIT_CASE_SLOW
#define KUNIT_CASE_SLOW(fn)	KUNIT_CASE(fn)
#endif

#ifndef KUNIT_CASE_PARAM_ATTR
#define KUNIT_CASE_PARAM_ATTR(fn, gen, ...)	KUNIT_CASE_PARAM(fn, gen)
#endif
#endif /* before 6.12 */

/*
 * kunit_add_action_or_reset() exists since v6.5. Drop with 6.4.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
struct cmwq2_kunit_action {
	void	(*fn)(void *ctx);
	void	*ctx;
};

static inline void cmwq2_kunit_act(struct kunit_resource *res)
{
	struct cmwq2_kunit_action *action = res->data;

	action->fn(action->ctx);
	kfree(action);
}

static inline int kunit_add_action_or_reset(struct kunit *test, void (*fn)(void *ctx), void *ctx)
{
	struct cmwq2_kunit_action *action = kmalloc(sizeof(*action), GFP_KERNEL);

	if (action) {
		action->fn = fn;
		action->ctx = ctx;
		if (kunit_alloc_resource(test, NULL, cmwq2_kunit_act, GFP_KERNEL, action))
			return 0;
		kfree(action);
	}
	fn(ctx);
	return -ENOMEM;
}
#endif

/*
 * Since v6.6 KUnit selects suites of a module by filter_glob, once the module
 * is live. Before that, it runs all suites before the module knows its
 * parameters, keeps 512 characters of a case's output, and does not report that
 * one of a case's parameters was skipped. On these kernels the module itself
 * selects the suites, and prints a line about each skip for the harness. Drop
 * with 6.5.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define CMWQ2_KUNIT_BY_HAND	1
#undef kunit_mark_skipped
#define kunit_mark_skipped(test, fmt, ...)					\
	do {									\
		kunit_info(test, "SKIP " fmt, ##__VA_ARGS__);			\
		WRITE_ONCE((test)->status, KUNIT_SKIPPED);			\
		scnprintf((test)->status_comment, KUNIT_STATUS_COMMENT_SIZE,	\
			  fmt, ##__VA_ARGS__);					\
	} while (0)
#endif
#endif /* CMWQ2_KUNIT */

/*
 * Faults of the kernel's own workqueue that cmwq2 does not have. The suites run
 * on both engines and expect the kernel to show these, see TW_POLL_KNOWN() in
 * kunit/env.h. Each comment says in which version the fault was seen.
 */

/*
 * A cancel that gives a slot of max_active to another item, or a flush's barrier to
 * the worklist, wakes no worker for it. Seen in 7.3.4.
 */
#define CMWQ2_NATIVE_CANCEL_KICKS_NOBODY	1

/*
 * destroy_workqueue() warns and does not free the queue while the barrier of a flush or
 * of a synchronous cancel is on the queue, even if no item is left. Seen in 7.3.4.
 */
#define CMWQ2_NATIVE_DESTROY_MEETS_BARRIER	1

/*
 * A drain looks at one pwq after the other. An item that has not been looked at may queue
 * another one to a pwq that was found empty, and end. Then the drain returns although an item
 * is left, and destroy_workqueue() warns and does not free the queue. Seen in 7.3.4.
 */
#define CMWQ2_NATIVE_DRAIN_MISSES_ITEM		1

/*
 * A pwq that was served after max_active had been raised, or whose inactive
 * items were cancelled, still counts as waiting for its node. New items then
 * wait in line although nobody is ahead of them. The fault exists since the
 * limit applies to a node, v6.9. Seen in 7.3.4.
 */
#define CMWQ2_NATIVE_STAYS_IN_LINE	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0))

/*
 * If an item with a broken list entry is queued, the kernel warns and does not
 * queue it. But the item stays pending, so that it can be neither queued nor
 * cancelled. Seen in 7.3.4.
 */
#define CMWQ2_NATIVE_KEEPS_BROKEN_PENDING	1

/*
 * A flush of an item that runs and is pending again waits for the pending instance only.
 * If that is cancelled meanwhile, the flush may return while the item still runs. Seen in
 * 7.3.4.
 */
#define CMWQ2_NATIVE_FLUSH_MISSES_RUN	1

/*
 * Whether a rescuer of the kernel's own workqueue takes all pending items of its queue at a
 * time. Since v7.0 it takes one. Drop with 6.19.
 */
#define CMWQ2_NATIVE_RESCUES_ALL	(LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0))

/*
 * Wake a task and make it run on this CPU, if it may. The flag that says so to the
 * scheduler, WF_CURRENT_CPU, exists since v6.6 (ab83f455f04d). It is in the scheduler's
 * own header, so its number is repeated here. Older kernels are told that the waker is
 * about to sleep (WF_SYNC), which is a weaker hint. Drop the #else branch with 6.5.
 */
static inline void cmwq2_wake_up_here(struct task_struct *p)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	const int flags = 0x40;
#else
	const int flags = 0x10;
#endif
	wait_queue_entry_t entry = { .private = p };

	default_wake_function(&entry, TASK_NORMAL, flags, NULL);
}

#endif /* CMWQ2_COMPAT_H */
