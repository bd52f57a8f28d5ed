# SPDX-License-Identifier: GPL-2.0
"""
Judge a dump that ``wq_dump.py --json`` took of a guest.

Usage: ``check_dump.py [--queue NAME] [--live] [--text FILE] FILE`` ("-": stdin).
Each problem is a line on stderr. Exit status: 0: no problem, 1: problems; otherwise as in ``cli.py``.
"""

import argparse
import json
import os
import re
import sys
from fnmatch import fnmatchcase
from typing import Any, NoReturn

import cli

SCHEMA = 2
SCHEMA_FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "wq_dump.schema.json")
MAX_AGE_MS = 3600 * 1000  # no guest runs that long


def problems(dump: dict[str, Any], queue: str, paused: bool) -> list[str]:
    """
    Return what is wrong with a dump.

    :param queue: pattern of workqueue names, or ""; at least one matching queue
        must have items in flight
    :param paused: the guest was paused, so the numbers must agree
    """
    if dump.get("schema") != SCHEMA:
        return [f"schema {dump.get('schema')}, expected {SCHEMA}"]
    with open(SCHEMA_FILE, encoding="utf-8") as file:
        schema = json.load(file)
    found = mismatches(dump, schema, schema, "dump")
    if found:
        return found
    if not dump["pools"]:
        found.append("no pools")
    for pool in dump["pools"]:
        found += pool_problems(pool, paused)
    for item in all_items(dump):
        found += item_problems(item)
    if queue:
        found += queue_problems(dump, queue)
    if paused:
        found += [f"gap in a paused guest's dump: {gap}" for gap in dump["gaps"]]
    return found


TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
         "null": type(None)}


def mismatches(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str) -> list[str]:
    """
    Return where a value violates a JSON schema. Only those features of JSON schemas
    that our schema uses are supported.
    """
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, TYPES[kind]) and (kind != "integer" or value is not True
               and value is not False) for kind in kinds):
        return [f"{where}: {type(value).__name__}, expected {' or '.join(kinds)}"]
    if "enum" in schema and value is not None and value not in schema["enum"]:
        return [f"{where}: {value!r}, expected one of {schema['enum']}"]
    if isinstance(value, list):
        return [m for i, one in enumerate(value)
                for m in mismatches(one, schema["items"], root, f"{where}[{i}]")]
    if isinstance(value, dict):
        return _object_mismatches(value, schema, root, where)
    return []


