# SPDX-License-Identifier: GPL-2.0
"""
Reads the state of a workqueue engine, cmwq2 or the kernel's own, from a kernel
and returns it in a form that json.dumps() accepts. ``wq_dump.schema.json``
describes the form.

A field that an older or native struct does not have is None. No value is made
up for it.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import cmwq2

# Increased by one whenever a field of the JSON is renamed, removed or changes its meaning.
SCHEMA = 2

PWQ_PATHS = {
    "pool": "pool", "wq": "wq", "refcnt": "refcnt", "work_color": "work_color",
    "flush_color": "flush_color", "nr_active": "nr_active", "plugged": "plugged",
    "nr_in_flight": "nr_in_flight", "mayday_next": "mayday_node.next",
    "cursor_next": "mayday_cursor.entry.next", "inactive_next": "inactive.next",
}
NATIVE_STATS = "pool_workqueue_stats"
BRIEF = 8  # list entries read in brief mode: an item and the cursors that may precede it


class Context:
    """The state that every collecting function needs."""

    def __init__(self, prog: Any, engine: cmwq2.Engine, hz: Optional[int], max_items: int,
                 stacks: bool, brief: bool) -> None:
        self.prog, self.engine = prog, engine
        self.clock = cmwq2.Clock(prog, hz)
        self.max_items, self.stacks = max_items, stacks
        self.first = BRIEF if brief else 0
        self.gaps: List[str] = []
        self.word = cmwq2.DataWord(prog, engine)
        self.online = _online_cpus(prog)
        self.cpus = _possible_cpus(prog)
        self.kinds = _item_kinds(prog, engine)
        self.inactive = "inactive" if engine is cmwq2.CMWQ2 else "inactive_works"
        self.inactive_offset = cmwq2.offsetof(prog.type(engine.pwq), self.inactive)
        self.stats = {} if brief else _stat_paths(prog, engine)
        paths = {**PWQ_PATHS, "inactive_next": self.inactive + ".next"}
        self.pwq_layout = cmwq2.Layout(prog, engine.pwq, {**paths, **self.stats})
        self.mayday_offset = cmwq2.offsetof(prog.type(engine.pwq), "mayday_node")
        self.cursor_offset = 0
        if "cursor_next" in self.pwq_layout.names:
            self.cursor_offset = cmwq2.offsetof(prog.type(engine.pwq), "mayday_cursor.entry")
        self._pool_ids: Dict[int, int] = {}
        self.stamp_bits = cmwq2.stamp_bits(prog) if engine is cmwq2.CMWQ2 else 0
        self._queues: Dict[int, Tuple[Optional[str], Optional[int]]] = {}

    def pwq(self, address: int) -> Any:
        """Return a pwq as a drgn object."""
        return cmwq2.Object(self.prog, self.engine.pwq + " *", value=address)

    def pool_id(self, address: int) -> int:
        """Return a pool's number. It is cached, because there are many more pwqs than pools."""
        if address not in self._pool_ids:
            pool = cmwq2.Object(self.prog, self.engine.pool + " *", value=address)
            self._pool_ids[address] = pool.id.value_()
        return self._pool_ids[address]

    def know_pwq(self, pwq: int, queue: str, pool: int) -> None:
        """Tell queue_of() the queue and pool of a pwq, so that it need not read them again."""
        self._queues[pwq] = queue, pool

    def queue_of(self, pwq: int) -> Tuple[Optional[str], Optional[int]]:
        """Return the name of a pwq's workqueue and the number of its pool."""
        if not pwq:
            return None, None
        if pwq not in self._queues:
            obj = self.pwq(pwq)
            try:
                self._queues[pwq] = cmwq2.wq_name(obj.wq), obj.pool.id.value_()
            except cmwq2.FaultError:
                self._queues[pwq] = hex(pwq), None
        return self._queues[pwq]


def _online_cpus(prog: Any) -> List[int]:
    from drgn.helpers.linux.cpumask import for_each_online_cpu

    return list(for_each_online_cpu(prog))


def _possible_cpus(prog: Any) -> List[int]:
    from drgn.helpers.linux.cpumask import for_each_possible_cpu

    return list(for_each_possible_cpu(prog))


