/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One pool: how it kicks and wakes workers, how they become idle, and how they are culled.
 *
 * The model follows src/core/kick.c, src/core/idle.c, src/core/worker.c, src/core/process.c,
 * src/core/queue.c, src/core/sched.c, src/lab/pick.c, src/lab/choices.c and the policies claim,
 * concurrency, pick, wake and wakeup in src/lab/policy/. Documentation/model.rst says which step
 * of the model stands for which code. rows.toml lists the runs and their expected results.
 *
 * A critical section of pool->lock is one atomic step, unless a context without the lock
 * can run in between. Then the section has several steps, and `locked` stays true
 * throughout. Every step prints what it does, with the names of the engine's functions.
 * The checker shows these lines when it replays a schedule. A line that begins with "##"
 * names a violation.
 */

/* The parameters, set by -D of spin. The bits of claims and wake levels are those of src/base/types.h. */
#define CLAIMS_LIST	1	/* the kicked worker moves to kicked_list */
#define CLAIMS_FIRST	2	/* the next kick picks it again */
#define CLAIMS_BUSY	4	/* it no longer counts as idle, and is not picked again */
#define CLAIMS_FLAG	8	/* it gets worker->kicked, and stays on idle_list */
#define CLAIMS_ONCE	16	/* it counts as called, and is not picked again: wakeup=needed */
#define KICK_ENQUEUE	1
#define KICK_PROCESS	2
#define KICK_OTHER	4
#define KICK_BLOCKED	8
#define UNBOUND		0	/* the pool is unbound: running workers are not counted */
#define BOUND_TP	1	/* they are counted; the hook for a block takes pool->lock */
#define BOUND_PN	2	/* they are counted; the hook has no lock, and kicks by irq_work */
#define MANAGED_TP	3	/* the pool is unbound with concurrency=managed: counted as in BOUND_TP */
#define MANAGED_PN	4	/* the same, counted as in BOUND_PN */
#define SWITCH_NONE	0
#define SWITCH_CLAIM	1	/* to any other claim */
#define SWITCH_WAKEUP	2	/* from always to needed, or from needed to always */
#define SWITCH_CONCURRENCY 3	/* from free to managed, or from managed to free */
#define SWITCH_CPUS	4	/* a CPU of the pod goes online or offline: the pod has one or two */
#ifndef CLAIM
#define CLAIM		0
#endif
#ifndef WAKE
#define WAKE		(KICK_ENQUEUE | KICK_PROCESS)
#endif
#ifndef POOL
#define POOL		UNBOUND
#endif
/* The number of online CPUs of an unbound pool's pod. */
#ifndef CPUS
#define CPUS		2
#endif
/* 1: wakeup=needed. */
#ifndef WAKEUP
#define WAKEUP		0
#endif
#ifndef MIN_IDLE
#define MIN_IDLE	2
#endif
#ifndef WORKERS
#define WORKERS		3	/* the most that the pool can have */
#endif
#ifndef ITEMS
#define ITEMS		3
#endif
#define ENQUEUERS	2
/*
 * 0: any idle worker may be old enough whenever the culler looks. Otherwise the idle timeout passes at most this many
 * times, and a worker that becomes idle after the last time is never old enough.
 */
#ifndef TIMEOUTS
#define TIMEOUTS	0
#endif
/* What is switched once, at any time. */
#ifndef SWITCH
#define SWITCH		SWITCH_NONE
#endif
/* 1 or 2: workers are picked by CPU. Any idle worker may be picked, because any of them may have slept on any CPU. */
#ifndef PICK
#define PICK		0
#endif
/* 1: it is a violation to reap a kicked worker while an item is pending, even if another worker will take the item. */
#ifndef STRICT
#define STRICT		0
#endif

