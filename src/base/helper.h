/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's own threads.
 */
#ifndef CMWQ2_HELPER_H
#define CMWQ2_HELPER_H

#include <linux/kthread.h>

enum cmwq2_thread { CMWQ2_THREAD_HELPER, CMWQ2_THREAD_REAPER, CMWQ2_THREAD_REPORTER,
		    CMWQ2_THREAD_NR };

/*
 * What one of these threads is doing. The thread writes it without a lock, and
 * others read it by cmwq2_chore().
 */
struct cmwq2_chore {
	const char		*what;		/* X: what it does or waits for, NULL: nothing */
	unsigned long		since;		/* X: jiffies when it began to do so */
	int			id;		/* X: of the pool or thread concerned */
};

extern struct kthread_worker *cmwq2_helper;	/* I: culls workers, releases pwqs */
extern struct kthread_worker *cmwq2_reaper;	/* I: waits for threads and RCU */
extern struct kthread_worker *cmwq2_reporter;	/* I: prints */
int cmwq2_helpers_start(void);
void cmwq2_helpers_stop(void);
void cmwq2_helpers_flush(void);
void cmwq2_chore_begin(enum cmwq2_thread thread, const char *what, int id);
void cmwq2_chore_end(enum cmwq2_thread thread);
struct task_struct *cmwq2_chore(enum cmwq2_thread thread, struct cmwq2_chore *chore);

#endif /* CMWQ2_HELPER_H */
