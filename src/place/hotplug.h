/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPU hotplug.
 */
#ifndef CMWQ2_HOTPLUG_H
#define CMWQ2_HOTPLUG_H

int cmwq2_hotplug_init(void);
void cmwq2_hotplug_exit(void);

#endif /* CMWQ2_HOTPLUG_H */
