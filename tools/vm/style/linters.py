# SPDX-License-Identifier: GPL-2.0
"""Runs ruff and mypy on the Python files. tools/pyproject.toml says what they check."""

import re
from collections.abc import Sequence
from pathlib import Path

from base import alive
from base.common import HERE, OUT, ROOT, Problem
from build import packages

# Where both find their configuration.
TOOLS = ROOT / "tools"
CONFIGURATION = TOOLS / "pyproject.toml"
PINS = HERE / "requirements-style.txt"


def _run(command: str, arguments: Sequence[object]) -> list[str]:
    """Run @command, and return the lines that it prints about files. An error without such a line is a finding, too."""
    try:
        venv = packages.environment("venv-style", PINS.name, ("ruff", "mypy"), quiet=True)
    except Problem as problem:
        return [f"tools/vm/{PINS.name}:1: {command} cannot be installed: {problem}"]
    done = alive.run([venv / "bin" / command, *arguments], cwd=TOOLS, text=True, capture_output=True)
    lines = [f"tools/{line}" for line in done.stdout.splitlines() if re.match(r"\S+:\d+: error: |\S+:\d+:\d+: ", line)]
    said = (done.stderr or done.stdout).strip().splitlines()
    return lines if lines or not done.returncode else [f"tools/{CONFIGURATION.name}:1: {command}: {said[-1:]}"]


def _of_tools(names: Sequence[str]) -> list[Path]:
    return [(ROOT / name).relative_to(TOOLS) for name in names]


def ruff(names: Sequence[str]) -> list[str]:
    """Return what ruff finds in the files @names."""
    return _run("ruff", ["check", "--no-cache", "--quiet", "--output-format=concise", *_of_tools(names)])


def mypy(names: Sequence[str]) -> list[str]:
    """Return what mypy finds in the files @names."""
    return _run("mypy", ["--cache-dir", OUT / "style/mypy", "--no-error-summary", *_of_tools(names)])
