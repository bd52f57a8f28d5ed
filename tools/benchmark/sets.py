# SPDX-License-Identifier: GPL-2.0
"""The runs of a set of benchmarks: their configuration, and how long they take."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import policies
from benchmark import boots
from benchmark.documents import SetError

# With 16 rounds an interval covers the true value in 97.9 % of cases, with 15 in 96.5 %.
ROUNDS, MOST_ROUNDS = 16, 1000
PROFILES = ("mainline-7.3", "shared")
SCOPES, ALL_SCOPES = ("cpu", "cache", "system"), ("cpu", "smt", "cache", "cache_shard", "numa", "system")
BATCHES, ALL_BATCHES = (1, 4, 64), (1, 2, 4, 8, 16, 64, 256)
# CPU time of an item, in us, and for how long the items of a producer use a CPU in a turn, in us.
BURNS, BURNED = (0, 1, 5, 50, 500), 200_000
# For how long the producer of busy goes on computing after each item, in us.
AFTER = (0, 20, 200)
LOADS, ALL_LOADS = (2,), (0, 1, 2, 3, 4, 5)
HOOKS, ALL_HOOKS = ("auto",), ("auto", "pn", "timer")
WORKLOADS = ("roundtrip", "batch", "fanout", "stream", "busy", "mixed", "imbalance", "delayed", "block", "create",
             "flush", "drain", "cancel", "burst", "switch", "rescue", "perfwq")
DEFAULT = ("roundtrip", "batch", "fanout", "stream", "busy", "mixed", "imbalance", "delayed", "block", "create",
           "flush", "cancel", "perfwq")
# This set compares an engine with itself. Neighbours in the list of engines form four pairs in each run.
AA, AA_RUNS = "aa", 25
# The largest number of engines in the list of a run.
MOST_ENGINES = 8
# Seconds that a turn takes on an otherwise idle UML with two CPUs. An emulated machine takes about as long, because
# _variants() gives it less work.
TURN = {"roundtrip": 0.3, "batch": 0.3, "fanout": 0.3, "stream": 0.2, "busy": 0.3, "mixed": 0.4, "imbalance": 0.1,
        "delayed": 0.3, "block": 0.1, "create": 0.5, "flush": 0.1,
        "drain": 0.1, "cancel": 0.1, "burst": 0.4, "switch": 0.2, "rescue": 0.3, "perfwq": 1.5, AA: 0.03}
# Seconds to load and unload the modules for a run.
RUN = 1


@dataclass(frozen=True)
class Plan:
    """One run: its title and its configuration."""

    title: str
    settings: dict
    # Seconds that a turn takes, roughly.
    turn: float

    @property
    def seconds(self) -> float:
        """Seconds that the run takes, roughly."""
        return RUN + self.turn * (self.settings["engines"].count(",") + 1) * self.settings["rounds"]


@dataclass(frozen=True)
class Wanted:
    """What the user chose."""

    workloads: Sequence[str] = DEFAULT
    profiles: Sequence[str] = PROFILES
    rounds: int = ROUNDS
    seed: int = 0
    full: bool = False
    # Divisor of the amount of work, for emulated CPUs.
    slow: int = 1
    # The number of the boot, from 0. Each boot has its own seeds.
    boot: int = 0


def workload_names(text: str, what: str) -> tuple:
    """Return the workloads that @text names. Raises SetError if a word is not a workload."""
    words = tuple(text.replace(",", " ").split())
    if words in (("all",), (AA,)):
        return WORKLOADS if words == ("all",) else words
    for word in words or ("",):
        if word not in WORKLOADS:
            raise SetError(f"{what}={word}: allowed: all, {', '.join(WORKLOADS)}, or {AA} by itself")
    return words


def profile_names(text: str, what: str) -> tuple:
    """Return the words of @text, each a profile or policies of cmwq2. Raises SetError for another word, no word or too
    many. A copy of the tools without the sources of the engine does not know the names, so there the module refuses
    unknown ones.
    """
    words, most = tuple(text.replace(",", " ").split()), MOST_ENGINES - 2
    if policies.has_sources():
        profiles = policies.profiles()
        words = profiles if words == ("all",) else words
        allowed = (f"allowed: all, or 1 to {most} of {', '.join(profiles)} and of policies: "
                   f"{', '.join(policies.read())}=VALUE, several joined by +, or behind a profile and +")
        wrong = [word for word in words if not policies.is_profile_or_setting(word)]
    else:
        allowed = f"allowed: 1 to {most} profiles or policies; all needs the sources of the engine"
        wrong = [word for word in words if word == "all"]
    if wrong:
        raise SetError(f"{what}={wrong[0]}: {allowed}")
    if not 0 < len(words) <= most:
        raise SetError(f"{what} names {len(words)}; {allowed}")
    return words


def default_profiles() -> tuple:
    """Return the profiles that are measured unless the user names others."""
    return PROFILES


def check_rounds(rounds: int, what: str) -> int:
    """Return @rounds. Raises SetError if the module does not accept this number."""
    if not 0 < rounds <= MOST_ROUNDS:
        raise SetError(f"{what}={rounds}: allowed: 1 to {MOST_ROUNDS}")
    return rounds


def _burning(items: int, burn: int) -> dict:
    """Return the settings for items of @burn us, of which there are at most @items."""
    items = max(min(items, BURNED // max(burn, 1)), 200)
    return {"burn_ns": 1000 * burn, "items": items, "warmup": items // 10}


def _variants(workload: str, wanted: Wanted) -> Iterable[tuple]:
    """Return the title and settings of each run of a workload."""
    full, items = wanted.full, max(20000 // wanted.slow, 1000)
    load = {"items": items, "warmup": items // 10}
    if workload == "roundtrip":
        yield "roundtrip percpu", {"queue": "percpu", **load}
        yield "roundtrip ordered", {"queue": "ordered", **load}
        for scope in ALL_SCOPES if full else SCOPES:
            yield f"roundtrip {scope}", {"queue": "unbound", "scope": scope, **load}
        yield "roundtrip pause 100", {"queue": "unbound", "pause_us": 100, "items": 500, "warmup": 50}
    elif workload == "batch":
        for size in ALL_BATCHES if full else BATCHES:
            yield f"batch percpu {size}", {"queue": "percpu", "in_flight": size, **load}
            for burn in BURNS if size in BATCHES else (0, 5):
                yield (f"batch unbound {size} burn {burn}",
                       {"queue": "unbound", "in_flight": size, **_burning(items, burn)})
    elif workload == "fanout":
        for size in (16, 64, 256) if full else (64,):
            for burn in BURNS if size == 64 else (0, 5):
                yield f"fanout {size} burn {burn}", {"queue": "unbound", "in_flight": size, **_burning(items, burn)}
    elif workload == "stream":
        for queue in ("percpu", "unbound") if full else ("unbound",):
            yield f"stream {queue}", {"queue": queue, "in_flight": 1024, **load}
    elif workload == "busy":
        yield from ((f"busy {after}", {**_burning(items, after), "queue": "unbound", "producers": 1, "burn_ns": 0,
                                       "burn_after_us": after}) for after in AFTER)
    elif workload == "mixed":
        yield workload, {"queue": "unbound", "in_flight": 16, "burn_ns": 1000, "items": 200, "warmup": 20}
    elif workload == "imbalance":
        yield from ((f"imbalance {each}", {"queue": "unbound", "per_cpu": each, "burn_ns": 1000_000, "calls": 20})
                    for each in (1, 2))
    elif workload == "delayed":
        yield "delayed", {"queue": "percpu", "in_flight": 64, "items": 640, "warmup": 64, "delay_ms": 10}
    elif workload == "block":
        for hook in ALL_HOOKS if full else HOOKS:
            # With the timer hook every start of an item takes a tick.
            yield f"block hook={hook}", {"hook": hook, "queue": "percpu", "in_flight": 16,
                                         "calls": 8 if hook == "timer" else 40}
    elif workload == "create":
        yield "create", {"queues": 1000}
    elif workload in ("flush", "drain"):
        for queue in ("percpu", "unbound", "ordered") if full else ("unbound",):
            yield f"{workload} {queue}", {"queue": queue, "in_flight": 100, "calls": 20}
    elif workload == "cancel":
        yield "cancel", {"queue": "unbound", "in_flight": 16, "calls": 50}
    elif workload == "burst":
        for queue in ("percpu", "unbound") if full else ("percpu",):
            yield f"burst {queue}", {"queue": queue, "in_flight": 64, "calls": 20}
    elif workload == "switch":
        for hook in ALL_HOOKS if full else HOOKS:
            yield f"switch hook={hook}", {"hook": hook, "queue": "percpu", **load}
    elif workload == "rescue":
        for foreign in (1000, 10000) if full else (1000,):
            yield f"rescue behind {foreign}", {"queue": "percpu", "items": 1000, "foreign": foreign}
    else:
        for number in ALL_LOADS if full else LOADS:
            # In 2010 the lowest two loads were measured only with short burns.
            for long_burn in (0, 1) if full and number > 1 else (0,):
                yield (f"perfwq wl{number}/{'LS'[not long_burn]}",
                       {"queue": "percpu", "load": number, "long_burn": long_burn, "job_ms": 300})


def engines(workload: str, profiles: Sequence[str], with_floor: bool = True) -> str:
    """Return the value for the module's setting config_engines."""
    floor = ["floor"] if with_floor else []
    more = {"roundtrip": floor, "batch": floor, "fanout": floor, "perfwq": ["threads"]}
    cmwq2 = [f"cmwq2:{profile}" for profile in profiles]
    # Only cmwq2 runs rescue: nothing can stop the kernel's own pools from creating workers.
    return ",".join(cmwq2 if workload == "rescue" else ["native", *cmwq2, *more.get(workload, [])])


