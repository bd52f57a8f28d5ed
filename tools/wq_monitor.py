#!/usr/bin/env drgn
# SPDX-License-Identifier: GPL-2.0
"""Show what cmwq2's workqueues and pools do, again and again."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterable, List, Optional, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cmwq2  # noqa: E402
import script  # noqa: E402

# Grows by one whenever a field of the JSON changes its name or meaning or goes.
SCHEMA = 1
COLUMNS = 80
NAME = 32       # the longest name of a workqueue
# A terminal's cursor to the top; what is behind it in the line, and in those below, goes.
HOME, REST_OF_LINE, REST = "\x1b[H", "\x1b[K", "\x1b[J"

DESCRIPTION = """\
Show what cmwq2's workqueues and pools do, again and again until interrupted.

  drgn -s cmwq2.ko tools/wq_monitor.py                   (the running kernel, as root)
  drgn --qemu QMP_SOCKET -s vmlinux -s cmwq2.ko tools/wq_monitor.py -i 1
  drgn -s cmwq2.ko tools/wq_monitor.py -q 'nvme*' --json
"""

EPILOG = """\
All but flight, busy/all and cpu are what the interval added; the columns that
end in /s are that for each second. What did nothing is left out, see --all. On a
terminal there are as many as it has lines.

Workqueues, the busiest first
  items/s   items started          done/s  items completed
  flight    pending or running now
  cpu%      CPU time of items, of one CPU; sampled by the tick
  hogs      items found to be CPU intensive
  wakeups   workers woken because the last running one blocked
  moved     workers brought back into their pod (repatriated)
  mayday    calls for the rescuer  rescued  items that it ran
Pools
  cpu       CPU, or any: unbound   busy/all  workers that are not idle, and all
  items/s, cpu%  as above, of all workqueues, or of those of --queue
  kicks/s   workers picked         dup%    of 100 kicks those of workers picked already
  vain%     of 100 wakeups of workers those that found nothing to do; - : not known
  made      workers created        culled  workers removed for idleness
  mayday    calls for rescuers
  cont%     of 100 times that the pool's lock was taken those that had to wait;
            counted while lock_stat=Y, a parameter of the module

JSON: one object a line. workqueues and pools are lists of objects with what names
them, what is so now, "total" since the module was loaded and "delta" since the
line before; "seconds" is the time between them. The first line has no delta. What
is counted for queues a pool has as well, of the items that it ran.

