#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of lines.py, pattern.py and linecount.py: reports of the plugin, figures, and what is refused."""

import os
import sys
import unittest
from functools import partial
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment
from looks import moves
from machines import guest, linecount, plugin
from verbs import icount, linefigures, lines, pattern

REPORT = """counted 100
line read 1 0 30
line write-shared 0 1 40
at ffff888000001000 ffffffff81000010 read 1 free enqueue 30 20
at ffff888000001000 ffffffff81000020 write-shared 0 locked start 30 0
at ffff888000001004 ffffffff81000020 write-shared 0 timer other 10 0
begun wakes 50
end 6
"""
NAMES = {"at": {0xffff888000001000: ("worker_pool", "lock"), 0xffff888000001004: ("rq", "clock")},
         "code": {0xffffffff81000010: "a", 0xffffffff81000020: "b"}}


class Reports(Case):
    def test_whole(self) -> None:
        """A report has all lines that the plugin says it has written. A mark has none."""
        self.assertIsNone(linecount.parse("ready\n"))
        report = linecount.parse(REPORT)
        assert report
        self.assertEqual((report.items, len(report.moved), report.losers["read", 1, 0]), (100, 3, 30))
        self.assertEqual((report.moved[1].context, report.moved[1].phase), (linecount.LOCKED, "start"))
        self.assertEqual((report.moved[0].times, report.moved[0].elsewhere, report.begun), (30, 20, {"wakes": 50}))

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
                plugin, "symbols", return_value=[(at, name) for at, (_, name) in enumerate(linecount.FUNCTIONS)]):
            with mock.patch.object(plugin, "symbols", return_value=[(1, "irqentry_exit")]):
                self.refused(partial(linecount.Counter, kernel, home, 1, on_hold), "has no function")
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
        self.assertEqual((self.counted.begun, self.counted.elsewhere), ({"wakes": 0.5}, {("worker_pool", "lock"): 0.2}))
        found = linefigures.by_field([self.counted])
        self.assertEqual(found, [{
            "structure": "worker_pool", "field": "lock", "transfers_per_item": 0.6, "elsewhere": 0.2,
            "by_cause": {"read": 0.3, "write-shared": 0.3}, "by_phase": {"enqueue": 0.3, "start": 0.3},
            "by_function": {"a": 0.3, "b": 0.3}}])
        phases = linefigures.by_phase([self.counted])
        self.assertEqual({name: value for name, value in phases.items() if value}, {"enqueue": 0.3, "start": 0.3})

    def test_middle(self) -> None:
        """Rounds in which far fewer or far more lines move than in the others do not count."""
        def some(times: float) -> moves.Counted:
            by = {("rq", "clock", "x"): times}
            return moves.Counted(by, by, by, {("rq", "clock"): times / 2}, {"wakes": times}, times, times)
        self.assertEqual(moves.middle([some(5)]).total, 5)
        self.assertEqual(moves.middle([some(5), some(60), some(6)]).total, 6)
        found = moves.middle([some(times) for times in (80, 40, 84, 81, 120, 83, 82, 35, 90)])
        self.assertEqual((found.total, found.under_lock, found.begun), (82, 82, {"wakes": 82}))
        self.assertEqual(found.elsewhere, {("rq", "clock"): 41})

    def boots(self, *totals: float) -> list:
        """Return boots of one round, in which @totals lines move for an item."""
        load, found = lines.LOADS[0], []
        for total in totals:
            place = ("worker_pool", "lock")
            counted = moves.Counted({(*place, "read"): total}, {}, {(*place, "wake"): total}, {place: 0.2},
                                    {"wakes": 0.5}, 0.5, 0)
            found.append(mock.Mock(cpus=2, items=100, turn_us=2, kinds=[(load, "cmwq2:shared")],
                                   rounds_of=mock.Mock(return_value=[counted])))
        return found

    def test_document(self) -> None:
        """The document has a row for each load and engine, with the spread over the boots."""
        found = linefigures.document(self.boots(5, 7, 6))
        self.assertEqual((found["version"], found["cpus"], found["boots"]), (1, 2, 3))
        row, = found["workloads"]
        self.assertEqual((row["workload"], row["scope"], row["engine"], row["profile"]),
                         ("roundtrip", "system", "cmwq2", "shared"))
        self.assertEqual(row["transfers_per_item"], {"median": 6, "low": 5, "high": 7})
        self.assertEqual((row["rounds"], row["by_phase"]["wake"], row["wakeups"]["median"]), (1, 6, 0.5))
        printed = linefigures.table([row])
        for text in ("worker_pool", "5.00..7.00", "in phase"):
            self.assertIn(text, printed)
        self.assertEqual(linefigures.elsewhere([row]), "  cmwq2:shared: worker_pool.lock 0.20")
        printed = linefigures.summary(found)
        for text in ("2 CPUs, 3 boots", "6.00 [5.00..7.00]", "in phase wake", "worker_pool"):
            self.assertIn(text, printed)
        self.assertEqual(linefigures.summed(found)["workloads"][0]["by_field"],
                         [{"structure": "worker_pool", "field": "-", "transfers_per_item": 6}])

    def test_checked(self) -> None:
        """The row of make check fails if more lines move in every round, and not if they do so in one."""
        this = icount.Subject("7.3.4", "gcc 12", "abc")
        load = lines.CHECKED[2]
        totals: list = []
        boot = mock.Mock(kinds=[(load, "native")], rounds_of=lambda *_: [mock.Mock(total=each) for each in totals])
        with directory() as home, mock.patch.object(icount, "committed_file", return_value=home / "lines"), \
                mock.patch.object(icount, "subject", return_value=this):
            boot.lowest = partial(lines.Checked.lowest, boot)
            totals = [80.0, 130.0, 81.0]
            self.assertEqual(lines.judge(boot)[0].skipped, 1)
            lines.write(home / "lines", this, {load.name: {"native": {lines.WHAT: 80.0}}})
            self.assertEqual((lines.judge(boot)[0].passed, lines.judge(boot)[0].failed), (1, 0))
            totals = [97.0, 130.0, 99.0]
            count, more = lines.judge(boot)
            self.assertEqual((count.failed, len(more)), (1, 1))
            self.assertIn("97.0 transfers, 80.0 committed", count.failures[0])
            totals = [40.0, 41.0, 42.0]
            self.assertEqual(lines.judge(boot)[0].failed, 0)

    def test_written(self) -> None:
        """Figures of guests of several sizes are in one file, as long as they are of the same build."""
        this, other = icount.Subject("7.3.4", "gcc 12", "abc"), icount.Subject("7.3.5", "gcc 12", "abc")
        with directory() as home:
            for build, cpus, names in ((this, 2, {"a"}), (this, 8, {"a", "a, 8 CPUs"}), (other, 4, {"a, 4 CPUs"})):
                lines.write(home / "lines", build, {lines.load_name("a", cpus): {"native": {lines.WHAT: 1.0}}})
                self.assertEqual(set(icount.committed(home / "lines", lines.WHAT)[1]), names)

    def test_compared(self) -> None:
        """A figure that has grown by more than is tolerated fails. Figures of another kernel are not compared."""
        this = icount.Subject("7.3.4", "gcc 12", "abc")
        now = {"roundtrip system": {"native": {lines.WHAT: 74.0}, "cmwq2:shared": {lines.WHAT: 60.0}}}
        with directory() as home:
            path = home / "lines-x86.json"
            self.assertIn("no figures", lines.compared(path, this, now)[0][0])
            icount.write(path, this, now, lines.WHAT)
            self.assertEqual(lines.compared(path, this, now)[1], 0)
            more = {"roundtrip system": {"native": {lines.WHAT: 90.0}, "cmwq2:shared": {lines.WHAT: 45.0}}}
            printed, status = lines.compared(path, this, more)
            self.assertEqual((status, len(printed)), (1, 3))
            self.assertIn("90.0 transfers, 74.0 committed", printed[0])
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
        self.assertIn("queue=percpu", lines.LOADS[2].settings("native", 2, 10))

    def test_side_by_side(self) -> None:
        """Each guest keeps to one CPU of this machine. What is wrong with one of them is reported."""
        here, seen = os.sched_getaffinity(0), []

        def go(name: str) -> None:
            seen.append((name, len(os.sched_getaffinity(0))))
            if name == "c":
                raise linecount.Problem("c is lost")
        with mock.patch.object(guest, "stop") as stop:
            lines._go({name: mock.Mock(go=go) for name in "ab"})
            self.assertEqual((sorted(seen), stop.set.called), ([("a", 1), ("b", 1)], False))
            self.refused(lambda: lines._go({name: mock.Mock(go=go) for name in "abc"}), "c is lost")
            self.assertTrue(stop.set.called)
        self.assertEqual(os.sched_getaffinity(0), here)

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
