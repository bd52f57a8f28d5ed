# SPDX-License-Identifier: GPL-2.0
"""Moves each file of a list, and counts what came of it by subsystem. `make drivers` prints the result, and keeps it in
Documentation/drivers.rst."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import tables
from porting import driver, main, port, shared, units
from porting.units import Kernel, Unit, Wrong

# The rows of the table.
TOGETHER, TOTAL = "of these only together with others", "files"
ROWS = (port.LINE, port.PRELUDE, TOGETHER, port.REFUSED, port.OBSCURE, TOTAL)


@dataclass(frozen=True)
class Entry:
    """What came of a file of the list."""

    name: str
    result: str             # as in port.Outcome
    reason: str = ""        # why it does not move
    others: str = ""        # what it has to move together with
    silent: str = ""        # a structure of the kernel whose layout has changed without a word

    @property
    def subsystem(self) -> str:
        """The top directory of the file."""
        return self.name.split("/")[0]


@dataclass(frozen=True)
class Whole:
    """What came of all files of a driver."""

    name: str           # its directory
    files: int
    moved: int
    reasons: tuple[str, ...]    # why it does not move

    def row(self) -> list[str]:
        """Return the row of the table."""
        return [self.name, str(self.files), str(self.moved), "yes" if not self.reasons else "no"]


# A path below the top of a kernel tree: of a source file, or of a directory.
LISTED = re.compile(r"(?!/)(?!(?:.*/)?\.\.?/)\S+(?:\.c|/)")


def read_list(path: Path) -> tuple[str, list[str]]:
    """Return the kernel series, and the files that the list @path names, and directories, which end in a slash. Raises
    Wrong if it names nothing, or something else."""
    lines = path.read_text(errors="replace").splitlines()
    series = re.search(r"Linux (\d+\.\d+)", lines[0] if lines else "")
    names = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")}
    if not series or not names:
        raise Wrong(f"{path}: the first line names no kernel, \"Linux X.Y\", or no file is listed")
    for number, name in names.items():
        if not LISTED.fullmatch(name):
            raise Wrong(f"{path}:{number}: {name}: allowed: a path in the kernel's tree, of a file that ends in .c or "
                        "of a directory that ends in /")
    return series[1], list(names.values())


def natively(names: Sequence[str], own: Kernel, jobs: int) -> tuple[list[Unit], list[str]]:
    """Have Kbuild compile those of the files @names that it has not compiled yet. Return all of them, and a line for
    each file that does not compile or is no part of a module. Raises Wrong for a file that does not exist."""
    missing = [own.tree / name for name in names if not (own.build / name).with_suffix(".o").is_file()]
    lost = [path for path in missing if not path.is_file()]
    if lost:
        raise Wrong(f"{lost[0]}: no such file; the list is for another kernel")
    said = units.in_tree(own, missing, jobs)[1] if missing else ""
    found, left_out = [], []
    for name in names:
        unit = units.of_object((own.build / name).with_suffix(".o"), own.build)
        if unit and unit.module:
            found.append(unit)
        elif unit:
            left_out.append(f"{name}: {units.NO_MODULE}")
        else:
            left_out.append(f"{name}: it does not compile as it is: {units.first_error(said, Path(name).name)}")
    return found, left_out


def _others(outcome: port.Outcome, own: Kernel, index: shared.Includers) -> str:
    """Return text about a structure that files of other modules share with the file, or ""."""
    for one in outcome.changed:
        if one.header == outcome.unit.source or own.is_own(one.header):
            continue
        for path in sorted(index.of(one.header) - {outcome.unit.source}):
            modules = shared.modules_of(path)
            if modules and outcome.unit.module not in modules:
                return f"struct {one.name} of {one.header.relative_to(own.tree)} is shared with {min(modules)}"
    return ""


def alone(outcome: port.Outcome, name: str, own: Kernel) -> Entry:
    """Return what came of one file called @name, in words, without a look at other files."""
    silent = next((f"struct {one.name} of {one.header.relative_to(own.tree)}" for one in outcome.changed
                   if own.is_own(one.header)), "")
    return Entry(name, outcome.result, str(outcome.reason or ""), silent=silent)


def entry(outcome: port.Outcome, own: Kernel, index: shared.Includers) -> Entry:
    """Return what came of one file of the kernel's tree, in words."""
    name = str(outcome.unit.source.relative_to(own.tree))
    return replace(alone(outcome, name, own), others=_others(outcome, own, index))


