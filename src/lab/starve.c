// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the creation of workers fail or stall on demand, as if memory were
 * short. Then WQ_MEM_RECLAIM queues depend on their rescuers. For tests.
 *
 * fault_create=off|fail|stall[:all|:POOL[:SECONDS]] applies to existing pools
 * and, with all, also to later ones. The setting is checked at each creation,
 * so nothing has to be undone when the time is up.
 *
 * A failure affects everybody who creates a worker, as -ENOMEM. A stall affects
 * managers only, because they hold no lock. The first worker of a pool is
 * created under cmwq2_pool_mutex or while a CPU comes up; a stall there could
 * not be called off.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <cmwq2/control.h>

#include "base/param.h"
#include "base/registry.h"
#include "base/types.h"
#include "lab/starve.h"

#define CMWQ2_STARVE_MOST_SECONDS	86400
/* What the parameter shows must fit in a page, with a newline. */
#define CMWQ2_STARVE_TEXT		(PAGE_SIZE - 8)
/* How long a manager may go on to wait after the reason for it is gone. */
#define CMWQ2_STARVE_LOOK		max(HZ / 100, 1)

static DEFINE_RAW_SPINLOCK(cmwq2_starve_lock);
static bool cmwq2_starve_ready;				/* F: pools may be changed */
static struct cmwq2_starvation cmwq2_starve_all;	/* F: what new pools begin with */

static const char *const cmwq2_create_names[CMWQ2_CREATE_NR] = {
	[CMWQ2_CREATE_NORMAL]	= "off",
	[CMWQ2_CREATE_FAILS]	= "fail",
	[CMWQ2_CREATE_STALLS]	= "stall",
};

/* The fault that is in force now. Context: cmwq2_starve_lock held. */
static enum cmwq2_create cmwq2_starve_now(const struct cmwq2_starvation *fault)
{
	lockdep_assert_held(&cmwq2_starve_lock);
	if (fault->until && time_after_eq(jiffies, fault->until))
		return CMWQ2_CREATE_NORMAL;
	return fault->how;
}

/* Context: cmwq2_starve_lock held. */
static void cmwq2_starve_set(struct cmwq2_pool *pool, struct cmwq2_starvation fault)
{
	lockdep_assert_held(&cmwq2_starve_lock);
	pool->starvation = fault;
}

static bool cmwq2_starve_is(struct cmwq2_pool *pool, enum cmwq2_create how)
{
	unsigned long flags;
	bool is;

	raw_spin_lock_irqsave(&cmwq2_starve_lock, flags);
	is = cmwq2_starve_now(&pool->starvation) == how;
	raw_spin_unlock_irqrestore(&cmwq2_starve_lock, flags);
	return is;
}

bool cmwq2_starve_fails(struct cmwq2_pool *pool)
{
	return cmwq2_starve_is(pool, CMWQ2_CREATE_FAILS);
}

/**
 * cmwq2_starve_stall - stall a manager that is about to create a worker
 * @pool: its pool
 *
 * Sleeps as long as the pool's creation of workers stalls. It ends when the
 * worker is not needed any more, so that a pool can go away meanwhile.
 *
 * Context: process, may sleep, no locks.
 * Return: true if no worker is to be created.
 */
bool cmwq2_starve_stall(struct cmwq2_pool *pool)
{
	while (cmwq2_starve_is(pool, CMWQ2_CREATE_STALLS)) {
		if (!cmwq2_may_need_to_create(pool))
			return true;
		schedule_timeout_idle(CMWQ2_STARVE_LOOK);
	}
	return false;
}

/**
 * cmwq2_starve_pause - pause after a worker could not be created
 * @pool: its pool
 *
 * The pause takes CMWQ2_CREATE_COOLDOWN jiffies. If fault_create= made the
 * creation fail, the pause ends earlier when the fault is switched off.
 *
 * Context: process, may sleep, no locks.
 */
void cmwq2_starve_pause(struct cmwq2_pool *pool)
{
	unsigned long end = jiffies + CMWQ2_CREATE_COOLDOWN;

	if (!cmwq2_starve_fails(pool))
		schedule_timeout_idle(CMWQ2_CREATE_COOLDOWN);
	while (cmwq2_starve_fails(pool) && time_before(jiffies, end))
		schedule_timeout_idle(CMWQ2_STARVE_LOOK);
}

