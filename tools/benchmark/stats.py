# SPDX-License-Identifier: GPL-2.0
"""Decides whether two sets of measurements differ, and with what confidence.

Each round gives a ratio between turns that are close in time. The result is the median of these ratios with a 95 %
confidence interval. The interval is that of the bootstrap (B. Efron, "Bootstrap methods: another look at the
jackknife", 1979). Where it is narrower than the exact interval of order statistics (H. A. David, "Order Statistics",
section 7.1), it is widened to that: with few rounds the bootstrap alone is too optimistic, and the exact interval holds
for any distribution. The random numbers have a fixed seed, so the same rounds always give the same interval."""

import functools
import math
import operator
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

LEVEL = 0.95
RESAMPLES = 2000
SEED = 20100615
# With fewer rounds no interval holds in 95 % of cases, not even one from the smallest value to the largest.
FEWEST = 6

DIFFERENCE, NONE_SEEN, UNKNOWN = "difference", "no difference seen", "too few rounds"


@dataclass(frozen=True)
class Comparison:
    """The ratio of one figure to another, with its interval."""

    ratio: float
    low: Optional[float]
    high: Optional[float]

    @property
    def verdict(self) -> str:
        """The verdict: it is a difference only if the interval excludes 1."""
        if self.low is None or self.high is None:
            return UNKNOWN
        return DIFFERENCE if self.low > 1 or self.high < 1 else NONE_SEEN

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.ratio:.3f} [-]"
        return f"{self.ratio:.3f} [{self.low:.3f}..{self.high:.3f}]{'*' if self.verdict == DIFFERENCE else ' '}"


@functools.cache
def _resamples(count: int, seed: int) -> tuple:
    """Return RESAMPLES functions that each draw @count values with replacement. They are the same for all figures of a
    run."""
    source = random.Random(f"{seed} {count}")
    return tuple(operator.itemgetter(*source.choices(range(count), k=count)) for _ in range(RESAMPLES))


def _medians(values: Sequence[float], seed: int) -> list:
    low, high = (len(values) - 1) // 2, len(values) // 2
    drawn = (sorted(draw(values)) for draw in _resamples(len(values), seed))
    return [(each[low] + each[high]) / 2 for each in drawn]


def _middle(ordered: Sequence[float]) -> tuple:
    """Return the bounds of the middle part of @ordered, which contains the fraction LEVEL of its values."""
    cut = int(len(ordered) * (1 - LEVEL) / 2)
    return ordered[cut], ordered[len(ordered) - 1 - cut]


@functools.cache
def exact_rank(count: int) -> Optional[int]:
    """Return how many of @count values at either end are outside of the narrowest exact interval, or None if there is
    no such interval."""
    tail, rank = 0.0, None
    for below in range(count // 2):
        tail += math.comb(count, below) / 2 ** count
        if 2 * tail > 1 - LEVEL:
            break
        rank = below
    return rank


def median_interval(values: Sequence[float], seed: int = SEED) -> Optional[tuple]:
    """Return an interval for the median of the distribution of @values, or None if they are too few."""
    rank = exact_rank(len(values))
    if rank is None:
        return None
    ordered = sorted(values)
    low, high = _middle(sorted(_medians(values, seed)))
    return min(low, ordered[rank]), max(high, ordered[-1 - rank])


def paired(values: Sequence[Optional[float]], references: Sequence[Optional[float]]) -> Optional[Comparison]:
    """Compare @values with @references round by round. Return None if a value is missing or a reference is zero."""
    if not values or any(value is None for value in values) or not all(references):
        return None
    ratios = [value / reference for value, reference in zip(values, references)]     # type: ignore
    low, high = median_interval(ratios) or (None, None)
    return Comparison(statistics.median(ratios), low, high)


def unpaired(values: Sequence[Optional[float]], references: Sequence[Optional[float]]) -> Optional[Comparison]:
    """Like paired(), for rounds that do not belong together, such as those of two boots or two machines."""
    if not values or not references or any(value is None for value in (*values, *references)):
        return None
    base = statistics.median(references)        # type: ignore
    if not base:
        return None
    ratio = statistics.median(values) / base    # type: ignore
    if min(len(values), len(references)) < FEWEST:
        return Comparison(ratio, None, None)
    # There is no exact interval here. This one is wide enough, because both sides are resampled.
    above = _medians(values, SEED)              # type: ignore
    below = _medians(references, SEED + 1)      # type: ignore
    if not all(below):
        return Comparison(ratio, None, None)
    low, high = _middle(sorted(a / b for a, b in zip(above, below)))
    return Comparison(ratio, low, high)
