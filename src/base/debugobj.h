/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CMWQ2_DEBUGOBJ_H
#define CMWQ2_DEBUGOBJ_H

#include <cmwq2/workqueue.h>

#ifdef CONFIG_DEBUG_OBJECTS_WORK
void cmwq2_debug_activate(struct cmwq2_work *work);
void cmwq2_debug_deactivate(struct cmwq2_work *work);
#else
static inline void cmwq2_debug_activate(struct cmwq2_work *work) { }
static inline void cmwq2_debug_deactivate(struct cmwq2_work *work) { }
#endif

#endif /* CMWQ2_DEBUGOBJ_H */
