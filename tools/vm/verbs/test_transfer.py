#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of transfer.py, series.py and nativefaults.py, which need no guest."""

import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]
import blocks
from base.common import write_atomically
from base.testing import Case, directory
from benchmark import testing
from build import patched
from verbs import knobs, nativefaults, series, suites, transfer


def _result(native: int, twin: int, name: str) -> str:
    return testing.result({"native": native, f"cmwq2:{name}": twin}, rounds=1)


def testing_entry(policy: str, how: str) -> dict:
    """Return the entry of a policy that gains a half, with 8 rounds."""
    turns = {"native off": 100.0, "native on": 150.0, "cmwq2 off": 98.0, "cmwq2 on": 149.0}
    row = transfer.twins.row(policy, "roundtrip system", "rate", [[turns] * 8])
    return {"policy": policy, "machine": "uml", "how": how, "source": "7.3", "cautions": ["boot 1: disturbed: x"],
            "rows": transfer.twins.as_json([row] if row else [])}


class Results(Case):
    def test_rounds(self) -> None:
        """Each turn of a round is found in the results, by the engine and by whether the policy was on."""
        with directory() as results:
            for number in range(8):
                write_atomically(results / f"transfer/0/{number}.off", _result(100000, 97000, "mainline-7.3"))
                write_atomically(results / f"transfer/0/{number}.on", _result(160000, 150000, "pick=local"))
            found = transfer.rounds_of(results, "0", 8)
            self.assertEqual([sorted(each) for each in found], [sorted(transfer.twins.TURNS)] * 8)
            rate, p95 = transfer.rows_of("pick=local", ["roundtrip system"], [[found], [found]])
            self.assertEqual((rate.figure, p95.figure), ("rate", "p95_ns"))
            self.assertAlmostEqual(rate.kernel.ratio, 1.6, delta=0.1)
            self.assertAlmostEqual(rate.twin.ratio, 150 / 97, delta=0.1)
            (results / "transfer/0/3.on").unlink()
            self.refused(lambda: transfer.rounds_of(results, "0", 8), "3.on")
            (results / "transfer/0/3.on").write_text("cut off\n")
            self.refused(lambda: transfer.rounds_of(results, "0", 8), "3.on")

    def test_runs(self) -> None:
        """The runs that are compared exist, and the settings of a run leave engines and seed to the job."""
        plans = transfer.plans(1)
        self.assertEqual(sorted(plan.title for plan in plans), sorted(transfer.RUNS))
        for plan in plans:
            settings = transfer.settings_of(plan)
            self.assertIn("workload=", settings)
            self.assertIn("rounds=1 ", f"{settings} ")
            self.assertNotRegex(settings, "engines=|seed=")

    def test_begun(self) -> None:
        """A call that is made again finds the boots that were finished, and its seed. A call with other settings, or
        after the end, does not."""
        with directory() as home, mock.patch.object(transfer, "HOME", home):
            first = transfer.Begun("uml", ["7.3", 16], None)
            first.add("pick=local", {"rounds": [], "cautions": [], "date": "2026-11-29"})
            again = transfer.Begun("uml", ["7.3", 16], None)
            self.assertEqual((len(again.of("pick=local")), again.of("wake=locked"), again.seed), (1, [], first.seed))
            for name, what, seed in (("x86", ["7.3", 16], None), ("uml", ["7.3", 8], None), ("uml", ["7.3", 16], 5)):
                self.assertEqual(transfer.Begun(name, what, seed).of("pick=local"), [])
            self.assertEqual(transfer.Begun("uml", [], 5).seed, 5)
            again.end()
            self.assertEqual(transfer.Begun("uml", ["7.3", 16], None).of("pick=local"), [])

    def test_saved(self) -> None:
        """What was measured of a policy replaces what was known of it, and leaves that of others as it is. The
        document gets the table if that is wanted."""
        text = transfer.DOCUMENT.read_text()
        with directory() as home, mock.patch.object(transfer, "HOME", home / "out"), \
             mock.patch.object(transfer, "DOCUMENT", home / "transfer.rst"), \
             mock.patch.object(transfer, "committed", lambda name: home / f"transfer-{name}.json"):
            write_atomically(transfer.DOCUMENT, text)
            for policy, how, write in (("pick=local", "first", True), ("wake=locked", "second", True),
                                       ("pick=local", "third", False), ("pick=local", "fourth", True)):
                report = transfer._save("uml", [testing_entry(policy, how)], write)
            self.assertEqual([(each["policy"], each["how"]) for each in report["policies"]],
                             [("wake=locked", "second"), ("pick=local", "fourth")])
            table = transfer.DOCUMENT.read_text()
            for words in ("wake=locked: second", "pick=local: fourth", "Caution: pick=local: boot 1: disturbed"):
                self.assertIn(words, table)
            self.assertNotIn("pick=local: first", table[table.index(".. uml:"):table.index(".. x86:")])
            (home / "transfer-uml.json").write_text("{}")
            self.refused(lambda: transfer.report_of(home / "transfer-uml.json", "uml"), "not a report", "remove it")

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
        self.assertEqual(transfer.chosen("shared"),
                         {"shared": ["concurrency_short", "pick_predict", "wakeup_needed", "yield_later"]})
        self.assertEqual(patched.settings("pick=local+wakeup=needed"), ("pick=local", "wakeup=needed"))
        self.refused(lambda: transfer.chosen("pick=local+x"), "pick=local+x", "allowed")
        self.assertEqual(transfer.chosen("mainline-6.12"), {"mainline-6.12": ["wake_locked", "rescue_slurp"]})
        for name in ("mainline-7.3", "inbox=on"):
            self.refused(lambda: transfer.chosen(name), name, "pick=local", "shared")
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
        self.assertLessEqual({"cmwq2_runnable", "cmwq2_no_threads"}, set(suites.native_suites()))
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
        self.assertEqual([each.kind for each in fixes], ["fix"] * (len(fixes) - 1) + ["test"])
        self.assertEqual([each.name for each in changes], ["wake_here", "pick_local"])
        _, changes = series._chosen("shared")
        self.assertLessEqual({"concurrency", "called_running"}, {each.name for each in changes})

    def test_figures_of_a_series(self) -> None:
        """The cover letter has the committed figures. If there are none, it has those of the last call."""
        with directory() as home, mock.patch.object(transfer, "HOME", home / "out"), \
             mock.patch.object(transfer, "committed", lambda name: home / f"transfer-{name}.json"):
            self.refused(lambda: series._measured("pick=local"), "pick=local", "make transfer POLICY=pick=local")
            for path, how in ((home / "out/uml.json", "last call"), (home / "transfer-uml.json", "committed")):
                report = transfer.reports.merged(transfer.reports.empty("uml"), [testing_entry("pick=local", how)], [])
                write_atomically(path, transfer.reports.text(report))
                self.assertEqual(series._measured("pick=local")[0][0], ["uml", f"  pick=local: {how}"])
            fixes, changes = series._chosen("pick=local")
            letter = series._letter("pick=local", fixes, changes)
            for words in ("pick=local: committed", "roundtrip system", "parameters/pick_local", "[1.50..1.50]"):
                self.assertIn(words, letter)
            self.assertLessEqual(max(map(len, letter.splitlines()[1:])), 80)


if __name__ == "__main__":
    unittest.main()
