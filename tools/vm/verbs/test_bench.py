#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of bench.py: its knobs, results and reports."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment
from machines import guest
from verbs import bench


class Bench(Case):
    def test_knobs_of_bench(self) -> None:
        """make bench refuses wrong knobs before anything is built and before an old report is touched."""
        for knob, value, words in (("WORKLOAD", "bogus", "allowed: all, roundtrip"),
                                   ("PROFILES", "bogus", "allowed: all"),
                                   ("ROUNDS", "1001", "allowed: 1 to 1000"), ("ROUNDS", "0", "allowed"),
                                   ("SEED", "x", "allowed")):
            with environment(**{knob: value}):
                self.refused(lambda: bench.bench("uml"), f"{knob}={value}", words)
        self.refused(lambda: bench.bench("bogus"), "VM=bogus", "allowed", "x86", "host")

    def test_results_of_bench(self) -> None:
        """A result that was cut off, a run that failed and a run without any result do not count as runs."""
        plan = bench.bench_set.Plan
        plans = [plan("cut", {}, 1), plan("failed", {}, 1), plan("silent", {}, 1)]
        with directory() as home:
            run = guest.Run(kernel=None, job="", home=home)     # type: ignore
            (run.results / "bench").mkdir(parents=True)
            (run.results / "bench/0").write_text("cmwq2_bench=4\nstatus=ok\n")
            (run.results / "bench/1.failed").write_text("one reason\nthe last one\n")
            where = {"vehicle": "uml", "accelerator": "native", "config": "abc"}
            self.refused(lambda: bench.results(run, plans, where), "no run could be made", "cut", "truncated")
            self.assertEqual([bench.run_or_reason(run, number, plans[number].title, where) for number in (1, 2)],
                             [(None, "the last one"), (None, "the log does not mention the run")])

    def test_reports_of_bench(self) -> None:
        """The last report is kept, and the directory of the next report is empty."""
        with directory() as out:
            home = out / "bench/uml"
            for text in ("first", "second", ""):
                self.assertEqual([bench.fresh_home(out / "bench", "uml"), home.exists()], [home, False])
                home.mkdir(parents=True)
                (home / ("report.json" if text else "partial")).write_text(text)
            bench.fresh_home(out / "bench", "uml")
            self.assertEqual([(out / "bench/uml.before/report.json").read_text(), home.exists()], ["second", False])


if __name__ == "__main__":
    unittest.main()
