# SPDX-License-Identifier: GPL-2.0
"""What an experiment has shown, and the words for differences."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import cli
import tables
from benchmark import stats


class ExperimentError(cli.Error):
    """The results are not those of the experiment. The message has one line."""


@dataclass(frozen=True)
class Spread:
    """A median with its 95 % interval; with too few values (not @enough) with the extremes, which prove nothing."""

    median: float
    low: float
    high: float
    enough: bool = True

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}..{self.high:.3f}]"

    def verdict(self, more: str, less: str) -> str:
        """Return what a ratio says: @more, @less, no difference seen, or too few rounds."""
        if not self.enough:
            return stats.UNKNOWN
        if self.low > 1:
            return more
        return less if self.high < 1 else stats.NONE_SEEN


def spread(values: Sequence[float]) -> Spread:
    """Return the Spread of the values of several rounds. The same values give the same interval every time."""
    if not values:
        raise ExperimentError("no values to compare")
    middle = statistics.median(values)
    interval = stats.median_interval(values)
    return Spread(middle, *interval) if interval else Spread(middle, min(values), max(values), False)


@dataclass
class Finding:
    """What an experiment has shown."""

    columns: Sequence[str]
    rows: list
    conclusion: str
    data: dict = field(default_factory=dict)
    failed: bool = False

    def table(self, width: int = -1) -> str:
        """Return the table as text."""
        return "\n".join(tables.table(tables.numbers(*self.columns), self.rows, width))


def engine(**policies: str) -> str:
    """Return the benchmark's name for cmwq2 under some policies."""
    return "cmwq2:" + "+".join(f"{name}={value}" for name, value in policies.items())
