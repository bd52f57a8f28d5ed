// SPDX-License-Identifier: GPL-2.0
/*
 * The text of programs.
 *
 * A program is a list of statements, one in a line or separated by ';'. "queue KIND
 * [FLAG ...] [maxN]" and "item KIND" add a queue and an item. "CONTEXT OPERATION
 * [ARGUMENT ...]" adds an operation. Contexts are t0 to t2 (threads), i0 to i5 (functions
 * of items), soft and hard (timers). An argument is a letter and a number: q queue, i item,
 * c CPU, n number.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "fuzz.h"

#define FZ_INFO(code, name, flags)	{ name, flags },
const struct fz_info fz_info[FZ_NR_CODES] = { FZ_EACH_CODE(FZ_INFO) };

const char *const fz_kind_names[FZ_NR_KINDS] = { "plain", "delayed", "rcu", "bh" };

static const struct {
	const char	*name;
	unsigned int	flag;
} fz_flags[] = {
	{ "percpu", TW_PERCPU },
	{ "unbound", TW_UNBOUND },
	{ "ordered", TW_ORDERED },
	{ "bh", TW_BH | TW_PERCPU },
	{ "highpri", TW_HIGHPRI },
	{ "reclaim", TW_MEM_RECLAIM },
	{ "intensive", TW_CPU_INTENSIVE },
	{ "freezable", TW_FREEZABLE },
};

static int fz_print_ctx(unsigned int ctx, char *buf, size_t size)
{
	if (fz_is_thread(ctx))
		return scnprintf(buf, size, "t%u", ctx);
	if (fz_is_item(ctx))
		return scnprintf(buf, size, "i%u", ctx - FZ_ITEM0);
	return scnprintf(buf, size, ctx == FZ_SOFT ? "soft" : "hard");
}

static int fz_print_op(const struct fz_op *op, char *buf, size_t size)
{
	const struct fz_info *info = &fz_info[op->code];
	int len = fz_print_ctx(op->ctx, buf, size);

	len += scnprintf(buf + len, size - len, " %s", info->name);
	if (info->flags & FZ_Q)
		len += scnprintf(buf + len, size - len, " q%u", op->q);
	if (info->flags & FZ_I)
		len += scnprintf(buf + len, size - len, " i%u", op->item);
	if (info->flags & FZ_N)
		len += scnprintf(buf + len, size - len, " n%d", op->n);
	if (info->flags & FZ_C && op->cpu >= 0)
		len += scnprintf(buf + len, size - len, " c%d", op->cpu);
	return len;
}

static int fz_print_queue(const struct fz_queue_spec *q, char *buf, size_t size)
{
	int i, len = scnprintf(buf, size, "queue");

	for (i = 0; i < ARRAY_SIZE(fz_flags); i++) {
		if (fz_flags[i].flag == TW_PERCPU && q->flags & TW_BH)
			continue;
		if ((q->flags & fz_flags[i].flag) == fz_flags[i].flag)
			len += scnprintf(buf + len, size - len, " %s", fz_flags[i].name);
	}
	if (q->max_active)
		len += scnprintf(buf + len, size - len, " max%d", q->max_active);
	return len;
}

/* Writes the program in one line, without a newline. Returns the length. */
int fz_print(const struct fz_program *p, char *buf, size_t size)
{
	int i, len = 0;

	for (i = 0; i < p->nr_queues; i++) {
		len += fz_print_queue(&p->queue[i], buf + len, size - len);
		len += scnprintf(buf + len, size - len, ";");
	}
	for (i = 0; i < p->nr_items; i++)
		len += scnprintf(buf + len, size - len, "item %s;", fz_kind_names[p->kind[i]]);
	for (i = 0; i < p->nr_ops; i++) {
		len += fz_print_op(&p->op[i], buf + len, size - len);
		len += scnprintf(buf + len, size - len, i < p->nr_ops - 1 ? ";" : "");
	}
	return len;
}

