/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In front of the kernel's own stacktrace.c where the debug variant is built.
 *
 * UML finds return addresses by asking of each word of the stack whether it is
 * text. For a word that is not, the last to be asked are the modules, under RCU,
 * which with lockdep disables interrupts several times, each of which is system
 * calls of the host once UML is SMP. KASAN and kmemleak save a stack with every
 * allocation, so that this was three quarters of all that the variant computed.
 * Modules have addresses of their own: other words need not be asked of.
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/pgtable.h>

static inline int text_or_module(unsigned long addr)
{
	if (addr < MODULES_VADDR || addr >= MODULES_END)
		return core_kernel_text(addr);
	return __kernel_text_address(addr);
}

#define __kernel_text_address	text_or_module
