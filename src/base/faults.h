/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deliberate faults, which the tests must notice.
 *
 * Each breaks one promise of the engine. It takes effect only in a build with
 * FAULTS=1, and only if the module parameter "fault" names it. faults.c has the
 * list. Any other build has neither the parameter nor any code for it. `make
 * check-faults` shows which test notices which fault.
 */
#ifndef CMWQ2_FAULTS_H
#define CMWQ2_FAULTS_H

#ifdef CMWQ2_FAULTS

#include <linux/compiler.h>
#include <linux/string.h>

extern const char *cmwq2_fault_chosen;	/* I: or NULL */

#define CMWQ2_FAULT(name)	\
	unlikely(cmwq2_fault_chosen && !strcmp(cmwq2_fault_chosen, name))

#else

#define CMWQ2_FAULT(name)	((void)sizeof(name), false)

#endif /* CMWQ2_FAULTS */

#endif /* CMWQ2_FAULTS_H */
