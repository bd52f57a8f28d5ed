# SPDX-License-Identifier: GPL-2.0
"""Decides whether two sets of measurements differ, and with what confidence.

Each round gives a ratio between turns that are close in time. The result is the median of these ratios with a 95 %
confidence interval. The interval is that of the bootstrap (B. Efron, "Bootstrap methods: another look at the
jackknife", 1979). Where it is narrower than the exact interval of order statistics (H. A. David, "Order Statistics",
section 7.1), it is widened to that: with few rounds the bootstrap alone is too optimistic, and the exact interval holds
for any distribution. The random numbers have a fixed seed, so the same rounds always give the same interval.

Rounds of one boot have in common how that boot placed memory and threads. So with several boots the bootstrap is
hierarchical (A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", section 3.8): boots are drawn
with replacement, and then rounds within each boot that was drawn. Boots drawn from n boots have on average only
(n - 1) / n of the variance between boots, so both halves of the interval are widened by the square root of n / (n - 1).
"""

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
def _resamples(sizes: tuple, seed: int) -> tuple:
    """Return RESAMPLES functions that each draw as many values as there are, with replacement: boots first, then rounds
    within each of them. @sizes has the number of rounds of each boot. They are the same for all figures of a run."""
    source, firsts = random.Random(f"{seed} {' '.join(map(str, sizes))}"), [sum(sizes[:i]) for i in range(len(sizes))]

    def places() -> list:
        if len(sizes) == 1:
            return source.choices(range(sizes[0]), k=sizes[0])
        boots = source.choices(range(len(sizes)), k=len(sizes))
        return [firsts[boot] + place for boot in boots
                for place in source.choices(range(sizes[boot]), k=sizes[boot])]
    return tuple(operator.itemgetter(*places()) for _ in range(RESAMPLES))


def _medians(values: Sequence[float], sizes: tuple, seed: int) -> list:
    drawn = (sorted(draw(values)) for draw in _resamples(sizes, seed))
    return [(each[(len(each) - 1) // 2] + each[len(each) // 2]) / 2 for each in drawn]


def _middle(ordered: Sequence[float]) -> tuple:
    """Return the bounds of the middle part of @ordered, which contains the fraction LEVEL of its values."""
    cut = int(len(ordered) * (1 - LEVEL) / 2)
    return ordered[cut], ordered[len(ordered) - 1 - cut]


def _widened(low: float, middle: float, high: float, boots: int) -> tuple:
    """Return the interval, widened for the number of boots as the head of this file says. With one boot it stays as it
    is. Ratios are widened by their logarithms, so that an interval stays positive."""
    if boots < 2 or min(low, middle) <= 0:
        return low, high
    power = math.sqrt(boots / (boots - 1))
    return min(low, middle * (low / middle) ** power), max(high, middle * (high / middle) ** power)


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


def _sizes(values: Sequence, boots: Sequence[int]) -> tuple:
    """Return the number of rounds of each boot. Without @boots all rounds are of one boot."""
    return tuple(boots) or (len(values),)


def median_interval(values: Sequence[float], seed: int = SEED, boots: Sequence[int] = ()) -> Optional[tuple]:
    """Return an interval for the median of the distribution of @values, or None if they are too few. @boots has the
    number of rounds of each boot, whose values follow each other."""
    rank, sizes = exact_rank(len(values)), _sizes(values, boots)
    if rank is None:
        return None
    ordered = sorted(values)
    low, high = _middle(sorted(_medians(values, sizes, seed)))
    low, high = _widened(low, statistics.median(values), high, len(sizes))
    return min(low, ordered[rank]), max(high, ordered[-1 - rank])


def paired(values: Sequence[Optional[float]], references: Sequence[Optional[float]],
           boots: Sequence[int] = ()) -> Optional[Comparison]:
    """Compare @values with @references round by round. @boots has the number of rounds of each boot. Return None if a
    value is missing or a reference is zero."""
    if not values or any(value is None for value in values) or not all(references):
        return None
    ratios = [value / reference for value, reference in zip(values, references)]     # type: ignore
    low, high = median_interval(ratios, SEED, boots) or (None, None)
    return Comparison(statistics.median(ratios), low, high)


def unpaired(values: Sequence[Optional[float]], references: Sequence[Optional[float]], boots: Sequence[int] = (),
             reference_boots: Sequence[int] = ()) -> Optional[Comparison]:
    """Like paired(), for rounds that do not belong together, such as those of two boots or two machines. @boots and
    @reference_boots have the number of rounds of each boot."""
    if not values or not references or any(value is None for value in (*values, *references)):
        return None
    base = statistics.median(references)        # type: ignore
    if not base:
        return None
    ratio = statistics.median(values) / base    # type: ignore
    if min(len(values), len(references)) < FEWEST:
        return Comparison(ratio, None, None)
    # There is no exact interval here. This one is wide enough, because both sides are resampled.
    sizes, reference_sizes = _sizes(values, boots), _sizes(references, reference_boots)
    above = _medians(values, sizes, SEED)                           # type: ignore
    below = _medians(references, reference_sizes, SEED + 1)         # type: ignore
    if not all(below):
        return Comparison(ratio, None, None)
    low, high = _middle(sorted(a / b for a, b in zip(above, below)))
    few = min((count for count in (len(sizes), len(reference_sizes)) if count > 1), default=1)
    return Comparison(ratio, *_widened(low, ratio, high, few))


def within_boots(values: Sequence[Sequence], references: Sequence[Sequence]) -> Optional[Comparison]:
    """Compare two runs of the same boots, whose rounds do not belong together. Each sequence has a list of values for
    each boot. What a boot does to both runs cancels out, because the runs are compared within each boot."""
    every = [value for boot in (*values, *references) for value in boot]
    if not every or len(values) != len(references) or None in every:
        return None
    bases = [statistics.median(boot) for boot in references]
    if not all(bases):
        return None
    ratios = [value / base for boot, base in zip(values, bases) for value in boot]
    middle = statistics.median(ratios)
    if min(map(len, (*values, *references))) < FEWEST:
        return Comparison(middle, None, None)
    source, found = random.Random(SEED), []
    for _ in range(RESAMPLES):
        drawn = source.choices(range(len(values)), k=len(values)) if len(values) > 1 else [0]
        some = []
        for boot in drawn:
            base = statistics.median(source.choices(references[boot], k=len(references[boot])))
            some += [value / base for value in source.choices(values[boot], k=len(values[boot])) if base]
        found.append(statistics.median(some) if some else middle)
    low, high = _middle(sorted(found))
    return Comparison(middle, *_widened(low, middle, high, len(values)))
