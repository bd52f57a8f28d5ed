/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver's own header, unchanged since it was written for the kernel's
 * workqueue. Its structure contains work items, so all files of the driver must
 * agree on the size of an item.
 */
#ifndef SAMPLE_MAILBOX_H
#define SAMPLE_MAILBOX_H

#include <linux/atomic.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

/**
 * struct mailbox - a mailbox that posts to itself
 * @wq: ordered, so that messages arrive in the order in which they were posted
 * @delivery: item that takes a message out
 * @poll: item that posts one and queues itself again
 * @posted: messages that were posted
 * @delivered: messages that were taken out
 * @by: name of the thread that took the last one out
 */
struct mailbox {
	struct workqueue_struct	*wq;
	struct work_struct	delivery;
	struct delayed_work	poll;
	atomic_t		posted;
	atomic_t		delivered;
	char			by[TASK_COMM_LEN];
};

int mailbox_open(struct mailbox *mb);
void mailbox_start(struct mailbox *mb);
void mailbox_post(struct mailbox *mb);
void mailbox_close(struct mailbox *mb);

#endif /* SAMPLE_MAILBOX_H */
