/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The version of cmwq2, for the modules and for the tools, which read this file.
 * Documentation/changes.rst says what each version brought.
 */
#ifndef CMWQ2_VERSION_H
#define CMWQ2_VERSION_H

#define CMWQ2_VERSION	"0.9.0"

#endif /* CMWQ2_VERSION_H */
