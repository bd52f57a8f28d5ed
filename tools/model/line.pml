/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One unbound queue with two pools on one node: which pwq gets a slot of max_active,
 * and which worker is kicked for it.
 *
 * The model follows src/core/active.c, src/wait/cancel.c and src/core/queue.c.
 * Documentation/model.rst says which step of the model stands for which code. line.toml
 * lists the runs and their expected results. Here a kick is one step that wakes an idle
 * worker. kick.pml models kicks and culling in detail.
 *
 * A critical section of pool->lock is one atomic step, unless a context without the lock
 * can run in between. Then the section has several steps, and `locked` stays true
 * throughout. A critical section of nna->lock is one step. Every step prints what it does,
 * with the names of the engine's functions. The checker shows these lines when it replays
 * a schedule. A line that begins with "##" names a violation.
 */

#ifndef LIMIT
#define LIMIT		2	/* max_active at the start; 0 is a frozen queue */
#endif
#ifndef RAISED
#define RAISED		2	/* at some time max_active is raised to this */
#endif
#ifndef CANCELS
#define CANCELS		1	/* at most this many items are cancelled */
#endif

#ifndef ITEMS
#define ITEMS		4	/* 3 or 4 */
#endif

/* Deliberate faults. At most one of them is defined as 1. */
#ifndef FAULT_CANCEL_NO_KICK
#define FAULT_CANCEL_NO_KICK	0	/* a cancel does not kick the pool whose item gets the slot */
#endif
#ifndef FAULT_CHANGED_NO_KICK
#define FAULT_CHANGED_NO_KICK	0	/* a cancel that has locked another pool does not kick its own */
#endif
#ifndef FAULT_STAYS_IN_LINE
#define FAULT_STAYS_IN_LINE	0	/* a pwq without inactive items stays in the line */
#endif
#ifndef FAULT_FILL_NO_KICK
#define FAULT_FILL_NO_KICK	0	/* a raised limit activates items, but kicks no worker */
#endif
#ifndef FAULT_NO_CHAIN
#define FAULT_NO_CHAIN		0	/* a worker that takes an item does not kick the next one */
#endif
#ifndef FAULT_NO_SECOND_TAKE
#define FAULT_NO_SECOND_TAKE	0	/* a pwq in the line does not look again for a free slot */
#endif
#ifndef FAULT_LINE_FIRST
#define FAULT_LINE_FIRST	0	/* the line is read before the slot is given back */
#endif

#define POOLS		2
#define WORKERS		2	/* of each pool: one of them may be busy for long */
#define NOBODY		ITEMS
#define LAST		(ITEMS - 1)
/* Item 1 is item 0 queued again. While item 0 runs, its worker gets item 1. */
#define RERUN		1

/* NEW: not queued yet. SCHEDULED: handed to the worker that still runs the same item. */
mtype = { NEW, INACTIVE, PENDING, SCHEDULED, RUNS, DONE, CANCELLED };
mtype = { ASLEEP, AWAKE };

typedef list {
	byte n;			/* how many */
	byte x[ITEMS];		/* [0] is the head */
};

/* The pools, and the pwq that the queue has in each of them. */
bool locked[POOLS];
list worklist[POOLS];
list inactive[POOLS];
mtype task[POOLS * WORKERS] = ASLEEP;
#define WORKER(p, w)	(WORKERS * (p) + (w))

/* struct cmwq2_nna. */
byte max = LIMIT;
byte nr;
list line;			/* the pwqs that wait for a slot, by the numbers of their pools */
bool in_line[POOLS];

mtype state[ITEMS] = NEW;
byte home[ITEMS];		/* the pool that serves the item */
bool gated[ITEMS];		/* its function does not return before the gates are open */
bool gates_open;

/* Used only within a step, so they are no part of the state. */
hidden byte i, j, head;

#define CAN_END(x)	(gates_open || !gated[x])

inline push(l, y)
{
	l.x[l.n] = y;
	l.n++
}

/* Does nothing if y is not on the list. */
inline del(l, y)
{
	j = 0;
	for (i : 0 .. ITEMS - 1) {
		if
		:: i < l.n && l.x[i] == y -> j = 1
		:: else
		fi;
		if
		:: j == 1 && i + 1 < l.n -> l.x[i] = l.x[i + 1]
		:: else
		fi
	}
	if
	:: j == 1 -> l.n--; l.x[l.n] = 0
	:: else
	fi
}

