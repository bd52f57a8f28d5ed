/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deliberate faults, which the tests must notice.
 *
 * Each breaks one promise of the engine. A patch puts it in, in a build with FAULTS=1,
 * and it takes effect only if the module parameter "fault" names it. The engine itself has
 * neither the parameter nor any code for it. `make check-faults` shows which test notices
 * which fault.
 */
#ifndef CMWQ2_FAULT_H
#define CMWQ2_FAULT_H

#include <linux/compiler.h>
#include <linux/string.h>

extern const char *cmwq2_fault_chosen;	/* I: or NULL */

#define CMWQ2_FAULT(name)	\
	unlikely(cmwq2_fault_chosen && !strcmp(cmwq2_fault_chosen, name))

#endif /* CMWQ2_FAULT_H */
