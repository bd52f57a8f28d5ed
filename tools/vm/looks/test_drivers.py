#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of drivers.py: whether a dump names an item."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case
from looks import drivers

DUMP = json.dumps({"pools": [{"workers": [{"item": {"func": "kcryptd_crypt", "module": "cw2crypt"}}],
                              "pending": {"items": [{"func": "loop_workfn", "module": None}]}}], "func": "x"})


class Named(Case):
    def test_named(self) -> None:
        """An item counts as named only if both its function and its module are the wanted ones."""
        for function, module, want in (("kcryptd_crypt", "cw2crypt", True), ("kcryptd_[a-z]*", "cw2crypt", True),
                                       ("kcryptd_crypt", "dm_crypt", False), ("kcryptd", "cw2crypt", False),
                                       ("loop_workfn", "cw2loop", False), ("x", "cw2crypt", False)):
            self.assertEqual(drivers.named(DUMP, function, module), want, (function, module))


if __name__ == "__main__":
    unittest.main()
