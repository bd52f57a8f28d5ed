# SPDX-License-Identifier: GPL-2.0
"""
Finds out why items wait, from what collect.py collected. It gives one
paragraph for each pool that takes no item off its worklist, for each worker
that took items and does not start them, for each worker whose item a flush
waits for, for each pwq that activates none of its inactive items, and for each
expired timer of a delayed item on an offline CPU.

The rules are in rules.py and are those of src/look/verdict.c, with which the module
reports stalls itself. The module judges each pool under its lock; here the
picture may be inconsistent, unless the guest was stopped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from wq.rules import RULES

SEEN = 4  # workers named in a paragraph
# A manager that fails to create a worker tries again sooner than this. One whose last
# attempt is older is stuck.
STUCK_MS = 2000

class Verdict(NamedTuple):
    """One paragraph: which item waits, why, and which workers are to blame."""

    why: str
    pool: int | None
    first: dict[str, Any]
    stuck_ms: int
    head: str
    detail: str | None
    seen: list[str]

    def lines(self) -> list[str]:
        """Return the paragraph as lines of text."""
        lines = [self.head]
        lines += [f"  {self.detail}"] if self.detail else []
        lines += [f"  {line}" for line in self.seen[:SEEN]]
        if len(self.seen) > SEEN:
            lines.append(f"  and {len(self.seen) - SEEN} more")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the paragraph in the form that JSON output has."""
        return {"why": self.why, "pool": self.pool, "queue": self.first["queue"],
                "func": self.first["func"], "age_ms": self.first["age_ms"],
                "stuck_ms": self.stuck_ms, "detail": self.detail, "seen": self.seen}


def verdicts(dump: dict[str, Any], min_ms: int) -> list[Verdict]:
    """Return a verdict on each group of items that has waited for at least min_ms."""
    pools = {pool["id"]: pool for pool in dump["pools"]}
    # The kernel's own workqueues may share a name. One with a rescuer wins.
    wqs = {wq["name"]: wq for wq in sorted(dump["workqueues"], key=lambda wq: bool(wq["rescuer"]))}
    found = []
    for pool in dump["pools"]:
        found.append(_of_pool(pool, pools, wqs, min_ms))
        found += [_of_taken(worker, pool, min_ms) or _of_awaited(worker, pool, min_ms)
                  for worker in _busy(pool)]
    for wq in dump["workqueues"]:
        found += [_of_pwq(pwq, wq, pools, min_ms) for pwq in wq["pwqs"]]
    found += [_of_timer(item, min_ms) for item in dump["delayed"] or []]
    return [verdict for verdict in found if verdict]


def _func(thing: dict[str, Any]) -> str:
    """Return a function's name with its module, in the form the kernel prints it."""
    return f"{thing['func']} [{thing['module']}]" if thing.get("module") else thing["func"]


def conclude(facts: set[str]) -> tuple[str, str | None]:
    """Return the reason and the detail of the first rule all of whose facts are in @facts."""
    return next(((why, detail) for why, detail, needed in RULES if needed <= facts), ("lost-kick", None))


def _verdict(facts: set[str], pool: dict[str, Any], first: dict[str, Any], stuck: int,
             seen: list[str]) -> Verdict:
    if pool["online"] is False:
        facts.add("OFFLINE")
    why, detail = conclude(facts)
    age = "?" if first["age_ms"] is None else first["age_ms"]
    head = (f"stall: {why}: pool {pool['id']}, CPUs {pool['allowed']}: {_func(first)} of queue"
            f" {first['queue'] or '?'} waits for {age} ms, no item taken for {stuck} ms")
    return Verdict(why, pool["id"], first, stuck, head, detail, seen)


def _name(worker: dict[str, Any]) -> str:
    return f"{worker['comm'] or 'bh'}[{worker['pid'] or 0}]"


def _where(worker: dict[str, Any], pool: dict[str, Any] | None = None) -> str:
    cpu = worker["cpu"] if worker["pid"] else (pool or {}).get("cpu")
    return f"state {worker['task_state'] or 'R'} on CPU {cpu}"


def _runs(worker: dict[str, Any], pool: dict[str, Any] | None = None) -> str:
    what = "is between two items"
    if worker["func"]:
        since = "?" if worker["for_ms"] is None else worker["for_ms"]
        what = f"runs {_func(worker)} of queue {worker['queue']} for {since} ms"
    return f"{_name(worker)} {what}, {_where(worker, pool)}{_stack(worker)}"


def _stack(worker: dict[str, Any]) -> str:
    """Return a worker's stack as a line of its own, or "" without --stack."""
    return "\n    in " + " < ".join(worker["stack"][:12]) if worker["stack"] else ""


def _picked_line(worker: dict[str, Any]) -> str:
    if worker["state"] == "idle":
        return f"{_name(worker)} was woken and has not run, {_where(worker)}"
    since = "?" if worker["for_ms"] is None else worker["for_ms"]
    return f"{_name(worker)} was picked {since} ms ago and has not run, {_where(worker)}"


