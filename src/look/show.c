// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps of what queues and pools are doing: text for the log, a file, or tests.
 *
 * Nothing is written with pool->lock held, let alone printed: a console may
 * wake a task, its driver may queue an item, and writing text takes long. The
 * figures are copied under the lock, see look.c, and written to memory without
 * it. Each portion, a pwq or a pool, is handed on outside of the RCU section
 * that it was made in, so that a slow console delays no grace period. The
 * kernel's watchdogs are told that this is no hang.
 */
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/nmi.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysrq.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/health.h"
#include "base/misuse.h"
#include "base/registry.h"
#include "base/types.h"
#include "core/worker.h"
#include "look/look.h"
#include "look/show.h"
#include "look/verdict.h"

#define CMWQ2_PORTION		4096
#define CMWQ2_SHOW_BUSY		32	/* busy workers of a pwq that are listed */
#define CMWQ2_SYSRQ_LETTER	'W'
#define CMWQ2_STALL_MS		1000	/* how long items must have waited for dumps to say why */

struct cmwq2_portion {
	char			text[CMWQ2_PORTION];
	union cmwq2_look	look;
};

/* For dumps when there is no memory, which is when pools stall. */
static struct cmwq2_portion cmwq2_reserve;
static unsigned long cmwq2_reserve_taken;	/* X: bit 0 */

static bool cmwq2_out_begin(struct cmwq2_out *out)
{
	struct cmwq2_portion *portion = NULL;

	out->len = 0;
	/* On PREEMPT_RT the allocator has locks that sleep. */
	if (!IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible())
		portion = kmalloc(sizeof(*portion), GFP_NOWAIT | __GFP_NOWARN);
	if (!portion && !test_and_set_bit_lock(0, &cmwq2_reserve_taken))
		portion = &cmwq2_reserve;
	if (!portion) {
		pr_info("no memory for a dump\n");
		return false;
	}
	out->buf = portion->text;
	return true;
}

static struct cmwq2_portion *cmwq2_portion_of(struct cmwq2_out *out)
{
	return container_of(out->buf, struct cmwq2_portion, text[0]);
}

static void cmwq2_out_end(struct cmwq2_out *out)
{
	struct cmwq2_portion *portion = cmwq2_portion_of(out);

	if (portion == &cmwq2_reserve)
		clear_bit_unlock(0, &cmwq2_reserve_taken);
	else
		kfree(portion);
}

/* Text that does not fit is cut. The last byte is left for the newline. */
void cmwq2_write(struct cmwq2_out *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	out->len += vscnprintf(out->buf + out->len, CMWQ2_PORTION - 1 - out->len, fmt, args);
	va_end(args);
}

/* Context: no lock held. */
void cmwq2_flush_out(struct cmwq2_out *out)
{
	if (out->len && out->buf[out->len - 1] != '\n')
		out->buf[out->len++] = '\n';
	out->buf[out->len] = '\0';
	if (out->len) {
		out->put(out);
		touch_nmi_watchdog();
	}
	out->len = 0;
}

static void cmwq2_put_log(struct cmwq2_out *out)
{
	char *text = out->buf, *line;

	while ((line = strsep(&text, "\n")))
		if (*line)
			pr_info("%s\n", line);
}

static void cmwq2_put_seq(struct cmwq2_out *out)
{
	seq_write(out->ctx, out->buf, out->len);
}

/* A buffer of a fixed size. */
struct cmwq2_copy {
	char	*buf;
	size_t	size;
	size_t	len;
};

static void cmwq2_put_copy(struct cmwq2_out *out)
{
	struct cmwq2_copy *copy = out->ctx;

	copy->len += scnprintf(copy->buf + copy->len, copy->size - copy->len, "%s", out->buf);
}

