#!/usr/bin/env drgn
# SPDX-License-Identifier: GPL-2.0
"""Show what cmwq2's workqueues and pools do, again and again."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterable, List, Optional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cmwq2  # noqa: E402
import script  # noqa: E402

# Grows by one whenever a field of the JSON changes its name or meaning or goes.
SCHEMA = 1
COLUMNS = 80
CLEAR = "\x1b[H\x1b[2J"

DESCRIPTION = """\
Show what cmwq2's workqueues and pools do, again and again until interrupted.

  drgn -s cmwq2.ko tools/wq_monitor.py                   (the running kernel, as root)
  drgn --qemu QMP_SOCKET -s vmlinux -s cmwq2.ko tools/wq_monitor.py -i 1
  drgn -s cmwq2.ko tools/wq_monitor.py -q 'nvme*' --json
"""

EPILOG = """\
All but flight, run, busy/all and cpus are what the interval added; the columns
that end in /s are that for each second. What did nothing is left out, see --all.

Workqueues, the busiest first
  items/s   items started          flight  pending or running now
  cpu%      CPU time of items, of one CPU; sampled by the tick
  hogs      items found to be CPU intensive
  wakeups   workers woken because the last running one blocked
  moved     workers brought back into their pod (repatriated)
  mayday    calls for the rescuer  rescued  items that it ran
Pools
  cpus      CPU, or "unbound"      run     workers that count as running
  busy/all  workers that are not idle, and all
  kicks/s   workers picked         redund% of 100 kicks those of workers picked already
  vain%     of 100 wakeups of workers those that found nothing to do; - : not known
  made      workers created        culled  workers removed for idleness
  mayday    calls for rescuers
  locks     times a second that the pool's lock was taken; cont%: of 100 those that
            had to wait. Counted while lock_stat=Y, a parameter of the module

JSON: one object a line. workqueues and pools are lists of objects with what names
them, what is so now, "total" since the module was loaded and "delta" since the
line before; "seconds" is the time between them. The first line has no delta.

Exit status: 0 done, interrupted, or the reader went away; 1 failed, 2 wrong usage.
"""

Record = Dict[str, Any]


# Collecting: the only part that needs drgn.


def members(struct: Any) -> Dict[str, int]:
    """The numbers in a struct by name."""
    return {m.name: struct.member_(m.name).value_() for m in struct.type_.members if m.name}


def add(sums: Dict[str, int], more: Dict[str, int]) -> None:
    """Add up by name."""
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + value


def read_queue(wq: Any, gaps: List[str]) -> Record:
    """A workqueue's counters, summed over its pwqs."""
    total: Dict[str, int] = {"refused": wq.refused.counter.value_()}
    flight = 0
    for pwq in cmwq2.for_each_pwq(wq, gaps):
        try:
            add(total, members(pwq.stat))
            flight += sum(nr.value_() for nr in pwq.nr_in_flight)
        except cmwq2.FaultError:
            cmwq2.note_gap(gaps, f"workqueue {cmwq2.wq_name(wq)}: a pwq went away")
    return {"name": cmwq2.wq_name(wq), "address": hex(wq), "in_flight": flight, "total": total}


def read_pool(pool: Any, _gaps: List[str]) -> Record:
    """A pool's counters; those of its lock are there if this module has them."""
    total = members(pool.stat)
    try:
        lock = members(pool.lock_stat)
        add(total, {f"lock_{name}": lock[name] for name in ("acquired", "contended")})
    except (AttributeError, LookupError):
        pass
    return {
        "id": pool.id.value_(),
        "cpu": pool.cpu.value_(),
        "nr_workers": pool.nr_workers.value_(),
        "nr_idle": pool.nr_idle.value_(),
        "nr_running": pool.nr_running.counter.value_(),
        "total": total,
    }


def gather(read_one: Any, objects: Iterable[Any], gaps: List[str]) -> List[Record]:
    """Read each; one whose memory went away becomes a gap."""
    found = []
    for obj in objects:
        try:
            found.append(read_one(obj, gaps))
        except cmwq2.FaultError:
            cmwq2.note_gap(gaps, f"something at {hex(obj)} went away")
    return found