def _item_kinds(prog: Any, engine: cmwq2.Engine) -> Dict[int, str]:
    kinds = {}
    for name, kind in engine.kinds.items():
        try:
            kinds[prog.function(name).address_] = kind
        except LookupError:
            pass  # an older kernel, which has no cursors
    return kinds


def _stat_paths(prog: Any, engine: cmwq2.Engine) -> Dict[str, str]:
    """Return the paths of a pwq's counters. A native pwq has one array, indexed by an enum."""
    type_ = prog.type(engine.pwq)
    if engine is cmwq2.CMWQ2:
        members = type_.member("stat").type.members
        return {f"stat.{m.name}": f"stat.{m.name}" for m in members}
    return {"stats": "stats"}


def collect(prog: Any, engine: cmwq2.Engine = cmwq2.CMWQ2, hz: Optional[int] = None,
            max_items: int = 20, stacks: bool = False, brief: bool = False) -> Dict[str, Any]:
    """
    Return the state of the engine.

    :param max_items: how many items of each list are described, 0: all
    :param stacks: include the stacks of workers that are not idle
    :param brief: collect only what the verdicts need: lists are not walked to
        their ends, so their counts mean nothing; the queues' counters and the
        pwq of each CPU are not read
    """
    ctx = Context(prog, engine, hz, max_items, stacks, brief)
    start = ctx.clock.now()
    pools = gather(ctx, collect_pool, cmwq2.for_each_pool(prog, ctx.gaps, engine))
    wqs = gather(ctx, collect_wq, cmwq2.for_each_workqueue(prog, ctx.gaps, engine))
    return {
        "schema": SCHEMA,
        "engine": engine.name,
        "kernel": prog["init_uts_ns"].name.release.string_().decode(),
        "hz": ctx.clock.hz,
        "jiffies": start,
        "cpus": {"possible": ctx.cpus, "online": ctx.online},
        "scopes": collect_scopes(ctx),
        "pools": pools,
        "workqueues": wqs,
        "delayed": collect_delayed(ctx),
        "gaps": ctx.gaps,
    }


def gather(ctx: Context, collect_one: Callable, objects: Iterable[Any]) -> List[Any]:
    """Collect each object. If an object's memory cannot be read, record a gap instead."""
    found = []
    for obj in objects:
        try:
            found.append(collect_one(ctx, obj))
        except cmwq2.FaultError:
            what = obj.type_.type_name().rstrip(" *")
            cmwq2.note_gap(ctx.gaps, f"{what} at {hex(obj)} went away")
    return found


def maybe(obj: Any, *names: str) -> Any:
    """Return the first of these members that the struct has, or None."""
    type_ = obj.type_.type if hasattr(obj.type_, "type") else obj.type_
    for name in names:
        if type_.has_member(name):
            return obj.member_(name)
    return None


def maybe_int(obj: Any, *names: str) -> Optional[int]:
    """Like :func:`maybe`, but return the member's value as a number."""
    member = maybe(obj, *names)
    if member is None:
        return None
    value = member.value_()
    return value["counter"] if isinstance(value, dict) else value  # an atomic_t


# Affinity scopes


def collect_scopes(ctx: Context) -> List[Dict[str, Any]]:
    try:
        return _our_scopes(ctx) if ctx.engine is cmwq2.CMWQ2 else _native_scopes(ctx)
    except (LookupError, cmwq2.FaultError):
        return []  # this kernel has no affinity scopes


def _our_scopes(ctx: Context) -> List[Dict[str, Any]]:
    found = []
    name = "cmwq2_dfl_affn_scope"
    default = ctx.prog[name].value_() if name in ctx.prog else None
    for value, pods in enumerate(ctx.prog["cmwq2_pods"]):
        if not pods:
            continue
        firsts = sorted({pods.first[cpu].value_() for cpu in ctx.cpus})
        name = cmwq2.enum_name(ctx.prog, "enum cmwq2_affn_scope", "CMWQ2_AFFN_", value)
        found.append({
            "name": name,
            "default": value == default if default is not None else None,
            "pods": [{"cpus": cpu_list(pods.cpus[first]), "node": None} for first in firsts],
        })
    return found