/* Deliberate faults. At most one of them is defined as 1. */
#ifndef FAULT_NO_RECHECK
#define FAULT_NO_RECHECK	0	/* a worker sleeps after an item even if others are pending */
#endif
#ifndef FAULT_SLEEP_UNLOCKED
#define FAULT_SLEEP_UNLOCKED	0	/* a worker sets its task state after it drops the lock */
#endif
#ifndef FAULT_CULL_HEAD
#define FAULT_CULL_HEAD		0	/* culling begins at the end from which kicks pick */
#endif
#ifndef FAULT_CULL_TWICE
#define FAULT_CULL_TWICE	0	/* a dying worker stays on its list */
#endif
#ifndef FAULT_WAKE_DROPPED
#define FAULT_WAKE_DROPPED	0	/* an enqueuer does not wake the worker on its wake list */
#endif
#ifndef FAULT_NO_UNCOUNT
#define FAULT_NO_UNCOUNT	0	/* a block does not decrement nr_running */
#endif
#ifndef FAULT_CLAIM_DROPPED
#define FAULT_CLAIM_DROPPED	0	/* a switch puts kicked workers at the tail and kicks nobody */
#endif
#ifndef FAULT_NO_MANAGER
#define FAULT_NO_MANAGER	0	/* the last idle worker does not become the manager */
#endif
#ifndef FAULT_NO_BARRIER
#define FAULT_NO_BARRIER	0	/* no smp_mb() in cmwq2_sched_order_insert() */
#endif
#ifndef FAULT_LOOK_FIRST
#define FAULT_LOOK_FIRST	0	/* the hook reads worklist before it decrements nr_running */
#endif
#ifndef FAULT_NO_SECOND_LOOK
#define FAULT_NO_SECOND_LOOK	0	/* a worker that stops does not look at worklist again */
#endif
#ifndef FAULT_NO_CHAIN
#define FAULT_NO_CHAIN		0	/* a worker that begins an item kicks nobody */
#endif
#ifndef FAULT_BLOCK_WANTS_ZERO
#define FAULT_BLOCK_WANTS_ZERO	0	/* a block kicks only if no worker runs any more */
#endif
#ifndef FAULT_SAVED_TOO_OFTEN
#define FAULT_SAVED_TOO_OFTEN	0	/* a kick is saved if one worker fewer is running or called than may be */
#endif
#ifndef FAULT_ROOM_NOT_BACK
#define FAULT_ROOM_NOT_BACK	0	/* cmwq2_unkick() does not give the room of a called worker back */
#endif
#ifndef FAULT_CALLED_TOO_LONG
#define FAULT_CALLED_TOO_LONG	0	/* a worker counts as called until it is idle again */
#endif
#ifndef FAULT_CALLED_AGAIN
#define FAULT_CALLED_AGAIN	0	/* a kick looks for a worker among the called ones */
#endif
#ifndef FAULT_STAYS_LISTED
#define FAULT_STAYS_LISTED	0	/* a worker picked by its CPU stays on the list of that CPU */
#endif
#ifndef FAULT_OTHER_LISTED
#define FAULT_OTHER_LISTED	0	/* a worker that is not picked by its CPU stays on the list of its CPU */
#endif
#ifndef FAULT_SWITCH_NO_KICK
#define FAULT_SWITCH_NO_KICK	0	/* a switch kicks nobody */
#endif
#ifndef FAULT_CALLS_SURVIVE
#define FAULT_CALLS_SURVIVE	0	/* a switch makes all room free, but called workers stay called */
#endif
#ifndef FAULT_STAYS_COUNTED
#define FAULT_STAYS_COUNTED	0	/* after a switch to concurrency=free, workers that run stay counted */
#endif
#ifndef FAULT_WANTED_FIRST
#define FAULT_WANTED_FIRST	0	/* the pn hook reads pool->wanted before it decrements nr_running */
#endif
#ifndef FAULT_POD_NO_BARRIER
#define FAULT_POD_NO_BARRIER	0	/* no cmwq2_sched_order_insert() in cmwq2_pod_changed() */
#endif

#define COUNTED		(POOL != UNBOUND)
#define BOUND		(POOL == BOUND_TP || POOL == BOUND_PN)
#define HOOK_TP		(POOL == BOUND_TP || POOL == MANAGED_TP)
#define HOOK_PN		(POOL == BOUND_PN || POOL == MANAGED_PN)
#define ANY		(WORKERS + 1)	/* more workers than there can be, in the engine INT_MAX */

#define NOBODY		WORKERS
/* The wake lists: first those of the enqueuers, then of the workers, then of the irq_work and of a switch. */
#define ENQUEUER(e)	(e)
#define WORKER(w)	(ENQUEUERS + (w))
#define IRQ_WORK	(ENQUEUERS + WORKERS)
#define POLICY		(ENQUEUERS + WORKERS + 1)
#define WAKE_LISTS	(ENQUEUERS + WORKERS + 2)

/* A worker that is AWAKE looks at the worklist soon. IN_ITEM: it does so after the item. LEAVING: it is blocking. */
mtype = { GONE, ASLEEP, AWAKE, IN_ITEM, LEAVING, BLOCKED };

typedef list {
	byte n;			/* how many */
	byte w[WORKERS];	/* [0] is the head */
};

/* struct cmwq2_pool. Items are numbered in the order of the worklist, which holds the items taken to queued - 1. */
bool locked;
byte claim = CLAIM;
bool needed = WAKEUP;		/* wakeup=needed */
bool counts = COUNTED;		/* running workers are counted: the pool is bound, or has concurrency=managed */
byte cpus = CPUS;
byte queued, taken;
byte visible, visible_cpus = CPUS;	/* the values of queued and cpus that a context without the lock sees */
byte nr_running, nr_idle;
short room;
list idle_list, kicked_list;
bool idle_since_kick, managed, irq_pending;
byte waiting_item;

