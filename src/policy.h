/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One mechanism for all module parameters that can change while items are in
 * flight. A parameter is a struct cmwq2_policy, which CMWQ2_POLICY() makes; its
 * kind says how it is read and written.
 */
#ifndef CMWQ2_POLICY_H
#define CMWQ2_POLICY_H

#include <linux/moduleparam.h>

#include "internal.h"

/**
 * struct cmwq2_policy - one parameter
 * @name: its name
 * @set: checks a value and lets it take effect; cmwq2_pool_mutex held
 * @get: the value as text; cmwq2_pool_mutex held
 * @choice: which of the policies that each pool has
 * @number: the value of a policy that is a number
 * @min: lowest number
 * @max: highest number
 * @flag: the value of a policy that is on or off
 * @changed: called when a number has changed; cmwq2_pool_mutex held, and there
 *	may be no pool yet or any more
 * @text: memory for @get
 */
struct cmwq2_policy {
	const char		*name;
	int			(*set)(struct cmwq2_policy *policy, const char *value);
	const char		*(*get)(struct cmwq2_policy *policy);
	unsigned int		choice;
	unsigned int		*number;
	unsigned int		min;
	unsigned int		max;
	bool			*flag;
	void			(*changed)(void);
	char			text[12];
};

extern const struct kernel_param_ops cmwq2_param_ops;

#define CMWQ2_POLICY(_name, _kind, _desc, ...)					\
	CMWQ2_POLICY_MODE(0644, _name, _kind, _desc, __VA_ARGS__)

#define CMWQ2_POLICY_MODE(_mode, _name, _kind, _desc, ...)			\
	static struct cmwq2_policy cmwq2_policy_##_name = {			\
		.name = #_name,							\
		.set = cmwq2_set_##_kind,					\
		.get = cmwq2_get_##_kind,					\
		__VA_ARGS__							\
	};									\
	module_param_cb(_name, &cmwq2_param_ops, &cmwq2_policy_##_name, _mode);	\
	MODULE_PARM_DESC(_name, _desc)

#endif /* CMWQ2_POLICY_H */