def _native_scopes(ctx: Context) -> List[Dict[str, Any]]:
    found = []
    default = ctx.prog["wq_affn_dfl"].value_()
    for value, pods in enumerate(ctx.prog["wq_pod_types"]):
        count = pods.nr_pods.value_()
        if not count:
            continue
        name = cmwq2.enum_name(ctx.prog, "enum wq_affn_scope", "WQ_AFFN_", value)
        found.append({
            "name": name,
            "default": value == default,
            "pods": [{"cpus": cpu_list(pods.pod_cpus[i]), "node": pods.pod_node[i].value_()}
                     for i in range(count)],
        })
    return found


# Pools and workers


def collect_pool(ctx: Context, pool: Any) -> Dict[str, Any]:
    ours = ctx.engine is cmwq2.CMWQ2
    kicked = list(cmwq2.for_each_kicked_worker(pool, ctx.gaps)) if ours else []
    claimed = {w.value_() for w in kicked}
    workers = gather(ctx, lambda _ctx, worker: collect_worker(ctx, worker, claimed),
                     cmwq2.for_each_worker(pool, ctx.gaps))
    worklist = collect_items(ctx, pool.worklist, f"pool {pool.id.value_()}: worklist")
    cpu = pool.cpu.value_()
    manager = pool.manager
    since = maybe_int(pool, "progress_at", "last_progress_ts", "watchdog_ts")
    return {
        "id": pool.id.value_(),
        "address": hex(pool),
        "cpu": cpu if cpu >= 0 else None,
        "online": cpu in ctx.online if cpu >= 0 else None,
        "node": pool.node.value_(),
        "cpus": pool_cpus(pool, cpu),
        "allowed": cpu_list(pool.attrs.cpumask) if pool.attrs else None,
        "nice": pool.attrs.nice.value_() if pool.attrs else None,
        "refcnt": pool.refcnt.value_(),
        "flags": cmwq2.pool_flags(pool),
        "policies": policies(pool) if ours else {},
        "nr_running": maybe_int(pool, "nr_running"),
        "nr_workers": pool.nr_workers.value_(),
        "nr_idle": pool.nr_idle.value_(),
        "nr_kicked": sum(w["state"] == "kicked" for w in workers) if ours else None,
        "manager_pid": manager.task.pid.value_() if manager and manager.task else None,
        "creating": collect_creating(ctx, pool.creating) if ours and manager else None,
        "progress_ms": ctx.clock.ms_since(since) if since is not None else None,
        "counters": members(pool.stat) if ours else {},
        "kicked": pids(ctx, kicked),
        "last_kicked_pid": task_pid(pool.kicked) if ours and pool.kicked else None,
        "idle": pids(ctx, cmwq2.for_each_idle_worker(pool, ctx.gaps)),
        "busy": [w["pid"] for w in sorted(workers, key=lambda w: -(w["for_ms"] or 0))
                 if w["state"] == "busy"],
        "workers": workers,
        "worklist": worklist,
    }


def pids(ctx: Context, workers: Iterable[Any]) -> List[Optional[int]]:
    """Return the pids of a list of workers, in the list's order."""
    return gather(ctx, lambda _ctx, w: task_pid(w), workers)


def pool_cpus(pool: Any, cpu: int) -> Optional[str]:
    """Return the CPUs whose items this pool serves."""
    pod = maybe(pool, "pod")
    if pod is not None:
        return cpu_list(pod)
    if cpu >= 0:
        return str(cpu)
    mask = maybe(pool.attrs, "__pod_cpumask", "cpumask") if pool.attrs else None
    return cpu_list(mask) if mask is not None else None


def policies(pool: Any) -> Dict[str, str]:
    """Return a pool's policies by the names of the members of struct cmwq2_pool_policy."""
    policy = pool.policy
    return {m.name: policy_name(pool.prog_, m.name, policy.member_(m.name).value_())
            for m in policy.type_.members}


def policy_name(prog: Any, name: str, value: int) -> str:
    return cmwq2.enum_name(prog, f"enum cmwq2_{name}", f"CMWQ2_{name.upper()}_", value)


def task_pid(worker: Any) -> Optional[int]:
    return worker.task.pid.value_() if worker.task else None