/* struct cmwq2_worker and its task. */
mtype task[WORKERS] = GONE;
bool idle[WORKERS];		/* CMWQ2_WORKER_IDLE */
bool dying[WORKERS];		/* CMWQ2_WORKER_DIE */
bool kicked[WORKERS];		/* CMWQ2_KICKED_FLAG */
bool called[WORKERS];		/* CMWQ2_KICKED_CALLED */
bool counted[WORKERS];
bool listed[WORKERS];		/* worker->on_cpu is on a list */
bool old[WORKERS];		/* last_active is an idle timeout ago */

byte wake_list[WAKE_LISTS] = NOBODY;

/* For the judge: a bit for each item that is done; which workers were picked and have not looked at worklist since. */
byte done;
bool owes_look[WORKERS];
#define ALL_DONE	(done == (1 << ITEMS) - 1)

/* Used only within a step, so they are no part of the state. */
hidden byte i, j, pick;
/* The worker that a kick finds by its CPU. It is chosen by choose(), and the next step uses it. */
byte near = NOBODY;

/* What follows from the policies: pool->claims, pool->wanted, and pool->room if no worker is called. */
#define CLAIMS		(claim | (needed -> CLAIMS_LIST | CLAIMS_ONCE : 0))
#define WANTED_OF(n)	(!counts -> ANY : (BOUND -> 1 : (n)))
#define WANTED		WANTED_OF(cpus)
#define ALL_ROOM	(needed && cpus < WANTED -> cpus : WANTED)

#define PENDING		(queued != taken)
#define NEED_MORE	(PENDING && nr_running < WANTED)
#define NEED_TO_CREATE	(NEED_MORE && nr_idle == 0)

/*
 * Lists
 */
inline list_add(l, x)
{
	for (i : 1 .. l.n) {
		l.w[l.n - i + 1] = l.w[l.n - i];
	}
	l.w[0] = x;
	l.n++;
}

inline list_add_tail(l, x)
{
	l.w[l.n] = x;
	l.n++;
}

/* Does nothing if x is not on the list. */
inline list_del(l, x)
{
	j = 0;
	for (i : 0 .. WORKERS - 1) {
		if
		:: i < l.n && l.w[i] == x -> j = 1
		:: else
		fi;
		if
		:: j == 1 && i + 1 < l.n -> l.w[i] = l.w[i + 1]
		:: else
		fi
	}
	if
	:: j == 1 -> l.n--; l.w[l.n] = 0
	:: else
	fi
}

/*
 * src/core/kick.c
 */
inline first_idle()
{
	if
	:: !(CLAIMS & CLAIMS_BUSY) && (!(CLAIMS & CLAIMS_ONCE) || FAULT_CALLED_AGAIN) && kicked_list.n > 0 &&
	   (idle_list.n == 0 || !idle_since_kick || (CLAIMS & CLAIMS_FIRST)) -> pick = kicked_list.w[0]
	:: else ->
		if
		:: idle_list.n > 0 -> pick = idle_list.w[0]
		:: else -> pick = NOBODY
		fi
	fi
}

/*
 * src/lab/pick.c. The model has no CPUs. So a kick may find any worker that is on the list of some CPU. This is a step
 * before that of the kick, because nothing is chosen within a d_step. No other context runs in between.
 */
inline choose()
{
#if PICK
	if
	:: listed[0] -> near = 0
	:: listed[1] -> near = 1
	:: listed[2] -> near = 2
	:: listed[WORKERS - 1] -> near = WORKERS - 1
	:: else -> near = NOBODY
	fi
#else
	skip
#endif
}

/* cmwq2_pick() and cmwq2_pick_by_cpu() */
inline pick_worker(who)
{
	if
	:: PICK && !(who & KICK_OTHER) && idle_list.n > 0 && near != NOBODY ->
		pick = near;
		printf("  finds worker %d by its CPU (pick_by_cpu)\n", pick);
		list_del(idle_list, pick);
		list_del(kicked_list, pick);
		list_add(idle_list, pick);
		if
		:: (CLAIMS & CLAIMS_LIST) && !FAULT_STAYS_LISTED -> listed[pick] = false
		:: else
		fi
	:: else ->
		first_idle();
		if
		:: pick != NOBODY && (CLAIMS & CLAIMS_LIST) && !FAULT_OTHER_LISTED -> listed[pick] = false
		:: else
		fi
	fi;
	near = NOBODY
}

/* src/lab/policy/claim.h */
inline do_claim(x)
{
	if
	:: CLAIMS & CLAIMS_FLAG -> kicked[x] = true
	:: else
	fi;
	if
	:: CLAIMS & CLAIMS_ONCE -> called[x] = true; room--
	:: else
	fi;
	if
	:: CLAIMS & CLAIMS_BUSY -> idle[x] = false; nr_idle--
	:: else
	fi;
	if
	:: CLAIMS & CLAIMS_LIST ->
		list_del(idle_list, x);
		list_del(kicked_list, x);
		list_add(kicked_list, x);
		idle_since_kick = false
	:: else
	fi
}