def _busy(pool: dict[str, Any]) -> list[dict[str, Any]]:
    return [w for w in pool["workers"] if w["state"] == "busy"]


def _of_pool(pool: dict[str, Any], pools: dict[int, Any], wqs: dict[str, Any],
             min_ms: int) -> Verdict | None:
    items = [item for item in pool["worklist"]["items"] if item["kind"] != "cursor"]
    stuck = pool["progress_ms"]
    if not items or stuck is None or stuck < min_ms:
        return None
    first = items[0]
    if "bh" in pool["flags"]:
        return _judge_bh(pool, first, stuck)
    if _has_enough(pool):
        return _judge_running(pool, first, stuck)
    if not pool["nr_idle"] and not _picked(pool):
        return _judge_blocked(pool, first, stuck, wqs.get(first["queue"]))
    return _judge_idle(pool, first, stuck, pools)


def _has_enough(pool: dict[str, Any]) -> bool:
    """Return whether as many workers count as running as the pool wants. Older dumps do not have that number."""
    wanted = pool.get("wanted", 1)
    return wanted is not None and pool["nr_running"] is not None and pool["nr_running"] >= wanted


def _judge_bh(pool: dict[str, Any], first: dict[str, Any], stuck: int) -> Verdict:
    busy = _busy(pool)
    return _verdict({"BH", "BUSY"} if busy else {"BH"}, pool, first, stuck, [_runs(w, pool) for w in busy])


def _judge_running(pool: dict[str, Any], first: dict[str, Any], stuck: int) -> Verdict:
    # The kernel does not record which of its own workers count as running.
    busy = [w for w in _busy(pool) if w["counted"] or (w["counted"] is None and not w["blocked"])]
    facts = {"COUNTED"}
    if busy:
        facts.add("SEEN")
    if any(w["blocked"] for w in busy):
        facts.add("ASLEEP")
    return _verdict(facts, pool, first, stuck, [_runs(w) for w in busy])


def _manager_is_stuck(pool: dict[str, Any]) -> bool:
    creating = pool.get("creating")
    if not creating:
        return False
    return not creating["failed"] or creating["tried_ms"] > STUCK_MS


def _creates(pool: dict[str, Any]) -> str:
    creating = pool.get("creating")
    if not creating:
        return "is the manager"
    if not creating["failed"]:
        return f"is the manager, has been creating a worker for {creating['tried_ms']} ms"
    return (f"is the manager, last tried to create a worker {creating['tried_ms']} ms ago,"
            f" failed {creating['failed']} times, last error {creating['error']}")


def _judge_blocked(pool: dict[str, Any], first: dict[str, Any], stuck: int,
                   wq: dict[str, Any] | None) -> Verdict:
    seen, facts = [], {"NO_IDLE"}
    rescuer = (wq or {}).get("rescuer")
    if pool["manager_pid"] is not None:
        facts.add("MANAGER")
        managers = (w for w in pool["workers"] if w["pid"] == pool["manager_pid"])
        seen += [f"{_name(w)} {_creates(pool)}, {_where(w)}{_stack(w)}" for w in managers]
        if _manager_is_stuck(pool):
            facts.add("STUCK")
        if rescuer and rescuer["func"]:
            facts.add("RESCUER_BUSY")
            seen.append(_runs(rescuer))
    seen += [_runs(w) for w in _busy(pool) if not rescuer or w["pid"] != rescuer["pid"]]
    return _verdict(facts, pool, first, stuck, seen)


def _woken(worker: dict[str, Any]) -> bool:
    """Return whether an idle worker of the kernel's own was woken and has not run. The kernel does not record that it
    was picked, but an idle worker that does not sleep was."""
    return worker["state"] == "idle" and worker["counted"] is None and worker["blocked"] is False


def _picked(pool: dict[str, Any]) -> dict[str, Any] | None:
    """Return the worker that was picked last and has not run yet, or None."""
    by_pid = {w["pid"]: w for w in pool["workers"] if w["state"] == "kicked" or _woken(w)}
    order = [pool["last_kicked_pid"], *pool["kicked"], *pool["idle"]]
    return next((by_pid[pid] for pid in order if pid in by_pid), None)


def _judge_idle(pool: dict[str, Any], first: dict[str, Any], stuck: int,
                pools: dict[int, Any]) -> Verdict:
    picked = _picked(pool)
    if not picked:
        return _verdict({"IDLE"}, pool, first, stuck, [])
    line = _picked_line(picked)
    if picked["blocked"]:
        return _verdict({"IDLE", "PICKED", "NOT_WOKEN"}, pool, first, stuck, [line])
    on_cpu = [(w, p) for p in pools.values() for w in _busy(p)
              if (w["on_cpu"] and w["cpu"] == picked["cpu"])
              or (w["pid"] is None and p["cpu"] == picked["cpu"])]
    if on_cpu:
        return _verdict({"IDLE", "PICKED", "CPU_TAKEN"}, pool, first, stuck, [_runs(*on_cpu[0]), line])
    return _verdict({"IDLE", "PICKED"}, pool, first, stuck, [line])