def _object_mismatches(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any],
                       where: str) -> list[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{where}: no {name}" for name in schema.get("required", []) if name not in value]
    for name, one in value.items():
        if name in known:
            found += mismatches(one, known[name], root, f"{where}.{name}")
        elif isinstance(others, dict):
            found += mismatches(one, others, root, f"{where}.{name}")
        elif not others:
            found.append(f"{where}: {name} is not in the schema")
    return found


def pool_problems(pool: dict[str, Any], paused: bool) -> list[str]:
    """Return what is wrong with a pool of a dump, one text for each problem. The counts must agree if @paused."""
    name = f"pool {pool['id']}"
    found = []
    own = [w for w in pool["workers"] if not w["rescuer"] and "die" not in w["flags"]]
    idle = [w for w in own if "idle" in w["flags"]]
    for worker in pool["workers"]:
        if worker["state"] == "busy" and not worker["func"]:
            found.append(f"{name}: a busy worker has no function")
    if not paused:
        return found
    # A new worker is attached to the pool a moment before it is counted.
    creating = any(w["state"] == "awake" for w in own) and pool["manager_pid"]
    if len(own) - pool["nr_workers"] not in ((0, 1) if creating else (0,)):
        found.append(f"{name}: {pool['nr_workers']} workers, {len(own)} listed")
    if len(idle) != pool["nr_idle"]:
        found.append(f"{name}: {pool['nr_idle']} idle, {len(idle)} listed")
    return found


def all_items(dump: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items on all lists of a dump, except delayed items."""
    lists = [pool[name] for pool in dump["pools"] for name in ("worklist", "inbox")]
    lists += [w["scheduled"] for pool in dump["pools"] for w in pool["workers"]]
    lists += [pwq["inactive"] for wq in dump["workqueues"] for pwq in wq["pwqs"]]
    return [item for one in lists for item in one["items"]]


def item_problems(item: dict[str, Any]) -> list[str]:
    """Return what is wrong with an item of a dump, one text for each problem."""
    where = f"item {item['address']} ({item['func']})"
    found = []
    if not item["func"]:
        found.append(f"{where}: no function")
    if item["age_ms"] is not None and not 0 <= item["age_ms"] < MAX_AGE_MS:
        found.append(f"{where}: age of {item['age_ms']} ms")
    return found


def queue_problems(dump: dict[str, Any], queue: str) -> list[str]:
    """Return what is wrong unless a workqueue whose name matches @queue has items in flight."""
    names = {wq["name"] for wq in dump["workqueues"] if fnmatchcase(wq["name"], queue)}
    if not names:
        return [f"no queue has a name like {queue}"]
    pending = any(item["queue"] in names for item in all_items(dump))
    running = any(w["queue"] in names for p in dump["pools"] for w in p["workers"])
    return [] if pending or running else [f"queue {queue}: no items are in flight"]


def text_problems(dump: dict[str, Any], text: str) -> list[str]:
    """
    Return what is wrong with those tables of workqueues in a dump's text that grow
    with the machine. Each cell must end where its title ends, and agree with the JSON
    of the same dump.
    """
    cpus = [str(cpu) for cpu in dump["cpus"]["possible"]]
    rows: dict = {wq["name"]: [*(cell(wq["cpu_pools"].get(cpu)) for cpu in cpus), cell(wq["dfl_pool"])]
                  for wq in dump["workqueues"]}
    found = table_problems(text, "Workqueue CPU -> pool", [*cpus, "dfl"], rows)
    unbound = [wq for wq in dump["workqueues"] if wq["nodes"]]
    nodes = sorted({node["node"] for wq in unbound for node in wq["nodes"]} - {None})
    rows = {}
    for wq in unbound:
        shares = {node["node"]: f"{node['nr']:4}/{node['max']:4}" for node in wq["nodes"]}
        rows[wq["name"]] = [cell(wq["min_active"]), cell(wq["max_active"]),
                            *map(shares.get, [*nodes, None])]
    titles = ["min", "max", *(f"NODE {node}" for node in nodes), "NO NODE"]
    return found + table_problems(text, "Unbound workqueue node_nr/max_active", titles, rows)


def cell(value: Any) -> str:
    """Return a value as it is shown in a table of a dump, "-" for None."""
    return "-" if value is None else str(value)


def table_problems(text: str, name: str, titles: list[str],
                   rows: dict[str, list[str]]) -> list[str]:
    """
    Return what is wrong with a table.

    :param name: the table's heading
    :param rows: the cells that must be there, by the first cell of the row
    """
    _, _, table = text.partition(f"\n{name}\n{'=' * len(name)}\n")
    head, *lines = table.partition("\n\n")[0].splitlines() or [""]
    columns = list(re.finditer(r"\S+(?: \S+)*", head))
    seen = [match.group() for match in columns]
    if seen != ["workqueue", *titles]:
        return [f"{name}: titles {seen}"]
    if len(lines) != len(rows):
        return [f"{name}: {len(lines)} lines of {len(rows)} workqueues"]
    found = []
    for line in lines:
        begin, cells = columns[0].end(), []
        first = line.split("  ")[0]
        for match in columns[1:]:
            cells.append(line[max(begin, len(first)):match.end()].lstrip(" "))
            begin = match.end()
        wanted = [each.lstrip(" ") for each in rows.get(first, [])]
        if cells != wanted or line[begin:]:
            found.append(f"{name}: columns of {first}: {cells}, expected {wanted}")
    return found


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="check_dump.py", description="Judge a dump by wq_dump.py --json.")
    one.add_argument("--queue", default="", help="pattern of a queue that must have items in flight")
    one.add_argument("--live", action="store_true", help="the guest was not paused")
    one.add_argument("--text", type=argparse.FileType("r"), help="the same dump as text, which is checked, too")
    one.add_argument("file", metavar="FILE", help="the output of wq_dump.py --json; - for standard input")
    return one


def check() -> bool:
    """Run the command, and return whether the dump has no problem."""
    args = parser().parse_args()
    dump = cli.read_json(args.file, "a dump")
    try:
        found = problems(dump, args.queue, not args.live)
        if args.text:
            found += text_problems(dump, args.text.read())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = [f"not a dump: {error!r}"]
    for problem in found:
        print(f"check_dump.py: {problem}", file=sys.stderr)
    if not found:
        print(f"{len(dump['pools'])} pools, {len(dump['workqueues'])} workqueues agree")
    return not found


def main() -> NoReturn:
    """Run the command and exit with its status."""
    cli.run("check_dump.py", check)
