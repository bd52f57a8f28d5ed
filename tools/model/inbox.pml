/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The inbox of an unbound pool: an enqueue that finds pool->lock taken leaves its item there.
 *
 * The model follows src/base/inbox.c, src/core/queue.c, src/lab/policy/inbox.h and src/place/attrs.c.
 * Documentation/model.rst says which step of the model stands for which code. inbox.toml
 * lists the runs and their expected results. Memory is ordered here: tools/litmus/inbox-*.litmus
 * check the barriers.
 *
 * Each access to the lock, the inbox, the slot and the policy is a step of its own. Only
 * what a context does to the pool while it has the lock is put together. Every step prints what it
 * does. A line that begins with "##" names a violation.
 */

#define SWITCH_INBOX	1	/* the policy is switched on, and off again, at any time */
#define SWITCH_PWQ	2	/* the pwq is replaced at any time */

#ifndef SWITCH
#define SWITCH		0	/* bits of these; without the first one, the policy is always on */
#endif
#ifndef CANCELS
#define CANCELS		1	/* 1: item 2 is cancelled at any time */
#endif

/* Deliberate faults. At most one of them is defined as 1. */
#ifndef FAULT_NOT_EMPTIED
#define FAULT_NOT_EMPTIED	0	/* whoever takes the lock does not empty the inbox */
#endif
#ifndef FAULT_HOLDER_NO_LOOK
#define FAULT_HOLDER_NO_LOOK	0	/* whoever drops the lock does not look into the inbox */
#endif
#ifndef FAULT_POST_NO_LOOK
#define FAULT_POST_NO_LOOK	0	/* an enqueue that has posted does not look whether the lock is free */
#endif
#ifndef FAULT_LOOK_ONCE
#define FAULT_LOOK_ONCE		0	/* whoever has emptied the inbox after the unlock does not look again */
#endif
#ifndef FAULT_LOOK_FIRST
#define FAULT_LOOK_FIRST	0	/* whoever drops the lock looks into the inbox before that */
#endif
#ifndef FAULT_LAST_FIRST
#define FAULT_LAST_FIRST	0	/* the newest item is moved first */
#endif
#ifndef FAULT_FLAG_CLEARED
#define FAULT_FLAG_CLEARED	0	/* after the policy is switched off, holders of the lock no longer look */
#endif
#ifndef FAULT_POSTED_TAKEN
#define FAULT_POSTED_TAKEN	0	/* a cancel takes an item that is on no list yet */
#endif
#ifndef FAULT_NO_GRACE_PERIOD
#define FAULT_NO_GRACE_PERIOD	0	/* a replaced pwq loses its references at once */
#endif
#ifndef FAULT_SLOT_READ_ONCE
#define FAULT_SLOT_READ_ONCE	0	/* an enqueue posts without a second look at the slot */
#endif

#define ITEMS		3	/* items 0 and 1 are the first enqueuer's, in this order */
#define ENQUEUERS	2

/* Each step prints the number of its context. tools/checks/model.py has the names. */
#define FIRST_ENQUEUER  0	/* enqueuer 0 */
#define SECOND_ENQUEUER 1	/* enqueuer 1 */
#define WORKER          2	/* worker */
#define FLUSHER         3	/* flush */
#define CANCELLER       4	/* canceller */
#define POLICY          5	/* policy */
#define ATTRS           6	/* attrs */
#define SAY(who)	printf("context %d:\n", who)

/* NEW: not enqueued. POSTING: the data word names the pwq. ELSEWHERE: enqueued on the new pwq. */
mtype = { NEW, POSTING, IN_INBOX, PENDING, ELSEWHERE, CANCELLED };

typedef list {
	byte n;			/* how many */
	byte x[ITEMS];		/* [0] is the oldest */
};

bool locked;			/* pool->lock */
bool flag = !(SWITCH & SWITCH_INBOX);		/* CMWQ2_POOL_INBOX */
bool open = !(SWITCH & SWITCH_INBOX);		/* pool->inbox_state */
list inbox;
list worklist;
mtype state[ITEMS] = NEW;
bool returned[ITEMS];		/* its enqueue has returned */

bool mutex;			/* cmwq2_pool_mutex */
bool replaced;			/* the slot has the new pwq */
byte refs = 1;			/* of the old pwq: of its slot, and of the items on the worklist */
bool reading[ENQUEUERS];	/* is in an RCU read-side section */
byte section[ENQUEUERS];	/* which one */

/* Used only within a step, so they are no part of the state. */
hidden byte i, j, moved;

inline push(l, y)
{
	l.x[l.n] = y;
	l.n++
}

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

