# SPDX-License-Identifier: GPL-2.0
"""
Shows cmwq2's latency histograms as text bars. drgn reads them from the module's tables.

In a drgn session::

    >>> import latency
    >>> print(latency.show(prog))
    >>> print(latency.show(prog, "cmwq2_bench*"))
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import Any

from wq.drgn_names import FaultError
from wq.engine import Cmwq2Error, Gaps
from wq.names import wq_name
from wq.walks import for_each_pool, for_each_pwq, for_each_workqueue

Counts = list[int]
Table = dict[str, Counts]

WIDTH = 40
UNITS = ((10**9, "s"), (10**6, "ms"), (10**3, "us"))
# The text shown if there are no counts because nothing was ever measured.
OFF = "no item was counted: echo Y > /sys/module/cmwq2/parameters/latency, and let items run"


def stages(prog: Any) -> list[str]:
    """Return the names of the stages in the order of their enum."""
    prefix = "CMWQ2_LATENCY_"
    names = {e.value: e.name[len(prefix):].lower()
             for e in prog.type("enum cmwq2_latency_stage").enumerators}
    return [names[i] for i in sorted(names) if names[i] != "nr"]


def read(pointers: Iterable[Any], names: list[str]) -> Table:
    """Return the sum of the tables of some ``struct cmwq2_latency *``, each of which may be NULL."""
    sums: Table = {}
    for pointer in pointers:
        if not pointer:
            continue
        try:
            rows = pointer.count.read_().value_()
        except FaultError:
            continue
        for name, row in zip(names, rows):
            sums[name] = [a + b for a, b in zip(sums.get(name, [0] * len(row)), row)]
    return {name: row for name, row in sums.items() if any(row)}


def collect(prog: Any, pattern: str | None = None, numbers: Collection[int] | None = None,
            gaps: Gaps = None) -> dict[str, Table]:
    """
    Return the tables with a count above 0, by "pool N" and "workqueue NAME".

    :param pattern: only workqueues whose name matches this glob, and no pools
    :param numbers: only these pools, and no workqueues
    """
    try:
        names = stages(prog)
    except LookupError:
        raise Cmwq2Error("this module keeps no latency histograms") from None
    found = {}
    for pool in () if pattern else for_each_pool(prog, gaps):
        if not numbers or pool.id.value_() in numbers:
            found[f"pool {pool.id.value_()}"] = read([pool.latency], names)
    for wq in () if numbers else for_each_workqueue(prog, gaps):
        name = wq_name(wq)
        if pattern and not fnmatchcase(name, pattern):
            continue
        pwqs = for_each_pwq(wq, gaps)
        key = f"workqueue {name}"
        while key in found:
            key += "'"      # several workqueues may have the same name
        found[key] = read([wq.latency, *(pwq.latency for pwq in pwqs)], names)
    return {key: table for key, table in found.items() if table}


# Showing: everything below works on what was collected.


def format_ns(ns: int) -> str:
    """Return a power of two of nanoseconds as text, just long enough to differ from its neighbours."""
    for size, unit in UNITS:
        if ns >= size:
            number = ns / size
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{ns} ns"


def percentile(counts: Counts, percent: float) -> int:
    """Return the first bucket up to which at least this percentage of the items was counted."""
    left = sum(counts) * percent / 100
    for bucket, count in enumerate(counts):
        left -= count
        if left <= 0:
            return bucket
    return len(counts) - 1


def below(bucket: int, buckets: int) -> str:
    """Return the bound of a bucket as text: "<" and its upper bound, for the last one ">" and its lower bound."""
    if bucket >= buckets - 1:
        return ">" + format_ns(1 << bucket - 1)
    return "<" + format_ns(1 << bucket)


def show_stage(name: str, counts: Counts) -> list[str]:
    """Return a line of numbers for a stage, and a bar for each bucket from the first used one to the last."""
    size = len(counts)
    points = "  ".join(f"p{p} {below(percentile(counts, p), size)}" for p in (50, 90, 99))
    lines = [f"  {name}: {sum(counts)} items  {points}"]
    used = [i for i, count in enumerate(counts) if count]
    most = max(counts)
    for i in range(used[0], used[-1] + 1):
        bar = "#" * -(-counts[i] * WIDTH // most)
        lines.append(f"    {below(i, size):>9} {counts[i]:>10} |{bar}".rstrip())
    return lines


def show_tables(tables: dict[str, Table]) -> str:
    """Return all tables as text of at most 80 columns."""
    lines: list[str] = []
    for key, table in tables.items():
        lines.append(key)
        for name, counts in table.items():
            lines += show_stage(name, counts)
        lines.append("")
    return "\n".join(lines or [OFF, ""])


def show(prog: Any, pattern: str | None = None) -> str:
    """Return the histograms of a kernel as text. For the pattern see collect()."""
    return show_tables(collect(prog, pattern))
