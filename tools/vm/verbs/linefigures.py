# SPDX-License-Identifier: GPL-2.0
"""The figures of `make lines`: lines.json, and the tables for people."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from base.common import aligned
from looks import moves
from machines import linecount

VERSION = 1
# A field is listed if its lines move this often for an item of one of the engines.
LEAST = 0.5
# A field of a workqueue's own structures that no CPU has written to is told of if it moves this often for an item.
LEAST_ELSEWHERE = 0.1
OWN = ("cmwq2_pool", "cmwq2_worker", "cmwq2_pwq", "cmwq2_wq", "cmwq2_nna", "worker_pool", "worker", "pool_workqueue",
       "workqueue_struct", "wq_node_nr_active", "per-CPU allocation")


def spread(values: Sequence[float]) -> dict:
    """Return median, lowest and highest of one figure of several boots."""
    return {"median": round(statistics.median(values), 3), "low": round(min(values), 3), "high": round(max(values), 3)}


def _medians(each: Sequence[Mapping]) -> dict:
    """Return the median of each value. A boot that does not have a key has counted 0."""
    keys = dict.fromkeys(key for one in each for key in one)
    return {key: statistics.median(one.get(key, 0) for one in each) for key in keys}


def _rounded(values: Mapping, order: Iterable) -> dict:
    return {key: round(values[key], 3) for key in order if key in values}


def by_field(boots: Sequence[moves.Counted]) -> list:
    """Return the fields whose lines move, most often first. The figures are medians over the boots."""
    places: dict = {}
    for what in ("fields", "functions", "phases"):
        for (structure, field, key), times in _medians([getattr(boot, what) for boot in boots]).items():
            places.setdefault((structure, field), {}).setdefault(what, {})[key] = times
    elsewhere = _medians([boot.elsewhere for boot in boots])
    found = []
    for (structure, field), by in places.items():
        causes, functions, phases = (by.get(what, {}) for what in ("fields", "functions", "phases"))
        found.append({
            "structure": structure, "field": field, "transfers_per_item": round(sum(causes.values()), 3),
            "elsewhere": round(elsewhere.get((structure, field), 0), 3),
            "by_cause": _rounded(causes, linecount.CAUSES), "by_phase": _rounded(phases, linecount.PHASES),
            "by_function": _rounded(functions, sorted(functions, key=lambda name: -functions[name]))})
    return sorted(found, key=lambda each: (-each["transfers_per_item"], each["structure"], each["field"]))


def by_phase(boots: Sequence[moves.Counted]) -> dict:
    """Return the transfers of an item in each phase, medians over the boots."""
    sums = []
    for boot in boots:
        sums.append(dict.fromkeys(linecount.PHASES, 0.0))
        for (_, _, phase), times in boot.phases.items():
            sums[-1][phase] += times
    return _rounded(_medians(sums), linecount.PHASES)


def document(boots: Sequence) -> dict:
    """Return what the boots have counted, in the form that lines.json has. @boots: those of lines.py."""
    workloads = []
    for load, engine in boots[0].kinds:
        rounds = [boot.rounds_of(load, engine) for boot in boots]
        found = [moves.middle(each) for each in rounds]
        totals = [each.total for some in rounds for each in some]
        name, _, profile = engine.partition(":")
        workloads.append({
            "workload": load.workload, "scope": load.scope, "engine": name, "profile": profile or None,
            "items": boots[0].items * load.length, "rounds": len(rounds[0]),
            "transfers_per_item": spread([each.total for each in found]), "of_rounds": spread(totals),
            "under_lock": spread([each.under_lock for each in found]),
            "in_timer": spread([each.in_timer for each in found]), "by_phase": by_phase(found),
            "wakeups": spread([each.begun.get(linecount.WAKES, 0.0) for each in found]), "by_field": by_field(found)})
    return {"version": VERSION, "cpus": boots[0].cpus, "boots": len(boots), "turn_us": boots[0].turn_us,
            "workloads": workloads}


def summed(found: Mapping) -> dict:
    """Return a document of which `make scale` reads the transfers: summed up by structure, without what it does not
    need."""
    workloads = []
    for row in found["workloads"]:
        sums: dict = {}
        for each in row["by_field"]:
            sums[each["structure"]] = sums.get(each["structure"], 0) + each["transfers_per_item"]
        fields = [{"structure": name, "field": "-", "transfers_per_item": round(sums[name], 3)}
                  for name in sorted(sums, key=lambda name: -sums[name])]
        workloads.append({**{key: row[key] for key in ("workload", "scope", "engine", "profile", "items", "rounds",
                                                       "transfers_per_item", "under_lock", "wakeups")},
                          "by_field": fields})
    return {**found, "workloads": workloads}


def _by_structure(rows: Sequence[Mapping]) -> list:
    """Return a line for each structure that moves at least once for an item of one of @rows, and one for the rest."""
    sums: dict = {}
    for number, row in enumerate(rows):
        for each in row["by_field"]:
            sums.setdefault(each["structure"], [0.0] * len(rows))[number] += each["transfers_per_item"]
    listed = sorted((name for name in sums if max(sums[name]) >= 1), key=lambda name: -max(sums[name]))
    rest = [sum(sums[name][number] for name in sums if name not in listed) for number in range(len(rows))]
    return [(name, *(f"{value:.2f}" for value in values))
            for name, values in [*((name, sums[name]) for name in listed), ("all others", rest)]]


def summary(found: Mapping) -> str:
    """Return the figures of lines.rst: of each load, and of the first load by structure and phase."""
    loads: dict = {}
    for row in found["workloads"]:
        loads.setdefault((row["workload"], row["scope"]), []).append(row)
    heads = [label(row) for row in next(iter(loads.values()))]
    lines = [("load", *heads)]
    for load, rows in loads.items():
        lines.append((", ".join(load), *(f"{row['transfers_per_item']['median']:.2f} "
                                         f"[{_range(row, 'transfers_per_item')}]" for row in rows)))
    load, rows = next(iter(loads.items()))
    parts = [("structure", *heads), *_by_structure(rows)]
    parts += [(f"in phase {phase}", *(f"{row['by_phase'].get(phase, 0):.2f}" for row in rows))
              for phase in linecount.PHASES]
    parts += [("with a lock held", *(f"{row['under_lock']['median']:.2f}" for row in rows)),
              ("wakeups of a worker", *(f"{row['wakeups']['median']:.2f}" for row in rows)),
              ("rounds", *(_range(row, "of_rounds") for row in rows))]
    return (f"{found['cpus']} CPUs, {found['boots']} boots\n{aligned(lines, 1)}\n\n{', '.join(load)}\n"
            f"{aligned(parts, 1)}")


def label(row: Mapping) -> str:
    """Return the name of a row's engine, such as native or cmwq2:shared."""
    return f"{row['engine']}:{row['profile']}" if row["profile"] else row["engine"]