/* cmwq2_insert_and_pick(). Needs the lock. */
inline insert(y, who)
{
	if
	:: refs == 0 -> printf("## dead pwq: item %d is put on a pwq without a reference\n", y); assert(false)
	:: else
	fi;
	refs++;
	push(worklist, y);
	state[y] = PENDING;
	SAY(who); printf("  item %d is on the worklist (insert_and_pick)\n", y)
}

/* cmwq2_inbox_empty(). Needs the lock. */
inline move_all(who)
{
	do
	:: inbox.n > 0 ->
		moved = (FAULT_LAST_FIRST -> inbox.x[inbox.n - 1] : inbox.x[0]);
		insert(moved, who);
		del(inbox, moved)
	:: inbox.n == 0 -> break
	od
}

/* cmwq2_pool_lock(), once the lock is taken. */
inline took_lock(who)
{
	d_step {
		if
		:: flag && inbox.n > 0 && !FAULT_NOT_EMPTIED -> move_all(who)
		:: else
		fi
	}
}

/* cmwq2_inbox_look() */
inline look(who)
{
	do
	:: inbox.n == 0 -> break
	:: inbox.n > 0 ->
		if
		:: locked -> SAY(who); printf("  finds the lock taken (inbox_look)\n"); break
		:: atomic { !locked -> locked = true }
		   d_step { SAY(who); printf("  empties the inbox (inbox_look)\n"); move_all(who) }
		   locked = false;
		   if
		   :: FAULT_LOOK_ONCE -> break
		   :: !FAULT_LOOK_ONCE
		   fi
		fi
	od
}

/* cmwq2_pool_unlock() */
inline unlock(who)
{
#if FAULT_LOOK_FIRST
	d_step { looks = flag && inbox.n > 0 };
	d_step { locked = false; SAY(who); printf("  drops the lock (pool_unlock)\n") };
#else
	d_step { looks = flag && !FAULT_HOLDER_NO_LOOK; locked = false; SAY(who); printf("  drops the lock (pool_unlock)\n") };
#endif
	if
	:: looks -> look(who)
	:: !looks
	fi;
	looks = false
}

/*
 * src/core/queue.c. The new pwq is in another pool, which is not modelled.
 */
proctype enqueuer(byte e; byte x; byte last; mtype who)
{
	bool fresh, saw, looks;

next_item:
	skip;
	d_step { reading[e] = true; section[e]++ }
again:
	skip;
	d_step { fresh = replaced; SAY(who); printf("  looks for the pwq of item %d (lock_pwq)\n", x) }
	if
	:: fresh -> d_step { state[x] = ELSEWHERE; SAY(who); printf("  enqueues item %d on the new pwq\n", x) }
	   goto done
	:: !fresh
	fi;
	d_step { saw = open; SAY(who); printf("  finds the inbox %d (lock_target)\n", saw) }
	if
	:: !saw -> goto wait
	:: saw && locked ->
		SAY(who); printf("  does not get the lock (lock_or_post)\n");
		if
		:: replaced && !FAULT_SLOT_READ_ONCE -> goto wait
		:: else
		fi;
		d_step { state[x] = POSTING; SAY(who); printf("  is about to post item %d (inbox_post)\n", x) }
		d_step { push(inbox, x); state[x] = IN_INBOX; SAY(who); printf("  item %d is in the inbox (inbox_post)\n", x) }
		if
		:: !FAULT_POST_NO_LOOK -> look(who)
		:: FAULT_POST_NO_LOOK
		fi;
		goto done
	:: atomic { saw && !locked -> locked = true }
	   goto have
	fi;
wait:
	atomic { !locked -> locked = true }
have:
	took_lock(who);
	if
	:: refs == 0 ->
		unlock(who);
		goto again
	:: refs > 0 -> d_step { insert(x, who) }
	   unlock(who)
	fi;
done:
	skip;
	d_step {
		reading[e] = false;
		returned[x] = true;
		fresh = false;
		saw = false
	}
	if
	:: x < last -> x++; goto next_item
	:: x == last
	fi
}

/*
 * A context that has the lock for a reason of its own, such as a worker that becomes idle. If there is a cancel, that
 * takes its place.
 */
proctype holder()
{
	bool looks;

	atomic { !locked -> locked = true; SAY(WORKER); printf("  has the lock (worker_thread)\n") }
	took_lock(WORKER);
	unlock(WORKER)
}

/* Waits for item 0, whose enqueue has returned: src/wait/flush.c, src/wait/barrier.c. */
proctype flush()
{
	bool looks;

	returned[0];
	atomic { !locked -> locked = true; SAY(FLUSHER); printf("  has the lock (start_wait)\n") }
	took_lock(FLUSHER);
	d_step {
		if
		:: state[0] == IN_INBOX -> printf("## not seen: a flush does not find item 0\n"); assert(false)
		:: else
		fi
	}
	unlock(FLUSHER)
}

