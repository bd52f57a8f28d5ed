/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mechanism for all module parameters that can change while items are in flight.
 * CMWQ2_PARAM() defines a parameter, in the file that uses its value. Each parameter has
 * a struct cmwq2_param. Its kind KIND selects the functions cmwq2_set_KIND() and
 * cmwq2_get_KIND().
 */
#ifndef CMWQ2_PARAM_H
#define CMWQ2_PARAM_H

#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/types.h>

/**
 * struct cmwq2_param - one parameter
 * @name: its name
 * @set: checks a value and lets it take effect; called with cpus_read_lock() and
 *	cmwq2_pool_mutex held, except for a switch
 * @get: returns the value as text; called with cmwq2_pool_mutex held
 * @choice: index of the policy, if it is one that each pool has
 * @number: the value, if it is a number
 * @min: lowest number allowed
 * @max: highest number allowed
 * @flag: the value, if it is a flag
 * @before: called before @set, without cmwq2_pool_mutex; or NULL
 * @changing: called before a number is set; if it returns an error, the number stays;
 *	cmwq2_pool_mutex held
 * @changed: called after a number was set; cmwq2_pool_mutex held; there may be no
 *	pool yet, or none any more
 * @turn: turns a switch on or off; no lock held, because a static key takes
 *	cpus_read_lock(), which comes before cmwq2_pool_mutex
 * @is_on: whether a switch is on
 * @text: memory for the text that @get returns
 */
struct cmwq2_param {
	const char		*name;
	int			(*set)(struct cmwq2_param *param, const char *value);
	const char		*(*get)(struct cmwq2_param *param);
	unsigned int		choice;
	unsigned int		*number;
	unsigned int		min;
	unsigned int		max;
	bool			*flag;
	void			(*before)(void);
	int			(*changing)(unsigned int n);
	void			(*changed)(void);
	int			(*turn)(bool on);
	bool			(*is_on)(void);
	char			text[12];
};

extern const struct kernel_param_ops cmwq2_param_ops;

void cmwq2_params_close(void);
int cmwq2_set_number(struct cmwq2_param *param, const char *value);
const char *cmwq2_get_number(struct cmwq2_param *param);
int cmwq2_set_flag(struct cmwq2_param *param, const char *value);
const char *cmwq2_get_flag(struct cmwq2_param *param);
int cmwq2_set_switch(struct cmwq2_param *param, const char *value);
const char *cmwq2_get_switch(struct cmwq2_param *param);

/*
 * How many characters of a value from user space a message prints, with "%*pE": the
 * first line, cut so that the message has room for the list of allowed values.
 */
static inline int cmwq2_shown(const char *value)
{
	return min_t(size_t, strcspn(value, "\n"), 32);
}

#define CMWQ2_PARAM(_name, _kind, _desc, ...)					\
	CMWQ2_PARAM_MODE(0644, _name, _kind, _desc, __VA_ARGS__)

/* A switch is on or off, like a flag. But turning it does more than store a value, and can fail. */
#define CMWQ2_SWITCH(_name, _desc, _turn, _is_on)				\
	CMWQ2_PARAM(_name, switch, _desc, .turn = _turn, .is_on = _is_on)

#define CMWQ2_PARAM_MODE(_mode, _name, _kind, _desc, ...)			\
	static struct cmwq2_param cmwq2_param_##_name = {			\
		.name = #_name,							\
		.set = cmwq2_set_##_kind,					\
		.get = cmwq2_get_##_kind,					\
		__VA_ARGS__							\
	};									\
	module_param_cb(_name, &cmwq2_param_ops, &cmwq2_param_##_name, _mode);	\
	MODULE_PARM_DESC(_name, _desc)

#endif /* CMWQ2_PARAM_H */
