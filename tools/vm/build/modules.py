# SPDX-License-Identifier: GPL-2.0
"""Builds the modules for any kernel."""

import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from base.common import HERE, OUT, ROOT, Problem, Progress, jobs, lock, log_tail, run_logged, say, shown
from build import cross, faulty, source
from build.kernel import Kernel

SOURCES = ("Kbuild", "include", "src", "kunit", "bench")
# What is built where it is used. The suites are for developers.
INSTALLED = tuple(name for name in SOURCES if name != "kunit")
COVERED = ("CMWQ2_COVER=1",)
SELFTEST = HERE / "selftest"
# The architectures that cmwq2 is built and tested for: the option by which a kernel is recognized, and its ARCH=.
ARCHITECTURES = {"CONFIG_UML": "um", "CONFIG_X86_64": "x86_64", "CONFIG_ARM64": "arm64"}
SAME_ARCHITECTURE = {"x86_64": "x86"}


def check_kdir(kdir: Path) -> None:
    """Raise Problem if no module can be built against @kdir. This is checked before anything is written."""
    for part in ("Makefile", "include/config/auto.conf"):
        if not (kdir / part).is_file():
            raise Problem(f"KDIR={kdir} is not a kernel build tree (it has no {part}); allowed: a directory a kernel "
                          "was built in, or the build directory of an installed headers package")
    arch = arch_of(kdir)
    if arch not in ARCHITECTURES.values():
        raise Problem(f"KDIR={kdir} is a kernel for {arch}, which cmwq2 does not support; allowed: "
                      f"{', '.join(ARCHITECTURES.values())}")
    wanted = os.environ.get("ARCH") or arch
    if wanted not in (arch, SAME_ARCHITECTURE.get(arch)):
        raise Problem(f"ARCH={wanted}: KDIR={kdir} is a kernel for {arch}; allowed: {arch}, or another KDIR")


def arch_of(kdir: Path) -> str:
    """Return the ARCH= that the tree was configured with. For an unsupported one, return roughly the kernel's name."""
    configured = (kdir / "include/config/auto.conf").read_text()
    for option, arch in ARCHITECTURES.items():
        if f"{option}=y\n" in configured:
            return arch
    found = re.search(r"^CONFIG_(ARM64|ARM|RISCV|PPC64|PPC|S390|LOONGARCH|MIPS|SPARC|X86_32|ALPHA|PARISC)=y$",
                      configured, re.MULTILINE)
    return found[1].lower() if found else "another architecture"


def build_in_place(kdir: Path, compiler: str, warnings: str, faults: bool = False) -> None:
    """Run `make modules`: build beside the sources, as every out-of-tree module is built. With @faults build in a copy,
    because the sources are patched."""
    check_kdir(kdir)
    check_compiler(kdir, compiler)
    options = _with(compiler) + ([f"W={warnings}"] if warnings else [])
    if faults:
        with faulty.engine() as engine:
            built = _build(kdir, "faults", tree(engine), options=options)
        say(f"{shown(next(path for path in built if path.name == 'cmwq2.ko'))}: insmod it with fault=NAME")
        return
    log = OUT / "log" / "modules.log"
    log.unlink(missing_ok=True)
    for path in (ROOT / "src").glob("*.ko"):
        path.unlink()
    # The objects go beside the user's sources, but the log goes below out/, which may not exist yet.
    command = ["make", "-C", kdir, f"M={ROOT}", f"-j{jobs()}", *cross.options(arch_of(kdir)), *options]
    with Progress(f"modules for {kdir}", unit=" files") as progress:
        _make(command + ["modules"], log, ROOT, progress)
        made(ROOT / "src", log)
        progress.finish("built")


