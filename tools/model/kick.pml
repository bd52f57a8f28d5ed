/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One pool: how it kicks and wakes workers, how they become idle, and how they are culled.
 *
 * The model follows src/core/kick.c, src/core/idle.c, src/core/worker.c, src/core/process.c,
 * src/core/queue.c, src/core/sched.c and src/base/param.c. Documentation/model.rst says which
 * step of the model stands for which code. rows.toml lists the runs and their expected
 * results.
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
#define KICK_ENQUEUE	1
#define KICK_PROCESS	2
#define KICK_OTHER	4
#define UNBOUND		0	/* the pool is unbound: running workers are not counted */
#define BOUND_TP	1	/* they are counted; the hook for a block takes pool->lock */
#define BOUND_PN	2	/* they are counted; the hook has no lock, and kicks by irq_work */
#ifndef CLAIM
#define CLAIM		0
#endif
#ifndef WAKE
#define WAKE		(KICK_ENQUEUE | KICK_PROCESS)
#endif
#ifndef POOL
#define POOL		UNBOUND
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
/* How often the claim is switched, to any claim and at any time. */
#ifndef SWITCHES
#define SWITCHES	0
#endif
/* 1: a kick of an enqueue may pick any idle worker, because any of them may have slept on its CPU. */
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
#define FAULT_CLAIM_DROPPED	0	/* a switch of the claim puts kicked workers at the tail */
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

#define NOBODY		WORKERS
/* The wake lists: first those of the enqueuers, then of the workers, then of the irq_work. */
#define ENQUEUER(e)	(e)
#define WORKER(w)	(ENQUEUERS + (w))
#define IRQ_WORK	(ENQUEUERS + WORKERS)
#define WAKE_LISTS	(ENQUEUERS + WORKERS + 1)

mtype = { GONE, ASLEEP, AWAKE, BLOCKED };

typedef list {
	byte n;			/* how many */
	byte w[WORKERS];	/* [0] is the head */
};

/* struct cmwq2_pool. Items are numbered in the order of the worklist, which holds the items taken to queued - 1. */
bool locked;
byte claim = CLAIM;
byte queued, taken;
byte visible;			/* the value of queued that a context without the lock sees */
byte nr_running, nr_idle;
list idle_list, kicked_list;
bool idle_since_kick, managed, irq_pending;
byte waiting_item;

/* struct cmwq2_worker and its task. */
mtype task[WORKERS] = GONE;
bool idle[WORKERS];		/* CMWQ2_WORKER_IDLE */
bool dying[WORKERS];		/* CMWQ2_WORKER_DIE */
bool kicked[WORKERS];		/* worker->kicked */
bool old[WORKERS];		/* last_active is an idle timeout ago */

byte wake_list[WAKE_LISTS] = NOBODY;

/* For the judge: a bit for each item that is done; which workers were picked and have not looked at worklist since. */
byte done;
bool owes_look[WORKERS];
#define ALL_DONE	(done == (1 << ITEMS) - 1)

/* Used only within a step, so they are no part of the state. */
hidden byte i, j, pick, near;

#define PENDING		(queued != taken)
#define NEED_MORE	(PENDING && nr_running == 0)
#define NEED_TO_CREATE	(NEED_MORE && nr_idle == 0)
#define BOUND		(POOL != UNBOUND)

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
	:: !(claim & CLAIMS_BUSY) && kicked_list.n > 0 &&
	   (idle_list.n == 0 || !idle_since_kick || (claim & CLAIMS_FIRST)) -> pick = kicked_list.w[0]
	:: else ->
		if
		:: idle_list.n > 0 -> pick = idle_list.w[0]
		:: else -> pick = NOBODY
		fi
	fi
}

