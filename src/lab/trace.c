// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints, see include/trace/events/cmwq2.h. Exported for tests and
 * tools that attach probes.
 */
#include "base/types.h"

#define CREATE_TRACE_POINTS
#include <trace/events/cmwq2.h>

EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_queue_work);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_activate_work);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_execute_start);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_execute_end);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_kick);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_wake);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_worker_create);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_worker_idle);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_worker_cull);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_worker_die);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_mayday);
EXPORT_TRACEPOINT_SYMBOL_GPL(cmwq2_rescue);
