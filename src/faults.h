/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults on purpose: what the tests must notice.
 *
 * Each breaks one promise of the engine in one place, in a build with FAULTS=1
 * and if the module parameter "fault" names it. faults.c has the list. In any
 * other build there is neither the parameter nor any code. `make check-faults`
 * shows which test notices which.
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
