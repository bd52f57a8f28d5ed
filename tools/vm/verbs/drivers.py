# SPDX-License-Identifier: GPL-2.0
"""`make drivers`: moves each driver of a list to cmwq2 and compiles it. The drivers are files of the kernel's own tree,
and tools/shim/drivers.list names them. tools/porting does the work; this file provides the kernel, and keeps the table
in Documentation/drivers.rst."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Callable

from base import alive
from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    fresh_directory,
    jobs,
    lock,
    say,
    shown,
    took,
    write_atomically,
)
from build import allmod, packages, source
from verbs import written

sys.path.append(str(ROOT / "tools"))
import blocks  # noqa: E402
from porting import interfaces, port, shared, survey, units  # noqa: E402

LIST = ROOT / "tools/shim/drivers.list"
SECOND = ROOT / "tools/shim/drivers-1907.list"
DOCUMENT = ROOT / "Documentation/drivers.rst"
RESULTS = OUT / "drivers"
# How many percent of the files of the list have to move.
LEAST = 78
# The names of the tables in the document, for each committed list: first that of its files, then, if the list has any,
# that of its whole drivers.
TABLES = {LIST: ("files", "whole-drivers"), SECOND: ("second-list",)}


@dataclass
class Result:
    """What came of a list."""

    files: list[survey.Entry]
    drivers: list[survey.Whole]
    left_out: list[str] = field(default_factory=list)   # why some files were not tried

    def lines(self) -> list[str]:
        """Return a line for each reason why something does not move."""
        return [f"LEFT OUT  {each}" for each in self.left_out] + \
            [f"{each.result.upper()}  {each.reason}" for each in self.files if each.reason] + \
            [f"{each.name}  {reason}" for each in self.drivers for reason in each.reasons]

    def wrong(self) -> str:
        """Return what is wrong with the result, or ''."""
        left_out = f"{len(self.left_out)} files were left out: {self.left_out[0]}" if self.left_out else ""
        return survey.wrong(self.files, LEAST) or left_out

    def report(self) -> str:
        """Return what out/drivers/report.txt says: a line for each file and driver, and the reasons."""
        rows = [f"{each.result:16}  {each.name}" + (f"  {each.reason}" if each.reason else "")
                + (f"  {each.others}" if each.others else "") for each in self.files]
        for whole in self.drivers:
            rows += ["  ".join(whole.row()), *(f"    {reason}" for reason in whole.reasons)]
        return "\n".join(rows) + "\n"

    def tables(self) -> list[list[str]]:
        """Return the lines of the tables, in the order of TABLES."""
        return [survey.table(self.files), *([survey.table_of_whole(self.drivers)] if self.drivers else [])]


def _result(names: Sequence[str], own: units.Kernel) -> Result:
    """Move what the list names: files one by one, and whole drivers, whose names end in a slash."""
    files = [name for name in names if not name.endswith("/")]
    result = Result([], [])
    made = [(own.build / name).with_suffix(".o") for name in files]
    doing: list[Callable[[], str]] = [
        lambda: f"{sum(map(Path.is_file, made))} of {len(files)} files compiled as they are"]
    with lock(own.build.name), alive.doing(lambda: doing[-1]()):
        index = shared.Includers(own, shared.tops(own, (own.tree / name for name in names)))
        found, result.left_out = survey.natively(files, own, jobs())
        doing.append(lambda: f"{len(result.files)} of {len(files)} files moved")
        for entry in survey.survey(found, own, fresh_directory(RESULTS), jobs(), index):
            result.files.append(entry)
        for name in names:
            if name.endswith("/"):
                doing.append(partial(str, f"moving all of {name}"))
                result.drivers.append(survey.whole(name, own, fresh_directory(RESULTS), jobs(), index))
    fresh_directory(RESULTS)
    return result


def compare(result: Result, list_of: Path, write: bool) -> str:
    """Put the tables of the list @list_of into the document, or compare them. Return what is wrong, or ''."""
    before = after = DOCUMENT.read_text()
    verb = "make drivers" if list_of == LIST else f"make drivers LIST={shown(list_of)}"
    for name, lines in zip(TABLES[list_of], result.tables()):
        after = written.replaced(DOCUMENT, after, name, blocks.block(name, verb, "\n".join(lines)))
    if after == before:
        return ""
    if not write:
        return f"{shown(DOCUMENT)} has other tables; {verb} WRITE=1 renews them"
    write_atomically(DOCUMENT, after)
    say(f"{shown(DOCUMENT)} is written")
    return ""


def unlisted(tree: Path) -> str:
    """Return what is wrong if the headers of @tree declare an interface that the document does not have, or ''."""
    names = interfaces.missing(tree, DOCUMENT.read_text())
    return f"{shown(DOCUMENT)} does not say what a driver does with {', '.join(names)}" if names else ""


def drivers(list_of: Path, write: bool) -> int:
    """Move what the file @list_of names, and print the tables. Those of a committed list are compared with the ones in
    the document, which @write replaces. Return the exit status."""
    start = time.monotonic()
    units.RUN = alive.run
    try:
        series, names = survey.read_list(list_of)
        packages.require("build", *([] if source.given() else ["source"]))
        tree = source.provide()
        if ".".join(map(str, source.version_of(tree.tree))) != series:
            raise Problem(f"{shown(list_of)} is for Linux {series}, not for {tree.name}")
        result = _result(names, units.kernel(allmod.provide(tree)))
    except units.Wrong as wrong:
        raise Problem(str(wrong)) from None
    write_atomically(RESULTS / "report.txt", result.report())
    for line in result.lines():
        say(line)
    for lines in result.tables():
        say("\n" + "\n".join(lines))
    found = result.wrong()
    if not found and list_of in TABLES:
        found = compare(result, list_of, write) or unlisted(tree.tree)
    moved = sum(each.result in (port.LINE, port.PRELUDE) for each in result.files)
    say(f"\n{moved} of {len(result.files)} files of Linux {tree.name} move; {shown(RESULTS / 'report.txt')}, "
        f"{took(start)}")
    if found:
        say(f"FAIL  {found}")
    return EXIT_FAILED if found else EXIT_PASSED


def given() -> Path:
    """Return the list that LIST= names, or the committed one. Raises Problem if there is no such file."""
    path = Path(os.environ.get("LIST") or LIST).expanduser().resolve()
    if not path.is_file():
        raise Problem(f"LIST={path}: no such file; allowed: a file with a path of the kernel's tree on each line")
    return path
