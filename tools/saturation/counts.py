# SPDX-License-Identifier: GPL-2.0
"""What an item costs: instructions from the file of make icount, transfers of cache lines from that of make lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cli
import policies
from saturation import formula
from toml_reader import tomllib

ROOT = Path(__file__).resolve().parents[2]
INSTRUCTIONS = ROOT / "tools/vm/icount-x86.json"
HERE = Path(__file__).resolve().parent
# What make lines has written, one file for each number of CPUs of the guest. The fields of a structure are summed up.
TRANSFERS = "lines*.json"
WAKEUPS = HERE / "wakeups.toml"
# The versions of these files that this program knows.
SCHEMA, VERSION = 1, 1
NATIVE = "native"
# The profile that wakes with the lock held, and the one that differs from it in nothing else that costs instructions.
LOCKED, DEFERRED = "cmwq2:mainline-6.12", "cmwq2:mainline-7.3"
QUEUE = "unbound"

# Where a line belongs, by the structure that lies in it. If the file does not say how many transfers were made with the
# lock held, these are the lines of the pool and its items, and those of the node.
POOL, NODE, WAKEUP, OUTSIDE = "pool", "node", "wakeup", "outside"
PLACES = {
    "worker_pool": POOL, "pool_workqueue": POOL, "worker": POOL, "work_struct": POOL, "workqueue_struct": POOL,
    "cmwq2_pool": POOL, "cmwq2_pwq": POOL, "cmwq2_worker": POOL, "cmwq2_work": POOL, "cmwq2_wq": POOL,
    "wq_node_nr_active": NODE, "cmwq2_nna": NODE,
    # What a wakeup transfers is part of the machine's cost of a wakeup.
    "task_struct": WAKEUP, "rq": WAKEUP, "cfs_rq": WAKEUP, "sched_domain_shared": WAKEUP, "root_domain": WAKEUP,
    "stack": WAKEUP, "per-CPU variable": WAKEUP, "hrtimer_cpu_base": WAKEUP, "tick_sched": WAKEUP,
}
# A pool of one producer is that of the scope cpu. Of the other scopes, system is the one whose CPUs all share a pool.
ALONE, SHARED = "cpu", "system"


@dataclass(frozen=True)
class Instructions:
    """Instructions per item: all, those with the lock held without a wakeup, those of the call without a wakeup, and
    those of the wakeup of a worker. @locked says whether that is made with the lock held."""

    item: float
    lock: float
    enqueue: float
    wake: float
    locked: bool


@dataclass(frozen=True)
class Counts:
    """All counts by the name of the engine. @transfers has, for each engine and scope, and for each number of CPUs of
    the guest, the transfers per item by place. @woken: wakeups of a worker per item."""

    instructions: dict[str, Instructions]
    transfers: dict[tuple[str, str], dict[int, dict[str, float]]]
    woken: dict[str, float]
    files: list[str] = field(default_factory=list)

    def engines(self) -> list[str]:
        """Return the names of the engines that have both kinds of counts."""
        return [name for name in self.instructions
                if all((self.counted(name), scope) in self.transfers for scope in (SHARED, ALONE))]

    def counted(self, engine: str) -> str:
        """Return the engine whose transfers stand for those of @engine. What a wakeup transfers with the lock held is
        part of the machine's cost of a wakeup, so the profile that wakes there has the transfers of the other one."""
        return DEFERRED if engine == LOCKED else engine

    def places(self, engine: str, scope: str, cpus: float) -> dict[str, float]:
        """Return the transfers in the largest guest that has not more than @cpus CPUs, or else in the smallest."""
        by_cpus = self.transfers[self.counted(engine), scope]
        return by_cpus[max((each for each in by_cpus if each <= cpus), default=min(by_cpus))]

    def wakeups(self, engine: str) -> float:
        """Return the wakeups of a worker per item under @engine, or under native if they were not counted."""
        return self.woken.get(engine, self.woken[NATIVE])

    def item(self, engine: str, producers: int, pools: int, locked: bool) -> formula.Item:
        """Return what an item costs under @engine if @producers are divided among @pools. @locked: as if this engine
        woke with the lock held."""
        what, size = self.instructions[engine], producers / pools
        own = self.places(engine, SHARED if size > 1 else ALONE, size if size > 1 else producers)
        node = self.places(engine, SHARED, producers)[NODE] if pools > 1 or size > 1 else 0.0
        return formula.Item(what.item, what.lock, what.wake, what.enqueue, own[POOL], node, own[OUTSIDE],
                            self.wakeups(engine), locked)


