#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of documents.py: what a report says about its machine. test_main.py has the tests of what is refused."""

import os
import shutil
import subprocess
import sys
import tempfile
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

    def test_source(self) -> None:
        """A report says when it was made and of which commits, so that a patch can be told from what was there before.
        Reports of older versions do not say it."""
        made = documents.document({"vehicle": "x86", "accelerator": None, "host": "cpu", "kernel": "7.3.4",
                                   "config": None, "kernel_commit": "0123456789ab-dirty"}, 1, [], [])
        self.assertRegex(made["made"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(documents.where_text({**made, "commit": "ba9876543210"}),
                         r", cmwq2 ba9876543210, kernel tree 0123456789ab-dirty, \d{4}-\d\d-\d\d$")
        old = {key: value for key, value in made.items() if key not in ("made", "commit", "kernel_commit")}
        self.assertTrue(documents.where_text(old).endswith(", seed 1"))
        with tempfile.TemporaryDirectory() as name:
            self.assertIsNone(documents.commit(Path(name)))
            if shutil.which("git"):
                git = ["git", "-C", name, "-c", "user.name=x", "-c", "user.email=x@x"]
                for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "x")):
                    subprocess.run([*git, *words], check=True)
                self.assertRegex(documents.commit(Path(name)) or "", "^[0-9a-f]{12}$")

    def test_boots(self) -> None:
        one, other = Path(self.file("one", "1-2-3\n")), Path(self.file("other", "4-5-6\n"))
        self.assertEqual(documents.boot_id(one), documents.boot_id(one))
        self.assertNotEqual(documents.boot_id(one), documents.boot_id(other))


if __name__ == "__main__":
    unittest.main()
