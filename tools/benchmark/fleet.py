# SPDX-License-Identifier: GPL-2.0
"""Puts the reports of many machines and boots together: reads them, and says of each group of equal machines what its
runs have in common.

A group has the reports with the same CPU model, number of CPUs, vehicle, accelerator, kernel release and configuration.
Reports with the same value of "machine" are of one machine; without one, the reports of one directory are. Reports of
one machine with the same "boot_id" are of one boot; any other report is of a boot of its own. A report that is found
twice, for example also in the report that `tools/bench join` has made of it, counts once.

What counts of a run is as in boots.py: if it was disturbed in some boots and not in others, only the latter.
stats.across_machines() says how the intervals are computed, and outliers.py which machines and boots are outliers.
"""

import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from benchmark import boots, documents, outliers, results, stats
from benchmark.documents import SetError

# The reports that are looked for below a directory.
NAMES = "*report.json"
ALLOWED = "allowed: reports that make bench, tools/bench run or tools/bench join has made"
# The figures that come first, where a run has them.
FIRST = ("rate", "p95_ns")
SAME = ("host", "cpus", "vehicle", "accelerator", "kernel", "config")
PREFIX = "cmwq2:"


@dataclass
class Boot:
    """What one boot of one machine says. @runs has, by title and documents.run_key(), whether the run was disturbed,
    and the ratios of the rounds by profile and figure."""

    file: str
    # The directory of the file, relative to what the user named.
    directory: str
    machine: Optional[str]
    boot_id: Optional[str]
    version: str
    seeds: list
    conditions: list
    runs: dict = field(default_factory=dict)


@dataclass
class Machine:
    """A machine by the name that its directory gives it, with its boots in the order of their files."""

    name: str
    boots: list


@dataclass
class Group:
    """Machines with the same values of SAME, by name."""

    same: dict
    machines: list

    @property
    def boots(self) -> list:
        """All boots of all machines."""
        return [boot for machine in self.machines for boot in machine.boots]


@dataclass
class Named:
    """An outlier: a machine, or one of its boots if @boot is not None. Both are places in a row's lists."""

    machine: str
    boot: Optional[int]
    file: str
    found: outliers.Outlier


@dataclass
class Row:
    """What a group says about one figure of one profile in one run. @machines has, for each machine with the run, its
    name and the ratio of each of its boots that counts, by the number of the boot, from 1."""

    title: str
    profile: str
    figure: str
    first: bool
    found: stats.Comparison
    machines: list
    disturbed: bool
    outliers: list

    @property
    def boots(self) -> int:
        """How many boots count."""
        return sum(len(each) for _, _, each in self.machines)


@dataclass
class Fleet:
    """Everything that was found. @left_out has sentences about files, @copies the files that were found twice."""

    groups: list
    left_out: list
    copies: list
    notes: list


# Reading


def _below(directory: Path) -> list:
    """Return the files below a directory that are named like reports. Raises SetError if there is none."""
    def stop(error: OSError) -> None:
        raise error
    found = sorted(path for folder, _, _ in os.walk(directory, onerror=stop) for path in Path(folder).glob(NAMES)
                   if not path.is_dir())
    if not found:
        raise SetError(f"{directory}: no report was found below this directory; allowed: a directory with files "
                       f"{NAMES}, or a report itself")
    return found


def files(wanted: Iterable[Path]) -> list:
    """Return (file, its directory as the user sees it) for each report that @wanted, files and directories, has."""
    found: dict = {}
    for path in wanted:
        for each in _below(path) if path.is_dir() else [path]:
            near = os.path.relpath(each.parent, path) if path.is_dir() else str(each.parent)
            found.setdefault(each.resolve(), (each, each.parent.resolve().name if near == "." else near))
    return list(found.values())


def _ratios(run: dict) -> dict:
    """Return the ratio to native of each round, by profile and figure. A figure that a round lacks is left out."""
    header, found = run["header"], {}
    names = header["engines"]
    if "native" not in names:
        return {}
    for name in dict.fromkeys(name for name in names if name.partition(":")[0] == "cmwq2"):
        wanted = dict.fromkeys((*FIRST, *results.summary_of(header)))
        for figure in (each for each in wanted if each in header["figures"] and each not in results.COUNTS):
            own, base = documents.values_of(run, name, figure), documents.values_of(run, "native", figure)
            for value in (*own, *base):
                if value is not None and not 0 <= value < math.inf:
                    raise ValueError(f"{figure} is {value} in {run['title']}")
            if own and None not in own and all(base):
                found[name.removeprefix(PREFIX), figure] = [a / b for a, b in zip(own, base)]
    return found


def _boot(document: dict, path: Path, directory: str) -> Boot:
    """Return what the document of a set, which was read from file @path, says."""
    one = Boot(str(path), directory, document.get("machine"), document.get("boot_id"),
               str(document.get("version", "unknown")), [document["seed"]],
               [str(text) for text in document.get("conditions", ())])
    for run in document["runs"]:
        ratios = _ratios(run)
        if ratios:
            one.runs[run["title"], documents.run_key(run)] = {
                "disturbed": bool(run.get("disturbed")), "ratios": ratios, "first": _first(run["header"])}
    return one