def _against_itself(wanted: Wanted) -> Iterable[tuple]:
    # The turns are short because this tests the method of comparison, not the engine.
    items = max(1000 // wanted.slow, 200)
    for number in range(AA_RUNS):
        yield f"aa {number + 1}", {"workload": "roundtrip", "queue": "percpu", "items": items, "warmup": items // 10,
                                   "rounds": wanted.rounds, "engines": ",".join(["native"] * MOST_ENGINES)}


def _runs(workload: str, wanted: Wanted) -> Iterable[tuple]:
    # A turn of perfwq takes a second. Most of this time it waits until its items are done.
    rounds = min(wanted.rounds, 10) if workload == "perfwq" and not wanted.full else wanted.rounds
    for title, settings in _variants(workload, wanted):
        # The floor is the cost of the smallest engine. It says nothing about items that take longer.
        used = engines(workload, wanted.profiles, with_floor=not settings.get("burn_ns"))
        yield title, {"workload": workload, **settings, "rounds": rounds, "engines": used}


def plans(wanted: Wanted) -> list:
    """Return all runs. The seed of each is derived from the set's seed, the boot and the title, and not from other
    runs."""
    seed = boots.seed_of(wanted.seed, wanted.boot)

    def seeded(title: str, settings: dict) -> dict:
        return {**settings, "seed": random.Random(f"{seed} {title}").randrange(1, 2**32)}
    return [Plan(title, seeded(title, settings), TURN[workload])
            for workload in wanted.workloads
            for title, settings in (_against_itself(wanted) if workload == AA else _runs(workload, wanted))]
