# SPDX-License-Identifier: GPL-2.0
"""Kernels: the vehicles, their configuration, and a cache by content that never holds half a build."""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import packages
import source
from common import (CACHE, HERE, OUT, Problem, Progress, fresh_directory, jobs, lock, need_space, output_of,
                    run_logged, say, shown, write_atomically)

CONFIG = HERE / "config"
# The kernel's own benchmark of its workqueues; the only module of its own that is built for x86.
BENCHMARK = "lib/test_workqueue.ko"


@dataclass(frozen=True)
class Vehicle:
    """A kind of machine that cmwq2 is run on."""

    name: str
    arch: str
    fragments: tuple
    targets: tuple
    image: str          # below the build directory
    objects: int        # about how many files a build compiles, for the progress line
    gib: float          # about how much disk it takes
    slow: float         # wall clock limits are multiplied by this (and again for an emulated CPU)
    parameters: tuple = ()      # for the kernel command line
    fronts: tuple = ()  # headers of CONFIG, each put in front of the kernel's files that are called like it


VEHICLES = {
    "uml": Vehicle("uml", "um", ("base", "uml"), ("linux", "modules"), "linux", 615, 1, 1),
    "debug": Vehicle("debug", "um", ("base", "uml", "debug"), ("linux", "modules"), "linux", 633, 1.5, 4,
                     # Sanity checks in the allocator, which come without its per-CPU sheaves: those keep stale
                     # pointers to objects they have handed out, and kmemleak takes these for references.
                     ("slab_debug=F",), ("stacktrace.h",)),
    # The modules of KVM are not wanted, only the exports its configuration switches on.
    "x86": Vehicle("x86", "x86_64", ("base", "x86"), ("bzImage", BENCHMARK),
                   "arch/x86/boot/bzImage", 1148, 2, 1),
    # The same checkers where CPUs come and go. Only for `make soak`: it is too slow for each check.
    "x86-debug": Vehicle("x86-debug", "x86_64", ("base", "x86", "debug", "x86-debug"), ("bzImage", BENCHMARK),
                         "arch/x86/boot/bzImage", 1180, 3, 4, ("slab_debug=F",)),
}

# Those that kernels before the newest series are built for: UML of 6.1 and 6.12 has no SMP.
OLDER = ("x86", "x86-debug")


@dataclass(frozen=True)
class Kernel:
    """A built kernel; @build is also a KDIR for modules."""

    vehicle: Vehicle
    build: Path
    source: source.Source
    release: str

    @property
    def image(self) -> Path:
        """What is booted."""
        return self.build / self.vehicle.image

    @property
    def symbols(self) -> Path:
        """The same with its DWARF."""
        return self.build / "vmlinux"


def vehicle(name: str) -> Vehicle:
    """The vehicle called @name, with a kernel of the series that KERNEL= asks for."""
    series = source.series()
    known = VEHICLES if series == source.NEWEST else {key: each for key, each in VEHICLES.items() if key in OLDER}
    if name not in known:
        raise Problem(f"VM={name} is not known{'' if known is VEHICLES else f' with KERNEL={series}'}; "
                      f"allowed: {', '.join(known)}")
    return known[name] if known is VEHICLES else replace(known[name], name=f"{name}-{series}")


def _fragment(target: Vehicle) -> str:
    return "".join((CONFIG / f"{name}.config").read_text() for name in target.fragments)


def applicable(fragment: str, version: tuple) -> tuple:
    """The lines of @fragment that a kernel of @version has, and what is too new for it. A line's reason says so at
    its end: "; since 6.13" or "; before 6.13"."""
    lines, left_out = [], []
    for line in fragment.splitlines():
        note = re.search(r"; (since|before) (\d+)\.(\d+)$", line)
        option = re.match(r"(?:#CHECK )?(CONFIG_\w+=\S+)", line)
        if note and option and (note[1] == "since") != (version >= (int(note[2]), int(note[3]))):
            left_out += [f"{option[1]} ({note[0][2:]})"] if note[1] == "since" else []
        else:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines), left_out


