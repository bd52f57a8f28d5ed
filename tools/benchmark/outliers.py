# SPDX-License-Identifier: GPL-2.0
"""Names the machines and boots whose ratio does not fit the others.

Members that should be alike are a group: the machines with the same CPU, kernel and configuration, or the boots of one
machine. Each member is compared with the mean of the other members of its group, in logarithms, by the externally
studentized residual (R. D. Cook and S. Weisberg, "Residuals and Influence in Regression", section 2.2.1): the distance
from that mean, divided by its standard error, where the member itself is left out of both. Several groups, such as the
boots of each of several machines, share one estimate of the spread within a group. With a single group this is the test
of F. E. Grubbs ("Procedures for detecting outlying observations in samples", 1969).

The allowed distance is that of Student's distribution, divided among all members (Bonferroni), so that in about one
figure of twenty a member is named although all are alike. Two bad members hide each other. So the farthest one is taken
away and the rest is tested again, for up to a quarter of the members, and the last distance that is not allowed decides
how many are named (B. Rosner, "Percentage points for a generalized ESD many-outlier procedure", 1983). The distance
that is reported is that from those that are left.

A member whose ratio differs by less than SMALLEST from the others is not named, however alike the others are. It takes
three members of a group to say which of them is the one that does not fit.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from benchmark import stats

FEWEST = 3
# The smallest difference that counts, as a part of the others' ratio.
SMALLEST = 0.05
# Times have a step, so the others may be equal by accident. Their spread counts as this much at least.
LEAST_SPREAD = 0.001
# How many members are named at most, as a part of all members less one of each group. One may always be named.
MOST = 0.25


@dataclass(frozen=True)
class Outlier:
    """A member that does not fit: its group and its place there; its ratio; the smallest and the largest ratio and the
    number of the others that count, those of its group without other outliers; the distance in standard errors, and
    how far is allowed."""

    group: int
    place: int
    ratio: float
    low: float
    high: float
    others: int
    distance: float
    allowed: float

    def text(self, kind: str) -> str:
        """Return why it does not fit. @kind says what the members are, in the plural."""
        return (f"{self.ratio:.3f}, where the {self.others} other {kind} have {self.low:.3f}..{self.high:.3f}: "
                f"{self.distance:.1f} standard errors away, {self.allowed:.1f} are allowed")


@dataclass(frozen=True)
class _Far:
    """The member that is farthest from the others, by their present number."""

    group: int
    place: int
    distance: float
    allowed: float
    # The difference in logarithms.
    difference: float


def _farthest(groups: Sequence[dict]) -> Optional[_Far]:
    """Return the member that is farthest from the others of its group, or None if no group has enough members. @groups
    have the logarithms of the ratios by place."""
    means = [statistics.fmean(group.values()) for group in groups]
    squares = sum((value - mean) ** 2 for group, mean in zip(groups, means) for value in group.values())
    freedom = sum(map(len, groups)) - len(groups) - 1
    tested = sum(len(group) for group in groups if len(group) >= FEWEST)
    if not tested:
        return None
    allowed, found = stats.student(1 - (1 - stats.LEVEL) / tested, freedom), None
    for number, (group, mean) in enumerate(zip(groups, means)):
        count = len(group)
        for place, value in group.items() if count >= FEWEST else ():
            # Without the member, the mean of its group moves away from it, and the squares lose its share.
            difference = (value - mean) * count / (count - 1)
            variance = max(squares - (value - mean) ** 2 * count / (count - 1), 0.0) / freedom
            error = max(math.sqrt(variance), LEAST_SPREAD) * math.sqrt(1 + 1 / (count - 1))
            if found is None or abs(difference) / error > found.distance:
                found = _Far(number, place, abs(difference) / error, allowed, difference)
    return found


def find(groups: Sequence[Sequence[float]]) -> list:
    """
    Return an Outlier for each member that does not fit, the farthest first.

    :param groups: for each group the ratios of its members, all above 0
    """
    left = [{place: math.log(value) for place, value in enumerate(group)} for group in groups]
    taken: list[_Far] = []
    named = 0
    for _ in range(max(1, int(MOST * (sum(map(len, groups)) - len(groups))))):
        far = _farthest(left)
        if far is None:
            break
        taken.append(far)
        del left[far.group][far.place]
        if far.distance > far.allowed and abs(math.expm1(far.difference)) >= SMALLEST:
            named = len(taken)
    gone = {(each.group, each.place) for each in taken[:named]}
    return sorted(_against_the_rest(groups, gone), key=lambda each: -each.distance / each.allowed)


def _against_the_rest(groups: Sequence[Sequence[float]], gone: set) -> Iterator[Outlier]:
    """Return an Outlier for each member in @gone, (group, place), that is far enough from those that are not."""
    rest = [[value for place, value in enumerate(group) if (number, place) not in gone]
            for number, group in enumerate(groups)]
    logs = [list(map(math.log, group)) for group in rest]
    freedom = sum(map(len, logs)) - len(logs)
    allowed = stats.student(1 - (1 - stats.LEVEL) / (sum(map(len, groups)) or 1), max(freedom, 1))
    variance = sum((value - statistics.fmean(group)) ** 2 for group in logs for value in group) / max(freedom, 1)
    for number, place in gone:
        difference = math.log(groups[number][place]) - statistics.fmean(logs[number])
        error = max(math.sqrt(variance), LEAST_SPREAD) * math.sqrt(1 + 1 / len(logs[number]))
        if abs(difference) > allowed * error and abs(math.expm1(difference)) >= SMALLEST:
            yield Outlier(number, place, groups[number][place], min(rest[number]), max(rest[number]),
                          len(rest[number]), abs(difference) / error, allowed)
