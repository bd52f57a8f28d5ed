#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of boots.py, and of the commands of tools/bench with sets in several boots."""

import copy
import json
import re
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import boots, results, sets, summary
from benchmark.documents import SetError
from benchmark.testing import USUAL, Command, report

BUSY = ["other processes took 40 % of a CPU"]


def of_boots(*factors: float, **changed: Any) -> list:
    """Return the reports of boots in which cmwq2 has @factors of native's rate."""
    return [report({"native": 200000, "cmwq2": 200000 * factor}, seed=10 * number + 1, **changed)
            for number, factor in enumerate(factors)]


def rate(document: dict) -> dict:
    """Return the comparison of cmwq2's rate in the first run."""
    return next(each for each in document["runs"][0]["compared"] if each["figure"] == "rate")


class Pool(unittest.TestCase):
    def test_interval_contains_the_boots(self) -> None:
        """Boots that differ make the interval as wide as their spread. The rounds alone would make it narrower."""
        each = of_boots(1.0, 1.1, 1.2)
        pooled, alone = rate(boots.pool(each, 3)), [rate(one) for one in each]
        for one in alone:
            self.assertTrue(pooled["low"] <= one["ratio"] <= pooled["high"], (pooled, one))
            self.assertGreater(pooled["high"] - pooled["low"], 2 * (one["high"] - one["low"]))
        self.assertEqual((pooled["verdict"], alone[2]["verdict"]), ("no difference seen", "difference"))

    def test_equal_boots(self) -> None:
        pooled = rate(boots.pool(of_boots(1.2, 1.2, 1.2), 3))
        self.assertEqual(pooled["verdict"], "difference")
        self.assertLess(pooled["high"] - pooled["low"], 0.1)

    def test_figures(self) -> None:
        """Medians and extremes are those of all rounds."""
        each = of_boots(1.0, 1.1)
        run = boots.pool(each, 2)["runs"][0]
        values = [record["rate"] for one in each for record in one["runs"][0]["rounds"] if record["engine"] == 1]
        self.assertEqual((run["engines"][1]["rate_min"], run["engines"][1]["rate_max"]), (min(values), max(values)))
        self.assertEqual(results.values_of(run["rounds"], 1, "rate"), values)
        self.assertEqual(results.boot_sizes(run["rounds"]), (16, 16))
        self.assertEqual(results.rounds_text(run["header"]), "2 boots of 16 rounds")

    def test_disturbed_boot(self) -> None:
        """A run that was disturbed in one boot counts only in the others. If it was disturbed in all, it is marked."""
        each = of_boots(1.0, 1.0, 3.0)
        each[2]["runs"][0]["disturbed"] = BUSY
        pooled = boots.pool(each, 3)
        self.assertEqual(pooled["runs"][0]["boots"], [0, 1])
        self.assertLess(rate(pooled)["high"], 1.1)
        self.assertNotIn("disturbed", pooled["runs"][0])
        for one in each:
            one["runs"][0]["disturbed"] = BUSY
        self.assertEqual(boots.pool(each, 3)["runs"][0]["disturbed"], BUSY)

    def test_not_run_in_one_boot(self) -> None:
        each = of_boots(1.0, 1.0, runs=2)
        each[1]["missing"] = [{"title": each[1]["runs"].pop()["title"], "reason": "no"}]
        pooled = boots.pool(each, 2)
        self.assertEqual([run["boots"] for run in pooled["runs"]], [[0, 1], [0]])
        self.assertEqual([one["title"] for one in pooled["missing"]], ["roundtrip 1 (boot 2 of 2)"])

    def test_not_the_same(self) -> None:
        for change, why in ((lambda one: one.update(kernel="6.1"), "kernel is 7.3.4 in boot 1 and 6.1 in boot 2"),
                            (lambda one: one["runs"][0]["header"].update(items=5), "boot 2 of 2 made another run"),
                            (lambda one: one["runs"][0]["header"].update(engines=["native", "floor"]), "another run")):
            each = of_boots(1.0, 1.0)
            change(each[1])
            with self.assertRaisesRegex(SetError, why):
                boots.pool(each, 2)

    def test_seeds(self) -> None:
        """Each boot has its own order of turns, and the first has that of a set in one boot."""
        seeds = [[plan.settings["seed"] for plan in sets.plans(sets.Wanted(seed=5, boot=boot))] for boot in (0, 1, 2)]
        self.assertEqual(seeds[0], [plan.settings["seed"] for plan in sets.plans(sets.Wanted(seed=5))])
        self.assertFalse(set(seeds[0]) & set(seeds[1]) or set(seeds[1]) & set(seeds[2]))