/* cmwq2_unkick() */
inline unkick(x)
{
	if
	:: called[x] && !FAULT_ROOM_NOT_BACK -> room++
	:: else
	fi;
	called[x] = false;
	kicked[x] = false
}

/* A task that blocks in an item stays blocked, because such code must tolerate spurious wakeups. */
inline wake_task(x)
{
	if
	:: task[x] == ASLEEP -> task[x] = AWAKE; printf("  wakes worker %d (wake_up_process)\n", x)
	:: else -> printf("  wakes worker %d, which is awake (wake_up_process)\n", x)
	fi
}

/* cmwq2_wake(). Bits of @who that are not in WAKE wake at once. */
inline wake(who, wl, x)
{
	if
	:: WAKE & who -> wake_list[wl] = x
	:: else -> wake_task(x)
	fi
}

#define NR_CALLED	(called[0] + called[1] + called[2] + (WORKERS > 3 && called[WORKERS - 1]))

inline kick_pool_pick(who, wl)
{
	if
	:: !PENDING -> near = NOBODY
	:: PENDING && nr_running + FAULT_SAVED_TOO_OFTEN >= room ->
		near = NOBODY;
		printf("  picks no worker: %d running, room for %d (kick_pool_pick)\n", nr_running, room)
	/* cmwq2_wakeup_is_saved() */
	:: PENDING && nr_running + FAULT_SAVED_TOO_OFTEN < room && NR_CALLED > 0 && NR_CALLED >= queued - taken ->
		near = NOBODY;
		printf("  picks no worker: %d are called for %d items (wakeup_is_saved)\n", NR_CALLED, queued - taken)
	:: else ->
		pick_worker(who);
		if
		:: pick == NOBODY -> printf("  picks no worker: none is idle (kick_pool_pick)\n")
		:: else ->
			printf("  picks worker %d (kick_pool_pick)\n", pick);
			do_claim(pick);
			owes_look[pick] = true;
			wake(who, wl, pick)
		fi
	fi
}

/* Runs after the lock was dropped. A worker that has ended is not on the list. In the engine RCU keeps its task. */
inline wake_up(wl)
{
	if
	:: d_step {
		wake_list[wl] != NOBODY ->
		printf("wake list %d:\n", wl);
		wake_task(wake_list[wl]);
		wake_list[wl] = NOBODY
	   }
	:: else
	fi
}

/*
 * src/core/idle.c. With so few workers, the ratio of idle to busy workers never prevents culling.
 */
inline enter_idle(x)
{
	if
	:: idle_list.n == WORKERS -> printf("## idle_list holds a worker that was reaped\n"); assert(false)
	:: else
	fi;
	list_add(idle_list, x);
	idle_since_kick = true;
	idle[x] = true;
	old[x] = false;
	listed[x] = PICK != 0;
	if
	:: FAULT_CALLED_TOO_LONG -> unkick(x)
	:: else
	fi;
	nr_idle++
}

inline leave_idle(x)
{
	if
	:: idle[x] -> idle[x] = false; nr_idle--
	:: else
	fi;
	if
	:: !FAULT_CALLED_TOO_LONG -> unkick(x)
	:: else
	fi;
	old[x] = false;
	listed[x] = false;
	list_del(idle_list, x);
	list_del(kicked_list, x)
}

#define TOO_MANY	(nr_idle + managed > MIN_IDLE)
#define OLD(x)		(TIMEOUTS == 0 || old[x])
#define CULLABLE(x)	(!kicked[x] && !called[x] && OLD(x))

inline oldest_idle()
{
	pick = NOBODY;
	for (i : 1 .. idle_list.n) {
#if FAULT_CULL_HEAD
		j = idle_list.w[i - 1];
#else
		j = idle_list.w[idle_list.n - i];
#endif
		if
		:: pick == NOBODY && CULLABLE(j) -> pick = j
		:: else
		fi
	}
}

/* Whether oldest_idle() would find a worker. This is written out because a guard cannot loop. */
#define ON_IDLE(at)	(idle_list.n > at && CULLABLE(idle_list.w[at]))
#if WORKERS == 3
#define HAS_OLDEST	(ON_IDLE(0) || ON_IDLE(1) || ON_IDLE(2))
#elif WORKERS == 4
#define HAS_OLDEST	(ON_IDLE(0) || ON_IDLE(1) || ON_IDLE(2) || ON_IDLE(3))
#else
#error "WORKERS: 3 or 4"
#endif

