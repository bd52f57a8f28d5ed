# SPDX-License-Identifier: GPL-2.0
"""Compares reports: of two kernels, of the same set run twice, or of an engine with itself."""

from collections.abc import Iterable

import tables
from benchmark import boots, documents, results, stats
from benchmark.documents import SetError

# This fraction of the comparisons of an engine with itself may be called a difference.
MOST_FALSE = 0.05
# At least this fraction of the ratios of a set that was run twice must have overlapping intervals.
FEWEST_AGREE = 0.9


def aligned(rows: list) -> list:
    """Return @rows as lines of a table. The first row has the titles."""
    return tables.table(rows[0], rows[1:])


def _common(one: dict, other: dict) -> Iterable[tuple]:
    keyed = {documents.run_key(run): run for run in other["runs"]}
    for run in one["runs"]:
        match = keyed.get(documents.run_key(run))
        if match is not None:
            yield run, match


def comparison_rows(one: dict, other: dict) -> list:
    """Return (title, engine, figure, comparison of @other with @one) for all runs that both reports have."""
    rows = []
    for run, match in _common(one, other):
        there = match["header"]
        for engine in (name for name in dict.fromkeys(run["header"]["engines"]) if name in there["engines"]):
            for figure in (name for name in run["header"]["figures"] if name in there["figures"]):
                found = stats.unpaired(documents.values_of(match, engine, figure),
                                       documents.values_of(run, engine, figure),
                                       results.boot_sizes(match["rounds"]), results.boot_sizes(run["rounds"]))
                if found:
                    rows.append((run["title"], engine, figure, found))
    return rows


def _left_out(one: dict, other: dict) -> list:
    """Return lines about the runs that only one of the reports has."""
    lines = []
    for name, here, there in (("A", one, other), ("B", other, one)):
        matched = [id(run) for run, _ in _common(here, there)]
        alone = [run["title"] for run in here["runs"] if id(run) not in matched]
        alone += [f"{each['title']} (not run: {each['reason']})" for each in here["missing"]]
        if alone:
            lines.append(f"Not in both reports (listed in {name}): {', '.join(alone)}")
    return lines


def compare(one: dict, other: dict, every: bool) -> str:
    """Return the comparisons that show a difference between two reports as text, or with @every all comparisons."""
    rows = comparison_rows(one, other)
    if not rows:
        raise SetError("the two reports have no figure in common")
    different = [row for row in rows if row[3].verdict == stats.DIFFERENCE]
    lines = [f"{name}: {text}" for name, found in (("A", one), ("B", other))
             for text in (documents.where_text(found), *documents.cautions(found), *documents.disturbed_text(found))]
    shown = rows if every else different
    if shown:
        lines += aligned([("run", "engine", "figure", "B/A [95 %]"), *((*row[:3], str(row[3])) for row in shown)])
    unknown = sum(row[3].verdict == stats.UNKNOWN for row in rows)
    lines += _left_out(one, other)
    same = len(rows) - len(different) - unknown
    lines.append(f"{len(rows)} figures compared: {len(different)} differ, {same} with no difference seen, "
                 f"{unknown} with too few rounds. Of figures that do not differ one in twenty would "
                 "also be called a difference.")
    return "\n".join(lines)


def against_itself(document: dict) -> list:
    """Return (figure, number of comparisons, how many of them are called a difference). Neighbours of the same name in
    the lists of engines are compared."""
    counts: dict = {}
    for run in document["runs"]:
        names = run["header"]["engines"]
        for first in (first for first in range(0, len(names) - 1, 2) if names[first] == names[first + 1]):
            for figure in run["header"]["figures"]:
                found = stats.paired(results.values_of(run["rounds"], first + 1, figure),
                                     results.values_of(run["rounds"], first, figure),
                                     results.boot_sizes(run["rounds"]))
                if found and found.verdict != stats.UNKNOWN:
                    count = counts.setdefault(figure, [0, 0])
                    count[0] += 1
                    count[1] += found.verdict == stats.DIFFERENCE
    return [(figure, all_of, false) for figure, (all_of, false) in counts.items()]


def _ratios(document: dict) -> dict:
    """Return every ratio that has an interval, by its origin. The order tells runs with the same settings apart."""
    found: dict = {}
    for run in document["runs"]:
        names, key = run["header"]["engines"], documents.run_key(run)
        for each in run["compared"]:
            if each["low"] is not None:
                place = (key, each["engine"], names[each["engine"]], each["figure"])
                found.setdefault(place, []).append((run["title"], each))
    return {(*place, number): value for place, values in found.items() for number, value in enumerate(values)}


def obstacles(one: dict, other: dict) -> list:
    """Return reasons why two reports cannot be compared, or [] if they can."""
    partial = [f"{name}: {text}" for name, found in (("A", one), ("B", other))
               for text in [boots.partial_text(found)] if text]
    return documents.obstacles(one, other) + partial


def not_the_same_set(one: dict, other: dict) -> list:
    """Return reasons why two reports are not of the same set run twice, or [] if they are."""
    return obstacles(one, other) + [f"{key} {one[key]} and {other[key]}" for key in ("seed", "kernel")
                                    if one[key] != other[key]]


def agreement_rows(one: dict, other: dict) -> list:
    """Return (title, engine, figure, ratio in @one, ratio in @other, whether they agree). A missing ratio is None. Two
    ratios agree if their intervals overlap. A ratio that only one report has does not agree."""
    here, there, rows = _ratios(one), _ratios(other), []
    for place in dict.fromkeys((*here, *there)):
        first, second = here.get(place, (None, None)), there.get(place, (None, None))
        title, pair = first[0] or second[0], (first[1], second[1])
        rows.append((title, place[2], place[3], *pair, None not in pair and _overlap(*pair)))
    return rows


def _overlap(one: dict, other: dict) -> bool:
    return one["low"] <= other["high"] and other["low"] <= one["high"]


def _ratio_text(each: dict) -> str:
    return str(stats.Comparison(each["ratio"], each["low"], each["high"])) if each else "-"


def agree(pairs: list) -> tuple:
    """Compare the ratios of a set that was run several times. @pairs has (name, document, name, document) for each two
    that are compared. Return a text, and whether enough of the ratios agree."""
    texts, enough = zip(*(_agree(*pair) for pair in pairs))
    return "\n".join(texts), all(enough)


def boot_pairs(document: dict) -> list:
    """Return the pairs of boots of a series for agree()."""
    sets = list(enumerate(document["sets"], 1))
    return [(f"boot {i}", one, f"boot {j}", other) for i, one in sets for j, other in sets[i:]]


def _agree(first: str, one: dict, second: str, other: dict) -> tuple:
    rows = agreement_rows(one, other)
    if not rows:
        raise SetError("the two reports have no ratio with an interval")
    apart = [row for row in rows if not row[5]]
    lines = aligned([("run", "engine", "figure", f"{first} [95 %]", f"{second} [95 %]"),
                     *((*row[:3], _ratio_text(row[3]), _ratio_text(row[4])) for row in apart)]) if apart else []
    agreed = len(rows) - len(apart)
    enough = agreed >= FEWEST_AGREE * len(rows)
    between = f"{first} and {second}: " if first != "A" else ""
    lines.append(f"{between}{agreed} of {len(rows)} ratios agree within their intervals: "
                 f"{100 * agreed / len(rows):.1f} %, "
                 f"{'at least' if enough else 'fewer than'} {100 * FEWEST_AGREE:.0f} %")
    return "\n".join(lines), enough
