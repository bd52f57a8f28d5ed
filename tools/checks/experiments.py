# SPDX-License-Identifier: GPL-2.0
"""The experiments of Documentation/experiments.rst: what each runs, and what its numbers say.

An experiment is a list of runs of cmwq2_bench in one boot, or a KUnit suite. tools/vm/verbs/experiment.py boots the
guests. This module says what they run. Its judge for each experiment makes a table and a conclusion from the results.
Figures are compared round by round, within one boot: a ratio is the median over the rounds, with the 95 % interval that
benchmark/stats.py computes for all figures of this project. It is called a difference only if the interval excludes 1.
"""

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

import blocks
import policies
from checks import movement
from checks.findings import ExperimentError, Finding, Spread, engine, spread

CLAIMS, WAKES = policies.names("claim"), policies.names("wake")
QUEUES = ("percpu", "unbound")
BURSTS = (1, 2, 4, 8, 16, 64)
COSTS_US = (0, 1, 5, 20)
RESCUES = policies.names("rescue")
PENDING = (1000, 10000, 100000)
# Number of items whose rescue is timed, once with few and once with many items of other queues ahead.
OWN = 10000
SWITCHES = 10000


@dataclass(frozen=True)
class Experiment:
    """@steps are lines for tools/vm/guest/job-experiment.sh, or @suites is a glob of KUnit suites, or @lines are the
    engines whose cache lines `make lines` counts. @judge gets the parsed results of the steps, the KTAP texts of the
    suites, or the document of make lines, by name. @model: `make model` belongs to it."""

    question: str
    judge: Callable[[dict], Finding]
    steps: Sequence[str] = ()
    suites: str = ""
    lines: Sequence[str] = ()
    parameters: str = ""
    vehicles: Sequence[str] = ("uml",)
    model: bool = False
    slow: int = 1       # times the usual limit for each step


def claim_engine(claim: str) -> str:
    """Return the name of the engine with @claim and with the wakeup of mainline today."""
    return engine(claim=claim, wake="deferred")


def rounds_of(document: dict, name: str) -> list:
    """Return the rounds of one engine, in order."""
    names = document["header"]["engines"]
    if name not in names:
        raise ExperimentError(f"the result has no engine {name}")
    index = names.index(name)
    return sorted((record for record in document["rounds"] if record["engine"] == index),
                  key=lambda record: record["round"])


def values_of(document: dict, name: str, key: str, per: Optional[str] = None) -> list:
    """Return the figure @key of each round, divided by the figure @per if given. It is NaN if the divisor is 0."""
    values = []
    for record in rounds_of(document, name):
        value, divisor = record.get(key), record.get(per) if per else 1
        if value is None or divisor is None:
            raise ExperimentError(f"{name}: round {record['round']} has no {key if value is None else per}")
        values.append((value / divisor if per else value) if divisor else math.nan)
    return values


def held_of(document: dict, name: str) -> list:
    """Return the mean time in ns that the lock was held, for each round. It leaves out holds that the module counts as
    long, because the engine itself has none."""
    return [(record["lock_held_ns"] - record["lock_long_ns"]) / (record["lock_acquired"] - record["lock_long"])
            for record in rounds_of(document, name)]


def paired(these: Sequence[float], those: Sequence[float]) -> Spread:
    """Return the ratios of the first values to the second values of the same round."""
    return spread([a / b for a, b in zip(these, those) if b and not math.isnan(a) and not math.isnan(b)])


def ratios(document: dict, name: str, to: str, key: str, per: Optional[str] = None) -> Spread:
    """Return the ratios of @name's figure to @to's figure of the same round."""
    return paired(values_of(document, name, key, per), values_of(document, to, key, per))