static int fz_parse_queue(struct fz_program *p, char *rest)
{
	struct fz_queue_spec *q = &p->queue[p->nr_queues];
	char *word;
	int i;

	if (p->nr_queues == FZ_QUEUES)
		return -EINVAL;
	while ((word = strsep(&rest, " "))) {
		if (!*word || sscanf(word, "max%d", &q->max_active) == 1)
			continue;
		for (i = 0; i < ARRAY_SIZE(fz_flags); i++)
			if (!strcmp(word, fz_flags[i].name))
				break;
		if (i == ARRAY_SIZE(fz_flags))
			return -EINVAL;
		q->flags |= fz_flags[i].flag;
	}
	p->nr_queues++;
	return 0;
}

static int fz_parse_item(struct fz_program *p, const char *rest)
{
	int kind = rest ? match_string(fz_kind_names, FZ_NR_KINDS, rest) : -EINVAL;

	if (kind < 0 || p->nr_items == FZ_ITEMS)
		return -EINVAL;
	p->kind[p->nr_items++] = kind;
	return 0;
}

static int fz_parse_ctx(const char *word)
{
	unsigned int n;

	if (sscanf(word, "t%u", &n) == 1 && n < FZ_THREADS)
		return FZ_THREAD0 + n;
	if (sscanf(word, "i%u", &n) == 1 && n < FZ_ITEMS)
		return FZ_ITEM0 + n;
	if (!strcmp(word, "soft"))
		return FZ_SOFT;
	return strcmp(word, "hard") ? -EINVAL : FZ_HARD;
}

static int fz_parse_argument(struct fz_op *op, const char *word)
{
	int value;

	if (kstrtoint(word + 1, 10, &value))
		return -EINVAL;
	switch (*word) {
	case 'q':
		op->q = clamp(value, 0, FZ_QUEUES);
		return 0;
	case 'i':
		op->item = clamp(value, 0, FZ_ITEMS);
		return 0;
	case 'c':
		op->cpu = clamp(value, -1, S8_MAX);
		return 0;
	case 'n':
		op->n = value;
		return 0;
	}
	return -EINVAL;
}

static int fz_parse_op(struct fz_program *p, const char *who, char *rest)
{
	struct fz_op *op = &p->op[p->nr_ops];
	int ctx = fz_parse_ctx(who), i;
	char *name = strsep(&rest, " "), *word;

	if (ctx < 0 || !name || p->nr_ops == FZ_OPS)
		return -EINVAL;
	for (i = 0; i < FZ_NR_CODES; i++)
		if (!strcmp(name, fz_info[i].name))
			break;
	if (i == FZ_NR_CODES)
		return -EINVAL;
	*op = (struct fz_op){ .ctx = ctx, .code = i, .cpu = -1 };
	while ((word = strsep(&rest, " ")))
		if (*word && fz_parse_argument(op, word))
			return -EINVAL;
	p->nr_ops++;
	return 0;
}

/**
 * fz_parse - read a program
 * @p: the program
 * @text: its text, which is changed
 *
 * Return: 0, or -EINVAL after a line in the log that says what is wrong.
 */
int fz_parse(struct fz_program *p, char *text)
{
	char *line, *rest, *word;
	const char *why;
	int ret;

	memset(p, 0, sizeof(*p));
	while ((line = strsep(&text, ";\n"))) {
		rest = strim(line);
		if (!*rest || *rest == '#')
			continue;
		word = strsep(&rest, " ");
		if (!strcmp(word, "queue"))
			ret = fz_parse_queue(p, rest);
		else if (!strcmp(word, "item"))
			ret = fz_parse_item(p, rest);
		else
			ret = fz_parse_op(p, word, rest);
		if (ret) {
			pr_err("a statement that begins with \"%s\" is wrong or one too many\n",
			       word);
			return ret;
		}
	}
	why = fz_why_invalid(p);
	if (why)
		pr_err("the program is not allowed: %s\n", why);
	return why ? -EINVAL : 0;
}

bool fz_has(const struct fz_program *p, unsigned int code, int item)
{
	int i;

	for (i = 0; i < p->nr_ops; i++)
		if (p->op[i].code == code && (item < 0 || p->op[i].item == item))
			return true;
	return false;
}