def wanted(fragment: str) -> str:
    """The lines of @fragment for Kconfig: without comments, which its parser would take as part of a value."""
    lines = [re.sub(r"\s*#.*", "", line) for line in fragment.splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


def check_config(fragment: str, config: str) -> list:
    """The options of @fragment, asked for or asserted, that @config does not have."""
    have = set(config.splitlines())
    asked = wanted(fragment).split("\n")[:-1]
    asked += re.findall(r"^#CHECK (CONFIG_\S+)", fragment, re.MULTILINE)
    lost = []
    # Of one that is named again the last word counts, as it does for Kconfig.
    for line in {each.partition("=")[0]: each for each in asked}.values():
        name, _, value = line.partition("=")
        if value == "n" and not any(entry.startswith(f"{name}=") for entry in have):
            continue
        if line not in have:
            lost.append(line)
    return lost


def key(target: Vehicle, tree: source.Source, fragment: str) -> str:
    """The content a kernel is built from, as a short name."""
    compiler = output_of(["gcc", "--version"]).splitlines()[0]
    content = "\n".join((tree.name, wanted(fragment), compiler, " ".join(target.targets),
                         *((CONFIG / name).read_text() for name in target.fronts)))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _fitted(target: Vehicle, tree: source.Source) -> tuple:
    """@target as far as @tree can build it, with its fragment."""
    version = source.version_of(tree.tree)
    fragment, left_out = applicable(_fragment(target), version)
    if left_out:
        say(f"  {target.name}: Linux {tree.name} is built without {', '.join(left_out)}")
    if not (tree.tree / BENCHMARK).with_suffix(".c").is_file():
        # What building it brings along is needed by modules of others.
        target = replace(target, targets=tuple("modules_prepare" if name == BENCHMARK else name
                                               for name in target.targets))
    if version < (6, 6):
        # It would run all suites of a module before the module knows its parameters; lib.sh has the other half.
        target = replace(target, parameters=(*target.parameters, "kunit.enable=0"))
    return target, fragment


def provide(target: Vehicle) -> Kernel:
    """The kernel of @target, built now unless a whole one is in the cache."""
    packages.require("build", *([] if source.given() else ["source"]))
    tree = source.provide()
    target, fragment = _fitted(target, tree)
    build = CACHE / "kernels" / f"{target.name}-{key(target, tree, fragment)}"
    with lock(build.name):
        moved = not tree.mine and whole(build, target) and built_elsewhere(build, tree.tree)
        if moved:
            say(f"  {target.name}: the kernel in {shown(build)} is built again: {moved}")
        if moved or tree.mine or not whole(build, target):
            need_space(CACHE, target.gib)
            _build(target, tree, build, fragment)
        _say_where(target, build)
        return Kernel(target, build, tree, (build / "include/config/kernel.release").read_text().strip())


def artefacts(target: Vehicle) -> tuple:
    """What a finished build has."""
    module = () if "modules_prepare" in target.targets else (BENCHMARK,)
    return (target.image, "vmlinux", "Module.symvers", ".config", *module, "scripts/mod/modpost")


def whole(build: Path, target: Vehicle) -> bool:
    """Whether @build was finished, and is as it was then: a full disk or a stray rm leaves a stamp behind."""
    try:
        stamp = json.loads((build / "ready.json").read_text())
    except (OSError, ValueError):
        return False
    return all((build / name).is_file() and (build / name).stat().st_size == stamp.get(name)
               for name in artefacts(target))


def built_elsewhere(build: Path, tree: Path) -> str:
    """Why @build cannot be used although it is whole, or '': Kbuild has written absolute paths into it, which lead
    elsewhere when it or its source was copied or moved. Modules would be built into the old place, or not at all."""
    try:
        text = (build / "Makefile").read_text()
        source_link = os.readlink(build / "source")
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    output = re.search(r"^export KBUILD_OUTPUT = (.*)$", text, re.MULTILINE)
    included = re.search(r"^include (.*)/Makefile$", text, re.MULTILINE)
    for what, path, wanted_path in (("it", output and output[1], build), ("its source", included and included[1], tree),
                                    ("its source", source_link, tree)):
        if path and path != str(wanted_path):
            return f"{what} was at {path} when it was built"
    return ""


def _build(target: Vehicle, tree: source.Source, build: Path, fragment: str) -> None:
    """Kbuild writes absolute paths into its output, so this builds in place; the stamp comes last."""
    (build / "ready.json").unlink(missing_ok=True)
    if not tree.mine:
        fresh_directory(build)
    build.mkdir(parents=True, exist_ok=True)
    log = OUT / "log" / f"{build.name}.log"
    log.unlink(missing_ok=True)
    make = ["make", "-C", tree.tree, f"ARCH={target.arch}", f"O={build}"]
    for name in target.fronts:
        shutil.copy(CONFIG / name, build / name)
        make.append(f"CFLAGS_{Path(name).stem}.o=-include {build / name}")
    with Progress(f"{target.name} kernel {tree.name} ({shown(log)})", target.objects) as progress:
        (build / "fragment").write_text(wanted(fragment))
        run_logged([*make, f"KCONFIG_ALLCONFIG={build}/fragment", "allnoconfig"], log)
        lost = check_config(fragment, (build / ".config").read_text())
        if lost:
            raise Problem(f"{target.name} kernel: Kconfig dropped {', '.join(lost)} "
                          f"(fragments: {', '.join(f'{name}.config' for name in target.fragments)})")
        run_logged([*make, f"-j{jobs()}", *target.targets], log,
                   on_line=lambda line: progress.step() if line.startswith("  CC ") else None)
        symvers = build / "Module.symvers"
        if not symvers.exists():
            shutil.copy(build / "vmlinux.symvers", symvers)
        stamp = {name: (build / name).stat().st_size for name in artefacts(target)}
        write_atomically(build / "ready.json", json.dumps({**stamp, "objects": progress.done}, indent=1))
        progress.finish(f"{progress.done} files built")


def _say_where(target: Vehicle, build: Path) -> None:
    """A stable name beside the hashed one, for KDIR= and for people."""
    link = OUT / f"kernel-{target.name}"
    OUT.mkdir(exist_ok=True)
    if link.is_symlink() and link.resolve() == build.resolve():
        return
    link.unlink(missing_ok=True)
    link.symlink_to(build)