def number(value: float) -> str:
    """Return a count or a time as text, with only as many digits as mean something."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median_of(document: dict, name: str, key: str, per: Optional[str] = None) -> float:
    """Return the median of a figure over the rounds that have it, or NaN if no round has it."""
    values = [value for value in values_of(document, name, key, per) if not math.isnan(value)]
    return statistics.median(values) if values else math.nan


# --- claims

def _claims_row(queue: str, claim: str, plain: dict, counted: dict) -> tuple:
    name, none = claim_engine(claim), claim_engine("none")
    created = sum(values_of(plain, name, "created"))
    return (queue, claim, f"{median_of(plain, name, 'woken', 'queued'):.3f}", created,
            number(statistics.median(held_of(counted, name))), paired(held_of(counted, name), held_of(counted, none)),
            number(median_of(counted, name, "pick_ns", "picks")), ratios(counted, name, none, "pick_ns", "picks"),
            ratios(plain, name, none, "rate"))


def judge_claims(steps: dict) -> Finding:
    """Compare the claims on a picked worker, and tell whether the flag is slower than the list."""
    rows, data, said = [], {}, []
    flag, parked = claim_engine("kicked_flag"), claim_engine("kicked_list")
    for queue in QUEUES:
        plain, counted = steps[queue], steps[f"{queue}-counted"]
        rows += [_claims_row(queue, claim, plain, counted) for claim in CLAIMS]
        pick, rate = ratios(counted, flag, parked, "pick_ns", "picks"), ratios(plain, flag, parked, "rate")
        held = paired(held_of(counted, flag), held_of(counted, parked))
        data[queue] = {"flag_to_list": {"pick": str(pick), "held": str(held), "rate": str(rate)}}
        said.append(f"{queue}: a pick {pick} ({pick.verdict('slower', 'faster')}), the lock held {held} "
                    f"({held.verdict('longer', 'shorter')}), items/s {rate} ({rate.verdict('more', 'fewer')})")
    return Finding(("queue", "claim", "woken/item", "started", "held ns", "to none", "pick ns", "to none",
                    "items/s to none"), rows, "The flag against the list: " + "; ".join(said) + ".", data)


def claims_steps() -> list:
    """Return the runs for each queue, without and with counters. Rates are from the former, as counting takes time."""
    engines = ",".join(claim_engine(claim) for claim in CLAIMS)
    return [f"{queue}{'-counted' if counted == 'Y' else ''} .lock_stat={counted} workload=roundtrip queue={queue} "
            f"engines={engines} items=5000 warmup=500 rounds=25" for queue in QUEUES for counted in "NY"]


# --- coalescing

def judge_coalescing(steps: dict) -> Finding:
    """Count the workers that N back-to-back enqueues wake."""
    most: dict = {}
    started: dict = {}
    rows = []
    for queue in QUEUES:
        for count in BURSTS:
            document = steps[f"{queue}-{count}"]
            calls = document["header"]["calls"]
            woken = {claim: statistics.median(values_of(document, claim_engine(claim), "woken")) / calls
                     for claim in CLAIMS}
            for claim in CLAIMS:
                most[queue, claim] = max(most.get((queue, claim), 0), woken[claim])
                started[queue, claim] = (started.get((queue, claim), 0)
                                         + sum(values_of(document, claim_engine(claim), "created")))
            rows.append((queue, count, *(f"{woken[claim]:.2f}" for claim in CLAIMS)))
        rows.append((queue, "started", *(started[queue, claim] for claim in CLAIMS)))
    said = [f"{queue}: at most " + ", ".join(f"{most[queue, claim]:.1f} ({claim})" for claim in CLAIMS)
            for queue in QUEUES]
    return Finding(("queue", "N", *CLAIMS), rows, "Workers woken by one burst, " + "; ".join(said) + ".",
                   {"most": {f"{queue} {claim}": value for (queue, claim), value in most.items()}})


def coalescing_steps() -> list:
    """Return the runs for each queue and burst size. Before each burst all workers are idle."""
    engines = ",".join(claim_engine(claim) for claim in CLAIMS)
    return [f"{queue}-{count} workload=burst queue={queue} engines={engines} in_flight={count} calls=10 rounds=9"
            for queue in QUEUES for count in BURSTS]


# --- the cost of a wakeup

LOCKED, DEFERRED, EVERYWHERE = (engine(claim="none", wake=wake) for wake in ("locked", "deferred", "everywhere"))


def judge_wakeup_cost(steps: dict) -> Finding:
    """Tell what is gained by waking after the lock was dropped, for each cost of a wakeup."""
    rows, gains = [], {}
    for queue in QUEUES:
        for cost in COSTS_US:
            document = steps[f"{queue}-{cost}"]
            gain = ratios(document, DEFERRED, LOCKED, "rate")
            gains[queue, cost] = gain
            woken = "/".join(f"{median_of(document, name, 'woken', 'queued'):.2f}" for name in (LOCKED, DEFERRED))
            rows.append((queue, cost, woken, number(median_of(document, LOCKED, "rate")), gain,
                         gain.verdict("gain", "loss"), ratios(document, DEFERRED, LOCKED, "p95_ns"),
                         ratios(document, EVERYWHERE, LOCKED, "rate")))
    said = [f"{queue} " + ", ".join(f"{100 * (gains[queue, cost].median - 1):+.0f} % at {cost} us"
                                    + ("" if gains[queue, cost].verdict("x", "x") == "x" else " (none seen)")
                                    for cost in COSTS_US) for queue in QUEUES]
    return Finding(("queue", "cost us", "woken/item", "locked items/s", "deferred to locked", "", "p95 to locked",
                    "everywhere to locked"), rows, "Items/s gained by deferring: " + "; ".join(said) + ".",
                   {f"{queue} {cost}": str(gain) for (queue, cost), gain in gains.items()})


def wakeup_cost_steps() -> list:
    """Return a run for each cost. All have the same interleaved rounds and are in one boot."""
    engines = ",".join((LOCKED, DEFERRED, EVERYWHERE))
    return [f"{queue}-{cost} .wake_cost_us={cost} workload=roundtrip queue={queue} engines={engines} "
            f"items={5000 if cost < 5 else 2000} warmup=500 rounds=25" for queue in QUEUES for cost in COSTS_US]


# --- the rescuer

def growth(small: float, large: float, factor: float) -> float:
    """Return the exponent of N with which time grows: 1 is linear, 2 is quadratic."""
    return math.log(large / small) / math.log(factor)


def _rescue_step(rescue: str, count: int) -> str:
    """Return the name of a step. The largest one under restart takes minutes, so it is a step of its own."""
    return f"{count}-restart" if rescue == "restart" and count == PENDING[-1] else str(count)


def judge_rescuer(steps: dict) -> Finding:
    """Tell how long the rescue of N items among N items of other queues takes."""
    rows, powers = [], {}
    for rescue in RESCUES:
        spans = [spread(values_of(steps[_rescue_step(rescue, count)], engine(rescue=rescue), "rescue_ns"))
                 for count in PENDING]
        powers[rescue] = growth(spans[0].median, spans[-1].median, PENDING[-1] / PENDING[0])
        rows.append((rescue, *(f"{span.median / 1e6:.2f} [{span.low / 1e6:.2f}..{span.high / 1e6:.2f}]"
                               for span in spans), f"{powers[rescue]:.2f}"))
    said = ", ".join(f"{rescue} {power:.2f}" for rescue, power in powers.items())
    few, many = (median_of(steps[f"ahead-{count}"], engine(rescue="cursor"), "rescue_ns")
                 for count in (PENDING[0], PENDING[-1]))
    return Finding(("rescue", *(f"N={count} ms" for count in PENDING), "power of N"), rows,
                   f"Time grows with N to the power of: {said} (1 is linear, 2 quadratic). With {PENDING[-1]} items of "
                   f"others ahead instead of {PENDING[0]}, {OWN} items under cursor take {many / few:.2f} times as "
                   "long.",
                   {**powers, "ahead": many / few})


def rescuer_steps() -> list:
    """Return runs of each size under each policy, then runs of one size behind few and behind many foreign items."""
    def step(name: str, rescues: Iterable[str], own: int, ahead: int, rounds: int) -> str:
        engines = ",".join(engine(rescue=rescue) for rescue in rescues)
        return f"{name} workload=rescue queue=percpu engines={engines} items={own} foreign={ahead} rounds={rounds}"

    largest = PENDING[-1]
    return [*(step(str(count), RESCUES, count, count, 5) for count in PENDING[:-1]),
            step(str(largest), ("slurp", "cursor"), largest, largest, 5),
            step(f"{largest}-restart", ("restart",), largest, largest, 2),
            *(step(f"ahead-{count}", ("cursor",), OWN, count, 9) for count in (PENDING[0], largest))]


# --- the policies for pools that CPUs share

# Loads, and the settings of the benchmark that make them. A turn of each takes some tenths of a second.
LOADS = {
    "roundtrip": "workload=roundtrip queue=unbound items=5000 warmup=500",
    "percpu-flood": "workload=batch queue=percpu in_flight=64 items=20000 warmup=2000",
    "percpu": "workload=roundtrip queue=percpu items=5000 warmup=500",
    "pauses": "workload=roundtrip queue=unbound pause_us=200 items=300 warmup=20",
    "busy": "workload=busy queue=unbound producers=1 burn_after_us=200 items=300 warmup=20",
    "flood": "workload=batch queue=unbound in_flight=64 items=20000 warmup=2000",
    "short": "workload=fanout queue=unbound in_flight=64 burn_ns=5000 items=10000 warmup=1000",
    "batch": "workload=batch queue=unbound in_flight=64 burn_ns=5000 items=10000 warmup=1000",
    "imbalance": "workload=imbalance queue=unbound per_cpu=2 burn_ns=500000 calls=50",
    "mixed": "workload=mixed queue=unbound in_flight=16 burn_ns=5000 items=500 warmup=20",
}
# Under which loads the values of a policy are compared: where it should gain, and where it may lose.
POLICY_LOADS = {
    "concurrency": ("flood", "short", "imbalance", "mixed"),
    "pick": ("roundtrip", "short", "busy", "imbalance"),
    "spin": ("roundtrip", "percpu", "pauses", "imbalance"),
    "wakeup": ("flood", "short", "imbalance", "mixed"),
    "yield": ("percpu-flood", "batch", "short", "busy", "mixed"),
}
NATIVE = "native"


def _ratio(document: dict, name: str, to: str, key: str) -> str:
    """Return the ratios as ratios() does, or "-" if a round lacks the figure, as it may if a time was too long."""
    try:
        return str(ratios(document, name, to, key))
    except ExperimentError:
        return "-"


def _policy_row(load: str, policy: str, value: str, document: dict) -> tuple:
    name, usual = engine(**{policy: value}), engine(**{policy: policies.read()[policy].default})
    rate = ratios(document, name, usual, "rate")
    return (load, value, ratios(document, name, NATIVE, "rate"), rate,
            rate.verdict("gain", "loss") if name != usual else "",
            *(_ratio(document, name, usual, key) for key in ("p95_ns", "start_p50_ns", "start_p99_ns", "cpu_ns")))


def _differences(policy: str, value: str, rows: Iterable[tuple]) -> str:
    """Return for which loads the rate under @value differs from that under the default, and by how much."""
    known = [f"{load} {100 * (rate.median - 1):+.0f} %" for load, whose, _, rate, verdict, *_ in rows
             if whose == value and verdict in ("gain", "loss")]
    return f"{policy}={value} {', '.join(known) or 'none seen'}"


def judge_policy(policy: str) -> Callable[[dict], Finding]:
    """Return the judge that compares the values of @policy with its default."""
    def judge(steps: dict) -> Finding:
        usual, values = policies.read()[policy].default, policies.names(policy)
        rows = [_policy_row(load, policy, value, steps[load]) for load in POLICY_LOADS[policy] for value in values]
        said = [_differences(policy, value, rows) for value in values if value != usual]
        return Finding(("load", policy, "items/s to native", f"to {usual}", "", "p95 of the call", "start p50",
                        "start p99", "CPU/item"), rows, f"Differences in items/s to {usual}: " + "; ".join(said) + ".",
                       {f"{row[0]} {row[1]}": str(row[3]) for row in rows})

    return judge


def policy_steps(policy: str) -> list:
    """Return a run for each load. It compares all values of @policy and the kernel's own workqueue."""
    engines = ",".join((NATIVE, *(engine(**{policy: value}) for value in policies.names(policy))))
    return [f"{load} {LOADS[load]} engines={engines} rounds=25" for load in POLICY_LOADS[policy]]


