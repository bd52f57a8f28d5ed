# SPDX-License-Identifier: GPL-2.0
"""A kernel that is configured for all drivers and prepared for modules, but not built: make drivers compiles single
files with it."""

import json
from pathlib import Path

from base.common import (
    CACHE,
    OUT,
    Progress,
    fresh_directory,
    jobs,
    lock,
    need_space,
    run_logged,
    shown,
    write_atomically,
)
from build import kernel, source

DRIVERS = kernel.Vehicle("drivers", "x86_64", ("drivers",), ("modules_prepare",), "include/generated/autoconf.h",
                         600, 2, 1)
READY = "ready.json"


def _make(target: kernel.Vehicle, tree: source.Source, build: Path, fragment: str) -> None:
    log = OUT / "log" / f"{build.name}.log"
    log.unlink(missing_ok=True)
    with Progress(f"{target.name} kernel {tree.name}, configured only ({shown(log)})", target.objects) as progress:
        kernel.configure(target, tree.tree, fresh_directory(build), fragment, "allmodconfig", log)
        run_logged([*kernel.command(target, tree.tree, build), f"-j{jobs()}", "KCFLAGS=-g", *target.targets], log,
                   on_line=lambda line: progress.step())
        write_atomically(build / READY, json.dumps({"source": str(tree.tree)}) + "\n")
        progress.finish("ready")


def provide(tree: source.Source) -> Path:
    """Return the build directory of that kernel, made from the source @tree. It is prepared if needed."""
    fragment, _ = kernel.applicable((kernel.CONFIG / "drivers.config").read_text(), source.version_of(tree.tree))
    build = CACHE / "kernels" / f"{DRIVERS.name}-{kernel.key(DRIVERS, tree, fragment)}"
    with lock(build.name):
        if not (build / READY).is_file() or kernel.built_elsewhere(build, tree.tree):
            need_space(CACHE, DRIVERS.gib)
            _make(DRIVERS, tree, build, fragment)
    return build
