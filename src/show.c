// SPDX-License-Identifier: GPL-2.0
/*
 * What queues and pools are doing, as text: for the log, for a file, for tests.
 *
 * Nothing is printed with pool->lock held: a console may wake somebody, or its
 * driver queue an item. So a portion, a pwq or a pool, is written to memory
 * under the lock and handed on when the lock is free. Portions are bounded,
 * however long the lists are.
 */
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysrq.h>

#include "misuse.h"
#include "show.h"
#include "work.h"

#define CMWQ2_PORTION		4096
#define CMWQ2_SHOW_WORDS	32	/* entries of a list that are told apart */
#define CMWQ2_SHOW_WALK		1000	/* entries that are looked at */
#define CMWQ2_SYSRQ_LETTER	'W'
#define CMWQ2_STALL_MS		1000	/* how long items wait until dumps say why */

/* Also where there is no memory, which is when pools stall. */
static char cmwq2_reserve[CMWQ2_PORTION];
static unsigned long cmwq2_reserve_taken;	/* X: bit 0 */

static bool cmwq2_out_begin(struct cmwq2_out *out)
{
	out->len = 0;
	out->buf = kmalloc(CMWQ2_PORTION, GFP_NOWAIT | __GFP_NOWARN);
	if (!out->buf && !test_and_set_bit_lock(0, &cmwq2_reserve_taken))
		out->buf = cmwq2_reserve;
	if (!out->buf)
		pr_info("no memory for a dump\n");
	return out->buf;
}

static void cmwq2_out_end(struct cmwq2_out *out)
{
	if (out->buf == cmwq2_reserve)
		clear_bit_unlock(0, &cmwq2_reserve_taken);
	else
		kfree(out->buf);
}

/* What does not fit is cut, the last byte is the newline's. */
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
	if (out->len)
		out->put(out);
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

/* Memory of a fixed size. */
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

/* Equal functions in a row are told as one entry. */
struct cmwq2_run {
	cmwq2_work_func_t	func;
	int			nr;
	int			words;
};

static void cmwq2_end_run(struct cmwq2_out *out, struct cmwq2_run *run)
{
	if (run->nr)
		cmwq2_write(out, "%s%ps", run->words++ ? ", " : " ", run->func);
	if (run->nr > 1)
		cmwq2_write(out, " *%d", run->nr);
	run->nr = 0;
}

static void cmwq2_show_work(struct cmwq2_out *out, struct cmwq2_run *run,
			    struct cmwq2_work *work)
{
	struct task_struct *waiter = cmwq2_barrier_waiter(work);

	if (run->nr && (waiter || work->func != run->func))
		cmwq2_end_run(out, run);
	if (waiter) {
		cmwq2_write(out, "%s(%d waits)", run->words++ ? ", " : " ", task_pid_nr(waiter));
		return;
	}
	run->func = work->func;
	run->nr++;
}

/* A rescuer's cursor has no data word that tells. */
static bool cmwq2_is_of(struct cmwq2_work *work, struct cmwq2_pwq *pwq)
{
	return cmwq2_is_cursor(work) ? work == &pwq->mayday_cursor : cmwq2_work_pwq(work) == pwq;
}

/* The items on a list that are of @pwq. Context: pool->lock held. */
static void cmwq2_show_works(struct cmwq2_out *out, const char *what, struct list_head *list,
			     struct cmwq2_pwq *pwq)
{
	struct cmwq2_run run = { .nr = 0 };
	size_t before = out->len, empty;
	struct cmwq2_work *work;
	int walked = 0;

	cmwq2_write(out, "    %s:", what);
	empty = out->len;
	list_for_each_entry(work, list, entry) {
		if (walked++ == CMWQ2_SHOW_WALK || run.words == CMWQ2_SHOW_WORDS) {
			cmwq2_end_run(out, &run);
			cmwq2_write(out, " and more");
			break;
		}
		if (cmwq2_is_of(work, pwq))
			cmwq2_show_work(out, &run, work);
	}
	cmwq2_end_run(out, &run);
	if (out->len == empty)
		out->len = before;
	else
		cmwq2_write(out, "\n");
}

/* A BH pool's worker has no thread. */
static void cmwq2_show_id(struct cmwq2_out *out, struct cmwq2_worker *worker)
{
	if (worker->task)
		cmwq2_write(out, "%d%s", task_pid_nr(worker->task),
			    worker->rescue_wq ? "(rescuer)" : "");
	else
		cmwq2_write(out, "bh%s", worker->pool->attrs->nice < 0 ? "-hi" : "");
}

