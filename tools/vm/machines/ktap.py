# SPDX-License-Identifier: GPL-2.0
"""Counts test cases with the KTAP parser of the kernel tree, which decides which of them passed."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from base.common import jobs


@dataclass
class Count:
    """The cases of one suite."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)        # names of the cases
    checks: list = field(default_factory=list)          # what the checks that failed printed, with their case
    reasons: list = field(default_factory=list)         # why cases were skipped, each reason once
    trouble: str = ""       # why the result as a whole cannot be trusted

    @property
    def total(self) -> int:
        """The number of all cases."""
        return self.passed + self.failed + self.skipped


def parse_all(tree: Path, files: Iterable[Path]) -> dict:
    """Return the counts of @files by their names."""
    with ThreadPoolExecutor(jobs()) as pool:
        return dict(pool.map(lambda path: (path.name, parse(tree, path)), files))


def parse(tree: Path, path: Path) -> Count:
    """Return the count of the one suite in @path. The file is named after the suite."""
    done = subprocess.run([sys.executable, "-B", tree / "tools/testing/kunit/kunit.py", "parse", "--json", path],
                          cwd=tree, capture_output=True, text=True)
    start = done.stdout.find("{\n")
    try:
        report = json.JSONDecoder().raw_decode(done.stdout[start:])[0] if start >= 0 else {}
    except ValueError:
        report = {}
    text = path.read_text(errors="replace")
    count = Count(reasons=reasons_of(text), checks=checks_of(text))
    # A case outside of any suite is a suite without cases, which was skipped as a whole or is empty.
    count.skipped += sum(case["status"] == "SKIP" for case in report.get("test_cases", []))
    for suite in report.get("sub_groups", []):
        walk(suite, count)
    misc = report.get("misc", {})
    if not report:
        count.trouble = "its result cannot be parsed"
    elif count.total == 0:
        count.trouble = "zero tests"
    elif misc.get("crashed") or misc.get("errors"):
        # The plan was not met, a name does not match, or a line is missing.
        count.trouble = "its result is not whole"
    elif done.returncode and count.passed and not count.failed:
        # The parser also rejects a suite whose cases were all skipped, which is no trouble for us.
        count.trouble = "the kernel's parser rejects its result"
    return count


def reasons_of(text: str) -> list:
    """Return why cases in @text were skipped. The parser does not report this."""
    return list(dict.fromkeys(re.findall(r"^ *ok \d+ .*# SKIP (.+?) *$", text, re.MULTILINE)))


def checks_of(text: str) -> list:
    """Return what each check that failed in @text printed, as one line that begins with the case's name. A case of a
    shell suite says in one line why it failed, just before its result."""
    found = re.findall(r"^ *# (\w+): (?:EXPECTATION|ASSERTION) FAILED at (\S+)\n(.*?)(?=^ *(?:#|ok \d|not ok \d)|\Z)",
                       text, re.MULTILINE | re.DOTALL)
    told = re.findall(r"^ *# (\w+): ((?!EXPECTATION|ASSERTION).*\S) *\n *not ok \d+ \1$", text, re.MULTILINE)
    return [*(f"{case}, {Path(place).name}: {' '.join(printed.split())}" for case, place, printed in found),
            *(f"{case}: {why}" for case, why in told)]


def walk(group: dict, count: Count, within: str = "") -> None:
    """Count the cases of @group. A case with parameters is a group of its own, whose name is @within. A failure in it
    is reported by the names of case and parameter, because a parameter's name says nothing by itself."""
    for case in group.get("test_cases", []):
        if case["status"] == "PASS":
            count.passed += 1
        elif case["status"] == "SKIP":
            count.skipped += 1
        else:
            count.failed += 1
            name = case["name"] or "(a case that did not report)"
            count.failures.append(f"{within}({name})" if within else name)
    for inner in group.get("sub_groups", []):
        walk(inner, count, inner.get("name", ""))
