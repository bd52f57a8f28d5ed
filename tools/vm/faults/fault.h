/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deliberate faults, which the tests must detect.
 *
 * Each fault breaks one promise of the engine. It is a patch, which a build with FAULTS=1
 * applies. It has an effect only if the module parameter "fault" names it. The engine without
 * the patches has neither the parameter nor any code of the faults. `make check-faults` shows
 * which test detects which fault.
 */
#ifndef CMWQ2_FAULT_H
#define CMWQ2_FAULT_H

#include <linux/compiler.h>
#include <linux/string.h>

extern const char *cmwq2_fault_chosen;	/* I: or NULL */

#define CMWQ2_FAULT(name)	\
	unlikely(cmwq2_fault_chosen && !strcmp(cmwq2_fault_chosen, name))

#endif /* CMWQ2_FAULT_H */
