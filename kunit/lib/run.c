// SPDX-License-Identifier: GPL-2.0
/*
 * Runs one suite on kernels where KUnit itself cannot select one, see compat.h.
 * Such a kernel must be booted with kunit.enable=0, or KUnit runs all suites
 * first.
 */
#include <linux/module.h>

#include "engine.h"

#ifdef CMWQ2_KUNIT_BY_HAND
static char *suite;
module_param(suite, charp, 0444);
MODULE_PARM_DESC(suite, "the suite to run, where KUnit has no filter_glob for modules");

static int __init tw_run_suite(void)
{
	unsigned int i;

	for (i = 0; suite && i < THIS_MODULE->num_kunit_suites; i++)
		if (!strcmp(THIS_MODULE->kunit_suites[i]->name, suite))
			kunit_run_tests(THIS_MODULE->kunit_suites[i]);
	return 0;
}
module_init(tw_run_suite);

/* A module with an init but no exit function cannot be unloaded. */
static void __exit tw_exit(void)
{
}
module_exit(tw_exit);
#endif
