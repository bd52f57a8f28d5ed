#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of model.py, and tests that the model and the engine use the same names. Spin is not needed."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

TOOLS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOOLS))
import policies  # noqa: E402
from checks import model as check_model  # noqa: E402
from checks.model import CLAIMS, ENQUEUERS, MODEL, POOLS, ROOT, ROWS, SWITCHES, WAKES, Result, Search, Wrong  # noqa: E402

TEXT = MODEL.read_text()
LINE_TEXT = check_model.LINE.read_text()
INBOX_TEXT = check_model.INBOX.read_text()

# Names of functions that belong to the kernel and not to the engine.
KERNEL = {"wake_up_process"}

TRAIL = """\
  1:	proc  0 (:init:) kick.pml:749 (state 4)	[n = 1]
pool: 1 workers, all idle; item 0 may wait for the last one
  6:	proc  0 (:init:) kick.pml:756 (state 38)	[(run enqueuer(0))]
enqueuer 1: inserts item 0 (insert_work)
 16:	proc  2 (enqueuer) kick.pml:364 (state 155)	[D_STEP364]
enqueuer 1:
  picks worker 0 (kick_pool_pick)
 17:	proc  2 (enqueuer) kick.pml:374 (state 138)	[D_STEP374]
culler: marks worker 2 dying, 3 idle (worker_set_dying)
wake list 1:
  wakes worker 0 (wake_up_process)
worker 0: takes item 0 (process_one)
  picks worker 1 (kick_pool_pick)
wake list 2:
  wakes worker 1 (wake_up_process)
wake list 5:
  wakes worker 2, which is awake (wake_up_process)
wake list 6:
  wakes worker 0 (wake_up_process)
policy: claim is switched from 3 to 8 (change_pool)
policy: wakeup is switched, needed: 1 (change_pool)
policy:
  picks worker 1 (kick_pool_pick)
<<<<<START OF CYCLE>>>>>
irq_work:
  picks no worker: none is idle (kick_pool_pick)
## stranded: done 0, 1 pending, all workers sleep
pan:1: assertion violated 0 (at depth 26)
spin: trail ends after 26 steps
#processes 8:
worker 9: is no step
"""

STEPS = """\
pool: 1 workers, all idle; item 0 may wait for the last one
enqueuer 1: inserts item 0 (insert_work)
enqueuer 1: picks worker 0 (kick_pool_pick)
culler: marks worker 2 dying, 3 idle (worker_set_dying)
enqueuer 1: wakes worker 0 (wake_up_process)
worker 0: takes item 0 (process_one)
worker 0: picks worker 1 (kick_pool_pick)
worker 0: wakes worker 1 (wake_up_process)
irq_work: wakes worker 2, which is awake (wake_up_process)
policy: wakes worker 0 (wake_up_process)
policy: claim is switched from kicked_first to kicked_flag (change_pool)
policy: wakeup is switched, needed: 1 (change_pool)
policy: picks worker 1 (kick_pool_pick)
from here on again and again:
irq_work: picks no worker: none is idle (kick_pool_pick)
VIOLATION: stranded: done 0, 1 pending, all workers sleep
"""


def rows() -> list:
    """Return all rows."""
    return check_model.all_rows()


class Translator(unittest.TestCase):
    """The translation of a trail of the checker into steps of the engine."""

    def test_translates(self) -> None:
        """Every kind of line is translated, and the checker's own lines are left out."""
        self.assertEqual(check_model.translate(TRAIL, 3), STEPS.splitlines())

    def test_every_step_of_the_model(self) -> None:
        """Every line that the model can print is passed on."""
        for text in re.findall(r'printf\("(.*?)\\n"', TEXT + LINE_TEXT + INBOX_TEXT):
            line = text.replace("%d", "0")
            header = re.match(r"(enqueuer 0|irq_work|wake list 0|context 0|limit|policy):$", line)
            got = check_model.translate("worker 0: x\n" + line, 3)[1:]
            self.assertEqual(len(got), 0 if header else 1, text)


