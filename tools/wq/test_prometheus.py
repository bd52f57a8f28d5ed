#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of prometheus.py and of `wq_monitor.py --prometheus`, which need neither drgn nor a kernel."""

import argparse
import io
import os
import re
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

TOOLS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOOLS))
from wq import monitor, prometheus  # noqa: E402
from wq.test_monitor import look, pool, queue  # noqa: E402

ROOT = TOOLS.parent
METRICS = (*prometheus.QUEUE, *prometheus.POOL, prometheus.GAPS)
# A line of the format, as its description in the documents of Prometheus says.
SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (\S+)')


def parse(text: str) -> dict:
    """Return the samples of @text, {(metric, labels): value}. Checks its form."""
    found: dict = {}
    assert text.endswith("\n")
    family = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert not any(name == family for name, _ in found), f"{family} is not in one piece"
        elif line.startswith("# TYPE "):
            assert line.split()[2:] == [family, "counter" if family.endswith("_total") else "gauge"], line
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match[1] == family, line
            assert (match[1], match[2]) not in found, f"twice: {line}"
            found[match[1], match[2]] = float(match[3])
    return found


def value(found: dict, metric: str, labels: str) -> float:
    """Return the value of a sample of cmwq2."""
    return found[metric, f'engine="cmwq2",{labels}']


class Text(unittest.TestCase):
    def samples(self, *queues: dict, pools: tuple = (), gaps: int = 0) -> dict:
        return parse(prometheus.text("cmwq2", prometheus.series(look(1, queues, pools)), gaps))

    def test_values(self) -> None:
        found = self.samples(queue("a", 5, in_flight=3, cpu_time=1500000, mayday=2), pools=(
            pool(0, cpu=0, workers=4, idle=3, kicks=7), pool(8, cpu=-1, kicks=10**15, lock_acquired=4)), gaps=2)
        for metric, labels, wanted in (
                ("wq_items_started_total", 'workqueue="a"', 5), ("wq_items_in_flight", 'workqueue="a"', 3),
                ("wq_cpu_seconds_total", 'workqueue="a"', 1.5), ("wq_maydays_total", 'workqueue="a"', 2),
                ("wq_pool_workers", 'pool="0",cpu="0"', 4), ("wq_pool_workers_idle", 'pool="0",cpu="0"', 3),
                ("wq_pool_kicks_total", 'pool="8",cpu="any"', 10**15),
                ("wq_pool_lock_acquired_total", 'pool="8",cpu="any"', 4)):
            self.assertEqual(value(found, metric, labels), wanted, metric)
        self.assertEqual(found["wq_look_gaps", 'engine="cmwq2"'], 2)

    def test_unknown_counters(self) -> None:
        """What this kernel does not count has no sample and no lines about it."""
        text = prometheus.text("native", prometheus.series(look(1, [queue("a", 1)], [
            {**pool(0), "total": {"started": 1}}])))
        self.assertNotIn("kicks", text)
        self.assertNotIn("refused", text)
        self.assertIn('wq_items_started_total{engine="native",workqueue="a"} 1\n', text)

    def test_nothing(self) -> None:
        self.assertEqual(list(self.samples()), [("wq_look_gaps", 'engine="cmwq2"')])

    def test_names(self) -> None:
        """Each name is one label in one line. The two that are the same text, a<newline>b and a\\nb, are summed."""
        names = ['a"b', "a\\b", "a\nb", "\x1b[2J", "a\\nb", "m\u00e9moire", "{},= #", "\u202e", ""]
        found = self.samples(*(queue(name, 10 ** number) for number, name in enumerate(names)))
        values = [value for (metric, _), value in found.items() if metric == "wq_items_started_total"]
        self.assertEqual(sorted(values), [1, 10, 1000, 10100, *(10 ** number for number in range(5, 9))])

    def test_equal_names(self) -> None:
        found = self.samples(queue("a", 1, in_flight=1), {**queue("a", 2, in_flight=1), "address": "0x2"})
        self.assertEqual((value(found, "wq_items_started_total", 'workqueue="a"'),
                          value(found, "wq_items_in_flight", 'workqueue="a"')), (3, 2))


class Advance(unittest.TestCase):
    def test_never_falls(self) -> None:
        """A released pwq takes its share along. Gauges have their present value, and queues come and go."""
        looks = [look(1, [queue("a", 100, in_flight=9), queue("gone", 5)], [pool(0, kicks=50)]),
                 look(2, [queue("a", 40, in_flight=2), queue("new", 7)], [pool(0, idle=1, kicks=60)]),
                 look(3, [queue("a", 45, in_flight=1), queue("new", 8)], [pool(0, kicks=3)])]
        series = prometheus.series(looks[0])
        seen = [parse(prometheus.text("cmwq2", series))]
        for old, new in zip(looks, looks[1:]):
            series = prometheus.advance(series, monitor.compare(old, new))
            seen.append(parse(prometheus.text("cmwq2", series)))
        for metric, labels, wanted in (
                ("wq_items_started_total", 'workqueue="a"', [100, 100, 105]),
                ("wq_items_in_flight", 'workqueue="a"', [9, 2, 1]), ("wq_pool_kicks_total", 'pool="0",cpu="0"',
                                                                     [50, 60, 60]),
                ("wq_pool_workers_idle", 'pool="0",cpu="0"', [2, 1, 2])):
            self.assertEqual([value(each, metric, labels) for each in seen], wanted, metric)
        names = [{labels.split('"')[3] for metric, labels in each if metric == "wq_items_started_total"}
                 for each in seen]
        self.assertEqual(names, [{"a", "gone"}, {"a", "new"}, {"a", "new"}])
        self.assertEqual(value(seen[2], "wq_items_started_total", 'workqueue="new"'), 8)

    def test_one_of_two(self) -> None:
        """The sum of two queues of a name does not fall when one of them is destroyed."""
        old = look(1, [queue("a", 5), {**queue("a", 7), "address": "0x2"}])
        series = prometheus.advance(prometheus.series(old), monitor.compare(old, look(2, [queue("a", 6)])))
        found = parse(prometheus.text("cmwq2", series))
        self.assertEqual(value(found, "wq_items_started_total", 'workqueue="a"'), 13)