# --- a lock-free inbox

INBOX_LOADS = {
    "stream": "workload=stream queue=unbound in_flight=64 items=20000 warmup=2000",
    "flood": LOADS["flood"],
    "short": LOADS["short"],
    "roundtrip": LOADS["roundtrip"],
}
INBOX_PROFILES = ("mainline-7.3", "shared")


def _most_gain(document: dict, name: str) -> Spread:
    """Return how many times as fast @name could be if nobody ever waited for pool->lock: for each round, the CPU time
    per item divided by the rest of it without the waiting."""
    waited = values_of(document, name, "lock_wait_ns", "queued")
    return spread([cpu / (cpu - min(wait, cpu / 2)) for cpu, wait in zip(values_of(document, name, "cpu_ns"), waited)])


def judge_inbox(steps: dict) -> Finding:
    """Tell what a lock-free inbox in front of the worklist could gain at most: the time that is waited for the lock."""
    rows, said = [], []
    for load in INBOX_LOADS:
        for profile in INBOX_PROFILES:
            document, name = steps[load], f"cmwq2:{profile}"
            most = _most_gain(document, name)
            rows.append((load, profile, number(median_of(document, name, "rate")),
                         f"{median_of(document, name, 'lock_acquired', 'queued'):.2f}",
                         f"{100 * median_of(document, name, 'lock_contended', 'lock_acquired'):.2f}",
                         number(median_of(document, name, "lock_wait_ns", "queued")),
                         number(median_of(document, name, "cpu_ns")), most))
            if profile == INBOX_PROFILES[-1]:
                said.append(f"{load} {100 * (most.median - 1):+.1f} %")
    return Finding(("load", "profile", "items/s", "locked/item", "waited for %", "waited ns/item", "CPU ns/item",
                    "at most"), rows,
                   f"The most that can be gained under {INBOX_PROFILES[-1]} if nobody waits for the lock: "
                   f"{', '.join(said)}.", {f"{row[0]} {row[1]}": str(row[-1]) for row in rows})


