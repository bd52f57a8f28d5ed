// SPDX-License-Identifier: GPL-2.0
/*
 * Debugobjects: what becomes of an item, followed from its initialisation to
 * its end, so that an item that is freed or initialised while it is queued is
 * reported where that happens. Only built with CONFIG_DEBUG_OBJECTS_WORK.
 *
 * An item is active from its queueing until it is taken to run or cancelled.
 * While a delay or a grace period lasts the timer or the RCU head is active in
 * its place.
 */
#include <linux/debugobjects.h>
#include <linux/export.h>

#include "work.h"

static const struct debug_obj_descr cmwq2_work_descr;

static void *cmwq2_debug_hint(void *addr)
{
	struct cmwq2_work *work = addr;

	return work->func;
}

/* Of an object that debugobjects has not seen before. */
static bool cmwq2_debug_is_static(void *addr)
{
	return cmwq2_work_static(addr);
}

/* An item that is queued must not be overwritten: take it back first. */
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
 * cmwq2_debug_init - an item is about to be initialised
 * @work: item
 * @onstack: it is on the caller's stack
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
 * cmwq2_destroy_work_on_stack - the end of an item on the stack
 * @work: item that was initialised with a macro that says ONSTACK
 *
 * Before the frame goes away. Does nothing without CONFIG_DEBUG_OBJECTS_WORK.
 */
void cmwq2_destroy_work_on_stack(struct cmwq2_work *work)
{
	debug_object_free(work, &cmwq2_work_descr);
}
EXPORT_SYMBOL_GPL(cmwq2_destroy_work_on_stack);

/* Context: the item is the caller's through PENDING, interrupts off. */
void cmwq2_debug_activate(struct cmwq2_work *work)
{
	debug_object_activate(work, &cmwq2_work_descr);
}

/* Context: as above. */
void cmwq2_debug_deactivate(struct cmwq2_work *work)
{
	debug_object_deactivate(work, &cmwq2_work_descr);
}
