#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Tests of wq_monitor.py and latency.py that need neither drgn nor a kernel.

Run ``python3 tools/wq/test_monitor.py``. tools/vm/looks/monitor.py tests what needs a kernel.
"""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import unittest
from contextlib import redirect_stdout
from unittest import mock

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from wq import latency, monitor  # noqa: E402

SCRIPT = os.path.join(TOOLS, "wq_monitor.py")


def run_script(*args):
    return subprocess.run([sys.executable, SCRIPT, *args], capture_output=True,
                          text=True, timeout=60)


class TestCommandLine(unittest.TestCase):
    def test_help(self):
        done = run_script("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for title in [*monitor.QUEUE_TITLES[1:], *monitor.POOL_TITLES[1:]]:
            self.assertIn(title, done.stdout)

    def test_usage_errors(self):
        for args in (["--nonsense"], ["-i", "-1"], ["-i", "soon"], ["-i", "nan"], ["-n", "0"],
                     ["-n", "-1"], ["-p", "first"], ["-p", "-1"], ["-t", "0"], ["extra"],
                     ["1", "-i", "1"], ["1", "2", "-n", "2"], ["1", "0"], ["1", "2", "3"], ["0", "2"],
                     ["-i", "0", "-n", "1"], ["0.001"]):
            done = run_script(*args)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), args)
            self.assertIn("wq_monitor.py: error:", done.stderr)

    def test_interval_and_count(self):
        for argv, wanted in (([], (2, None)), (["5"], (5, None)), (["0.5", "3"], (0.5, 3)),
                             (["-i", "1", "-n", "4"], (1, 4)), (["-n", "4", "7"], (7, 4)), (["0"], (0, None))):
            args = monitor.parse_args(argv)
            self.assertEqual((args.interval, args.count), wanted, argv)

    def test_without_drgn(self):
        done = run_script()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertTrue(done.stderr.startswith("wq_monitor.py: "))


class TestEnds(unittest.TestCase):
    """wq_monitor.py is ended from outside, which is not an error. test_cli.py tests the errors."""

    def run_with(self, body, **kwargs):
        code = (f"import sys; sys.path.insert(0, {TOOLS!r}); sys.argv = ['x']\n"
                "import time; from wq import monitor\n"
                f"def run(args, scope):\n    {body}\n"
                "monitor.run = run\nmonitor.main({})")
        return subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, universal_newlines=True,
            # A background job ignores SIGINT, and its child processes inherit this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **kwargs)

    def assert_ends(self, process, status, text):
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (status, text))

    def test_closed_pipe_is_quiet(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = self.run_with("monitor.cli.emit('x' * 1000000)", stdout=writer)
        os.close(writer)
        self.assert_ends(process, 141, "")

    def test_interrupt_is_quiet(self):
        process = self.run_with("print('ready', flush=True); time.sleep(50)",
                                stdout=subprocess.PIPE)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        self.assert_ends(process, 130, "")


def queue(name, started=0, in_flight=0, **total):
    return {"name": name, "address": "0x1", "in_flight": in_flight,
            "total": {"started": started, "completed": started, "cpu_time": 0, **total}}


def pool(number, cpu=0, workers=2, idle=2, **total):
    return {"id": number, "cpu": cpu, "nr_workers": workers, "nr_idle": idle, "nr_running": 0,
            "total": {"kicks": 0, "coalesced": 0, "created": 0, **total}}


def look(time, queues=(), pools=(), gaps=()):
    return {"schema": monitor.SCHEMA, "engine": "cmwq2", "time": time, "kernel": "7.3.4", "workqueues": list(queues),
            "pools": list(pools), "gaps": list(gaps)}


class TestCompare(unittest.TestCase):
    def test_delta(self):
        now = monitor.compare(look(10, [queue("a", 5)], [pool(0, kicks=1)]),
                              look(12, [queue("a", 25)], [pool(0, kicks=7)]))
        self.assertEqual(now["seconds"], 2)
        self.assertEqual(now["workqueues"][0]["delta"]["started"], 20)
        self.assertEqual(now["pools"][0]["delta"]["kicks"], 6)

    def test_new_and_gone(self):
        now = monitor.compare(look(1, [queue("old", 9)]), look(2, [queue("new", 4)]))
        self.assertEqual([(q["name"], q["delta"]["started"]) for q in now["workqueues"]],
                         [("new", 4)])

    def test_counter_that_began_anew(self):
        self.assertEqual(monitor.delta({"a": 9}, {"a": 4, "b": 1}), {"a": 0, "b": 1})

    def test_no_time(self):
        self.assertGreater(monitor.compare(look(5), look(5))["seconds"], 0)

    def test_json(self):
        now = monitor.compare(look(1, [queue("a")], [pool(0)]), look(2, [queue("a")], [pool(0)]))
        self.assertEqual(json.loads(json.dumps(now)), now)


class TestShow(unittest.TestCase):
    def screen(self, before, after, **kwargs):
        return monitor.show(monitor.compare(before, after), **kwargs).splitlines()

    def test_rates(self):
        lines = self.screen(look(0, [queue("a", 0)]), look(2, [queue("a", 50, cpu_time=1000000)]))
        self.assertEqual(lines[3].split()[:5], ["a", "25", "25", "0", "50"])

    def test_quiet_ones_are_left_out(self):
        was = look(0, [queue("a"), queue("b"), queue("c", 1)], [pool(0), pool(1)])
        now = look(1, [queue("a"), queue("b", in_flight=1), queue("c", 2)],
                   [pool(0), pool(1, idle=1)])
        text = "\n".join(self.screen(was, now))
        self.assertIn("2 of 3 workqueues, 1 of 2 pools", text)
        self.assertNotIn("\na ", text)
        self.assertIn("\na ", "\n".join(self.screen(was, now, every=True)))

    def test_busiest_first(self):
        was, now = look(0), look(1, [queue("a", 1), queue("b", 3), queue("c", 2)])
        names = [line.split()[0] for line in self.screen(was, now)[3:6]]
        self.assertEqual(names, ["b", "c", "a"])
        self.assertNotIn("\na ", "\n".join(self.screen(was, now, top=2)))

    def test_pool(self):
        row = monitor.pool_row({**pool(3), "delta": {"kicks": 4, "coalesced": 1}}, 2)
        self.assertEqual(row[5:7], ["2", "25"])
        self.assertEqual((row[3], row[4], row[-1]), ("-", "-", "-"))  # this module does not count them
        delta = {"kicks": 0, "started": 30, "cpu_time": 500000, "woken": 10, "in_vain": 1,
                 "lock_acquired": 200, "lock_contended": 50}
        row = monitor.pool_row({**pool(3), "delta": delta}, 2)
        self.assertEqual(row[3:8], ["15", "25", "0", "-", "10"])
        self.assertEqual(row[-1], "25")
        self.assertEqual(monitor.pool_row({**pool(3, cpu=-1), "delta": {}}, 2)[1], "any")

    def test_as_many_as_the_terminal_has_lines(self):
        was = look(0)
        now = look(1, [queue(f"q{i}", 1 + i) for i in range(40)],
                   [pool(i, kicks=1) for i in range(9)])
        for height in (10, 24, 30, 50, 80):
            lines = self.screen(was, now, size=(80, height))
            self.assertLess(len(lines), height)
        self.assertEqual([line for line in self.screen(was, now, size=(80, 30)) if "more" in line],
                         ["and 29 more"])
        self.assertIn("q39", self.screen(was, now, size=(80, 10))[3])
        self.assertNotIn("more", "\n".join(self.screen(was, now)))

    def test_wide_terminal_shows_long_names(self):
        name = "n" * 31
        now = look(1, [queue(name, 1)])
        self.assertNotIn(name, "\n".join(self.screen(look(0), now)))
        lines = self.screen(look(0), now, size=(200, 50))
        self.assertIn(name, lines[3])
        self.assertEqual(len(lines[2]), len(lines[3]))

    def test_the_lock_alone_is_quiet(self):
        self.assertTrue(monitor.pool_is_quiet({**pool(0), "delta": {"lock_acquired": 9}}))

    def test_width_with_large_numbers(self):
        big = 10**12
        names = ("started completed cpu_time cpu_intensive cm_wakeup repatriated mayday"
                 " rescued").split()
        was = look(0, gaps=["x" * 200])
        now = look(1, [queue("n" * 40, in_flight=big, **dict.fromkeys(names[1:], big))],
                   [pool(9999, 1234, 2000, 0, kicks=big, coalesced=big, created=big, culled=big,
                         maydays=big, woken=big, in_vain=big, lock_acquired=big, started=big,
                         lock_contended=big, cpu_time=big)], ["x" * 200])
        lines = self.screen(was, now)
        self.assertLessEqual(max(map(len, lines)), monitor.COLUMNS)
        self.assertEqual(lines[3].count("1.0T"), 7)
        # There is space between all cells.
        self.assertEqual(len(lines[3].split()), len(monitor.QUEUE_TITLES))
        self.assertEqual(len(lines[6].split()), len(monitor.POOL_TITLES))

    def test_titles_stand_over_their_columns(self):
        lines = self.screen(look(0), look(1, [queue("a", 1)], [pool(0, kicks=1)]))
        self.assertEqual(len(lines[2].split()), len(lines[3].split()))
        self.assertEqual(len(lines[2]), len(lines[3]))

    def test_number(self):
        for value, shown in ((0, "0"), (7, "7"), (1.25, "1.2"), (150.4, "150"), (9999, "9999"),
                             (56700, "56.7k"), (567000, "567k"), (8900000, "8.9M"),
                             (99.96, "100"), (9999.7, "10.0k"), (99960, "100k"), (999600, "1.0M"),
                             (1e12, "1.0T"), (None, "-")):
            self.assertEqual(monitor.number(value), shown)
        for power in range(20):
            for digits in (0.99949, 0.9995, 0.99951, 0.9999999, 1, 1.05, 9.994, 9.995):
                self.assertLessEqual(len(monitor.number(digits * 10**power)), 5, (digits, power))

    def test_cells_never_run_together(self):
        self.assertEqual(monitor.line(["a", "123456", "1234567"], (4, 6, 6)), "a    123456 1234567")

    def test_names_keep_their_end(self):
        now = look(1, [queue("events_freezable_pwr_efficient", 1)])
        line = self.screen(look(0), now)[3]
        self.assertTrue(line.startswith("~"), line)
        self.assertIn("pwr_efficient", line)

    def test_narrow_terminal(self):
        now = look(1, [queue("n" * 40, 1)], [pool(0, kicks=1)])
        for columns in (20, 40, 60, 79):
            self.assertLessEqual(max(map(len, self.screen(look(0), now, size=(columns, 24)))), columns)

    def test_columns_are_whole_or_left_out(self):
        now = look(1, [queue("a", 1234567)], [pool(0, kicks=1234567)])
        whole = [line.split() for line in self.screen(look(0), now)]
        for columns in (30, 45, 60, 200):
            lines = [line.split() for line in self.screen(look(0), now, size=(columns, 24))]
            for number in (2, 3, 5, 6):
                self.assertEqual(lines[number], whole[number][:len(lines[number])], columns)
            self.assertEqual(len(lines[5]) == len(whole[5]), columns >= monitor.COLUMNS)

    def test_wide_in_a_pipe(self):
        now, name = look(1, [queue("n" * 31, 1)]), "n" * 31
        for wide in (False, True):
            args = argparse.Namespace(json=False, all=False, top=0, wide=wide)
            with redirect_stdout(io.StringIO()) as out:
                monitor.present(monitor.compare(look(0), now), args)
            self.assertEqual(name in out.getvalue(), wide)

    def test_name_that_a_terminal_would_obey(self):
        now = look(1, [queue("\x1b[2J\n", 1)])
        text = "".join(self.screen(look(0), now))
        self.assertTrue(text.isprintable(), ascii(text))

    def test_native(self):
        """Figures that the kernel does not count for its pools are shown as unknown and not as 0."""
        was, now = ({**look(time, [queue("a", count)], [
            {**pool(0, workers=2, idle=1), "total": {"started": count, "cpu_time": 0}},
            {**pool(1), "total": {"started": 9 * count, "cpu_time": 0}}]), "engine": "native"}
            for time, count in ((0, 0), (1, 5)))
        lines = self.screen(was, now)
        self.assertTrue(lines[0].startswith("native on 7.3.4"))
        self.assertEqual(lines[6].split(), "1 0 0/2 45 0 - - - - - - -".split())

    def test_sums(self):
        now = look(1, [queue("a", 5, cpu_time=3000000)], [pool(0, kicks=7)])
        now = {**now, "seconds": None, **{kind: [{**one, "delta": one["total"]} for one in now[kind]]
                                          for kind in ("workqueues", "pools")}}
        lines = monitor.show(now).splitlines()
        self.assertIn("sums", lines[0])
        self.assertEqual(lines[2].split()[:5], ["workqueue", "items", "done", "flight", "cpu-s"])
        self.assertEqual(lines[3].split()[:5], ["a", "5", "5", "0", "3"])

    def test_overwrites_on_a_terminal_only(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        args = argparse.Namespace(json=False, all=False, top=0, wide=False)
        now = monitor.compare(look(0), look(1))
        for kind, overwrites in ((Terminal, True), (io.StringIO, False)):
            with redirect_stdout(kind()) as out:
                monitor.present(now, args)
            text = out.getvalue()
            self.assertEqual("\x1b" in text, overwrites)
            if overwrites:
                self.assertTrue(text.startswith(monitor.HOME) and text.endswith(monitor.REST))
                self.assertEqual(text.count(monitor.REST_OF_LINE), text.count("\n"))


class TestRun(unittest.TestCase):
    def run_json(self, *argv):
        looks = iter([look(n, [queue("a", n)]) for n in range(9)])
        with mock.patch.object(monitor, "check_program"), \
             mock.patch.object(monitor, "is_dump_file", lambda prog: False), \
             mock.patch.object(monitor, "collect", lambda prog, args: next(looks)), \
             mock.patch.object(monitor.time, "sleep"), redirect_stdout(io.StringIO()) as out:
            monitor.run(monitor.parse_args(list(argv)), {"prog": object()})
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def test_count(self):
        lines = self.run_json("--json", "-n", "3")
        self.assertEqual([line["seconds"] for line in lines], [None, 1, 1, 1])
        self.assertNotIn("delta", lines[0]["workqueues"][0])
        self.assertEqual(lines[3]["workqueues"][0]["delta"]["started"], 1)


    def test_once(self):
        lines = self.run_json("--json", "-i", "0")
        self.assertEqual([line["seconds"] for line in lines], [None])

    def test_dump_file_that_is_not_whole(self):
        for is_file, gaps, refuses in ((True, ["pools: x"], True), (True, [], False),
                                       (False, ["pools: x"], False)):
            with mock.patch.object(monitor, "check_program"), \
                 mock.patch.object(monitor, "is_dump_file", lambda prog: is_file), \
                 mock.patch.object(monitor, "collect", lambda *_: {**look(0), "gaps": gaps}), \
                 mock.patch.object(monitor.time, "sleep"), redirect_stdout(io.StringIO()):
                args = monitor.parse_args(["-n", "1"])
                if refuses:
                    with self.assertRaisesRegex(monitor.Cmwq2Error, "whole.* pools: x"):
                        monitor.run(args, {"prog": object()})
                else:
                    monitor.run(args, {"prog": object()})


class TestLatency(unittest.TestCase):
    def test_percentile(self):
        self.assertEqual(latency.percentile([0, 50, 49, 1], 50), 1)
        self.assertEqual(latency.percentile([0, 50, 49, 1], 90), 2)
        self.assertEqual(latency.percentile([0, 50, 49, 1], 100), 3)

    def test_below(self):
        for bucket, text in ((0, "<1 ns"), (9, "<512 ns"), (10, "<1.0 us"), (20, "<1.0 ms"),
                             (24, "<17 ms"), (39, ">275 s")):
            self.assertEqual(latency.below(bucket, 40), text)

    def test_bars(self):
        counts = [0] * 40
        counts[10], counts[12] = 80, 1
        lines = latency.show_stage("end", counts)
        self.assertEqual(lines[0], "  end: 81 items  p50 <1.0 us  p90 <1.0 us  p99 <4.1 us")
        self.assertEqual([line.count("#") for line in lines[1:]], [latency.WIDTH, 0, 1])

    def test_width(self):
        lines = latency.show_stage("activate", [4294967295] * 40)
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_nothing(self):
        self.assertIn("latency", latency.show_tables({}))


if __name__ == "__main__":
    unittest.main()