def inbox_steps() -> list:
    """Return a run for each load, with the counters of the lock. What they cost is the same for both profiles."""
    engines = ",".join(f"cmwq2:{profile}" for profile in INBOX_PROFILES)
    return [f"{load} .lock_stat=Y {settings} engines={engines} rounds=15" for load, settings in INBOX_LOADS.items()]


# --- suites

CASE = re.compile(r"^ +(ok|not ok) \d+ (?:- )?(\S+)(?: # SKIP.*)?$")


def cases_of(text: str) -> list:
    """Return (name, passed) of every case of a KTAP text, and of a case's parameters (case/parameter, passed)."""
    cases: list = []
    parameters: list = []
    for line in text.splitlines():
        match = CASE.match(line)
        if not match or "# SKIP" in line:
            continue
        passed, name = match[1] == "ok", match[2]
        if line.startswith("        "):
            parameters.append((name, passed))
            continue
        cases += [(f"{name}/{parameter}", well) for parameter, well in parameters] or [(name, passed)]
        parameters = []
    return cases


def judge_switching(suites: dict) -> Finding:
    """Tell whether an item was lost while policies were switched."""
    rows, failed = [], False
    for name, text in sorted(suites.items()):
        cases = cases_of(text)
        counts = dict(re.findall(r"\b(switches|items)=(\d+)", text))
        bad = [case for case, passed in cases if not passed]
        failed = failed or bool(bad) or not cases or int(counts.get("switches", 0)) < SWITCHES
        rows.append((name, counts.get("switches", "-"), counts.get("items", "-"), len(cases), len(bad)))
    failed = failed or not rows
    said = "something was lost, ran twice or out of order" if failed else \
        "no item was lost, ran twice or overtook another on the ordered queue"
    return Finding(("suite", "switches", "items", "cases", "failed"), rows,
                   f"With {SWITCHES} policy switches under load {said}.", failed=failed)