class Names(unittest.TestCase):
    def test_rules(self) -> None:
        self.assertEqual(len({metric.name for metric in METRICS}), len(METRICS))
        for metric in METRICS:
            self.assertRegex(metric.name, "^wq_[a-z_]+$")
            self.assertEqual("_seconds" in metric.name, metric.unit != 1)
            self.assertNotRegex(metric.help, r"\n|\\")

    def test_all_counters(self) -> None:
        """Every counter of the engine has a metric."""
        header = (ROOT / "include/cmwq2/control.h").read_text()
        for struct, metrics in (("cmwq2_wq_stats", prometheus.QUEUE), ("cmwq2_pool_stats", prometheus.POOL)):
            body = header.partition(f"struct {struct} {{")[2].partition("}")[0]
            members = re.findall(r"unsigned long\s+(\w+);", body)
            self.assertGreater(len(members), 5)
            self.assertLessEqual(set(members), {metric.key for metric in metrics}, struct)

    def test_documented(self) -> None:
        """monitoring.rst lists exactly these metrics."""
        text = (ROOT / "Documentation/monitoring.rst").read_text()
        listed = re.findall(r"^``(wq_\w+)``  ", text, re.MULTILINE)
        self.assertEqual(sorted(listed), sorted(metric.name for metric in METRICS))


class Command(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.seen: list = []

    def run_with(self, *argv: str) -> str:
        """Run the command on looks in which queue a has 10, 20, ... items. Return its output."""
        path = self.directory / "wq.prom"

        def collected(*_: object) -> dict:
            # What the look before has written is complete at any time.
            self.seen += [path.read_text()] if path.exists() else []
            return next(found)
        found = iter([look(n, [queue("a", 10 * n)], gaps=["x"]) for n in range(1, 9)])
        with mock.patch.object(monitor, "check_program"), mock.patch.object(monitor.time, "sleep"), \
                mock.patch.object(monitor, "is_dump_file", lambda prog: False), \
                mock.patch.object(monitor, "collect", collected), redirect_stdout(io.StringIO()) as out:
            monitor.run(monitor.parse_args(list(argv)), {"prog": object()})
        return out.getvalue()

    def test_standard_output(self) -> None:
        for argv in (["--prometheus"], ["--prometheus", "-"], ["0", "--prometheus"]):
            found = parse(self.run_with(*argv))
            self.assertEqual(value(found, "wq_items_started_total", 'workqueue="a"'), 10)
            self.assertEqual(found["wq_look_gaps", 'engine="cmwq2"'], 1)

    def test_file(self) -> None:
        """The file is replaced in each interval, and no other file is left."""
        path = self.directory / "wq.prom"
        self.assertEqual(self.run_with("--prometheus", str(path), "-i", "5", "-n", "2"), "")
        values = [value(parse(text), "wq_items_started_total", 'workqueue="a"')
                  for text in [*self.seen, path.read_text()]]
        self.assertEqual(values, [10, 20, 30])
        self.assertEqual(os.listdir(self.directory), ["wq.prom"])
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)

    def test_refused(self) -> None:
        with self.assertRaisesRegex(monitor.Cmwq2Error, "none/wq.prom: its directory does not exist"):
            self.run_with("--prometheus", str(self.directory / "none/wq.prom"))
        for argv in (["--prometheus", "5"], ["--prometheus", "wq.txt"], ["--prometheus", "--json"],
                     ["--prometheus", "-n", "2"], ["--prometheus", "x.prom", "-i", "0", "-n", "1"]):
            with self.assertRaises(SystemExit) as caught, redirect_stderr(io.StringIO()) as err:
                monitor.parse_args(argv)
            self.assertEqual((caught.exception.code, err.getvalue().count("\n")), (2, 1), argv)
        with self.assertRaisesRegex(argparse.ArgumentTypeError, "allowed: a name that ends in .prom, or -"):
            monitor.prom_file("5")

    def test_default_interval(self) -> None:
        for argv, interval in ((["--prometheus"], 0), (["--prometheus", "-", "-i", "15"], 15), ([], 2)):
            self.assertEqual(monitor.parse_args(argv).interval, interval)


if __name__ == "__main__":
    unittest.main()
