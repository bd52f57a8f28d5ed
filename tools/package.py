# SPDX-License-Identifier: GPL-2.0
"""The Python package cmwq2 of the tools that users install.

In a checkout each tool is a module of its own in tools/, such as cli or wq.dump. Installed, all of them are in one
package, as cmwq2.cli or cmwq2.wq.dump, because other projects have modules with names such as cli or tables, too. So
lay_out() copies the modules and puts the name of the package in front of each import of one of them. setup.py, and
with it pip and the Debian packages, and `make install` use it.
"""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Union

import cli

NAME = "cmwq2"
TOOLS = Path(__file__).resolve().parent
VERSION_HEADER = TOOLS.parent / "include/cmwq2/version.h"
MODULES = ("cli", "commands", "drgn_plugin", "latency", "policies", "tables", "toml_reader", "workqueue")
FOLDERS = ("benchmark", "wq")
# Files beside the modules that these read, by their paths in the package.
DATA = {"version.h": VERSION_HEADER, "wq_dump.schema.json": TOOLS / "wq_dump.schema.json",
        "benchmark/goals.toml": TOOLS / "benchmark/goals.toml"}
# The commands that are installed, and the functions of commands.py that run them.
COMMANDS = {"wq-dump": "wq_dump", "wq-monitor": "wq_monitor", "wq-bench": "wq_bench",
            "wq-bench-report": "wq_bench_report"}


def version() -> str:
    """Return the version of cmwq2."""
    return cli.version_in(VERSION_HEADER)


def packages() -> list[str]:
    """Return the names of the package and of the packages in it."""
    return [NAME, *(f"{NAME}.{folder}" for folder in FOLDERS)]


def sources() -> dict[str, Path]:
    """Return the modules by their paths in the package. The tests stay in the checkout."""
    found = {"__init__.py": TOOLS / f"{NAME}.py", **{f"{name}.py": TOOLS / f"{name}.py" for name in MODULES}}
    for folder in FOLDERS:
        found.update({f"{folder}/{path.name}": path for path in sorted((TOOLS / folder).glob("*.py"))
                      if not path.name.startswith("test")})
    return found


def _changed(text: str) -> Iterator[tuple[ast.stmt, str]]:
    """Return the imports in @text of modules of the tools, each with the text that replaces it in the package."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            if node.module.partition(".")[0] in MODULES + FOLDERS:
                yield node, f"from {NAME}.{node.module}"
        elif isinstance(node, ast.Import) and any(
                each.name.partition(".")[0] in MODULES + FOLDERS for each in node.names):
            if len(node.names) > 1 or "." in node.names[0].name:
                raise ValueError(f"line {node.lineno}: in an installed tool such an import must be of one module "
                                 "without a dot")
            yield node, f"from {NAME} import"


def rewritten(text: str) -> str:
    """Return the source @text of a module as it is in the package. Raises ValueError for an import that would need more
    than another name."""
    lines = text.splitlines(keepends=True)
    for node, words in _changed(text):
        line, at = lines[node.lineno - 1], node.col_offset
        old = f"from {node.module}" if isinstance(node, ast.ImportFrom) else "import"
        if not line.startswith(old, at):
            raise ValueError(f"line {node.lineno}: '{old}' has to be one text in one line")
        lines[node.lineno - 1] = line[:at] + words + line[at + len(old):]
    return "".join(lines)


def lay_out(where: Union[str, Path]) -> list[Path]:
    """Write the package into the directory @where, in place of one that is there, and return its files."""
    shutil.rmtree(Path(where) / NAME, ignore_errors=True)
    written = []
    for name, origin in {**sources(), **DATA}.items():
        target = Path(where) / NAME / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if origin.suffix == ".py":
            try:
                target.write_text(rewritten(origin.read_text(encoding="utf-8")), encoding="utf-8")
            except ValueError as error:
                raise ValueError(f"{origin}: {error}") from None
        else:
            shutil.copyfile(origin, target)
        written.append(target)
    return written
