# SPDX-License-Identifier: GPL-2.0
"""Compares reports with goals: how a profile must compare with the kernel's workqueue. goals.toml has them, and says
how a file of goals is written."""

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import tables
from benchmark import results, stats
from benchmark.documents import SetError
from toml_reader import tomllib

FILE = Path(__file__).resolve().parent / "goals.toml"
REACHED, BARELY, NEARLY, MISSED = "reached", "reached by the median only", "missed by the median only", "missed"
UNMEASURED = "not measured"
TEXTS, NUMBERS = ("run", "figure", "of", "profile"), ("at_least", "at_most")


@dataclass(frozen=True)
class Goal:
    """One goal. @run is a title or a pattern of titles, @of the title of the run whose native figure is compared, or
    None for the same run. @vehicles is empty if the goal applies to all."""

    run: str
    figure: str
    bound: float
    at_least: bool
    profile: str
    of: Optional[str] = None
    vehicles: tuple = ()

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"

    def verdict(self, found: Optional[stats.Comparison]) -> str:
        """Return on which side of the bound the median is, and whether the whole interval is on that side."""
        if not found:
            return UNMEASURED

        def right(ratio: float) -> bool:
            return ratio >= self.bound if self.at_least else ratio <= self.bound
        whole = found.low is not None and found.high is not None and right(found.low) == right(found.high)
        if right(found.ratio):
            return REACHED if whole else BARELY
        return MISSED if whole else NEARLY


@dataclass(frozen=True)
class Row:
    """What a report says about a goal. @title is that of the run, or the goal's pattern if no run matches it."""

    vehicle: str
    title: str
    goal: Goal
    found: Optional[stats.Comparison]
    disturbed: bool = False

    @property
    def verdict(self) -> str:
        """The verdict in a few words."""
        return self.goal.verdict(self.found)

    def cells(self) -> tuple:
        """Return the row as text."""
        verdict = self.verdict + (", disturbed" if self.disturbed else "")
        return (self.vehicle, self.title, self.goal.figure,
                f"native, {self.goal.of}" if self.goal.of else "native", str(self.goal),
                str(self.found).rstrip(" *") if self.found else "-", verdict)


HEADS = ("vehicle", "run", "figure", "ratio to", "goal", "ratio [95 %]", "")


def _goal(number: int, entry: dict, profile: str, where: str) -> Goal:
    def wrong(why: str) -> SetError:
        return SetError(f"{where}: goal {number}: {why}")
    for key, value in entry.items():
        right = (isinstance(value, str) if key in TEXTS else
                 isinstance(value, (int, float)) and value > 0 if key in NUMBERS else
                 isinstance(value, list) and all(isinstance(each, str) for each in value) if key == "vehicles" else
                 None)
        if right is None:
            raise wrong(f"{key} is not known; allowed: {', '.join((*TEXTS, *NUMBERS, 'vehicles'))}")
        if not right:
            raise wrong(f"{key} = {value!r}: allowed: "
                        f"{'a text' if key in TEXTS else 'a number above 0' if key in NUMBERS else 'a list of texts'}")
    if not entry.get("run") or not entry.get("figure"):
        raise wrong("needs a run and a figure")
    if sum(key in entry for key in NUMBERS) != 1:
        raise wrong("needs either at_least or at_most")
    at_least = "at_least" in entry
    return Goal(entry["run"], entry["figure"], entry["at_least" if at_least else "at_most"], at_least,
                entry.get("profile", profile), entry.get("of"), tuple(entry.get("vehicles", ())))


def read(path: Path = FILE, profile: Optional[str] = None) -> list:
    """Return the goals in a file. @profile replaces the profile that the file names first. Raises SetError."""
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetError(f"{path}: {error}") from None
    for key in found:
        if key not in ("profile", "goal"):
            raise SetError(f"{path}: {key} is not known; allowed: profile, goal")
    usual = profile or found.get("profile")
    if not isinstance(usual, str):
        raise SetError(f"{path}: names no profile")
    entries = found.get("goal")
    if not isinstance(entries, list) or not entries:
        raise SetError(f"{path}: has no [[goal]]")
    return [_goal(number, entry, usual, str(path)) for number, entry in enumerate(entries, 1)]


def _by_boot(run: dict, engine: int, figure: str) -> list:
    values, parts = results.values_of(run["rounds"], engine, figure), []
    for size in results.boot_sizes(run["rounds"]):
        parts.append(values[:size])
        values = values[size:]
    return parts


def _boots(run: dict) -> set:
    return {record.get("boot", 0) for record in run["rounds"]}


def _in_boots(run: dict, boots: set) -> dict:
    return {**run, "rounds": [record for record in run["rounds"] if record.get("boot", 0) in boots]}


def _compared(run: dict, other: Optional[dict], goal: Goal) -> Optional[stats.Comparison]:
    """Return the ratio of a goal's figure in @run to native's in @run, or in the run @other."""
    names, base = run["header"]["engines"], (other or run)["header"]
    engine = f"cmwq2:{goal.profile}"
    if engine not in names or "native" not in base["engines"] or goal.figure not in run["header"]["figures"] \
            or goal.figure not in base["figures"]:
        return None
    index, native = names.index(engine), base["engines"].index("native")
    if other:
        # A run that was disturbed in a boot lacks this boot.
        both = _boots(other) & _boots(run)
        if not both:
            return None
        run, other = _in_boots(run, both), _in_boots(other, both)
        return stats.within_boots(_by_boot(run, index, goal.figure), _by_boot(other, native, goal.figure))
    return stats.paired(results.values_of(run["rounds"], index, goal.figure),
                        results.values_of(run["rounds"], native, goal.figure), results.boot_sizes(run["rounds"]))


def profiles(document: dict) -> list:
    """Return the profiles that a report has."""
    return list(dict.fromkeys(name.partition(":")[2] for run in document["runs"] for name in run["header"]["engines"]
                              if name.startswith("cmwq2:")))


def rows(document: dict, wanted: Iterable[Goal]) -> list:
    """Return a row for each run to which one of the goals applies."""
    found, vehicle = [], document["vehicle"]
    by_title = {run["title"]: run for run in document["runs"]}
    for goal in (goal for goal in wanted if not goal.vehicles or vehicle in goal.vehicles):
        other = by_title.get(goal.of) if goal.of else None
        titles = [title for title in by_title if fnmatch.fnmatchcase(title, goal.run)]
        for title in titles:
            compared = None if goal.of and not other else _compared(by_title[title], other, goal)
            disturbed = any((run or {}).get("disturbed") for run in (by_title[title], other))
            found.append(Row(vehicle, title, goal, compared, disturbed))
        if not titles:
            found.append(Row(vehicle, goal.run, goal, None))
    return found


def counted(found: Sequence[Row]) -> str:
    """Return how many goals were reached, as text."""
    counts = {verdict: sum(row.verdict == verdict for row in found)
              for verdict in (REACHED, BARELY, NEARLY, MISSED, UNMEASURED)}
    return f"{len(found)} goals: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def text(found: Sequence[Row]) -> str:
    """Return the rows as a table, with their number by verdict."""
    lines = tables.table(HEADS, [row.cells() for row in found])
    return "\n".join([*lines, "Reached, missed: the whole interval is on that side of the bound.", counted(found)])
