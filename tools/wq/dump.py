# SPDX-License-Identifier: GPL-2.0
"""Show what cmwq2's pools, workers, items and workqueues are doing, or the kernel's own."""

from __future__ import annotations

import argparse
import json
from typing import Any, Callable, NoReturn

import cli
import tables
from wq import collect, latency, rules, script, verdict
from wq.choose import check_choice, choose, matches, must_be_there
from wq.collect import SCHEMA
from wq.diff import check_comparable, diff, show_diff
from wq.engine import CMWQ2, NATIVE
from wq.idle import without_idle
from wq.names import wq_name
from wq.program import check_program
from wq.show import STALL_MS, paragraph, show
from wq.walks import for_each_pool, for_each_workqueue

MAX_SIZE_RATIO = 2
# Items described per list, unless --items says otherwise.
ITEMS = 20
DESCRIPTION = """\
Show what cmwq2's pools, workers, items and workqueues are doing.

  drgn -s cmwq2.ko tools/wq_dump.py             (the running kernel, as root)
  drgn tools/wq_dump.py --native                (the kernel's own workqueues)
  drgn -c vmcore -s vmlinux tools/wq_dump.py --native --stalls     (a dump file)
  drgn --qemu QMP_SOCKET -s vmlinux -s cmwq2.ko tools/wq_dump.py --json
  tools/wq_dump.py --read dump.json --stalls    (what --json wrote; needs no drgn)

Without options, only what is busy is shown: pools with items, or with workers
that are not idle; queues with items; delayed items that are overdue. --native
looks at the kernel's own workqueues, and needs no module.
"""
_REASONS = "".join(f"  {word:<13}  {means}\n" for word, means in rules.REASONS.items())
EPILOG = f"""\
A column shows "-" if it has no value, and "?" if this kernel does not record it.
Times have the resolution of a jiffy.

Stalls (--stalls; nothing is printed if there are none)
{_REASONS}Affinity scopes
  for each scope the groups of CPUs that share an unbound pool; +: the default
Pools
  cpus      CPUs whose items the pool serves; a per-CPU pool serves one
  flags     managed: a worker is creating workers; unbound: the CPU is offline;
            bh: runs in softirq context, with one worker that has no thread
  running   workers that concurrency management counts as running / workers that
            the pool wants to run, if it is an unbound pool that counts them
  idle      idle workers / all workers, without rescuers
  kicked    idle workers that were picked and do not run yet
  pending   items on the worklist; ~: it changed while they were counted
  stalled   time since an item last left the worklist
Policies of pools
  pools that have the same policies share a row; their values are explained in
  /sys/kernel/debug/cmwq2/policies
Pool counters
  kicks     times a worker was picked; coalesced: it had been picked already
  cm        kicks because the last running worker blocked or hogged its CPU
  scan      kicks by the scan timer
  maydays   calls for rescuers
  stalls    times the watchdog found that items waited and none was taken
Worker lists
  pids of kicked workers, of idle ones in the order in which they are picked, and
  of busy ones, the longest first
Workers
  state     busy: runs an item; kicked: was picked and does not run yet; idle;
            manager: creates workers; awake: none of these; dying
  S         the thread's state as in ps; a bh pool's worker has no thread
  R         + if the worker counts as running
  for       busy: time in the item; kicked: time since it was picked; idle: time
            since its last item
Pending items
  where     worklist; inbox: on its way there; scheduled: taken by a worker;
            inactive: over max_active
  age       time since it was queued
  kind      item; barrier: a flush that waits; cursor: a rescuer's position
Delayed items
  due       time until the item is queued; negative if its delay is over
  cpu       the CPU that has the timer, and whether this CPU is offline
  for       the CPU on which the item will be queued
Workqueues
  scope     affinity scope of an unbound queue; strict: workers never leave it
  active    items that count for max_active; inactive: items that exceed it
  inflight  all items that are pending or run, of every flush color
Unbound workqueue node_nr/max_active
            active items / maximum of each NUMA node, and of no node
Workqueue CPU -> pool
            number of the pool that serves the queue on each CPU; dfl: the pool
            of an unbound queue for all other CPUs
Rescuers
  maydays   pools in which the queue waits for its rescuer
  cursor    pool: position in its worklist, and how many entries are behind it
  calls     calls for the rescuer; rescued: items that it ran; batches: visits to
            a pool in need; relapses: visits after which the pool was still in need
Flushers
            threads that wait for a flush of a queue, and the flush color

The text fits the terminal, and 80 columns in a pipe or a file, unless --wide is
given. Affinity scopes, lists of workers and the pool of each CPU need --all.
With --exit-code, the exit status is 3 if something is stalled, 0 if nothing is, and 1
if this could not be found out.
"""


