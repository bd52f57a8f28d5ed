# SPDX-License-Identifier: GPL-2.0
"""The tables of make scale, and its JSON document."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Iterable, Sequence

import tables
from saturation import counts, fit, formula, published

SCHEMA = 1
# The width of a line in documents and files. A narrower terminal gets shorter lines.
WIDTH = 100
CPUS = (1, 2, 4, 8, 16, 32, 64, 128)
SCOPES = ("system", "cache", "cache_shard", "cpu")
# Cores of a shard, as the kernel has it by default.
SHARD_CORES = 8
# What an instruction takes in the runs that show how much depends on it.
OTHER_INSTRUCTIONS = (formula.INSTRUCTION_NS / 2, formula.INSTRUCTION_NS * 2)


def pools(machine: published.Machine, scope: str, cpus: int) -> int:
    """Return how many pools of @scope are in use on a machine like @machine if its first @cpus CPUs have producers. If
    @machine has fewer CPUs than that, the answer is for one with more caches of the same size."""
    of_cache = machine.cpus // machine.caches
    if scope == "system":
        return 1
    if scope == "cpu":
        return cpus
    if scope == "cache":
        return math.ceil(cpus / of_cache)
    # The kernel divides the cores of a cache by the size of a shard and rounds to the nearest number.
    shards = max(1, math.floor(of_cache / machine.threads / SHARD_CORES + 0.5))
    return math.ceil(cpus / math.ceil(of_cache / shards))


@dataclasses.dataclass(frozen=True)
class Line:
    """Predicted items/s of one engine and scope on one machine, by the number of CPUs."""

    machine: str
    engine: str
    scope: str
    rates: dict[int, float]


def name_of(engine: str, locked: bool) -> str:
    """Return what a policy is called in the tables."""
    return f"{engine}, wake locked" if locked and engine == counts.NATIVE else engine


def lines(found: counts.Counts, fits: Iterable[fit.Fit]) -> list[Line]:
    """Return items/s over CPUS for each machine, engine and scope. Native is there twice: as it is in 7.3, and as
    kernels before 7.3 are, which wake with the lock held."""
    engines = [(name, found.instructions[name].locked) for name in found.engines()]
    engines.insert(0, (counts.NATIVE, True))
    return [Line(each.machine.name, name_of(engine, locked), scope,
                 {cpus: _rate(found, each, engine, locked, scope, cpus) for cpus in CPUS})
            for each in fits for engine, locked in engines for scope in SCOPES]


def _rate(found: counts.Counts, each: fit.Fit, engine: str, locked: bool, scope: str, cpus: int) -> float:
    number = pools(each.machine, scope, cpus)
    return formula.predict(found.item(engine, cpus, number, locked), each.parameters, cpus, number).rate


def _number(value: float, figure: str) -> str:
    if figure == fit.GAIN:
        return f"{value:+.1f} %"
    return f"{value / 1000:.2f} us" if figure == fit.CALL else f"{value:,.0f}"


def _percent(part: float) -> str:
    return f"{100 * part:+.0f} %"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, tables.width_now())


def _counts_part(found: counts.Counts) -> list[str]:
    titles = tables.numbers("engine", "instr", "held", "call", "wakeup", "CPUs", "pool", "node", "outside",
                            "pool (cpu)", "wakeups")
    rows = []
    for engine in found.engines():
        what = found.instructions[engine]
        for cpus, moved in sorted(found.transfers[found.counted(engine), counts.SHARED].items()):
            alone = found.places(engine, counts.ALONE, cpus)
            rows.append((engine, f"{what.item:.0f}", f"{what.lock:.0f}", f"{what.enqueue:.0f}", f"{what.wake:.0f}",
                         cpus, *(f"{moved[place]:.2f}" for place in (counts.POOL, counts.NODE, counts.OUTSIDE)),
                         f"{alone[counts.POOL]:.2f}", f"{found.wakeups(engine):.2f}"))
    return [_wrapped(f"Counts per item from {', '.join(found.files)}."),
            _wrapped("Instructions: all, with pool->lock held, of the call, of the wakeup of a worker; held and call "
                     "without the wakeup. CPUs of the guest. Transfers of cache lines in the scope system: lines of "
                     "the pool and the item, the line that the pools of a node share, both with the lock held, and "
                     "lines used without it; then those of the pool in the scope cpu. Wakeups of a worker."),
            "", *tables.table(titles, rows)]


def _fits_part(fits: Sequence[fit.Fit]) -> list[str]:
    rows = [(each.machine.name, each.machine.what, str(each.row), ", ".join(each.free),
             f"{each.parameters.transfer:.1f}",
             f"{each.parameters.wakeup:.0f}" if len(each.free) > 1 else "0, not fitted") for each in fits]
    return [_wrapped("Two parameters of each machine, fitted on one row: ns for the transfer of a line, and ns for a "
                     "wakeup beside its instructions. A row without a gain does not determine the wakeup."),
            "", *tables.table(["machine", "", "fitted row", "figures", ">transfer", ">wakeup"], rows)]


def _difference(each: fit.Compared) -> str:
    return f"{each.predicted - each.measured:+.1f} points" if each.figure == fit.GAIN else _percent(each.error)


def _row_cells(each: fit.Compared) -> tuple:
    verdict = "fitted" if each.fitted else ("repeat" if each.repeats else "within 30 %") if each.good else "off"
    return (each.row.table, each.row.scope, each.row.pools, each.figure, _number(each.measured, each.figure),
            _number(each.predicted, each.figure), _difference(each), verdict)


def _compared_part(model: fit.Model, each: fit.Fit) -> list[str]:
    compared = model.compare(each)
    titles = ["table", "scope", ">pools", "figure", ">published", ">predicted", ">error", ""]
    return [f"{each.machine.what}, fitted on {each.row}", "",
            *tables.table(titles, [_row_cells(one) for one in compared]), _summary(compared)]


def _summary(compared: Sequence[fit.Compared]) -> str:
    parts = []
    for figure in fit.FIGURES:
        some = [one for one in fit.predicted(compared) if one.figure == figure]
        new = [one for one in some if not one.repeats]
        if some:
            parts.append(f"{figure} {sum(one.good for one in some)} of {len(some)}, without repeats "
                         f"{sum(one.good for one in new)} of {len(new)}")
    return _wrapped(f"Predicted within 30 %: {'; '.join(parts)}. The fitted row does not count. A repeat has the "
                    "producers and the pools of the fitted row, and the same prediction.")


def _goal_cells(goal: fit.Goal) -> tuple:
    if goal.error is None:
        return goal.machine.name, goal.what, "-", "-", "-", "nothing published"
    assert goal.measured is not None and goal.predicted is not None
    unit = " %" if goal.what == fit.GAIN_GOAL else ""
    return (goal.machine.name, goal.what, f"{goal.measured:.1f}{unit}", f"{goal.predicted:.1f}{unit}",
            _percent(goal.error), "within 30 %" if goal.reached else "missed")


def _goals_part(model: fit.Model, fits: Sequence[fit.Fit]) -> list[str]:
    found = [goal for each in fits for goal in fit.goals(model, each)]
    said = []
    for what in (fit.RATIO_GOAL, fit.GAIN_GOAL):
        some = [goal for goal in found if goal.what == what and goal.error is not None]
        said.append(f"{what}: {sum(bool(goal.reached) for goal in some)} of {len(some)} machines within 30 %")
    return ["The goals: both within 30 % on three of the four machines", "",
            *tables.table(["machine", "what", ">published", ">predicted", ">error", ""],
                          [_goal_cells(goal) for goal in found]), _wrapped(f"{'; '.join(said)}.")]


def _both_saturated_part(model: fit.Model) -> list[str]:
    rows = []
    for table in model.known.tables:
        rates = {row.scope: row.rate for row in model.known.rows if row.table == table.name}
        if "cpu" in rates and "system" in rates:
            rows.append((table.name, table.producers, f"{1e9 / rates['system']:,.0f}", f"{1e9 / rates['cpu']:,.0f}",
                         f"{rates['cpu'] / rates['system']:.1f}"))
    item = model.counts.item(counts.NATIVE, fit.MANY, 1, True)
    ratio = f"({item.pool:.1f} + {item.node:.1f}) / {item.node:.1f} = {(item.pool + item.node) / item.node:.1f}"
    return [_wrapped("Without any parameter: where both the lock of one pool and the line of the node are saturated, "
                     "an item takes the time of its hold in the scope system, and that of its transfers of the line in "
                     "the scope cpu. If each transfer takes the same time, and other things little, then the ratio of "
                     f"both is that of the counts, on every machine: {ratio}."), "",
            *tables.table(["table", ">producers", ">ns, system", ">ns, cpu", ">ratio"], rows)]


def _every_row_part(model: fit.Model) -> list[str]:
    rows = []
    for machine in model.known.machines:
        for each in model.every_fit(machine):
            compared = fit.predicted(model.compare(each))
            some = [one for one in compared if one.figure == fit.RATE]
            rows.append((str(each.row), f"{each.parameters.transfer:.0f}", f"{each.parameters.wakeup:.0f}",
                         f"{sum(one.good for one in some)} of {len(some)}", f"{1 + fit.median_error(some):.2f}"))
    return [_wrapped("How much depends on the row that is fitted: the same with each row in turn, and how many of the "
                     "other rows' items/s are then within 30 %, with the median factor by which they are off"), "",
            *tables.table(["fitted row", ">transfer", ">wakeup", ">within 30 %", ">median factor"], rows)]


def _instruction_part(model: fit.Model) -> list[str]:
    said = []
    for instruction in (formula.INSTRUCTION_NS, *OTHER_INSTRUCTIONS):
        other = fit.Model(model.counts, model.known, instruction)
        some = [one for each in other.fits() for one in fit.predicted(other.compare(each)) if one.figure == fit.RATE]
        said.append(f"{sum(one.good for one in some)} of {len(some)} with {instruction:.2f} ns")
    return [_wrapped("How much depends on the time of an instruction, which is the same for all machines and is not "
                     f"fitted. Items/s within 30 %: {', '.join(said)}.")]


def _scale_part(each: fit.Fit, found: Sequence[Line]) -> list[str]:
    rows = [(line.engine, line.scope, *(f"{rate / 1000:,.0f}" for rate in line.rates.values()))
            for line in found if line.machine == each.machine.name]
    return [_wrapped(f"Thousand items/s over the number of CPUs, each with a producer, on a machine like "
                     f"{each.machine.what}"), "",
            *tables.table(["policy", "scope", *(f">{cpus}" for cpus in CPUS)], rows)]


def _left_out_part(known: published.Published) -> list[str]:
    return ["Published, but not compared", "",
            *(textwrap.fill(f"{each.what}: {each.why}", tables.width_now(), initial_indent="* ", subsequent_indent="  ")
              for each in known.left_out)]


def text(model: fit.Model, width: int = WIDTH) -> str:
    """Return all that make scale prints, in lines of at most @width columns."""
    fits = model.fits()
    found = lines(model.counts, fits)
    with tables.at_most(width):
        parts = [_counts_part(model.counts), _fits_part(fits), *(_compared_part(model, each) for each in fits),
                 _goals_part(model, fits), _both_saturated_part(model), _every_row_part(model),
                 _instruction_part(model), *(_scale_part(each, found) for each in fits), _left_out_part(model.known)]
        return tables.fitted("\n\n".join("\n".join(part) for part in parts))


def document(model: fit.Model) -> dict:
    """Return the same as an object for JSON. Times are in ns, gains in percent, errors as parts."""
    fits = model.fits()
    return {
        "schema": SCHEMA, "files": model.counts.files,
        "instruction_ns": model.instruction,
        "fits": [{"machine": each.machine.name, "table": each.row.table, "scope": each.row.scope,
                  "figures": list(each.free), "transfer_ns": each.parameters.transfer,
                  "wakeup_ns": each.parameters.wakeup} for each in fits],
        "compared": [{"machine": each.machine.name, "table": one.row.table, "scope": one.row.scope,
                      "figure": one.figure, "published": one.measured, "predicted": one.predicted,
                      "error": one.error, "fitted": one.fitted, "repeats": one.repeats}
                     for each in fits for one in model.compare(each)],
        "goals": [{"machine": goal.machine.name, "what": goal.what, "published": goal.measured,
                   "predicted": goal.predicted, "reached": goal.reached}
                  for each in fits for goal in fit.goals(model, each)],
        "lines": [{**dataclasses.asdict(line), "rates": {str(cpus): rate for cpus, rate in line.rates.items()}}
                  for line in lines(model.counts, fits)],
    }
