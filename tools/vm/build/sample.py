# SPDX-License-Identifier: GPL-2.0
"""Builds the sample drivers of Documentation/api.rst outside of the tree, with exactly the commands that are printed
there. The suite cmwq2_sample loads them."""

import os
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from base.common import OUT, ROOT, Problem, fresh_directory, lock, say, shown, took
from build import cross
from build.kernel import Kernel

SUITE = "cmwq2_sample"
SAMPLE = ROOT / "tools/shim/sample"
API, README = ROOT / "Documentation/api.rst", ROOT / "README.md"
# The drivers, and the suffix of their names after they are moved back to the kernel's workqueue.
DRIVERS, BACK = ("counter", "mailbox"), "_back"


def block(mark: str, document: Path = API) -> list:
    """Return the lines of the literal block that follows the line @mark in @document."""
    lines = iter(document.read_text().splitlines())
    if mark not in lines:
        raise Problem(f"{shown(document)} has no line \"{mark}\"")
    found: list = []
    for line in lines:
        if line.startswith("    "):
            found.append(line[4:])
        elif line and line != "::" and found:
            break
        elif not line and found:
            found.append("")
    return found[:-1] if found and not found[-1] else found


def run(name: str, work: Path, target: Kernel, engine: Path) -> str:
    """Run the commands of block @name one after the other in @work, and return what they print."""
    # Only the shell has these variables. If they were in the environment, make would use them even if a command forgot
    # to name them. KCFLAGS adds debug information, which layouts.py reads. The modules for UML have none without it,
    # because their kernel has none.
    words = [f"KDIR={shlex.quote(str(target.build))}", f"CMWQ2={shlex.quote(str(engine))}"]
    commands = [line[2:] for line in block(f".. run: {name}") if line.startswith("# ")]
    done = subprocess.run(["sh", "-eu", "-c", "\n".join(words + commands)], cwd=work, text=True, check=False,
                          env={**os.environ, "KCFLAGS": "-g",
                               **dict(word.split("=", 1) for word in cross.options(target.vehicle.arch))},
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with open(OUT / "log" / f"{work.name}.log", "a", encoding="utf-8") as log:
        log.write("".join(f"$ {command}\n" for command in commands) + done.stdout)
    # Kbuild's warning that the compiler differs from the kernel's is not about the driver.
    wrong = [line for line in done.stdout.splitlines()
             if re.search(r"\bwarning:|\berror:|undefined!", line, re.I)
             and not re.search("(compiler|pahole version) differs", line)]
    if done.returncode or wrong:
        raise Problem(f"the commands of {name} in {shown(API)}, run in {shown(work)}: status {done.returncode}: "
                      f"{(wrong or done.stdout.strip().splitlines() or ['they printed nothing'])[-1]}")
    return done.stdout


def check_text() -> None:
    """Check that the documentation prints the sample's files as they are."""
    for name in ("Kbuild", "prelude.h"):
        printed = "\n".join(block(f".. shown: tools/shim/sample/{name}"))
        for part in printed.split("\n\n"):
            if part not in (SAMPLE / name).read_text():
                raise Problem(f"{shown(API)} has text that is not in {shown(SAMPLE / name)}: {shlex.quote(part)}")
    for line in re.findall(r"^    (.*\$\(CMWQ2\).*)$", README.read_text(), re.MULTILINE):
        if line not in (SAMPLE / "Kbuild").read_text().splitlines():
            raise Problem(f"{shown(README)} has a line that is not in {shown(SAMPLE / 'Kbuild')}: {shlex.quote(line)}")


def check_prelude(work: Path, target: Kernel, engine: Path) -> None:
    """Check that the documented command that lists includes finds those in the prelude."""
    (work / "prelude.h").rename(work / "prelude")
    listed = set(run("sample-prelude", work, target, engine).splitlines())
    (work / "prelude").rename(work / "prelude.h")
    # The command lists the includes of both drivers, but the prelude is for only one of them.
    has = {line for line in (work / "prelude.h").read_text().splitlines() if re.match("#include <(?!cmwq2)", line)}
    if has - listed or not listed:
        raise Problem(f"the command of {shown(API)} for a prelude does not list {', '.join(sorted(has - listed))}")


def half_moved(work: Path, target: Kernel, engine: Path) -> None:
    """Check that a driver with the prelude in front of only one of its files builds, but that layouts.py reports it."""
    kbuild = work / "Kbuild"
    text = kbuild.read_text()
    kbuild.write_text(re.sub(r"^CFLAGS_mailbox_main.o.*\n", "", text, flags=re.MULTILINE))
    run("sample-build", work, target, engine)
    kbuild.write_text(text)
    try:
        run("sample-layouts", work, target, engine)
    except Problem as problem:
        log = (OUT / "log" / f"{work.name}.log").read_text()
        if "struct mailbox (line" not in log:
            raise Problem(f"tools/layouts.py does not name struct mailbox: {problem}") from None
        return
    raise Problem("tools/layouts.py reports nothing on a driver of which only one file was moved")


def ported(work: Path, target: Kernel, engine: Path) -> None:
    """Check that port_driver.py moves the drivers as they were before, and that they build then. @work: the drivers,
    moved back."""
    plain = fresh_directory(work.with_name(f"{work.name}-ported"))
    for path in SAMPLE.glob("*.[ch]"):
        if path.name != "prelude.h":
            (plain / path.name).write_text(re.sub(r"#include <cmwq2/.*\n", "", path.read_text()))
    kbuild = (SAMPLE / "Kbuild").read_text()
    (plain / "Kbuild").write_text(kbuild.partition("# Without CMWQ2=")[0])
    run("sample-port", plain, target, engine)
    if "#include <linux/jiffies.h>" not in (plain / "cmwq2_prelude.h").read_text():
        raise Problem(f"the prelude that port_driver.py made in {shown(plain)} lacks a header")
    run("sample-build", plain, target, engine)
    run("sample-layouts", plain, target, engine)


def engine_directory(built: Path) -> Path:
    """Return a directory like a user's $CMWQ2, which is the tree with the modules built in it. The harness builds
    modules outside of the tree, in the directory @built."""
    engine = fresh_directory(built.with_name(f"{built.name}-sample-cmwq2"))
    for name in ("include", "Module.symvers"):
        (engine / name).symlink_to(built / name)
    (engine / "tools").symlink_to(ROOT / "tools")
    return engine


def build(target: Kernel) -> list:
    """Build the drivers for cmwq2 and moved back, and return their paths. The modules of cmwq2 must have been built for
    @target."""
    start = time.monotonic()
    name = f"{target.vehicle.name}-sample"
    work = OUT / "modules" / name
    check_text()
    with lock(f"modules-{name}", OUT):
        (OUT / "log" / f"{name}.log").unlink(missing_ok=True)
        fresh_directory(work)
        engine = engine_directory(OUT / "modules" / target.vehicle.name)
        shutil.copytree(SAMPLE, work, dirs_exist_ok=True)
        check_prelude(work, target, engine)
        half_moved(work, target, engine)
        run("sample-build", work, target, engine)
        run("sample-layouts", work, target, engine)
        # In another directory, because moving the drivers back cleans this one.
        built = fresh_directory(OUT / "modules" / f"{name}-built")
        moved = [Path(shutil.copy(work / f"{driver}.ko", built)) for driver in DRIVERS]
        run("sample-back", work, target, engine)
        ported(work, target, engine)
        back = [Path(shutil.copy(work / f"{driver}.ko", built / f"{driver}{BACK}.ko")) for driver in DRIVERS]
    say(f"  sample drivers for {target.vehicle.name}, moved and back, as {shown(API)} prints it, in {took(start)}")
    return moved + back
