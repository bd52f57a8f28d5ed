# SPDX-License-Identifier: GPL-2.0
"""The plan and the figures of `make bench WORKLOAD=dmcrypt`: fio on an encrypted RAM disk, with the kernel's own
dm-crypt and with the same driver on cmwq2. The loads are those of the kernel's Documentation/core-api/workqueue.rst,
"Affinity Scopes and Performance", scaled to fewer CPUs."""

import json
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from benchmark import stats

NATIVE = "native"
# The scopes of the queue, by what is written to its files affinity_scope and affinity_strict.
SCOPES = {"system": ("system", 0), "cache": ("cache", 0), "cache strict": ("cache", 1), "cpu": ("cpu", 0)}
# The machine of the published figures, its numbers of issuers, and the requests that each had in flight.
PUBLISHED_CPUS, ISSUERS, DEPTH = 24, (24, 8, 4), 64
# The whole disk is shared by the issuers, in MiB.
DISK_MIB = 30


@dataclass(frozen=True)
class Load:
    """How many issuers there are, and how many requests each has in flight."""

    published: int      # of the issuers on the machine of the published figures
    issuers: int
    depth: int

    @property
    def title(self) -> str:
        """The load in words."""
        return (f"{self.issuers} issuer{'s' if self.issuers > 1 else ''} with {self.depth} requests in flight "
                f"(published: {self.published} with {DEPTH} on {PUBLISHED_CPUS} CPUs)")


def loads(cpus: int) -> list[Load]:
    """Return the loads for a machine with @cpus CPUs. Each CPU has as many requests in flight as it had there, from at
    least one issuer."""
    found = []
    for published in ISSUERS:
        issuers = max(1, round(published * cpus / PUBLISHED_CPUS))
        found.append(Load(published, issuers, max(1, round(published * DEPTH * cpus / PUBLISHED_CPUS / issuers))))
    return found


@dataclass(frozen=True)
class Turn:
    """One measurement: an engine under a load."""

    round: int
    load: Load
    scope: str
    engine: str     # NATIVE, or the name of a profile

    def words(self, seconds: float) -> str:
        """Return the words for the guest: engine, scope, whether it is strict, issuers, requests in flight, MiB of each
        issuer, and seconds."""
        scope, strict = SCOPES[self.scope]
        return (f"{self.engine} {scope} {strict} {self.load.issuers} {self.load.depth} "
                f"{DISK_MIB // self.load.issuers} {seconds:g}")


def turns(profiles: Sequence[str], cpus: int, rounds: int, seed: int) -> list[Turn]:
    """Return all turns. Each round has every load and scope in random order, and the engines of one load and scope
    follow each other in random order."""
    source, found = random.Random(seed), []
    for number in range(rounds):
        pairs = [(load, scope) for load in loads(cpus) for scope in SCOPES]
        source.shuffle(pairs)
        for load, scope in pairs:
            engines = [NATIVE, *profiles]
            source.shuffle(engines)
            found += [Turn(number, load, scope, engine) for engine in engines]
    return found


@dataclass(frozen=True)
class Figure:
    """What came of a turn."""

    rate: float     # MB/s, read and written
    cpu: float      # how busy all CPUs were, from 0 to 1


class FigureError(ValueError):
    """A turn has no figure."""


def _times(text: str) -> tuple[float, float, float]:
    """Return the seconds since boot, and the ticks in which the CPUs were busy and all ticks, from the contents of
    /proc/uptime and /proc/stat."""
    uptime, cpu = text.splitlines()[:2]
    ticks = [int(word) for word in cpu.split()[1:9]]
    return float(uptime.split()[0]), sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def figure(fio: str, before: str, after: str) -> Figure:
    """Return the figure of a turn from the JSON of fio, and from /proc/uptime and /proc/stat before and after it.
    Raises FigureError if fio saw an error or the text is not complete."""
    try:
        # Messages of fio may precede the JSON.
        found = json.loads(fio[fio.index("{"):])
        jobs = found["jobs"]
        errors = sum(abs(job["error"]) for job in jobs)
        moved = sum(job[way]["io_bytes"] for job in jobs for way in ("read", "write"))
        (start, busy, ticks), (end, busy_then, ticks_then) = _times(before), _times(after)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise FigureError(f"the result of fio cannot be read: {error!r}") from None
    if errors:
        raise FigureError(f"fio reports error {errors}")
    if not moved or end <= start or ticks_then <= ticks:
        raise FigureError("fio read or wrote nothing")
    return Figure(moved / (end - start) / 1e6, (busy_then - busy) / (ticks_then - ticks))