def _of_taken(worker: dict[str, Any], pool: dict[str, Any], min_ms: int) -> Verdict | None:
    items = [item for item in worker["scheduled"]["items"] if item["kind"] == "item"]
    stuck = worker["for_ms"]
    if not items or stuck is None or items[0]["age_ms"] is None:
        return None
    first = items[0]
    if min(stuck, first["age_ms"]) < min_ms:
        return None
    facts = {"TAKEN", "AGAIN"} if first["address"] == worker["work"] else {"TAKEN"}
    return _verdict(facts, pool, first, stuck, [_runs(worker, pool)])


def _of_awaited(worker: dict[str, Any], pool: dict[str, Any], min_ms: int) -> Verdict | None:
    """
    Judge a worker whose item a thread flushes or cancels. Returns None for the kernel's own
    workers, because native barriers have no age.
    """
    barriers = [item for item in worker["scheduled"]["items"] if item["kind"] == "barrier"]
    stuck = worker["for_ms"]
    if not barriers or stuck is None or barriers[0]["age_ms"] is None:
        return None
    first = barriers[0]
    if min(stuck, first["age_ms"]) < min_ms:
        return None
    head = (f"stall: awaited: pool {pool['id']}, CPUs {pool['allowed']}: {_func(worker)} of queue"
            f" {worker['queue']} runs for {stuck} ms, a thread waits for it for {first['age_ms']} ms")
    waits = {"queue": worker["queue"], "func": worker["func"], "age_ms": first["age_ms"]}
    why, detail = conclude({"WAITER"})
    return Verdict(why, pool["id"], waits, stuck, head, detail, [_runs(worker, pool)])


def _of_pwq(pwq: dict[str, Any], wq: dict[str, Any], pools: dict[int, Any],
            min_ms: int) -> Verdict | None:
    items = pwq["inactive"]["items"]
    pool = pools.get(pwq["pool"])
    if not items or pool is None or items[0]["age_ms"] is None or items[0]["age_ms"] < min_ms:
        return None
    shared = [other for other in wq["pwqs"]
              if other["nr_active"] and _shares_limit(pwq, other, wq, pools)]
    addresses = {other["address"] for other in shared}
    holders = [w for p in pools.values() for w in _busy(p) if w["pwq"] in addresses]
    ages = [w["for_ms"] for w in holders]
    for other in shared:
        theirs = pools.get(other["pool"])
        if theirs and theirs["worklist"]["items"]:
            ages.append(theirs["progress_ms"])
    stuck = min([items[0]["age_ms"], *(age for age in ages if age is not None)])
    if stuck < min_ms:
        return None
    facts = {"INACTIVE"}
    facts.update(name for name, holds in (
        ("THAWED", wq["max_active"]), ("UNPLUGGED", not pwq["plugged"]),
        ("SLOT", _has_slot(pwq, wq, pool)), ("NODE_LESS", _node_has_less(wq, pool))) if holds)
    return _verdict(facts, pool, items[0], stuck, [_runs(w) for w in holders])


def _node(pool: dict[str, Any] | None) -> int | None:
    return pool["node"] if pool and pool["node"] >= 0 else None


def _shares_limit(pwq: dict[str, Any], other: dict[str, Any], wq: dict[str, Any],
                  pools: dict[int, Any]) -> bool:
    """Return whether active items of the other pwq use up the limit that this pwq waits for."""
    if other["address"] == pwq["address"] or pwq["plugged"]:
        return True
    return bool(wq["nodes"]) and (
        _node(pools.get(other["pool"])) == _node(pools.get(pwq["pool"])))


def _has_slot(pwq: dict[str, Any], wq: dict[str, Any], pool: dict[str, Any]) -> bool:
    for node in wq["nodes"]:
        if node["node"] == _node(pool):
            return node["nr"] < node["max"]
    return pwq["nr_active"] < wq["max_active"]


def _node_has_less(wq: dict[str, Any], pool: dict[str, Any]) -> bool:
    return any(node["node"] == _node(pool) and node["max"] < wq["max_active"]
               for node in wq["nodes"])


def _of_timer(item: dict[str, Any], min_ms: int) -> Verdict | None:
    """
    Judge a delayed item whose delay is over while its timer is on an offline CPU, where timers
    do not run. The module itself has no list of such items.
    """
    late = -item["due_ms"]
    if late < max(min_ms, 1) or not item["offline"]:
        return None
    head = (f"stall: cpu-offline: timer of CPU {item['cpu']}: {_func(item)} of queue"
            f" {item['queue'] or '?'} is due for {late} ms and is not queued")
    first = {"queue": item["queue"], "func": item["func"], "age_ms": None}
    why, detail = conclude({"TIMER", "OFFLINE"})
    return Verdict(why, None, first, late, head, detail, [])
