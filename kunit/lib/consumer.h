/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver for an imaginary mailbox. It is written against the kernel's
 * workqueue, and built a second time with <cmwq2/shim.h>: see consumer.c.
 */
#ifndef CMWQ2_KUNIT_CONSUMER_H
#define CMWQ2_KUNIT_CONSUMER_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/types.h>

struct consumer;
struct device;

/**
 * struct consumer_seen - what the driver did, for the test to look at
 * @interrupts: interrupts handled
 * @polls: times it polled
 * @messages: messages delivered
 * @disorder: messages not delivered in the order in which they were posted
 * @last: number of the last message
 * @retired: objects given back after a grace period
 * @chained: items that were queued by an item
 * @ticks: items run by the system's queues
 * @on_native: items that the kernel's workqueue ran
 * @on_cmwq2: items that cmwq2 ran
 * @polled: completed with every poll
 * @entered: completed when the handler of an interrupt starts
 * @gate: if set, the handler waits for it
 * @in_handler: work_busy() of the handler's item, called by the handler
 * @is_current: current_work() returned the handler's item to the handler
 */
struct consumer_seen {
	atomic_t		interrupts;
	atomic_t		polls;
	atomic_t		messages;
	atomic_t		disorder;
	int			last;
	atomic_t		retired;
	atomic_t		chained;
	atomic_t		ticks;
	atomic_t		on_native;
	atomic_t		on_cmwq2;
	struct completion	polled;
	struct completion	entered;
	struct completion	*gate;
	unsigned int		in_handler;
	bool			is_current;
};

struct consumer_driver {
	char		name[16];
	struct consumer	*(*probe)(struct consumer_seen *seen);
	void		(*remove)(struct consumer *c);
	int		(*attach)(struct consumer *c, struct device *dev);
	bool		(*interrupt)(struct consumer *c);
	bool		(*settle)(struct consumer *c);
	unsigned int	(*busy)(struct consumer *c);
	bool		(*quiesce)(struct consumer *c);
	bool		(*resume)(struct consumer *c);
	bool		(*watch)(struct consumer *c, unsigned long delay);
	bool		(*watched)(struct consumer *c);
	bool		(*unwatch)(struct consumer *c);
	int		(*post)(struct consumer *c, int number);
	void		(*deliver)(struct consumer *c);
	bool		(*retire)(struct consumer *c);
	void		(*retired)(struct consumer *c);
	void		(*chain)(struct consumer *c, int length);
	void		(*tick)(struct consumer *c);
	long		(*ask)(struct consumer *c, int cpu);
	int		(*on_stack)(struct consumer *c);
	bool		(*stays)(struct consumer *c);
};

extern const struct consumer_driver consumer_native;
extern const struct consumer_driver consumer_cmwq2;

/*
 * Every item calls it, and it counts the engine that runs the item. It is in a
 * file of its own that does not use the shim.
 */
void consumer_run_by(struct consumer_seen *seen);

#endif /* CMWQ2_KUNIT_CONSUMER_H */
