# SPDX-License-Identifier: GPL-2.0
"""Formats what fleet.py has found as text: a page of at most 80 columns, or a wide one with every figure."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import cli
import tables
from benchmark import fleet, outliers, results

COLUMNS = 80
# How many outliers the page of 80 columns has room for, and how much of a file's path and of a machine's name.
MOST_OUTLIERS, PATH, NAME = 10, 40, 24


def text(found: fleet.Fleet, wide: bool = False) -> str:
    """Return the groups as text. With @wide a line may have any length, and every figure, outlier and condition is
    shown."""
    parts = [_group(number, len(found.groups), group, wide) for number, group in enumerate(found.groups, 1)]
    last = [f"Left out: {each}" for each in found.left_out]
    last += [f"Counted once: {each}." for each in found.copies] if wide else _copies(found.copies)
    last += [f"Caution: {each}." for each in found.notes]
    return "\n\n".join([*parts, *(["\n".join(_wrapped(last, wide))] if last else [])])


def _copies(copies: Sequence[str]) -> list:
    more = f"; {len(copies) - 1} more, which --wide lists" if copies[1:] else ""
    return [f"Counted once: {copies[0]}{more}."] if copies else []


def _wrapped(lines: Iterable[str], wide: bool) -> list:
    """Return @lines, unless @wide no longer than _columns(). What continues a line is indented."""
    lines = [cli.one_line(line) if not line.startswith(" ") else f"  {cli.one_line(line)}" for line in lines]
    if wide:
        return lines
    return [part for line in lines for part in textwrap.wrap(
        line, _columns(), subsequent_indent="    ", break_on_hyphens=False)]


def _columns() -> int:
    """Return the width of the page: COLUMNS, or that of a narrower terminal."""
    return min(COLUMNS, tables.width_now() or COLUMNS)


def counted(number: Any, what: str) -> str:
    """Return a number of things as text: 1 boot, 2 boots, - boots if it is not known."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _group(number: int, of: int, group: fleet.Group, wide: bool) -> str:
    rows = fleet.rows(group)
    lines = _wrapped([*_heading(number, of, group, wide), *_cautions(group, wide), _contained(group)], wide)
    for each in [_wide_table(group, rows)] if wide else _tables(group, rows):
        lines += ["", *each]
    lines += ["", *_wrapped([*_marks(rows), *(() if wide else _outliers(group, rows))], wide)]
    return "\n".join(lines + (_wide_outliers(group, rows) if wide else []))


def _heading(number: int, of: int, group: fleet.Group, wide: bool) -> list:
    same = {key: "-" if value in (None, "") else value for key, value in group.same.items()}
    accelerator = f" ({same['accelerator']})" if group.same["accelerator"] else ""
    names = [machine.name if wide else tables.shorten(machine.name, NAME) for machine in group.machines]
    shown = names if wide else names[:12]
    more = f" and {len(names) - len(shown)} more" if shown != names else ""
    return [f"Group {number} of {of}: CPU {same['host']}, {counted(same['cpus'], 'CPU')}, {same['vehicle']}"
            f"{accelerator}, kernel {same['kernel']}, configuration {same['config']}",
            f"{counted(len(names), 'machine')}, {counted(len(group.boots), 'boot')}: {', '.join(shown)}{more}"]


def _cautions(group: fleet.Group, wide: bool) -> list:
    """Return the sentences that a reader must know before trusting any figure of a group."""
    found, same = [], group.same
    where = next((str(each).lower() for each in (same["accelerator"], same["vehicle"])
                  if str(each).lower() in results.NOT_PERFORMANCE), None)
    if where:
        found.append(f"Only the ratios mean something: times under {results.NOT_PERFORMANCE[where]} are not "
                     "performance data.")
    unknown = sum(boot.machine is None for boot in group.boots)
    if unknown:
        found.append(f"Caution: {counted(unknown, 'report')} without a machine: the reports of one directory count as "
                     "one machine.")
    versions = sorted({boot.version for boot in group.boots})
    if len(versions) > 1:
        found.append(f"Caution: the reports are of several versions of cmwq2: {', '.join(versions)}.")
    weak = [(machine.name, number, condition) for machine in group.machines
            for number, boot in enumerate(machine.boots, 1) for condition in boot.conditions]
    if wide:
        return found + [f"Caution: {name}, boot {number}: {condition}." for name, number, condition in weak]
    if weak:
        boots = len({(name, number) for name, number, _ in weak})
        found.append(f"Caution: conditions that weaken the figures were noted in {boots} of "
                     f"{counted(len(group.boots), 'boot')}, first in {weak[0][0]}: {weak[0][2]}; --wide has all.")
    return found


def _contained(group: fleet.Group) -> str:
    """Return which spread the intervals of a group contain, in one sentence."""
    machines, boots = len(group.machines), len(group.boots)
    if machines > 1:
        more = ", which one boot of each machine cannot tell apart" if boots == machines else ""
        return f"Ratios to native, with intervals that contain the spread between machines and between boots{more}."
    if boots > 1:
        return ("Ratios to native, with intervals that contain the spread between the boots of this machine. They say "
                "nothing about other machines.")
    return ("Ratios to native, with intervals over the rounds of one boot. They contain neither the spread between "
            "boots nor that between machines.")


def _title(row: fleet.Row) -> str:
    return row.title + (" (disturbed)" if row.disturbed else "")


