# SPDX-License-Identifier: GPL-2.0
"""tools/scale.py: predicts items per second over CPUs, and compares the model with published figures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import blocks
import cli
import tables
from benchmark import files
from saturation import counts, fit, published, report

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "Documentation/scale.rst"


def written_into(document: str, text: str) -> str:
    """Return @document with @text in its block. Raises cli.Error if there is no block."""
    try:
        return blocks.replaced(document, "scale", blocks.block("scale", "make scale", text))
    except cli.Error as error:
        raise cli.Error(f"{DOCUMENT}: {error}") from None


def _model(options: argparse.Namespace) -> fit.Model:
    return fit.Model(counts.read(options.lines, options.icount), published.read(options.published))


def _command(arguments: Sequence[str] | None) -> bool:
    top = parser()
    options = top.parse_args(arguments)
    if options.plots and not options.out:
        top.error("argument --plots: only allowed with --out")
    model = _model(options)
    text = report.text(model)
    if options.write:
        files.write(DOCUMENT, written_into(DOCUMENT.read_text(encoding="utf-8"), text))
    width = tables.width_now()
    print(report.text(model, width) if 0 < width < report.WIDTH else text)
    if options.out:
        files.write(options.out / "report.txt", text + "\n")
        files.write(options.out / "report.json", json.dumps(report.document(model), indent=1) + "\n")
        if options.plots:
            from saturation import plot
            plot.write(model, options.out / "plots")
    return True


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = cli.Parser(prog="scale.py", description="Predicts how many items per second a workqueue passes on 1 to 128 "
                     "CPUs, and compares the model with published figures. See Documentation/scale.rst.")
    top.add_argument("--lines", type=Path, action="append", metavar="FILE", default=[],
                     help="a file of make lines, once for each number of CPUs (default: the committed ones)")
    top.add_argument("--icount", type=Path, metavar="FILE", default=counts.INSTRUCTIONS,
                     help="a file of committed figures of make icount")
    top.add_argument("--published", type=Path, metavar="FILE", default=published.FILE,
                     help="published figures to compare")
    top.add_argument("--out", type=Path, metavar="DIR", help="write report.txt and report.json there")
    top.add_argument("--plots", action="store_true", help="with --out, draw plots there, which needs matplotlib")
    top.add_argument("--write", action="store_true", help="write the output into Documentation/scale.rst")
    return top


def _explain(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (f"{error.name} is missing: make scale installs it for itself, python3 -m pip install {error.name} "
                "elsewhere")
    return cli.explain(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.status("scale.py", lambda: _command(arguments), _explain)


def program() -> NoReturn:
    """Run the command and exit with its status."""
    cli.run("scale.py", lambda: _command(None), _explain)
