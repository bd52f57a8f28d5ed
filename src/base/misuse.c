// SPDX-License-Identifier: GPL-2.0
/*
 * Calls with invalid arguments. Each is refused, counted, and reported in one
 * line with a backtrace, because the mistake is the caller's.
 */
#include <linux/ratelimit.h>

#include <cmwq2/control.h>
#include <cmwq2/workqueue.h>

#include "base/health.h"
#include "base/misuse.h"
#include "base/types.h"
#include "base/work.h"

/**
 * cmwq2_misuse - report a call that was refused
 * @fmt: printf format that says what is wrong, without a newline
 *
 * The report is a WARN, like those of the kernel's own workqueue, so that
 * panic_on_warn and tools that look for warnings notice it. A driver that
 * repeats its mistake does not flood the log, but each call is counted.
 *
 * Context: any.
 */
void cmwq2_misuse(const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	cmwq2_health_add(CMWQ2_HEALTH_MISUSES);
	va_start(args, fmt);
	vaf.va = &args;
	if (cmwq2_is_on_purpose())
		pr_warn("%s: %pV\n", cmwq2_bug(), &vaf);
	else if (__ratelimit(&limit))
		WARN(1, "cmwq2: %pV\n", &vaf);
	va_end(args);
}

/* See cmwq2_is_missing(). */
bool cmwq2_tell_missing(const char *function, const char *argument)
{
	cmwq2_misuse("%s(): %s is NULL", function, argument);
	return true;
}

/**
 * cmwq2_refuse_misuse - let go of an item that cannot be queued
 * @cpu: as for cmwq2_can_queue(), which has returned false
 * @wq: likewise
 * @work: item whose PENDING the caller holds and gives up here
 *
 * An item that kept PENDING could neither be queued nor cancelled any more.
 *
 * Context: any.
 */
void cmwq2_refuse_misuse(int cpu, struct cmwq2_wq *wq, struct cmwq2_work *work)
{
	unsigned long data = cmwq2_work_data(work);
	cmwq2_work_func_t func = work->func;
	bool listed = !list_empty(&work->entry);

	/* Before the report: whoever reads it and cancels the item must not wait for us. */
	cmwq2_work_release_as_was(work, data);
	if (!wq)
		cmwq2_misuse("%ps is queued on no workqueue: wq is NULL", func);
	else if (!func)
		cmwq2_misuse("%s: an item without a function is queued: was it initialised?",
			     wq->name);
	else if (listed)
		cmwq2_misuse("%s: %ps is queued, but its item is on a list or was not initialised",
			     wq->name, func);
	else
		cmwq2_misuse("%s: %ps is queued on CPU %d, which is not a possible CPU",
			     wq->name, func, cpu);
}
