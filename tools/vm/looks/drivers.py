# SPDX-License-Identifier: GPL-2.0
"""A guest in which drivers of the kernel run on cmwq2, beside the kernel's own: the suites cmwq2_drivers_*. Under QEMU,
wq_dump.py has to name the items of the drivers while these are busy."""

import json
import re
from pathlib import Path
from typing import Any, Union

from base.common import Problem, fresh_directory
from build import beside, kernel, modules, packages
from looks import dump
from machines import guest, inside

# Wall clock seconds that booting may take, and then each case, on UML.
LIMIT = 60
# The programs that the guest needs besides busybox, by the packages of packages.py that have them.
PROGRAMS = {"drivers": ("dmsetup", "mke2fs", "e2fsck", "resize2fs", "wg"), "load": ("dmsetup", "fio")}
PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")


def programs(group: str) -> dict[str, Path]:
    """Return the files that bring the programs of @group into a guest, by their paths there. Packages that the system
    lacks are installed."""
    packages.require(group)
    found = {}
    for name in PROGRAMS[group]:
        path = next((Path(place) / name for place in PLACES if (Path(place) / name).is_file()), None)
        if not path:
            raise Problem(f"{name}: not in {', '.join(PLACES)}, although its package is installed")
        found[f"/bin/{name}"] = path
        found.update((str(library), library) for library in inside.libraries(path))
    return found


def provide(name: str) -> tuple[kernel.Kernel, list[Path]]:
    """Build the kernel of vehicle @name, the engine and the moved drivers. Return the kernel and the modules. The other
    suites run on the same engine."""
    packages.require("drivers")
    target = kernel.provide(kernel.vehicle(name))
    engine = next(path for path in modules.build(target) if path.name == "cmwq2.ko")
    return target, [engine, *beside.build(target, engine.parents[1])]


class Drivers:
    """A guest that runs one suite."""

    def __init__(self, target: kernel.Kernel, files: list, suite: str):
        qemu = target.vehicle.arch == "x86_64"
        # The guest has the names of functions, so the debug information of the drivers is not needed.
        self.symbols = [target.symbols, *(path for path in files if path.name == "cmwq2.ko")]
        self.problems: list[str] = []
        home = guest.home(f"{suite}-{target.vehicle.name}")
        brought = programs("drivers")
        brought["/bin/wg-wirecmwq2"] = beside.tool(brought["/bin/wg"], fresh_directory(home / "programs"))
        settings = {"SUITES": "", "SHELL_SUITES": suite, "HOST_LOOKS": "1" if qemu else ""}
        self.run = guest.Run(target, "kunit", home, files, settings, limit=LIMIT, files=brought,
                             extra=dump.QEMU if qemu else [], on_event=self._on_event if qemu else None)

    def _on_event(self, words: list) -> Union[bool, str]:
        """Handle the guest's request for a look: whether a function of a module is that of an item."""
        if words[:1] != ["look"]:
            return False
        try:
            with dump.paused(self.run.home):
                text = dump.drgn(self.run, self.symbols, dump.SCRIPT, "--json")
            seen = named(text, *words[1:3])
        except (Problem, OSError, ValueError) as problem:
            self.problems.append(f"{' '.join(words)}: {problem}")
            return "failed"
        (self.run.home / f"dump-{words[2]}.json").write_text(text)
        return "seen" if seen else "unseen"

    def boot(self) -> None:
        """Run the guest. Raises Problem if a look has failed."""
        guest.boot(self.run)
        if self.problems:
            raise dump.found(self.run, self.problems)


def named(text: str, function: str, module: str) -> bool:
    """Return whether wq_dump.py says in @text, its JSON, that an item has a @function, which is a regular expression,
    of @module."""
    def has(found: Any) -> bool:
        if isinstance(found, dict):
            return (found.get("module") == module and re.fullmatch(function, str(found.get("func"))) is not None
                    or any(map(has, found.values())))
        return isinstance(found, list) and any(map(has, found))
    return has(json.loads(text))
