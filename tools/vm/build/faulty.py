# SPDX-License-Identifier: GPL-2.0
"""Puts all faults into a copy of the engine. Each fault is a patch in tools/vm/faults/."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from base.common import HERE, ROOT, Problem, shown
from build import packages

# The patches, in the order of the file series, and the code of the parameter that chooses one.
FAULTS = HERE / "faults"


def listed() -> dict[str, str]:
    """Return what each fault does, the first line of its patch, by the names in the order of the file series."""
    patches = [FAULTS / line for line in (FAULTS / "series").read_text().split()]
    return {path.stem: path.read_text().partition("\n")[0].rstrip(".") for path in patches}


def put_in(top: Path) -> None:
    """Apply the patches of all faults to the engine in @top/src, and add the parameter that chooses one."""
    for name in listed():
        done = subprocess.run(["patch", "-p1", "--fuzz=1", "--silent", "--no-backup-if-mismatch", "--reject-file=-"],
                              cwd=top, input=(FAULTS / f"{name}.patch").read_text(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise Problem(f"{shown(FAULTS / name)}.patch does not apply any more: "
                          f"{' '.join(done.stdout.split())[:200]}; see \"Faults\" in Documentation/harness.rst")
    for name in ("fault.c", "fault.h"):
        shutil.copy(FAULTS / name, top / "src/base" / name)
    (top / "src/base/fault_list.h").write_text("".join(
        f'\t{{ "{name}", "{what}" }},\n' for name, what in listed().items()))
    # All files that have a fault include this header, among them files of the test modules.
    with (top / "src/base/types.h").open("a") as types:
        types.write('\n#include "base/fault.h"\n')
    with (top / "src/Kbuild").open("a") as rules:
        rules.write("\ncmwq2-y += base/fault.o\n")


@contextmanager
def engine() -> Iterator[Path]:
    """Return a directory with the sources of an engine that has all faults. It exists while the context lasts."""
    packages.require("faults")
    with tempfile.TemporaryDirectory(prefix="cmwq2-faults-") as directory:
        top = Path(directory)
        shutil.copytree(ROOT / "src", top / "src",
                        ignore=shutil.ignore_patterns(".*", "*.o", "*.ko", "*.mod", "*.mod.c"))
        put_in(top)
        yield top / "src"
