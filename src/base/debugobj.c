// SPDX-License-Identifier: GPL-2.0
/*
 * Debugobjects follow an item from its initialisation to its end. If an item is
 * freed or initialised while it is queued, they report it where that happens.
 * Only built with CONFIG_DEBUG_OBJECTS_WORK.
 *
 * An item is active from its queueing until it is taken to run or cancelled.
 * During a delay or a grace period the timer or the RCU head is active instead.
 */
#include <linux/debugobjects.h>
#include <linux/export.h>

#include <cmwq2/workqueue.h>

#include "base/debugobj.h"
#include "base/work.h"

static const struct debug_obj_descr cmwq2_work_descr;

static void *cmwq2_debug_hint(void *addr)
{
	struct cmwq2_work *work = addr;

	return work->func;
}

/* Whether an object that debugobjects has not seen before is a static one. */
static bool cmwq2_debug_is_static(void *addr)
{
	return cmwq2_work_static(addr);
}

/* A queued item must not be overwritten: cancel it first. */
static bool cmwq2_debug_fixup_init(void *addr, enum debug_obj_state state)
{
	if (state != ODEBUG_STATE_ACTIVE)
		return false;
	cmwq2_cancel_work_sync(addr);
	debug_object_init(addr, &cmwq2_work_descr);
	return true;
}

static bool cmwq2_debug_fixup_free(void *addr, enum debug_obj_state state)
{
	if (state != ODEBUG_STATE_ACTIVE)
		return false;
	cmwq2_cancel_work_sync(addr);
	debug_object_free(addr, &cmwq2_work_descr);
	return true;
}

static const struct debug_obj_descr cmwq2_work_descr = {
	.name			= "cmwq2_work",
	.debug_hint		= cmwq2_debug_hint,
	.is_static_object	= cmwq2_debug_is_static,
	.fixup_init		= cmwq2_debug_fixup_init,
	.fixup_free		= cmwq2_debug_fixup_free,
};

/**
 * cmwq2_debug_init - tell debugobjects that an item is about to be initialised
 * @work: item
 * @onstack: whether it is on the caller's stack
 *
 * Exported for the CMWQ2_INIT_* macros only.
 */
void cmwq2_debug_init(struct cmwq2_work *work, bool onstack)
{
	if (onstack)
		debug_object_init_on_stack(work, &cmwq2_work_descr);
	else
		debug_object_init(work, &cmwq2_work_descr);
}
EXPORT_SYMBOL_GPL(cmwq2_debug_init);

/**
 * cmwq2_destroy_work_on_stack - end the life of an item on the stack
 * @work: item that was initialised with a macro that says ONSTACK
 *
 * Call it before the stack frame goes away. Does nothing without
 * CONFIG_DEBUG_OBJECTS_WORK.
 */
void cmwq2_destroy_work_on_stack(struct cmwq2_work *work)
{
	debug_object_free(work, &cmwq2_work_descr);
}
EXPORT_SYMBOL_GPL(cmwq2_destroy_work_on_stack);

/* Context: the caller owns the item through PENDING; interrupts off. */
void cmwq2_debug_activate(struct cmwq2_work *work)
{
	debug_object_activate(work, &cmwq2_work_descr);
}

/* Context: as for cmwq2_debug_activate(). */
void cmwq2_debug_deactivate(struct cmwq2_work *work)
{
	debug_object_deactivate(work, &cmwq2_work_descr);
}