def collect_worker(ctx: Context, worker: Any, claimed: set) -> Dict[str, Any]:
    state = cmwq2.worker_state(worker, claimed)
    func = worker.current_func.value_() if state == "busy" else 0
    if state == "busy" and not func:
        state = "awake"  # the item just ended or is just starting
    started = maybe_int(worker, "started_at", "current_start") if state == "busy" else None
    # The pool records the time of the pick only for the worker it picked last.
    last = state == "kicked" and worker.pool.kicked == worker
    kicked = worker.pool.kicked_at.value_() if last else None
    idle = worker.last_active.value_() if state in ("idle", "kicked") else None
    since = {"busy": started, "kicked": kicked, "idle": idle}.get(state)
    pwq = worker.current_pwq.value_() if state == "busy" else 0
    counted = maybe_int(worker, "counted")
    what = f"worker {worker.id.value_()} at {hex(worker)}: scheduled items"
    return {
        "id": worker.id.value_(),
        "address": hex(worker),
        **collect_task(ctx, worker.task, state),
        "state": state,
        "flags": cmwq2.worker_flags(worker),
        "counted": bool(counted) if counted is not None else None,
        "rescuer": bool(worker.rescue_wq),
        "for_ms": ms(ctx, since),
        "idle_ms": ms(ctx, idle),
        "func": cmwq2.func_name(ctx.prog, func) if func else None,
        "module": cmwq2.func_module(ctx.prog, func) if func else None,
        "work": hex(worker.current_work) if worker.current_work else None,
        "queue": ctx.queue_of(pwq)[0],
        "pwq": hex(pwq) if pwq else None,
        "desc": worker.desc.string_().decode(errors="replace") or None,
        "scheduled": collect_items(ctx, worker.scheduled, what),
    }


def ms(ctx: Context, stamp: Optional[int]) -> Optional[int]:
    return None if stamp is None else ctx.clock.ms_since(stamp)


def collect_task(ctx: Context, task: Any, state: str) -> Dict[str, Any]:
    """Describe a worker's thread. All values are None for a bh pool's worker, which has no thread."""
    names = ("pid", "comm", "task_state", "cpu", "on_cpu", "blocked", "allowed", "stack")
    if not task:
        return dict.fromkeys(names)
    on_cpu = maybe_int(task, "on_cpu")
    delayed = maybe_int(task.se, "sched_delayed")
    return {
        "pid": task.pid.value_(),
        "comm": task.comm.string_().decode(errors="replace"),
        "task_state": task_state(task),
        "cpu": task_cpu(task),
        "on_cpu": bool(on_cpu) if on_cpu is not None else None,
        "blocked": not task.on_rq.value_() or bool(delayed),
        "allowed": cpu_list(task.cpus_mask),
        "stack": stack(ctx, task) if ctx.stacks and state not in ("idle", "asleep") else None,
    }


def stack(ctx: Context, task: Any) -> List[str]:
    """Return the functions on a thread's stack, innermost first."""
    try:
        return [frame.name or hex(frame.pc) for frame in ctx.prog.stack_trace(task)]
    except (ValueError, LookupError, cmwq2.FaultError) as error:
        return [f"({error})"]


# Items


def collect_creating(ctx: Context, creating: Any) -> Dict[str, int]:
    """Return a manager's attempts to create a worker: the age of the last one, failures, error."""
    return {"tried_ms": ctx.clock.ms_since(creating.at.value_()),
            "failed": creating.failed.value_(), "error": creating.error.value_()}


def collect_items(ctx: Context, head: Any, what: str) -> Dict[str, Any]:
    """Return the items of a list and their number, which excludes barriers and cursors."""
    known = len(ctx.gaps)
    works = cmwq2.read_works(head, ctx.engine, what, ctx.gaps, ctx.first)
    return describe_items(ctx, works, len(ctx.gaps) == known)


def describe_items(ctx: Context, works: List[cmwq2.Work], complete: bool) -> Dict[str, Any]:
    shown = works[: ctx.max_items] if ctx.max_items else works
    items = [describe_item(ctx, work) for work in shown]
    kinds = ctx.kinds
    return {
        "count": sum(1 for work in works if work.func not in kinds),
        "complete": complete,
        "items": items,
        "omitted": len(works) - len(shown),
        "cursors": [
            {"queue": ctx.queue_of(ctx.word.pwq(work.address, work.data, "cursor"))[0],
             "index": index, "behind": len(works) - index - 1}
            for index, work in enumerate(works)
            if kinds.get(work.func) == "cursor"
        ],
    }


