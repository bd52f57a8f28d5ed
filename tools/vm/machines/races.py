# SPDX-License-Identifier: GPL-2.0
"""Reads the reports of KCSAN, the kernel's detector of data races, from a console. A race is ours if one of the two
accesses is made by a function of a module. All other races are the kernel's own."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from base.common import OUT

# job-kunit.sh writes this, and the name of a suite, before each suite.
SUITE = "harness: suite "
# Functions that the kernel calls on behalf of others, on memory of others. Who calls them makes the access.
HELPERS = re.compile(r"_*(mem(cpy|move|set|cmp|chr\w*)|str\w+|h?list_\w+|llist_\w+|rb_\w+|bitmap_\w+"
                     r"|find_\w+_bit\w*|v?sc?n?printf|seq_\w+|number|pointer|widen_string|format_decode"
                     r"|refcount_\w+|copy_\w+_user)$")
TITLE = re.compile(r"BUG: KCSAN: (.*)")
ACCESS = re.compile(r"(?:race at unknown origin, with )?((?:read|write|read-write|assert no \w+)(?: \([\w, ]+\))?) to "
                    r"0x[0-9a-f]+ of \d+ bytes by .* on cpu \d+:")
FRAME = re.compile(r"((\S+)\+0x[0-9a-f]+/0x[0-9a-f]+)(?: \[(\w+)\])?")
END = "Reported by Kernel Concurrency Sanitizer on:"
# A line of the console log: the host's time, the guest's, the task or CPU that printed it, and the text.
LINE = re.compile(r"^ *(?:\d+\.\d+ )?(?:(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *([TC]\d+)\])? *)?(.*?) *$")


@dataclass
class Access:
    """One of the two accesses of a race: what it does, and the functions that led to it, the innermost first."""

    what: str
    frames: list = field(default_factory=list)      # (name+offset/size, name, module or None)

    def culprit(self) -> tuple:
        """Return the innermost frame that is not one of HELPERS."""
        return next((each for each in self.frames if not HELPERS.match(each[1])), ("an unknown function", "", None))


@dataclass
class Report:
    """One report."""

    title: str
    suite: str          # the suite that ran, or ''
    accesses: list = field(default_factory=list)

    @property
    def ours(self) -> bool:
        """Whether a function of a module takes part. Modules of the kernel itself are not loaded in these guests. A
        report that was cut off has no access, and counts as ours, because it may be."""
        return not self.accesses or any(each.culprit()[2] for each in self.accesses)

    def told(self, places: dict) -> str:
        """Return the report as one line. @places: where functions of modules are, by name and offset."""
        both = []
        for each in self.accesses:
            where, _, module = each.culprit()
            both.append(f"{each.what} by {places.get(where, where)}{f' [{module}]' if module else ''}")
        return f"KCSAN: {self.title}: {'; '.join(both) or 'the report was cut off'}"


def said(line: str) -> tuple:
    """Return who printed a line of the console log, if the kernel says so, and the text without times."""
    match = LINE.match(line)
    return (match[1], match[2]) if match else (None, line.strip())


def reports(console: str) -> list:
    """Return the reports on a console. Lines that another CPU printed meanwhile are told apart by their caller, which
    CONFIG_PRINTK_CALLER adds to each line."""
    found: list = []
    suite, unfinished = "", {}      # type: ignore[var-annotated]
    for line in console.splitlines() if "KCSAN" in console else ():
        caller, text = said(line)
        if text.startswith(SUITE):
            suite = text[len(SUITE):]
        title = TITLE.match(text)
        if title:
            unfinished[caller] = Report(title[1], suite)
            found.append(unfinished[caller])
        elif text == END:
            unfinished.pop(caller, None)
        elif caller in unfinished:
            _add(unfinished[caller], text)
    return found


def _add(report: Report, text: str) -> None:
    access, frame = ACCESS.fullmatch(text), FRAME.fullmatch(text)
    if access:
        report.accesses.append(Access(access[1]))
    elif frame and report.accesses:
        report.accesses[-1].frames.append((frame[1], frame[2], frame[3]))


def ours(console: str) -> list:
    """Return the reports on a console that are ours."""
    return [each for each in reports(console) if each.ours]


def of_kernel(console: str) -> Counter:
    """Return the titles of the reports on a console that are the kernel's own, and how often each came."""
    return Counter(each.title for each in reports(console) if not each.ours)


def places(found: Iterable[Report], modules: Iterable[Path], tree: Path) -> dict:
    """Return the file and line of each access by a module, by name and offset of the function. They are found by the
    script faddr2line of the kernel @tree. What it does not find is left out."""
    wanted: dict = {}
    for report in found:
        for each in report.accesses:
            where, _, module = each.culprit()
            if module:
                wanted.setdefault(module, {})[where] = True
    known: dict = {}
    for path in modules:
        if path.stem in wanted:
            done = subprocess.run([tree / "scripts/faddr2line", path, *wanted[path.stem]], capture_output=True,
                                  text=True, check=False)
            # The compiler saw copies of the sources, see modules.py.
            known.update(places_in(re.sub(rf"{re.escape(str(OUT))}/modules/[^/]+/", "", done.stdout)))
    return known


def places_in(text: str) -> dict:
    """Return what faddr2line has printed: the innermost line of each address, with the function that the compiler has
    put there."""
    found, asked = {}, ""
    for line in text.splitlines():
        if re.fullmatch(r"\S+\+0x[0-9a-f]+/0x[0-9a-f]+:", line):
            asked = line[:-1]
        match = re.match(r"(?:\(inlined by\) )?(\S+) at (\S+:\d+)", line)
        if match and asked and asked not in found:
            found[asked] = f"{asked.partition('+')[0]} ({match[1]} at {match[2]})"
    return found