def check_compiler(kdir: Path, compiler: str) -> None:
    """Raise Problem if there is no such @compiler."""
    usual = cross.compiler(arch_of(kdir))
    wanted = usual if compiler == "gcc" else compiler
    if not shutil.which(wanted):
        raise Problem(f"CC={wanted}: no such compiler in PATH; allowed: the compiler {shown(kdir)} was built with, "
                      f"as a rule {usual}")


def _with(compiler: str) -> list:
    """Return make's option for the @compiler. A kernel knows a better name of gcc, such as gcc-12."""
    return [f"CC={compiler}"] if compiler != "gcc" else []


def tree(engine: Path = ROOT / "src") -> list:
    """Return the sources of a build with those of the @engine, for mirror()."""
    return [(engine if name == "src" else ROOT / name, name) for name in SOURCES]


def build(kernel: Kernel) -> list:
    """Build all modules for @kernel in a directory of its own, and return their paths. For older kernels a warning is
    an error, because `make style` does not cover them."""
    return _build(kernel.build, kernel.vehicle.name, tree(), strict=source.series() != source.NEWEST)


def build_engine(kernel: Kernel) -> Path:
    """Build the engine for a kernel on which only drivers run, and return the directory, in which src/ has it."""
    name = f"{kernel.vehicle.name}-engine"
    _build(kernel.build, name, [(ROOT / name, name) for name in INSTALLED], options=["CONFIG_KUNIT="])
    return OUT / "modules" / name


def with_engine(files: Iterable[Path], name: str) -> list:
    """Return those of @files that are the engine and the module @name, which needs it."""
    return [path for path in files if path.name in ("cmwq2.ko", f"{name}.ko")]


def build_faults(kernel: Kernel, covered: bool = False) -> list:
    """Like build(), or like build_covered(), with an engine that has all faults, each of which the parameter fault=
    chooses; see faulty.py."""
    name = f"{kernel.vehicle.name}-faults"
    with faulty.engine() as engine:
        if covered:
            return _build(kernel.build, f"{name}-cover", tree(engine), options=COVERED)
        return _build(kernel.build, name, tree(engine))


def build_covered(kernel: Kernel) -> list:
    """Like build(), with an engine that knows which of its code has run, see src/base/cover.c."""
    return _build(kernel.build, f"{kernel.vehicle.name}-cover", tree(), options=COVERED)


def build_variant(kernel: Kernel, name: str, engine: Path) -> list:
    """Like build(), with the @engine of another directory. What is built stays in out/modules/@name."""
    return _build(kernel.build, name, tree(engine))


def rebuild(kernel: Kernel, name: str, engine: Path) -> list:
    """Build the variant @name again after a change in its @engine, and print nothing. Raises Problem with the first
    error of the compiler."""
    work, log = OUT / "modules" / name, OUT / "log" / f"modules-{name}.log"
    mirror(tree(engine), work)
    log.unlink(missing_ok=True)
    try:
        run_logged(_command(kernel.build, work), log, quiet=True)
    except Problem as problem:
        raise Problem(_readable(log, work).partition("\n")[0] or str(problem)) from None
    return made(work, log)


def _command(kdir: Path, work: Path) -> list:
    return ["make", "-C", kdir, f"M={work}", f"-j{jobs()}", *cross.options(arch_of(kdir)), "modules"]


def build_installed(kdir: Path, compiler: str) -> tuple:
    """Build the modules that `make install` installs for the kernel in @kdir. Return the directory that they are built
    in, and the log."""
    check_compiler(kdir, compiler)
    sources = [(ROOT / name, name) for name in INSTALLED]
    _build(kdir, "install", sources, options=[*_with(compiler), "CONFIG_KUNIT="])
    return OUT / "modules" / "install", OUT / "log" / "modules-install.log"


def build_users(kernel: Kernel, name: str, directory: Path) -> list:
    """Build the sources in @directory, which use cmwq2. Its modules must have been built for @kernel."""
    symbols = OUT / "modules" / kernel.vehicle.name / "Module.symvers"
    return _build(kernel.build, f"{kernel.vehicle.name}-{name}", [(directory, ".")],
                  options=[f"KBUILD_EXTRA_SYMBOLS={symbols}"])