/* Checks that a worker other than x will look at worklist: it is awake or in an item, or is about to be woken. */
inline check_others_look(x)
{
	j = irq_pending;
	for (i : 0 .. WORKERS - 1) {
		j = j || (i != x && !dying[i] && (task[i] == AWAKE || task[i] == IN_ITEM || task[i] == LEAVING))
	}
	for (i : 0 .. WAKE_LISTS - 1) {
		j = j || (wake_list[i] != NOBODY && wake_list[i] != x)
	}
	if
	:: PENDING && !j ->
		printf("## reaps worker %d: item %d is pending and nothing else will look at it\n", x, taken);
		assert(false)
	:: else
	fi
}

inline set_dying(x)
{
	if
	:: dying[x] || task[x] == GONE -> printf("## reaps worker %d twice\n", x); assert(false)
	:: else
	fi;
	if
	:: !idle[x] -> printf("## reaps worker %d, which is not idle\n", x); assert(false)
	:: else
	fi;
	if
	:: STRICT && PENDING && owes_look[x] ->
		printf("## reaps worker %d, which was picked but has not looked at the worklist: item %d is pending\n", x, taken);
		assert(false)
	:: else
	fi;
	dying[x] = true;
	nr_idle--;
	unkick(x);
	listed[x] = false;
	check_others_look(x);
#if !FAULT_CULL_TWICE
	list_del(idle_list, x);
	list_del(kicked_list, x)
#endif
}

/* A worker that the culler has marked needs no other wakeup, because kthread_stop() wakes it at some time. */
proctype culler()
{
end:
	do
	:: d_step {
		!locked && TOO_MANY && HAS_OLDEST ->
		oldest_idle();
		printf("culler: marks worker %d dying, %d idle (worker_set_dying)\n", pick, nr_idle);
		set_dying(pick)
	   }
	od
}

/* The idle timeout. */
proctype clock()
{
	byte n;
end:
	do
	:: d_step {
		n < TIMEOUTS ->
		n++;
		printf("clock: the idle timeout passes\n");
		for (i : 0 .. WORKERS - 1) {
			old[i] = idle[i]
		}
		skip
	   }
	:: n == TIMEOUTS -> break
	od
}

/*
 * src/core/queue.c. Without the barrier, other CPUs may not see the insertion before the lock is dropped.
 */
proctype enqueuer(byte e)
{
end:
	do
	:: d_step {
		!locked && queued < ITEMS ->
		locked = true;
		printf("enqueuer %d: inserts item %d (insert_work)\n", e, queued);
		queued++;
		if
		:: !FAULT_NO_BARRIER -> visible = queued
		:: else
		fi
	   }
	   atomic {
		choose();
		d_step {
			printf("enqueuer %d:\n", e);
			kick_pool_pick(KICK_ENQUEUE, ENQUEUER(e));
#if FAULT_NO_BARRIER
		}
	   }
	   atomic {
		d_step {
#endif
			if
			:: FAULT_WAKE_DROPPED -> wake_list[ENQUEUER(e)] = NOBODY
			:: else
			fi;
			visible = queued;
			locked = false
		}
	   }
	   wake_up(ENQUEUER(e))
	od
}

/*
 * One item, any but the last, may wait for the last item, as a flush does. Only one item waits, because the pool cannot
 * create more workers than WORKERS. In a pool that counts its running workers all other items may sleep for a while.
 * If such a pool may run two workers at once, the item that waits may also keep its CPU busy meanwhile.
 */
#define MAY_BLOCK(x)	((x) == waiting_item || COUNTED)
#define MAY_COMPUTE(x)	((x) == waiting_item && COUNTED && !BOUND && CPUS > 1 && SWITCH != SWITCH_CPUS)
#define MAY_GO_ON(x)	((x) != waiting_item || (done & (1 << (ITEMS - 1))))

inline count(x)
{
	if
	:: counts && !counted[x] -> counted[x] = true; nr_running++
	:: else
	fi
}

inline uncount(x)
{
	if
	:: counted[x] -> counted[x] = false; nr_running--
	:: else
	fi
}

/* A pool that does not count its running workers any more ends the counts of those that it has counted. */
inline uncount_all()
{
	for (i : 0 .. WORKERS - 1) {
		if
		:: !counts && !FAULT_STAYS_COUNTED -> uncount(i)
		:: else
		fi
	}
}

/*
 * src/core/sched.c. The scan timer is not modelled, so the results hold without this safety net.
 */
proctype irq_work()
{
end:
	do
	:: d_step {
		irq_pending && !locked ->
		irq_pending = false;
		printf("irq_work:\n");
		uncount_all();
		kick_pool_pick(KICK_OTHER, IRQ_WORK)
	   }
	   wake_up(IRQ_WORK)
	od
}