/* Context: pool->lock held. */
static void cmwq2_show_busy(struct cmwq2_out *out, struct cmwq2_worker *worker)
{
	char desc[CMWQ2_DESC_LEN];

	/* Its owner may be writing. The last byte is always 0. */
	memcpy(desc, worker->desc, sizeof(desc) - 1);
	desc[sizeof(desc) - 1] = '\0';

	cmwq2_write(out, "    running: ");
	cmwq2_show_id(out, worker);
	cmwq2_write(out, " %ps for %u ms", worker->current_func,
		    jiffies_to_msecs(jiffies - worker->started_at));
	if (desc[0])
		cmwq2_write(out, " \"%s\"", desc);
	if (worker->flags & CMWQ2_WORKER_INTENSIVE)
		cmwq2_write(out, " cpu intensive");
	cmwq2_write(out, "\n");
	cmwq2_show_works(out, "  behind it", &worker->scheduled, worker->current_pwq);
}

static void cmwq2_show_what_pool(struct cmwq2_out *out, struct cmwq2_pool *pool)
{
	cmwq2_write(out, "pool %u: cpus %*pbl", pool->id, cpumask_pr_args(pool->attrs->cpumask));
	if (pool->node != NUMA_NO_NODE)
		cmwq2_write(out, " node %d", pool->node);
	cmwq2_write(out, " flags %#x nice %d", pool->flags, pool->attrs->nice);
}

static bool cmwq2_pwq_is_idle(struct cmwq2_pwq *pwq)
{
	return !READ_ONCE(pwq->nr_active) && list_empty(&pwq->inactive);
}

/* Context: pool->lock held. */
static void cmwq2_show_pwq(struct cmwq2_out *out, struct cmwq2_pwq *pwq)
{
	struct cmwq2_pool *pool = pwq->pool;
	struct cmwq2_worker *worker;
	int bucket, nr = 0;

	cmwq2_write(out, "  ");
	cmwq2_show_what_pool(out, pool);
	cmwq2_write(out, " active %d refcnt %d%s\n", pwq->nr_active, pwq->refcnt,
		    list_empty(&pwq->mayday_node) ? "" : " mayday");
	hash_for_each(pool->busy_hash, bucket, worker, hentry)
		if (worker->current_pwq == pwq && nr++ < CMWQ2_SHOW_WORDS)
			cmwq2_show_busy(out, worker);
	if (nr > CMWQ2_SHOW_WORDS)
		cmwq2_write(out, "    running: %d more\n", nr - CMWQ2_SHOW_WORDS);
	cmwq2_show_works(out, "pending", &pool->worklist, pwq);
	cmwq2_show_works(out, "inactive", &pwq->inactive, pwq);
}

/* Nothing for an idle queue. Context: RCU read-side section, no lock held. */
static void cmwq2_show_wq(struct cmwq2_out *out, struct cmwq2_wq *wq)
{
	struct cmwq2_pwq *pwq;
	unsigned long flags;
	bool first = true;

	list_for_each_entry_rcu(pwq, &wq->pwqs, pwqs_node) {
		if (cmwq2_pwq_is_idle(pwq))
			continue;
		if (first)
			cmwq2_write(out, "workqueue %s: flags %#x max_active %d\n", wq->name,
				    READ_ONCE(wq->flags), READ_ONCE(wq->max_active));
		first = false;
		cmwq2_pool_lock_irqsave(pwq->pool, flags);
		cmwq2_show_pwq(out, pwq);
		cmwq2_pool_unlock_irqrestore(pwq->pool, flags);
		cmwq2_flush_out(out);
	}
}

/* Context: pool->lock held. */
static void cmwq2_write_pool(struct cmwq2_out *out, struct cmwq2_pool *pool)
{
	struct cmwq2_worker *worker;
	int nr = 0;

	cmwq2_show_what_pool(out, pool);
	cmwq2_write(out, " workers %d idle %d running %d", pool->nr_workers, pool->nr_idle,
		    atomic_read(&pool->nr_running));
	if (!list_empty(&pool->worklist))
		cmwq2_write(out, " no item taken for %u ms",
			    jiffies_to_msecs(jiffies - pool->progress_at));
	if (pool->manager)
		cmwq2_write(out, " manager %d", task_pid_nr(pool->manager->task));
	list_for_each_entry(worker, &pool->idle_list, entry) {
		if (nr++ == CMWQ2_SHOW_WORDS) {
			cmwq2_write(out, " and more");
			break;
		}
		cmwq2_write(out, nr == 1 ? "\n  idle: " : " ");
		cmwq2_show_id(out, worker);
	}
	cmwq2_write(out, "\n");
}

