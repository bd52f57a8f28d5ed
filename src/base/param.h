/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One mechanism for all module parameters that can change while items are in
 * flight. CMWQ2_POLICY() defines a struct cmwq2_policy for each. The kind KIND of
 * a parameter selects the functions cmwq2_set_KIND() and cmwq2_get_KIND().
 */
#ifndef CMWQ2_POLICY_H
#define CMWQ2_POLICY_H

#include <linux/moduleparam.h>

#include "base/types.h"

/**
 * struct cmwq2_policy - one parameter
 * @name: its name
 * @set: checks a value and lets it take effect; cmwq2_pool_mutex held
 * @get: returns the value as text; cmwq2_pool_mutex held
 * @choice: index of the policy, if it is one that each pool has
 * @number: the value, if it is a number
 * @min: lowest number allowed
 * @max: highest number allowed
 * @flag: the value, if it is on or off
 * @changed: called after a number was set; cmwq2_pool_mutex held; there may be no
 *	pool yet, or none any more
 * @text: memory for the text that @get returns
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
