# SPDX-License-Identifier: GPL-2.0
"""Finds a machine's two parameters from one row of published figures, and compares what they predict with the others.

A row with items/s and the gain of deferred wakeups gives both parameters. A row without a gain gives only the transfer:
the wakeup is then taken to cost nothing but its instructions. The row to fit is not chosen by its result but by one
rule for all machines, see chosen(). A row that was used for fitting is never counted as predicted, with none of its
figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from saturation import counts, formula, published

# The figures of a row, and what the tables call them.
RATE, GAIN, CALL = "items/s", "gain", "p50 of call"
FIGURES = (RATE, GAIN, CALL)
# What the model should predict of each machine.
RATIO_GOAL, GAIN_GOAL = "ratio of cpu to cache", "gain of deferred wakeups"
# A figure is predicted well if it is within this part of the published one.
GOAL = 0.30
# Producers that saturate whatever they share.
MANY = 1000
# The largest transfer that is tried, and the wakeups, in ns.
MOST_TRANSFER = 1e5
WAKEUPS = [10 ** (step / 20) for step in range(101)]
STEPS = 60


@dataclass(frozen=True)
class Compared:
    """A published figure beside the predicted one. @fitted: the row was used for fitting. @shared: its pools have
    several producers. @repeats: it has the producers and the pools of the fitted row, so the model cannot say anything
    else of it. @low and @high: the range that was published, else both the figure."""

    row: published.Row
    figure: str
    measured: float
    predicted: float
    fitted: bool
    shared: bool
    repeats: bool
    low: float
    high: float

    @property
    def error(self) -> float:
        """How far the prediction is from the published range, as a part of its nearer end. Negative: too low."""
        nearest = min(max(self.predicted, self.low), self.high)
        return (self.predicted - nearest) / abs(nearest)

    @property
    def good(self) -> bool:
        """Whether the prediction reaches the goal."""
        return abs(self.error) <= GOAL


@dataclass(frozen=True)
class Fit:
    """The parameters of a machine, and the row that they were fitted on. @free: the figures of this row that the
    parameters can follow."""

    machine: published.Machine
    row: published.Row
    parameters: formula.Machine
    free: tuple[str, ...]


class Model:
    """The model with the counts of the kernel's own workqueue, applied to the rows of published tables."""

    def __init__(self, found: counts.Counts, known: published.Published,
                 instruction: float = formula.INSTRUCTION_NS) -> None:
        self.counts, self.known, self.instruction = found, known, instruction

    def predict(self, row: published.Row, machine: formula.Machine, locked: bool | None = None) -> formula.Prediction:
        """Return what the model says of @row. @locked: else as the row's table says."""
        table = self.known.table(row)
        wake = table.wake == "locked" if locked is None else locked
        item = self.counts.item(counts.NATIVE, table.producers, row.pools, wake)
        return formula.predict(item, machine, table.producers, row.pools)

    def figures(self, row: published.Row, machine: formula.Machine) -> dict[str, float]:
        """Return the prediction for each figure that @row has."""
        said = self.predict(row, machine)
        found = {RATE: said.rate}
        if row.gain is not None:
            found[GAIN] = 100 * (self.predict(row, machine, False).rate / said.rate - 1)
        if row.p50_ns is not None:
            found[CALL] = said.call_ns
        return found

    def fit(self, machine: published.Machine, row: published.Row) -> Fit:
        """Return the parameters with which the model says what @row says."""
        def transfer_of(wakeup: float) -> formula.Machine:
            """Return the machine with this wakeup, and the transfer that gives the published rate."""
            def too_fast(transfer: float) -> bool:
                return self.predict(row, formula.Machine(transfer, wakeup, self.instruction)).rate > row.rate
            return formula.Machine(_bisect(too_fast, MOST_TRANSFER), wakeup, self.instruction)
        if row.gain is None:
            return Fit(machine, row, transfer_of(0.0), (RATE,))
        gain = row.gain

        def short(wakeup: float) -> bool:
            """Return whether a wakeup is too cheap for the published gain."""
            return self.figures(row, transfer_of(wakeup))[GAIN] < gain
        # If several wakeups give the gain, the cheapest is taken: a dear one needs transfers that cost nearly nothing.
        # If none does, as with pools of one producer, the row does not determine it.
        dear = next((wakeup for wakeup in WAKEUPS if not short(wakeup)), None)
        if dear is None:
            return Fit(machine, row, transfer_of(0.0), (RATE,))
        return Fit(machine, row, transfer_of(_bisect(short, dear)), (RATE, GAIN))

    def compare(self, fit: Fit) -> list[Compared]:
        """Return every published figure of the machine beside its prediction."""
        found = []
        for row in self.known.of_machine(fit.machine):
            said = self.figures(row, fit.parameters)
            measured = {RATE: row.rate, GAIN: row.gain, CALL: row.p50_ns}
            for figure in said:
                value = measured[figure]
                assert value is not None
                low, high = (row.low or value, row.high or value) if figure == RATE else (value, value)
                found.append(Compared(row, figure, value, said[figure], row == fit.row,
                                      row.pools < self.known.table(row).producers, self._alike(row, fit.row),
                                      low, high))
        return found

    def _alike(self, one: published.Row, other: published.Row) -> bool:
        def configuration(row: published.Row) -> tuple:
            table = self.known.table(row)
            return table.producers, table.wake, row.pools
        return one != other and configuration(one) == configuration(other)

    def chosen(self, machine: published.Machine) -> published.Row:
        """Return the row to fit, by the same rule for each machine: the scope cache, where all CPUs of a cache share a
        pool; of a table with gains, as only these show what a wakeup costs, else of the first table."""
        rows = [row for row in self.known.of_machine(machine) if row.scope == "cache"]
        if not rows:
            raise ValueError(f"{machine.name} has no row of the scope cache")
        return next((row for row in rows if row.gain is not None), rows[0])

    def fits(self) -> list[Fit]:
        """Return the fit of each machine on its chosen row."""
        return [self.fit(machine, self.chosen(machine)) for machine in self.known.machines]

    def every_fit(self, machine: published.Machine) -> list[Fit]:
        """Return a fit on each row of @machine, to show how much depends on the choice."""
        return [self.fit(machine, row) for row in self.known.of_machine(machine)]