static void cmwq2_out_pool(struct cmwq2_out *out, struct cmwq2_pool *pool, bool if_idle)
{
	unsigned long flags;

	cmwq2_pool_lock_irqsave(pool, flags);
	if (if_idle || pool->nr_workers != pool->nr_idle || !list_empty(&pool->worklist))
		cmwq2_write_pool(out, pool);
	cmwq2_pool_unlock_irqrestore(pool, flags);
	cmwq2_flush_out(out);
}

/* Queues with all of @flags, and all pools that are busy. */
static void cmwq2_out_all(struct cmwq2_out *out, unsigned int flags, bool pools)
{
	struct cmwq2_pool *pool;
	struct cmwq2_wq *wq;
	unsigned long id;

	if (!cmwq2_out_begin(out))
		return;
	rcu_read_lock();
	list_for_each_entry_rcu(wq, &cmwq2_workqueues, list)
		if ((READ_ONCE(wq->flags) & flags) == flags)
			cmwq2_show_wq(out, wq);
	if (pools) {
		xa_for_each(&cmwq2_pools, id, pool)
			cmwq2_out_pool(out, pool, false);
		cmwq2_out_stalls(out, CMWQ2_STALL_MS);
	}
	rcu_read_unlock();
	cmwq2_out_end(out);
}

static void cmwq2_out_wq(struct cmwq2_out *out, struct cmwq2_wq *wq)
{
	if (!cmwq2_out_begin(out))
		return;
	rcu_read_lock();
	cmwq2_show_wq(out, wq);
	rcu_read_unlock();
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
 * cmwq2_show_freezable_workqueues - write those to the log that hold up a freeze
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

/*
 * A pool to the log, idle or not, and why it gets nowhere.
 *
 * Context: any but NMI; RCU read-side section.
 */
void cmwq2_show_pool(struct cmwq2_pool *pool)
{
	struct cmwq2_out out = { .put = cmwq2_put_log };

	if (!cmwq2_out_begin(&out))
		return;
	cmwq2_out_pool(&out, pool, true);
	cmwq2_out_verdict(&out, pool);
	cmwq2_out_end(&out);
}

/* All queues and pools to a file. */
void cmwq2_show_seq(struct seq_file *m)
{
	struct cmwq2_out out = { .put = cmwq2_put_seq, .ctx = m };

	cmwq2_out_all(&out, 0, true);
}

/* Why items wait to a file. */
void cmwq2_stalls_seq(struct seq_file *m)
{
	struct cmwq2_out out = { .put = cmwq2_put_seq, .ctx = m };

	if (!cmwq2_out_begin(&out))
		return;
	cmwq2_out_stalls(&out, CMWQ2_STALL_MS);
	cmwq2_out_end(&out);
}

/**
 * cmwq2_stalls - say in memory why items wait
 * @min_ms: of those that wait for so many milliseconds at least
 * @buf: written to
 * @size: of @buf, at least 1; what does not fit is cut
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
 * @buf: written to
 * @size: of @buf, at least 1; what does not fit is cut
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
 * cmwq2_set_worker_desc - say what the current item is about
 * @fmt: printf format, the text is cut after 31 characters
 *
 * Dumps show it until the item ends. Outside of an item nothing happens.
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

/* A key that is taken, or a kernel without, is no reason not to load. */
void cmwq2_sysrq_init(void)
{
	if (!IS_ENABLED(CONFIG_MAGIC_SYSRQ))
		return;
	cmwq2_sysrq_registered = !register_sysrq_key(CMWQ2_SYSRQ_LETTER, &cmwq2_sysrq_op);
	if (!cmwq2_sysrq_registered)
		pr_warn("sysrq key %c is taken\n", CMWQ2_SYSRQ_LETTER);
}

/* Waits for a dump that is under way. */
void cmwq2_sysrq_exit(void)
{
	if (cmwq2_sysrq_registered)
		unregister_sysrq_key(CMWQ2_SYSRQ_LETTER, &cmwq2_sysrq_op);
}
