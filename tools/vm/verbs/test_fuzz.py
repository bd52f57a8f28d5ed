#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of fuzz.py and fuzzguest.py with a guest that only pretends to run programs."""

import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Optional
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from build import faulty
from verbs import fuzz, fuzzguest, shrink

EARLY = "cmwq2: early: flush of i0 returned at 9 before i0 was done"
PROGRAM = "queue percpu;queue unbound;item plain;item plain;t0 queue q0 i0;t1 queue q1 i1 c1;t2 busy i1;t0 flush i0"


class Pretended:
    """A guest in which each program with a flush breaks a rule, and which dies of a drain."""

    def __init__(self, text: str = PROGRAM, bad: int = 120) -> None:
        self.text, self.bad, self.ready = text, bad, True
        self.requests: list = []
        self.console = Path("/nonexistent")
        self.run: Any = type("Run", (), {"outcome": "FAILED hang"})()

    def ask(self, request: str) -> list:
        """Answer the request for a log."""
        return [f"log after {request}"]

    def request(self, request: str) -> Optional[fuzzguest.Result]:
        """Answer a request, or die."""
        self.requests.append(request)
        word, *rest = request.split(" ", 2)
        if word == "show":
            return fuzzguest.Result(program=self.text)
        first, count = (int(rest[0]), int(rest[1])) if word == "seeds" else (0, 0)
        hit = word == "program" or first <= self.bad < first + count
        text = rest[1] if word == "program" else self.text
        if hit and "drain" in text:
            return None
        verdicts = [EARLY] if hit and " flush" in text else []
        runs = self.bad - first + 1 if verdicts and count else count or 1
        return fuzzguest.Result(runs, 10, 0, self.bad, text, verdicts)

    def last_program(self) -> str:
        """The module does not say what it died of."""
        return ""

    def end(self, _: bool) -> str:
        """Nothing is wrong in the end."""
        return ""


class Hunt(fuzz.Hunt):
    """A hunt in a guest that only pretends."""

    def __init__(self, text: str = PROGRAM, bad: int = 120) -> None:
        super().__init__(None, [], fuzz.Seeds(1))   # type: ignore
        self.text, self.bad, self.boots, self.with_corpus = text, bad, 0, False

    def boot(self) -> Any:
        """Return the guest."""
        if not self.guest:
            self.guest, self.boots = Pretended(self.text, self.bad), self.boots + 1     # type: ignore
        return self.guest


