# SPDX-License-Identifier: GPL-2.0
"""Which runs there are in a set of benchmarks, what a set's document holds, and when two of them can be compared.

The document of a set has these keys:

  schema       "cmwq2-bench-set", and schema_version
  vehicle      uml, x86 or host; accelerator, what executed it; host, the CPU of the machine below
  kernel       release; config, a hash of its configuration, or null
  cpus         online where it ran
  seed         that the seeds of the runs were made from
  runs         a list of what bench_report.parse() makes of each result, with title
  missing      a list of runs that could not be made: title and reason
"""

import hashlib
import json
import os
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence

SCHEMA, SCHEMA_VERSION = "cmwq2-bench-set", 1

# With 16 rounds an interval holds in 97.9 % of cases, with 15 in 96.5.
ROUNDS = 16
PROFILES = ("mainline-7.3", "v2-2026-06")
SCOPES, ALL_SCOPES = ("cpu", "cache", "system"), ("cpu", "smt", "cache", "cache_shard", "numa", "system")
BATCHES, ALL_BATCHES = (1, 4, 16, 64, 256), (1, 2, 4, 8, 16, 32, 64, 128, 256)
LOADS, ALL_LOADS = (2,), (0, 1, 2, 3, 4, 5)
HOOKS, ALL_HOOKS = ("auto",), ("auto", "pn", "timer")
WORKLOADS = ("roundtrip", "batch", "fanout", "delayed", "block", "create", "flush", "drain", "cancel", "perfwq")
DEFAULT = ("roundtrip", "batch", "fanout", "delayed", "block", "create", "flush", "cancel", "perfwq")
# Of a workload that has more than fits a table or a plot.
HEADLINE = {"block": "p50_ns", "create": "create_ns", "flush": "call_ns", "drain": "call_ns", "cancel": "inactive_ns",
            "perfwq": "job_ns"}
# What a difference between two documents makes worthless. Kernels may differ: that is what is compared.
SAME = ("vehicle", "accelerator", "host", "cpus")
# The same of a run, beside its settings.
SAME_RUN = ("workload", "queue", "scope", "mem_reclaim", "hook", "clock")


class SetError(Exception):
    """What cannot be used, in one line."""


@dataclass(frozen=True)
class Plan:
    """One run: how it is called, and what is configured for it."""

    title: str
    settings: dict


@dataclass(frozen=True)
class Wanted:
    """What the user chose."""

    workloads: Sequence[str] = DEFAULT
    profiles: Sequence[str] = PROFILES
    rounds: int = ROUNDS
    seed: int = 0
    full: bool = False
    # How much less is to be done where CPUs are emulated.
    slow: int = 1


def names(text: str, allowed: Sequence[str], what: str) -> tuple:
    """The words of @text, each of which must be in @allowed."""
    if text == "all":
        return tuple(allowed)
    words = tuple(text.replace(",", " ").split())
    for word in words:
        if word not in allowed:
            raise SetError(f"{what}={word}: allowed: all, {', '.join(allowed)}")
    if not words:
        raise SetError(f"{what} names nothing; allowed: all, {', '.join(allowed)}")
    return words


