/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What suites of the rescuer's policies share.
 */
#ifndef CMWQ2_KUNIT_RESCUE_H
#define CMWQ2_KUNIT_RESCUE_H

#include "env.h"

struct cmwq2_pwq;

/* The rescuer's policies, and how KUnit names them. */
#define TW_NR_RESCUES	3
extern const char *const tw_rescues[TW_NR_RESCUES];
void tw_rescue_desc(const char *const *rescue, char *desc);

/* The environment of a test that runs under each policy. */
struct tw_env *tw_rescue_env(struct kunit *test);

/* The pwq of @cpu. The tests that call this do not replace the pwq. */
struct cmwq2_pwq *tw_pwq(struct tw_wq *w, int cpu);
bool tw_has_cursor(struct cmwq2_pwq *pwq);
void tw_expect_no_cursor(struct tw_env *e, struct tw_wq *w, int cpu);

void tw_queue_all(int cpu, struct tw_wq *w, struct tw_item **items, int nr);
void tw_wait_all(struct tw_item **items, int nr, const char *what);

#endif /* CMWQ2_KUNIT_RESCUE_H */
