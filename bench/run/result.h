/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The result of a run as text.
 */
#ifndef CMWQ2_BENCH_RESULT_H
#define CMWQ2_BENCH_RESULT_H

#include <linux/types.h>

#include "base/types.h"

int bench_format_result(const struct bench_run *run, char **text, size_t *len);

#endif /* CMWQ2_BENCH_RESULT_H */
