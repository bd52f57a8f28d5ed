#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of bench.py: its knobs, results and reports."""

import contextlib
import io
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from base.testing import Case, directory, environment
from machines import guest
from verbs import bench

# This import needs the path that bench adds.
from benchmark.testing import USUAL, report, result  # isort: skip

QUIET = {"seconds": 9.0, "others": 0.01, "steal": 0.0, "slower": 1.0}
BUSY, WHY = {**QUIET, "others": 0.6}, ["other processes took 60 % of a CPU"]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep what is printed off the terminal."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


class Bench(Case):
    def test_knobs_of_bench(self) -> None:
        """make bench refuses wrong knobs before anything is built and before an old report is touched."""
        for knob, value, words in (("WORKLOAD", "bogus", "allowed: all, roundtrip"),
                                   ("PROFILES", "bogus", "allowed: all"),
                                   ("ROUNDS", "1001", "allowed: 1 to 1000"), ("ROUNDS", "0", "allowed"),
                                   ("SEED", "x", "allowed"), ("BOOTS", "101", "allowed: 1 to 100")):
            with environment(**{knob: value}):
                self.refused(lambda: bench.bench("uml"), f"{knob}={value}", words)
        with environment(BOOTS="2"):
            self.refused(lambda: bench.bench("host"), "BOOTS=2", "allowed with VM=host: 1", "tools/bench join")
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
            self.refused(lambda: bench.results(run, plans, where, {}), "no run could be made", "cut", "truncated")
            self.assertEqual([bench.run_or_reason(run, str(number), plans[number].title, where) for number in (1, 2)],
                             [(None, "the last one"), (None, "the log does not mention the run")])

    def test_attempts(self) -> None:
        """If a run was made again, the repeat counts, unless it failed."""
        where = {"vehicle": "uml", "accelerator": "native", "config": "abc"}
        with directory() as home:
            run = guest.Run(kernel=None, job="", home=home)     # type: ignore
            (run.results / "bench").mkdir(parents=True)
            for name in ("0", "1", "1.again", "2", "3", "3.again"):
                (run.results / "bench" / name).write_text(result(USUAL, seed=len(name)))
            (run.results / "bench/2.again.failed").write_text("no\n")
            plans = [bench.bench_set.Plan(f"run {number}", {}, 1) for number in range(4)]
            seen = {0: [QUIET], 1: [BUSY, QUIET], 2: [BUSY, BUSY], 3: [BUSY, BUSY]}
            runs, missing, disturbed = bench.results(run, plans, where, seen)
            self.assertEqual([(one["title"], one["header"]["seed"], "disturbed" in one) for one in runs],
                             [("run 0", 1, False), ("run 1", 7, False), ("run 2", 1, True), ("run 3", 7, True)])
            self.assertEqual([(one["title"], one["header"]["seed"], one["disturbed"]) for one in disturbed],
                             [("run 1", 1, WHY), ("run 3", 1, WHY)])
            self.assertEqual((missing, runs[0]["host"]), ([], QUIET))

    def test_judge(self) -> None:
        """A run that was disturbed is made again once. All other events are not answered."""
        plans = [bench.bench_set.Plan("a", {"engines": "native", "rounds": 1}, 1)] * 3
        for found, answers in (([QUIET], ["keep"]), ([BUSY, QUIET], ["again", "keep"]),
                               ([BUSY, BUSY], ["again", "keep"])):
            watch = mock.Mock()
            watch.end.side_effect = found
            judge = bench.Judge(bench.bench_host.Teller(plans, io.StringIO()), watch)
            with quietly():
                # A run that this kernel cannot do does not begin, and is not judged.
                self.assertEqual(judge.on_event(["judge", "0"]), "keep")
                for answer in answers:
                    self.assertEqual([judge.on_event(["start", "bench", "run", "1"]), judge.on_event(["done", "1"]),
                                      judge.on_event(["judge", "1"])], [None, None, answer])
                self.assertEqual(judge.on_event(["judge", "1"]), "keep")
            self.assertEqual(judge.seen, {1: found})
            self.assertEqual(watch.wait_until_quiet.call_count, answers.count("again"))
            self.assertEqual(watch.begin.call_count, len(found))

    def test_series(self) -> None:
        """After each boot a file has the boots that are done, also if a later boot fails."""
        def one(boot: int) -> dict:
            if boot == 2:
                raise Problem("the guest: lost", 2)
            return report(USUAL, seed=boot + 1)
        with directory() as home, quietly():
            partial = home / "partial.json"
            self.assertEqual(bench.series(2, one, partial)["boots"], 2)
            self.assertFalse(bench.bench_boots.is_partial(bench.bench_boots.read(partial)))
            self.refused(lambda: bench.series(3, one, partial), "the guest: lost; finished before: 2 of 3 boots")
            self.assertTrue(bench.bench_boots.is_partial(bench.bench_boots.read(partial)))
            partial.unlink()
            self.refused(lambda: bench.series(1, lambda _: one(2), partial), "the guest: lost")
            self.assertFalse(partial.exists())

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
            # What there is of a series that was interrupted does not take the place of a whole report.
            home.mkdir(parents=True)
            (home / "partial.json").write_text("part")
            bench.fresh_home(out / "bench", "uml")
            self.assertEqual([(out / "bench" / name).read_text() for name in
                              ("uml.before/report.json", "uml.partial/partial.json")], ["second", "part"])


if __name__ == "__main__":
    unittest.main()
