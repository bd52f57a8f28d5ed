#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of bench_report.py: run with python3 -m unittest discover -s tools."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import results
from benchmark.results import ResultError, parse, table

HEADER = """\
cmwq2_bench=4
status=ok
workload=roundtrip
kernel=7.3.4
machine=x86_64
cpus=2
hook=tp
queue=unbound
scope=system
mem_reclaim=0
rounds=2
producers=2
items=20000
warmup=2000
settings=producers,items,warmup
seed=18446744073709551615
clock=tsc
clock_khz=2599997
clock_cost_ns=7
clock_step_ns=6
engines=native,cmwq2:mainline-7.3
figures=rate,p50_ns,p90_ns,p95_ns,p99_ns
"""


def figure(key: str, value: str, ratio: str) -> str:
    spread = " ".join(f"{key}{suffix}={value}" for suffix in ("", "_min", "_max", "_mad"))
    return spread + " " + " ".join(f"{key}_to_native{suffix}={ratio}" for suffix in ("", "_q1", "_q3"))


QUANTILES = {"p50_ns": "416", "p90_ns": "435", "p95_ns": "444", "p99_ns": "511"}
TIMES = " ".join(f"{key}={value}" for key, value in QUANTILES.items())
ENGINES = (
    "engine=0 name=native " + figure("rate", "200000", "1.0000") + " "
    + " ".join(figure(key, value, "-") for key, value in QUANTILES.items()) + "\n"
    "engine=1 name=cmwq2:mainline-7.3 rate=196000 rate_min=180000 rate_max=220000 rate_mad=4000 "
    "rate_to_native=0.9800 rate_to_native_q1=0.9600 rate_to_native_q3=1.0200 "
    + " ".join(figure(key, value, "1.0000") for key, value in QUANTILES.items() if key != "p95_ns") +
    " p95_ns=444 p95_ns_min=440 p95_ns_max=450 p95_ns_mad=3 p95_ns_to_native=1.0400 p95_ns_to_native_q1=1.0100 "
    "p95_ns_to_native_q3=1.0700 kicks_per_item=0.9935 kicks=90000\n"
)


def round_line(number: int, engine: int) -> str:
    return f"round={number} engine={engine} position={engine} rate=200000 {TIMES} queued=45000\n"


ROUNDS = "".join(round_line(i, j) for i in range(2) for j in range(2))


def finish(text: str) -> str:
    return text + f"end={text.count(chr(10))}\n"


GOOD = finish(HEADER + ENGINES + ROUNDS)


def other(workload: str, settings: str, figures: dict[str, str]) -> str:
    """Return a result of a workload other than roundtrip, with one round."""
    header = HEADER.replace("workload=roundtrip", f"workload={workload}").replace("rounds=2", "rounds=1")
    taken = ",".join(line.partition("=")[0] for line in settings.splitlines())
    header = header.replace("producers=2\nitems=20000\nwarmup=2000\nsettings=producers,items,warmup\n",
                            settings + (f"settings={taken}\n" if taken else "settings=cpus\n"))
    header = header.replace("scope=system", "scope=-")
    header = header[:header.index("figures=")] + f"figures={','.join(figures)}\n"
    names = ("native", "cmwq2:mainline-7.3")
    engines = "".join(f"engine={i} name={name} "
                      + " ".join(figure(key, value, "-" if value == "-" else "1.1250")
                                 for key, value in figures.items())
                      + "\n" for i, name in enumerate(names))
    rounds = "".join(f"round=0 engine={i} position={i} "
                     + " ".join(f"{key}={value}" for key, value in figures.items()) + " queued=9\n" for i in range(2))
    return finish(header + engines + rounds)


CREATE = {"create_ns": "3096", "use_ns": "802", "destroy_ns": "723", "gone_ns": "-", "memory_bytes": "1603",
          "slab_bytes": "1587", "percpu_bytes": "16", "stack_bytes": "0"}
FLUSH = {"call_ns": "7020", "bare_ns": "7098", "tail_ns": "3125", "empty_ns": "265"}