class Verdicts(unittest.TestCase):
    """The output of the checker, and the verdicts made from it."""

    def test_search(self) -> None:
        """States and errors are read, and a search that was cut short counts as unfinished."""
        said = "State-vector 108 byte, depth reached 9, errors: {}\n   {} states, stored\n"
        self.assertEqual(Search.parse(said.format(0, 17)), Search(17, False, True))
        self.assertEqual(Search.parse(said.format(2, "1.5e+06")), Search(1500000, True, True))
        found = Search.parse("pan:1: assertion violated 0 (at depth 76)\n" + said.format(1, 17))
        self.assertEqual(found, Search(17, True, True, 76))
        for cut in ("error: max search depth too small\n", "pan: reached -DMEMLIM bound\n", "pan: out of memory\n"):
            self.assertFalse(Search.parse(cut + said.format(0, 17)).finished)
        with self.assertRaisesRegex(Wrong, "no such thing"):
            Search.parse("no such thing\n")

    def test_expected(self) -> None:
        """A row fails if its fault is not found, or if the search was cut short."""
        fault = next(row for row in rows() if row["fault"] == "cull_head" and row.expect == "unsafe")
        self.assertTrue(Result(fault, 1, "unsafe", "w", [], 0).passed())
        for verdict in ("safe", "livelock", "unfinished"):
            self.assertFalse(Result(fault, 1, verdict, "w", [], 0).passed())
            self.assertIn("FAIL", str(Result(fault, 1, verdict, "w", [], 0)))
            self.assertIn("expected: unsafe", str(Result(fault, 1, verdict, "w", [], 0)))

    def _run(self, verdict: str) -> int:
        with mock.patch.object(check_model, "check", lambda row: Result(row, 1, verdict, "w", ["a"], 0)), \
                mock.patch.object(check_model, "OUT", Path(tempfile.gettempdir())), \
                mock.patch("shutil.which", lambda name: name), contextlib.redirect_stdout(io.StringIO()):
            return check_model.run(["FAULT=cull_head", "CLAIM=none", "WAKEUP=always", "POOL=unbound"])

    def test_status(self) -> None:
        """The exit status is 0 only if all results are as expected."""
        self.assertEqual(self._run("unsafe"), 0)
        self.assertEqual(self._run("safe"), 1)


class Printed(unittest.TestCase):
    """The text that WRITE=1 puts into the documentation."""

    def test_written(self) -> None:
        """Each block is replaced, and replacing it again changes nothing. Each block in the documentation has a row."""
        results = [Result(row, 1, row.expect, "w", ["step"], 0) for row in rows()]
        doc = "a\n\n.. printed: table of kick\n\n::\n\n    old\n\n    older\n\nb\n\n" \
              ".. printed: FAULT=cull_head\n\n::\n\nc\n"
        once = check_model.write_into(doc, results)
        self.assertNotIn("old", once)
        self.assertIn("::\n\n      1  step\n\nc\n", once)
        self.assertIn("verdict\n    PASS  unbound", once)
        self.assertIn("\n\nb\n\n", once)
        self.assertEqual(check_model.write_into(once, results), once)
        check_model.write_into(check_model.DOC.read_text(), results)

    def test_only_all(self) -> None:
        """WRITE=1 is refused for a selection of rows."""
        with self.assertRaisesRegex(Wrong, "WRITE=1 needs the results of all rows"):
            check_model.run(["WRITE=1", "FAULT=cull_head"])


class Table(unittest.TestCase):
    """rows.toml, and the selection of rows from it."""

    def test_every_fault_and_policy(self) -> None:
        """Some row finds each fault, and every claim is run with both wakes on all pools."""
        found = {row["fault"] for row in rows() if row.expect == "unsafe"} - {"none"}
        self.assertEqual(found, {fault for text in (TEXT, LINE_TEXT, INBOX_TEXT) for fault in check_model.faults(text)})
        run = {(row["claim"], row["wake"], row["pool"]) for row in rows()
               if row.has("claim") and row["fault"] == "none"}
        self.assertLessEqual({(c, w, p) for c in CLAIMS for w in ("locked", "deferred") for p in POOLS}, run)

    def _refused(self, table: str, pattern: str) -> None:
        with self.assertRaisesRegex(Wrong, pattern):
            check_model.read_rows(table)

    def test_refused(self) -> None:
        """Invalid values are refused."""
        text = ROWS.read_text()
        self._refused(text.replace('["none"]', '["nobody"]', 1), "claim=nobody: allowed: none, kicked_list")
        self._refused(text.replace("min_idle = [2]", 'min_idle = ["2"]', 1), "min_idle=2: allowed: a number")
        self._refused(text.replace("workers = [3]", "workers = [9]", 1), "workers=9: allowed: 3, 4")
        self._refused(text.replace('expect = "safe"', 'expect = "sane"', 1), "expect=sane: allowed: safe, unsafe")
        self._refused(text.replace("strict = [0]", "strikt = [0]", 1), "strikt: allowed: claim")
        self._refused(text.replace('["claim"]', '["pool"]', 1), "switch=pool: allowed: none, claim, wakeup")
        self._refused(text + '[[rows]]\nexpect = "safe"\n', "more than once")

    def test_select(self) -> None:
        """Rows are selected by values. A wrong value is reported in one line that lists the allowed ones."""
        chosen = check_model.select(rows(), ["CLAIM=leave_idle", "WAKE=locked", "MIN_IDLE=2", "FAULT=none"])
        self.assertEqual({row["pool"] for row in chosen}, set(POOLS))
        self.assertEqual(len(check_model.select(rows(), [])), len(rows()))
        for word, pattern in (("CLAIM=x", "CLAIM=x: allowed: none, kicked_list, kicked_first, leave_idle, kicked_flag"),
                              ("FAULT=x", "FAULT=x: allowed: none, no_recheck"), ("MIN_IDLE=9", "allowed: 0, 1, 2"),
                              ("WAKE=x", "allowed: locked, enqueue, process, deferred, everywhere"),
                              ("COLOR=red", "allowed: CLAIM= WAKE= WAKEUP= POOL="), ("CLAIM", "allowed: CLAIM=")):
            with self.assertRaisesRegex(Wrong, pattern):
                check_model.select(rows(), [word])
        with self.assertRaisesRegex(Wrong, "no row has FAULT=no_barrier POOL=unbound"):
            check_model.select(rows(), ["FAULT=no_barrier", "POOL=unbound"])


