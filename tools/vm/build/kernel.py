# SPDX-License-Identifier: GPL-2.0
"""Builds kernels: the vehicles, their configuration, and a cache by content that never offers an unfinished build."""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from base.common import (
    CACHE,
    HERE,
    OUT,
    Problem,
    Progress,
    fresh_directory,
    jobs,
    lock,
    need_space,
    output_of,
    run_logged,
    say,
    shown,
    write_atomically,
)
from build import cross, packages, source

CONFIG = HERE / "config"
# The kernel's own benchmark of its workqueues. No other module of the kernel is built for x86.
BENCHMARK = "lib/test_workqueue.ko"
# The compiler does not record where local variables are, because nothing here reads that. This saves a sixth of its
# time.
FLAGS = "-fno-var-tracking"


@dataclass(frozen=True)
class Vehicle:
    """A kind of machine that cmwq2 runs on."""

    name: str
    arch: str
    fragments: tuple
    targets: tuple
    image: str          # path of the bootable image, below the build directory
    objects: int        # about how many files a build compiles, for the progress line
    gib: float          # about how much disk space a build takes
    slow: float         # wall clock limits are multiplied by this (and again for an emulated CPU)
    parameters: tuple = ()      # for the kernel command line
    fronts: tuple = ()  # headers in CONFIG; NAME.h is included before the kernel's file NAME.c
    one_thread: bool = False    # emulated CPUs take turns, instead of having a thread each
    pci: bool = False   # the machine's virtio devices are on PCI, if it has any
    cpus: int = 0       # of a guest, 0 for the usual number


# The fragment that gives a kernel block devices and a network, for drivers that run on cmwq2.
IO = "io"
# With it, resize2fs must open the device of a mounted file system for writing, as on distributions.
IO_PARAMETERS = ("bdev_allow_write_mounted=1",)

VEHICLES = {
    "uml": Vehicle("uml", "um", ("base", "uml"), ("linux", "modules"), "linux", 615, 1, 1),
    "uml-io": Vehicle("uml-io", "um", ("base", "uml", IO), ("linux", "modules"), "linux", 855, 1.5, 1, IO_PARAMETERS),
    "debug": Vehicle("debug", "um", ("base", "uml", "debug", IO), ("linux", "modules"), "linux", 873, 2, 4,
                     # Sanity checks in the allocator. They also turn its per-CPU sheaves off, which keep stale
                     # pointers to objects that were handed out; kmemleak would take these for references.
                     ("slab_debug=F", *IO_PARAMETERS), ("stacktrace.h",)),
    # The configuration has KVM only for the exports that it switches on. Its modules are not built.
    "x86": Vehicle("x86", "x86_64", ("base", "x86", IO), ("bzImage", BENCHMARK),
                   "arch/x86/boot/bzImage", 1388, 3, 1, IO_PARAMETERS),
    # The same checkers, where CPUs can go offline and online. Only for `make soak`: it is too slow for `make check`.
    "x86-debug": Vehicle("x86-debug", "x86_64", ("base", "x86", "debug", "x86-debug"), ("bzImage", BENCHMARK),
                         "arch/x86/boot/bzImage", 1180, 3, 4, ("slab_debug=F",)),
    # Jump labels, as distributions have. Only for counting instructions and for a look at what they change: on emulated
    # CPUs with a thread each a key must not be switched, see x86.config.
    "x86-keys": Vehicle("x86-keys", "x86_64", ("base", "x86", "x86-keys"), ("bzImage", BENCHMARK),
                        "arch/x86/boot/bzImage", 1150, 2, 2, one_thread=True),
    # The detector of data races. It takes turns with KASAN of the debug variant, because no kernel can have both.
    "kcsan": Vehicle("kcsan", "x86_64", ("base", "x86", "kcsan"), ("bzImage", BENCHMARK),
                     "arch/x86/boot/bzImage", 1155, 3, 4,
                     # A task is stopped at one access in so many. The default, 4000, is for machines that run for days.
                     ("kcsan.skip_watch=1000",)),
    # PREEMPT_RT with the checkers for locks: spinlocks sleep, and interrupts, timers and softirqs run in threads.
    "rt": Vehicle("rt", "x86_64", ("base", "x86", "rt"), ("bzImage", BENCHMARK), "arch/x86/boot/bzImage", 1100, 2, 4),
    "arm64": Vehicle("arm64", "arm64", ("base", "arm64"), ("Image", BENCHMARK), "arch/arm64/boot/Image", 1000, 2, 2),
}