class Parse(unittest.TestCase):
    def refused(self, text: str, why: str) -> None:
        with self.assertRaisesRegex(ResultError, why):
            parse(text)

    def changed(self, old: str, new: str, why: str) -> None:
        self.assertIn(old, HEADER + ENGINES + ROUNDS)
        self.refused(finish((HEADER + ENGINES + ROUNDS).replace(old, new)), why)

    def test_good(self) -> None:
        document = parse(GOOD, "uml")
        self.assertEqual(document["schema"], "cmwq2-bench-report")
        self.assertEqual(document["vehicle"], "uml")
        self.assertEqual(document["header"]["version"], 4)
        self.assertEqual(document["header"]["kernel"], "7.3.4")
        self.assertEqual(document["header"]["seed"], 2**64 - 1)
        self.assertEqual(document["header"]["engines"], ["native", "cmwq2:mainline-7.3"])
        self.assertEqual([record["name"] for record in document["engines"]], document["header"]["engines"])
        self.assertEqual(document["engines"][1]["rate_to_native"], 0.98)
        self.assertIsNone(document["engines"][0]["p95_ns_to_native"])
        self.assertEqual(len(document["rounds"]), 4)
        self.assertEqual(document["rounds"][3]["p50_ns"], 416)

    def test_kernel_that_looks_like_a_number(self) -> None:
        document = parse(finish((HEADER + ENGINES + ROUNDS).replace("kernel=7.3.4", "kernel=7.3")))
        self.assertEqual(document["header"]["kernel"], "7.3")

    def test_unknown_keys_are_kept(self) -> None:
        document = parse(finish((HEADER + "later=5\n" + ENGINES + ROUNDS).replace("queued=", "new=3 queued=")))
        self.assertEqual(document["header"]["later"], 5)
        self.assertEqual(document["rounds"][0]["new"], 3)

    def test_cut_anywhere(self) -> None:
        for length in range(len(GOOD)):
            with self.assertRaises(ResultError, msg=f"{length} characters"):
                parse(GOOD[:length])

    def test_line_lost(self) -> None:
        lines = GOOD.splitlines(keepends=True)
        for i in range(len(lines)):
            with self.assertRaises(ResultError, msg=f"line {i + 1}"):
                parse("".join(lines[:i] + lines[i + 1:]))

    def test_empty(self) -> None:
        self.refused("", "empty")
        self.refused("\n", "empty")

    def test_something_else(self) -> None:
        self.refused("KTAP version 1\n1..3\n", "no result of cmwq2_bench")

    def test_other_version(self) -> None:
        self.refused(GOOD.replace("cmwq2_bench=4", "cmwq2_bench=3"), "version 3, this program knows 4")

    def test_failed_run(self) -> None:
        text = HEADER.replace("status=ok", "status=failed reason=producer-lost-its-cpu")
        self.refused(finish(text), "the run failed: producer-lost-its-cpu")

    def test_header_key_lost(self) -> None:
        for line in HEADER.splitlines(keepends=True)[1:]:
            with self.assertRaises(ResultError, msg=line):
                parse(finish((HEADER + ENGINES + ROUNDS).replace(line, "")))

    def test_workloads(self) -> None:
        for text, key, value in ((other("create", "queues=1000\n", CREATE), "queues", 1000),
                                 (other("flush", "in_flight=100\ncalls=20\n", FLUSH), "in_flight", 100),
                                 (other("drain", "in_flight=100\ncalls=20\n", FLUSH), "calls", 20)):
            document = parse(text)
            self.assertEqual(document["header"][key], value)
            self.assertEqual(document["header"]["figures"], list(FLUSH if "call" in text else CREATE))
            self.refused(finish(text[:text.index("end=")].replace(f"{key}={value}", f"{key}=many")), f"no number {key}")

    def test_figure_missing(self) -> None:
        self.changed(" p50_ns=416 p90_ns", " p90_ns", "no number p50_ns")
        self.changed("rate_mad=4000 ", "", "no number rate_mad")
        self.changed(",p99_ns\n", "\n", "workload roundtrip has no figure p99_ns")
        self.refused(other("create", "queues=9\n", FLUSH), "workload create has no figure create_ns")

    def test_workload_unknown(self) -> None:
        document = parse(other("later", "", {"some_ns": "5", "none_ns": "-"}))
        self.assertEqual(document["engines"][1]["some_ns"], 5)
        self.assertIsNone(document["rounds"][0]["none_ns"])

    def test_no_number(self) -> None:
        self.changed("cpus=2", "cpus=two", "no number cpus")
        self.changed("rate=200000 rate_min", "rate=fast rate_min", "no number rate")
        self.changed("queued=45000", "queued=-1", "no number queued")

    def test_no_pairs(self) -> None:
        self.changed("hook=tp", "hook", "not made of key=value")
        self.changed("hook=tp", "hook= tp", "not made of key=value")
        self.changed("scope=system", "scope=system scope=cpu", "not made of key=value")

    def test_engine_not_in_list(self) -> None:
        self.changed("engine=1 name=cmwq2:mainline-7.3", "engine=1 name=floor", "is not the cmwq2:mainline-7.3")
        self.changed("engine=1 name", "engine=2 name", "not those of its list")

    def test_round_missing(self) -> None:
        self.refused(finish(HEADER + ENGINES + ROUNDS.replace(round_line(1, 1), "")), "does not hold 2 rounds")

    def test_round_twice(self) -> None:
        self.refused(finish(HEADER + ENGINES + ROUNDS + round_line(1, 1)), "does not hold 2 rounds")


