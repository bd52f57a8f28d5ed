# SPDX-License-Identifier: GPL-2.0
"""`make litmus`: checks the engine's barriers and lock-free reads with the kernel's own memory model. Each test in
tools/litmus/ is a few accesses of the engine, and an outcome that must not happen. Its twins lack one of the barriers,
and there the outcome must happen: otherwise the test would not notice that the barrier is missing."""

import fnmatch
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from base import alive
from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    fresh_directory,
    jobs,
    say,
    shown,
    took,
    write_atomically,
)
from build import herd, source

TESTS = ROOT / "tools" / "litmus"
RESULTS = OUT / "litmus"
MODEL, CONFIGURATION = "tools/memory-model", "linux-kernel.cfg"
# A line of a test that ends in this comment is replaced by TEXT in the twin NAME.
TWIN = re.compile(r"^(\s*)\S.*?\s*/\* twin ([a-z0-9-]+):\s*(.*?)\s*\*/$")
NEVER, SOMETIMES = "Never", "Sometimes"
# Seconds that herd7 may take for one test. It usually takes less than one.
LIMIT = 60


@dataclass(frozen=True)
class Litmus:
    """A test or a twin: what herd7 reads, and what it must say about the outcome."""

    name: str
    text: str
    expected: str


@dataclass(frozen=True)
class Result:
    """What herd7 says about a test."""

    observed: str       # Never, Sometimes or Always, or '' if it says nothing
    trouble: str = ""   # anything else, such as a data race


def twins(text: str) -> dict[str, str]:
    """Return the text of each twin of the test @text by the twin's name. Lines with the same name belong to one."""
    lines = text.splitlines()
    marks = [TWIN.match(line) for line in lines]
    found = {}
    for name in dict.fromkeys(mark[2] for mark in marks if mark):
        changed = [f"{mark[1]}{mark[3]}".rstrip() if mark and mark[2] == name else line
                   for mark, line in zip(marks, lines)]
        changed[0] += f"+{name}"
        found[name] = "\n".join(changed) + "\n"
    return found


def of_file(path: Path) -> list[Litmus]:
    """Return the test in the file @path and its twins. Raises Problem if it has none, or is called something else."""
    text = path.read_text()
    if text.split("\n", 1)[0] != f"C {path.stem}":
        raise Problem(f"{shown(path)}: the first line is not C {path.stem}")
    others = twins(text)
    if not others:
        raise Problem(f"{shown(path)}: no line has a twin, so nobody knows whether the test can fail")
    return [Litmus(path.stem, text, NEVER),
            *(Litmus(f"{path.stem}+{name}", other, SOMETIMES) for name, other in others.items())]


def files() -> list[Path]:
    """Return the files of all tests."""
    return sorted(TESTS.glob("*.litmus"), key=lambda path: path.stem)


def chosen(pattern: str) -> list[Litmus]:
    """Return the tests whose name matches @pattern, and their twins."""
    found = [path for path in files() if fnmatch.fnmatchcase(path.stem, pattern)]
    if not found:
        raise Problem(f"LITMUS={pattern} matches no test; allowed: a glob for "
                      f"{', '.join(path.stem for path in files())}")
    return [each for path in found for each in of_file(path)]


def memory_model(tree: Path) -> Path:
    """Return the directory of the memory model in the kernel source @tree."""
    model = tree / MODEL
    if not (model / CONFIGURATION).is_file():
        raise Problem(f"{tree} has no {MODEL}/{CONFIGURATION}, which the litmus tests need; give another tree as "
                      "KERNEL_SRC=")
    return model


def said(output: str) -> Result:
    """Return what herd7 has said in @output."""
    found = re.findall(r"^Observation \S+ (\w+) \d+ \d+$", output, re.MULTILINE)
    flags = re.findall(r"^Flag (.+)$", output, re.MULTILINE)
    errors = re.findall(r"^(?:Warning|Fatal|Fatal error): .+$", output, re.MULTILINE)
    if len(found) != 1:
        return Result("", errors[0] if errors else "herd7 does not say anything about the outcome")
    return Result(found[0], (errors or [f"flagged: {flag}" for flag in flags] or [""])[0])


def _ask(command: Sequence[str], test: Litmus) -> Result:
    """Have herd7 search all executions of @test. The test and herd7's output stay in RESULTS."""
    path = RESULTS / f"{test.name}.litmus"
    path.write_text(test.text)
    try:
        done = alive.run([*command, str(path)], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return Result("", f"herd7 took longer than {LIMIT} s")
    write_atomically(path.with_suffix(".txt"), done.stdout)
    return said(done.stdout)


def row(test: Litmus, result: Result, width: int) -> str:
    """Return the line about @test."""
    # A twin may race, because it lacks something.
    trouble = result.trouble if test.expected == NEVER or not result.observed else ""
    if result.observed == test.expected and not trouble:
        return f"PASS  {test.name:{width}}  {result.observed}"
    why = trouble or f"must be {test.expected}: see {shown(RESULTS / test.name)}.txt"
    return f"FAIL  {test.name:{width}}  {result.observed or '-'}  {why}"


def _rows(command: Sequence[str], tests: Sequence[Litmus]) -> Iterator[str]:
    width = max(len(test.name) for test in tests)
    with ThreadPoolExecutor(jobs()) as pool:
        for test, result in zip(tests, pool.map(lambda each: _ask(command, each), tests)):
            yield row(test, result, width)


def check(pattern: str) -> int:
    """Run the tests that @pattern matches, and their twins. Return the exit status."""
    start, tests = time.monotonic(), chosen(pattern)
    tree = source.provide()
    model = memory_model(tree.tree)
    program = herd.provide()
    fresh_directory(RESULTS)
    say(f"  {program}, memory model of Linux {tree.name}")
    failed = 0
    with alive.doing(lambda: "herd7 is searching the executions of the next test"):
        for line in _rows([*program.command, "-I", str(model), "-conf", CONFIGURATION], tests):
            failed += line.startswith("FAIL")
            say(line)
    say(f"  {took(start)}")
    say(f"{len(tests) - failed} passed, {failed} failed")
    return EXIT_FAILED if failed else EXIT_PASSED
