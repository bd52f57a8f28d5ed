/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Workers of an unbound pool that go idle on the CPUs that a test chooses.
 */
#ifndef CMWQ2_KUNIT_CPUS_H
#define CMWQ2_KUNIT_CPUS_H

#include "hold.h"

void tw_go_idle(struct tw_wq *w, int others, const int *cpus, int nr);

#endif /* CMWQ2_KUNIT_CPUS_H */
