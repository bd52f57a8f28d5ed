// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of what the engine found wrong, so that tests and tools need not
 * read the log.
 */
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/kthread.h>

#include <cmwq2/control.h>

#include "base/health.h"
#include "base/helper.h"

static atomic_long_t cmwq2_health_counts[CMWQ2_HEALTH_NR];
static bool cmwq2_on_purpose;

static const char *const cmwq2_health_names[CMWQ2_HEALTH_NR] = {
	[CMWQ2_HEALTH_HOG_REPORTS]	= "hog_reports",
	[CMWQ2_HEALTH_STALLS]		= "stalls",
	[CMWQ2_HEALTH_STALL_REPORTS]	= "stall_reports",
	[CMWQ2_HEALTH_PAUSES]		= "pauses",
	[CMWQ2_HEALTH_PANICS]		= "panics",
	[CMWQ2_HEALTH_LEAKS]		= "leaks",
	[CMWQ2_HEALTH_DUMPS]		= "dumps",
	[CMWQ2_HEALTH_MISUSES]		= "misuses",
	[CMWQ2_HEALTH_STRAYS]		= "strays",
};

void cmwq2_health_add(enum cmwq2_health what)
{
	atomic_long_inc(&cmwq2_health_counts[what]);
}

const char *cmwq2_health_name(enum cmwq2_health what)
{
	return cmwq2_health_names[what];
}

/**
 * cmwq2_health - how often something was found
 * @what: which finding
 *
 * Context: any.
 * Return: how often since the module was loaded.
 */
unsigned long cmwq2_health(enum cmwq2_health what)
{
	return atomic_long_read(&cmwq2_health_counts[what]);
}
EXPORT_SYMBOL_GPL(cmwq2_health);

/**
 * cmwq2_fault_on_purpose - mark what is found from now on as caused by a test
 * @on: whether to mark it
 *
 * Reports are counted and printed in full, but are not called a BUG, and a
 * panic is only counted. Whoever reads the log for bugs still finds all others.
 *
 * Context: process, may sleep.
 */
void cmwq2_fault_on_purpose(bool on)
{
	/* Reports that wait were found before: let them be printed as what they were. */
	kthread_flush_worker(cmwq2_reporter);
	WRITE_ONCE(cmwq2_on_purpose, on);
}
EXPORT_SYMBOL_GPL(cmwq2_fault_on_purpose);

bool cmwq2_is_on_purpose(void)
{
	return READ_ONCE(cmwq2_on_purpose);
}

/* The words that begin the report of an error. */
const char *cmwq2_bug(void)
{
	return cmwq2_is_on_purpose() ? "on purpose" : "BUG";
}
