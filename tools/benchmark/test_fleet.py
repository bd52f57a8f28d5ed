#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of fleet.py and fleet_text.py, through `tools/bench fleet`."""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tables
from benchmark import boots, fleet, fleet_text
from benchmark.testing import USUAL, Command, report

ROOT = Path(__file__).resolve().parents[2]
PROFILE = "cmwq2:shared"
BUSY = ["other processes took 40 % of a CPU"]


def one(seed: int, factor: float = 1.0, machine: Optional[str] = None, rates: Optional[dict] = None,
        **changed: Any) -> dict:
    """Return the report of a boot in which the profile shared has @factor of native's rate. @changed replaces keys."""
    document = report(rates or {"native": 200000, PROFILE: 200000 * factor}, seed=seed)
    return {**document, **({"machine": machine} if machine else {}), **changed}


class Fleet(Command):
    def fleet(self, *machines: tuple, **changed: Any) -> str:
        """Write the reports of @machines, each with the factors of its boots, below a directory. Return its path."""
        for number, factors in enumerate(machines):
            for boot, factor in enumerate(factors):
                name = f"host{number}"
                self.put(f"{name}/boot{boot}", one(1000 * number + 10 * boot + 1, factor, name, **changed))
        return str(self.directory)

    def put(self, directory: str, document: object) -> str:
        """Write a report to @directory below that of the test. Return its path."""
        (self.directory / directory).mkdir(parents=True, exist_ok=True)
        return self.file(f"{directory}/report.json", document)

    def empty(self) -> None:
        """Remove all reports."""
        for path in self.directory.rglob("report.json"):
            path.unlink()

    def said(self, *arguments: str) -> str:
        """Return what the command prints. It must succeed and print nothing on standard error."""
        status, out, err = self.run_main("fleet", *arguments)
        self.assertEqual((status, err), (0, ""), out)
        return out

    def json(self, *arguments: str) -> dict:
        """Return the document that the command prints with --json."""
        return json.loads(self.said(*arguments, "--json"))

    def rate(self, *arguments: str, group: int = 0) -> dict:
        """Return what the document says about the rate in the first run of a group."""
        return next(row for row in self.json(*arguments)["groups"][group]["rows"] if row["figure"] == "rate")