def describe_item(ctx: Context, work: cmwq2.Work) -> Dict[str, Any]:
    kind = ctx.kinds.get(work.func, "item")
    pwq = ctx.word.pwq(work.address, work.data, kind)
    known = work.queued_at is not None and kind != "cursor" and ctx.stamp_bits
    return {
        "address": hex(work.address),
        "kind": kind,
        "func": cmwq2.func_name(ctx.prog, work.func),
        "module": cmwq2.func_module(ctx.prog, work.func),
        "queue": ctx.queue_of(pwq)[0],
        "age_ms": age_ms(ctx, work.queued_at) if known else None,
        "color": ctx.word.color(work.data) if pwq and kind == "item" else None,
        "linked": ctx.word.linked(work.data),
    }


def age_ms(ctx: Context, stamp: int) -> int:
    """Return the age of an item's stamp, which may hold only the lower half of the jiffies."""
    now = ctx.clock.now() & (1 << ctx.stamp_bits) - 1
    return cmwq2.jiffies_between(stamp, now, ctx.stamp_bits) * 1000 // ctx.clock.hz


def collect_delayed(ctx: Context) -> Optional[List[Dict[str, Any]]]:
    """Return the delayed items whose timer is pending, or None if the timers cannot be found."""
    found = []
    try:
        for cpu, dwork in cmwq2.for_each_delayed_work(ctx.prog, ctx.gaps, ctx.engine):
            try:
                found.append(describe_delayed(ctx, cpu, dwork))
            except cmwq2.FaultError:
                cmwq2.note_gap(ctx.gaps, f"timers of CPU {cpu}: one went away")
    except (LookupError, AttributeError):
        cmwq2.note_gap(ctx.gaps, "delayed items: no debug info of the kernel's timers")
        return None
    return sorted(found, key=lambda item: item["due_ms"])


def describe_delayed(ctx: Context, cpu: int, dwork: Any) -> Dict[str, Any]:
    func = dwork.work.func.value_()
    bits = ctx.clock.bits
    left = dwork.timer.expires.value_() - ctx.clock.now() & (1 << bits) - 1
    left -= (left >> bits - 1) << bits
    target = dwork.cpu.value_()
    return {
        "address": hex(dwork),
        "func": cmwq2.func_name(ctx.prog, func),
        "module": cmwq2.func_module(ctx.prog, func),
        "queue": cmwq2.wq_name(dwork.wq) if dwork.wq else None,
        "cpu": cpu,
        "offline": cpu not in ctx.online,
        "target_cpu": target if target in ctx.cpus else None,
        "due_ms": left * 1000 // ctx.clock.hz,
    }


# Workqueues


def collect_wq(ctx: Context, wq: Any) -> Dict[str, Any]:
    flags = cmwq2.wq_flags(wq)
    unbound = "unbound" in flags
    ours = ctx.engine is cmwq2.CMWQ2
    name = cmwq2.wq_name(wq)
    addresses = cmwq2.entry_addresses(wq.pwqs, ctx.engine.pwq, "pwqs_node",
                                      f"workqueue {name}: pwqs", ctx.gaps)
    pwqs = []
    for address in addresses:
        try:
            pwqs.append(collect_pwq(ctx, address, name))
        except cmwq2.FaultError:
            cmwq2.note_gap(ctx.gaps, f"workqueue {name}: pwq at {hex(address)} went away")
    counters = total([pwq["counters"] for pwq in pwqs])
    if ours:
        counters["refused"] = counters.get("refused", 0) + wq.refused.counter.value_()
    attrs = maybe(wq, "attrs", "unbound_attrs")
    cpu_pwqs = {} if ctx.first else cpu_pwq_addresses(ctx, wq)
    return {
        "name": name,
        "address": hex(wq),
        "flags": flags,
        "attrs": collect_attrs(attrs) if unbound and attrs else None,
        "max_active": maybe_int(wq, "max_active", "saved_max_active"),
        "min_active": maybe_int(wq, "min_active"),
        "saved_max_active": wq.saved_max_active.value_(),
        "work_color": wq.work_color.value_(),
        "flush_color": wq.flush_color.value_(),
        "nr_drainers": wq.nr_drainers.value_(),
        "nr_active": sum(pwq["nr_active"] for pwq in pwqs),
        "nr_inactive": sum(pwq["inactive"]["count"] for pwq in pwqs),
        "nr_in_flight": sum(sum(pwq["nr_in_flight"].values()) for pwq in pwqs),
        "counters": counters,
        "nodes": collect_nodes(ctx, wq) if unbound else [],
        "cpu_pools": {str(cpu): ctx.queue_of(pwq)[1] for cpu, pwq in cpu_pwqs.items()},
        "dfl_pool": ctx.queue_of(wq.dfl_pwq.value_())[1],
        "rescuer": collect_rescuer(ctx, wq.rescuer) if wq.rescuer else None,
        "mayday_pools": gather(ctx, lambda _ctx, pwq: pwq.pool.id.value_(),
                               cmwq2.for_each_mayday_pwq(wq, ctx.gaps)),
        "flushers": collect_flushers(ctx, wq),
        "nr_pwqs": len(pwqs),
        "pwqs": [pwq for pwq in pwqs if is_busy(pwq)],
    }


