# SPDX-License-Identifier: GPL-2.0
"""The plots of make scale: published figures beside predicted ones, and items/s over CPUs. They need matplotlib."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark import files
from saturation import fit, report

# A shape for each machine or policy, because not everybody can tell colours apart.
MARKS = "osD^vPX*"


def _plt() -> Any:
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "cmwq2"
    import matplotlib.pyplot
    return matplotlib.pyplot


def _against(model: fit.Model, fits: Sequence[fit.Fit]) -> Any:
    """Plot predicted over published items/s. Rows that were fitted are hollow."""
    figure, axes = _plt().subplots(figsize=(7, 6.2), layout="constrained")
    every = []
    for number, each in enumerate(fits):
        some = [one for one in model.compare(each) if one.figure == fit.RATE]
        every += some
        for fitted in (False, True):
            chosen = [one for one in some if one.fitted == fitted]
            axes.plot([one.measured for one in chosen], [one.predicted for one in chosen], linestyle="none",
                      color=f"C{number}", marker=MARKS[number], fillstyle="none" if fitted else "full",
                      label=f"{each.machine.what}{', fitted' if fitted else ''}")
    ends = [min(one.measured for one in every) / 1.5, max(one.measured for one in every) * 1.5]
    axes.plot(ends, ends, color="#888", linewidth=0.8)
    axes.fill_between(ends, [(1 - fit.GOAL) * end for end in ends], [(1 + fit.GOAL) * end for end in ends],
                      color="#888", alpha=0.15, linewidth=0, label="within 30 %")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("published items/s")
    axes.set_ylabel("predicted items/s")
    figure.legend(*axes.get_legend_handles_labels(), fontsize="small", loc="outside lower center", ncols=2,
                  frameon=False)
    return figure


def _over_cpus(each: fit.Fit, found: Sequence[report.Line]) -> Any:
    """Draw how items/s grow with the number of CPUs of a machine: a panel for each scope, a line for each policy."""
    some = [line for line in found if line.machine == each.machine.name]
    engines = list(dict.fromkeys(line.engine for line in some))
    figure, all_axes = _plt().subplots(2, 2, figsize=(9, 8), layout="constrained", sharex=True, sharey=True)
    for scope, axes in zip(report.SCOPES, all_axes.flat):
        for line in (line for line in some if line.scope == scope):
            number = engines.index(line.engine)
            axes.plot(list(line.rates), list(line.rates.values()), color=f"C{number}", linewidth=1,
                      marker=MARKS[number % len(MARKS)], markersize=4, fillstyle="none", label=line.engine)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(report.CPUS, [str(cpus) for cpus in report.CPUS])
        axes.set_title(scope, fontsize="medium")
        axes.grid(color="#eee")
    for axes in all_axes[1]:
        axes.set_xlabel("CPUs, each with a producer")
    for axes in all_axes[:, 0]:
        axes.set_ylabel("predicted items/s")
    figure.suptitle(f"a machine like {each.machine.what}", fontsize="large")
    figure.legend(*all_axes[0][0].get_legend_handles_labels(), fontsize="small", loc="outside lower center", ncols=3,
                  frameon=False)
    return figure


def _figures(model: fit.Model) -> Iterator[tuple[str, Any]]:
    fits = model.fits()
    found = report.lines(model.counts, fits)
    yield "published", _against(model, fits)
    for each in fits:
        yield each.machine.name, _over_cpus(each, found)


def write(model: fit.Model, directory: Path) -> list[Path]:
    """Write each plot to @directory as SVG and PNG, and return the paths."""
    written = []
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    for name, figure in _figures(model):
        for kind, more in (("svg", {"metadata": nothing}), ("png", {"dpi": 130})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, **more)
            path = directory / f"{name}.{kind}"
            files.write(path, buffer.getvalue())
            written.append(path)
        _plt().close(figure)
    return written