def _read(path: Path, what: str, key: str, known: int) -> Any:
    document = cli.read_json(str(path), what)
    if not isinstance(document, dict) or key not in document:
        raise cli.Error(f"{_shown(path)}: not {what}: it has no {key}")
    if document[key] != known:
        raise cli.Error(f"{_shown(path)}: {key} {document[key]}; this program knows {known}")
    return document


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def instructions(path: Path = INSTRUCTIONS) -> dict[str, Instructions]:
    """Return the instructions of each engine in a file of make icount. Raises cli.Error."""
    document = _read(path, "a file of make icount", "schema", SCHEMA)
    try:
        engines = document["instructions"][QUEUE]
        wake = engines[LOCKED]["lock"] - engines[DEFERRED]["lock"]
        settings = policies.profile_settings()
        found = {}
        for name, values in engines.items():
            locked = "wake=locked" in settings.get(name.partition(":")[2], "").split()
            found[name] = Instructions(values["item"], values["lock"] - (wake if locked else 0),
                                       values["enqueue"] - wake, wake, locked)
    except (KeyError, TypeError, AttributeError) as error:
        raise cli.Error(f"{_shown(path)}: not a file of make icount: {error!r}") from None
    if wake <= 0 or any(each.lock <= 0 or each.enqueue <= 0 for each in found.values()):
        raise cli.Error(f"{_shown(path)}: {LOCKED} must execute more instructions with the lock held than {DEFERRED}")
    return found


def _by_place(entry: dict) -> dict[str, float]:
    """Return the transfers of one workload by place. What the lock's hold transfers is known more exactly than by
    structure: the scheduler looks at a worker without the lock, too."""
    sums = dict.fromkeys((POOL, NODE, WAKEUP, OUTSIDE), 0.0)
    for each in entry["by_field"]:
        sums[PLACES.get(each["structure"], OUTSIDE)] += each["transfers_per_item"]
    if "under_lock" in entry:
        held = max(entry["under_lock"]["median"] - sums[NODE], 0.0)
        sums[OUTSIDE] += max(sums[POOL] - held, 0.0)
        sums[POOL] = held
    return sums


def transfers(path: Path) -> dict[tuple[str, str], dict[int, dict[str, float]]]:
    """Return the transfers in a file of make lines by engine and scope, CPUs of the guest and place. Raises
    cli.Error."""
    document = _read(path, "a file of make lines", "version", VERSION)
    found: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    try:
        for each in document["workloads"]:
            if each["workload"] != "roundtrip":
                continue
            engine = NATIVE if each["engine"] == NATIVE else f"{each['engine']}:{each['profile']}"
            found.setdefault((engine, each["scope"]), {})[document["cpus"]] = _by_place(each)
    except (KeyError, TypeError, AttributeError) as error:
        raise cli.Error(f"{_shown(path)}: not a file of make lines: {error!r}") from None
    for scope in (SHARED, ALONE):
        if (NATIVE, scope) not in found:
            raise cli.Error(f"{_shown(path)}: it has no roundtrip of {NATIVE} in the scope {scope}")
    return found


def wakeups(path: Path = WAKEUPS) -> dict[str, float]:
    """Return the wakeups of a worker per item by engine. Raises cli.Error."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["wakeups"]
        found = {each["engine"]: float(each["per_item"]) for each in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise cli.Error(f"{_shown(path)}: not a file of wakeups: {error!r}") from None
    if NATIVE not in found or min(found.values()) <= 0:
        raise cli.Error(f"{_shown(path)}: it needs wakeups of {NATIVE}, and all must be above 0")
    return found


def read(lines: Sequence[Path] = (), icount: Path = INSTRUCTIONS) -> Counts:
    """Return all counts. @lines: files of make lines, else the committed ones. Raises cli.Error."""
    paths = list(lines) or sorted(HERE.glob(TRANSFERS))
    moved: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    for path in paths:
        for key, by_cpus in transfers(path).items():
            moved.setdefault(key, {}).update(by_cpus)
    return Counts(instructions(icount), moved, wakeups(),
                  [_shown(path) for path in (icount, *paths, WAKEUPS)])
