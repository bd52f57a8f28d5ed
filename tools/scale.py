#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Predicts items per second over CPUs, and compares the model with published figures: see saturation/main.py."""

import cli

if __name__ == "__main__":
    cli.guard_imports()
    from saturation import main
    main.program()
