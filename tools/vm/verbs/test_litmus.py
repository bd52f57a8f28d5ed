#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of litmus.py: what a twin is, what counts as passed, and whether the tests, the engine and the documentation
agree. They run without herd7."""

import io
import re
import sys
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_FAILED, EXIT_PASSED, ROOT
from base.testing import Case, directory
from build import herd, program, source
from verbs import litmus

TEST = """C a-test
P0(int *x)
{
	WRITE_ONCE(*x, 1); /* twin late: */
	smp_mb(); /* twin no-mb: */
	r0 = xchg(y, 1); /* twin late: r0 = xchg(y, 1); WRITE_ONCE(*x, 1); */
}
"""
# What needs a test in the engine, and how many lines above it the test may be named at most.
BARRIER = re.compile(r"\bsmp_(?:mb|rmb|wmb|store|load|cond)\w*\(|\batomic_\w+_(?:acquire|release|relaxed)\(")
ABOVE = 20
# A program that stands for herd7. It says what herd7 would say of a good test, unless a file says something else.
PROGRAM = """#!/bin/sh
for path; do :; done
name=$(basename "$path" .litmus)
case $name in *+*) word=Sometimes ;; *) word=Never ;; esac
if [ -e "{home}/hangs" ]; then sleep 600; fi
if [ -e "{home}/$name" ]; then cat "{home}/$name"; else echo "Observation $name $word 1 2"; fi
"""


def _engine_places(text: str) -> dict[str, set]:
    """Return the functions of the engine that the comment of a test names, by file."""
    places: dict[str, set] = {}
    comment = " ".join(text.partition("(*\n")[2].partition(" *)")[0].replace(" *", " ").split())
    for file, functions in re.findall(r"(src/[\w/]+\.[ch]) ((?:\w+\(\)(?:, )?)+)", comment):
        places.setdefault(file, set()).update(re.findall(r"(\w+)\(\)", functions))
    return places


class Twins(Case):
    def test_twins(self) -> None:
        """A twin differs in all lines that have its name, and in no others."""
        found = litmus.twins(TEST)
        self.assertEqual(list(found), ["late", "no-mb"])
        late, no_mb = (text.splitlines() for text in found.values())
        self.assertEqual(late[0], "C a-test+late")
        self.assertEqual(late[3:6], ["", TEST.splitlines()[4], "\tr0 = xchg(y, 1); WRITE_ONCE(*x, 1);"])
        self.assertEqual((no_mb[0], no_mb[3], no_mb[4]), ("C a-test+no-mb", TEST.splitlines()[3], ""))

    def test_bad_files(self) -> None:
        """A test without a twin, and a test that is called otherwise than its file, are refused."""
        with directory() as home:
            path = home / "a-test.litmus"
            path.write_text(TEST)
            self.assertEqual([(each.name, each.expected) for each in litmus.of_file(path)],
                             [("a-test", "Never"), ("a-test+late", "Sometimes"), ("a-test+no-mb", "Sometimes")])
            path.write_text("C a-test\nP0(int *x)\n{\n}\n")
            self.refused(lambda: litmus.of_file(path), "a-test.litmus", "twin")
            path.write_text(TEST.replace("a-test", "b-test"))
            self.refused(lambda: litmus.of_file(path), "a-test.litmus", "first line")


class Verdicts(Case):
    def test_said(self) -> None:
        """herd7 must say exactly one thing about the outcome. A race or an error that it reports is trouble, too."""
        self.assertEqual(litmus.said("Test a Allowed\nObservation a Never 0 3\nTime a 0.01\n"), litmus.Result("Never"))
        self.assertEqual(litmus.said("Observation a+b Sometimes 1 3\n"), litmus.Result("Sometimes"))
        self.assertEqual(litmus.said("Flag data-race\nObservation a Never 0 3\n").trouble, "flagged: data-race")
        self.assertEqual(litmus.said('Warning: File "a", line 3: unexpected x\n'),
                         litmus.Result("", 'Warning: File "a", line 3: unexpected x'))
        self.assertEqual(litmus.said("").observed, "")

    def test_rows(self) -> None:
        """A test passes if the outcome never happens, a twin if it happens, and nothing else passes."""
        test, twin = litmus.Litmus("a", "", "Never"), litmus.Litmus("a+b", "", "Sometimes")
        for each, result, word in ((test, litmus.Result("Never"), "PASS"), (twin, litmus.Result("Sometimes"), "PASS"),
                                   (test, litmus.Result("Sometimes"), "FAIL"), (twin, litmus.Result("Never"), "FAIL"),
                                   (test, litmus.Result("Always"), "FAIL"), (twin, litmus.Result("Always"), "FAIL"),
                                   (test, litmus.Result("Never", "flagged: data-race"), "FAIL"),
                                   (twin, litmus.Result("Sometimes", "flagged: data-race"), "PASS"),
                                   (test, litmus.Result("", "no"), "FAIL"), (twin, litmus.Result("", "no"), "FAIL")):
            self.assertEqual(litmus.row(each, result, 4).split()[0], word, (each, result))
        self.assertIn("a+b.txt", litmus.row(twin, litmus.Result("Never"), 4))

    def test_whole_verb(self) -> None:
        """The last line has the sum, and the status is 1 if anything failed."""
        with directory() as home:
            path = home / "herd7"
            path.write_text(PROGRAM.format(home=home))
            path.chmod(0o755)
            (home / litmus.MODEL).mkdir(parents=True)
            (home / litmus.MODEL / litmus.CONFIGURATION).touch()
            tree = source.Source(home, "0.1", True)
            found = program.Program(herd.KIND, (str(path),), (9,))
            with mock.patch.object(herd, "provide", return_value=found), \
                    mock.patch.object(source, "provide", return_value=tree), \
                    mock.patch.object(litmus, "RESULTS", home / "results"):
                self.assertEqual(self._lines("chore-*"), (EXIT_PASSED, "3 passed, 0 failed"))
                (home / "chore-begin+once").write_text("Observation chore-begin+once Never 0 2\n")
                self.assertEqual(self._lines("chore-*"), (EXIT_FAILED, "2 passed, 1 failed"))
                (home / "chore-begin").write_text("Fatal error: exception\n")
                self.assertEqual(self._lines("chore-*"), (EXIT_FAILED, "1 passed, 2 failed"))
                (home / "hangs").touch()
                with mock.patch.object(litmus, "LIMIT", 0.1):
                    self.assertEqual(self._lines("chore-*"), (EXIT_FAILED, "0 passed, 3 failed"))

    def _lines(self, pattern: str) -> tuple:
        said = io.StringIO()
        with redirect_stdout(said):
            status = litmus.check(pattern)
        return status, said.getvalue().splitlines()[-1]

    def test_refused(self) -> None:
        """A glob that matches nothing and a source without the memory model are errors of one line."""
        self.refused(lambda: litmus.chosen("no-such-*"), "LITMUS=no-such-*", "allowed", "work-pending")
        with directory() as home:
            self.refused(lambda: litmus.memory_model(home), str(home), litmus.MODEL, "KERNEL_SRC=")


class Agreement(Case):
    def test_engine(self) -> None:
        """Each test names functions that exist, and a comment in one of their files names the test."""
        named: dict[str, set] = {}
        for path in (ROOT / "src").rglob("*.[ch]"):
            for name in re.findall(r"\blitmus/([a-z0-9-]+)", path.read_text()):
                named.setdefault(name, set()).add(str(path.relative_to(ROOT)))
        self.assertEqual(set(named), {path.stem for path in litmus.files()})
        for path in litmus.files():
            places = _engine_places(path.read_text())
            self.assertEqual(named[path.stem] - set(places), set(), f"{path.name} does not name the file")
            for file, functions in places.items():
                text = (ROOT / file).read_text()
                missing = [name for name in functions if not re.search(rf"^[^\s*/].*\b{name}\(", text, re.MULTILINE)]
                self.assertEqual(missing, [], f"{path.name}: {file}")

    def test_barriers(self) -> None:
        """A comment that stands shortly above each barrier of the engine names a test."""
        found = 0
        for path in sorted((ROOT / "src").rglob("*.[ch]")):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                if not BARRIER.search(line) or re.match(r"\s*/?\*", line):
                    continue
                found += 1
                above = "\n".join(lines[max(0, number - ABOVE):number + 1])
                self.assertIn("litmus/", above, f"{path.name}:{number + 1} names no test")
        self.assertGreater(found, 10)

    def test_documentation(self) -> None:
        """The table in litmus.rst has all tests, with their files and twins."""
        text = (ROOT / "Documentation/litmus.rst").read_text()
        rows = re.findall(r"^   \* - ``([a-z0-9-]+)``\n     - .*(?:\n       .*)*\n     - (.*(?:\n       .*)*)\n"
                          r"     - (.*(?:\n       .*)*)\n", text, re.MULTILINE)
        found = {name: (set(re.findall(r"``(.*?)``", files)), re.findall(r"``(.*?)``", others))
                 for name, files, others in rows}
        wanted = {}
        for path in litmus.files():
            places = {file.partition("/")[2] for file in _engine_places(path.read_text())}
            wanted[path.stem] = (places, list(litmus.twins(path.read_text())))
        self.assertEqual(found, wanted)

    def test_style(self) -> None:
        """Each test has a licence, and no line is too long."""
        for path in litmus.files():
            lines = path.read_text().splitlines()
            self.assertEqual(lines[1], "(* SPDX-License-Identifier: GPL-2.0 *)", path.name)
            self.assertEqual([line for line in lines if len(line.partition("/* twin")[0]) > 100], [], path.name)


if __name__ == "__main__":
    unittest.main()