/* Needs the lock of @p. A busy worker looks at worklist after its item, so it need not be woken. */
inline kick(p)
{
	if
	:: worklist[p].n > 0 && task[WORKER(p, 0)] == ASLEEP ->
		task[WORKER(p, 0)] = AWAKE; printf("  kicks pool %d (kick_pool_pick)\n", p)
	:: else ->
		if
		:: worklist[p].n > 0 && task[WORKER(p, 1)] == ASLEEP ->
			task[WORKER(p, 1)] = AWAKE; printf("  kicks pool %d (kick_pool_pick)\n", p)
		:: else
		fi
	fi
}

inline leave_line(p)
{
	if
	:: inactive[p].n == 0 && !FAULT_STAYS_IN_LINE -> del(line, p); in_line[p] = false
	:: else
	fi
}

/* The first inactive item goes to the worklist. The caller has taken a slot for it. */
inline activate_first(p)
{
	head = inactive[p].x[0];
	del(inactive[p], head);
	push(worklist[p], head);
	state[head] = PENDING;
	printf("  item %d of pool %d gets a slot, %d of %d taken (activate_first)\n", head, p, nr, max)
}

/*
 * cmwq2_pwq_dec_active(), with the lock of @p: gives a slot back, and activates the next item in the line. @at is the
 * pool that is locked at the moment. Afterwards @owed says whether @p must be kicked. Other contexts can print lines
 * between its steps, so each step prints the number of its context: a worker or the canceller.
 */
#define CANCELLER	(POOLS * WORKERS)
#define SAY_WHO(me)	printf("context %d:\n", me)

inline dec_active(p, me)
{
	owed = false;
	changed = false;
	at = p;
#if FAULT_LINE_FIRST
	low = line.n > 0;
	d_step { SAY_WHO(me); nr--; printf("  gives a slot back, %d of %d taken (pwq_dec_active)\n", nr, max) }
	low = low && nr < max;
#else
	d_step { SAY_WHO(me); nr--; low = nr < max; printf("  gives a slot back, %d of %d taken (pwq_dec_active)\n", nr, max) }
#endif
	do
	:: !low -> break
	:: low && line.n == 0 -> break
	:: low && line.n > 0 && line.x[0] != at ->
		d_step { head = line.x[0]; locked[at] = false; at = head; changed = true }
		d_step { !locked[at] -> locked[at] = true; SAY_WHO(me); printf("  locks pool %d to serve the line (nna_serve)\n", at) }
	:: d_step {
		low && line.n > 0 && line.x[0] == at ->
		SAY_WHO(me);
		if
		:: inactive[at].n == 0 ->
			if
			:: !FAULT_STAYS_IN_LINE ->
				printf("## in the line: pool %d has no inactive item\n", at); assert(false)
			:: else
			fi;
			del(line, at);
			in_line[at] = false
		:: inactive[at].n > 0 && nr < max ->
			nr++;
			activate_first(at);
			del(line, at);
			in_line[at] = false;
			if
			:: inactive[at].n > 0 -> push(line, at); in_line[at] = true
			:: else
			fi;
			owed = true;
			low = false
		:: else -> low = false
		fi
	   }
	od;
	if
	:: at != p ->
		d_step {
			SAY_WHO(me);
			if
			:: owed -> kick(at)
			:: else
			fi;
			owed = false;
			locked[at] = false;
			at = 0
		}
		d_step { !locked[p] -> locked[p] = true }
	:: else
	fi
}

/*
 * src/core/queue.c, src/core/active.c
 */
