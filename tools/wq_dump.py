#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Shows what cmwq2's pools, workers, items and workqueues are doing, or the kernel's own: see wq/dump.py."""

import os
import sys

# drgn may run this script from elsewhere.
TOOLS = os.path.dirname(os.path.abspath(__file__))
if TOOLS not in sys.path:
    sys.path.insert(0, TOOLS)
import cli  # noqa: E402

if __name__ == "__main__":
    cli.guard_imports()
    from wq import dump
    dump.main(globals())
