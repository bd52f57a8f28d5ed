# SPDX-License-Identifier: GPL-2.0
"""Plots of what `make lines` has counted: the cache lines that move between CPUs for an item. They need matplotlib."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cli
from benchmark.documents import SetError

VERSION = 1
# How many structures have a colour of their own; the rest are one part.
MOST = 9
OTHERS = "all others"
# Lines that move in other places than these do not belong to the workqueue.
PHASES = ("enqueue", "wake", "start", "function", "end", "idle", "producer", "other")


def read(paths: Iterable[Path]) -> list:
    """Return the documents in files of make lines. Raises SetError if one of them is something else."""
    found = []
    for path in paths:
        document = cli.read_json(str(path), "a file of make lines")
        if not isinstance(document, dict) or document.get("version") != VERSION or not document.get("workloads") \
                or "by_phase" not in document["workloads"][0]:
            raise SetError(f"{path}: is not a file of make lines that this program knows")
        found.append(document)
    return found


def by_structure(rows: Sequence[dict]) -> dict:
    """Return the transfers of an item by structure, and for each a number for each of @rows. The structures that move
    less than the first MOST are one."""
    sums: dict[str, list] = {}
    for number, row in enumerate(rows):
        for each in row["by_field"]:
            sums.setdefault(each["structure"], [0.0] * len(rows))[number] += each["transfers_per_item"]
    order = sorted(sums, key=lambda name: -max(sums[name]))
    found = {name: sums[name] for name in order[:MOST]}
    rest = [sum(sums[name][number] for name in order[MOST:]) for number in range(len(rows))]
    return {**found, OTHERS: rest} if any(rest) else found


def by_phase(rows: Sequence[dict]) -> dict:
    """Return the transfers of an item by phase. Each phase has one number for each of @rows."""
    return {phase: [row["by_phase"].get(phase, 0.0) for row in rows] for phase in PHASES}


def _bars(axes: Any, parts: dict, names: Sequence[str], title: str) -> None:
    """Draw a bar for each engine, which consists of the parts."""
    left = [0.0] * len(names)
    hatches = ("", "//", "..", "\\\\", "xx")
    for number, (part, values) in enumerate(parts.items()):
        axes.barh(range(len(names)), values, left=left, label=part, color=f"C{number % 10}", height=0.7,
                  hatch=hatches[number % len(hatches)], edgecolor="white", linewidth=0)
        left = [one + other for one, other in zip(left, values)]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(title, fontsize="medium")
    axes.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False)


def _plot(plt: Any, rows: Sequence[dict], cpus: int) -> Any:
    names = [row["profile"] or row["engine"] for row in rows]
    figure, all_axes = plt.subplots(1, 2, figsize=(11, 2.8 + 0.35 * len(rows)), layout="constrained", sharey=True)
    for axes, parts, title in zip(all_axes, (by_structure(rows), by_phase(rows)), ("by structure", "by phase")):
        _bars(axes, parts, names, title)
        axes.set_xlabel("cache lines that move between CPUs, for an item")
    figure.suptitle(f"{rows[0]['workload']}, {rows[0]['scope']}, {cpus} CPUs (left is better)", fontsize="large")
    return figure


def plots(plt: Any, documents: Iterable[dict]) -> Iterable:
    """Return (name, figure) for each load of each document, one after the other. @plt: matplotlib.pyplot."""
    for document in documents:
        loads = dict.fromkeys((row["workload"], row["scope"]) for row in document["workloads"])
        for load in loads:
            rows = [row for row in document["workloads"] if (row["workload"], row["scope"]) == load]
            yield f"lines-{document['cpus']}-{load[0]}-{load[1]}", _plot(plt, rows, document["cpus"])
