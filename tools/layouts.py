#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Finds structures that two files of a driver lay out differently: see checks/layouts.py."""

import sys

from checks import layouts

if __name__ == "__main__":
    sys.exit(layouts.main(sys.argv[1:]))