static bool fz_adds_crowd(const struct fz_op *op)
{
	return op->code == FZ_CROWD_OP || op->code == FZ_STARVE;
}

bool fz_has_crowd(const struct fz_program *p)
{
	return fz_has(p, FZ_CROWD_OP, -1) || fz_has(p, FZ_STARVE, -1);
}

/* Whether an operation can queue @item; items beyond those of the program are the crowd. */
static bool fz_queues(const struct fz_op *op, unsigned int item)
{
	if (item >= FZ_ITEMS)
		return fz_adds_crowd(op);
	return op->item == item && !(~fz_info[op->code].flags & (FZ_Q | FZ_I));
}

/* A bit for each queue that @item may be queued on. */
unsigned int fz_queues_of(const struct fz_program *p, unsigned int item)
{
	unsigned int queues = 0;
	int i;

	for (i = 0; i < p->nr_ops; i++)
		if (fz_queues(&p->op[i], item))
			queues |= BIT(p->op[i].q);
	return queues;
}

/* Whether a timer or a grace period may queue an item on @q, which a drain does not allow. */
static bool fz_queued_late(const struct fz_program *p, unsigned int q)
{
	int i;

	for (i = 0; i < p->nr_items; i++)
		if (p->kind[i] != FZ_PLAIN && p->kind[i] != FZ_BH && fz_queues_of(p, i) & BIT(q))
			return true;
	return false;
}

/* A bit for each queue with a rescuer. */
static unsigned int fz_rescued(const struct fz_program *p)
{
	unsigned int queues = 0;
	int i;

	for (i = 0; i < p->nr_queues; i++)
		queues |= p->queue[i].flags & TW_MEM_RECLAIM ? BIT(i) : 0;
	return queues;
}

/* Whether only items with numbers above @item are queued on @q. */
static bool fz_all_above(const struct fz_program *p, unsigned int q, unsigned int item)
{
	int i;

	for (i = 0; i <= item; i++)
		if (fz_queues_of(p, i) & BIT(q))
			return false;
	return true;
}

/*
 * The function of an item may wait for items of a larger number, whose queues all have
 * larger numbers, too. Then no items can wait for each other in a circle. Lockdep knows the
 * items of all programs by the queues that they are used on, and sees no circle either: each
 * step from an item to the next, or to a queue, goes to queues of larger numbers. An item of a
 * queue with a rescuer only waits for such items, as it may be needed to free memory.
 */
static bool fz_may_wait(const struct fz_program *p, const struct fz_op *op)
{
	unsigned int me = op->ctx - FZ_ITEM0, mine = fz_queues_of(p, me), theirs;

	if (!fz_is_item(op->ctx))
		return true;
	if (fz_info[op->code].flags & FZ_I ? op->item <= me : !fz_all_above(p, op->q, me))
		return false;
	theirs = fz_info[op->code].flags & FZ_I ? fz_queues_of(p, op->item) : BIT(op->q);
	if (!mine || !theirs)
		return true;
	return fls(mine) < ffs(theirs) &&
	       (!(mine & fz_rescued(p)) || !(theirs & ~fz_rescued(p)));
}

static const char *fz_why_queue_invalid(const struct fz_program *p, const struct fz_op *op)
{
	const struct fz_queue_spec *q;
	bool bh, bh_item;

	if (op->q >= p->nr_queues)
		return "there is no such queue";
	q = &p->queue[op->q];
	bh = q->flags & TW_BH;
	bh_item = p->kind[op->item] == FZ_BH;
	if (fz_info[op->code].flags & FZ_I && bh != bh_item)
		return "a BH item on another queue, or another item on a BH queue";
	if (op->code == FZ_CROWD_OP && (bh || op->n < 1 || op->n > FZ_CROWD_MOST))
		return "a crowd on a BH queue, or too large";
	if (op->code == FZ_MAX_ACTIVE &&
	    (q->flags & (TW_BH | TW_ORDERED) || op->n < 1 || op->n > 64))
		return "a limit for an ordered or BH queue, or a wrong limit";
	if ((op->code == FZ_CREATION || op->code == FZ_STARVE) && (bh || op->n < 0))
		return "no workers are created for a BH queue";
	if (op->code == FZ_ATTRS && (bh || !(q->flags & (TW_UNBOUND | TW_ORDERED))))
		return "attributes for a queue that is not unbound";
	if (op->code == FZ_QUEUE_NODE && !(q->flags & (TW_UNBOUND | TW_ORDERED)))
		return "queue_node for a queue that is not unbound";
	if ((op->code == FZ_DRAIN || op->code == FZ_RECREATE) && fz_queued_late(p, op->q))
		return "a drain of a queue with delayed items";
	return NULL;
}

