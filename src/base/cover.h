/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which code of the engine has run, for cmwq2_fuzz.ko. Only a build with CMWQ2_COVER=1 knows.
 */
#ifndef CMWQ2_COVER_H
#define CMWQ2_COVER_H

/* A bit for each step from one piece of code to the next; several steps may share one. */
#define CMWQ2_COVER_BITS	65536

#ifdef CMWQ2_COVER
void __sanitizer_cov_trace_pc(void);
unsigned int cmwq2_cover_take(unsigned long *seen);
#else
static inline unsigned int cmwq2_cover_take(unsigned long *seen)
{
	return 0;
}
#endif

#endif /* CMWQ2_COVER_H */
