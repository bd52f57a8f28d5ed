# SPDX-License-Identifier: GPL-2.0
"""Reads a result from /sys/kernel/cmwq2_bench/result, and prints it as a table or writes it as JSON.

Documentation/bench.rst describes the text. The JSON document has these keys:

  schema     "cmwq2-bench-report", and schema_version, an integer that grows when a key changes its meaning
  vehicle    where the guest ran; accelerator, what executed it; config, a hash of the kernel's configuration: as
             the caller said, or null
  header     the run: workload, kernel, cpus, queue, scope, rounds, seed, hook, clock; settings, the names of the
             numbers that count, each of which has a key of its own; and figures, the names of what the workload
             measures
  engines    a list in the order of the run's list of engines; each has index, name, and for each figure the median
             over the rounds, its spread, and the ratios to the native engine and to the floor as median, q1 and q3
  rounds     a list of the single figures, one for each round and engine
  compared   a list of figures of one engine in terms of another, the first native one of the list: engine and to, both
             indices; figure; ratio, the median over the rounds; low and high, its interval of 95 %, null if the rounds
             are too few; verdict, "difference" only if the interval excludes 1, else "no difference seen" or
             "too few rounds"

Numbers are numbers, a ratio that does not exist is null.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Optional

import cli
import tables
from benchmark import files, stats

FORMAT_VERSION = 4
SCHEMA = "cmwq2-bench-report"
SCHEMA_VERSION = 4

HEADER_NUMBERS = ("cmwq2_bench", "cpus", "mem_reclaim", "rounds", "seed", "clock_khz", "clock_cost_ns", "clock_step_ns")
HEADER_TEXTS = ("status", "workload", "kernel", "machine", "hook", "queue", "scope", "clock", "settings", "engines",
                "figures")
# Beside the figures.
ENGINE_NUMBERS = ("engine",)
ROUND_NUMBERS = ("round", "engine", "position", "queued")
SPREAD = ("", "_min", "_max", "_mad")
# Figures without ratios. For native the threads are all kworkers of the machine, so a ratio to them says nothing.
# held_bytes accumulates from round to round, so there is one value a boot, not one a round.
COUNTS = ("workers", "threads", "held_bytes")
# What an item costs, with the titles of the columns of a second table below that of the workload. It has those figures
# that the result has and the first table lacks.
COSTS = {"cpu_ns": "CPU ns/item", "pool_workers": "workers", "peak_workers": "most workers",
         "switches_per_1000": "switches/item", "migrations_per_1000": "migrations/item", "start_p50_ns": "start p50 ns",
         "start_p99_ns": "start p99 ns", "start_max_ns": "start max ns"}
# The names of figures that are counted for a thousand items end in this. They are shown for one item.
PER_1000 = "_per_1000"


@dataclass(frozen=True)
class Workload:
    """How a workload is shown. A workload that is not in WORKLOADS gets a plain table of all its figures."""

    says: str
    # The figures that the table has room for, with the titles of their columns.
    columns: dict[str, str]
    # The figures that have a line in the summary of a whole set, and a place in its plot.
    summary: tuple[str, ...] = ()
    # Columns of figures that older results do not have.
    later: dict[str, str] = field(default_factory=dict)

    def columns_of(self, figures: list[str]) -> dict[str, str]:
        """Return the columns for which @figures has a value."""
        return {**self.columns, **{key: title for key, title in self.later.items() if key in figures}}


LOAD_SAYS = "{producers} producers, {items} items each, {in_flight} in flight, {burn_ns} ns of work"
LOAD_COLUMNS = {"rate": "items/s", "p50_ns": "call p50 ns", "p95_ns": "p95", "done_p50_ns": "done p50 ns"}
# The workloads that are about when an item starts.
START_COLUMNS = {"rate": "items/s", "start_p50_ns": "start p50 ns", "start_p99_ns": "p99", "start_max_ns": "max",
                 "p50_ns": "call p50 ns"}
START_SUMMARY = ("rate", "start_p50_ns", "start_p99_ns", "cpu_ns")
STAGES = {"p50_ns": "call p50 ns", "p99_ns": "p99", "start_p50_ns": "start p50 ns", "start_p99_ns": "p99",
          "done_p99_ns": "done p99 ns"}
FLUSH_COLUMNS = {"call_ns": "call ns", "bare_ns": "bare", "tail_ns": "tail", "empty_ns": "empty"}
FLUSH_SUMMARY = ("call_ns", "tail_ns", "empty_ns")
WORKLOADS = {
    "roundtrip": Workload("{producers} producers, {items} items each, one in flight",
                          {"rate": "items/s", "p50_ns": "p50 ns", "p90_ns": "p90", "p95_ns": "p95", "p99_ns": "p99"},
                          ("rate", "p50_ns", "p95_ns", "start_p50_ns")),
    "batch": Workload(LOAD_SAYS, LOAD_COLUMNS, ("rate", "p50_ns", "start_p50_ns")),
    "fanout": Workload(LOAD_SAYS, LOAD_COLUMNS, ("rate", "p50_ns", "start_p50_ns")),
    "delayed": Workload(LOAD_SAYS + ", delay {delay_ms} ms", LOAD_COLUMNS, ("start_p50_ns", "start_p99_ns")),
    "busy": Workload("{producers} producers, {items} items each, which compute for {burn_after_us} us after each",
                     START_COLUMNS, START_SUMMARY),
    "stream": Workload("{producers} producers, {items} items each, a ring of {in_flight}, {burn_ns} ns of work",
                       LOAD_COLUMNS, ("rate", "p50_ns", "cpu_ns")),
    "mixed": Workload("{items} critical items, with {pause_us} us between one and the next, beside floods of items of "
                      "{burn_ns} and {long_ns} ns, {producers} producers, {in_flight} in flight",
                      {**START_COLUMNS, "short_rate": "short items/s", "long_rate": "long items/s"}, START_SUMMARY),
    "imbalance": Workload("{per_cpu} items for each CPU at once, each of {burn_ns} ns, {calls} times a round",
                          {"makespan_p50_ns": "all ns p50", "makespan_max_ns": "max",
                           "makespan_ppm_of_ideal": "all/ideal ppm", "crowded_per_1000": "crowded"},
                          ("makespan_p50_ns", "makespan_max_ns", "cpu_ns")),
    "create": Workload("{queues} queues, each figure that of one",
                       {"create_ns": "create ns", "use_ns": "use ns", "destroy_ns": "destroy ns", "gone_ns": "gone ns",
                        "memory_bytes": "bytes", "percpu_bytes": "percpu"},
                       ("create_ns", "use_ns", "destroy_ns", "memory_bytes"),
                       {"create_p50_ns": "create p50 ns", "create_p99_ns": "p99", "destroy_p50_ns": "destroy p50 ns",
                        "destroy_p99_ns": "p99"}),
    "flush": Workload("{in_flight} in flight, {calls} calls a round", FLUSH_COLUMNS, FLUSH_SUMMARY),
    "drain": Workload("{in_flight} in flight, {calls} calls a round", FLUSH_COLUMNS, FLUSH_SUMMARY),
    "cancel": Workload("{in_flight} in flight, {calls} calls a round",
                       {"idle_ns": "idle ns", "pending_ns": "pending", "inactive_ns": "inactive",
                        "running_ns": "running", "delayed_ns": "delayed"},
                       ("idle_ns", "pending_ns", "inactive_ns", "running_ns", "delayed_ns")),
    "block": Workload("chains of {in_flight} items, {calls} a round",
                      {"p50_ns": "block to start p50 ns", "p95_ns": "p95", "p99_ns": "p99", "workers": "workers"},
                      ("p50_ns", "p99_ns")),
    "switch": Workload("two threads hand over to each other, {items} times",
                       {"rate": "round trips/s", "p50_ns": "p50 ns", "p90_ns": "p90", "p95_ns": "p95", "p99_ns": "p99"},
                       ("rate", "p50_ns")),
    "perfwq": Workload("wl{load}, long burn {long_burn}, beside a job of {job_ms} ms",
                       {"job_ns": "job ns", "alone_ns": "alone", "job_ppm_of_alone": "job/alone ppm",
                        "items_run": "items run", "threads": "threads"},
                       ("job_ns", "threads"), {**STAGES, "held_bytes": "held bytes"}),
    "burst": Workload("{in_flight} items at once, {calls} times a round",
                      {"queue_ns": "queue ns", "span_ns": "all ns"}, ("queue_ns", "span_ns", "start_p50_ns"), STAGES),
    "rescue": Workload("{items} items of the queue behind {foreign} foreign ones",
                       {"item_ns": "ns/item", "rescue_ns": "all ns", "maydays": "maydays"}, ("item_ns",), STAGES),
}

# Vehicles and accelerators whose times are not those of a real machine.
NOT_PERFORMANCE = {
    "uml": "User-Mode Linux",
    "tcg": "QEMU's emulator",
}


def policies_of(record: dict[str, Any]) -> str:
    """Return the policies under which an engine of cmwq2 did its turns. Other engines have none."""
    return ", ".join(f"{key} {value}" for key, value in record.items() if isinstance(value, str) and key != "name")


def summary_of(header: dict[str, Any]) -> tuple[str, ...]:
    """Return the figures of a run that are shown first. For an unknown workload this is its first figure."""
    known = WORKLOADS.get(header["workload"])
    wanted = known.summary if known else ()
    return tuple(figure for figure in wanted if figure in header["figures"]) or tuple(header["figures"][:1])


class ResultError(cli.Error):
    """Raised if a text is not a complete result, or if the run failed. The message says in one line what is wrong."""


def value_of(text: str) -> Any:
    """Convert a value to what it looks like: int, float, None for "-", or str."""
    if text == "-":
        return None
    if re.fullmatch(r"[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[0-9]+\.[0-9]+", text):
        return float(text)
    return text


def fields_of(line: str, number: int) -> dict[str, str]:
    """Return the key=value pairs of a line as text. Raises ResultError if the line has another form."""
    fields = {}
    for word in line.split(" "):
        key, equals, value = word.partition("=")
        if not key or not equals or not value or key in fields:
            raise ResultError(f"line {number} is not made of key=value: {line[:60]!r}")
        fields[key] = value
    return fields


def number_in(fields: dict[str, str], key: str, where: str) -> int:
    """Return the whole number that @key must have. Raises ResultError if it has none."""
    value = fields.get(key, "")
    if not re.fullmatch(r"[0-9]+", value):
        raise ResultError(f"{where} has no number {key}")
    return int(value)


def figure_in(fields: dict[str, str], key: str, where: str) -> None:
    """Check that @key is a whole number, or "-" for a figure that is missing for a reason."""
    if fields.get(key) != "-":
        number_in(fields, key, where)


def whole_lines(text: str) -> list[str]:
    """Return the lines before the end mark. Raises ResultError if the mark is missing or wrong."""
    if not text.strip():
        raise ResultError("the result is empty, because no benchmark has run, or the run was interrupted")
    lines = text.split("\n")
    if not lines[0].startswith("cmwq2_bench="):
        raise ResultError("this is no result of cmwq2_bench")
    version = lines[0].partition("=")[2]
    if version != str(FORMAT_VERSION):
        raise ResultError(f"the format is version {version[:20]}, this program knows {FORMAT_VERSION}")
    end = re.fullmatch(r"end=([0-9]+)", lines[-2]) if len(lines) > 1 and lines[-1] == "" else None
    if not end:
        raise ResultError("the result is truncated: its last line is not end=NUMBER")
    if int(end[1]) != len(lines) - 2:
        raise ResultError(f"the result is damaged: {len(lines) - 2} lines where {end[1]} were written")
    return lines[:-2]


def _records(text: str) -> tuple[dict[str, str], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the header as unconverted text, and the records of the engines and of the rounds."""
    raw: dict[str, str] = {}
    engines: list[dict[str, Any]] = []
    rounds: list[dict[str, Any]] = []
    for number, line in enumerate(whole_lines(text), 1):
        fields = fields_of(line, number)
        first = next(iter(fields))
        if first not in ("engine", "round"):
            raw.update(fields)
            continue
        for key in ENGINE_NUMBERS if first == "engine" else ROUND_NUMBERS:
            number_in(fields, key, f"line {number}")
        figures = raw.get("figures", "").split(",")
        for key in (figure + suffix for figure in figures for suffix in (SPREAD if first == "engine" else SPREAD[:1])):
            figure_in(fields, key, f"line {number}")
        record = {key: value_of(value) for key, value in fields.items()}
        (engines if first == "engine" else rounds).append(record)
    if raw.get("status") != "ok":
        raise ResultError(f"the run failed: {raw.get('reason', 'no reason given')}")
    return raw, engines, rounds


