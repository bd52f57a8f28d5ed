# SPDX-License-Identifier: GPL-2.0
"""The picture and the table on the first page: how the profile `shared` compares with the kernel's workqueue.

They are made from a report of several boots, of which an excerpt is committed beside the picture, so that everybody can
see the numbers and make both again. A test compares picture, table and excerpt. Drawing needs matplotlib, the rest does
not.
"""

import hashlib
import io
import json
import re
import textwrap
from pathlib import Path
from typing import Any, NamedTuple, Optional

from benchmark import documents, files, summary
from benchmark.documents import SetError

SCHEMA, SCHEMA_VERSION = "cmwq2-bench-excerpt", 1
ROOT = Path(__file__).resolve().parents[2]
FOLDER, NAME, README = "Documentation/figures", "shared", "README.md"
BEGIN, END = "<!-- figures of the profile shared: begin, written by tools/bench picture -->\n", \
    "<!-- figures of the profile shared: end -->\n"
# mainline-7.3 works as the kernel does, so it shows the noise.
PROFILES = ("mainline-7.3", "shared")


class Row(NamedTuple):
    """One line of the picture: what it says about the workload, the run and its figure in the report, and the name of
    the figure for people."""

    says: str
    run: str
    figure: str
    called: str


ROWS = (
    Row("roundtrip, all CPUs share a pool", "roundtrip system", "rate", "items/s"),
    Row("the same", "roundtrip system", "p95_ns", "p95 of call"),
    Row("one item of 5 us in flight", "batch unbound 1 burn 5", "rate", "items/s"),
    Row("64 items of 5 us, then wait for all", "fanout 64 burn 5", "rate", "items/s"),
    Row("64 empty items, then wait for all", "fanout 64 burn 0", "rate", "items/s"),
    Row("64 items of 5 us in flight", "batch unbound 64 burn 5", "rate", "items/s"),
    Row("producer computes 20 us after each item", "busy 20", "rate", "items/s"),
    Row("producer computes 200 us after each item", "busy 200", "rate", "items/s"),
    Row("one CPU-bound item for each CPU", "imbalance 1", "makespan_p50_ns", "makespan"),
)
# Figures for which less is better.
LESS = ("p95_ns", "makespan_p50_ns")


def excerpt(document: dict, command: str) -> dict[str, Any]:
    """Return what the picture needs of a report. @command is how the report was made. Raises SetError if a run or a
    profile is missing."""
    runs = {run["title"]: run for run in document["runs"]}
    rows = []
    for row in ROWS:
        if row.run not in runs:
            raise SetError(f"the report has no run {row.run}; make bench BOOTS=3 makes one that has all")
        rows.append({"run": row.run, "figure": row.figure, "disturbed": bool(runs[row.run].get("disturbed")),
                     "ratios": {name: _ratio(runs[row.run], name, row.figure) for name in PROFILES}})
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "command": command, "boots": document.get("boots", 1),
            "cautions": summary.cautions(document), "where": documents.where_text(document), "rows": rows}


def _ratio(run: dict, profile: str, figure: str) -> list[Optional[float]]:
    for each in run["compared"]:
        if each["figure"] == figure and run["header"]["engines"][each["engine"]] == f"cmwq2:{profile}":
            return [each["ratio"], each["low"], each["high"]]
    raise SetError(f"the report does not compare {figure} of {profile} with native in the run {run['title']}")


def _cell(ratio: list) -> str:
    middle, low, high = ratio
    if low is None:
        return f"{middle:.2f}"
    return f"{middle:.2f} [{low:.2f}..{high:.2f}]{'*' if low > 1 or high < 1 else ''}"