/*
 * @pool can be found in cmwq2_pools already. So a change for all pools either
 * finds it, or has changed what it begins with.
 */
void cmwq2_starve_pool_init(struct cmwq2_pool *pool)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&cmwq2_starve_lock, flags);
	cmwq2_starve_set(pool, cmwq2_starve_all);
	raw_spin_unlock_irqrestore(&cmwq2_starve_lock, flags);
}

/* Context: cmwq2_starve_lock held. */
static void cmwq2_starve_set_all(struct cmwq2_starvation fault)
{
	struct cmwq2_pool *pool;
	unsigned long id;

	cmwq2_starve_all = fault;
	rcu_read_lock();
	xa_for_each(&cmwq2_pools, id, pool)
		cmwq2_starve_set(pool, fault);
	rcu_read_unlock();
}

/* A value of the parameter fault_create, parsed. */
struct cmwq2_starve_wish {
	struct cmwq2_starvation	fault;
	bool				all;
	u32				pool;
};

static int cmwq2_starve_parse_seconds(const char *text, struct cmwq2_starvation *fault)
{
	unsigned int seconds;

	if (!text)
		return 0;
	if (fault->how == CMWQ2_CREATE_NORMAL || kstrtouint(text, 10, &seconds) ||
	    !seconds || seconds > CMWQ2_STARVE_MOST_SECONDS)
		return -EINVAL;
	/* 0 stands for no end. */
	fault->until = jiffies + seconds * HZ ?: 1;
	return 0;
}

/* Splits @text in place. */
static int cmwq2_starve_parse(char *text, struct cmwq2_starve_wish *wish)
{
	char *how = strsep(&text, ":"), *pool = strsep(&text, ":"), *seconds = strsep(&text, ":");
	int i = match_string(cmwq2_create_names, CMWQ2_CREATE_NR, how);

	if (i < 0 || text)
		return -EINVAL;
	*wish = (struct cmwq2_starve_wish) { .fault.how = i };
	wish->all = !pool || !strcmp(pool, "all");
	if (!wish->all && kstrtou32(pool, 10, &wish->pool))
		return -EINVAL;
	return cmwq2_starve_parse_seconds(seconds, &wish->fault);
}

/* Context: RCU read-side section, cmwq2_starve_lock held. */
static int cmwq2_starve_apply(const struct cmwq2_starve_wish *wish)
{
	struct cmwq2_pool *pool;

	if (wish->all) {
		cmwq2_starve_set_all(wish->fault);
		return 0;
	}
	pool = xa_load(&cmwq2_pools, wish->pool);
	if (!pool || pool->bh)
		return -EINVAL;
	cmwq2_starve_set(pool, wish->fault);
	return 0;
}

/**
 * cmwq2_fault_create_set - make the creation of workers fail or stall
 * @value: as written to the parameter fault_create
 *
 * Context: any but NMI.
 * Return: 0 or -EINVAL with a message, nothing changed.
 */
int cmwq2_fault_create_set(const char *value)
{
	struct cmwq2_starve_wish wish;
	char text[32];
	unsigned long flags;
	bool ready;
	int ret = -EINVAL;

	/* No valid value is that long. */
	strscpy(text, value, sizeof(text));
	text[strcspn(text, "\n")] = '\0';

	rcu_read_lock();
	raw_spin_lock_irqsave(&cmwq2_starve_lock, flags);
	ready = cmwq2_starve_ready;
	if (ready)
		ret = cmwq2_starve_parse(text, &wish) ?: cmwq2_starve_apply(&wish);
	raw_spin_unlock_irqrestore(&cmwq2_starve_lock, flags);
	rcu_read_unlock();

	if (!ready)
		pr_err("fault_create=%*pE: allowed: only after the module is loaded\n",
		       cmwq2_shown(value), value);
	else if (ret)
		pr_err("fault_create=%*pE: allowed: off[:POOL], fail[:POOL[:SECONDS]] or stall[:POOL[:SECONDS]]; POOL is all or the number of a pool with threads, SECONDS is 1 to %u\n",
		       cmwq2_shown(value), value, CMWQ2_STARVE_MOST_SECONDS);
	return ret;
}
EXPORT_SYMBOL_GPL(cmwq2_fault_create_set);