def _bisect(above: Callable[[float], bool], most: float) -> float:
    """Return where @above changes from true to false between 0 and @most, or the end that is nearer to it."""
    low, high = 0.0, most
    if not above(low):
        return low
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) else (low, middle)
    return (low + high) / 2


def predicted(compared: Iterable[Compared]) -> list[Compared]:
    """Return only what was predicted: not the figures of the row that was used for fitting."""
    return [each for each in compared if not each.fitted]


def median_error(compared: Iterable[Compared]) -> float:
    """Return the median of the factors by which predictions are off, as a part. It does not matter in which direction:
    half and twice are both off by 1."""
    return statistics.median(_factor(each) for each in compared) - 1


def _factor(each: Compared) -> float:
    ratio = 1 + each.error
    return math.inf if ratio <= 0 else max(ratio, 1 / ratio)


@dataclass(frozen=True)
class Goal:
    """One of the two things that the model should predict. @measured is None if nothing is published that was not
    fitted."""

    machine: published.Machine
    what: str
    measured: float | None = None
    predicted: float | None = None

    @property
    def error(self) -> float | None:
        """How far the prediction is off, as a part of what was measured."""
        return self.predicted / self.measured - 1 if self.measured and self.predicted is not None else None

    @property
    def reached(self) -> bool | None:
        """Whether it is within GOAL, or None if nothing can be compared."""
        return None if self.error is None else abs(self.error) <= GOAL


def _ratio_goal(fit: Fit, compared: Iterable[Compared]) -> Goal:
    """The ratio is that of the table of the fitted row. At most one of the two rates is that of this row."""
    rates = {each.row.scope: each for each in compared if each.figure == RATE and each.row.table == fit.row.table}
    one, other = rates.get("cpu"), rates.get("cache")
    if not one or not other:
        return Goal(fit.machine, RATIO_GOAL)
    return Goal(fit.machine, RATIO_GOAL, one.measured / other.measured, one.predicted / other.predicted)


def _gain_goal(fit: Fit, compared: Iterable[Compared]) -> Goal:
    """The gain is the mean of the gains of pools with several producers. A pool of one has nobody who waits."""
    gains = [each for each in compared if each.figure == GAIN and each.shared and not each.fitted]
    if not gains:
        return Goal(fit.machine, GAIN_GOAL)
    return Goal(fit.machine, GAIN_GOAL, statistics.mean(each.measured for each in gains),
                statistics.mean(each.predicted for each in gains))


def goals(model: Model, fit: Fit) -> list[Goal]:
    """Return both goals of a machine."""
    compared = model.compare(fit)
    return [_ratio_goal(fit, compared), _gain_goal(fit, compared)]