def _first(header: dict) -> tuple:
    """Return the figures of a run that are shown even if there is little room."""
    return tuple(each for each in FIRST if each in header["figures"]) or results.summary_of(header)[:1]


def read(path: Path, directory: str) -> tuple:
    """Return (values of SAME, Boot) for each boot of a report, and a list of notes about the report. Raises SetError
    unless the file is a report that compares a profile with native."""
    try:
        document = boots.read(path)
    except SetError as error:
        raise SetError(f"{error}; {ALLOWED}") from None
    except UnicodeError:
        raise SetError(f"{path}: not a text; {ALLOWED}") from None
    try:
        found = [(tuple(one[key] for key in SAME), _boot(one, path, directory))
                 for one in document.get("sets", [document])]
        hash(tuple((same, one.machine, one.boot_id) for same, one in found))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SetError(f"{path}: the report is damaged: {type(error).__name__} {error}; {ALLOWED}") from None
    for _, one in found:
        if not one.runs:
            raise SetError(f"{path}: no run compares cmwq2 with native; allowed: reports of a set with native and a "
                           "profile of cmwq2 in the list of engines")
    partial = boots.partial_text(document)
    return found, [f"{path}: {partial}"] if partial else []


def collect(wanted: Iterable[Path], leave_out: bool = False) -> Fleet:
    """Read all reports that @wanted, files and directories, has. With @leave_out a file that is no report is left out.
    Raises SetError if one is not, or if none is left."""
    known: dict = {}
    found = Fleet([], [], [], [])
    for path, directory in files(wanted):
        try:
            sets_, notes = read(path, directory)
        except (SetError, OSError) as error:
            if not leave_out:
                raise
            found.left_out.append(str(error))
            continue
        found.notes += notes
        for same, one in sets_:
            before = known.setdefault((same, one.machine, one.boot_id, repr((one.seeds, one.runs))), (same, one))
            if before[1] is not one:
                found.copies.append(f"{one.file} has a boot that is in {before[1].file}, too")
    if not known:
        raise SetError(f"no report is left: {found.left_out[0]}")
    found.groups = _groups(list(known.values()))
    return found


# Grouping


def _groups(all_of: Sequence[tuple]) -> list:
    """Return the groups of (values of SAME, Boot), those with most boots first."""
    by_group: dict = {}
    for same, one in all_of:
        by_group.setdefault(same, []).append(one)
    found = [Group(dict(zip(SAME, same)), _machines(each)) for same, each in by_group.items()]
    return sorted(found, key=lambda group: (-len(group.boots), [str(value) for value in group.same.values()]))


def _machines(each: Sequence[Boot]) -> list:
    """Return the machines of a group by name. Two machines of one name get their identities as a part of it."""
    by_machine: dict = {}
    for one in each:
        by_machine.setdefault((one.machine, None if one.machine else Path(one.file).parent.resolve()), []).append(one)
    places = {key: list(dict.fromkeys(one.directory for one in own)) for key, own in by_machine.items()}
    found = [(_name(places[key], [place for other, each in places.items() if other != key for place in each]),
              key[0], _by_boot(own)) for key, own in by_machine.items()]
    names = [name for name, _, _ in found]
    return sorted((Machine(name if names.count(name) == 1 else f"{name}#{identity or 'unknown'}", own)
                   for name, identity, own in found), key=lambda machine: _natural(machine.name))


def _natural(name: str) -> list:
    """Return what names are sorted by, so that host2 comes before host10."""
    return [(part.isdigit(), part.zfill(20)) for part in re.split("([0-9]+)", name)]


def _name(own: Sequence[str], others: Sequence[str]) -> str:
    """Return a machine's name: the first folders of its directories that no directory of another machine begins with,
    or all folders that its directories have in common."""
    try:
        common = Path(os.path.commonpath(own))
    except ValueError:      # Some are absolute.
        return own[0]
    begins = [Path(*common.parts[:count]) for count in range(1, len(common.parts) + 1)] if others else []
    for begin in begins:
        if not any(begin == Path(other) or begin in Path(other).parents for other in others):
            return str(begin)
    return str(common) if common.parts else own[0]


def _by_boot(own: Sequence[Boot]) -> list:
    """Return the boots of a machine. Reports of one boot become one, with the rounds of all."""
    found: dict = {}
    for number, one in enumerate(own):
        before = found.setdefault(one.boot_id or number, one)
        if before is not one:
            _merge(before, one)
    return list(found.values())


def _merge(one: Boot, more: Boot) -> None:
    """Add the rounds of @more, a report of the same boot, to those of @one. A quiet run replaces a disturbed one."""
    one.seeds += more.seeds
    one.conditions += [text for text in more.conditions if text not in one.conditions]
    for key, run in more.runs.items():
        before = one.runs.get(key)
        if before is None or before["disturbed"] and not run["disturbed"]:
            one.runs[key] = run
        elif before["disturbed"] == run["disturbed"]:
            ratios = {place: before["ratios"].get(place, []) + run["ratios"].get(place, [])
                      for place in dict.fromkeys((*before["ratios"], *run["ratios"]))}
            one.runs[key] = {**before, "ratios": ratios}


