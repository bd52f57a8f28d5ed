/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is printed to the log while a test listens. For tests of the text itself:
 * whether something happened is known from counters.
 */
#ifndef CMWQ2_KUNIT_LISTEN_H
#define CMWQ2_KUNIT_LISTEN_H

#include "env.h"

void tw_listen(struct tw_env *env);
int tw_heard(const char *text);
bool tw_heard_line(const char *line);

#endif /* CMWQ2_KUNIT_LISTEN_H */