class Missing(unittest.TestCase):
    """Spin is missing, or the tools to install it."""

    def _vm(self, names: dict, **knobs: str) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as path:
            for name, text in names.items():
                (Path(path) / name).write_text(text)
                (Path(path) / name).chmod(0o755)
            return subprocess.run([sys.executable, "-B", ROOT / "tools/vm/vm", "model"], text=True, capture_output=True,
                                  check=False, env={**os.environ, "PATH": path, **knobs})

    def test_cannot_be_installed(self) -> None:
        """Without a package tool, or with one that fails, the result is one line and a status other than 0."""
        fails = "#!/bin/sh\nexit 100\n"
        for names in ({}, {"apt-get": fails, "sudo": fails, "env": fails}):
            done = self._vm(names)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"^cmwq2: spin is missing and cannot be installed: .*\n$")

    def test_missing(self) -> None:
        """The same if check_model.py is run without the harness."""
        done = subprocess.run([sys.executable, "-B", TOOLS / "check_model.py"], text=True, capture_output=True,
                              check=False, env={**os.environ, "PATH": "/nonexistent"})
        self.assertEqual((done.returncode, done.stderr),
                         (1, "check_model.py: spin is missing: it is in the package of that name\n"))


class Engine(unittest.TestCase):
    """The model and the engine agree."""

    def test_names(self) -> None:
        """Each function that a step names exists in the engine."""
        sources = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.c")))
        for name in set(re.findall(r"\((\w+)\)\\n", TEXT + LINE_TEXT + INBOX_TEXT)) - KERNEL:
            self.assertRegex(sources, rf"\bcmwq2_{name}\(", name)

    def test_bits(self) -> None:
        """Claims and wakes are what they are in the engine."""
        header = "".join((ROOT / f"src/lab/policy/{name}.h").read_text() for name in ("claim", "wake"))
        bits = {name: 1 << int(bit) for name, bit in
                re.findall(r"\b(CMWQ2_CLAIMS_\w+|CMWQ2_KICK_\w+)\s*=?\s*BIT\((\d+)\)", header)}
        for name, value in bits.items():
            self.assertRegex(TEXT, rf"#define {name[6:]}\s+{value}\s", name)
        for table, prefix in ((CLAIMS, "CMWQ2_CLAIM_"), (WAKES, "CMWQ2_WAKE_")):
            for name, value in table.items():
                text = re.search(rf"\b{prefix}{name.upper()}\s*=\s*([\w\s|]+),", header)
                assert text, name
                sum_of = 0
                for word in re.split(r"\s*\|\s*", text[1]):
                    bits.setdefault(word, int(word) if word.isdigit() else WAKES["deferred"])
                    sum_of |= bits[word]
                self.assertEqual(value, sum_of, name)

    def test_sizes(self) -> None:
        """The model has the sizes that the translator assumes."""
        self.assertRegex(TEXT, rf"#define ENQUEUERS\s+{ENQUEUERS}\n")
        for name, value in POOLS.items():
            self.assertRegex(TEXT, rf"#define {name.upper()}\s+{value}\s")
        for name, value in SWITCHES.items():
            self.assertRegex(TEXT, rf"#define SWITCH_{name.upper()}\s+{value}\s")
        for name in ("inbox", "pwq"):
            self.assertRegex(INBOX_TEXT, rf"#define SWITCH_{name.upper()}\s+{check_model.INBOX_SWITCHES[name]}\s")
        for number, name in enumerate(check_model.INBOX_CONTEXTS):
            self.assertRegex(INBOX_TEXT, rf"(?m)^#define [A-Z_]+\s+{number}\s+/\* {name} \*/$")
        self.assertEqual(policies.numbers("wakeup"), {"always": 0, "needed": 1})
        self.assertEqual(policies.numbers("pick")["head"], 0)

    def test_each_names_the_other(self) -> None:
        """Model and sources refer to each other, so that nobody changes only one of them."""
        for model, text, names in (("kick", TEXT, ("kick", "idle", "worker", "process", "sched", "pick", "choices")),
                                   ("line", LINE_TEXT, ("active", "cancel")),
                                   ("inbox", INBOX_TEXT, ("inbox", "queue"))):
            for name in names:
                source = next((ROOT / "src").rglob(f"{name}.c"))
                self.assertIn(f"tools/model/{model}.pml", source.read_text())
                self.assertIn(str(source.relative_to(ROOT)), text)


if __name__ == "__main__":
    unittest.main()
