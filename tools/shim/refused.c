// SPDX-License-Identifier: GPL-2.0
/*
 * What must not compile behind <cmwq2/shim.h>, one case a macro, each with what
 * the compiler has to say. Without any of the macros it compiles.
 */
#include <linux/bio.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/tifm.h>
#include <linux/tty.h>
#include <drm/drm_managed.h>

#include <cmwq2/shim.h>

/* A macro that takes arguments leaves others of its name alone. */
struct refused {
	struct work_struct	work;
	struct delayed_work	dwork;
	struct workqueue_struct	*wq;
	unsigned long		work_pending;
};

static void refused_fn(struct work_struct *work)
{
	struct refused *r = container_of(work, struct refused, work);

	r->work_pending++;
}

static void __maybe_unused refused_cases(struct refused *r, struct tty_struct *tty,
					 struct bio_set *bios)
{
	INIT_WORK(&r->work, refused_fn);
	r->work_pending = work_pending(&r->work);
	mod_delayed_work(system_highpri_wq, &r->dwork, 1);
	refused_fn(&r->work);

#ifdef CASE_FUNCTION	/* workqueue_init: a module has no boot stages */
	workqueue_init();
#endif
#ifdef CASE_CONSTANT	/* WORK_NR_COLORS: internal to flushing */
	r->work_pending = WORK_NR_COLORS;
#endif
#ifdef CASE_FIELD	/* has no member named .?ordered */
	apply_workqueue_attrs(r->wq, &(struct workqueue_attrs){ .ordered = true });
#endif
#ifdef CASE_THEIR_ITEM	/* argument 1 of .cmwq2_schedule_work. from incompatible pointer */
	schedule_work(&tty->SAK_work);
#endif
#ifdef CASE_THEIR_ITEM_INIT	/* argument 1 of .cmwq2_init_work\w*. from incompatible pointer */
	INIT_WORK(&tty->SAK_work, refused_fn);
#endif
#ifdef CASE_OUR_ITEM	/* argument 1 of .tifm_queue_work. from incompatible pointer */
	tifm_queue_work(&r->work);
#endif
#ifdef CASE_OUR_FUNCTION	/* assignment to .work_func_t.* from incompatible pointer */
	tty->SAK_work.func = refused_fn;
#endif
#ifdef CASE_OUR_QUEUE	/* assignment to .struct workqueue_struct \*. from incompatible pointer */
	bios->rescue_workqueue = alloc_workqueue("refused", WQ_UNBOUND, 0);
#endif
#ifdef CASE_TAG_AS_NAME	/* expected identifier(.|\n)*CMWQ2_SHIM_TAG_AFTER_KERNEL_HEADERS */
	r->delayed_work.cpu = 0;
#endif
#ifdef CASE_MACRO_ELSEWHERE	/* drmm_alloc_ordered_workqueue: it would destroy our queue */
	r->wq = drmm_alloc_ordered_workqueue(NULL, "refused", 0);
#endif
}

#ifdef CASE_STATIC	/* .struct work_struct. has no member named .queued_jiffies. */
DEFINE_STATIC_SRCU(refused_srcu);
#endif

#ifdef CASE_LATE	/* array is negative(.|\n)*CMWQ2_SHIM_TAG_AFTER_KERNEL_HEADERS */
#include <linux/devfreq.h>
#endif
