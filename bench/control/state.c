// SPDX-License-Identifier: GPL-2.0
/*
 * What the files share: the configuration, the run in progress, and their lock.
 */
#include <linux/errno.h>
#include <linux/mutex.h>

#include "base/types.h"
#include "control/state.h"

/*
 * Protects the variables below and the result in runs.c. It is not held during a
 * run.
 */
DEFINE_MUTEX(bench_lock);
/* What the next run does. */
struct bench_config bench_config;
/* The run that is in progress, or NULL. */
struct bench_run *bench_current;

/**
 * bench_lock_idle - take bench_lock if no run is in progress
 *
 * The configuration and the result are only changed while nothing runs.
 *
 * Return: 0 with the lock held, or -EBUSY without it.
 */
int bench_lock_idle(void)
{
	mutex_lock(&bench_lock);
	if (!bench_current)
		return 0;
	mutex_unlock(&bench_lock);
	return -EBUSY;
}
