#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Finds structures that two files of a driver lay out differently: see checks/layouts.py."""

import cli

if __name__ == "__main__":
    cli.guard_imports()
    from checks import layouts
    layouts.program()
