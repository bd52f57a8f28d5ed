/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records what is printed to the log. Only tests of the printed text use this. Other
 * tests read counters to learn whether something happened.
 */
#ifndef CMWQ2_KUNIT_LISTEN_H
#define CMWQ2_KUNIT_LISTEN_H

#include "env.h"

void tw_listen(struct tw_env *env);
void tw_listen_then(struct tw_env *env, void (*fn)(void *arg), void *arg);
int tw_heard(const char *text);
bool tw_heard_line(const char *line);

#endif /* CMWQ2_KUNIT_LISTEN_H */
