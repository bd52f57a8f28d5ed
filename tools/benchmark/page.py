# SPDX-License-Identifier: GPL-2.0
"""Makes plots of a set of benchmarks and an HTML page with them, which needs no network. Needs matplotlib."""

import html
import io
import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark import documents, files, goals, results, stats, summary, transfers

STYLE = """body { font: 15px/1.5 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; font-size: 13px } td, th { padding: 2px 9px; text-align: right; white-space: nowrap }
th { border-bottom: 1px solid #888 } td:first-child, th:first-child { text-align: left }
tr:nth-child(odd) td { background: #f6f6f6 } .wide { overflow-x: auto; margin: 1em 0 }
.difference { font-weight: bold } .none { color: #666 } figure { margin: 1.5em 0; overflow-x: auto }
svg { max-width: 100%; min-width: 40em; height: auto }
figcaption, small { color: #666; font-size: 13px } nav a { margin-right: 1em; white-space: nowrap }
.caution { background: #fff3cd; padding: .5em 1em; margin: .5em 0 }"""
# The percentiles that are plotted. The maximum is left out, because it depends more on the machine than on the engine.
QUANTILES = (("p50_ns", "50"), ("p90_ns", "90"), ("p95_ns", "95"), ("p99_ns", "99"))
# The prefixes of the figures of each time, and its title.
STAGES = (("", "the enqueue call"), ("start_", "queue to start"), ("done_", "queue to done"),
          ("create_", "making a queue"), ("destroy_", "destroying it"))
# A shape for each engine, because not everybody can tell colours apart.
MARKS = "osD^vPX*"


def _plt() -> Any:
    import matplotlib
    matplotlib.use("Agg")
    # With a fixed salt, the names of the marks in the file are the same every time.
    matplotlib.rcParams["svg.hashsalt"] = "cmwq2"
    import matplotlib.pyplot
    return matplotlib.pyplot


def _style(names: list, name: str) -> dict:
    """Return the colour and shape of an engine, which are the same in all plots of a page."""
    number = names.index(name)
    return {"color": f"C{number}", "marker": MARKS[number % len(MARKS)], "markersize": 4}


def _engines(document: dict) -> list:
    return list(dict.fromkeys(name for run in document["runs"] for name in run["header"]["engines"]))


def _compared(run: dict, figure: str) -> list:
    """Return (name, ratio, low, high) for each engine that is compared with native."""
    return [(run["header"]["engines"][each["engine"]], each["ratio"], each["low"], each["high"])
            for each in run["compared"] if each["figure"] == figure]


def _one_ratio(axes: Any, place: float, ratio: tuple, style: dict) -> None:
    middle, low, high = ratio
    axes.plot([middle], [place], linestyle="none", **style)
    if low is not None:
        axes.plot([low, high], [place, place], "-", color=style["color"], linewidth=1.5)


