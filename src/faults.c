// SPDX-License-Identifier: GPL-2.0
/*
 * The parameter that chooses a fault; only in a build with FAULTS=1.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "internal.h"

enum cmwq2_fault cmwq2_fault_chosen;

#define CMWQ2_FAULT_NAME(name, what)	[CMWQ2_FAULT_##name] = #name,
static const char *const cmwq2_fault_names[] = {
	[CMWQ2_NO_FAULT] = "none",
	CMWQ2_FAULT_LIST(CMWQ2_FAULT_NAME)
};

#define CMWQ2_FAULT_WHAT(name, what)	[CMWQ2_FAULT_##name] = what,
static const char *const cmwq2_fault_what[] = {
	[CMWQ2_NO_FAULT] = "as it should be",
	CMWQ2_FAULT_LIST(CMWQ2_FAULT_WHAT)
};

/* In one line, and the log keeps about a thousand characters of a line. */
#define CMWQ2_FAULT_ALLOWED(name, what)	", " #name
static const char cmwq2_faults_allowed[] = "none" CMWQ2_FAULT_LIST(CMWQ2_FAULT_ALLOWED);

static int cmwq2_fault_set(const char *value, const struct kernel_param *kp)
{
	int i = sysfs_match_string(cmwq2_fault_names, value);

	BUILD_BUG_ON(sizeof(cmwq2_faults_allowed) > 900);
	if (i < 0) {
		pr_err("fault=%*pE: allowed: %s\n", cmwq2_shown(value), value,
		       cmwq2_faults_allowed);
		return -EINVAL;
	}
	cmwq2_fault_chosen = i;
	pr_info("fault %s: %s\n", cmwq2_fault_names[i], cmwq2_fault_what[i]);
	return 0;
}

static int cmwq2_fault_get(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%s\n", cmwq2_fault_names[cmwq2_fault_chosen]);
}

static const struct kernel_param_ops cmwq2_fault_ops = {
	.set = cmwq2_fault_set,
	.get = cmwq2_fault_get,
};

module_param_cb(fault, &cmwq2_fault_ops, NULL, 0444);
MODULE_PARM_DESC(fault, "What is wrong with the engine, see src/faults.h (default none)");