/* cmwq2_pick_local(). The model has no CPUs, so the local worker may be any idle worker, or none. */
inline pick_local(who)
{
	if
	:: PICK && (who & KICK_ENQUEUE) ->
		if
		:: near = NOBODY
		:: idle_list.n > 1 -> near = idle_list.w[1]
		:: idle_list.n > 2 -> near = idle_list.w[2]
		:: idle_list.n > 3 -> near = idle_list.w[3]
		fi;
		if
		:: near == NOBODY -> skip
		:: else ->
			printf("  moves worker %d to the head of the idle list (pick_local)\n", near);
			list_del(idle_list, near);
			list_add(idle_list, near)
		fi
	:: else
	fi
}

inline do_claim(x)
{
	if
	:: claim & CLAIMS_FLAG -> kicked[x] = true
	:: claim & CLAIMS_BUSY -> idle[x] = false; nr_idle--
	:: else
	fi;
	if
	:: claim & CLAIMS_LIST ->
		list_del(idle_list, x);
		list_del(kicked_list, x);
		list_add(kicked_list, x);
		idle_since_kick = false
	:: else
	fi
}

/* A task that blocks in an item stays blocked, because such code must tolerate spurious wakeups. */
inline wake_task(x)
{
	if
	:: task[x] == ASLEEP -> task[x] = AWAKE; printf("  wakes worker %d (wake_up_process)\n", x)
	:: else -> printf("  wakes worker %d, which is awake (wake_up_process)\n", x)
	fi
}

/* cmwq2_wake() */
inline wake(who, wl, x)
{
	if
	:: WAKE & who -> wake_list[wl] = x
	:: else -> wake_task(x)
	fi
}

inline kick_pool_pick(who, wl)
{
	if
	:: !PENDING -> skip
	:: PENDING && nr_running > 0 -> printf("  picks no worker: one is running (kick_pool_pick)\n")
	:: else ->
		pick_local(who);
		first_idle();
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
	nr_idle++
}

inline leave_idle(x)
{
	if
	:: idle[x] -> idle[x] = false; nr_idle--
	:: else
	fi;
	kicked[x] = false;
	old[x] = false;
	list_del(idle_list, x);
	list_del(kicked_list, x)
}

#define TOO_MANY	(nr_idle + managed > MIN_IDLE)
#define OLD(x)		(TIMEOUTS == 0 || old[x])
#define CULLABLE(x)	(!kicked[x] && OLD(x))

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

/* Checks that a worker other than x will look at worklist: it is awake, or is about to be woken. */
inline check_others_look(x)
{
	j = irq_pending;
	for (i : 0 .. WORKERS - 1) {
		j = j || (i != x && task[i] == AWAKE && !dying[i])
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
	   d_step {
		printf("enqueuer %d:\n", e);
		kick_pool_pick(KICK_ENQUEUE, ENQUEUER(e));
#if FAULT_NO_BARRIER
	   }
	   d_step {
#endif
		if
		:: FAULT_WAKE_DROPPED -> wake_list[ENQUEUER(e)] = NOBODY
		:: else
		fi;
		visible = queued;
		locked = false
	   }
	   wake_up(ENQUEUER(e))
	od
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
		kick_pool_pick(KICK_OTHER, IRQ_WORK)
	   }
	   wake_up(IRQ_WORK)
	od
}

/*
 * One item, any but the last, may wait for the last item, as a flush does. Only one item waits, because the pool cannot
 * create more workers than WORKERS. In a bound pool all other items may sleep for a while, because the pool counts its
 * running workers.
 */
#define MAY_BLOCK(x)	((x) == waiting_item || BOUND)
#define MAY_GO_ON(x)	((x) != waiting_item || (done & (1 << (ITEMS - 1))))

inline count(x)
{
	nr_running = nr_running + BOUND
}

inline uncount(x)
{
	nr_running = nr_running - BOUND
}