class Groups(Fleet):
    def test_by_what(self) -> None:
        """Each key that makes figures incomparable makes a group of its own, and nothing else does."""
        for change, groups in (({"host": "b"}, 2), ({"kernel": "6.1"}, 2), ({"config": None}, 2), ({"cpus": 9}, 2),
                               ({"vehicle": "x86"}, 2), ({"accelerator": "kvm"}, 2), ({"seed": 9}, 1),
                               ({"version": "0.1"}, 1), ({"conditions": ["x"]}, 1)):
            self.put("a", one(1))
            self.put("b", {**one(2), **change})
            self.assertEqual(len(self.json(str(self.directory))["groups"]), groups, change)

    def test_machines_and_boots(self) -> None:
        """What counts as one machine and as one boot."""
        host: dict[str, Any] = {"vehicle": "host", "accelerator": None}
        same: dict[str, Any] = {**host, "boot_id": "1"}
        for name, reports, wanted in (
                ("by identity", (("a/1", one(1, 1, "m")), ("a/2", one(2, 1, "m"))), [("a", 2)]),
                ("by directory", (("a", one(1)), ("b", one(2))), [("a", 1), ("b", 1)]),
                ("one within the other", (("x", one(1, 1, "m")), ("x/y", one(2, 1, "n"))), [("x", 1), ("x/y", 1)]),
                ("one boot and two", (("a/1", one(1, 1, "m")), ("b/1", one(2, 1, "n")), ("b/2", one(3, 1, "n"))),
                 [("a", 1), ("b", 2)]),
                ("same boot", (("a/1", one(1, 1, "m", **same)), ("a/2", one(2, 1, "m", **same))), [("a", 1)]),
                ("other boot", (("a/1", one(1, 1, "m", **same)), ("a/2", one(2, 1, "m", **host))), [("a", 2)]),
                ("same boot_id elsewhere", (("a", one(1, 1, "m", **same)), ("b", one(2, 1, "n", **same))),
                 [("a", 1), ("b", 1)]),
                ("natural order", tuple((f"host{i}", one(i + 1)) for i in (10, 9, 1)),
                 [("host1", 1), ("host9", 1), ("host10", 1)])):
            with self.subTest(name):
                for directory, document in reports:
                    self.put(f"{name}/{directory}", document)
                machines = self.json(str(self.directory / name))["groups"][0]["machines"]
                self.assertEqual([(each["name"], len(each["boots"])) for each in machines], wanted)

    def test_equal_names(self) -> None:
        """If the reports of two machines are in one directory, the names of the machines contain their identities."""
        paths = [self.file(f"{name}.json", one(seed, 1, name)) for seed, name in ((1, "m"), (2, "n"))]
        names = [each["name"] for each in self.json(*paths)["groups"][0]["machines"]]
        self.assertEqual([name.partition("#")[2] for name in names], ["m", "n"])

    def test_series(self) -> None:
        """A report of several boots is one machine, also beside the reports that it was joined of."""
        each = [one(seed, factor) for seed, factor in ((1, 1.0), (2, 1.1), (3, 1.2))]
        self.put("joined", boots.to_file(boots.pool(each, 3)))
        for number, document in enumerate(each):
            self.put(f"single{number}", document)
        out = self.said(str(self.directory / "joined"))
        self.assertIn("1 machine, 3 boots: joined", out)
        self.assertIn("the spread between the boots of this machine. They say", " ".join(out.split()))
        both = self.json(str(self.directory))
        self.assertEqual((len(both["groups"][0]["machines"]), len(both["copies"])), (1, 3))
        self.assertRegex(self.said(str(self.directory)), r"Counted once: [^;]*; 2\s+more, which")

    def test_one_machine_as_before(self) -> None:
        """One machine has the figures of its report of several boots."""
        pooled = boots.pool([one(seed, factor) for seed, factor in ((1, 1.0), (2, 1.1), (3, 1.2))], 3)
        wanted = next(each for each in pooled["runs"][0]["compared"] if each["figure"] == "rate")
        found = self.rate(self.put("a", boots.to_file(pooled)))
        self.assertEqual({key: found[key] for key in ("ratio", "low", "high", "verdict")},
                         {key: wanted[key] for key in ("ratio", "low", "high", "verdict")})

    def test_same_file_twice(self) -> None:
        path = self.put("a", one(1))
        found = self.json(path, str(self.directory), path)
        self.assertEqual((len(found["groups"][0]["machines"][0]["boots"]), found["copies"]), (1, []))


class Intervals(Fleet):
    def test_what_they_contain(self) -> None:
        """The sentence about the intervals, and whether they contain what each machine and boot says."""
        for machines, text in ((((1.0,),), "neither the spread between boots nor that between machines"),
                               (((1.0, 1.1, 1.2),), "between the boots of this machine"),
                               (((1.0,), (1.1,), (1.2,)), "which one boot of each machine cannot tell apart"),
                               (((1.0, 1.01), (1.1, 1.11), (1.2, 1.21)), "between machines and between boots.")):
            with self.subTest(text):
                self.empty()
                out = self.said(self.fleet(*machines))
                self.assertIn(text, " ".join(out.split()))
                found = self.rate(str(self.directory))
                for machine in found["machines"] if len(machines) > 1 or len(machines[0]) > 1 else ():
                    for ratio in (machine["ratio"], *machine["boots"].values()):
                        self.assertTrue(found["low"] <= ratio <= found["high"], found)

    def test_difference(self) -> None:
        """If all machines gain as much, this is a difference. If some gain and others do not, none is seen."""
        self.assertEqual(self.rate(self.fleet((1.2, 1.2), (1.2, 1.2), (1.2, 1.2)))["verdict"], "difference")
        self.assertEqual(self.rate(self.fleet((1.0, 1.0), (1.2, 1.2), (1.4, 1.4)))["verdict"], "no difference seen")

    def test_disturbed(self) -> None:
        """A run that was disturbed in some boots counts only in the others. If it was in all, it is marked."""
        path = self.fleet((1.0,), (1.0,), (1.0,))
        bad = one(77, 3.0, "host3")
        bad["runs"][0]["disturbed"] = BUSY
        self.put("host3", bad)
        found = self.rate(path)
        self.assertEqual((len(found["machines"]), found["disturbed"]), (3, False))
        self.assertRegex(self.said(path), r"(?m)boots$")
        found = self.rate(str(self.directory / "host3"))
        self.assertEqual((len(found["machines"]), found["disturbed"]), (1, True))
        self.assertIn("roundtrip 0 (disturbed)", self.said(str(self.directory / "host3")))

    def test_settings_that_differ(self) -> None:
        """Runs of one title with different settings are told apart by these settings."""
        self.put("a", one(1))
        other = one(2)
        other["runs"][0]["header"]["items"] = 5
        self.put("b", other)
        titles = {row["run"] for row in self.json(str(self.directory))["groups"][0]["rows"]}
        self.assertEqual(titles, {"roundtrip 0 items=2000", "roundtrip 0 items=5"})

    def test_figures(self) -> None:
        """Rate and p95 are on the page, the other figures only with --wide. floor is no profile."""
        rates = {"native": 200000, "cmwq2:shared": 210000, "cmwq2": 200000, "floor": 300000}
        path = self.put("a", one(1, rates=rates))
        out, wide = self.said(path), self.said(path, "--wide")
        self.assertRegex(out, r"(?m)^run +profile +rate \[95 %\] +p95_ns \[95 %\]$")
        self.assertEqual(re.findall(r"(?m)^roundtrip 0  (\S+)", out), ["shared", "cmwq2"])
        self.assertNotIn("p50_ns", out)
        self.assertRegex(wide, "roundtrip 0 +shared +p50_ns ")
        self.assertNotIn("floor", wide)

    def test_narrow(self) -> None:
        """The page fits a terminal that is narrower than 80 columns."""
        found = fleet.collect([Path(self.put("a", one(1))), Path(self.put("b", one(2)))])
        for width, widest in ((60, 60), (200, 80), (0, 80)):
            with tables.at_most(width):
                lines = fleet_text.text(found).splitlines()
            self.assertLessEqual(max(map(len, lines)), widest)

    def test_run_without_rate(self) -> None:
        """A run that has neither rate nor p95 shows its first figure in a table of its own."""
        document = one(1)
        document["runs"][0]["header"].update(workload="create", figures=["create_ns"])
        for record in document["runs"][0]["rounds"]:
            record["create_ns"] = 5 + record["engine"]
        self.assertRegex(self.said(self.put("a", document)), r"roundtrip 0 +shared +create_ns +1\.200")


