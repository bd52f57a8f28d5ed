# SPDX-License-Identifier: GPL-2.0
"""The second half of `make cost`: counts the instructions that the engine's own measuring and its watchdog cost an
item. It runs on one of Debian's own kernels. These have jump labels, so a switch that is off costs what it costs
users."""

import os
import statistics
import sys
from dataclasses import dataclass, replace
from typing import Optional

from base.common import ROOT, Problem, aligned, say
from machines import accel, guest
from verbs import compat

sys.path.append(str(ROOT / "tools"))
from benchmark import results as bench_report  # noqa: E402

SERIES = "7.2"
QUEUES = ("percpu", "unbound")
ENGINE = "cmwq2:mainline-7.3"
# One producer with one item in flight keeps the CPU busy all the time. An instruction takes one nanosecond, so the rate
# of items gives the instructions per item.
LOAD = f"engines={ENGINE} producers=1 items=5000 warmup=500 rounds=3 seed=1"


@dataclass(frozen=True)
class Switch:
    """A parameter that costs something, how it is set for the comparison, and how many percent it may cost."""

    name: str
    setting: str
    limit: Optional[float] = None


OFF = Switch("off", "")
SWITCHES = (Switch("latency=Y", ".latency=Y", 5.0), Switch("lock_stat=Y", ".lock_stat=Y"),
            Switch("watchdog_thresh=0", ".watchdog_thresh=0", 1.0),
            Switch("watchdog_thresh=1", ".watchdog_thresh=1", 1.0))
# The order in a round. It begins and ends with the same case, so that a drift shows.
ORDER = (OFF, *SWITCHES, OFF)
ROUNDS = 3


def steps() -> dict:
    """Return the runs by name. The first run of each queue does not count, because the guest is still settling."""
    found: dict = {f"warm-{queue}": (queue, None, f"warm-{queue} {LOAD} queue={queue}") for queue in QUEUES}
    for queue in QUEUES:
        for number in range(ROUNDS):
            for place, switch in enumerate(ORDER):
                name = f"{queue}-{number}-{place}"
                found[name] = (queue, switch, f"{name} {switch.setting} {LOAD} queue={queue}")
    return found


def instructions(text: str) -> float:
    """Return the instructions per item from the result of a run under -icount shift=0."""
    try:
        document = bench_report.parse(text)
    except bench_report.ResultError as error:
        raise Problem(f"a run of the benchmark: {error}") from None
    return 1e9 / document["engines"][0]["rate"]


def judge(measured: dict) -> list:
    """Return a row for each queue and switch. @measured: lists of instructions by (queue, switch)."""
    rows = []
    for queue in QUEUES:
        base = statistics.median(measured[queue, OFF.name])
        for switch in (OFF, *SWITCHES):
            values = measured[queue, switch.name]
            middle = statistics.median(values)
            percent = 100 * (middle / base - 1)
            # The watchdog is on by default, so its cost shows as a decrease when it is off. Hence abs().
            over = switch.limit is not None and abs(percent) > switch.limit
            rows.append({"queue": queue, "switch": switch.name, "instructions": round(middle, 1),
                         "percent": round(percent, 2) + 0.0, "limit": switch.limit, "failed": over,
                         # The median deviation, because a single run may have been disturbed.
                         "spread_percent": round(100 * statistics.median(abs(value / middle - 1)
                                                                         for value in values), 2)})
    return rows


def word(row: dict) -> str:
    """Return PASS or FAIL for a row that has a limit, otherwise ''."""
    return "" if row["limit"] is None else "FAIL" if row["failed"] else "PASS"


def limit(row: dict) -> str:
    """Return the limit of a row in percent, or ''."""
    return "" if row["limit"] is None else f"{row['limit']:.1f}"


def table(rows: list) -> str:
    """Return @rows as a table for people."""
    heads = ("", "queue", "switch", "instructions", "percent", "limit", "runs differ by")
    return aligned([heads] + [(word(row), row["queue"], row["switch"], f"{row['instructions']:.1f}",
                               f"{row['percent']:.2f}", limit(row), f"{row['spread_percent']:.2f}%")
                              for row in rows], 3)


def measure(icount: list, parameters: tuple, series: str = SERIES) -> tuple:
    """Measure, and return the rows and the kernel's release. Return no rows if this user is not root."""
    if os.geteuid() != 0:
        say("\nThe cost of measuring is left out: it needs root, for a chroot with the headers of Debian's kernel")
        return [], ""
    target, files = compat.provide(series)
    target = replace(target, vehicle=replace(target.vehicle, parameters=parameters))
    plan = steps()
    run = guest.Run(target, "experiment", guest.home("cost-switches"), files, limit=200, cpus=1, extra=icount,
                    settings={"STEPS": "\n".join(text for _, _, text in plan.values())})
    guest.boot(run, accel.TCG_SINGLE)
    guest.must_pass(run)
    measured: dict = {}
    for name, (queue, switch, _) in plan.items():
        if switch:
            text = (run.results / "steps" / name).read_text()
            measured.setdefault((queue, switch.name), []).append(instructions(text))
    return judge(measured), target.release
