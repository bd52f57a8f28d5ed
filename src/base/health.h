/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of what the engine found wrong.
 */
#ifndef CMWQ2_HEALTH_H
#define CMWQ2_HEALTH_H

#include <cmwq2/control.h>

void cmwq2_health_add(enum cmwq2_health what);
const char *cmwq2_health_name(enum cmwq2_health what);
const char *cmwq2_bug(void);
bool cmwq2_is_on_purpose(void);

#endif /* CMWQ2_HEALTH_H */
