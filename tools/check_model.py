#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checks the models of the engine with spin: see checks/model.py."""

import cli

if __name__ == "__main__":
    cli.guard_imports()
    from checks import model
    model.program()