/* What cmwq2_worker_uncount() returns if it has left @nr workers running. */
#define TOO_FEW(nr)	((nr) < (FAULT_BLOCK_WANTS_ZERO -> 1 : WANTED_OF(visible_cpus)))

/* An item goes to sleep: the steps until the task is off its CPU. */
inline block(x)
{
#if !COUNTED
	d_step {
		task[x] = BLOCKED;
		printf("worker %d: blocks in item %d\n", x, item)
	}
#elif HOOK_TP
	atomic {
		!locked;
		choose();
		d_step {
			printf("worker %d: blocks in item %d (tp_block)\n", x, item);
			if
			:: counted[x] && !FAULT_NO_UNCOUNT ->
				uncount(x);
				if
				:: TOO_FEW(nr_running) -> kick_pool_pick(KICK_BLOCKED, WORKER(x))
				:: else
				fi
			:: else
			fi;
			near = NOBODY
		}
	}
	wake_up(WORKER(x));
	task[x] = BLOCKED
#else
	/* The second step sees what this one has left, even if a worker has been counted since. */
	d_step {
		printf("worker %d: blocks in item %d (pn_out)\n", x, item);
		task[x] = LEAVING;
		left = ANY;
		if
		:: FAULT_LOOK_FIRST -> left = (visible != taken -> 0 : ANY)
		:: FAULT_WANTED_FIRST -> left = WANTED
		:: !FAULT_LOOK_FIRST && !FAULT_WANTED_FIRST && !FAULT_NO_UNCOUNT && counted[x] -> uncount(x); left = nr_running
		:: else
		fi
	}
	d_step {
		if
		:: FAULT_LOOK_FIRST -> uncount(x); irq_pending = irq_pending || (left == 0 && TOO_FEW(nr_running))
		:: FAULT_WANTED_FIRST -> uncount(x); irq_pending = irq_pending || (nr_running < left && visible != taken)
		:: else -> irq_pending = irq_pending || (TOO_FEW(left) && visible != taken)
		fi;
		printf("worker %d: is off its CPU, irq_work pending: %d (pn_out)\n", x, irq_pending);
		left = 0;
		task[x] = BLOCKED
	}
#endif
}

/*
 * src/core/worker.c and src/core/process.c
 */
#define SLOT_FREE	(task[0] == GONE || task[1] == GONE || task[2] == GONE || task[WORKERS - 1] == GONE)

/* cmwq2_worker_create(). The new worker is idle, and is woken as by a kick. */
inline create_worker(x)
{
	pick = NOBODY;
	for (i : 0 .. WORKERS - 1) {
		if
		:: pick == NOBODY && task[i] == GONE -> pick = i
		:: else
		fi
	}
	printf("worker %d: creates worker %d (worker_create)\n", x, pick);
	task[pick] = ASLEEP;
	enter_idle(pick);
	wake(KICK_OTHER, WORKER(x), pick)
}

/* The thread ends. A wakeup that comes later goes to this task, and not to that of the next worker. */
inline end_thread(x)
{
	printf("worker %d: finds DIE and ends (worker_thread)\n", x);
	for (i : 0 .. WAKE_LISTS - 1) {
		if
		:: wake_list[i] == x -> wake_list[i] = NOBODY
		:: else
		fi
	}
	task[x] = GONE;
	dying[x] = false;
	idle[x] = false;
	kicked[x] = false;
	called[x] = false;
	old[x] = false;
	owes_look[x] = false
}

