# SPDX-License-Identifier: GPL-2.0
"""Plots of a set of benchmarks and a page that holds them, which opens without a network. Needs matplotlib."""

import html
import io
from pathlib import Path
from typing import Any

import bench_report
import bench_set
import bench_stats

STYLE = """body { font: 15px/1.5 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px } td, th { padding: 2px 9px; text-align: right }
th { border-bottom: 1px solid #888 } td:first-child, th:first-child { text-align: left }
.difference { font-weight: bold } .none { color: #888 } svg { max-width: 100%; height: auto }
.caution { background: #fff3cd; padding: .5em 1em }"""
QUANTILES = (("p50_ns", "50"), ("p90_ns", "90"), ("p95_ns", "95"), ("p99_ns", "99"), ("max_ns", "100"))


def _plt() -> Any:
    import matplotlib
    matplotlib.use("Agg")
    # Names of the marks in the file do not change from one time to the next.
    matplotlib.rcParams["svg.hashsalt"] = "cmwq2"
    import matplotlib.pyplot
    return matplotlib.pyplot


def _compared(run: dict, figure: str) -> list:
    """(engine's name, ratio, low, high) for each that is compared with native."""
    return [(run["header"]["engines"][each["engine"]], each["ratio"], each["low"], each["high"])
            for each in run["compared"] if each["figure"] == figure]


def _ratio_plot(runs: list, figure_of: Any, title: str) -> Any:
    """A point with its interval for each run and engine."""
    plt = _plt()
    names = list(dict.fromkeys(name for run in runs for name, *_ in _compared(run, figure_of(run))))
    if not names:
        return None
    height = 1.2 + 0.22 * len(runs) * (len(names) + 1)
    figure, axes = plt.subplots(figsize=(9, height))
    for number, name in enumerate(names):
        for row, run in enumerate(runs):
            place = row + (number + 1) / (len(names) + 1) - 0.5
            for _, ratio, low, high in (each for each in _compared(run, figure_of(run)) if each[0] == name):
                axes.plot([ratio], [place], "o", color=f"C{number}", markersize=4)
                if low is not None:
                    axes.plot([low, high], [place, place], "-", color=f"C{number}")
        axes.plot([], [], "o-", color=f"C{number}", label=name, markersize=4)
    axes.axvline(1, color="#888", linewidth=0.8)
    axes.set_yticks(range(len(runs)), [f"{run['title']}: {figure_of(run)}" for run in runs])
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.set_xlabel("ratio to native, median over the rounds, with its interval of 95 %")
    axes.set_title(title)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def _median(run: dict, engine: int, figure: str) -> Any:
    return run["engines"][engine].get(figure)


def _latency_plot(run: dict, stage: str, what: str) -> Any:
    plt = _plt()
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for index, name in enumerate(run["header"]["engines"]):
        values = [_median(run, index, stage + key) for key, _ in QUANTILES]
        if all(value is not None for value in values):
            axes.plot(range(len(QUANTILES)), [max(value, 1) for value in values], "o-", label=name, markersize=4)
    axes.set_yscale("log")
    axes.set_xticks(range(len(QUANTILES)), [text for _, text in QUANTILES])
    axes.set_xlabel("percentile")
    axes.set_ylabel("ns")
    axes.set_title(f"{run['title']}: {what}")
    axes.legend(fontsize="small", frameon=False)
    return figure