# The vehicles that exist for older series than the newest. UML of 6.1 and 6.12 has no SMP.
OLDER = ("x86", "x86-debug")


@dataclass(frozen=True)
class Kernel:
    """A built kernel. Modules can be built with @build as KDIR."""

    vehicle: Vehicle
    build: Path
    source: source.Source
    release: str

    @property
    def image(self) -> Path:
        """The file that is booted."""
        return self.build / self.vehicle.image

    @property
    def symbols(self) -> Path:
        """The vmlinux with debug information."""
        return self.build / "vmlinux"

    def booted_with(self, *parameters: str) -> "Kernel":
        """Return this kernel with more parameters on its command line."""
        return replace(self, vehicle=replace(self.vehicle, parameters=(*self.vehicle.parameters, *parameters)))


def vehicle(name: str) -> Vehicle:
    """Return the vehicle called @name, for a kernel of the series that KERNEL= asks for."""
    series = source.series()
    known = VEHICLES if series == source.NEWEST else {key: each for key, each in VEHICLES.items() if key in OLDER}
    if name not in known:
        raise Problem(f"VM={name} is not known{'' if known is VEHICLES else f' with KERNEL={series}'}; "
                      f"allowed: {', '.join(known)}")
    return known[name] if known is VEHICLES else _older(known[name], series)


def _older(target: Vehicle, series: str) -> Vehicle:
    """Return @target for a kernel of an older @series. Drivers are moved only from the newest one."""
    return replace(target, name=f"{target.name}-{series}",
                   fragments=tuple(name for name in target.fragments if name != IO),
                   parameters=tuple(name for name in target.parameters if name not in IO_PARAMETERS))


def _fragment(target: Vehicle) -> str:
    return "".join((CONFIG / f"{name}.config").read_text() for name in target.fragments)