class Table(unittest.TestCase):
    def test_figures(self) -> None:
        text = table(parse(GOOD, "qemu", "kvm"))
        self.assertIn("qemu (kvm), kernel 7.3.4, 2 CPUs, 2 rounds, seed 18446744073709551615", text)
        self.assertIn("196000 [180000..220000]", text)
        self.assertIn("1.000 [-]", text)
        self.assertIn("they need 6 rounds", text)
        self.assertNotIn("not performance data", text)

    def test_create(self) -> None:
        text = table(parse(other("create", "queues=1000\n", CREATE)))
        self.assertIn("create: 1000 queues, each figure that of one, queue unbound; hook tp", text)
        for word in ("create ns", "bytes", "3096", "1603", "1.000 [-]", "they need 6 rounds"):
            self.assertIn(word, text)

    def test_later_columns(self) -> None:
        """An old result that lacks a figure gives a table without it."""
        quantiles = {f"{what}_{each}": "77" for what in ("create", "destroy") for each in ("p50_ns", "p99_ns")}
        for figures, there in ((CREATE, False), ({**CREATE, **quantiles, "held_bytes": "-"}, True)):
            document = parse(other("create", "queues=1000\n", figures))
            self.assertEqual("destroy p50 ns" in table(document), there)
            self.assertNotIn("held_bytes", [each["figure"] for each in document["compared"]])

    def test_state_has_no_ratio(self) -> None:
        document = parse(other("later", "", {"some_ns": "5", "held_bytes": "4096"}))
        self.assertEqual([each["figure"] for each in document["compared"]], ["some_ns"])
        self.assertIn("4096", table(document))

    def test_flush(self) -> None:
        text = table(parse(other("flush", "in_flight=100\ncalls=20\n", FLUSH)))
        self.assertIn("flush: 100 in flight, 20 calls a round, queue unbound", text)
        self.assertIn("7020", text)

    def test_costs(self) -> None:
        """What an item costs is in a second table, without the figures that the first one has."""
        settings = "producers=2\nitems=9\nburn_after_us=20\n"
        start = {f"start_{each}_ns": "77" for each in ("p50", "p99", "max")}
        costs = {"cpu_ns": "912", "pool_workers": "4", "peak_workers": "5", "switches_per_1000": "1234",
                 "migrations_per_1000": "0"}
        lines = table(parse(other("busy", settings, {"rate": "5", "p50_ns": "6", **start, **costs}))).splitlines()
        first, second = (i for i, line in enumerate(lines) if line.startswith("engine "))
        self.assertIn("start p50 ns", lines[first])
        self.assertNotIn("start p50 ns", lines[second])
        self.assertEqual(" ".join(lines[second + 2].split()),
                         "cmwq2:mainline-7.3 912 1.000 [-] 4 1.000 [-] 5 1.000 [-] 1.234 1.000 [-] 0.000 -")

    def test_costs_missing(self) -> None:
        """An engine whose pools are unknown has no number of workers."""
        text = table(parse(other("flush", "in_flight=1\ncalls=1\n", {**FLUSH, "cpu_ns": "9", "pool_workers": "-"})))
        self.assertEqual(text.splitlines()[-2].split(), ["cmwq2:mainline-7.3", "9", "1.000", "[-]", "-", "-"])

    def test_new_workloads(self) -> None:
        for workload, settings, missing in (
                ("stream", "producers=2\nitems=9\nin_flight=64\nburn_ns=0\n", "p50_ns"),
                ("mixed", "producers=3\nitems=9\nin_flight=64\nburn_ns=0\nlong_ns=5\npause_us=7\n", "long_rate"),
                ("imbalance", "per_cpu=2\ncalls=9\nburn_ns=500\n", "makespan_max_ns")):
            figures = {key: "8" for key in results.WORKLOADS[workload].columns}
            text = table(parse(other(workload, settings, figures)))
            self.assertIn(f"{workload}: ", text)
            figures.pop(missing)
            with self.assertRaisesRegex(ResultError, f"workload {workload} has no figure {missing}"):
                parse(other(workload, settings, figures))

    def test_unknown_workload(self) -> None:
        lines = table(parse(other("later", "", {"some_ns": "5", "none_ns": "-"}))).splitlines()
        self.assertEqual(lines[-4].split(),
                         ["engine", "some_ns", "/native", "[95", "%]", "none_ns", "/native", "[95", "%]"])
        self.assertEqual(lines[-2].split(), ["cmwq2:mainline-7.3", "5", "1.000", "[-]", "-", "-"])

    def test_policies(self) -> None:
        """The policies in force are not named in the table."""
        plain = ENGINES.replace("kicks_per_item", "claim=none wake=locked rescue=cursor kicks_per_item")
        text = table(parse(finish(HEADER + plain + ROUNDS)))
        self.assertNotIn("claim none", text)
        text = table(parse(finish((HEADER + plain + ROUNDS).replace("cmwq2:mainline-7.3", "cmwq2"))))
        self.assertIn("cmwq2: claim none, wake locked, rescue cursor\n", text)

    def test_warning(self) -> None:
        self.assertIn("not performance data", table(parse(GOOD, "uml")))
        self.assertIn("not performance data", table(parse(GOOD, "qemu", "tcg")))