def _variants(workload: str, wanted: Wanted) -> Iterable[tuple]:
    """Title and settings of each run of a workload."""
    full, items = wanted.full, max(20000 // wanted.slow, 1000)
    if workload == "roundtrip":
        load = {"items": items, "warmup": items // 10}
        yield "roundtrip percpu", {"queue": "percpu", **load}
        for scope in ALL_SCOPES if full else SCOPES:
            yield f"roundtrip {scope}", {"queue": "unbound", "scope": scope, **load}
    elif workload == "batch":
        for size in ALL_BATCHES if full else BATCHES:
            for queue in ("percpu", "unbound") if full else ("percpu",):
                yield f"batch {queue} {size}", {"queue": queue, "in_flight": size, "items": items,
                                                "warmup": items // 10}
    elif workload == "fanout":
        for size in (16, 64, 256) if full else (64,):
            yield f"fanout {size}", {"queue": "unbound", "in_flight": size, "items": items, "warmup": items // 10}
    elif workload == "delayed":
        yield "delayed", {"queue": "percpu", "in_flight": 64, "items": 640, "warmup": 64, "delay_ms": 10}
    elif workload == "block":
        for hook in ALL_HOOKS if full else HOOKS:
            yield f"block hook={hook}", {"hook": hook, "queue": "percpu", "in_flight": 16, "calls": 40}
    elif workload == "create":
        yield "create", {"queues": 1000}
    elif workload in ("flush", "drain"):
        for queue in ("percpu", "unbound", "ordered") if full else ("unbound",):
            yield f"{workload} {queue}", {"queue": queue, "in_flight": 100, "calls": 20}
    elif workload == "cancel":
        yield "cancel", {"queue": "unbound", "in_flight": 16, "calls": 50}
    else:
        for load in ALL_LOADS if full else LOADS:
            # The short burns of the lowest two are all that was measured in 2010.
            for long_burn in (0, 1) if full and load > 1 else (0,):
                yield (f"perfwq wl{load}/{'LS'[not long_burn]}",
                       {"queue": "percpu", "load": load, "long_burn": long_burn, "job_ms": 300})


def engines(workload: str, profiles: Sequence[str]) -> str:
    """The list for config_engines."""
    more = {"roundtrip": ["floor"], "batch": ["floor"], "fanout": ["floor"], "perfwq": ["threads"]}
    return ",".join(["native", *(f"cmwq2:{profile}" for profile in profiles), *more.get(workload, [])])


def plans(wanted: Wanted) -> list:
    """All runs, each with a seed of its own that the one seed makes."""
    source, found = random.Random(wanted.seed), []
    for workload in wanted.workloads:
        for title, settings in _variants(workload, wanted):
            # The loads of 2010 take a second a turn, most of it until their items have come to rest.
            rounds = min(wanted.rounds, 10) if workload == "perfwq" and not wanted.full else wanted.rounds
            found.append(Plan(title, {"workload": workload, **settings, "rounds": rounds,
                                      "seed": source.randrange(1, 2**32),
                                      "engines": engines(workload, wanted.profiles)}))
    return found


def document(where: dict, seed: int, runs: list, missing: list) -> dict:
    """A set's document; @where has vehicle, accelerator, host, kernel, config."""
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **where,
            "cpus": runs[0]["header"]["cpus"] if runs else None, "seed": seed, "runs": runs, "missing": missing}


def config_hash(path: Path) -> Optional[str]:
    """Twelve digits for what is switched on in a kernel's configuration, None if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = sorted(line for line in text.splitlines() if line.startswith("CONFIG_"))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def host_cpu() -> str:
    """The CPU of this machine."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return os.uname().machine


def read(path: Path) -> dict:
    """A set's document out of a file, whole or not at all."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise SetError(f"{path}: not a whole JSON document: {error}") from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise SetError(f"{path}: not the report of a set of benchmarks")
    if found.get("schema_version") != SCHEMA_VERSION:
        raise SetError(f"{path}: schema_version {found.get('schema_version')}, this program knows {SCHEMA_VERSION}")
    for key in (*SAME, "kernel", "config", "seed"):
        if key not in found:
            raise SetError(f"{path}: has no {key}")
    if not isinstance(found.get("runs"), list) or not found["runs"]:
        raise SetError(f"{path}: has no runs")
    for number, run in enumerate(found["runs"]):
        for key, kind in (("title", str), ("header", dict), ("engines", list), ("rounds", list), ("compared", list)):
            if not isinstance(run, dict) or not isinstance(run.get(key), kind):
                raise SetError(f"{path}: run {number} has no {key}")
    return found


def write(path: Path, text: str) -> None:
    """The whole file or none: a full disk leaves what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as sink:
            sink.write(text)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def run_key(run: dict) -> tuple:
    """What two runs must have in common to be runs of the same thing."""
    header = run["header"]
    return tuple((key, header.get(key)) for key in (*SAME_RUN, *header["settings"]))


def obstacles(one: dict, other: dict) -> list:
    """Why figures of two sets do not belong side by side; nothing if they do."""
    found = [f"{key} {one[key]} and {other[key]}" for key in SAME if one[key] != other[key]]
    if one["kernel"] == other["kernel"] and one["config"] != other["config"]:
        found.append(f"config {one['config']} and {other['config']} of the same kernel")
    common = {run_key(run) for run in one["runs"]} & {run_key(run) for run in other["runs"]}
    if not common:
        found.append("no run with the same workload, settings, hook and clock in both")
    return found


def value_rows(run: dict, engine: str, figure: str) -> list[Any]:
    """Round by round, of the first engine of that name."""
    index = run["header"]["engines"].index(engine)
    return [record.get(figure) for record in sorted(run["rounds"], key=lambda each: each["round"])
            if record["engine"] == index]