def build_selftest(kernel: Kernel) -> list:
    """Build the modules that misbehave on purpose, and the engine, which one of them misuses."""
    return _build(kernel.build, f"{kernel.vehicle.name}-selftest",
                  [(SELFTEST, "."), (ROOT / "include", "include"), (ROOT / "src", "src")])


def _build(kdir: Path, name: str, sources: list, strict: bool = False, options: Iterable[str] = ()) -> list:
    work = OUT / "modules" / name
    log = OUT / "log" / f"modules-{name}.log"
    with lock(f"modules-{name}", OUT), Progress(f"modules for {name}", unit=" files") as progress:
        for_this_kernel(work, kdir)
        mirror(sources, work)
        log.unlink(missing_ok=True)
        warnings = _make([*_command(kdir, work), *(["W=1", "KCFLAGS=-Werror"] if strict else []), *options], log, work,
                         progress)
        if strict and warnings:
            raise Problem(f"the build of the modules for {name} printed {warnings} warnings (log: {shown(log)})")
        built = made(work, log)
        said = ", with W=1 and without a warning" if strict else ""
        progress.finish(f"{len(built)} modules{said}")
    return built


def made(work: Path, log: Path) -> list:
    """Return the modules that a build has left in @work. Raises Problem if there are none, although it succeeded."""
    built = sorted(work.rglob("*.ko"))
    if not built:
        raise Problem(f"the build succeeded, but there is no module in {shown(work)} (log: {shown(log)})")
    return built


def for_this_kernel(work: Path, kdir: Path) -> None:
    """Empty @work if its objects are of another kernel, because Kbuild does not always notice that."""
    # Objects that were copied or moved with the tree are useless, too: Kbuild has stored absolute paths beside them.
    mark, text = work / ".kdir", f"{kdir}\n{work}\n"
    if work.exists() and (not mark.exists() or mark.read_text() != text):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    mark.write_text(text)


def mirror(sources: list, work: Path) -> None:
    """Update the copies of the @sources in @work and remove those whose original is gone. Copies are needed because
    several kernels build the same sources, and Kbuild of 6.1 and 6.12 can only put objects beside them."""
    kept = set()
    for origin, name in sources:
        files = [origin] if origin.is_file() else sorted(path for path in origin.rglob("*") if _is_source(path))
        for path in files:
            target = work / name / path.relative_to(origin) if path != origin else work / name
            kept.add(target)
            content = path.read_bytes()
            if target.exists() and target.read_bytes() == content:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in work.rglob("*"):
        if _is_source(path) and path not in kept:
            path.unlink()
            path.with_suffix(".ko").unlink(missing_ok=True)


def _is_source(path: Path) -> bool:
    if path.name.endswith(".mod.c") or not path.is_file():
        return False
    return path.suffix in (".c", ".h") or path.name in ("Kbuild", "Kbuild.include")


def _make(command: list, log: Path, work: Path, progress: Optional[Progress] = None) -> int:
    """Run @command, print its warnings, and return their number."""
    def on_line(line: str) -> None:
        if progress and line.startswith("  CC "):
            progress.step()
    try:
        run_logged(command, log, quiet=True, on_line=on_line)
    except Problem:
        # The compiler saw the copies. The user is shown the names of the originals.
        print(_readable(log, work), file=sys.stderr)
        raise
    warnings = [line for line in log.read_text(errors="replace").splitlines() if re.search(r"\bwarning:", line, re.I)]
    for line in warnings:
        say(line.replace(f"{work}/", ""))
    return len(warnings)


def _readable(log: Path, work: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines()
             if re.search(r"error|undefined|\*\*\*", line, re.I)]
    return ("\n".join(lines[:30]) or log_tail(log)).replace(f"{work}/", "")