Exit status: 0 done, interrupted, or the reader went away; 1 failed, 2 wrong usage.
"""

Record = Dict[str, Any]


# Collecting: the only part that needs drgn.


def add(sums: Dict[str, int], more: Dict[str, int]) -> None:
    """Add up by name."""
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + value


def counters(type_: Any, member: str) -> List[str]:
    """The names of the numbers in a struct that is a member of another; none if it has none."""
    return [m.name for m in type_.member(member).type.members] if type_.has_member(member) else []


class Reader:
    """
    Reads counters, each struct in one piece: there may be thousands.

    :param prog: the kernel
    """

    def __init__(self, prog: Any) -> None:
        pwq, pool = prog.type("struct cmwq2_pwq"), prog.type("struct cmwq2_pool")
        lock = [name for name in counters(pool, "lock_stat") if name in ("acquired", "contended")]
        self.of_pwq = counters(pwq, "stat")
        self.of_pool = counters(pool, "stat") + [f"lock_{name}" for name in lock]
        self.pwq = cmwq2.Layout(prog, "struct cmwq2_pwq", {
            "pool": "pool", "flight": "nr_in_flight",
            **{name: f"stat.{name}" for name in self.of_pwq}})
        self.pool = cmwq2.Layout(prog, "struct cmwq2_pool", {
            "id": "id", "cpu": "cpu", "nr_workers": "nr_workers", "nr_idle": "nr_idle",
            "nr_running": "nr_running.counter",
            **{name: f"stat.{name}" for name in counters(pool, "stat")},
            **{f"lock_{name}": f"lock_stat.{name}" for name in lock}})
        # What was read of the items in each pool, by the pool's address.
        self.items: Dict[int, Record] = {}

    def read_queue(self, wq: Any, gaps: List[str]) -> Record:
        """A workqueue's counters, summed over its pwqs."""
        name = cmwq2.wq_name(wq)
        whole = {"in_flight": 0, "total": {"refused": wq.refused.counter.value_()}}
        for address in cmwq2.entry_addresses(wq.pwqs, "struct cmwq2_pwq", "pwqs_node",
                                             f"workqueue {name}: pwqs", gaps):
            try:
                found = self.pwq.read(address)
            except cmwq2.FaultError:
                cmwq2.note_gap(gaps, f"workqueue {name}: a pwq went away")
                continue
            counts = {key: found[key] for key in self.of_pwq}
            for one in (whole, self.items_of(found["pool"])):
                add(one["total"], counts)
                one["in_flight"] += sum(found["flight"])
        return {"name": name, "address": hex(wq), **whole}

    def items_of(self, pool: int) -> Record:
        """The sums over a pool's pwqs that were read."""
        return self.items.setdefault(pool, {"in_flight": 0, "total": dict.fromkeys(self.of_pwq, 0)})

    def read_pool(self, pool: Any, _gaps: List[str]) -> Record:
        """A pool's counters; those of its lock are there if this module has them."""
        found = self.pool.read(pool.value_())
        items = self.items_of(pool.value_())
        return {
            **{key: found[key] for key in ("id", "cpu", "nr_workers", "nr_idle", "nr_running")},
            "in_flight": items["in_flight"],
            "total": {**items["total"], **{key: found[key] for key in self.of_pool}},
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
    reader = Reader(prog)
    return {
        "schema": SCHEMA,
        "time": time.time(),
        "kernel": prog["init_uts_ns"].name.release.string_().decode(errors="replace"),
        "workqueues": gather(reader.read_queue, queues, gaps),
        "pools": gather(reader.read_pool, pools, gaps),
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


QUEUE_TITLES = "workqueue items/s done/s flight cpu% hogs wakeups moved mayday rescued".split()
QUEUE_WIDTHS = (16, 8, 8, 7, 6, 6, 8, 6, 7, 8)
POOL_TITLES = "pool cpu busy/all items/s cpu% kicks/s dup% vain% made culled mayday cont%".split()
POOL_WIDTHS = (4, 5, 10, 8, 6, 8, 6, 6, 6, 7, 7, 6)
assert max(sum(QUEUE_WIDTHS), sum(POOL_WIDTHS)) <= COLUMNS


def queue_row(queue: Record, seconds: float, name_width: int) -> List[str]:
    """A workqueue's line."""
    added = queue["delta"].get
    return [
        shorten(queue["name"], name_width),
        number(added("started", 0) / seconds),
        number(added("completed", 0) / seconds),
        number(queue["in_flight"]),
        number(added("cpu_time", 0) / seconds / 1e4),
        *(number(added(name)) for name in
          ("cpu_intensive", "cm_wakeup", "repatriated", "mayday", "rescued")),
    ]


def pool_row(pool: Record, seconds: float) -> List[str]:
    """A pool's line."""
    added = pool["delta"].get
    return [
        str(pool["id"]),
        "any" if pool["cpu"] < 0 else str(pool["cpu"]),
        f"{pool['nr_workers'] - pool['nr_idle']}/{pool['nr_workers']}",
        number(added("started", 0) / seconds),
        number(added("cpu_time", 0) / seconds / 1e4),
        number(added("kicks", 0) / seconds),
        number(percent(added("coalesced"), added("kicks"))),
        number(percent(added("in_vain"), added("woken"))),
        *(number(added(name)) for name in ("created", "culled", "maydays")),
        number(percent(added("lock_contended"), added("lock_acquired"))),
    ]


def queue_is_quiet(queue: Record) -> bool:
    """Whether there is nothing to say of it."""
    return not queue["in_flight"] and not any(queue["delta"].values())


def pool_is_quiet(pool: Record) -> bool:
    """The same; its lock is taken by whoever looks, so that says nothing."""
    return pool["nr_workers"] == pool["nr_idle"] and not any(
        value for name, value in pool["delta"].items() if not name.startswith("lock_"))


def busiest(records: List[Record], key: str) -> List[Record]:
    """Those that did most first."""
    return sorted(records, key=lambda record: -record["delta"].get(key, 0))


def rows_for(nr_queues: int, nr_pools: int, lines: int) -> Tuple[int, int]:
    """How many of each a terminal of so many lines has room for."""
    room = max(lines - 10, 2)    # titles, what is said of the rest, gaps
    pools = min(nr_pools, max(room // 2, room - nr_queues))
    return min(nr_queues, room - pools), pools


def block(titles: List[str], widths: Iterable[int], rows: List[List[str]],
          first: int) -> List[str]:
    """A table of the @first rows, and how many are left out."""
    lines = [line(each, widths) for each in (titles, *rows[:first])]
    return lines + ([f"and {len(rows) - first} more"] if len(rows) > first else [])


def show(now: Record, every: bool = False, top: int = 0,
         size: Tuple[int, int] = (COLUMNS, 0)) -> str:
    """
    A screen full.

    :param top: only so many of each, 0: all
    :param size: columns and lines of the terminal, 0: without end
    """
    seconds, columns = now["seconds"], max(size[0], COLUMNS)
    queues = [q for q in now["workqueues"] if every or not queue_is_quiet(q)]
    pools = [p for p in now["pools"] if every or not pool_is_quiet(p)]
    nr_queues, nr_pools = top or len(queues), top or len(pools)
    if size[1]:
        nr_queues, nr_pools = rows_for(min(nr_queues, len(queues)), min(nr_pools, len(pools)),
                                       size[1])
    lines = [f"cmwq2 on {now['kernel']}, {time.strftime('%H:%M:%S', time.localtime(now['time']))}, "
             f"{seconds:.1f} s: {len(queues)} of {len(now['workqueues'])} workqueues, "
             f"{len(pools)} of {len(now['pools'])} pools", ""]
    # What the terminal has more goes to the names.
    widths = (QUEUE_WIDTHS[0] + min(columns - COLUMNS, NAME - QUEUE_WIDTHS[0]), *QUEUE_WIDTHS[1:])
    lines += block(QUEUE_TITLES, widths,
                   [queue_row(q, seconds, widths[0]) for q in busiest(queues, "started")],
                   nr_queues)
    lines += ["", *block(POOL_TITLES, POOL_WIDTHS,
                         [pool_row(p, seconds) for p in busiest(pools, "kicks")], nr_pools)]
    if now["gaps"]:
        lines += ["", f"not all was seen, {len(now['gaps'])} gaps: {now['gaps'][0]}"]
    return "\n".join(text[:columns] for text in lines) + "\n"


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
    """Print what was seen, in the form that was asked for; no more than a terminal shows."""
    if args.json:
        script.emit(json.dumps(now) + "\n")
    elif sys.stdout.isatty():
        text = show(now, args.all, args.top, shutil.get_terminal_size())
        # Written over what is there, which flickers less than to clear it.
        script.emit(HOME + text.replace("\n", f"{REST_OF_LINE}\n") + REST)
    else:
        script.emit(show(now, args.all, args.top) + "\n")


def run(args: argparse.Namespace) -> None:
    """Until the count is reached."""
    prog = script.program(globals())
    cmwq2.check_program(prog)
    old = collect(prog, args)
    if old["gaps"] and cmwq2.is_dump_file(prog):
        raise cmwq2.Cmwq2Error(f"memory is missing, is this dump whole? {old['gaps'][0]}")
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