class Outliers(Fleet):
    """A detector: what was planted is named, with its machine, its boot and the reason."""

    GOOD = ((1.0, 1.01, 0.99), (1.01, 1.0, 1.0), (0.99, 1.0, 1.0), (1.0, 1.02, 1.01), (1.0, 1.0, 0.99))

    def named(self, path: str) -> set:
        """Return (machine, boot) of all outliers in the rate."""
        return {(each["machine"], each["boot"]) for each in self.rate(path)["outliers"]}

    def test_table(self) -> None:
        for name, machines, wanted in (
                ("none", self.GOOD, set()),
                ("machine", (*self.GOOD, (0.6, 0.61, 0.6)), {("host5", None)}),
                ("fast machine", (*self.GOOD, (1.5, 1.5, 1.5)), {("host5", None)}),
                ("machine with one boot", (*self.GOOD, (0.6,)), {("host5", None)}),
                ("boot", (*self.GOOD[:4], (1.0, 0.6, 1.0)), {("host4", 2)}),
                ("boot of one machine", ((1.0, 1.01, 0.99, 1.0, 0.6),), {("host0", 5)}),
                ("both", (*self.GOOD, (0.6, 0.61, 0.6), (1.0, 1.0, 0.7)), {("host5", None), ("host6", 3)}),
                ("one boot only", ((1.0,),), set()),
                ("two machines", ((1.0,), (0.5,)), set()),
                ("two boots", ((1.0, 0.5),), set())):
            with self.subTest(name):
                self.empty()
                self.assertEqual(self.named(self.fleet(*machines)), wanted)

    def test_text(self) -> None:
        """The page says which machine and boot, in which file, by how much, and what the others have."""
        path = self.fleet(*self.GOOD, (0.6, 0.61, 0.6), (1.0, 1.0, 0.7))
        out = " ".join(self.said(path).split())
        self.assertRegex(out, r"machine host5, all its 3 boots: in 1 of 3 figures; farthest in roundtrip 0, shared, "
                         r"rate: 0\.\d+, where the 6 other machines have 0\.9\d+\.\.1\.0\d+: [\d.]+ standard errors "
                         r"away, \d+\.\d are allowed")
        self.assertRegex(out, r"machine host6, boot 3 \(~?\S*host6/boot2/report.json\): .*: 0\.\d+, where the 2 other "
                         r"boots have ")
        self.assertIn("about one figure in twenty", out)
        rows = re.findall(r"(?m)^(host\d) +(all|\d) +roundtrip 0 +shared +rate ", self.said(path, "--wide"))
        self.assertEqual(sorted(rows), [("host5", "all"), ("host6", "3")])

    def test_what_was_looked_at(self) -> None:
        for machines, text in ((((1.0,), (1.0,)), "Outliers: not looked for"),
                               (((1.0,), (1.0,), (1.0,)), "Outliers: none among the machines."),
                               (((1.0, 1.0, 1.0),), "Outliers: none among the boots of 1 machine."),
                               (((1.0, 1.0, 1.0), (1.0,), (1.0,)), "the machines or among the boots of 1 machine")):
            with self.subTest(text):
                self.empty()
                for option in ((), ("--wide",)):
                    self.assertIn(text, " ".join(self.said(self.fleet(*machines), *option).split()))

    def test_many(self) -> None:
        """The page names only some, and says how many are left."""
        found = fleet.collect([Path(self.fleet(*self.GOOD))])
        from benchmark import fleet_text, outliers
        row = fleet.rows(found.groups[0])[0]
        row.outliers += [fleet.Named("host0", number, "x", outliers.Outlier(0, 0, 1, 1, 1, 4, 9, 5))
                         for number in range(14)]
        self.assertIn("  and 4 more, which --wide lists", fleet_text._outliers(found.groups[0], [row]))


