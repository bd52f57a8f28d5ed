/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver's private header, for refused.c. As in real drivers, fields have the
 * same names as a tag or a function.
 */
#ifndef CMWQ2_SHIM_REFUSED_PRIVATE_H
#define CMWQ2_SHIM_REFUSED_PRIVATE_H

struct refused_private {
	struct work_struct	flush_work;
	struct delayed_work	delayed_work;
	struct delayed_work	*rcu_work;
	struct work_struct	work_struct;
};

bool refused_pending(struct delayed_work *delayed_work, struct workqueue_struct *wq);

#if defined(CASE_NAME_IN_HEADER) || defined(FINE_NAME_IN_HEADER)
static inline void refused_later(struct refused_private *p)
{
	schedule_delayed_work(&p->delayed_work, 1);
	schedule_work(&p->work_struct);
}
#endif

#endif /* CMWQ2_SHIM_REFUSED_PRIVATE_H */