def _tables(group: fleet.Group, rows: Sequence[fleet.Row]) -> Iterable[list]:
    """Return a table of rate and p95 of the call, and one of the first figure of the runs that have neither."""
    by_run: dict = {}
    for row in rows:
        if row.first:
            by_run.setdefault((_title(row), row.profile), {})[row.figure] = row
    some = any(row.boots != len(group.boots) for row in rows)
    main, rest = [], []
    for (title, profile), each in by_run.items():
        boots = [min(row.boots for row in each.values())] if some else []
        if set(each) & set(fleet.FIRST):
            main.append((title, profile, *(str(each[figure].found) if figure in each else "-"
                                           for figure in fleet.FIRST), *boots))
        else:
            rest += [(title, profile, figure, str(row.found), *boots) for figure, row in each.items()]
    count = [">boots"] if some else []
    if main:
        yield tables.table(["run", "profile", ">rate [95 %] ", ">p95_ns [95 %] ", *count], main, _columns(), keys=2)
    if rest:
        yield tables.table(["run", "profile", "figure", ">ratio [95 %] ", *count], rest, _columns(), keys=2)


def _extreme(row: fleet.Row, choose: object) -> str:
    name, ratio, _ = choose(row.machines, key=lambda machine: machine[1])       # type: ignore
    return f"{ratio:.3f} {name}"


def _wide_table(group: fleet.Group, rows: Sequence[fleet.Row]) -> list:
    """Return a table of all figures, with the machines that have the lowest and the highest ratio."""
    return tables.table(
        ["run", "profile", "figure", ">ratio [95 %] ", ">machines", ">boots", "lowest machine", "highest machine"],
        [(_title(row), row.profile, row.figure, str(row.found), len(row.machines), row.boots, _extreme(row, min),
          _extreme(row, max)) for row in rows], 0)


def _marks(rows: Sequence[fleet.Row]) -> list:
    if any(row.found.low is not None for row in rows):
        return ["* a difference: the interval excludes 1. No star: no difference seen. A higher rate is better, and a "
                "lower time."]
    return ["No intervals: the rounds are too few."]


# Outliers


def _judged(group: fleet.Group) -> str:
    """Return in one sentence that there is no outlier, and what was looked at."""
    machines = len(group.machines) >= outliers.FEWEST
    boots = sum(len(machine.boots) >= outliers.FEWEST for machine in group.machines)
    if not machines and not boots:
        return "Outliers: not looked for, which takes three machines, or three boots of one machine."
    looked = ["among the machines"] if machines else []
    looked += [f"among the boots of {counted(boots, 'machine')}"] if boots else []
    return f"Outliers: none {' or '.join(looked)}."


def _by_member(rows: Sequence[fleet.Row]) -> list:
    """Return for each outlier the list of (row, fleet.Named), the farthest first. Those in most figures come first."""
    found: dict = {}
    for row in rows:
        for each in row.outliers:
            found.setdefault((each.machine, each.boot), []).append((row, each))
    for each in found.values():
        each.sort(key=lambda pair: -pair[1].found.distance / pair[1].found.allowed)
    return sorted(found.values(), key=lambda each: -len(each))


def _who(group: fleet.Group, each: fleet.Named) -> str:
    machine = next(machine for machine in group.machines if machine.name == each.machine)
    name, file = tables.shorten(each.machine, NAME), tables.shorten(each.file, PATH)
    if each.boot is None and len(machine.boots) > 1:
        return f"machine {name}, all its {len(machine.boots)} boots"
    return f"machine {name}, boot {each.boot or 1} ({file})"


def _outliers(group: fleet.Group, rows: Sequence[fleet.Row]) -> list:
    """Return lines that name the outliers, each with the figure in which it is farthest from the others."""
    found = _by_member(rows)
    if not found:
        return [_judged(group)]
    lines = ["Outliers, which count in the figures above:"]
    for each in found[:MOST_OUTLIERS]:
        row, named = each[0]
        of = sum(any(name == named.machine for name, _, _ in row.machines) for row in rows)
        kind = "machines" if named.boot is None else "boots"
        lines.append(f"  {_who(group, named)}: in {len(each)} of {counted(of, 'figure')}; farthest in {_title(row)}, "
                     f"{row.profile}, {row.figure}: {named.found.text(kind)}")
    if found[MOST_OUTLIERS:]:
        lines.append(f"  and {len(found) - MOST_OUTLIERS} more, which --wide lists")
    return [*lines, "Of machines and boots that are alike, about one figure in twenty names one, too."]


def _wide_outliers(group: fleet.Group, rows: Sequence[fleet.Row]) -> list:
    """Return a table of every outlier in every figure."""
    cells = [(each.machine, "all" if each.boot is None else each.boot, row.title, row.profile, row.figure,
              f"{each.found.ratio:.3f}", each.found.others, f"{each.found.low:.3f}..{each.found.high:.3f}",
              f"{each.found.distance:.1f}", f"{each.found.allowed:.1f}", each.file)
             for member in _by_member(rows) for row, each in member]
    if not cells:
        return [_judged(group)]
    return ["Outliers, which count in the figures above; distances in standard errors:", *tables.table(
        ["machine", ">boot", "run", "profile", "figure", ">ratio", ">others", ">have", ">distance", ">allowed", "file"],
        cells, 0)]
