/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All policies of the engine with their values, from the engine's own headers, which
 * kunit/Kbuild includes first. A test that goes through them needs no change for a new
 * policy.
 */
#ifndef CMWQ2_KUNIT_POLICIES_H
#define CMWQ2_KUNIT_POLICIES_H

#include "base/types.h"

/* The names of each policy's values, with NULL at the end. */
#define TW_NAME_OF(_name, _value, _about)	_name,
#define TW_NAMES_OF(_name)							\
	static const char *const tw_##_name##_names[] = {			\
		cmwq2_##_name##_values(TW_NAME_OF)				\
		NULL								\
	};
CMWQ2_POLICIES(TW_NAMES_OF)

#define TW_POLICY_ROW(_name)							\
	{ #_name, tw_##_name##_names, cmwq2_##_name##_pools },

static const struct tw_any_policy {
	const char			*name;
	const char *const		*values;
	enum cmwq2_policy_pools		pools;
} tw_policies[] = { CMWQ2_POLICIES(TW_POLICY_ROW) };

#endif /* CMWQ2_KUNIT_POLICIES_H */
