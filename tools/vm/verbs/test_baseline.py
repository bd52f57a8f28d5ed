#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of baseline.py: the comparison with the kernel's own benchmark."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import write_atomically
from base.testing import Case, directory
from verbs import baseline


def _baseline_results(directory: Path, rounds: int, ours: int, own: str) -> None:
    header = ("cmwq2_bench=4\nstatus=ok\nworkload=later\nkernel=7.3\nmachine=x\ncpus=2\nhook=tp\nqueue=unbound\n"
              "scope=cpu\nmem_reclaim=0\nrounds=1\nproducers=2\nitems=1000\nsettings=producers,items\nseed=1\n"
              "clock=tsc\nclock_khz=1\nclock_cost_ns=1\nclock_step_ns=1\nengines=native\nfigures=span_ns,p50_ns\n")
    engine = " ".join(f"{figure}{suffix}=9" for figure in ("span_ns",
                                                           "p50_ns") for suffix in baseline.bench_report.SPREAD)
    text = f"{header}engine=0 name=native {engine}\nround=0 engine=0 position=0 span_ns={ours} p50_ns=600 queued=1\n"
    for number in range(rounds):
        for scope in baseline.SCOPES:
            write_atomically(directory / "ours" / f"{number}.{scope}", f"{text}end={text.count(chr(10))}\n")
        write_atomically(directory / "own" / str(number), own)


class Baseline(Case):
    def test_beside_the_kernels_own(self) -> None:
        """Both results are read for every round and scope, and only an interval within the limit is a success."""
        own = "".join(f"{scope:16} 100000 items/sec\tp50=750\tp90=1\tp95=1 ns\n" for scope in baseline.SCOPES)
        with directory() as home:
            for ours, passed in ((20_000_000, True), (20_500_000, True), (19_500_000, True), (21_000_000, False),
                                 (19_000_000, False)):
                _baseline_results(home, 6, ours, own)
                rows = baseline.compared(baseline.figures(home, 6))
                rate = [each for scope, figure, _, each in rows if (scope, figure) == ("all", "rate")][0]
                self.assertEqual((len(rows), baseline.verdict(rate)[0]), (14, passed))
                self.assertIn("100,000 [100,000..100,000]", baseline.table(rows))
            self.refused(lambda: baseline.figures(home, 7), "round 6")
            _baseline_results(home, 6, 20_000_000, own.replace("numa", "none"))
            self.refused(lambda: baseline.figures(home, 6), "round 0", "numa")
            (home / "ours/5.system").write_text("cmwq2_bench=4\n")
            _baseline_results(home, 5, 20_000_000, own)
            self.refused(lambda: baseline.figures(home, 6), "round 5", "truncated")
        comparison = baseline.bench_stats.Comparison
        for each in (comparison(1.0, None, None), comparison(1.0, 0.9, 1.02), comparison(1.0, 0.99, 1.1)):
            self.assertEqual([baseline.verdict(each)[0], "nothing shown" in baseline.verdict(each)[1]], [False, True])


if __name__ == "__main__":
    unittest.main()