class Text(Fleet):
    def test_80_columns(self) -> None:
        """No line of the page is longer, whatever the names are."""
        rates = {"native": 200000, "cmwq2:" + "+".join(["concurrency=managed", "pick=local"] * 3): 100000}
        for number in range(14):
            self.put(f"{'a long name of a directory ' * 3}{number}/x",
                     one(number + 1, rates=rates if number else {**rates, PROFILE: 100},
                         host="A CPU with a name " * 9, conditions=["something " * 20]))
        lines = self.said(str(self.directory)).splitlines()
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertGreater(max(map(len, self.said(str(self.directory), "--wide").splitlines())), 80)

    def test_older_reports(self) -> None:
        """What an older report does not say is shown as "-", and the reader learns what that means."""
        document = one(1, host=None, config=None)
        for key in ("machine", "boot_id", "version", "conditions", "disturbed"):
            document.pop(key, None)
        path = self.put("a", document)
        out = self.said(path)
        self.assertIn("CPU -, 2 CPUs, uml (native), kernel 7.3.4, configuration -", out)
        self.assertIn("Caution: 1 report without a machine", out)
        machine = self.json(path)["groups"][0]["machines"][0]
        self.assertEqual((machine["machine"], machine["boots"][0]["version"]), (None, "unknown"))

    def test_cautions(self) -> None:
        self.put("a", one(1, 1, "m", conditions=["the governor is powersave"], version="0.1"))
        self.put("b", one(2, 1, "n", version="0.2"))
        self.put("c", boots.to_file(boots.pool([one(3)], 2)))
        out = " ".join(self.said(str(self.directory)).split())
        for text in ("Only the ratios mean something: times under User-Mode Linux",
                     "several versions of cmwq2: 0.1, 0.2",
                     "noted in 1 of 3 boots, first in a: the governor is powersave; --wide has all",
                     "the series is partial: 1 of 2 boots were made"):
            self.assertIn(text, out)
        self.assertIn("Caution: a, boot 1: the governor is powersave.", self.said(str(self.directory), "--wide"))

    def test_escapes(self) -> None:
        """Control characters in a report do not reach the terminal."""
        document = one(1, host="\x1b[31mred\n")
        document["runs"][0]["title"] = "\x1b[31m"
        for option in ((), ("--wide",), ("--json",)):
            self.assertNotIn("\x1b", self.said(self.put("a", document), *option))


