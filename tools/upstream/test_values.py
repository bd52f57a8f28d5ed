#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests which values of the policies have an edit, and that Documentation/transfer.rst tells it."""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import policies
from upstream import edit

DOCUMENT = ROOT / "Documentation/transfer.rst"
# A row of the table of edits that has a parameter: the edit, the parameter, and the policy that it stands for.
ROW = re.compile(r"^``(\w+)`` +``workqueue\.(\w+)`` +``(\w+=\w+)``", re.MULTILINE)
# An entry of the list of values that have no edit.
WITHOUT = re.compile(r"^\* ``(\w+=\w+)`` has no edit, because ", re.MULTILINE)


def faults(text: str) -> list:
    """Return a line for each value of a policy of which the document @text does not tell the edit or why there is none,
    and for each edit of which it tells something wrong."""
    values = {f"{policy.name}={value}" for policy in policies.read().values() for value in policy.names()
              if value != policy.default}
    rows = {(each.name, parameter, setting) for each in edit.read().values()
            for setting, parameter in each.policies.items()}
    edited, told, without = {row[2] for row in rows}, set(ROW.findall(text)), set(WITHOUT.findall(text))
    return [*(f"{each}: there is neither an edit nor a reason for that" for each in sorted(values - edited - without)),
            *(f"{each}: there is an edit, but the document says there is none" for each in sorted(edited & without)),
            *(f"{each}: there is no such value, or mainline has it" for each in sorted((edited | without) - values)),
            *(f"{' '.join(row)}: missing in the table" for row in sorted(rows - told)),
            *(f"{' '.join(row)}: no edit has this" for row in sorted(told - rows))]


class Values(unittest.TestCase):
    def test_each_value(self) -> None:
        """Each value that is not mainline's has an edit which is in the table, or the document says why it has none."""
        self.assertEqual(faults(DOCUMENT.read_text()), [])

    def test_the_test(self) -> None:
        """What is missing, wrong or too much in the document is found."""
        text = DOCUMENT.read_text()
        for old, new, wanted in (
                ("* ``inbox=on`` has no edit", "* ``inbox=on`` has none", "inbox=on: there is neither an edit nor"),
                ("* ``inbox=on`` has", "* ``spin=short`` has", "spin=short: there is an edit, but"),
                ("* ``inbox=on`` has", "* ``inbox=off`` has", "inbox=off: there is no such value"),
                ("``workqueue.spin_short``", "none", "spin_short spin_short spin=short: missing in the table"),
                ("``workqueue.spin_short``", "``workqueue.spin``", "spin_short spin spin=short: no edit has this")):
            found = faults(text.replace(old, new, 1))
            self.assertTrue(any(line.startswith(wanted) for line in found), (wanted, found))


if __name__ == "__main__":
    unittest.main()
