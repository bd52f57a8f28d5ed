#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of lines.py, pattern.py and linecount.py: reports of the plugin, figures, and what is refused."""

import sys
import unittest
from functools import partial
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment
from looks import moves
from machines import linecount, plugin
from verbs import icount, lines, pattern

REPORT = """counted 100
line read 1 0 30
line write-shared 0 1 40
at ffff888000001000 ffffffff81000010 read 1 free 30
at ffff888000001000 ffffffff81000020 write-shared 0 locked 30
at ffff888000001004 ffffffff81000020 write-shared 0 timer 10
end 5
"""
NAMES = {"at": [("worker_pool", "lock"), ("worker_pool", "lock"), ("rq", "clock")], "code": ["a", "b", "b"]}


class Reports(Case):
    def test_whole(self) -> None:
        """A report has all lines that the plugin says it has written. A mark has none."""
        self.assertIsNone(linecount.parse("ready\n"))
        report = linecount.parse(REPORT)
        assert report
        self.assertEqual((report.items, len(report.moved), report.losers["read", 1, 0]), (100, 3, 30))
        self.assertEqual(report.moved[1].context, linecount.LOCKED)

    def test_cut_off(self) -> None:
        """A report that was cut off anywhere, or that has another line, is refused."""
        whole = REPORT.splitlines(keepends=True)
        for number in range(len(whole)):
            for text in ("".join(whole[:number]), "".join(whole[:number] + whole[number + 1:])):
                self.refused(partial(linecount.parse, text), "not whole")
        for size in range(1, len(REPORT) - 1):
            self.refused(partial(linecount.parse, REPORT[:size]), "not whole")
        self.refused(lambda: linecount.parse(REPORT.replace("at ", "ad ", 1)), "not whole", "ad")

    def test_answers(self) -> None:
        """Each time when the guest stands still is answered once, and a problem is kept while the guest goes on."""
        kernel, asked = mock.Mock(), []

        def on_hold(report: object) -> list:
            asked.append(report)
            if len(asked) == 2:
                raise linecount.Problem("no names")
            return ["take=5"]
        with directory() as home, mock.patch.object(plugin, "arguments", return_value=[]), mock.patch.object(
                plugin, "symbols", return_value=[(1, "sysvec_apic_timer_interrupt"), (2, "irqentry_exit")]):
            counter = linecount.Counter(kernel, home, 1, on_hold)
            with counter:
                for number, answer in enumerate(("take=5\n", "", "")):
                    with open(counter.output, "a") as output:
                        output.write(f"ready\n{linecount.HOLD}")
                    with open(home / "hold") as pipe:
                        self.assertEqual(pipe.read(), answer)
                    self.assertEqual(len(asked), min(number + 1, 2))
            self.assertEqual(str(counter.problem), "no names")

    def test_plugins(self) -> None:
        """A QEMU without plugins is refused."""
        plugin.check_support(["echo", "-plugin [file=]x\n"], "QEMU 10")
        self.refused(lambda: plugin.check_support(["echo", "-pidfile x"], "QEMU 10"), "QEMU 10", "without plugins")


