// SPDX-License-Identifier: GPL-2.0
/*
 * The two engines that the suites run on.
 */
#include <linux/module.h>

#include <cmwq2/version.h>

#include "engine.h"

const struct tw_engine tw_engines[TW_NR_ENGINES] = {
	[TW_NATIVE]	= { "native", &tw_native_ops },
	[TW_CMWQ2]	= { "cmwq2", &tw_cmwq2_ops },
};

MODULE_DESCRIPTION("KUnit suites of cmwq2, run on it and on the kernel's workqueue");
MODULE_VERSION(CMWQ2_VERSION);
MODULE_LICENSE("GPL");