static void cmwq2_write_items(struct cmwq2_out *out, const char *what,
			      const struct cmwq2_look_list *list)
{
	int i;

	if (!list->nr && !list->more)
		return;
	cmwq2_write(out, "    %s:", what);
	for (i = 0; i < list->nr; i++) {
		const struct cmwq2_look_run *run = &list->run[i];

		cmwq2_write(out, i ? ", " : " ");
		if (run->waiter)
			cmwq2_write(out, "(%d waits)", run->waiter);
		else
			cmwq2_write(out, "%ps", run->func);
		if (run->nr > 1)
			cmwq2_write(out, " *%d", run->nr);
	}
	cmwq2_write(out, list->more ? " and more\n" : "\n");
}

/* A BH pool's worker has no thread. */
static void cmwq2_write_id(struct cmwq2_out *out, struct cmwq2_pool *pool, pid_t pid,
			   bool rescuer)
{
	if (pid)
		cmwq2_write(out, "%d%s", pid, rescuer ? "(rescuer)" : "");
	else
		cmwq2_write(out, "bh%s", pool->attrs->nice < 0 ? "-hi" : "");
}

static void cmwq2_write_busy(struct cmwq2_out *out, struct cmwq2_pool *pool,
			     const struct cmwq2_look_busy *busy)
{
	cmwq2_write(out, "    running: ");
	cmwq2_write_id(out, pool, busy->pid, busy->rescuer);
	cmwq2_write(out, " %ps for %u ms", busy->func, busy->ms);
	if (busy->desc[0])
		cmwq2_write(out, " \"%s\"", busy->desc);
	if (busy->intensive)
		cmwq2_write(out, " cpu intensive");
	cmwq2_write(out, "\n");
	cmwq2_write_items(out, "  behind it", &busy->behind);
}

static void cmwq2_show_what_pool(struct cmwq2_out *out, struct cmwq2_pool *pool)
{
	cmwq2_write(out, "pool %u: cpus %*pbl", pool->id, cpumask_pr_args(pool->attrs->cpumask));
	if (pool->node != NUMA_NO_NODE)
		cmwq2_write(out, " node %d", pool->node);
	cmwq2_write(out, " flags %#x nice %d", READ_ONCE(pool->flags), pool->attrs->nice);
}

/*
 * Whether nothing of @pwq is in flight. The barrier of a flush is still in flight after its
 * item was cancelled, although no item is active then. The counters are read without the
 * pool's lock: each value was true at some time.
 */
static bool cmwq2_pwq_is_idle(struct cmwq2_pwq *pwq)
{
	int color;

	for (color = 0; color < CMWQ2_NR_COLORS; color++)
		if (data_race(READ_ONCE(pwq->nr_in_flight[color]))) /* see above */
			return false;
	return true;
}

static void cmwq2_show_all_busy(struct cmwq2_out *out, struct cmwq2_pwq *pwq)
{
	struct cmwq2_look_busy *busy = &cmwq2_portion_of(out)->look.busy;
	struct cmwq2_look_at at = { .bucket = 0 };
	bool again;
	int nr = 0;

	do {
		again = cmwq2_look_busy_next(busy, pwq, &at, nr < CMWQ2_SHOW_BUSY);
		if (busy->func && nr++ < CMWQ2_SHOW_BUSY)
			cmwq2_write_busy(out, pwq->pool, busy);
	} while (again);
	if (nr > CMWQ2_SHOW_BUSY || at.cut)
		cmwq2_write(out, "    running: %d%s more\n", max(nr - CMWQ2_SHOW_BUSY, 0),
			    at.cut ? " or" : "");
}

/* Context: RCU read-side section. */
static void cmwq2_show_items(struct cmwq2_out *out, const char *what, struct list_head *list,
			     struct cmwq2_pwq *pwq)
{
	struct cmwq2_look_list *look = &cmwq2_portion_of(out)->look.list;

	cmwq2_look_items(look, list, pwq);
	cmwq2_write_items(out, what, look);
}

