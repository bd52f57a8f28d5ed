#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compares the workqueue API of a kernel with cmwq2's, name by name: see checks/parity.py."""

import cli

if __name__ == "__main__":
    cli.guard_imports()
    from checks import parity
    parity.program()