def _ratio_plot(rows: list, engines: list, title: str) -> Any:
    """Plot a point with its interval for each engine and row. A row is a run and a figure."""
    rows = [(run, what) for run, what in rows if _compared(run, what)]
    compared = {name for run, figure in rows for name, *_ in _compared(run, figure)}
    names = [name for name in engines if name in compared]
    if not names:
        return None
    figure, axes = _plt().subplots(figsize=(9, 1.2 + 0.2 * len(rows) * (len(names) + 0.5)), layout="constrained")
    for row, (run, what) in enumerate(rows):
        for name, *ratio in _compared(run, what):
            _one_ratio(axes, row + (names.index(name) + 1) / (len(names) + 1) - 0.5, ratio, _style(engines, name))
    for row in range(1, len(rows)):
        axes.axhline(row - 0.5, color="#ddd", linewidth=0.6)
    for name in names:
        axes.plot([], [], "-", label=name, **_style(engines, name))
    axes.axvline(1, color="#888", linewidth=0.8)
    _ratio_axis(axes)
    axes.set_yticks(range(len(rows)), [f"{run['title']}: {what}" for run, what in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("ratio to native: median over the rounds, with its interval of 95 %")
    figure.suptitle(title, fontsize="large")
    _legend(figure, axes)
    return figure


def ratio_ticks(low: float, high: float) -> list:
    """Return round numbers between @low and @high, with 1 among them, and few enough to be readable."""
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        numbers = range(math.ceil((low - 1) / step), int((high - 1) / step) + 1)
        if len(numbers) <= 9:
            return [round(1 + step * number, 2) for number in numbers if 1 + step * number > 0]
    base = 2.0 if high / low < 1000 else 10.0
    return [base ** power for power in range(-12, 13) if low <= base ** power <= high]


def _ratio_axis(axes: Any) -> None:
    """Set up a logarithmic axis, on which twice and half are equally far from 1."""
    axes.set_xscale("log", base=2)
    low, high = axes.get_xlim()
    low, high = min(low, 0.95), max(high, 1.05)
    axes.set_xlim(low, high)
    ticks = ratio_ticks(low, high)
    axes.set_xticks(ticks, [f"{each:.4g}" for each in ticks])
    axes.set_xticks([], minor=True)


def _median(run: dict, engine: int, figure: str) -> Any:
    return run["engines"][engine].get(figure)


def _legend(figure: Any, axes: Any) -> None:
    """Put the legend below the plot, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, fontsize="small", loc="outside lower center", ncols=min(len(labels), 4),
                  frameon=False)


def _nanoseconds(axes: Any) -> None:
    """Label a logarithmic axis of times with readable numbers, as many as fit."""
    from matplotlib import ticker
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,)))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylabel("ns")


def _latency_plot(run: dict, stages: Iterable, engines: list) -> Any:
    """Plot the percentiles of one or more times of a run side by side. @stages has the prefixes of their figures and
    their titles."""
    stages = list(stages)
    figure, all_axes = _plt().subplots(1, len(stages), figsize=(3 + 3 * len(stages), 3.6), layout="constrained",
                                       sharey=True, squeeze=False)
    for axes, (stage, what) in zip(all_axes[0], stages):
        for index, name in enumerate(run["header"]["engines"]):
            values = [_median(run, index, stage + key) for key, _ in QUANTILES]
            if all(value is not None for value in values):
                axes.plot([max(value, 1) for value in values], label=name, **_style(engines, name))
        axes.set_yscale("log")
        axes.set_xticks(range(len(QUANTILES)), [text for _, text in QUANTILES])
        axes.set_xlabel("percentile")
        axes.set_title(what, fontsize="medium")
        axes.grid(color="#eee")
    _nanoseconds(all_axes[0][0])
    figure.suptitle(run["title"], fontsize="large")
    _legend(figure, all_axes[0][0])
    return figure


def _throughput_plot(runs: list, what: str, engines: list) -> Any:
    figure, axes = _plt().subplots(figsize=(7, 4), layout="constrained")
    for name in (name for name in engines if any(name in run["header"]["engines"] for run in runs)):
        records = [(run["header"]["in_flight"], run["engines"][run["header"]["engines"].index(name)])
                   for run in runs if name in run["header"]["engines"]]
        records.sort(key=lambda each: each[0])
        sizes, style = [size for size, _ in records], _style(engines, name)
        axes.plot(sizes, [record["rate"] for _, record in records], label=name, **style)
        axes.fill_between(sizes, [record["rate_min"] for _, record in records],
                          [record["rate_max"] for _, record in records], color=style["color"], alpha=0.12, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks([run["header"]["in_flight"] for run in runs], [run["header"]["in_flight"] for run in runs])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("k, items in flight per producer")
    axes.set_ylabel("items/s")
    axes.set_title(f"batch, {what}: throughput over k; shaded from the slowest round to the fastest",
                   fontsize="medium")
    axes.grid(color="#eee")
    _legend(figure, axes)
    return figure


def _ratio_plots(runs: list, engines: list) -> Iterable:
    def rows(*workloads: str) -> list:
        return [run for run in runs if run["header"]["workload"] in workloads]
    scopes, loads = rows("roundtrip"), rows("batch", "fanout")
    rest = [run for run in runs if run not in scopes and run not in loads]
    yield "scope-rate", _ratio_plot([(run, "rate") for run in scopes], engines,
                                    "Round trips per second, by scope (right is better)")
    yield "scope-p95", _ratio_plot([(run, "p95_ns") for run in scopes], engines,
                                   "The enqueue call's 95th percentile, by scope (left is better)")
    yield "throughput", _ratio_plot([(run, "rate") for run in loads], engines,
                                    "Items per second with several in flight (right is better)")
    yield "times", _ratio_plot([(run, figure) for run in rest for figure in results.summary_of(run["header"])],
                               engines, "Times and what is taken (left is better)")


def _other_plots(runs: list, engines: list) -> Iterable:
    batches = [run for run in runs if run["header"]["workload"] == "batch"]
    kinds = [(run["header"]["queue"], run["header"].get("burn_ns", 0)) for run in batches]
    for queue, burn in dict.fromkeys(kinds):
        some = [run for run, kind in zip(batches, kinds) if kind == (queue, burn)]
        if len(some) > 1:
            what = f"{queue}, items of {burn / 1000:g} us" if burn else queue
            yield f"batch-{what}", _throughput_plot(some, what, engines)
    for run in runs:
        figures = run["header"]["figures"]
        stages = [(stage, what) for stage, what in STAGES if f"{stage}p99_ns" in figures]
        if run["header"]["workload"] == "block":
            stages = [("", "from the block to the next start")]
        if stages:
            yield f"latency-{run['title']}", _latency_plot(run, stages, engines)


def plots(document: dict) -> Iterable:
    """Return (name, figure) for everything in the document that can be plotted, one after the other, because a figure
    takes much memory."""
    # A comparison of an engine with itself has nothing to plot.
    runs, engines = [run for run in document["runs"] if len(set(run["header"]["engines"])) > 1], _engines(document)
    for name, figure in itertools.chain(_ratio_plots(runs, engines), _other_plots(runs, engines)):
        if figure:
            yield _anchor(name), figure


def _table(run: dict) -> str:
    """Return an HTML table of all figures with their ratios to native."""
    header = run["header"]
    ratios = {(each["engine"], each["figure"]): each for each in run["compared"]}
    lines = ["<table><tr><th>" + "<th>".join(["figure", *(html.escape(name) for name in header["engines"])])]
    for figure in header["figures"]:
        cells = [html.escape(figure)]
        for index, _ in enumerate(header["engines"]):
            value, found = _median(run, index, figure), ratios.get((index, figure))
            text = "-" if value is None else f"{value:,}"
            if found:
                comparison = stats.Comparison(found["ratio"], found["low"], found["high"])
                kind = "difference" if found["verdict"] == stats.DIFFERENCE else "none"
                text += f' <span class="{kind}">{comparison}</span>'
            cells.append(text)
        lines.append("<tr><td>" + "<td>".join(cells))
    return "\n".join(lines) + "</table>"


def _anchor(text: str) -> str:
    """Return @text in a form that can be part of an address or of a file name."""
    return "".join(letter if letter.isalnum() else "-" for letter in text)


def _run_anchor(run: dict) -> str:
    return f"run-{_anchor(run['title'])}"


def _plot_part(name: str, image: str) -> str:
    links = " ".join(f'<a href="plots/{name}.{kind}">{kind.upper()}</a>' for kind in ("png", "svg"))
    return f'<figure id="{name}">{image}<figcaption>{links}</figcaption></figure>'


def _goals_part(document: dict) -> list:
    """Return the table of the goals, or [] if the report does not have their profile."""
    wanted = [goal for goal in goals.read() if goal.profile in goals.profiles(document)]
    rows = goals.rows(document, wanted)
    if not rows:
        return []
    lines = ["<table><tr><th>" + "<th>".join(html.escape(head) for head in goals.HEADS[1:])]
    for row in rows:
        kind = "difference" if row.verdict in (goals.REACHED, goals.MISSED) else "none"
        lines.append(f'<tr class="{kind}"><td>' + "<td>".join(html.escape(cell) for cell in row.cells()[1:]))
    return [f'<h2 id="goals">Goals of the profile {html.escape(wanted[0].profile)}</h2>'
            "<p>Reached, missed: the whole interval is on that side of the bound. "
            f"{html.escape(goals.counted(rows))}.</p>"
            f'<div class="wide">{chr(10).join(lines)}</table></div>']


def _run_part(run: dict) -> str:
    header = run["header"]
    policies = [f"{record['name']}: {results.policies_of(record)}" for record in run["engines"]
                if results.policies_of(record)]
    what = f"{results.heading(run)[1]}; {results.rounds_text(header)}, seed {header['seed']}"
    return (f"<h2 id=\"{_run_anchor(run)}\">{html.escape(run['title'])}</h2><p>{html.escape(what)}<br>"
            f"<small>{html.escape('; '.join(policies))}</small></p><div class=\"wide\">{_table(run)}</div>")


def page(document: dict, images: dict) -> str:
    """Return the whole page. @images are the plots as SVG, by name."""
    runs = document["runs"]
    parts = ["<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
             f"content=\"width=device-width\"><title>cmwq2 bench: {html.escape(document['vehicle'])}</title>"
             f"<style>{STYLE}</style>",
             f"<h1>cmwq2 bench</h1><p>{html.escape(documents.where_text(document))}</p>"]
    parts += [f'<p class="caution">{html.escape(text)}</p>' for text in
              (*summary.cautions(document), *summary.not_run(document), *summary.disturbances(document))]
    parts.append("<p>Ratios are to the kernel's own workqueue, taken in each round, with an interval of 95 % of their "
                 "median. Bold and with a star is a difference: the interval excludes 1. Else: no difference seen.</p>")
    of_goals = _goals_part(document)
    links = ['<a href="#goals">Goals</a>'] if of_goals else []
    links += [f'<a href="#{_run_anchor(run)}">{html.escape(run["title"])}</a>' for run in runs]
    parts.append(f"<nav>{' '.join(links)}</nav>")
    parts += of_goals
    parts += [_plot_part(name, image) for name, image in images.items()]
    return "\n".join([*parts, *map(_run_part, runs)]) + "\n"


def _save(figure: Any, directory: Path, name: str) -> str:
    """Write the SVG and PNG files of a plot, and return its SVG element for the page."""
    kinds = {}
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    for kind, more in (("svg", {"metadata": nothing}), ("png", {"dpi": 130})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, **more)
        kinds[kind] = buffer.getvalue()
        files.write(directory / f"{name}.{kind}", kinds[kind])
    # The SVG element becomes part of the page, so the header of an SVG file is left out.
    return kinds["svg"][kinds["svg"].index(b"<svg"):].decode()


def write(document: dict, directory: Path, lines: Iterable[dict] = ()) -> Path:
    """Write report.html and plots/ to @directory, the page last. @lines: documents of make lines, which are plotted,
    too. Return the path of the page."""
    plt, path = _plt(), directory / "report.html"
    # Remove the old page first. If the disk gets full, it must not remain beside the new plots.
    path.unlink(missing_ok=True)
    images = {}
    for name, figure in itertools.chain(plots(document), transfers.plots(plt, lines)):
        images[name] = _save(figure, directory / "plots", name)
        plt.close(figure)
    files.write(path, page(document, images))
    return path
