/* SPDX-License-Identifier: GPL-2.0 */
/*
 * References to pwqs, and how a pwq is released. A pwq connects a queue to a pool.
 */
#ifndef CMWQ2_PWQ_H
#define CMWQ2_PWQ_H

#include <linux/lockdep.h>

#include "base/types.h"

int cmwq2_pwqs_init(void);
void cmwq2_pwqs_exit(void);
struct cmwq2_pwq *cmwq2_pwq_alloc(struct cmwq2_wq *wq, struct cmwq2_pool *pool);
void cmwq2_wq_free_now(struct cmwq2_wq *wq);
void cmwq2_pwq_link(struct cmwq2_pwq *pwq);
void cmwq2_pwq_get_unlocked(struct cmwq2_pwq *pwq);
void cmwq2_pwq_unused(struct cmwq2_pwq *pwq);
void cmwq2_pwqs_throttle(void);

/* Context: pwq->pool->lock held, and a reference. */
static inline void cmwq2_pwq_get(struct cmwq2_pwq *pwq)
{
	lockdep_assert_held(&pwq->pool->lock);
	WARN_ON_ONCE(pwq->refcnt++ <= 0);
}

/* Context: pwq->pool->lock held. */
static inline void cmwq2_pwq_put(struct cmwq2_pwq *pwq)
{
	lockdep_assert_held(&pwq->pool->lock);
	if (unlikely(!--pwq->refcnt))
		cmwq2_pwq_unused(pwq);
}

void cmwq2_pwq_put_unlocked(struct cmwq2_pwq *pwq);

#endif /* CMWQ2_PWQ_H */
