// SPDX-License-Identifier: GPL-2.0
/*
 * The parameter that chooses a fault. It exists only in a build with FAULTS=1. This
 * build makes fault_list.h from the names and the first lines of the patches.
 */
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "base/param.h"

static const struct {
	const char	*name;
	const char	*what;
} cmwq2_faults[] = {
#include "fault_list.h"
};

const char *cmwq2_fault_chosen;
/* The tests use some inline functions that have faults. */
EXPORT_SYMBOL_GPL(cmwq2_fault_chosen);

/* The log keeps about a thousand characters of a line, so the names are logged in several lines. */
static void cmwq2_fault_refuse(const char *value)
{
	static char allowed[900];
	int i, len = scnprintf(allowed, sizeof(allowed), "none");

	for (i = 0; i < ARRAY_SIZE(cmwq2_faults); i++) {
		if (len + strlen(cmwq2_faults[i].name) + sizeof(", ") > sizeof(allowed)) {
			pr_err("fault=%*pE: allowed: %s\n", cmwq2_shown(value), value, allowed);
			len = scnprintf(allowed, sizeof(allowed), "%s", cmwq2_faults[i].name);
			continue;
		}
		len += scnprintf(allowed + len, sizeof(allowed) - len, ", %s",
				 cmwq2_faults[i].name);
	}
	pr_err("fault=%*pE: allowed: %s\n", cmwq2_shown(value), value, allowed);
}

/* Called before the module's init. The parameter cannot be written later. */
static int cmwq2_set_fault(struct cmwq2_param *param, const char *value)
{
	int i;

	if (sysfs_streq(value, "none"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(cmwq2_faults); i++) {
		if (!sysfs_streq(value, cmwq2_faults[i].name))
			continue;
		cmwq2_fault_chosen = cmwq2_faults[i].name;
		pr_info("fault %s: %s\n", cmwq2_faults[i].name, cmwq2_faults[i].what);
		return 0;
	}
	cmwq2_fault_refuse(value);
	return -EINVAL;
}

static const char *cmwq2_get_fault(struct cmwq2_param *param)
{
	return cmwq2_fault_chosen ?: "none";
}

CMWQ2_PARAM_MODE(0444, fault, fault, "What is wrong with the engine (default none)");
