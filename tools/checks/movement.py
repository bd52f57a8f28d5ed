# SPDX-License-Identifier: GPL-2.0
"""What the counts of `make lines` say about claims and policies, for Documentation/experiments.rst."""

import policies
from checks.findings import ExperimentError, Finding, engine

NATIVE = "native"
# Lines are counted in guests of x86 only.
VEHICLES = ("x86",)
CLAIMED = tuple(engine(claim=claim, wake="deferred") for claim in policies.names("claim"))
DEFERRED, LOCKED = engine(wake="deferred"), engine(wake="locked")
SHARED = "cmwq2:shared"
# The usual policies with the wakeup of today and with that of before; every value but the default of spin and of the
# policies that the profile shared sets; and that profile.
CHOSEN = (NATIVE, DEFERRED, LOCKED,
          *(engine(**{policy: value}) for policy in ("pick", "concurrency", "wakeup", "spin")
            for value in policies.names(policy) if value != policies.read()[policy].default), SHARED)
# Where a claim is written: the list of the pool, the worker, and what a pick reads of both.
PLACES = ("cmwq2_pool", "cmwq2_worker")


def _loads(document: dict) -> dict:
    """Return the rows of a document of make lines by load and then by engine."""
    found: dict = {}
    for row in document["workloads"]:
        name = f"{row['engine']}:{row['profile']}" if row["profile"] else row["engine"]
        found.setdefault(f"{row['workload']}, {row['scope']}", {})[name] = row
    return found


def _of(rows: dict, name: str) -> dict:
    if name not in rows:
        raise ExperimentError(f"the counts have no engine {name}")
    return rows[name]


def _range(values: dict) -> str:
    return f"{values['median']:.2f} [{values['low']:.2f}..{values['high']:.2f}]"


def kick_of(row: dict) -> dict[str, float]:
    """Return what moves for a kick: the lines of the pool and of the worker during the call that queues an item, and of
    these the lines of the worker, and the wakeup."""
    kicks = row["wakeups"]["median"]
    if not kicks:
        raise ExperimentError("no worker was woken while lines were counted")
    enqueue = {name: sum(each["by_phase"].get("enqueue", 0.0) for each in row["by_field"] if each["structure"] == name)
               for name in PLACES}
    return {"kicks": kicks, "claim": sum(enqueue.values()) / kicks, "worker": enqueue["cmwq2_worker"] / kicks,
            "wake": row["by_phase"].get("wake", 0.0) / kicks}


def judge_claims(counted: dict) -> Finding:
    """Compare the claims by what moves for a kick."""
    lines, data, said = [], {}, []
    for load, rows in _loads(counted["lines"]).items():
        for name in CLAIMED:
            row = _of(rows, name)
            kick = kick_of(row)
            claim = name.partition("claim=")[2].partition("+")[0]
            data[f"{load} {claim}"] = kick
            lines.append((load, claim, _range(row["of_rounds"]), f"{kick['kicks']:.2f}", f"{kick['claim']:.2f}",
                          f"{kick['worker']:.2f}", f"{kick['wake']:.2f}"))
        flag, listed = (data[f"{load} {claim}"] for claim in ("kicked_flag", "kicked_list"))
        said.append(f"{load}: for a kick an enqueue moves {flag['worker']:.2f} lines of the worker with the flag and "
                    f"{listed['worker']:.2f} with the list, {flag['claim']:.2f} and {listed['claim']:.2f} with those "
                    "of the pool")
    return Finding(("load", "claim", "lines/item", "kicks/item", "enqueue: pool and worker/kick", "worker/kick",
                    "wakeup/kick"), lines, f"{'; '.join(said)}.", data)


def judge_policies(counted: dict) -> Finding:
    """Compare the policies by what moves for an item, by phase."""
    phases = ("enqueue", "wake", "start", "function", "end", "idle")
    lines, data, said = [], {}, []
    for load, rows in _loads(counted["lines"]).items():
        for name in CHOSEN:
            row = _of(rows, name)
            data[f"{load} {name}"] = {"lines": row["transfers_per_item"]["median"],
                                      "locked": row["under_lock"]["median"], "wakeups": row["wakeups"]["median"]}
            lines.append((load, name.partition(":")[2] or name, _range(row["of_rounds"]),
                          *(f"{row['by_phase'].get(phase, 0.0):.1f}" for phase in phases),
                          f"{row['under_lock']['median']:.1f}", f"{row['wakeups']['median']:.2f}"))
        locked, deferred = data[f"{load} {LOCKED}"], data[f"{load} {DEFERRED}"]
        said.append(f"{load}: with wakeups after the lock {deferred['locked']:.1f} lines move with the lock held "
                    f"instead of {locked['locked']:.1f}, and {deferred['lines']:.1f} instead of {locked['lines']:.1f} "
                    f"in all; shared moves {data[f'{load} {SHARED}']['lines']:.1f}")
    return Finding(("load", "policy", "lines/item", *phases, "with the lock", "wakeups/item"), lines,
                   f"{'; '.join(said)}.", data)