class TestFuzz(unittest.TestCase):
    def test_result(self) -> None:
        result = fuzzguest.parse(["runs 7", "ms 12", "known A_FAULT 3", "seed 9", "program queue percpu;item plain",
                                  f"verdict {EARLY}", "lost 1", "unknown word"])
        self.assertEqual((result.runs, result.ms, result.seed, result.known), (7, 12, 9, {"A_FAULT": 3}))
        self.assertEqual((result.program, result.rule, result.lost), ("queue percpu;item plain", "cmwq2: early", True))
        self.assertEqual(fuzzguest.parse([]).rule, "")
        result = fuzzguest.parse(["steps 3000", "kept 40"])
        self.assertEqual((result.steps, result.kept), (3000, 40))

    def test_program_that_the_kernel_died_of(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            guest = fuzzguest.FuzzGuest.__new__(fuzzguest.FuzzGuest)
            console = Path(directory) / "console"
            guest.run = type("Run", (), {"console": console})()     # type: ignore
            self.assertEqual(guest.last_program(), "")
            console.write_text("1.0 [    0.9] Kernel panic\n" + "".join(
                f"1.1 [    1.0] {fuzzguest.SAID}{each}\n" for each in PROGRAM.split(";")))
            self.assertEqual(guest.last_program(), PROGRAM)
            hunt = Hunt("queue percpu;item plain;t0 drain q0;t0 busy i0", 60)
            hunt.boot().last_program = lambda: "queue percpu;item plain;t0 drain q0"
            finding = hunt.search(10)
            assert finding
            # The programs of the batch do not run again.
            self.assertEqual((finding.seed, hunt.boots), (0, 1))
            self.assertEqual(str(finding.program), "queue percpu;item plain;t0 drain q0")

    def test_steer(self) -> None:
        for value in ("101", "-1", "x"):
            with patch.dict("os.environ", STEER=value), self.assertRaisesRegex(Problem, f"STEER={value} .*0 to 100"):
                fuzz.steered()
        with patch.dict("os.environ", STEER="0"):
            self.assertEqual(fuzz.steered(), 0)

    def test_found_and_made_smaller(self) -> None:
        hunt = Hunt()
        finding = hunt.search(10)
        assert finding
        self.assertEqual((finding.seed, finding.rule, hunt.programs), (120, "cmwq2: early", 120))
        small = hunt.smaller(finding)
        self.assertEqual(str(small.program), "queue unbound;item plain;t0 flush i0")
        self.assertEqual((small.before, small.verdict), (4, EARLY))

    def test_corpus_comes_first(self) -> None:
        hunt = Hunt()
        hunt.with_corpus = True
        finding = hunt.search(10)
        assert finding
        name, text = next(each for each in fuzz.corpus() if " flush" in each[1])
        self.assertEqual((finding.seed, str(finding.program)), (name, text))

    def test_side_by_side(self) -> None:
        """Hunts side by side run no program twice, and one that finds something ends the others."""
        hunts = [Hunt(bad=700), Hunt(bad=700)]
        hunts[1].seeds = hunts[0].seeds
        guests = [each.boot() for each in hunts]
        (hunt, finding), = fuzz.look(hunts, 60)
        self.assertEqual((finding.seed, finding.rule, hunt.seeds.over), (700, "cmwq2: early", True))
        taken = sorted(tuple(map(int, each.split()[1:])) for guest in guests for each in guest.requests)
        self.assertEqual([first for first, _ in taken[1:]], [first + count for first, count in taken[:-1]])
        self.assertRegex(fuzz.rate(hunts), rf"^{sum(each.programs for each in hunts)} programs on both engines, ")

    def test_nothing_found(self) -> None:
        self.assertIsNone(Hunt(bad=-1).search(0.05))

    def test_guest_dies(self) -> None:
        hunt = Hunt("queue percpu;item plain;t0 drain q0;t0 busy i0", 60)
        finding = hunt.search(10)
        assert finding
        self.assertEqual((finding.seed, finding.rule), (60, fuzz.DIED))
        self.assertGreaterEqual(hunt.boots, 2)
        self.assertEqual(str(hunt.smaller(finding).program), "queue percpu;item plain;t0 drain q0")

    def test_console_is_kept(self) -> None:
        """The console of the first guest that dies is kept, not those of later ones."""
        with tempfile.TemporaryDirectory() as directory, patch.object(fuzz, "FOUND", Path(directory) / "fuzz"):
            hunt = Hunt("queue percpu;item plain;t0 drain q0", 60)
            hunt.target = type("Target", (), {"vehicle": type("Vehicle", (), {"name": "uml"})})     # type: ignore
            for text in ("first", "second"):
                guest = hunt.boot()
                guest.console = Path(directory) / "console"     # type: ignore
                guest.console.write_text(text)
                self.assertEqual(hunt.ask("seeds 60 1").rule, fuzz.DIED)
            assert hunt.said
            self.assertEqual((hunt.said.name, hunt.said.read_text()), ("uml-0.console", "first"))

    def test_log_of_lost_guest_is_kept(self) -> None:
        hunt, lost = Hunt(), fuzzguest.Result(program=PROGRAM, verdicts=["kernel: complaint"], lost=True)
        with patch.object(Pretended, "request", lambda *_: lost):
            found = hunt.search(60)
        assert found
        self.assertEqual(found.log, ["log after log"])
        self.assertIsNone(hunt.guest)

    def test_not_repeated(self) -> None:
        finding = fuzz.Finding(shrink.parse("queue percpu;item plain;t0 busy i0"), EARLY, 5)
        self.assertIs(Hunt().smaller(finding), finding)

    def test_table(self) -> None:
        hunt = Hunt()
        by_random = fuzz.found_by(hunt, lambda: hunt.search(10))
        self.assertEqual((by_random.programs, str(by_random)), (120, "after 120"))
        by_corpus = fuzz.found_by(hunt, hunt.replay)
        name = next(name for name, text in fuzz.corpus() if " flush " in text)
        self.assertEqual(str(by_corpus), name)
        self.assertRegex(fuzz.row("a_fault", by_random, by_corpus),
                         rf"^a_fault +0\.\d s  after 120 +0\.\d s  {name} +early$")
        alarm = fuzz.Finding(shrink.parse(PROGRAM), "native: stuck: i0 on q0 does not start")
        self.assertIsNone(fuzz.found_by(hunt, lambda: alarm).finding)
        nothing = fuzz.Found(None, 60, 5000)
        self.assertRegex(fuzz.row("a_fault", nothing, nothing),
                         r"^a_fault +60\.0 s  not in 5000 +60\.0 s  not in 5000 +-$")
        self.assertIn(fuzz.BLOCK, fuzz.blocks.names(fuzz.DOCUMENT.read_text()))

    def test_faults(self) -> None:
        known = faulty.listed()
        self.assertEqual([name for name in fuzz.SHOWN if name not in known], [])
        self.assertEqual(fuzz.chosen("*"), list(fuzz.SHOWN))
        self.assertEqual(fuzz.chosen("cull_from_head"), ["cull_from_head"])
        with self.assertRaisesRegex(Problem, "FAULT=nosuch matches no fault; allowed: "):
            fuzz.chosen("nosuch")


if __name__ == "__main__":
    unittest.main()