/* src/wait/cancel.c */
proctype cancel()
{
	bool looks, again;

	state[2] != NEW;
	do
	:: state[2] == ELSEWHERE -> break
	:: state[2] != ELSEWHERE ->
		atomic { !locked -> locked = true; SAY(CANCELLER); printf("  has the lock (try_grab)\n") }
		took_lock(CANCELLER);
		d_step {
			again = state[2] == POSTING || state[2] == IN_INBOX;
			if
			:: again && FAULT_POSTED_TAKEN ->
				printf("## no list: a cancel takes item 2, which is on no list\n"); assert(false)
			:: !again && state[2] == PENDING ->
				del(worklist, 2);
				refs--;
				state[2] = CANCELLED;
				SAY(CANCELLER); printf("  item 2 is cancelled (unqueue)\n")
			:: else
			fi
		}
		unlock(CANCELLER);
		if
		:: again -> again = false; state[2] != POSTING
		:: !again -> break
		fi
	od
}

/* src/lab/policy/inbox.h, src/lab/choices.c */
proctype switcher()
{
	bool looks;

	atomic { !mutex -> mutex = true }
	atomic { !locked -> locked = true }
	took_lock(POLICY);
	d_step { flag = true; open = true; SAY(POLICY); printf("  is switched on (change_pool)\n") }
	unlock(POLICY);
	mutex = false;

	atomic { !mutex -> mutex = true }
	atomic { !locked -> locked = true }
	took_lock(POLICY);
	d_step {
		open = false;
		flag = !FAULT_FLAG_CLEARED;
		SAY(POLICY); printf("  is switched off (change_pool)\n")
	}
	unlock(POLICY);
	mutex = false
}

/* src/place/attrs.c */
proctype replacer()
{
	bool looks;
	byte first, second;

	atomic { !mutex -> mutex = true }
	d_step { replaced = true; SAY(ATTRS); printf("  the pwq is replaced (set_install)\n") }
	if
	:: flag && !FAULT_NO_GRACE_PERIOD ->
		d_step {
			first = (reading[0] -> section[0] : 0);
			second = (reading[1] -> section[1] : 0)
		}
		!reading[0] || section[0] != first;
		!reading[1] || section[1] != second;
		d_step { first = 0; second = 0; SAY(ATTRS); printf("  a grace period is over (wait_for_posts)\n") }
	:: else
	fi;
	atomic { !locked -> locked = true }
	took_lock(ATTRS);
	d_step { refs--; SAY(ATTRS); printf("  drops the reference of the slot, %d are left (pwq_put)\n", refs) }
	unlock(ATTRS);
	mutex = false
}

/*
 * When no process can go on, all items must be where a worker finds them, in their order.
 */
proctype judge()
{
	timeout;
	d_step {
		if
		:: locked -> printf("## stuck: the lock is taken\n"); assert(false)
		:: else
		fi;
		if
		:: inbox.n > 0 -> printf("## lost: item %d is in the inbox, and nobody looks\n", inbox.x[0]); assert(false)
		:: else
		fi;
		if
		:: state[0] == NEW || state[1] == NEW || state[2] == NEW ->
			printf("## stuck: an item was not enqueued\n"); assert(false)
		:: else
		fi;
		i = 0;
		do
		:: i < worklist.n && worklist.x[i] == 1 && state[0] == PENDING ->
			printf("## order: item 1 is before item 0\n"); assert(false)
		:: i < worklist.n && worklist.x[i] == 2 -> i++
		:: i == worklist.n || worklist.x[i] == 0 || state[0] != PENDING -> break
		od
	}
}

init
{
	atomic {
		run enqueuer(0, 0, 1, FIRST_ENQUEUER);
		run enqueuer(1, 2, 2, SECOND_ENQUEUER);
		run flush();
#if CANCELS
		run cancel();
#endif
#if !CANCELS
		run holder();
#endif
#if SWITCH & SWITCH_INBOX
		run switcher();
#endif
#if SWITCH & SWITCH_PWQ
		run replacer();
#endif
		run judge()
	}
}

/*
 * The forbidden behaviour: the schedule goes on for ever, and an item is on no list. The loop at the end lets the
 * search go on after all items are enqueued, so that one search finds both this and every violation.
 */
#define OVER(x)		(state[x] == PENDING || state[x] == ELSEWHERE || state[x] == CANCELLED)
#define ALL_OVER	(OVER(0) && OVER(1) && OVER(2))
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