/* Context: RCU read-side section, no lock held. */
static void cmwq2_show_pwq(struct cmwq2_out *out, struct cmwq2_pwq *pwq)
{
	struct cmwq2_pool *pool = pwq->pool;
	/* Figures for a reader; each was true at some time. */
	int nr_active = data_race(READ_ONCE(pwq->nr_active));
	int refcnt = data_race(READ_ONCE(pwq->refcnt)); /* the same */
	bool mayday = !data_race(list_empty(&pwq->mayday_node)); /* the same */

	cmwq2_write(out, "  ");
	cmwq2_show_what_pool(out, pool);
	cmwq2_write(out, " active %d refcnt %d%s\n", nr_active, refcnt, mayday ? " mayday" : "");
	cmwq2_show_all_busy(out, pwq);
	cmwq2_show_items(out, "pending", &pool->worklist, pwq);
	cmwq2_show_items(out, "inactive", &pwq->inactive, pwq);
}

/* How far a dump of queues has come. A pointer would not outlive the RCU section of a portion. */
struct cmwq2_place {
	u64	seq;		/* number of the queue on the list of all */
	int	nr;		/* how many of its pwqs were looked at */
	bool	told;		/* whether the queue itself was written */
};

/* The next pwq that is not idle. Context: RCU read-side section. */
static struct cmwq2_pwq *cmwq2_next_pwq(struct cmwq2_wq *wq, struct cmwq2_place *place)
{
	struct cmwq2_pwq *pwq;
	int nr = 0;

	list_for_each_entry_rcu(pwq, &wq->pwqs, pwqs_node) {
		if (nr++ < place->nr)
			continue;
		place->nr = nr;
		if (!cmwq2_pwq_is_idle(pwq))
			return pwq;
	}
	return NULL;
}

/* Writes the next portion. Returns false at the end. Context: RCU read-side section. */
static bool cmwq2_show_next(struct cmwq2_out *out, struct cmwq2_wq *wq, struct cmwq2_place *place)
{
	struct cmwq2_pwq *pwq = cmwq2_next_pwq(wq, place);

	if (!pwq)
		return false;
	if (!place->told)
		cmwq2_write(out, "workqueue %s: flags %#x max_active %d\n", wq->name,
			    READ_ONCE(wq->flags), READ_ONCE(wq->max_active));
	place->told = true;
	cmwq2_show_pwq(out, pwq);
	return true;
}

/* The same for all queues that have all of @flags. Context: RCU read-side section. */
static bool cmwq2_show_next_of_all(struct cmwq2_out *out, unsigned int flags,
				   struct cmwq2_place *place)
{
	struct cmwq2_wq *wq;

	list_for_each_entry_rcu(wq, &cmwq2_workqueues, list) {
		if (wq->seq < place->seq || (READ_ONCE(wq->flags) & flags) != flags)
			continue;
		if (wq->seq > place->seq)
			*place = (struct cmwq2_place) { .seq = wq->seq };
		if (cmwq2_show_next(out, wq, place))
			return true;
	}
	return false;
}

static void cmwq2_write_pool(struct cmwq2_out *out, struct cmwq2_pool *pool,
			     const struct cmwq2_look_pool *look)
{
	int i;

	cmwq2_show_what_pool(out, pool);
	cmwq2_write(out, " workers %d idle %d running %d", look->nr_workers, look->nr_idle,
		    look->nr_running);
	if (look->wanted)
		cmwq2_write(out, " wanted %d", look->wanted);
	if (look->nr_called)
		cmwq2_write(out, " called %d", look->nr_called);
	if (look->waits)
		cmwq2_write(out, " no item taken for %u ms", look->ms);
	if (look->manager)
		cmwq2_write(out, " manager %d", look->manager);
	for (i = 0; i < look->nr; i++) {
		cmwq2_write(out, i ? " " : "\n  idle: ");
		cmwq2_write_id(out, pool, look->idle[i], false);
	}
	cmwq2_write(out, look->more ? " and more\n" : "\n");
}

static void cmwq2_write_pool_if(struct cmwq2_out *out, struct cmwq2_pool *pool, bool if_idle)
{
	struct cmwq2_look_pool *look = &cmwq2_portion_of(out)->look.pool;

	cmwq2_look_pool(look, pool);
	if (if_idle || look->nr_workers != look->nr_idle || look->waits)
		cmwq2_write_pool(out, pool, look);
}

