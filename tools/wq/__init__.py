# SPDX-License-Identifier: GPL-2.0
"""Looks at the workqueues of a kernel with drgn: cmwq2's, or the kernel's own.

tools/wq_dump.py calls dump.py, tools/wq_monitor.py calls monitor.py, and tools/check_dump.py calls check.py, which
judges a dump of the former. In a drgn session tools/cmwq2.py and tools/latency.py have the functions for that.
"""
