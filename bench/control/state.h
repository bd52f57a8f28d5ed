/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the sysfs files share: the configuration, the run in progress, and the lock of both.
 */
#ifndef CMWQ2_BENCH_STATE_H
#define CMWQ2_BENCH_STATE_H

#include <linux/mutex.h>

#include "base/types.h"

extern struct mutex bench_lock;
extern struct bench_config bench_config;
extern struct bench_run *bench_current;

int bench_lock_idle(void);

#endif /* CMWQ2_BENCH_STATE_H */