def collect(prog: Any, args: argparse.Namespace) -> Record:
    """All counters at one time, more or less."""
    gaps: List[str] = []
    queues = (wq for wq in cmwq2.for_each_workqueue(prog, gaps)
              if any(fnmatchcase(cmwq2.wq_name(wq), glob) for glob in args.queue or ["*"]))
    pools = (pool for pool in cmwq2.for_each_pool(prog, gaps)
             if not args.pool or pool.id.value_() in args.pool)
    return {
        "schema": SCHEMA,
        "time": time.time(),
        "kernel": prog["init_uts_ns"].name.release.string_().decode(errors="replace"),
        "workqueues": gather(read_queue, queues, gaps),
        "pools": gather(read_pool, pools, gaps),
        "gaps": gaps,
    }


# Comparing and showing: everything below works on what was collected.


def delta(old: Dict[str, int], new: Dict[str, int]) -> Dict[str, int]:
    """
    What was added. A counter that is lower than before began anew: a pwq went and
    took its share along, or counting was reset.
    """
    return {name: max(0, value - old.get(name, 0)) for name, value in new.items()}


def compare(old: Record, new: Record) -> Record:
    """@new with a delta in each record that @old has as well."""
    def known(records: List[Record], *keys: str) -> Dict[Any, Record]:
        return {tuple(record[key] for key in keys): record for record in records}

    def each(kind: str, *keys: str) -> List[Record]:
        before = known(old[kind], *keys)
        done = []
        for record in new[kind]:
            was = before.get(tuple(record[key] for key in keys), {"total": {}})
            done.append({**record, "delta": delta(was["total"], record["total"])})
        return done

    return {**new, "seconds": round(max(new["time"] - old["time"], 1e-3), 3),
            "workqueues": each("workqueues", "name", "address"), "pools": each("pools", "id")}


def number(value: Optional[float]) -> str:
    """In at most 6 characters: 0, 7, 1234, 56.7k, 8.9M; - for what is not known."""
    if value is None:
        return "-"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            shown = value / (1e3 if unit == "k" else size)
            return f"{shown:.1f}{unit}" if shown < 100 else f"{shown:.0f}{unit}"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def percent(part: Optional[float], whole: Optional[float]) -> Optional[float]:
    """Of 100; None where there was nothing or it was not counted."""
    if part is None or not whole:
        return None
    return 100 * part / whole


def shorten(text: str, width: int) -> str:
    """@text in @width characters; one that is cut says so."""
    return text if len(text) <= width else text[:width - 1] + "~"


def line(cells: Iterable[str], widths: Iterable[int]) -> str:
    """The first cell begins where its column does, the others end there."""
    first, *rest = zip(cells, widths)
    text = first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in rest)
    return text.rstrip()


QUEUE_TITLES = "workqueue items/s flight cpu% hogs wakeups moved mayday rescued".split()
QUEUE_WIDTHS = (24, 8, 7, 6, 6, 8, 6, 7, 8)
POOL_TITLES = "pool cpus run busy/all kicks/s redund% vain% made culled mayday locks cont%".split()
POOL_WIDTHS = (4, 8, 4, 10, 8, 8, 6, 6, 7, 7, 6, 6)
assert max(sum(QUEUE_WIDTHS), sum(POOL_WIDTHS)) <= COLUMNS


def queue_row(queue: Record, seconds: float) -> List[str]:
    """A workqueue's line."""
    added = queue["delta"].get
    return [
        shorten(queue["name"], QUEUE_WIDTHS[0]),
        number(added("started", 0) / seconds),
        number(queue["in_flight"]),
        number(added("cpu_time", 0) / seconds / 1e4),
        *(number(added(name)) for name in
          ("cpu_intensive", "cm_wakeup", "repatriated", "mayday", "rescued")),
    ]


def pool_row(pool: Record, seconds: float) -> List[str]:
    """A pool's line."""
    added = pool["delta"].get
    taken = added("lock_acquired") or None
    return [
        str(pool["id"]),
        "unbound" if pool["cpu"] < 0 else str(pool["cpu"]),
        number(pool["nr_running"]),
        f"{pool['nr_workers'] - pool['nr_idle']}/{pool['nr_workers']}",
        number(added("kicks", 0) / seconds),
        number(percent(added("coalesced"), added("kicks"))),
        number(percent(added("in_vain"), added("woken"))),
        *(number(added(name)) for name in ("created", "culled", "maydays")),
        number(taken and taken / seconds),
        number(percent(added("lock_contended"), taken)),
    ]