proctype worker(byte w)
{
	byte item;
#if HOOK_PN
	byte left;
#endif

end:	/* the task is in schedule(), has not started, or has ended */
	atomic {
		if
		:: d_step { !locked && dying[w] -> end_thread(w) }
		   goto end
		:: d_step {
			!locked && task[w] == AWAKE && !dying[w] ->
			locked = true;
			printf("worker %d: has the lock and leaves idle (worker_leave_idle)\n", w);
			owes_look[w] = false;
			leave_idle(w)
		   }
		fi;

serve:		/* with the lock */
		if
		:: !NEED_MORE -> goto sleep
		:: NEED_MORE && nr_idle == 0 && !managed && !FAULT_NO_MANAGER -> goto manage
		:: else -> count(w)
		fi;

take:		/* with the lock: assign_work(), begin_work() */
		choose();
		d_step {
			item = taken;
			taken++;
			task[w] = IN_ITEM;
			printf("worker %d: takes item %d (process_one)\n", w, item);
			if
			:: !FAULT_NO_CHAIN -> kick_pool_pick(KICK_PROCESS, WORKER(w))
			:: else -> near = NOBODY
			fi;
			locked = false
		}
	}
	wake_up(WORKER(w));

	if
	:: MAY_BLOCK(item) ->
		block(w);
		d_step {
			MAY_GO_ON(item) ->
			printf("worker %d: goes on with item %d (worker_recount)\n", w, item);
			task[w] = IN_ITEM;
			count(w)
		}
	:: MAY_COMPUTE(item) -> MAY_GO_ON(item)
	:: true
	fi;

	d_step {
		printf("worker %d: has run item %d\n", w, item);
		done = done | (1 << item);
		task[w] = AWAKE;
		item = 0
	}
	atomic {
		d_step { !locked -> locked = true; count(w) }
		if
		:: PENDING && nr_running <= WANTED && !FAULT_NO_RECHECK -> goto take
		:: else
		fi
	}
	/* These are three steps, because another worker's block may count down in between, without the lock. */
	d_step {
		printf("worker %d: stops, %d pending, %d others running (serve)\n", w, queued - taken, nr_running - counted[w]);
		uncount(w)
	}
	if
	:: !FAULT_NO_RECHECK && !FAULT_NO_SECOND_LOOK -> goto serve
	:: else
	fi;

sleep:	/* with the lock */
	atomic {
		skip;
		d_step {
			printf("worker %d: becomes idle (worker_enter_idle)\n", w);
			enter_idle(w);
			if
			:: !FAULT_SLEEP_UNLOCKED -> task[w] = ASLEEP
			:: else
			fi;
			locked = false
		}
	}
#if FAULT_SLEEP_UNLOCKED
	d_step {
		printf("worker %d: sets its state and sleeps (worker_thread)\n", w);
		task[w] = ASLEEP
	}
#endif
	goto end;

manage:	/* with the lock */
	atomic {
		skip;
		d_step {
			printf("worker %d: becomes the manager (manage)\n", w);
			managed = true;
			locked = false
		}
	}
create:
	if
	:: d_step { !locked && SLOT_FREE -> create_worker(w) }
	   wake_up(WORKER(w))
	:: !SLOT_FREE && !NEED_TO_CREATE
	fi;
	atomic {
		d_step { !locked -> locked = true }
		if
		:: NEED_TO_CREATE -> locked = false; goto create
		:: else
		fi;
		d_step {
			printf("worker %d: is no longer the manager (manage)\n", w);
			managed = false
		}
		goto serve
	}
}

/*
 * src/lab/choices.c: cmwq2_policy_apply(). It begins with cmwq2_unclaim_all(), which undoes the claims of the old
 * policy.
 */
inline policy_apply()
{
	do
	:: kicked_list.n > 0 ->
		kicked_list.n--;
		pick = kicked_list.w[kicked_list.n];
		kicked_list.w[kicked_list.n] = 0;
		if
		:: !idle[pick] -> idle[pick] = true; nr_idle++
		:: else
		fi;
		if
		:: FAULT_CLAIM_DROPPED -> list_add_tail(idle_list, pick)
		:: else -> list_add(idle_list, pick)
		fi
	:: else -> break
	od;
	for (i : 0 .. WORKERS - 1) {
		if
		:: !FAULT_CALLS_SURVIVE -> unkick(i)
		:: else
		fi;
		listed[i] = PICK && idle[i]
	}
	room = ALL_ROOM
}

/* cmwq2_change_pool() */
inline change_pool()
{
	policy_apply();
	irq_pending = irq_pending || ((PENDING || nr_running > 0) && !FAULT_SWITCH_NO_KICK && !FAULT_CLAIM_DROPPED)
}

inline switch_claim(to)
{
	printf("policy: claim is switched from %d to %d (change_pool)\n", claim, to);
	claim = to;
	change_pool()
}

#if SWITCH
proctype policy()
{
#if SWITCH == SWITCH_CLAIM
	if
	:: d_step { !locked && claim != 0 -> switch_claim(0) }
	:: d_step { !locked && claim != CLAIMS_LIST -> switch_claim(CLAIMS_LIST) }
	:: d_step { !locked && claim != (CLAIMS_LIST | CLAIMS_FIRST) -> switch_claim(CLAIMS_LIST | CLAIMS_FIRST) }
	:: d_step { !locked && claim != (CLAIMS_LIST | CLAIMS_BUSY) -> switch_claim(CLAIMS_LIST | CLAIMS_BUSY) }
	:: d_step { !locked && claim != CLAIMS_FLAG -> switch_claim(CLAIMS_FLAG) }
	fi
#elif SWITCH == SWITCH_WAKEUP
	d_step {
		!locked ->
		needed = !needed;
		printf("policy: wakeup is switched, needed: %d (change_pool)\n", needed);
		change_pool()
	}
#elif SWITCH == SWITCH_CONCURRENCY
	d_step {
		!locked ->
		counts = !counts;
		printf("policy: concurrency is switched, managed: %d (change_pool)\n", counts);
		change_pool()
	}
#elif SWITCH == SWITCH_CPUS
	d_step {
		!locked ->
		locked = true;
		cpus = 3 - cpus;
		if
		:: !FAULT_POD_NO_BARRIER -> visible_cpus = cpus
		:: else
		fi;
		printf("policy: the pod has %d CPUs (pod_changed)\n", cpus);
		policy_apply()
	}
	d_step {
		printf("policy:\n");
		if
		:: !FAULT_SWITCH_NO_KICK -> kick_pool_pick(KICK_OTHER, POLICY)
		:: else
		fi;
#if FAULT_POD_NO_BARRIER
	}
	d_step {
#endif
		visible_cpus = cpus;
		locked = false
	}
	wake_up(POLICY)
#endif
}
#endif

