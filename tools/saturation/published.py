# SPDX-License-Identifier: GPL-2.0
"""Reads published.toml: figures of the kernel's workqueue that others have published, with their sources."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import cli
from toml_reader import tomllib

FILE = Path(__file__).resolve().parent / "published.toml"
WAKES = ("locked", "deferred")
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Machine:
    """A machine with which figures were measured. published.toml explains each field, here and below."""

    name: str
    what: str
    cpus: int
    caches: int
    threads: int
    inferred: str = ""


@dataclass(frozen=True)
class Table:
    """Figures that were measured together, and where they were published."""

    name: str
    machine: str
    producers: int
    wake: str
    list: str
    message: str
    date: str
    author: str
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table: items/s of a scope, and perhaps the median time of the call in ns, and the change of the rate
    in percent when wakeups are deferred."""

    table: str
    scope: str
    pools: int
    rate: float
    low: float | None = None
    high: float | None = None
    p50_ns: float | None = None
    gain: float | None = None

    def __str__(self) -> str:
        return f"{self.table}, {self.scope}"


@dataclass(frozen=True)
class LeftOut:
    """A published table that the model does not speak of, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Published:
    """Everything in the file."""

    machines: list[Machine]
    tables: list[Table]
    rows: list[Row]
    left_out: list[LeftOut]

    def table(self, row: Row) -> Table:
        """Return the table of @row."""
        return next(table for table in self.tables if table.name == row.table)

    def of_machine(self, machine: Machine) -> list[Row]:
        """Return the rows of @machine."""
        return [row for row in self.rows if self.table(row).machine == machine.name]


def _entries(document: dict, section: str, kind: type[Kind], where: str) -> list[Kind]:
    known: dict[str, Any] = {each.name: each.type for each in fields(kind)}     # type: ignore
    found = []
    for number, entry in enumerate(document.get(section, ()), 1):
        for key, value in entry.items():
            if key not in known:
                raise cli.Error(f"{where}: {section} {number}: {key} is not known; allowed: {', '.join(known)}")
            text = known[key] == "str"
            if isinstance(value, str) != text or not text and (isinstance(value, bool) or key != "gain" and value <= 0):
                raise cli.Error(f"{where}: {section} {number}: {key} = {value!r}: allowed: "
                                f"{'a text' if text else 'a number' if key == 'gain' else 'a number above 0'}")
        try:
            found.append(kind(**entry))
        except TypeError as error:
            raise cli.Error(f"{where}: {section} {number}: {str(error).partition('() ')[2]}") from None
    if not found:
        raise cli.Error(f"{where}: has no [[{section}]]")
    return found


def _check(found: Published, where: str) -> None:
    for kind, names in (("machine", [each.name for each in found.machines]), ("table", [each.name for each in
                        found.tables]), ("row", [str(each) for each in found.rows])):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise cli.Error(f"{where}: the {kind} {twice} exists twice")
    machines = {each.name: each for each in found.machines}
    for table in found.tables:
        if table.machine not in machines:
            raise cli.Error(f"{where}: table {table.name}: machine = {table.machine!r}: allowed: {', '.join(machines)}")
        if table.wake not in WAKES:
            raise cli.Error(f"{where}: table {table.name}: wake = {table.wake!r}: allowed: {', '.join(WAKES)}")
        if table.producers > machines[table.machine].cpus:
            raise cli.Error(f"{where}: table {table.name}: producers = {table.producers}: allowed: 1 to the machine's "
                            f"{machines[table.machine].cpus} CPUs")
    tables = {each.name: each for each in found.tables}
    for row in found.rows:
        if row.table not in tables:
            raise cli.Error(f"{where}: row {row}: table = {row.table!r}: allowed: {', '.join(tables)}")
        if row.pools > tables[row.table].producers:
            raise cli.Error(f"{where}: row {row}: pools = {row.pools}: allowed: 1 to the table's "
                            f"{tables[row.table].producers} producers")


def read(path: Path = FILE) -> Published:
    """Return what a file has. Raises cli.Error, with the name of the file and what is allowed, if it is wrong."""
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise cli.Error(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise cli.Error(f"{path}: {error}") from None
    sections = ("machine", "table", "row", "left_out")
    for key in document:
        if key not in sections:
            raise cli.Error(f"{path}: {key} is not known; allowed: {', '.join(sections)}")
    found = Published(_entries(document, "machine", Machine, str(path)), _entries(document, "table", Table, str(path)),
                      _entries(document, "row", Row, str(path)), _entries(document, "left_out", LeftOut, str(path)))
    _check(found, str(path))
    return found