def queue_is_quiet(queue: Record) -> bool:
    """Whether there is nothing to say of it."""
    return not queue["in_flight"] and not any(queue["delta"].values())


def pool_is_quiet(pool: Record) -> bool:
    """The same; its lock is taken by whoever looks, so that says nothing."""
    return pool["nr_workers"] == pool["nr_idle"] and not any(
        value for name, value in pool["delta"].items() if not name.startswith("lock_"))


def busiest(records: List[Record], key: str, top: int) -> List[Record]:
    """Those that did most first, and of these the first @top, if that is not 0."""
    ordered = sorted(records, key=lambda record: -record["delta"].get(key, 0))
    return ordered[:top] if top else ordered


def show(now: Record, every: bool = False, top: int = 0) -> str:
    """A screen full."""
    seconds = now["seconds"]
    queues = [q for q in now["workqueues"] if every or not queue_is_quiet(q)]
    pools = [p for p in now["pools"] if every or not pool_is_quiet(p)]
    lines = [f"cmwq2 on {now['kernel']}, {time.strftime('%H:%M:%S', time.localtime(now['time']))}, "
             f"{seconds:.1f} s: {len(queues)} of {len(now['workqueues'])} workqueues, "
             f"{len(pools)} of {len(now['pools'])} pools", ""]
    lines += [line(QUEUE_TITLES, QUEUE_WIDTHS)]
    lines += [line(queue_row(q, seconds), QUEUE_WIDTHS) for q in busiest(queues, "started", top)]
    lines += ["", line(POOL_TITLES, POOL_WIDTHS)]
    lines += [line(pool_row(p, seconds), POOL_WIDTHS) for p in busiest(pools, "kicks", top)]
    if now["gaps"]:
        lines += ["", f"not all was seen, {len(now['gaps'])} gaps: {now['gaps'][0]}"]
    return "\n".join(text[:COLUMNS] for text in lines) + "\n"


# The command line


def interval(text: str) -> float:
    """Seconds between two looks."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.01 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"not 0.01 to 86400 seconds: {text}")
    return seconds


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """The options; argparse leaves with 2 if they are wrong."""
    parser = argparse.ArgumentParser(prog="wq_monitor.py", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", "--interval", type=interval, default=2.0, metavar="SECONDS",
                        help="time between two looks (default: 2)")
    parser.add_argument("-n", "--count", type=script.positive, metavar="N",
                        help="end after so many intervals")
    parser.add_argument("-q", "--queue", action="append", metavar="GLOB",
                        help="only workqueues of this name; may be given several times")
    parser.add_argument("-p", "--pool", action="append", type=script.natural, metavar="ID",
                        help="only this pool; may be given several times")
    parser.add_argument("-t", "--top", type=script.positive, default=0, metavar="N",
                        help="only the busiest N workqueues and pools; not in JSON")
    parser.add_argument("-a", "--all", action="store_true",
                        help="also those that did nothing; JSON has them anyway")
    parser.add_argument("-j", "--json", action="store_true", help="print a line of JSON each time")
    return parser.parse_args(argv)


def present(now: Record, args: argparse.Namespace) -> None:
    """Print what was seen, in the form that was asked for."""
    if args.json:
        script.emit(json.dumps(now) + "\n")
    else:
        script.emit((CLEAR if sys.stdout.isatty() else "") + show(now, args.all, args.top) +
             ("" if sys.stdout.isatty() else "\n"))


def run(args: argparse.Namespace) -> None:
    """Until the count is reached."""
    prog = script.program(globals())
    cmwq2.check_program(prog)
    old = collect(prog, args)
    if args.json:
        present({**old, "seconds": None}, args)
    left = args.count
    while left is None or left > 0:
        time.sleep(args.interval)
        new = collect(prog, args)
        present(compare(old, new), args)
        old = new
        left = None if left is None else left - 1


def main() -> None:
    def work() -> bool:
        run(parse_args())
        return True

    script.run("wq_monitor.py", work, endless=True)


if __name__ == "__main__":
    main()
