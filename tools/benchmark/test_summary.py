#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of summary.py."""

import re
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import documents, results, summary
from benchmark.testing import USUAL, Command, report

ROOT = Path(__file__).resolve().parents[2]


class Summary(Command):
    def test_table(self) -> None:
        document = {**report(USUAL, runs=2), "missing": [{"title": "block hook=pn", "reason": "no notifiers"}],
                    "conditions": ["the load of the machine was 3.0 at the start"]}
        status, out, _ = self.run_main("summary", self.file("a.json", document))
        self.assertEqual(status, 0)
        rows = [line for line in out.splitlines() if line.startswith("| roundtrip")]
        self.assertEqual(len(rows), 2 * 3)
        self.assertEqual({line.count("|") for line in out.splitlines() if line.startswith("|")}, {5})
        self.assertRegex(rows[0], r"\| roundtrip 0 +\| rate +\| [\d,]+ +\| [01]\.\d+ \[")
        for text in ("uml (native) on a CPU, kernel 7.3.4, configuration abc, 2 CPUs, seed 1, ",
                     f"{documents.where_text(document)}.", "16 rounds",
                     "Caution: the load of the machine was 3.0 at the start.", "block hook=pn: not run: no notifiers"):
            self.assertIn(text, out)

    def test_counts(self) -> None:
        """Native's threads serve other queues, too, so a figure of threads is shown as a number and not as a ratio."""
        document = report(USUAL)
        with mock.patch.object(results, "summary_of", return_value=("workers",)):
            rows = summary.rows(document)
        self.assertEqual(rows[1:], [("roundtrip 0", "workers", "500", "500")])
        self.assertNotIn("workers", [each["figure"] for each in document["runs"][0]["compared"]])

    def test_engines_that_not_all_have(self) -> None:
        document = report(USUAL)
        document["runs"] += report({"native": 200000, "floor": 300000})["runs"]
        _, out, _ = self.run_main("summary", self.file("a.json", document))
        self.assertIn("| native | ", out.replace("  ", ""))
        self.assertEqual({line.count("|") for line in out.splitlines() if line.startswith("|")}, {6})

    def test_figures_are_those_of_the_module(self) -> None:
        sources = "".join(path.read_text() for path in sorted((ROOT / "bench").rglob("*.[ch]")))
        names = set(re.findall(r'"(\w+)"', sources))
        quantiles = re.findall(r'of "(\w+)"', re.findall("define BENCH_QUANTILES.*", sources)[0])
        names |= {prefix + quantile for prefix in re.findall(r'BENCH_QUANTILES\("(\w*)"\)', sources)
                  for quantile in quantiles}
        self.assertEqual(len(quantiles), 5)
        for name, known in results.WORKLOADS.items():
            self.assertTrue(known.summary, name)
            self.assertLessEqual({*known.summary, *known.columns, *known.later, *results.COUNTS}, names)


if __name__ == "__main__":
    unittest.main()