proctype enqueuer(byte x)
{
	bool got;

end:
	d_step {
		!locked[home[x]] && (x != RERUN || state[0] != NEW) ->
		locked[home[x]] = true;
		printf("enqueuer %d: has the lock of pool %d, %d of %d taken\n", x, home[x], nr, max);
		got = inactive[home[x]].n == 0 && !in_line[home[x]] && nr < max;
		if
		:: got -> nr++
		:: else
		fi
	}
	if
	:: !got && inactive[home[x]].n == 0 && !in_line[home[x]] ->
		d_step {
			printf("enqueuer %d: puts its pwq in the line (nna_take_or_wait)\n", x);
			push(line, home[x]);
			in_line[home[x]] = true
		}
#if !FAULT_NO_SECOND_TAKE
		d_step {
			if
			:: nr < max -> nr++; got = true; del(line, home[x]); in_line[home[x]] = false
			:: else
			fi
		}
#endif
	:: else
	fi;
	d_step {
		if
		:: got ->
			printf("enqueuer %d: item %d is on the worklist of pool %d (insert_work)\n", x, x, home[x]);
			push(worklist[home[x]], x);
			state[x] = PENDING;
			kick(home[x])
		:: else ->
			printf("enqueuer %d: item %d of pool %d is inactive (insert_work)\n", x, x, home[x]);
			push(inactive[home[x]], x);
			state[x] = INACTIVE
		fi;
		locked[home[x]] = false
	}
}

/*
 * src/core/process.c. An item that was queued again while it runs goes to the worker that runs it.
 */
proctype worker(byte p; byte w)
{
	byte x = NOBODY;
	byte at;
	bool low, owed, changed;

end:
	atomic {
		task[WORKER(p, w)] == AWAKE && !locked[p] ->
		locked[p] = true
	}
serve:	/* with the lock */
	skip;
	if
	:: d_step {
		x == NOBODY && worklist[p].n > 0 && worklist[p].x[0] == RERUN && state[0] == RUNS ->
		printf("worker %d of pool %d: hands item %d to the worker that runs it (assign_work)\n", w, p, RERUN);
		del(worklist[p], RERUN);
		state[RERUN] = SCHEDULED
	   }
	   goto serve
	:: d_step {
		x == NOBODY && worklist[p].n > 0 && !(worklist[p].x[0] == RERUN && state[0] == RUNS) ->
		x = worklist[p].x[0];
		del(worklist[p], x);
		state[x] = RUNS;
		printf("worker %d of pool %d: takes item %d (process_one)\n", w, p, x);
		if
		:: !FAULT_NO_CHAIN -> kick(p)
		:: else
		fi;
		locked[p] = false
	   }
	:: d_step {
		x != NOBODY ->
		state[x] = RUNS;
		printf("worker %d of pool %d: takes item %d, which it was handed (process_one)\n", w, p, x);
		if
		:: !FAULT_NO_CHAIN -> kick(p)
		:: else
		fi;
		locked[p] = false
	   }
	:: d_step {
		x == NOBODY && worklist[p].n == 0 ->
		printf("worker %d of pool %d: becomes idle (worker_enter_idle)\n", w, p);
		task[WORKER(p, w)] = ASLEEP;
		locked[p] = false
	   }
	   goto end
	fi;

	d_step {
		CAN_END(x) && !locked[p] ->
		locked[p] = true;
		state[x] = DONE;
		printf("worker %d of pool %d: has run item %d\n", w, p, x)
	}
	/* No kick is needed: this worker looks at worklist next. */
	dec_active(p, WORKER(p, w));
	d_step {
		if
		:: x == 0 && state[RERUN] == SCHEDULED -> x = RERUN
		:: else -> x = NOBODY
		fi;
		owed = false;
		changed = false;
		at = 0
	}
	goto serve
}

/*
 * src/wait/cancel.c
 */
#define CAN_CANCEL(x)	(!locked[home[x]] && (state[x] == INACTIVE || state[x] == PENDING || state[x] == SCHEDULED))

proctype canceller()
{
	byte n, x, at;
	bool low, owed, changed, had_slot;

end:
	do
	:: atomic {
		n < CANCELS && (CAN_CANCEL(0) || CAN_CANCEL(1) || CAN_CANCEL(2) || CAN_CANCEL(LAST)) ->
		if
		:: CAN_CANCEL(0) -> x = 0
		:: CAN_CANCEL(1) -> x = 1
		:: CAN_CANCEL(2) -> x = 2
		:: CAN_CANCEL(LAST) -> x = LAST
		fi;
		d_step {
			n++;
			locked[home[x]] = true;
			had_slot = state[x] != INACTIVE;
			printf("canceller: cancels item %d of pool %d (unqueue)\n", x, home[x]);
			del(worklist[home[x]], x);
			del(inactive[home[x]], x);
			state[x] = CANCELLED;
			leave_line(home[x])
		}
	   }
	   if
	   :: had_slot -> dec_active(home[x], CANCELLER)
	   :: else
	   fi;
	   d_step {
		SAY_WHO(CANCELLER);
		if
		:: owed && !FAULT_CANCEL_NO_KICK && !(changed && FAULT_CHANGED_NO_KICK) -> kick(home[x])
		:: else
		fi;
		locked[home[x]] = false;
		owed = false;
		changed = false;
		had_slot = false;
		at = 0;
		x = 0
	   }
	od
}