def _throughput_plot(runs: list, queue: str) -> Any:
    plt = _plt()
    figure, axes = plt.subplots(figsize=(7, 3.6))
    names = list(dict.fromkeys(name for run in runs for name in run["header"]["engines"]))
    for name in names:
        points = []
        for run in runs:
            if name in run["header"]["engines"]:
                record = run["engines"][run["header"]["engines"].index(name)]
                points.append((run["header"]["in_flight"], record["rate"], record["rate_min"], record["rate_max"]))
        points.sort()
        line = axes.plot([each[0] for each in points], [each[1] for each in points], "o-", label=name, markersize=4)
        axes.fill_between([each[0] for each in points], [each[2] for each in points], [each[3] for each in points],
                          color=line[0].get_color(), alpha=0.12, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("items in flight per producer")
    axes.set_ylabel("items/s")
    axes.set_title(f"batch, {queue}: throughput; shaded from the slowest round to the fastest")
    axes.legend(fontsize="small", frameon=False)
    return figure


def plots(document: dict) -> list:
    """(name, figure) for all that there is something to plot of."""
    # An engine against itself has nothing to plot.
    runs = [run for run in document["runs"] if len(set(run["header"]["engines"])) > 1]
    by_load = lambda *names: [run for run in runs if run["header"]["workload"] in names]      # noqa: E731
    found = []
    loads = by_load("roundtrip", "batch", "fanout")
    if loads:
        found.append(("throughput-ratio", _ratio_plot(loads, lambda run: "rate", "Throughput (right is better)")))
    others = [run for run in runs if run["header"]["workload"] in bench_set.HEADLINE]
    if others:
        found.append(("time-ratio", _ratio_plot(others, lambda run: bench_set.HEADLINE[run["header"]["workload"]],
                                                "Times (left is better)")))
    for queue in dict.fromkeys(run["header"]["queue"] for run in by_load("batch")):
        batch = [run for run in by_load("batch") if run["header"]["queue"] == queue]
        if len(batch) > 1:
            found.append((f"batch-{queue}", _throughput_plot(batch, queue)))
    for run in by_load("roundtrip", "fanout", "delayed"):
        found.append((f"call-{run['title']}", _latency_plot(run, "", "the enqueue call")))
        found.append((f"start-{run['title']}", _latency_plot(run, "start_", "from queueing to the start")))
    for run in by_load("block"):
        found.append((f"{run['title']}", _latency_plot(run, "", "from the block to the next start")))
    return [(name.replace(" ", "-").replace("=", "-"), figure) for name, figure in found if figure]


def _table(run: dict) -> str:
    """All figures, each with its ratio to native."""
    header = run["header"]
    ratios = {(each["engine"], each["figure"]): each for each in run["compared"]}
    lines = ["<table><tr><th>" + "<th>".join(["figure", *(html.escape(name) for name in header["engines"])])]
    for figure in header["figures"]:
        cells = [html.escape(figure)]
        for index, _ in enumerate(header["engines"]):
            value, found = _median(run, index, figure), ratios.get((index, figure))
            text = "-" if value is None else f"{value:,}"
            if found:
                comparison = bench_stats.Comparison(found["ratio"], found["low"], found["high"])
                kind = "difference" if found["verdict"] == bench_stats.DIFFERENCE else "none"
                text += f' <span class="{kind}">{comparison}</span>'
            cells.append(text)
        lines.append("<tr><td>" + "<td>".join(cells))
    return "\n".join(lines) + "</table>"


def _where(document: dict) -> str:
    accelerator = f" ({document['accelerator']})" if document["accelerator"] else ""
    return (f"{document['vehicle']}{accelerator} on {document['host']}, kernel {document['kernel']}, "
            f"configuration {document['config'] or 'unknown'}, {document['cpus']} CPUs, seed {document['seed']}")


def page(document: dict, images: dict) -> str:
    """The whole page; @images are the plots as SVG, by name."""
    runs = document["runs"]
    parts = [f"<!doctype html><meta charset=utf-8><title>cmwq2 bench</title><style>{STYLE}</style>",
             f"<h1>cmwq2 bench</h1><p>{html.escape(_where(document))}</p>"]
    caution = bench_report.heading(runs[0])[2:] if runs else []
    parts += [f'<p class="caution">{html.escape(text)}</p>' for text in caution]
    parts.append("<p>Ratios are to the kernel's own workqueue, taken in each round, with an interval of 95 % of their "
                 "median. Bold and with a star is a difference: the interval excludes 1. Else: no difference seen.</p>")
    for name, image in images.items():
        parts.append(f"<figure id={html.escape(name)}>{image}<figcaption><a href=\"plots/{html.escape(name)}.png\">PNG"
                     f"</a> <a href=\"plots/{html.escape(name)}.svg\">SVG</a></figcaption></figure>")
    for run in runs:
        lines = bench_report.heading(run)
        parts.append(f"<h2>{html.escape(run['title'])}</h2><p>{html.escape(lines[1])}; {run['header']['rounds']} rounds, "
                     f"seed {run['header']['seed']}</p>{_table(run)}")
    for each in document["missing"]:
        parts.append(f"<p>{html.escape(each['title'])}: not run: {html.escape(each['reason'])}</p>")
    return "\n".join(parts) + "\n"


def write(document: dict, directory: Path) -> Path:
    """report.html and plots/ in @directory; the path of the page, which is written last."""
    plt = _plt()
    images = {}
    (directory / "plots").mkdir(parents=True, exist_ok=True)
    for name, figure in plots(document):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
        # In a page it is an element like any other, without the head of a file of its own.
        images[name] = buffer.getvalue()[buffer.getvalue().index("<svg"):]
        bench_set.write(directory / "plots" / f"{name}.svg", buffer.getvalue())
        figure.savefig(directory / "plots" / f"{name}.png", dpi=130, bbox_inches="tight")
        plt.close(figure)
    bench_set.write(directory / "report.html", page(document, images))
    return directory / "report.html"
