/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the verdict: verdict.c judges pools, verdict_line.c judges items
 * that wait elsewhere, and verdict_text.c notes workers and writes the text.
 *
 * A finding is collected under one lock at a time. Each lock is held for a
 * bounded number of workers or items. The text is written with no lock held.
 */
#ifndef CMWQ2_VERDICT_H
#define CMWQ2_VERDICT_H

#include <linux/jiffies.h>

#include <cmwq2/workqueue.h>

#include "base/types.h"
#include "base/work.h"
#include "look/look.h"
#include "look/rules.h"
#include "look/show.h"

#define CMWQ2_SEEN		4	/* workers that a paragraph names */

enum cmwq2_role {
	CMWQ2_ROLE_RUNS,
	CMWQ2_ROLE_CREATES,
	CMWQ2_ROLE_PICKED,
};

/* A worker as it was under its pool's lock. It may be gone by now. */
struct cmwq2_seen {
	enum cmwq2_role		role;
	char			name[TASK_COMM_LEN];
	char			queue[CMWQ2_NAME_LEN];
	pid_t			pid;
	cmwq2_work_func_t	func;
	unsigned int		ms;
	int			failed;		/* CMWQ2_ROLE_CREATES: failed attempts */
	int			error;		/* error of the last failed attempt */
	char			state;
	unsigned int		cpu;
};

/**
 * struct cmwq2_verdict - what was found
 * @facts: what was found: bits of enum cmwq2_fact
 * @why: the reason, which cmwq2_conclude() sets
 * @detail: further explanation, or NULL; likewise
 * @pool: pool where the item waits
 * @func: function of the waiting or, with CMWQ2_WHY_AWAITED, the running item
 * @queue: name of the item's queue
 * @age: milliseconds that the item, or the thread, has waited
 * @stuck: milliseconds since the last progress of what the item waits for
 * @waiter: CMWQ2_WHY_AWAITED: PID of the thread that waits
 * @youngest: milliseconds since the last of the workers to blame began
 * @nr: number of workers to blame
 * @seen: the first of them
 */
struct cmwq2_verdict {
	unsigned int		facts;
	enum cmwq2_why		why;
	const char		*detail;
	struct cmwq2_pool	*pool;
	cmwq2_work_func_t	func;
	char			queue[CMWQ2_NAME_LEN];
	unsigned int		age;
	unsigned int		stuck;
	pid_t			waiter;
	unsigned int		youngest;
	int			nr;
	struct cmwq2_seen	seen[CMWQ2_SEEN];
};

static inline unsigned int cmwq2_ms_since(unsigned long stamp)
{
	/* Another CPU's stamp may be a jiffy ahead. */
	return time_after(jiffies, stamp) ? jiffies_to_msecs(jiffies - stamp) : 0;
}

static inline unsigned int cmwq2_age_ms(struct cmwq2_work *work)
{
	return cmwq2_ms_since(cmwq2_work_queued_at(work));
}

/* verdict.c */
struct cmwq2_work *cmwq2_first_item(struct cmwq2_pool *pool);
void cmwq2_out_stalls(struct cmwq2_out *out, unsigned int min_ms);
void cmwq2_out_verdict(struct cmwq2_out *out, struct cmwq2_pool *pool);

/* verdict_text.c */
void cmwq2_see(struct cmwq2_verdict *v, struct cmwq2_worker *worker, enum cmwq2_role role);
void cmwq2_note_item(struct cmwq2_verdict *v, struct cmwq2_pool *pool, struct cmwq2_work *work);
void cmwq2_write_verdict(struct cmwq2_out *out, struct cmwq2_verdict *v);

/* verdict_line.c */
void cmwq2_verdict_of_helpers(struct cmwq2_out *out, unsigned int min_ms);
void cmwq2_verdict_of_taken(struct cmwq2_out *out, struct cmwq2_pool *pool, unsigned int min_ms);
void cmwq2_verdict_of_pwq(struct cmwq2_out *out, struct cmwq2_pwq *pwq, unsigned int min_ms);

#endif /* CMWQ2_VERDICT_H */
