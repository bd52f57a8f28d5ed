# SPDX-License-Identifier: GPL-2.0
"""The second half of `make cost`: what the engine's own measuring and watching costs an item, in instructions. On one
of Debian's own kernels, which have jump labels, so that a switch that is off is what it is for its users."""

import os
import statistics
import sys
from dataclasses import dataclass, replace
from typing import Optional

import accel
import compat
import guest
from common import ROOT, Problem, aligned, say

sys.path.append(str(ROOT / "tools"))
import bench_report     # noqa: E402

SERIES = "7.2"
QUEUES = ("percpu", "unbound")
ENGINE = "cmwq2:mainline-7.3"
# One producer, one item in flight: the CPU is never idle, so that with an instruction a nanosecond the rate is that of
# instructions.
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
# In turn, so that a drift is seen: the first and the last of a round must agree.
ORDER = (OFF, *SWITCHES, OFF)
ROUNDS = 3


def steps() -> dict:
    """The runs by name. The first do not count: the guest has not come to rest."""
    found = {f"warm-{queue}": (queue, None, f"warm-{queue} {LOAD} queue={queue}") for queue in QUEUES}
    for queue in QUEUES:
        for number in range(ROUNDS):
            for place, switch in enumerate(ORDER):
                name = f"{queue}-{number}-{place}"
                found[name] = (queue, switch, f"{name} {switch.setting} {LOAD} queue={queue}")
    return found


def instructions(text: str) -> float:
    """Of an item, from the result of a run under -icount shift=0."""
    try:
        document = bench_report.parse(text)
    except bench_report.ResultError as error:
        raise Problem(f"a run of the benchmark: {error}") from None
    return 1e9 / document["engines"][0]["rate"]


def judge(measured: dict) -> list:
    """A row for each queue and switch, of {(queue, switch): [instructions]}."""
    rows = []
    for queue in QUEUES:
        base = statistics.median(measured[queue, OFF.name])
        for switch in (OFF, *SWITCHES):
            values = measured[queue, switch.name]
            middle = statistics.median(values)
            percent = 100 * (middle / base - 1)
            # Of the watchdog it is asked what it costs to have it, which is the other way round.
            over = switch.limit is not None and abs(percent) > switch.limit
            rows.append({"queue": queue, "switch": switch.name, "instructions": round(middle, 1),
                         "percent": round(percent, 2) + 0.0, "limit": switch.limit, "failed": over,
                         # Typically: a single run may have had something else to do.
                         "spread_percent": round(100 * statistics.median(abs(value / middle - 1)
                                                                         for value in values), 2)})
    return rows


def word(row: dict) -> str:
    """What a row that is held to a limit begins with."""
    return "" if row["limit"] is None else "FAIL" if row["failed"] else "PASS"


def limit(row: dict) -> str:
    """The percent a row is held to."""
    return "" if row["limit"] is None else f"{row['limit']:.1f}"


def table(rows: list) -> str:
    """@rows for people."""
    heads = ("", "queue", "switch", "instructions", "percent", "limit", "runs differ by")
    return aligned([heads] + [(word(row), row["queue"], row["switch"], f"{row['instructions']:.1f}",
                               f"{row['percent']:.2f}", limit(row), f"{row['spread_percent']:.2f}%")
                              for row in rows], 3)


def measure(icount: list, parameters: tuple, series: str = SERIES) -> tuple:
    """Rows and the kernel's release; none if this user cannot."""
    if os.geteuid() != 0:
        say("\nWhat measuring costs is left out: it takes root, for a chroot with the headers of Debian's kernel")
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