# What a group says


def _titles(keys: Sequence[tuple]) -> dict:
    """Return the title of each run, with the settings that tell it from others of the same title."""
    found = {}
    for title, settings in keys:
        others = [dict(other) for name, other in keys if name == title and other != settings]
        differing = [f"{key}={value}" for key, value in settings
                     if any(other.get(key) != value for other in others)]
        found[title, settings] = " ".join((title, *differing))
    return found


def rows(group: Group) -> list:
    """Return a Row for each run, profile and figure of a group, in the order of the first report that has it."""
    keys = list(dict.fromkeys(key for boot in group.boots for key in boot.runs))
    titles = _titles(keys)
    return [row for key in keys for row in _of_run(group, key, titles[key])]


def _of_run(group: Group, key: tuple, title: str) -> Iterable[Row]:
    every = [boot.runs[key] for boot in group.boots if key in boot.runs]
    disturbed = all(run["disturbed"] for run in every)
    places = dict.fromkeys(place for run in every for place in run["ratios"])
    for profile, figure in places:
        counted = []
        for machine in group.machines:
            own = {number: boot.runs[key]["ratios"][profile, figure] for number, boot in enumerate(machine.boots, 1)
                   if key in boot.runs and (disturbed or not boot.runs[key]["disturbed"])
                   and (profile, figure) in boot.runs[key]["ratios"]}
            if own:
                counted.append((machine, own))
        if counted:
            yield _row(title, profile, figure, any(figure in run["first"] for run in every), counted, disturbed)


def _row(title: str, profile: str, figure: str, first: bool, counted: Sequence[tuple], disturbed: bool) -> Row:
    """Return a row. @counted has for each machine the ratios of the rounds of each boot, by the boot's number."""
    found = stats.across_machines([list(own.values()) for _, own in counted])
    machines = [(machine.name, stats.machine_ratio(list(own.values())),
                 {number: stats.machine_ratio([rounds]) for number, rounds in own.items()})
                for machine, own in counted]
    return Row(title, profile, figure, first, found, machines, disturbed,
               _outliers([machine for machine, _ in counted], machines))


def _outliers(there: Sequence[Machine], machines: Sequence[tuple]) -> list:
    """Return the machines that do not fit the other machines, and the boots that do not fit those of their machine."""
    if min(ratio for _, _, each in machines for ratio in each.values()) <= 0:
        return []
    found = [Named(there[each.place].name, None, there[each.place].boots[0].file, each)
             for each in outliers.find([[ratio for _, ratio, _ in machines]])]
    for each in outliers.find([list(own.values()) for _, _, own in machines]):
        machine, number = there[each.group], list(machines[each.group][2])[each.place]
        found.append(Named(machine.name, number, machine.boots[number - 1].file, each))
    return found


def document(fleet: Fleet) -> dict[str, Any]:
    """Return everything as one document for JSON. It has these keys:

      schema       "cmwq2-bench-fleet", and schema_version
      groups       a list; each has the keys of SAME; machines, a list with name, machine (null if the reports do not
                   say) and boots, each with file, boot_id, seeds, version and conditions; and rows
      rows         a list with run, profile, figure, ratio, low, high and verdict as in a report, disturbed; machines, a
                   list with name, ratio and the ratios of the boots by their number, from 1; and outliers, a list with
                   machine, boot (null if all of the machine counts), file, ratio, low and high of the others, their
                   number, distance and allowed, in standard errors
      left_out, copies, notes   sentences about files
    """
    return {"schema": "cmwq2-bench-fleet", "schema_version": 1,
            "groups": [{**group.same, "machines": [_machine(each) for each in group.machines],
                        "rows": [_row_document(row) for row in rows(group)]} for group in fleet.groups],
            "left_out": fleet.left_out, "copies": fleet.copies, "notes": fleet.notes}


def _machine(machine: Machine) -> dict:
    return {"name": machine.name, "machine": machine.boots[0].machine,
            "boots": [{"file": boot.file, "boot_id": boot.boot_id, "seeds": boot.seeds, "version": boot.version,
                       "conditions": boot.conditions} for boot in machine.boots]}


def _rounded(value: Optional[float]) -> Optional[float]:
    return None if value is None else round(value, 4)


def _row_document(row: Row) -> dict:
    return {"run": row.title, "profile": row.profile, "figure": row.figure, "ratio": _rounded(row.found.ratio),
            "low": _rounded(row.found.low), "high": _rounded(row.found.high), "verdict": row.found.verdict,
            "disturbed": row.disturbed,
            "machines": [{"name": name, "ratio": _rounded(ratio),
                          "boots": {str(number): _rounded(value) for number, value in own.items()}}
                         for name, ratio, own in row.machines],
            "outliers": [{"machine": each.machine, "boot": each.boot, "file": each.file,
                          **{key: _rounded(getattr(each.found, key))
                             for key in ("ratio", "low", "high", "others", "distance", "allowed")}}
                         for each in row.outliers]}