/* Write all busy pools. Context: no lock held. */
static void cmwq2_out_pools(struct cmwq2_out *out)
{
	struct cmwq2_pool *pool;
	unsigned long id = 0;

	do {
		rcu_read_lock();
		pool = xa_find(&cmwq2_pools, &id, ULONG_MAX, XA_PRESENT);
		if (pool)
			cmwq2_write_pool_if(out, pool, false);
		rcu_read_unlock();
		cmwq2_flush_out(out);
		id++;
	} while (pool);
}

/* Write the queues that have all of @flags and, with @pools, all busy pools and all stalls. */
static void cmwq2_out_all(struct cmwq2_out *out, unsigned int flags, bool pools)
{
	struct cmwq2_place place = { .seq = 0 };
	bool more;

	if (!cmwq2_out_begin(out))
		return;
	do {
		rcu_read_lock();
		more = cmwq2_show_next_of_all(out, flags, &place);
		rcu_read_unlock();
		cmwq2_flush_out(out);
	} while (more);
	if (pools) {
		cmwq2_out_pools(out);
		cmwq2_out_stalls(out, CMWQ2_STALL_MS);
	}
	cmwq2_out_end(out);
}

/* Writes nothing for an idle queue. The caller keeps the queue from going away. */
static void cmwq2_out_wq(struct cmwq2_out *out, struct cmwq2_wq *wq)
{
	struct cmwq2_place place = { .seq = 0 };
	bool more;

	if (!cmwq2_out_begin(out))
		return;
	do {
		rcu_read_lock();
		more = cmwq2_show_next(out, wq, &place);
		rcu_read_unlock();
		cmwq2_flush_out(out);
	} while (more);
	cmwq2_out_end(out);
}

/**
 * cmwq2_show_all_workqueues - write busy queues and pools to the log
 *
 * Context: any but NMI.
 */
void cmwq2_show_all_workqueues(void)
{
	struct cmwq2_out out = { .put = cmwq2_put_log };

	cmwq2_health_add(CMWQ2_HEALTH_DUMPS);
	pr_info("busy workqueues and pools:\n");
	cmwq2_out_all(&out, 0, true);
}
EXPORT_SYMBOL_GPL(cmwq2_show_all_workqueues);

/**
 * cmwq2_show_freezable_workqueues - write to the log what holds up a freeze
 *
 * Context: any but NMI.
 */
void cmwq2_show_freezable_workqueues(void)
{
	struct cmwq2_out out = { .put = cmwq2_put_log };

	pr_info("busy freezable workqueues:\n");
	cmwq2_out_all(&out, CMWQ2_WQ_FREEZABLE, false);
}
EXPORT_SYMBOL_GPL(cmwq2_show_freezable_workqueues);

/**
 * cmwq2_show_one_workqueue - write a queue to the log unless it is idle
 * @wq: workqueue
 *
 * Context: any but NMI.
 */
void cmwq2_show_one_workqueue(struct cmwq2_wq *wq)
{
	struct cmwq2_out out = { .put = cmwq2_put_log };

	if (!cmwq2_is_missing(wq))
		cmwq2_out_wq(&out, wq);
}
EXPORT_SYMBOL_GPL(cmwq2_show_one_workqueue);

/**
 * cmwq2_show_pool - write a pool to the log, idle or not, and why it takes none of its items
 * @pool: pool to write
 *
 * Without memory for the text, the engine's reserve is used. While another dump has it, one
 * line says that there is no memory. The KUnit suites need it to be exported.
 *
 * Context: any but NMI; RCU read-side section.
 */
void cmwq2_show_pool(struct cmwq2_pool *pool)
{
	struct cmwq2_out out = { .put = cmwq2_put_log };

	if (!cmwq2_out_begin(&out))
		return;
	cmwq2_write_pool_if(&out, pool, true);
	cmwq2_out_verdict(&out, pool);
	cmwq2_flush_out(&out);
	cmwq2_out_end(&out);
}
EXPORT_SYMBOL_GPL(cmwq2_show_pool);

/* Write all queues and pools to a file. */
void cmwq2_show_seq(struct seq_file *m)
{
	struct cmwq2_out out = { .put = cmwq2_put_seq, .ctx = m };

	cmwq2_out_all(&out, 0, true);
}