def many_rounds(rates: list[tuple[int, int]]) -> str:
    """Return a result with a round for each pair of rates, of native and of the other engine."""
    rounds = "".join(round_line(i, j).replace("rate=200000", f"rate={rate}")
                     for i, pair in enumerate(rates) for j, rate in enumerate(pair))
    return finish(HEADER.replace("rounds=2", f"rounds={len(rates)}") + ENGINES + rounds)


class Compared(unittest.TestCase):
    def rate(self, rates: list[tuple[int, int]]) -> dict:
        document = parse(many_rounds(rates))
        found = [each for each in document["compared"] if each["figure"] == "rate"]
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0]["engine"], found[0]["to"]), (1, 0))
        self.text = table(document)
        return found[0]

    def test_difference(self) -> None:
        found = self.rate([(200000 + i, 180000 + 100 * i) for i in range(16)])
        self.assertEqual(found["verdict"], "difference")
        self.assertLess(found["high"], 1)
        self.assertIn("]*", self.text)
        self.assertIn("No star: no difference seen", self.text)

    def test_none_seen(self) -> None:
        found = self.rate([(200000, 200000 + 1000 * (-1) ** i * i) for i in range(16)])
        self.assertEqual(found["verdict"], "no difference seen")
        self.assertNotIn("]*", self.text)

    def test_drift_is_no_difference(self) -> None:
        found = self.rate([(100000 * (i + 1), 100000 * (i + 1)) for i in range(16)])
        self.assertEqual((found["ratio"], found["low"], found["high"]), (1, 1, 1))

    def test_too_few(self) -> None:
        found = self.rate([(200000, 100000)] * 5)
        self.assertEqual((found["ratio"], found["low"], found["verdict"]), (0.5, None, "too few rounds"))

    def test_without_native(self) -> None:
        self.assertEqual(parse(GOOD.replace("native", "floor"))["compared"], [])

    def test_missing_figure(self) -> None:
        document = parse(other("later", "", {"some_ns": "0", "none_ns": "-"}))
        self.assertEqual(document["compared"], [])


class Main(unittest.TestCase):
    def run_main(self, text: str, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with tempfile.TemporaryDirectory() as directory:
            self.directory = Path(directory)
            path = self.directory / "result"
            path.write_text(text, encoding="utf-8")
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = results.main([str(path), *(word.format(dir=directory) for word in arguments)])
            written = self.directory / "out.json"
            self.written = json.loads(written.read_text(encoding="utf-8")) if written.exists() else None
        return status, out.getvalue(), err.getvalue()

    def test_good(self) -> None:
        status, out, err = self.run_main(GOOD, "--vehicle", "uml", "--json", "{dir}/out.json")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("cmwq2:mainline-7.3", out)
        self.assertEqual(self.written, parse(GOOD, "uml"))

    def test_json_on_standard_output(self) -> None:
        status, out, _ = self.run_main(GOOD, "--json", "-")
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out), parse(GOOD))

    def test_truncated(self) -> None:
        status, out, err = self.run_main(GOOD[:-10], "--json", "{dir}/out.json")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("truncated", err)
        self.assertIsNone(self.written)

    def test_missing_file(self) -> None:
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(results.main(["/nonexistent/result"]), 1)
        self.assertEqual(err.getvalue(), "bench_report.py: /nonexistent/result: No such file or directory\n")


if __name__ == "__main__":
    unittest.main()
