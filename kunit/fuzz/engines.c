// SPDX-License-Identifier: GPL-2.0
/*
 * The two engines behind struct tw_ops, as the suites use them. An object cannot belong to
 * two modules, so this module compiles the files once more.
 */
#include "../lib/engine_native.c"
#include "../lib/engine_cmwq2.c"

const struct tw_engine tw_engines[TW_NR_ENGINES] = {
	[TW_NATIVE]	= { "native", &tw_native_ops },
	[TW_CMWQ2]	= { "cmwq2", &tw_cmwq2_ops },
};