/* Write to a file why items wait. */
void cmwq2_stalls_seq(struct seq_file *m)
{
	struct cmwq2_out out = { .put = cmwq2_put_seq, .ctx = m };

	if (!cmwq2_out_begin(&out))
		return;
	cmwq2_out_stalls(&out, CMWQ2_STALL_MS);
	cmwq2_out_end(&out);
}

/**
 * cmwq2_stalls - write to memory why items wait
 * @min_ms: how many milliseconds an item must have waited at least
 * @buf: buffer to write to
 * @size: size of @buf, at least 1; text that does not fit is cut
 *
 * Context: any but NMI.
 * Return: length of the text, 0 if nothing is wrong.
 */
size_t cmwq2_stalls(unsigned int min_ms, char *buf, size_t size)
{
	struct cmwq2_copy copy = { .buf = buf, .size = size };
	struct cmwq2_out out = { .put = cmwq2_put_copy, .ctx = &copy };

	buf[0] = '\0';
	if (!cmwq2_out_begin(&out))
		return 0;
	cmwq2_out_stalls(&out, min_ms);
	cmwq2_out_end(&out);
	return copy.len;
}
EXPORT_SYMBOL_GPL(cmwq2_stalls);

/**
 * cmwq2_dump - write a dump to memory
 * @wq: workqueue, or NULL for all of them and the pools
 * @buf: buffer to write to
 * @size: size of @buf, at least 1; text that does not fit is cut
 *
 * Context: any but NMI.
 * Return: length of the text.
 */
size_t cmwq2_dump(struct cmwq2_wq *wq, char *buf, size_t size)
{
	struct cmwq2_copy copy = { .buf = buf, .size = size };
	struct cmwq2_out out = { .put = cmwq2_put_copy, .ctx = &copy };

	buf[0] = '\0';
	if (wq)
		cmwq2_out_wq(&out, wq);
	else
		cmwq2_out_all(&out, 0, true);
	return copy.len;
}
EXPORT_SYMBOL_GPL(cmwq2_dump);

/**
 * cmwq2_set_worker_desc - describe the current item
 * @fmt: printf format; the text is cut after 31 characters
 *
 * Dumps show the text until the item ends. Outside of an item nothing happens.
 *
 * Context: process.
 */
void cmwq2_set_worker_desc(const char *fmt, ...)
{
	struct cmwq2_worker *worker = cmwq2_current_worker();
	va_list args;

	if (!worker)
		return;
	va_start(args, fmt);
	vscnprintf(worker->desc, sizeof(worker->desc), fmt, args);
	va_end(args);
}
EXPORT_SYMBOL_GPL(cmwq2_set_worker_desc);

static void cmwq2_sysrq(CMWQ2_SYSRQ_KEY key)
{
	cmwq2_show_all_workqueues();
}

static const struct sysrq_key_op cmwq2_sysrq_op = {
	.handler	= cmwq2_sysrq,
	.help_msg	= "show-cmwq2(W)",
	.action_msg	= "Show cmwq2's workqueues",
	.enable_mask	= SYSRQ_ENABLE_DUMP,
};

static bool cmwq2_sysrq_registered;

/* If the key is taken, or the kernel has no SysRq, the module loads all the same. */
void cmwq2_sysrq_init(void)
{
	if (!IS_ENABLED(CONFIG_MAGIC_SYSRQ))
		return;
	cmwq2_sysrq_registered = !register_sysrq_key(CMWQ2_SYSRQ_LETTER, &cmwq2_sysrq_op);
	if (!cmwq2_sysrq_registered)
		pr_warn("sysrq key %c is already in use, so it does not show cmwq2\n",
			CMWQ2_SYSRQ_LETTER);
}

/* Waits for a dump that is under way. */
void cmwq2_sysrq_exit(void)
{
	if (cmwq2_sysrq_registered)
		unregister_sysrq_key(CMWQ2_SYSRQ_LETTER, &cmwq2_sysrq_op);
}
