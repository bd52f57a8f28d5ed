# SPDX-License-Identifier: GPL-2.0
"""`make baseline MOVED=1`: runs the kernel's own benchmark lib/test_workqueue as it is, on the kernel's workqueue, and
moved to cmwq2 by one line, alternating in one boot. Each figure of the moved one has to be within the spread of the
other over all rounds, or better."""

import statistics
import time
from pathlib import Path

from base.common import OUT, Problem, aligned, took
from build import kernel, modules, moved
from machines import guest
from verbs import baseline

# The figures of a round, and whether more is better.
MORE_IS_BETTER = {"rate": True, "call": False}
WITHIN, BETTER, WORSE = "within", "better", "worse"
# The fewest rounds that show a spread.
FEWEST = 6


def tables(results: Path, rounds: int) -> dict:
    """Return the values of both modules for each round, by scope and figure. Raises Problem if one is missing."""
    found: dict = {scope: {figure: {"moved": [], "own": []} for figure in MORE_IS_BETTER} for scope in baseline.SCOPES}
    for number in range(rounds):
        for engine in ("moved", "own"):
            try:
                table = baseline.parse_own((results / engine / str(number)).read_text())
            except OSError as error:
                raise Problem(f"round {number}: {error}") from None
            for scope, of_scope in found.items():
                if not all(table.get(scope, {"rate": 0}).values()):
                    raise Problem(f"round {number}: {engine}/{number} has no result of scope {scope}")
                for figure, values in of_scope.items():
                    values[engine].append(table[scope][figure])
    return found


def judge(figure: str, values: dict) -> str:
    """Return whether the median of the moved module is within the spread of the other, better or worse."""
    middle, low, high = statistics.median(values["moved"]), min(values["own"]), max(values["own"])
    if low <= middle <= high:
        return WITHIN
    return BETTER if (middle > high) == MORE_IS_BETTER[figure] else WORSE


def compared(found: dict) -> list:
    """Return a row for each scope and figure: both medians with their extremes, their ratio, and the judgement."""
    return [(scope, figure, values, statistics.median(values["moved"]) / statistics.median(values["own"]),
             judge(figure, values)) for scope, of_scope in found.items() for figure, values in of_scope.items()]


def text_of(rows: list) -> str:
    """Return @rows as a table for people."""
    heads = ("scope", "figure", "on cmwq2 [min..max]", "as it is [min..max]", "ratio", "spread")
    return aligned([heads, *((scope, baseline.FIGURES[figure], baseline.spread(values["moved"]),
                              baseline.spread(values["own"]), f"{ratio:.3f}", said)
                             for scope, figure, values, ratio, said in rows)], 2)


def verdict(rows: list, rounds: int) -> tuple:
    """Return whether no figure is worse, and the sentence to print."""
    if rounds < FEWEST:
        return False, f"nothing shown: a spread needs {FEWEST} rounds"
    worse = [f"{baseline.FIGURES[figure]} of {scope}" for scope, figure, _, _, said in rows if said == WORSE]
    if worse:
        return False, f"{len(worse)} of {len(rows)} figures are beyond native's spread: {', '.join(worse)}"
    better = sum(said == BETTER for *_, said in rows)
    return True, f"{len(rows) - better} of {len(rows)} figures are within native's spread, {better} are better"


def compare(name: str) -> int:
    """Measure, print, write out/baseline/VM-moved.json, and return the exit status."""
    start = time.monotonic()
    report = OUT / "baseline" / f"{kernel.vehicle(name).name}-moved.json"
    report.unlink(missing_ok=True)
    on = baseline.setup(name)
    engine = modules.with_engine(modules.build(on.target), "cmwq2")
    run = guest.run_job(on.target, "baseline", f"baseline-moved-{on.target.vehicle.name}",
                        [*engine, *moved.build(on.target)],
                        {"ROUNDS": on.rounds, "OWN": on.own, "MOVED": moved.MOVED_TABLE}, limit=baseline.LIMIT)
    guest.must_pass(run)
    found = tables(run.results, on.rounds)
    rows = compared(found)
    passed, said = verdict(rows, on.rounds)
    return baseline.conclude(report, on, f"lib/test_workqueue on cmwq2 and as it is, {on}\n\n{text_of(rows)}", passed,
                             f"{said}, {took(start)}", {"figures": found})
