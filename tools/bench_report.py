#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints a result of cmwq2_bench as a table, or writes it as JSON: see benchmark/results.py."""

import cli

if __name__ == "__main__":
    cli.guard_imports()
    from benchmark import results
    results.program()