class Files(Command):
    def series(self, name: str, each: list, wanted: int = 0) -> str:
        """Write the report of a series. Return its path."""
        return self.file(name, boots.to_file(boots.pool(each, wanted or len(each))))

    def test_same_after_reading(self) -> None:
        for each in (of_boots(1.0, 1.1), of_boots(1.0)):
            pooled = boots.pool(each, 3)
            self.assertEqual(boots.read(Path(self.series("a.json", each, 3))), pooled)
        one = report(USUAL)
        self.assertIs(boots.to_file(one), one)
        self.assertEqual(boots.read(Path(self.file("b.json", one))), json.loads(json.dumps(one)))

    def test_all_commands(self) -> None:
        path, other = self.series("a.json", of_boots(1.0, 1.1)), self.series("b.json", of_boots(1.3, 1.4))
        for words, said in ((("table", path), "2 boots of 16 rounds"), (("summary", path), "2 boots of 16 rounds"),
                            (("compare", path, other), "1.1"), (("agree", path, path), "100.0 %"),
                            (("agree", path), "boot 1 and boot 2: ")):
            status, out, err = self.run_main(*words)
            self.assertEqual((status if words[0] != "agree" or len(words) > 2 else 0, err), (0, ""), words)
            self.assertIn(said, out)

    def test_agree_of_boots(self) -> None:
        self.assertEqual(self.run_main("agree", self.series("a.json", of_boots(1.0, 1.0, 1.0)))[0], 0)
        status, out, _ = self.run_main("agree", self.series("a.json", of_boots(*(1.0, 1.5))))
        self.assertEqual((status, len(re.findall("^roundtrip 0 .* rate ", out, re.M))), (1, 1), out)
        self.fails("is of one boot; agree needs two reports", "agree", self.file("b.json", report(USUAL)))

    def test_partial(self) -> None:
        """A series that was interrupted says so, and is not compared."""
        path = self.series("a.json", of_boots(1.0, 1.0), 3)
        for command in ("table", "summary"):
            self.assertIn("Caution: the series is partial: 2 of 3 boots were made.", self.run_main(command, path)[1])
        whole = self.series("b.json", of_boots(1.0, 1.0))
        for words in (("compare", path, whole), ("agree", whole, path)):
            self.fails("the series is partial: 2 of 3 boots were made", *words)
            self.assertEqual(self.run_main(*words, "--force")[0], 0)

    def test_join(self) -> None:
        each = of_boots(1.0, 1.1, 1.2)
        paths = [self.file(f"{number}.json", one) for number, one in enumerate(each)]
        out = str(self.directory / "out.json")
        self.assertEqual(self.run_main("join", *paths, "--out", out)[:2], (0, f"{out}: 3 boots\n"))
        self.assertEqual(boots.read(Path(out)), boots.pool(each, 3))
        more = str(self.directory / "more.json")
        self.run_main("join", out, paths[0], "--out", more)
        self.assertEqual(boots.read(Path(more))["boots"], 4)
        self.fails("join needs two boots or more", "join", paths[0], "--out", out)
        self.fails("the boots differ: cpus", "join", paths[0], self.file("x.json", {**each[1], "cpus": 9}),
                   "--out", str(self.directory / "none.json"))
        self.assertFalse((self.directory / "none.json").exists())

    def test_damaged(self) -> None:
        for change, why in ((lambda one: one.pop("boots"), "has no boots"),
                            (lambda one: one.pop("wanted"), "has no wanted"),
                            (lambda one: one.update(schema_version=9), "schema_version 9"),
                            (lambda one: one["boots"][1].pop("seed"), "boot 2: has no seed"),
                            (lambda one: one["boots"][1].update(cpus=9), "the boots differ: cpus"),
                            (lambda one: one["runs"][0].update(boots=[7]), "the runs do not fit the boots"),
                            (lambda one: one["boots"][0]["runs"][0]["rounds"].pop(), "boot 1: run 0: the result")):
            document = copy.deepcopy(boots.to_file(boots.pool(of_boots(1.0, 1.0), 2)))
            change(document)
            self.fails(why, "table", self.file("x.json", document))


class Disturbed(unittest.TestCase):
    def test_summary(self) -> None:
        """The reports tell a disturbed run that was made again from one whose figures are disturbed."""
        document = report(USUAL, runs=2)
        document["disturbed"] = [{**document["runs"][0], "disturbed": BUSY}]
        document["runs"][1]["disturbed"] = BUSY
        for text in (summary.summary(document), summary.tables(document)):
            self.assertIn("roundtrip 0: disturbed: other processes took 40 % of a CPU. The run was made once", text)
            self.assertIn("roundtrip 1: disturbed, and again when it was repeated: other", text)
            self.assertIn("roundtrip 1 (disturbed)", text)
            self.assertNotIn("roundtrip 0 (disturbed)", text)


class Compared(Command):
    def test_compare(self) -> None:
        """A comparison names the runs that were disturbed."""
        one = report(USUAL, runs=2)
        other = copy.deepcopy(one)
        other["runs"][1]["disturbed"] = BUSY
        lines = self.compare(one, other)[1].splitlines()
        self.assertEqual([line for line in lines if "busy" in line],
                         ["B: Caution: the machine was busy with something else during roundtrip 1."])


if __name__ == "__main__":
    unittest.main()