static const char *fz_why_item_invalid(const struct fz_program *p, const struct fz_op *op)
{
	unsigned int kind;

	if (op->item >= p->nr_items)
		return "there is no such item";
	if (op->code == FZ_AWAIT)
		return NULL;
	kind = p->kind[op->item];
	switch (op->code) {
	case FZ_QUEUE:
	case FZ_QUEUE_NODE:
	case FZ_ENABLE_QUEUE:
		return kind == FZ_PLAIN || kind == FZ_BH ? NULL : "queue needs a plain item";
	case FZ_QUEUE_DELAYED:
	case FZ_MOD_DELAYED:
		return kind == FZ_DELAYED && op->n >= 0 && op->n <= 8 ? NULL :
		       "a delay needs a delayed item, and is at most 8";
	case FZ_QUEUE_RCU:
		return kind == FZ_RCU ? NULL : "queue_rcu needs an RCU item";
	case FZ_FLUSH:
	case FZ_BUSY:
		return NULL;
	default:
		return kind == FZ_RCU ? "RCU items cannot be cancelled or disabled" : NULL;
	}
}

static const char *fz_why_number_invalid(const struct fz_op *op)
{
	switch (op->code) {
	case FZ_WAIT:
	case FZ_OPEN:
		return op->n < 0 || op->n >= FZ_GATES ? "there is no such gate" : NULL;
	case FZ_POLICY:
		return op->n < 0 || op->n >= fz_nr_policies() ? "there is no such policy" : NULL;
	case FZ_SPIN:
	case FZ_SLEEP:
	case FZ_TIMER:
	case FZ_TIMER_HARD:
		return op->n < 0 || op->n > 50000 ? "a time is too long" : NULL;
	}
	return NULL;
}

static bool fz_may_sleep(const struct fz_program *p, unsigned int ctx)
{
	return fz_is_thread(ctx) || (fz_is_item(ctx) && p->kind[ctx - FZ_ITEM0] != FZ_BH);
}

static const char *fz_why_op_invalid(const struct fz_program *p, const struct fz_op *op)
{
	unsigned int flags = fz_info[op->code].flags;
	const char *why = NULL;

	if (fz_is_item(op->ctx) && op->ctx - FZ_ITEM0 >= p->nr_items)
		return "a context is the function of an item that does not exist";
	if (flags & FZ_THREAD_ONLY && !fz_is_thread(op->ctx))
		return "only threads may do this";
	if (flags & FZ_SLEEPS && !fz_may_sleep(p, op->ctx))
		return "this context must not sleep";
	if (flags & FZ_I)
		why = fz_why_item_invalid(p, op);
	if (!why && flags & FZ_Q)
		why = fz_why_queue_invalid(p, op);
	if (!why && flags & FZ_BLOCKS && !fz_may_wait(p, op))
		why = "items could wait for each other";
	return why ?: fz_why_number_invalid(op);
}

/* What a program must not do, or NULL: a program that is allowed uses the API correctly. */
const char *fz_why_invalid(const struct fz_program *p)
{
	const char *why;
	int i;

	for (i = 0; i < p->nr_queues; i++)
		if (!(p->queue[i].flags & (TW_PERCPU | TW_UNBOUND | TW_ORDERED)))
			return "a queue has no kind";
	for (i = 0; i < p->nr_ops; i++) {
		why = fz_why_op_invalid(p, &p->op[i]);
		if (why)
			return why;
	}
	return NULL;
}
