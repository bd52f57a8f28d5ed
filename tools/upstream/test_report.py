#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of report.py: the entries of a report, and its text."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upstream import report, transfer

TURNS = {"native off": 100.0, "native on": 150.0, "cmwq2 off": 98.0, "cmwq2 on": 149.0}


def _entry(policy: str, how: str, cautions: tuple = ()) -> dict:
    row = transfer.row(policy, "roundtrip system", "rate", [[TURNS] * 8])
    assert row
    return {"policy": policy, "machine": "uml, 2 CPUs", "how": how, "source": "7.3", "cautions": list(cautions),
            "rows": transfer.as_json([row])}


class Reports(unittest.TestCase):
    def test_merged(self) -> None:
        """A new entry replaces that of the same policy. The policies are in the order that is asked for."""
        first = report.merged(report.empty("uml"), [_entry("b=1", "one"), _entry("a=1", "two")], ["a=1", "b=1"])
        self.assertEqual([each["policy"] for each in first["policies"]], ["a=1", "b=1"])
        second = report.merged(first, [_entry("b=1", "three"), _entry("c=1", "four")], ["b=1"])
        self.assertEqual([(each["policy"], each["how"]) for each in second["policies"]],
                         [("b=1", "three"), ("a=1", "two"), ("c=1", "four")])
        self.assertEqual([each["policy"] for each in first["policies"]], ["a=1", "b=1"])
        self.assertEqual([row.policy for row in report.rows(second, ["a=1", "d=1"])], ["a=1"])

    def test_page(self) -> None:
        """The page says how each policy was measured, has a line for each row, and repeats the cautions."""
        found = report.merged(report.empty("uml"), [_entry("a=1", "one"), _entry("b=1", "one"),
                                                    _entry("c=1", "two", ("boot 1: disturbed: x",))], [])
        lines = report.page(found).splitlines()
        self.assertEqual(lines[:3], ["uml, 2 CPUs", "  a=1, b=1: one", "  c=1: two"])
        self.assertEqual(sum("roundtrip system  items/s" in line for line in lines), 3)
        self.assertIn("Caution: c=1: boot 1: disturbed: x", lines)
        self.assertIn("items/s in 3 pairs of policy and run: 3 differ", lines)
        self.assertEqual(report.cautions(found, ["a=1"]), [])

    def test_files(self) -> None:
        """A report is read as it was written. A missing file is an empty report, and another file is refused."""
        found = report.merged(report.empty("uml"), [_entry("a=1", "one")], [])
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "report.json"
            self.assertEqual(report.read(path, "uml"), report.empty("uml"))
            path.write_text(report.text(found))
            self.assertEqual(report.read(path, "uml"), found)
            for text in ("", "[]", "{}", report.text({**found, "schema_version": 1})):
                path.write_text(text)
                with self.assertRaisesRegex(report.ReportError, "report.json: this is not a report"):
                    report.read(path, "uml")
            path.write_text(report.text(found))
            with self.assertRaises(report.ReportError):
                report.read(path, "x86")


if __name__ == "__main__":
    unittest.main()