@dataclass(frozen=True)
class Row:
    """The figures of an engine under a load and a scope, and their ratios to native's."""

    load: Load
    scope: str
    engine: str
    rates: tuple[float, ...]
    cpus: tuple[float, ...]
    rate_ratio: Optional[stats.Comparison]      # None for native
    cpu_ratio: Optional[stats.Comparison]       # CPU time for each MB, to native's

    def text(self) -> str:
        """Return the row of the table."""
        rate = f"{statistics.median(self.rates):.1f} [{min(self.rates):.1f}..{max(self.rates):.1f}]"
        cpu = f"{100 * statistics.median(self.cpus):.1f}"
        ratios = (str(self.rate_ratio or "-"), str(self.cpu_ratio or "-"))
        return f"{self.scope:13} {self.engine:14} {rate:24} {cpu:>5}  {ratios[0]:24} {ratios[1]}".rstrip()


def _of(figures: dict[Turn, Figure], load: Load, scope: str, engine: str) -> list[Figure]:
    """Return the figures of one engine under a load and a scope, in the order of the rounds."""
    mine = [turn for turn in figures if (turn.load, turn.scope, turn.engine) == (load, scope, engine)]
    return [figures[turn] for turn in sorted(mine, key=lambda turn: turn.round)]


def rows(figures: dict[Turn, Figure]) -> list[Row]:
    """Return the rows of all loads, scopes and engines."""
    found = []
    for load, scope, engine in dict.fromkeys(sorted(((turn.load, turn.scope, turn.engine) for turn in figures),
                                                    key=_order)):
        mine, base = _of(figures, load, scope, engine), _of(figures, load, scope, NATIVE)
        rates, costs = [each.rate for each in mine], [each.cpu / each.rate for each in mine]
        compared = engine != NATIVE and len(base) == len(mine)
        found.append(Row(load, scope, engine, tuple(rates), tuple(each.cpu for each in mine),
                         stats.paired(rates, [each.rate for each in base]) if compared else None,
                         stats.paired(costs, [each.cpu / each.rate for each in base]) if compared else None))
    return found


def _order(key: tuple[Load, str, str]) -> tuple:
    load, scope, engine = key
    return -load.published, list(SCOPES).index(scope), engine != NATIVE, engine


HEAD = f"{'scope':13} {'engine':14} {'MB/s [min..max]':24} {'CPU %':>5}  {'MB/s /native [95 %]':24} CPU a MB /native"


def tables(found: Sequence[Row]) -> str:
    """Return a table for each load, and a sentence on each profile."""
    lines = []
    for load in dict.fromkeys(row.load for row in found):
        lines += [f"== {load.title}", HEAD, *(row.text() for row in found if row.load == load), ""]
    return "\n".join([*lines, *(verdict(found, engine) for engine in dict.fromkeys(row.engine for row in found)
                                if engine != NATIVE)])


def verdict(found: Sequence[Row], engine: str) -> str:
    """Return a sentence, on two lines, that says whether @engine is faster than native."""
    ratios = [row.rate_ratio for row in found if row.engine == engine and row.rate_ratio]
    faster = sum(each.verdict == stats.DIFFERENCE and each.ratio > 1 for each in ratios)
    slower = sum(each.verdict == stats.DIFFERENCE and each.ratio < 1 for each in ratios)
    unknown = sum(each.verdict == stats.UNKNOWN for each in ratios)
    if not ratios or unknown:
        return f"{engine}: too few rounds to compare it with native; {stats.FEWEST} are enough"
    middle = math.exp(statistics.fmean(math.log(each.ratio) for each in ratios))
    gain = f"seen in {faster} of them" if faster else "not seen"
    return (f"{engine}: {faster} of {len(ratios)} rates are higher than native's, {slower} are lower, in the middle "
            f"{middle:.3f} of native's;\n    the gain of the synthetic workloads is {gain}")
