# SPDX-License-Identifier: GPL-2.0
"""Moves drivers of the kernel to cmwq2 and builds them as modules that can be loaded beside the kernel's own: loop,
dm-crypt and wireguard. Their source comes from the kernel's tree, and tools/port_driver.py moves it. Before that only
the names are changed under which a driver registers itself, because the kernel's own driver has these names."""

import hashlib
import re
import shutil
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from base.common import OUT, ROOT, Problem, fresh_directory, jobs, lock, say, took, write_atomically
from build import sample
from build.kernel import Kernel

# The names of wireguard, for the kernel's driver and for the moved one. They are equally long, so that one can be put
# into the place of the other in the program wg.
WIREGUARD, MOVED_WIREGUARD = "wireguard", "wirecmwq2"
KBUILD = "# SPDX-License-Identifier: GPL-2.0\n"
MARK = ".moved"
# What decides how a driver is moved, besides its source and the kernel.
TOOLS = ("include/cmwq2/*.h", "tools/port_driver.py", "tools/porting/*.py", "tools/checks/layouts.py",
         "tools/vm/build/beside.py")


@dataclass(frozen=True)
class Driver:
    """A driver of the kernel's tree, and what is called differently in the copy."""

    name: str               # the module
    origin: str             # a source file, or a directory whose makefile builds one module
    renamed: tuple          # pairs: a regular expression, and what stands in place of each match
    makefile: str = ""      # Kbuild for a driver of one file

    def files(self, tree: Path) -> dict[str, str]:
        """Return the renamed source files and the makefile by their names. Raises Problem if @tree has other names."""
        origin = tree / self.origin
        if origin.is_dir():
            paths = sorted(path for path in origin.rglob("*") if path.suffix in (".c", ".h") or path.name == "Makefile")
            texts = {str(path.relative_to(origin)): path.read_text() for path in paths}
        else:
            texts = {f"{self.name}.c": origin.read_text(), "Kbuild": KBUILD + self.makefile}
        for pattern, new in self.renamed:
            if not any(re.search(pattern, text) for text in texts.values()):
                raise Problem(f"{origin}: nothing matches {pattern}, which has to have another name beside the "
                              "kernel's own driver")
            texts = {name: re.sub(pattern, new, text) for name, text in texts.items()}
        return texts


CRYPT = Driver("cw2crypt", "drivers/md/dm-crypt.c", ((r'"crypt"', '"cw2crypt"'),),
               "obj-m := cw2crypt.o\nccflags-y := -I$(srctree)/drivers/md\n")
DRIVERS = (
    CRYPT,
    Driver("cw2loop", "drivers/block/loop.c", (
        (r"\bLOOP_MAJOR\b", "240"),     # the first of the numbers that are for local use
        (r"\bLOOP_CTRL_MINOR\b", "MISC_DYNAMIC_MINOR"),
        (r'"(devname:)?loop-control"', r'"\1cw2loop-control"'),
        (r'"loop(%d)?"', r'"cw2loop\1"')), "obj-m := cw2loop.o\n"),
    Driver(MOVED_WIREGUARD, "drivers/net/wireguard", (
        (r"\bWG_GENL_NAME\b", f'"{MOVED_WIREGUARD}"'),
        # sysfs has a directory for each cache, and refuses a second one of the same name.
        (r"\bKMEM_CACHE\((\w+), 0\)",
         r'kmem_cache_create("cw2_\1", sizeof(struct \1), __alignof__(struct \1), 0, NULL)'),
        (r"(?m)^wireguard-", f"{MOVED_WIREGUARD}-"),
        (r"(?m)^obj-\$\(CONFIG_WIREGUARD\) := wireguard\.o", f"obj-m := {MOVED_WIREGUARD}.o"))),
)


def _key(target: Kernel, files: dict[str, str]) -> str:
    content = [str(target.build), *(f"{name}\n{text}" for name, text in sorted(files.items()))]
    content += [path.read_text() for pattern in TOOLS for path in sorted(ROOT.glob(pattern))]
    return hashlib.sha256("\n".join(content).encode()).hexdigest() + "\n"


def _build(driver: Driver, target: Kernel, engine: Path) -> Path:
    """Move and build one driver with the commands that the documentation prints, and return the module."""
    work = OUT / "modules" / f"{target.vehicle.name}-{driver.name}"
    files = driver.files(target.source.tree)
    key = _key(target, files)
    mark = work / MARK
    (OUT / "log" / f"{work.name}.log").unlink(missing_ok=True)
    if not mark.is_file() or mark.read_text() != key:
        fresh_directory(work)
        for name, text in files.items():
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_text(text)
        sample.run("sample-port", work, target, engine)
        write_atomically(mark, key)
    sample.run("sample-build", work, target, engine)
    sample.run("sample-layouts", work, target, engine)
    made = work / f"{driver.name}.ko"
    if b"depends=cmwq2" not in made.read_bytes():
        raise Problem(f"{made}: it does not depend on cmwq2, so it was not moved")
    return made


def build(target: Kernel, engine_in: Path, drivers: Iterable[Driver] = DRIVERS) -> list[Path]:
    """Move @drivers and build them for @target, with the engine that was built in the directory @engine_in. Return the
    modules. A driver is moved again only if something has changed that it was moved with."""
    start = time.monotonic()
    chosen = tuple(drivers)
    with lock(f"modules-{target.vehicle.name}-moved", OUT), ThreadPoolExecutor(jobs()) as pool:
        engine = sample.engine_directory(engine_in)
        built = list(pool.map(partial(_build, target=target, engine=engine), chosen))
    say(f"  {', '.join(driver.name for driver in chosen)} for {target.vehicle.name}, moved to cmwq2, in {took(start)}")
    return built


def tool(program: Path, into: Path) -> Path:
    """Write a copy of wg, the @program that configures wireguard, into the directory @into, which configures the moved
    driver, and return its path. The names of the driver are equally long, so they can be exchanged in the binary."""
    data = program.read_bytes()
    name, new = (f"{word}\0".encode() for word in (WIREGUARD, MOVED_WIREGUARD))
    if name not in data:
        raise Problem(f"{program}: the name {WIREGUARD} is not in it")
    copy = into / f"wg-{MOVED_WIREGUARD}"
    copy.write_bytes(data.replace(name, new))
    shutil.copymode(program, copy)
    return copy
