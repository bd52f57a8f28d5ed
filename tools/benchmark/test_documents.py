#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of documents.py: what a report says about its machine. test_main.py has the tests of what is refused."""

import os
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import documents
from benchmark.testing import Command


class Machine(Command):
    def named(self, name: str) -> mock._patch:
        """Return a patch by which this machine is called @name."""
        return mock.patch.object(documents.os, "uname", return_value=os.uname_result(("Linux", name, "7.3", "", "x")))

    def test_tells_machines_apart(self) -> None:
        """Either of machine-id and name makes another machine. The content of the file is not in the report."""
        one, other = Path(self.file("one", "0123456789abcdef\n")), Path(self.file("other", "fedcba9876543210\n"))
        with self.named("a"):
            first, second = documents.machine_id(one), documents.machine_id(other)
            self.assertEqual(first, documents.machine_id(one))
        with self.named("b"):
            third = documents.machine_id(one)
        self.assertEqual(len({first, second, third}), 3)
        for each in (first, second, third):
            self.assertRegex(each or "", "^[0-9a-f]{12}$")
            self.assertNotIn(each, "0123456789abcdef")

    def test_unknown(self) -> None:
        """A machine without the file, or with an empty one as in an image that was never booted, has no identity."""
        for path in (self.directory / "none", Path(self.file("empty", "\n")), self.directory):
            self.assertIsNone(documents.machine_id(path))
            self.assertIsNone(documents.boot_id(path))

    def test_boots(self) -> None:
        one, other = Path(self.file("one", "1-2-3\n")), Path(self.file("other", "4-5-6\n"))
        self.assertEqual(documents.boot_id(one), documents.boot_id(one))
        self.assertNotEqual(documents.boot_id(one), documents.boot_id(other))


if __name__ == "__main__":
    unittest.main()
