# SPDX-License-Identifier: GPL-2.0
"""Makes an engine that notes which of its code runs, and reads what it has noted: mutants/covered.c."""

import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from base.common import HERE, Problem, output_of

NOTES = HERE / "mutants/covered.c"
CALL = "__sanitizer_cov_trace_pc"


def put_in(engine: Path) -> None:
    """Let the engine with its sources in @engine note what runs."""
    shutil.copy(NOTES, engine / "base")
    with (engine / "Kbuild").open("a") as rules:
        rules.write("\ncmwq2-y += base/covered.o\nccflags-y += -g -fsanitize-coverage=trace-pc\n"
                    "CFLAGS_REMOVE_base/covered.o += -fsanitize-coverage=trace-pc\n")


def lines(module: Path, noted: Mapping[str, Collection[int]]) -> dict:
    """Return the lines that have run, for each name in @noted a set of line numbers by the file's path below src/.
    @noted has the addresses that the guest saved, and @module is the engine that ran there."""
    found = re.search(rf"^(\w+) \w {CALL}$", output_of(["nm", module]), re.MULTILINE)
    if not found:
        raise Problem(f"{module} does not note what runs")
    base = int(found[1], 16)
    wanted = sorted({at for those in noted.values() for at in those})
    # An address is the one behind the call, and may belong to the next line.
    done = subprocess.run(["addr2line", "-e", module, "-j", ".text", "-a", "-i"], check=True, text=True,
                          input="".join(f"{base + at - 1:#x}\n" for at in wanted), stdout=subprocess.PIPE)
    places = by_address(done.stdout)
    result: dict = {}
    for name, those in noted.items():
        ran = result.setdefault(name, {})
        for at in those:
            for path, line in places.get(base + at - 1, ()):
                ran.setdefault(path, set()).add(line)
    return result


def by_address(text: str) -> dict:
    """Return for each address in @text, which addr2line has printed, the places in the sources that it belongs to: a
    list of paths below src/ and line numbers. There are several if functions are inline."""
    places: dict = {}
    here: list = []
    for line in text.splitlines():
        if line.startswith("0x"):
            here = places.setdefault(int(line, 16), [])
        place = re.match(r"(?:.*/)?src/([\w/]+\.[ch]):(\d+)", line)
        if place:
            here.append((place[1], int(place[2])))
    return places