def claim_and_wake(case: str) -> tuple:
    """Return the claim and the wake level in the name of a case, "-" for one that is missing."""
    claim = max((claim for claim in CLAIMS if re.search(rf"(?:^|[/_.]){claim}(?:$|[/_.])", case)), key=len, default="-")
    wakes = re.findall(rf"(?:^|[/_.])({'|'.join(WAKES)})(?=$|[/_.])", case)
    return claim, wakes[-1] if wakes else "-"


@dataclass(frozen=True)
class Model:
    """A row of what `make model` has printed."""

    expected: bool
    pool: str
    claim: str
    wake: str
    min_idle: int
    strict: bool        # whether reaping a kicked worker is already a violation
    fault: str
    states: int
    safe: bool


def models_of(text: str) -> list:
    """Return the rows of out/model/report.txt. Its first line has the titles; schedules follow after an empty line."""
    names, *lines = text.split("\n\n")[0].splitlines() or [""]
    models = []
    for line in lines:
        passed, *words = line.split(None, len(names.split()))
        row = dict(zip(names.split(), words))
        if not {"pool", "claim", "wake", "min_idle", "strict", "fault", "states", "verdict"} <= set(row):
            raise ExperimentError(f"the model's table has another form: {line}")
        models.append(Model(passed == "PASS", row["pool"], row["claim"], row["wake"], int(row["min_idle"]),
                            row["strict"] != "0", row["fault"], int(row["states"]), row["verdict"].startswith("safe;")))
    return models