def _header(raw: dict[str, str]) -> dict[str, Any]:
    header: dict[str, Any] = {key: value_of(value) for key, value in raw.items()}
    header.update({key: number_in(raw, key, "the header") for key in HEADER_NUMBERS})
    for key in HEADER_TEXTS:
        if key not in raw:
            raise ResultError(f"the header has no {key}")
        header[key] = raw[key]
    header["version"] = header.pop("cmwq2_bench")
    for key in ("settings", "engines", "figures"):
        header[key] = raw[key].split(",")
    for key in header["settings"]:
        header[key] = number_in(raw, key, "the header")
    _check_workload(header)
    return header


def _check_workload(header: dict[str, Any]) -> None:
    """Check that a known workload has the settings and figures that its table needs."""
    known = WORKLOADS.get(header["workload"])
    for key in re.findall(r"{(\w+)}", known.says) if known else ():
        if key not in header["settings"]:
            raise ResultError(f"the workload {header['workload']} has no setting {key}")
    for key in known.columns if known else ():
        if key not in header["figures"]:
            raise ResultError(f"the workload {header['workload']} has no figure {key}")


def parse(text: str, vehicle: Optional[str] = None, accelerator: Optional[str] = None,
          config: Optional[str] = None) -> dict[str, Any]:
    """Return the document for a result's text. Raises ResultError unless it is that of a successful run."""
    raw, engines, rounds = _records(text)
    header = _header(raw)
    check_records(header, engines, rounds)
    for record in engines:
        record["index"] = record.pop("engine")
        record["name"] = header["engines"][record["index"]]
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "vehicle": vehicle,
        "accelerator": accelerator,
        "config": config,
        "header": header,
        "engines": engines,
        "rounds": rounds,
        "compared": compare(header, rounds),
    }


