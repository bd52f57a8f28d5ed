/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A log of tracepoints. Probes record the arguments of each event.
 */
#ifndef CMWQ2_KUNIT_TRACELOG_H
#define CMWQ2_KUNIT_TRACELOG_H

#include <linux/spinlock.h>

#include "env.h"

enum tr_kind {
	TR_QUEUE, TR_ACTIVATE, TR_START, TR_END,
	TR_KICK, TR_WAKE, TR_CREATE, TR_IDLE, TR_CULL, TR_DIE, TR_MAYDAY, TR_RESCUE,
	TR_NR,
};

/* What a probe saw. Only the fields that the event has are set. */
struct tr_event {
	enum tr_kind	kind;
	const void	*work;
	const void	*func;
	const void	*wq;
	int		req_cpu;
	int		cpu;
	int		pool;
	int		worker;
	pid_t		pid;
};

#define TR_MAX		1000

struct tr_log {
	raw_spinlock_t	lock;
	unsigned int	nr;	/* events beyond TR_MAX are counted but not stored */
	struct tr_event	event[TR_MAX];
};

extern struct tr_log tr_log;

/* The probes that are attached from tr_attach() until tr_detach() or the end of the test. */
struct tr_attached {
	struct tr_probe	*probe;
	int		nr;
};

struct tr_attached *tr_attach(struct tw_env *e);
void tr_detach(void *data);

const void *tr_work(struct tw_item *it);

/*
 * The index of the first event of @kind at @from or later, or -1. NULL for
 * @work and a negative @pool match any.
 */
int tr_next(int from, enum tr_kind kind, const void *work, int pool);
int tr_count(enum tr_kind kind, const void *work, int pool);

/* The log as text: Qa Aa Sa Ea for the four events of items[0], b for the next item. */
void tr_text(struct tw_item **items, int nr, char *buf, size_t size);

#define TR_EXPECT(e, items, text)						\
	do {									\
		char _buf[200];							\
										\
		tr_text(items, ARRAY_SIZE(items), _buf, sizeof(_buf));		\
		KUNIT_EXPECT_STREQ((e)->test, _buf, text);			\
	} while (0)

#endif /* CMWQ2_KUNIT_TRACELOG_H */
