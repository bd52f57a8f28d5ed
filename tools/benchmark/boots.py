# SPDX-License-Identifier: GPL-2.0
"""The document of a set of benchmarks that was run in several boots. It is read and written completely or not at all.

It has these keys:

  schema       "cmwq2-bench-series", and schema_version
  version      of the cmwq2 whose tools made it, or "unknown"
  wanted       how many boots there should be; with fewer boots the series is partial, because it was interrupted
  boots        a list of the documents of the sets, one for each boot, as documents.py describes them
  runs         a list of what the boots together say about each run: title; header, that of the first boot, and boots,
               how many boots have the run; engines and compared, over the rounds of all boots; disturbed, if the host
               was busy during the run in each of the boots

A run that was disturbed in one boot and not in another counts only in the latter.
"""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cli
from benchmark import documents, results
from benchmark.documents import SetError

SCHEMA, SCHEMA_VERSION = "cmwq2-bench-series", 1


def seed_of(seed: int, boot: int) -> str:
    """Return what the seeds of the runs of a boot are derived from. Boot 0 has those of a set that is run once."""
    return f"{seed} boot {boot}" if boot else str(seed)


def _spread(values: list) -> tuple:
    """Return the median, the extremes and the median distance to the median. They are whole numbers, as those that the
    module writes. A value that is missing makes them all missing."""
    if not values or None in values:
        return None, None, None, None
    middle = statistics.median(values)
    return (int(middle), min(values), max(values), int(statistics.median(abs(value - middle) for value in values)))


def _engine(index: int, records: list, header: dict, rounds: list) -> dict:
    """Return what all boots together say about engine @index. @records has what each boot says."""
    found = {}
    for key, value in records[0].items():
        values = [record.get(key) for record in records]
        if isinstance(value, (int, float)) and key != "index" and None not in values:
            value = sum(values) if isinstance(value, int) else round(statistics.median(values), 4)
        found[key] = value
    for figure in header["figures"]:
        own = results.values_of(rounds, index, figure)
        found.update(zip((figure + suffix for suffix in results.SPREAD), _spread(own)))
        for name in ("native", "floor"):
            key = f"{figure}_to_{name}"
            if key not in found:
                continue
            base = results.values_of(rounds, header["engines"].index(name), figure)
            found.update(zip((key, f"{key}_q1", f"{key}_q3"), _quartiles(own, base)))
    return found


def _quartiles(values: list, bases: list) -> tuple:
    """Return the median of the ratios of the rounds, and their quartiles."""
    if None in values or not all(bases) or len(values) < 2:
        return None, None, None
    low, middle, high = statistics.quantiles([a / b for a, b in zip(values, bases)], n=4, method="inclusive")
    return round(middle, 4), round(low, 4), round(high, 4)


def _pooled(runs: list) -> dict:
    """Return one run with the rounds of several boots. @runs has (number of the boot, run)."""
    quiet = [(boot, run) for boot, run in runs if not run.get("disturbed")]
    used = quiet or runs
    first = used[0][1]
    header = {**first["header"], "boots": len(used)}
    rounds = [{**record, "boot": boot} for boot, run in used for record in run["rounds"]]
    found = {**first, "header": header, "rounds": rounds, "boots": [boot for boot, _ in used],
             "engines": [_engine(index, [run["engines"][index] for _, run in used], header, rounds)
                         for index in range(len(header["engines"]))],
             "compared": results.compare(header, rounds)}
    found.pop("host", None)
    if not quiet:
        found["disturbed"] = list(dict.fromkeys(reason for _, run in used for reason in run["disturbed"]))
    return found


def _by_run(sets: Sequence[dict]) -> dict:
    """Return a list of (number of the boot, run) for each title, in the order of the set. Raises SetError if the runs
    of one title differ in more than their figures."""
    found: dict = {}
    for boot, each in enumerate(sets):
        for run in each["runs"]:
            found.setdefault(run["title"], []).append((boot, run))
    for title, runs in found.items():
        first = runs[0][1]
        for boot, run in runs[1:]:
            if any(run["header"][key] != first["header"][key] for key in ("engines", "figures", "rounds")) \
                    or documents.run_key(run) != documents.run_key(first):
                raise SetError(f"boot {boot + 1} of {len(sets)} made another run of the name {title} than boot 1")
    return found


