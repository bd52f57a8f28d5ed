#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judges a dump that wq_dump.py --json took of a guest: see wq/check.py."""

import cli

if __name__ == "__main__":
    cli.guard_imports()
    from wq import check
    check.main()
