#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of transfer.py, series.py and nativefaults.py, which need no guest."""

import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]
import blocks
from base.common import write_atomically
from base.testing import Case, directory
from benchmark import testing
from build import patched
from verbs import knobs, nativefaults, series, suites, transfer


def _result(native: int, twin: int, name: str) -> str:
    return testing.result({"native": native, f"cmwq2:{name}": twin}, rounds=1)


class Results(Case):
    def test_rounds(self) -> None:
        """Each turn of a round is found in the results, by the engine and by whether the policy was on."""
        with directory() as results:
            for number in range(8):
                write_atomically(results / f"transfer/0/{number}.off", _result(100000, 97000, "mainline-7.3"))
                write_atomically(results / f"transfer/0/{number}.on", _result(160000, 150000, "pick=local"))
            found = transfer.rounds_of(results, 0, 8)
            self.assertEqual([sorted(each) for each in found], [sorted(transfer.twins.TURNS)] * 8)
            plan = transfer.bench_set.Plan("roundtrip system", {}, 1)
            rate, p95 = transfer.rows_of("pick=local", [plan], [[found], [found]])
            self.assertEqual((rate.figure, p95.figure), ("rate", "p95_ns"))
            self.assertAlmostEqual(rate.kernel.ratio, 1.6, delta=0.1)
            self.assertAlmostEqual(rate.twin.ratio, 150 / 97, delta=0.1)
            (results / "transfer/0/3.on").unlink()
            self.refused(lambda: transfer.rounds_of(results, 0, 8), "3.on")
            (results / "transfer/0/3.on").write_text("cut off\n")
            self.refused(lambda: transfer.rounds_of(results, 0, 8), "3.on")

    def test_runs(self) -> None:
        """The runs that are compared exist, and the settings of a run leave engines and seed to the job."""
        plans = transfer._plans(1)
        self.assertEqual(sorted(plan.title for plan in plans), sorted(transfer.RUNS))
        for plan in plans:
            settings = transfer._settings(plan)
            self.assertIn("workload=", settings)
            self.assertIn("rounds=1 ", f"{settings} ")
            self.assertNotRegex(settings, "engines=|seed=")

    def test_document(self) -> None:
        """The document has a place for the table of each vehicle."""
        text = transfer.DOCUMENT.read_text()
        for name in transfer.VEHICLES:
            new = blocks.replaced(text, name, blocks.block(name, "make transfer", "the table"))
            self.assertIn("    the table\n", new)


class Names(Case):
    def test_policies(self) -> None:
        """A policy must have an edit. Several can be joined."""
        self.assertEqual(transfer.chosen("pick=local"), {"pick=local": ["pick_local"]})
        self.assertEqual(transfer.chosen("pick=local+wakeup=needed wake=locked"),
                         {"pick=local+wakeup=needed": ["pick_local", "wakeup_needed"], "wake=locked": ["wake_locked"]})
        self.assertLessEqual({"pick=local", "wake=locked", "claim=kicked_list", "claim=kicked_first"},
                             set(transfer.chosen("")))
        self.refused(lambda: transfer.chosen("pick=head"), "POLICY=pick=head", "pick=local")
        self.refused(lambda: transfer.chosen("pick=local+x"), "pick=local+x", "allowed")
        self.refused(lambda: transfer.transfer("debug", "", False), "VM=debug", "uml, x86")

    def test_edits(self) -> None:
        """Edits are chosen by name, with those that they need, or by group."""
        names = [each.name for each in patched.chosen("pick_local")]
        self.assertEqual(names, ["wake_here", "pick_local"])
        self.assertFalse(patched.repairs(patched.chosen("pick_local")))
        self.assertTrue(patched.repairs(patched.chosen("fixes")))
        self.assertEqual([each.name for each in patched.chosen("all")], list(patched.edits()))
        self.assertEqual(patched.chosen(""), [])
        self.refused(lambda: patched.chosen("pick"), "EDITS=pick", "all, fixes", "pick_local")

    def test_native(self) -> None:
        """ENGINE=native tells the suites whether the kernel still has its known faults."""
        for native, wanted in ((suites.Native(), "N"), (suites.Native("pick_local"), "N"),
                               (suites.Native("fixes"), "Y"), (suites.Native("", True), "Y")):
            self.assertEqual(native.parameters, f"engine=native native_repaired={wanted}")
        self.assertIn("cmwq2_runnable", suites.native_suites())
        self.assertNotIn("cmwq2_pick", suites.native_suites())
        self.refused(lambda: suites.check_native(["uml"], "cmwq2_pick", suites.Native()), "SUITE=cmwq2_pick")
        self.refused(lambda: knobs.check_values("check", {"ENGINE": "other"}), "ENGINE=other", "native")
        for name in ("EDITS", "REPAIRED", "POLICY"):
            self.refused(lambda: knobs.check_values("check", {name: "1"}), f"{name}=1", "ENGINE=native")

    def test_faults(self) -> None:
        """Each fault of the kernel's own workqueue has a test that exists, and there are at least five."""
        self.assertGreaterEqual(len(nativefaults.catchers()), 5)
        self.refused(lambda: nativefaults.check("nothing"), "FAULT=nothing", "running_twice")

    def test_series(self) -> None:
        """A series has all repairs first, then what the policy needs, and no other policy."""
        fixes, changes = series._chosen("pick=local")
        self.assertTrue(all(each.kind == "fix" for each in fixes))
        self.assertEqual([each.name for each in changes], ["wake_here", "pick_local"])


if __name__ == "__main__":
    unittest.main()