/*
 * Whenever the lock is free, items are pending, and fewer workers run than the pool wants, then some context is about
 * to look at the worklist: a worker that is awake, or that will be woken, or the hook. Otherwise the items would wait,
 * for as long as the items that run take, although a CPU is idle. It does not matter whether the pool counts right.
 */
#define RUNS(x)		(task[x] == IN_ITEM)
#define RUNNERS		(RUNS(0) + RUNS(1) + RUNS(2) + (WORKERS > 3 && RUNS(WORKERS - 1)))
#define LOOKS(x)	(task[x] == LEAVING || (task[x] == AWAKE && !dying[x]))
#define WILL_WAKE(l)	(wake_list[l] != NOBODY && task[wake_list[l]] == ASLEEP && !dying[wake_list[l]])
#define ANY_LOOKS	(LOOKS(0) || LOOKS(1) || LOOKS(2) || LOOKS(WORKERS - 1) || irq_pending)
#define ANY_WILL_WAKE	(WILL_WAKE(0) || WILL_WAKE(1) || WILL_WAKE(2) || WILL_WAKE(3) || WILL_WAKE(4) || \
			 WILL_WAKE(5) || WILL_WAKE(6) || WILL_WAKE(WAKE_LISTS - 1))

proctype watcher()
{
end:
	d_step {
		!locked && PENDING && (nr_running < WANTED || RUNNERS < WANTED) && !ANY_LOOKS && !ANY_WILL_WAKE ->
		printf("## item %d waits and no worker is on its way: %d run items, %d count as running\n",
		       taken, RUNNERS, nr_running);
		assert(false)
	}
}

/*
 * When no process can go on, all items must be done.
 */
proctype judge()
{
	timeout;
	d_step {
		if
		:: !ALL_DONE -> printf("## stranded: done %d, %d pending, all workers sleep\n", done, queued - taken); assert(false)
		:: else
		fi;
		if
		:: locked || managed || irq_pending ->
			printf("## stuck: locked %d, a manager %d, irq_work pending %d\n", locked, managed, irq_pending);
			assert(false)
		:: else
		fi;
		if
		:: room != ALL_ROOM ->
			printf("## leak: room for %d workers, although none is called\n", room);
			assert(false)
		:: else
		fi;
		j = 0;
		for (i : 0 .. WORKERS - 1) {
			j = j + (idle[i] && !dying[i]);
			if
			:: owes_look[i] -> printf("## lost kick: worker %d was picked, but never looked at the worklist\n", i); assert(false)
			:: else
			fi
		}
		if
		:: j != nr_idle -> printf("## leak: %d workers count as idle, but %d are\n", nr_idle, j); assert(false)
		:: else
		fi
	}
}

init
{
	byte n;

	if
	:: n = 1
	:: n = 2
	:: n = WORKERS
	fi;
	select(waiting_item : 0 .. ITEMS - 2);
#if SWITCH == SWITCH_CONCURRENCY
	if
	:: counts = true
	:: counts = false
	fi;
#endif
	skip;
	d_step {
		room = ALL_ROOM;
		for (i : 0 .. n - 1) {
			list_add_tail(idle_list, i);
			idle[i] = true;
			listed[i] = PICK != 0;
			task[i] = ASLEEP
		}
		printf("pool: %d workers, all idle; item %d may wait for the last one\n", n, waiting_item);
		nr_idle = n;
		n = 0
	}
	atomic {
		run enqueuer(0);
		run enqueuer(1);
		run worker(0);
		run worker(1);
		run worker(2);
#if WORKERS == 4
		run worker(3);
#endif
		run culler();
#if TIMEOUTS
		run clock();
#endif
#if HOOK_PN || SWITCH
		run irq_work();
#endif
#if SWITCH
		run policy();
#endif
		run watcher();
		run judge()
	}
}

/*
 * The forbidden behaviour: the schedule goes on for ever, and an item is never done. The loop at the end lets the
 * search go on after all items are done, so that one search finds both this and every violation.
 */
never {
accept_waiting:
	if
	:: !ALL_DONE -> goto accept_waiting
	:: ALL_DONE
	fi;
	do
	:: true
	od
}