def is_busy(pwq: Dict[str, Any]) -> bool:
    """Return whether a pwq has anything to show. A queue has one for each CPU, most of them idle."""
    return bool(pwq["nr_active"] or pwq["nr_in_flight"] or pwq["inactive"]["items"]
                or pwq["plugged"] or pwq["mayday"] or pwq["cursor"])


EMPTY = {"count": 0, "complete": True, "items": [], "omitted": 0, "cursors": []}


def collect_pwq(ctx: Context, address: int, queue: str) -> Dict[str, Any]:
    raw = ctx.pwq_layout.read(address)
    pool = ctx.pool_id(raw["pool"])
    ctx.know_pwq(address, queue, pool)
    return {
        "address": hex(address),
        "pool": pool,
        "refcnt": raw["refcnt"],
        "work_color": raw["work_color"],
        "flush_color": raw["flush_color"],
        "nr_active": raw["nr_active"],
        "plugged": bool(raw.get("plugged")),
        "mayday": raw["mayday_next"] not in (0, address + ctx.mayday_offset),
        "cursor": raw.get("cursor_next", 0) not in (0, address + ctx.cursor_offset),
        "nr_in_flight": {str(i): nr for i, nr in enumerate(raw["nr_in_flight"]) if nr},
        "counters": pwq_counters(ctx, raw),
        "inactive": collect_inactive(ctx, address, raw),
    }


def collect_inactive(ctx: Context, address: int, raw: Dict[str, Any]) -> Dict[str, Any]:
    head = address + ctx.inactive_offset
    if raw["inactive_next"] == head:
        return EMPTY
    known = len(ctx.gaps)
    works = cmwq2.read_works_at(ctx.prog, head, ctx.engine,
                                f"pwq at {hex(address)}: inactive items", ctx.gaps, ctx.first)
    return describe_items(ctx, works, len(ctx.gaps) == known)


def pwq_counters(ctx: Context, raw: Dict[str, Any]) -> Dict[str, int]:
    if ctx.engine is cmwq2.CMWQ2:
        return {path[len("stat."):]: raw[path] for path in ctx.stats}
    if "stats" not in raw:
        return {}
    prefix = "PWQ_STAT_"
    return {e.name[len(prefix):].lower(): raw["stats"][e.value]
            for e in ctx.prog.type(f"enum {NATIVE_STATS}").enumerators
            if e.name.startswith(prefix)}


def cpu_pwq_addresses(ctx: Context, wq: Any) -> Dict[int, int]:
    """Return the address of the pwq that serves items queued on each CPU."""
    pointers = maybe(wq, "cpu_pwq")
    prog = ctx.prog
    if pointers is not None:
        if not pointers:
            return {}
        if "__per_cpu_offset" not in prog:
            return {cpu: cmwq2.per_cpu_ptr(pointers, cpu)[0].value_() for cpu in ctx.cpus}
        base = pointers.value_()
        return {cpu: prog.read_word(base + offset & (1 << 64) - 1)
                for cpu, offset in per_cpu_offsets(ctx).items()}
    # Up to 6.5 per-CPU memory holds the structs themselves, and unbound queues have
    # their pwqs by node.
    pwqs = maybe(wq, "cpu_pwqs")
    if pwqs is not None and pwqs:
        return {cpu: cmwq2.per_cpu_ptr(pwqs, cpu).value_() for cpu in ctx.cpus}
    return {}