def sizes(prog: Any) -> tuple[str, bool]:
    """Compare the sizes of both engines' pools. The flag says whether cmwq2's is small enough."""
    ours = prog.type("struct cmwq2_pool").size
    theirs = prog.type("struct worker_pool").size
    text = f"cmwq2_pool {ours} worker_pool {theirs} ratio {ours / theirs:.2f}"
    return f"{text} limit {MAX_SIZE_RATIO}\n", ours <= MAX_SIZE_RATIO * theirs


# The options that may be combined with each form of output. An option that the form would
# ignore is refused.
NARROWING = ("queue", "func", "pool", "age", "top")
FORMS = {
    "stalls": ("json", "native", "stack", "items", "read", "hz", "wide", "exit_code", *NARROWING),
    "diff": ("json", "native", "items", "read", "hz", "wide", *NARROWING),
    "sizes": (),
    "latency": ("json", "pool"),
    "json": ("stalls", "diff", "latency", "native", "stack", "items", "read", "hz", "exit_code", *NARROWING),
}
# Options that say how to look at a kernel. They are refused with --read, which reads a file.
OF_A_KERNEL = ("native", "stack", "hz")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to @parser."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--stalls", action="store_true",
                      help="only say why items wait that have waited for at least --age ms (default: 1000)")
    form.add_argument("--diff", metavar="OLD.json",
                      help="show what changed since a dump that --json wrote earlier in the same boot")
    form.add_argument(
        "--sizes",
        action="store_true",
        help="compare the size of a pool with that of the kernel's own pools, and fail"
        f" if it is more than {MAX_SIZE_RATIO} times as large",
    )
    form.add_argument("--latency", nargs="?", const="", metavar="GLOB",
                      help="show cmwq2's latency histograms, of all or of these workqueues, or of"
                      " --pool; in JSON bucket i counts times of less than 2^i ns")
    parser.add_argument("-j", "--json", action="store_true",
                        help="print JSON, whose form is in wq_dump.schema.json")
    parser.add_argument("--exit-code", action="store_true",
                        help="with --stalls: exit with status 3 if something is stalled")
    parser.add_argument("-a", "--all", action="store_true",
                        help="also show what is idle, and how the engine is set up; JSON always has it")
    parser.add_argument("-w", "--wide", action="store_true",
                        help="cut and wrap nothing, however wide the tables become")
    parser.add_argument("--native", action="store_true", help="show the kernel's own workqueues")
    parser.add_argument("--stack", action="store_true",
                        help="also show the stacks of busy workers, with --stalls, too")
    parser.add_argument("--queue", action="append", metavar="GLOB",
                        help="only these workqueues and their items; may be given several times")
    parser.add_argument("--func", action="append", metavar="GLOB",
                        help="only items and workers of these functions; may be given several times")
    parser.add_argument("--pool", action="append", type=cli.natural, metavar="N",
                        help="only this pool; may be given several times")
    parser.add_argument("--age", type=cli.natural, metavar="MS",
                        help="only items that have waited, and workers that have been busy, for this time")
    parser.add_argument("--top", type=cli.positive, metavar="N", help="only the N oldest items")
    parser.add_argument("--items", type=cli.natural, metavar="N",
                        help="describe this many items of each list, 0: all"
                        f" (default: {ITEMS})")
    parser.add_argument("--read", metavar="FILE",
                        help="show a dump that --json wrote instead of looking at a kernel; -: stdin")
    parser.add_argument(
        "--hz",
        type=cli.positive,
        help="the kernel's CONFIG_HZ, if the script cannot find it out",
    )


def check_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Leave with an error if an option would be ignored."""
    given = [name for name, value in vars(args).items() if value is not None and value is not False]
    forms = [name for name in given if name in FORMS]
    for form in forms:
        for name in given:
            if name not in (form, *FORMS[form]):
                parser.error(f"argument --{form}: not allowed with --{name.replace('_', '-')}")
    if args.exit_code and not args.stalls:
        parser.error("argument --exit-code: only allowed with --stalls")
    if args.latency and args.pool:
        parser.error("argument --latency: with a GLOB not allowed with --pool")
    for name in OF_A_KERNEL:
        if args.read and name in given:
            parser.error(f"argument --{name}: not allowed with --read, which reads a dump that was taken before")
    if args.read == "-" and args.diff == "-":
        parser.error("argument --diff: only one of two dumps can come from standard input")


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="wq_dump.py", description=DESCRIPTION, epilog=EPILOG)
    add_options(one)
    return one


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line, by default that of the process. If it is wrong, exit with status 2."""
    options = parser()
    args = options.parse_args(argv)
    check_options(options, args)
    args.items = ITEMS if args.items is None else args.items
    return args