/**
 * cmwq2_fault_create - make the creation of workers of one pool fail or stall
 * @wq: workqueue
 * @cpu: CPU whose pool behind @wq is meant
 * @how: what to do from now on, until it is changed again
 *
 * Context: any but NMI.
 */
void cmwq2_fault_create(struct cmwq2_wq *wq, int cpu, enum cmwq2_create how)
{
	struct cmwq2_pwq *pwq;
	unsigned long flags;

	rcu_read_lock();
	pwq = cmwq2_cpu_pwq(wq, cpu);
	if (pwq) {
		raw_spin_lock_irqsave(&cmwq2_starve_lock, flags);
		cmwq2_starve_set(pwq->pool, (struct cmwq2_starvation) { .how = how });
		raw_spin_unlock_irqrestore(&cmwq2_starve_lock, flags);
	}
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(cmwq2_fault_create);

/* Writes text such as "fail:all:7", with the seconds that are left. */
static int cmwq2_starve_show(char *buffer, int len, const struct cmwq2_starvation *fault,
			     const char *pool)
{
	len += scnprintf(buffer + len, CMWQ2_STARVE_TEXT - len, "%s%s:%s", len ? " " : "",
			 cmwq2_create_names[cmwq2_starve_now(fault)], pool);
	if (fault->until && cmwq2_starve_now(fault) != CMWQ2_CREATE_NORMAL)
		len += scnprintf(buffer + len, CMWQ2_STARVE_TEXT - len, ":%lu",
				 DIV_ROUND_UP(fault->until - jiffies, HZ));
	return len;
}

static bool cmwq2_starve_differs(const struct cmwq2_starvation *a,
				 const struct cmwq2_starvation *b)
{
	enum cmwq2_create how = cmwq2_starve_now(a);

	return how != cmwq2_starve_now(b) ||
	       (how != CMWQ2_CREATE_NORMAL && a->until != b->until);
}

/* Writes what is in force for all pools, then the pools that differ. */
static const char *cmwq2_get_fault_create(struct cmwq2_param *param)
{
	static char buffer[CMWQ2_STARVE_TEXT];	/* PL */
	struct cmwq2_pool *pool;
	unsigned long id;
	char text[12];
	int len = 0;

	rcu_read_lock();
	raw_spin_lock_irq(&cmwq2_starve_lock);
	if (cmwq2_starve_now(&cmwq2_starve_all) != CMWQ2_CREATE_NORMAL)
		len = cmwq2_starve_show(buffer, len, &cmwq2_starve_all, "all");
	xa_for_each(&cmwq2_pools, id, pool) {
		if (!cmwq2_starve_differs(&pool->starvation, &cmwq2_starve_all))
			continue;
		scnprintf(text, sizeof(text), "%u", pool->id);
		len = cmwq2_starve_show(buffer, len, &pool->starvation, text);
	}
	raw_spin_unlock_irq(&cmwq2_starve_lock);
	rcu_read_unlock();
	return len ? buffer : "off";
}

static int cmwq2_set_fault_create(struct cmwq2_param *param, const char *value)
{
	return cmwq2_fault_create_set(value);
}

CMWQ2_PARAM(fault_create, fault_create,
	    "For tests: make the creation of workers fail[:POOL[:SECONDS]] or stall[:POOL[:SECONDS]], or off[:POOL] (default); POOL may be all; not at load");

void cmwq2_starve_init(void)
{
	raw_spin_lock_irq(&cmwq2_starve_lock);
	cmwq2_starve_ready = true;
	raw_spin_unlock_irq(&cmwq2_starve_lock);
}

/* End all stalls, because otherwise the queues would never become empty. */
void cmwq2_starve_exit(void)
{
	raw_spin_lock_irq(&cmwq2_starve_lock);
	cmwq2_starve_ready = false;
	cmwq2_starve_set_all((struct cmwq2_starvation) { .how = CMWQ2_CREATE_NORMAL });
	raw_spin_unlock_irq(&cmwq2_starve_lock);
}
