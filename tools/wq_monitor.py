#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Shows what cmwq2's workqueues and pools do, or the kernel's own, again and again: see wq/monitor.py."""

import os
import sys

# drgn may run this script from elsewhere.
TOOLS = os.path.dirname(os.path.abspath(__file__))
if TOOLS not in sys.path:
    sys.path.insert(0, TOOLS)
import cli  # noqa: E402

if __name__ == "__main__":
    cli.guard_imports()
    from wq import monitor
    monitor.main(globals())