def per_cpu_offsets(ctx: Context) -> Dict[int, int]:
    if "cmwq2_per_cpu" not in ctx.prog.cache:
        offsets = ctx.prog["__per_cpu_offset"]
        ctx.prog.cache["cmwq2_per_cpu"] = {cpu: offsets[cpu].value_() for cpu in ctx.cpus}
    return ctx.prog.cache["cmwq2_per_cpu"]


def collect_attrs(attrs: Any) -> Dict[str, Any]:
    scope = maybe(attrs, "affn_scope")
    ours = "cmwq2" in attrs.type_.type_name()
    kind, prefix = ("enum cmwq2_affn_scope", "CMWQ2_AFFN_") if ours else (
        "enum wq_affn_scope", "WQ_AFFN_")
    name = None
    if scope is not None:
        name = cmwq2.enum_name(attrs.prog_, kind, prefix, scope.value_())
        name = "default" if name == "dfl" else name
    strict = maybe(attrs, "affn_strict")
    return {
        "nice": attrs.nice.value_(),
        "cpus": cpu_list(attrs.cpumask),
        "affn_scope": name,
        "affn_strict": bool(strict) if strict is not None else None,
    }


def collect_nodes(ctx: Context, wq: Any) -> List[Dict[str, Any]]:
    """Return active items and their limit for each NUMA node, and last for items of no node."""
    counts = maybe(wq, "nna", "node_nr_active")
    if counts is None or (ctx.engine is cmwq2.CMWQ2 and not counts):
        return []  # up to 6.8, or a queue that is not ready yet
    prog = ctx.prog
    nodes = prog["nr_node_ids"].value_() if "nr_node_ids" in prog else 1
    found = []
    for i in range(nodes + 1):
        if counts[i]:
            found.append({"node": i if i < nodes else None,
                          "nr": counts[i].nr.counter.value_(),
                          "max": counts[i].max.value_()})
    return found


def collect_rescuer(ctx: Context, rescuer: Any) -> Dict[str, Any]:
    found = collect_worker(ctx, rescuer, set())
    pool = rescuer.pool
    if found["state"] != "busy":
        found["state"] = "helping" if pool else "asleep"
    found["pool"] = pool.id.value_() if pool else None
    return found


def collect_flushers(ctx: Context, wq: Any) -> List[Dict[str, Any]]:
    def describe(_ctx: Context, found: Tuple[str, Any]) -> Dict[str, Any]:
        role, flusher = found
        task = cmwq2.completion_waiter(flusher.done)
        color = maybe_int(flusher, "color", "flush_color")
        return {"role": role, "color": color if role != "overflow" else None,
                "pid": task.pid.value_() if task else None,
                "comm": task.comm.string_().decode(errors="replace") if task else None}

    found = []
    try:
        for entry in cmwq2.for_each_flusher(wq, ctx.gaps):
            found.append(describe(ctx, entry))
    except cmwq2.FaultError:
        cmwq2.note_gap(ctx.gaps, f"workqueue {cmwq2.wq_name(wq)}: a flusher went away")
    return found


# Helpers


def members(struct: Any) -> Dict[str, int]:
    """Return the numbers in a struct by member name."""
    return {m.name: struct.member_(m.name).value_() for m in struct.type_.members}


def total(counters: List[Dict[str, int]]) -> Dict[str, int]:
    sums: Dict[str, int] = {}
    for one in counters:
        for name, value in one.items():
            sums[name] = sums.get(name, 0) + value
    return sums


def cpu_list(mask: Any) -> Optional[str]:
    """
    Return the CPUs of a cpumask as text. The mask may be a struct cpumask or a
    cpumask_var_t, which is a pointer or an array of one element.
    """
    from drgn.helpers.linux.cpumask import cpumask_to_cpulist

    if mask.type_.kind == cmwq2.TypeKind.TYPEDEF and mask.type_.type.kind == (
            cmwq2.TypeKind.STRUCT):
        mask = mask.address_of_()
    else:
        mask = mask + 0
    return cpumask_to_cpulist(mask) if mask else None


def task_state(task: Any) -> str:
    from drgn.helpers.linux.sched import task_state_to_char

    return task_state_to_char(task)


def task_cpu(task: Any) -> int:
    from drgn.helpers.linux.sched import task_cpu as helper

    return helper(task)
