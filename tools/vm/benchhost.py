# SPDX-License-Identifier: GPL-2.0
"""tools/bench run, as on a machine of one's own: a guest with a Python, where modules can be loaded by root."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Iterable

import modules
from common import OUT, ROOT, output_of
from kernel import Kernel

TOOLS = ROOT / "tools"
# Beside the modules, below /modules.
ARCHIVE = "host.tar"
IMPORTED = """import bench_main, sys
print(*{module.__file__ for module in sys.modules.values() if getattr(module, '__file__', None)})"""


def _libraries(paths: Iterable[Path]) -> set:
    """What the dynamic linker wants for @paths."""
    said = subprocess.run(["ldd", *paths], check=False, capture_output=True, text=True).stdout
    return {Path(found) for found in re.findall(r"(?:=> |^\s)(/\S+) \(0x", said, re.M)}


def _archive(path: Path) -> Path:
    """This Python with all that tools/bench run imports, where each of it is; the tools themselves in /host/tools."""
    python = Path(sys.executable).resolve()
    imported = [Path(name) for name in output_of([python, "-B", "-S", "-c", IMPORTED], cwd=TOOLS).split()]
    found = {each for each in imported if TOOLS not in each.parents} | {python}
    found |= _libraries(each for each in found if each.suffix == ".so" or each == python)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", dereference=True) as archive:
        for each in sorted(found):
            archive.add(each, str(each))
        for each in (TOOLS / "bench", TOOLS / "cli.py", TOOLS / "tables.py", *TOOLS.glob("bench_*.py")):
            archive.add(each, f"/host/tools/{each.name}")
    return path


def files(target: Kernel) -> list:
    """What the guest of job-benchhost.sh needs."""
    built = [path for path in modules.build(target) if path.name in ("cmwq2.ko", "cmwq2_bench.ko")]
    return [*built, _archive(OUT / "modules" / ARCHIVE)]


def settings() -> dict:
    """Where the guest finds its Python, which looks for its library beside itself."""
    return {"PYTHON": Path(sys.executable).resolve()}
