#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of torture.py: what is kept, summed up and left."""

import re
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import HERE
from base.testing import Case, directory
from build import kernel
from verbs import torture

WANTED = {"items": 1000, "loads": 10, "replugs": 10, "freezes": 10, "culling": 1, "watchdog": 1}
ROUND = {"items": 100, "loads": 1, "replugs": 0, "freezes": 0, "switches": 7, "culled": 3, "ms": 600_000}
UML, X86 = kernel.VEHICLES["debug"], kernel.VEHICLES["x86-debug"]


class TestTorture(Case):
    def test_sums(self) -> None:
        ledger = torture.Ledger(WANTED)
        self.assertEqual(ledger.rounds(UML), torture.ROUNDS)
        for _ in range(10):
            ledger.add("debug", ROUND)
        self.assertEqual(ledger.left(), {"replugs": 10, "freezes": 10})
        self.assertEqual((ledger.rounds(UML), ledger.rounds(X86)), (0, 10))
        ledger.add("x86-debug", {**ROUND, "replugs": 4, "freezes": 2})
        self.assertEqual(ledger.rounds(X86), 8)
        sums = ledger.sums()
        self.assertEqual((sums["items"], sums["culled"], sums["replugs"]), (1100, 33, 4))
        # 11 rounds of 10 minutes. They count 15 times for the watchdog, and 6000 times for culling.
        self.assertAlmostEqual(sums["watchdog"], 27.5)
        self.assertAlmostEqual(sums["culling"], 11000.0)

    def test_table(self) -> None:
        ledger = torture.Ledger(WANTED)
        ledger.add("debug", ROUND)
        table = ledger.table()
        self.assertRegex(table, r"(?m)^  items +100 +1000 +900$")
        self.assertRegex(table, r"(?m)^  hours of the watchdog.* 2\.50 +1 +0$")
        self.assertRegex(table, r"(?m)^  policies set +7$")

    def test_goes_on(self) -> None:
        with directory() as where, mock.patch.object(torture, "DONE", where / "torture/done.json"), \
                mock.patch.object(torture, "OUT", where):
            torture.keep(WANTED, "engine", "debug", ROUND)
            torture.keep(WANTED, "engine", "x86-debug", ROUND)
            ledger = torture.keep(WANTED, "engine", "debug", {"boots": 1})
            self.assertEqual((ledger.did["debug"]["items"], ledger.did["debug"]["boots"]), (100, 1))
            self.assertEqual(torture.load(WANTED, "engine").did, ledger.did)
            with mock.patch.object(torture, "say") as said:
                self.assertEqual(torture.load(WANTED, "another").did, {})
            self.assertIn("anew", said.call_args[0][0])
            for text in ("", "[]", '{"engine": "x"}', '{"engine": "x", "did": {"uml": {}}}'):
                torture.DONE.write_text(text)
                self.refused(lambda: torture.load(WANTED, "x"), "done.json cannot be read",
                             "allowed: what make torture has")

    def test_memory(self) -> None:
        self.assertEqual(torture.memory(["Percpu:10", "KernelStack:7", "Percpu:12", "KernelStack:4"]),
                         "memory that the kernel uses: 17 kB after two rounds, 16 kB in the end "
                         "(Percpu +2, KernelStack -3)")

    def test_refuses(self) -> None:
        self.refused(lambda: torture.torture("uml", "nosuch"), "FAULT=nosuch is not known", "inactive_lost")

    def test_names(self) -> None:
        """The guest counts what the host adds up."""
        job = (HERE / "guest/job-torture.sh").read_text()
        sent = set(re.findall(r'"?(\w+)=(?:\$|1)', job.partition("event did")[2].partition("\n}")[0]))
        self.assertEqual(sent, set(torture.COUNTED) - {"boots"})
        settings = set(re.findall(r"TORTURE_\w+", job))
        self.assertEqual(settings, set(re.findall(r'"(TORTURE_\w+)":', Path(torture.__file__).read_text())))


if __name__ == "__main__":
    unittest.main()