def tally_of(texts: Iterable[str]) -> dict:
    """Return how many schedules were forced and how many of them failed, by claim, wake and kind of pool."""
    tally: dict = {}
    for text in texts:
        for case, passed in cases_of(text):
            kind = "unbound" if "unbound" in case else "bound"
            key = (*claim_and_wake(case), kind)
            done, bad = tally.get(key, (0, 0))
            tally[key] = (done + 1, bad + (not passed))
    return tally


def _modelled(models: list) -> list:
    """Cells of one row: how many models, their states, how many lose something, whether a kicked worker is reaped."""
    plain, strict = ([model for model in models if model.strict == wanted] for wanted in (False, True))
    reaped = "-" if not strict else "no" if all(model.safe for model in strict) else "yes"
    if not plain:
        return ["-", "-", "-", reaped]
    return [len(plain), sum(model.states for model in plain), sum(not model.safe for model in plain), reaped]


def _listed(models: Iterable[Model]) -> str:
    return ", ".join(sorted({f"{model.claim} {model.wake}" for model in models if not model.safe})) or "none"


def _what_the_model_says(models: list) -> str:
    if not models:
        return "the model was not run"
    sound = [model for model in models if model.fault == "none"]
    real = [model for model in sound if model.min_idle >= 2 and not model.strict]
    fewer = [model for model in sound if model.min_idle < 2 and not model.strict]
    return (f"of {len(real)} models that leave two idle workers {sum(not model.safe for model in real)} lose or "
            f"starve an item, of {len(fewer)} that leave fewer {sum(not model.safe for model in fewer)}. The kicked "
            "worker itself can be reaped, its item going to another, under: "
            f"{_listed(model for model in sound if model.strict)}. If culling were from the head, an item would be "
            f"lost under: {_listed(model for model in models if model.fault == 'cull_head')}")


def judge_kick_vs_cull(results: dict) -> Finding:
    """Put the results of the forced schedules beside those of the model."""
    models = [model for text in results.get("model", []) for model in models_of(text)]
    tally = tally_of(text for name, text in results.items() if name != "model")
    real = [model for model in models if model.fault == "none" and model.min_idle >= 2]
    keys = sorted({key[:2] for key in tally} | {(model.claim, model.wake) for model in real},
                  key=lambda key: (CLAIMS.index(key[0]) if key[0] in CLAIMS else 9, key[1]))
    rows = []
    for key in keys:
        cells = []
        for kind in ("bound", "unbound"):
            done, bad = tally.get((*key, kind), (0, 0))
            cells.append(f"{bad} of {done}" if done else "-")
        rows.append((*key, *cells, *_modelled([model for model in real if (model.claim, model.wake) == key])))
    forced, bad = (sum(each[i] for each in tally.values()) for i in (0, 1))
    failed = not tally or bool(bad) or any(not model.expected for model in models)
    return Finding(("claim", "wake", "bound: failed", "unbound: failed", "models", "states", "lose or starve one",
                    "kicked one reaped"), rows,
                   f"Of {forced} forced schedules {bad} failed; {_what_the_model_says(models)}.", failed=failed)


