// SPDX-License-Identifier: GPL-2.0
/*
 * Notes which code of the engine has run. In a build for `make mutants`, the compiler puts a
 * call of __sanitizer_cov_trace_pc() into each basic block, as it does for the kernel's KCOV.
 */
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

/* The engine's code ends at most so many bytes before or after the code of this file. */
#define CMWQ2_CODE	0x100000

static u8 cmwq2_ran[2 * CMWQ2_CODE];

__diag_push();
__diag_ignore_all("-Wmissing-prototypes", "the compiler calls it, so no header declares it");
void notrace __sanitizer_cov_trace_pc(void)
{
	unsigned long at = (unsigned long)__builtin_return_address(0) + CMWQ2_CODE -
			   (unsigned long)__sanitizer_cov_trace_pc;

	if (at < sizeof(cmwq2_ran) && !READ_ONCE(cmwq2_ran[at]))
		WRITE_ONCE(cmwq2_ran[at], 1);
}

__diag_pop();

/*
 * Each read returns the next part of the addresses that have run, relative to
 * __sanitizer_cov_trace_pc(). At the end it returns nothing.
 */
static int cmwq2_get_covered(char *buffer, const struct kernel_param *param)
{
	static int next;
	int len = 0;

	for (; next < sizeof(cmwq2_ran) && len < PAGE_SIZE - 16; next++)
		if (cmwq2_ran[next])
			len += sprintf(buffer + len, "%d\n", next - CMWQ2_CODE);
	return len;
}

static const struct kernel_param_ops cmwq2_covered_ops = {
	.get = cmwq2_get_covered,
};
module_param_cb(covered, &cmwq2_covered_ops, NULL, 0400);
