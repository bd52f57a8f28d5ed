#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Moves a driver to cmwq2, or says why it cannot move: see porting/main.py."""

import cli

if __name__ == "__main__":
    cli.guard_imports()
    from porting import main
    main.program()
