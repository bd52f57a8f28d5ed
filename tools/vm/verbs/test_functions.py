#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of functions.py and holdcount.py: instructions by function, from what the plugin has counted."""

import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_PASSED
from base.testing import Case, directory
from machines import holdcount
from verbs import functions, run

SYMBOLS = "ffffffffa0000100 t cmwq2_x\t[cmwq2]\nffffffffa0001000 t bench_x\t[cmwq2_bench]\n"
WORKQUEUE = "0000000000000000 t process_one_work\n0000000000000040 T queue_work_on\n                 U schedule\n"


class Functions(Case):
    def test_blocks(self) -> None:
        """A block belongs to the function in which it begins, and a mark ends a time."""
        known = [(0x100, "a"), (0x200, "b")]
        lines = ["100 5", "1ff 2", "mark", "200 7", "fff 1", "50 3", "mark", "100 1"]
        self.assertEqual(list(holdcount.by_function(lines, known)), [{"a": 7}, {"b": 8, "?": 3}])
        self.refused(lambda: list(holdcount.by_function(["100 5 6"], known)), "100 5 6")

    def test_symbols(self) -> None:
        """Functions of the kernel and of modules are in one list, in the order of their addresses."""
        with directory() as build:
            (build / "System.map").write_text("ffffffff81000200 T b\nffffffff81000100 t a\n")
            self.assertEqual(holdcount.functions(mock.Mock(build=build), SYMBOLS),
                             [(0xffffffff81000100, "a"), (0xffffffff81000200, "b"), (0xffffffffa0000100, "cmwq2_x"),
                              (0xffffffffa0001000, "bench_x")])

    def test_parts(self) -> None:
        """What workqueue.o only calls belongs to the rest of the kernel."""
        self.assertEqual(functions.part_of(SYMBOLS, WORKQUEUE),
                         {"process_one_work": functions.ENGINE, "queue_work_on": functions.ENGINE,
                          "cmwq2_x": functions.ENGINE, "bench_x": functions.BENCH})

    def test_per_item(self) -> None:
        """What both runs of a pair have in common is not counted, nor what comes before the first run."""
        few, many = functions.ITEMS
        runs = [("percpu", "native"), ("percpu", "cmwq2:a")]
        marks = [{"boot": 9}, {"setup": 500, "f": 3 * few}, {"setup": 500, "f": 3 * many},
                 {"setup": 400, "g": 4 * few}, {"setup": 400, "g": 4 * many, "once": 1}]
        found = functions.per_item(marks, runs)
        self.assertEqual(found["percpu"]["native"], {"setup": 0, "f": 3})
        self.assertEqual(found["percpu"]["cmwq2:a"], {"setup": 0, "g": 4, "once": 1 / (many - few)})
        self.refused(lambda: functions.per_item(marks[:4], runs), "4 marks", "5")

    def test_table(self) -> None:
        """The engine's functions are all listed, those of the kernel if they differ, and the sums have everything."""
        counted = {"native": {"process_one_work": 130.0, "schedule": 60.0, "same": 50.0, "bench_x": 8.0, "rare": 0.1},
                   "cmwq2:a": {"cmwq2_x": 140.0, "schedule": 64.0, "same": 50.0, "bench_x": 8.0}}
        rows = [line.split() for line in functions.table(counted, functions.part_of(SYMBOLS, WORKQUEUE)).splitlines()]
        self.assertEqual(rows[1:], [["engine", "cmwq2_x", "0.0", "140.0", "+140.0"],
                                    ["engine", "process_one_work", "130.0", "0.0", "-130.0"],
                                    ["engine", "all", "of", "it", "130.0", "140.0", "+10.0"],
                                    ["kernel", "schedule", "60.0", "64.0", "+4.0"],
                                    ["kernel", "all", "of", "it", "110.1", "114.0", "+3.9"],
                                    ["benchmark", "all", "of", "it", "8.0", "8.0", "+0.0"]])

    def test_reached(self) -> None:
        """FUNCTIONS=1 lists functions, 0 compares."""
        for value, called in (("1", "functions"), ("0", "icount"), ("", "icount")):
            with mock.patch.object(functions, "functions", return_value=EXIT_PASSED) as one, \
                    mock.patch("verbs.icount.icount", return_value=EXIT_PASSED) as other:
                run.icount(mock.Mock(functions=value, workload=""))
                self.assertEqual([one.called, other.called], [called == "functions", called == "icount"])


if __name__ == "__main__":
    unittest.main()