def survey(found: Sequence[Unit], own: Kernel, work: Path, jobs: int, index: shared.Includers) -> Iterator[Entry]:
    """Move each of the files @found, and return what came of it, in order."""
    with ThreadPoolExecutor(jobs) as pool:
        for outcome in pool.map(lambda unit: port.port(unit, own, work), found):
            yield entry(outcome, own, index)


def copied(names: Sequence[str], own: Kernel, work: Path, jobs: int) -> Iterator[Entry]:
    """
    Move copies of the files @names of the tree, which may belong to no module of this kernel. So any kernel can be used
    for files that need none of its options. They must not include private headers.

    :param work: an empty directory
    :return: what came of each, in order
    :raises Wrong: a file does not exist, or does not compile as it is
    """
    copy, made = work / "copy", work / "made"
    made.mkdir()
    for name in names:
        if not (own.tree / name).is_file():
            raise Wrong(f"{own.tree / name}: no such file; the list is for another kernel")
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(own.tree / name, copy / name)
    objects = [str(Path(name).with_suffix(".o")) for name in names]
    (copy / "Kbuild").write_text(f"obj-m := {' '.join(objects)}\n")
    said = own.make(objects, f"M={copy}", jobs=jobs)
    found = {unit.source: unit for unit in (*units.under(copy, copy), *units.under(copy, own.build))}
    for name in names:
        if copy / name not in found:
            raise Wrong(f"{name}: it does not compile as it is: {units.first_error(said, Path(name).name)}")
    with ThreadPoolExecutor(jobs) as pool:
        for name, outcome in zip(names, pool.map(lambda name: port.port(found[copy / name], own, made), names)):
            one = alone(outcome, name, own)
            yield replace(one, reason=one.reason.replace(f"{copy}/", ""))


def whole(name: str, own: Kernel, work: Path, jobs: int, index: shared.Includers) -> Whole:
    """Move all files of the driver in the directory @name of the tree, with one prelude. Raises Wrong as
    driver.find()."""
    of = driver.find([own.tree / name], own, work, jobs)
    found, _ = main.outcomes(of, own, work, jobs)
    lines = main.report(of, found, own, index)
    return Whole(name, len(found), sum(each.moved for each in found), tuple(lines))


def table_of_whole(found: Sequence[Whole]) -> list[str]:
    """Return the lines of the table of whole drivers."""
    return tables.table(["driver", ">files", ">compile", "moves"], [each.row() for each in found])


def counts(entries: Sequence[Entry]) -> Counter:
    """Return how many files there are by (row of the table, subsystem)."""
    count: Counter = Counter()
    for each in entries:
        rows = [each.result, TOTAL, *([TOGETHER] if each.others and not each.reason else [])]
        count.update((row, column) for row in rows for column in (each.subsystem, "all"))
    return count


def table(entries: Sequence[Entry]) -> list[str]:
    """Return the lines of the table."""
    count = counts(entries)
    columns = [*dict.fromkeys(each.subsystem for each in sorted(entries, key=lambda each: each.name)), "all"]
    rows = []
    for row in ROWS:
        percent = round(100 * count[row, "all"] / max(1, count[TOTAL, "all"]))
        rows.append([row, *(str(count[row, column]) for column in columns), str(percent)])
    return tables.table(["", *(f">{column}" for column in columns), ">%"], rows)


def wrong(entries: Sequence[Entry], least: int) -> Optional[str]:
    """Return what is wrong with the result: an obscure error, a silent difference, or fewer than @least percent of the
    files moved. None: nothing is."""
    obscure = [each for each in entries if each.result == port.OBSCURE]
    if obscure:
        return f"{len(obscure)} files fail with an error that says nothing: {obscure[0].reason}"
    silent = [each for each in entries if each.silent]
    if silent:
        return f"{silent[0].name}: the layout of {silent[0].silent} has changed, and no error says so"
    moved = sum(each.result in (port.LINE, port.PRELUDE) for each in entries)
    if moved * 100 < least * len(entries):
        return f"only {moved} of {len(entries)} files move, less than {least} %"
    return None
