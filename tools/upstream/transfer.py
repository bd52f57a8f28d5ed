# SPDX-License-Identifier: GPL-2.0
"""Compares what a policy gains in the kernel's own workqueue with what it gains in cmwq2.

The patched kernel has the policy as a parameter. A round makes four turns of the same work, close in time: native with
the parameter off and on, cmwq2 with the policy off and on. The gain in the kernel is the ratio of native on to native
off, that in the twin the ratio of cmwq2 on to cmwq2 off. Both are medians over the rounds with intervals, as stats.py
computes them. The two gains of a round have the same load of the host in common, so their ratio, twin to kernel, has an
interval of its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import tables
from benchmark import stats
from benchmark.stats import Comparison

# The turns of a round.
TURNS = ("native off", "native on", "cmwq2 off", "cmwq2 on")
# The figures that are compared, with their titles. A figure that a workload does not have is left out.
FIGURES = {"rate": "items/s", "p95_ns": "p95 of call"}
# If an end of an interval is more than this many times the other end, an overlap with it says nothing.
WIDEST = 1.5
# What is said about a pair of gains.
AGREE, ONE_SIDED, DIFFER, WIDE, UNKNOWN = "agree", "one-sided", "differ", "too noisy", "too few rounds"
MEANING = {
    AGREE: "the intervals overlap, and both or neither exclude 1",
    ONE_SIDED: "the intervals overlap, and only one of them excludes 1",
    DIFFER: "the intervals do not overlap",
    WIDE: f"the intervals overlap, but an end of one is more than {WIDEST:g} times the other end",
    UNKNOWN: "there is no interval",
}


@dataclass(frozen=True)
class Row:
    """What one figure of one workload says about a policy."""

    policy: str
    title: str
    figure: str
    kernel: Comparison
    twin: Comparison
    # The twin's gain divided by the kernel's.
    apart: Comparison
    # cmwq2 to native, both without the policy: how far the twin is from the kernel before anything is changed.
    distance: Comparison

    @property
    def verdict(self) -> str:
        """One of MEANING."""
        return verdict(self.kernel, self.twin)


def _direction(gain: Comparison) -> int:
    return (gain.low > 1) - (gain.high < 1) if gain.low is not None and gain.high is not None else 0


def verdict(kernel: Comparison, twin: Comparison) -> str:
    """Return whether two gains agree, one of MEANING."""
    if kernel.low is None or kernel.high is None or twin.low is None or twin.high is None:
        return UNKNOWN
    if kernel.low > twin.high or twin.low > kernel.high:
        return DIFFER
    if max(kernel.high / kernel.low, twin.high / twin.low) > WIDEST:
        return WIDE
    return AGREE if _direction(kernel) == _direction(twin) else ONE_SIDED


def _ratio(rounds: Sequence[Mapping], above: str, below: str, sizes: Sequence[int]) -> Optional[Comparison]:
    return stats.paired([each[above] for each in rounds], [each[below] for each in rounds], sizes)


def row(policy: str, title: str, figure: str, boots: Sequence[Sequence[Mapping]]) -> Optional[Row]:
    """
    Return the row of a figure, or None if a turn has no value or is zero.

    :param policy: the policy, POLICY=VALUE
    :param title: the title of the run
    :param figure: one of FIGURES
    :param boots: for each boot a list of its rounds, each the value of the figure by TURNS
    """
    rounds, sizes = [each for boot in boots for each in boot], [len(boot) for boot in boots]
    if any(not each.get(turn) for each in rounds for turn in TURNS):
        return None
    kernel, twin = (_ratio(rounds, f"{engine} on", f"{engine} off", sizes) for engine in ("native", "cmwq2"))
    gains = [{"twin": each["cmwq2 on"] / each["cmwq2 off"], "kernel": each["native on"] / each["native off"]}
             for each in rounds]
    apart, distance = _ratio(gains, "twin", "kernel", sizes), _ratio(rounds, "cmwq2 off", "native off", sizes)
    if not kernel or not twin or not apart or not distance:
        return None
    return Row(policy, title, figure, kernel, twin, apart, distance)


def table(rows: Sequence[Row]) -> list:
    """Return the lines of the table of @rows."""
    cells = [(each.policy, each.title, FIGURES[each.figure], str(each.kernel), str(each.twin), str(each.apart),
              str(each.distance), each.verdict) for each in rows]
    return tables.table(("policy", "run", "figure", "gain in the kernel", "gain in the twin", "twin/kernel",
                         "cmwq2/native, both off", "verdict"), cells)


def _short(gain: Comparison) -> str:
    if gain.low is None or gain.high is None:
        return f"{gain.ratio:.2f} [-]"
    star = "*" if gain.verdict == stats.DIFFERENCE else ""
    return f"{gain.ratio:.2f} [{gain.low:.2f}..{gain.high:.2f}]{star}"


def narrow_tables(rows: Sequence[Row]) -> list:
    """Return the lines of tables that fit into a mail: one for each policy and figure."""
    lines: list = []
    for policy, figure in dict.fromkeys((each.policy, each.figure) for each in rows):
        found = [each for each in rows if (each.policy, each.figure) == (policy, figure)]
        cells = [(each.title, _short(each.kernel), _short(each.twin), each.verdict) for each in found]
        lines += [f"{policy}, {FIGURES[figure]}", "", *tables.table(("run", "kernel", "twin", "verdict"), cells), ""]
    return lines[:-1]


def _order(rows: Iterable[Row], engine: str) -> str:
    ranked = sorted(rows, key=lambda each: -getattr(each, engine).ratio)
    return " > ".join(f"{each.policy} {getattr(each, engine).ratio:.2f}" for each in ranked)


def ranks(rows: Sequence[Row]) -> list:
    """Return lines with the order of the policies by their gains in items/s, for each run that has several."""
    lines = []
    for title in dict.fromkeys(each.title for each in rows):
        found = [each for each in rows if (each.title, each.figure) == (title, "rate")]
        if len(found) > 1:
            lines += [f"{title}: kernel: {_order(found, 'kernel')}",
                      f"{' ' * len(title)}    twin: {_order(found, 'twin')}"]
    return lines


def summary(rows: Sequence[Row]) -> str:
    """Return a line that counts the verdicts about items/s, and one for each verdict that occurs."""
    counted = [each.verdict for each in rows if each.figure == "rate"]
    parts = [f"{counted.count(each)} {each}" for each in MEANING if each in counted]
    lines = [f"items/s in {len(counted)} pairs of policy and run: {', '.join(parts)}"]
    return "\n".join(lines + [f"{each}: {MEANING[each]}" for each in MEANING if each in counted])


def as_json(rows: Iterable[Row]) -> list:
    """Return @rows in a form for JSON."""
    def gain(each: Comparison) -> dict:
        return {"ratio": each.ratio, "low": each.low, "high": each.high}
    return [{"policy": each.policy, "run": each.title, "figure": each.figure, "kernel": gain(each.kernel),
             "twin": gain(each.twin), "twin_to_kernel": gain(each.apart), "cmwq2_to_native_off": gain(each.distance),
             "verdict": each.verdict} for each in rows]


def from_json(found: Mapping) -> Row:
    """Return the row that as_json() has written."""
    def gain(name: str) -> Comparison:
        return Comparison(found[name]["ratio"], found[name]["low"], found[name]["high"])
    return Row(found["policy"], found["run"], found["figure"], gain("kernel"), gain("twin"), gain("twin_to_kernel"),
               gain("cmwq2_to_native_off"))