/* An item goes to sleep: the steps until the task is off its CPU. */
inline block(x)
{
#if POOL == UNBOUND
	d_step {
		task[x] = BLOCKED;
		printf("worker %d: blocks in item %d\n", x, item)
	}
#elif POOL == BOUND_TP
	d_step {
		!locked ->
		printf("worker %d: blocks in item %d (tp_block)\n", x, item);
		if
		:: !FAULT_NO_UNCOUNT ->
			uncount(x);
			if
			:: nr_running == 0 -> kick_pool_pick(KICK_OTHER, WORKER(x))
			:: else
			fi
		:: else
		fi
	}
	wake_up(WORKER(x));
	task[x] = BLOCKED
#else
	d_step {
		printf("worker %d: blocks in item %d (pn_out)\n", x, item);
		if
		:: FAULT_LOOK_FIRST -> look = visible != taken
		:: !FAULT_LOOK_FIRST && !FAULT_NO_UNCOUNT -> uncount(x); look = nr_running == 0
		:: else
		fi
	}
	d_step {
		if
		:: FAULT_LOOK_FIRST -> uncount(x); irq_pending = irq_pending || (look && nr_running == 0)
		:: else -> irq_pending = irq_pending || (look && visible != taken)
		fi;
		printf("worker %d: is off its CPU, irq_work pending: %d (pn_out)\n", x, irq_pending);
		look = false;
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
	old[x] = false;
	owes_look[x] = false
}

proctype worker(byte w)
{
	byte item;
#if POOL == BOUND_PN
	bool look;
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
		skip;
		d_step {
			item = taken;
			taken++;
			printf("worker %d: takes item %d (process_one)\n", w, item);
			kick_pool_pick(KICK_PROCESS, WORKER(w));
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
			task[w] = AWAKE;
			if
			:: !FAULT_NO_UNCOUNT -> count(w)
			:: else
			fi
		}
	:: true
	fi;

	d_step {
		printf("worker %d: has run item %d\n", w, item);
		done = done | (1 << item);
		item = 0
	}
	atomic {
		d_step { !locked -> locked = true }
		if
		:: PENDING && nr_running <= 1 && !FAULT_NO_RECHECK -> goto take
		:: else
		fi
	}
	/* These are three steps, because another worker's block may count down in between, without the lock. */
	d_step {
		printf("worker %d: stops, %d pending, %d others running (serve)\n", w, queued - taken, nr_running - BOUND);
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
 * src/base/param.c. The claim is switched under the lock, and cmwq2_unclaim_all() undoes the claims of the old policy.
 */
inline switch_claim(to)
{
	printf("policy: claim is switched from %d to %d (unclaim_all)\n", claim, to);
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
		kicked[i] = false
	}
	claim = to
}

proctype policy()
{
	byte n;
end:
	do
	:: n < SWITCHES ->
		n++;
		if
		:: d_step { !locked && claim != 0 -> switch_claim(0) }
		:: d_step { !locked && claim != CLAIMS_LIST -> switch_claim(CLAIMS_LIST) }
		:: d_step { !locked && claim != (CLAIMS_LIST | CLAIMS_FIRST) -> switch_claim(CLAIMS_LIST | CLAIMS_FIRST) }
		:: d_step { !locked && claim != (CLAIMS_LIST | CLAIMS_BUSY) -> switch_claim(CLAIMS_LIST | CLAIMS_BUSY) }
		:: d_step { !locked && claim != CLAIMS_FLAG -> switch_claim(CLAIMS_FLAG) }
		fi
	:: else -> break
	od
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
		for (i : 0 .. WORKERS - 1) {
			if
			:: owes_look[i] -> printf("## lost kick: worker %d was picked, but never looked at the worklist\n", i); assert(false)
			:: else
			fi
		}
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
	skip;
	d_step {
		for (i : 0 .. n - 1) {
			list_add_tail(idle_list, i);
			idle[i] = true;
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
#if POOL == BOUND_PN
		run irq_work();
#endif
#if SWITCHES
		run policy();
#endif
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