EXPERIMENTS = {
    "kick-vs-cull": Experiment("Can the culler reap a worker that was kicked, and strand the item it was kicked for?",
                               judge_kick_vs_cull, suites="cmwq2_interleave*", parameters="interleave_rounds=100",
                               model=True, slow=5),
    "claims": Experiment("What does each claim cost, and is the flag slower than the list?", judge_claims,
                         claims_steps()),
    "coalescing": Experiment("N back-to-back enqueues: how many workers wake?", judge_coalescing, coalescing_steps()),
    "rescuer": Experiment("How long does a rescuer take for N items among N of others?", judge_rescuer,
                          rescuer_steps(), slow=5),
    "wakeup-cost": Experiment("What is gained by waking after the lock, when a wakeup costs more?",
                              judge_wakeup_cost, wakeup_cost_steps(), vehicles=("uml", "x86")),
    "switching": Experiment("Does a policy switch lose, repeat or reorder an item?", judge_switching,
                            suites="cmwq2_switch", parameters=f"switch_times={SWITCHES}"),
    "pick": Experiment("What is gained if an enqueue wakes a worker on its own CPU?", judge_policy("pick"),
                       policy_steps("pick"), vehicles=("uml", "x86")),
    "concurrency": Experiment("What is gained if a shared pool runs one worker for each CPU?",
                              judge_policy("concurrency"), policy_steps("concurrency"), vehicles=("uml", "x86")),
    "wakeup": Experiment("What is gained if no worker is woken while enough of them are on their way?",
                         judge_policy("wakeup"), policy_steps("wakeup"), vehicles=("uml", "x86")),
    "inbox": Experiment("What could a lock-free inbox in front of the worklist gain at most?", judge_inbox,
                        inbox_steps(), vehicles=("uml", "x86")),
    "spin": Experiment("What is gained if an idle worker spins before it sleeps?", judge_policy("spin"),
                       policy_steps("spin"), vehicles=("uml", "x86")),
    "yield": Experiment("What is gained if a worker goes on for a moment while another task wants its CPU?",
                        judge_policy("yield"), policy_steps("yield"), vehicles=("uml",)),
    "lines-claims": Experiment("Does a flag move more cache lines for a kick than a list?", movement.judge_claims,
                               lines=movement.CLAIMED, vehicles=movement.VEHICLES),
    "lines-policies": Experiment("How many cache lines does each policy move for an item?", movement.judge_policies,
                                 lines=movement.CHOSEN, vehicles=movement.VEHICLES),
}


# --- what is written down

def block(name: str, parts: Iterable[tuple]) -> str:
    """Return the block of an experiment for Documentation/experiments.rst, from each (where, finding)."""
    return blocks.block(name, "make experiments", "\n\n".join(
        f"{where}\n{finding.table(0)}\n{finding.conclusion}" for where, finding in parts))


def result(name: str, parts: Iterable[tuple]) -> dict[str, Any]:
    """Return the results of an experiment in a form for JSON."""
    return {"schema": "cmwq2-experiment", "schema_version": 1, "name": name, "question": EXPERIMENTS[name].question,
            "runs": [{"where": where, "columns": list(finding.columns),
                      "rows": [[str(cell) for cell in row] for row in finding.rows],
                      "conclusion": finding.conclusion, "data": finding.data, "failed": finding.failed}
                     for where, finding in parts]}


def documented(path: Path) -> list:
    """Return the names of the experiments that the document has a place for."""
    return blocks.names(path.read_text(encoding="utf-8"))
