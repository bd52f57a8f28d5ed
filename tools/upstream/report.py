# SPDX-License-Identifier: GPL-2.0
"""The reports of `make transfer`: what was measured of each policy on one vehicle.

A report is a JSON object: schema, schema_version, vehicle, and policies, a list of entries. An entry is what one call
has measured of one policy: policy; machine, the kernel and its CPUs; how, the boots, rounds, seed and date; source, the
kernel's source; cautions, a list of sentences about what may have disturbed the figures; and rows, as
transfer.as_json() returns them. A new entry replaces that of the same policy and leaves the others as they are, so
that a table can be measured in several calls."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from upstream import transfer

SCHEMA, VERSION = "cmwq2-transfer", 2


class ReportError(Exception):
    """A file is not a report. The text is one line."""


def empty(vehicle: str) -> dict:
    """Return a report without an entry."""
    return {"schema": SCHEMA, "schema_version": VERSION, "vehicle": vehicle, "policies": []}


def read(path: Path, vehicle: str) -> dict:
    """Return the report in file @path, an empty one if there is no such file. Raises ReportError if the file has
    something else."""
    if not path.exists():
        return empty(vehicle)
    try:
        found = json.loads(path.read_text())
        if (found["schema"], found["schema_version"], found["vehicle"]) == (SCHEMA, VERSION, vehicle):
            return found
    except (ValueError, KeyError, TypeError):
        pass
    raise ReportError(f"{path}: this is not a report of make transfer, version {VERSION}, for {vehicle}; remove it")


def text(report: Mapping) -> str:
    """Return @report as the text of a file."""
    return json.dumps(report, indent=1) + "\n"


def merged(report: Mapping, entries: Iterable[Mapping], order: Sequence[str]) -> dict:
    """Return @report with @entries added, each in place of one of the same policy. The policies come in the given
    @order, and others after them."""
    found = {each["policy"]: each for each in (*report["policies"], *entries)}
    names = [*(name for name in order if name in found), *(name for name in found if name not in order)]
    return {**report, "policies": [found[name] for name in names]}


def entries(report: Mapping, wanted: Iterable[str] = ()) -> list:
    """Return the entries of the policies @wanted, of all if there is none."""
    names = list(wanted)
    return [each for each in report["policies"] if not names or each["policy"] in names]


def rows(report: Mapping, wanted: Iterable[str] = ()) -> list:
    """Return the rows of the policies @wanted, of all if there is none."""
    return [transfer.from_json(row) for each in entries(report, wanted) for row in each["rows"]]


def conditions(report: Mapping, wanted: Iterable[str] = ()) -> list:
    """Return lines that say where and how the policies @wanted were measured. Policies that were measured in the same
    way share a line."""
    lines, by_machine = [], dict[str, dict]()
    for each in entries(report, wanted):
        by_machine.setdefault(each["machine"], {}).setdefault(each["how"], []).append(each["policy"])
    for machine, by_how in by_machine.items():
        lines.append(machine)
        lines += [f"  {', '.join(policies)}: {how}" for how, policies in by_how.items()]
    return lines


def cautions(report: Mapping, wanted: Iterable[str] = ()) -> list:
    """Return a line for each thing that may have disturbed the figures of the policies @wanted."""
    return [f"Caution: {each['policy']}: {caution}" for each in entries(report, wanted) for caution in each["cautions"]]


def page(report: Mapping) -> str:
    """Return the whole report as text."""
    found = rows(report)
    lines = [*conditions(report), "", *transfer.table(found), ""]
    ranks = transfer.ranks(found)
    lines += ["The policies in the order of their gains in items/s:", *ranks, ""] if ranks else []
    return "\n".join([*lines, *cautions(report), transfer.summary(found)])