def _range(row: Mapping, what: str) -> str:
    return f"{row[what]['low']:.2f}..{row[what]['high']:.2f}"


def elsewhere(rows: Sequence[Mapping]) -> str:
    """Return which fields of the workqueues' structures move although no CPU has written to them, so that the line may
    be shared falsely: one line for each engine, or ''."""
    lines = []
    for row in rows:
        fields = sorted((each for each in row["by_field"] if each["structure"] in OWN
                         and each["elsewhere"] >= LEAST_ELSEWHERE), key=lambda each: -each["elsewhere"])
        some = [f"{each['structure']}.{each['field']} {each['elsewhere']:.2f}" for each in fields]
        lines += [f"  {label(row)}: {', '.join(some)}"] if some else []
    return "\n".join(lines)


def table(rows: Sequence[Mapping]) -> str:
    """Return the figures of one load as a table for people. @rows: entries of lines.json, one for each engine."""
    fields: dict = {}
    for number, row in enumerate(rows):
        for each in row["by_field"]:
            cells = fields.setdefault((each["structure"], each["field"]), [0.0] * len(rows))
            cells[number] = each["transfers_per_item"]
    lines = [("structure", "field", *(label(row) for row in rows))]
    listed = sorted((place for place in fields if max(fields[place]) >= LEAST),
                    key=lambda place: (-max(fields[place]), place))
    for place in listed:
        lines.append((*place, *(f"{value:.2f}" for value in fields[place])))
    rest = [sum(cells[number] for place, cells in fields.items() if place not in listed) for number in range(len(rows))]
    lines.append(("all others", "", *(f"{value:.2f}" for value in rest)))
    for phase in linecount.PHASES:
        if max(row["by_phase"].get(phase, 0) for row in rows) >= LEAST:
            lines.append(("in phase", phase, *(f"{row['by_phase'].get(phase, 0):.2f}" for row in rows)))
    for title, key in (("all of it", "transfers_per_item"), ("with a lock held", "under_lock")):
        lines.append((title, "", *(f"{row[key]['median']:.2f}" for row in rows)))
    lines.append(("boots", "", *(_range(row, "transfers_per_item") for row in rows)))
    lines.append(("rounds", "", *(_range(row, "of_rounds") for row in rows)))
    lines.append(("wakeups of a worker", "", *(f"{row['wakeups']['median']:.2f}" for row in rows)))
    return aligned(lines, 2)
