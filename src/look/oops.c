// SPDX-License-Identifier: GPL-2.0
/*
 * Prints which item runs when the kernel reports that something went wrong.
 *
 * The kernel adds "Workqueue: QUEUE FUNCTION" to each backtrace of its own
 * workers, which it recognises by PF_WQ_WORKER. A module cannot set that flag
 * and cannot add to a backtrace. But it is notified of most events that print
 * one, and then prints the line after the backtrace, in the same form, so that
 * tools find it:
 *
 *   oops		the die chain
 *   panic		the panic chain
 *   WARN, KASAN,	the tracepoint error_report_end
 *   KFENCE
 *
 * dump_stack(), soft lockups, hung tasks and SysRq-t notify nobody.
 */
#include <linux/export.h>
#include <linux/kdebug.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/printk.h>
#include <linux/uaccess.h>
#ifdef CONFIG_TRACEPOINTS
#include <trace/events/error_report.h>
#endif

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/types.h"
#include "core/bh.h"
#include "core/worker.h"
#include "lab/stacks.h"
#include "look/oops.h"

static void cmwq2_peek_name(struct cmwq2_worker *worker, char *name)
{
	struct cmwq2_pwq *pwq;
	struct cmwq2_wq *wq;

	if (get_kernel_nofault(pwq, &worker->current_pwq) || !pwq ||
	    get_kernel_nofault(wq, &pwq->wq) || !wq)
		return;
	copy_from_kernel_nofault(name, wq->name, CMWQ2_NAME_LEN - 1);
}

/* See cmwq2_dump_worker(). Adds a description in parentheses, as the kernel's line does. */
static size_t cmwq2_worker_text(struct cmwq2_worker *worker, char *buf, size_t size)
{
	char name[CMWQ2_NAME_LEN] = "", desc[CMWQ2_DESC_LEN] = "";
	cmwq2_work_func_t func;

	buf[0] = '\0';
	if (!worker || get_kernel_nofault(func, &worker->current_func) || !func)
		return 0;
	cmwq2_peek_name(worker, name);
	/* One byte less, so that both stay terminated whatever is read. */
	copy_from_kernel_nofault(desc, worker->desc, CMWQ2_DESC_LEN - 1);
	return scnprintf(buf, size, "Workqueue: %s %ps%s%s%s", name, func,
			 desc[0] ? " (" : "", desc, desc[0] ? ")" : "");
}

/**
 * cmwq2_dump_worker - write to memory what a thread works on
 * @task: thread
 * @buf: buffer to write to
 * @size: size of @buf, at least 1
 *
 * Takes no lock, and the worker may end or be freed meanwhile: what is read is
 * checked for being readable, not for being true.
 *
 * Context: any; @task must not go away.
 * Return: length of the text; 0 if the thread is no worker or is idle.
 */
size_t cmwq2_dump_worker(struct task_struct *task, char *buf, size_t size)
{
	return cmwq2_worker_text(cmwq2_task_worker(task), buf, size);
}
EXPORT_SYMBOL_GPL(cmwq2_dump_worker);

static void cmwq2_print_worker(const char *log_lvl, struct cmwq2_worker *worker)
{
	char text[256];

	if (cmwq2_worker_text(worker, text, sizeof(text)))
		printk("%s%s\n", log_lvl, text);
}

/**
 * cmwq2_print_worker_info - write to the log what a thread works on
 * @log_lvl: level to print at, such as KERN_INFO
 * @task: any thread; nothing is printed unless it is a busy worker of cmwq2
 *
 * Context: any; @task must not go away.
 */
void cmwq2_print_worker_info(const char *log_lvl, struct task_struct *task)
{
	cmwq2_print_worker(log_lvl, cmwq2_task_worker(task));
}
EXPORT_SYMBOL_GPL(cmwq2_print_worker_info);

/*
 * Print the item that runs here, because something went wrong. A BH item has no
 * thread, but the caller runs in it.
 *
 * Context: any, even with the locks of whatever broke held: waits for no lock.
 * Return: the item that runs here, which may be gone; or NULL.
 */
static struct cmwq2_work *cmwq2_print_here(const char *log_lvl)
{
	struct cmwq2_worker *worker = cmwq2_bh_current_worker();
	struct cmwq2_work *work;

	if (!worker)
		worker = cmwq2_task_worker(current);
	if (!worker)
		return NULL;
	cmwq2_print_worker(log_lvl, worker);
	if (get_kernel_nofault(work, &worker->current_work) || !work)
		return NULL;
	cmwq2_print_stack(log_lvl, work);
	return work;
}

static int cmwq2_on_die(struct notifier_block *nb, unsigned long what, void *data)
{
	if (what == DIE_OOPS)
		cmwq2_print_here(KERN_ALERT);
	return NOTIFY_DONE;
}

static int cmwq2_on_panic(struct notifier_block *nb, unsigned long what, void *data)
{
	cmwq2_print_here(KERN_EMERG);
	return NOTIFY_DONE;
}

static struct notifier_block cmwq2_die_notifier = {
	.notifier_call = cmwq2_on_die,
};

/* Runs first, because on some test machines another notifier of the chain ends the machine. */
static struct notifier_block cmwq2_panic_notifier = {
	.notifier_call = cmwq2_on_panic,
	.priority = INT_MAX,
};

#ifdef CONFIG_TRACEPOINTS
/* While KASAN reports, its lock is held, but printing is allowed. */
static void cmwq2_on_report(void *data, enum error_detector detector, unsigned long id)
{
	struct cmwq2_work *work = cmwq2_print_here(KERN_WARNING);

	if (detector == ERROR_DETECTOR_KASAN || detector == ERROR_DETECTOR_KFENCE)
		cmwq2_print_stacks_near(KERN_WARNING, id, work);
}

static bool cmwq2_report_registered;

static void cmwq2_report_init(void)
{
	cmwq2_report_registered = !register_trace_error_report_end(cmwq2_on_report, NULL);
}

static void cmwq2_report_exit(void)
{
	if (!cmwq2_report_registered)
		return;
	unregister_trace_error_report_end(cmwq2_on_report, NULL);
	tracepoint_synchronize_unregister();
}
#else
static void cmwq2_report_init(void) { }
static void cmwq2_report_exit(void) { }
#endif

/* The engine works without any of these, too. */
void cmwq2_oops_init(void)
{
	cmwq2_stacks_init();
	register_die_notifier(&cmwq2_die_notifier);
	atomic_notifier_chain_register(&panic_notifier_list, &cmwq2_panic_notifier);
	cmwq2_report_init();
}

/* Call it before workers go away. */
void cmwq2_oops_exit(void)
{
	cmwq2_report_exit();
	atomic_notifier_chain_unregister(&panic_notifier_list, &cmwq2_panic_notifier);
	unregister_die_notifier(&cmwq2_die_notifier);
	cmwq2_stacks_exit();
}