class Refused(Fleet):
    ALLOWED = "allowed: "

    def refused(self, why: str, *arguments: str) -> None:
        """Check that the command fails with one line that contains @why and says what is allowed."""
        self.fails(why, "fleet", *arguments)
        self.fails(self.ALLOWED, "fleet", *arguments)

    def test_files(self) -> None:
        """A bad file is named in one line, beside good ones and alone, given by itself or found."""
        good, text = one(1), json.dumps(one(2))
        no_cmwq2 = one(3, rates={"native": 200000, "floor": 200000})
        no_native = one(4, rates={PROFILE: 200000, "floor": 200000})
        odd = one(5)
        odd["runs"][0]["rounds"][0]["rate"] = "x"
        huge = one(6)
        huge["runs"][0]["rounds"][0]["rate"] = 1e999
        self.put("good", good)
        for document, why in (("", "not a whole JSON document"), (text[:-300], "not a whole JSON document"),
                              (text[:5000], "not a whole JSON document"), ("[" * 100000, "not a whole JSON document"),
                              ([1], "not the report of a set"), ({"schema": 1}, "not the report of a set"),
                              ({**good, "schema": "cmwq2-bench-report"}, "not the report of a set"),
                              ({**good, "schema_version": 9}, "schema_version 9, this program knows 1"),
                              ({**boots.to_file(boots.pool([good], 1)), "schema_version": 9}, "schema_version 9"),
                              ({**good, "runs": []}, "has no runs"), (no_native, "no run compares cmwq2 with native"),
                              (no_cmwq2, "no run compares cmwq2 with native"),
                              (odd, "the report is damaged: TypeError"),
                              (huge, "the report is damaged: ValueError rate is inf"),
                              ({**good, "conditions": 5}, "the report is damaged: TypeError"),
                              ({**good, "machine": [5]}, "the report is damaged: TypeError")):
            with self.subTest(why):
                path = self.put("bad", document)
                for where in (path, str(self.directory), str(self.directory / "bad")):
                    self.refused(f"{path}: {why}", where)
                self.assertIn(f"Left out: {path}: {why}"[:70], self.said(str(self.directory), "--force").replace(
                    "\n    ", " ").replace("~", ""))
                self.fails("no report is left: ", "fleet", path, "--force")

    def test_binary(self) -> None:
        path = Path(self.put("bad", ""))
        path.write_bytes(b"\xff\xfe\0")
        self.refused(f"{path}: not ", str(path))

    def test_nothing_found(self) -> None:
        self.refused("no report was found below this directory", str(self.directory))
        self.refused("none.json: No such file", str(self.directory / "none.json"))
        (self.directory / "report.json").mkdir()
        self.refused("no report was found below this directory", str(self.directory))

    @unittest.skipIf(os.geteuid() == 0, "root can read every directory")
    def test_closed_directory(self) -> None:
        (self.directory / "closed").mkdir(mode=0)
        self.fails("Permission denied", "fleet", str(self.directory))

    def test_usage(self) -> None:
        for arguments in ((), ("a", "--wide", "--json"), ("a", "--bogus")):
            self.assertEqual(self.run_main("fleet", *arguments)[0], 2)

    def test_closed_pipe(self) -> None:
        """A reader that goes away is no error that is worth a line."""
        path = self.put("a", report(USUAL))
        for option in ("", "--wide", "--json"):
            run = subprocess.run(["bash", "-c", f"{sys.executable} -B {ROOT}/tools/bench fleet {path} {option} | true; "
                                  "exit ${PIPESTATUS[0]}"], check=False, stderr=subprocess.PIPE, text=True)
            self.assertEqual(run.stderr, "")
            self.assertIn(run.returncode, (0, 141))
            run = subprocess.run(["sh", "-c", f"exec {sys.executable} -B {ROOT}/tools/bench fleet {path} {option} > "
                                  "/dev/full"], check=False, stderr=subprocess.PIPE, text=True)
            self.assertEqual((run.returncode, run.stderr), (1, "bench: standard output: No space left on device\n"))


class Documented(Fleet):
    # The machines of the example: for each the factors of its boots.
    MACHINES = {"amber": (1.10, 1.11, 1.09), "birch": (1.12, 1.10, 1.11), "cedar": (1.08, 1.10, 0.78),
                "delta": (1.09, 1.09, 1.12), "ember": (0.83, 0.84, 0.82)}

    def test_example(self) -> None:
        """bench.rst shows what the command prints."""
        for place, (name, factors) in enumerate(self.MACHINES.items()):
            for boot, factor in enumerate(factors, 1):
                rates = {"native": 200000, "cmwq2:mainline-7.3": 200000, PROFILE: 200000 * factor}
                self.put(f"reports/{name}/boot{boot}", one(100 * place + 10 * boot, 1, name, rates))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.directory)
        wanted = self.said("reports").splitlines()
        text = (ROOT / "Documentation/bench.rst").read_text().partition("$ tools/bench fleet reports\n")[2]
        found = [line[4:] for line in text.splitlines()[:len(wanted)]]
        self.assertEqual(found, wanted)


if __name__ == "__main__":
    unittest.main()
