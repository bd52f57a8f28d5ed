// SPDX-License-Identifier: GPL-2.0
/* The work items of the mailbox. */
#include <linux/errno.h>
#include <linux/jiffies.h>

#include "mailbox.h"

static void mailbox_deliver(struct work_struct *work)
{
	struct mailbox *mb = container_of(work, struct mailbox, delivery);

	get_task_comm(mb->by, current);
	atomic_inc(&mb->delivered);
}

static void mailbox_poll(struct work_struct *work)
{
	struct mailbox *mb = container_of(to_delayed_work(work), struct mailbox, poll);

	mailbox_post(mb);
	queue_delayed_work(mb->wq, &mb->poll, HZ / 50);
}

int mailbox_open(struct mailbox *mb)
{
	INIT_WORK(&mb->delivery, mailbox_deliver);
	INIT_DELAYED_WORK(&mb->poll, mailbox_poll);
	mb->wq = alloc_ordered_workqueue("mailbox", WQ_MEM_RECLAIM);
	return mb->wq ? 0 : -ENOMEM;
}

void mailbox_post(struct mailbox *mb)
{
	atomic_inc(&mb->posted);
	queue_work(mb->wq, &mb->delivery);
}

void mailbox_start(struct mailbox *mb)
{
	queue_delayed_work(mb->wq, &mb->poll, 0);
}

void mailbox_close(struct mailbox *mb)
{
	cancel_delayed_work_sync(&mb->poll);
	cancel_work_sync(&mb->delivery);
	destroy_workqueue(mb->wq);
}