def applicable(fragment: str, version: tuple) -> tuple:
    """Return the lines of @fragment that apply to a kernel of @version, and the options that are too new for it. A line
    says at its end if it applies to some versions only: "; since 6.13" or "; before 6.13"."""
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
    """Return @fragment for Kconfig, without comments: Kconfig would take a comment at the end of a line as part of the
    value."""
    lines = [re.sub(r"\s*#.*", "", line) for line in fragment.splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


def check_config(fragment: str, config: str) -> list:
    """Return the lines of @fragment, requested or asserted by #CHECK, that @config does not have."""
    have = set(config.splitlines())
    asked = wanted(fragment).split("\n")[:-1]
    asked += re.findall(r"^#CHECK (CONFIG_\S+)", fragment, re.MULTILINE)
    lost = []
    # If an option is named more than once, the last line counts, as it does for Kconfig.
    for line in {each.partition("=")[0]: each for each in asked}.values():
        name, _, value = line.partition("=")
        if value == "n" and not any(entry.startswith(f"{name}=") for entry in have):
            continue
        if line not in have:
            lost.append(line)
    return lost


def key(target: Vehicle, tree: source.Source, fragment: str) -> str:
    """Return a hash of everything a kernel is built from, as a short name."""
    compiler = output_of([cross.compiler(target.arch), "--version"]).splitlines()[0]
    content = "\n".join((tree.name, wanted(fragment), compiler, FLAGS, " ".join(target.targets),
                         *((CONFIG / name).read_text() for name in target.fronts)))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _fitted(target: Vehicle, tree: source.Source) -> tuple:
    """Return @target, adapted to what @tree can build, and its configuration fragment."""
    version = source.version_of(tree.tree)
    fragment, left_out = applicable(_fragment(target), version)
    if left_out:
        say(f"  {target.name}: Linux {tree.name} is built without {', '.join(left_out)}")
    if not (tree.tree / BENCHMARK).with_suffix(".c").is_file():
        # Building the benchmark also makes what other modules need; without it, modules_prepare does.
        target = replace(target, targets=tuple("modules_prepare" if name == BENCHMARK else name
                                               for name in target.targets))
    if version < (6, 6):
        # KUnit would run all suites of a module before the module has its parameters. run_kunit in lib.sh lets the
        # module pick and run one suite instead.
        target = replace(target, parameters=(*target.parameters, "kunit.enable=0"))
    return target, fragment


def provide(target: Vehicle) -> Kernel:
    """Return the kernel of @target. It is built now unless the cache has a complete one."""
    packages.require("build", *([] if source.given() else ["source"]))
    cross.require(target.arch)
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
    """Return the files that a finished build has."""
    module = () if "modules_prepare" in target.targets else (BENCHMARK,)
    return (target.image, "vmlinux", "Module.symvers", ".config", *module, "scripts/mod/modpost")


def whole(build: Path, target: Vehicle) -> bool:
    """Return whether @build was finished and its files still have the sizes they had then. The stamp alone is
    not enough, because files may be lost after it was written."""
    try:
        stamp = json.loads((build / "ready.json").read_text())
    except (OSError, ValueError):
        return False
    return all((build / name).is_file() and (build / name).stat().st_size == stamp.get(name)
               for name in artefacts(target))


def built_elsewhere(build: Path, tree: Path) -> str:
    """Return why a complete @build cannot be used, or ''. Kbuild writes absolute paths into a build. If the build or
    its source was copied or moved, they are wrong, and modules would be built in the old place or not at all."""
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


def command(target: Vehicle, tree: Path, build: Path) -> list:
    """Return the make command, without its targets, that builds the source @tree in @build."""
    fronts = [f"CFLAGS_{Path(name).stem}.o=-include {build / name}" for name in target.fronts]
    return ["make", "-C", tree, *cross.options(target.arch), f"O={build}", f"KCFLAGS={FLAGS}", *fronts]


def configure(target: Vehicle, tree: Path, build: Path, fragment: str, rest: str, log: Path) -> None:
    """Configure a kernel in @build by @fragment, and all other options by @rest, a target of Kconfig. Raises Problem if
    Kconfig does not accept the fragment."""
    (build / "fragment").write_text(wanted(fragment))
    run_logged([*command(target, tree, build), f"KCONFIG_ALLCONFIG={build}/fragment", rest], log)
    lost = check_config(fragment, (build / ".config").read_text())
    if lost:
        raise Problem(f"{target.name} kernel: Kconfig did not accept {', '.join(lost)} "
                      f"(fragments: {', '.join(f'{name}.config' for name in target.fragments)})")


def compile_in(target: Vehicle, tree: Path, build: Path, log: Path, progress: Progress) -> None:
    """Compile the configured kernel in @build, and write its stamp, which is the last file."""
    (build / "ready.json").unlink(missing_ok=True)
    run_logged([*command(target, tree, build), f"-j{jobs()}", *target.targets], log,
               on_line=lambda line: progress.step() if line.startswith("  CC ") else None)
    symvers = build / "Module.symvers"
    if not symvers.exists():
        shutil.copy(build / "vmlinux.symvers", symvers)
    stamp = {name: (build / name).stat().st_size for name in artefacts(target)}
    write_atomically(build / "ready.json", json.dumps({**stamp, "objects": progress.done}, indent=1))


def _build(target: Vehicle, tree: source.Source, build: Path, fragment: str) -> None:
    """Build a kernel in its final place, because Kbuild writes absolute paths into its output."""
    (build / "ready.json").unlink(missing_ok=True)
    if not tree.mine:
        fresh_directory(build)
    build.mkdir(parents=True, exist_ok=True)
    log = OUT / "log" / f"{build.name}.log"
    log.unlink(missing_ok=True)
    for name in target.fronts:
        shutil.copy(CONFIG / name, build / name)
    with Progress(f"{target.name} kernel {tree.name} ({shown(log)})", target.objects) as progress:
        configure(target, tree.tree, build, fragment, "allnoconfig", log)
        compile_in(target, tree.tree, build, log, progress)
        progress.finish(f"{progress.done} files built")


def _say_where(target: Vehicle, build: Path) -> None:
    """Link a stable name to the hashed one, for KDIR= and for people."""
    link = OUT / f"kernel-{target.name}"
    OUT.mkdir(exist_ok=True)
    if link.is_symlink() and link.resolve() == build.resolve():
        return
    link.unlink(missing_ok=True)
    link.symlink_to(build)