def values_of(rounds: list[dict[str, Any]], engine: int, figure: str) -> list[Optional[float]]:
    """Return one engine's figure, one value for each round, boot after boot."""
    return [record[figure] for record in sorted(rounds, key=lambda record: (record.get("boot", 0), record["round"]))
            if record["engine"] == engine]


def boot_sizes(rounds: list[dict[str, Any]]) -> tuple[int, ...]:
    """Return the number of rounds of each boot. The rounds of a single boot do not say of which boot they are."""
    numbers = sorted({(record.get("boot", 0), record["round"]) for record in rounds})
    boots = [boot for boot, _ in numbers]
    return tuple(boots.count(boot) for boot in dict.fromkeys(boots))


def rounds_text(header: dict[str, Any]) -> str:
    """Return how many rounds a run has, and in how many boots, as text."""
    rounds = f"{header['rounds']} rounds"
    return f"{header['boots']} boots of {rounds}" if header.get("boots", 1) > 1 else rounds


def compare(header: dict[str, Any], rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the ratio of each figure of each engine to the first native engine, if the ratio exists."""
    names, compared = header["engines"], []
    if "native" not in names:
        return []
    to, sizes = names.index("native"), boot_sizes(rounds)
    for engine in (index for index in range(len(names)) if index != to):
        for figure in (name for name in header["figures"] if name not in COUNTS):
            found = stats.paired(values_of(rounds, engine, figure), values_of(rounds, to, figure), sizes)
            if found:
                compared.append({"engine": engine, "to": to, "figure": figure, "ratio": round(found.ratio, 4),
                                 "low": None if found.low is None else round(found.low, 4),
                                 "high": None if found.high is None else round(found.high, 4),
                                 "verdict": found.verdict})
    return compared


def check_records(header: dict[str, Any], engines: list[dict[str, Any]], rounds: list[dict[str, Any]]) -> None:
    """Check that every engine occurs once, and once in every round."""
    names = header["engines"]
    if [record["engine"] for record in engines] != list(range(len(names))):
        raise ResultError("the engines in the result are not those of its list")
    for record in engines:
        if str(record.get("name")) != names[record["engine"]]:
            raise ResultError(f"engine {record['engine']} is not the {names[record['engine']]} of the list")
    check_rounds(header, rounds)


def check_rounds(header: dict[str, Any], rounds: list[dict[str, Any]]) -> None:
    """Check that every engine occurs once in every round."""
    expected = [(i, j) for i in range(header["rounds"]) for j in range(len(header["engines"]))]
    if sorted((record["round"], record["engine"]) for record in rounds) != expected:
        raise ResultError(f"the result does not hold {header['rounds']} rounds of {len(header['engines'])} engines")


def ratio(document: dict[str, Any], engine: int, figure: str) -> str:
    """Return a ratio as text, with a star if it is a difference."""
    for found in document["compared"]:
        if (found["engine"], found["figure"]) == (engine, figure):
            return str(stats.Comparison(found["ratio"], found["low"], found["high"]))
    return "-"


def heading(document: dict[str, Any]) -> list[str]:
    """Return the lines above a table, which say what was measured and where."""
    header = document["header"]
    vehicle = document["vehicle"] or "vehicle not given"
    if document["accelerator"]:
        vehicle += f" ({document['accelerator']})"
    queue = header["queue"] + (f", scope {header['scope']}" if header["scope"] != "-" else "")
    queue += ", mem_reclaim" if header["mem_reclaim"] else ""
    known = WORKLOADS.get(header["workload"])
    config = f", configuration {document['config']}" if document.get("config") else ""
    lines = [
        f"cmwq2 bench: {vehicle}, kernel {header['kernel']}{config}, {header['cpus']} CPUs, "
        f"{rounds_text(header)}, seed {header['seed']}",
        f"{header['workload']}: {known.says.format(**header) + ', ' if known else ''}"
        f"queue {queue}; hook {header['hook']}; clock {header['clock']}, {header['clock_cost_ns']} ns a read",
    ]
    for where in (document["accelerator"], document["vehicle"]):
        if where and where.lower() in NOT_PERFORMANCE:
            lines.append(f"Only the ratios mean something: times under {NOT_PERFORMANCE[where.lower()]} are not "
                         "performance data.")
            break
    return lines


def spread(record: dict[str, Any], key: str) -> str:
    """Return a figure with its minimum and maximum as text."""
    if record[key] is None:
        return "-"
    return f"{record[key]} [{record[key + '_min']}..{record[key + '_max']}]"


def roundtrip_table(document: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of the table for roundtrip. Quantiles are in adjacent columns, to be read together."""
    quantiles = list(WORKLOADS["roundtrip"].columns.items())[1:]
    rows: list[tuple[str, ...]] = [("engine", "items/s [min..max]", "/native [95 %]", "/floor",
                                    *(title for _, title in quantiles), "p95/native [95 %]")]
    for record in document["engines"]:
        to_floor = record.get("rate_to_floor")
        rows.append((
            record["name"],
            spread(record, "rate"),
            ratio(document, record["index"], "rate"),
            "-" if to_floor is None else f"{to_floor:.3f}",
            *("-" if record[key] is None else str(record[key]) for key, _ in quantiles),
            ratio(document, record["index"], "p95_ns"),
        ))
    return rows


def columns_of(header: dict[str, Any]) -> dict[str, str]:
    """Return the figures of the table, with the titles of their columns. For an unknown workload it has all figures."""
    known = WORKLOADS.get(header["workload"])
    return known.columns_of(header["figures"]) if known else {key: key for key in header["figures"]}


def costs_of(header: dict[str, Any]) -> dict[str, str]:
    """Return the figures of the second table, with the titles of their columns."""
    shown = columns_of(header)
    return {key: title for key, title in COSTS.items() if key in header["figures"] and key not in shown}


def median_of(record: dict[str, Any], key: str) -> str:
    """Return the median of an engine's figure as text."""
    value = record[key]
    if value is None:
        return "-"
    return f"{value / 1000:.3f}" if key.endswith(PER_1000) else str(value)


def plain_table(document: dict[str, Any], columns: dict[str, str]) -> list[tuple[str, ...]]:
    """Return the rows of a table of figures, each followed by its ratio to the native engine."""
    heads = [text for title in columns.values() for text in (title, "/native [95 %]")]
    rows: list[tuple[str, ...]] = [("engine", *heads)]
    for record in document["engines"]:
        cells = [record["name"]]
        for key in columns:
            cells.append(median_of(record, key))
            cells.append(ratio(document, record["index"], key))
        rows.append(tuple(cells))
    return rows


def table(document: dict[str, Any]) -> str:
    """Return the document as text for a terminal: one table of what the workload measures, and one of what that costs.
    Figures are medians over the rounds.
    """
    header = document["header"]
    parts = [roundtrip_table(document) if header["workload"] == "roundtrip"
             else plain_table(document, columns_of(header))]
    if costs_of(header):
        parts.append(plain_table(document, costs_of(header)))
    lines = heading(document)
    for rows in parts:
        lines += tables.table(tables.numbers(*rows[0]), rows[1:])
    # An engine that names a profile or policies shows them in its name.
    lines += [f"{record['name']}: {policies_of(record)}" for record in document["engines"]
              if record["name"] == "cmwq2" and policies_of(record)]
    if any(found["verdict"] != stats.UNKNOWN for found in document["compared"]):
        lines.append("* a difference: the interval excludes 1. No star: no difference seen.")
    elif document["compared"]:
        lines.append(f"No intervals: they need {stats.FEWEST} rounds.")
    return "\n".join(lines)


def _read(name: str) -> str:
    try:
        return cli.standard_input().read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ResultError(str(error)) from None


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="bench_report.py", description="Print a result of cmwq2_bench as a table.")
    one.add_argument("result", metavar="RESULT", help="a copy of /sys/kernel/cmwq2_bench/result, - for standard input")
    one.add_argument("--vehicle", help="where it ran: uml, qemu or a machine's name")
    one.add_argument("--accelerator", help="what executed a guest: tcg or kvm")
    one.add_argument("--config", help="a hash of the kernel's configuration")
    one.add_argument("--json", metavar="OUT", help="also write the document as JSON, - for standard output instead "
                     "of the table")
    return one


def _command(arguments: Optional[Sequence[str]]) -> bool:
    options = parser().parse_args(arguments)
    try:
        document = parse(_read(options.result), options.vehicle, options.accelerator, options.config)
    except ResultError as error:
        raise cli.Error(f"{'standard input' if options.result == '-' else options.result}: {error}") from None
    if options.json == "-":
        print(json.dumps(document, indent=2))
        return True
    if options.json:
        files.write(Path(options.json), json.dumps(document, indent=2) + "\n")
    print(tables.fitted(table(document)))
    return True


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command and return its exit status."""
    return cli.status("bench_report.py", lambda: _command(arguments))


def program() -> NoReturn:
    """Run the command and exit with its status."""
    cli.run("bench_report.py", lambda: _command(None))