class Figures(Case):
    def setUp(self) -> None:
        report = linecount.parse(REPORT)
        assert report
        self.counted = moves.counted(report, NAMES)

    def test_counted(self) -> None:
        """Transfers in interrupts of the timer are not those of an item."""
        self.assertEqual(self.counted.fields, {("worker_pool", "lock", "read"): 0.3,
                                               ("worker_pool", "lock", "write-shared"): 0.3})
        self.assertEqual((self.counted.total, self.counted.under_lock, self.counted.in_timer), (0.6, 0.3, 0.1))
        found = lines.by_field([self.counted])
        self.assertEqual(found, [{
            "structure": "worker_pool", "field": "lock", "transfers_per_item": 0.6,
            "by_cause": {"read": 0.3, "write-shared": 0.3}, "by_function": {"a": 0.3, "b": 0.3}}])

    def test_document(self) -> None:
        """The document has a row for each load and engine, with the spread over the boots."""
        boots = [mock.Mock(cpus=2, items=100, turn_us=2, found=[mock.Mock(
            wraps=self.counted, fields=self.counted.fields, functions=self.counted.functions, total=total,
            under_lock=0.5, in_timer=0)], runs=[(lines.LOADS[0], "cmwq2:shared")]) for total in (5, 7, 6)]
        found = lines.document(boots)
        self.assertEqual((found["version"], found["cpus"], found["boots"]), (1, 2, 3))
        row, = found["workloads"]
        self.assertEqual((row["workload"], row["scope"], row["engine"], row["profile"]),
                         ("roundtrip", "system", "cmwq2", "shared"))
        self.assertEqual(row["transfers_per_item"], {"median": 6, "low": 5, "high": 7})
        printed = lines.table([row])
        self.assertIn("worker_pool", printed)
        self.assertIn("5.00..7.00", printed)

    def test_compared(self) -> None:
        """A figure that has grown by more than is tolerated fails. Figures of another kernel are not compared."""
        this = icount.Subject("7.3.4", "gcc 12", "abc")
        now = {"roundtrip system": {"native": {lines.WHAT: 74.0}, "cmwq2:shared": {lines.WHAT: 60.0}}}
        with directory() as home:
            path = home / "lines-x86.json"
            self.assertIn("no figures", lines.compared(path, this, now)[0][0])
            icount.write(path, this, now, lines.WHAT)
            self.assertEqual(lines.compared(path, this, now)[1], 0)
            more = {"roundtrip system": {"native": {lines.WHAT: 82.0}, "cmwq2:shared": {lines.WHAT: 50.0}}}
            printed, status = lines.compared(path, this, more)
            self.assertEqual((status, len(printed)), (1, 3))
            self.assertIn("82.0 transfers, 74.0 committed", printed[0])
            few, many = ({"roundtrip percpu": {"native": {lines.WHAT: value}}} for value in (0.01, 0.6))
            icount.write(path, this, few, lines.WHAT)
            self.assertEqual([lines.compared(path, this, each)[1] for each in (
                few, {"roundtrip percpu": {"native": {lines.WHAT: 0.4}}}, many)], [0, 0, 1])
            other = icount.Subject("7.3.5", "gcc 12", "abc")
            self.assertEqual(lines.compared(path, other, more)[1], 0)

    def test_settings(self) -> None:
        """The producers queue more items than are counted."""
        for producers in lines.CPUS:
            words = dict(word.split("=") for word in lines.LOADS[0].settings("native", producers, 1000).split())
            self.assertGreater(int(words["items"]) * producers, lines.SKIP * producers + 1000)
        self.assertIn("queue=percpu", lines.LOADS[3].settings("native", 2, 10))

    def test_cpus(self) -> None:
        """Only numbers of CPUs that were tried are allowed."""
        with environment(CPUS="4"):
            self.assertEqual(lines.cpus_knob(), 4)
        for text in ("3", "64", "two", "0"):
            with environment(CPUS=text):
                self.refused(lines.cpus_knob, f"CPUS={text}", "2, 4, 8")

    def test_turn(self) -> None:
        """A turn may have no limit."""
        for text, value in (("0", 0), ("5", 5), ("", 4)):
            with environment(TURN=text):
                self.assertEqual(lines.turn_knob(4), value)
        for text in ("-1", "x", "100001", "1.5"):
            with environment(TURN=text):
                self.refused(partial(lines.turn_knob, 2), f"TURN={text}", "100000")


class Pattern(Case):
    def test_differences(self) -> None:
        """Each line that moves more or less often than it must is named."""
        right = {(pattern.STRUCTURE, *place): value for place, value in pattern.EXPECTED.items()}
        self.assertEqual(pattern.differences({**right, ("rq", "clock", "read"): 3}), [])
        wrong = {**right, (pattern.STRUCTURE, "written", "write-owned"): 0.999,
                 (pattern.STRUCTURE, "constant", "read"): 0.001}
        del wrong[pattern.STRUCTURE, "turn", "read"]
        self.assertEqual(pattern.differences(wrong), [
            "line_pattern.turn, read: 0 in a turn instead of 1",
            "line_pattern.written, write-owned: 0.999 in a turn instead of 1",
            "line_pattern.constant, read: 0.001 in a turn instead of 0"])


if __name__ == "__main__":
    unittest.main()
