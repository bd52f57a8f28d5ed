// SPDX-License-Identifier: GPL-2.0
/*
 * Code that must not compile behind <cmwq2/shim.h>. Each CASE_ macro selects one
 * case; the comment beside it is a pattern that the compiler's first error must
 * match. The file must compile without any of the macros, and with each macro
 * whose name begins with FINE.
 */
#include <linux/bio.h>
#include <linux/jump_label_ratelimit.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/tifm.h>
#include <linux/tty.h>
#include <drm/drm_managed.h>

#ifdef FINE_INTERFACES	/* the kernel's interfaces that drivers.rst lists */
#include <linux/blkdev.h>
#include <linux/dim.h>
#include <linux/efi.h>
#include <linux/firewire.h>
#include <linux/fscache-cache.h>
#include <linux/fsverity.h>
#include <linux/libata.h>
#include <linux/pm_runtime.h>
#include <linux/sunrpc/sched.h>
#include <linux/tty_port.h>
#include <cxl/event.h>
#include <drm/drm_flip_work.h>
#include <drm/gpu_scheduler.h>
#include <net/mac80211.h>
#include <net/pkt_cls.h>
#include <rdma/ib_verbs.h>
#include <scsi/scsi_host.h>
#endif

#ifdef CASE_PRIVATE_HEADER_FIRST	/* has no member named .cmwq2_flush_work. */
#include "refused.h"
#endif
#ifdef CASE_NAME_IN_HEADER	/* expected identifier before .__attribute__. */
#undef CMWQ2_SHIM_DELAYED_WORK_IS_A_NAME
#endif
#ifdef FINE_NAME_IN_HEADER	/* an inline function of a private header uses the name */
#define CMWQ2_SHIM_DELAYED_WORK_IS_A_NAME
#define CMWQ2_SHIM_WORK_STRUCT_IS_A_NAME
#endif

#include <cmwq2/shim.h>

#include "refused.h"

/* A macro with arguments does not affect other uses of its name, and neither does a tag. */
struct refused {
	struct work_struct	work;
	struct delayed_work	delayed_work;
	struct rcu_work		rcu_work;
	struct workqueue_struct	*wq;
	unsigned long		work_pending;
};

static void refused_fn(struct work_struct *work)
{
	struct refused *r = container_of(work, struct refused, work);

	r->work_pending++;
}

static void refused_later_fn(struct work_struct *work_struct)
{
	struct delayed_work *delayed_work = to_delayed_work(work_struct);
	struct refused *r = container_of(delayed_work, struct refused, delayed_work);

	queue_rcu_work(r->wq, &r->rcu_work);
}

static void __maybe_unused refused_cases(struct refused *r, struct refused_private *p,
					 struct tty_struct *tty, struct bio_set *bios)
{
	INIT_WORK(&r->work, refused_fn);
	INIT_DELAYED_WORK(&r->delayed_work, refused_later_fn);
	r->work_pending = work_pending(&r->work) + delayed_work_pending(&r->delayed_work);
	mod_delayed_work(system_highpri_wq, &r->delayed_work, 1);
	flush_work(&p->flush_work);
	p->rcu_work = &p->delayed_work;
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
#ifdef CASE_MACRO_ELSEWHERE	/* drmm_alloc_ordered_workqueue: it would destroy our queue */
	r->wq = drmm_alloc_ordered_workqueue(NULL, "refused", 0);
#endif
#ifdef CASE_WORKER_FLAG_SET	/* PF_WQ_WORKER: threads of cmwq2 do not have this flag */
	current->flags |= PF_WQ_WORKER;
#endif
#ifdef CASE_WORKER_FLAG_READ	/* PF_WQ_WORKER: .*current_work\(\) tells whether an item runs */
	r->work_pending = !!(current->flags & PF_WQ_WORKER);
#endif
}

/* Behind the line, these names keep an item and a queue on the kernel's workqueue. */
struct refused_native {
	native_work_t		work;
	native_delayed_work_t	dwork;
};

static void refused_native_fn(native_work_t *work)
{
	struct refused_native *n = container_of(work, struct refused_native, work);

	native_schedule_delayed_work(&n->dwork, 1);
}

static void __maybe_unused refused_stays(struct refused_native *n, struct bio_set *bios,
					 struct tty_struct *tty)
{
	native_init_work(&n->work, refused_native_fn);
	native_init_delayed_work(&n->dwork, refused_native_fn);
	native_init_work(&tty->SAK_work, refused_native_fn);
	tifm_queue_work(&n->work);
	bios->rescue_workqueue = native_alloc_unbound_workqueue("stays", NATIVE_WQ_MEM_RECLAIM, 0);
	native_queue_work(bios->rescue_workqueue, &n->work);
#ifdef CASE_NATIVE_ITEM	/* argument 1 of .cmwq2_flush_work. from incompatible pointer */
	flush_work(&n->work);
#endif
}

#ifdef FINE_INTERFACES
struct refused_theirs {
	struct refused_native	n;
	native_rcu_work_t	rwork;
	native_workqueue_t	*wq;
	struct dim		dim;
	struct tty_port		port;
	struct drm_flip_work	flip;
};

static void __maybe_unused refused_interfaces(struct refused_theirs *t, struct ieee80211_hw *hw)
{
	struct drm_sched_init_args drm __maybe_unused = { .submit_wq = t->wq };

	ieee80211_queue_work(hw, &t->n.work);
	ieee80211_queue_delayed_work(hw, &t->n.dwork, 1);
	native_cancel_delayed_work(&t->n.dwork);
	native_init_work(&t->dim.work, refused_native_fn);
	native_cancel_work_sync(&t->dim.work);
#ifdef CONFIG_ATA_SFF
	ata_sff_queue_work(&t->n.work);
	ata_sff_queue_delayed_work(&t->n.dwork, 1);
#endif
	kblockd_schedule_work(&t->n.work);
	kblockd_mod_delayed_work_on(0, &t->n.dwork, 1);
	fsverity_enqueue_verify_work(&t->n.work);
	cxl_cper_register_work(&t->n.work);
	scsi_queue_work(NULL, &t->n.work);
	tcf_queue_work(&t->rwork, refused_native_fn);
	queue_pm_work(&t->n.work);
	native_queue_work(fw_workqueue, &t->n.work);
	native_queue_work(ib_wq, &t->n.work);
	native_queue_delayed_work(rpciod_workqueue, &t->n.dwork, 1);
	native_queue_work(fscache_wq, &t->n.work);
	native_queue_work(efi_rts_wq, &t->n.work);
	tty_port_link_wq(&t->port, t->wq);
	rpc_wake_up_first_on_wq(t->wq, NULL, NULL, NULL);
	drm_flip_work_commit(&t->flip, t->wq);
}
#endif

#ifdef CASE_STATIC_SRCU	/* STATIC_SRCU: it initialises a work item of the kernel */
DEFINE_STATIC_SRCU(refused_srcu);
#endif
#ifdef CASE_STATIC_NOTIFIER	/* HEAD_STATIC: it initialises a work item of the kernel */
SRCU_NOTIFIER_HEAD_STATIC(refused_chain);
#endif
#ifdef CASE_STATIC_KEY	/* DEFERRED_FALSE: it initialises a work item of the kernel */
DEFINE_STATIC_KEY_DEFERRED_FALSE(refused_key, HZ);
#endif

#ifdef CASE_LATE	/* linux/devfreq\.h names a work item .*: include it before that line */
#include <linux/devfreq.h>
#endif