def table(found: dict[str, Any]) -> str:
    """Return the table in Markdown."""
    cells: list[tuple[str, ...]] = [("workload, unbound queue", "figure", *PROFILES)]
    cells += [(row.says, row.called + (" (disturbed)" if each["disturbed"] else ""),
               *(_cell(each["ratios"][name]) for name in PROFILES)) for row, each in zip(ROWS, found["rows"])]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def readme(text: str, found: dict[str, Any]) -> str:
    """Return @text, the README, with the table and its origin between the marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SetError(f"{README}: has no lines {BEGIN.strip()} and {END.strip()}")
    origin = textwrap.fill(f"Made by `{found['command']}`, {found['boots']} boots: {found['where']}. "
                           f"{' '.join(found['cautions'])}", 120, break_long_words=False, break_on_hyphens=False)
    return f"{head}{BEGIN}\n{table(found)}\n{origin}\n\n{END}{tail}"


def mark(found: dict[str, Any]) -> str:
    """Return the comment that a picture made from this excerpt has."""
    text = json.dumps([found["rows"], ROWS], sort_keys=True)
    return f"<!-- made by tools/bench picture from the excerpt {hashlib.sha256(text.encode()).hexdigest()[:16]} -->"


def draw(found: dict[str, Any]) -> str:
    """Return the picture as SVG. Needs matplotlib."""
    from benchmark import page
    plt = page._plt()
    plt.rcParams["svg.fonttype"] = "none"
    figure, axes = plt.subplots(figsize=(8.5, 4.4), layout="constrained")
    styles = {"mainline-7.3": {"color": "#999999", "marker": "s"}, "shared": {"color": "#c4411d", "marker": "o"}}
    for number, each in enumerate(found["rows"]):
        for place, name in enumerate(PROFILES):
            page._one_ratio(axes, number + 0.3 * (place - 0.5), each["ratios"][name], {**styles[name], "markersize": 5})
    labels = [f"{row.says}: {row.called}{', less is better' if row.figure in LESS else ''}" for row in ROWS]
    for name in PROFILES:
        axes.plot([], [], "-", label="mainline-7.3: works as the kernel does" if name != "shared" else name,
                  **styles[name])
    axes.axvline(1, color="#444444", linewidth=0.8)
    page._ratio_axis(axes)
    axes.set_yticks(range(len(labels)), labels, fontsize="small")
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_xlabel("ratio to the kernel's workqueue in the same boot, and its interval", fontsize="small")
    page._legend(figure, axes)
    sink = io.StringIO()
    figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    head, tag, rest = sink.getvalue().partition("<svg ")
    return f"{head}{mark(found)}\n{tag}{rest}"


def read(path: Path) -> dict[str, Any]:
    """Return the excerpt in the file @path."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("schema") != SCHEMA or found.get("schema_version") != SCHEMA_VERSION:
        raise SetError(f"{path}: is no excerpt of version {SCHEMA_VERSION}")
    return found


def update(found: dict[str, Any], root: Path = ROOT) -> list[Path]:
    """Write excerpt, picture and table, and return the files."""
    target = root / FOLDER / NAME
    picture, text = draw(found), readme((root / README).read_text(encoding="utf-8"), found)
    files.write(target.with_suffix(".svg"), picture)
    files.write(target.with_suffix(".json"), json.dumps(found, indent=1) + "\n")
    files.write(root / README, text)
    return [target.with_suffix(".svg"), target.with_suffix(".json"), root / README]


def stale(root: Path = ROOT) -> list[str]:
    """Return what does not agree with the excerpt that is committed: the picture, or the table in the README."""
    target = root / FOLDER / NAME
    found = read(target.with_suffix(".json"))
    wrong = []
    if [(row.run, row.figure) for row in ROWS] != [(each["run"], each["figure"]) for each in found["rows"]]:
        return [f"{FOLDER}/{NAME}.json: has other rows than picture.py; run tools/bench picture on a report"]
    if mark(found) not in target.with_suffix(".svg").read_text(encoding="utf-8"):
        wrong.append(f"{FOLDER}/{NAME}.svg: was made from another excerpt")
    text = (root / README).read_text(encoding="utf-8")
    if readme(text, found) != text:
        wrong.append(f"{README}: the table is not that of the excerpt")
    if not re.search(rf"!\[[^\]]+\]\({FOLDER}/{NAME}\.svg\)", text):
        wrong.append(f"{README}: does not show {FOLDER}/{NAME}.svg")
    return wrong
