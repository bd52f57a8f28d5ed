# SPDX-License-Identifier: GPL-2.0
"""Tests `tools/bench run` as a user would run it on a machine: in a guest with Python, where root can load modules."""

import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from base.common import OUT, ROOT, output_of
from build import modules
from build.kernel import Kernel

TOOLS = ROOT / "tools"
# The archive's name in the guest's /modules, where the modules are, too.
ARCHIVE = "host.tar"
IMPORTED = """import sys; from benchmark import main
print(*{module.__file__ for module in sys.modules.values() if getattr(module, '__file__', None)})"""


def _libraries(paths: Iterable[Path]) -> set:
    """Return the libraries that the dynamic linker would load for @paths."""
    said = subprocess.run(["ldd", *paths], check=False, capture_output=True, text=True).stdout
    return {Path(found) for found in re.findall(r"(?:=> |^\s)(/\S+) \(0x", said, re.M)}


def _archive(path: Path) -> Path:
    """Write an archive of this Python and everything that `tools/bench run` imports, at the same paths as here. The
    tools themselves are in /host/tools."""
    python = Path(sys.executable).resolve()
    imported = [Path(name) for name in output_of([python, "-B", "-S", "-c", IMPORTED], cwd=TOOLS).split()]
    found = {each for each in imported if TOOLS not in each.parents} | {python}
    found |= _libraries(each for each in found if each.suffix == ".so" or each == python)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", dereference=True) as archive:
        for each in sorted(found):
            archive.add(each, str(each))
        for each in (TOOLS / "bench", *(each for each in imported if TOOLS in each.parents)):
            archive.add(each, f"/host/tools/{each.relative_to(TOOLS)}")
    return path


def files(target: Kernel) -> list:
    """Return the files that the guest of job-benchhost.sh needs."""
    built = modules.with_engine(modules.build(target), "cmwq2_bench")
    return [*built, _archive(OUT / "modules" / ARCHIVE)]


def settings() -> dict:
    """Return the path of the guest's Python. Python looks for its library relative to that path."""
    return {"PYTHON": Path(sys.executable).resolve()}