def load(path: str) -> dict[str, Any]:
    """Read a dump that --json wrote earlier."""
    dump = cli.read_json(path, "a dump by --json")
    if not isinstance(dump, dict) or dump.get("schema") != SCHEMA:
        schema = dump.get("schema") if isinstance(dump, dict) else None
        raise cli.Error(
            f"{path} has schema {schema}, this is for {SCHEMA}: take it again with --json")
    return dump


def kernel(scope: dict[str, Any], native: bool = False) -> Any:
    """Return the kernel that drgn put into @scope. Raises Cmwq2Error if the engine cannot be inspected there."""
    prog = script.program(scope)
    check_program(prog, NATIVE if native else CMWQ2)
    return prog


def take(args: argparse.Namespace, scope: dict[str, Any]) -> dict[str, Any]:
    """Return a dump, from a file or from a kernel, as the options say."""
    if args.read:
        return load(args.read)
    prog = kernel(scope, args.native)
    engine = NATIVE if args.native else CMWQ2
    narrowed = args.queue or args.func or args.age or args.top
    limit = 0 if narrowed and not args.stalls else args.items
    return collect.collect(prog, engine, args.hz, limit, args.stack, brief=args.stalls)


def show_latency(args: argparse.Namespace, scope: dict[str, Any]) -> str:
    """Return the histograms as text or JSON. Raises cli.Error if a pool or queue does not exist."""
    prog = kernel(scope)
    wanted = argparse.Namespace(pool=args.pool, queue=[args.latency] if args.latency else [])
    must_be_there(wanted, [pool.id.value_() for pool in for_each_pool(prog)],
                  [wq_name(wq) for wq in for_each_workqueue(prog)])
    found = latency.collect(prog, args.latency, args.pool)
    return printed(found, latency.show_tables, args.json)


def run(args: argparse.Namespace, scope: dict[str, Any]) -> tuple[str, int]:
    """Return the text to print, and the exit status."""
    if args.sizes:
        text, good = sizes(kernel(scope))
        return text, cli.PASSED if good else cli.FAILED
    if args.latency is not None:
        return show_latency(args, scope), cli.PASSED
    old = load(args.diff) if args.diff else None
    dump = take(args, scope)
    check_choice(dump, args)
    if args.stalls:
        return stalls(dump, args)
    if old:
        check_comparable(old, dump)
    dump = choose(dump, args)
    if old:
        return printed(diff(old, dump), show_diff, args.json), cli.PASSED
    if args.json:
        return printed(dump, show, True), cli.PASSED
    # What was asked for by its name is shown even if it is idle.
    hidden = None if args.all else without_idle(dump, not args.pool, not args.queue)
    return show(dump, hidden), cli.PASSED


def stalls(dump: dict[str, Any], args: argparse.Namespace) -> tuple[str, int]:
    """Return the verdicts on items that have waited for too long, as text or as one line of JSON, and the exit
    status."""
    found = verdict.verdicts(dump, STALL_MS if args.age is None else args.age)
    found = [v for v in found if matches(v.first["queue"], args.queue)
             and matches(v.first["func"], args.func) and (not args.pool or v.pool in args.pool)]
    found = sorted(found, key=lambda v: -v.stuck_ms)[: args.top]
    status = cli.FOUND if args.exit_code and found else cli.PASSED
    if args.json:
        names = ("schema", "version", "engine", "kernel", "host", "time")
        document = {**{name: dump.get(name) for name in names}, "stalls": [v.as_json() for v in found],
                    "gaps": dump["gaps"]}
        return json.dumps(document) + "\n", status
    return "".join(f"{line}\n" for v in found for line in paragraph(v)), status


def printed(found: dict[str, Any], as_text: Callable, as_json: bool) -> str:
    """Return @found as JSON, or as the text that @as_text makes of it."""
    return json.dumps(found, indent=2) + "\n" if as_json else as_text(found)


def show_all(args: argparse.Namespace, scope: dict[str, Any]) -> NoReturn:
    """Print what the options ask for, and exit."""
    with tables.at_most(0 if args.wide else tables.terminal_width() or tables.COLUMNS):
        text, status = run(args, scope)
    cli.emit(text)
    raise SystemExit(status)


def main(scope: dict[str, Any]) -> NoReturn:
    """Run the command and exit. @scope has the globals of the script, where drgn puts the kernel."""
    script.run("wq_dump.py", lambda: show_all(parse_args(), scope))