def _check_same(sets: Sequence[dict]) -> None:
    """Raise SetError unless all boots ran the same set in the same place."""
    for boot, each in enumerate(sets):
        for key in (*documents.SAME, "kernel", "config"):
            if each[key] != sets[0][key]:
                raise SetError(f"the boots differ: {key} is {sets[0][key]} in boot 1 and {each[key]} in boot "
                               f"{boot + 1}")


def _of_boot(boot: int, of: int, texts: Sequence[str]) -> list:
    return [f"boot {boot + 1} of {of}: {text}" for text in texts]


def pool(sets: Sequence[dict], wanted: int) -> dict:
    """Return one document for the documents of several boots. It has the keys of the document of one set, and also
    boots, their number; wanted; and sets, the documents of the boots. Raises SetError if these do not belong together.
    """
    _check_same(sets)
    return _together(sets, wanted, [_pooled(runs) for runs in _by_run(sets).values()])


def _together(sets: Sequence[dict], wanted: int, runs: list) -> dict:
    count = len(sets)

    def of_all(key: str) -> list:
        return [{**each, "title": f"{each['title']} (boot {boot + 1} of {count})"}
                for boot, one in enumerate(sets) for each in one.get(key, ())]
    conditions = [text for boot, one in enumerate(sets) for text in _of_boot(boot, count, one.get("conditions", ()))]
    return {**sets[0], "runs": runs, "missing": of_all("missing"), "disturbed": of_all("disturbed"),
            "conditions": conditions, "boots": count, "wanted": wanted, "sets": list(sets)}


def to_file(document: dict) -> dict:
    """Return what is written to a file for the document of a set. That of several boots is smaller there."""
    if "sets" not in document:
        return document
    runs = [{key: value for key, value in run.items() if key != "rounds"} for run in document["runs"]]
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "version": cli.version(),
            "wanted": document["wanted"], "boots": document["sets"], "runs": runs}


def text(document: dict) -> str:
    """Return the content of the file for the document of a set. Without indentation a series takes half of the room."""
    return json.dumps(to_file(document), indent=None if "sets" in document else 1) + "\n"


def read(path: Path) -> dict:
    """Read the document of a set, or of a set in several boots, which becomes as pool() returns it. Raises SetError if
    the file is not complete."""
    found = documents.load(path)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        documents.check(found, str(path))
        return found
    if found.get("schema_version") != SCHEMA_VERSION:
        raise SetError(f"{path}: schema_version {found.get('schema_version')}, this program knows {SCHEMA_VERSION}")
    _check_series(found, path)
    return _together(found["boots"], found["wanted"], _with_rounds(found, path))


def _check_series(found: dict, path: Path) -> None:
    for key, kind in (("boots", list), ("runs", list), ("wanted", int)):
        if not isinstance(found.get(key), kind) or not found[key]:
            raise SetError(f"{path}: has no {key}")
    for number, each in enumerate(found["boots"]):
        documents.check(each, f"{path}: boot {number + 1}")
    try:
        _check_same(found["boots"])
    except SetError as error:
        raise SetError(f"{path}: {error}") from None


def _with_rounds(found: dict, path: Path) -> list:
    """Return the runs of a series, each with the rounds of the boots that it names."""
    try:
        by_run = {title: dict(runs) for title, runs in _by_run(found["boots"]).items()}
        return [{**run, "rounds": [{**record, "boot": boot} for boot in run["boots"]
                                   for record in by_run[run["title"]][boot]["rounds"]]} for run in found["runs"]]
    except (KeyError, TypeError) as error:
        raise SetError(f"{path}: the runs do not fit the boots: {type(error).__name__} {error}") from None


def is_partial(document: dict) -> bool:
    """Return whether @document has fewer boots than were asked for."""
    return document.get("boots", 1) < document.get("wanted", 1)


def partial_text(document: dict) -> Any:
    """Return a sentence if @document is partial, otherwise None."""
    if not is_partial(document):
        return None
    return f"the series is partial: {document['boots']} of {document['wanted']} boots were made"
