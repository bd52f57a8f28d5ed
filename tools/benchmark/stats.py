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

With several machines there is one level more: machines are drawn, then boots within each, then rounds. The figure is
the median of the machines' medians, so that a machine with many boots counts as much as any other, and both halves are
widened for the number of machines. Three machines say little about a fourth, and no drawing among them changes that.
So where this interval is narrower than Student's interval for the mean of the logarithms of the machines' medians
("Student", "The probable error of a mean", 1908), it is widened to that. The machines are the highest level of the
experiment, and the number of its repetitions is what counts (T. Kalibera and R. Jones, "Rigorous benchmarking in
reasonable time", 2013). With one machine the interval is that of its boots.
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
# How many of the drawn medians of a machine the drawn machines choose from.
OF_MACHINE = 400
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


def _medians(values: Sequence[float], sizes: tuple, seed: int, count: int = RESAMPLES) -> list:
    drawn = (sorted(draw(values)) for draw in _resamples(sizes, seed)[:count])
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


def _part_within(angle: float, freedom: int) -> float:
    """Return which part of Student's distribution with @freedom degrees lies within the square root of @freedom times
    the tangent of @angle on both sides (M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 26.7.3
    and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    if freedom == 1:
        return 2 * angle / math.pi
    term = total = cosine if odd else 1.0
    for number in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (number - 1) / number
        total += term
    return 2 * (angle + sine * total) / math.pi if odd else sine * total


@functools.cache
def student(part: float, freedom: int) -> float:
    """Return the distance from 0 within which @part, from 0 to 1, of Student's distribution lies on both sides.
    @freedom is its number of degrees of freedom, at least 1."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if _part_within(angle, freedom) < part else (low, angle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


@functools.cache
def _drawn_machines(count: int) -> tuple:
    """Return RESAMPLES functions that each draw @count medians from the drawn medians of @count machines, OF_MACHINE of
    each, which follow each other. A machine may be drawn several times."""
    source = random.Random(f"{SEED} {count} machines")
    return tuple(operator.itemgetter(*(OF_MACHINE * source.randrange(count) + source.randrange(OF_MACHINE)
                                       for _ in range(count))) for _ in range(RESAMPLES))


def machine_ratio(boots: Sequence[Sequence[float]]) -> float:
    """Return the ratio of one machine, the median of all rounds of its @boots."""
    return statistics.median(value for boot in boots for value in boot)


def across_machines(machines: Sequence[Sequence[Sequence[float]]]) -> Comparison:
    """
    Return the ratio of several machines with an interval that contains the spread between machines and between boots.
    The head of this file says how it is computed.

    :param machines: for each machine a list of its boots, at least one, and for each boot the ratios of its rounds, at
                     least one
    """
    flat = [[value for boot in boots for value in boot] for boots in machines]
    sizes = [tuple(map(len, boots)) for boots in machines]
    if len(machines) == 1:
        low, high = median_interval(flat[0], SEED, sizes[0]) or (None, None)
        return Comparison(statistics.median(flat[0]), low, high)
    middles = [statistics.median(values) for values in flat]
    ratio = statistics.median(middles)
    if min(map(min, flat)) <= 0:
        return Comparison(ratio, None, None)
    drawn = [value for values, each in zip(flat, sizes) for value in _of_machine(values, each)]
    low, high = _middle(sorted(statistics.median(draw(drawn)) for draw in _drawn_machines(len(machines))))
    low, high = _widened(low, ratio, high, len(machines))
    logs = [math.log(value) for value in middles]
    half = student(LEVEL, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.fmean(logs)
    return Comparison(ratio, min(low, math.exp(mean - half)), max(high, math.exp(min(mean + half, 700))))


def _of_machine(values: Sequence[float], sizes: tuple) -> list:
    """Return OF_MACHINE drawn medians of a machine. @sizes has the number of rounds of each of its boots."""
    if len(values) == 1:
        return [values[0]] * OF_MACHINE
    return _medians(values, sizes, SEED, OF_MACHINE)
