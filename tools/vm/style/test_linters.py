#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of linters.py: what counts as a finding of ruff and mypy, without either of them."""

import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from base.testing import Case
from style import linters


class Linters(Case):
    def found(self, check: str, status: int, out: str, err: str = "") -> tuple:
        """Return what @check finds if its command ends like this, and the arguments of the command."""
        done = subprocess.CompletedProcess([], status, out, err)
        with mock.patch.object(linters.packages, "environment", return_value=Path("/venv")), \
                mock.patch.object(linters.alive, "run", return_value=done) as run:
            found = getattr(linters, check)(["tools/a.py", "tools/vm/vm"])
        return found, [str(word) for word in run.call_args[0][0]]

    def test_findings(self) -> None:
        """Each line about a file is a finding, with the file's path in the repository. Notes are none."""
        found, words = self.found("ruff", 1, "a.py:1:2: F401 x\nvm/vm:3:4: E501 y\nFound 2 errors.\n")
        self.assertEqual(found, ["tools/a.py:1:2: F401 x", "tools/vm/vm:3:4: E501 y"])
        self.assertEqual((words[0], words[-2:]), ("/venv/bin/ruff", ["a.py", "vm/vm"]))
        found, words = self.found("mypy", 1, "vm/vm:3: error: x  [y]\nvm/vm:3: note: z\n")
        self.assertEqual(found, ["tools/vm/vm:3: error: x  [y]"])
        self.assertEqual(words[-2:], ["a.py", "vm/vm"])

    def test_clean(self) -> None:
        """Without a finding there is no line."""
        self.assertEqual([self.found(check, 0, "")[0] for check in ("ruff", "mypy")], [[], []])

    def test_not_run(self) -> None:
        """A command that fails without a finding, or that cannot be installed, is a finding of one line."""
        found, _ = self.found("ruff", 2, "", "x\nerror: bad configuration\n")
        self.assertEqual(len(found), 1)
        self.assertIn("bad configuration", found[0])
        with mock.patch.object(linters.packages, "environment", side_effect=Problem("no network")):
            found = linters.mypy(["tools/vm/vm"])
        self.assertEqual(len(found), 1)
        self.assertIn("mypy cannot be installed: no network", found[0])


if __name__ == "__main__":
    unittest.main()
