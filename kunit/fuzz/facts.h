/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a log says for certain.
 *
 * A queueing that is accepted adds an instance of the item, and each run and each cancel
 * that returns true ends one. Instances of an item follow each other: the next one is
 * accepted only after the one before it has begun to run or was cancelled. For some calls
 * the log does not say what they did, so each call has a least and a largest number of
 * instances that it added and took.
 */
#ifndef CMWQ2_FUZZ_FACTS_H
#define CMWQ2_FUZZ_FACTS_H

#include "fuzz.h"

#define FZ_OPEN_END	FZ_LOG	/* the end of what has not ended */

/**
 * struct fz_call - a call of the engine
 * @code: enum fz_code
 * @ctx: who
 * @q: queue
 * @item: item
 * @ret: value, if it has returned
 * @on: CPU that it named, or -1
 * @local: CPU where it was made, or -1 if the caller may have moved meanwhile
 * @n: number
 * @begin: place in the log
 * @end: place in the log, or FZ_OPEN_END
 * @add: least and largest number of instances that it added
 * @take: the same for those that it removed
 */
struct fz_call {
	u8	code;
	u8	ctx;
	u8	q;
	u8	item;
	s16	ret;
	s8	on;
	s8	local;
	int	n;
	u16	begin;
	u16	end;
	u8	add[2];
	u8	take[2];
};

struct fz_run_of {
	u8	item;
	s8	cpu;
	u16	begin;
	u16	end;
};

struct fz_facts {
	const struct fz_lane	*l;
	const struct fz_program	*p;
	unsigned int		end;		/* length of the log */
	unsigned int		nr_items;	/* with the crowd */
	unsigned int		nr_calls;
	unsigned int		nr_runs;
	unsigned int		queues[FZ_ALL_ITEMS];	/* a bit for each that the item may be on */
	struct fz_call		call[FZ_LOG];
	struct fz_run_of	run[FZ_LOG];
};

/* Which of the two numbers. */
enum { FZ_LEAST, FZ_MOST };

bool fz_facts(struct fz_lane *l, struct fz_facts *f);
int fz_added(const struct fz_facts *f, unsigned int item, int which, unsigned int begun_before,
	     unsigned int ended_before);
int fz_taken(const struct fz_facts *f, unsigned int item, int which, unsigned int begun_before,
	     unsigned int ended_before);
int fz_begun(const struct fz_facts *f, unsigned int item, unsigned int before);
int fz_ended(const struct fz_facts *f, unsigned int item, unsigned int before);

/* Any time; for bounds that do not matter. */
#define FZ_EVER		(FZ_LOG + 1)

/* Whether each instance of @item goes to queue @q. */
static inline bool fz_only_on(const struct fz_facts *f, unsigned int item, unsigned int q)
{
	return f->queues[item] == BIT(q);
}

#define fz_for_each_call(c, f) \
	for ((c) = (f)->call; (c) < (f)->call + (f)->nr_calls; (c)++)
#define fz_for_each_run(r, f) \
	for ((r) = (f)->run; (r) < (f)->run + (f)->nr_runs; (r)++)

/* state.c: while a program runs */
bool fz_is_over(struct fz_lane *l, struct fz_facts *f);
bool fz_is_quiet(struct fz_lane *l);
bool fz_release_next(struct fz_lane *l, const struct fz_facts *f);
bool fz_must_start(struct fz_lane *l, struct fz_facts *f, char *why, size_t size);
const char *fz_known_fault(const struct fz_facts *f);

/* oracle.c, order.c: afterwards */
__printf(2, 3) bool fz_wrong(struct fz_lane *l, const char *fmt, ...);
bool fz_judge(struct fz_lane *l, const struct fz_facts *f);
bool fz_judge_order(struct fz_lane *l, const struct fz_facts *f);
void fz_count(struct fz_lane *l, struct fz_counters *c);
bool fz_judge_counters(struct fz_lane *l);

#endif /* CMWQ2_FUZZ_FACTS_H */
