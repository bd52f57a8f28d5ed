# SPDX-License-Identifier: GPL-2.0
"""Show repeatedly what cmwq2's workqueues and pools do, or the kernel's own."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

import cli
import tables
from benchmark import files
from wq import prometheus, script
from wq.drgn_names import FaultError
from wq.engine import CMWQ2, NATIVE, Cmwq2Error, Engine, note_gap
from wq.lists import entry_addresses
from wq.memory import Layout
from wq.names import wq_name
from wq.program import check_program, is_dump_file
from wq.walks import for_each_pool, for_each_workqueue

# Increased by one whenever a field of the JSON is renamed, removed or changes its meaning.
SCHEMA = 1
COLUMNS = 80
NAME = 32       # the longest name of a workqueue
WIDE = 10000    # columns, with --wide
INTERVAL = 2.0  # in seconds, unless the user says otherwise
# Terminal escapes: cursor to the top left; erase to the end of the line; erase to the end of the screen.
HOME, REST_OF_LINE, REST = "\x1b[H", "\x1b[K", "\x1b[J"

DESCRIPTION = """\
Show what cmwq2's workqueues and pools do, again and again until interrupted.

  drgn -s cmwq2.ko tools/wq_monitor.py                   (the running kernel, as root)
  drgn tools/wq_monitor.py --native 5                    (the kernel's own, every 5 s)
  drgn --qemu QMP_SOCKET -s vmlinux -s cmwq2.ko tools/wq_monitor.py -i 1
  drgn -s cmwq2.ko tools/wq_monitor.py -q 'nvme*' --json
  drgn -s cmwq2.ko tools/wq_monitor.py --prometheus /var/lib/node_exporter/wq.prom
"""

EPILOG = """\
Columns show what was added in the interval, those that end in /s the rate for each
second. Only flight, busy/all and cpu show the state at the end of the interval.
Workqueues and pools that did nothing are left out, unless --all is given. On a
terminal only as many lines and columns are shown as fit. With an interval of 0 the script looks once:
then columns show sums since the module was loaded, or for the kernel's own
workqueues since the boot, and cpu-s is CPU time in seconds.

Workqueues, the busiest first
  items/s   items started          done/s  items completed
  flight    items that are pending or run
  cpu%      CPU time of items in percent of one CPU; sampled by the tick
  hogs      items that were found to be CPU intensive
  wakeups   workers woken because the last running one blocked
  moved     workers moved back into their pod (repatriated)
  mayday    calls for the rescuer  rescued  items that it ran
Pools
  cpu       the CPU, or any for an unbound pool
  busy/all  workers that are not idle / all workers
  items/s, cpu%  as above, of all workqueues, or of those of --queue
  kicks/s   workers picked
  dup%      kicks, in percent of all, whose worker had been picked already
  vain%     wakeups, in percent of all, after which a worker found no item; "-" if
            this is not known
  made      workers created        culled  workers removed for idleness
  mayday    calls for rescuers
  cont%     times, in percent of all, that the pool's lock was taken after a wait;
            counted while the module's parameter lock_stat is Y
A column that the kernel does not count shows "-". For its own pools the kernel
counts no kicks, wakeups, created and culled workers, and calls for rescuers.

JSON: each line is an object. Its lists workqueues and pools have an object for each,
with its name or number, its present state, "total" since the module was loaded, and
"delta" since the previous line. "seconds" is the time between the two lines. The first
line has no delta. A pool also has the counters of workqueues, for items that it ran.

Prometheus: the script looks once, or every SECONDS if --interval is given, and writes
all counters for the textfile collector of node_exporter. FILE is replaced as a whole.
"""

Record = dict[str, Any]


# Collecting: the only part that needs drgn.


def add(sums: dict[str, int], more: dict[str, int]) -> None:
    """Add the numbers in @more to those of the same name in @sums."""
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + value


def counters(type_: Any, member: str) -> list[str]:
    """Return the names of the numbers in a nested struct, or [] if there is no such member."""
    return [m.name for m in type_.member(member).type.members] if type_.has_member(member) else []


def native_counters(prog: Any) -> list[str]:
    """Return the names of the native workqueue counters, in the order of their array in a pwq."""
    try:
        type_ = prog.type("enum pool_workqueue_stats")
    except LookupError:
        raise Cmwq2Error("this kernel does not count what its own workqueues do;"
                         " Linux 6.5 and newer do") from None
    prefix = "PWQ_STAT_"
    names = {e.value: e.name[len(prefix):].lower()
             for e in type_.enumerators
             if e.name.startswith(prefix)}
    return [names[value] for value in sorted(names)]


class Reader:
    """
    Reads counters. Each struct is read in one piece, because there may be thousands.

    :param prog: the kernel
    :param engine: the engine whose counters are read
    """

    def __init__(self, prog: Any, engine: Engine = CMWQ2) -> None:
        self.engine = engine
        pwq, pool = prog.type(engine.pwq), prog.type(engine.pool)
        lock = [name for name in counters(pool, "lock_stat") if name in ("acquired", "contended")]
        # The kernel's own pwqs have an array of counters, and its pools have none.
        array = native_counters(prog) if engine is NATIVE else []
        self.of_pwq = array or counters(pwq, "stat")
        self.of_pool = counters(pool, "stat") + [f"lock_{name}" for name in lock]
        self.pwq = Layout(prog, engine.pwq, {
            "pool": "pool", "flight": "nr_in_flight",
            **({"stats": "stats"} if array else {name: f"stat.{name}" for name in self.of_pwq})})
        self.pool = Layout(prog, engine.pool, {
            "id": "id", "cpu": "cpu", "nr_workers": "nr_workers", "nr_idle": "nr_idle",
            "nr_running": "nr_running" if array else "nr_running.counter",
            **{name: f"stat.{name}" for name in counters(pool, "stat")},
            **{f"lock_{name}": f"lock_stat.{name}" for name in lock}})
        # Sums of the item counters of each pool, by the pool's address.
        self.items: dict[int, Record] = {}

    def read_queue(self, wq: Any, gaps: list[str]) -> Record:
        """Return a workqueue's counters, summed over its pwqs, and add them to its pools' sums."""
        name = wq_name(wq)
        ours = self.engine is CMWQ2
        whole: Record = {"in_flight": 0, "total": {"refused": wq.refused.counter.value_()} if ours else {}}
        for address in entry_addresses(wq.pwqs, self.engine.pwq, "pwqs_node",
                                       f"workqueue {name}: pwqs", gaps):
            try:
                found = self.pwq.read(address)
            except FaultError:
                note_gap(gaps, f"workqueue {name}: a pwq went away")
                continue
            counts = {key: found[key] for key in self.of_pwq} if ours else \
                dict(zip(self.of_pwq, found["stats"]))
            for one in (whole, self.items_of(found["pool"])):
                add(one["total"], counts)
                one["in_flight"] += sum(found["flight"])
        return {"name": name, "address": hex(wq), **whole}

    def items_of(self, pool: int) -> Record:
        """Return the sums over those of a pool's pwqs that were read so far."""
        return self.items.setdefault(pool, {"in_flight": 0, "total": dict.fromkeys(self.of_pwq, 0)})

    def read_pool(self, pool: Any, _gaps: list[str]) -> Record:
        """Return a pool's counters, with those of its lock if this module has them."""
        found = self.pool.read(pool.value_())
        items = self.items_of(pool.value_())
        return {
            **{key: found[key] for key in ("id", "cpu", "nr_workers", "nr_idle", "nr_running")},
            "in_flight": items["in_flight"],
            "total": {**items["total"], **{key: found[key] for key in self.of_pool}},
        }


def gather(read_one: Any, objects: Iterable[Any], gaps: list[str]) -> list[Record]:
    """Read each object. If an object's memory cannot be read, record a gap instead."""
    found = []
    for obj in objects:
        try:
            found.append(read_one(obj, gaps))
        except FaultError:
            note_gap(gaps, f"the structure at {hex(obj)} was freed during the look")
    return found


def collect(prog: Any, args: argparse.Namespace) -> Record:
    """Return all counters at roughly one point in time."""
    gaps: list[str] = []
    engine = NATIVE if args.native else CMWQ2
    queues = (wq for wq in for_each_workqueue(prog, gaps, engine)
              if any(fnmatchcase(wq_name(wq), glob) for glob in args.queue or ["*"]))
    pools = (pool for pool in for_each_pool(prog, gaps, engine)
             if not args.pool or pool.id.value_() in args.pool)
    reader = Reader(prog, engine)
    return {
        "schema": SCHEMA,
        "engine": engine.name,
        "time": time.time(),
        "kernel": prog["init_uts_ns"].name.release.string_().decode(errors="replace"),
        "workqueues": gather(reader.read_queue, queues, gaps),
        "pools": gather(reader.read_pool, pools, gaps),
        "gaps": gaps,
    }


# Comparing and showing: everything below works on what was collected.


def delta(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    """
    Return how much each counter grew. A counter that is lower than before gives 0: a pwq
    was released and its share is gone from the sum, or counting was reset.
    """
    return {name: max(0, value - old.get(name, 0)) for name, value in new.items()}


def compare(old: Record, new: Record) -> Record:
    """Return @new with a delta in each record. If @old lacks the record, its delta is its total."""
    def known(records: list[Record], *keys: str) -> dict[Any, Record]:
        return {tuple(record[key] for key in keys): record for record in records}

    def each(kind: str, *keys: str) -> list[Record]:
        before = known(old[kind], *keys)
        done = []
        for record in new[kind]:
            was = before.get(tuple(record[key] for key in keys), {"total": {}})
            done.append({**record, "delta": delta(was["total"], record["total"])})
        return done

    return {**new, "seconds": round(max(new["time"] - old["time"], 1e-3), 3),
            "workqueues": each("workqueues", "name", "address"), "pools": each("pools", "id")}


def number(value: float | None) -> str:
    """Return a number in at most 5 characters: 0, 7, 1234, 56.7k, 8.9M; "-" if it is not known."""
    if value is None:
        return "-"
    for size, unit in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # Numbers up to 9999 fit with all digits. A number that would round to 1000k becomes 1.0M.
        if value >= max(9999.5, 0.9995 * size):
            shown = value / size
            return f"{shown:.1f}{unit}" if shown < 99.95 else f"{shown:.0f}{unit}"
    return f"{value:.0f}" if value >= 99.95 or value == int(value) else f"{value:.1f}"


def percent(part: float | None, whole: float | None) -> float | None:
    """Return a part in percent, or None if the whole is 0 or either was not counted."""
    if part is None or not whole:
        return None
    return 100 * part / whole


def line(cells: Iterable[str], widths: Iterable[int]) -> str:
    """Return a row. The first cell is aligned left, the others right, with at least one space between them."""
    first, *rest = zip(cells, widths)
    text = first[0].ljust(first[1]) + "".join(f" {cell.rjust(width - 1)}" for cell, width in rest)
    return text.rstrip()


def titles_of(titles: list[str], seconds: float | None) -> list[str]:
    """Return the titles of the columns. Without an interval the columns are sums, so "/s" is dropped."""
    if seconds is not None:
        return titles
    return ["cpu-s" if title == "cpu%" else title.replace("/s", "") for title in titles]


QUEUE_TITLES = "workqueue items/s done/s flight cpu% hogs wakeups moved mayday rescued".split()
QUEUE_WIDTHS = (16, 8, 8, 7, 6, 6, 8, 6, 7, 8)
POOL_TITLES = "pool cpu busy/all items/s cpu% kicks/s dup% vain% made culled mayday cont%".split()
POOL_WIDTHS = (4, 5, 10, 8, 6, 8, 6, 6, 6, 7, 7, 6)
assert max(sum(QUEUE_WIDTHS), sum(POOL_WIDTHS)) <= COLUMNS


def rate(count: float | None, seconds: float | None) -> str:
    """Return a count per second, or the count itself if there was no interval."""
    return number(None if count is None else count / (seconds or 1))


def cpu_time(microseconds: float | None, seconds: float | None) -> str:
    """Return CPU time in percent of one CPU, or in seconds if there was no interval."""
    return rate(None if microseconds is None else microseconds / (1e4 if seconds else 1e6), seconds)


def queue_row(queue: Record, seconds: float | None, name_width: int) -> list[str]:
    """Return the cells of a workqueue's row."""
    added = queue["delta"].get
    return [
        tables.shorten(cli.visible(queue["name"]), name_width),
        rate(added("started"), seconds),
        rate(added("completed"), seconds),
        number(queue["in_flight"]),
        cpu_time(added("cpu_time"), seconds),
        *(number(added(name)) for name in
          ("cpu_intensive", "cm_wakeup", "repatriated", "mayday", "rescued")),
    ]


def pool_row(pool: Record, seconds: float | None) -> list[str]:
    """Return the cells of a pool's row."""
    added = pool["delta"].get
    return [
        str(pool["id"]),
        "any" if pool["cpu"] < 0 else str(pool["cpu"]),
        f"{pool['nr_workers'] - pool['nr_idle']}/{pool['nr_workers']}",
        rate(added("started"), seconds),
        cpu_time(added("cpu_time"), seconds),
        rate(added("kicks"), seconds),
        number(percent(added("coalesced"), added("kicks"))),
        number(percent(added("in_vain"), added("woken"))),
        *(number(added(name)) for name in ("created", "culled", "maydays")),
        number(percent(added("lock_contended"), added("lock_acquired"))),
    ]


def queue_is_quiet(queue: Record) -> bool:
    """Return whether a workqueue has no items in flight and did nothing in the interval."""
    return not queue["in_flight"] and not any(queue["delta"].values())


def pool_is_quiet(pool: Record) -> bool:
    """
    Return whether a pool has no busy workers and did nothing in the interval. The counters of
    its lock are ignored, because code that only looks at the pool, such as a read of the dump
    in debugfs, takes the lock, too.
    """
    return pool["nr_workers"] == pool["nr_idle"] and not any(
        value for name, value in pool["delta"].items() if not name.startswith("lock_"))


def busiest(records: list[Record], key: str) -> list[Record]:
    """Sort records by how much a counter grew, largest first."""
    return sorted(records, key=lambda record: -record["delta"].get(key, 0))


def rows_for(nr_queues: int, nr_pools: int, lines: int) -> tuple[int, int]:
    """Return how many queues and how many pools fit on a terminal with this many lines."""
    room = max(lines - 10, 2)    # 10 lines for titles, "and N more" and gaps
    pools = min(nr_pools, max(room // 2, room - nr_queues))
    return min(nr_queues, room - pools), pools


def fitting(widths: Sequence[int], columns: int) -> Sequence[int]:
    """Return the widths of the first columns of a table, as many as fit a terminal with this many columns. No number is
    cut, because what is left of it would be another number."""
    return [width for at, width in enumerate(widths) if at == 0 or sum(widths[:at + 1]) <= columns]


def block(titles: list[str], widths: Iterable[int], rows: list[list[str]],
          first: int) -> list[str]:
    """Return a table of the @first rows, and a line that says how many are left out. There are as many columns as
    @widths."""
    lines = [line(each, widths) for each in (titles, *rows[:first])]
    return lines + ([f"and {len(rows) - first} more"] if len(rows) > first else [])


def show(now: Record, every: bool = False, top: int = 0,
         size: tuple[int, int] = (COLUMNS, 0)) -> str:
    """
    Return one screen of text.

    :param every: show quiet queues and pools, too
    :param top: maximum number of queues and of pools, 0: all
    :param size: columns and lines of the terminal; 0 columns: the default width, 0 lines: no limit. Names are wider in
        more columns, and columns for which there is no room are left out
    """
    seconds, columns = now["seconds"], size[0] or COLUMNS
    queues = [q for q in now["workqueues"] if every or not queue_is_quiet(q)]
    pools = [p for p in now["pools"] if every or not pool_is_quiet(p)]
    nr_queues, nr_pools = top or len(queues), top or len(pools)
    if size[1]:
        nr_queues, nr_pools = rows_for(min(nr_queues, len(queues)), min(nr_pools, len(pools)),
                                       size[1])
    lines = [f"{now['engine']} on {now['kernel']}, "
             f"{time.strftime('%H:%M:%S', time.localtime(now['time']))}, "
             f"{'sums' if seconds is None else f'{seconds:.1f} s'}: "
             f"{len(queues)} of {len(now['workqueues'])} workqueues, {len(pools)} of {len(now['pools'])} pools", ""]
    # Extra columns of a wide terminal widen the names.
    more = max(0, min(columns - COLUMNS, NAME - QUEUE_WIDTHS[0]))
    widths = (QUEUE_WIDTHS[0] + more, *QUEUE_WIDTHS[1:])
    lines += block(titles_of(QUEUE_TITLES, seconds), fitting(widths, columns),
                   [queue_row(q, seconds, widths[0]) for q in busiest(queues, "started")],
                   nr_queues)
    busy = "kicks" if now["engine"] == CMWQ2.name else "started"
    lines += ["", *block(titles_of(POOL_TITLES, seconds), fitting(POOL_WIDTHS, columns),
                         [pool_row(p, seconds) for p in busiest(pools, busy)], nr_pools)]
    if now["gaps"]:
        lines += ["", f"not all was seen, {len(now['gaps'])} gaps: {now['gaps'][0]}"]
    return "\n".join(cli.visible(text)[:columns] for text in lines) + "\n"


# The command line


def interval(text: str) -> float:
    """Parse the seconds between two looks; 0 means that there is only one look."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if seconds != 0 and not 0.01 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not an interval; allowed: 0, or 0.01 to 86400 seconds")
    return seconds


def prom_file(text: str) -> str:
    """Return the name of a file that node_exporter reads; "-" is standard output."""
    if text != "-" and not text.endswith(".prom"):
        raise argparse.ArgumentTypeError(f"{text} is no file that node_exporter reads; allowed: a name that ends in"
                                         " .prom, or - for standard output")
    return text


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="wq_monitor.py", description=DESCRIPTION, epilog=EPILOG)
    one.add_argument("every", nargs="?", type=interval, metavar="INTERVAL",
                        help="the same as --interval")
    one.add_argument("times", nargs="?", type=cli.positive, metavar="COUNT",
                        help="the same as --count")
    one.add_argument("-i", "--interval", type=interval, metavar="SECONDS",
                        help=f"time between two looks, 0: look once (default: {INTERVAL:g})")
    one.add_argument("-n", "--count", type=cli.positive, metavar="N",
                        help="end after this many intervals")
    one.add_argument("--native", action="store_true", help="the kernel's own workqueues")
    one.add_argument("-q", "--queue", action="append", metavar="GLOB",
                        help="only workqueues of this name; may be given several times")
    one.add_argument("-p", "--pool", action="append", type=cli.natural, metavar="ID",
                        help="only this pool; may be given several times")
    one.add_argument("-t", "--top", type=cli.positive, default=0, metavar="N",
                        help="only the busiest N workqueues and pools; not in JSON and metrics")
    one.add_argument("-a", "--all", action="store_true",
                        help="also show those that did nothing; JSON and metrics always have them")
    one.add_argument("-w", "--wide", action="store_true",
                        help="cut no name, and nothing else, in a terminal of any width or a pipe")
    form = one.add_mutually_exclusive_group()
    form.add_argument("-j", "--json", action="store_true", help="print a line of JSON each time")
    form.add_argument("--prometheus", nargs="?", const="-", type=prom_file, metavar="FILE",
                      help="write all counters for node_exporter to FILE (default: standard output)")
    return one


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the options. If they are wrong, argparse exits with status 2."""
    options = parser()
    args = options.parse_args(argv)
    for name, value in (("interval", args.every), ("count", args.times)):
        if value is not None and getattr(args, name) is not None:
            options.error(f"argument --{name}: given twice")
        if value is not None:
            setattr(args, name, value)
    if args.interval is None:
        args.interval = 0 if args.prometheus else INTERVAL
    if args.interval == 0 and args.count:
        options.error("argument --count: not allowed with an interval of 0, which looks once")
    return args


def present(now: Record, args: argparse.Namespace) -> None:
    """Print one look in the form that was asked for; on a terminal, no more than fits there."""
    if args.json:
        cli.emit(json.dumps(now) + "\n")
    elif sys.stdout.isatty():
        columns, lines = shutil.get_terminal_size()
        text = show(now, args.all, args.top, (WIDE if args.wide else columns, lines))
        # Overwrite the old text, which flickers less than clearing the screen first.
        cli.emit("", before=HOME + text.replace("\n", f"{REST_OF_LINE}\n") + REST)
    else:
        cli.emit(show(now, args.all, args.top, (WIDE if args.wide else COLUMNS, 0)) + "\n")


def publish(text: str, name: str) -> None:
    """Write metrics to the file @name as a whole, so that nobody reads a part of them; "-" is standard output."""
    if name == "-":
        cli.emit(text)
        return
    if not Path(name).parent.is_dir():
        # A new directory would be one that node_exporter does not look into.
        raise Cmwq2Error(f"{name}: its directory does not exist")
    files.write(Path(name), text)


def looks(prog: Any, args: argparse.Namespace, old: Record) -> Iterator[Record]:
    """Look again and again, until the count is reached if there is one. Each look is compared with the one before."""
    left = args.count if args.interval else 0
    while left is None or left > 0:
        time.sleep(args.interval)
        new = collect(prog, args)
        yield compare(old, new)
        old = new
        left = None if left is None else left - 1


def export(prog: Any, args: argparse.Namespace, old: Record) -> None:
    """Write the metrics of the first look, @old, and of each later one."""
    series = prometheus.series(old)
    publish(prometheus.text(old["engine"], series, len(old["gaps"])), args.prometheus)
    for now in looks(prog, args, old):
        series = prometheus.advance(series, now)
        publish(prometheus.text(now["engine"], series, len(now["gaps"])), args.prometheus)


def run(args: argparse.Namespace, scope: Record) -> None:
    """Look once and then as often as was asked for, and show each look."""
    prog = script.program(scope)
    check_program(prog, NATIVE if args.native else CMWQ2)
    old = collect(prog, args)
    if old["gaps"] and is_dump_file(prog):
        raise Cmwq2Error(f"memory is missing, is this dump whole? {old['gaps'][0]}")
    if args.prometheus:
        export(prog, args, old)
        return
    first = old
    if args.interval == 0 and not args.json:
        first = {**old, **{kind: [{**one, "delta": one["total"]} for one in old[kind]]
                           for kind in ("workqueues", "pools")}}
    if args.json or args.interval == 0:
        present({**first, "seconds": None}, args)
    for now in looks(prog, args, old):
        present(now, args)


def show_all(args: argparse.Namespace, scope: Record) -> bool:
    """Show each look that the options ask for, and return whether all is well."""
    run(args, scope)
    return True


def main(scope: Record) -> NoReturn:
    """Run the command and exit. @scope has the globals of the script, where drgn puts the kernel."""
    script.run("wq_monitor.py", lambda: show_all(parse_args(), scope))

