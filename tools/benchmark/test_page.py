#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of page.py, which needs matplotlib."""

import importlib.util
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark.testing import USUAL, Command, report


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
class Page(Command):
    def test_ticks(self) -> None:
        from benchmark.page import ratio_ticks
        self.assertEqual(ratio_ticks(0.95, 1.05), [0.96, 0.98, 1, 1.02, 1.04])
        self.assertEqual(ratio_ticks(0.7, 2.41), [0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4])
        self.assertEqual(ratio_ticks(0.1, 40), [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32])
        self.assertEqual(ratio_ticks(0.0009, 20), [0.001, 0.01, 0.1, 1, 10])
        for low, high in ((0.001, 1.1), (0.9, 5000), (1e-5, 1e5), (0.3, 1.05)):
            found = ratio_ticks(low, high)
            self.assertIn(1, found)
            self.assertTrue(2 <= len(found) <= 11 and low <= found[0] and found[-1] <= high, found)

    def test_throughput(self) -> None:
        """Only runs whose items take the same time are on one curve."""
        from benchmark import page
        document = report(USUAL)
        document["runs"] = [run for size in (1, 4) for burn in (0, 5000)
                            for run in report(USUAL, in_flight=size, burn_ns=burn)["runs"]]
        for run in document["runs"]:
            run["header"]["workload"] = "batch"
        names = [name for name, _ in page.plots(document)]
        self.assertEqual([name for name in names if name.startswith("batch")],
                         ["batch-percpu", "batch-percpu--items-of-5-us"])

    def test_page(self) -> None:
        status, out, err = self.run_main("page", self.file("a.json", report(USUAL)))
        self.assertEqual(status, 0, err)
        text = Path(out.strip()).read_text()
        # Nothing is loaded from the URLs that name XML namespaces.
        rest = re.sub(r'xmlns(:xlink)?="http://www.w3.org/\d+/\w+"', "", text)
        self.assertNotRegex(rest, r"https?:|src=|@import|url\((?!#)")
        self.assertEqual(set(re.findall(r' href="([^#][^"]*)"', text)),
                         {f"plots/{path.name}" for path in (self.directory / "plots").iterdir()})
        self.assertIn("<svg", text)
        self.assertTrue(list((self.directory / "plots").glob("*.png")))

    def test_lines(self) -> None:
        """The page plots what make lines has counted, and refuses other files."""
        rows = [{"workload": "roundtrip", "scope": "system", "engine": engine, "profile": profile,
                 "by_phase": {"enqueue": 1.0, "wake": 2.0}, "by_field": [
                     {"structure": f"s{number}", "field": "f", "transfers_per_item": number} for number in range(12)]}
                for engine, profile in (("native", None), ("cmwq2", "shared"))]
        lines = self.file("lines.json", {"version": 1, "cpus": 2, "workloads": rows})
        report_file = self.file("a.json", report(USUAL))
        status, out, err = self.run_main("page", report_file, "--lines", lines)
        self.assertEqual(status, 0, err)
        self.assertIn('id="lines-2-roundtrip-system"', Path(out.strip()).read_text())
        from benchmark import transfers
        self.assertEqual(transfers.by_structure(rows)[transfers.OTHERS], [3.0, 3.0])
        self.assertEqual(transfers.by_phase(rows)["wake"], [2.0, 2.0])
        wrong: object
        for wrong in ({"version": 2, "workloads": rows}, {"version": 1, "workloads": []}, []):
            status, _, err = self.run_main("page", report_file, "--lines", self.file("wrong.json", wrong))
            self.assertEqual((status != 0, "make lines" in err, err.count("\n")), (True, True, 1))


if __name__ == "__main__":
    unittest.main()