/*
 * cmwq2_adjust_max_active(), which a thaw calls as well.
 */
inline fill_one(p)
{
	d_step {
		!locked[p] ->
		if
		:: inactive[p].n > 0 && nr < max ->
			nr++;
			printf("limit:\n");
			activate_first(p);
			leave_line(p);
			started = true;
			if
			:: !FAULT_FILL_NO_KICK -> kick(p)
			:: else
			fi
		:: else
		fi
	}
}

proctype limit()
{
	bool started;

end:
	d_step { max = RAISED; printf("limit: max_active is %d now (adjust_max_active)\n", max) }
	do
	:: started = false;
	   fill_one(0);
	   fill_one(1);
	   if
	   :: !started -> break
	   :: else
	   fi
	od
}

/*
 * When no process can go on, no item may wait while a slot and a worker are free. Then the gates open and the gated
 * items end. When no process can go on again, all items must be done.
 */
inline judge_pool(p)
{
	if
	:: locked[p] -> printf("## stuck: pool %d is locked\n", p); assert(false)
	:: else
	fi;
	if
	:: worklist[p].n > 0 && (task[WORKER(p, 0)] == ASLEEP || task[WORKER(p, 1)] == ASLEEP) ->
		printf("## lost kick: item %d waits in pool %d, and a worker sleeps\n", worklist[p].x[0], p); assert(false)
	:: else
	fi;
	if
	:: inactive[p].n > 0 && nr < max ->
		printf("## slot unused: item %d waits in pool %d with %d of %d slots taken\n", inactive[p].x[0], p, nr, max);
		assert(false)
	:: else
	fi
}

proctype judge()
{
	timeout;
	d_step {
		judge_pool(0);
		judge_pool(1);
		printf("judge: gates open\n");
		gates_open = true
	}
	timeout;
	d_step {
		judge_pool(0);
		judge_pool(1);
		for (i : 0 .. ITEMS - 1) {
			if
			:: state[i] != DONE && state[i] != CANCELLED ->
				printf("## stranded: item %d never ran, %d of %d slots taken\n", i, nr, max); assert(false)
			:: else
			fi
		}
		if
		:: nr != 0 || line.n != 0 ->
			printf("## leak: %d slots are taken, %d pwqs are in the line\n", nr, line.n); assert(false)
		:: else
		fi
	}
}

init
{
	byte n;

	/* Choose the pools of items 2 and LAST, and the gated item. Items 0 and 1 are in pool 0. */
	select(n : 0 .. 1);
	home[2] = n;
	select(n : 0 .. 1);
	home[LAST] = n;
	select(n : 0 .. LAST);
	gated[n] = true;
	n = 0;
	atomic {
		run enqueuer(0);
		run enqueuer(1);
		run enqueuer(2);
#if ITEMS == 4
		run enqueuer(3);
#endif
		run worker(0, 0);
		run worker(0, 1);
		run worker(1, 0);
		run worker(1, 1);
#if CANCELS
		run canceller();
#endif
#if RAISED != LIMIT
		run limit();
#endif
		run judge()
	}
}

/*
 * The forbidden behaviour: the schedule goes on for ever, and an item is never done. The loop at the end lets the
 * search go on after all items are done, so that one search finds both this and every violation.
 */
#define OVER(x)		(state[x] == DONE || state[x] == CANCELLED)
#define ALL_OVER	(OVER(0) && OVER(1) && OVER(2) && OVER(LAST))
never {
accept_waiting:
	if
	:: !ALL_OVER -> goto accept_waiting
	:: ALL_OVER
	fi;
	do
	:: true
	od
}
